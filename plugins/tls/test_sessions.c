/* SPDX-License-Identifier: Apache-2.0 */
/* test_sessions.c - two sessions in memory: the handshake, data, keys, and what breaks them. */
#include <string.h>

#include "test_support.h"

typedef struct {
  TlsBench bench;
  const IkeTlsOps *tls;
  IkeTls *server, *client;
} Two;

static void
two_open (Two *two, guint16 version)
{
  g_autoptr (IkeIdent) name = ike_ident_parse ("server.test", NULL);
  g_autoptr (IkeIdent) client_name = ike_ident_parse ("client.test", NULL);
  const IkeTlsConf server = { .struct_size = sizeof server,
                              .is_server = TRUE,
                              .peer = IKE_TLS_REQUIRED,
                              .own_id = name,
                              .min_version = version,
                              .max_version = version };
  const IkeTlsConf client = { .struct_size = sizeof client,
                              .own = IKE_TLS_REQUIRED,
                              .own_id = client_name,
                              .expected = name,
                              .server_name = "server.test" };

  tls_bench_open (&two->bench, NULL);
  two->tls = two->bench.tls;
  two->server = tls_bench_session (&two->bench, &server);
  two->client = tls_bench_session (&two->bench, &client);
}

static void
two_close (Two *two)
{
  two->tls->free (two->server);
  two->tls->free (two->client);
  tls_bench_close (&two->bench);
}

static void
assert_up (Two *two)
{
  g_assert_cmpstr (two->tls->reason (two->client), ==, NULL);
  g_assert_cmpstr (two->tls->reason (two->server), ==, NULL);
  g_assert_cmpint (two->tls->state (two->client), ==, IKE_TLS_UP);
  g_assert_cmpint (two->tls->state (two->server), ==, IKE_TLS_UP);
}

static void
say (Two *two, IkeTls *from, IkeTls *to, const char *text, gsize piece)
{
  char heard[64] = "";

  g_assert_true (two->tls->write (from, (const guint8 *) text, strlen (text)));
  tls_bench_pump (&two->bench, from, to, piece);
  g_assert_cmpuint (two->tls->read (to, (guint8 *) heard, sizeof heard), ==, strlen (text));
  g_assert_cmpstr (heard, ==, text);
  g_assert_cmpuint (two->tls->read (to, (guint8 *) heard, sizeof heard), ==, 0);
}

static void
assert_same_key (Two *two, const char *label, const guint8 *context, gsize len)
{
  guint8 a[64] = { 0 }, b[64] = { 1 };

  g_assert_true (two->tls->export_key (two->client, label, context, len, a, sizeof a));
  g_assert_true (two->tls->export_key (two->server, label, context, len, b, sizeof b));
  g_assert_cmpmem (a, sizeof a, b, sizeof b);
}

static void
talk (guint16 version, gsize piece)
{
  static const guint8 context[] = { 13 };
  Two two;

  two_open (&two, version);
  tls_bench_pump (&two.bench, two.client, two.server, piece);
  assert_up (&two);
  g_assert_cmphex (two.tls->info (two.client)->version, ==, version);
  g_assert_cmphex (two.tls->info (two.server)->version, ==, version);
  g_assert_cmpstr (two.tls->info (two.client)->cipher, ==, two.tls->info (two.server)->cipher);
  g_assert_cmpuint (two.tls->info (two.client)->n, ==, 2);
  g_assert_cmpuint (two.tls->info (two.server)->n, ==, 2);
  say (&two, two.client, two.server, "a question", piece);
  say (&two, two.server, two.client, "an answer", piece);
  assert_same_key (&two, "client EAP encryption", NULL, 0);
  assert_same_key (&two, "EXPORTER_EAP_TLS_Key_Material", context, sizeof context);
  two_close (&two);
}

static void
test_talk (gconstpointer version)
{
  talk ((guint16) GPOINTER_TO_UINT (version), 0);
}

static void
test_bytes (gconstpointer version)
{
  talk ((guint16) GPOINTER_TO_UINT (version), 1);
}

static void
test_close (gconstpointer version)
{
  char heard[8] = "";
  Two two;

  two_open (&two, (guint16) GPOINTER_TO_UINT (version));
  tls_bench_pump (&two.bench, two.client, two.server, 0);
  g_assert_true (two.tls->write (two.client, (const guint8 *) "last", 4));
  two.tls->close (two.client);
  two.tls->close (two.client);
  g_assert_false (two.tls->write (two.client, (const guint8 *) "more", 4));
  tls_bench_carry (&two.bench, two.client, two.server, 0);
  g_assert_cmpuint (two.tls->read (two.server, (guint8 *) heard, sizeof heard), ==, 4);
  g_assert_cmpuint (two.tls->read (two.server, (guint8 *) heard, sizeof heard), ==, 0);
  g_assert_cmpint (two.tls->state (two.server), ==, IKE_TLS_CLOSED);
  g_assert_cmpstr (two.tls->reason (two.server), ==, NULL);
  assert_same_key (&two, "client EAP encryption", NULL, 0);
  two_close (&two);
}

static guint64
n_decoded (const TlsBench *bench)
{
  return ike_counter_get (bench->engine, "tls.decoded");
}

/* Sessions that go, and others that come: of each certificate there is one decoding, until the
 * credentials are read anew. */
static void
test_decoded_once (void)
{
  g_autoptr (IkeIdent) name = ike_ident_parse ("server.test", NULL);
  const IkeTlsConf server = {
    .struct_size = sizeof server, .is_server = TRUE, .peer = IKE_TLS_REQUIRED, .own_id = name
  };
  g_autoptr (GError) error = NULL;
  IkeTree *result;
  Two two;

  two_open (&two, IKE_TLS_1_3);
  g_assert_cmpuint (n_decoded (&two.bench), ==, 2);
  for (guint i = 0; i < 20; i++)
    two.tls->free (tls_bench_session (&two.bench, &server));
  g_assert_cmpuint (n_decoded (&two.bench), ==, 2);
  result = ike_engine_reload (two.bench.engine, FALSE, &error);
  g_assert_no_error (error);
  ike_tree_free (result);
  ike_sim_settle (two.bench.sim);
  two.tls->free (tls_bench_session (&two.bench, &server));
  two.tls->free (tls_bench_session (&two.bench, &server));
  g_assert_cmpuint (n_decoded (&two.bench), ==, 3);
  /* Whoever began before goes on with what it has. */
  tls_bench_pump (&two.bench, two.client, two.server, 0);
  assert_up (&two);
  two_close (&two);
}

enum { OPENERS = 4, OPENED = 100 };

static gpointer
open_many (gpointer data)
{
  TlsBench *bench = data;
  g_autoptr (IkeIdent) name = ike_ident_parse ("server.test", NULL);
  const IkeTlsConf server = { .struct_size = sizeof server, .is_server = TRUE, .own_id = name };

  for (guint i = 0; i < OPENED; i++)
    bench->tls->free (tls_bench_session (bench, &server));
  return NULL;
}

/* At the same time, while all is forgotten again and again. */
static void
test_decoded_by_many (void)
{
  GThread *threads[OPENERS];
  Two two;

  two_open (&two, IKE_TLS_1_3);
  for (guint i = 0; i < OPENERS; i++)
    threads[i] = g_thread_new ("opener", open_many, &two.bench);
  for (guint i = 0; i < 20; i++)
    ike_tree_free (ike_engine_reload (two.bench.engine, FALSE, NULL));
  for (guint i = 0; i < OPENERS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (n_decoded (&two.bench), <=, 2 + OPENERS * OPENED);
  tls_bench_pump (&two.bench, two.client, two.server, 0);
  assert_up (&two);
  two_close (&two);
}

/* An end before there was a session: there are no keys, either. */
static void
test_closed_before (gconstpointer version)
{
  static const guint8 close_notify[] = { 21, 3, 3, 0, 2, 1, 0 };
  guint8 key[32];
  Two two;

  two_open (&two, (guint16) GPOINTER_TO_UINT (version));
  g_assert_cmpint (two.tls->feed (two.server, close_notify, sizeof close_notify), !=, IKE_TLS_UP);
  g_assert_false (
      two.tls->export_key (two.server, "client EAP encryption", NULL, 0, key, sizeof key));
  two_close (&two);
}

/* What has not come whole is waited for, for ever. */
static void
test_truncated (gconstpointer version)
{
  guint8 flight[8192];
  Two two;
  gsize n;

  two_open (&two, (guint16) GPOINTER_TO_UINT (version));
  n = two.tls->drain (two.client, flight, sizeof flight);
  two.tls->feed (two.server, flight, n - 1);
  g_assert_cmpint (two.tls->state (two.server), ==, IKE_TLS_HANDSHAKE);
  g_assert_cmpuint (two.tls->pending (two.server), ==, 0);
  two.tls->feed (two.server, flight + n - 1, 1);
  g_assert_cmpuint (two.tls->pending (two.server), >, 0);
  two_close (&two);
}

/* Nothing may be changed without the server's noticing. */
static void
test_changed (gconstpointer version)
{
  guint8 data[256];
  Two two;
  gsize n;

  two_open (&two, (guint16) GPOINTER_TO_UINT (version));
  tls_bench_pump (&two.bench, two.client, two.server, 0);
  assert_up (&two);
  g_assert_true (two.tls->write (two.client, (const guint8 *) "hello", 5));
  n = two.tls->drain (two.client, data, sizeof data);
  data[n - 1] ^= 1;
  g_assert_cmpint (two.tls->feed (two.server, data, n), ==, IKE_TLS_FAILED);
  g_assert_nonnull (two.tls->reason (two.server));
  g_assert_cmpuint (two.tls->read (two.server, data, sizeof data), ==, 0);
  tls_bench_carry (&two.bench, two.server, two.client, 0);
  g_assert_cmpint (two.tls->state (two.client), ==, IKE_TLS_FAILED);
  two_close (&two);
}

static void
test_garbage (void)
{
  guint8 noise[512];

  for (guint32 seed = 0; seed < 40; seed++) {
    g_autoptr (GRand) random = g_rand_new_with_seed (seed);
    Two two;

    if (seed > 3 && !g_test_slow ())
      break;
    for (gsize i = 0; i < sizeof noise; i++)
      noise[i] = (guint8) g_rand_int_range (random, 0, 256);
    two_open (&two, IKE_TLS_1_3);
    g_assert_cmpint (two.tls->feed (two.server, noise, sizeof noise), ==, IKE_TLS_FAILED);
    g_assert_cmpint (two.tls->feed (two.client, noise, sizeof noise), ==, IKE_TLS_FAILED);
    g_assert_nonnull (two.tls->reason (two.server));
    g_assert_cmpint (two.tls->feed (two.server, noise, sizeof noise), ==, IKE_TLS_FAILED);
    two_close (&two);
  }
}

static void
test_limits (void)
{
  static const guint8 zeros[IKE_TLS_INPUT_MAX + 1];
  guint8 record[4096 + 5] = { 22, 3, 1, 16, 0, 1, 0, 0xff, 0xff };
  IkeTlsState state = IKE_TLS_HANDSHAKE;
  guint n = 0;
  Two two;

  two_open (&two, IKE_TLS_1_3);
  /* A ClientHello of 65535 bytes, of which nothing is wrong but its length. */
  while (state == IKE_TLS_HANDSHAKE && n++ < 64)
    state = two.tls->feed (two.server, record, sizeof record);
  g_assert_cmpint (state, ==, IKE_TLS_FAILED);
  g_assert_cmpuint (n, <=, 17);
  g_assert_cmpint (two.tls->feed (two.client, zeros, sizeof zeros), ==, IKE_TLS_FAILED);
  g_assert_nonnull (strstr (two.tls->reason (two.client), "longer than 65536 bytes"));
  two_close (&two);

  two_open (&two, IKE_TLS_1_3);
  tls_bench_pump (&two.bench, two.client, two.server, 0);
  g_assert_false (two.tls->write (two.client, zeros, 0));
  g_assert_false (two.tls->write (two.client, zeros, IKE_TLS_WRITE_MAX + 1));
  for (n = 0; n < 64 && two.tls->write (two.client, zeros, IKE_TLS_WRITE_MAX); n++)
    ;
  g_assert_cmpuint (n, <, 20);
  g_assert_cmpuint (two.tls->pending (two.client), <=, IKE_TLS_OUTPUT_MAX);
  two_close (&two);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*run) (gconstpointer version);
  } tests[] = {
    { "both-come-up-and-have-the-same-keys", test_talk },
    { "byte-by-byte-it-is-the-same", test_bytes },
    { "the-end-is-heard-after-what-came-before", test_close },
    { "the-end-before-the-beginning-has-no-keys", test_closed_before },
    { "a-record-that-is-cut-is-waited-for", test_truncated },
    { "a-changed-byte-ends-both", test_changed },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    for (guint16 version = IKE_TLS_1_2; version <= IKE_TLS_1_3; version++) {
      g_autofree char *path =
          g_strdup_printf ("/sessions/1.%u/%s", version - 0x301u, tests[i].name);
      g_test_add_data_func (path, GUINT_TO_POINTER (version), tests[i].run);
    }
  g_test_add_func ("/sessions/our-certificate-is-decoded-once", test_decoded_once);
  g_test_add_func ("/sessions/our-certificate-is-decoded-by-many", test_decoded_by_many);
  g_test_add_func ("/sessions/noise-is-refused", test_garbage);
  g_test_add_func ("/sessions/what-a-peer-may-send-is-bounded", test_limits);
  return g_test_run ();
}
