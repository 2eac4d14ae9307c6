/* SPDX-License-Identifier: Apache-2.0 */
/* init.c - IKE_SA_INIT (RFC 7296, 1.2): proposals, key exchange, nonces; again with a cookie or
 * another group. */
#include "ikev2.h"

typedef struct {
  Ikev2Kx        kx;
  guint8         nonce[IKEV2_NONCE_LEN];
  gboolean       has_nonce;
  guint16        group;                       /* asked for by the peer */
  guint8         cookie[64];
  guint          cookie_len;
  IkeChoice      choice;
} Init;

static IkeEngine *
engine_of (IkeTask *task)
{
  return ike_sa_engine (ike_task_sa (task));
}

static void
init_dispose (IkeTask *task)
{
  Init *self = ike_task_data (task);

  ikev2_kx_clear (&self->kx);
}

/* -- initiator */

static gsize
write_sa (IkeWriter *out, const IkeProposals *proposals, const IkeChoice *choice)
{
  gsize mark = ike_payload_open (out, IKE_PAYLOAD_SA, FALSE);

  if (proposals)
    ike_proposals_write (proposals, out, NULL, 0, 0);
  else
    ike_choice_write (choice, out, NULL, 0);
  ike_payload_close (out, mark);
  return mark;
}

static void
write_nonce (IkeTask *task, Init *self, IkeWriter *out)
{
  if (!self->has_nonce)
    ike_engine_random (engine_of (task), self->nonce, sizeof self->nonce);
  self->has_nonce = TRUE;
  ike_payload_write (out, IKE_PAYLOAD_NONCE, self->nonce, sizeof self->nonce);
}

static IkeTaskResult
build_request (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  Init *self = ike_task_data (task);
  IkeConn *conn = ike_sa_conn (ike_task_sa (task));

  if (self->kx.error)
    return ike_task_abort (task, self->kx.error);
  if (!self->kx.offer) {
    guint16 group = self->group ? self->group : ike_proposals_first_ke (conn->proposals);
    self->kx.ke = ike_ke_find (engine_of (task), group);
    if (!self->kx.ke)
      return ike_task_abort (task, "no plugin provides the first key exchange of the proposals");
    ikev2_kx_offer (task);
    return IKE_TASK_WAIT;
  }
  /* RFC 7296, 2.6: "a cookie notification ... as the first payload". */
  if (self->cookie_len)
    ike_notify_write (out, 0, IKE_N_COOKIE, NULL, 0, self->cookie, self->cookie_len);
  write_sa (out, conn->proposals, NULL);
  ikev2_kx_write (&self->kx, out);
  write_nonce (task, self, out);
  return IKE_TASK_DONE;
}

/* RFC 7296, 1.2: "the initiator retries with the corrected group"; only one that it proposed, and
 * so many times at most. Nobody knows who asks: an answer that makes no sense is dropped, for the
 * true one may still come. */
static IkeTaskResult
take_other_group (IkeTask *task, const IkeNotify *notify)
{
  Init *self = ike_task_data (task);
  guint16 group = (guint16) (notify->data[0] << 8 | notify->data[1]);
  IkeTaskResult result;

  if (!ike_proposals_have_ke (ike_sa_conn (ike_task_sa (task))->proposals, group)
      || group == ike_ke_class (self->kx.ke)->transform)
    return ike_task_disbelieve (
        task, "the peer asks for a key exchange that we did not propose, or have sent already");
  result = ike_task_retry (task, "the peer wants another key exchange group");
  if (result != IKE_TASK_RETRY)
    return result;
  g_clear_pointer (&self->kx.secret, ike_secret_blob_unref);
  ikev2_kx_forget_offer (&self->kx);
  self->group = group;
  return result;
}

static IkeTaskResult
take_cookie (IkeTask *task, const IkeNotify *notify)
{
  Init *self = ike_task_data (task);
  IkeTaskResult result = ike_task_retry (task, "the peer wants a cookie back");

  if (result != IKE_TASK_RETRY)
    return result;
  self->cookie_len = (guint) notify->len;
  memcpy (self->cookie, notify->data, notify->len);
  return result;
}

static IkeTaskResult
read_response (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Init *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_SA, 0);
  IkeProposal answers[IKE_PROPOSALS_MAX];
  IkeVerdict verdict = { 0 };
  const guint8 *nonce;
  IkeKeView ke;
  IkeReader r;
  gsize len;
  guint n;

  ike_reader_init (&r, payload->data, payload->len);
  if (!ike_proposals_read (&r, answers, &n, &verdict)
      || !ike_ke_read (ike_message_find (in, IKE_PAYLOAD_KE, 0), &ke, &verdict)
      || !ike_nonce_read (ike_message_find (in, IKE_PAYLOAD_NONCE, 0), &nonce, &len, &verdict))
    return ike_task_disbelieve (task, verdict.reason);
  if (n != 1 || !ike_proposals_accept (ike_sa_conn (sa)->proposals, &answers[0], 0, &self->choice))
    return ike_task_disbelieve (task, "the peer chose what we did not propose");
  if (ke.group != self->choice.chosen[IKE_TRANSFORM_KE].id
      || ke.group != ike_ke_class (self->kx.ke)->transform)
    return ike_task_disbelieve (task, "the peer's key exchange is not the one that was chosen");
  if (ike_message_header (in)->spi_responder == 0)
    return ike_task_disbelieve (task, "the peer's SPI is zero");
  ikev2_kx_finish (task, &ke);
  return IKE_TASK_WAIT;
}

static IkeTaskResult
derive_initiator (IkeTask *task, const IkeMessage *in)
{
  Init *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  IkeVerdict verdict = { 0 };
  const guint8 *nonce;
  gsize len;

  if (self->kx.error)
    return ike_task_abort (task, self->kx.error);
  if (!ike_nonce_read (ike_message_find (in, IKE_PAYLOAD_NONCE, 0), &nonce, &len, &verdict))
    return ike_task_abort (task, verdict.reason);
  ike_sa_set_choice (sa, &self->choice);
  if (!ike_sa_keys_init (sa, ike_secret_blob_data (self->kx.secret),
                         ike_secret_blob_len (self->kx.secret), self->nonce, sizeof self->nonce,
                         nonce, len))
    return ike_task_abort (task, "the keys could not be derived");
  g_clear_pointer (&self->kx.secret, ike_secret_blob_unref);
  return ike_task_next (task, "IKE_AUTH");
}

static IkeTaskResult
process_response (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Init *self = ike_task_data (task);
  const IkeNotify *notify;

  if (self->kx.is_done)
    return derive_initiator (task, in);
  if (!ike_message_find (in, IKE_PAYLOAD_SA, 0)) {
    if ((notify = ike_exchange_record (x, IKE_N_COOKIE, 0)))
      return take_cookie (task, notify);
    if ((notify = ike_exchange_record (x, IKE_N_INVALID_KE_PAYLOAD, 0)))
      return take_other_group (task, notify);
    return ike_task_disbelieve (task, "the answer holds neither an SA nor a request that we know");
  }
  return read_response (task, x, in);
}

/* -- responder */

static IkeTaskResult
refuse_all (IkeTask *task, IkeConn **candidates, guint n, const IkeProposal *offers, guint n_offers,
            IkeTree *reasons_take)
{
  IkeTree *details = ike_tree_new_section ();
  g_autofree char *why = NULL, *sentence = NULL;
  char remote[IKE_ADDR_TEXT_SIZE];
  guint i;

  ike_addr_format (ike_sa_remote (ike_task_sa (task)), FALSE, remote);
  if (n == 0) {
    sentence = g_strdup_printf ("peer %s: no connection is configured for these addresses, or the "
                                "one that is has errors: see ikebanad --check",
                                remote);
    ike_tree_set_take (details, "connections", reasons_take);
  } else {
    IkeTree *list = ike_tree_add_list (details, "connections");
    ike_tree_free (reasons_take);
    for (i = 0; i < n; i++) {
      IkeTree *entry = ike_tree_add_section (list, NULL);
      g_autofree char *one =
          ike_proposals_explain (candidates[i]->proposals, offers, n_offers, entry);
      g_autofree char *path = g_strdup_printf ("connections.%s.proposals", candidates[i]->name);
      ikev2_name_setting (entry, path);
      ike_tree_set_string (entry, "connection", candidates[i]->name);
      ike_tree_set_string (entry, "why", one);
      if (!why)
        why = g_steal_pointer (&one);
    }
    sentence = g_strdup_printf ("peer %s: no proposal chosen; %s", remote, why);
  }
  ike_task_explain (task, n ? "proposal" : "connection", sentence, details);
  return ike_task_fail (task, IKE_N_NO_PROPOSAL_CHOSEN, NULL, 0, sentence);
}

static IkeTaskResult
choose (IkeTask *task, IkeExchange *x, const IkeProposal *offers, guint n_offers,
        const IkeKeView *ke)
{
  Init *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  g_autoptr (IkeConfig) config = ike_engine_config (engine_of (task));
  IkeConn *candidates[IKEV2_CANDIDATES_MAX];
  IkeTree *reasons = ike_tree_new_list ();
  guint n = 0, i;
  guint8 group[2];

  if (config)
    n = ike_config_match (config, 2, ike_exchange_local (x), ike_exchange_remote (x), NULL, NULL,
                          candidates, IKEV2_CANDIDATES_MAX, reasons);
  for (i = 0; i < n; i++)
    if (ike_proposals_select (candidates[i]->proposals, offers, n_offers, 0, &self->choice))
      break;
  if (i == n)
    return refuse_all (task, candidates, n, offers, n_offers, reasons);
  ike_tree_free (reasons);
  ike_sa_set_conn (sa, candidates[i]);
  self->group = self->choice.chosen[IKE_TRANSFORM_KE].id;
  self->kx.ke = ike_ke_find (engine_of (task), self->group);
  if (!self->kx.ke)
    return ike_task_fail (task, IKE_N_NO_PROPOSAL_CHOSEN, NULL, 0,
                          "no plugin provides the chosen key exchange");
  /* RFC 7296, 1.2: "the responder ... selects a group, and indicates its choice in
   * INVALID_KE_PAYLOAD". */
  if (ke->group != self->group) {
    group[0] = (guint8) (self->group >> 8);
    group[1] = (guint8) self->group;
    return ike_task_fail (task, IKE_N_INVALID_KE_PAYLOAD, group, sizeof group,
                          "another key exchange group was chosen");
  }
  ikev2_kx_answer (task, ke);
  return IKE_TASK_WAIT;
}

static IkeTaskResult
derive_responder (IkeTask *task, const IkeMessage *in)
{
  Init *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  IkeVerdict verdict = { 0 };
  const guint8 *nonce;
  gsize len;

  if (self->kx.error)
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, self->kx.error);
  if (!ike_nonce_read (ike_message_find (in, IKE_PAYLOAD_NONCE, 0), &nonce, &len, &verdict))
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
  ike_engine_random (engine_of (task), self->nonce, sizeof self->nonce);
  self->has_nonce = TRUE;
  ike_sa_set_choice (sa, &self->choice);
  if (!ike_sa_keys_init (sa, ike_secret_blob_data (self->kx.answer->secret),
                         ike_secret_blob_len (self->kx.answer->secret), nonce, len, self->nonce,
                         sizeof self->nonce))
    return ike_task_abort (task, "the keys could not be derived");
  return IKE_TASK_DONE;
}

static IkeTaskResult
process_request (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Init *self = ike_task_data (task);
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_SA, 0);
  IkeProposal *offers;
  IkeVerdict verdict = { 0 };
  IkeKeView ke;
  IkeReader r;
  const guint8 *nonce;
  gsize len;
  guint n;

  if (self->kx.is_done)
    return derive_responder (task, in);
  offers = ike_exchange_alloc (x, IKE_PROPOSALS_MAX * sizeof *offers);
  if (!offers)
    return ike_task_fail (task, IKE_N_TEMPORARY_FAILURE, NULL, 0, "no room for the proposals");
  ike_reader_init (&r, payload->data, payload->len);
  if (!ike_proposals_read (&r, offers, &n, &verdict)
      || !ike_ke_read (ike_message_find (in, IKE_PAYLOAD_KE, 0), &ke, &verdict)
      || !ike_nonce_read (ike_message_find (in, IKE_PAYLOAD_NONCE, 0), &nonce, &len, &verdict))
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
  return choose (task, x, offers, n, &ke);
}

static IkeTaskResult
build_response (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  Init *self = ike_task_data (task);

  write_sa (out, NULL, &self->choice);
  ikev2_kx_write (&self->kx, out);
  write_nonce (task, self, out);
  return ike_task_next (task, "IKE_AUTH");
}

/* -- the class */

static IkeTaskResult
init_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  return ike_exchange_is_initiator (x) ? build_request (task, x, out)
                                       : build_response (task, x, out);
}

static IkeTaskResult
init_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  return ike_exchange_is_initiator (x) ? process_response (task, x, in)
                                       : process_request (task, x, in);
}

const IkeTaskClass ikev2_init_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_SA_INIT",
  .after = "phase:init",
  .operations = "establish",
  .reads = "notify:COOKIE notify:INVALID_KE_PAYLOAD",
  .is_main = TRUE,
  .instance_size = sizeof (Init),
  .process = init_process,
  .build = init_build,
  .dispose = init_dispose,
};
