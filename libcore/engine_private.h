/* SPDX-License-Identifier: Apache-2.0 */
/* engine_private.h - what hangs off an engine, and the order in which the modules of the core begin and end.
 *
 * Each module keeps its state in a struct of its own behind a pointer here; only its own files look inside.
 * ike_engine_start() runs the _start functions in the order in which they stand below, all on the control thread,
 * before any other thread runs; ike_engine_free() runs the _free functions backwards after all threads were joined. */
#pragma once
#include <stdatomic.h>
#include <ikebana/engine.h>
#include <ikebana/model.h>

typedef struct _IkeRegistry IkeRegistry;      /* plugin/: plugins, features, options */
typedef struct _IkeBus IkeBus;                /* runtime/: hooks, taps, events */
typedef struct _IkeCounters IkeCounters;      /* runtime/ */
typedef struct _IkeOffload IkeOffload;        /* runtime/ */
typedef struct _IkeLogger IkeLogger;          /* runtime/: log groups, sinks, taps, the event hash */
typedef struct _IkeRuntime IkeRuntime;        /* runtime/: all loops, the seeded RNG, how far start came */
typedef struct _IkeSettings IkeSettings;      /* config/: files read, options by type, snapshots */
typedef struct _IkeCryptoTable IkeCryptoTable;/* crypto/: classes by number */
typedef struct _IkeControlTable IkeControlTable; /* control/: commands, running requests */
typedef struct _IkeSaManager IkeSaManager;    /* sa/: tables, exchanges, tasks, gates */

struct _IkeEngine {
  IkeEngineOptions options;                   /* strings copied */
  char            *name;
  IkeSim          *sim;                       /* NULL: real */
  guint32          serial;                    /* of this engine in its simulation, from 1 */
  IkeLoop         *control, *io, *observer, **shards;
  guint            n_shards;
  gboolean         is_running;                /* threads are started */
  gboolean         is_quitting;
  IkeCounters     *counters;
  IkeLogger       *logger;
  IkeOffload      *offload;
  IkeBus          *bus;
  IkeSettings     *settings;
  IkeRegistry     *registry;
  IkeCryptoTable  *crypto;
  IkeControlTable *commands;
  IkeSaManager    *sas;
  IkeRuntime      *runtime;
  gint64           wall_shift_us;             /* simulation: how far the wall clock was moved */
  const IkeTree   *settings_tree;             /* of the settings file; NULL before it was read */
  /* What lower rooms call in higher ones; set by these when they begin. */
  const IkePluginInfo *const *core_plugins;   /* the core's own descriptors, NULL-terminated */
  IkeSa         *(*find_sa)        (IkeEngine *engine, IkeSaRef ref);
  void           (*config_applied) (IkeEngine *engine, IkeConfig *config, IkeConfig *previous_or_null);
  void           (*free_scratches) (IkeEngine *engine, gpointer scratches);
  atomic_uint     *net_changes;               /* of each shard: bits that its job will tell of; any thread */
};

/* What everybody may know of a plugin; the rest is plugin/'s. */
typedef struct {
  IkeEngine *engine;
  char      *name;
} IkePluginHead;

/* Module functions.  _new at ike_engine_new(), before anything is read. */
IkeCounters *ike_counters_new  (IkeEngine *engine);
void         ike_counters_free (IkeCounters *counters);
IkeLogger   *ike_logger_new    (IkeEngine *engine);
/* levels from the settings, once they are read */
void         ike_logger_configure (IkeEngine *engine);
void         ike_logger_start  (IkeEngine *engine, const IkeProvided *const *sinks, guint n);   /* after activation */
void         ike_logger_stop   (IkeEngine *engine);                    /* before deactivation: the fallback again */
void         ike_logger_free   (IkeLogger *logger);
IkeBus      *ike_bus_new       (IkeEngine *engine);
/* after activation: sorts hooks, cycle is an error */
gboolean     ike_bus_freeze    (IkeEngine *engine, GError **error);
IkeTree     *ike_bus_order     (IkeEngine *engine);                    /* { hooks = { point = [labels] } } */
void         ike_bus_free      (IkeBus *bus);

IkeSettings *ike_settings_state_new  (IkeEngine *engine);
/* first step: files → tree (engine.conf + conf.d) */
gboolean     ike_settings_state_read (IkeEngine *engine, GError **error);
gboolean     ike_settings_state_start (IkeEngine *engine, GError **error); /* last: stores → first snapshot */
void         ike_settings_state_free (IkeSettings *settings);
/* What is wrong with a connection that could not be loaded; NULL: nothing is known of it. g_free. Control. */
char        *ike_config_why_not (IkeEngine *engine, const char *conn);
/* Why @child can have no trap, or, as a shunt, not be installed; NULL: it can.  g_free. */
char        *ike_trap_why_not   (IkeEngine *engine, const IkeConn *conn, const IkeChildConf *child);
/* Option values of a section: declared options of a prefix ("connection/", "child/", …) in an array by index, made by
 * ike_options_read() of config/. */
void         ike_options_free  (IkeEngine *engine, guint64 *options);
guint64     *ike_options_copy  (IkeEngine *engine, const guint64 *options);

IkeRegistry *ike_registry_new    (IkeEngine *engine);
/* scan, notes, open, resolve: no code of theirs but probes */
gboolean     ike_registry_load   (IkeEngine *engine, GError **error);
/* Who offers @feature, ready or not: list of { plugin name state reason }. Control. */
IkeTree     *ike_registry_providers (IkeEngine *engine, const char *feature);
/* Names of the plugins that are ready, in their order. */
void         ike_registry_list_order (IkeEngine *engine, IkeTree *list);
/* in order; a failure is a state, not an error, unless critical */
gboolean     ike_registry_activate (IkeEngine *engine, GError **error);
/* Tells plugins, backwards, that the end is polite; each gets a call of @call_for. */
void         ike_registry_each_shutdown (IkeEngine *engine, IkeCall *(*call_for) (IkeEngine *engine));
/* backwards; loops still run (or are stepped) */
void         ike_registry_deactivate (IkeEngine *engine);
gboolean     ike_registry_reload_check  (IkeEngine *engine, GError **error);
void         ike_registry_reload_commit (IkeEngine *engine);
void         ike_registry_free   (IkeRegistry *registry);
/* Every option that any known plugin declares, ready or not: info and the plugin's name; NULL when unknown. */
const IkeOptionInfo *ike_registry_option (IkeEngine *engine, const char *path, guint32 *index, const char **plugin,
                                          gboolean *is_ready);
const IkeOptionInfo *ike_registry_option_nth (IkeEngine *engine, guint32 index, const char **plugin,
                                              gboolean *is_ready);
const char  *ike_option_hint     (const IkeOptionInfo *option);         /* how to write a value; may be "" */

gboolean     ike_crypto_start  (IkeEngine *engine, GError **error);     /* builds the tables from ready features */
void         ike_crypto_free   (IkeCryptoTable *table);

gboolean     ike_control_start (IkeEngine *engine, GError **error);
void         ike_control_stop  (IkeEngine *engine);                     /* fails the running requests */
void         ike_control_free  (IkeControlTable *table);

/* once the shards are known, before plugins activate */
void         ike_sas_new       (IkeEngine *engine);
gboolean     ike_sas_start     (IkeEngine *engine, GError **error);
/* Begins what `start_action = start` asks for of the connections in @config that are not in @previous. Control. */
void         ike_sas_apply_config (IkeEngine *engine, IkeConfig *config, IkeConfig *previous_or_null);
/* Adds to what ike_engine_reload() answered a list `left` of { connection sas }: removed, and still up.  @done gets
 * the tree, perhaps at once. Control. */
void         ike_sas_count_removed (IkeEngine *engine, IkeTree *result_take,
                                    void (*done) (gpointer data, IkeTree *result_take), gpointer data);
/* Begins to delete every SA; @done on the control loop when none is left. */
void         ike_sas_shutdown  (IkeEngine *engine, void (*done) (IkeEngine *engine));
void         ike_sas_free      (IkeSaManager *sas);
/* { tasks = { exchange = [names] }, … }, for ike_engine_order() */
IkeTree     *ike_sas_order     (IkeEngine *engine);

/* Seams of runtime/ for the rest of the core. */
/* Finds an SA by its name; NULL when it is gone.  Its shard only.  Implemented in sa/. */
IkeSa       *ike_sa_lookup (IkeEngine *engine, IkeSaRef ref);
/* Where crypto/ keeps the scratch contexts of @loop (given to free_scratches at the end).  That loop only. */
gpointer    *ike_loop_crypto_slot (IkeLoop *loop);
guint        ike_loop_shard_index (IkeLoop *loop);                      /* G_MAXUINT: no shard.  Any thread */
/* Jobs that wait for an offload thread now; for the flood threshold.  Any thread. */
guint        ike_offload_depth (IkeEngine *engine);
/* ike_engine_free() joins the threads of control, io, observer and the shards before it deactivates plugins; the
 * control thread then owns these loops (ike_loop_is_current() is TRUE for each, watches and timers may be stopped at
 * once), and this runs what is queued on them, before the plugins' state is freed. */
void         ike_engine_drain (IkeEngine *engine);

/* config/: options of section `core`, for the core's own descriptor; NULL-terminated. */
extern const IkeOptionInfo *const ike_core_options[];
