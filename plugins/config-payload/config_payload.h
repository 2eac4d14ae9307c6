/* SPDX-License-Identifier: Apache-2.0 */
/* config_payload.h - what the files of the plugin share. */
#pragma once
#include <ikebana/exchange.h>
#include <ikebana/log.h>
#include <ikebana/pool.h>
#include <ikebana/tree.h>

enum { CFG_REQUEST = 1, CFG_REPLY, CFG_SET, CFG_ACK };

/* What a reply may have: both ends stop there. */
enum { CONFIG_BYTES_MAX = 8192 };

typedef struct {
  IkeEngine    *engine;
  guint32       lease_slot, held_slot;
  IkeHookPoint *on_assign, *on_handle, *on_request;
  gboolean      installs_addresses;
} Config;

static inline Config *
config_of (IkeTask *task)
{
  return ike_plugin_state (ike_task_plugin (task));
}

/* -- gateway.c: who answers */

typedef struct _Gateway Gateway;
IkeTaskResult gateway_process (IkeTask *task, Gateway **gateway, const IkeMessage *in);
IkeTaskResult gateway_build   (const Gateway *gateway, IkeWriter *out);
void          gateway_free    (Gateway *gateway);

/* -- lease.c: addresses that an SA holds until it ends */

typedef struct {
  const IkeProvided *pool;
  IkeLeaseQuery      query;                   /* its texts and identity are the lease's own */
  IkeAddr            addr;
} Lease;

extern const IkeSlotClass config_lease_slot;
/* Answers @call with a Lease, or fails. */
void lease_ask  (IkeLoop *loop, const IkeProvided *pool, const IkeLeaseQuery *query, IkeCall *call);
void lease_free (gpointer lease);                               /* gives it back; any thread */
void lease_keep (const Config *config, IkeSa *sa, Lease *lease_take);

/* -- client.c: who asks */

typedef struct _Client Client;
gboolean      client_wants   (const IkeSa *sa);
IkeTaskResult client_build   (IkeTask *task, IkeWriter *out);
IkeTaskResult client_process (IkeTask *task, Client **client, const IkeMessage *in);
void          client_free    (Client *client);

/* -- held.c: what a client has from its gateway, until the SA and its heirs end */

typedef struct _Held Held;
extern const IkeSlotClass config_held_slot;
/* That of @sa, made if need be. */
Held    *held_of        (const Config *config, IkeSa *sa);
/* An address that is on an interface. */
typedef struct {
  const Config *config;
  IkeAddr       addr;
} Placed;
/* Answers @call with a Placed, or fails. */
void     held_install   (const Config *config, IkeLoop *loop, const IkeAddr *addr, IkeCall *call);
void     placed_free    (gpointer placed);                      /* takes it away; any thread */
void     held_keep      (Held *held, Placed *placed_take);
void     held_attribute (Held *held, IkeSa *sa, guint16 type, const guint8 *value, gsize len);

/* -- commands.c */

extern const IkeFeature config_pools_feature, config_leases_feature;
