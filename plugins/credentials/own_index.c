/* SPDX-License-Identifier: Apache-2.0 */
/* own_index.c - certificates that we can be, by whom they stand for, and who issued them. */
#include <string.h>

#include "private.h"

/* -- by identity */

/* Kinds of names of which two can be equal only if they are when upper and lower case are the
 * same.  Others are compared one by one. */
static gboolean
can_fold (const IkeIdent *id)
{
  switch (ike_ident_type (id)) {
  case IKE_ID_FQDN:
  case IKE_ID_RFC822_ADDR:
  case IKE_ID_IPV4_ADDR:
  case IKE_ID_IPV6_ADDR:
    return TRUE;
  default:
    return FALSE;
  }
}

/* Other names as they are: only what is equal byte by byte is found. */
static GBytes *
fold (const IkeIdent *id)
{
  gsize len;
  const guint8 *data = ike_ident_data (id, &len);
  guint8 *folded = g_malloc (len + 1);

  folded[0] = ike_ident_type (id);
  for (gsize i = 0; i < len; i++)
    folded[i + 1] = can_fold (id) ? (guint8) g_ascii_tolower ((char) data[i]) : data[i];
  return g_bytes_new_take (folded, len + 1);
}

static void
index_name (IkeCredentials *credentials, Own *own, const IkeIdent *name)
{
  g_autoptr (GBytes) key = fold (name);
  GPtrArray *same;

  same = g_hash_table_lookup (credentials->own_by_id, key);
  if (!same) {
    same = g_ptr_array_new ();
    g_hash_table_insert (credentials->own_by_id, g_bytes_ref (key), same);
  }
  /* A certificate may name somebody twice. */
  if (same->len == 0 || same->pdata[same->len - 1] != own)
    g_ptr_array_add (same, own);
}

const GPtrArray *
own_candidates (const IkeCredentials *credentials, const IkeIdent *id_or_null)
{
  g_autoptr (GBytes) key = id_or_null && can_fold (id_or_null) ? fold (id_or_null) : NULL;

  return key ? g_hash_table_lookup (credentials->own_by_id, key) : credentials->own;
}

/* With a key or without.  A distinguished name must be spelt as in the certificate, byte by byte:
 * whoever asks may be anybody, and gets no walk through all of them. */
guint
own_find_for (const IkeCredentials *credentials, const IkeIdent *id, IkeCert **out, guint max)
{
  g_autoptr (GBytes) key = fold (id);
  const GPtrArray *same = g_hash_table_lookup (credentials->own_by_id, key);
  guint n = 0;

  for (guint i = 0; same && i < same->len && n < max; i++) {
    const Own *own = same->pdata[i];
    if (own->source->kind == KIND_X509 && credentials->pki->cert_has (own->cert, id))
      out[n++] = own->cert;
  }
  return n;
}

/* -- making */

static void
own_free (gpointer data)
{
  Own *own = data;

  g_free (atomic_load_explicit (&own->chain, memory_order_relaxed));
  g_free (own);
}

static void
add_cert (IkeCredentials *credentials, const Source *source, IkeCert *cert, gboolean is_candidate)
{
  const IkeCertInfo *info = credentials->pki->cert_info (cert);
  Own *own;

  if (!snapshot_has (credentials, cert))
    return;
  own = g_new0 (Own, 1);
  own->cert = cert;
  own->source = source;
  own->key = g_hash_table_lookup (credentials->keys,
                                  credentials->pki->pubkey_info (info->pubkey)->subject_id);
  g_hash_table_insert (credentials->own_by_cert, cert, own);
  if (own->key && is_candidate)
    g_ptr_array_add (credentials->own, own);
  else if (is_candidate)
    g_ptr_array_add (credentials->keyless, own);
}

/* What came together with keys may be ours only where it has one: the rest is a CA's. */
static void
add_source (IkeCredentials *credentials, const Source *source)
{
  if (source->kind == KIND_X509 && source->certs->len > 0)
    add_cert (credentials, source, source->certs->pdata[0], source->is_in_directory);
  if (source->kind != KIND_PKCS12 && source->kind != KIND_TOKEN)
    return;
  for (guint i = 0; i < source->certs->len; i++) {
    IkeCert *cert = source->certs->pdata[i];
    const IkePubkey *pubkey = credentials->pki->cert_info (cert)->pubkey;
    if (g_hash_table_contains (credentials->keys,
                               credentials->pki->pubkey_info (pubkey)->subject_id))
      add_cert (credentials, source, cert, TRUE);
  }
}

static gint
compare_newest (gconstpointer a, gconstpointer b, gpointer data)
{
  const Own *one = *(const Own *const *) a, *two = *(const Own *const *) b;
  const IkeCredentials *credentials = data;
  gint64 first = credentials->pki->cert_info (one->cert)->not_before,
         second = credentials->pki->cert_info (two->cert)->not_before;

  return first > second ? -1 : first < second;
}

static void
index_all (IkeCredentials *credentials, const GPtrArray *owns)
{
  for (guint i = 0; i < owns->len; i++) {
    Own *own = owns->pdata[i];
    const IkeCertInfo *info = credentials->pki->cert_info (own->cert);
    index_name (credentials, own, info->subject);
    for (guint k = 0; k < info->n_names; k++)
      index_name (credentials, own, info->names[k]);
  }
}

void
own_init (IkeCredentials *credentials)
{
  credentials->own = g_ptr_array_new ();
  credentials->keyless = g_ptr_array_new ();
  credentials->own_by_cert = g_hash_table_new_full (NULL, NULL, NULL, own_free);
  credentials->own_by_id =
      g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref,
                             (GDestroyNotify) g_ptr_array_unref);
  for (guint i = 0; i < credentials->sources->len; i++)
    add_source (credentials, credentials->sources->pdata[i]);
  g_ptr_array_sort_with_data (credentials->own, compare_newest, credentials);
  index_all (credentials, credentials->own);
  index_all (credentials, credentials->keyless);
}

void
own_clear_index (IkeCredentials *credentials)
{
  g_hash_table_unref (credentials->own_by_id);
  g_ptr_array_unref (credentials->own);
  g_ptr_array_unref (credentials->keyless);
  g_hash_table_unref (credentials->own_by_cert);
}

/* -- issuers */

static gboolean
is_in_chain (const Chain *chain, const IkeCert *cert)
{
  for (guint i = 0; i < chain->n; i++)
    if (chain->certs[i] == cert)
      return TRUE;
  return FALSE;
}

/* One that signed itself ends the chain soonest; else the newest. */
static gboolean
is_better (const IkeCertInfo *a, const IkeCertInfo *b_or_null)
{
  gboolean a_is_root = (a->flags & IKE_CERT_IS_SELF_SIGNED) != 0, b_is_root;

  if (!b_or_null)
    return TRUE;
  b_is_root = (b_or_null->flags & IKE_CERT_IS_SELF_SIGNED) != 0;
  return a_is_root != b_is_root ? a_is_root : a->not_before > b_or_null->not_before;
}

static IkeCert *
find_issuer (const IkeCredentials *credentials, const IkeCert *cert, const Chain *chain)
{
  const IkePkiOps *pki = credentials->pki;
  const GPtrArray *same = g_hash_table_lookup (credentials->issuers, pki->cert_info (cert)->issuer);
  const IkeCertInfo *best_info = NULL;
  IkeCert *best = NULL;

  for (guint i = 0; same && i < same->len; i++) {
    IkeCert *issuer = same->pdata[i];
    const IkeCertInfo *info = pki->cert_info (issuer);
    if (is_better (info, best_info) && !is_in_chain (chain, issuer)
        && pki->cert_issued (issuer, cert)) {
      best = issuer;
      best_info = info;
    }
  }
  return best;
}

static Chain *
make_chain (const IkeCredentials *credentials, const Own *own)
{
  Chain *chain = g_new0 (Chain, 1);
  const IkeCert *cert = own->cert;

  while (chain->n < IKE_CHAIN_MAX && !chain->has_root
         && !(credentials->pki->cert_info (cert)->flags & IKE_CERT_IS_SELF_SIGNED)) {
    IkeCert *issuer = find_issuer (credentials, cert, chain);
    if (!issuer)
      break;
    chain->certs[chain->n++] = issuer;
    chain->has_root = (credentials->pki->cert_info (issuer)->flags & IKE_CERT_IS_SELF_SIGNED) != 0;
    cert = issuer;
  }
  return chain;
}

/* It takes a signature check for each step, so it is kept; of two shards that make it at the same
 * time one throws its own away. */
const Chain *
own_chain (const IkeCredentials *credentials, Own *own)
{
  Chain *chain = atomic_load_explicit (&own->chain, memory_order_acquire), *expected = NULL;

  if (chain)
    return chain;
  chain = make_chain (credentials, own);
  if (atomic_compare_exchange_strong_explicit (&own->chain, &expected, chain, memory_order_acq_rel,
                                               memory_order_acquire))
    return chain;
  g_free (chain);
  return expected;
}
