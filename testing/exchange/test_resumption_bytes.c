/* SPDX-License-Identifier: Apache-2.0 */
/* test_resumption_bytes.c - one resumption, byte by byte, as RFC 5723 has it: what is on the wire
 * is read here, and keys and AUTH are computed anew (octets.h). */
#define _GNU_SOURCE
#include "exchange/octets.h"
#include "exchange/tickets.h"
#include <string.h>

enum { N_TICKET_LT_OPAQUE = 16409, N_TICKET_REQUEST = 16410, N_TICKET_OPAQUE = 16413 };

typedef struct {
  GByteArray *messages[4]; /* request and answer of IKE_SESSION_RESUME, plaintext of IKE_AUTH */
  guint8 firsts[4];        /* type of the first payload */
  IkeSecret kept;          /* SK_d of the SA that was lost */
  guint8 keys[8][64];      /* SK_ai … SK_pr of the client's new SA */
  guint lens[8];
  gboolean is_watching;
} Heard;

static Heard heard;

static void
note (guint i, guint8 first, const guint8 *data, gsize len)
{
  if (!heard.messages[i])
    heard.messages[i] = g_byte_array_new ();
  g_byte_array_set_size (heard.messages[i], 0);
  g_byte_array_append (heard.messages[i], data, (guint) len);
  heard.firsts[i] = first;
}

static void
on_packet (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  if (heard.is_watching && event == IKE_SIM_SENT && packet->ike
      && packet->ike[18] == TICKETS_RESUME)
    note (packet->is_response, packet->ike[16], packet->ike,
          packet->len - (gsize) (packet->ike - packet->data));
}

static IkeHookVerdict
on_message (IkePlugin *self, IkeSa *sa, IkeMessageEvent *event)
{
  if (heard.is_watching && !event->is_inbound && event->exchange == TICKETS_AUTH)
    note (event->is_request ? 2 : 3, event->first_payload, event->plain, event->len);
  return IKE_HOOK_PASS;
}

static IkeHookVerdict
on_keys (IkePlugin *self, IkeSa *sa, IkeKeysEvent *event)
{
  if (!heard.is_watching || event->is_child || !ike_sa_is_initiator (sa))
    return IKE_HOOK_PASS;
  for (guint i = 0; i < 6; i++) {
    heard.lens[i] = event->keys[i]->len;
    memcpy (heard.keys[i], event->keys[i]->bytes, event->keys[i]->len);
  }
  return IKE_HOOK_PASS;
}

static IkeHookVerdict
on_updown (IkePlugin *self, IkeSa *sa, IkeUpDownEvent *event)
{
  if (event->is_up && !heard.is_watching && ike_sa_is_initiator (sa))
    g_assert_true (ike_sa_keys_keep (sa, &heard.kept));
  return IKE_HOOK_PASS;
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  return ike_message_hook_add (self, "bytes", NULL, on_message, error)
         && ike_keys_hook_add (self, "bytes", NULL, on_keys, error)
         && ike_ike_updown_hook_add (self, "bytes", NULL, on_updown, error);
}

static const IkePluginInfo bytes_plugin = {
  .struct_size = sizeof bytes_plugin,
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "bytes",
  .version = "0",
  .license = "Apache-2.0",
  .summary = "what two ends say to each other",
  .activate = activate,
};

/* RFC 5723, 7: "the Protocol ID and the SPI Size fields MUST both be sent as 0." */
static void
check_notify (const OctetsPayload *payload, guint type)
{
  g_assert_nonnull (payload);
  if (type)
    g_assert_cmpuint (octets_notify_type (payload), ==, type);
  g_assert_cmpuint (octets_notify_type (payload), !=, 0);
  g_assert_cmpuint (payload->body.data[0] | payload->body.data[1], ==, 0);
}

/* -- the exchange */

static const guint8 zero[8];

/* RFC 5723, 4.3.2, figure 4: "HDR, [N(COOKIE),] Ni, N(TICKET_OPAQUE) [,N+]"; "The exchange type in
 * HDR is set to 'IKE_SESSION_RESUME'", 38; "the SPIr value is set to 0"; "The SPI values and
 * Message ID fields behave similarly to IKE_SA_INIT." */
static IkePart
check_request (void)
{
  const GByteArray *m = heard.messages[0];
  OctetsPayload payloads[OCTETS_PAYLOADS_MAX];
  guint n = octets_split (m->data[16], m->data + 28, m->len - 28, payloads);

  g_assert_cmpint (memcmp (m->data, zero, 8), !=, 0);
  g_assert_cmpmem (m->data + 8, 8, zero, 8);
  g_assert_cmpuint (m->data[17], ==, 0x20);
  g_assert_cmpuint (m->data[18], ==, 38);
  g_assert_cmpuint (m->data[19], ==, IKE_FLAG_INITIATOR);
  g_assert_cmpmem (m->data + 20, 4, zero, 4);
  g_assert_cmpuint (payloads[0].type, ==, IKE_PAYLOAD_NONCE);
  g_assert_cmpuint (payloads[0].body.len, >=, 16);
  check_notify (&payloads[1], N_TICKET_OPAQUE);
  g_assert_null (octets_find (payloads, n, IKE_PAYLOAD_SA));
  g_assert_null (octets_find (payloads, n, IKE_PAYLOAD_KE));
  for (guint i = 2; i < n; i++)
    check_notify (&payloads[i], 0);
  return payloads[0].body;
}

/* Figure 5: "HDR, Nr [,N+]"; "The responder copies the SPIi value from the request, and the SPIr
 * value is set to a new, unique value." */
static IkePart
check_response (void)
{
  const GByteArray *m = heard.messages[1];
  OctetsPayload payloads[OCTETS_PAYLOADS_MAX];
  guint n = octets_split (m->data[16], m->data + 28, m->len - 28, payloads);

  g_assert_cmpmem (m->data, 8, heard.messages[0]->data, 8);
  g_assert_cmpint (memcmp (m->data + 8, zero, 8), !=, 0);
  g_assert_cmpuint (m->data[18], ==, 38);
  g_assert_cmpuint (m->data[19], ==, IKE_FLAG_RESPONSE);
  g_assert_cmpmem (m->data + 20, 4, zero, 4);
  g_assert_cmpuint (payloads[0].type, ==, IKE_PAYLOAD_NONCE);
  for (guint i = 1; i < n; i++)
    check_notify (&payloads[i], 0);
  return payloads[0].body;
}

/* 5.1, which octets_resume() quotes. */
static void
check_keys (const IkePart *ni, const IkePart *nr)
{
  OctetsKeys keys;
  const guint8 *wanted[] = { NULL, NULL, keys.ei, keys.er, keys.pi, keys.pr };
  static const guint lens[] = { 0, 0, OCTETS_KEY, OCTETS_KEY, OCTETS_MAC, OCTETS_MAC };

  g_assert_cmpuint (heard.kept.len, ==, OCTETS_MAC);
  octets_resume (heard.kept.bytes, ni, nr, heard.messages[1]->data, &keys);
  for (guint i = 0; i < G_N_ELEMENTS (lens); i++)
    g_assert_cmpmem (wanted[i], lens[i], heard.keys[i], heard.lens[i]);
}

/* 4.3.3: "AUTH = prf(SK_px, <message octets>)". */
static void
check_auth (const OctetsPayload *auth, const OctetsPayload *id, const guint8 *key,
            const GByteArray *message, const IkePart *nonce)
{
  g_assert_true (octets_is_auth (&auth->body, key, &(IkePart){ message->data, message->len }, nonce,
                                 key, &id->body));
}

static void
check_id (const OctetsPayload *id, const char *text)
{
  static const guint8 head[4] = { IKE_ID_FQDN };

  g_assert_nonnull (id);
  g_assert_cmpmem (id->body.data, 4, head, 4);
  g_assert_cmpmem (id->body.data + 4, id->body.len - 4, text, strlen (text));
}

static void
check_ike_auth (const IkePart *ni, const IkePart *nr)
{
  OctetsPayload ours[OCTETS_PAYLOADS_MAX], theirs[OCTETS_PAYLOADS_MAX];
  const GByteArray *request = heard.messages[2], *response = heard.messages[3];
  guint n = octets_split (heard.firsts[2], request->data, request->len, ours);
  guint k = octets_split (heard.firsts[3], response->data, response->len, theirs);
  const OctetsPayload *id_i = octets_find (ours, n, IKE_PAYLOAD_IDI),
                      *id_r = octets_find (theirs, k, IKE_PAYLOAD_IDR), *ticket;

  check_id (id_i, "a.test");
  check_id (id_r, "b.test");
  check_auth (octets_find (ours, n, IKE_PAYLOAD_AUTH), id_i, heard.keys[4], heard.messages[0], nr);
  check_auth (octets_find (theirs, k, IKE_PAYLOAD_AUTH), id_r, heard.keys[5], heard.messages[1],
              ni);
  /* "When resuming a session, a client will typically request a new ticket immediately". */
  ticket = octets_find_notify (ours, n, N_TICKET_REQUEST);
  check_notify (ticket, N_TICKET_REQUEST);
  g_assert_cmpuint (ticket->body.len, ==, 4);
  ticket = octets_find_notify (theirs, k, N_TICKET_LT_OPAQUE);
  check_notify (ticket, N_TICKET_LT_OPAQUE);
  /* 7.1: the lifetime in seconds, then the ticket. */
  g_assert_cmpmem (ticket->body.data + 4, 4, ((const guint8[]){ 0, 0, 3600 >> 8, 3600 & 0xff }), 4);
  g_assert_cmpuint (ticket->body.len, >, 100);
  g_assert_null (octets_find (ours, n, IKE_PAYLOAD_CERT));
  g_assert_nonnull (octets_find (ours, n, IKE_PAYLOAD_SA));
  g_assert_nonnull (octets_find (theirs, k, IKE_PAYLOAD_TSR));
}

/* 9.10: nothing in the clear tells who resumes. */
static void
check_privacy (void)
{
  for (guint i = 0; i < 2; i++)
    g_assert_null (memmem (heard.messages[i]->data, heard.messages[i]->len, ".test", 5));
}

static void
test_bytes (gconstpointer flags)
{
  static const IkePluginInfo *const builtin[] = { &bytes_plugin, NULL };
  static const char *const plugins[] = { "bytes", NULL };
  IkePart ni, nr;
  Tickets *t;

  memset (&heard, 0, sizeof heard);
  t = tickets_new (&(TicketsOptions){
      .flags = GPOINTER_TO_UINT (flags), .plugins = plugins, .builtin = builtin });
  t->pair->a.net_ops->tap_add (t->pair->a.net, on_packet, NULL);
  tickets_assert_full (t);
  tickets_lose (t);
  heard.is_watching = TRUE;
  tickets_assert_resumed (t);
  ni = check_request ();
  nr = check_response ();
  check_keys (&ni, &nr);
  check_ike_auth (&ni, &nr);
  check_privacy ();
  tickets_free (t);
  for (guint i = 0; i < 4; i++)
    g_byte_array_unref (heard.messages[i]);
  ike_secret_clear (&heard.kept);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("resumption", "every-byte-is-as-the-rfc-has-it", test_bytes);
  return g_test_run ();
}
