/* SPDX-License-Identifier: Apache-2.0 */
/* resume.c - the exchange IKE_SESSION_RESUME (RFC 5723, 4.3.2), in the place of IKE_SA_INIT:
 * nonces, a ticket, and keys without any public-key operation.
 *
 *     HDR, [N(COOKIE),] Ni, N(TICKET_OPAQUE) [,N+]   -->
 *                                                    <--  HDR, Nr [,N+]
 *
 * A ticket is judged before anything is kept of whoever sends it: the gate opens it, and what does
 * not fit is answered with TICKET_NACK.  Then the client begins with IKE_SA_INIT at once. */
#include "resumption.h"
#include <string.h>

#define BIT(state) (1u << (state))

static const IkeStateRow rows[] = {
  { IKE_ROW_REQUEST, IKE_ROLE_RESPONDER, BIT (IKE_SA_CREATED), "Nonce N+ V*" },
  { IKE_ROW_RESPONSE, IKE_ROLE_INITIATOR, BIT (IKE_SA_CONNECTING), "Nonce N* V*" },
  { IKE_ROW_RESPONSE, IKE_ROLE_INITIATOR, BIT (IKE_SA_CONNECTING), "N(TICKET_NACK)" },
  { IKE_ROW_RESPONSE, IKE_ROLE_INITIATOR, BIT (IKE_SA_CONNECTING), "N(COOKIE)" },
  { 0, 0, 0, NULL },
};

static gboolean
is_ticket_there (IkePlugin *plugin, IkeSa *sa)
{
  return client_take (ike_plugin_state (plugin), sa);
}

/* RFC 5723, 4.3.2: "This exchange is equivalent to the IKE_SA_INIT exchange, and MUST be followed
 * by an IKE_AUTH exchange." */
static const IkeExchangeClass resume_exchange = {
  .struct_size = sizeof (IkeExchangeClass),
  .number = 38,
  .flags = IKE_EXCHANGE_INITIAL | IKE_EXCHANGE_CLEAR,
  .before = "IKE_AUTH",
  .phases = "init",
  .rows = rows,
  .operation = "establish",
  .instead_of = "IKE_SA_INIT",
  .wanted = is_ticket_there,
};
static const char *const wants[] = { "queue:tickets", "ticket-keys:*", "service:pki", NULL };
const IkeFeature resume_exchange_feature = { .struct_size = sizeof (IkeFeature),
                                             .provides = "exchange:IKE_SESSION_RESUME",
                                             .ops = &resume_exchange,
                                             .wants = wants };

/* -- the gate */

static void
log_refusal (Resumption *self, const IkeDatagram *datagram, const char *why)
{
  char remote[IKE_ADDR_TEXT_SIZE];

  ike_counter_add (self->engine, self->count.refused, 1);
  ike_log (self->engine, IKE_LOG_INFO, "resumption",
           "peer %s: its ticket is not taken, so it authenticates anew: %s",
           ike_addr_format (&datagram->remote, TRUE, remote), why);
}

static GBytes *
pack (const Session *session)
{
  guint8 packed[SESSION_MAX];
  GBytes *bytes = NULL;
  IkeWriter w;

  ike_writer_init (&w, packed, sizeof packed);
  if (session_write (session, &w))
    bytes = session_secret_bytes (packed, w.len);
  ike_wipe (packed, sizeof packed);
  return bytes;
}

/* RFC 5723, 9.3: "ticket verification should be lightweight (e.g., using efficient symmetric key
 * cryptographic algorithms)": it is one AES-GCM, or one look into a table, and makes no SA. */
static IkeGateVerdict
judge (IkePlugin *plugin, const IkeDatagram *datagram, const IkeMessage *first, IkeWriter *reply,
       GBytes **attachment)
{
  Resumption *self = ike_plugin_state (plugin);
  g_autoptr (Session) session = NULL;
  const char *why = "it sent no ticket";
  IkeNotify notify;

  /* It asks again in a moment, and then they are known. */
  if (store_is_loading (self->store))
    return IKE_GATE_DROP;
  if (ike_message_notify (first, N_TICKET_OPAQUE, 0, &notify))
    session =
        gateway_open (self, &datagram->local, &datagram->remote, notify.data, notify.len, &why);
  *attachment = session ? pack (session) : NULL;
  if (*attachment)
    return IKE_GATE_PASS;
  log_refusal (self, datagram, why);
  ike_notify_write (reply, 0, N_TICKET_NACK, NULL, 0, NULL, 0);
  return IKE_GATE_REPLY;
}

/* Behind those that make whoever floods us prove himself first. */
static const IkeGateClass resume_gate = {
  .struct_size = sizeof (IkeGateClass),
  .exchanges = "IKE_SESSION_RESUME",
  .after = "cookie puzzle redirect",
  .judge = judge,
};
const IkeFeature resume_gate_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "gate:resumption",
                                         .ops = &resume_gate };

/* -- keys */

typedef struct {
  guint8 nonce[RESUMPTION_NONCE_LEN];
  gboolean has_nonce;
  guint8 cookie[RESUMPTION_COOKIE_MAX];
  guint cookie_len;
} Resume;

static void
make_nonce (IkeTask *task, Resume *self)
{
  if (!self->has_nonce)
    ike_engine_random (ike_sa_engine (ike_task_sa (task)), self->nonce, sizeof self->nonce);
  self->has_nonce = TRUE;
}

/* RFC 5723, 5.1: "SKEYSEED = prf(SK_d_old, "Resumption" | Ni | Nr)", "encoded as 10 ASCII
 * characters, with no NULL terminator"; "'prf' is determined from the SA value in the ticket."
 * No section of the connection is what anybody authenticates by: the ticket stands for them. */
static gboolean
begin (IkeSa *sa, Seat *seat, const IkePart *nonce_i, const IkePart *nonce_r)
{
  static const IkePart label = { (const guint8 *) "Resumption", 10 };

  ike_sa_set_choice (sa, &seat->session->choice);
  if (!ike_sa_prf (sa)
      || !ike_sa_keys_seed_from (sa, &seat->session->sk_d, &label, nonce_i, nonce_r))
    return FALSE;
  ike_secret_clear (&seat->session->sk_d);
  ike_sa_set_auth_round (sa, TRUE, G_MAXUINT);
  ike_sa_set_auth_round (sa, FALSE, G_MAXUINT);
  seat->is_resumed = TRUE;
  seat->proven_s = seat->session->proven_s;
  seat->certs_end_s = seat->session->certs_end_s;
  g_free (seat->method);
  seat->method = g_strdup (seat->session->method);
  return TRUE;
}

/* -- client */

static IkeTaskResult
build_request (IkeTask *task, Resume *self, IkeWriter *out)
{
  const Seat *seat = seat_find (ike_plugin_state (ike_task_plugin (task)), ike_task_sa (task));
  gsize len;
  const guint8 *ticket;

  if (!seat || !seat->presented)
    return ike_task_abort (task, "there is no ticket to begin with");
  make_nonce (task, self);
  if (self->cookie_len)
    ike_notify_write (out, 0, IKE_N_COOKIE, NULL, 0, self->cookie, self->cookie_len);
  ike_payload_write (out, IKE_PAYLOAD_NONCE, self->nonce, sizeof self->nonce);
  ticket = g_bytes_get_data (seat->presented->bytes, &len);
  ike_notify_write (out, 0, N_TICKET_OPAQUE, NULL, 0, ticket, len);
  return IKE_TASK_DONE;
}

static IkeTaskResult
repeat_with_cookie (IkeTask *task, Resume *self, const IkeNotify *cookie)
{
  IkeTaskResult result = ike_task_retry (task, "the peer wants a cookie back");

  if (result == IKE_TASK_RETRY && cookie->len <= sizeof self->cookie) {
    self->cookie_len = (guint) cookie->len;
    memcpy (self->cookie, cookie->data, cookie->len);
  }
  return result;
}

/* RFC 5723, 4.3.2: "In that case, the initiator should re-initiate a regular IKE exchange." */
static IkeTaskResult
go_without (IkeTask *task, Seat *seat)
{
  Resumption *self = seat->self;
  IkeTaskResult result = ike_task_give_way (task, "the peer does not take our ticket");

  if (result != IKE_TASK_RETRY)
    return result;
  g_clear_pointer (&seat->presented, ticket_free);
  ike_counter_add (self->engine, self->count.fell_back, 1);
  return result;
}

static IkeTaskResult
process_response (IkeTask *task, Resume *self, IkeExchange *x, const IkeMessage *in)
{
  IkeSa *sa = ike_task_sa (task);
  Seat *seat = seat_of (ike_plugin_state (ike_task_plugin (task)), sa);
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_NONCE, 0);
  const IkeNotify *cookie = ike_exchange_record (x, IKE_N_COOKIE, 0);
  IkePart ours = { self->nonce, sizeof self->nonce }, theirs;
  IkeVerdict verdict = { 0 };

  if (!payload && ike_exchange_record (x, N_TICKET_NACK, 0))
    return go_without (task, seat);
  if (!payload && cookie)
    return repeat_with_cookie (task, self, cookie);
  if (!payload || !ike_nonce_read (payload, &theirs.data, &theirs.len, &verdict))
    return ike_task_disbelieve (task, payload ? verdict.reason : "the answer has no nonce");
  if (ike_message_header (in)->spi_responder == 0)
    return ike_task_disbelieve (task, "the peer's SPI is zero");
  seat->session = g_steal_pointer (&seat->presented->session);
  seat->had = seat->presented->had;
  g_clear_pointer (&seat->presented, ticket_free);
  if (!begin (sa, seat, &ours, &theirs))
    return ike_task_abort (task, "the keys could not be derived");
  return ike_task_next (task, "IKE_AUTH");
}

/* -- gateway */

static IkeTaskResult
process_request (IkeTask *task, Resume *self, IkeExchange *x, const IkeMessage *in)
{
  IkeSa *sa = ike_task_sa (task);
  Seat *seat = seat_of (ike_plugin_state (ike_task_plugin (task)), sa);
  GBytes *packed = ike_sa_attachment (sa, "resumption");
  g_autoptr (IkeConn) conn = NULL;
  IkePart ours = { self->nonce, sizeof self->nonce }, theirs;
  const char *why = "there is no ticket";
  IkeVerdict verdict = { 0 };

  if (packed)
    seat->session = session_read (g_bytes_get_data (packed, NULL), g_bytes_get_size (packed));
  if (seat->session)
    conn = gateway_conn (seat->self, ike_exchange_local (x), ike_exchange_remote (x), seat->session,
                         &why);
  if (!conn)
    return ike_task_fail (task, N_TICKET_NACK, NULL, 0, why);
  if (!ike_nonce_read (ike_message_find (in, IKE_PAYLOAD_NONCE, 0), &theirs.data, &theirs.len,
                       &verdict))
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
  ike_sa_set_conn (sa, conn);
  make_nonce (task, self);
  if (!begin (sa, seat, &theirs, &ours))
    return ike_task_abort (task, "the keys could not be derived");
  return IKE_TASK_DONE;
}

static IkeTaskResult
build_response (IkeTask *task, Resume *self, IkeWriter *out)
{
  ike_payload_write (out, IKE_PAYLOAD_NONCE, self->nonce, sizeof self->nonce);
  return ike_task_next (task, "IKE_AUTH");
}

/* -- the class */

static IkeTaskResult
resume_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  return ike_exchange_is_initiator (x) ? build_request (task, ike_task_data (task), out)
                                       : build_response (task, ike_task_data (task), out);
}

static IkeTaskResult
resume_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  return ike_exchange_is_initiator (x) ? process_response (task, ike_task_data (task), x, in)
                                       : process_request (task, ike_task_data (task), x, in);
}

static const IkeTaskClass resume_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_SESSION_RESUME",
  .after = "phase:init",
  .before = "natd",
  .operations = "establish",
  .reads = "notify:COOKIE notify:TICKET_NACK",
  .is_main = TRUE,
  .instance_size = sizeof (Resume),
  .process = resume_process,
  .build = resume_build,
};
const IkeFeature resume_task_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "task:resume",
                                         .ops = &resume_task };
