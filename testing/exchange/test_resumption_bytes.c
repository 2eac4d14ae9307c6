/* SPDX-License-Identifier: Apache-2.0 */
/* test_resumption_bytes.c - one resumption, byte by byte, as RFC 5723 has it: what is on the wire
 * is read here, and keys and AUTH are computed anew by GLib's HMAC. */
#define _GNU_SOURCE
#include "exchange/tickets.h"
#include <string.h>

enum {
  MAC_LEN = 32,
  N_TICKET_LT_OPAQUE = 16409,
  N_TICKET_REQUEST = 16410,
  N_TICKET_OPAQUE = 16413
};

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

/* -- by hand */

static void
hmac (const guint8 *key, gsize key_len, const IkePart *parts, guint n, guint8 out[MAC_LEN])
{
  GHmac *mac = g_hmac_new (G_CHECKSUM_SHA256, key, key_len);
  gsize len = MAC_LEN;

  for (guint i = 0; i < n; i++)
    if (parts[i].len)
      g_hmac_update (mac, parts[i].data, (gssize) parts[i].len);
  g_hmac_get_digest (mac, out, &len);
  g_hmac_unref (mac);
}

/* prf+ (RFC 7296, 2.13). */
static void
expand (const guint8 *key, const IkePart *seed, guint8 *out, gsize len)
{
  guint8 last[MAC_LEN], count = 1;
  gsize done = 0;

  while (done < len) {
    IkePart parts[] = { { last, done ? MAC_LEN : 0 }, *seed, { &count, 1 } };
    hmac (key, MAC_LEN, parts, 3, last);
    memcpy (out + done, last, MIN (MAC_LEN, len - done));
    done += MIN (MAC_LEN, len - done);
    count++;
  }
}

typedef struct {
  guint8 type, critical;
  const guint8 *body;
  gsize len;
} Payload;

/* The payloads of a chain, which fills it to the end. */
static guint
split (guint8 first, const guint8 *at, gsize len, Payload out[16])
{
  guint n = 0;

  while (first) {
    gsize size;
    g_assert_cmpuint (len, >=, 4);
    g_assert_cmpuint (n, <, 16);
    size = (gsize) at[2] << 8 | at[3];
    g_assert_cmpuint (size, >=, 4);
    g_assert_cmpuint (size, <=, len);
    out[n++] = (Payload){ first, at[1], at + 4, size - 4 };
    first = at[0];
    at += size;
    len -= size;
  }
  g_assert_cmpuint (len, ==, 0);
  return n;
}

static guint
notify_type (const Payload *payload)
{
  /* RFC 5723, 7: "the Protocol ID and the SPI Size fields MUST both be sent as 0." */
  g_assert_cmpuint (payload->type, ==, IKE_PAYLOAD_NOTIFY);
  g_assert_cmpuint (payload->body[0] | payload->body[1], ==, 0);
  return (guint) payload->body[2] << 8 | payload->body[3];
}

static const Payload *
find_notify (const Payload *payloads, guint n, guint type)
{
  for (guint i = 0; i < n; i++)
    if (payloads[i].type == IKE_PAYLOAD_NOTIFY
        && ((guint) payloads[i].body[2] << 8 | payloads[i].body[3]) == type)
      return &payloads[i];
  return NULL;
}

static const Payload *
find (const Payload *payloads, guint n, guint8 type)
{
  for (guint i = 0; i < n; i++)
    if (payloads[i].type == type)
      return &payloads[i];
  return NULL;
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
  Payload payloads[16];
  guint n = split (m->data[16], m->data + 28, m->len - 28, payloads);

  g_assert_cmpint (memcmp (m->data, zero, 8), !=, 0);
  g_assert_cmpmem (m->data + 8, 8, zero, 8);
  g_assert_cmpuint (m->data[17], ==, 0x20);
  g_assert_cmpuint (m->data[18], ==, 38);
  g_assert_cmpuint (m->data[19], ==, IKE_FLAG_INITIATOR);
  g_assert_cmpmem (m->data + 20, 4, zero, 4);
  g_assert_cmpuint (payloads[0].type, ==, IKE_PAYLOAD_NONCE);
  g_assert_cmpuint (payloads[0].len, >=, 16);
  g_assert_cmpuint (notify_type (&payloads[1]), ==, N_TICKET_OPAQUE);
  g_assert_null (find (payloads, n, IKE_PAYLOAD_SA));
  g_assert_null (find (payloads, n, IKE_PAYLOAD_KE));
  for (guint i = 2; i < n; i++)
    notify_type (&payloads[i]);
  return (IkePart){ payloads[0].body, payloads[0].len };
}

/* Figure 5: "HDR, Nr [,N+]"; "The responder copies the SPIi value from the request, and the SPIr
 * value is set to a new, unique value." */
static IkePart
check_response (void)
{
  const GByteArray *m = heard.messages[1];
  Payload payloads[16];
  guint n = split (m->data[16], m->data + 28, m->len - 28, payloads);

  g_assert_cmpmem (m->data, 8, heard.messages[0]->data, 8);
  g_assert_cmpint (memcmp (m->data + 8, zero, 8), !=, 0);
  g_assert_cmpuint (m->data[18], ==, 38);
  g_assert_cmpuint (m->data[19], ==, IKE_FLAG_RESPONSE);
  g_assert_cmpmem (m->data + 20, 4, zero, 4);
  g_assert_cmpuint (payloads[0].type, ==, IKE_PAYLOAD_NONCE);
  for (guint i = 1; i < n; i++)
    notify_type (&payloads[i]);
  return (IkePart){ payloads[0].body, payloads[0].len };
}

/* 5.1: "SKEYSEED = prf(SK_d_old, "Resumption" | Ni | Nr)"; "{SK_d | SK_ai | SK_ar | SK_ei | SK_er |
 * SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr)". */
static void
check_keys (const IkePart *ni, const IkePart *nr)
{
  const IkePart parts[] = { { (const guint8 *) "Resumption", 10 }, *ni, *nr };
  guint8 skeyseed[MAC_LEN], stream[512];
  g_autoptr (GByteArray) seed = g_byte_array_new ();
  gsize at = MAC_LEN;

  g_assert_cmpuint (heard.kept.len, ==, MAC_LEN);
  hmac (heard.kept.bytes, heard.kept.len, parts, 3, skeyseed);
  g_byte_array_append (seed, ni->data, (guint) ni->len);
  g_byte_array_append (seed, nr->data, (guint) nr->len);
  g_byte_array_append (seed, heard.messages[1]->data, 16);
  expand (skeyseed, &(IkePart){ seed->data, seed->len }, stream, sizeof stream);
  for (guint i = 0; i < 6; i++) {
    g_assert_cmpmem (stream + at, heard.lens[i], heard.keys[i], heard.lens[i]);
    at += heard.lens[i];
  }
  g_assert_cmpuint (heard.lens[2], ==, 36);
  g_assert_cmpuint (at, ==, MAC_LEN + 2 * 36 + 2 * MAC_LEN);
}

/* 4.3.3: "AUTH = prf(SK_px, <message octets>)"; RFC 7296, 2.15: "RealMessage1 | NonceRData |
 * MACedIDForI", "MACedIDForI = prf(SK_pi, RestOfInitIDPayload)". */
static void
check_auth (const Payload *auth, const Payload *id, const guint8 *key, const GByteArray *message,
            const IkePart *nonce)
{
  guint8 maced[MAC_LEN], value[MAC_LEN];
  const IkePart rest = { id->body, id->len };

  hmac (key, MAC_LEN, &rest, 1, maced);
  hmac (key, MAC_LEN,
        (const IkePart[]){ { message->data, message->len }, *nonce, { maced, MAC_LEN } }, 3, value);
  g_assert_cmpuint (auth->body[0], ==, 2);
  g_assert_cmpuint (auth->body[1] | auth->body[2] | auth->body[3], ==, 0);
  g_assert_cmpmem (auth->body + 4, auth->len - 4, value, MAC_LEN);
}

static void
check_id (const Payload *id, const char *text)
{
  static const guint8 head[4] = { IKE_ID_FQDN };

  g_assert_nonnull (id);
  g_assert_cmpmem (id->body, 4, head, 4);
  g_assert_cmpmem (id->body + 4, id->len - 4, text, strlen (text));
}

static void
check_ike_auth (const IkePart *ni, const IkePart *nr)
{
  Payload ours[16], theirs[16];
  const GByteArray *request = heard.messages[2], *response = heard.messages[3];
  guint n = split (heard.firsts[2], request->data, request->len, ours);
  guint k = split (heard.firsts[3], response->data, response->len, theirs);
  const Payload *ticket;

  check_id (find (ours, n, IKE_PAYLOAD_IDI), "a.test");
  check_id (find (theirs, k, IKE_PAYLOAD_IDR), "b.test");
  check_auth (find (ours, n, IKE_PAYLOAD_AUTH), find (ours, n, IKE_PAYLOAD_IDI), heard.keys[4],
              heard.messages[0], nr);
  check_auth (find (theirs, k, IKE_PAYLOAD_AUTH), find (theirs, k, IKE_PAYLOAD_IDR), heard.keys[5],
              heard.messages[1], ni);
  /* "When resuming a session, a client will typically request a new ticket immediately". */
  ticket = find_notify (ours, n, N_TICKET_REQUEST);
  g_assert_nonnull (ticket);
  g_assert_cmpuint (ticket->len, ==, 4);
  ticket = find_notify (theirs, k, N_TICKET_LT_OPAQUE);
  g_assert_nonnull (ticket);
  g_assert_cmpuint (notify_type (ticket), ==, N_TICKET_LT_OPAQUE);
  /* 7.1: the lifetime in seconds, then the ticket. */
  g_assert_cmpmem (ticket->body + 4, 4, ((const guint8[]){ 0, 0, 3600 >> 8, 3600 & 0xff }), 4);
  g_assert_cmpuint (ticket->len, >, 100);
  g_assert_null (find (ours, n, IKE_PAYLOAD_CERT));
  g_assert_nonnull (find (ours, n, IKE_PAYLOAD_SA));
  g_assert_nonnull (find (theirs, k, IKE_PAYLOAD_TSR));
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
