/* SPDX-License-Identifier: Apache-2.0 */
/* test_radsec.c - RADIUS over TLS (RFC 6614): connections, and whom they are trusted to lead to. */
#include "test_world.h"
#include <errno.h>
#include <ikebana/fetch.h>
#include <string.h>
#include <unistd.h>

/* -- whether its certificate was revoked */

static void
find_good (IkePlugin *self, const IkeRevocationQuery *query, IkeCall *call)
{
  IkeRevocationVerdict *verdict = g_new0 (IkeRevocationVerdict, 1);

  g_assert_cmpuint (query->n, ==, 2);
  verdict->struct_size = sizeof *verdict;
  verdict->is_good = TRUE;
  ike_call_answer (call, verdict);
}

static void
find_revoked (IkePlugin *self, const IkeRevocationQuery *query, IkeCall *call)
{
  IkeRevocationVerdict *verdict = g_new0 (IkeRevocationVerdict, 1);

  verdict->struct_size = sizeof *verdict;
  g_strlcpy (verdict->reason, "revoked since yesterday", sizeof verdict->reason);
  ike_call_answer (call, verdict);
}

static void
find_nothing (IkePlugin *self, const IkeRevocationQuery *query, IkeCall *call)
{
  ike_call_fail (call, "the court is closed");
}

#define COURT(symbol, function)                                                                    \
  static const IkeRevocationClass symbol##_class = { .struct_size = sizeof symbol##_class,         \
                                                     .check = function };                          \
  static const IkeFeature symbol##_feature = { .struct_size = sizeof (IkeFeature),                 \
                                               .provides = "revocation:x509",                      \
                                               .ops = &symbol##_class };                           \
  static const IkeFeature *const symbol##_features[] = { &symbol##_feature, NULL };                \
  static const IkePluginInfo symbol = { .struct_size = sizeof symbol,                              \
                                        .abi_major = IKE_ABI_MAJOR,                                \
                                        .abi_minor = IKE_ABI_MINOR,                                \
                                        .name = "court",                                           \
                                        .version = "1",                                            \
                                        .license = "Apache-2.0",                                   \
                                        .summary = "knows whether certificates were revoked",      \
                                        .features = symbol##_features }

COURT (good_court, find_good);
COURT (revoked_court, find_revoked);
COURT (closed_court, find_nothing);

/* -- tests */

static void
test_one_connection (void)
{
  World world = { .piece = 0 };
  Ask first = { .with_eap = TRUE }, second = { 0 },
      account = { .code = IKE_RADIUS_ACCOUNTING_REQUEST },
      *asks[] = { &first, &second, &account, NULL };

  world_open (&world, "server.test", "");
  ask_each (&world.bench, asks);
  for (guint i = 0; asks[i]; i++)
    g_assert_cmpstr (asks[i]->error, ==, NULL);
  g_assert_cmpmem (ike_secret_blob_data (first.reply->mppe_recv),
                   ike_secret_blob_len (first.reply->mppe_recv), "recv", 4);
  g_assert_cmpuint (account.reply->code, ==, IKE_RADIUS_ACCOUNTING_RESPONSE);
  g_assert_cmpuint (world.n_connections, ==, 1);
  g_assert_cmpuint (world.n_requests, ==, 3);
  for (guint i = 0; asks[i]; i++)
    ask_clear (asks[i]);
  world_close (&world);
}

static void
test_pieces (void)
{
  World world = { .piece = 3 };
  Ask ask = { .with_eap = TRUE };

  world_open (&world, "server.test", "");
  world_ask (&world, &ask);
  ask_clear (&ask);
  world_close (&world);
}

/* What was on its way is sent again on the new connection, and answered there. */
static void
check_again (Behaviour behaviour, guint n_requests)
{
  World world = { .behaviour = behaviour };
  Ask ask = { .with_eap = TRUE };

  world_open (&world, "server.test", "");
  world_ask (&world, &ask);
  g_assert_cmpuint (world.n_connections, ==, 2);
  g_assert_cmpuint (world.n_requests, ==, n_requests);
  ask_clear (&ask);
  world_close (&world);
}

static void
test_closed (void)
{
  check_again (CLOSE_ON_REQUEST, 2);
}

typedef struct {
  World world;
  Ask ask;
} Goodbye;

static gboolean
has_come_again (gpointer data)
{
  const Goodbye *goodbye = data;

  return goodbye->ask.is_done && goodbye->world.n_connections == 2;
}

/* The answer is taken, the connection given up at once, though TCP is still there. */
static void
test_answered_and_closed (void)
{
  Goodbye goodbye = { { .behaviour = ANSWER_AND_CLOSE }, { .with_eap = TRUE } };

  world_open (&goodbye.world, "server.test", "");
  ask_begin (&goodbye.world.bench, &goodbye.ask);
  bench_until (&goodbye.world.bench, has_come_again, &goodbye);
  g_assert_cmpstr (goodbye.ask.error, ==, NULL);
  g_assert_cmpuint (goodbye.world.n_requests, ==, 1);
  ask_clear (&goodbye.ask);
  world_close (&goodbye.world);
}

static void
test_garbage (void)
{
  check_again (SPEAK_GARBAGE, 2);
}

/* What UDP drops, and waits for a better one. */
static void
test_bad_reply (gconstpointer behaviour)
{
  check_again ((Behaviour) GPOINTER_TO_UINT (behaviour), 2);
}

/* It may be of a request that was given up. */
static void
test_another (void)
{
  World world = { .behaviour = ANSWER_ANOTHER };
  Ask ask = { .with_eap = TRUE };

  world_open (&world, "server.test", "");
  world_ask (&world, &ask);
  g_assert_cmpuint (world.n_connections, ==, 1);
  ask_clear (&ask);
  world_close (&world);
}

static void
test_no_tls (void)
{
  check_again (SPEAK_NO_TLS, 1);
}

static void
check_refused (World *world, const char *name, const char *why)
{
  Ask ask = { .with_eap = TRUE };

  world_open (world, name, "retransmit_timeout = 0.15\n retransmit_tries = 1");
  ask_wait (&world->bench, &ask);
  g_test_message ("%s", ask.error);
  g_assert_nonnull (ask.error);
  g_assert_nonnull (strstr (ask.error, "cannot be reached by TLS"));
  g_assert_nonnull (strstr (ask.error, why));
  g_assert_cmpuint (world->n_requests, ==, 0);
  ask_clear (&ask);
  world_close (world);
}

static void
test_other_name (void)
{
  World world = { .piece = 0 };

  check_refused (&world, "another.test", "another.test");
}

static void
test_foreign (void)
{
  World world = { .behaviour = SHOW_FOREIGN };

  check_refused (&world, "foreign.test", "foreign");
}

static void
test_revoked (void)
{
  World world = { .court = &revoked_court };

  check_refused (&world, "server.test", "revoked since yesterday");
}

static void
test_strict (void)
{
  World world = { .court = &closed_court }, without = { .court = NULL };

  check_refused (&world, "server.test\n tls_revocation = strict", "the court is closed");
  check_refused (&without, "server.test\n tls_revocation = strict", "nothing that is loaded");
}

static void
check_let_in (const IkePluginInfo *court, const char *more)
{
  World world = { .court = court };
  Ask ask = { .with_eap = TRUE };

  world_open (&world, "server.test", more);
  world_ask (&world, &ask);
  ask_clear (&ask);
  world_close (&world);
}

static void
test_not_revoked (void)
{
  check_let_in (&good_court, "tls_revocation = strict");
  check_let_in (&closed_court, "");
}

static void
close_listener (gpointer data)
{
  World *world = data;

  ike_watch_free (g_steal_pointer (&world->listening));
  close (world->listener);
  world->listener = -1;
}

static void
test_nobody_there (void)
{
  World world = { .piece = 0 };
  Ask ask = { .with_eap = TRUE };

  world_open (&world, "server.test", "retransmit_timeout = 0.15\n retransmit_tries = 1");
  ike_loop_post (ike_engine_control (world.bench.engine), close_listener, &world, NULL);
  ask_wait (&world.bench, &ask);
  g_assert_nonnull (ask.error);
  g_assert_nonnull (strstr (ask.error, g_strerror (ECONNREFUSED)));
  ask_clear (&ask);
  world_close (&world);
}

/* Where no connection can be had nobody waits: the next server is asked at once. */
static void
test_next_at_once (void)
{
  World world = { .piece = 0 };
  Ask ask = { .with_eap = TRUE };
  double begun;

  world_open (&world, "server.test",
              "} gone { address = 127.0.0.1\n type = tls\n port = 1\n tls_id = server.test\n "
              "preference = 9\n retransmit_timeout = 20");
  begun = bench_now (&world.bench);
  world_ask (&world, &ask);
  g_assert_cmpfloat (ask.at - begun, <, 10);
  g_assert_cmpuint (world.n_requests, ==, 1);
  ask_clear (&ask);
  world_close (&world);
}

static gboolean
all_but_one_are_done (gpointer data)
{
  const Ask *asks = data;

  for (guint i = 0; i < WORLD_IDENTIFIERS; i++)
    if (!asks[i].is_done)
      return FALSE;
  return TRUE;
}

/* Where the server takes one connection only, what is on that stays there.  The one that wanted
 * another is left to itself. */
static void
test_second_is_refused (void)
{
  World world = { .behaviour = BE_SINGLE };
  Ask asks[WORLD_IDENTIFIERS + 1] = { 0 };

  world_open (&world, "server.test",
              "sockets = 2\n preference = 2\n retransmit_timeout = 25 }\n beta { address = "
              "127.0.0.1\n auth_port = 1\n secret = x");
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    ask_begin (&world.bench, &asks[i]);
  bench_until (&world.bench, all_but_one_are_done, asks);
  for (guint i = 0; i < WORLD_IDENTIFIERS; i++) {
    g_assert_cmpstr (asks[i].error, ==, NULL);
    g_assert_cmpstr (asks[i].reply->server_name, ==, "alpha");
  }
  g_assert_cmpuint (world.n_requests, ==, WORLD_IDENTIFIERS);
  world_close (&world);
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    ask_clear (&asks[i]);
}

typedef struct {
  World world;
  Ask asks[WORLD_IDENTIFIERS];
  gboolean are_begun;
} Crowd;

/* The first makes the connection; the others come while its server is busy, and it goes on when all
 * of them were to be sent. */
static gboolean
crowd_is_served (gpointer data)
{
  Crowd *crowd = data;
  World *world = &crowd->world;

  if (world->is_busy && !crowd->are_begun) {
    crowd->are_begun = TRUE;
    for (guint i = 1; i < WORLD_IDENTIFIERS; i++)
      ask_begin (&world->bench, &crowd->asks[i]);
  }
  if (world->is_busy
      && ike_counter_get (world->bench.engine, "radius.requests") == WORLD_IDENTIFIERS)
    world_resume (world);
  return all_but_one_are_done (crowd->asks);
}

/* What TLS does not take while much waits is sent when that is gone. */
static void
test_too_much_at_once (void)
{
  g_autofree Crowd *crowd = g_new0 (Crowd, 1);

  crowd->world.behaviour = BE_BUSY;
  world_open (&crowd->world, "server.test", "sockets = 1\n retransmit_timeout = 25");
  for (guint i = 0; i < WORLD_IDENTIFIERS; i++)
    crowd->asks[i].is_long = TRUE;
  ask_begin (&crowd->world.bench, &crowd->asks[0]);
  bench_until (&crowd->world.bench, crowd_is_served, crowd);
  for (guint i = 0; i < WORLD_IDENTIFIERS; i++)
    g_assert_cmpstr (crowd->asks[i].error, ==, NULL);
  g_assert_cmpuint (crowd->world.n_connections, ==, 1);
  world_close (&crowd->world);
  for (guint i = 0; i < WORLD_IDENTIFIERS; i++)
    ask_clear (&crowd->asks[i]);
}

/* Without the plugin tls, the reason says so. */
static void
test_no_service (void)
{
  Bench bench;
  Ask ask = { 0 };

  bench_open_real (
      &bench,
      "plugins { radius { servers { alpha { address = 127.0.0.1\n type = tls\n tls_id = "
      "a.test } } } }",
      NULL, NULL);
  ask_wait (&bench, &ask);
  g_assert_nonnull (strstr (ask.error, "service:tls"));
  ask_clear (&ask);
  bench_close (&bench);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  tls_bench_open (&world_tls, NULL);
  g_test_add_func ("/radius/radsec/one-connection-for-all", test_one_connection);
  g_test_add_func ("/radius/radsec/packets-in-pieces", test_pieces);
  g_test_add_func ("/radius/radsec/closed-in-the-middle", test_closed);
  g_test_add_func ("/radius/radsec/closed-behind-an-answer", test_answered_and_closed);
  g_test_add_func ("/radius/radsec/garbage-ends-the-connection", test_garbage);
  g_test_add_data_func ("/radius/radsec/bad-reply-ends-the-connection/malformed",
                        GUINT_TO_POINTER (CUT_ATTRIBUTE), test_bad_reply);
  g_test_add_data_func ("/radius/radsec/bad-reply-ends-the-connection/authenticator",
                        GUINT_TO_POINTER (SIGN_WRONGLY), test_bad_reply);
  g_test_add_data_func ("/radius/radsec/bad-reply-ends-the-connection/message-authenticator",
                        GUINT_TO_POINTER (MAC_WRONGLY), test_bad_reply);
  g_test_add_func ("/radius/radsec/reply-that-nobody-waits-for-is-dropped", test_another);
  g_test_add_func ("/radius/radsec/who-speaks-no-tls-is-tried-again", test_no_tls);
  g_test_add_func ("/radius/radsec/certificate-for-another-name", test_other_name);
  g_test_add_func ("/radius/radsec/certificate-of-a-stranger", test_foreign);
  g_test_add_func ("/radius/radsec/revoked", test_revoked);
  g_test_add_func ("/radius/radsec/not-known-to-be-revoked", test_strict);
  g_test_add_func ("/radius/radsec/not-revoked", test_not_revoked);
  g_test_add_func ("/radius/radsec/where-nobody-listens", test_nobody_there);
  g_test_add_func ("/radius/radsec/next-one-at-once", test_next_at_once);
  g_test_add_func ("/radius/radsec/second-connection-is-refused", test_second_is_refused);
  g_test_add_func ("/radius/radsec/more-at-once-than-tls-takes", test_too_much_at_once);
  g_test_add_func ("/radius/radsec/without-service-tls", test_no_service);
  status = g_test_run ();
  tls_bench_close (&world_tls);
  return status;
}
