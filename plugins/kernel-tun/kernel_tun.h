/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_tun.h - the parts of this plugin and how they meet.
 *
 * The administration loop makes and frees everything (SAs, policies, routes); the ESP loops only
 * use it.  What a loop may still hold is freed after a round: a job on each loop, which can only
 * run when the loop holds nothing. */
#pragma once
#include <pthread.h>
#include <ikebana/engine.h>
#include <ikebana/kernel.h>
#include <ikebana/net.h>
#include "flows.h"
#include "netlink.h"
#include "reassemble.h"
#include "sad.h"
#include "segment.h"
#include "tun.h"

typedef struct _TunKernel TunKernel;
typedef struct _TunLoop TunLoop;
typedef struct _TunAdmin TunAdmin;
typedef struct _TunAddresses TunAddresses;

/* Handles of ike_counter(). */
typedef struct {
  guint32 esp_in, esp_out, bad_icv, replay, no_sa, bad_selector, malformed, bad_ecn, dummy, expired,
    overload, send_failed, too_big, exhausted, no_policy, policy_drop, no_tunnel, own_packet,
    tun_malformed, tun_failed;
} TunCounters;

struct _TunKernel {
  IkePlugin         *plugin;
  IkeEngine         *engine;
  const IkeNetClass *net;
  IkePlugin         *net_plugin;
  guint16            plain_port, marked_port;
  TunDevice          device;
  guint              mtu;
  TunCounters        counters;
  Spd               *spd;
  Flows              flows;
  IkeLoop           *admin_loop;
  TunAdmin          *admin;
  TunAddresses      *addresses;
  guint              n_loops;
  TunLoop          **loops;
  _Atomic guint32    n_sas, n_policies;       /* for describe */
  /* The loops end while others may post to them: whoever posts reads under this lock that they
   * live, control writes that they do not.  A job cannot say it, for it would need the loop. */
  pthread_rwlock_t   lock;
  gboolean           is_stopping;
  gboolean           has_ah;                  /* raw sockets; set while activating */
  guint32            mark;                    /* of the IPv4 packets that AH makes */
};

void tun_count (TunKernel *kernel, guint32 counter);
/* ike_loop_post() to one of our loops; when they end, @data_take is freed at once.  Any thread. */
void tun_post  (TunKernel *kernel, IkeLoop *const *loop, IkeFunc run, gpointer data_take,
                GDestroyNotify free_data);

/* -- loop.c */

/* Packets that are read from the device, received, and sent at once. */
enum { TUN_READ_BATCH = 64, TUN_IN_BATCH = 32, TUN_OUT_BATCH = 128 };
enum { TUN_KEYED = 256, TUN_PENDING = 32, TUN_PENDING_PER_POLICY = 4 };
enum { TUN_SLOT_SIZE = 65536 + 512, TUN_OUT_SIZE = 4 * TUN_SLOT_SIZE, TUN_CONTROL_SIZE = 128 };
/* IPv4 and IPv6 by turns. */
enum { TUN_UDP4, TUN_UDP6, TUN_RAW4, TUN_RAW6, TUN_AH4, TUN_AH6, TUN_SOCKETS };
/* Before an inner packet there is room for headers of ESP, or of AH and IP; before one that came, for what stood there
 * and the IP header that it is to have. */
enum { TUN_HEAD_MAX = 128, TUN_ROOM = 128 };

/* A context of one SA, cached. */
typedef struct {
  guint64             serial;                 /* 0: empty */
  const IkeAeadClass *aead;
  gpointer            keyed;
} TunKeyed;

/* An inner packet that waits for an SA. */
typedef struct {
  SpdPolicy *policy;                          /* NULL: empty */
  guint8    *data;
  gsize      len;
  gint64     since_us;
  gboolean   was_fragmented;
} TunPending;

/* A sealed packet that waits for the end of the batch. */
typedef struct {
  TunSa         *sa;
  const TunPath *path;
  guint8        *data;
  gsize          len;
  int            fd;                          /* -1: through the net plugin */
  int            fragmenting;                 /* IP_PMTUDISC_… */
  guint8         traffic_class;
  guint8         hop_limit;                   /* 0: the system's */
} TunOut;

struct _TunLoop {
  TunKernel *kernel;
  guint      index;
  IkeLoop   *loop;
  int        sockets[TUN_SOCKETS];            /* -1: none; the UDP ones belong to the net plugin */
  int        fragmenting[TUN_SOCKETS];        /* as last set */
  SadTable   inbound;
  TunKeyed   keyed[TUN_KEYED];
  gpointer  *scratch[3];                      /* aead, cipher, integ by index of the feature */
  guint      n_scratch[3];
  guint8     random[1024];
  guint      n_random;                        /* left of it */
  TunPending pending[TUN_PENDING];
  _Atomic guint32 n_forwarded;                /* packets on their way here from other threads */
  guint8    *in_slots;                        /* TUN_IN_BATCH of TUN_SLOT_SIZE */
  guint8    *read_buffer;                     /* one packet of the device, before it is cut */
  guint8    *out_buffer;                      /* TUN_OUT_SIZE; the sealed packets of a batch */
  gsize      out_used;
  Gather     gather;                          /* on their way to the device */
  gboolean   has_segments;                    /* UDP_SEGMENT works */
  TunOut     out[TUN_OUT_BATCH];
  guint      n_out;
  Reassembly reassembly;
  guint16    ip_id;                           /* of the last IPv4 header made here */
};

TunLoop *tun_loop_new  (TunKernel *kernel, guint index, GError **error);   /* control, activating */
void     tun_loop_stop (TunLoop *loop);                                    /* joins its thread */
void     tun_loop_free (TunLoop *loop);

/* Runs @each on every ESP loop, then @done once on the administration loop (or on control, while
 * the plugin ends). */
void     tun_round (TunKernel *kernel, void (*each) (TunLoop *loop, gpointer data),
                    void (*done) (TunKernel *kernel, gpointer data), gpointer data);

/* -- contexts.c: keys of an SA, ready for use on this loop */

gboolean      tun_keys      (TunLoop *loop, TunSa *sa, EspKeys *keys);
void          tun_keys_drop (TunLoop *loop, guint64 serial);
void          tun_keys_clear (TunLoop *loop);
const guint8 *tun_random_iv (TunLoop *loop, guint len);

/* -- outbound.c */

void tun_outbound_ready (int fd, guint32 events, gpointer loop);
/* what waited, for there are new SAs */
void tun_outbound_retry (TunLoop *loop);
void tun_outbound_forget (TunLoop *loop, SpdPolicy *policy);   /* NULL: everything */
void tun_flush          (TunLoop *loop);                       /* send.c */
/* To the device, at once. */
void tun_write          (TunLoop *loop, const guint8 *packet, gsize len);
/* To the device, maybe together with the next ones, which is tun_deliver_end(). */
void tun_deliver        (TunLoop *loop, const Packet *packet, const guint8 *data);
void tun_deliver_end    (TunLoop *loop);

/* -- seal.c */

/* What came from the device, or waited. */
typedef struct {
  /* with TUN_HEAD_MAX bytes before and ESP_TAIL_MAX behind */
  guint8  *data;
  gsize    len;
  Packet   packet;
  gboolean was_fragmented;
} TunInner;

void     tun_expire (TunKernel *kernel, TunSa *sa, guint32 crossed);
/* Fills @out with the sealed packet; FALSE: it cannot be, which was counted. */
gboolean tun_seal   (TunLoop *loop, TunSa *sa, const TunPath *path, const TunInner *inner,
                     TunOut *out);

/* -- inbound.c */

/* One ESP or AH packet with what its outer header said. */
typedef struct {
  guint8        *data;
  gsize          len;
  IkeAddr        remote, local;
  guint16        n_before;                    /* bytes before @data that belong to it: 0 or TUN_ROOM */
  guint8         header_len;                  /* AH: of the IPv4 header that stands before @data */
  guint8         protocol;                    /* IKE_PROTOCOL_ESP or _AH */
  guint8         traffic_class, hop_limit;
  guint8         is_encap;
} TunArrival;

void tun_inbound_ready   (int fd, guint32 events, gpointer loop);
void tun_inbound         (TunLoop *loop, TunArrival *arrival);
/* Copies it to the loop that its SPI names; any thread. */
void tun_inbound_forward (TunKernel *kernel, const TunArrival *arrival);

/* -- admin.c: class functions, on the administration loop */

TunAdmin *tun_admin_new  (TunKernel *kernel);
/* of spd_new() */
void      tun_admin_retire (gpointer kernel, gpointer item, GDestroyNotify free_item);
void      tun_admin_free (TunAdmin *admin);                    /* when no loop runs any more */
extern const IkeKernelClass tun_kernel_class;
/* A packet did not fit: finds out what does.  Any thread. */
void      tun_admin_measure (TunKernel *kernel, const TunSa *sa);

/* -- addresses.c: kernel:net */

TunAddresses *tun_addresses_new  (TunKernel *kernel, GError **error);
void          tun_addresses_free (TunAddresses *addresses);
/* Our address within @selector's range, FALSE when there is none.  Administration loop. */
gboolean      tun_addresses_within (TunAddresses *addresses, const IkeSelector *selector,
                                    IkeAddr *addr);
extern const IkeKernelNetClass tun_net_class;

/* -- routes.c: what leads packets into the device */

typedef struct _TunRoutes TunRoutes;
TunRoutes *tun_routes_new  (TunKernel *kernel);
/* removes everything from the kernel */
void       tun_routes_free (TunRoutes *routes);
/* all of it or nothing */
gboolean   tun_routes_add  (TunRoutes *routes, const SpdPolicy *policy, GError **error);
void       tun_routes_remove (TunRoutes *routes, const SpdPolicy *policy);
gboolean   tun_is_any_port   (const IkeSelector *selector);
