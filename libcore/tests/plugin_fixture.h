/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_fixture.h - an engine that is made but not started, to try the registry and the bus alone. */
#pragma once
#include "plugin/plugin_private.h"

typedef struct {
  IkeSim *sim;
  IkeEngine *engine;
} Fixture;

static inline void
fixture_init (Fixture *fixture, const char *settings, const IkePluginInfo *const *builtin)
{
  g_autoptr (GError) error = NULL;
  fixture->sim = ike_sim_new (1);
  IkeEngineOptions options = {
    .struct_size = sizeof options,
    .flags = IKE_ENGINE_NO_CONFIG,
    .name = "test",
    .sim = fixture->sim,
    .n_shards = 1,
    .settings = settings,
    .plugin_dir = "",
    .catalog_file = "/nonexistent",
    .builtin = builtin,
  };
  fixture->engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  g_assert_true (ike_settings_state_read (fixture->engine, &error));
  g_assert_no_error (error);
}

static inline void
fixture_clear (Fixture *fixture)
{
  ike_registry_deactivate (fixture->engine);
  ike_engine_free (fixture->engine);
  ike_sim_free (fixture->sim);
}

static inline IkePlugin *
fixture_plugin (Fixture *fixture, const char *name)
{
  return g_hash_table_lookup (fixture->engine->registry->by_name, name);
}

/* The state of a feature, with its reason: "missing: needs …". */
static inline char *
fixture_state (Fixture *fixture, const char *name)
{
  char *text = NULL;
  g_autoptr (IkeTree) tree = ike_engine_plugins (fixture->engine);
  const IkeTree *plugins = ike_tree_get (tree, "plugins");
  for (guint i = 0; i < ike_tree_n (plugins); i++) {
    const IkeTree *plugin = ike_tree_nth (plugins, i);
    const IkeTree *features = ike_tree_get (plugin, "features");
    if (!text && g_strcmp0 (ike_tree_string (plugin, "name", ""), name) == 0)
      text = g_strdup_printf ("%s: %s", ike_tree_string (plugin, "state", ""),
                              ike_tree_string (plugin, "reason", ""));
    for (guint k = 0; k < ike_tree_n (features); k++)
      if (!text && g_strcmp0 (ike_tree_string (ike_tree_nth (features, k), "name", ""), name) == 0)
        text = g_strdup_printf ("%s: %s", ike_tree_string (ike_tree_nth (features, k), "state", ""),
                                ike_tree_string (ike_tree_nth (features, k), "reason", ""));
  }
  return text ? text : g_strdup ("not listed");
}

static inline void
fixture_assert_state (Fixture *fixture, const char *name, const char *pattern)
{
  g_autofree char *state = fixture_state (fixture, name);
  if (!g_pattern_match_simple (pattern, state))
    g_error ("%s is \"%s\", not \"%s\"", name, state, pattern);
}

static inline void
fixture_assert_explained (Fixture *fixture, const char *name, const char *pattern)
{
  g_autofree char *text = ike_plugin_explain (fixture->engine, name);
  if (!g_pattern_match_simple (pattern, text))
    g_error ("%s is explained as \"%s\", not \"%s\"", name, text, pattern);
}
