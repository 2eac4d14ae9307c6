/* SPDX-License-Identifier: Apache-2.0 */
/* child_rekey.c - a CHILD_SA in the place of another (RFC 7296, 1.3.3 and 2.8): what is different
 * from making a new one, and what becomes of the old one and of collisions. */
#include "child.h"
#include <ikebana/log.h>
#include "ikev2_private.h"

gboolean
ikev2_rekey_is_asked (IkeExchange *x)
{
  return !g_strcmp0 (ike_exchange_operation (x), "rekey-child");
}

static IkeChild *
old_of (IkeTask *task)
{
  Child *self = ike_task_data (task);

  return self->old.serial ? ike_child_get (ike_task_sa (task), self->old) : NULL;
}

static void
close_child (IkeTask *task, IkeChild *child, const char *why)
{
  IkeChildRef ref = ike_child_ref (child);

  if (!ike_sa_begin (ike_task_sa (task), "delete-child", g_memdup2 (&ref, sizeof ref), NULL, NULL))
    ike_child_destroy (child, why);
}

/* -- we ask */

static void
take_selectors (const IkeChild *old, Ikev2Selectors *out)
{
  guint n;
  const IkeSelector *from = ike_child_selectors (old, TRUE, &n);

  out->n_local = MIN (n, IKE_SELECTORS_MAX);
  memcpy (out->local, from, out->n_local * sizeof *from);
  from = ike_child_selectors (old, FALSE, &n);
  out->n_remote = MIN (n, IKE_SELECTORS_MAX);
  memcpy (out->remote, from, out->n_remote * sizeof *from);
}

/* Does a request of the peer wait that does it? */
static gboolean
is_being_replaced (IkeTask *task, const IkeChild *old)
{
  IkeSa *sa = ike_task_sa (task);
  guint i, n = ike_sa_n_children (sa);

  for (i = 0; i < n; i++)
    if (ike_child_predecessor (ike_sa_child (sa, i)) == old)
      return TRUE;
  return FALSE;
}

/* RFC 7296, 2.9.2: "the proposed Traffic Selectors SHOULD be either the same as, or a superset of,
 * the Traffic Selectors used in the old Child SA". */
const char *
ikev2_rekey_prepare (IkeTask *task)
{
  Child *self = ike_task_data (task);
  IkeChildRef *ref = ike_operation_args (ike_task_operation (task));
  IkeChild *old = ike_child_get (ike_task_sa (task), *ref);
  Ikev2Rekeys *rekeys = ikev2_rekeys_of (task);
  guint16 group;

  if (!old)
    return "it is gone";
  if (ike_child_is_replaced (old) || ike_child_is_going (old) || is_being_replaced (task, old)
      || ike_child_state (old) != IKE_CHILD_INSTALLED)
    return "it is replaced, or goes, already";
  self->conf = ike_child_conf (old);
  self->mode = ike_child_mode (old);
  self->selectors = g_new0 (Ikev2Selectors, 1);
  take_selectors (old, self->selectors);
  group = ike_child_choice (old)->chosen[IKE_TRANSFORM_KE].id;
  if (group && ike_proposals_have_ke (ikev2_child_proposals (self->conf), group))
    self->group = group;
  self->old = *ref;
  self->child = ike_child_ref (ike_child_new_successor (old));
  ike_child_set_state (old, IKE_CHILD_REKEYING);
  self->is_ours = TRUE;
  self->next = rekeys->children;
  rekeys->children = self;
  return NULL;
}

/* RFC 7296, 1.3.3: "The REKEY_SA notification MUST be included ... the SPI field is the one the
 * exchange initiator would expect in inbound ESP or AH packets." */
void
ikev2_rekey_write (IkeTask *task, IkeWriter *out)
{
  IkeChild *old = old_of (task);
  guint32 spi;

  if (!old)
    return;
  spi = GUINT32_TO_BE (ike_child_spi (old, TRUE));
  ike_notify_write (out, ike_child_protocol (old), IKE_N_REKEY_SA, &spi, sizeof spi, NULL, 0);
}

void
ikev2_rekey_answered_with (IkeTask *task, const guint8 *theirs, gsize len)
{
  Child *self = ike_task_data (task);

  ikev2_nonce_lower (self->nonce, sizeof self->nonce, theirs, len, &self->lower_nonce);
}

/* RFC 7296, 2.8.1: "the SA created with the lowest of the four nonces used in the two exchanges
 * SHOULD be closed by the endpoint that created it".  The peer sends nothing on it before. */
gboolean
ikev2_rekey_is_lost (IkeTask *task)
{
  Child *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  IkeChild *child = ikev2_child_of (task);

  if (!self->rival.serial || !ike_child_get (sa, self->rival)
      || !ikev2_nonce_is_lower (&self->lower_nonce, &self->rival_nonce))
    return FALSE;
  ike_sa_log_text (sa, IKE_LOG_INFO, "ike",
                   "both ends replaced the CHILD_SA at once, and the peer's stays");
  ike_child_set_redundant (child);
  ike_child_set_state (child, IKE_CHILD_DELETING);
  close_child (task, child, "redundant");
  return TRUE;
}

/* "The node that initiated the surviving rekeyed SA should delete the replaced SA after the new one
 * is established."  What somebody wanted down meanwhile goes altogether. */
void
ikev2_rekey_won (IkeTask *task)
{
  Child *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  IkeChild *old = old_of (task), *child = ikev2_child_of (task);
  IkeChild *rival = self->rival.serial ? ike_child_get (sa, self->rival) : NULL;
  gboolean is_going = old && ike_child_is_going (old);

  if (rival)
    ike_child_set_redundant (rival);
  if (old) {
    ike_child_set_state (old, IKE_CHILD_REKEYED);
    close_child (task, old, "replaced");
  }
  if (child && is_going)
    close_child (task, child, "taken down by command");
}

/* RFC 7296, 2.25: "SHOULD silently delete the Child SA (if it still exists) and send a request
 * to create a new Child SA from scratch (if the Child SA does not yet exist)."  After a
 * collision there is one: the peer had replaced it before our request came (2.8.1). */
IkeTaskResult
ikev2_rekey_not_found (IkeTask *task)
{
  Child *self = ike_task_data (task);
  IkeChild *old = old_of (task);

  if (old && !ike_child_is_confirmed (old))
    return ike_task_later (task, "the peer does not know yet that we made what it asked for");
  if (old && !self->rival.serial && !ike_child_is_going (old)) {
    ike_sa_log_text (ike_task_sa (task), IKE_LOG_INFO, "ike",
                     "the peer does not know the CHILD_SA that we wanted to replace; made anew");
    ike_child_destroy (old, "the peer does not know it");
    ike_sa_begin (ike_task_sa (task), "create-child", g_strdup (self->conf->name), NULL, NULL);
  }
  return IKE_TASK_DONE;
}

/* RFC 7296, 4: "If the responder rejects the CREATE_CHILD_SA request with a NO_ADDITIONAL_SAS
 * notification, the implementation MUST be capable of instead deleting the old SA and creating a
 * new one." */
void
ikev2_rekey_from_scratch (IkeTask *task)
{
  ike_sa_reauthenticate (ike_task_sa (task), "the peer takes no further SA in this one");
}

void
ikev2_rekey_dispose (IkeTask *task)
{
  Child *self = ike_task_data (task), **link;
  IkeChild *old = old_of (task);

  if (!self->is_ours)
    return;
  for (link = &ikev2_rekeys_of (task)->children; *link != self; link = &(*link)->next)
    ;
  *link = self->next;
  if (old && ike_child_state (old) == IKE_CHILD_REKEYING)
    ike_child_set_state (old, IKE_CHILD_INSTALLED);
}

/* -- the peer asks */

static IkeTaskResult
fail (IkeTask *task, guint16 notify, const char *why)
{
  return ike_task_fail (task, notify, NULL, 0, why);
}

gboolean
ikev2_rekey_is_open (IkeTask *task)
{
  const IkeChild *old = old_of (task);

  return old && !ike_child_is_going (old) && !ike_child_is_replaced (old)
         && ike_child_state (old) != IKE_CHILD_DELETING;
}

/* The peer's answer to a request of ours may be on its way, or may wait for keys. */
static gboolean
is_making_one (IkeSa *sa)
{
  guint i, n = ike_sa_n_children (sa);

  for (i = 0; i < n; i++)
    if (ike_child_state (ike_sa_child (sa, i)) == IKE_CHILD_CREATED)
      return TRUE;
  return FALSE;
}

/* RFC 7296, 2.25.1: "If a peer receives a request to rekey a Child SA that it is currently
 * trying to close, it SHOULD reply with TEMPORARY_FAILURE."  One that is replaced waits for its
 * end, too. */
static IkeTaskResult
find_old (IkeTask *task, IkeExchange *x)
{
  Child *self = ike_task_data (task);
  const IkeNotify *notify = ike_exchange_record (x, IKE_N_REKEY_SA, 0);
  guint32 spi;
  IkeChild *old;

  if (notify->spi_len != sizeof spi)
    return fail (task, IKE_N_INVALID_SYNTAX, "REKEY_SA without an SPI of four bytes");
  memcpy (&spi, notify->spi, sizeof spi);
  old = ike_child_by_spi (ike_task_sa (task), notify->protocol, GUINT32_FROM_BE (spi), FALSE);
  if (!old && is_making_one (ike_task_sa (task)))
    return fail (task, IKE_N_TEMPORARY_FAILURE,
                 "the peer wants to replace a CHILD_SA that may be the one which is being made");
  if (!old)
    return ike_task_fail_about (task, IKE_N_CHILD_SA_NOT_FOUND, notify->protocol, notify->spi,
                                "the peer wants to replace a CHILD_SA that is not here");
  self->old = ike_child_ref (old);
  if (ike_child_state (old) == IKE_CHILD_CREATED || !ikev2_rekey_is_open (task))
    return fail (task, IKE_N_TEMPORARY_FAILURE,
                 "the peer wants to replace a CHILD_SA that goes already, or is not there yet");
  return IKE_TASK_DONE;
}

/* RFC 7296, 2.9.2: "The responder MUST NOT narrow down the Traffic Selectors narrower than the
 * scope currently in use." */
static gboolean
fit (IkeTask *task, const IkeChild *old, const Ikev2Selectors *offered)
{
  Child *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  g_autofree Ikev2Selectors *ours = g_new0 (Ikev2Selectors, 1),
                            *theirs = g_memdup2 (offered, sizeof *offered);

  if (self->mode == IKE_MODE_TRANSPORT
      && !ikev2_selectors_translate (sa, theirs, TRUE, &self->originals))
    return FALSE;
  ikev2_selectors_of (sa, self->conf, ours);
  self->selectors->n_local =
      ike_selectors_narrow (ours->local, ours->n_local, theirs->local, theirs->n_local,
                            self->selectors->local, IKE_SELECTORS_MAX);
  self->selectors->n_remote =
      ike_selectors_narrow (ours->remote, ours->n_remote, theirs->remote, theirs->n_remote,
                            self->selectors->remote, IKE_SELECTORS_MAX);
  take_selectors (old, ours);
  return ikev2_child_covers (self->selectors, ours);
}

IkeTaskResult
ikev2_rekey_judge (IkeTask *task, IkeExchange *x, const Ikev2Selectors *offered)
{
  Child *self = ike_task_data (task);
  IkeTaskResult result = find_old (task, x);
  IkeChild *old = old_of (task);

  if (result != IKE_TASK_DONE)
    return result;
  self->conf = ike_child_conf (old);
  self->mode = ike_child_mode (old);
  if (ikev2_mode_of (x) != self->mode)
    return fail (task, IKE_N_NO_PROPOSAL_CHOSEN,
                 "the peer wants to replace a CHILD_SA by one of another mode");
  if (!fit (task, old, offered))
    return fail (task, IKE_N_TS_UNACCEPTABLE,
                 "the peer wants to replace a CHILD_SA by one that carries less");
  return IKE_TASK_DONE;
}

static Child *
find_ours (IkeTask *task)
{
  Child *self = ike_task_data (task), *ours;

  for (ours = ikev2_rekeys_of (task)->children; ours && ours->old.serial != self->old.serial;
       ours = ours->next)
    ;
  return ours;
}

/* "it will just note the situation and respond as usual": from the moment that the request is
 * there, however long it waits, for the answer to ours may come meanwhile. */
void
ikev2_rekey_note (IkeTask *task, const guint8 *theirs, gsize len)
{
  Child *self = ike_task_data (task), *ours = find_ours (task);

  if (!ours)
    return;
  self->is_noted = TRUE;
  ours->rival = self->child;
  ikev2_nonce_lower (self->nonce, sizeof self->nonce, theirs, len, &ours->rival_nonce);
}

void
ikev2_rekey_answered (IkeTask *task)
{
  IkeChild *old = old_of (task);

  if (old && ike_child_state (old) != IKE_CHILD_DELETING)
    ike_child_set_state (old, IKE_CHILD_REKEYED);
}
