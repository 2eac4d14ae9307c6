/* SPDX-License-Identifier: Apache-2.0 */
/* kernel.h - what carries the data: kernel interfaces as plugins.
 *
 * `kernel:ipsec` installs ESP and AH SAs and policies, `kernel:net` knows addresses and routes.  All functions are
 * called on shards (or control), must not block, and answer by call.  Requests point into memory of the caller: copy
 * what is needed before returning. */
#pragma once
#include <ikebana/addr.h>
#include <ikebana/bus.h>
#include <ikebana/crypto.h>
#include <ikebana/proposal.h>
#include <ikebana/selector.h>

IKE_BEGIN_DECLS

typedef enum { IKE_MODE_TUNNEL, IKE_MODE_TRANSPORT, IKE_MODE_BEET, IKE_MODE_PASS, IKE_MODE_DROP } IkeMode;
typedef enum { IKE_DIR_IN, IKE_DIR_OUT, IKE_DIR_FWD } IkeDirection;

enum {
  IKE_KERNEL_ENCAP = 1 << 0,                  /* UDP encapsulation (RFC 3948) between the ports of the addresses */
  IKE_KERNEL_ESN = 1 << 1,
  IKE_KERNEL_COPY_DF = 1 << 2,
  IKE_KERNEL_COPY_ECN = 1 << 3,
  IKE_KERNEL_COPY_DSCP_IN = 1 << 4,
  IKE_KERNEL_COPY_DSCP_OUT = 1 << 5,
  IKE_KERNEL_TFC_MTU = 1 << 6,                /* pad to the MTU */
  /* An XFRM interface for @if_id is made with the first SA that has it and goes with the last; routes to the remote
   * selectors lead into it. */
  IKE_KERNEL_MAKE_INTERFACE = 1 << 7,
  IKE_KERNEL_FIXED_REQID = 1 << 8,            /* the operator chose the reqid: the kernel gets it as it is */
};

typedef enum { IKE_HW_OFFLOAD_NO, IKE_HW_OFFLOAD_AUTO, IKE_HW_OFFLOAD_CRYPTO, IKE_HW_OFFLOAD_PACKET } IkeHwOffload;

typedef struct { guint32 value, mask; } IkeMark;

/* One direction of a CHILD_SA. */
typedef struct {
  guint32        struct_size;
  guint8         protocol;                    /* IKE_PROTOCOL_ESP or _AH */
  guint8         mode;                        /* IkeMode */
  guint8         direction;                   /* IKE_DIR_IN or _OUT */
  guint8         reserved;
  guint32        flags;                       /* IKE_KERNEL_… */
  guint32        spi;                         /* host order; of the destination */
  guint32        reqid;
  IkeAddr        source, destination;         /* outer, with UDP ports when ENCAP */
  IkeTransform   encr, integ;                 /* type 0: none */
  const guint8  *encr_key, *integ_key;        /* encr_key: key | salt */
  guint32        encr_key_len, integ_key_len; /* bytes */
  guint32        replay_window;               /* packets; 0: off */
  guint32        tfc_padding;                 /* bytes, 0: none */
  guint64        soft_bytes, hard_bytes, soft_packets, hard_packets, soft_seconds, hard_seconds;   /* 0: never */
  IkeMark        mark, set_mark;
  guint32        if_id;
  IkeSaRef       sa;                          /* whose it is, for events */
  guint64        child;                       /* serial */
  const char    *interface;                   /* may be NULL */
  /* What the SA carries, seen in its own direction: in BEET mode the fixed inner addresses, in transport mode the hosts
   * as the machine knows them; one address each, any protocol and port.  Family 0: none. */
  IkeSelector    inner_source, inner_destination;
  guint8         ipcomp;                      /* RFC 7296, 3.10.1: IPCOMP_DEFLATE is 2; 0: none */
  guint8         offload;                     /* IkeHwOffload, to @interface or the device of the outer address */
  guint16        cpi;                         /* of the destination, with @ipcomp */
  guint32        acquire;                     /* sequence number of the acquire that this answers; 0: none */
  const char    *label;                       /* security label, may be NULL */
  const char    *link_name, *link_master;     /* with MAKE_INTERFACE: its name, and the VRF it belongs to or NULL */
  /* Inbound, transport mode behind NAT: the addresses that the peer made its checksums with (RFC 3948, 3.1.2).  Family
   * 0: those of the packet. */
  IkeAddr        original_source, original_destination;
  /* Outbound, only with CAN_SKIP.  For `update`: its sequence number goes up by so much, at least, and stays at its end
   * there (RFC 4303, 3.3.3).  For `install`: so many numbers are left out, for somebody else may have used them. */
  guint64        skip;
} IkeKernelSa;

typedef struct {
  guint32        struct_size;
  guint8         direction, mode, protocol, reserved;
  guint32        flags;
  guint32        reqid, spi;                  /* spi: of the outbound SA that carries it, 0: any of reqid */
  IkeSelector    source, destination;         /* inner */
  IkeAddr        outer_source, outer_destination;
  guint32        priority;                    /* lower wins; 0: the plugin computes it, narrower wins */
  IkeMark        mark;
  guint32        if_id;
  const char    *interface;
  guint8         ipcomp, offload;             /* as of the SA */
  const char    *label;
} IkeKernelPolicy;

/* What is installed or removed together: all of it or nothing. */
typedef struct {
  guint32                struct_size;
  guint32                n_sas, n_policies;
  const IkeKernelSa     *sas;
  const IkeKernelPolicy *policies;
} IkeKernelBatch;

typedef struct {
  guint64 bytes, packets;
  gint64  last_use_us;                        /* engine's monotonic clock; 0: never */
  guint64 n_replay, n_bad_icv, n_bad_selector;
  guint32 sequence_high, sequence;
} IkeKernelUse;

/* A packet met a policy without an SA. */
typedef struct {
  guint32     struct_size;
  guint32     reqid, sequence;                /* sequence: hand it back in IkeKernelSa.acquire; 0: none */
  guint32     if_id;
  IkeSelector source, destination;            /* of the packet, as exactly as the kernel says */
  const char *label;
} IkeKernelAcquire;

/* What a peer may send us, as somebody else found it out. */
typedef struct {
  guint32  struct_size;
  /* May this transform be negotiated for @protocol?  Any thread; at once. */
  gboolean (*can)        (IkePlugin *self, guint8 protocol, const IkeTransform *transform);
  guint32  features;                          /* IKE_KERNEL_CAN_… */
  /* Answers with GUINT_TO_POINTER (spi), host order.  @protocol is ESP or AH; with CAN_IPCOMP also IKE_PROTOCOL_IPCOMP,
   * then it is a CPI from 256 to 61439. */
  void     (*get_spi)    (IkePlugin *self, IkeCall *call, guint8 protocol, const IkeAddr *source,
                          const IkeAddr *destination, IkeSaRef sa);
  /* never installed */
  void     (*free_spi)   (IkePlugin *self, guint8 protocol, guint32 spi, const IkeAddr *destination);
  /* Answers with a non-NULL pointer.  Takes the SPIs over: whatever comes of it, they are not given back by
   * free_spi. */
  void     (*install)    (IkePlugin *self, IkeCall *call, const IkeKernelBatch *batch);
  /* Installed SAs and policies by SPI, addresses, selectors; what is not there is not an error. */
  void     (*remove)     (IkePlugin *self, IkeCall *call_or_null, const IkeKernelBatch *batch);
  /* addresses, ENCAP; keeps counters */
  void     (*update)     (IkePlugin *self, IkeCall *call, const IkeKernelSa *old, const IkeKernelSa *new_);
  /* answers with IkeKernelUse*, g_malloc */
  void     (*query)      (IkePlugin *self, IkeCall *call, const IkeKernelSa *which);
  /* for `ikebana status`: at least name, text */
  void     (*describe)   (IkePlugin *self, IkeTree *into);
  /* IKE_KERNEL_CAN_… as the running kernel turned out to do; NULL: @features.  Any thread, once it is active. */
  guint32  (*offers)     (IkePlugin *self);
  /* When a packet met this policy: answers with IkeKernelUse* (last_use_us only), g_malloc; may be NULL */
  void     (*query_policy) (IkePlugin *self, IkeCall *call, const IkeKernelPolicy *which);
  /* What came of an acquire: with @is_up packets that waited are looked at again, else they go; either way the next
   * one that meets the policy is told of anew.  Control; may be NULL. */
  void     (*acquired)   (IkePlugin *self, const IkeKernelAcquire *acquire, gboolean is_up);
} IkeKernelClass;

enum {
  IKE_KERNEL_CAN_ESN = 1 << 0, IKE_KERNEL_CAN_TRANSPORT = 1 << 1, IKE_KERNEL_CAN_BEET = 1 << 2,
  IKE_KERNEL_CAN_IPCOMP = 1 << 3, IKE_KERNEL_CAN_RAW_ESP = 1 << 4, IKE_KERNEL_CAN_TRAP = 1 << 5,
  IKE_KERNEL_CAN_AH = 1 << 6, IKE_KERNEL_CAN_IF_ID = 1 << 7, IKE_KERNEL_CAN_SHUNT = 1 << 8,
  IKE_KERNEL_CAN_LABEL = 1 << 9, IKE_KERNEL_CAN_MARK = 1 << 10, IKE_KERNEL_CAN_OFFLOAD = 1 << 11,
  /* in transport mode behind one NAT several peers have the same selectors: their flows are told apart */
  IKE_KERNEL_CAN_FLOWS = 1 << 12,
  IKE_KERNEL_CAN_SKIP = 1 << 13,
};

/* IKE_KERNEL_CAN_… of the plugin that carries the data; 0: none is ready.  Any thread, once it is active. */
guint32 ike_kernel_offers (IkeEngine *engine);

/* The way to a peer. */
typedef struct {
  guint32  struct_size;
  IkeAddr  source, gateway;                   /* gateway: family 0 when it is on the link */
  char     interface[16];
  guint32  mtu;                               /* 0: unknown */
} IkeKernelRoute;

typedef struct { IkeAddr addr; char interface[16]; } IkeKernelAddress;

/* What changed in addresses, links and routes. */
typedef struct {
  guint32     struct_size;
  guint8      what;                           /* IkeKernelChange */
  gboolean    is_added;                       /* a link: it is up */
  IkeAddr     addr;                           /* of an address; of a route its network */
  guint32     prefix_len;
  const char *interface;
} IkeKernelNetEvent;

typedef enum { IKE_CHANGE_ADDRESS, IKE_CHANGE_LINK, IKE_CHANGE_ROUTE, IKE_CHANGE_LOST } IkeKernelChange;

/* `kernel:net`. */
typedef struct {
  guint32  struct_size;
  void     (*add_address)    (IkePlugin *self, IkeCall *call, const IkeAddr *addr, guint prefix_len,
                              const char *interface_or_null);
  void     (*remove_address) (IkePlugin *self, IkeCall *call_or_null, const IkeAddr *addr, guint prefix_len,
                              const char *interface_or_null);
  void     (*add_route)      (IkePlugin *self, IkeCall *call, const IkeAddr *net, guint prefix_len,
                              const char *interface, const IkeAddr *source_or_null);
  void     (*remove_route)   (IkePlugin *self, IkeCall *call_or_null, const IkeAddr *net, guint prefix_len,
                              const char *interface);
  /* The address we would use towards @peer: answers with an IkeAddr*, g_malloc. */
  void     (*source_for)     (IkePlugin *self, IkeCall *call, const IkeAddr *peer);
  /* Addresses of this machine, any thread, at once, from a cache. */
  gboolean (*is_local)       (IkePlugin *self, const IkeAddr *addr);
  /* Answers with an IkeKernelRoute*, g_malloc; may be NULL */
  void     (*route_to)       (IkePlugin *self, IkeCall *call, const IkeAddr *peer);
  /* Those addresses of this machine that a peer may be told and reach us at, @max at most: neither of loopback nor of
   * one link only, nor given by a peer.  Returns how many are in @out.  As is_local; may be NULL. */
  guint    (*addresses)      (IkePlugin *self, IkeKernelAddress *out, guint max);
} IkeKernelNetClass;

/* Kernel events, from any thread; each finds its SA and becomes a job. */
void ike_kernel_expire  (IkePlugin *self, IkeSaRef sa, guint64 child, guint32 spi, gboolean is_hard);
void ike_kernel_acquire (IkePlugin *self, const IkeKernelAcquire *acquire);
/* Becomes the event and the hook `net-change`; CHANGE_LOST: some were missed, ask anew. */
void ike_kernel_net_changed (IkePlugin *self, const IkeKernelNetEvent *event);
void ike_kernel_mapping (IkePlugin *self, IkeSaRef sa, guint64 child, guint32 spi, const IkeAddr *new_source);

/* Hook on each shard, without an SA: addresses, links or routes changed, as bits 1 << IkeKernelChange.  Whatever comes
 * until a shard gets to it is one event there. */
typedef struct { guint32 struct_size; guint shard; guint32 what; } IkeNetChangeEvent;
IKE_DECLARE_HOOK (net_change, "net-change", IkeNetChangeEvent);

IKE_END_DECLS
