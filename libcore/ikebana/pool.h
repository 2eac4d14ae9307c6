/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h - virtual addresses, and what else a gateway tells its clients in configuration payloads (RFC 7296, 3.15).
 *
 * A plugin that keeps addresses offers the kind `pool`; the plugin of the configuration payload asks all of them in
 * load order for the names in `pools` of a connection.  Whoever knows better (RADIUS) adds to the hook `assign`;
 * whoever acts on what a gateway said (name servers) adds to `handle`. */
#pragma once
#include <ikebana/plugin.h>
#include <ikebana/sa.h>

IKE_BEGIN_DECLS

/* Attributes of configuration payloads, IANA. */
enum {
  IKE_CFG_INTERNAL_IP4_ADDRESS = 1, IKE_CFG_INTERNAL_IP4_NETMASK = 2, IKE_CFG_INTERNAL_IP4_DNS = 3,
  IKE_CFG_INTERNAL_IP4_NBNS = 4, IKE_CFG_INTERNAL_IP4_DHCP = 6, IKE_CFG_APPLICATION_VERSION = 7,
  IKE_CFG_INTERNAL_IP6_ADDRESS = 8, IKE_CFG_INTERNAL_IP6_DNS = 10, IKE_CFG_INTERNAL_IP6_DHCP = 12,
  IKE_CFG_INTERNAL_IP4_SUBNET = 13, IKE_CFG_SUPPORTED_ATTRIBUTES = 14, IKE_CFG_INTERNAL_IP6_SUBNET = 15,
  IKE_CFG_INTERNAL_IP6_PREFIX = 18, IKE_CFG_INTERNAL_DNS_DOMAIN = 25, IKE_CFG_INTERNAL_DNSSEC_TA = 26,
  IKE_CFG_ENCDNS_IP4 = 27, IKE_CFG_ENCDNS_IP6 = 28, IKE_CFG_ENCDNS_DIGEST_INFO = 29,
  IKE_CFG_INTERNAL_IP4_SERVER = 23456, IKE_CFG_INTERNAL_IP6_SERVER = 23457,   /* Microsoft's: private use */
};
enum { IKE_VIRTUAL_IPS_MAX = 8, IKE_CFG_ATTRIBUTES_MAX = 64 };
/* Families of addresses, as bits. */
enum { IKE_POOL_IP4 = 1, IKE_POOL_IP6 = 2 };

/* Who wants an address. */
typedef struct {
  guint32         struct_size;
  const char     *pool;                       /* its name */
  const IkeIdent *identity;                   /* of the client, as it was proven: EAP identity, else IDi */
  IkeAddr         wanted;                     /* family: which kind; unspecified: any of it */
  IkeAddr         remote;                     /* where the client is */
  guint32         unique_id;                  /* of the IKE SA; a lease belongs to one */
} IkeLeaseQuery;

/* Kind `pool`, one for each plugin that keeps pools: `pool:memory`. */
typedef struct {
  guint32   struct_size;
  /* Is there a pool of this name?  Any thread, at once. */
  gboolean (*has)     (IkePlugin *self, const char *pool);
  /* Any loop; copies what it keeps.  Answers with an IkeAddr*, g_malloc: nobody else's until release; or fails with
   * a reason for people ("pool rw is full: 254 of 254 in use").  The same client gets the same address again where
   * that is free.  For a call that was given up the lease is given back (undo). */
  void     (*acquire) (IkePlugin *self, const IkeLeaseQuery *query, IkeCall *call);
  /* Any loop.  @query is that of acquire. */
  void     (*release) (IkePlugin *self, const IkeLeaseQuery *query, const IkeAddr *addr);
  /* Any loop: calls @add (type of the attribute, value as on the wire) for what the pool's section says beside its
   * addresses: dns, nbns, dhcp, netmask, server, subnet, split DNS, …  Before it returns. */
  void     (*attributes) (IkePlugin *self, const char *pool,
                          void (*add) (guint16 type, const void *value, gsize len, gpointer data), gpointer data);
  /* May be NULL.  Control, for the commands `pools` and `leases`: answers with an IkeTree, a list of sections
   * { pool keeper size4 size6 online offline }, or, with @are_leases, { pool address identity status sas since-s }.
   * Numbers and truth have their types; identities are formatted. */
  void      (*list)    (IkePlugin *self, gboolean are_leases, IkeCall *call);
  /* May be NULL.  Any thread, at once: of which families a pool has addresses, given or not. */
  guint     (*families) (IkePlugin *self, const char *pool);
} IkePoolClass;

/* Before pools are asked, on the SA's shard: what the client asked for, and what a plugin gives it. */
typedef struct _IkeAssignEvent IkeAssignEvent;
struct _IkeAssignEvent {
  guint32        struct_size;
  const IkeAddr *wanted;                      /* addresses asked for: a family each, unspecified for any */
  guint          n_wanted;
  IkeAddr        given[IKE_VIRTUAL_IPS_MAX];  /* go before any pool's of their family, and are not leased */
  guint          n_given;
  char           pool[64];                    /* "": those of the connection; else this one goes first */
  /* More attributes of the reply. */
  void         (*add) (IkeAssignEvent *event, guint16 type, const void *value, gsize len);
};
IKE_DECLARE_HOOK (assign, "assign", IkeAssignEvent);

/* Client: an attribute of the gateway's reply, on the SA's shard; @is_gone: what it caused is to be taken back, for the
 * SA and its heirs ended: then the hook gets no SA.  @value is the same pointer both times.  All are told (PASS). */
typedef struct {
  guint32       struct_size;
  gboolean      is_gone;
  guint16       type;
  const guint8 *value;
  gsize         len;
} IkeHandleEvent;
IKE_DECLARE_HOOK (handle, "handle", IkeHandleEvent);

/* Client: which attributes to ask for.  Each plugin that handles some adds their types. */
typedef struct {
  guint32 struct_size;
  guint16 types[IKE_CFG_ATTRIBUTES_MAX];
  guint   n;
  guint   left_out;                           /* families that `vips` names and that are not asked for all the same */
  IkeAddr wishes[IKE_VIRTUAL_IPS_MAX];        /* addresses to ask for where `vips` leaves it open, as 0.0.0.0 does */
  guint   n_wishes;
} IkeRequestEvent;
IKE_DECLARE_HOOK (request, "request-attributes", IkeRequestEvent);

IKE_END_DECLS
