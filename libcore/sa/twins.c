/* SPDX-License-Identifier: Apache-2.0 */
/* twins.c - CHILD_SAs that carry the same between the same hosts, in IKE SAs beside each other: one
 * that is authenticated anew, and the one that is to be closed for it.
 *
 * To whoever answers, the new IKE SA is one like any other, and it may live on another shard.  So
 * the CHILD_SAs of an engine are known here by what they carry: twins have one reqid, for packets
 * of the older one would not pass the policies of the newer otherwise; and whoever answers goes on
 * sending by the older one until the peer surely has the newer, so that no packet is lost. */
#include "sa/sa_private.h"
#include <pthread.h>

enum { STRIPES = 64, HOLD_MS = 1000 };

/* By digest of what it carries; locked with its stripe.  It does not change but for the counter and
 * who holds back. */
struct _IkeTwins {
  guint8 key[16];
  guint32 reqid;
  guint n;
  IkeSaRef holder; /* its newest one that may hold back; serial 0: none */
  guint64 held_child;
};

/* Shards meet here, once when a CHILD_SA comes and once when it goes. */
typedef struct {
  pthread_mutex_t lock;
  GHashTable *by_key;
} Stripe;

struct _IkeTwinTable {
  Stripe stripes[STRIPES];
};

typedef struct {
  IkeEngine *engine;
  IkeSaRef sa;
  guint64 child;
} Holder;

/* -- the table */

static guint
key_hash (gconstpointer key)
{
  guint hash;

  memcpy (&hash, (const guint8 *) key + 1, sizeof hash);
  return hash;
}

static gboolean
key_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, 16) == 0;
}

IkeTwinTable *
ike_twin_table_new (void)
{
  IkeTwinTable *table = g_new0 (IkeTwinTable, 1);
  guint i;

  for (i = 0; i < STRIPES; i++) {
    pthread_mutex_init (&table->stripes[i].lock, NULL);
    table->stripes[i].by_key = g_hash_table_new_full (key_hash, key_equal, NULL, g_free);
  }
  return table;
}

void
ike_twin_table_free (IkeTwinTable *table)
{
  guint i;

  for (i = 0; i < STRIPES; i++) {
    pthread_mutex_destroy (&table->stripes[i].lock);
    g_hash_table_unref (table->stripes[i].by_key);
  }
  g_free (table);
}

static Stripe *
stripe_of (const IkeChild *child, const guint8 *key)
{
  return &child->sa->shard->manager->twins->stripes[key[0] % STRIPES];
}

/* -- what it carries */

static void
add_text (IkeSipHash *hash, const char *text)
{
  ike_siphash_update (hash, text, strlen (text) + 1);
}

static void
add_addr (IkeSipHash *hash, const IkeAddr *addr)
{
  ike_siphash_update (hash, &addr->family, sizeof addr->family);
  ike_siphash_update (hash, addr->bytes, addr->family == 4 ? 4 : 16);
  ike_siphash_update (hash, &addr->port, sizeof addr->port);
}

static void
add_selector (IkeSipHash *hash, const IkeSelector *selector)
{
  gsize len = selector->family == 4 ? 4 : 16;

  ike_siphash_update (hash, &selector->family, sizeof selector->family);
  ike_siphash_update (hash, &selector->protocol, sizeof selector->protocol);
  ike_siphash_update (hash, &selector->port_first, sizeof selector->port_first);
  ike_siphash_update (hash, &selector->port_last, sizeof selector->port_last);
  ike_siphash_update (hash, selector->first, len);
  ike_siphash_update (hash, selector->last, len);
}

static void
add_kernel_sa (IkeSipHash *hash, const IkeChild *child, gboolean is_inbound)
{
  IkeKernelSa sa;

  ike_child_fill_kernel_sa (child, is_inbound, &sa);
  ike_siphash_update (hash, &sa.protocol, sizeof sa.protocol);
  ike_siphash_update (hash, &sa.mode, sizeof sa.mode);
  ike_siphash_update (hash, &sa.if_id, sizeof sa.if_id);
  ike_siphash_update (hash, &sa.mark, sizeof sa.mark);
  ike_siphash_update (hash, &sa.set_mark, sizeof sa.set_mark);
}

static void
make_key (const IkeChild *child, guint8 key[16])
{
  const IkeSa *sa = child->sa;
  IkeSipHash hash;
  const guint8 *id;
  gsize len = 0;
  guint i;

  ike_siphash_init (&hash, sa->shard->manager->secret, TRUE);
  add_text (&hash, child->conn->name);
  add_text (&hash, child->conf->name);
  id = sa->remote_id ? ike_ident_data (ike_sa_user (sa), &len) : NULL;
  ike_siphash_update (&hash, &len, sizeof len);
  if (len)
    ike_siphash_update (&hash, id, len);
  add_addr (&hash, &child->local);
  add_addr (&hash, &child->remote);
  add_kernel_sa (&hash, child, TRUE);
  add_kernel_sa (&hash, child, FALSE);
  ike_siphash_update (&hash, &child->n_local, sizeof child->n_local);
  for (i = 0; i < (guint) child->n_local + child->n_remote; i++)
    add_selector (&hash, &child->selectors[i]);
  ike_siphash_end128 (&hash, key);
}

/* -- coming */

/* Those of its own IKE SA are there on purpose: "IKEv2 deliberately allows parallel SAs with the
 * same Traffic Selectors between common endpoints" (RFC 7296, 2.8). */
static guint
n_of_same_sa (const IkeChild *child, const IkeTwins *twins)
{
  const IkeChild *other;
  guint n = 0;

  for (other = child->sa->children; other; other = other->next)
    n += other->twins == twins;
  return n;
}

gboolean
ike_child_join_twins (IkeChild *child, gboolean may_hold)
{
  guint8 key[16];
  Stripe *stripe;
  IkeTwins *twins;
  gboolean is_alone;

  make_key (child, key);
  stripe = stripe_of (child, key);
  pthread_mutex_lock (&stripe->lock);
  twins = g_hash_table_lookup (stripe->by_key, key);
  if (!twins) {
    twins = g_new0 (IkeTwins, 1);
    memcpy (twins->key, key, sizeof key);
    twins->reqid = child->reqid;
    g_hash_table_insert (stripe->by_key, twins->key, twins);
  }
  is_alone = twins->n++ == n_of_same_sa (child, twins);
  if (may_hold && !is_alone) {
    twins->holder = ike_sa_ref (child->sa);
    twins->held_child = child->serial;
  }
  child->reqid = twins->reqid;
  pthread_mutex_unlock (&stripe->lock);
  child->twins = twins;
  return !is_alone;
}

void
ike_child_inherit_twins (IkeChild *child, const IkeChild *old)
{
  IkeTwins *twins = child->twins = old->twins;
  Stripe *stripe = twins ? stripe_of (child, twins->key) : NULL;

  if (!twins)
    return;
  pthread_mutex_lock (&stripe->lock);
  twins->n++;
  pthread_mutex_unlock (&stripe->lock);
}

/* -- going, and what is sent by the newer one then */

/* It may have moved to an heir of the IKE SA meanwhile. */
static void
release (const Holder *holder)
{
  IkeSa *sa = ike_sa_lookup (holder->engine, holder->sa);
  IkeShard *shard = holder->engine->sas->shards[holder->sa.shard];
  IkeChild *child = sa ? ike_child_get (sa, (IkeChildRef){ holder->child }) : NULL;

  if (!child && shard->moved)
    child = g_hash_table_lookup (shard->moved, &holder->child);
  if (child && !child->sa->is_doomed && !child->replaces)
    ike_child_use_held (child);
}

static void
release_there (gpointer data)
{
  release (data);
}

void
ike_child_leave_twins (IkeChild *child)
{
  IkeTwins *twins = g_steal_pointer (&child->twins);
  IkeShard *shard = child->sa->shard;
  Holder holder = { shard->manager->engine, { 0, 0, 0 }, 0 };
  Stripe *stripe;

  if (!twins)
    return;
  stripe = stripe_of (child, twins->key);
  pthread_mutex_lock (&stripe->lock);
  if (twins->held_child != child->serial) {
    holder.sa = twins->holder;
    holder.child = twins->held_child;
  }
  if (--twins->n == 0)
    g_hash_table_remove (stripe->by_key, twins->key);
  pthread_mutex_unlock (&stripe->lock);
  if (!holder.sa.serial || shard->is_closing)
    return;
  if (holder.sa.shard == shard->index)
    release (&holder);
  else
    ike_loop_post (shard->manager->shards[holder.sa.shard]->loop, release_there,
                   g_memdup2 (&holder, sizeof holder), g_free);
}

static void
held_long_enough (IkeSa *sa, gpointer data)
{
}

/* Also when the IKE SA that the timer hangs on is gone, and has an heir. */
static void
end_holding (gpointer data)
{
  release (data);
  g_free (data);
}

static const IkeJobClass hold_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "outbound SA of a twin",
  .lane = IKE_LANE_ESTABLISHED,
  .run = held_long_enough,
  .free = end_holding,
};

/* Whoever asked has it as soon as our answer came; and if the older one goes before, it takes over
 * at once. */
void
ike_child_end_hold_later (IkeChild *child)
{
  Holder *holder = g_new (Holder, 1);

  *holder = (Holder){ child->sa->shard->manager->engine, ike_sa_ref (child->sa), child->serial };
  ike_sa_timer_add (child->sa, HOLD_MS, &hold_job, holder);
}
