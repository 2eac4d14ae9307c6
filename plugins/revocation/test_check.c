/* SPDX-License-Identifier: Apache-2.0 */
/* test_check.c - verdicts: what OCSP and CRLs say, and what the policy makes of silence. */
#include <string.h>
#include "test_fakes.h"

#define OCSP_URI "http://ocsp.example/"
#define CRL_URI "http://crl.example/ca.crl"
#define DELTA_URI "http://crl.example/delta.crl"

enum {
  RELAXED = IKE_REVOCATION_RELAXED,
  IFURI = IKE_REVOCATION_IFURI,
  STRICT = IKE_REVOCATION_STRICT
};

static void
assert_good (Bench *bench)
{
  assert_verdict (bench, STRICT, TRUE, FALSE, NULL);
}

static void
assert_revoked (Bench *bench, const char *reason)
{
  assert_verdict (bench, RELAXED, FALSE, TRUE, reason);
}

/* -- OCSP */

static void
test_ocsp_good (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, OCSP_URI, CRL_URI);
  bench_serve (&bench, OCSP_URI, 20, "OCSP status=good next=3600");
  assert_good (&bench);
  g_assert_cmpuint (asked (&bench, OCSP_URI), ==, 1);
  bench_close (&bench);
}

static void
test_ocsp_revoked (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, OCSP_URI, CRL_URI);
  bench_serve (&bench, OCSP_URI, 20, "OCSP status=revoked reason=1 this=-86400 next=3600");
  assert_revoked (&bench, "certificate CN=leaf was revoked on 2025-12-31 00:00:00 UTC (key "
                          "compromise), says the OCSP responder http://ocsp.example/");
  g_assert_cmpuint (ike_counter_get (bench.engine, "revocation.revoked"), ==, 1);
  bench_close (&bench);
}

/* The intermediate one, while the leaf's responder is silent: nobody waits for it. */
static void
test_ca_revoked (guint32 flags)
{
  Bench bench;
  Outcome outcome;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, OCSP_URI, NULL);
  bench_serve (&bench, OCSP_URI, FAKE_NEVER, NULL);
  g_free (bench.local[0]);
  bench.local[0] = g_strdup ("CRL issuer=root number=1 this=0 next=99999 revoked=1:2");
  ask (&bench, RELAXED, &outcome);
  run_for (&bench, 10);
  g_assert_true (outcome.verdict.is_revoked);
  g_assert_nonnull (strstr (outcome.verdict.reason, "CN=ca was revoked"));
  g_assert_nonnull (strstr (outcome.verdict.reason, "the CRL of CN=root"));
  g_assert_cmpint (outcome.at_us, ==, 0);
  bench_close (&bench);
}

static void
test_ocsp_then_crl (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, OCSP_URI, CRL_URI);
  bench_serve (&bench, OCSP_URI, 20, NULL);
  bench_serve (&bench, CRL_URI, 20, "CRL issuer=ca number=1 this=0 next=3600 revoked=2:4,3:1");
  assert_revoked (&bench, "(superseded), says the CRL of http://crl.example/ca.crl");
  g_assert_cmpuint (asked (&bench, OCSP_URI), ==, 1);
  g_assert_cmpuint (asked (&bench, CRL_URI), ==, 1);
  bench_close (&bench);
}

/* What the configuration says about the CA goes before what the certificate says. */
static void
test_authority_first (guint32 flags)
{
  static const char *const ocsp[] = { "http://ours.example/", NULL };
  static const char *const crls[] = { "http://ours.example/crl", NULL };
  Bench bench;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, OCSP_URI, CRL_URI);
  bench.authority_ocsp = ocsp;
  bench.authority_crls = crls;
  bench_serve (&bench, ocsp[0], 20, "OCSP status=unknown next=3600");
  bench_serve (&bench, OCSP_URI, 20, NULL);
  bench_serve (&bench, crls[0], 20, "CRL issuer=ca number=1 this=0 next=3600");
  bench_serve (&bench, CRL_URI, 20, "CRL issuer=ca number=1 this=0 next=3600");
  assert_good (&bench);
  g_assert_cmpuint (asked (&bench, ocsp[0]), ==, 1);
  g_assert_cmpuint (asked (&bench, OCSP_URI), ==, 1);
  g_assert_cmpuint (asked (&bench, crls[0]), ==, 1);
  g_assert_cmpuint (asked (&bench, CRL_URI), ==, 0);
  bench_close (&bench);
}

static void
test_four_uris (guint32 flags)
{
  static const char *const ocsp[] = { "http://1/", "http://2/", "http://3/",
                                      "http://4/", "http://5/", NULL };
  static const char *const crls[] = { "http://6/", "http://7/", NULL };
  Bench bench;

  bench_open (&bench, flags, "");
  bench.authority_ocsp = ocsp;
  bench.authority_crls = crls;
  for (guint i = 0; ocsp[i]; i++)
    bench_serve (&bench, ocsp[i], 1, NULL);
  for (guint i = 0; crls[i]; i++)
    bench_serve (&bench, crls[i], 1, NULL);
  assert_verdict (&bench, STRICT, FALSE, FALSE, "HTTP status 404");
  g_assert_cmpuint (asked (&bench, ocsp[2]), ==, 1);
  g_assert_cmpuint (asked (&bench, ocsp[3]), ==, 0);
  g_assert_cmpuint (asked (&bench, crls[0]), ==, 1);
  g_assert_cmpuint (asked (&bench, crls[1]), ==, 0);
  bench_close (&bench);
}

/* -- CRLs */

static void
test_crl (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, NULL, CRL_URI);
  bench_serve (&bench, CRL_URI, 20, "CRL issuer=ca number=1 this=0 next=3600 revoked=3:1");
  assert_good (&bench);
  bench_leaf (&bench, 3, NULL, CRL_URI);
  assert_revoked (&bench, "certificate CN=leaf was revoked on 2026-01-01 00:00:00 UTC");
  g_assert_cmpuint (asked (&bench, CRL_URI), ==, 1);
  bench_close (&bench);
}

static void
test_crl_files (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, NULL, CRL_URI);
  bench.local[1] = g_strdup ("CRL issuer=ca number=1 this=0 next=3600");
  bench.local[2] = g_strdup ("CRL issuer=ca number=9 this=9 next=3600 signer=mallory revoked=2:1");
  assert_good (&bench);
  g_assert_cmpuint (asked (&bench, CRL_URI), ==, 0);
  bench.local[3] = g_strdup ("CRL issuer=ca number=2 this=1 next=3600 revoked=2:1");
  assert_good (&bench);
  bench.generation++;
  assert_revoked (&bench, "says the CRL of CN=ca");
  bench.local[4] = g_strdup ("CRL issuer=ca number=3 base=2 this=2 next=3600 revoked=2:8");
  bench.generation++;
  assert_good (&bench);
  bench_close (&bench);
}

/* Also when OCSP says otherwise; who is only on hold may have been let go since then. */
static void
test_crl_file_revokes (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, OCSP_URI, NULL);
  bench_serve (&bench, OCSP_URI, 20, "OCSP status=good next=3600");
  bench.local[1] = g_strdup ("CRL issuer=ca number=1 this=0 next=3600 revoked=2:1");
  assert_revoked (&bench, "says the CRL of CN=ca");
  g_assert_cmpuint (asked (&bench, OCSP_URI), ==, 0);
  bench.local[2] = g_strdup ("CRL issuer=ca number=2 this=1 next=3600 revoked=2:6");
  bench.generation++;
  assert_good (&bench);
  g_assert_cmpuint (asked (&bench, OCSP_URI), ==, 1);
  bench_close (&bench);
}

static void
check_delta (guint32 flags, const char *base, const char *delta, gboolean is_good)
{
  Bench bench;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, NULL, CRL_URI);
  bench_serve (&bench, CRL_URI, 20, base);
  bench_serve (&bench, DELTA_URI, 20, delta);
  if (is_good)
    assert_good (&bench);
  else
    assert_revoked (&bench, "certificate CN=leaf was revoked");
  g_assert_cmpuint (asked (&bench, DELTA_URI), ==, 1);
  bench_close (&bench);
}

#define BASE "CRL issuer=ca number=5 this=0 next=3600 fresh=" DELTA_URI
#define DELTA "CRL issuer=ca this=1 next=3600 "

static void
test_delta (guint32 flags)
{
  check_delta (flags, BASE, DELTA "number=6 base=5 this=0 revoked=2:1", FALSE);
  check_delta (flags, BASE, DELTA "number=7 base=3 revoked=9:1", TRUE);
  check_delta (flags, BASE " revoked=2:6", DELTA "number=6 base=5 revoked=2:8", TRUE);
  check_delta (flags, BASE " revoked=2:6", DELTA "number=6 base=5", FALSE);
}

/* Each of these is left out, so that the base alone counts. */
static void
test_delta_refused (guint32 flags)
{
  check_delta (flags, BASE, DELTA "number=7 base=6 revoked=2:1", TRUE);
  check_delta (flags, BASE, DELTA "number=5 base=4 revoked=2:1", TRUE);
  check_delta (flags, BASE, DELTA "number=6 revoked=2:1", TRUE);
  check_delta (flags, BASE, DELTA "number=6 base=5 signer=mallory revoked=2:1", TRUE);
  check_delta (flags, BASE, "CRL issuer=ca number=6 base=5 this=-999 next=-100 revoked=2:1", TRUE);
  check_delta (flags, BASE, NULL, TRUE);
  check_delta (flags, BASE " revoked=2:6", "garbage", FALSE);
}

/* For good: also by a CRL that is over; on hold: only as long as it says so. */
static void
test_old_crl (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, NULL, CRL_URI);
  bench_serve (&bench, CRL_URI, 20, "CRL issuer=ca number=1 this=-999 next=-100 revoked=2:1,3:6");
  assert_revoked (&bench, "was revoked");
  bench_leaf (&bench, 3, NULL, CRL_URI);
  assert_verdict (&bench, IFURI, FALSE, FALSE, "not in its time");
  bench_close (&bench);
}

static void
test_grace (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "grace = 10m");
  bench_leaf (&bench, 2, NULL, CRL_URI);
  bench_serve (&bench, CRL_URI, 20, "CRL issuer=ca number=1 this=-999 next=-100");
  assert_good (&bench);
  bench_serve (&bench, CRL_URI, 20, "CRL issuer=ca number=1 this=-999 next=-600");
  run_for (&bench, 60);
  assert_verdict (&bench, STRICT, FALSE, FALSE, "not in its time");
  bench_close (&bench);
}

/* -- policies */

static const struct {
  const char *what, *ocsp, *crl, *why;
  gint64 delay_ms;
} failures[] = {
  { "404", NULL, NULL, "HTTP status 404", 20 },
  { "silence", NULL, NULL, "no answer within", FAKE_NEVER },
  { "garbage", "<html>", "<html>", "this is no CRL", 20 },
  { "of another", "OCSP status=good next=99 signer=mallory",
    "CRL issuer=ca number=1 this=0 next=99 signer=mallory", "not by the issuer", 20 },
  { "over", "OCSP status=good this=-999 next=-99", "CRL issuer=ca number=1 this=-999 next=-99",
    "not in its time", 20 },
  { "not yet", "OCSP status=good this=999 next=9999", "CRL issuer=ca number=1 this=999 next=9999",
    "not in its time", 20 },
  { "unknown", "OCSP status=unknown next=99", "CRL issuer=other number=1 this=0 next=99",
    "not by the issuer", 20 },
  { "other nonce", "OCSP status=good next=99 nonce=abcd",
    "CRL issuer=ca number=1 this=0 next=99 ca=yes", "not about certificates like this", 20 },
  { "old", "OCSP status=good this=-4000 nonce=none", "CRL issuer=ca number=1 this=-90000",
    "not in its time", 20 },
  { "other certificate", "OCSP status=good next=99 serial=7",
    "CRL issuer=ca number=2 base=1 this=0 next=99", "is a delta CRL", 20 },
};

static void
test_failures (guint32 flags)
{
  for (guint i = 0; i < G_N_ELEMENTS (failures); i++) {
    Bench bench;

    g_test_message ("%s", failures[i].what);
    bench_open (&bench, flags, "");
    bench_leaf (&bench, 2, OCSP_URI, CRL_URI);
    bench_serve (&bench, OCSP_URI, failures[i].delay_ms, failures[i].ocsp);
    bench_serve (&bench, CRL_URI, failures[i].delay_ms, failures[i].crl);
    assert_verdict (&bench, STRICT, FALSE, FALSE, failures[i].why);
    assert_verdict (&bench, IFURI, FALSE, FALSE, failures[i].why);
    assert_verdict (&bench, RELAXED, TRUE, FALSE, failures[i].why);
    assert_verdict (&bench, RELAXED, TRUE, FALSE, "CN=leaf was revoked, and it is let in");
    g_assert_cmpuint (ike_counter_get (bench.engine, "revocation.unknown"), ==, 4);
    bench_close (&bench);
  }
}

static void
test_ocsp_failures (guint32 flags)
{
  static const char *const whys[] = { "HTTP status 404",
                                      "no answer within",
                                      "no OCSP response",
                                      "not by the issuer",
                                      "not in its time",
                                      "not in its time",
                                      "does not know the certificate",
                                      "another nonce",
                                      "does not say for how long",
                                      "about another certificate" };

  for (guint i = 0; i < G_N_ELEMENTS (failures); i++) {
    Bench bench;

    bench_open (&bench, flags, "");
    bench_leaf (&bench, 2, OCSP_URI, NULL);
    bench_serve (&bench, OCSP_URI, failures[i].delay_ms, failures[i].ocsp);
    assert_verdict (&bench, STRICT, FALSE, FALSE, whys[i]);
    bench_close (&bench);
  }
}

static void
test_no_uri (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "");
  assert_verdict (&bench, STRICT, FALSE, FALSE,
                  "neither it nor the configuration says where to ask");
  assert_verdict (&bench, IFURI, TRUE, FALSE, "neither it nor the configuration");
  assert_verdict (&bench, RELAXED, TRUE, FALSE, "neither it nor the configuration");
  bench_close (&bench);
}

static void
test_other_scheme (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, NULL, "ldap://ldap.example/cn=ca?certificateRevocationList");
  assert_verdict (&bench, IFURI, FALSE, FALSE, "no plugin fetches URIs of this kind");
  assert_verdict (&bench, RELAXED, TRUE, FALSE, "no plugin fetches URIs of this kind");
  bench_close (&bench);
}

/* A URI of a certificate is a stranger's text. */
static void
test_uri_is_escaped (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, NULL, "http://crl.example/\033[2J\n");
  assert_verdict (&bench, STRICT, FALSE, FALSE, "\\x1b[2J\\x0a");
  bench_close (&bench);
}

/* -- chains */

static void
test_chains (guint32 flags)
{
  Bench bench;
  Outcome alone, none, longest;
  IkeCert *chain[IKE_CHAIN_MAX + 1];
  IkeRevocationQuery query = { .policy = STRICT, .chain = chain };

  bench_open (&bench, flags, "");
  for (guint i = 0; i < G_N_ELEMENTS (chain); i++)
    chain[i] = bench.root;
  query.n = 1;
  ask_with (&bench, &query, &alone);
  query.n = 0;
  ask_with (&bench, &query, &none);
  query.n = IKE_CHAIN_MAX;
  ask_with (&bench, &query, &longest);
  run_for (&bench, 1);
  g_assert_true (alone.verdict.is_good);
  g_assert_cmpstr (alone.verdict.reason, ==, "");
  g_assert_cmpstr (none.error, ==, "there is no chain to check");
  g_assert_true (longest.verdict.is_good);
  outcome_clear (&none);
  bench_close (&bench);
}

/* -- responses that come along */

static void
check_stapled (guint32 flags, const char *text, gboolean is_good, gboolean is_revoked)
{
  Bench bench;
  Outcome outcome;
  g_autoptr (GBytes) garbage = g_bytes_new_static ("garbage", 7);
  g_autoptr (GBytes) stapled = g_bytes_new (text, strlen (text));
  GBytes *both[] = { garbage, stapled };
  IkeCert *chain[3];
  IkeRevocationQuery query = {
    .policy = STRICT, .chain = chain, .n = 3, .ocsp = both, .n_ocsp = 2
  };

  bench_open (&bench, flags, "");
  memcpy (chain, (IkeCert *[]){ bench.leaf, bench.ca, bench.root }, sizeof chain);
  ask_with (&bench, &query, &outcome);
  run_for (&bench, 1);
  if (outcome.verdict.is_good != is_good || outcome.verdict.is_revoked != is_revoked)
    g_error ("%s: %s", text, outcome.verdict.reason);
  bench_close (&bench);
}

static void
test_stapled (guint32 flags)
{
  check_stapled (flags, "OCSP status=good serial=2 signer=ca next=60", TRUE, FALSE);
  check_stapled (flags, "OCSP status=revoked serial=2 signer=ca next=60", FALSE, TRUE);
  check_stapled (flags, "OCSP status=unknown serial=2 signer=ca next=60", FALSE, FALSE);
  check_stapled (flags, "OCSP status=good serial=3 signer=ca next=60", FALSE, FALSE);
  check_stapled (flags, "OCSP status=good serial=2 signer=mallory next=60", FALSE, FALSE);
  check_stapled (flags, "OCSP status=good serial=2 signer=ca this=-99 next=-9", FALSE, FALSE);
  check_stapled (flags, "OCSP status=good serial=2 signer=ca this=0", FALSE, FALSE);
}

/* What was heard later counts: the response of a peer that was revoked since then is of no use. */
static void
test_stapled_is_older (guint32 flags)
{
  Bench bench;
  Outcome outcome;
  const char *text = "OCSP status=good serial=2 signer=ca this=-60 next=3600";
  g_autoptr (GBytes) stapled = g_bytes_new (text, strlen (text));
  IkeCert *chain[3];
  IkeRevocationQuery query = {
    .policy = STRICT, .chain = chain, .n = 3, .ocsp = &stapled, .n_ocsp = 1
  };

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, OCSP_URI, NULL);
  memcpy (chain, (IkeCert *[]){ bench.leaf, bench.ca, bench.root }, sizeof chain);
  bench_serve (&bench, OCSP_URI, 1, "OCSP status=revoked this=-30 next=3600");
  ask_with (&bench, &query, &outcome);
  run_for (&bench, 1);
  g_assert_true (outcome.verdict.is_good);
  assert_revoked (&bench, "was revoked");
  ask_with (&bench, &query, &outcome);
  run_for (&bench, 1);
  g_assert_true (outcome.verdict.is_revoked);
  bench_close (&bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_test ("good-by-ocsp", test_ocsp_good);
  add_test ("revoked-by-ocsp-says-since-when-why-and-who", test_ocsp_revoked);
  add_test ("a-revoked-ca-ends-the-check-at-once", test_ca_revoked);
  add_test ("without-ocsp-the-crl-is-asked-for", test_ocsp_then_crl);
  add_test ("the-configuration-goes-before-the-certificate", test_authority_first);
  add_test ("four-uris-are-tried-and-one-of-them-is-a-crl", test_four_uris);
  add_test ("good-and-revoked-by-one-crl", test_crl);
  add_test ("of-crls-in-files-the-newest-counts", test_crl_files);
  add_test ("whom-a-crl-in-a-file-revoked-no-response-makes-good", test_crl_file_revokes);
  add_test ("a-delta-adds-and-removes", test_delta);
  add_test ("a-delta-that-does-not-fit-is-left-out", test_delta_refused);
  add_test ("a-crl-that-is-over-still-revokes-but-not-those-on-hold", test_old_crl);
  add_test ("grace-lengthens-a-crl", test_grace);
  add_test ("each-failure-is-as-the-policy-says", test_failures);
  add_test ("each-failure-of-ocsp-has-its-reason", test_ocsp_failures);
  add_test ("without-uris-only-strict-fails", test_no_uri);
  add_test ("a-uri-that-nobody-can-fetch-is-one", test_other_scheme);
  add_test ("a-uri-is-escaped", test_uri_is_escaped);
  add_test ("chains-of-one-none-and-the-most", test_chains);
  add_test ("a-response-that-comes-along-is-checked", test_stapled);
  add_test ("a-response-that-comes-along-may-be-outdated", test_stapled_is_older);
  return g_test_run ();
}
