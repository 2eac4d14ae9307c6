/* SPDX-License-Identifier: Apache-2.0 */
/* bench.c - for tests: an engine with a file of cards, and conversations in it. */
#include "bench.h"
#include "attributes.h"

#include <glib/gstdio.h>
#include <string.h>

enum { TURNS_MAX = 20, OUTCOME_NONE = 99 };

/* -- the engine */

#define KIND(symbol, kind_name, type)                                                              \
  static const IkeFeatureKind symbol = { .struct_size = sizeof symbol,                             \
                                         .name = kind_name,                                        \
                                         .major = 1,                                               \
                                         .ops_size_min = sizeof (type),                            \
                                         .ops_size_max = sizeof (type) }

KIND (server_kind, "eap-server", IkeEapClass);
KIND (peer_kind, "eap-peer", IkeEapClass);
static const IkeFeatureKind *const kinds[] = { &server_kind, &peer_kind, NULL };
static const IkePluginInfo host = { .struct_size = sizeof host,
                                    .abi_major = IKE_ABI_MAJOR,
                                    .abi_minor = IKE_ABI_MINOR,
                                    .name = "eap-host",
                                    .version = "1.0",
                                    .license = "Apache-2.0",
                                    .summary = "a part of the test",
                                    .kinds = kinds };

static void
start (SimBench *bench, const char *options, const IkePluginInfo *const *more)
{
  /* Databases only where a test names one. */
  const char *const plugins[] = { "crypto-openssl",
                                  "eap-sim",
                                  "eap-aka",
                                  "sim-file",
                                  "eap-host",
                                  "sim-test",
                                  strstr (options, "database") ? "sim-sqlite" : NULL,
                                  "sqlite",
                                  NULL };
  const IkePluginInfo *builtin[] = { &host, more ? more[0] : NULL, NULL };
  const char *top = g_getenv ("IKE_TOP_BUILDDIR");
  g_autofree char *dir = g_build_filename (top ? top : "..", "plugins", ".libs", NULL);
  g_autofree char *settings =
      g_strdup_printf ("plugins { sim-file { file = \"%s\" } %s }", bench->cards, options);
  g_autoptr (GError) error = NULL;
  IkeEngineOptions engine = { .struct_size = sizeof engine,
                              .flags = IKE_ENGINE_NO_CONFIG | IKE_ENGINE_FORCE_WAITS,
                              .sim = bench->sim,
                              .n_shards = 1,
                              .settings = settings,
                              .plugin_dir = dir,
                              .plugins = plugins,
                              .builtin = builtin };

  bench->engine = ike_engine_new (&engine, &error);
  g_assert_no_error (error);
  ike_engine_start (bench->engine, &error);
  g_assert_no_error (error);
  ike_sim_settle (bench->sim);
}

SimBench *
sim_bench_new (const char *cards, const char *options, const IkePluginInfo *const *builtin)
{
  SimBench *bench = g_new0 (SimBench, 1);
  g_autoptr (GError) error = NULL;

  bench->dir = g_dir_make_tmp ("ikebana-sim-XXXXXX", &error);
  g_assert_no_error (error);
  bench->cards = g_build_filename (bench->dir, "cards", NULL);
  g_assert_true (g_file_set_contents (bench->cards, cards, -1, &error));
  g_assert_cmpint (g_chmod (bench->cards, 0600), ==, 0);
  bench->sim = ike_sim_new (1);
  start (bench, options, builtin);
  return bench;
}

void
sim_bench_restart (SimBench *bench, const char *options, gboolean politely)
{
  /* As after kill -9: what the first one would write when it ends comes after the second began. */
  IkeEngine *before = bench->engine;

  if (politely)
    ike_engine_free (g_steal_pointer (&before));
  start (bench, options, NULL);
  ike_engine_free (before);
}

void
sim_bench_free (SimBench *bench)
{
  g_autoptr (GDir) dir = g_dir_open (bench->dir, 0, NULL);
  const char *name;

  ike_engine_free (bench->engine);
  ike_sim_free (bench->sim);
  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (bench->dir, name, NULL);
    g_unlink (path);
  }
  g_rmdir (bench->dir);
  g_free (bench->dir);
  g_free (bench->cards);
  g_free (bench);
}

/* -- one end */

typedef struct {
  SimEnd *end;
  const guint8 *packet;
  gsize len;
  guint8 identifier;
} Turn;

static void
stepped (gpointer owner, gpointer data, gpointer result, const char *error)
{
  SimEnd *end = owner;

  end->step = result;
  end->error = g_strdup (error);
}

static const IkeCallClass step_call = { .struct_size = sizeof step_call,
                                        .name = "step",
                                        .timeout_ms = 60000,
                                        .then = stepped,
                                        .undo = ike_eap_step_free };

static void
run_step (gpointer data)
{
  Turn *turn = data;
  SimEnd *end = turn->end;
  const IkeEapClass *klass = end->method->ops;
  IkeCall *call = ike_loop_call (end->context.loop, &step_call, end, NULL);

  klass->step (end->state, call, turn->packet, turn->len, turn->identifier);
}

static void
run_begin (gpointer data)
{
  SimEnd *end = data;
  const IkeEapClass *klass = end->method->ops;

  end->state = klass->begin (end->method->plugin, &end->context, &end->error);
}

static void
run_end (gpointer data)
{
  SimEnd *end = data;
  const IkeEapClass *klass = end->method->ops;

  klass->end (end->state);
}

void
sim_end_begin (SimEnd *end, SimBench *bench, const char *feature, const char *identity)
{
  g_autoptr (GError) error = NULL;

  memset (end, 0, sizeof *end);
  end->bench = bench;
  end->method = ike_feature_find (bench->engine, feature, &error);
  g_assert_no_error (error);
  if (identity)
    end->identity = ike_ident_new (IKE_ID_RFC822_ADDR, identity, strlen (identity));
  end->context = (IkeEapContext){ .struct_size = sizeof end->context,
                                  .engine = bench->engine,
                                  .loop = ike_engine_shard (bench->engine, 0),
                                  .identity = end->identity };
  ike_loop_post (end->context.loop, run_begin, end, NULL);
  ike_sim_settle (bench->sim);
}

void
sim_end_post (SimEnd *end, const guint8 *packet, gsize len, guint8 identifier)
{
  Turn turn = { end, NULL, len, identifier };

  /* Of its own size, so that a read behind the end is seen. */
  g_free (end->packet);
  turn.packet = end->packet = packet ? g_memdup2 (packet, len) : NULL;
  ike_eap_step_free (g_steal_pointer (&end->step));
  g_clear_pointer (&end->error, g_free);
  ike_loop_post (end->context.loop, run_step, &turn, NULL);
  ike_sim_settle (end->bench->sim);
}

void
sim_end_step (SimEnd *end, const guint8 *packet, gsize len, guint8 identifier)
{
  sim_end_post (end, packet, len, identifier);
  g_assert_true (end->step || end->error);
}

void
sim_end_clear (SimEnd *end)
{
  if (end->state) {
    ike_loop_post (end->context.loop, run_end, end, NULL);
    ike_sim_settle (end->bench->sim);
  }
  ike_eap_step_free (end->step);
  ike_ident_unref (end->identity);
  g_free (end->packet);
  g_free (end->error);
  memset (end, 0, sizeof *end);
}

/* -- both */

static guint
outcome_of (const SimEnd *end)
{
  return end->step ? end->step->outcome : OUTCOME_NONE;
}

/* What @from said, as the other one gets it; NULL: nothing. */
static GByteArray *
carry (SimConversation *talk, const SimEnd *from, SimTamper tamper, gpointer data)
{
  GByteArray *packet;

  if (!from->step || !from->step->packet)
    return NULL;
  packet = g_byte_array_append (g_byte_array_new (), from->step->packet, (guint) from->step->len);
  if (tamper)
    tamper (talk->packets->len, packet, data);
  g_ptr_array_add (talk->packets, packet);
  return packet;
}

void
sim_converse (SimConversation *talk, SimBench *bench, const char *method, const char *identity,
              SimTamper tamper, gpointer data)
{
  sim_converse_between (talk, (SimBench *[]){ bench, bench }, method, identity, tamper, data);
}

void
sim_converse_between (SimConversation *talk, SimBench *const benches[static 2], const char *method,
                      const char *identity, SimTamper tamper, gpointer data)
{
  g_autofree char *server = g_strconcat ("eap-server:", method, NULL);
  g_autofree char *peer = g_strconcat ("eap-peer:", method, NULL);
  GByteArray *packet;
  guint8 identifier = 7;

  talk->packets = g_ptr_array_new_with_free_func ((GDestroyNotify) g_byte_array_unref);
  sim_end_begin (&talk->server, benches[0], server, identity);
  sim_end_begin (&talk->peer, benches[1], peer, identity);
  g_assert_nonnull (talk->server.state);
  g_assert_nonnull (talk->peer.state);
  sim_end_step (&talk->server, NULL, 0, identifier);
  while (talk->packets->len < TURNS_MAX) {
    if (outcome_of (&talk->server) != IKE_EAP_MORE
        || !(packet = carry (talk, &talk->server, tamper, data)))
      break;
    sim_end_step (&talk->peer, packet->data, packet->len, identifier);
    if (!(packet = carry (talk, &talk->peer, tamper, data)))
      break;
    sim_end_step (&talk->server, packet->data, packet->len, ++identifier);
  }
  g_assert_cmpuint (talk->packets->len, <, TURNS_MAX);
}

void
sim_conversation_is_good (const SimConversation *talk)
{
  const IkeEapStep *server = talk->server.step, *peer = talk->peer.step;

  g_assert_cmpstr (server ? server->reason : talk->server.error, ==, NULL);
  g_assert_cmpstr (peer ? peer->reason : talk->peer.error, ==, NULL);
  g_assert_cmpuint (server->outcome, ==, IKE_EAP_DONE);
  g_assert_cmpuint (peer->outcome, ==, IKE_EAP_DONE);
  g_assert_cmpmem (ike_secret_blob_data (server->msk), ike_secret_blob_len (server->msk),
                   ike_secret_blob_data (peer->msk), ike_secret_blob_len (peer->msk));
  g_assert_cmpuint (ike_secret_blob_len (server->msk), >=, IKE_EAP_MSK_MIN);
}

static void
has_failed (const SimEnd *end, const char *reason)
{
  g_assert_nonnull (end->step);
  g_assert_cmpuint (end->step->outcome, ==, IKE_EAP_FAILED);
  g_assert_null (end->step->msk);
  if (!strstr (end->step->reason, reason))
    g_error ("\"%s\" is not about \"%s\"", end->step->reason, reason);
}

void
sim_conversation_is_refused (const SimConversation *talk, const char *reason)
{
  has_failed (&talk->server, reason);
}

void
sim_conversation_is_left (const SimConversation *talk, const char *reason)
{
  has_failed (&talk->peer, reason);
}

void
sim_conversation_clear (SimConversation *talk)
{
  sim_end_clear (&talk->server);
  sim_end_clear (&talk->peer);
  g_clear_pointer (&talk->packets, g_ptr_array_unref);
}

/* -- changes */

void
sim_add_hex (GByteArray *packet, const char *text)
{
  for (; *text; text++) {
    guint8 byte;

    if (*text == ' ')
      continue;
    byte = (guint8) (g_ascii_xdigit_value (text[0]) << 4 | g_ascii_xdigit_value (text[1]));
    g_byte_array_append (packet, &byte, 1);
    text++;
  }
}

static guint
find (const GByteArray *packet, guint8 attribute)
{
  guint at = SIM_HEADER_LEN;

  while (at < packet->len && packet->data[at] != attribute)
    at += packet->data[at + 1] * 4u;
  g_assert_cmpuint (at, <, packet->len);
  return at;
}

void
sim_change (guint turn, GByteArray *packet, gpointer data)
{
  const SimChange *what = data;

  if (turn != what->turn)
    return;
  if (what->with) {
    g_byte_array_set_size (packet, SIM_HEADER_LEN);
    packet->data[5] =
        (guint8) (g_ascii_xdigit_value (what->with[0]) << 4 | g_ascii_xdigit_value (what->with[1]));
    sim_add_hex (packet, what->with + 2);
  }
  if (what->attribute)
    packet->data[find (packet, what->attribute) + what->at] ^= what->flip;
  if (what->append)
    sim_add_hex (packet, what->append);
  packet->data[2] = (guint8) (packet->len >> 8);
  packet->data[3] = (guint8) packet->len;
}

void
sim_try_changes (SimBench *bench, const char *method, const char *identity,
                 const SimChange *changes, guint n)
{
  for (guint i = 0; i < n; i++) {
    SimConversation talk;

    g_test_message ("change %u", i);
    sim_converse (&talk, bench, method, identity, sim_change, (gpointer) &changes[i]);
    if (changes[i].peer_says)
      sim_conversation_is_left (&talk, changes[i].peer_says);
    if (changes[i].server_says)
      sim_conversation_is_refused (&talk, changes[i].server_says);
    if (!changes[i].peer_says && !changes[i].server_says)
      sim_conversation_is_good (&talk);
    sim_conversation_clear (&talk);
  }
}
