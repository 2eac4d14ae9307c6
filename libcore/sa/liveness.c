/* SPDX-License-Identifier: Apache-2.0 */
/* liveness.c - is the peer still there (RFC 7296, 2.4)?  And is a CHILD_SA still used?
 *
 * One timer per SA: when it is due, and nothing was heard since, the kernel is asked whether ESP
 * came, and only then the peer.  Whatever was heard moves the timer by what is left. */
#include "sa/sa_private.h"

static void check_peer (IkeSa *sa, gpointer data);

static const IkeJobClass check_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "liveness",
  .lane = IKE_LANE_ESTABLISHED,
  .run = check_peer,
};

static gint64
delay_us (const IkeSa *sa)
{
  return (gint64) MIN (sa->conn->dpd_delay, G_MAXINT32) * G_USEC_PER_SEC;
}

static void
arm (IkeSa *sa, gint64 wait_us)
{
  ike_sa_timer_add (sa, (guint64) MAX ((wait_us + 999) / 1000, 1), &check_job, NULL);
}

void
ike_liveness_begin (IkeSa *sa)
{
  if (sa->conn && sa->conn->dpd_delay)
    arm (sa, delay_us (sa));
}

static void
tell (IkeSa *sa, gboolean is_alive)
{
  IkeLivenessEvent event = { sizeof event, is_alive };

  ike_liveness_hook_emit (sa->shard->manager->on_liveness, sa, &event);
}

void
ike_liveness_lost (IkeSa *sa)
{
  ike_sa_ends (sa, IKE_END_DEAD);
  if (!sa->is_silent)
    tell (sa, FALSE);
}

void
ike_sa_lost (IkeSa *sa, const char *reason)
{
  ike_sa_assert_owner (sa);
  if (sa->is_doomed)
    return;
  ike_liveness_lost (sa);
  ike_sa_destroy (sa, reason);
}

static void
answered (IkeSa *sa, gpointer data, const char *error)
{
  if (sa->is_doomed)
    return;
  if (!error)
    tell (sa, TRUE);
  arm (sa, delay_us (sa));
}

/* How long until it has been silent for the whole delay; 0 or less: it has. */
static gint64
left_us (const IkeSa *sa)
{
  gint64 heard = MAX (MAX (sa->last_in_us, sa->last_esp_us), sa->established_us);

  return heard + delay_us (sa) - ike_sa_now_us (sa);
}

/* RFC 7296, 2.4: "If there has only been outgoing traffic on all of the SAs associated with an IKE
 * SA, it is essential to confirm liveness of the other endpoint". */
static void
kernel_was_asked (IkeSa *sa)
{
  gint64 left;

  if (--sa->n_uses_asked || sa->is_doomed)
    return;
  left = left_us (sa);
  if (left > 0)
    arm (sa, left);
  else if (ike_sa_begin (sa, "liveness", NULL, answered, NULL))
    ike_counter_add (sa->shard->manager->engine, sa->shard->manager->count.asked, 1);
  else
    ike_sa_progress (sa, IKE_LOG_ERROR, "no plugin can ask whether the peer is still there");
}

static void
esp_known (gpointer owner, gpointer data, gpointer result, const char *error)
{
  IkeSa *sa = owner;
  IkeKernelUse *use = result;

  if (use)
    sa->last_esp_us = MAX (sa->last_esp_us, use->last_use_us);
  g_free (use);
  kernel_was_asked (sa);
}

static const IkeCallClass esp_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "inbound ESP of a CHILD_SA",
  .timeout_ms = 10000,
  .then = esp_known,
  .undo = g_free,
};

static void
ask_kernel (IkeSa *sa)
{
  const IkeChild *child;

  sa->n_uses_asked = 1;
  for (child = sa->children; sa->shard->manager->kernel_class && child; child = child->next)
    if (child->is_installed) {
      sa->n_uses_asked++;
      ike_child_query (child, TRUE, ike_sa_call (sa, &esp_call, NULL));
    }
  kernel_was_asked (sa);
}

static void
check_peer (IkeSa *sa, gpointer data)
{
  gint64 left = left_us (sa);

  if (sa->state != IKE_SA_ESTABLISHED && sa->state != IKE_SA_REKEYING)
    return;
  if (left > 0)
    arm (sa, left);
  else if (sa->window.n_in_flight)
    /* Its answer, or that none comes, tells as much. */
    arm (sa, delay_us (sa));
  else
    ask_kernel (sa);
}

/* -- children that carry nothing */

static void check_child (IkeSa *sa, gpointer data);

static const IkeJobClass idle_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "inactivity",
  .lane = IKE_LANE_ESTABLISHED,
  .run = check_child,
  .free = g_free,
};

static gint64
idle_left_us (const IkeChild *child)
{
  gint64 limit = (gint64) MIN (child->conf->inactivity, G_MAXINT32) * G_USEC_PER_SEC;

  return MAX (child->installed_us, child->used_us) + limit - ike_sa_now_us (child->sa);
}

static IkeChildRef *
ref_of (const IkeChild *child)
{
  return g_memdup2 (&(IkeChildRef){ child->serial }, sizeof (IkeChildRef));
}

/* While it is being replaced nothing is decided. */
void
ike_child_watch_idle (IkeChild *child)
{
  gint64 left = child->state == IKE_CHILD_REKEYING ? G_USEC_PER_SEC : idle_left_us (child);

  if (child->conf->inactivity)
    ike_sa_timer_add (child->sa, (guint64) MAX ((left + 999) / 1000, 1), &idle_job, ref_of (child));
}

static gboolean
may_be_idle (const IkeChild *child)
{
  return child && !child->is_going
         && (child->state == IKE_CHILD_INSTALLED || child->state == IKE_CHILD_REKEYING);
}

static void
end_idle (IkeChild *child)
{
  IkeSa *sa = child->sa;
  gboolean is_last = sa->n_children == 1 && sa->shard->manager->closes_idle;

  ike_sa_progress (sa, IKE_LOG_NOTICE, "CHILD_SA %s{%u} carried nothing for %u s: closed%s",
                   child->conf->name, child->unique_id, (guint) child->conf->inactivity,
                   is_last ? ", and the IKE SA with it" : "");
  child->is_going = TRUE;
  ike_child_ends (child, IKE_END_OURS);
  if (is_last) {
    ike_sa_ends (sa, IKE_END_OURS);
    if (!ike_sa_begin (sa, "delete", NULL, NULL, NULL))
      ike_sa_destroy (sa, "inactive");
  } else if (!ike_sa_begin (sa, "delete-child", ref_of (child), NULL, NULL))
    ike_child_destroy (child, "inactive");
}

static void
use_known (gpointer owner, gpointer data, gpointer result, const char *error)
{
  IkeChild *child = ike_child_get (owner, *(IkeChildRef *) data);
  IkeKernelUse *use = result;
  gint64 used = use ? use->last_use_us : 0;

  g_free (use);
  if (!child)
    return;
  /* What could not be asked is not ended for it. */
  child->used_us = MAX (child->used_us, error ? ike_sa_now_us (child->sa) : used);
  if (--child->n_uses_asked || !may_be_idle (child))
    return;
  if (idle_left_us (child) > 0 || child->state == IKE_CHILD_REKEYING)
    ike_child_watch_idle (child);
  else
    end_idle (child);
}

static const IkeCallClass use_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "use of a CHILD_SA",
  .timeout_ms = 10000,
  .then = use_known,
  .undo = g_free,
  .free_data = g_free,
};

static void
check_child (IkeSa *sa, gpointer data)
{
  IkeChild *child = ike_child_get (sa, *(IkeChildRef *) data);

  if (!may_be_idle (child) || !sa->shard->manager->kernel_class)
    return;
  child->n_uses_asked = 2;
  ike_child_query (child, TRUE, ike_sa_call (sa, &use_call, ref_of (child)));
  ike_child_query (child, FALSE, ike_sa_call (sa, &use_call, ref_of (child)));
}
