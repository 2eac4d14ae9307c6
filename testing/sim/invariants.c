/* SPDX-License-Identifier: Apache-2.0 */
/* invariants.c - what must hold after every step: every IKE SA and every SA in a kernel has its
 * twin at the other end, or it is a matter of a bounded time; twins have the same keys; no SA in a
 * kernel belongs to nobody.
 *
 * How long an end may be alone: while an exchange may still be repeated, for until then the other
 * end's word may come.  When that cannot come, because the other end crashed or gave up unheard,
 * only liveness checks tell; where there are none, an end may stay alone for ever. */
#include <string.h>
#include "sim.h"

enum { HALF_OPEN_S = 30, SLACK_S = 10, REPLACED_S = 190, NEVER = 0 };

static guint64
kernel_key (const End *end, const IkeFakeSa *sa)
{
  return ((guint64) sa->direction << 32 | sa->spi) ^ (guint64) (end->index + 1) << 48;
}

/* -- IKE SAs */

static SimSa *
twin_of (World *world, const SimSa *sa)
{
  guint i;

  for (i = 0; i < world->n_ends; i++) {
    SimSa *other =
        &world->ends[i] != sa->end ? observe_sa (&world->ends[i], sa->spi_i, sa->spi_r) : NULL;
    if (other)
      return other;
  }
  return NULL;
}

static End *
other_end (const SimSa *sa)
{
  return sa->link->ends[sa->link->ends[0] == sa->end];
}

static guint
side_of (const SimSa *sa)
{
  return sa->link->ends[1] == sa->end;
}

/* Did the other end go without being able to say so, or can it not be reached? */
static gboolean
is_excused (World *world, const SimSa *sa)
{
  End *other = other_end (sa);
  guint64 key = observe_key (other, sa->spi_i, sa->spi_r);
  gpointer how;

  if (world->is_cut[sa->end->index][other->index]
      || (sa->link->is_nat && !world_can (world, CAN_REBIND)))
    return TRUE;
  if (!g_hash_table_lookup_extended (world->gone, &key, NULL, &how))
    return TRUE;
  return GPOINTER_TO_INT (how) != GONE_SAID;
}

/* Until when it may be alone; NEVER: for ever. */
static gint64
alone_until (World *world, SimSa *sa)
{
  gint64 limit = sa->lonely_us + sa->link->give_up_us + (HALF_OPEN_S + SLACK_S) * (gint64) SECOND;
  guint dpd_s = world_can (world, CAN_DPD) ? sa->link->dpd_s[side_of (sa)] : 0;

  sa->is_excused |= is_excused (world, sa);
  /* What was replaced, or is not needed, waits for its Delete, which the other end may not live
   * to send. */
  if (sa->state == IKE_SA_REKEYED || sa->is_heir)
    limit = MAX (limit, sa->lonely_us + REPLACED_S * (gint64) SECOND);
  if (!sa->is_excused)
    return limit;
  return dpd_s ? limit + sa->link->give_up_us + dpd_s * (gint64) SECOND : NEVER;
}

static void
earlier (World *world, gint64 at_us)
{
  if (at_us != NEVER)
    world->next_check_us = MIN (world->next_check_us, at_us);
}

static void
check_sa (World *world, SimSa *sa)
{
  gint64 now = world_now (world), until;

  if (!sa->was_up || !sa->link || twin_of (world, sa)) {
    sa->lonely_us = 0;
    return;
  }
  if (!sa->lonely_us)
    sa->lonely_us = MAX (now, 1);
  until = alone_until (world, sa);
  earlier (world, until);
  if (until != NEVER && now >= until)
    world_fault (world,
                 "%s: %s[%u] %" G_GINT64_MODIFIER "x_i %" G_GINT64_MODIFIER
                 "x_r has been alone for %.1f s: %s does not know this IKE SA%s",
                 sa->end->name, sa->link->name, sa->unique_id, sa->spi_i, sa->spi_r,
                 (double) (now - sa->lonely_us) / SECOND, other_end (sa)->name,
                 sa->is_excused ? ", and liveness checks did not tell" : "");
}

/* -- SAs in kernels */

typedef struct {
  End *end;
  guint check;
} Sweep;

static void
see (const IkeFakeSa *sa, gpointer data)
{
  const Sweep *sweep = data;
  World *world = sweep->end->world;
  guint64 key = kernel_key (sweep->end, sa);
  SimKernelSa *known = g_hash_table_lookup (world->kernel_sas, &key);

  if (!known) {
    known = g_new0 (SimKernelSa, 1);
    known->end = sweep->end;
    known->sa = *sa;
    memset (&known->sa.encr_key, 0, sizeof known->sa.encr_key);
    memset (&known->sa.integ_key, 0, sizeof known->sa.integ_key);
    known->born_us = world_now (world);
    g_hash_table_insert (world->kernel_sas, g_memdup2 (&key, sizeof key), known);
  }
  known->owner = NULL;
  known->check = sweep->check;
}

/* Whose child it is.  Nothing of the engine runs meanwhile, so its shard's SAs may be looked at. */
static void
claim_children (World *world, SimSa *sa)
{
  IkeSa *ike_sa = ike_sa_by_spi (sa->end->engine, sa->shard, sa->our_spi);
  IkeChild *child;
  guint i, k;

  for (i = 0; ike_sa && (child = ike_sa_child (ike_sa, i)); i++)
    for (k = IKE_DIR_IN; k <= IKE_DIR_OUT; k++) {
      IkeFakeSa half = { .direction = (guint8) k, .spi = ike_child_spi (child, k == IKE_DIR_IN) };
      guint64 key = kernel_key (sa->end, &half);
      SimKernelSa *known = g_hash_table_lookup (world->kernel_sas, &key);
      if (known)
        known->owner = sa;
    }
}

static gboolean
forget_unseen (gpointer key, gpointer value, gpointer data)
{
  const SimKernelSa *known = value;
  const Sweep *sweep = data;
  World *world = known->end->world;

  if (sweep->end ? known->end != sweep->end : known->check == sweep->check)
    return FALSE;
  g_hash_table_insert (world->gone, g_memdup2 (key, sizeof (guint64)),
                       GSIZE_TO_POINTER ((gsize) world_now (world)));
  return TRUE;
}

/* A crash: what was in the kernel of @end went with it. */
void
invariants_kernel_gone (End *end)
{
  Sweep sweep = { end, 0 };

  g_hash_table_foreach_remove (end->world->kernel_sas, forget_unseen, &sweep);
}

static SimKernelSa *
kernel_twin (World *world, const SimKernelSa *known)
{
  IkeFakeSa other = known->sa;
  guint i;

  other.direction = known->sa.direction == IKE_DIR_IN ? IKE_DIR_OUT : IKE_DIR_IN;
  for (i = 0; i < world->n_ends; i++) {
    guint64 key = kernel_key (&world->ends[i], &other);
    SimKernelSa *twin =
        &world->ends[i] != known->end ? g_hash_table_lookup (world->kernel_sas, &key) : NULL;
    if (twin)
      return twin;
  }
  return NULL;
}

static void
prove (World *world, SimKernelSa *out, SimKernelSa *in)
{
  static const char text[] = "the same keys at both ends";
  guint8 packet[256], plain[256];
  gsize len, n;

  len = out->end->kernel_ops->seal (out->end->kernel, out->sa.spi, (const guint8 *) text,
                                    sizeof text, packet, sizeof packet);
  n = in->end->kernel_ops->open (in->end->kernel, packet, len, plain, sizeof plain);
  out->is_proven = in->is_proven = TRUE;
  if (!len || n != sizeof text || memcmp (plain, text, n) != 0)
    world_fault (world, "%s and %s: what is sealed under SPI %08x does not open: the keys differ",
                 out->end->name, in->end->name, out->sa.spi);
}

/* It is as lonely as its IKE SA may be; when that has its twin, an exchange is under way. */
static gint64
kernel_alone_until (World *world, const SimKernelSa *known, SimSa *owner)
{
  gint64 forced_us = owner->link->forced_us[1 - side_of (owner)];

  if (owner->lonely_us)
    return alone_until (world, owner);
  if (owner->link->is_nat && !world_can (world, CAN_REBIND))
    return NEVER;
  /* A child that was taken down by force is never spoken of, be it while its answer was under
   * way. */
  if (forced_us && forced_us >= known->born_us - owner->link->give_up_us)
    return NEVER;
  return known->lonely_us + 2 * owner->link->give_up_us + (HALF_OPEN_S + SLACK_S) * (gint64) SECOND;
}

static void
check_orphan (World *world, SimKernelSa *known)
{
  gint64 now = world_now (world), until;

  if (!known->orphan_us)
    known->orphan_us = MAX (now, 1);
  until = known->orphan_us + SLACK_S * (gint64) SECOND;
  earlier (world, until);
  if (now >= until)
    world_fault (
        world, "%s: SA %08x (%s) is still in the kernel; it has belonged to no CHILD_SA for %.1f s",
        known->end->name, known->sa.spi, known->sa.direction == IKE_DIR_IN ? "in" : "out",
        (double) (now - known->orphan_us) / SECOND);
}

static void
check_kernel_sa (World *world, SimKernelSa *known)
{
  SimSa *owner = known->owner;
  SimKernelSa *twin = kernel_twin (world, known);
  gint64 now = world_now (world), until;

  if (!owner || !owner->link) {
    check_orphan (world, known);
    return;
  }
  known->orphan_us = 0;
  /* It was as lonely as its IKE SA; when that is replaced, its own time begins. */
  if (known->shares_fate && !owner->lonely_us)
    known->lonely_us = 0;
  known->shares_fate = owner->lonely_us != 0;
  if (twin) {
    known->lonely_us = 0;
    if (!known->is_proven)
      prove (world, known->sa.direction == IKE_DIR_OUT ? known : twin,
             known->sa.direction == IKE_DIR_OUT ? twin : known);
    return;
  }
  if (!known->lonely_us)
    known->lonely_us = MAX (now, 1);
  until = kernel_alone_until (world, known, owner);
  earlier (world, until);
  if (until != NEVER && now >= until)
    world_fault (world, "%s: SA %08x (%s) of %s has been without its twin for %.1f s",
                 known->end->name, known->sa.spi, known->sa.direction == IKE_DIR_IN ? "in" : "out",
                 owner->link->name, (double) (now - known->lonely_us) / SECOND);
}

/* -- all */

void
invariants_check (World *world)
{
  Sweep sweep = { NULL, ++world->n_checks };
  GHashTableIter iter;
  gpointer value;
  guint i, k;

  world->is_dirty = FALSE;
  world->next_check_us = G_MAXINT64;
  for (i = 0; i < world->n_ends; i++) {
    Sweep of_end = { &world->ends[i], world->n_checks };
    if (world->ends[i].engine)
      world->ends[i].kernel_ops->each_sa (world->ends[i].kernel, see, &of_end);
  }
  g_hash_table_foreach_remove (world->kernel_sas, forget_unseen, &sweep);
  for (i = 0; i < world->n_ends; i++)
    for (k = 0; k < world->ends[i].sas->len; k++) {
      check_sa (world, world->ends[i].sas->pdata[k]);
      claim_children (world, world->ends[i].sas->pdata[k]);
    }
  g_hash_table_iter_init (&iter, world->kernel_sas);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    check_kernel_sa (world, value);
}
