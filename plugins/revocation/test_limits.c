/* SPDX-License-Identifier: Apache-2.0 */
/* test_limits.c - time, sharing and bounds: how long a check takes at most, what is asked for once,
 * what is remembered and for how long. */
#include <string.h>
#include <ikebana/tree.h>
#include "test_fakes.h"

#define OCSP_URI "http://ocsp.example/"
#define CRL_URI "http://crl.example/ca.crl"

enum {
  RELAXED = IKE_REVOCATION_RELAXED,
  IFURI = IKE_REVOCATION_IFURI,
  STRICT = IKE_REVOCATION_STRICT,
  N_MANY = 1000
};

/* Asks, runs for @seconds, and says how long it took in ms. */
static gint64
took_ms (Bench *bench, guint policy, gint64 seconds)
{
  Outcome outcome;

  ask (bench, policy, &outcome);
  run_for (bench, seconds);
  g_assert_true (outcome.is_done);
  return outcome.at_us / 1000;
}

/* -- time */

static void
test_silence (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, OCSP_URI, CRL_URI);
  bench_serve (&bench, OCSP_URI, FAKE_NEVER, NULL);
  bench_serve (&bench, CRL_URI, FAKE_NEVER, NULL);
  /* 3 s for OCSP, and 2 of 3 for the CRL, whose time then runs on. */
  g_assert_cmpint (took_ms (&bench, RELAXED, 10), ==, 5000);
  g_assert_cmpint (took_ms (&bench, RELAXED, 10), ==, 0);
  g_assert_cmpint (took_ms (&bench, STRICT, 10), ==, 0);
  g_assert_cmpuint (asked (&bench, OCSP_URI), ==, 1);
  g_assert_cmpuint (asked (&bench, CRL_URI), ==, 1);
  /* 30 s after they failed both are asked again: at 33 s OCSP, at 36 s, and no earlier, the CRL. */
  run_for (&bench, 2);
  g_assert_cmpint (took_ms (&bench, RELAXED, 1), ==, 0);
  g_assert_cmpint (took_ms (&bench, RELAXED, 10), ==, 5000);
  g_assert_cmpuint (asked (&bench, OCSP_URI), ==, 2);
  g_assert_cmpuint (asked (&bench, CRL_URI), ==, 2);
  bench_close (&bench);
}

static void
test_times_are_options (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "timeout = 20\nfetch_timeout = 7\nretry = 100");
  bench_leaf (&bench, 2, OCSP_URI, CRL_URI);
  bench_serve (&bench, OCSP_URI, FAKE_NEVER, NULL);
  bench_serve (&bench, CRL_URI, 6000, "CRL issuer=ca number=1 this=0 next=3600");
  g_assert_cmpint (took_ms (&bench, STRICT, 90), ==, 13000);
  bench_leaf (&bench, 3, OCSP_URI, NULL);
  g_assert_cmpint (took_ms (&bench, STRICT, 10), ==, 0);
  run_for (&bench, 10);
  g_assert_cmpint (took_ms (&bench, STRICT, 10), ==, 7000);
  bench_close (&bench);
}

static void
test_answer_after_the_end (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "timeout = 1");
  bench_leaf (&bench, 2, OCSP_URI, NULL);
  bench_serve (&bench, OCSP_URI, 2000, "OCSP status=good next=3600");
  assert_verdict (&bench, STRICT, FALSE, FALSE, "no answer within 1 s");
  /* It came meanwhile, for the next one. */
  assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  g_assert_cmpuint (asked (&bench, OCSP_URI), ==, 1);
  bench_close (&bench);
}

/* -- sharing */

/* A thousand checks of fifty certificates, by OCSP; and of as many by one CRL. */
static void
test_many (guint32 flags)
{
  Bench bench;
  g_autofree Outcome *outcomes = g_new0 (Outcome, N_MANY);

  bench_open (&bench, flags, "");
  bench_serve (&bench, OCSP_URI, 2000, "OCSP status=good next=3600");
  bench_serve (&bench, CRL_URI, 2000, "CRL issuer=ca number=1 this=0 next=3600 revoked=7:1");
  for (guint i = 0; i < N_MANY; i++) {
    bench_leaf (&bench, i % 50, i % 2 ? OCSP_URI : NULL, i % 2 ? NULL : CRL_URI);
    ask (&bench, STRICT, &outcomes[i]);
    ike_sim_settle (bench.sim);
  }
  run_for (&bench, 10);
  for (guint i = 0; i < N_MANY; i++) {
    g_assert_true (outcomes[i].is_done);
    g_assert_cmpint (outcomes[i].at_us, ==, 2000000);
    g_assert_true (outcomes[i].verdict.is_good);
  }
  g_assert_cmpuint (asked (&bench, OCSP_URI), ==, 25);
  g_assert_cmpuint (asked (&bench, CRL_URI), ==, 1);
  g_assert_cmpuint (bench.n_parsed, ==, 1);
  g_assert_cmpuint (ike_counter_get (bench.engine, "revocation.checks"), ==, N_MANY);
  g_assert_cmpuint (ike_counter_get (bench.engine, "revocation.fetches"), ==, 26);
  bench_close (&bench);
}

/* Work for the offload pool: parsed once, verified once for each kind of certificate. */
static void
test_large_crl (guint32 flags)
{
  Bench bench;
  g_autofree char *pad = g_strnfill (100 * 1024, 'x');
  g_autofree char *text =
      g_strdup_printf ("CRL issuer=ca number=1 this=0 next=3600 revoked=2:1 pad=%s", pad);
  Outcome outcomes[100];

  bench_open (&bench, flags, "");
  bench_serve (&bench, CRL_URI, 100, text);
  for (guint i = 0; i < 100; i++) {
    bench_leaf (&bench, i, NULL, CRL_URI);
    ask (&bench, STRICT, &outcomes[i]);
    ike_sim_settle (bench.sim);
  }
  bench.n_verified = 0;
  run_for (&bench, 10);
  for (guint i = 0; i < 100; i++) {
    g_assert_true (outcomes[i].is_done);
    g_assert_cmpint (outcomes[i].verdict.is_revoked, ==, i == 2);
  }
  g_assert_cmpuint (bench.n_parsed, ==, 1);
  g_assert_cmpuint (bench.n_verified, ==, 1);
  bench_close (&bench);
}

/* -- the cache */

static void
test_cache_until (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, OCSP_URI, NULL);
  bench_serve (&bench, OCSP_URI, 1, "OCSP status=good next=100");
  for (guint i = 0; i < 9; i++)
    assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  g_assert_cmpuint (asked (&bench, OCSP_URI), ==, 1);
  run_for (&bench, 11);
  bench_serve (&bench, OCSP_URI, 1, "OCSP status=revoked next=9999");
  assert_verdict (&bench, STRICT, FALSE, TRUE, "was revoked");
  g_assert_cmpuint (asked (&bench, OCSP_URI), ==, 2);
  bench_close (&bench);
}

static void
test_cache_max (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "cache_max = 60");
  bench_leaf (&bench, 2, NULL, CRL_URI);
  bench_serve (&bench, CRL_URI, 1, "CRL issuer=ca number=1 this=0 next=99999");
  assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  run_for (&bench, 60);
  bench_serve (&bench, CRL_URI, 1, "CRL issuer=ca number=2 this=60 next=99999 revoked=2:1");
  assert_verdict (&bench, STRICT, FALSE, TRUE, "was revoked");
  g_assert_cmpuint (asked (&bench, CRL_URI), ==, 2);
  bench_close (&bench);
}

/* Without an end of its own it serves those who ask at the same time, and those shortly after. */
static void
test_cache_without_end (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, OCSP_URI, NULL);
  bench_serve (&bench, OCSP_URI, 1, "OCSP status=good");
  assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  g_assert_cmpuint (asked (&bench, OCSP_URI), ==, 1);
  run_for (&bench, 30);
  assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  g_assert_cmpuint (asked (&bench, OCSP_URI), ==, 2);
  bench_close (&bench);
}

/* A CRL that could be renewed, but is not, serves until its end and the grace. */
static void
test_cache_old (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "cache_max = 60\ngrace = 100");
  bench_leaf (&bench, 2, NULL, CRL_URI);
  bench_serve (&bench, CRL_URI, 1, "CRL issuer=ca number=1 this=0 next=1000");
  assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  bench_serve (&bench, CRL_URI, 1, NULL);
  run_for (&bench, 100);
  assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  g_assert_cmpuint (asked (&bench, CRL_URI), ==, 2);
  run_for (&bench, 960);
  assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  run_for (&bench, 60);
  assert_verdict (&bench, STRICT, FALSE, FALSE, "HTTP status 404");
  bench_close (&bench);
}

static void
test_cache_size (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "cache_size = 2k");
  for (guint round = 0; round < 3; round++)
    for (guint i = 0; i < 20; i++) {
      bench_leaf (&bench, i, OCSP_URI, NULL);
      bench_serve (&bench, OCSP_URI, 1, "OCSP status=good next=9999");
      assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
      assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
    }
  /* Kept for the second check of each, gone before the next round. */
  g_assert_cmpuint (asked (&bench, OCSP_URI), ==, 60);
  bench_close (&bench);
  bench_open (&bench, flags, "cache_size = 0");
  bench_leaf (&bench, 2, OCSP_URI, CRL_URI);
  bench_serve (&bench, OCSP_URI, 1, NULL);
  bench_serve (&bench, CRL_URI, 1, "CRL issuer=ca number=1 this=0 next=9999");
  assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  g_assert_cmpuint (asked (&bench, CRL_URI), ==, 2);
  bench_close (&bench);
}

/* -- what fails for one is not what fails for all */

static void
test_answer_about_one (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, OCSP_URI, NULL);
  bench_serve (&bench, OCSP_URI, 1, "OCSP status=unknown");
  assert_verdict (&bench, STRICT, FALSE, FALSE, "does not know the certificate");
  assert_verdict (&bench, STRICT, FALSE, FALSE, "does not know the certificate");
  g_assert_cmpuint (asked (&bench, OCSP_URI), ==, 1);
  bench_leaf (&bench, 3, OCSP_URI, NULL);
  bench_serve (&bench, OCSP_URI, 1, "OCSP status=revoked next=99");
  assert_verdict (&bench, RELAXED, FALSE, TRUE, "was revoked");
  bench_close (&bench);
}

static void
test_busy_responder (guint32 flags)
{
  Bench bench;
  Outcome slow, fast;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, OCSP_URI, NULL);
  bench_serve (&bench, OCSP_URI, FAKE_NEVER, NULL);
  ask (&bench, STRICT, &slow);
  ike_sim_settle (bench.sim);
  bench_leaf (&bench, 3, OCSP_URI, NULL);
  bench_serve (&bench, OCSP_URI, 1000, "OCSP status=good next=9999");
  ask (&bench, STRICT, &fast);
  run_for (&bench, 5);
  g_assert_false (slow.verdict.is_good);
  g_assert_true (fast.verdict.is_good);
  bench_leaf (&bench, 4, OCSP_URI, NULL);
  assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  bench_close (&bench);
}

/* A CRL of somebody else that was slipped in is gone after a while, whatever end it says. */
static void
test_foreign_crl (guint32 flags)
{
  Bench bench;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, NULL, CRL_URI);
  bench_serve (&bench, CRL_URI, 1, "CRL issuer=ca signer=mallory number=1 this=0 next=99999");
  assert_verdict (&bench, STRICT, FALSE, FALSE, "not by the issuer");
  bench_serve (&bench, CRL_URI, 1, "CRL issuer=ca number=1 this=0 next=99999");
  assert_verdict (&bench, STRICT, FALSE, FALSE, "not by the issuer");
  run_for (&bench, 30);
  assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  bench_close (&bench);
}

/* -- bounds */

static void
test_max_pending (guint32 flags)
{
  Bench bench;
  Outcome outcomes[8];

  bench_open (&bench, flags, "max_pending = 3");
  bench_leaf (&bench, 9, OCSP_URI, NULL);
  bench_serve (&bench, OCSP_URI, 100, "OCSP status=revoked next=9999");
  assert_verdict (&bench, STRICT, FALSE, TRUE, "was revoked");
  bench_serve (&bench, OCSP_URI, 1000, "OCSP status=good next=9999");
  for (guint i = 0; i < 8; i++) {
    /* The last one is known. */
    bench_leaf (&bench, i == 7 ? 9 : i, OCSP_URI, NULL);
    ask (&bench, i == 6 ? STRICT : RELAXED, &outcomes[i]);
    ike_sim_settle (bench.sim);
  }
  run_for (&bench, 5);
  for (guint i = 0; i < 3; i++) {
    g_assert_cmpint (outcomes[i].at_us, ==, 1000000);
    g_assert_cmpstr (outcomes[i].verdict.reason, ==, "");
  }
  for (guint i = 3; i < 8; i++)
    g_assert_cmpint (outcomes[i].at_us, ==, 0);
  g_assert_true (outcomes[5].verdict.is_good);
  g_assert_nonnull (strstr (outcomes[5].verdict.reason, "too many checks"));
  g_assert_false (outcomes[6].verdict.is_good);
  g_assert_true (outcomes[7].verdict.is_revoked);
  g_assert_cmpuint (ike_counter_get (bench.engine, "revocation.refused"), ==, 5);
  bench_close (&bench);
}

static void
test_max_sizes (guint32 flags)
{
  Bench bench;
  g_autofree char *pad = g_strnfill (5000, 'x');
  g_autofree char *crl = g_strdup_printf ("CRL issuer=ca number=1 this=0 next=3600 pad=%s", pad);
  g_autofree char *ocsp = g_strdup_printf ("OCSP status=good next=3600 pad=%s", pad);

  bench_open (&bench, flags, "max_crl = 4k\nmax_ocsp = 4k");
  bench_leaf (&bench, 2, OCSP_URI, CRL_URI);
  bench_serve (&bench, OCSP_URI, 1, ocsp);
  bench_serve (&bench, CRL_URI, 1, crl);
  assert_verdict (&bench, STRICT, FALSE, FALSE, "too large");
  bench_close (&bench);
  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, OCSP_URI, CRL_URI);
  bench_serve (&bench, OCSP_URI, 1, ocsp);
  assert_verdict (&bench, STRICT, TRUE, FALSE, NULL);
  bench_close (&bench);
}

/* All are answered, and nothing is left over. */
static void
test_end (guint32 flags)
{
  Bench bench;
  Outcome outcomes[3];

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, OCSP_URI, CRL_URI);
  bench_serve (&bench, OCSP_URI, 1000, "OCSP status=good next=3600");
  ask (&bench, STRICT, &outcomes[0]);
  ask_staple (&bench, &outcomes[1]);
  ike_sim_settle (bench.sim);
  ask (&bench, STRICT, &outcomes[2]);
  bench_close (&bench);
  for (guint i = 0; i < 3; i++) {
    /* When shuffled, answers do not wait in queues that the end runs empty. */
    g_assert_true (outcomes[i].is_done || flags & IKE_ENGINE_SHUFFLE);
    if (outcomes[i].is_done)
      g_assert_cmpstr (outcomes[i].error, ==, "the daemon ends");
    outcome_clear (&outcomes[i]);
  }
}

/* -- to send along */

static void
test_staple (guint32 flags)
{
  Bench bench;
  Outcome outcome;

  bench_open (&bench, flags, "");
  bench_leaf (&bench, 2, OCSP_URI, CRL_URI);
  bench_serve (&bench, OCSP_URI, 100, "OCSP status=good next=100");
  for (guint i = 0; i < 2; i++) {
    g_autofree char *text = NULL;
    ask_staple (&bench, &outcome);
    run_for (&bench, 5);
    g_assert_cmpint (outcome.at_us, ==, i ? 0 : 100000);
    g_assert_nonnull (outcome.staple);
    text = g_strndup (g_bytes_get_data (outcome.staple, NULL), g_bytes_get_size (outcome.staple));
    /* A nonce would be of no use to whom it is sent. */
    g_assert_cmpstr (text, ==, "OCSP status=good next=100 serial=2 signer=ca nonce=none");
    outcome_clear (&outcome);
  }
  g_assert_cmpuint (asked (&bench, OCSP_URI), ==, 1);
  bench_close (&bench);
}

static void
test_no_staple (guint32 flags)
{
  static const struct {
    const char *settings, *text, *why;
  } cases[] = {
    { "staple = no", "OCSP status=good next=100", "plugins.revocation.staple is off" },
    { "", "OCSP status=revoked next=100", "CN=leaf: it was revoked on" },
    { "", "OCSP status=unknown next=100", "does not know the certificate" },
    { "", NULL, "HTTP status 404" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Bench bench;
    Outcome outcome;

    bench_open (&bench, flags, cases[i].settings);
    bench_leaf (&bench, 2, OCSP_URI, CRL_URI);
    bench_serve (&bench, OCSP_URI, 100, cases[i].text);
    ask_staple (&bench, &outcome);
    run_for (&bench, 5);
    g_assert_null (outcome.staple);
    g_assert_nonnull (strstr (outcome.error, cases[i].why));
    g_assert_cmpuint (asked (&bench, CRL_URI), ==, 0);
    outcome_clear (&outcome);
    bench_close (&bench);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_test ("a-silent-server-costs-bounded-time-and-only-once", test_silence);
  add_test ("times-are-options", test_times_are_options);
  add_test ("an-answer-that-comes-late-serves-the-next", test_answer_after_the_end);
  add_test ("a-thousand-checks-ask-for-each-thing-once", test_many);
  add_test ("a-large-crl-is-parsed-and-verified-once", test_large_crl);
  add_test ("a-response-is-asked-for-anew-after-its-end", test_cache_until);
  add_test ("nothing-is-fresh-for-longer-than-the-option", test_cache_max);
  add_test ("a-response-without-end-is-kept-for-a-moment", test_cache_without_end);
  add_test ("an-old-crl-serves-when-no-newer-is-to-be-had", test_cache_old);
  add_test ("the-cache-has-a-size", test_cache_size);
  add_test ("a-responder-that-does-not-know-one-is-asked-about-others", test_answer_about_one);
  add_test ("a-responder-that-answers-others-is-not-down", test_busy_responder);
  add_test ("a-crl-of-another-does-not-stay", test_foreign_crl);
  add_test ("above-the-limit-only-what-is-known-counts", test_max_pending);
  add_test ("what-is-too-large-is-refused", test_max_sizes);
  add_test ("the-end-of-the-daemon-is-that-of-checks", test_end);
  add_test ("a-response-to-send-along-has-no-nonce-and-is-kept", test_staple);
  add_test ("without-a-good-response-nothing-is-sent-along", test_no_staple);
  return g_test_run ();
}
