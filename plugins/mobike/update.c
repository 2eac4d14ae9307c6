/* SPDX-License-Identifier: Apache-2.0 */
/* update.c - INFORMATIONAL: who began the SA says by which addresses it goes from now on, who
 * answers checks that the peer is there, and both say what addresses they have (RFC 4555, 3.5 to
 * 3.9). */
#include "config.h"
#include "mobike.h"
#include "shared/natd/natd.h"

enum { REFUSALS_MAX = 5 };

/* Of one exchange, either way. */
typedef struct {
  IkeTask *task;
  guint8 cookie[COOKIE_LEN];
  guint8 has_cookie : 1, is_update : 1, is_list : 1, is_check : 1, begins_check : 1;
  guint32 generation;
  guint16 refusal;
} Update;

static MobikeSa *
state_of (IkeTask *task)
{
  return mobike_agreed (mobike_of (ike_task_plugin (task)), ike_task_sa (task));
}

static gboolean
wanted (IkePlugin *plugin, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return mobike_agreed (mobike_of (plugin), sa) != NULL;
}

static gboolean
is_about_addresses (IkeExchange *x)
{
  return !strcmp (ike_exchange_operation (x), "mobike");
}

/* -- we ask */

/* RFC 4555, 4.2.5: the data "MUST be chosen by the exchange initiator in a way that is
 * unpredictable to the exchange responder." */
static void
write_cookie (Update *self, IkeSa *sa, IkeWriter *out)
{
  ike_engine_random (ike_sa_engine (sa), self->cookie, sizeof self->cookie);
  self->has_cookie = TRUE;
  ike_notify_write (out, 0, N_COOKIE2, NULL, 0, self->cookie, sizeof self->cookie);
}

static void
take_wishes (MobikeSa *s, Update *self)
{
  self->generation = s->generation;
  self->is_update = s->asks_update = s->wants_update;
  self->is_list = s->asks_list = s->wants_list;
  self->is_check = s->asks_check = s->wants_check;
  s->wants_update = s->wants_list = s->wants_check = FALSE;
}

static void
ask (MobikeSa *s, Update *self, IkeExchange *x, IkeWriter *out)
{
  take_wishes (s, self);
  if (self->is_update)
    ike_notify_write (out, 0, N_UPDATE_SA_ADDRESSES, NULL, 0, NULL, 0);
  if (self->is_list)
    addrs_tell (s, x, TRUE, out);
  if ((self->is_update || self->is_list) && !s->has_natt)
    nats_forbid (x, out);
  if (s->has_natt)
    natd_write (s->sa, x, out);
  if (self->is_update || self->is_check)
    write_cookie (self, s->sa, out);
  mobike_count (s, self->is_check ? s->mobike->n_checks : s->mobike->n_updates);
}

/* RFC 4555, 3.8: "When the initiator is behind a NAT ..., it SHOULD include these notifications in
 * DPD messages". */
static IkeTaskResult
update_build_request (MobikeSa *s, Update *self, IkeExchange *x, IkeWriter *out)
{
  if (is_about_addresses (x))
    ask (s, self, x, out);
  else if (s->has_natt && ike_sa_was_ours (s->sa) && ike_sa_nat_local (s->sa))
    natd_write (s->sa, x, out);
  return IKE_TASK_DONE;
}

static gboolean
is_cookie_right (const Update *self, const IkeExchange *x)
{
  const IkeNotify *notify = ike_exchange_record (x, N_COOKIE2, 0);

  return !self->has_cookie
         || (notify && notify->len == COOKIE_LEN
             && ike_equal (notify->data, self->cookie, COOKIE_LEN));
}

static void
close_sa (MobikeSa *s)
{
  mobike_log (
      s, IKE_LOG_ERROR,
      "the peer did not copy our COOKIE2, so it did not see what it answered: closed; bring "
      "it up again, and if it goes on, set mobike = no");
  if (!ike_sa_begin (s->sa, "delete", NULL, NULL, NULL))
    ike_sa_destroy (s->sa, "wrong COOKIE2");
}

static void
begin_anew (MobikeSa *s, const Update *self)
{
  s->wants_update |= self->is_update;
  s->wants_list |= self->is_list;
  s->wants_check |= self->is_check;
  mobike_begin (s);
}

/* RFC 4555, 3.9: "it SHOULD retry the operation several times using new INFORMATIONAL requests." */
static void
nat_was_seen (MobikeSa *s, const Update *self)
{
  if (++s->n_refused < REFUSALS_MAX)
    begin_anew (s, self);
  else
    mobike_log (s, IKE_LOG_ERROR,
                "the peer sees other addresses than those we sent from, and does no NAT traversal: "
                "it does not move; take the NAT away, or allow NAT traversal there");
}

static void
remember_seen (MobikeSa *s, const IkeExchange *x)
{
  const IkeNotify *seen = ike_exchange_record (x, IKE_N_NAT_DETECTION_DESTINATION_IP, 0);

  s->has_seen = seen != NULL;
  if (seen)
    memcpy (s->seen, seen->data, SEEN_LEN);
}

/* RFC 4555, 3.8: "If the values do not match, the IP address and/or port seen by the responder has
 * changed, and the initiator SHOULD send UPDATE_SA_ADDRESSES". */
static void
compare_seen (MobikeSa *s, const IkeExchange *x)
{
  const IkeNotify *seen = ike_exchange_record (x, IKE_N_NAT_DETECTION_DESTINATION_IP, 0);

  if (!seen || (s->has_seen && ike_equal (seen->data, s->seen, SEEN_LEN)))
    return;
  s->generation++;
  s->wants_update = TRUE;
  mobike_begin (s);
}

static void
set_nat (MobikeSa *s, const IkeExchange *x, const IkeMessage *in)
{
  gboolean local_behind, remote_behind;

  if (s->has_natt
      && natd_read (s->mobike->engine, x, ike_message_header (in), &local_behind, &remote_behind))
    ike_sa_set_nat (s->sa, local_behind, remote_behind);
}

static gboolean
is_by_the_path (const MobikeSa *s, const IkeExchange *x)
{
  return ike_addr_same_host (ike_exchange_local (x), ike_sa_local (s->sa))
         && ike_addr_same_host (ike_exchange_remote (x), ike_sa_remote (s->sa));
}

static void
updated (MobikeSa *s, const IkeExchange *x, const IkeMessage *in)
{
  s->n_refused = 0;
  s->is_moved = FALSE;
  set_nat (s, x, in);
  remember_seen (s, x);
  ike_sa_hold_children (s->sa, FALSE);
}

/* RFC 4555, 3.5: "If an address change has occurred after the request was first sent, no MOBIKE
 * processing is done for the reply"; 3.7: "If the same INFORMATIONAL request has been sent to
 * several different addresses ..., receiving the INFORMATIONAL response does not tell which address
 * is the working one.  In this case, a new INFORMATIONAL request needs to be sent". */
static void
answered (MobikeSa *s, const Update *self, const IkeExchange *x, const IkeMessage *in)
{
  s->asks_update = s->asks_list = s->asks_check = FALSE;
  if (self->generation != s->generation || !is_by_the_path (s, x))
    return;
  s->is_guess = FALSE;
  if (ike_exchange_record (x, N_UNEXPECTED_NAT_DETECTED, 0))
    nat_was_seen (s, self);
  else if (self->is_update && ike_exchange_record (x, N_UNACCEPTABLE_ADDRESSES, 0))
    path_refused (s, self->task);
  else if (s->is_probing && (self->is_update || self->is_check))
    begin_anew (s, self);
  else if (self->is_update)
    updated (s, x, in);
  else if (self->is_check)
    ike_sa_hold_children (s->sa, FALSE);
  if (self->is_list)
    s->is_lost = FALSE;
}

static IkeTaskResult
update_process_response (MobikeSa *s, Update *self, IkeExchange *x, const IkeMessage *in)
{
  if (!is_cookie_right (self, x))
    close_sa (s);
  else if (!mobike_is_up (s))
    return IKE_TASK_DONE;
  else if (is_about_addresses (x))
    answered (s, self, x, in);
  else if (s->has_natt && ike_sa_was_ours (s->sa) && ike_sa_nat_local (s->sa))
    compare_seen (s, x);
  return IKE_TASK_DONE;
}

/* -- we are asked */

static gboolean
has_list (const IkeExchange *x)
{
  return ike_exchange_record (x, N_ADDITIONAL_IP4_ADDRESS, 0)
         || ike_exchange_record (x, N_ADDITIONAL_IP6_ADDRESS, 0)
         || ike_exchange_record (x, N_NO_ADDITIONAL_ADDRESSES, 0);
}

/* The peer, who answered this SA, is no more where we send to: then there is something to decide.
 */
static void
hear_list (MobikeSa *s, const IkeExchange *x)
{
  guint32 id = ike_exchange_message_id (x) + 1;

  /* RFC 4555, 3.6: "Determines whether it has already received a newer request to update the
   * addresses ...  If it has, a response message is sent, but the address set is not updated." */
  if (id <= s->newest_list)
    return;
  s->newest_list = id;
  addrs_hear (s, x);
  if (ike_sa_was_ours (s->sa) && !addrs_have (s->peer, ike_sa_remote (s->sa)))
    path_look (s);
}

/* RFC 4555, 3.7: "By default, the return routability check SHOULD be done before updating the IPsec
 * SAs": they stay where they are until it is. */
static void
follow (MobikeSa *s, Update *self, const IkeExchange *x, const IkeMessage *in)
{
  const IkeAddr *local = ike_exchange_local (x), *remote = ike_exchange_remote (x);
  gboolean is_new = !ike_addr_equal (local, ike_sa_local (s->sa))
                    || !ike_addr_equal (remote, ike_sa_remote (s->sa));

  s->is_led_away = FALSE;
  if (is_new) {
    s->generation++;
    mobike_count (s, s->mobike->n_moves);
    ike_sa_hold_children (s->sa, TRUE);
    ike_sa_set_endpoints (s->sa, local, remote, G_MAXUINT32);
    ike_sa_send_again (s->sa);
  }
  set_nat (s, x, in);
  if (is_new && s->mobike->checks)
    self->begins_check = TRUE;
  else if (is_new)
    ike_sa_hold_children (s->sa, FALSE);
}

static void
explain_refusal (const Update *self, const IkeConn *conn, const IkeAddr *remote)
{
  char text[IKE_ADDR_TEXT_SIZE];
  IkeTree *details = ike_tree_new_section ();
  g_autofree char *sentence =
      g_strdup_printf ("the peer wants to move to %s, which the connection does not allow; if it "
                       "should, add that to "
                       "its remote_addrs, and where it is reached to local_addrs",
                       ike_addr_format (remote, FALSE, text));

  ike_tree_set_format (details, "setting", "connections.%s.remote_addrs", conn->name);
  ike_task_explain (self->task, "move", sentence, details);
}

/* RFC 4555, 3.5: "Determines whether it has already received a newer UPDATE_SA_ADDRESSES request
 * than this one ...  If it has, a normal response message (described below) is sent, but no other
 * action is taken." */
static void
hear_update (MobikeSa *s, Update *self, const IkeExchange *x, const IkeMessage *in)
{
  const IkeConn *conn = ike_sa_conn (s->sa);
  guint32 id = ike_exchange_message_id (x) + 1;

  if (id <= s->newest_update)
    return;
  s->newest_update = id;
  if (ike_conn_has_addr (conn, FALSE, ike_exchange_remote (x))
      && ike_conn_has_addr (conn, TRUE, ike_exchange_local (x))) {
    follow (s, self, x, in);
    return;
  }
  self->refusal = N_UNACCEPTABLE_ADDRESSES;
  mobike_count (s, s->mobike->n_refusals);
  explain_refusal (self, conn, ike_exchange_remote (x));
}

/* RFC 4555, 3.5: the requests with UPDATE_SA_ADDRESSES are "sent by the initiator"; from whoever
 * answered this SA they mean nothing. */
static IkeTaskResult
update_process_request (MobikeSa *s, Update *self, IkeExchange *x, const IkeMessage *in)
{
  gboolean is_update =
      !ike_sa_was_ours (s->sa) && ike_exchange_record (x, N_UPDATE_SA_ADDRESSES, 0);

  if (!mobike_is_up (s) || (!is_update && !has_list (x)))
    return IKE_TASK_DONE;
  if (nats_are_seen (x)) {
    self->refusal = N_UNEXPECTED_NAT_DETECTED;
    mobike_count (s, s->mobike->n_refusals);
    return IKE_TASK_DONE;
  }
  if (has_list (x))
    hear_list (s, x);
  if (is_update)
    hear_update (s, self, x, in);
  return IKE_TASK_DONE;
}

/* RFC 4555, 3.7: "the recipient of an INFORMATIONAL request MUST copy the notification as-is to the
 * response"; 3.8: "if the request includes them, the responder MUST also include them in the
 * response". */
static IkeTaskResult
update_build_response (MobikeSa *s, Update *self, IkeExchange *x, IkeWriter *out)
{
  const IkeNotify *cookie = ike_exchange_record (x, N_COOKIE2, 0);

  if (self->refusal)
    ike_notify_write (out, 0, self->refusal, NULL, 0, NULL, 0);
  if (s->has_natt && ike_exchange_record (x, IKE_N_NAT_DETECTION_SOURCE_IP, 0))
    natd_write (s->sa, x, out);
  if (cookie)
    ike_notify_write (out, 0, N_COOKIE2, NULL, 0, cookie->data, cookie->len);
  if (self->begins_check) {
    s->wants_check = TRUE;
    mobike_begin (s);
  }
  return IKE_TASK_DONE;
}

/* -- the task */

static IkeTaskResult
update_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  MobikeSa *s = state_of (task);

  if (!s)
    return IKE_TASK_DONE;
  return ike_exchange_is_initiator (x) ? update_build_request (s, ike_task_data (task), x, out)
                                       : update_build_response (s, ike_task_data (task), x, out);
}

static IkeTaskResult
update_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  MobikeSa *s = state_of (task);
  Update *self = ike_task_data (task);

  if (!s)
    return IKE_TASK_DONE;
  self->task = task;
  return ike_exchange_is_initiator (x) ? update_process_response (s, self, x, in)
                                       : update_process_request (s, self, x, in);
}

const IkeTaskClass update_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "INFORMATIONAL",
  .after = "phase:main informational",
  .operations = "mobike liveness",
  .reads = "notify:UPDATE_SA_ADDRESSES notify:ADDITIONAL_IP4_ADDRESS notify:ADDITIONAL_IP6_ADDRESS "
           "notify:NO_ADDITIONAL_ADDRESSES notify:COOKIE2 notify:NO_NATS_ALLOWED "
           "notify:UNACCEPTABLE_ADDRESSES notify:UNEXPECTED_NAT_DETECTED "
           "notify:NAT_DETECTION_SOURCE_IP notify:NAT_DETECTION_DESTINATION_IP",
  .instance_size = sizeof (Update),
  .wanted = wanted,
  .process = update_process,
  .build = update_build,
};
