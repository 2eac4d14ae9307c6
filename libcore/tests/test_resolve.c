/* SPDX-License-Identifier: Apache-2.0 */
/* test_resolve.c - features: who gets ready, in what order, and what is said of the rest. */
#include "config.h"
#include "tests/plugin_fixture.h"
#include <ikebana/kernel.h>
#include <ikebana/error.h>
#include <string.h>

typedef struct {
  guint32 struct_size;
  guint32 first, second;
} Table;

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define FEATURE(name, needs, wants, probe)                                                         \
  &(const IkeFeature)                                                                              \
  {                                                                                                \
    sizeof (IkeFeature), name, &table, needs, wants, probe                                         \
  }
#define PLUGIN(symbol, plugin_name, ...)                                                           \
  static const IkePluginInfo symbol = { .struct_size = sizeof symbol,                              \
                                        .abi_major = IKE_ABI_MAJOR,                                \
                                        .name = plugin_name,                                       \
                                        .activate = note_up,                                       \
                                        .deactivate = note_down,                                   \
                                        __VA_ARGS__ }
#define FEATURES(...)                                                                              \
  .features = (const IkeFeature *const[])                                                          \
  {                                                                                                \
    __VA_ARGS__, NULL                                                                              \
  }

static const Table table = { sizeof table, 7, 8 };

/* Where plugins write what happens: the engine's log data. */
static void
note (IkePlugin *self, const char *what)
{
  g_string_append_printf (ike_plugin_engine (self)->options.log_data, "%s%s ", what,
                          ike_plugin_name (self));
}

static gboolean
note_up (IkePlugin *self, GError **error)
{
  note (self, "+");
  return TRUE;
}

static void
note_down (IkePlugin *self)
{
  note (self, "-");
}

static gboolean
probe_note (IkePlugin *self, GError **error)
{
  note (self, "?");
  return TRUE;
}

static gboolean
probe_fail (IkePlugin *self, GError **error)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO, "wrong answer");
  return FALSE;
}

typedef struct {
  Fixture fixture;
  GString *heard;
  GError *error;
} Run;

static gboolean
run_start (Run *run, const char *settings, const IkePluginInfo *const *builtin)
{
  fixture_init (&run->fixture, settings, builtin);
  run->heard = g_string_new (NULL);
  run->error = NULL;
  run->fixture.engine->options.log_data = run->heard;
  return ike_registry_load (run->fixture.engine, &run->error)
         && ike_registry_activate (run->fixture.engine, &run->error);
}

static void
run_end (Run *run)
{
  fixture_clear (&run->fixture);
  g_string_free (run->heard, TRUE);
  g_clear_error (&run->error);
}

PLUGIN (top, "top", FEATURES (FEATURE ("service:top", LIST ("service:middle"), NULL, probe_note)));
PLUGIN (middle, "middle",
        FEATURES (FEATURE ("service:middle", LIST ("service:bottom"), NULL, probe_note)));
PLUGIN (bottom, "bottom", FEATURES (FEATURE ("service:bottom", NULL, NULL, probe_note)));
PLUGIN (fan, "fan",
        FEATURES (FEATURE ("service:fan", NULL, LIST ("service:top", "service:nobody"), NULL)));

static void
test_order (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &fan, &top, &middle, &bottom, NULL };
  g_assert_true (run_start (&run, "", builtin));
  g_assert_cmpstr (run.heard->str, ==, "?bottom ?middle ?top +bottom +middle +top +fan ");
  g_string_truncate (run.heard, 0);
  ike_registry_deactivate (run.fixture.engine);
  g_assert_cmpstr (run.heard->str, ==, "-fan -top -middle -bottom ");
  run_end (&run);
}

static void
test_chain (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &top, &middle, &bottom, NULL };
  g_assert_true (run_start (&run, "plugins {\n bottom { load = no }\n}", builtin));
  g_assert_cmpstr (run.heard->str, ==, "");
  fixture_assert_state (&run.fixture, "bottom", "disabled: *:2");
  fixture_assert_state (&run.fixture, "service:middle",
                        "missing: needs service:bottom: plugin bottom is disabled (*:2)");
  fixture_assert_explained (
      &run.fixture, "service:top",
      "*needs service:middle: *needs service:bottom: plugin bottom is disabled (*:2)");
  g_assert_null (ike_feature_find (run.fixture.engine, "service:top", &run.error));
  g_assert_error (run.error, IKE_ERROR, IKE_ERROR_PLUGIN);
  g_assert_nonnull (strstr (run.error->message, "plugin bottom is disabled"));
  run_end (&run);
}

PLUGIN (rival_a, "rival-a",
        FEATURES (FEATURE ("service:prize", NULL, NULL, NULL),
                  FEATURE ("service:own", NULL, NULL, NULL)));
PLUGIN (rival_b, "rival-b", FEATURES (FEATURE ("service:prize", NULL, NULL, NULL)));

static void
test_rivals (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &rival_a, &rival_b, NULL };
  g_assert_true (run_start (&run, "", builtin));
  fixture_assert_state (
      &run.fixture, "service:prize",
      "shadowed: plugin rival-b provides it too: choose with plugins.rival-a.prefer = *");
  fixture_assert_state (&run.fixture, "service:own", "ready: ");
  fixture_assert_state (&run.fixture, "rival-b", "shadowed: *rival-a*");
  run_end (&run);
}

static void
test_prefer (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &rival_a, &rival_b, NULL };
  g_assert_true (
      run_start (&run, "plugins {\n rival-b { prefer = service:x, service:prize }\n}", builtin));
  const IkeProvided *prize = ike_feature_find (run.fixture.engine, "service:prize", NULL);
  g_assert_cmpstr (ike_plugin_name (prize->plugin), ==, "rival-b");
  fixture_assert_state (&run.fixture, "service:prize",
                        "shadowed: by plugin rival-b, which is preferred (*:2)");
  fixture_assert_state (&run.fixture, "rival-a", "ready: ");
  run_end (&run);
}

static const IkeKernelClass kernel_table = { .struct_size = sizeof kernel_table };

#define RANKED(name_, needs_, rank_, probe_)                                                       \
  &(const IkeFeature)                                                                              \
  {                                                                                                \
    .struct_size = sizeof (IkeFeature), .provides = name_, .ops = &kernel_table,                  \
    .needs = needs_, .rank = rank_, .probe = probe_                                                \
  }

PLUGIN (plain, "plain",
        FEATURES (RANKED ("kernel:ipsec", NULL, 0, NULL), RANKED ("service:own", NULL, 0, NULL)));
PLUGIN (good, "good", FEATURES (RANKED ("kernel:ipsec", NULL, 10, probe_note)));
PLUGIN (weak_best, "weak-best",
        FEATURES (RANKED ("kernel:ipsec", NULL, 20, probe_fail),
                  RANKED ("service:of-the-best", LIST ("service:own"), 0, NULL)));
PLUGIN (user, "user", FEATURES (RANKED ("service:user", LIST ("kernel:ipsec"), 0, NULL)));

static void
test_rank (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &plain, &good, &user, NULL };
  g_assert_true (run_start (&run, "", builtin));
  const IkeProvided *prize = ike_feature_find (run.fixture.engine, "kernel:ipsec", NULL);
  g_assert_cmpstr (ike_plugin_name (prize->plugin), ==, "good");
  fixture_assert_state (&run.fixture, "plain", "ready: ");
  fixture_assert_state (&run.fixture, "kernel:ipsec",
                        "shadowed: by plugin good, which ranks higher");
  run_end (&run);
}

static void
test_rank_and_probe (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &plain, &weak_best, &good, &user, NULL };
  g_assert_true (run_start (&run, "", builtin));
  const IkeProvided *prize = ike_feature_find (run.fixture.engine, "kernel:ipsec", NULL);
  g_assert_cmpstr (ike_plugin_name (prize->plugin), ==, "good");
  fixture_assert_state (&run.fixture, "service:user", "ready: ");
  fixture_assert_state (&run.fixture, "service:of-the-best", "ready: ");
  run_end (&run);
}

static void
test_core_kernel (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &good, &plain, &user, NULL };
  g_assert_true (run_start (&run, "core { kernel = plain }", builtin));
  const IkeProvided *prize = ike_feature_find (run.fixture.engine, "kernel:ipsec", NULL);
  g_assert_cmpstr (ike_plugin_name (prize->plugin), ==, "plain");
  fixture_assert_state (&run.fixture, "good", "shadowed: *core.kernel = plain*");
  run_end (&run);
}

static void
test_core_kernel_unknown (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &good, &plain, NULL };
  g_assert_false (run_start (&run, "core {\n kernel = plane\n}", builtin));
  g_assert_nonnull (strstr (run.error->message, ":2: core.kernel: no plugin plane"));
  g_assert_nonnull (strstr (run.error->message, "plain"));
  g_clear_error (&run.error);
  run_end (&run);
}

/* Who cannot be had anyway is no rival. */
static void
test_no_rival (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &rival_a, &rival_b, NULL };
  g_assert_true (run_start (&run, "plugins { rival-b { load = no } }", builtin));
  const IkeProvided *prize = ike_feature_find (run.fixture.engine, "service:prize", NULL);
  g_assert_cmpstr (ike_plugin_name (prize->plugin), ==, "rival-a");
  run_end (&run);
}

PLUGIN (hen, "hen",
        FEATURES (FEATURE ("service:hen", LIST ("service:egg"), NULL, NULL),
                  FEATURE ("service:coop", NULL, NULL, NULL)));
PLUGIN (egg, "egg", FEATURES (FEATURE ("service:egg", LIST ("service:hen"), NULL, NULL)));
PLUGIN (cook, "cook", FEATURES (FEATURE ("service:cook", LIST ("service:egg"), NULL, NULL)));

static void
test_cycle (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &hen, &egg, &cook, NULL };
  g_assert_true (run_start (&run, "", builtin));
  fixture_assert_state (&run.fixture, "service:hen",
                        "cycle: service:hen -> service:egg -> service:hen");
  fixture_assert_state (&run.fixture, "service:egg", "cycle: *");
  fixture_assert_state (&run.fixture, "egg", "cycle: *");
  fixture_assert_state (&run.fixture, "service:cook",
                        "missing: needs service:egg: *service:hen -> service:egg -> service:hen*");
  g_assert_cmpstr (run.heard->str, ==, "+hen ");
  run_end (&run);
}

PLUGIN (left, "left",
        FEATURES (FEATURE ("service:l1", LIST ("service:r1"), NULL, NULL),
                  FEATURE ("service:l2", NULL, NULL, NULL)));
PLUGIN (right, "right",
        FEATURES (FEATURE ("service:r1", NULL, NULL, NULL),
                  FEATURE ("service:r2", LIST ("service:l2"), NULL, NULL)));

/* No feature needs itself, but neither plugin can go first. */
static void
test_plugin_cycle (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &left, &right, NULL };
  g_assert_true (run_start (&run, "", builtin));
  fixture_assert_state (&run.fixture, "service:l1", "cycle: plugins: left -> right -> left");
  fixture_assert_state (&run.fixture, "service:r1", "ready: ");
  fixture_assert_state (&run.fixture, "service:l2", "ready: ");
  run_end (&run);
}

PLUGIN (weak, "weak",
        FEATURES (FEATURE ("service:weak", NULL, NULL, probe_fail),
                  FEATURE ("service:rest", NULL, NULL, NULL)));
PLUGIN (after_weak, "after-weak",
        FEATURES (FEATURE ("service:after", LIST ("service:weak"), NULL, probe_note)));

static void
test_probe (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &after_weak, &weak, NULL };
  g_assert_true (run_start (&run, "", builtin));
  g_assert_cmpstr (run.heard->str, ==, "+weak ");
  fixture_assert_state (&run.fixture, "service:weak", "failed: wrong answer");
  fixture_assert_state (&run.fixture, "service:after",
                        "missing: needs service:weak: *wrong answer");
  fixture_assert_explained (&run.fixture, "weak",
                            "plugin weak is ready; but service:weak is failed: wrong answer");
  run_end (&run);
}

static void
test_critical (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &weak, NULL };
  g_assert_false (run_start (&run, "plugins {\n\n weak { critical = yes }\n}", builtin));
  g_assert_error (run.error, IKE_ERROR, IKE_ERROR_PLUGIN);
  g_assert_true (g_pattern_match_simple (
      "plugin weak is marked critical (*:3), but its feature service:weak is failed: wrong answer",
      run.error->message));
  run_end (&run);
  g_assert_false (run_start (&run, "plugins { absent { critical = yes } }", builtin));
  g_assert_true (g_pattern_match_simple (
      "plugin absent is not installed, asked for by *, but it is marked critical (*)",
      run.error->message));
  run_end (&run);
}

PLUGIN (guard, "guard",
        FEATURES (FEATURE ("authorizer:guard", NULL, NULL, NULL)));

static void
test_guard (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &guard, NULL };
  g_assert_false (run_start (&run, "", builtin));
  g_assert_true (g_pattern_match_simple ("plugin guard is to say who may come in, but its "
                                         "authorizer:guard is abi: *; mend that, or set "
                                         "plugins.guard.load = no",
                                         run.error->message));
  run_end (&run);
  g_assert_true (run_start (&run, "plugins { guard { load = no } }", builtin));
  run_end (&run);
}

static const IkeFeatureKind sized_kind = { sizeof sized_kind, "service:sized", 2, 0, 4, 16 };
static const IkeFeatureKind *const sized_kinds[] = { &sized_kind, NULL };
PLUGIN (consumer, "consumer", .kinds = sized_kinds);
PLUGIN (provider, "provider",
        FEATURES (FEATURE ("service:sized", NULL, NULL, NULL),
                  FEATURE ("service:sized/1", NULL, NULL, NULL)));

/* The longer kind wins, and the copy has the consumer's size: zeros behind what the provider
 * knew. */
static void
test_copy (void)
{
  Run run;
  guint n = 0;
  const IkePluginInfo *const builtin[] = { &consumer, &provider, NULL };
  g_assert_true (run_start (&run, "", builtin));
  const IkeProvided *const *list = ike_feature_list (run.fixture.engine, "service:sized", &n);
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpuint (list[1]->index, ==, 1);
  const guint32 *copy = list[0]->ops;
  g_assert_true (copy != &table.struct_size);
  g_assert_cmpuint (copy[0], ==, sizeof table);
  g_assert_cmpuint (copy[2], ==, 8);
  g_assert_cmpuint (copy[3], ==, 0);
  g_assert_cmpstr (list[0]->name, ==, "sized");
  ike_feature_list (run.fixture.engine, "service", &n);
  g_assert_cmpuint (n, ==, 0);
  ike_feature_list (run.fixture.engine, "no-such-kind", &n);
  g_assert_cmpuint (n, ==, 0);
  run_end (&run);
}

static const IkeFeatureKind other_kind = { sizeof other_kind, "service:sized", 3, 0, 4, 16 };
static const IkeFeatureKind *const other_kinds[] = { &other_kind, NULL };
PLUGIN (old_consumer, "old-consumer", .kinds = other_kinds);

static void
test_kind_versions (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &consumer, &old_consumer, NULL };
  g_assert_true (run_start (&run, "", builtin));
  fixture_assert_state (&run.fixture, "old-consumer",
                        "abi: kind service:sized: *version 3, plugin consumer for version 2*");
  run_end (&run);
}

PLUGIN (variants, "variants", FEATURES (FEATURE ("service:algo/128", NULL, NULL, NULL)));
PLUGIN (picky, "picky",
        FEATURES (FEATURE ("service:exact", LIST ("service:algo/256"), NULL, NULL),
                  FEATURE ("service:any", LIST ("service:algo"), NULL, NULL),
                  FEATURE ("service:kind", LIST ("service:*", "store:*"), NULL, NULL)));

static void
test_variants (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &variants, &picky, NULL };
  g_assert_true (run_start (&run, "", builtin));
  fixture_assert_state (&run.fixture, "service:exact",
                        "missing: needs service:algo/256: no plugin provides it*");
  fixture_assert_state (&run.fixture, "service:any", "ready: ");
  fixture_assert_state (&run.fixture, "service:kind",
                        "missing: needs store:?: no plugin provides it*");
  run_end (&run);
}

static gboolean
find_too_early (IkePlugin *self, GError **error)
{
  return ike_feature_find (ike_plugin_engine (self), "service:bottom", error) != NULL;
}

static const IkePluginInfo early = { .struct_size = sizeof early,
                                     .abi_major = IKE_ABI_MAJOR,
                                     .name = "early",
                                     .activate = find_too_early };

static void
test_early (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &early, &bottom, NULL };
  g_assert_true (run_start (&run, "", builtin));
  fixture_assert_state (&run.fixture, "early",
                        "failed: feature service:bottom of plugin bottom is not active yet*");
  run_end (&run);
}

static const IkeOptionInfo wait_option = { sizeof wait_option, "plugin/wait", "time", "90",
                                           "How long." };
static const IkeOptionInfo mode_option = { sizeof mode_option, "plugin/mode", "enum:fast|safe",
                                           "safe", "How." };
static const IkeOptionInfo hosts_option = { sizeof hosts_option, "plugin/hosts", "list", NULL,
                                            "Where." };
static const IkeOptionInfo shared_option = { sizeof shared_option, "connection/shared", "bool",
                                             "no", "Shared." };
static const IkeOptionInfo *const options[] = { &wait_option, &mode_option, &hosts_option,
                                                &shared_option, NULL };
static const IkeOptionInfo *const shared_options[] = { &shared_option, NULL };
PLUGIN (chooser, "chooser", .options = options);
PLUGIN (sharer, "sharer", .options = shared_options);

static void
test_options (void)
{
  Run run;
  guint32 index = 99, again = 98;
  const char *owner = NULL;
  gboolean is_ready = FALSE;
  const IkePluginInfo *const builtin[] = { &chooser, &sharer, NULL };
  g_assert_true (run_start (
      &run, "plugins { chooser { wait = 2m\n hosts = a, b\n } sharer { load = no } }", builtin));
  IkePlugin *self = fixture_plugin (&run.fixture, "chooser");
  g_assert_cmpuint (ike_plugin_option_uint (self, "wait"), ==, 120);
  g_assert_cmpstr (ike_plugin_option (self, "mode"), ==, "safe");
  g_auto (GStrv) hosts = ike_plugin_option_list (self, "hosts");
  g_assert_cmpuint (g_strv_length (hosts), ==, 2);
  g_assert_cmpstr (hosts[1], ==, "b");
  /* Slips are said, and what is read so is not set. */
  g_assert_null (ike_plugin_option (self, "nobodys"));
  g_assert_cmpuint (ike_plugin_option_uint (self, "hosts"), ==, 0);
  g_assert_false (ike_plugin_option_bool (self, "mode"));
  const IkeOptionInfo *info =
      ike_registry_option (run.fixture.engine, "connection/shared", &index, &owner, &is_ready);
  g_assert_cmpstr (info->type, ==, "bool");
  g_assert_cmpstr (owner, ==, "chooser");
  g_assert_true (is_ready);
  g_assert_true (ike_registry_option_nth (run.fixture.engine, index, NULL, NULL) == info);
  g_assert_nonnull (
      ike_registry_option (run.fixture.engine, "plugin/chooser/mode", &again, NULL, NULL));
  g_assert_null (ike_registry_option (run.fixture.engine, "connection/nobodys", NULL, NULL, NULL));
  g_assert_null (ike_registry_option_nth (run.fixture.engine, 1000, NULL, NULL));
  run_end (&run);
}

static void
test_bad_options (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &chooser, NULL };
  g_assert_true (run_start (&run, "plugins { chooser {\n mode = slow\n } }", builtin));
  fixture_assert_state (
      &run.fixture, "chooser",
      "failed: *:2: plugins.chooser.mode: slow is no value of type enum:fast|safe");
  run_end (&run);
  g_assert_true (run_start (&run, "plugins { chooser {\n\n mod = fast\n } }", builtin));
  fixture_assert_state (&run.fixture, "chooser",
                        "failed: *:3: plugins.chooser.mod: unknown option, did you mean mode?");
  run_end (&run);
  g_assert_true (run_start (&run, "plugins { chooser { load = perhaps } }", builtin));
  fixture_assert_state (&run.fixture, "chooser", "failed: load is neither yes nor no*");
  run_end (&run);
}

static void
free_state (gpointer heard)
{
  g_string_append (heard, "freed ");
}

static gboolean
set_state (IkePlugin *self, GError **error)
{
  ike_plugin_set_state (self, ike_plugin_engine (self)->options.log_data, free_state);
  return TRUE;
}

static const IkePluginInfo stateful = { .struct_size = sizeof stateful,
                                        .abi_major = IKE_ABI_MAJOR,
                                        .name = "stateful",
                                        .activate = set_state,
                                        .deactivate = note_down };

static void
test_state (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &stateful, NULL };
  g_assert_true (run_start (&run, "", builtin));
  ike_registry_deactivate (run.fixture.engine);
  g_assert_cmpstr (run.heard->str, ==, "-stateful ");
  fixture_clear (&run.fixture);
  g_assert_cmpstr (run.heard->str, ==, "-stateful freed ");
  g_string_free (run.heard, TRUE);
}

static gboolean
refuse_reload (IkePlugin *self, GError **error)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "not now");
  return FALSE;
}

PLUGIN (patient, "patient", .reload_commit = note_down);
PLUGIN (stubborn, "stubborn", .reload_check = refuse_reload);

static void
test_reload (void)
{
  Run run;
  const IkePluginInfo *const builtin[] = { &patient, &stubborn, NULL };
  g_assert_true (run_start (&run, "", builtin));
  g_assert_false (ike_registry_reload_check (run.fixture.engine, &run.error));
  g_assert_cmpstr (run.error->message, ==, "plugin stubborn: not now");
  g_string_truncate (run.heard, 0);
  ike_registry_reload_commit (run.fixture.engine);
  g_assert_cmpstr (run.heard->str, ==, "-patient ");
  run_end (&run);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/resolve/what-is-needed-is-probed-and-activated-first", test_order);
  g_test_add_func ("/resolve/a-missing-feature-names-the-whole-chain", test_chain);
  g_test_add_func ("/resolve/of-two-providers-neither-wins-by-accident", test_rivals);
  g_test_add_func ("/resolve/of-two-providers-the-preferred-one-wins", test_prefer);
  g_test_add_func ("/resolve/of-two-providers-the-one-of-higher-rank-wins", test_rank);
  g_test_add_func ("/resolve/who-fails-its-probe-has-no-rank", test_rank_and_probe);
  g_test_add_func ("/resolve/core-kernel-chooses-the-data-path", test_core_kernel);
  g_test_add_func ("/resolve/core-kernel-names-a-plugin-that-is-known", test_core_kernel_unknown);
  g_test_add_func ("/resolve/a-disabled-provider-is-no-rival", test_no_rival);
  g_test_add_func ("/resolve/a-circle-of-features-is-named-and-spares-the-rest", test_cycle);
  g_test_add_func ("/resolve/a-circle-of-plugins-is-named", test_plugin_cycle);
  g_test_add_func ("/resolve/a-failed-self-test-takes-its-dependents-along", test_probe);
  g_test_add_func ("/resolve/a-critical-plugin-that-lost-a-feature-is-an-error", test_critical);
  g_test_add_func ("/resolve/who-guards-the-door-is-there-or-nobody-is", test_guard);
  g_test_add_func ("/resolve/the-copy-of-a-table-has-the-size-of-its-consumer", test_copy);
  g_test_add_func ("/resolve/two-versions-of-a-kind-do-not-mix", test_kind_versions);
  g_test_add_func ("/resolve/a-need-without-parameter-takes-any-variant", test_variants);
  g_test_add_func ("/resolve/what-is-not-active-yet-is-not-found", test_early);
  g_test_add_func ("/options/values-and-defaults-are-read-by-type", test_options);
  g_test_add_func ("/options/what-is-not-understood-is-not-run", test_bad_options);
  g_test_add_func ("/state/is-freed-after-all-threads-are-gone", test_state);
  g_test_add_func ("/reload/a-refusal-changes-nothing", test_reload);
  return g_test_run ();
}
