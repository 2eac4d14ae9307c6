/* SPDX-License-Identifier: Apache-2.0 */
/* child.c - CHILD_SAs: the first one, within IKE_AUTH, and further ones in CREATE_CHILD_SA (RFC
 * 7296, 1.2 and 1.3.1). */
#include "ikev2.h"
#include "ikev2_private.h"

/* RFC 4303, 2.1: SPIs from 1 to 255 are reserved, zero is for local use.  A peer may ask for so
 * many groups. */
enum { SPI_MIN = 256, GROUPS_MAX = 5 };

typedef struct {
  IkeChildRef         child;
  const IkeChildConf *conf;
  IkeChoice           choice;
  Ikev2Selectors     *selectors;              /* offered by us, or narrowed */
  const IkeKe        *ke;
  IkeKeOffer         *offer;
  IkeKeAnswer        *answer;
  IkeSecretBlob      *secret;
  guint16             group;
  guint               n_groups;               /* tried because the peer asked for them */
  guint16             failed;                 /* the notify that says why there is no child */
  char               *error, *why;
  guint32             spi;
  gboolean            is_keyed, is_installing, is_installed, has_nonce, is_prepared;
  guint8              nonce[IKEV2_NONCE_LEN];
} Child;

static IkeEngine *
engine_of (IkeTask *task)
{
  return ike_sa_engine (ike_task_sa (task));
}

static IkeChild *
child_of (IkeTask *task)
{
  Child *self = ike_task_data (task);

  return ike_child_get (ike_task_sa (task), self->child);
}

static gboolean
is_in_auth (const IkeExchange *x)
{
  return strcmp (ike_exchange_name (x), "CREATE_CHILD_SA") != 0;
}

/* What was begun and did not come up goes with the task. */
static void
child_dispose (IkeTask *task)
{
  Child *self = ike_task_data (task);
  IkeChild *child = child_of (task);

  if (child && ike_child_state (child) == IKE_CHILD_CREATED)
    ike_child_destroy (child, "not negotiated");
  if (self->offer)
    ike_ke_offer_free (self->ke, self->offer);
  if (self->answer)
    ike_ke_answer_free (self->answer);
  ike_secret_blob_unref (self->secret);
  g_free (self->selectors);
  g_free (self->error);
  g_free (self->why);
}

/* -- calls */

static void
set_error (Child *self, const char *error)
{
  g_free (self->error);
  self->error = g_strdup (error);
}

static void
spi_given (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Child *self = ike_task_data (owner);
  IkeChild *child = child_of (owner);

  set_error (self, error);
  self->spi = GPOINTER_TO_UINT (result);
  if (child && self->spi)
    ike_child_set_spi (child, TRUE, self->spi);
}

static void
offer_made (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Child *self = ike_task_data (owner);

  set_error (self, error);
  self->offer = result;
}

static void
answer_made (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Child *self = ike_task_data (owner);

  set_error (self, error);
  self->answer = result;
  self->is_keyed = TRUE;
}

static void
secret_made (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Child *self = ike_task_data (owner);

  set_error (self, error);
  self->secret = result;
  self->is_keyed = TRUE;
}

static void
installed (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Child *self = ike_task_data (owner);

  set_error (self, error);
  self->is_installed = TRUE;
}

static const IkeCallClass spi_call = {
  .struct_size = sizeof (IkeCallClass), .name = "SPI", .timeout_ms = 10000, .then = spi_given,
};
static const IkeCallClass offer_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "key exchange offer",
  .timeout_ms = 10000,
  .then = offer_made,
  .undo = ike_ke_offer_undo,
};
static const IkeCallClass answer_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "key exchange answer",
  .timeout_ms = 10000,
  .then = answer_made,
  .undo = ike_ke_answer_undo,
};
static const IkeCallClass finish_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "key exchange result",
  .timeout_ms = 10000,
  .then = secret_made,
  .undo = (GDestroyNotify) ike_secret_blob_unref,
};
static const IkeCallClass install_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "install CHILD_SA",
  .timeout_ms = 20000,
  .then = installed,
};

/* -- failing without the IKE SA */

/* RFC 7296, 1.2: "If creating the Child SA during the IKE_AUTH exchange fails for some reason, the
 * IKE SA is still created as usual." In CREATE_CHILD_SA the exchange itself fails. */
static IkeTaskResult
refuse (IkeTask *task, const char *phase, guint16 notify, const char *why, IkeTree *details)
{
  Child *self = ike_task_data (task);
  IkeExchange *x = ike_task_exchange (task);
  char remote[IKE_ADDR_TEXT_SIZE];
  const char *name = ike_notify_name (notify);
  g_autofree char *sentence = NULL;

  ike_addr_format (ike_sa_remote (ike_task_sa (task)), FALSE, remote);
  sentence = g_strdup_printf ("peer %s: no CHILD_SA (%s); %s", remote, name ? name : "failed", why);
  ike_task_explain (task, phase, sentence, details);
  if (!is_in_auth (x))
    return ike_task_fail (task, notify, NULL, 0, sentence);
  self->failed = notify;
  if (ike_exchange_is_initiator (x))
    ike_operation_complain (task, sentence);
  return IKE_TASK_DONE;
}

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
  return refuse (task, "child-proposal", IKE_N_NO_PROPOSAL_CHOSEN, why, details);
}

/* -- pieces of both sides */

static void
write_sa (IkeTask *task, IkeWriter *out, gboolean is_request, guint flags)
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

static void
write_ts (IkeTask *task, IkeWriter *out, gboolean is_initiator)
{
  const Ikev2Selectors *s = ((Child *) ike_task_data (task))->selectors;

  write_selectors (out, IKE_PAYLOAD_TSI, is_initiator ? s->local : s->remote,
                   is_initiator ? s->n_local : s->n_remote);
  write_selectors (out, IKE_PAYLOAD_TSR, is_initiator ? s->remote : s->local,
                   is_initiator ? s->n_remote : s->n_local);
}

static void
write_nonce (IkeTask *task, IkeWriter *out)
{
  Child *self = ike_task_data (task);

  if (!self->has_nonce)
    ike_engine_random (engine_of (task), self->nonce, sizeof self->nonce);
  self->has_nonce = TRUE;
  ike_payload_write (out, IKE_PAYLOAD_NONCE, self->nonce, sizeof self->nonce);
}

static gboolean
narrow_hook (IkeTask *task, gboolean is_response)
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

static guint32
spi_of (const IkeChoice *choice)
{
  guint32 spi;

  memcpy (&spi, choice->spi, sizeof spi);
  return GUINT32_FROM_BE (spi);
}

/* Keys, kernel: the nonces are those of this exchange, or of IKE_SA_INIT for the first child. */
static IkeTaskResult
start_install (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Child *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  IkeChild *child = child_of (task);
  gboolean is_initiator = ike_exchange_is_initiator (x);
  IkeSecretBlob *secret = self->answer ? self->answer->secret : self->secret;
  const guint8 *nonce_i, *nonce_r, *theirs;
  IkeVerdict verdict = { 0 };
  gsize i_len, r_len, len;

  if (!child)
    return refuse (task, "child", IKE_N_TEMPORARY_FAILURE, "it was taken away meanwhile", NULL);
  if (is_in_auth (x)) {
    nonce_i = ike_sa_nonce (sa, TRUE, &i_len);
    nonce_r = ike_sa_nonce (sa, FALSE, &r_len);
  } else {
    if (!ike_nonce_read (ike_message_find (in, IKE_PAYLOAD_NONCE, 0), &theirs, &len, &verdict))
      return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
    if (!self->has_nonce)
      ike_engine_random (engine_of (task), self->nonce, sizeof self->nonce);
    self->has_nonce = TRUE;
    nonce_i = is_initiator ? self->nonce : theirs;
    nonce_r = is_initiator ? theirs : self->nonce;
    i_len = is_initiator ? sizeof self->nonce : len;
    r_len = is_initiator ? len : sizeof self->nonce;
  }
  ike_child_set_choice (child, &self->choice);
  ike_child_set_spi (child, FALSE, spi_of (&self->choice));
  ike_child_set_selectors (child, TRUE, self->selectors->local, self->selectors->n_local);
  ike_child_set_selectors (child, FALSE, self->selectors->remote, self->selectors->n_remote);
  self->is_installing = TRUE;
  ike_child_install (child, is_initiator, secret ? ike_secret_blob_data (secret) : NULL,
                     secret ? ike_secret_blob_len (secret) : 0, nonce_i, i_len, nonce_r, r_len,
                     ike_task_call (task, &install_call, NULL));
  return IKE_TASK_WAIT;
}

static IkeTaskResult
finish_install (IkeTask *task)
{
  Child *self = ike_task_data (task);
  IkeChild *child = child_of (task);
  g_autofree char *why = NULL;

  if (!child)
    return refuse (task, "child", IKE_N_TEMPORARY_FAILURE, "it was taken away meanwhile", NULL);
  if (self->error) {
    why = g_strdup_printf ("the kernel plugin did not take it: %s", self->error);
    ike_child_destroy (child, why);
    return refuse (task, "kernel", IKE_N_NO_PROPOSAL_CHOSEN, why, NULL);
  }
  ike_child_set_up (child);
  return IKE_TASK_DONE;
}

/* -- initiator */

static gboolean
prepare (IkeTask *task)
{
  Child *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  const char *name = ike_operation_args (ike_task_operation (task));

  self->is_prepared = TRUE;
  self->conf = ike_conn_child (ike_sa_conn (sa), name && *name ? name : NULL);
  if (!self->conf)
    return FALSE;
  self->child = ike_child_ref (ike_child_new (sa, self->conf));
  self->selectors = g_new0 (Ikev2Selectors, 1);
  ikev2_selectors_of (sa, self->conf, self->selectors);
  return TRUE;
}

static guint16
first_group (const IkeProposals *proposals)
{
  guint i, t;

  for (i = 0; i < ike_proposals_n (proposals); i++) {
    const IkeProposal *p = ike_proposals_nth (proposals, i);
    for (t = 0; t < p->n_transforms; t++)
      if (p->transforms[t].type == IKE_TRANSFORM_KE && p->transforms[t].id)
        return p->transforms[t].id;
  }
  return 0;
}

static gboolean
has_group (const IkeProposals *proposals, guint16 group)
{
  guint i, t;

  for (i = 0; i < ike_proposals_n (proposals); i++) {
    const IkeProposal *p = ike_proposals_nth (proposals, i);
    for (t = 0; t < p->n_transforms; t++)
      if (p->transforms[t].type == IKE_TRANSFORM_KE && p->transforms[t].id == group)
        return TRUE;
  }
  return FALSE;
}

/* SPI and, for PFS, our public value. WAIT, or DONE when both are there. */
static IkeTaskResult
gather (IkeTask *task, gboolean has_ke)
{
  Child *self = ike_task_data (task);
  IkeChild *child = child_of (task);
  guint16 group = self->group ? self->group : first_group (ikev2_child_proposals (self->conf));

  if (!child || self->error)
    return ike_task_fail (task, 0, NULL, 0,
                          self->error ? self->error : "the child was taken away meanwhile");
  if (!self->spi) {
    ike_child_get_spi (child, ike_task_call (task, &spi_call, NULL));
    return IKE_TASK_WAIT;
  }
  if (!has_ke || !group || self->offer)
    return IKE_TASK_DONE;
  self->ke = ike_ke_find (engine_of (task), group);
  if (!self->ke)
    return ike_task_fail (task, 0, NULL, 0,
                          "no plugin provides the key exchange of the child's proposals");
  ike_ke_offer (self->ke, ike_task_call (task, &offer_call, (gpointer) self->ke));
  return IKE_TASK_WAIT;
}

static IkeTaskResult
build_request (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  Child *self = ike_task_data (task);
  gboolean has_ke = !is_in_auth (x);
  IkeTaskResult result;

  if (!self->is_prepared && !prepare (task))
    return ike_task_fail (task, 0, NULL, 0, "the connection has no such child");
  result = gather (task, has_ke);
  if (result != IKE_TASK_DONE)
    return result;
  if (!narrow_hook (task, FALSE))
    return ike_task_fail (task, 0, NULL, 0, "a plugin left no selectors to propose");
  if (self->conf->mode == IKE_MODE_TRANSPORT)
    ike_notify_write (out, 0, IKE_N_USE_TRANSPORT_MODE, NULL, 0, NULL, 0);
  write_sa (task, out, TRUE, has_ke ? 0 : IKE_SELECT_NO_KE);
  if (has_ke) {
    write_nonce (task, out);
    if (self->offer)
      ike_ke_write (out, ike_ke_class (self->ke)->transform, self->offer->public_value,
                    self->offer->public_len);
  }
  write_ts (task, out, TRUE);
  return IKE_TASK_DONE;
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
  g_autofree char *offered = NULL, *why = NULL;
  guint i;

  if (notify && !is_in_auth (x)) {
    guint16 group = (guint16) (notify->data[0] << 8 | notify->data[1]);
    if (self->ke && group != ike_ke_class (self->ke)->transform
        && has_group (ikev2_child_proposals (self->conf), group) && self->n_groups < GROUPS_MAX) {
      self->n_groups++;
      ike_ke_offer_free (self->ke, g_steal_pointer (&self->offer));
      self->group = group;
      self->has_nonce = FALSE;
      return ike_task_next (task, "CREATE_CHILD_SA");
    }
  }
  offered = ikev2_selectors_format (self->selectors);
  for (i = 0; i < G_N_ELEMENTS (errors); i++)
    if (ike_exchange_record (x, errors[i], 0)) {
      why = g_strdup_printf ("the peer refused it; we offered %s", offered);
      return refuse (task, errors[i] == IKE_N_TS_UNACCEPTABLE ? "selectors" : "child", errors[i],
                     why, NULL);
    }
  return refuse (task, "child", IKE_N_NO_PROPOSAL_CHOSEN, "the peer's answer holds no CHILD_SA",
                 NULL);
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
  return is_within && narrow_hook (task, TRUE);
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
  guint n, flags = is_in_auth (x) ? IKE_SELECT_NO_KE : 0;

  ike_reader_init (&r, payload->data, payload->len);
  if (!ike_proposals_read (&r, answers, &n, &verdict))
    return refuse (task, "child-proposal", IKE_N_INVALID_SYNTAX, verdict.reason, NULL);
  if (n != 1 || answers[0].spi_len != 4
      || !ike_proposals_accept (ikev2_child_proposals (self->conf), &answers[0], flags,
                                &self->choice)
      || spi_of (&self->choice) < SPI_MIN)
    return refuse (task, "child-proposal", IKE_N_NO_PROPOSAL_CHOSEN,
                   "the peer chose what we did not propose", NULL);
  if (self->conf->mode == IKE_MODE_TRANSPORT
      && !ike_exchange_record (x, IKE_N_USE_TRANSPORT_MODE, 0))
    return refuse (task, "child", IKE_N_NO_PROPOSAL_CHOSEN,
                   "the peer did not agree to transport mode", NULL);
  if (!take_narrowed (task, in))
    return refuse (task, "selectors", IKE_N_TS_UNACCEPTABLE,
                   "the peer's selectors are not within ours", NULL);
  ke_payload = ike_message_find (in, IKE_PAYLOAD_KE, 0);
  if (is_in_auth (x) || !self->choice.chosen[IKE_TRANSFORM_KE].id)
    return start_install (task, x, in);
  if (!ke_payload || !self->offer || !ike_ke_read (ke_payload, &ke, &verdict)
      || ke.group != self->choice.chosen[IKE_TRANSFORM_KE].id
      || ke.group != ike_ke_class (self->ke)->transform)
    return refuse (task, "child", IKE_N_INVALID_SYNTAX,
                   "the peer's key exchange is not the one that was chosen", NULL);
  ike_ke_finish (self->ke, ike_task_call (task, &finish_call, NULL),
                 g_steal_pointer (&self->offer->pair), ke.data, ke.len);
  return IKE_TASK_WAIT;
}

static IkeTaskResult
process_response (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Child *self = ike_task_data (task);

  if (self->is_installed)
    return finish_install (task);
  if (self->is_keyed)
    return self->error ? refuse (task, "child", IKE_N_INVALID_SYNTAX, self->error, NULL)
                       : start_install (task, x, in);
  if (!child_of (task))
    return refuse (task, "child", IKE_N_TEMPORARY_FAILURE, "it was taken away meanwhile", NULL);
  if (!ike_message_find (in, IKE_PAYLOAD_SA, 0) || !ike_message_find (in, IKE_PAYLOAD_TSI, 0)
      || !ike_message_find (in, IKE_PAYLOAD_TSR, 0))
    return answer_is_error (task, x);
  return accept_answer (task, x, in);
}

/* -- responder */

static IkeTaskResult
choose_proposal (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Child *self = ike_task_data (task);
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_SA, 0);
  IkeProposal *offers = ike_exchange_alloc (x, IKE_PROPOSALS_MAX * sizeof *offers);
  IkeVerdict verdict = { 0 };
  IkeReader r;
  guint n, flags = is_in_auth (x) ? IKE_SELECT_NO_KE : 0;

  if (!offers)
    return refuse (task, "child", IKE_N_TEMPORARY_FAILURE, "no room for the proposals", NULL);
  ike_reader_init (&r, payload->data, payload->len);
  if (!ike_proposals_read (&r, offers, &n, &verdict))
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
  if (!ike_proposals_select (ikev2_child_proposals (self->conf), offers, n, flags, &self->choice)
      || self->choice.spi_len != 4 || spi_of (&self->choice) < SPI_MIN)
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
  self->ke = ike_ke_find (engine_of (task), chosen);
  if (!self->ke)
    return ike_task_fail (task, IKE_N_NO_PROPOSAL_CHOSEN, NULL, 0,
                          "no plugin provides the chosen key exchange");
  ike_ke_answer (self->ke, ike_task_call (task, &answer_call, NULL), ke.data, ke.len);
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

/* Which child, which selectors, which proposal; then an SPI. */
static IkeTaskResult
choose (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Child *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  guint8 mode =
      ike_exchange_record (x, IKE_N_USE_TRANSPORT_MODE, 0) ? IKE_MODE_TRANSPORT : IKE_MODE_TUNNEL;
  g_autofree Ikev2Selectors *offered = g_new0 (Ikev2Selectors, 1);
  g_autofree char *why = NULL;
  IkeTaskResult result;

  self->is_prepared = TRUE;
  self->selectors = g_new0 (Ikev2Selectors, 1);
  if (!ikev2_selectors_read (task, in, FALSE, offered))
    return IKE_TASK_FAIL;
  self->conf = ikev2_choose_child (sa, offered, mode, self->selectors, &why);
  if (!self->conf)
    return refuse (task, "selectors", IKE_N_TS_UNACCEPTABLE, why, selector_details (sa, offered));
  result = choose_proposal (task, x, in);
  if (result != IKE_TASK_DONE || self->failed)
    return result;
  if (!narrow_hook (task, FALSE))
    return refuse (task, "selectors", IKE_N_TS_UNACCEPTABLE, "a plugin left no selectors", NULL);
  self->child = ike_child_ref (ike_child_new (sa, self->conf));
  ike_child_set_mode (child_of (task), mode);
  ike_child_get_spi (child_of (task), ike_task_call (task, &spi_call, NULL));
  return IKE_TASK_WAIT;
}

static IkeTaskResult
process_request (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Child *self = ike_task_data (task);

  if (!self->is_prepared)
    return choose (task, x, in);
  if (self->is_installed)
    return finish_install (task);
  if (!child_of (task) || self->error)
    return refuse (task, "child", IKE_N_TEMPORARY_FAILURE,
                   self->error ? self->error : "it was taken away meanwhile", NULL);
  if (!is_in_auth (x) && self->choice.chosen[IKE_TRANSFORM_KE].id && !self->is_keyed)
    return answer_ke (task, in);
  return start_install (task, x, in);
}

static IkeTaskResult
build_response (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  Child *self = ike_task_data (task);

  if (self->failed) {
    ike_notify_write (out, 0, self->failed, NULL, 0, NULL, 0);
    return IKE_TASK_DONE;
  }
  if (self->conf->mode == IKE_MODE_TRANSPORT)
    ike_notify_write (out, 0, IKE_N_USE_TRANSPORT_MODE, NULL, 0, NULL, 0);
  write_sa (task, out, FALSE, 0);
  if (!is_in_auth (x)) {
    write_nonce (task, out);
    if (self->answer)
      ike_ke_write (out, ike_ke_class (self->ke)->transform, self->answer->public_value,
                    self->answer->public_len);
  }
  write_ts (task, out, FALSE);
  return IKE_TASK_DONE;
}

/* -- the classes */

static IkeTaskResult
child_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  return ike_exchange_is_initiator (x) ? build_request (task, x, out)
                                       : build_response (task, x, out);
}

static IkeTaskResult
child_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  return ike_exchange_is_initiator (x) ? process_response (task, x, in)
                                       : process_request (task, x, in);
}

/* In IKE_AUTH: when a child was asked for. An empty name means none (RFC 6023 is another plugin's
 * matter). */
static gboolean
child_wanted (IkePlugin *self, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  const char *name;

  if (in)
    return ike_message_find (in, IKE_PAYLOAD_SA, 0) && ike_message_find (in, IKE_PAYLOAD_TSI, 0)
           && ike_message_find (in, IKE_PAYLOAD_TSR, 0);
  name = ike_operation_args (ike_exchange_running (x));
  return name && *name;
}

/* RFC 7296, 1.3.2 and 1.3.3 are rekeying: what does not do that says so, and the SA stays. */
static IkeTaskResult
create_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  if (!ike_exchange_is_initiator (x)
      && (!ike_message_find (in, IKE_PAYLOAD_TSI, 0) || !ike_message_find (in, IKE_PAYLOAD_TSR, 0)
          || ike_exchange_record (x, IKE_N_REKEY_SA, 0)))
    return ike_task_fail (task, IKE_N_NO_ADDITIONAL_SAS, NULL, 0,
                          "the peer wants to rekey, which no plugin here does");
  return child_process (task, x, in);
}

const IkeTaskClass ikev2_child_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:child",
  .operations = "establish",
  .reads = "notify:TS_UNACCEPTABLE notify:NO_PROPOSAL_CHOSEN notify:USE_TRANSPORT_MODE",
  .instance_size = sizeof (Child),
  .wanted = child_wanted,
  .process = child_process,
  .build = child_build,
  .dispose = child_dispose,
};

const IkeTaskClass ikev2_create_child_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "CREATE_CHILD_SA",
  .after = "phase:child",
  .operations = "create-child",
  .reads = "notify:INVALID_KE_PAYLOAD notify:TS_UNACCEPTABLE notify:REKEY_SA",
  .is_main = TRUE,
  .instance_size = sizeof (Child),
  .process = create_process,
  .build = child_build,
  .dispose = child_dispose,
};
