/* SPDX-License-Identifier: Apache-2.0 */
/* runtime_test.h - engines for the tests of the runtime, and waiting without sleeping. */
#pragma once
#include <string.h>
#include <unistd.h>
#include "runtime/loop_private.h"
#include "runtime/call_private.h"

/* Long enough for a loaded machine under TSan; only ever waited for when a test fails. */
enum { PATIENCE_US = 60 * 1000 * 1000 };

static inline IkeEngine *
test_engine_new_full (IkeSim *sim, guint32 flags, guint n_shards, guint n_offload, const char *settings,
                      const IkePluginInfo *const *builtin)
{
  static const char *const no_plugins[] = { NULL };
  IkeEngineOptions options = {
    .struct_size = sizeof options, .flags = flags | IKE_ENGINE_NO_CONFIG, .sim = sim, .n_shards = n_shards,
    .n_offload = n_offload, .settings = settings ? settings : "", .plugin_dir = "/nonexistent", .builtin = builtin,
    .catalog_file = "/nonexistent/catalog", .plugins = builtin ? NULL : no_plugins,
  };
  GError *error = NULL;
  IkeEngine *engine = ike_engine_new (&options, &error);

  g_assert_no_error (error);
  ike_engine_start (engine, &error);
  g_assert_no_error (error);
  /* What was said at the start is on its way to the log. */
  if (sim)
    ike_sim_settle (sim);
  return engine;
}

static inline IkeEngine *
test_engine_new (IkeSim *sim, guint32 flags)
{
  return test_engine_new_full (sim, flags, 4, 2, NULL, NULL);
}

/* Until @counter is @wanted, letting other threads run. */
static inline void
test_wait_for (atomic_int *counter, int wanted)
{
  gint64 deadline_us = ike_clock_monotonic_us () + PATIENCE_US;

  while (atomic_load (counter) != wanted && ike_clock_monotonic_us () < deadline_us)
    g_thread_yield ();
  g_assert_cmpint (atomic_load (counter), ==, wanted);
}

static inline void
test_add_one (gpointer data)
{
  atomic_fetch_add ((atomic_int *) data, 1);
}
