/* SPDX-License-Identifier: Apache-2.0 */
/* engine.h - one instance of everything: what the daemon, the tests and the simulator make.
 *
 * new → start → run (or step) → free, all on one thread, which becomes the control loop. */
#pragma once
#include <ikebana/runtime.h>
#include <ikebana/plugin.h>
#include <ikebana/tree.h>
#include <ikebana/log.h>

IKE_BEGIN_DECLS

typedef struct _IkeSim IkeSim;                /* virtual time, shared by the engines of one simulation */

IkeSim *ike_sim_new    (guint64 seed);
void    ike_sim_free   (IkeSim *sim);         /* after its engines */
gint64  ike_sim_now_us (const IkeSim *sim);   /* starts at 0 */
/* One more item: runs what is ready, in order of (time, sequence); when nothing is, moves the clock to the next
 * deadline.  FALSE when nothing is left, or the next deadline lies behind @until_us (then the clock is set to it). */
gboolean ike_sim_step  (IkeSim *sim, gint64 until_us);
/* The loop whose item the next step runs; NULL: the script's, or nothing is left.  For measures of one end alone. */
IkeLoop *ike_sim_next_loop (const IkeSim *sim);
/* Steps until quiet at the present time (clock does not move). */
void    ike_sim_settle (IkeSim *sim);
void    ike_sim_random (IkeSim *sim, void *out, gsize len);
/* Posts a closure at an absolute time, for scripted networks. */
void    ike_sim_at     (IkeSim *sim, gint64 time_us, IkeFunc run, gpointer data_take, GDestroyNotify free_data);
/* How many things wait: timers that are armed, what is posted, closures. */
guint   ike_sim_n_waiting (const IkeSim *sim);
/* The wall clock of one engine jumps; monotonic time, which everybody shares, does not. */
void    ike_sim_shift_wall (IkeEngine *engine, gint64 by_us);
/* Any object that engines of one simulation share by name (the in-memory wire). */
gpointer ike_sim_shared (IkeSim *sim, const char *name, gpointer (*make) (IkeSim *sim), GDestroyNotify free_object);

enum {
  IKE_ENGINE_FORCE_WAITS = 1 << 0,            /* an answer is never delivered before the task returned (tests) */
  IKE_ENGINE_SHUFFLE = 1 << 1,                /* simulation: ready items in an order drawn from the seed */
  IKE_ENGINE_FOREIGN_ANSWERS = 1 << 2,        /* tests: completions come from another thread, in random order */
  IKE_ENGINE_NO_CONFIG = 1 << 3,              /* no files are read; use @settings */
  IKE_ENGINE_CHECK = 1 << 4,                  /* `ikebanad --check`: start reads the settings, loads, probes and
                                               * resolves the plugins and builds the configuration, but activates
                                               * nothing, starts no thread and opens no socket; then only _plugins,
                                               * _settings and _free */
  IKE_ENGINE_NO_HASH = 1 << 5,                /* simulation: no event hash, so that as in a real engine what nobody taps
                                               * is not made (measures) */
  IKE_ENGINE_FOR_TESTS = 1 << 6,              /* `ikebanad --for-tests`: plugins that harm on purpose may load */
};

typedef struct {
  guint32                      struct_size;
  guint32                      flags;         /* IKE_ENGINE_… */
  const char                  *name;          /* in logs and thread names; NULL: "ikebana" */
  IkeSim                      *sim;           /* NULL: real threads and time */
  guint32                      n_shards;      /* 0: from settings, else cores */
  guint32                      n_offload;     /* offload threads; G_MAXUINT32: from settings, else 2; 0: inline */
  const char                  *config_file;   /* NULL: the built-in path */
  const char                  *settings;      /* text that is read instead of @config_file, or NULL; if both are
                                               * given, relative names are beside that file all the same */
  const char                  *plugin_dir;    /* NULL: the built-in path; ':'-separated list */
  const char                  *catalog_file;  /* NULL: the built-in path */
  const char *const           *plugins;       /* only these are considered, NULL: all found (as configured) */
  const IkePluginInfo *const  *builtin;       /* further descriptors, for tests; NULL-terminated or NULL */
  /* until a sink is there, and for errors; any thread */
  void                       (*log_fallback) (const IkeLogRecord *record, gpointer data);
  gpointer                     log_data;
} IkeEngineOptions;

IkeEngine *ike_engine_new   (const IkeEngineOptions *options, GError **error);
/* Reads the settings, loads plugins, starts loops, loads the configuration.  A plugin that is not ready is no error
 * unless it is marked `critical`. */
gboolean   ike_engine_start (IkeEngine *engine, GError **error);
void       ike_engine_run   (IkeEngine *engine);             /* control loop, until ike_engine_quit() */
void       ike_engine_quit  (IkeEngine *engine);             /* any thread, and from a signal handler */
/* Polite end: deletes all SAs, waits at most @timeout_ms for the answers, then quits. Control. */
void       ike_engine_shutdown (IkeEngine *engine, guint32 timeout_ms);
void       ike_engine_free  (IkeEngine *engine);             /* NULL is fine */
gboolean   ike_engine_step  (IkeEngine *engine);             /* simulation: until quiet, then to the next deadline */
IkeSim    *ike_engine_sim   (IkeEngine *engine);             /* the one it belongs to, or NULL: real. Any thread */

/* The settings that the engine was started or reloaded with.  Control. */
const IkeTree *ike_engine_settings (IkeEngine *engine);
const char    *ike_engine_config_file (IkeEngine *engine);  /* NULL: it was given its settings as text */
/* States of plugins and features: { plugins = [ {name file state reason version features = [ {name state reason} ]}
 * ] }. Control. */
IkeTree   *ike_engine_plugins (IkeEngine *engine);
/* The frozen orders: tasks per exchange, hooks per point, activation order. Control. */
IkeTree   *ike_engine_order   (IkeEngine *engine);
/* Counters, named "shard.forwarded", "input.bad-length", …: any thread adds, cheap; listing sums up. */
guint32    ike_counter        (IkeEngine *engine, const char *name);      /* handle; control, while starting */
void       ike_counter_add    (IkeEngine *engine, guint32 handle, guint64 n);
guint64    ike_counter_get    (IkeEngine *engine, const char *name);      /* the sum; 0 when unknown */
IkeTree   *ike_engine_stats   (IkeEngine *engine);
/* What the loops do: { loops = [ {name waiting jobs = [ {name count longest_us stalls} ]} ] }.  Control. */
IkeTree   *ike_engine_jobs    (IkeEngine *engine);
/* Simulation: a hash over the names and bodies of all events emitted so far, in order (in a real engine 0).  Two runs
 * with one seed have the same. */
guint64    ike_engine_event_hash (IkeEngine *engine);
/* TRUE after ike_engine_quit(). Any thread. */
gboolean   ike_engine_is_quitting (IkeEngine *engine);

IKE_END_DECLS
