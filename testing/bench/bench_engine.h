/* SPDX-License-Identifier: Apache-2.0 */
/* bench_engine.h - how engines of measures begin: with the plugins of the build tree, and no settings but their own. */
#pragma once
#include <ikebana/engine.h>

/* What @options leaves out is filled in; an error ends the program. */
static inline IkeEngine *
bench_engine_new (const IkeEngineOptions *options)
{
  g_autofree char *dir = g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "plugins", ".libs", NULL);
  g_autoptr (GError) error = NULL;
  IkeEngineOptions all = *options;
  IkeEngine *engine;

  all.struct_size = sizeof all;
  all.flags |= IKE_ENGINE_NO_CONFIG | IKE_ENGINE_NO_HASH;
  all.plugin_dir = dir;
  engine = ike_engine_new (&all, &error);
  if (!engine || !ike_engine_start (engine, &error))
    g_error ("%s", error->message);
  return engine;
}
