/* SPDX-License-Identifier: Apache-2.0 */
/* successor.c - a CHILD_SA in the place of another (RFC 7296, 2.8): with the same reqid, interface
 * and marks, so that to the kernel it is the next of its kind, and a while in which both are there
 * and no packet is lost between them. */
#include "sa/sa_private.h"
#include <string.h>

/* For so long packets of the old one may still be on their way. */
enum { LINGER_MS = 5000 };

struct _IkeHeld {
  guint32 encr_len, integ_len;
  gboolean is_over; /* the one before it went while this one was being installed */
  guint8 bytes[];   /* encryption key, integrity key */
};

IkeChild *
ike_child_new_successor (IkeChild *old)
{
  IkeChild *child = ike_child_make (old->sa, old->conn, old->conf);

  child->replaces = old->serial;
  child->reqid = old->reqid;
  child->mark_id = old->mark_id;
  child->mode = old->mode;
  ike_child_inherit_if_ids (child, old);
  ike_child_inherit_twins (child, old);
  return child;
}

IkeChild *
ike_child_predecessor (const IkeChild *child)
{
  return child->replaces ? ike_child_get (child->sa, (IkeChildRef){ child->replaces }) : NULL;
}

void
ike_child_set_redundant (IkeChild *child)
{
  child->is_redundant = TRUE;
}

/* -- what the peer knows */

/* The peer has our answer when it sends a request that its window would not allow before. */
void
ike_child_await_peer (IkeChild *child)
{
  const IkeWindow *window = &child->sa->window;

  child->confirmed_at = window->base_received + 2 * window->size_received;
}

gboolean
ike_child_is_confirmed (const IkeChild *child)
{
  return child->sa->window.base_received >= child->confirmed_at;
}

/* -- outbound, when the peer is ready */

static void
held_free (IkeHeld *held)
{
  if (held)
    ike_wipe (held->bytes, held->encr_len + held->integ_len);
  g_free (held);
}

void
ike_child_drop_held (IkeChild *child)
{
  held_free (g_steal_pointer (&child->held));
}

/* RFC 7296, 2.8: "When rekeying an SA, the responder continues to send traffic on the old SA until
 * one of those events occurs", of which the Delete of the old one is the one that IKE sees. */
void
ike_child_hold_outbound (IkeChild *child, const IkeKernelSa *out)
{
  child->held = g_malloc0 (sizeof *child->held + out->encr_key_len + out->integ_key_len);
  child->held->encr_len = out->encr_key_len;
  child->held->integ_len = out->integ_key_len;
  memcpy (child->held->bytes, out->encr_key, out->encr_key_len);
  memcpy (child->held->bytes + out->encr_key_len, out->integ_key, out->integ_key_len);
}

static void
outbound_installed (gpointer owner, gpointer data, gpointer result, const char *error)
{
  IkeSa *sa = owner;
  IkeChildRef ref = *(IkeChildRef *) data;
  IkeChild *child = ike_child_get (sa, ref);

  if (!error || !child || child->is_going)
    return;
  ike_sa_progress (sa, IKE_LOG_ERROR, "the kernel did not take the outbound SA of %s{%u}: %s",
                   child->conf->name, child->unique_id, error);
  child->is_going = TRUE;
  if (!ike_sa_begin (sa, "delete-child", g_memdup2 (&ref, sizeof ref), NULL, NULL))
    ike_child_destroy (child, error);
}

static const IkeCallClass outbound_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "install outbound SA",
  .timeout_ms = 20000,
  .then = outbound_installed,
  .free_data = g_free,
};

static void
use_outbound (IkeChild *child)
{
  IkeSaManager *manager = child->sa->shard->manager;
  IkeHeld *held = g_steal_pointer (&child->held);
  IkeChildRef ref = ike_child_ref (child);
  guint n;
  g_autofree IkeKernelPolicy *policies = ike_child_make_policies (child, IKE_DIRS_OUT, &n);
  IkeKernelSa sa;
  IkeKernelBatch batch = { sizeof batch, 1, n, &sa, policies };

  ike_child_fill_kernel_sa (child, FALSE, &sa);
  sa.skip = ike_child_take_skip (child);
  sa.encr_key = held->bytes;
  sa.encr_key_len = held->encr_len;
  sa.integ_key = held->bytes + held->encr_len;
  sa.integ_key_len = held->integ_len;
  manager->kernel_class->install (
      manager->kernel->plugin,
      ike_sa_call (child->sa, &outbound_call, g_memdup2 (&ref, sizeof ref)), &batch);
  held_free (held);
}

void
ike_child_use_held (IkeChild *child)
{
  if (!child->held || child->is_redundant || child->is_dead)
    return;
  if (child->is_installed)
    use_outbound (child);
  else
    child->held->is_over = TRUE;
}

/* With nobody before it in its own IKE SA it holds back for a twin, and not for long. */
void
ike_child_start_holding (IkeChild *child)
{
  if (!child->held || child->replaces || child->is_redundant)
    return;
  if (child->held->is_over)
    use_outbound (child);
  else
    ike_child_end_hold_later (child);
}

static gboolean
has_successor (const IkeSa *sa, const IkeChild *old)
{
  const IkeChild *child;

  for (child = sa->children; child; child = child->next)
    if (child->replaces == old->serial && !child->is_redundant)
      return TRUE;
  return FALSE;
}

IkeChild *
ike_child_successor (const IkeChild *old)
{
  IkeChild *child;

  for (child = old->sa->is_doomed ? NULL : old->sa->children; child; child = child->next)
    if (child->replaces == old->serial && child->is_installed && !child->is_redundant)
      return child;
  return NULL;
}

/* One that was to take its place is gone: it is its own successor. */
static void
return_to (IkeChild *old)
{
  if (!old->is_replaced || old->is_going || has_successor (old->sa, old))
    return;
  old->is_replaced = FALSE;
  old->state = IKE_CHILD_INSTALLED;
  ike_child_rearm (old);
}

/* @gone is out of the list: what succeeds it sends from now on, before it is taken out of the
 * kernel. */
void
ike_child_succeed (IkeChild *gone)
{
  IkeSa *sa = gone->sa;
  IkeChild *child, *old;

  for (child = sa->children; child && !sa->is_doomed; child = child->next) {
    if (child->replaces != gone->serial)
      continue;
    ike_child_use_held (child);
    child->replaces = 0;
  }
  old = sa->is_doomed ? NULL : ike_child_predecessor (gone);
  if (old)
    return_to (old);
}

/* -- out of the kernel */

static void
tell_leaving (IkeChild *child, gboolean is_inbound)
{
  IkeChildLeavesEvent event = { sizeof event, child, is_inbound };

  if (child->is_installed)
    ike_child_leaves_hook_emit (child->sa->shard->manager->on_child_leaves, child->sa, &event);
}

static void
remove_part (IkeChild *child, gboolean is_inbound, guint directions)
{
  IkeSaManager *manager = child->sa->shard->manager;
  guint n;
  g_autofree IkeKernelPolicy *policies = ike_child_make_policies (child, directions, &n);
  IkeKernelSa sa;
  IkeKernelBatch batch = { sizeof batch, 1, n, &sa, policies };

  tell_leaving (child, is_inbound);
  ike_child_fill_kernel_sa (child, is_inbound, &sa);
  manager->kernel_class->remove (manager->kernel->plugin, NULL, &batch);
}

static void
remove_all (IkeChild *child)
{
  IkeSaManager *manager = child->sa->shard->manager;
  guint n;
  g_autofree IkeKernelPolicy *policies = ike_child_make_policies (child, IKE_DIRS_ALL, &n);
  IkeKernelSa sas[2];
  IkeKernelBatch batch = { sizeof batch, 2, n, sas, policies };

  tell_leaving (child, TRUE);
  tell_leaving (child, FALSE);
  ike_child_fill_kernel_sa (child, TRUE, &sas[0]);
  ike_child_fill_kernel_sa (child, FALSE, &sas[1]);
  manager->kernel_class->remove (manager->kernel->plugin, NULL, &batch);
}

static void
lingered (IkeSa *sa, gpointer data)
{
}

static void
end_lingering (gpointer data)
{
  IkeChild *child = data, **link;

  for (link = &child->sa->lingering; *link != child; link = &(*link)->next)
    ;
  *link = child->next;
  child->next = NULL;
  remove_part (child, TRUE, IKE_DIRS_IN);
  ike_child_bury_later (child);
}

/* Its end, whether its time is over or the IKE SA goes, is in free(). */
static const IkeJobClass linger_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "end of a replaced CHILD_SA",
  .lane = IKE_LANE_ESTABLISHED,
  .run = lingered,
  .free = end_lingering,
};

void
ike_children_end_lingering (IkeSa *sa)
{
  while (sa->lingering)
    ike_timer_stop (sa->lingering->linger_timer);
}

void
ike_child_remove (IkeChild *child)
{
  if (child->held) {
    remove_part (child, TRUE, IKE_DIRS_IN);
    ike_child_bury_later (child);
  } else if (child->is_replaced && child->is_installed && !child->sa->is_doomed) {
    remove_part (child, FALSE, IKE_DIRS_OUT);
    child->next = child->sa->lingering;
    child->sa->lingering = child;
    child->linger_timer = ike_sa_timer_add (child->sa, LINGER_MS, &linger_job, child);
  } else {
    remove_all (child);
    ike_child_bury_later (child);
  }
}
