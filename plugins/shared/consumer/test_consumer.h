/* SPDX-License-Identifier: Apache-2.0 */
/* test_consumer.h - for tests of what a plugin provides: a builtin plugin that consumes its kind (no plugin of a kind
 * nobody consumes is loaded), and an engine of the build tree's plugins. */
#pragma once
#include <ikebana/engine.h>
#include <ikebana/log.h>
#include <ikebana/plugin.h>

/* Defines `test_consumer`, named "consumer": to be named in the list of plugins, and handed over as builtin. */
#define TEST_CONSUMER(kind_name, Class) \
  static const IkeFeatureKind test_kind = { sizeof (IkeFeatureKind), kind_name, 1, 0, sizeof (Class), \
                                            sizeof (Class) }; \
  static const IkeFeatureKind *const test_kinds[] = { &test_kind, NULL }; \
  static const IkeFeature *const test_no_features[] = { NULL }; \
  static const IkePluginInfo test_consumer = { \
    .struct_size = sizeof (IkePluginInfo), \
    .abi_major = IKE_ABI_MAJOR, \
    .abi_minor = IKE_ABI_MINOR, \
    .name = "consumer", \
    .version = "1", \
    .license = "Apache-2.0", \
    .summary = "consumes what is tested", \
    .features = test_no_features, \
    .kinds = test_kinds, \
  }

static inline void
test_say (const IkeLogRecord *record, gpointer data)
{
  g_test_message ("%s: %s", record->group, record->text);
}

/* An engine that runs, without a configuration: @options say the settings, plugins, builtin ones, the simulation,
 * further flags, how many shards (one, if they say nothing).  NULL: @error says why. */
static inline IkeEngine *
test_engine_try_new (IkeEngineOptions options, GError **error)
{
  g_autofree char *directory = g_strconcat (g_getenv ("IKE_TOP_BUILDDIR"), "/plugins/.libs", NULL);
  IkeEngine *engine;

  options.struct_size = sizeof options;
  options.flags |= IKE_ENGINE_NO_CONFIG;
  options.n_shards = MAX (options.n_shards, 1);
  options.plugin_dir = directory;
  if (!options.log_fallback)
    options.log_fallback = test_say;
  engine = ike_engine_new (&options, error);
  if (!engine || ike_engine_start (engine, error))
    return engine;
  ike_engine_free (engine);
  return NULL;
}

static inline IkeEngine *
test_engine_new (IkeEngineOptions options)
{
  g_autoptr (GError) error = NULL;
  IkeEngine *engine = test_engine_try_new (options, &error);

  g_assert_no_error (error);
  return engine;
}

/* What the consumer asks for by name, such as "fetch:http"; it must be there. */
static inline const IkeProvided *
test_find (IkeEngine *engine, const char *name)
{
  g_autoptr (GError) error = NULL;
  const IkeProvided *provided = ike_feature_find (engine, name, &error);

  g_assert_no_error (error);
  return provided;
}
