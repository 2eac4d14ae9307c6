/* SPDX-License-Identifier: Apache-2.0 */
/* seat.c - what hangs on an IKE SA whose peer a RADIUS server let in: until when, what is counted,
 * and what is told when it ends.
 *
 * An SA and its heirs have one seat.  It goes with the last of them, when the kernel has also
 * answered what the last children carried; then the account is closed. */
#include "seat.h"
#include <ikebana/auth.h>

enum { AUTHENTIC_RADIUS = 1 };

Seat *
seat_of (const EapRadius *self, const IkeSa *sa)
{
  return ike_sa_slot (sa, self->slot);
}

Traffic *
seat_traffic (Seat *seat)
{
  return &seat->traffic;
}

IkeSaRef
seat_where (EapRadius *self, IkeSa *sa)
{
  const Seat *seat = seat_of (self, sa);

  return seat ? seat->sa : (IkeSaRef){ 0 };
}

/* -- accounts */

/* RFC 2869, 5.1: "how many times the Acct-Input-Octets counter has wrapped around 2^32". */
static void
add_volume (Seat *seat, IkeWriter *w, gboolean is_inbound)
{
  Volume volume;

  traffic_sum (&seat->traffic, is_inbound, &volume);
  ike_radius_add_u32 (w, is_inbound ? IKE_RADIUS_ACCT_INPUT_OCTETS : IKE_RADIUS_ACCT_OUTPUT_OCTETS,
                      (guint32) volume.bytes);
  if (volume.bytes >> 32)
    ike_radius_add_u32 (
        w, is_inbound ? IKE_RADIUS_ACCT_INPUT_GIGAWORDS : IKE_RADIUS_ACCT_OUTPUT_GIGAWORDS,
        (guint32) (volume.bytes >> 32));
  ike_radius_add_u32 (w,
                      is_inbound ? IKE_RADIUS_ACCT_INPUT_PACKETS : IKE_RADIUS_ACCT_OUTPUT_PACKETS,
                      (guint32) volume.packets);
}

gint64
seat_now_us (const Seat *seat)
{
  return ike_engine_now_us (seat->self->engine);
}

void
seat_account (Seat *seat, AcctStatus status)
{
  guint8 attributes[GRANT_CLASSES_MAX + 256];
  gint64 until = seat->over_us ? seat->over_us : seat_now_us (seat);
  IkeWriter w;

  if (!seat->is_accounted)
    return;
  ike_writer_init (&w, attributes, sizeof attributes);
  ike_radius_add_u32 (&w, IKE_RADIUS_ACCT_AUTHENTIC, AUTHENTIC_RADIUS);
  if (seat->classes)
    ike_writer_bytes (&w, g_bytes_get_data (seat->classes, NULL), g_bytes_get_size (seat->classes));
  if (status != ACCT_START) {
    ike_radius_add_u32 (&w, IKE_RADIUS_ACCT_SESSION_TIME,
                        (guint32) ((until - seat->since_us) / G_USEC_PER_SEC));
    add_volume (seat, &w, TRUE);
    add_volume (seat, &w, FALSE);
  }
  if (status == ACCT_STOP)
    ike_radius_add_u32 (&w, IKE_RADIUS_ACCT_TERMINATE_CAUSE, seat->cause);
  accounts_add (seat->self->accounting, seat->session, status, &w);
}

/* -- the end */

static void
seat_free (Seat *seat)
{
  if (seat->grant)
    grant_clear (seat->grant);
  g_free (seat->grant);
  g_free (seat->user);
  g_free (seat->nas);
  g_free (seat->group);
  g_strfreev (seat->groups);
  if (seat->classes)
    g_bytes_unref (seat->classes);
  session_unref (seat->session);
  traffic_clear (&seat->traffic);
  g_free (seat);
}

static void
leave_if_over (Seat *seat)
{
  if (seat->n_slots || seat->traffic.n_asked)
    return;
  if (seat->session) {
    table_remove (seat->self, seat->session);
    seat_account (seat, ACCT_STOP);
    ike_counter_add (seat->self->engine, seat->self->count.ended, 1);
  }
  seat_free (seat);
}

static void
slot_destroy (gpointer state)
{
  Seat *seat = state;

  seat->n_slots--;
  leave_if_over (seat);
}

static guint32
cause_of (IkeEnding ending)
{
  switch (ending) {
  case IKE_END_FAULT:
    return CAUSE_SESSION_TIMEOUT;
  case IKE_END_OURS:
    return CAUSE_ADMIN_RESET;
  case IKE_END_DEAD:
    return CAUSE_LOST_CARRIER;
  case IKE_END_TWIN:
    return CAUSE_NAS_REQUEST;
  case IKE_END_SHUTDOWN:
    return CAUSE_ADMIN_REBOOT;
  case IKE_END_UNSAID:
    break;
  }
  return CAUSE_USER_REQUEST;
}

static IkeHookVerdict
on_updown (IkePlugin *plugin, IkeSa *sa, IkeUpDownEvent *event)
{
  EapRadius *self = ike_plugin_state (plugin);
  Seat *seat = seat_of (self, sa);

  if (!seat || event->is_up || !seat->session)
    return IKE_HOOK_PASS;
  seat->over_us = seat_now_us (seat);
  if (!seat->cause)
    seat->cause = cause_of (ike_sa_ending (sa));
  table_remove (self, seat->session);
  return IKE_HOOK_PASS;
}

void
seat_close (EapRadius *self, IkeSa *sa, guint32 cause, const char *why)
{
  Seat *seat = seat_of (self, sa);

  if (!seat || ike_sa_state (sa) >= IKE_SA_DELETING)
    return;
  seat->cause = cause;
  ike_sa_log_text (sa, IKE_LOG_NOTICE, "eap-radius", why);
  if (!ike_sa_begin (sa, "delete", NULL, NULL, NULL))
    ike_sa_destroy (sa, why);
}

/* -- what is due */

static void on_timer (IkeSa *sa, gpointer data);

static const IkeJobClass timer_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "session of a RADIUS user",
  .lane = IKE_LANE_ESTABLISHED,
  .run = on_timer,
};

static gint64
earlier (gint64 a, gint64 b)
{
  return !a ? b : !b ? a : MIN (a, b);
}

void
seat_arm (Seat *seat, IkeSa *sa)
{
  gint64 next = earlier (earlier (seat->end_us, seat->interim_us), seat->idle_us);

  ike_timer_stop (g_steal_pointer (&seat->timer));
  if (next)
    seat->timer = ike_sa_timer_add (sa, (guint64) (MAX (next - seat_now_us (seat), 0) + 999) / 1000,
                                    &timer_job, seat->self);
}

gint64
seat_in_seconds (const Seat *seat, guint32 seconds)
{
  return seconds ? seat_now_us (seat) + (gint64) seconds * G_USEC_PER_SEC : 0;
}

static gboolean
is_due (const Seat *seat, gint64 us)
{
  return us && seat_now_us (seat) >= us;
}

static void judge_idle (IkeSa *sa, gpointer data);

static const IkeJobClass idle_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "Idle-Timeout of a RADIUS user",
  .lane = IKE_LANE_ESTABLISHED,
  .run = judge_idle,
};

/* The lane of established SAs refuses nothing. */
static void
judge_idle_soon (Seat *seat)
{
  (void) !ike_sa_post (seat->self->engine, seat->sa, &idle_job, seat->self);
}

/* By then an heir may have taken its place. */
static void
judge_idle (IkeSa *sa, gpointer data)
{
  EapRadius *self = data;
  Seat *seat = seat_of (self, sa);
  char why[96];

  if (!seat || !seat->idle_s || seat->over_us)
    return;
  if (seat->sa.serial != ike_sa_ref (sa).serial) {
    judge_idle_soon (seat);
    return;
  }
  seat->idle_us =
      MAX (seat->traffic.last_use_us, seat->since_us) + (gint64) seat->idle_s * G_USEC_PER_SEC;
  if (!is_due (seat, seat->idle_us)) {
    seat_arm (seat, sa);
    return;
  }
  seat->idle_us = 0;
  g_snprintf (why, sizeof why, "nothing was carried for the %u s of Idle-Timeout: closed",
              seat->idle_s);
  seat_close (self, sa, CAUSE_IDLE_TIMEOUT, why);
}

/* All questions about traffic are answered, for whatever reason they were asked. */
void
seat_surveyed (Seat *seat)
{
  if (seat->n_slots && seat->wants_interim)
    seat_account (seat, ACCT_INTERIM);
  if (seat->n_slots && seat->wants_idle)
    judge_idle_soon (seat);
  seat->wants_interim = seat->wants_idle = FALSE;
  leave_if_over (seat);
}

/* RFC 2865, 5.27: "the maximum number of seconds of service to be provided to the user before
 * termination of the session". */
static void
on_timer (IkeSa *sa, gpointer data)
{
  EapRadius *self = data;
  Seat *seat = seat_of (self, sa);

  if (!seat)
    return;
  seat->timer = NULL;
  if (is_due (seat, seat->end_us)) {
    seat_close (self, sa, CAUSE_SESSION_TIMEOUT, "the time of Session-Timeout is over: closed");
    return;
  }
  if (is_due (seat, seat->interim_us)) {
    seat->interim_us = seat_in_seconds (seat, seat->interim_s);
    seat->wants_interim = TRUE;
  }
  if (is_due (seat, seat->idle_us)) {
    seat->idle_us = 0;
    seat->wants_idle = TRUE;
  }
  seat_arm (seat, sa);
  if ((seat->wants_interim || seat->wants_idle) && !traffic_ask (seat, sa)
      && !seat->traffic.n_asked)
    seat_surveyed (seat);
}

/* -- what a grant says */

/* RFC 2869, 5.16: "The value MUST NOT be smaller than 60." */
guint32
seat_interim_of (const EapRadius *self, const Grant *grant)
{
  guint32 seconds = grant->has_interim ? grant->interim_s : self->interim_s;

  return seconds ? MAX (seconds, INTERIM_MIN_S) : 0;
}

void
seat_keep_classes (Seat *seat, const Grant *grant)
{
  if (!grant->classes_len)
    return;
  g_clear_pointer (&seat->classes, g_bytes_unref);
  seat->classes = g_bytes_new (grant->classes, grant->classes_len);
}

/* -- rekeying */

static gpointer
slot_inherit (IkeSa *from, IkeSa *to, gpointer state)
{
  Seat *seat = state;

  seat->n_slots++;
  ike_timer_stop (g_steal_pointer (&seat->timer));
  seat->sa = ike_sa_ref (to);
  if (seat->session) {
    table_move (seat->self, seat->session, seat->sa);
    seat_arm (seat, to);
  }
  return seat;
}

static const IkeSlotClass seat_slot = {
  .struct_size = sizeof (IkeSlotClass),
  .name = "eap-radius",
  .destroy = slot_destroy,
  .inherit = slot_inherit,
};

/* The client may begin anew before it is closed. */
static IkeHookVerdict
on_proof_limit (IkePlugin *plugin, IkeSa *sa, IkeProofLimitEvent *event)
{
  const Seat *seat = seat_of (ike_plugin_state (plugin), sa);
  guint64 left_s = 0;

  if (seat && seat->session && seat->end_us)
    left_s = (guint64) MAX (seat->end_us - seat_now_us (seat), 0) / G_USEC_PER_SEC;
  else if (seat && seat->grant && seat->grant->has_session)
    left_s = seat->grant->session_s;
  if (left_s && (!event->seconds || left_s < event->seconds))
    event->seconds = left_s;
  return IKE_HOOK_PASS;
}

/* Idle-Timeout, too, asks what each child carried: one that leaves may have been in use since. */
static IkeHookVerdict
on_child_leaves (IkePlugin *plugin, IkeSa *sa, IkeChildLeavesEvent *event)
{
  Seat *seat = seat_of (ike_plugin_state (plugin), sa);

  if (seat && seat->session && (seat->is_accounted || seat->idle_s))
    traffic_leave (seat, sa, event->child, event->is_inbound);
  return IKE_HOOK_PASS;
}

/* -- what is said later */

static void
change_groups (Seat *seat, IkeSa *sa, const Grant *grant)
{
  for (guint i = 0; seat->groups[i]; i++)
    ike_sa_remove_group (sa, seat->groups[i]);
  g_strfreev (seat->groups);
  seat->groups = grant_groups (grant);
  for (guint i = 0; seat->groups[i]; i++)
    ike_sa_add_group (sa, seat->groups[i]);
}

/* What the connection asked of the user when he came, such as a group, it asks still. */
static gboolean
still_fits (IkeSa *sa, char **why)
{
  const IkeProvided *found = ike_feature_find (ike_sa_engine (sa), "auth:eap", NULL);
  const IkeAuthClass *klass = found ? found->ops : NULL;
  const IkeConn *conn = ike_sa_conn (sa);

  for (guint i = 0; klass && klass->fits && conn && i < conn->n_remote; i++)
    if (!strcmp (conn->remote[i].auth, "eap-radius")
        && !klass->fits (found->plugin, sa, &conn->remote[i], why))
      return FALSE;
  return TRUE;
}

/* RFC 5176, 2.2: CoA-Request packets "contain information for dynamically changing session
 * authorizations"; times are counted from then on. */
void
seat_change (EapRadius *self, IkeSa *sa, const Grant *grant)
{
  Seat *seat = seat_of (self, sa);
  g_autofree char *why = NULL;

  if (!seat)
    return;
  if (grant->has_session)
    seat->end_us = seat_in_seconds (seat, grant->session_s);
  if (grant->has_idle) {
    seat->idle_s = grant->idle_s;
    seat->idle_us = seat_in_seconds (seat, grant->idle_s);
    /* Nobody tells of those that leave from now on. */
    if (!seat->idle_s && !seat->is_accounted)
      traffic_clear (&seat->traffic);
  }
  if (grant->has_interim && seat->is_accounted) {
    seat->interim_s = seat_interim_of (self, grant);
    seat->interim_us = seat_in_seconds (seat, seat->interim_s);
  }
  seat_keep_classes (seat, grant);
  if (grant->n_groups)
    change_groups (seat, sa, grant);
  seat_arm (seat, sa);
  ike_sa_log_text (sa, IKE_LOG_NOTICE, "eap-radius", "the RADIUS server changed what the user may");
  if (!still_fits (sa, &why))
    seat_close (self, sa, CAUSE_ADMIN_RESET, why);
}

const Grant *
seat_grant (const EapRadius *self, const IkeSa *sa)
{
  const Seat *seat = seat_of (self, sa);

  return seat ? seat->grant : NULL;
}

gboolean
seat_activate (EapRadius *self, GError **error)
{
  self->slot = ike_slot_register (self->plugin, &seat_slot);
  return ike_ike_updown_hook_add (self->plugin, "eap-radius", NULL, on_updown, error)
         && ike_proof_limit_hook_add (self->plugin, "eap-radius", NULL, on_proof_limit, error)
         && ike_child_leaves_hook_add (self->plugin, "eap-radius", NULL, on_child_leaves, error);
}
