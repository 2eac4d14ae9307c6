/* SPDX-License-Identifier: Apache-2.0 */
/* child_answer.c - CHILD_SAs that the peer asks for: which child of the connection it is, what of
 * the selectors and proposals, and the answer. */
#include "child.h"
#include "ikev2_private.h"

static IkeTaskResult
refuse_proposals (IkeTask *task, const IkeProposal *offers, guint n)
{
  Child *self = ike_task_data (task);
  IkeTree *details = ike_tree_new_section ();
  g_autofree char *why = ike_proposals_explain (ikev2_child_proposals (self->conf), offers, n,
                                                details),
                  *path = NULL;

  path = g_strdup_printf ("connections.%s.children.%s.%s", ike_sa_conn (ike_task_sa (task))->name,
                          self->conf->name,
                          self->conf->ah_proposals ? "ah_proposals" : "esp_proposals");
  ikev2_name_setting (details, path);
  ike_tree_set_string (details, "child", self->conf->name);
  return ikev2_child_refuse (task, "child-proposal", IKE_N_NO_PROPOSAL_CHOSEN, why, details);
}

static IkeTaskResult
choose_proposal (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Child *self = ike_task_data (task);
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_SA, 0);
  IkeProposal *offers = ike_exchange_alloc (x, IKE_PROPOSALS_MAX * sizeof *offers);
  IkeVerdict verdict = { 0 };
  IkeReader r;
  guint n, flags = ikev2_child_is_in_auth (x) ? IKE_SELECT_NO_KE : 0;

  if (!offers)
    return ikev2_child_refuse (task, "child", IKE_N_TEMPORARY_FAILURE, "no room for the proposals",
                               NULL);
  ike_reader_init (&r, payload->data, payload->len);
  if (!ike_proposals_read (&r, offers, &n, &verdict))
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
  if (!ike_proposals_select (ikev2_child_proposals (self->conf), offers, n, flags, &self->choice)
      || self->choice.spi_len != 4 || ikev2_child_spi_of (&self->choice) < SPI_MIN)
    return refuse_proposals (task, offers, n);
  return IKE_TASK_DONE;
}

/* PFS as the responder: the group that was chosen must be the one of the KE payload. */
static IkeTaskResult
answer_ke (IkeTask *task, const IkeMessage *in)
{
  Child *self = ike_task_data (task);
  guint16 chosen = self->choice.chosen[IKE_TRANSFORM_KE].id;
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_KE, 0);
  guint8 group[2] = { (guint8) (chosen >> 8), (guint8) chosen };
  IkeVerdict verdict = { 0 };
  IkeKeView ke = { 0 };

  if (payload && !ike_ke_read (payload, &ke, &verdict))
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
  if (ke.group != chosen)
    return ike_task_fail (task, IKE_N_INVALID_KE_PAYLOAD, group, sizeof group,
                          "another key exchange group was chosen");
  self->kx.ke = ike_ke_find (ikev2_child_engine (task), chosen);
  if (!self->kx.ke)
    return ike_task_fail (task, IKE_N_NO_PROPOSAL_CHOSEN, NULL, 0,
                          "no plugin provides the chosen key exchange");
  ikev2_kx_answer (task, &ke);
  return IKE_TASK_WAIT;
}

/* What the peer wants beside what the first child allows, and where that is set. */
static IkeTree *
selector_details (IkeSa *sa, const Ikev2Selectors *offered)
{
  const IkeConn *conn = ike_sa_conn (sa);
  IkeTree *details = ike_tree_new_section ();
  g_autofree Ikev2Selectors *ours = g_new0 (Ikev2Selectors, 1);
  g_autofree char *got = ikev2_selectors_format (offered), *wanted = NULL;

  ike_tree_set_string (details, "got", got);
  if (!conn->n_children)
    return details;
  ikev2_selectors_of (sa, conn->children[0], ours);
  wanted = ikev2_selectors_format (ours);
  ike_tree_set_string (details, "wanted", wanted);
  ike_tree_set_format (details, "setting", "connections.%s.children.%s: local_ts, remote_ts",
                       conn->name, conn->children[0]->name);
  return details;
}

/* RFC 7296, 2.23.1: "Do PAD and SPD lookup using the ID and substituted Traffic Selectors"; where
 * no entry allows transport mode, "undo the Traffic Selector substitutions" and look for tunnel
 * mode.  The same for BEET, which has nothing to substitute. */
static void
choose_child (IkeTask *task, const Ikev2Selectors *offered, guint8 wanted, char **why)
{
  Child *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  g_autofree Ikev2Selectors *translated = g_memdup2 (offered, sizeof *offered);

  self->mode = wanted;
  if (wanted == IKE_MODE_TRANSPORT
      && ikev2_selectors_translate (sa, translated, TRUE, &self->originals))
    self->conf = ikev2_choose_child (sa, translated, wanted, self->selectors, why);
  if (wanted == IKE_MODE_BEET && ikev2_selectors_are_hosts (offered))
    self->conf = ikev2_choose_child (sa, offered, wanted, self->selectors, why);
  if (self->conf)
    return;
  g_clear_pointer (why, g_free);
  self->mode = IKE_MODE_TUNNEL;
  self->conf = ikev2_choose_child (sa, offered, IKE_MODE_TUNNEL, self->selectors, why);
}

static IkeTaskResult
refuse_selectors (IkeTask *task, const Ikev2Selectors *offered, const char *why)
{
  IkeSa *sa = ike_task_sa (task);
  g_autofree char *sentence = NULL;

  if (!ikev2_fits_another_mode (sa, offered, IKE_MODE_TUNNEL))
    return ikev2_child_refuse (task, "selectors", IKE_N_TS_UNACCEPTABLE, why,
                               selector_details (sa, offered));
  sentence = g_strdup_printf ("the child that fits has a mode that the peer did not propose; %s",
                              why);
  return ikev2_child_refuse (task, "mode", IKE_N_NO_PROPOSAL_CHOSEN, sentence,
                             selector_details (sa, offered));
}

/* Is the traffic that was agreed on free, or another peer's? */
static IkeTaskResult
claim (IkeTask *task)
{
  Child *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  IkeChild *child = ikev2_child_of (task);
  g_autofree char *why = NULL;
  IkeTree *details;

  ike_child_set_mode (child, self->mode);
  ike_child_set_selectors (child, TRUE, self->selectors->local, self->selectors->n_local);
  ike_child_set_selectors (child, FALSE, self->selectors->remote, self->selectors->n_remote);
  if (self->mode == IKE_MODE_TRANSPORT)
    ike_child_set_originals (child, &self->originals.local, &self->originals.remote);
  if (ike_child_claim (child, &why))
    return IKE_TASK_DONE;
  ike_child_destroy (child, "its traffic is another peer's");
  details = ike_tree_new_section ();
  ike_tree_set_format (details, "setting", "connections.%s.if_id", ike_sa_conn (sa)->name);
  return ikev2_child_refuse (task, "selectors", IKE_N_TS_UNACCEPTABLE, why, details);
}

static IkeTaskResult
make_successor (IkeTask *task, const IkeMessage *in)
{
  Child *self = ike_task_data (task);
  IkeChild *old = ike_child_get (ike_task_sa (task), self->old);
  IkeVerdict verdict = { 0 };
  const guint8 *nonce;
  gsize len;

  if (!ike_nonce_read (ike_message_find (in, IKE_PAYLOAD_NONCE, 0), &nonce, &len, &verdict))
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
  /* The hook may have taken it away. */
  if (!old)
    return ike_task_fail (task, IKE_N_TEMPORARY_FAILURE, NULL, 0, "it was taken away meanwhile");
  self->child = ike_child_ref (ike_child_new_successor (old));
  ikev2_child_make_nonce (task);
  ikev2_rekey_note (task, nonce, len);
  return IKE_TASK_DONE;
}

/* Which child, which selectors, which proposal; then an SPI. */
static IkeTaskResult
choose (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Child *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  g_autofree Ikev2Selectors *offered = g_new0 (Ikev2Selectors, 1);
  g_autofree char *why = NULL;
  gboolean is_rekey =
      !ikev2_child_is_in_auth (x) && ike_exchange_record (x, IKE_N_REKEY_SA, 0) != NULL;
  IkeTaskResult result;

  self->is_prepared = TRUE;
  self->selectors = g_new0 (Ikev2Selectors, 1);
  if (!ikev2_selectors_read (task, in, FALSE, offered))
    return IKE_TASK_FAIL;
  if (is_rekey) {
    result = ikev2_rekey_judge (task, x, offered);
    if (result != IKE_TASK_DONE)
      return result;
  } else
    choose_child (task, offered, ikev2_mode_of (x), &why);
  if (!self->conf)
    return refuse_selectors (task, offered, why);
  if (ikev2_lacks_peer_address (sa, self->conf))
    return ikev2_child_refuse (task, "config", IKE_N_FAILED_CP_REQUIRED,
                               "the peer has no virtual address, which pools gives out", NULL);
  if (ike_sa_conn (sa)->encap && !ike_sa_has_floated (sa))
    return ikev2_child_refuse (task, "child", IKE_N_NO_PROPOSAL_CHOSEN,
                               "the peer does not detect NAT, so ESP cannot go in UDP, which "
                               "encap = yes wants; set encap = no", NULL);
  if (ikev2_child_is_ah_through_nat (sa, self->conf))
    return ikev2_child_refuse (task, "child", IKE_N_NO_PROPOSAL_CHOSEN, ikev2_child_nat_and_ah,
                               NULL);
  result = choose_proposal (task, x, in);
  if (result != IKE_TASK_DONE || self->failed)
    return result;
  if (!ikev2_child_narrow (task, FALSE))
    return ikev2_child_refuse (task, "selectors", IKE_N_TS_UNACCEPTABLE,
                               "a plugin left no selectors", NULL);
  if (is_rekey)
    result = make_successor (task, in);
  else
    self->child = ike_child_ref (ike_child_new (sa, self->conf));
  if (result != IKE_TASK_DONE)
    return result;
  result = claim (task);
  if (result != IKE_TASK_DONE || self->failed)
    return result;
  ike_child_get_spi (ikev2_child_of (task), ike_task_call (task, &ikev2_child_spi_call, NULL));
  if (ikev2_child_wants_ipcomp (task) && ikev2_ipcomp_offered (x))
    ike_child_get_cpi (ikev2_child_of (task), ike_task_call (task, &ikev2_child_cpi_call, NULL));
  return IKE_TASK_WAIT;
}

/* Somebody may have taken it away while this one waited for the kernel. */
static IkeTaskResult
finish (IkeTask *task)
{
  Child *self = ike_task_data (task);
  IkeTaskResult result;

  if (self->old.serial && !self->is_noted && !ikev2_rekey_is_open (task))
    return ike_task_fail (task, IKE_N_TEMPORARY_FAILURE, NULL, 0,
                          "the CHILD_SA was replaced, or goes, meanwhile");
  result = ikev2_child_finish (task);
  if (result == IKE_TASK_DONE && self->old.serial)
    ikev2_rekey_answered (task);
  return result;
}

IkeTaskResult
ikev2_child_process_request (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Child *self = ike_task_data (task);

  /* RFC 7296, 2.25.2: "If a peer receives a request to create or rekey a Child SA when it is
   * currently rekeying the IKE SA, it SHOULD reply with TEMPORARY_FAILURE."  That is also so in
   * what the peer has made in its place meanwhile: which of the two stays is not known yet. */
  if (!self->is_prepared
      && (ike_sa_state (ike_task_sa (task)) == IKE_SA_REKEYING
          || ike_sa_is_silent (ike_task_sa (task))))
    return ike_task_fail (task, IKE_N_TEMPORARY_FAILURE, NULL, 0, "the IKE SA is being replaced");
  if (!self->is_prepared)
    return choose (task, x, in);
  if (self->is_installed)
    return finish (task);
  if (!ikev2_child_of (task) || self->kx.error)
    return ikev2_child_refuse (task, "child", IKE_N_TEMPORARY_FAILURE,
                   self->kx.error ? self->kx.error : "it was taken away meanwhile", NULL);
  if (ike_child_cpi (ikev2_child_of (task), TRUE))
    self->peer_cpi = ikev2_ipcomp_offered (x);
  if (!ikev2_child_is_in_auth (x) && self->choice.chosen[IKE_TRANSFORM_KE].id && !self->kx.is_done)
    return answer_ke (task, in);
  return ikev2_child_install (task, x, in);
}

IkeTaskResult
ikev2_child_build_response (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  Child *self = ike_task_data (task);

  if (self->failed) {
    ike_notify_write (out, 0, self->failed, NULL, 0, NULL, 0);
    return IKE_TASK_DONE;
  }
  self->is_untold = FALSE;
  ikev2_mode_write (out, self->mode);
  if (self->peer_cpi && ikev2_child_of (task))
    ikev2_ipcomp_write (out, ike_child_cpi (ikev2_child_of (task), TRUE));
  ikev2_child_write_sa (task, out, FALSE, 0);
  if (!ikev2_child_is_in_auth (x)) {
    ikev2_child_write_nonce (task, out);
    ikev2_kx_write (&self->kx, out);
  }
  ikev2_child_write_ts (task, out, FALSE);
  return IKE_TASK_DONE;
}
