/* SPDX-License-Identifier: Apache-2.0 */
/* wire.h - the wire that the engines of one simulation share: packets, listeners, translation,
 * the script. */
#pragma once
#include "net_sim.h"

#define SIM_LATENCY_US 10000

typedef struct _Wire Wire;
typedef struct _Endpoint Endpoint;
typedef struct _Packet Packet;
typedef struct _Script Script;
typedef struct _Nat Nat;

enum { PACKET_ROOM = 2048 };                  /* larger ones get a buffer of their own */

struct _Packet {
  Packet   *next;                             /* in the pool, or among the held */
  guint     n_refs;
  Wire     *wire;
  Endpoint *endpoint;                         /* while it waits for a shard, else NULL */
  IkeAddr   from, to;
  guint64   number;
  guint32   len;
  guint32   shard;
  guint8   *data;                             /* room, or g_malloc */
  guint8    room[PACKET_ROOM];
};

/* One engine's place on the wire.  Counted: packets on the way to its shards keep it. */
struct _Endpoint {
  guint             n_refs;
  gboolean          is_active;
  Wire             *wire;
  IkePlugin        *self;
  IkeEngine        *engine;
  GArray           *addresses;                /* IkeAddr without ports */
  guint16           plain, marked;
  gboolean          is_steered;
  IkeEspSink        sink_class;
  gpointer          sink;
  guint32           counter_rx, counter_tx, counter_short, counter_keepalive;
  guint32           counter_esp_rx, counter_esp_tx;
};

struct _Wire {
  guint       n_refs;                         /* the simulation, endpoints, packets under way */
  IkeSim     *sim;
  GHashTable *listeners;                      /* IkeAddr with port → Endpoint; never walked */
  GHashTable *hosts;                          /* name → GArray of IkeAddr */
  Packet     *pool, *held;
  guint       n_pool;
  Script     *script;
  Nat        *nat;
  guint64     n_sent;
  guint64     count[IKE_SIM_N_EVENTS];
  guint32     n_addresses;                    /* given out to engines that named none */
};

Wire    *wire_get        (IkeSim *sim);       /* borrowed from the simulation */
Wire    *wire_ref        (Wire *wire);
void     wire_unref      (Wire *wire);
/* A packet with room for @len bytes, to be filled; given back with packet_free(). */
Packet  *wire_packet     (Wire *wire, const IkeAddr *from, const IkeAddr *to, gsize len);
void     packet_free     (gpointer packet);
void     packet_resize   (Packet *packet, gsize len);
void     packet_describe (const Packet *packet, IkeSimPacket *out);
/* Sends; takes the packet.  @delay_us < 0: subject to the script. */
void     wire_send       (Wire *wire, Packet *packet_take, gint64 delay_us);
gboolean wire_listen     (Wire *wire, Endpoint *endpoint, const IkeAddr *host);
void     wire_unlisten   (Wire *wire, Endpoint *endpoint, const IkeAddr *host);
void     wire_tell       (Wire *wire, IkeSimEvent event, const Packet *packet);
guint    addr_hash       (gconstpointer addr);
gboolean addr_equal      (gconstpointer a, gconstpointer b);

/* net_sim.c: a packet came to an engine; takes it. */
void     endpoint_arrive (Endpoint *endpoint, Packet *packet_take);
void     endpoint_unref  (Endpoint *endpoint);

/* script.c */
typedef struct { guint n_copies; gint64 delay_us; gboolean is_swapped; } Lot;
Script  *script_new      (void);
void     script_free     (Script *script);
/* May change the bytes of @packet. */
void     script_judge    (Script *script, Packet *packet, Lot *lot);
void     script_tell     (Script *script, IkeSimEvent event, const IkeSimPacket *packet);
gboolean script_is_heard (const Script *script);                       /* is there any tap? */
void     script_set_latency (Script *script, gint64 latency_us, gint64 jitter_us);
void     script_set_chaos   (Script *script, const IkeSimChaos *chaos_or_null);
void     script_set_function (Script *script, IkeSimScript function, gpointer data);
guint    script_rule_add    (Script *script, const IkeSimRule *rule);
guint    script_rule_hits   (const Script *script, guint id);
void     script_rule_remove (Script *script, guint id);
guint    script_tap_add     (Script *script, IkeSimTap tap, gpointer data);
void     script_tap_remove  (Script *script, guint id);

/* nat.c */
Nat     *nat_new         (void);
void     nat_free        (Nat *nat);
void     nat_add         (Nat *nat, const IkeAddr *inside, const IkeAddr *outside);
void     nat_add_static  (Nat *nat, const IkeAddr *inside, const IkeAddr *outside);
void     nat_remove      (Nat *nat, const IkeAddr *inside_or_null);
void     nat_forget      (Nat *nat);
void     nat_translate   (Nat *nat, IkeAddr *from, IkeAddr *to);
