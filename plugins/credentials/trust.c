/* SPDX-License-Identifier: Apache-2.0 */
/* trust.c - trust anchors: all CAs, or those of some names, made once for each snapshot. */
#include <string.h>

#include "private.h"

/* -- lists of names as keys */

static guint
names_hash (gconstpointer data)
{
  guint hash = 0;

  for (const char *const *name = data; *name; name++)
    hash = hash * 31 + g_str_hash (*name);
  return hash;
}

static gboolean
names_equal (gconstpointer a, gconstpointer b)
{
  return g_strv_equal (a, b);
}

/* -- making */

static void
trust_set_free (gpointer data)
{
  TrustSet *set = data;

  set->pki->trust_unref (set->trust);
  g_ptr_array_unref (set->cas);
  g_free (set);
}

static TrustSet *
trust_set_new (const IkeCredentials *credentials)
{
  TrustSet *set = g_new0 (TrustSet, 1);

  set->pki = credentials->pki;
  set->cas = g_ptr_array_new ();
  return set;
}

static void
add_cas (const IkeCredentials *credentials, const Source *source, TrustSet *set, GHashTable *seen)
{
  for (guint i = 0; source && i < source->certs->len; i++) {
    IkeCert *cert = source->certs->pdata[i];
    const IkeCertInfo *info = credentials->pki->cert_info (cert);
    if (info->flags & IKE_CERT_IS_CA && snapshot_has (credentials, cert)
        && g_hash_table_add (seen, (gpointer) info->sha256))
      g_ptr_array_add (set->cas, cert);
  }
}

static void
finish (const IkeCredentials *credentials, TrustSet *set)
{
  set->trust = credentials->pki->trust_new (credentials->pki_plugin,
                                            (IkeCert *const *) set->cas->pdata, set->cas->len);
}

/* All CAs: those in x509ca, and those that section `authorities` is about, as in strongSwan. */
void
trust_init (IkeCredentials *credentials, const Set *set)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (sha256_hash, sha256_equal);

  pthread_mutex_init (&credentials->trust_lock, NULL);
  credentials->trusts =
      g_hash_table_new_full (names_hash, names_equal, (GDestroyNotify) g_strfreev, trust_set_free);
  credentials->all = trust_set_new (credentials);
  for (guint i = 0; i < credentials->sources->len; i++) {
    const Source *source = credentials->sources->pdata[i];
    if (source->kind == KIND_X509CA && source->is_in_directory)
      add_cas (credentials, source, credentials->all, seen);
  }
  for (guint i = 0; i < set->authorities->len; i++)
    add_cas (credentials, ((const Authority *) set->authorities->pdata[i])->source,
             credentials->all, seen);
  for (guint i = 0; i < set->tokens->len; i++) {
    const Token *token = set->tokens->pdata[i];
    if (token->authority)
      add_cas (credentials, token->answer, credentials->all, seen);
  }
  finish (credentials, credentials->all);
}

void
trust_clear (IkeCredentials *credentials)
{
  g_hash_table_unref (credentials->trusts);
  trust_set_free (credentials->all);
  pthread_mutex_destroy (&credentials->trust_lock);
}

static TrustSet *
make_named (const IkeCredentials *credentials, const char *const *names)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (sha256_hash, sha256_equal);
  TrustSet *set = trust_set_new (credentials);

  for (; *names; names++)
    add_cas (credentials, g_hash_table_lookup (credentials->names[IKE_CREDENTIAL_CA], *names), set,
             seen);
  finish (credentials, set);
  return set;
}

/* -- looking up */

static const TrustSet *
find (const IkeCredentials *credentials, const char *const *names_or_null)
{
  /* The table is what a snapshot learns after it was made; nothing else in it changes. */
  IkeCredentials *learning = (IkeCredentials *) credentials;
  TrustSet *set;

  if (!names_or_null)
    return credentials->all;
  pthread_mutex_lock (&learning->trust_lock);
  set = g_hash_table_lookup (learning->trusts, names_or_null);
  if (!set) {
    set = make_named (credentials, names_or_null);
    g_hash_table_insert (learning->trusts, g_strdupv ((char **) names_or_null), set);
  }
  pthread_mutex_unlock (&learning->trust_lock);
  return set;
}

const IkeTrust *
trust_get (const IkeCredentials *credentials, const char *const *cas_or_null)
{
  return find (credentials, cas_or_null)->trust;
}

IkeCert *
trust_ca (const IkeCredentials *credentials, const char *const *cas_or_null, guint i)
{
  const TrustSet *set = find (credentials, cas_or_null);

  return i < set->cas->len ? set->cas->pdata[i] : NULL;
}
