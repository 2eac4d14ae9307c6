/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_ways.c - chains where there is more than one way to an anchor, or none, or very many. */
#include <string.h>

#include <pthread.h>

#include "pki_ask.h"

/* @subject with the key of @ca, issued by @by. */
static Made *
cross (Pki *pki, const char *subject, const Made *ca, const Made *by)
{
  return MAKE (pki, .subject = subject, .key_of = ca, .issuer = by, .extensions = MAKE_CA);
}

static void
test_cross_signed (void)
{
  Pki pki;
  Made *root, *stranger, *old, *ca, *by_stranger, *by_old, *by_root, *leaf;

  pki_open (&pki);
  root = MAKE (&pki, .subject = "CN=root", .extensions = MAKE_CA);
  stranger = MAKE (&pki, .subject = "CN=stranger", .extensions = MAKE_CA);
  old = MAKE (&pki, .subject = "CN=old", .extensions = MAKE_CA, .not_after = MAKE_NOW - 1);
  ca = MAKE (&pki, .subject = "CN=ca", .extensions = MAKE_CA);
  by_stranger = cross (&pki, "CN=ca", ca, stranger);
  by_old = cross (&pki, "CN=ca", ca, old);
  by_root = cross (&pki, "CN=ca", ca, root);
  leaf = MAKE (&pki, .subject = "CN=moon", .issuer = ca, .extensions = MAKE_AKI);
  /* In any order the one that leads to somebody we trust is found. */
  GOOD (&pki, CHAIN (leaf, by_root, root), .leaf = leaf,
        .others = { by_stranger, ca, by_old, by_root }, .anchors = { old, root });
  GOOD (&pki, CHAIN (leaf, by_root, root), .leaf = leaf, .others = { by_root, by_old, by_stranger },
        .anchors = { root, old });
  GOOD (&pki, CHAIN (leaf, by_stranger, stranger), .leaf = leaf,
        .others = { by_old, by_root, by_stranger }, .anchors = { old, stranger });
  BAD (&pki, IKE_CHAIN_EXPIRED, "certificate CN=old expired", .leaf = leaf,
       .others = { by_stranger, by_old, by_root }, .anchors = { old });
  pki_close (&pki);
}

static void
test_loops (void)
{
  Pki pki;
  Made *a, *b, *a_by_b, *b_by_a, *leaf, *root, *a_by_root;

  pki_open (&pki);
  root = MAKE (&pki, .subject = "CN=root", .extensions = MAKE_CA);
  a = MAKE (&pki, .subject = "CN=a", .extensions = MAKE_CA);
  b = MAKE (&pki, .subject = "CN=b", .extensions = MAKE_CA);
  a_by_b = cross (&pki, "CN=a", a, b);
  b_by_a = cross (&pki, "CN=b", b, a);
  a_by_root = cross (&pki, "CN=a", a, root);
  leaf = MAKE (&pki, .subject = "CN=moon", .issuer = a);
  BAD (&pki, IKE_CHAIN_UNKNOWN_CA, "no trusted CA", .leaf = leaf, .others = { a_by_b, b_by_a },
       .anchors = { root });
  GOOD (&pki, CHAIN (leaf, a_by_root, root), .leaf = leaf, .others = { a_by_b, b_by_a, a_by_root },
        .anchors = { root });
  GOOD (&pki, CHAIN (leaf, a_by_b, b), .leaf = leaf, .others = { a_by_b, b_by_a },
        .anchors = { b });
  pki_close (&pki);
}

static void
test_same_name (void)
{
  Pki pki;
  Made *roots[3], *cas[3], *leaf;
  const char *bare = "basicConstraints=critical,CA:TRUE";

  pki_open (&pki);
  for (guint i = 0; i < 3; i++) {
    roots[i] = MAKE (&pki, .subject = "CN=root", .extensions = bare);
    cas[i] = MAKE (&pki, .subject = "CN=ca", .extensions = bare, .issuer = roots[i]);
  }
  /* No key identifier tells them apart. */
  leaf = MAKE (&pki, .subject = "CN=moon", .issuer = cas[1]);
  GOOD (&pki, CHAIN (leaf, cas[1], roots[1]), .leaf = leaf, .others = { cas[0], cas[2], cas[1] },
        .anchors = { roots[2], roots[1], roots[0] });
  BAD (&pki, IKE_CHAIN_BAD_SIGNATURE, "certificate CN=", .leaf = leaf, .others = { cas[0], cas[2] },
       .anchors = { roots[2], roots[1], roots[0] });
  BAD (&pki, IKE_CHAIN_BAD_SIGNATURE, "certificate CN=ca", .leaf = leaf, .others = { cas[1] },
       .anchors = { roots[2], roots[0] });
  pki_close (&pki);
}

/* RFC 4210, 4.4: NewWithOld. */
static void
test_rollover (void)
{
  Pki pki;
  Made *old, *new, *new_with_old, *leaf;

  pki_open (&pki);
  old = MAKE (&pki, .subject = "CN=root", .extensions = MAKE_CA);
  new = MAKE (&pki, .subject = "CN=root", .extensions = MAKE_CA);
  new_with_old = MAKE (&pki, .subject = "CN=root", .key_of = new, .issuer = old,
                       .extensions = MAKE_CA MAKE_AKI);
  leaf = MAKE (&pki, .subject = "CN=moon", .issuer = new);
  GOOD (&pki, CHAIN (leaf, new_with_old, old), .leaf = leaf, .others = { new_with_old },
        .anchors = { old });
  GOOD (&pki, CHAIN (leaf, new), .leaf = leaf, .others = { new_with_old }, .anchors = { old, new });
  BAD (&pki, IKE_CHAIN_BAD_SIGNATURE, "certificate CN=moon", .leaf = leaf, .anchors = { old });
  pki_close (&pki);
}

static void
test_long_chain (void)
{
  Pki pki;
  Ask what = { 0 };
  IkeChainResult result;
  Made *ca;

  pki_open (&pki);
  ca = what.anchors[0] = MAKE (&pki, .subject = "CN=root", .extensions = MAKE_CA);
  for (guint i = 0; i < 9; i++) {
    g_autofree char *subject = g_strdup_printf ("CN=ca %u", i);

    ca = what.others[i] = MAKE (&pki, .subject = subject, .issuer = ca, .extensions = MAKE_CA);
    what.leaf = MAKE (&pki, .subject = "CN=moon", .issuer = ca);
    if (i == 8)
      break;
    pki_good (&pki, &what, NULL);
  }
  g_assert_false (pki_ask (&pki, &what, &result));
  g_assert_cmpint (result.error, ==, IKE_CHAIN_PATH_LENGTH);
  g_assert_nonnull (strstr (result.reason, "10 certificates"));
  pki_close (&pki);
}

/* A peer that sends very many, and those that do not help first. */
static void
test_thousand_others (void)
{
  enum { N = 1000 };
  IkeCert *others[N];
  IkeChainQuery query = { .struct_size = sizeof query, .others = others, .now = MAKE_NOW };
  IkeChainResult result;
  Made *twins[60];
  IkeTrust *trust;
  Pki pki;
  Three t;

  pki_open (&pki);
  t = make_with_ca (&pki, NULL);
  /* All claim to be the issuer of the leaf, and of each other. */
  for (guint i = 0; i < G_N_ELEMENTS (twins); i++)
    twins[i] = MAKE (&pki, .subject = "CN=ca", .issuer = t.ca,
                     .extensions = "basicConstraints=critical,CA:TRUE");
  for (guint i = 0; i < N; i++)
    others[i] = twins[i % G_N_ELEMENTS (twins)]->cert;
  trust = pki.ops->trust_new (pki.plugin, &t.root->cert, 1);
  query.trust = trust;
  query.leaf = t.leaf->cert;
  query.n_others = N;
  g_assert_false (pki.ops->chain_check (pki.plugin, &query, &result));
  g_assert_cmpint (result.error, ==, IKE_CHAIN_PATH_LENGTH);
  /* The right one among many that are the same. */
  for (guint i = 0; i < N; i++)
    others[i] = i == N - 1 ? t.ca->cert : t.leaf->cert;
  g_assert_true (pki.ops->chain_check (pki.plugin, &query, &result));
  pki.ops->chain_clear (&result);
  pki.ops->trust_unref (trust);
  pki_close (&pki);
}

/* All of them lead to the anchor by name, one of them by signature: it is found if it is among the
 * first, and else given up. */
static void
test_work_is_bound (void)
{
  enum { N = 80 };
  const char *bare = "basicConstraints=CA:TRUE";
  IkeCert *others[N];
  IkeChainQuery query = {
    .struct_size = sizeof query, .others = others, .n_others = N, .now = MAKE_NOW
  };
  IkeChainResult result;
  IkeTrust *trust;
  Pki pki;
  Made *root, *forger, *ca, *leaf;

  pki_open (&pki);
  root = MAKE (&pki, .subject = "CN=root", .extensions = bare);
  forger = MAKE (&pki, .subject = "CN=root", .extensions = bare);
  ca = MAKE (&pki, .subject = "CN=ca", .issuer = root, .extensions = bare);
  leaf = MAKE (&pki, .subject = "CN=moon", .issuer = ca);
  for (guint i = 0; i < N; i++)
    others[i] = MAKE (&pki, .subject = "CN=ca", .issuer = forger, .extensions = bare)->cert;
  trust = pki.ops->trust_new (pki.plugin, &root->cert, 1);
  query.trust = trust;
  query.leaf = leaf->cert;
  others[N - 1] = ca->cert;
  g_assert_false (pki.ops->chain_check (pki.plugin, &query, &result));
  g_assert_cmpint (result.error, ==, IKE_CHAIN_BAD_SIGNATURE);
  others[10] = ca->cert;
  g_assert_true (pki.ops->chain_check (pki.plugin, &query, &result));
  pki.ops->chain_clear (&result);
  pki.ops->trust_unref (trust);
  pki_close (&pki);
}

/* Of many of one name and key those in their time are tried first. */
static void
test_valid_ones_first (void)
{
  enum { N = 40 };
  IkeCert *others[N];
  IkeChainQuery query = {
    .struct_size = sizeof query, .others = others, .n_others = N, .now = MAKE_NOW
  };
  IkeChainResult result;
  IkeTrust *trust;
  Pki pki;
  Three t;

  pki_open (&pki);
  t = make_with_ca (&pki, NULL);
  for (guint i = 0; i < N; i++)
    others[i] = MAKE (&pki, .subject = "CN=ca", .key_of = t.ca, .issuer = t.root,
                      .extensions = MAKE_CA, .not_after = MAKE_NOW - 1)
                    ->cert;
  trust = pki.ops->trust_new (pki.plugin, &t.root->cert, 1);
  query.trust = trust;
  query.leaf = t.leaf->cert;
  g_assert_false (pki.ops->chain_check (pki.plugin, &query, &result));
  g_assert_cmpint (result.error, ==, IKE_CHAIN_EXPIRED);
  others[N - 1] = t.ca->cert;
  g_assert_true (pki.ops->chain_check (pki.plugin, &query, &result));
  pki.ops->chain_clear (&result);
  pki.ops->trust_unref (trust);
  pki_close (&pki);
}

static void
test_empty_trust (void)
{
  Pki pki;
  Three t;

  pki_open (&pki);
  t = make_with_ca (&pki, NULL);
  BAD (&pki, IKE_CHAIN_UNKNOWN_CA, "certificate CN=root", .leaf = t.leaf,
       .others = { t.ca, t.root });
  BAD (&pki, IKE_CHAIN_UNKNOWN_CA, "certificate CN=moon", .leaf = t.leaf);
  pki_close (&pki);
}

static void
test_reasons_are_escaped (void)
{
  static const MakeCert usual;
  Pki pki;
  Three t;

  pki_open (&pki);
  t = make_three (&pki, &usual, &usual, &(MakeCert){ .subject = "CN=\x1b[31m\nx" });
  BAD (&pki, IKE_CHAIN_UNKNOWN_CA, "certificate CN=\\x1b[31m\\x0ax: no trusted", .leaf = t.leaf);
  t = make_three (&pki, &usual, &usual,
                  &(MakeCert){ .subject = "", .extensions = "subjectAltName=DNS:moon.example" });
  g_assert_no_error (t.leaf->error);
  BAD (&pki, IKE_CHAIN_UNKNOWN_CA, "certificate moon.example: no trusted", .leaf = t.leaf);
  pki_close (&pki);
}

/* -- threads: one trust for all */

typedef struct {
  Pki *pki;
  const IkeTrust *trust;
  Three three;
} Shared;

static void *
check_often (void *data)
{
  Shared *shared = data;
  IkeCert *others[] = { shared->three.ca->cert };
  static const char *const policies[] = { "1.2.3.1", NULL };

  for (guint i = 0; i < 50; i++) {
    IkeChainQuery query = { .struct_size = sizeof query,
                            .leaf = shared->three.leaf->cert,
                            .others = others,
                            .n_others = 1,
                            .trust = shared->trust,
                            .now = MAKE_NOW,
                            .policies = i & 1 ? policies : NULL };
    IkeChainResult result;

    g_assert_true (shared->pki->ops->chain_check (shared->pki->plugin, &query, &result));
    shared->pki->ops->chain_clear (&result);
  }
  return NULL;
}

static void
test_threads (void)
{
  Pki pki;
  Shared shared = { .pki = &pki };
  pthread_t threads[4];
  IkeTrust *trust;

  pki_open_real (&pki);
  shared.three =
      make_three (&pki, &(MakeCert){ 0 },
                  &(MakeCert){ .extensions = MAKE_CA "certificatePolicies=1.2.3.1\n"
                                                     "nameConstraints=permitted;DNS:example" },
                  &(MakeCert){ .extensions = "certificatePolicies=1.2.3.1\n"
                                             "subjectAltName=DNS:moon.example" });
  shared.trust = trust = pki.ops->trust_new (pki.plugin, &shared.three.root->cert, 1);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_cmpint (pthread_create (&threads[i], NULL, check_often, &shared), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    pthread_join (threads[i], NULL);
  pki.ops->trust_unref (trust);
  pki_close (&pki);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ways/of-cross-signed-cas-the-trusted-one-is-found", test_cross_signed);
  g_test_add_func ("/ways/cas-that-sign-each-other-end", test_loops);
  g_test_add_func ("/ways/of-one-name-the-one-with-the-right-key-is-found", test_same_name);
  g_test_add_func ("/ways/a-new-key-is-believed-through-the-old-one", test_rollover);
  g_test_add_func ("/ways/ten-certificates-are-the-longest", test_long_chain);
  g_test_add_func ("/ways/a-thousand-others-are-borne", test_thousand_others);
  g_test_add_func ("/ways/ways-that-only-look-right-are-given-up", test_work_is_bound);
  g_test_add_func ("/ways/those-in-their-time-are-tried-first", test_valid_ones_first);
  g_test_add_func ("/ways/nobody-is-trusted-without-anchors", test_empty_trust);
  g_test_add_func ("/ways/reasons-are-escaped", test_reasons_are_escaped);
  g_test_add_func ("/ways/threads-share-one-trust", test_threads);
  return g_test_run ();
}
