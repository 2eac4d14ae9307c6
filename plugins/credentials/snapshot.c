/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.c - a set with what is needed to find things in it; immutable, for any thread. */
#include <string.h>

#include "private.h"

/* -- tables */

static guint
bytes_hash (const guint8 *data, gsize len)
{
  guint hash = 2166136261u;

  for (gsize i = 0; i < len; i++)
    hash = (hash ^ data[i]) * 16777619u;
  return hash;
}

static guint
key_id_hash (gconstpointer id)
{
  return bytes_hash (id, IKE_KEY_ID_LEN);
}

static gboolean
key_id_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, IKE_KEY_ID_LEN) == 0;
}

guint
sha256_hash (gconstpointer digest)
{
  return bytes_hash (digest, 32);
}

gboolean
sha256_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, 32) == 0;
}

static guint
ident_hash (gconstpointer ident)
{
  gsize len;
  const guint8 *data = ike_ident_data (ident, &len);

  return bytes_hash (data, len);
}

static gboolean
ident_equal (gconstpointer a, gconstpointer b)
{
  gsize a_len, b_len;
  const guint8 *one = ike_ident_data (a, &a_len), *two = ike_ident_data (b, &b_len);

  return a_len == b_len && (a_len == 0 || memcmp (one, two, a_len) == 0);
}

gboolean
snapshot_has (const IkeCredentials *credentials, const IkeCert *cert)
{
  if (g_hash_table_size (credentials->unloaded) == 0)
    return TRUE;

  g_autoptr (GBytes) digest = g_bytes_new (credentials->pki->cert_info (cert)->sha256, 32);

  return !g_hash_table_contains (credentials->unloaded, digest);
}

/* -- making it */

/* RFC 5280, 4.1.2.6: the subject "MUST be encoded in the same way as it is encoded in the issuer
 * field in all certificates issued by the subject CA".  So names are compared as bytes here. */
static void
add_issuer (IkeCredentials *credentials, IkeCert *cert)
{
  const IkeCertInfo *info = credentials->pki->cert_info (cert);
  GPtrArray *same;

  if (!(info->flags & IKE_CERT_IS_CA) || !snapshot_has (credentials, cert))
    return;
  same = g_hash_table_lookup (credentials->issuers, info->subject);
  if (!same) {
    same = g_ptr_array_new ();
    g_hash_table_insert (credentials->issuers, (gpointer) info->subject, same);
  }
  g_ptr_array_add (same, cert);
}

static void
add_key (IkeCredentials *credentials, IkeKey *key)
{
  const guint8 *id = credentials->pki->pubkey_info (key->pubkey)->subject_id;

  if (!g_hash_table_contains (credentials->keys, id))
    g_hash_table_insert (credentials->keys, (gpointer) id, key);
}

/* Of a file in x509 the first is somebody's own, the rest leads to its CA. */
static void
add_source (IkeCredentials *credentials, const Source *source)
{
  for (guint i = 0; i < source->keys->len; i++)
    add_key (credentials, source->keys->pdata[i]);
  for (guint i = 0; i < source->certs->len; i++)
    add_issuer (credentials, source->certs->pdata[i]);
  if (source->kind == KIND_X509 && source->is_in_directory && source->certs->len > 0
      && snapshot_has (credentials, source->certs->pdata[0]))
    g_hash_table_add (credentials->pinned,
                      (gpointer) credentials->pki->cert_info (source->certs->pdata[0])->sha256);
  if (source->crl && source->is_in_directory)
    g_ptr_array_add (credentials->crls, source->crl);
}

static void
bind_authority (IkeCredentials *credentials, Authority *authority, const Source *source)
{
  for (guint i = 0; source && i < source->certs->len; i++) {
    const guint8 *digest = credentials->pki->cert_info (source->certs->pdata[i])->sha256;
    if (!g_hash_table_contains (credentials->authority_by_ca, digest))
      g_hash_table_insert (credentials->authority_by_ca, (gpointer) digest, authority);
  }
}

static void
add_authorities (IkeCredentials *credentials, const Set *set)
{
  for (guint i = 0; i < set->authorities->len; i++) {
    Authority *authority = set->authorities->pdata[i];
    g_ptr_array_add (credentials->authorities, authority_ref (authority));
    bind_authority (credentials, authority, authority->source);
  }
  for (guint i = 0; i < set->tokens->len; i++) {
    const Token *token = set->tokens->pdata[i];
    if (token->authority)
      bind_authority (credentials, token->authority, token->answer);
  }
}

static GHashTable *
copy_names (GHashTable *from)
{
  GHashTable *names =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) source_unref);
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, from);
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_hash_table_insert (names, g_strdup (key), source_ref (value));
  return names;
}

static GHashTable *
copy_unloaded (GHashTable *from)
{
  GHashTable *unloaded =
      g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, from);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_hash_table_add (unloaded, g_bytes_ref (key));
  return unloaded;
}

static void
make_tables (IkeCredentials *credentials)
{
  credentials->keys = g_hash_table_new (key_id_hash, key_id_equal);
  credentials->issuers =
      g_hash_table_new_full (ident_hash, ident_equal, NULL, (GDestroyNotify) g_ptr_array_unref);
  credentials->pinned = g_hash_table_new (sha256_hash, sha256_equal);
  credentials->crls = g_ptr_array_new ();
  credentials->authorities = g_ptr_array_new_with_free_func ((GDestroyNotify) authority_unref);
  credentials->authority_by_ca = g_hash_table_new (sha256_hash, sha256_equal);
}

IkeCredentials *
snapshot_new (State *state, const Set *set)
{
  IkeCredentials *credentials = g_new0 (IkeCredentials, 1);

  credentials->references = 1;
  credentials->generation = ++state->n_generations;
  credentials->pki = state->pki;
  credentials->pki_plugin = state->pki_plugin;
  credentials->directory = g_strdup (set->directory);
  credentials->sources = set_sources (set);
  credentials->unloaded = copy_unloaded (state->unloaded);
  for (guint i = 0; i < G_N_ELEMENTS (credentials->names); i++)
    credentials->names[i] = copy_names (set->names[i]);
  make_tables (credentials);
  for (guint i = 0; i < credentials->sources->len; i++)
    add_source (credentials, credentials->sources->pdata[i]);
  add_authorities (credentials, set);
  own_init (credentials);
  trust_init (credentials, set);
  return credentials;
}

IkeCredentials *
snapshot_ref (const IkeCredentials *credentials)
{
  IkeCredentials *counted = (IkeCredentials *) credentials;

  g_atomic_int_inc (&counted->references);
  return counted;
}

void
snapshot_unref (IkeCredentials *credentials)
{
  if (!credentials || !g_atomic_int_dec_and_test (&credentials->references))
    return;
  trust_clear (credentials);
  own_clear_index (credentials);
  g_hash_table_unref (credentials->keys);
  g_hash_table_unref (credentials->issuers);
  g_hash_table_unref (credentials->pinned);
  g_hash_table_unref (credentials->authority_by_ca);
  g_ptr_array_unref (credentials->crls);
  for (guint i = 0; i < G_N_ELEMENTS (credentials->names); i++)
    g_hash_table_unref (credentials->names[i]);
  g_hash_table_unref (credentials->unloaded);
  g_ptr_array_unref (credentials->authorities);
  g_ptr_array_unref (credentials->sources);
  g_free (credentials->directory);
  g_free (credentials);
}

/* -- looking things up */

guint
snapshot_certs (const IkeCredentials *credentials, IkeCredentialKind kind, const char *name,
                IkeCert **out, guint max)
{
  const Source *source;
  guint n = 0;

  g_return_val_if_fail (kind < G_N_ELEMENTS (credentials->names) && name, 0);
  source = g_hash_table_lookup (credentials->names[kind], name);
  for (guint i = 0; source && i < source->certs->len && n < max; i++)
    if (snapshot_has (credentials, source->certs->pdata[i]))
      out[n++] = source->certs->pdata[i];
  return n;
}

IkePubkey *
snapshot_pubkey (const IkeCredentials *credentials, const char *name)
{
  const Source *source = g_hash_table_lookup (credentials->names[IKE_CREDENTIAL_PUBKEY], name);

  return source ? source->pubkey : NULL;
}

gboolean
snapshot_is_pinned (const IkeCredentials *credentials, const IkeCert *cert)
{
  return g_hash_table_contains (credentials->pinned, credentials->pki->cert_info (cert)->sha256);
}

gboolean
snapshot_authority (const IkeCredentials *credentials, const IkeCert *ca, IkeAuthority *out)
{
  const Authority *authority =
      g_hash_table_lookup (credentials->authority_by_ca, credentials->pki->cert_info (ca)->sha256);

  if (!authority)
    return FALSE;
  out->crl_uris = (const char *const *) authority->crl_uris;
  out->ocsp_uris = (const char *const *) authority->ocsp_uris;
  out->cert_uri_base = authority->cert_uri_base;
  return TRUE;
}

IkeCrl *
snapshot_crl (const IkeCredentials *credentials, guint i)
{
  return i < credentials->crls->len ? credentials->crls->pdata[i] : NULL;
}
