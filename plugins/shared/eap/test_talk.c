/* SPDX-License-Identifier: Apache-2.0 */
/* test_talk.c - see test_talk.h. */
#include "test_talk.h"

#include <string.h>

static const IkeFeatureKind server_kind = { sizeof (IkeFeatureKind), "eap-server",        1, 0,
                                            sizeof (IkeEapClass),    sizeof (IkeEapClass) };
static const IkeFeatureKind peer_kind = { sizeof (IkeFeatureKind), "eap-peer",          1, 0,
                                          sizeof (IkeEapClass),    sizeof (IkeEapClass) };
static const IkeFeatureKind *const kinds[] = { &server_kind, &peer_kind, NULL };
static const IkeFeature *const no_features[] = { NULL };
static const IkePluginInfo kinds_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "talk",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "the kinds of methods",
  .features = no_features,
  .kinds = kinds,
};

static void
show_errors (const IkeLogRecord *record, gpointer data)
{
  if (record->level == IKE_LOG_ERROR)
    g_test_message ("%s: %s", record->group, record->text);
}

void
eap_bench_open (EapBench *bench, const char *const *plugins, const char *settings)
{
  static const IkePluginInfo *const builtin[] = { &kinds_plugin, NULL };
  g_autofree char *directory = g_strconcat (g_getenv ("IKE_TOP_BUILDDIR"), "/plugins/.libs", NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;

  g_ptr_array_add (names, (gpointer) "talk");
  for (guint i = 0; plugins[i]; i++)
    g_ptr_array_add (names, (gpointer) plugins[i]);
  g_ptr_array_add (names, NULL);
  bench->sim = ike_sim_new (1);
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .name = "bench",
                               .sim = bench->sim,
                               .n_shards = 1,
                               .settings = settings,
                               .plugin_dir = directory,
                               .plugins = (const char *const *) names->pdata,
                               .builtin = builtin,
                               .log_fallback = show_errors };

  bench->engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (bench->engine, &error);
  g_assert_no_error (error);
}

void
eap_bench_close (EapBench *bench)
{
  ike_engine_free (bench->engine);
  ike_sim_free (bench->sim);
}

void
eap_bench_open_both (EapBench *right, EapBench *wrong, const char *const *plugins)
{
  eap_bench_open (right, plugins, "secrets { eap-c { id = carol\n secret = secret\n } }\n");
  eap_bench_open (wrong, plugins,
                  "secrets { eap-c { id = carol\n secret = Secret\n }\n"
                  "eap-d { id = dave\n secret = secret\n } }\n");
}

static void
on_shard (EapBench *bench, IkeFunc run, gpointer data)
{
  ike_loop_post (ike_engine_shard (bench->engine, 0), run, data, NULL);
  ike_sim_settle (bench->sim);
}

static void
run_begin (gpointer data)
{
  EapEnd *end = data;

  end->state = end->klass->begin (end->plugin, &end->context, &end->why);
}

void
eap_end_begin (EapEnd *end)
{
  if (end->state)
    end->klass->end (end->state);
  end->state = NULL;
  g_clear_pointer (&end->why, g_free);
  g_clear_pointer (&end->last, ike_eap_step_free);
  on_shard (end->bench, run_begin, end);
  g_assert_true ((end->state == NULL) == (end->why != NULL));
}

void
eap_end_open (EapEnd *end, EapBench *bench, const char *feature, const char *identity)
{
  g_autoptr (GError) error = NULL;
  const IkeProvided *provided = ike_feature_find (bench->engine, feature, &error);

  g_assert_no_error (error);
  memset (end, 0, sizeof *end);
  end->bench = bench;
  end->klass = provided->ops;
  end->plugin = provided->plugin;
  end->context = (IkeEapContext){ .struct_size = sizeof (IkeEapContext),
                                  .engine = bench->engine,
                                  .loop = ike_engine_shard (bench->engine, 0) };
  if (identity)
    end->context.identity = ike_ident_parse (identity, NULL);
  eap_end_begin (end);
}

void
eap_end_close (EapEnd *end)
{
  if (end->state)
    end->klass->end (end->state);
  g_free (end->why);
  ike_eap_step_free (end->last);
  ike_ident_unref ((IkeIdent *) end->context.identity);
  ike_ident_unref ((IkeIdent *) end->context.other);
}

typedef struct {
  EapEnd *end;
  const guint8 *packet;
  gsize len;
  guint8 identifier;
  IkeEapStep *answer;
} Turn;

static void
answered (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Turn *turn = data;

  g_assert_cmpstr (error, ==, NULL);
  turn->answer = result;
}

static const IkeCallClass turn_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "turn",
  .timeout_ms = 1000,
  .then = answered,
  .undo = ike_eap_step_free,
};

static void
run_turn (gpointer data)
{
  Turn *turn = data;
  EapEnd *end = turn->end;

  end->klass->step (end->state, ike_loop_call (end->context.loop, &turn_call, NULL, turn),
                    turn->packet, turn->len, turn->identifier);
}

const IkeEapStep *
eap_end_step (EapEnd *end, const guint8 *packet, gsize len, guint8 identifier)
{
  /* Of its own size, so that ASan sees what is read behind it. */
  g_autofree guint8 *copy = packet ? g_malloc (len + 1) : NULL;
  Turn turn = { end, copy ? copy + 1 : NULL, len, identifier, NULL };

  if (len > 0)
    memcpy (copy + 1, packet, len);
  on_shard (end->bench, run_turn, &turn);
  g_assert_nonnull (turn.answer);
  g_assert_true (turn.answer->outcome != IKE_EAP_FAILED || turn.answer->reason);
  g_assert_true (turn.answer->outcome != IKE_EAP_DONE || !turn.answer->reason);
  ike_eap_step_free (end->last);
  end->last = turn.answer;
  return end->last;
}

const IkeEapStep *
eap_talk_until (EapEnd *server, EapEnd *peer, guint n)
{
  guint8 identifier = 1;
  const IkeEapStep *said = eap_end_step (server, NULL, 0, identifier);

  for (guint i = 0; i < n && said->packet; i++)
    said = i % 2 == 0 ? eap_end_step (peer, said->packet, said->len, 0)
                      : eap_end_step (server, said->packet, said->len, ++identifier);
  return said;
}

gboolean
eap_talk (EapEnd *server, EapEnd *peer)
{
  eap_talk_until (server, peer, 2 * IKE_EAP_TURNS_MAX);
  return server->last->outcome == IKE_EAP_DONE && peer->last && peer->last->outcome == IKE_EAP_DONE;
}

void
eap_assert_failed (const IkeEapStep *step, const char *needle)
{
  g_assert_cmpuint (step->outcome, ==, IKE_EAP_FAILED);
  if (!strstr (step->reason, needle))
    g_error ("\"%s\" is not in \"%s\"", needle, step->reason);
  g_assert_null (step->msk);
  g_assert_null (step->identity);
}

void
eap_check_talk (EapBench *of_server, EapBench *of_peer, const char *method, const char *identity,
                const char *needle_or_null)
{
  g_autofree char *ours = g_strconcat ("eap-server:", method, NULL);
  g_autofree char *theirs = g_strconcat ("eap-peer:", method, NULL);
  EapEnd server, peer;

  eap_end_open (&server, of_server, ours, identity);
  eap_end_open (&peer, of_peer, theirs, identity);
  g_assert_cmpint (eap_talk (&server, &peer), ==, needle_or_null == NULL);
  g_assert_null (server.last->msk);
  if (needle_or_null)
    eap_assert_failed (server.last, needle_or_null);
  eap_end_close (&server);
  eap_end_close (&peer);
}
