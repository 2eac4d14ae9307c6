/* SPDX-License-Identifier: Apache-2.0 */
/* keepalive.c - one octet from time to time, so that the NAT that we are behind does not forget us
 * (RFC 3948, 2.3 and 4): one timer for each IKE SA, whatever the number of its CHILD_SAs.
 *
 * Nothing is counted while packets go out.  When the timer is due, and the SA itself sent nothing,
 * the kernel plugin is asked when the CHILD_SAs did. */
#include "sa/sa_private.h"

/* A keepalive too many harms nobody, so of many CHILD_SAs only some are asked for. */
enum { ASKED_MAX = 4 };

static void on_timer (IkeSa *sa, gpointer data);
static void ask_next (IkeSa *sa, guint n_asked);

static const IkeJobClass keepalive_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "NAT keepalive",
  .lane = IKE_LANE_ESTABLISHED,
  .run = on_timer,
};

static gint64
period_us (const IkeSa *sa)
{
  return sa->conn ? (gint64) MIN (sa->conn->keep_alive, G_MAXUINT32) * G_USEC_PER_SEC : 0;
}

/* RFC 7296, 2.23: the system behind the NAT "SHOULD start sending keepalive packets".  What was
 * rekeyed leaves that to its successor on the same path. */
static gboolean
is_needed (const IkeSa *sa)
{
  return sa->nat_local && period_us (sa) > 0 && !sa->is_doomed
         && (sa->state == IKE_SA_ESTABLISHED || sa->state == IKE_SA_REKEYING);
}

static void
wait (IkeSa *sa, gint64 us)
{
  sa->is_asking = FALSE;
  if (is_needed (sa))
    sa->keepalive_timer = ike_sa_timer_add (sa, (guint64) (us + 999) / 1000, &keepalive_job, NULL);
}

/* An SA with nobody proven at its other end sends nothing by itself. */
void
ike_keepalive_start (IkeSa *sa)
{
  if (!sa->keepalive_timer && !sa->is_asking)
    wait (sa, period_us (sa));
}

static void
send_one (IkeSa *sa)
{
  IkeSaManager *manager = sa->shard->manager;

  sa->last_out_us = ike_sa_now_us (sa);
  ike_counter_add (manager->engine, manager->count.keepalives, 1);
  if (manager->net_class && manager->net_class->keepalive)
    manager->net_class->keepalive (manager->net->plugin, sa->shard->index, &sa->local, &sa->remote);
  wait (sa, period_us (sa));
}

/* -- asking */

static void
use_known (gpointer owner, gpointer data, gpointer result, const char *error)
{
  IkeSa *sa = owner;
  IkeKernelUse *use = result;
  gint64 left =
      use && use->last_use_us ? use->last_use_us + period_us (sa) - ike_sa_now_us (sa) : 0;

  g_free (use);
  if (left > 0)
    wait (sa, left);
  else
    ask_next (sa, GPOINTER_TO_UINT (data));
}

static const IkeCallClass use_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "use of a CHILD_SA",
  .timeout_ms = 3000,
  .then = use_known,
  .undo = g_free,
};

static const IkeChild *
nth_installed (const IkeSa *sa, guint n)
{
  const IkeChild *child;

  for (child = sa->children; child; child = child->next)
    if (child->is_installed && (child->flags & IKE_KERNEL_ENCAP) && n-- == 0)
      return child;
  return NULL;
}

static void
ask_next (IkeSa *sa, guint n_asked)
{
  IkeSaManager *manager = sa->shard->manager;
  const IkeChild *child = n_asked < ASKED_MAX ? nth_installed (sa, n_asked) : NULL;

  if (!is_needed (sa)) {
    sa->is_asking = FALSE;
    return;
  }
  if (!child || !manager->kernel_class) {
    send_one (sa);
    return;
  }
  sa->is_asking = TRUE;
  ike_child_query (child, FALSE, ike_sa_call (sa, &use_call, GUINT_TO_POINTER (n_asked + 1)));
}

static void
on_timer (IkeSa *sa, gpointer data)
{
  gint64 left = sa->last_out_us + period_us (sa) - ike_sa_now_us (sa);

  sa->keepalive_timer = NULL;
  if (left > 0)
    wait (sa, left);
  else
    ask_next (sa, 0);
}
