/* SPDX-License-Identifier: Apache-2.0 */
/* pki_ask.c - questions about chains, for tests. */
#include "pki_ask.h"

#include <string.h>

gboolean
pki_ask (Pki *pki, const Ask *what, IkeChainResult *result)
{
  IkeCert *others[16], *anchors[8];
  IkeTrust *trust;
  IkeChainQuery query = { .struct_size = sizeof query,
                          .leaf = what->leaf->cert,
                          .others = others,
                          .now = what->now ? what->now : MAKE_NOW,
                          .policies = what->policies };
  guint n_anchors = 0;
  gboolean is_good;

  g_assert_no_error (what->leaf->error);
  while (query.n_others < 16 && what->others[query.n_others]) {
    g_assert_no_error (what->others[query.n_others]->error);
    others[query.n_others] = what->others[query.n_others]->cert;
    query.n_others++;
  }
  while (n_anchors < 8 && what->anchors[n_anchors]) {
    g_assert_no_error (what->anchors[n_anchors]->error);
    anchors[n_anchors] = what->anchors[n_anchors]->cert;
    n_anchors++;
  }
  query.trust = trust = pki->ops->trust_new (pki->plugin, anchors, n_anchors);
  is_good = pki->ops->chain_check (pki->plugin, &query, result);
  g_assert_true (is_good == (result->error == IKE_CHAIN_OK));
  g_assert_true (is_good == (result->reason[0] == 0));
  g_assert_true (is_good == (result->n > 0));
  pki->ops->trust_unref (trust);
  return is_good;
}

void
pki_good (Pki *pki, const Ask *what, Made *const *chain)
{
  IkeChainResult result;
  guint n = 0;

  if (!pki_ask (pki, what, &result))
    g_error ("refused: %s", result.reason);
  while (chain && chain[n]) {
    g_assert_cmpuint (n, <, result.n);
    g_assert_true (result.chain[n] == chain[n]->cert);
    n++;
  }
  if (chain)
    g_assert_cmpuint (result.n, ==, n);
  pki->ops->chain_clear (&result);
  g_assert_cmpuint (result.n, ==, 0);
}

void
pki_bad (Pki *pki, const Ask *what, IkeChainError error, const char *reason)
{
  IkeChainResult result;

  if (pki_ask (pki, what, &result))
    g_error ("taken, but %s", reason);
  if (result.error != error || !strstr (result.reason, reason))
    g_error ("refused with %u: %s; not with %u: %s", result.error, result.reason, error, reason);
}

Three
make_three (Pki *pki, const MakeCert *root, const MakeCert *ca, const MakeCert *leaf)
{
  MakeCert how[3] = { *root, *ca, *leaf };
  Three three;

  how[0].subject = "CN=root";
  how[1].subject = how[1].subject ? how[1].subject : "CN=ca";
  how[2].subject = how[2].subject ? how[2].subject : "CN=moon";
  if (!how[0].extensions && !how[0].version)
    how[0].extensions = MAKE_CA;
  three.root = pki_make (pki, &how[0]);
  if (!how[1].extensions && !how[1].version)
    how[1].extensions = X509_get0_subject_key_id (three.root->x509) ? MAKE_CA MAKE_AKI : MAKE_CA;
  how[1].issuer = three.root;
  three.ca = pki_make (pki, &how[1]);
  how[2].issuer = three.ca;
  three.leaf = pki_make (pki, &how[2]);
  return three;
}

Three
make_with_ca (Pki *pki, const char *extensions)
{
  return make_three (pki, &(MakeCert){ 0 }, &(MakeCert){ .extensions = extensions },
                     &(MakeCert){ 0 });
}
