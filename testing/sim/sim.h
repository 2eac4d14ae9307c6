/* SPDX-License-Identifier: Apache-2.0 */
/* sim.h - the simulator: gateways and clients as engines in one process, a virtual clock, a hostile
 * network, a script drawn from a seed, and rules that must hold after every step.
 *
 * A World is one run of one seed.  It is made (world.c), its script is drawn (script.c) and
 * performed (perform.c) while observe.c mirrors what the engines say of their SAs, traffic.c sends
 * tagged packets, and invariants.c judges; finale.c lets the weather clear up, sees that everybody
 * agrees, takes all down and looks for what is left.  chart.c draws it. */
#pragma once
#include <stdio.h>
#include <ikebana/engine.h>
#include <ikebana/exchange.h>
#include "kernel-fake/kernel_fake.h"
#include "net-sim/net_sim.h"

enum { ENDS_MAX = 12, CHILDREN_MAX = 3, PENDING_MAX = 32, SECOND = 1000000 };

typedef struct _World World;
typedef struct _End End;
typedef struct _Link Link;
typedef struct _Chart Chart;

/* -- dice: what the scenario is drawn from; the engines draw from the simulation's own */

typedef struct { guint64 state; } Dice;

guint64  dice_next   (Dice *dice);
guint    dice_below  (Dice *dice, guint n);
guint    dice_range  (Dice *dice, guint low, guint high);      /* both included */
gboolean dice_chance (Dice *dice, guint per_cent);

/* -- what the plugins that are loaded can do (features.c) */

typedef enum {
  CAN_REKEY, CAN_REKEY_IKE_TIME, CAN_REKEY_CHILD_TIME, CAN_REAUTH, CAN_DPD, CAN_RETRY, CAN_UNIQUE, CAN_LIFE_TIME,
  CAN_INACTIVITY, CAN_CLOSE_ACTION, CAN_DPD_ACTION, CAN_TRAP, CAN_REBIND, CAN_LOSSLESS, N_CAN,
} Can;

/* Asks an engine of its own, once per process.  @with, @without: names, comma-separated, or NULL. */
guint32     features_find (const char *with, const char *without, guint *n_idle);
const char *feature_name  (Can can);

/* -- the scenario */

/* A connection between two ends, in both their settings.  Side 0 is the gateway where the other is a client. */
struct _Link {
  guint    index;
  char     name[8];                           /* "l2", of the connection */
  End     *ends[2];
  guint    n_children;                        /* "n0", "n1", … */
  gboolean is_nat;                            /* side 1 hides behind NAT */
  gint64   give_up_us;                        /* how long a request is repeated, then its SA goes */
  guint    dpd_s[2];                          /* 0: none */
  gboolean starts[2], restarts[2];            /* start_action, close_action or dpd_action bring it up again */
  gboolean has_traps;
  gint64   forced_us[2];                      /* when that side was taken down without a word; 0: never */
  gboolean is_child_forced;                   /* a child alone: no liveness check tells of that */
  GString *settings[2];                       /* the section of each side */
};

typedef struct { guint loss, duplicate, reorder, corrupt; gint64 latency_us, jitter_us; } Weather;

typedef enum {
  DO_UP, DO_DOWN, DO_COLLIDE, DO_REKEY, DO_REKEY_IKE, DO_REAUTH, DO_TRAFFIC, DO_WEATHER, DO_CUT, DO_HEAL, DO_CRASH,
  DO_RESTART, DO_NAT_FORGET, DO_EXPIRE, DO_WALL, DO_KERNEL_FAIL, DO_KERNEL_DELAY, N_DO,
} Deed;

typedef struct {
  gint64  at_us;
  Deed    deed;
  guint   a, b, c;                            /* as the deed needs: link, side, child; end; … */
} Event;

typedef struct {
  guint64 seed;
  guint   n_gateways, n_clients;              /* both 0: drawn */
  guint32 can;                                /* bits 1 << Can */
  guint   n_idle;                             /* what waits in an engine without SAs */
  Chart  *chart;                              /* NULL: none */
  gboolean is_plain;                          /* nothing is drawn that would bring up or end SAs by itself */
  gboolean logs;                              /* also the sentences of the engines */
} Options;

/* -- the mirror: what an end said of itself, through hooks */

typedef struct { guint32 id; gint64 since_us; } Pending;

typedef struct {
  End     *end;
  guint64  serial;                            /* of its IkeSaRef */
  guint    shard;
  guint64  spi_i, spi_r, our_spi;
  guint32  unique_id;
  guint8   state;
  gboolean was_up;
  gboolean is_heir;                           /* made in the place of another, and without its children yet */
  gboolean is_excused;                        /* the other end cannot have heard that it is alone */
  gint64   born_us, up_us, lonely_us;         /* 0: not (yet) */
  guint32  next_out, n_asked;
  Pending  asked[PENDING_MAX];                /* requests of ours without a response */
  guint32  first_in;                          /* lowest request ID of the peer not yet seen */
  guint64  seen_in, answered_in;              /* bits from first_in on; those below are both */
  Link    *link;
} SimSa;

typedef struct {
  End     *end;
  IkeFakeSa sa;
  SimSa   *owner;                             /* whose child it is; NULL: nobody's */
  gboolean shares_fate;                       /* its IKE SA has no twin either */
  guint    check;                             /* the number of the check that saw it last */
  gint64   born_us, lonely_us, orphan_us;     /* orphan: it belongs to no CHILD_SA */
  gboolean is_proven;                         /* a packet sealed in it was opened by its twin */
} SimKernelSa;

typedef enum { GONE_SAID, GONE_UNHEARD, GONE_CRASHED } Gone;

struct _End {
  World     *world;
  guint      index;
  char       name[8];                         /* "g1", "c2" */
  IkeAddr    addr;
  guint      generation;                      /* engines it has had */
  IkeEngine *engine;                          /* NULL: crashed */
  IkePlugin *net, *kernel;
  const IkeSimNetOps     *net_ops;
  const IkeKernelFakeOps *kernel_ops;
  GPtrArray *sas;                             /* SimSa */
  guint64    n_kernel_calls;                  /* when it was looked at last */
  char      *inner;                           /* payload names of the message that is being sealed */
};

typedef struct {
  guint   n_links, n_ends;
  guint64 n_steps, n_datagrams, n_events, n_ike_up, n_child_up, n_crashes;
  guint64 n_tags, n_late, n_lonely, n_unsent;
  double  sa_hours, virtual_hours;
} Figures;

struct _World {
  Options    options;
  Dice       dice;
  IkeSim    *sim;
  guint32    engine_flags;
  guint      n_shards;
  End        ends[ENDS_MAX];
  guint      n_ends;
  GPtrArray *links;                           /* Link */
  GArray    *events;                          /* Event, by time */
  Weather    weather;
  gboolean   is_cut[ENDS_MAX][ENDS_MAX];
  GHashTable *kernel_sas;                     /* SimKernelSa */
  GHashTable *gone;                           /* guint64 mixed from SPIs and end → Gone */
  struct _Traffic *traffic;
  gboolean   is_dirty;                        /* something changed: look at everything */
  gint64     next_check_us;
  guint      n_checks;
  guint64    hash;
  guint      n_asked, n_answered;             /* control commands */
  guint      n_granted, n_refused;            /* ups that worked, that failed */
  char      *fault;                           /* NULL: all is well */
  Figures    figures;
};

/* world.c */
World   *world_new    (const Options *options);
void     world_free   (World *world);
void     end_start    (End *end);
void     end_crash    (End *end);
/* Steps until @until_us, judging after each; FALSE: there is a fault. */
gboolean world_run    (World *world, gint64 until_us);
gint64   world_now    (const World *world);
/* The first one counts. */
void     world_fault  (World *world, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* A line in the chart, beside @end or (NULL) all of them. */
void     world_note   (World *world, const End *end, const char *format, ...) G_GNUC_PRINTF (3, 4);
End     *world_end_of (World *world, IkeEngine *engine);
End     *world_end_at (World *world, const IkeAddr *addr);
Link    *world_link   (World *world, guint i);
gboolean world_can    (const World *world, Can can);
void     world_mix    (World *world, guint64 value);

/* topology.c */
void     topology_draw  (World *world);
char    *topology_settings (World *world, End *end);
/* The host behind @side of child @child of @link. */
void     topology_host  (const Link *link, guint side, guint child, IkeAddr *addr);
IkeTree *topology_args  (const Link *link, int child);          /* { name child }; child -1: none */

/* engines.c */
gboolean engine_start   (End *end, const char *settings, GError **error);
/* Another engine of the process, for questions; NULL with @error. */
IkeEngine *engine_scratch (IkeSim *sim, GError **error);

/* observe.c */
extern const IkePluginInfo observe_plugin;
/* Where the plugin finds the world of a simulation. */
World  **observe_world  (IkeSim *sim);
SimSa   *observe_sa     (End *end, guint64 spi_i, guint64 spi_r);
void     observe_forget (End *end, Gone how);
guint64  observe_key    (const End *end, guint64 spi_i, guint64 spi_r);
void     observe_wire   (IkeSimEvent event, const IkeSimPacket *packet, gpointer world);

/* weather.c */
void     weather_begin  (World *world);
void     weather_set    (World *world, const Weather *weather);
void     weather_draw   (World *world, guint kind);
void     weather_cut    (World *world, guint a, guint b, gboolean is_cut);    /* b == n_ends: from all */
void     weather_heal   (World *world);

/* script.c and perform.c */
void     script_draw    (World *world);
void     script_perform (World *world, const Event *event);
void     command_run    (End *end, const char *name, IkeTree *args_take);
/* Without a word to the peer. */
void     command_force_down (Link *link, guint side, int child);

/* traffic.c */
typedef struct _Traffic Traffic;
Traffic *traffic_new    (void);
void     traffic_free   (Traffic *traffic);
void     traffic_attach (End *end);
void     traffic_burst  (World *world, Link *link, guint child, guint n, gint64 gap_us);
void     traffic_tap    (World *world, IkeSimEvent event, const IkeSimPacket *packet);
/* When all is quiet: the fate of each packet must be known. */
void     traffic_judge  (World *world);
guint64  traffic_missing (const World *world);                 /* since traffic_mark(): sent and not arrived */
void     traffic_mark   (World *world);
void     traffic_forget (World *world);

/* invariants.c */
void     invariants_check (World *world);
void     invariants_kernel_gone (End *end);

/* finale.c */
void     finale         (World *world);

/* chart.c and svg.c */
Chart   *chart_new      (FILE *text_or_null, FILE *svg_or_null);
void     chart_free     (Chart *chart);
void     chart_begin    (Chart *chart, const World *world);
void     chart_end      (Chart *chart, World *world);
void     chart_packet   (Chart *chart, World *world, IkeSimEvent event, const IkeSimPacket *packet);
void     chart_note     (Chart *chart, const World *world, const End *end_or_null, const char *text);
typedef struct _Svg Svg;
typedef enum { SVG_SENT, SVG_LOST, SVG_ARRIVED } SvgMark;
Svg     *svg_new        (FILE *file);
void     svg_begin      (Svg *svg, const World *world);
void     svg_arrow      (Svg *svg, guint from, guint to, SvgMark mark, gint64 at_us, const char *text);
void     svg_note       (Svg *svg, int column, gint64 at_us, const char *text);
void     svg_free       (Svg *svg);

/* loss.c: success of setups through loss */
int      loss_report    (const Options *options, guint n);
