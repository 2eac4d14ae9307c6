/* SPDX-License-Identifier: Apache-2.0 */
/* test_failover.c - several servers: who is asked, who is dead, and who is back. */
#include "test_support.h"
#include "shared/freed/test_freed.h"
#include <string.h>

#define TWO                                                                                        \
  "servers { alpha { address = 192.0.2.1\n secret = testing123\n preference = 2\n groups = a, ab " \
  "}\n"                                                                                            \
  "beta { address = 192.0.2.2\n secret = testing123\n preference = 1\n groups = ab } }\n"

typedef struct {
  Bench bench;
  Fake alpha, beta;
} Two;

static void
two_open (Two *two, const char *settings)
{
  g_autofree char *all = g_strconcat (TWO, settings, NULL);

  bench_open (&two->bench, all);
  fake_open (&two->alpha, &two->bench, "192.0.2.1", 1812);
  fake_open (&two->beta, &two->bench, "192.0.2.2", 1812);
}

static void
ask_once (Bench *bench, Ask *ask, const char *server)
{
  ask_wait (bench, ask);
  g_assert_cmpstr (ask->error, ==, NULL);
  g_assert_cmpstr (ask->reply->server_name, ==, server);
}

static void
assert_state (Bench *bench, const char *server, const char *state)
{
  g_autofree char *text = bench_text (bench, server, "state");

  g_assert_cmpstr (text, ==, state);
}

/* -- retransmission */

/* 2 + 2.8 + 3.92 + 5.488 s, each by up to a tenth more or less. */
static void
test_pace (void)
{
  Bench bench;
  Fake alpha = { .manner = ANSWER_NOTHING };
  Ask ask = { 0 };

  bench_open (&bench, "servers { alpha { address = 192.0.2.1\n secret = testing123 } }");
  fake_open (&alpha, &bench, "192.0.2.1", 1812);
  ask_wait (&bench, &ask);
  g_test_message ("%s", ask.error);
  g_assert_cmpuint (alpha.n_heard, ==, 4);
  g_assert_cmpfloat (alpha.last_at - alpha.first_at, >, 8.72 * 0.9);
  g_assert_cmpfloat (alpha.last_at - alpha.first_at, <, 8.72 * 1.1);
  g_assert_cmpfloat (ask.at, >, 14.2 * 0.9);
  g_assert_cmpfloat (ask.at, <, 14.2 * 1.1 + 0.1);
  g_assert_nonnull (strstr (ask.error, "alpha (192.0.2.1:1812) did not answer 4 requests"));
  g_assert_cmpint (bench_number (&bench, "alpha", "retransmissions"), ==, 3);
  g_assert_cmpint (bench_number (&bench, "alpha", "timeouts"), ==, 1);
  ask_clear (&ask);
  bench_close (&bench);
}

static void
test_pace_is_set (void)
{
  Bench bench;
  Fake alpha = { .manner = ANSWER_NOTHING };
  Ask ask = { 0 };

  bench_open (&bench, "retransmit_tries = 2\n servers { alpha { address = 192.0.2.1\n secret = "
                      "testing123\n retransmit_timeout = 0.5\n retransmit_base = 2 } }");
  fake_open (&alpha, &bench, "192.0.2.1", 1812);
  ask_wait (&bench, &ask);
  g_assert_cmpuint (alpha.n_heard, ==, 2);
  g_assert_cmpfloat (ask.at, <, 1.5 * 1.1 + 0.1);
  ask_clear (&ask);
  bench_close (&bench);
}

/* RFC 2865, 2.5: a request that is sent again is the same one. */
static void
test_repeated_is_same (void)
{
  Bench bench;
  Fake alpha = { .manner = ANSWER_NOTHING };
  Ask ask = { 0 };
  guint8 first[IKE_RADIUS_PACKET_MAX];
  gsize len;

  bench_open (&bench, "servers { alpha { address = 192.0.2.1\n secret = testing123 } }");
  fake_open (&alpha, &bench, "192.0.2.1", 1812);
  ask_begin (&bench, &ask);
  bench_run (&bench, 0.1);
  len = alpha.last_len;
  memcpy (first, alpha.last, len);
  bench_run (&bench, 3);
  g_assert_cmpuint (alpha.n_heard, ==, 2);
  g_assert_cmpmem (first, len, alpha.last, alpha.last_len);
  alpha.manner = ANSWER_WELL;
  bench_run (&bench, 5);
  g_assert_cmpstr (ask.error, ==, NULL);
  ask_clear (&ask);
  bench_close (&bench);
}

/* -- who is asked */

static void
test_fail_over (void)
{
  Two two = { .alpha = { .manner = ANSWER_NOTHING } };
  Ask ask = { 0 };

  two_open (&two, "");
  ask_once (&two.bench, &ask, "beta");
  g_assert_cmpfloat (ask.at, <, 16);
  assert_state (&two.bench, "alpha", "dead");
  assert_state (&two.bench, "beta", "alive");
  /* From then on nobody waits for it. */
  for (guint i = 0; i < 3; i++) {
    double begun = bench_now (&two.bench);

    ask_clear (&ask);
    ask_once (&two.bench, &ask, "beta");
    g_assert_cmpfloat (ask.at - begun, <, 0.1);
  }
  g_assert_cmpuint (two.alpha.n_heard, ==, 4);
  ask_clear (&ask);
  bench_close (&two.bench);
}

/* When its time is over one request is tried with it, and only one; when that was answered it is as
 * before. */
static void
test_back (void)
{
  Two two = { .alpha = { .manner = ANSWER_NOTHING } };
  Ask ask = { 0 }, other = { 0 };

  two_open (&two, "dead_time = 20s");
  ask_once (&two.bench, &ask, "beta");
  ask_clear (&ask);
  bench_run (&two.bench, 21);
  ask_begin (&two.bench, &ask);
  ask_begin (&two.bench, &other);
  bench_run (&two.bench, 0.1);
  g_assert_cmpuint (two.alpha.n_heard, ==, 5);
  g_assert_true (other.is_done && !ask.is_done);
  g_assert_cmpstr (other.reply->server_name, ==, "beta");
  two.alpha.manner = ANSWER_WELL;
  bench_run (&two.bench, 5);
  g_assert_cmpstr (ask.reply->server_name, ==, "alpha");
  assert_state (&two.bench, "alpha", "alive");
  ask_clear (&ask);
  ask_once (&two.bench, &ask, "alpha");
  ask_clear (&ask);
  ask_clear (&other);
  bench_close (&two.bench);
}

/* Those that wait for a server that dies go to the next one at once. */
static void
test_all_move (void)
{
  Two two = { .alpha = { .manner = ANSWER_NOTHING } };
  Ask asks[300] = { 0 };
  double last = 0;

  two_open (&two, "sockets = 1");
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    ask_begin (&two.bench, &asks[i]);
  bench_run (&two.bench, 20);
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++) {
    g_assert_true (asks[i].is_done);
    g_assert_cmpstr (asks[i].error, ==, NULL);
    g_assert_cmpstr (asks[i].reply->server_name, ==, "beta");
    last = MAX (last, asks[i].at);
    ask_clear (&asks[i]);
  }
  g_assert_cmpfloat (last, <, 16);
  g_assert_cmpint (bench_number (&two.bench, "alpha", "pending"), ==, 0);
  g_assert_cmpint (bench_number (&two.bench, "alpha", "timeouts"), ==, 1);
  g_assert_cmpint (bench_number (&two.bench, "alpha", "deaths"), ==, 1);
  bench_close (&two.bench);
}

/* Those for which no server had an identifier are not sent to the one that dies. */
static void
test_waiting_move_unsent (void)
{
  Two two = { .alpha = { .manner = ANSWER_NOTHING }, .beta = { .think_us = 5 * G_USEC_PER_SEC } };
  Ask asks[556] = { 0 };

  two_open (&two, "sockets = 1");
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    ask_begin (&two.bench, &asks[i]);
  g_assert_cmpint (bench_number (&two.bench, "alpha", "pending"), ==, 256 + 44);
  bench_run (&two.bench, 29);
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++) {
    g_assert_cmpstr (asks[i].error, ==, NULL);
    g_assert_cmpstr (asks[i].reply->server_name, ==, "beta");
    ask_clear (&asks[i]);
  }
  g_assert_cmpint (bench_number (&two.bench, "alpha", "requests"), ==, 256);
  bench_close (&two.bench);
}

/* A server that is slow and alive has no more of them than identifiers while another one has
 * some. */
static void
test_full (void)
{
  Two two = { .alpha = { .think_us = 8 * G_USEC_PER_SEC } };
  Ask asks[300] = { 0 };
  guint n_beta = 0;

  two_open (&two, "sockets = 1\n retransmit_timeout = 9");
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    ask_begin (&two.bench, &asks[i]);
  bench_run (&two.bench, 1);
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    n_beta += asks[i].is_done;
  g_assert_cmpuint (n_beta, ==, 300 - 256);
  g_assert_cmpuint (two.beta.n_heard, ==, 300 - 256);
  bench_run (&two.bench, 9);
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++) {
    g_assert_cmpstr (asks[i].error, ==, NULL);
    g_assert_true (asks[i].is_done);
    ask_clear (&asks[i]);
  }
  g_assert_cmpuint (two.alpha.n_heard, ==, 256);
  bench_close (&two.bench);
}

/* Who answers others lives, and has nothing to say about this one. */
static void
drop_user (IkeWriter *w, const RadiusPacket *request, RadiusSecret secret)
{
  IkeRadiusAttribute found;

  if (ike_radius_find (request->attributes, request->attributes_len, 0, IKE_RADIUS_USER_NAME,
                       &found)
      && found.len == 7 && memcmp (found.value, "nothing", 7) == 0)
    ike_radius_add (w, IKE_RADIUS_MESSAGE_AUTHENTICATOR, "0123456789abcdef", 16);
}

static void
test_one_without_answer (void)
{
  Two two = { .alpha = { .add = drop_user } };
  Ask silent = { .user = "nothing" }, other = { 0 };

  two_open (&two, "");
  ask_begin (&two.bench, &silent);
  for (guint i = 0; i < 40; i++) {
    bench_run (&two.bench, 0.4);
    ask_once (&two.bench, &other, "alpha");
    ask_clear (&other);
  }
  g_assert_true (silent.is_done);
  g_assert_cmpstr (silent.reply->server_name, ==, "beta");
  assert_state (&two.bench, "alpha", "alive");
  ask_clear (&silent);
  bench_close (&two.bench);
}

/* RFC 2865, 5.24: State goes to who sent it, so there is no fail-over. */
static void
test_only_one (void)
{
  Two two = { .alpha = { .manner = ANSWER_NOTHING } };
  Ask ask = { .server = 1 };

  two_open (&two, "");
  ask_wait (&two.bench, &ask);
  g_assert_nonnull (strstr (ask.error, "alpha"));
  g_assert_cmpuint (two.beta.n_heard, ==, 0);
  ask_clear (&ask);
  bench_close (&two.bench);
}

static void
test_groups (void)
{
  Two two = { 0 };
  Ask ask = { .group = "a" };
  guint32 numbers[4];

  two_open (&two, "");
  two.alpha.manner = ANSWER_NOTHING;
  ask_wait (&two.bench, &ask);
  g_assert_nonnull (strstr (ask.error, "alpha"));
  g_assert_cmpuint (two.beta.n_heard, ==, 0);
  ask_clear (&ask);
  ask.group = "ab";
  ask_once (&two.bench, &ask, "beta");
  ask_clear (&ask);
  g_assert_cmpuint (two.bench.ops->servers (two.bench.plugin, "a", numbers, 4), ==, 1);
  g_assert_cmpuint (numbers[0], ==, 1);
  g_assert_cmpuint (two.bench.ops->servers (two.bench.plugin, NULL, numbers, 1), ==, 2);
  g_assert_cmpuint (two.bench.ops->servers (two.bench.plugin, "c", numbers, 4), ==, 0);
  bench_close (&two.bench);
}

static void
test_equals_share (void)
{
  Bench bench;
  Fake fakes[3] = { { .think_us = 50000 }, { .think_us = 50000 }, { .think_us = 50000 } };
  Ask asks[60] = { 0 };

  bench_open (&bench, "secret = testing123\n servers { a { address = 192.0.2.1 }\n b { address = "
                      "192.0.2.2 }\n c { address = 192.0.2.3 } }");
  for (guint i = 0; i < 3; i++) {
    g_autofree char *address = g_strdup_printf ("192.0.2.%u", i + 1);
    fake_open (&fakes[i], &bench, address, 1812);
  }
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    ask_begin (&bench, &asks[i]);
  bench_run (&bench, 1);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpuint (fakes[i].n_heard, ==, 20);
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    ask_clear (&asks[i]);
  bench_close (&bench);
}

/* -- time */

static void
test_budget (void)
{
  Two two = { .alpha = { .manner = ANSWER_NOTHING }, .beta = { .manner = ANSWER_NOTHING } };
  Ask ask = { 0 };

  two_open (&two, "timeout = 20s");
  ask_wait (&two.bench, &ask);
  g_assert_cmpfloat (ask.at, <, 20.01);
  g_assert_nonnull (strstr (ask.error, "in time"));
  g_assert_nonnull (strstr (ask.error, "alpha"));
  g_assert_nonnull (strstr (ask.error, "beta"));
  assert_state (&two.bench, "alpha", "dead");
  /* It had what the other one left of the time, and that is too short to tell. */
  assert_state (&two.bench, "beta", "unknown");
  ask_clear (&ask);
  ask_wait (&two.bench, &ask);
  assert_state (&two.bench, "alpha", "dead");
  assert_state (&two.bench, "beta", "dead");
  ask_clear (&ask);
  /* When all are dead they are asked all the same. */
  two.beta.manner = ANSWER_WELL;
  ask_wait (&two.bench, &ask);
  g_assert_cmpstr (ask.error, ==, NULL);
  ask_clear (&ask);
  bench_close (&two.bench);
}

/* Where a request may take less time than a server, all of it is enough to tell. */
static void
test_dead_within_the_budget (void)
{
  Two two = { .alpha = { .manner = ANSWER_NOTHING } };
  Ask ask = { 0 };

  two_open (&two, "timeout = 10s");
  ask_wait (&two.bench, &ask);
  g_assert_nonnull (strstr (ask.error, "in time"));
  assert_state (&two.bench, "alpha", "dead");
  ask_clear (&ask);
  ask_once (&two.bench, &ask, "beta");
  ask_clear (&ask);
  bench_close (&two.bench);
}

/* -- Status-Server */

static void
test_status_server (void)
{
  Two two = { .alpha = { .manner = ANSWER_NOTHING } };
  Ask ask = { 0 };

  bench_open (&two.bench, "secret = testing123\n dead_time = 10s\n servers { alpha { address = "
                          "192.0.2.1\n preference = 2\n status_server = yes }\n beta { address = "
                          "192.0.2.2 } }");
  fake_open (&two.alpha, &two.bench, "192.0.2.1", 1812);
  fake_open (&two.beta, &two.bench, "192.0.2.2", 1812);
  ask_once (&two.bench, &ask, "beta");
  ask_clear (&ask);
  g_assert_cmpuint (two.alpha.n_status, ==, 0);
  bench_run (&two.bench, 60);
  g_assert_cmpuint (two.alpha.n_status, >=, 6);
  g_assert_cmpuint (two.alpha.n_heard, ==, 4);
  ask_once (&two.bench, &ask, "beta");
  ask_clear (&ask);
  two.alpha.manner = ANSWER_WRONG_SECRET;
  bench_run (&two.bench, 30);
  assert_state (&two.bench, "alpha", "dead");
  two.alpha.manner = ANSWER_WELL;
  bench_run (&two.bench, 30);
  assert_state (&two.bench, "alpha", "alive");
  ask_once (&two.bench, &ask, "alpha");
  ask_clear (&ask);
  two.alpha.n_status = 0;
  bench_run (&two.bench, 60);
  g_assert_cmpuint (two.alpha.n_status, ==, 0);
  bench_close (&two.bench);
}

/* The accounting port has a health of its own, and says Accounting-Response. */
static void
test_accounting_is_apart (void)
{
  Bench bench;
  Fake auth = { 0 }, acct = { .manner = ANSWER_NOTHING };
  Ask ask = { 0 }, account = { .code = IKE_RADIUS_ACCOUNTING_REQUEST };

  bench_open (&bench, "servers { alpha { address = 192.0.2.1\n secret = testing123 } }");
  fake_open (&auth, &bench, "192.0.2.1", 1812);
  fake_open (&acct, &bench, "192.0.2.1", 1813);
  ask_wait (&bench, &account);
  g_assert_nonnull (account.error);
  ask_once (&bench, &ask, "alpha");
  assert_state (&bench, "alpha", "alive");
  assert_state (&bench, "alpha accounting", "dead");
  ask_clear (&ask);
  ask_clear (&account);
  bench_close (&bench);
}

/* What a request says, which may be a password in an EAP-Message, is wiped with each packet that it
 * was in: the one to alpha, and the other one to beta. */
static void
test_wiped (void)
{
  static const char name[] = "through-the-looking-glass";
  Two two = { .alpha = { .manner = ANSWER_NOTHING } };
  Ask ask = { .user = name };

  two_open (&two, "");
  freed_watch (name);
  ask_once (&two.bench, &ask, "beta");
  g_assert_cmpuint (freed_end (), ==, 0);
  ask_clear (&ask);
  bench_close (&two.bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/radius/failover/pace-of-retransmission", test_pace);
  g_test_add_func ("/radius/failover/pace-of-one-server", test_pace_is_set);
  g_test_add_func ("/radius/failover/what-is-sent-again-is-the-same", test_repeated_is_same);
  g_test_add_func ("/radius/failover/next-one-inside-a-request", test_fail_over);
  g_test_add_func ("/radius/failover/one-request-tries-who-was-dead", test_back);
  g_test_add_func ("/radius/failover/all-move-when-one-dies", test_all_move);
  g_test_add_func ("/radius/failover/who-waits-moves-unsent", test_waiting_move_unsent);
  g_test_add_func ("/radius/failover/room-goes-before-preference", test_full);
  g_test_add_func ("/radius/failover/who-answers-others-lives", test_one_without_answer);
  g_test_add_func ("/radius/failover/state-goes-to-one-only", test_only_one);
  g_test_add_func ("/radius/failover/groups", test_groups);
  g_test_add_func ("/radius/failover/equals-share", test_equals_share);
  g_test_add_func ("/radius/failover/time-is-bounded-and-the-dead-are-asked", test_budget);
  g_test_add_func ("/radius/failover/dead-within-the-budget", test_dead_within_the_budget);
  g_test_add_func ("/radius/failover/status-server", test_status_server);
  g_test_add_func ("/radius/failover/accounting-has-its-own-health", test_accounting_is_apart);
  g_test_add_func ("/radius/failover/what-was-asked-is-wiped", test_wiped);
  return g_test_run ();
}
