/* SPDX-License-Identifier: Apache-2.0 */
/* messages.c - what the daemon says on standard error, and the engine through it. */
#include <stdio.h>
#include <unistd.h>
#include "daemon.h"

const char *const daemon_levels[] = { "error", "notice", "info", "debug", NULL };

void
daemon_complain (Daemon *daemon, const char *format, ...)
{
  va_list args;
  g_autofree char *text = NULL;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  dprintf (daemon->messages >= 0 ? daemon->messages : STDERR_FILENO, "ikebanad: %s\n", text);
}

/* What is logged before a sink is there, and errors in any case; any thread. */
static void
print_record (const IkeLogRecord *record, gpointer data)
{
  Daemon *daemon = data;
  if (record->level == IKE_LOG_ERROR)
    __atomic_add_fetch (&daemon->n_errors, 1, __ATOMIC_RELAXED);
  /* Errors come here as well when there are sinks; who reads them reads them once. */
  if (record->level <= daemon->log_level && !daemon->has_sinks)
    daemon_complain (daemon, "%s: %s%s%s",
                     record->level < G_N_ELEMENTS (daemon_levels) - 1 ? daemon_levels[record->level]
                                                                      : "debug",
                     record->subject != NULL ? record->subject : "",
                     record->subject != NULL ? ": " : "", record->text);
}

IkeEngineOptions
daemon_engine_options (Daemon *daemon)
{
  return (IkeEngineOptions) {
    .struct_size = sizeof (IkeEngineOptions),
    .flags = daemon->is_for_tests ? IKE_ENGINE_FOR_TESTS : 0,
    .name = "ikebanad",
    .n_offload = G_MAXUINT32,
    .config_file = daemon->config_file,
    .settings = daemon->overrides,
    .plugin_dir = daemon->plugin_dir,
    .log_fallback = print_record,
    .log_data = daemon,
  };
}
