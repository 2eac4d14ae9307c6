/* SPDX-License-Identifier: Apache-2.0 */
/* lease.c - addresses from pools: asked for, held by an SA and its heirs, given back.
 *
 * A pool answers a call of this file's own, on the shard, which always hears the answer; only then
 * is the task told.  So whoever gives up a lease knows whose it was. */
#include "config.h"
#include "config_payload.h"

/* A pool answers, however late: who waits for it gives up sooner (see gateway.c), and the lease
 * that comes then is given back. */
enum { ANSWER_MS = 3600 * 1000 };

typedef struct {
  Lease *lease;
  IkeCall *call;
} Asked;

static const IkePoolClass *
class_of (const Lease *lease)
{
  return lease->pool->ops;
}

static void
discard (Lease *lease)
{
  g_free ((char *) lease->query.pool);
  ike_ident_unref ((IkeIdent *) lease->query.identity);
  g_free (lease);
}

void
lease_free (gpointer data)
{
  Lease *lease = data;

  class_of (lease)->release (lease->pool->plugin, &lease->query, &lease->addr);
  discard (lease);
}

static void
answered (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Asked *asked = data;
  Lease *lease = g_steal_pointer (&asked->lease);

  if (error) {
    ike_call_fail (asked->call, error);
    discard (lease);
    return;
  }
  lease->addr = *(IkeAddr *) result;
  g_free (result);
  ike_call_answer (asked->call, lease);
}

/* The engine ends, and nobody answered. */
static void
asked_free (gpointer data)
{
  Asked *asked = data;

  if (asked->lease) {
    ike_call_fail (asked->call, "the daemon ends");
    discard (asked->lease);
  }
  g_free (asked);
}

static const IkeCallClass lease_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "address from a pool",
  .timeout_ms = ANSWER_MS,
  .then = answered,
  .undo = g_free,
  .free_data = asked_free,
};

void
lease_ask (IkeLoop *loop, const IkeProvided *pool, const IkeLeaseQuery *query, IkeCall *call)
{
  Asked *asked = g_new0 (Asked, 1);
  Lease *lease = g_new0 (Lease, 1);

  lease->pool = pool;
  lease->query = *query;
  lease->query.pool = g_strdup (query->pool);
  lease->query.identity = query->identity ? ike_ident_ref (query->identity) : NULL;
  *asked = (Asked){ lease, call };
  class_of (lease)->acquire (pool->plugin, &lease->query,
                             ike_loop_call (loop, &lease_call, lease, asked));
}

/* -- with an SA */

/* One array for an SA and its heirs: all on one shard. */
static gpointer
inherit (IkeSa *from, IkeSa *to, gpointer state)
{
  return g_ptr_array_ref (state);
}

static void
leave (gpointer state)
{
  g_ptr_array_unref (state);
}

const IkeSlotClass config_lease_slot = {
  .struct_size = sizeof (IkeSlotClass),
  .name = "leases",
  .destroy = leave,
  .inherit = inherit,
  .share = inherit,
};

void
lease_keep (const Config *config, IkeSa *sa, Lease *lease_take)
{
  GPtrArray *leases = ike_sa_slot (sa, config->lease_slot);

  if (!leases) {
    leases = g_ptr_array_new_with_free_func (lease_free);
    ike_sa_set_slot (sa, config->lease_slot, leases);
  }
  g_ptr_array_add (leases, lease_take);
}
