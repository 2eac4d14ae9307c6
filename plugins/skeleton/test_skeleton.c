/* SPDX-License-Identifier: Apache-2.0 */
/* test_skeleton.c - the plugin to copy, in an engine with virtual time: events in, the command's
 * answer out. */
#include <ikebana/bus.h>
#include <ikebana/command.h>
#include <ikebana/engine.h>

typedef struct {
  IkeTree *result;
  char *error;
} Answer;

static void
answer_done (gpointer transport, const IkeTree *result, const char *error_code, const char *message)
{
  Answer *answer = transport;
  answer->result = result ? ike_tree_copy (result) : NULL;
  answer->error = g_strdup (error_code);
}

static const IkeRequestSink sink = { .struct_size = sizeof sink, .done = answer_done };

static IkeEngine *
start (IkeSim *sim, const char *settings)
{
  g_autoptr (GError) error = NULL;
  const char *top = g_getenv ("IKE_TOP_BUILDDIR");
  g_autofree char *dir = g_build_filename (top ? top : "..", "plugins", ".libs", NULL);
  IkeEngineOptions options = {
    .struct_size = sizeof options,
    .flags = IKE_ENGINE_NO_CONFIG,
    .sim = sim,
    .n_shards = 1,
    .settings = settings,
    .plugin_dir = dir,
    .plugins = (const char *const[]){ "skeleton", NULL },
  };
  IkeEngine *engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (engine, &error);
  g_assert_no_error (error);
  return engine;
}

static void
test_count (void)
{
  Answer answer = { 0 };
  IkeSim *sim = ike_sim_new (1);
  IkeEngine *engine = start (sim, "plugins { skeleton { greeting = good day } }");
  for (guint i = 0; i < 3; i++)
    ike_event_emit (
        engine, ike_event_new (engine, i == 1 ? "ike-down" : "ike-up", ike_tree_new_section ()));
  ike_sim_settle (sim);
  ike_command_run (engine, "skeleton-count", ike_tree_new_section (), TRUE, &sink, &answer);
  ike_sim_settle (sim);
  g_assert_null (answer.error);
  g_assert_cmpint (ike_tree_int (answer.result, "up", -1), ==, 2);
  g_assert_cmpstr (ike_tree_string (answer.result, "greeting", ""), ==, "good day");
  ike_tree_free (answer.result);
  ike_engine_free (engine);
  ike_sim_free (sim);
}

static void
test_disabled (void)
{
  Answer answer = { 0 };
  IkeSim *sim = ike_sim_new (1);
  IkeEngine *engine = start (sim, "plugins { skeleton { load = no } }");
  ike_command_run (engine, "skeleton-count", ike_tree_new_section (), TRUE, &sink, &answer);
  ike_sim_settle (sim);
  g_assert_nonnull (answer.error);
  g_assert_null (answer.result);
  g_free (answer.error);
  ike_engine_free (engine);
  ike_sim_free (sim);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/skeleton/counts-what-came-up-and-nothing-else", test_count);
  g_test_add_func ("/skeleton/is-not-there-when-disabled", test_disabled);
  return g_test_run ();
}
