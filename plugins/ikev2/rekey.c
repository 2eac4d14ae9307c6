/* SPDX-License-Identifier: Apache-2.0 */
/* rekey.c - an IKE SA in the place of another, in CREATE_CHILD_SA (RFC 7296, 1.3.2 and 2.18), also
 * when both ends do it at once (2.8.2). */
#include "ikev2.h"
#include <ikebana/log.h>
#include "ikev2_private.h"

enum { GROUPS_MAX = 5 };

typedef struct _Rekey {
  Ikev2Kx kx;
  gboolean has_nonce, is_ours, is_settled;
  gboolean is_beside; /* the old SA stays as it is */
  guint16 group;
  guint n_groups; /* tried because the peer asked for them */
  guint64 heir;   /* our SPI of the new SA; 0: there is none */
  guint64 rival;  /* the same of what the peer has made meanwhile */
  Ikev2Nonce rival_nonce;
  IkeChoice choice;
  guint8 nonce[IKEV2_NONCE_LEN];
} Rekey;

static IkeEngine *
engine_of (IkeTask *task)
{
  return ike_sa_engine (ike_task_sa (task));
}

static IkeSa *
find (IkeTask *task, guint64 spi)
{
  return spi ? ike_sa_by_spi (engine_of (task), ike_sa_ref (ike_task_sa (task)).shard, spi) : NULL;
}

/* -- pieces of both sides */

static void
write_sa (IkeTask *task, IkeWriter *out, gboolean is_request)
{
  Rekey *self = ike_task_data (task);
  guint64 spi = GUINT64_TO_BE (self->heir);
  gsize mark = ike_payload_open (out, IKE_PAYLOAD_SA, FALSE);

  if (is_request)
    ike_proposals_write (ike_sa_conn (ike_task_sa (task))->proposals, out, (guint8 *) &spi,
                         sizeof spi, 0);
  else
    ike_choice_write (&self->choice, out, (guint8 *) &spi, sizeof spi);
  ike_payload_close (out, mark);
}

static void
make_nonce (IkeTask *task)
{
  Rekey *self = ike_task_data (task);

  if (!self->has_nonce)
    ike_engine_random (engine_of (task), self->nonce, sizeof self->nonce);
  self->has_nonce = TRUE;
}

static guint64
spi_of (const IkeChoice *choice)
{
  guint64 spi;

  memcpy (&spi, choice->spi, sizeof spi);
  return GUINT64_FROM_BE (spi);
}

/* RFC 7296, 2.18: SKEYSEED is made of the new secret with the old SK_d. */
static gboolean
derive (IkeTask *task, IkeSa *heir, const guint8 *theirs, gsize len)
{
  Rekey *self = ike_task_data (task);
  IkeSecretBlob *secret = ikev2_kx_secret (&self->kx);
  const guint8 *ni = self->is_ours ? self->nonce : theirs,
               *nr = self->is_ours ? theirs : self->nonce;
  gsize ni_len = self->is_ours ? sizeof self->nonce : len,
        nr_len = self->is_ours ? len : sizeof self->nonce;

  ike_sa_set_choice (heir, &self->choice);
  ike_sa_set_peer_spi (heir, spi_of (&self->choice));
  return ike_sa_keys_seed (heir, ike_task_sa (task), ike_secret_blob_data (secret),
                           ike_secret_blob_len (secret), ni, ni_len, nr, nr_len);
}

static gboolean
is_usable (const IkeChoice *choice)
{
  return choice->spi_len == sizeof (guint64) && spi_of (choice) != 0;
}

/* -- we ask */

static IkeTaskResult
fail (IkeTask *task, guint16 notify, const char *why)
{
  return ike_task_fail (task, notify, NULL, 0, why);
}

/* The group that is in use is the one that the peer takes without asking for another. */
static guint16
first_group (IkeSa *sa)
{
  const IkeProposals *proposals = ike_sa_conn (sa)->proposals;
  guint16 group = ike_sa_choice (sa)->chosen[IKE_TRANSFORM_KE].id;

  return ike_proposals_have_ke (proposals, group) ? group : ike_proposals_first_ke (proposals);
}

/* NULL, or why it cannot begin. */
static const char *
begin (IkeTask *task)
{
  Rekey *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task), *heir;

  if (ike_sa_state (sa) != IKE_SA_ESTABLISHED)
    return "it is replaced, or goes, already";
  heir = ike_sa_new_heir (sa, TRUE);
  if (!heir)
    return "there are too many SAs";
  self->heir = ike_sa_our_spi (heir);
  self->group = first_group (sa);
  self->is_ours = TRUE;
  self->is_beside = !strcmp (ike_exchange_operation (ike_task_exchange (task)), "rekey-beside");
  if (self->is_beside)
    return NULL;
  ikev2_rekeys_of (task)->ike = self;
  ike_sa_set_rekeying (sa, TRUE);
  return NULL;
}

static IkeTaskResult
build_request (IkeTask *task, IkeWriter *out)
{
  Rekey *self = ike_task_data (task);
  const char *problem = self->is_ours ? self->kx.error : begin (task);

  if (problem)
    return fail (task, 0, problem);
  if (!self->kx.offer) {
    self->kx.ke = ike_ke_find (engine_of (task), self->group);
    if (!self->kx.ke)
      return fail (task, 0, "no plugin provides the key exchange of the proposals");
    ikev2_kx_offer (task);
    return IKE_TASK_WAIT;
  }
  make_nonce (task);
  write_sa (task, out, TRUE);
  ike_payload_write (out, IKE_PAYLOAD_NONCE, self->nonce, sizeof self->nonce);
  ikev2_kx_write (&self->kx, out);
  return IKE_TASK_DONE;
}

static IkeTaskResult
take_other_group (IkeTask *task, const IkeNotify *notify)
{
  Rekey *self = ike_task_data (task);
  guint16 group = (guint16) (notify->data[0] << 8 | notify->data[1]);

  if (group == self->group || self->n_groups == GROUPS_MAX
      || !ike_proposals_have_ke (ike_sa_conn (ike_task_sa (task))->proposals, group))
    return fail (task, IKE_N_NO_PROPOSAL_CHOSEN,
                 "the peer asks for a key exchange that we did not propose");
  self->n_groups++;
  ikev2_kx_forget_offer (&self->kx);
  self->group = group;
  self->has_nonce = FALSE;
  return ike_task_next (task, "CREATE_CHILD_SA");
}

/* RFC 7296, 2.8.2: after a collision that only we know of the peer is done with the old SA, and
 * says TEMPORARY_FAILURE: what it made is what stays. */
static IkeTaskResult
answer_is_error (IkeTask *task, IkeExchange *x)
{
  Rekey *self = ike_task_data (task);
  const IkeNotify *notify = ike_exchange_record (x, IKE_N_INVALID_KE_PAYLOAD, 0);

  if (self->rival)
    return IKE_TASK_DONE;
  if (notify)
    return take_other_group (task, notify);
  if (self->is_beside)
    return fail (task, 0,
                 ike_exchange_record (x, IKE_N_TEMPORARY_FAILURE, 0)
                     ? "the peer makes no other IKE SA beside this one at present"
                     : "the peer makes no other IKE SA beside this one");
  if (ike_exchange_record (x, IKE_N_TEMPORARY_FAILURE, 0))
    return ike_task_later (task, "the peer cannot at present");
  if (ike_exchange_record (x, IKE_N_NO_ADDITIONAL_SAS, 0))
    ikev2_rekey_from_scratch (task);
  return fail (task, 0, "the peer refused to replace the IKE SA");
}

static IkeTaskResult
read_response (IkeTask *task, const IkeMessage *in)
{
  Rekey *self = ike_task_data (task);
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_SA, 0),
                   *ke_payload = ike_message_find (in, IKE_PAYLOAD_KE, 0);
  IkeProposal answers[IKE_PROPOSALS_MAX];
  IkeVerdict verdict = { 0 };
  IkeKeView ke;
  IkeReader r;
  guint n;

  ike_reader_init (&r, payload->data, payload->len);
  if (!ike_proposals_read (&r, answers, &n, &verdict)
      || (ke_payload && !ike_ke_read (ke_payload, &ke, &verdict)))
    return fail (task, IKE_N_INVALID_SYNTAX, verdict.reason);
  if (n != 1
      || !ike_proposals_accept (ike_sa_conn (ike_task_sa (task))->proposals, &answers[0], 0,
                                &self->choice)
      || !is_usable (&self->choice))
    return fail (task, 0, "the peer chose what we did not propose");
  if (!ke_payload || ke.group != self->choice.chosen[IKE_TRANSFORM_KE].id
      || ke.group != self->group)
    return fail (task, 0, "the peer's key exchange is not the one that was chosen");
  ikev2_kx_finish (task, &ke);
  return IKE_TASK_WAIT;
}

static void
close_sa (IkeSa *sa, const char *why)
{
  if (!ike_sa_begin (sa, "delete", NULL, NULL, NULL))
    ike_sa_destroy (sa, why);
}

static void
stand_beside (IkeTask *task, IkeSa *heir)
{
  const char *child = ike_operation_args (ike_task_operation (task));

  ike_sa_stand_beside (heir, ike_task_sa (task));
  if (child)
    ike_sa_begin (heir, "create-child", g_strdup (child), NULL, NULL);
}

/* RFC 7296, 2.8.2: "The new IKE SA containing the lowest nonce SHOULD be deleted by the node that
 * created it, and the other surviving new IKE SA MUST inherit all the Child SAs." */
static void
settle (IkeTask *task, IkeSa *heir, const guint8 *theirs, gsize len)
{
  Rekey *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task), *rival = find (task, self->rival);
  Ikev2Nonce ours;

  self->is_settled = TRUE;
  if (self->is_beside) {
    stand_beside (task, heir);
    return;
  }
  ikev2_nonce_lower (self->nonce, sizeof self->nonce, theirs, len, &ours);
  if (rival && ikev2_nonce_is_lower (&ours, &self->rival_nonce)) {
    ike_sa_log_text (sa, IKE_LOG_INFO, "ike",
                     "both ends replaced the IKE SA at once, and the peer's stays");
    ike_sa_inherit (rival, sa);
    close_sa (heir, "redundant");
    return;
  }
  if (rival)
    ike_sa_set_redundant (rival);
  ike_sa_inherit (heir, sa);
  close_sa (sa, "replaced");
}

static IkeTaskResult
process_response (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Rekey *self = ike_task_data (task);
  IkeSa *heir = find (task, self->heir);
  IkeVerdict verdict = { 0 };
  const guint8 *nonce;
  gsize len;

  if (!self->kx.is_done)
    return ike_message_find (in, IKE_PAYLOAD_SA, 0) ? read_response (task, in)
                                                    : answer_is_error (task, x);
  if (self->kx.error)
    return fail (task, 0, self->kx.error);
  if (!heir || !ike_nonce_read (ike_message_find (in, IKE_PAYLOAD_NONCE, 0), &nonce, &len, &verdict)
      || !derive (task, heir, nonce, len))
    return fail (task, 0, "the keys of the new IKE SA could not be derived");
  ike_sa_set_heir_up (heir);
  settle (task, heir, nonce, len);
  return IKE_TASK_DONE;
}

/* -- the peer asks */

static gboolean
has_moving_children (IkeSa *sa)
{
  guint i, n = ike_sa_n_children (sa);

  for (i = 0; i < n; i++)
    switch (ike_child_state (ike_sa_child (sa, i))) {
    case IKE_CHILD_CREATED:
    case IKE_CHILD_REKEYING:
    case IKE_CHILD_DELETING:
      return TRUE;
    default:
      break;
    }
  return FALSE;
}

/* NULL, or why it cannot be replaced now.
 *
 * RFC 7296, 2.25.1: "If a peer receives a request to rekey the IKE SA, and it is currently
 * creating, rekeying, or closing a Child SA of that IKE SA, it SHOULD reply with
 * TEMPORARY_FAILURE."  2.25.2: the same while it closes the IKE SA itself. */
static const char *
busy_with (IkeTask *task)
{
  const Rekey *self = ike_task_data (task), *ours = ikev2_rekeys_of (task)->ike;
  IkeSa *sa = ike_task_sa (task);

  if (self->is_beside && (ours || ike_sa_state (sa) != IKE_SA_ESTABLISHED))
    return "the IKE SA is being replaced, or goes";
  if (!self->is_beside && has_moving_children (sa))
    return "CHILD_SAs are being made, replaced or closed";
  if (ike_sa_is_silent (sa) || ike_sa_state (sa) > IKE_SA_REKEYING)
    return "it has no children yet, or no longer";
  if (ours && find (task, ours->rival))
    return "the peer has made another in its place already";
  return NULL;
}

static IkeTaskResult
refuse_proposals (IkeTask *task, const IkeProposal *offers, guint n)
{
  IkeSa *sa = ike_task_sa (task);
  IkeTree *details = ike_tree_new_section ();
  g_autofree char *why = ike_proposals_explain (ike_sa_conn (sa)->proposals, offers, n, details),
                  *path = g_strdup_printf ("connections.%s.proposals", ike_sa_conn (sa)->name);

  ikev2_name_setting (details, path);
  ike_task_explain (task, "proposal", why, details);
  return fail (task, IKE_N_NO_PROPOSAL_CHOSEN, why);
}

static IkeTaskResult
choose (IkeTask *task, const IkeProposal *offers, guint n, const IkeKeView *ke)
{
  Rekey *self = ike_task_data (task);
  guint8 group[2];

  if (!ike_proposals_select (ike_sa_conn (ike_task_sa (task))->proposals, offers, n, 0,
                             &self->choice)
      || !is_usable (&self->choice))
    return refuse_proposals (task, offers, n);
  self->group = self->choice.chosen[IKE_TRANSFORM_KE].id;
  if (ke->group != self->group) {
    group[0] = (guint8) (self->group >> 8);
    group[1] = (guint8) self->group;
    return ike_task_fail (task, IKE_N_INVALID_KE_PAYLOAD, group, sizeof group,
                          "another key exchange group was chosen");
  }
  self->kx.ke = ike_ke_find (engine_of (task), self->group);
  if (!self->kx.ke)
    return fail (task, IKE_N_NO_PROPOSAL_CHOSEN, "no plugin provides the chosen key exchange");
  ikev2_kx_answer (task, ke);
  return IKE_TASK_WAIT;
}

/* Does somebody know of more than a rekeying? */
static IkeTaskResult
ask_hook (IkeTask *task, IkeExchange *x)
{
  Rekey *self = ike_task_data (task);
  const Ikev2 *ikev2 = ike_plugin_state (ike_task_plugin (task));
  IkeHeirEvent event = { sizeof event, x, FALSE, IKE_N_NO_ADDITIONAL_SAS,
                         "a plugin refused another IKE SA" };

  if (ike_heir_hook_emit (ikev2->on_heir, ike_task_sa (task), &event) == IKE_HOOK_REJECT)
    return fail (task, event.notify, event.reason);
  self->is_beside = event.stays;
  return IKE_TASK_DONE;
}

static IkeTaskResult
read_request (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_SA, 0),
                   *ke_payload = ike_message_find (in, IKE_PAYLOAD_KE, 0);
  IkeProposal *offers = ike_exchange_alloc (x, IKE_PROPOSALS_MAX * sizeof *offers);
  IkeVerdict verdict = { 0 };
  IkeKeView ke = { 0 };
  const char *busy;
  IkeReader r;
  guint n;

  if (ask_hook (task, x) != IKE_TASK_DONE)
    return IKE_TASK_FAIL;
  busy = offers ? busy_with (task) : "there is no room for the proposals";
  if (busy)
    return fail (task, IKE_N_TEMPORARY_FAILURE, busy);
  ike_reader_init (&r, payload->data, payload->len);
  if (!ike_proposals_read (&r, offers, &n, &verdict))
    return fail (task, IKE_N_INVALID_SYNTAX, verdict.reason);
  if (ke_payload && !ike_ke_read (ke_payload, &ke, &verdict))
    return fail (task, IKE_N_INVALID_SYNTAX, verdict.reason);
  return choose (task, offers, n, &ke);
}

/* TRUE: it has SPI and keys. */
static gboolean
make_heir (IkeTask *task, const guint8 *theirs, gsize len)
{
  Rekey *self = ike_task_data (task);
  IkeSa *heir = ike_sa_new_heir (ike_task_sa (task), FALSE);

  if (!heir)
    return FALSE;
  self->heir = ike_sa_our_spi (heir);
  make_nonce (task);
  return derive (task, heir, theirs, len);
}

/* "it SHOULD reply as usual, and SHOULD prepare to close redundant SAs and move inherited Child SAs
 * later based on the nonces" (2.25.2). */
static void
note_collision (IkeTask *task, Rekey *ours, const guint8 *theirs, gsize len)
{
  Rekey *self = ike_task_data (task);
  Ikev2 *ikev2 = ike_plugin_state (ike_task_plugin (task));
  IkeSa *heir = find (task, self->heir);

  /* A hook may have taken it away. */
  if (!heir)
    return;
  ours->rival = self->heir;
  ikev2_rekeys_of_sa (ikev2, heir)->from = ike_sa_our_spi (ike_task_sa (task));
  ikev2_nonce_lower (self->nonce, sizeof self->nonce, theirs, len, &ours->rival_nonce);
}

/* The answer that tells us the same may be late, or lost. */
void
ikev2_rekey_is_used (IkeTask *task)
{
  Ikev2 *ikev2 = ike_plugin_state (ike_task_plugin (task));
  IkeSa *heir = ike_task_sa (task);
  Ikev2Rekeys *rekeys = ike_sa_slot (heir, ikev2->rekeys);
  IkeSa *old = rekeys ? find (task, rekeys->from) : NULL;

  if (old)
    ike_sa_inherit (heir, old);
}

static IkeTaskResult
process_request (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Rekey *self = ike_task_data (task), *ours;
  IkeVerdict verdict = { 0 };
  const guint8 *nonce;
  const char *busy;
  gsize len;

  if (!self->kx.is_done)
    return read_request (task, x, in);
  if (self->kx.error)
    return fail (task, IKE_N_INVALID_SYNTAX, self->kx.error);
  /* Ours may have come to its end while this one waited for keys. */
  if (ike_sa_state (ike_task_sa (task)) > IKE_SA_REKEYING)
    return fail (task, IKE_N_TEMPORARY_FAILURE, "the IKE SA was replaced, or goes, meanwhile");
  if (!ike_nonce_read (ike_message_find (in, IKE_PAYLOAD_NONCE, 0), &nonce, &len, &verdict))
    return fail (task, IKE_N_INVALID_SYNTAX, verdict.reason);
  /* Once more: something may have begun while the keys were made. */
  busy = busy_with (task);
  if (busy)
    return fail (task, IKE_N_TEMPORARY_FAILURE, busy);
  if (!make_heir (task, nonce, len))
    return fail (task, IKE_N_TEMPORARY_FAILURE, "there is no room for another IKE SA");
  ours = ikev2_rekeys_of (task)->ike;
  if (ours && !self->is_beside)
    note_collision (task, ours, nonce, len);
  return IKE_TASK_DONE;
}

static IkeTaskResult
build_response (IkeTask *task, IkeWriter *out)
{
  Rekey *self = ike_task_data (task);
  IkeSa *heir = find (task, self->heir);

  if (!heir)
    return fail (task, IKE_N_TEMPORARY_FAILURE, "the new IKE SA was taken away meanwhile");
  write_sa (task, out, FALSE);
  ike_payload_write (out, IKE_PAYLOAD_NONCE, self->nonce, sizeof self->nonce);
  ikev2_kx_write (&self->kx, out);
  ike_sa_set_heir_up (heir);
  if (self->is_beside)
    ike_sa_stand_beside (heir, ike_task_sa (task));
  else if (!ikev2_rekeys_of (task)->ike)
    ike_sa_inherit (heir, ike_task_sa (task));
  return IKE_TASK_DONE;
}

/* RFC 7296, 2.25.2: "If a peer receives a request to close an IKE SA that it is currently rekeying,
 * it SHOULD reply as usual, and forget about its own rekeying request."  What the peer has made in
 * its place has the children then, and at once: the next message may be about them. */
void
ikev2_rekey_forget (IkeTask *task)
{
  Rekey *ours = ikev2_rekeys_of (task)->ike;
  IkeSa *rival = ours && !ours->is_settled ? find (task, ours->rival) : NULL;

  if (!rival)
    return;
  ours->is_settled = TRUE;
  ike_sa_inherit (rival, ike_task_sa (task));
}

/* -- the class */

/* Our request came to nothing: what the peer has made stays, unless somebody ended the SA here. */
static void
forget_ours (IkeTask *task)
{
  Rekey *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task), *rival = self->is_settled ? NULL : find (task, self->rival);

  ikev2_rekeys_of (task)->ike = NULL;
  if (!rival)
    ike_sa_set_rekeying (sa, FALSE);
  else if (ike_sa_state (sa) == IKE_SA_DEAD)
    ike_sa_destroy (rival, "what it was to replace is gone");
  else
    ike_sa_inherit (rival, sa);
}

static void
rekey_dispose (IkeTask *task)
{
  Rekey *self = ike_task_data (task);
  IkeSa *heir = find (task, self->heir);

  if (self->is_ours && !self->is_beside)
    forget_ours (task);
  if (heir && ike_sa_state (heir) == IKE_SA_CREATED)
    ike_sa_destroy (heir, "not negotiated");
  ikev2_kx_clear (&self->kx);
}

static gboolean
rekey_wanted (IkePlugin *self, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return !in
         || !(ike_message_find (in, IKE_PAYLOAD_TSI, 0) || ike_message_find (in, IKE_PAYLOAD_TSR, 0)
              || ike_exchange_record (x, IKE_N_REKEY_SA, 0));
}

static IkeTaskResult
rekey_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  return ike_exchange_is_initiator (x) ? build_request (task, out) : build_response (task, out);
}

static IkeTaskResult
rekey_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  return ike_exchange_is_initiator (x) ? process_response (task, x, in)
                                       : process_request (task, x, in);
}

const IkeTaskClass ikev2_rekey_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "CREATE_CHILD_SA",
  .after = "phase:main",
  .operations = "rekey rekey-beside",
  .reads = "notify:INVALID_KE_PAYLOAD notify:TEMPORARY_FAILURE notify:NO_ADDITIONAL_SAS",
  .is_main = TRUE,
  .instance_size = sizeof (Rekey),
  .wanted = rekey_wanted,
  .process = rekey_process,
  .build = rekey_build,
  .dispose = rekey_dispose,
};
