/* SPDX-License-Identifier: Apache-2.0 */
/* net_sim.h - the in-memory network, as tests see it.
 *
 * All engines of one simulation are on one wire.  The plugin offers `net:sim` to the engine and,
 * to tests, the table below as `service:net-sim`; asking any engine of the simulation is the
 * same, except where a function says "this engine".  A datagram goes through: tap SENT, rules in
 * the order they were added, chaos, script, address translation, delay, tap ARRIVED (or
 * NOWHERE).  Everything random comes from the simulation's seed. */
#pragma once
#include <ikebana/engine.h>
#include <ikebana/net.h>

IKE_BEGIN_DECLS

/* A datagram on the wire.  Only valid during the call it is handed to. */
typedef struct {
  guint32       struct_size;
  guint32       exchange;                     /* type from the IKE header; 0: not IKE */
  guint64       number;                       /* on this wire, from 1 */
  gint64        time_us;
  IkeAddr       from, to;                     /* with ports */
  const guint8 *data;                         /* with the non-ESP marker where there is one */
  gsize         len;
  const guint8 *ike;                          /* its IKE header, 28 bytes at least; or NULL */
  gboolean      is_response;
} IkeSimPacket;

typedef enum {
  IKE_SIM_SENT,
  IKE_SIM_LOST,                               /* by a rule, chaos or script */
  IKE_SIM_ARRIVED,                            /* addresses as the receiver sees them */
  IKE_SIM_NOWHERE,                            /* nobody listens there */
  IKE_SIM_N_EVENTS
} IkeSimEvent;

typedef void (*IkeSimTap) (IkeSimEvent event, const IkeSimPacket *packet, gpointer data);

/* What becomes of one datagram; a script changes what it likes. */
typedef struct {
  guint32       struct_size;
  guint32       n_copies;                     /* 1; 0: lost */
  gint64        delay_us;                     /* the latency; less than 0 counts as 0 */
  const guint8 *data;                         /* NULL: as sent; else what arrives instead; copied */
  gsize         len;
} IkeSimFate;

typedef void (*IkeSimScript) (const IkeSimPacket *packet, IkeSimFate *fate, gpointer data);

typedef enum {
  IKE_SIM_DROP,
  IKE_SIM_DUPLICATE,                          /* @argument further copies (0: one) */
  IKE_SIM_DELAY,                              /* by @argument more microseconds */
  IKE_SIM_SWAP,                               /* arrives after the next one between the same ends */
  IKE_SIM_CORRUPT,                            /* byte @argument (modulo the length) inverted */
  IKE_SIM_TRUNCATE,                           /* to @argument bytes */
} IkeSimAction;

typedef enum { IKE_SIM_ANY, IKE_SIM_REQUEST, IKE_SIM_RESPONSE } IkeSimWhich;

/* For those datagrams that match everything that is set: act on the @first-th (from 1; 0 is 1)
 * and the following @n_times (0: all). */
typedef struct {
  guint32     struct_size;
  guint32     action;                         /* IkeSimAction */
  guint32     argument;
  guint32     first, n_times;
  guint32     exchange;                       /* 0: any, also what is not IKE */
  guint32     which;                          /* IkeSimWhich */
  IkeAddr     from, to;                       /* family 0: any host; port 0: any port */
  gboolean  (*matches) (const IkeSimPacket *packet, gpointer data);   /* may be NULL */
  gpointer    data;
} IkeSimRule;

/* Random misfortune, each in per mille of the datagrams. */
typedef struct {
  guint32 struct_size;
  guint32 loss, duplicate, reorder, corrupt;
} IkeSimChaos;

/* `service:net-sim`.  On the thread of the simulation. */
typedef struct {
  guint32  struct_size;
  /* At first 10 ms and 0. */
  void    (*set_latency) (IkePlugin *self, gint64 latency_us, gint64 jitter_us);
  void    (*set_chaos)   (IkePlugin *self, const IkeSimChaos *chaos_or_null);
  void    (*set_script)  (IkePlugin *self, IkeSimScript script_or_null, gpointer data);
  /* Returns an id, from 1. */
  guint   (*rule_add)    (IkePlugin *self, const IkeSimRule *rule);
  guint   (*rule_hits)   (IkePlugin *self, guint id);                 /* how often it acted */
  void    (*rule_remove) (IkePlugin *self, guint id);                 /* 0: all */
  guint   (*tap_add)     (IkePlugin *self, IkeSimTap tap, gpointer data);
  void    (*tap_remove)  (IkePlugin *self, guint id);                 /* 0: all */
  /* Everything from the host @inside appears to come from the host @outside, each port with a
   * port of its own, and the answers find back. */
  void    (*nat_add)     (IkePlugin *self, const IkeAddr *inside, const IkeAddr *outside);
  void    (*nat_remove)  (IkePlugin *self, const IkeAddr *inside_or_null);
  /* A reboot: new ports from now on. */
  void    (*nat_forget)  (IkePlugin *self);
  /* A datagram from any address, not touched by rules.  Bytes as on the wire, with marker where
   * one belongs. */
  void    (*inject)      (IkePlugin *self, const IkeAddr *from, const IkeAddr *to,
                          const void *data, gsize len, gint64 delay_us);
  /* For name resolution: the one address of @name from now on. */
  void    (*host_add)    (IkePlugin *self, const char *name, const IkeAddr *addr);
  /* This engine has one address more or less from now on.  FALSE: somebody else has it. */
  gboolean (*address_add)    (IkePlugin *self, const IkeAddr *addr);
  void     (*address_remove) (IkePlugin *self, const IkeAddr *addr);
  guint64 (*count)       (IkePlugin *self, IkeSimEvent event);
  /* The same as nat_add, but ports stay, and who calls @outside reaches @inside. */
  void    (*nat_add_static) (IkePlugin *self, const IkeAddr *inside, const IkeAddr *outside);
  /* One more, behind those that @name has. */
  void    (*host_add_further) (IkePlugin *self, const char *name, const IkeAddr *addr);
} IkeSimNetOps;

/* The table and the instance to hand to it, of @engine; NULL when net-sim is not ready in it. */
static inline const IkeSimNetOps *
ike_sim_net (IkeEngine *engine, IkePlugin **self)
{
  const IkeProvided *provided = ike_feature_find (engine, "service:net-sim", NULL);
  *self = provided ? provided->plugin : NULL;
  return provided ? (const IkeSimNetOps *) provided->ops : NULL;
}

IKE_END_DECLS
