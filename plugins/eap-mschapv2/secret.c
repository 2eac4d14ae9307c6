/* SPDX-License-Identifier: Apache-2.0 */
/* secret.c - NT hashes from the secrets of a configuration. */
#include <string.h>

#include "mschapv2.h"

/* The hash itself as a secret is as good as the password, and spares it. */
static gboolean
hash_of (const MschapCrypto *crypto, IkeSecretBlob *ntlm_or_null, IkeSecretBlob *eap_or_null,
         guint8 hash[static MSCHAP_HASH_LEN])
{
  if (ntlm_or_null && ike_secret_blob_len (ntlm_or_null) == MSCHAP_HASH_LEN) {
    memcpy (hash, ike_secret_blob_data (ntlm_or_null), MSCHAP_HASH_LEN);
    return TRUE;
  }
  return eap_or_null
         && mschap_nt_hash (crypto, ike_secret_blob_data (eap_or_null),
                            ike_secret_blob_len (eap_or_null), hash);
}

gboolean
mschapv2_hash_of_peer (const MschapCrypto *crypto, const IkeEapContext *context,
                       const IkeIdent *identity, guint8 hash[static MSCHAP_HASH_LEN])
{
  g_autoptr (IkeSecretBlob) ntlm = eap_secret_of_peer (context, "ntlm", identity);
  g_autoptr (IkeSecretBlob) eap = eap_secret_of_peer (context, "eap", identity);

  return hash_of (crypto, ntlm, eap, hash);
}

gboolean
mschapv2_hash_of_ours (const MschapCrypto *crypto, const IkeEapContext *context,
                       guint8 hash[static MSCHAP_HASH_LEN])
{
  g_autoptr (IkeSecretBlob) ntlm = eap_secret_of_ours (context, "ntlm");
  g_autoptr (IkeSecretBlob) eap = eap_secret_of_ours (context, "eap");

  return hash_of (crypto, ntlm, eap, hash);
}
