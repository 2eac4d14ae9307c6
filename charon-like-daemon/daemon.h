/* SPDX-License-Identifier: Apache-2.0 */
/* daemon.h - the parts of ikebanad: what surrounds an engine that runs as a service. */
#pragma once
#include <ikebana/engine.h>

/* Exit statuses; they are documented in ikebanad(8). */
typedef enum {
  DAEMON_OK = 0,
  DAEMON_FAILED = 1,                          /* --check found a problem, or the engine could not start */
  DAEMON_USAGE = 2,
  DAEMON_CONFIG = 3,                          /* the settings cannot be read */
  DAEMON_DENIED = 4,                          /* privileges are missing, or cannot be dropped */
  DAEMON_RUNS_ALREADY = 5,
} DaemonStatus;

typedef struct {
  char    *config_file;                       /* absolute */
  char    *plugin_dir, *socket_dir;           /* NULL: as configured */
  gboolean is_check, is_daemonized, is_for_tests;
  guint32  log_level;                         /* IkeLogLevel */
  gboolean has_log_level;
  char    *overrides;                         /* settings text for the engine, or NULL */
  char    *run_dir, *user, *group;            /* of the settings; user NULL: stay who we are */
  gboolean has_sinks;                         /* the engine's log goes to plugins */
  guint    n_errors;                          /* records of level error that were printed */
  int      messages;                          /* descriptor of messages to who started us, or -1 */
} Daemon;

/* messages.c: words of --log-level, NULL-terminated. */
extern const char *const daemon_levels[];
/* "ikebanad: …" for who started us, until the service is ready; one sentence. */
void daemon_complain (Daemon *daemon, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* The options for an engine of this daemon; what it logs before it has a sink goes there, too. */
IkeEngineOptions daemon_engine_options (Daemon *daemon);

/* check.c: `ikebanad --check`. */
DaemonStatus daemon_check (Daemon *daemon);

/* service.c: the lock file, going to the background, and telling the service manager. */
gboolean daemon_lock       (Daemon *daemon, DaemonStatus *status);
/* Forks; only the child returns.  The parent waits until daemon_is_ready() and ends with the child's status. */
gboolean daemon_background (Daemon *daemon);
void     daemon_is_ready   (Daemon *daemon);
/* One datagram to NOTIFY_SOCKET ("READY=1"); nothing happens when there is none. */
void     daemon_notify     (const char *state);

/* privileges.c */
gboolean daemon_drop_privileges (Daemon *daemon, GError **error);

/* signals.c: before any thread is started, then once the engine is. */
int      daemon_block_signals (void);         /* descriptor, or -1 */
typedef struct {
  IkeEngine *engine;
  int        fd;
  IkeWatch  *watch;
  gboolean   is_ending;
} DaemonSignals;
void     daemon_watch_signals   (DaemonSignals *signals);
void     daemon_unwatch_signals (DaemonSignals *signals);
