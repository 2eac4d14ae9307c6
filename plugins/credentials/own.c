/* SPDX-License-Identifier: Apache-2.0 */
/* own.c - the certificate and key to authenticate with: those that may be used, best first. */
#include <string.h>

#include "private.h"

/* What counts against a candidate, the worst in the highest bit. */
enum { NOT_VALID = 4, NOT_FOR_SIGNING = 2, NOT_ASKED_FOR = 1, RANKS = 8 };

static gboolean
is_asked_for (const IkeCredentials *credentials, const IkeOwnQuery *query, const Chain *chain)
{
  for (guint i = 0; i < chain->n; i++) {
    const IkePubkey *pubkey = credentials->pki->cert_info (chain->certs[i])->pubkey;
    const guint8 *id = credentials->pki->pubkey_info (pubkey)->id;
    for (guint k = 0; k < query->n_ca_ids; k++)
      if (memcmp (id, query->ca_ids + (gsize) k * IKE_KEY_ID_LEN, IKE_KEY_ID_LEN) == 0)
        return TRUE;
  }
  return FALSE;
}

static guint8
rank (const IkeCredentials *credentials, const IkeOwnQuery *query, Own *own)
{
  const IkeCertInfo *info = credentials->pki->cert_info (own->cert);
  guint8 faults = 0;

  if (query->now < info->not_before || query->now > info->not_after)
    faults |= NOT_VALID;
  if (!(info->flags & IKE_CERT_CAN_SIGN))
    faults |= NOT_FOR_SIGNING;
  if (query->n_ca_ids > 0 && !is_asked_for (credentials, query, own_chain (credentials, own)))
    faults |= NOT_ASKED_FOR;
  return faults;
}

static gboolean
is_fit (const IkeCredentials *credentials, const IkeOwnQuery *query, const Own *own)
{
  return own->key && (!query->id || credentials->pki->cert_has (own->cert, query->id));
}

/* Of @all in their order those of the lowest rank whose key passes; each is looked at once. */
static Own *
choose (const IkeCredentials *credentials, const IkeOwnQuery *query, const GPtrArray *all)
{
  guint n = all ? all->len : 0;
  g_autofree guint8 *ranks = g_malloc (n + 1);

  for (guint i = 0; i < n; i++)
    ranks[i] = is_fit (credentials, query, all->pdata[i]) ? rank (credentials, query, all->pdata[i])
                                                          : RANKS;
  for (guint wanted = 0; wanted < RANKS; wanted++)
    for (guint i = 0; i < n; i++) {
      Own *own = all->pdata[i];
      if (ranks[i] == wanted && (!query->accept || query->accept (own->key, query->data)))
        return own;
    }
  return NULL;
}

/* Own of the first certificate of each name, in their order. */
static GPtrArray *
find_named (const IkeCredentials *credentials, const char *const *names)
{
  GPtrArray *found = g_ptr_array_new ();

  for (; *names; names++) {
    const Source *source = g_hash_table_lookup (credentials->names[IKE_CREDENTIAL_CERT], *names);
    Own *own = source && source->certs->len > 0
                   ? g_hash_table_lookup (credentials->own_by_cert, source->certs->pdata[0])
                   : NULL;
    if (own)
      g_ptr_array_add (found, own);
  }
  return found;
}

static void
fill (const IkeCredentials *credentials, Own *own, IkeOwn *out)
{
  const Chain *chain = own_chain (credentials, own);
  guint n = chain->has_root ? chain->n - 1 : chain->n;

  out->cert = credentials->pki->cert_ref (own->cert);
  out->key = ike_key_ref (own->key);
  for (guint i = 0; i < n; i++)
    out->chain[i] = credentials->pki->cert_ref (chain->certs[i]);
  out->n_chain = n;
}

static gboolean
find_pubkey (const IkeCredentials *credentials, const IkeOwnQuery *query, IkeOwn *out)
{
  for (const char *const *name = query->pubkeys; name && *name; name++) {
    const IkePubkey *pubkey = snapshot_pubkey (credentials, *name);
    IkeKey *key = pubkey ? g_hash_table_lookup (credentials->keys,
                                                credentials->pki->pubkey_info (pubkey)->subject_id)
                         : NULL;
    if (key && (!query->accept || query->accept (key, query->data))) {
      out->key = ike_key_ref (key);
      return TRUE;
    }
  }
  return FALSE;
}

/* Where raw keys are named and no certificates, no certificate is meant. */
gboolean
own_find (const IkeCredentials *credentials, const IkeOwnQuery *query, IkeOwn *out, char **why)
{
  g_autoptr (GPtrArray) named = query->certs ? find_named (credentials, query->certs) : NULL;
  Own *own = NULL;

  out->cert = NULL;
  out->key = NULL;
  out->n_chain = 0;
  out->credentials = NULL;
  if (named)
    own = choose (credentials, query, named);
  else if (!query->pubkeys)
    own = choose (credentials, query, own_candidates (credentials, query->id));
  if (own)
    fill (credentials, own, out);
  else if (!find_pubkey (credentials, query, out)) {
    if (why)
      *why = own_explain (credentials, query, named);
    return FALSE;
  }
  out->credentials = snapshot_ref (credentials);
  return TRUE;
}
