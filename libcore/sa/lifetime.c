/* SPDX-License-Identifier: Apache-2.0 */
/* lifetime.c - when SAs are to be replaced, and when they end: by time here, by bytes and packets
 * when the kernel plugin says so (RFC 7296, 2.8).
 *
 * Soft limits are jittered, "to reduce the probability of [simultaneous rekeying]" (2.8.1), and ask
 * for an operation; one that fails is tried again until the hard limit ends the SA. */
#include "sa/sa_private.h"

enum { RETRY_MS = 10000, RETRY_SPREAD_MS = 20000 };

static void on_child (IkeSa *sa, gpointer data);
static void on_sa (IkeSa *sa, gpointer data);

static const IkeJobClass child_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "life of a CHILD_SA",
  .lane = IKE_LANE_ESTABLISHED,
  .run = on_child,
};
static const IkeJobClass sa_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "life of an IKE SA",
  .lane = IKE_LANE_ESTABLISHED,
  .run = on_sa,
};

static guint64
random_up_to (IkeEngine *engine, guint64 max)
{
  guint64 random;

  if (!max)
    return 0;
  ike_engine_random (engine, &random, sizeof random);
  return max == G_MAXUINT64 ? random : random % (max + 1);
}

/* @limit less a random part of @spread, but never nothing. */
static guint64
jittered (IkeEngine *engine, guint64 limit, guint64 spread)
{
  guint64 less = limit ? random_up_to (engine, MIN (spread, limit - 1)) : 0;

  return limit - less;
}

static gint64
due_us (IkeSa *sa, guint64 limit_s, guint64 spread_s)
{
  IkeEngine *engine = sa->shard->manager->engine;
  guint64 most = G_MAXINT64 / 4 / G_USEC_PER_SEC;

  if (!limit_s)
    return 0;
  return ike_sa_now_us (sa)
         + (gint64) jittered (engine, MIN (limit_s, most) * G_USEC_PER_SEC,
                              MIN (spread_s, most) * G_USEC_PER_SEC);
}

static gint64
retry_us (IkeSa *sa)
{
  guint64 more = random_up_to (sa->shard->manager->engine, RETRY_SPREAD_MS * 1000ull);

  return ike_sa_now_us (sa) + RETRY_MS * 1000ll + (gint64) more;
}

static gint64
earlier (gint64 a, gint64 b)
{
  return !a ? b : !b ? a : MIN (a, b);
}

static guint64
ms_until (const IkeSa *sa, gint64 us)
{
  gint64 left = us - ike_sa_now_us (sa);

  return left > 0 ? (guint64) (left + 999) / 1000 : 0;
}

/* -- CHILD_SAs */

void
ike_child_fill_limits (const IkeChild *child, IkeKernelSa *out)
{
  IkeEngine *engine = child->sa->shard->manager->engine;
  const IkeChildConf *conf = child->conf;

  out->soft_bytes = jittered (engine, conf->rekey_bytes, conf->rand_bytes);
  out->hard_bytes = conf->life_bytes;
  out->soft_packets = jittered (engine, conf->rekey_packets, conf->rand_packets);
  out->hard_packets = conf->life_packets;
}

void
ike_child_rearm (IkeChild *child)
{
  gint64 next = earlier (child->soft_us, child->hard_us);

  ike_child_disarm (child);
  if (next)
    child->life_timer = ike_sa_timer_add (child->sa, ms_until (child->sa, next), &child_job, child);
}

void
ike_child_arm (IkeChild *child)
{
  const IkeChildConf *conf = child->conf;

  child->soft_us = due_us (child->sa, conf->rekey_time, conf->rand_time);
  child->hard_us = due_us (child->sa, conf->life_time, 0);
  ike_child_rearm (child);
}

void
ike_child_disarm (IkeChild *child)
{
  ike_timer_stop (g_steal_pointer (&child->life_timer));
}

void
ike_child_hard_expired (IkeChild *child, const char *why)
{
  IkeChildRef ref = ike_child_ref (child);

  if (child->is_going || child->state == IKE_CHILD_CREATED)
    return;
  ike_sa_progress (child->sa, IKE_LOG_NOTICE, "CHILD_SA %s{%u} ends: %s", child->conf->name,
                   child->unique_id, why);
  child->is_going = TRUE;
  ike_child_ends (child, IKE_END_FAULT);
  if (!ike_sa_begin (child->sa, "delete-child", g_memdup2 (&ref, sizeof ref), NULL, NULL))
    ike_child_destroy (child, why);
}

static void
child_replaced (IkeSa *sa, gpointer data, const char *error)
{
  IkeChildRef *ref = data;
  IkeChild *child = error ? ike_child_get (sa, *ref) : NULL;

  g_free (ref);
  if (!child || child->is_going || child->is_replaced || sa->is_doomed)
    return;
  child->soft_us = retry_us (sa);
  ike_child_rearm (child);
}

/* One that lost a collision was its maker's to close; it is not replaced once more. */
void
ike_child_soft_expired (IkeChild *child, const char *why)
{
  IkeChildRef ref = ike_child_ref (child), *mine;

  if (child->is_redundant) {
    ike_child_hard_expired (child, "the peer did not close it after the collision");
    return;
  }
  if (child->is_going || child->is_replaced || child->state != IKE_CHILD_INSTALLED)
    return;
  ike_sa_progress (child->sa, IKE_LOG_INFO, "CHILD_SA %s{%u} is to be replaced: %s",
                   child->conf->name, child->unique_id, why);
  mine = g_memdup2 (&ref, sizeof ref);
  if (!ike_sa_begin (child->sa, "rekey-child", g_memdup2 (&ref, sizeof ref), child_replaced, mine))
    g_free (mine);
}

static void
on_child (IkeSa *sa, gpointer data)
{
  IkeChild *child = data;
  gint64 now = ike_sa_now_us (sa);

  child->life_timer = NULL;
  if (child->hard_us && now >= child->hard_us) {
    child->hard_us = child->soft_us = 0;
    ike_child_hard_expired (child, "its life time is over");
    return;
  }
  if (child->soft_us && now >= child->soft_us) {
    child->soft_us = 0;
    ike_child_soft_expired (child, "its rekey time has come");
  }
  if (!child->is_dead && !child->life_timer)
    ike_child_rearm (child);
}

/* -- IKE SAs */

static void
rearm (IkeSa *sa)
{
  gint64 next =
      earlier (earlier (sa->rekey_us, sa->reauth_us), earlier (sa->end_us, sa->proof_end_us));

  ike_timer_stop (g_steal_pointer (&sa->life_timer));
  if (next)
    sa->life_timer = ike_sa_timer_add (sa, ms_until (sa, next), &sa_job, NULL);
}

/* Keys are as old as this SA. */
static void
arm_keys (IkeSa *sa)
{
  const IkeConn *conn = sa->conn;

  if (conn) {
    sa->rekey_us = due_us (sa, conn->rekey_time, conn->rand_time);
    sa->end_us = conn->rekey_time ? due_us (sa, conn->rekey_time + conn->over_time, 0) : 0;
  }
  rearm (sa);
}

void
ike_sa_arm_life (IkeSa *sa)
{
  const IkeConn *conn = sa->conn;

  if (conn && conn->reauth_time) {
    sa->reauth_us = earlier (sa->reauth_us, due_us (sa, conn->reauth_time, conn->rand_time));
    ike_sa_end_in (sa, conn->reauth_time + conn->over_time);
  }
  arm_keys (sa);
}

/* Whoever authenticated did so when the first ancestor came up, and that does not begin anew (RFC
 * 7296, 2.8.3). */
void
ike_sa_arm_heir (IkeSa *heir, IkeSa *old)
{
  heir->reauth_us = old->reauth_us;
  heir->proof_end_us = old->proof_end_us;
  heir->proof_end_why = g_steal_pointer (&old->proof_end_why);
  ike_reauth_move (old, heir);
  old->rekey_us = old->reauth_us = old->end_us = old->proof_end_us = 0;
  rearm (old);
  arm_keys (heir);
}

/* Nobody authenticates it anew: what it was made of is. */
void
ike_sa_arm_beside (IkeSa *heir, const IkeSa *old)
{
  heir->proof_end_us = old->proof_end_us;
  heir->proof_end_why = g_strdup (old->proof_end_why);
  arm_keys (heir);
}

static void
rekeyed (IkeSa *sa, gpointer data, const char *error)
{
  if (!error || sa->is_doomed || sa->state != IKE_SA_ESTABLISHED)
    return;
  sa->rekey_us = retry_us (sa);
  rearm (sa);
}

void
ike_sa_replace (IkeSa *sa)
{
  ike_sa_begin (sa, "rekey", NULL, rekeyed, NULL);
}

static gboolean
is_due (const IkeSa *sa, gint64 us)
{
  return us && ike_sa_now_us (sa) >= us;
}

static void
end_sa (IkeSa *sa)
{
  gboolean is_spent = is_due (sa, sa->proof_end_us);
  const char *why = is_spent && sa->proof_end_why ? sa->proof_end_why : "its life time is over";

  ike_sa_progress (sa, IKE_LOG_NOTICE, "IKE SA ends: %s", why);
  sa->rekey_us = sa->reauth_us = sa->end_us = sa->proof_end_us = 0;
  ike_sa_ends (sa, IKE_END_FAULT);
  if (!ike_sa_begin (sa, "delete", NULL, NULL, NULL))
    ike_sa_destroy (sa, why);
}

static void
check (IkeSa *sa)
{
  if (is_due (sa, sa->end_us) || is_due (sa, sa->proof_end_us)) {
    end_sa (sa);
    return;
  }
  if (is_due (sa, sa->reauth_us)) {
    if (sa->was_ours)
      ike_sa_reauthenticate (sa, "its reauthentication time has come");
    if (is_due (sa, sa->reauth_us))
      sa->reauth_us = 0;
  }
  if (is_due (sa, sa->rekey_us) && !sa->is_doomed) {
    sa->rekey_us = 0;
    ike_sa_replace (sa);
  }
}

/* An SA that the peer began is not ours to authenticate anew: if that was not done in time, it
 * ends. */
static void
on_sa (IkeSa *sa, gpointer data)
{
  sa->life_timer = NULL;
  if (sa->state == IKE_SA_ESTABLISHED || sa->state == IKE_SA_REKEYING)
    check (sa);
  if (!sa->is_doomed && !sa->life_timer && sa->state <= IKE_SA_REKEYING)
    rearm (sa);
}

void
ike_sa_retry_reauthentication (IkeSa *sa, gint64 due_us)
{
  sa->reauth_us = is_due (sa, due_us) ? retry_us (sa) : due_us;
  rearm (sa);
}

void
ike_sa_reauthenticate_in (IkeSa *sa, guint64 seconds)
{
  gint64 at = due_us (sa, MAX (seconds, 1), 0);

  ike_sa_assert_owner (sa);
  sa->reauth_us = earlier (sa->reauth_us, at);
  if (sa->state >= IKE_SA_ESTABLISHED)
    rearm (sa);
}

guint64
ike_sa_ends_in (const IkeSa *sa)
{
  gint64 left_us = sa->proof_end_us - ike_sa_now_us (sa);

  ike_sa_assert_owner (sa);
  return sa->proof_end_us ? (guint64) MAX (left_us / G_USEC_PER_SEC, 1) : 0;
}

void
ike_sa_end_in_saying (IkeSa *sa, guint64 seconds, const char *why)
{
  gint64 at = due_us (sa, MAX (seconds, 1), 0);

  ike_sa_assert_owner (sa);
  if (earlier (sa->proof_end_us, at) != at)
    return;
  sa->proof_end_us = at;
  g_free (sa->proof_end_why);
  sa->proof_end_why = g_strdup (why);
  if (sa->state >= IKE_SA_ESTABLISHED)
    rearm (sa);
}

void
ike_sa_end_in (IkeSa *sa, guint64 seconds)
{
  ike_sa_end_in_saying (sa, seconds, NULL);
}
