/* SPDX-License-Identifier: Apache-2.0 */
/* engines.c - starts engines, cheaply.
 *
 * Most of what an engine's start costs are the known answers of all algorithms of libcrypto.  The
 * first engine of the process checks them as any engine does; later ones get the same plugin by a
 * descriptor without probes, and without what a simulation has no use for. */
#include <dlfcn.h>
#include <string.h>
#include <ikebana/error.h>
#include "sim.h"

enum { FEATURES_MAX = 256 };

static const char *const plugins[] = { "ikev2",       "auth-psk",   "net-sim",
                                       "kernel-fake", "store-file", NULL };

static IkeFeature copies[FEATURES_MAX];
static const IkeFeature *unprobed[FEATURES_MAX + 1];
static IkePluginInfo crypto;

static char *
plugin_dir (void)
{
  return g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "plugins", ".libs", NULL);
}

static void
to_stderr (const IkeLogRecord *record, gpointer data)
{
  if (record->level == IKE_LOG_ERROR)
    g_printerr ("%s: %s\n", record->group, record->text);
}

/* Checks the answers in an engine that nobody uses. */
static gboolean
probe_once (GError **error)
{
  static const char *const only[] = { "crypto-openssl", NULL };
  g_autofree char *dir = plugin_dir ();
  IkeSim *sim = ike_sim_new (0);
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .sim = sim,
                               .settings = "",
                               .plugin_dir = dir,
                               .catalog_file = "/nonexistent",
                               .plugins = only,
                               .log_fallback = to_stderr };
  IkeEngine *engine = ike_engine_new (&options, error);
  gboolean is_ready = engine && ike_engine_start (engine, error)
                      && ike_feature_find (engine, "aead:aes-gcm-16/256", error)
                      && ike_feature_find (engine, "ke:curve25519", error);

  ike_engine_free (engine);
  ike_sim_free (sim);
  return is_ready;
}

static gboolean
is_useful (const IkeFeature *feature)
{
  return g_str_has_prefix (feature->provides, "aead:")
         || g_str_has_prefix (feature->provides, "cipher:aes-cbc")
         || g_str_has_prefix (feature->provides, "integ:hmac-sha2")
         || g_str_has_prefix (feature->provides, "prf:hmac-sha2")
         || g_str_has_prefix (feature->provides, "hash:")
         || g_str_has_prefix (feature->provides, "ke:curve25519")
         || g_str_has_prefix (feature->provides, "ke:ecp");
}

static const IkePluginInfo *
crypto_without_probes (GError **error)
{
  g_autofree char *dir = plugin_dir ();
  g_autofree char *file = g_build_filename (dir, "crypto-openssl.so", NULL);
  const IkePluginInfo *info;
  void *handle;
  guint n = 0, i;

  if (crypto.struct_size)
    return &crypto;
  if (!probe_once (error))
    return NULL;
  handle = dlopen (file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  info = handle ? dlsym (handle, "ike_plugin") : NULL;
  if (!info) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN, "%s: %s", file, dlerror ());
    return NULL;
  }
  for (i = 0; info->features[i] && n < FEATURES_MAX; i++) {
    if (!is_useful (info->features[i]))
      continue;
    memcpy (&copies[n], info->features[i], MIN (info->features[i]->struct_size, sizeof copies[n]));
    copies[n].probe = NULL;
    unprobed[n] = &copies[n];
    n++;
  }
  memcpy (&crypto, info, MIN (info->struct_size, sizeof crypto));
  crypto.features = unprobed;
  return &crypto;
}

static IkeEngine *
make (IkeEngineOptions *options, GError **error)
{
  g_autofree char *dir = plugin_dir ();
  const IkePluginInfo *builtin[] = { crypto_without_probes (error), &observe_plugin, NULL };

  if (!builtin[0])
    return NULL;
  options->struct_size = sizeof *options;
  options->flags |= IKE_ENGINE_NO_CONFIG;
  options->n_offload = 0;
  options->plugin_dir = dir;
  options->catalog_file = "/nonexistent";
  options->plugins = plugins;
  options->builtin = builtin;
  return ike_engine_new (options, error);
}

static void
to_chart (const IkeLogRecord *record, gpointer data)
{
  End *end = data;

  if (end->world->options.logs)
    world_note (end->world, end, "%s: %s: %s", record->group,
                record->subject ? record->subject : "", record->text);
}

gboolean
engine_start (End *end, const char *settings, GError **error)
{
  World *world = end->world;
  IkeEngineOptions options = { .flags = world->engine_flags,
                               .name = end->name,
                               .sim = world->sim,
                               .n_shards = world->n_shards,
                               .settings = settings,
                               .log_fallback = to_chart,
                               .log_data = end };

  end->engine = make (&options, error);
  return end->engine && ike_engine_start (end->engine, error);
}

IkeEngine *
engine_scratch (IkeSim *sim, GError **error)
{
  IkeEngineOptions options = {
    .name = "scratch",
    .sim = sim,
    .n_shards = 1,
    .settings = "plugins { net-sim { load = yes }\n kernel-fake { load = yes } }",
    .log_fallback = to_stderr
  };
  IkeEngine *engine = make (&options, error);

  if (engine && !ike_engine_start (engine, error))
    g_clear_pointer (&engine, ike_engine_free);
  return engine;
}
