/* SPDX-License-Identifier: Apache-2.0 */
/* pki_trust.c - a set of trust anchors, sorted by name.
 *
 * It is not changed once it is made, so any number of threads may use one without a lock. */
#include <stdlib.h>
#include <string.h>

#include "pki_chain.h"

/* RFC 5280, 6.1 counts no weakness; level 1 is 80 bits: no SHA-1 below an anchor, no RSA 1023. */
enum { AUTH_LEVEL = 1 };

static int
compare_subjects (gconstpointer a, gconstpointer b)
{
  const IkeCert *left = *(IkeCert *const *) a, *right = *(IkeCert *const *) b;
  int order =
      X509_NAME_cmp (X509_get_subject_name (left->x509), X509_get_subject_name (right->x509));

  return order ? order : memcmp (left->info.sha256, right->info.sha256, 32);
}

gboolean
pki_cert_is_same (const IkeCert *a, const IkeCert *b)
{
  return a == b || memcmp (a->info.sha256, b->info.sha256, sizeof a->info.sha256) == 0;
}

/* Names that differ but are equal have one place here. */
guint
pki_trust_find (const IkeTrust *trust, const X509_NAME *name, guint *end)
{
  guint from = 0, to = trust->n;

  while (from < to) {
    guint middle = from + (to - from) / 2;

    if (X509_NAME_cmp (X509_get_subject_name (trust->anchors[middle]->x509), name) < 0)
      from = middle + 1;
    else
      to = middle;
  }
  *end = from;
  while (*end < trust->n
         && X509_NAME_cmp (X509_get_subject_name (trust->anchors[*end]->x509), name) == 0)
    (*end)++;
  return from;
}

IkeCert *
pki_trust_has (const IkeTrust *trust, const IkeCert *cert)
{
  guint end, from = pki_trust_find (trust, X509_get_subject_name (cert->x509), &end);

  for (guint i = from; i < end; i++)
    if (pki_cert_is_same (trust->anchors[i], cert))
      return trust->anchors[i];
  return NULL;
}

static X509_STORE *
store_new (void)
{
  X509_STORE *store = X509_STORE_new ();
  X509_VERIFY_PARAM *how = store ? X509_STORE_get0_param (store) : NULL;

  if (!store)
    return NULL;
  X509_STORE_set_check_issued (store, pki_chain_is_next);
  X509_VERIFY_PARAM_set_flags (how, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_auth_level (how, AUTH_LEVEL);
  X509_VERIFY_PARAM_set_depth (how, IKE_CHAIN_MAX - 2);
  return store;
}

IkeTrust *
pki_trust_new (IkePlugin *self, IkeCert *const *certs, guint n)
{
  IkeTrust *trust = g_new0 (IkeTrust, 1);
  guint kept = 0;

  trust->references = 1;
  trust->state = state_get (self, NULL);
  trust->store = store_new ();
  trust->anchors = g_new (IkeCert *, n);
  if (n) {
    memcpy (trust->anchors, certs, n * sizeof *certs);
    qsort (trust->anchors, n, sizeof *trust->anchors, compare_subjects);
  }
  for (guint i = 0; i < n; i++)
    if (kept == 0 || !pki_cert_is_same (trust->anchors[kept - 1], trust->anchors[i]))
      trust->anchors[kept++] = pki_cert_ref (trust->anchors[i]);
  trust->n = kept;
  return trust;
}

IkeTrust *
pki_trust_ref (const IkeTrust *trust)
{
  g_atomic_int_inc (&((IkeTrust *) trust)->references);
  return (IkeTrust *) trust;
}

void
pki_trust_unref (IkeTrust *trust)
{
  if (!trust || !g_atomic_int_dec_and_test (&trust->references))
    return;
  for (guint i = 0; i < trust->n; i++)
    pki_cert_unref (trust->anchors[i]);
  X509_STORE_free (trust->store);
  g_free (trust->anchors);
  g_free (trust);
}
