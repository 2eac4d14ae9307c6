/* SPDX-License-Identifier: Apache-2.0 */
/* test_support.c - what the tests of this plugin share. */
#include "test_support.h"

#include <string.h>

static void
bench_start (Bench *bench, IkeEngineOptions *options)
{
  g_autoptr (GError) error = NULL;

  options->struct_size = sizeof *options;
  options->flags = IKE_ENGINE_NO_CONFIG;
  options->name = "bench";
  options->sim = bench->sim;
  options->n_shards = 1;
  options->settings = "";
  bench->engine = ike_engine_new (options, &error);
  g_assert_no_error (error);
  ike_engine_start (bench->engine, &error);
  g_assert_no_error (error);
}

void
bench_open (Bench *bench, guint64 seed)
{
  static const char *const plugins[] = { "crypto-openssl", NULL };
  g_autofree char *directory = g_strconcat (g_getenv ("IKE_TOP_BUILDDIR"), "/plugins/.libs", NULL);
  IkeEngineOptions options = { .plugin_dir = directory, .plugins = plugins };

  bench->sim = ike_sim_new (seed);
  bench_start (bench, &options);
}

void
bench_open_real (Bench *bench)
{
  static const char *const plugins[] = { "crypto-openssl", NULL };
  g_autofree char *directory = g_strconcat (g_getenv ("IKE_TOP_BUILDDIR"), "/plugins/.libs", NULL);
  IkeEngineOptions options = { .plugin_dir = directory, .plugins = plugins, .n_offload = 2 };

  bench->sim = NULL;
  bench_start (bench, &options);
}

void
bench_open_builtin (Bench *bench, guint64 seed, const IkePluginInfo *plugin)
{
  static const char *const plugins[] = { "crypto-openssl", NULL };
  const IkePluginInfo *builtin[] = { plugin, NULL };
  IkeEngineOptions options = { .plugin_dir = "/nonexistent",
                               .plugins = plugins,
                               .builtin = builtin };

  bench->sim = ike_sim_new (seed);
  bench_start (bench, &options);
}

void
bench_close (Bench *bench)
{
  ike_engine_free (bench->engine);
  if (bench->sim)
    ike_sim_free (bench->sim);
}

void
bench_on_shard (Bench *bench, IkeFunc run, gpointer data)
{
  ike_loop_post (ike_engine_shard (bench->engine, 0), run, data, NULL);
  ike_sim_settle (bench->sim);
}

const IkeProvided *
bench_feature (Bench *bench, const char *feature)
{
  g_autoptr (GError) error = NULL;
  const IkeProvided *provided = ike_feature_find (bench->engine, feature, &error);

  g_assert_no_error (error);
  return provided;
}

guint8 *
bytes_of (const char *hexadecimal, gsize *len)
{
  gsize n = hexadecimal ? strlen (hexadecimal) / 2 : 0;
  guint8 *bytes = g_malloc (n + 1);

  for (gsize i = 0; i < n; i++)
    bytes[i] = (guint8) (g_ascii_xdigit_value (hexadecimal[2 * i]) << 4
                         | g_ascii_xdigit_value (hexadecimal[2 * i + 1]));
  *len = n;
  return bytes;
}
