/* SPDX-License-Identifier: Apache-2.0 */
/* child.c - CHILD_SAs: the first one, within IKE_AUTH, and further ones in CREATE_CHILD_SA (RFC
 * 7296, 1.2 and 1.3.1). */
#include "child.h"
#include "ikev2_private.h"

IkeEngine *
ikev2_child_engine (IkeTask *task)
{
  return ike_sa_engine (ike_task_sa (task));
}

IkeChild *
ikev2_child_of (IkeTask *task)
{
  Child *self = ike_task_data (task);

  return ike_child_get (ike_task_sa (task), self->child);
}

gboolean
ikev2_child_is_in_auth (const IkeExchange *x)
{
  return strcmp (ike_exchange_name (x), "CREATE_CHILD_SA") != 0;
}

/* What was begun and did not come up goes with the task. */
static void
child_dispose (IkeTask *task)
{
  Child *self = ike_task_data (task);
  IkeChild *child = ikev2_child_of (task);

  if (child && ike_child_state (child) == IKE_CHILD_CREATED)
    ike_child_destroy (child, "not negotiated");
  else if (child && self->is_untold)
    ike_child_destroy (child, "another part of the answer failed");
  ikev2_rekey_dispose (task);
  ikev2_kx_clear (&self->kx);
  g_free (self->selectors);
  g_free (self->why);
}

/* -- calls */

static void
spi_given (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Child *self = ike_task_data (owner);
  IkeChild *child = ikev2_child_of (owner);

  ikev2_kx_set_error (&self->kx, error);
  self->spi = GPOINTER_TO_UINT (result);
  if (child && self->spi)
    ike_child_set_spi (child, TRUE, self->spi);
}

static void
installed (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Child *self = ike_task_data (owner);

  ikev2_kx_set_error (&self->kx, error);
  self->is_installed = TRUE;
}

const IkeCallClass ikev2_child_spi_call = {
  .struct_size = sizeof (IkeCallClass), .name = "SPI", .timeout_ms = 10000, .then = spi_given,
};
/* Compression is a courtesy: without a CPI it is not offered. */
static void
cpi_given (gpointer owner, gpointer data, gpointer result, const char *error)
{
}

const IkeCallClass ikev2_child_cpi_call = {
  .struct_size = sizeof (IkeCallClass), .name = "CPI", .timeout_ms = 10000, .then = cpi_given,
};
static const IkeCallClass install_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "install CHILD_SA",
  .timeout_ms = 20000,
  .then = installed,
};

/* -- failing without the IKE SA */

/* The peer has made what we do not take.  RFC 7296, 1.3.1: "If this is unacceptable to the
 * initiator, the initiator MUST delete the SA."  That holds for any answer that brings an SA. */
static void
delete_answered (IkeTask *task)
{
  IkeSa *sa = ike_task_sa (task);
  IkeChild *child = ikev2_child_of (task);
  IkeChildRef ref;

  if (!child || !ike_exchange_is_initiator (ike_task_exchange (task)))
    return;
  ref = ike_child_ref (child);
  ike_child_set_state (child, IKE_CHILD_DELETING);
  if (!ike_sa_begin (sa, "delete-child", g_memdup2 (&ref, sizeof ref), NULL, NULL))
    ike_child_destroy (child, "not acceptable");
}

/* RFC 7296, 1.2: "If creating the Child SA during the IKE_AUTH exchange fails for some reason, the
 * IKE SA is still created as usual." In CREATE_CHILD_SA the exchange itself fails. */
IkeTaskResult
ikev2_child_refuse (IkeTask *task, const char *phase, guint16 notify, const char *why,
                    IkeTree *details)
{
  Child *self = ike_task_data (task);
  IkeExchange *x = ike_task_exchange (task);
  char remote[IKE_ADDR_TEXT_SIZE];
  const char *name = ike_notify_name (notify);
  g_autofree char *sentence = NULL;

  ike_addr_format (ike_sa_remote (ike_task_sa (task)), FALSE, remote);
  sentence = g_strdup_printf ("peer %s: no CHILD_SA (%s); %s", remote, name ? name : "failed", why);
  ike_task_explain (task, phase, sentence, details);
  if (!ikev2_child_is_in_auth (x))
    return ike_task_fail (task, notify, NULL, 0, sentence);
  self->failed = notify;
  if (ike_exchange_is_initiator (x))
    ike_operation_complain (task, sentence);
  return IKE_TASK_DONE;
}

static IkeTaskResult
refuse_answer (IkeTask *task, const char *phase, guint16 notify, const char *why)
{
  delete_answered (task);
  return ikev2_child_refuse (task, phase, notify, why, NULL);
}

/* -- pieces of both sides */

void
ikev2_child_write_sa (IkeTask *task, IkeWriter *out, gboolean is_request, guint flags)
{
  Child *self = ike_task_data (task);
  guint32 spi = GUINT32_TO_BE (self->spi);
  gsize mark = ike_payload_open (out, IKE_PAYLOAD_SA, FALSE);

  if (is_request)
    ike_proposals_write (ikev2_child_proposals (self->conf), out, (guint8 *) &spi, sizeof spi,
                         flags);
  else
    ike_choice_write (&self->choice, out, (guint8 *) &spi, sizeof spi);
  ike_payload_close (out, mark);
}

static void
write_selectors (IkeWriter *out, guint8 type, const IkeSelector *selectors, guint n)
{
  gsize mark = ike_payload_open (out, type, FALSE);

  ike_selectors_write (selectors, n, out);
  ike_payload_close (out, mark);
}

void
ikev2_child_write_ts (IkeTask *task, IkeWriter *out, gboolean is_initiator)
{
  const Ikev2Selectors *s = ((Child *) ike_task_data (task))->selectors;

  write_selectors (out, IKE_PAYLOAD_TSI, is_initiator ? s->local : s->remote,
                   is_initiator ? s->n_local : s->n_remote);
  write_selectors (out, IKE_PAYLOAD_TSR, is_initiator ? s->remote : s->local,
                   is_initiator ? s->n_remote : s->n_local);
}

void
ikev2_child_make_nonce (IkeTask *task)
{
  Child *self = ike_task_data (task);

  if (!self->has_nonce)
    ike_engine_random (ikev2_child_engine (task), self->nonce, sizeof self->nonce);
  self->has_nonce = TRUE;
}

void
ikev2_child_write_nonce (IkeTask *task, IkeWriter *out)
{
  Child *self = ike_task_data (task);

  ikev2_child_make_nonce (task);
  ike_payload_write (out, IKE_PAYLOAD_NONCE, self->nonce, sizeof self->nonce);
}

gboolean
ikev2_child_narrow (IkeTask *task, gboolean is_response)
{
  Child *self = ike_task_data (task);
  Ikev2 *ikev2 = ike_plugin_state (ike_task_plugin (task));
  IkeNarrowEvent event = { sizeof event,
                           ike_exchange_is_initiator (ike_task_exchange (task)),
                           is_response,
                           self->conf,
                           self->selectors->local,
                           self->selectors->remote,
                           self->selectors->n_local,
                           self->selectors->n_remote };

  if (ike_narrow_hook_emit (ikev2->on_narrow, ike_task_sa (task), &event) == IKE_HOOK_REJECT)
    return FALSE;
  self->selectors->n_local = MIN (event.n_local, IKE_SELECTORS_MAX);
  self->selectors->n_remote = MIN (event.n_remote, IKE_SELECTORS_MAX);
  return self->selectors->n_local && self->selectors->n_remote;
}

guint32
ikev2_child_spi_of (const IkeChoice *choice)
{
  guint32 spi;

  memcpy (&spi, choice->spi, sizeof spi);
  return GUINT32_FROM_BE (spi);
}

/* Keys, kernel: the nonces are those of this exchange, or of IKE_SA_INIT for the first child. */
IkeTaskResult
ikev2_child_install (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Child *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  IkeChild *child = ikev2_child_of (task);
  gboolean is_initiator = ike_exchange_is_initiator (x);
  IkeSecretBlob *secret = ikev2_kx_secret (&self->kx);
  const guint8 *nonce_i, *nonce_r, *theirs;
  IkeVerdict verdict = { 0 };
  gsize i_len, r_len, len;

  if (!child)
    return ikev2_child_refuse (task, "child", IKE_N_TEMPORARY_FAILURE,
                               "it was taken away meanwhile", NULL);
  if (ikev2_child_is_in_auth (x)) {
    nonce_i = ike_sa_nonce (sa, TRUE, &i_len);
    nonce_r = ike_sa_nonce (sa, FALSE, &r_len);
  } else {
    if (!ike_nonce_read (ike_message_find (in, IKE_PAYLOAD_NONCE, 0), &theirs, &len, &verdict))
      return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
    ikev2_child_make_nonce (task);
    nonce_i = is_initiator ? self->nonce : theirs;
    nonce_r = is_initiator ? theirs : self->nonce;
    i_len = is_initiator ? sizeof self->nonce : len;
    r_len = is_initiator ? len : sizeof self->nonce;
  }
  ike_child_set_spi (child, FALSE, ikev2_child_spi_of (&self->choice));
  if (self->is_ours)
    ikev2_rekey_answered_with (task, nonce_r, r_len);
  if (self->is_ours && ikev2_rekey_is_lost (task))
    return IKE_TASK_DONE;
  ike_child_set_choice (child, &self->choice);
  ike_child_set_selectors (child, TRUE, self->selectors->local, self->selectors->n_local);
  ike_child_set_selectors (child, FALSE, self->selectors->remote, self->selectors->n_remote);
  ike_child_set_mode (child, self->mode);
  if (self->mode == IKE_MODE_TRANSPORT)
    ike_child_set_originals (child, &self->originals.local, &self->originals.remote);
  if (self->peer_cpi)
    ike_child_set_ipcomp (child, IKEV2_IPCOMP_DEFLATE, self->peer_cpi);
  self->is_installing = TRUE;
  ike_child_install (child, is_initiator, secret ? ike_secret_blob_data (secret) : NULL,
                     secret ? ike_secret_blob_len (secret) : 0, nonce_i, i_len, nonce_r, r_len,
                     ike_task_call (task, &install_call, NULL));
  return IKE_TASK_WAIT;
}

IkeTaskResult
ikev2_child_finish (IkeTask *task)
{
  Child *self = ike_task_data (task);
  IkeChild *child = ikev2_child_of (task);
  g_autofree char *why = NULL;

  if (!child)
    return ikev2_child_refuse (task, "child", IKE_N_TEMPORARY_FAILURE,
                               "it was taken away meanwhile", NULL);
  if (self->kx.error) {
    why = g_strdup_printf ("the kernel plugin did not take it: %s", self->kx.error);
    delete_answered (task);
    if (ike_child_state (child) == IKE_CHILD_CREATED)
      ike_child_destroy (child, why);
    return ikev2_child_refuse (task, "kernel", IKE_N_NO_PROPOSAL_CHOSEN, why, NULL);
  }
  if (self->is_ours && ikev2_rekey_is_lost (task))
    return IKE_TASK_DONE;
  ike_child_set_up (child);
  self->is_untold = !ike_exchange_is_initiator (ike_task_exchange (task));
  if (self->is_ours)
    ikev2_rekey_won (task);
  return IKE_TASK_DONE;
}

/* RFC 7296, 2.23, encapsulates ESP only: RFC 4302, 3.3.3.1 has the ICV of AH cover the addresses
 * that a NAT changes. */
gboolean
ikev2_child_is_ah_through_nat (IkeSa *sa, const IkeChildConf *conf)
{
  return conf->ah_proposals
         && (ike_sa_nat_local (sa) || ike_sa_nat_remote (sa) || ike_sa_conn (sa)->encap);
}

const char ikev2_child_nat_and_ah[] =
    "AH cannot pass the NAT that lies between; use esp_proposals instead of ah_proposals";

/* -- initiator */

static void
put_first (IkeSelector *selectors, guint *n, const IkeSelector *packet)
{
  guint i;

  for (i = 0; i < *n && !ike_selector_covers (&selectors[i], packet); i++)
    ;
  if (i == *n || ike_selector_equal (&selectors[0], packet))
    return;
  *n = MIN (*n + 1, (guint) IKE_SELECTORS_MAX);
  memmove (&selectors[1], &selectors[0], (*n - 1) * sizeof *selectors);
  selectors[0] = *packet;
}

/* RFC 7296, 2.9: "if the initiator has requested the SA due to a data packet, the initiator SHOULD
 * include as the first Traffic Selector in each of TSi and TSr a very specific Traffic Selector
 * including the addresses in the packet triggering the request." */
static void
put_packet_first (Ikev2Selectors *selectors, const IkeTrigger *trigger)
{
  if (!trigger)
    return;
  put_first (selectors->local, &selectors->n_local, &trigger->local);
  put_first (selectors->remote, &selectors->n_remote, &trigger->remote);
}

static const char no_address[] = "the peer gave us no virtual address, which vips asks for";

/* NULL, or why there is nothing to propose. */
static const char *
prepare (IkeTask *task)
{
  Child *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  const char *name;
  IkeChild *child;

  self->is_prepared = TRUE;
  if (ikev2_rekey_is_asked (ike_task_exchange (task)))
    return ikev2_rekey_prepare (task);
  name = ike_operation_args (ike_task_operation (task));
  self->conf = ike_conn_child (ike_sa_conn (sa), name && *name ? name : NULL);
  if (!self->conf)
    return "the connection has no such child";
  if (!ikev2_child_is_in_auth (ike_task_exchange (task))
      && ikev2_lacks_own_address (sa, self->conf))
    return no_address;
  if (ikev2_child_is_ah_through_nat (sa, self->conf))
    return ikev2_child_nat_and_ah;
  self->mode = (guint8) self->conf->mode;
  self->selectors = g_new0 (Ikev2Selectors, 1);
  ikev2_selectors_of (sa, self->conf, self->selectors);
  put_packet_first (self->selectors, ike_operation_trigger (ike_task_operation (task)));
  if (self->mode == IKE_MODE_TRANSPORT
      && (!self->selectors->n_local || !self->selectors->n_remote))
    return "transport mode carries what goes between the two ends, whose addresses are not within "
           "local_ts and remote_ts; write dynamic";
  if (self->mode == IKE_MODE_BEET && !ikev2_selectors_are_hosts (self->selectors))
    return "mode beet takes one address in local_ts and one in remote_ts";
  child = ike_child_new (sa, self->conf);
  if (ike_operation_trigger (ike_task_operation (task)))
    ike_child_set_trigger (child, ike_operation_trigger (ike_task_operation (task)));
  self->child = ike_child_ref (child);
  return NULL;
}

gboolean
ikev2_child_wants_ipcomp (IkeTask *task)
{
  Child *self = ike_task_data (task);

  return self->conf->ipcomp
         && (ike_kernel_offers (ikev2_child_engine (task)) & IKE_KERNEL_CAN_IPCOMP);
}

/* SPI and, for PFS, our public value. WAIT, or DONE when both are there. */
static IkeTaskResult
gather (IkeTask *task, gboolean has_ke)
{
  Child *self = ike_task_data (task);
  IkeChild *child = ikev2_child_of (task);
  guint16 group =
      self->group ? self->group : ike_proposals_first_ke (ikev2_child_proposals (self->conf));

  if (!child || self->kx.error)
    return ike_task_fail (task, 0, NULL, 0,
                          self->kx.error ? self->kx.error : "the child was taken away meanwhile");
  if (!self->spi) {
    ike_child_get_spi (child, ike_task_call (task, &ikev2_child_spi_call, NULL));
    if (ikev2_child_wants_ipcomp (task))
      ike_child_get_cpi (child, ike_task_call (task, &ikev2_child_cpi_call, NULL));
    return IKE_TASK_WAIT;
  }
  if (!has_ke || !group || self->kx.offer)
    return IKE_TASK_DONE;
  self->kx.ke = ike_ke_find (ikev2_child_engine (task), group);
  if (!self->kx.ke)
    return ike_task_fail (task, 0, NULL, 0,
                          "no plugin provides the key exchange of the child's proposals");
  ikev2_kx_offer (task);
  return IKE_TASK_WAIT;
}

static IkeTaskResult
build_request (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  Child *self = ike_task_data (task);
  gboolean has_ke = !ikev2_child_is_in_auth (x);
  const char *problem = self->is_prepared ? NULL : prepare (task);
  IkeTaskResult result;

  if (problem)
    return ike_task_fail (task, 0, NULL, 0, problem);
  result = gather (task, has_ke);
  if (result != IKE_TASK_DONE)
    return result;
  if (!ikev2_child_narrow (task, FALSE))
    return ike_task_fail (task, 0, NULL, 0, "a plugin left no selectors to propose");
  /* The hook may have taken it away. */
  if (!ikev2_child_of (task))
    return ike_task_fail (task, 0, NULL, 0, "the child was taken away meanwhile");
  if (self->is_ours)
    ikev2_rekey_write (task, out);
  ikev2_mode_write (out, self->mode);
  if (ike_child_cpi (ikev2_child_of (task), TRUE))
    ikev2_ipcomp_write (out, ike_child_cpi (ikev2_child_of (task), TRUE));
  ikev2_child_write_sa (task, out, TRUE, has_ke ? 0 : IKE_SELECT_NO_KE);
  if (has_ke) {
    ikev2_child_write_nonce (task, out);
    ikev2_kx_write (&self->kx, out);
  }
  ikev2_child_write_ts (task, out, TRUE);
  return IKE_TASK_DONE;
}

/* Why the peer may have said so; g_free. */
static char *
meaning_of (guint16 error, const Ikev2Selectors *selectors)
{
  g_autofree char *offered = NULL;

  if (error == IKE_N_INTERNAL_ADDRESS_FAILURE)
    return g_strdup ("the peer gave us no address; see vips here, and pools there");
  if (error == IKE_N_FAILED_CP_REQUIRED)
    return g_strdup ("the peer wants us to ask it for an address; set vips here");
  offered = ikev2_selectors_format (selectors);
  return g_strdup_printf ("the peer refused it; we offered %s", offered);
}

static const char *
phase_of (guint16 error)
{
  return error == IKE_N_TS_UNACCEPTABLE ? "selectors"
         : error == IKE_N_INTERNAL_ADDRESS_FAILURE || error == IKE_N_FAILED_CP_REQUIRED ? "config"
                                                                                       : "child";
}

static IkeTaskResult
answer_is_error (IkeTask *task, IkeExchange *x)
{
  Child *self = ike_task_data (task);
  static const guint16 errors[] = { IKE_N_NO_PROPOSAL_CHOSEN,       IKE_N_TS_UNACCEPTABLE,
                                    IKE_N_SINGLE_PAIR_REQUIRED,     IKE_N_NO_ADDITIONAL_SAS,
                                    IKE_N_INTERNAL_ADDRESS_FAILURE, IKE_N_FAILED_CP_REQUIRED,
                                    IKE_N_TEMPORARY_FAILURE,        IKE_N_INVALID_SYNTAX,
                                    IKE_N_CHILD_SA_NOT_FOUND };
  const IkeNotify *notify = ike_exchange_record (x, IKE_N_INVALID_KE_PAYLOAD, 0);
  g_autofree char *why = NULL;
  guint i;

  if (notify && !ikev2_child_is_in_auth (x)) {
    guint16 group = (guint16) (notify->data[0] << 8 | notify->data[1]);
    if (self->kx.ke && group != ike_ke_class (self->kx.ke)->transform
        && ike_proposals_have_ke (ikev2_child_proposals (self->conf), group)
        && self->n_groups < GROUPS_MAX) {
      self->n_groups++;
      ikev2_kx_forget_offer (&self->kx);
      self->group = group;
      self->has_nonce = FALSE;
      return ike_task_next (task, "CREATE_CHILD_SA");
    }
  }
  if (!ikev2_child_is_in_auth (x) && ike_exchange_record (x, IKE_N_TEMPORARY_FAILURE, 0))
    return ike_task_later (task, "the peer cannot at present");
  if (self->is_ours && ike_exchange_record (x, IKE_N_CHILD_SA_NOT_FOUND, 0))
    return ikev2_rekey_not_found (task);
  if (self->is_ours && ike_exchange_record (x, IKE_N_NO_ADDITIONAL_SAS, 0))
    ikev2_rekey_from_scratch (task);
  for (i = 0; i < G_N_ELEMENTS (errors); i++)
    if (ike_exchange_record (x, errors[i], 0)) {
      why = meaning_of (errors[i], self->selectors);
      return ikev2_child_refuse (task, phase_of (errors[i]), errors[i], why, NULL);
    }
  /* When it says of no error either, the peer may well have made one. */
  if (!notify)
    delete_answered (task);
  return ikev2_child_refuse (task, "child", IKE_N_NO_PROPOSAL_CHOSEN,
                             "the peer's answer holds no CHILD_SA", NULL);
}

/* RFC 7296, 2.9: what comes back "MUST" lie within what was proposed. */
static gboolean
take_narrowed (IkeTask *task, const IkeMessage *in)
{
  Child *self = ike_task_data (task);
  Ikev2Selectors *answered = g_new0 (Ikev2Selectors, 1);
  guint i, k;
  gboolean is_within =
      ikev2_selectors_read (task, in, TRUE, answered) && answered->n_local && answered->n_remote;

  /* RFC 7296, 2.23.1: "Do address substitution before using those Traffic Selectors for anything
   * other than storing original content of them." */
  if (is_within && self->mode == IKE_MODE_TRANSPORT)
    is_within = ikev2_selectors_translate (ike_task_sa (task), answered, FALSE, &self->originals);
  if (is_within && self->mode == IKE_MODE_BEET)
    is_within = ikev2_selectors_are_hosts (answered);

  for (i = 0; is_within && i < answered->n_local; i++) {
    for (k = 0; k < self->selectors->n_local
                && !ike_selector_covers (&self->selectors->local[k], &answered->local[i]);
         k++)
      ;
    is_within = k < self->selectors->n_local;
  }
  for (i = 0; is_within && i < answered->n_remote; i++) {
    for (k = 0; k < self->selectors->n_remote
                && !ike_selector_covers (&self->selectors->remote[k], &answered->remote[i]);
         k++)
      ;
    is_within = k < self->selectors->n_remote;
  }
  g_free (self->selectors);
  self->selectors = answered;
  answered->n_local = ike_selectors_prune (answered->local, answered->n_local);
  answered->n_remote = ike_selectors_prune (answered->remote, answered->n_remote);
  return is_within && ikev2_selectors_keep_ours (ike_task_sa (task), self->conf, answered)
         && ikev2_child_narrow (task, TRUE);
}

static const char *
mode_refused (guint8 mode)
{
  return mode == IKE_MODE_TRANSPORT
             ? "the peer did not agree to transport mode and took tunnel mode"
         : mode == IKE_MODE_BEET ? "the peer did not agree to mode beet and took tunnel mode"
                                 : "the peer chose a mode that we did not propose";
}

static IkeTaskResult
accept_answer (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Child *self = ike_task_data (task);
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_SA, 0), *ke_payload;
  IkeProposal answers[IKE_PROPOSALS_MAX];
  IkeVerdict verdict = { 0 };
  IkeKeView ke;
  IkeReader r;
  guint n, flags = ikev2_child_is_in_auth (x) ? IKE_SELECT_NO_KE : 0;

  ike_reader_init (&r, payload->data, payload->len);
  if (!ike_proposals_read (&r, answers, &n, &verdict))
    return refuse_answer (task, "child-proposal", IKE_N_INVALID_SYNTAX, verdict.reason);
  if (n != 1 || answers[0].spi_len != 4
      || !ike_proposals_accept (ikev2_child_proposals (self->conf), &answers[0], flags,
                                &self->choice)
      || ikev2_child_spi_of (&self->choice) < SPI_MIN)
    return refuse_answer (task, "child-proposal", IKE_N_NO_PROPOSAL_CHOSEN,
                          "the peer chose what we did not propose");
  /* While keys are made the peer may name it already. */
  ike_child_set_spi (ikev2_child_of (task), FALSE, ikev2_child_spi_of (&self->choice));
  /* RFC 7296, 3.15.4: "If the initiator requires the assignment of an IP address, it will treat a
   * response without CFG_REPLY as an error." */
  if (ikev2_lacks_own_address (ike_task_sa (task), self->conf))
    return refuse_answer (task, "config", IKE_N_INTERNAL_ADDRESS_FAILURE, no_address);
  if (ikev2_mode_of (x) != self->mode)
    return refuse_answer (task, "mode", IKE_N_NO_PROPOSAL_CHOSEN, mode_refused (self->mode));
  if (!ikev2_ipcomp_answered (x, ike_child_cpi (ikev2_child_of (task), TRUE) != 0, &self->peer_cpi))
    return refuse_answer (task, "child", IKE_N_NO_PROPOSAL_CHOSEN,
                          "the peer chose a compression that we did not offer");
  if (!take_narrowed (task, in))
    return refuse_answer (task, "selectors", IKE_N_TS_UNACCEPTABLE,
                          "the peer's selectors are not within ours");
  ke_payload = ike_message_find (in, IKE_PAYLOAD_KE, 0);
  if (ikev2_child_is_in_auth (x) || !self->choice.chosen[IKE_TRANSFORM_KE].id)
    return ikev2_child_install (task, x, in);
  if (!ke_payload || !self->kx.offer || !ike_ke_read (ke_payload, &ke, &verdict)
      || ke.group != self->choice.chosen[IKE_TRANSFORM_KE].id
      || ke.group != ike_ke_class (self->kx.ke)->transform)
    return refuse_answer (task, "child", IKE_N_INVALID_SYNTAX,
                          "the peer's key exchange is not the one that was chosen");
  ikev2_kx_finish (task, &ke);
  return IKE_TASK_WAIT;
}

static IkeTaskResult
process_response (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Child *self = ike_task_data (task);

  if (self->is_installed)
    return ikev2_child_finish (task);
  if (self->kx.is_done)
    return self->kx.error ? refuse_answer (task, "child", IKE_N_INVALID_SYNTAX, self->kx.error)
                       : ikev2_child_install (task, x, in);
  if (!ikev2_child_of (task))
    return ikev2_child_refuse (task, "child", IKE_N_TEMPORARY_FAILURE,
                               "it was taken away meanwhile", NULL);
  if (!ike_message_find (in, IKE_PAYLOAD_SA, 0) || !ike_message_find (in, IKE_PAYLOAD_TSI, 0)
      || !ike_message_find (in, IKE_PAYLOAD_TSR, 0))
    return answer_is_error (task, x);
  return accept_answer (task, x, in);
}

/* -- the classes */

static IkeTaskResult
child_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  return ike_exchange_is_initiator (x) ? build_request (task, x, out)
                                       : ikev2_child_build_response (task, x, out);
}

static IkeTaskResult
child_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  return ike_exchange_is_initiator (x) ? process_response (task, x, in)
                                       : ikev2_child_process_request (task, x, in);
}

/* RFC 7296, 1.2: IKE_AUTH makes a CHILD_SA.  To do without takes somebody who has agreed on it with
 * the peer, and skips this phase. */
static IkeTaskResult
auth_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  const char *name = ike_operation_args (ike_task_operation (task));

  if (ike_exchange_is_initiator (x) && (!name || !*name))
    return ike_task_fail (task, 0, NULL, 0,
                          "no child is named, and an IKE SA without one takes a plugin that agrees "
                          "on it with the peer; name a child, or load childless");
  return child_build (task, x, out);
}

static IkeTaskResult
auth_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  if (!ike_exchange_is_initiator (x)
      && (!ike_message_find (in, IKE_PAYLOAD_SA, 0) || !ike_message_find (in, IKE_PAYLOAD_TSI, 0)
          || !ike_message_find (in, IKE_PAYLOAD_TSR, 0)))
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0,
                          "the peer asks for no CHILD_SA, or for half of one, which was not "
                          "agreed on; have it name a child, or load childless here");
  return child_process (task, x, in);
}

/* RFC 7296, 1.3: without traffic selectors it is the IKE SA that is replaced. */
static gboolean
create_wanted (IkePlugin *self, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return !in || ike_message_find (in, IKE_PAYLOAD_TSI, 0)
         || ike_message_find (in, IKE_PAYLOAD_TSR, 0) || ike_exchange_record (x, IKE_N_REKEY_SA, 0);
}

static IkeTaskResult
create_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  if (!ike_exchange_is_initiator (x)
      && (!ike_message_find (in, IKE_PAYLOAD_TSI, 0) || !ike_message_find (in, IKE_PAYLOAD_TSR, 0)))
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0,
                          "a CHILD_SA needs both traffic selectors");
  return child_process (task, x, in);
}

const IkeTaskClass ikev2_child_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:child",
  .operations = "establish",
  .reads = "notify:TS_UNACCEPTABLE notify:NO_PROPOSAL_CHOSEN notify:USE_TRANSPORT_MODE "
           "notify:USE_BEET_MODE notify:IPCOMP_SUPPORTED",
  .instance_size = sizeof (Child),
  .process = auth_process,
  .build = auth_build,
  .dispose = child_dispose,
};

const IkeTaskClass ikev2_create_child_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "CREATE_CHILD_SA",
  .after = "phase:child",
  .operations = "create-child rekey-child",
  .reads = "notify:INVALID_KE_PAYLOAD notify:TS_UNACCEPTABLE notify:REKEY_SA "
           "notify:TEMPORARY_FAILURE notify:CHILD_SA_NOT_FOUND "
           "notify:USE_TRANSPORT_MODE notify:USE_BEET_MODE notify:IPCOMP_SUPPORTED",
  .is_main = TRUE,
  .instance_size = sizeof (Child),
  .wanted = create_wanted,
  .process = create_process,
  .build = child_build,
  .dispose = child_dispose,
};
