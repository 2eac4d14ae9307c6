/* SPDX-License-Identifier: Apache-2.0 */
/* pool_leases.c - leases in memory; see pool_leases.h.
 *
 * A lease is in the table by its address and in the list of its client; one that is offline is also
 * in the queue of all that are, which the oldest one leaves first. */
#include "config.h"
#include "pool_leases.h"
#include "pool_keys.h"
#include "pool_tell.h"
#include <string.h>

/* One client may have thousands of leases (one identity for all devices): so many of those that are
 * online are looked at. */
enum { LOOKED_AT = 16 };

typedef struct {
  guint32 unique_id;
  IkeAddr remote;
} Holder;

typedef struct _Lease Lease;

typedef struct {
  IkeIdent *identity;
  GQueue online[2], offline[2]; /* Lease, the newest first; by family */
} Client;

struct _Lease {
  PoolLease public;
  Client *client;            /* NULL: anonymous */
  GArray *holders;           /* Holder */
  GList of_client, of_queue; /* data: the lease */
};

struct _PoolLeases {
  const PoolAddrs *addrs;
  guint max_offline;
  GHashTable *by_addr; /* Lease, all */
  GHashTable *clients;
  GQueue offline[2]; /* Lease, the oldest first */
  guint64 fresh[2];  /* all addresses below were given to somebody */
  guint64 n_online;
  guint n_left;    /* online, and not among @addrs */
  GArray *skipped; /* IkeAddr; of them, those that were taken then */
  guint next_skipped;
  gboolean (*is_taken) (const IkeAddr *addr, gpointer data);
  gpointer guard;
};

/* -- tables */

static void
client_free (gpointer data)
{
  Client *client = data;

  ike_ident_unref (client->identity);
  g_free (client);
}

static void
lease_free (gpointer data)
{
  Lease *lease = data;

  ike_ident_unref (lease->public.identity);
  g_array_unref (lease->holders);
  g_free (lease);
}

PoolLeases *
pool_leases_new (const PoolAddrs *addrs, guint max_offline)
{
  PoolLeases *leases = g_new0 (PoolLeases, 1);

  leases->addrs = addrs;
  leases->max_offline = max_offline;
  leases->by_addr = g_hash_table_new_full (pool_addr_hash, pool_addr_equal, NULL, lease_free);
  leases->clients = g_hash_table_new_full (pool_ident_hash, pool_ident_equal, NULL, client_free);
  leases->skipped = g_array_new (FALSE, FALSE, sizeof (IkeAddr));
  return leases;
}

void
pool_leases_free (PoolLeases *leases)
{
  if (!leases)
    return;
  g_hash_table_unref (leases->by_addr);
  g_hash_table_unref (leases->clients);
  g_array_unref (leases->skipped);
  g_free (leases);
}

static guint
kind_of (const Lease *lease)
{
  return lease->public.addr.family == 6;
}

static Client *
client_of (PoolLeases *leases, const IkeIdent *identity, gboolean shall_be_made)
{
  Client *client = identity ? g_hash_table_lookup (leases->clients, identity) : NULL;

  if (client || !identity || !shall_be_made)
    return client;
  client = g_new0 (Client, 1);
  client->identity = ike_ident_ref (identity);
  g_hash_table_insert (leases->clients, client->identity, client);
  return client;
}

static gboolean
client_is_idle (const Client *client)
{
  for (guint i = 0; i < 2; i++)
    if (client->online[i].length || client->offline[i].length)
      return FALSE;
  return TRUE;
}

/* -- one lease */

/* Out of whatever lists it is in. */
static void
detach (PoolLeases *leases, Lease *lease)
{
  guint kind = kind_of (lease);
  gboolean is_online = lease->holders->len > 0;

  if (lease->client)
    g_queue_unlink (is_online ? &lease->client->online[kind] : &lease->client->offline[kind],
                    &lease->of_client);
  if (is_online)
    leases->n_online--;
  else
    g_queue_unlink (&leases->offline[kind], &lease->of_queue);
}

static void
attach (PoolLeases *leases, Lease *lease)
{
  guint kind = kind_of (lease);
  gboolean is_online = lease->holders->len > 0;

  if (lease->client)
    g_queue_push_head_link (is_online ? &lease->client->online[kind]
                                      : &lease->client->offline[kind],
                            &lease->of_client);
  if (is_online)
    leases->n_online++;
  else
    g_queue_push_tail_link (&leases->offline[kind], &lease->of_queue);
}

static void
forget_client (PoolLeases *leases, Client *client)
{
  if (client && client_is_idle (client))
    g_hash_table_remove (leases->clients, client->identity);
}

/* Offline, and nobody's from now on. */
static void
forget (PoolLeases *leases, Lease *lease)
{
  Client *client = lease->client;

  detach (leases, lease);
  forget_client (leases, client);
  g_hash_table_remove (leases->by_addr, &lease->public.addr);
}

static Lease *
make (PoolLeases *leases, const IkeAddr *addr)
{
  Lease *lease = g_new0 (Lease, 1);

  lease->public.addr = *addr;
  lease->public.addr.port = 0;
  lease->holders = g_array_new (FALSE, FALSE, sizeof (Holder));
  lease->of_client.data = lease->of_queue.data = lease;
  g_hash_table_insert (leases->by_addr, &lease->public.addr, lease);
  attach (leases, lease);
  return lease;
}

/* It becomes, or stays, that of the client. */
static void
hold (PoolLeases *leases, Lease *lease, const IkeLeaseQuery *query, gint64 now_us)
{
  Holder holder = { query->unique_id, query->remote };
  Client *before = lease->client;

  if (lease->holders->len)
    g_array_append_val (lease->holders, holder);
  else {
    detach (leases, lease);
    lease->client = client_of (leases, query->identity, TRUE);
    ike_ident_unref (lease->public.identity);
    lease->public.identity = query->identity ? ike_ident_ref (query->identity) : NULL;
    g_array_append_val (lease->holders, holder);
    lease->public.since_us = now_us;
    attach (leases, lease);
    if (before != lease->client)
      forget_client (leases, before);
  }
  lease->public.n_holders = lease->holders->len;
}

/* -- which one */

static gboolean
is_taken (const PoolLeases *leases, const IkeAddr *addr)
{
  return leases->is_taken && leases->is_taken (addr, leases->guard);
}

static gboolean
is_held_by (const Lease *lease, guint32 unique_id)
{
  for (guint i = 0; i < lease->holders->len; i++)
    if (g_array_index (lease->holders, Holder, i).unique_id == unique_id)
      return TRUE;
  return FALSE;
}

static gboolean
is_held_from (const Lease *lease, const IkeAddr *remote)
{
  for (guint i = 0; i < lease->holders->len; i++)
    if (ike_addr_equal (&g_array_index (lease->holders, Holder, i).remote, remote))
      return TRUE;
  return FALSE;
}

/* An SA that wants two addresses gets two. */
static gboolean
may_share (const Lease *lease, const IkeLeaseQuery *query)
{
  return is_held_from (lease, &query->remote) && !is_held_by (lease, query->unique_id);
}

/* An SA that takes the place of another before that is closed comes from the same host and port;
 * two hosts behind one NAT do not. */
static Lease *
find_shared (const Client *client, const IkeLeaseQuery *query, guint kind)
{
  guint n = 0;

  for (GList *link = client ? client->online[kind].head : NULL; link && n < LOOKED_AT;
       link = link->next, n++)
    if (may_share (link->data, query))
      return link->data;
  return NULL;
}

/* RFC 7296, 3.15.1: "If a specific address is requested, it likely indicates that a previous
 * connection existed with this address and the requestor would like to reuse that address." */
static Lease *
find_wanted (PoolLeases *leases, const IkeLeaseQuery *query)
{
  Lease *lease;

  if (ike_addr_is_any (&query->wanted) || !pool_addrs_has (leases->addrs, &query->wanted)
      || is_taken (leases, &query->wanted))
    return NULL;
  lease = g_hash_table_lookup (leases->by_addr, &query->wanted);
  if (!lease)
    return make (leases, &query->wanted);
  return lease->client && query->identity && !is_held_by (lease, query->unique_id)
                 && ike_ident_equal (lease->client->identity, query->identity)
             ? lease
             : NULL;
}

/* Passed over when somebody else's client had it, who may be gone by now.  Some at a time, and
 * others the next time. */
static Lease *
find_skipped (PoolLeases *leases, guint family)
{
  GArray *skipped = leases->skipped;

  for (guint n = MIN (skipped->len, LOOKED_AT); n; n--) {
    guint i = leases->next_skipped % skipped->len;
    IkeAddr addr = g_array_index (skipped, IkeAddr, i);
    leases->next_skipped = i + 1;
    if (addr.family != family || is_taken (leases, &addr))
      continue;
    g_array_remove_index_fast (skipped, i);
    if (!g_hash_table_contains (leases->by_addr, &addr))
      return make (leases, &addr);
  }
  return NULL;
}

static Lease *
find_fresh (PoolLeases *leases, guint family)
{
  guint kind = family == 6;
  guint64 n = pool_addrs_n (leases->addrs, family);
  IkeAddr addr;

  if (leases->offline[kind].length && leases->offline[kind].length >= leases->max_offline)
    return NULL;
  while (leases->fresh[kind] < n) {
    pool_addrs_nth (leases->addrs, family, leases->fresh[kind]++, &addr);
    if (g_hash_table_contains (leases->by_addr, &addr))
      continue;
    if (!is_taken (leases, &addr))
      return make (leases, &addr);
    g_array_append_val (leases->skipped, addr);
  }
  return find_skipped (leases, family);
}

/* The first of a queue of those that are offline that may be used. */
static Lease *
first_of (const PoolLeases *leases, const GQueue *offline)
{
  guint n = 0;

  for (GList *link = offline->head; link && n < LOOKED_AT; link = link->next, n++)
    if (!is_taken (leases, &((Lease *) link->data)->public.addr))
      return link->data;
  return NULL;
}

static Lease *
find (PoolLeases *leases, const IkeLeaseQuery *query)
{
  guint kind = query->wanted.family == 6;
  const Client *client = client_of (leases, query->identity, FALSE);
  Lease *lease = find_shared (client, query, kind);

  if (!lease)
    lease = find_wanted (leases, query);
  if (!lease && client)
    lease = first_of (leases, &client->offline[kind]);
  if (!lease)
    lease = find_fresh (leases, query->wanted.family);
  return lease ? lease : first_of (leases, &leases->offline[kind]);
}

gboolean
pool_leases_acquire (PoolLeases *leases, const IkeLeaseQuery *query, gint64 now_us, IkeAddr *out,
                     char **why)
{
  Lease *lease = find (leases, query);

  if (!lease) {
    *why = pool_why_none (query->pool, leases->addrs, query->wanted.family);
    return FALSE;
  }
  hold (leases, lease, query, now_us);
  *out = lease->public.addr;
  return TRUE;
}

/* So that wishes do not fill the memory.  All below `fresh` stays, for only leases say that it can
 * be given again; that is no more than were online at one time. */
static void
forget_one_too_many (PoolLeases *leases, Lease *newest)
{
  guint kind = kind_of (newest);
  Lease *ways[] = { leases->offline[kind].head->data, newest };
  guint64 i;

  if (leases->offline[kind].length <= leases->max_offline)
    return;
  for (guint k = 0; k < G_N_ELEMENTS (ways); k++)
    if (pool_addrs_find (leases->addrs, &ways[k]->public.addr, &i) && i >= leases->fresh[kind]) {
      forget (leases, ways[k]);
      return;
    }
}

void
pool_leases_release (PoolLeases *leases, const IkeLeaseQuery *query, const IkeAddr *addr,
                     gint64 now_us)
{
  Lease *lease = g_hash_table_lookup (leases->by_addr, addr);
  guint i;

  for (i = 0; lease && i < lease->holders->len; i++)
    if (g_array_index (lease->holders, Holder, i).unique_id == query->unique_id)
      break;
  if (!lease || i == lease->holders->len)
    return;
  if (lease->holders->len > 1)
    g_array_remove_index_fast (lease->holders, i);
  else {
    detach (leases, lease);
    g_array_set_size (lease->holders, 0);
    lease->public.since_us = now_us;
    attach (leases, lease);
  }
  lease->public.n_holders = lease->holders->len;
  if (lease->holders->len)
    return;
  if (!pool_addrs_has (leases->addrs, addr)) {
    leases->n_left--;
    forget (leases, lease);
  } else
    forget_one_too_many (leases, lease);
}

guint
pool_leases_set_addrs (PoolLeases *leases, const PoolAddrs *addrs)
{
  GHashTableIter iter;
  gboolean are_equal = pool_addrs_equal (leases->addrs, addrs);
  gpointer value;

  leases->addrs = addrs;
  if (are_equal)
    return leases->n_left;
  leases->n_left = 0;
  g_array_set_size (leases->skipped, 0);
  for (guint kind = 0; kind < 2; kind++) {
    GList *link = leases->offline[kind].head, *next;
    leases->fresh[kind] = 0;
    for (; link; link = next) {
      Lease *lease = link->data;
      next = link->next;
      if (!pool_addrs_has (addrs, &lease->public.addr))
        forget (leases, lease);
    }
  }
  g_hash_table_iter_init (&iter, leases->by_addr);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    leases->n_left += !pool_addrs_has (addrs, &((Lease *) value)->public.addr);
  return leases->n_left;
}

gboolean
pool_leases_is_online (const PoolLeases *leases, const IkeAddr *addr)
{
  const Lease *lease = g_hash_table_lookup (leases->by_addr, addr);

  return lease && lease->holders->len;
}

void
pool_leases_set_guard (PoolLeases *leases,
                       gboolean (*is_taken_) (const IkeAddr *addr, gpointer data), gpointer data)
{
  leases->is_taken = is_taken_;
  leases->guard = data;
}

/* -- for people */

guint64
pool_leases_n_online (const PoolLeases *leases)
{
  return leases->n_online;
}

guint64
pool_leases_n_offline (const PoolLeases *leases)
{
  return leases->offline[0].length + leases->offline[1].length;
}

void
pool_leases_each (const PoolLeases *leases, void (*each) (const PoolLease *lease, gpointer data),
                  gpointer data)
{
  GHashTableIter iter;
  gpointer lease;

  g_hash_table_iter_init (&iter, leases->by_addr);
  while (g_hash_table_iter_next (&iter, NULL, &lease))
    each (&((Lease *) lease)->public, data);
}
