/* SPDX-License-Identifier: Apache-2.0 */
/* heir.c - an IKE SA in the place of another (RFC 7296, 2.8 and 2.18): made beside it, on its shard
 * and in its bucket, and given what it had: peer, children, and what was still to be done. */
#include "sa/sa_private.h"

/* The one that was replaced goes by the Delete of whoever replaced it.  That may be repeated for as
 * long; after it nobody comes any more. */
enum { OLD_MS = 180 * 1000, REDUNDANT_MS = 10 * 1000 };

IkeSa *
ike_sa_new_heir (IkeSa *old, gboolean is_initiator)
{
  IkeSa *sa;

  ike_sa_assert_owner (old);
  sa = old->shard->is_closing ? NULL : ike_sa_new_beside (old, is_initiator);
  if (!sa)
    return NULL;
  sa->is_silent = TRUE;
  sa->is_anonymous = old->is_anonymous;
  sa->is_marked = old->is_marked;
  sa->nat_local = old->nat_local;
  sa->nat_remote = old->nat_remote;
  sa->may_fragment = old->may_fragment;
  sa->local_id = old->local_id ? ike_ident_ref (old->local_id) : NULL;
  sa->remote_id = old->remote_id ? ike_ident_ref (old->remote_id) : NULL;
  ike_user_share (old, sa);
  return sa;
}

gboolean
ike_sa_is_silent (const IkeSa *sa)
{
  return sa->is_silent;
}

void
ike_sa_set_rekeying (IkeSa *sa, gboolean is_rekeying)
{
  if (sa->state == (is_rekeying ? IKE_SA_ESTABLISHED : IKE_SA_REKEYING))
    ike_sa_set_state (sa, is_rekeying ? IKE_SA_REKEYING : IKE_SA_ESTABLISHED);
}

static void
outlived (IkeSa *sa, gpointer data)
{
  sa->setup_timer = NULL;
  ike_sa_destroy (sa, "the peer did not close it after it was replaced");
}

static const IkeJobClass old_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "end of a replaced IKE SA",
  .lane = IKE_LANE_ESTABLISHED,
  .run = outlived,
};

void
ike_sa_set_heir_up (IkeSa *heir)
{
  ike_sa_assert_owner (heir);
  heir->established_us = ike_sa_now_us (heir);
  ike_sa_set_state (heir, IKE_SA_ESTABLISHED);
  heir->setup_timer = ike_sa_timer_add (heir, OLD_MS, &old_job, NULL);
}

/* The peer has made it, and our answer may never have come: with the old one it forgets that it
 * asked, and nobody is left who would close it. */
void
ike_sa_set_redundant (IkeSa *heir)
{
  ike_sa_assert_owner (heir);
  if (heir->is_doomed || !heir->is_silent || !heir->setup_timer)
    return;
  ike_timer_stop (heir->setup_timer);
  heir->setup_timer = ike_sa_timer_add (heir, REDUNDANT_MS, &old_job, NULL);
}

static void
move_child (IkeChild *child, IkeSa *to)
{
  IkeShard *shard = to->shard;

  if (!shard->moved)
    shard->moved = g_hash_table_new (g_int64_hash, g_int64_equal);
  ike_child_disarm (child);
  child->sa = to;
  child->confirmed_at = 0;
  child->is_moved = TRUE;
  g_hash_table_insert (shard->moved, &child->serial, child);
  ike_child_rearm (child);
  ike_child_watch_idle (child);
}

/* What is still being made goes with whoever makes it. */
static void
move_children (IkeSa *from, IkeSa *to)
{
  IkeChild **link = &from->children, **end = &to->children, *child;

  while ((child = *link)) {
    if (child->state == IKE_CHILD_CREATED) {
      link = &child->next;
      continue;
    }
    *link = child->next;
    move_child (child, to);
    child->next = *end;
    *end = child;
    end = &child->next;
    from->n_children--;
    to->n_children++;
  }
}

static void
inherit_slots (IkeSa *from, IkeSa *to)
{
  const IkeSaManager *manager = to->shard->manager;
  guint i;

  for (i = 0; i < manager->n_slots; i++)
    if (from->slots[i] && manager->slots[i].inherit)
      ike_sa_set_slot (to, i, manager->slots[i].inherit (from, to, from->slots[i]));
}

static void
share_slots (IkeSa *from, IkeSa *to)
{
  const IkeSaManager *manager = to->shard->manager;
  guint i;

  for (i = 0; i < manager->n_slots; i++)
    if (from->slots[i] && manager->slots[i].share)
      ike_sa_set_slot (to, i, manager->slots[i].share (from, to, from->slots[i]));
}

const char *
ike_sa_stands_alone (const IkeSa *sa)
{
  const IkeSaManager *manager = sa->shard->manager;
  guint i;

  for (i = 0; i < manager->n_slots; i++)
    if (sa->slots[i] && manager->slots[i].inherit && !manager->slots[i].share)
      return manager->slots[i].name;
  return NULL;
}

static void
tell (IkeSa *old, IkeSa *heir)
{
  IkeEngine *engine = heir->shard->manager->engine;
  IkeTree *body;

  ike_counter_add (engine, heir->shard->manager->count.rekeyed, 1);
  ike_sa_progress (heir, IKE_LOG_NOTICE, "IKE SA takes the place of [%u]", old->unique_id);
  if (!ike_event_is_wanted (engine, "ike-rekeyed"))
    return;
  body = ike_sa_event_body (heir);
  ike_tree_set_int (body, "replaces", old->unique_id);
  ike_event_emit (engine, ike_event_new (engine, "ike-rekeyed", body));
}

/* What an heir is from now on, in whoever's place. */
static void
come_out (IkeSa *heir, const IkeSa *old)
{
  ike_timer_stop (g_steal_pointer (&heir->setup_timer));
  ike_init_clear (heir);
  heir->is_silent = FALSE;
  heir->was_up = TRUE;
  heir->was_ours = old->was_ours;
  ike_path_inherit (heir, old);
  heir->last_in_us = old->last_in_us;
  heir->last_out_us = old->last_out_us;
  heir->last_esp_us = old->last_esp_us;
  heir->if_id_in = old->if_id_in;
  heir->if_id_out = old->if_id_out;
}

/* RFC 7296, 2.18: "message counters are reset to 0"; all else goes on. */
void
ike_sa_inherit (IkeSa *heir, IkeSa *old)
{
  IkeRekeyEvent event = { sizeof event, old };

  ike_sa_assert_owner (heir);
  if (heir->is_doomed || !heir->is_silent)
    return;
  come_out (heir, old);
  move_children (old, heir);
  inherit_slots (old, heir);
  tell (old, heir);
  ike_watchers_move (old, heir);
  ike_sa_arm_heir (heir, old);
  ike_unique_leave (old);
  ike_unique_enter (heir);
  ike_keepalive_start (heir);
  ike_liveness_begin (heir);
  ike_initiate_remember (heir);
  ike_rekey_hook_emit (heir->shard->manager->on_rekey, heir, &event);
  old->is_silent = TRUE;
  old->was_up = FALSE;
  ike_timer_stop (g_steal_pointer (&old->keepalive_timer));
  if (!old->is_doomed) {
    ike_sa_set_state (old, IKE_SA_REKEYED);
    old->setup_timer = ike_sa_timer_add (old, OLD_MS, &old_job, NULL);
  }
  ike_operations_move (old, heir);
}

void
ike_sa_stand_beside (IkeSa *heir, IkeSa *old)
{
  IkeEngine *engine = heir->shard->manager->engine;
  IkeUpDownEvent event = { sizeof event, TRUE, NULL };

  ike_sa_assert_owner (heir);
  if (heir->is_doomed || !heir->is_silent)
    return;
  come_out (heir, old);
  share_slots (old, heir);
  ike_counter_add (engine, heir->shard->manager->count.established, 1);
  ike_sa_progress (old, IKE_LOG_NOTICE, "IKE SA [%u] stands beside it", heir->unique_id);
  ike_sa_arm_beside (heir, old);
  ike_unique_enter (heir);
  ike_keepalive_start (heir);
  ike_liveness_begin (heir);
  ike_ike_updown_hook_emit (heir->shard->manager->on_updown, heir, &event);
  if (ike_event_is_wanted (engine, "ike-up"))
    ike_event_emit (engine, ike_event_new (engine, "ike-up", ike_sa_event_body (heir)));
}
