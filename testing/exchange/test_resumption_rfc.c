/* SPDX-License-Identifier: Apache-2.0 */
/* test_resumption_rfc.c - what was recorded in resumption.txt, against RFC 5723, section by
 * section.
 *
 * No engine runs here, and nothing that engines have is used: payloads are read, and keys and AUTH
 * computed, by octets.c.  So this is what another implementation would have to say of it. */
#define _GNU_SOURCE
#include "exchange/frozen.h"
#include "exchange/octets.h"
#include <string.h>

/* As IANA has them. */
enum { SA = 33, KE, IDI, IDR, CERT, CERTREQ, AUTH, NONCE, NOTIFY, TSI = 44, TSR, SK, EAP = 48 };
enum { SA_INIT = 34, IKE_AUTH, CREATE_CHILD, INFORMATIONAL, SESSION_RESUME };
enum {
  COOKIE = 16390,
  REDIRECT = 16407,
  REDIRECTED_FROM,
  TICKET_LT_OPAQUE,
  TICKET_REQUEST,
  TICKET_ACK,
  TICKET_NACK,
  TICKET_OPAQUE
};
enum { INITIATOR = 0x08, RESPONSE = 0x20 };

static const guint8 zero[8];

/* -- a run, read */

typedef struct {
  const char *from, *to;
  IkePart raw;
  guint8 exchange, flags;
  gboolean is_sealed;
  guint8 *plain;
  guint n;
  OctetsPayload payloads[OCTETS_PAYLOADS_MAX];
} Said;

typedef struct {
  guint8 spis[16];
  OctetsKeys keys;
} Keys;

typedef struct {
  IkePart psk;
  GPtrArray *said; /* Said */
  GArray *keys;    /* Keys */
} Run;

static GPtrArray *recorded;

static void
said_free (gpointer data)
{
  Said *said = data;

  g_free (said->plain);
  g_free (said);
}

static const Keys *
keys_of (const Run *run, const guint8 *spis)
{
  for (guint i = 0; i < run->keys->len; i++) {
    const Keys *keys = &g_array_index (run->keys, Keys, i);
    if (!memcmp (keys->spis, spis, 16))
      return keys;
  }
  g_error ("a message of an IKE SA whose keys were not recorded");
}

static void
read_message (Run *run, const FrozenItem *item)
{
  Said *said = g_new0 (Said, 1);
  const guint8 *data = item->bytes->data;
  gsize len = item->bytes->len;
  const Keys *keys;

  g_assert_cmpuint (len, >=, OCTETS_HEADER + 4);
  g_assert_cmpuint ((gsize) data[26] << 8 | data[27], ==, len);
  *said = (Said){ .from = item->words[1],
                  .to = item->words[2],
                  .raw = { data, len },
                  .exchange = data[18],
                  .flags = data[19],
                  .is_sealed = data[16] == SK };
  g_ptr_array_add (run->said, said);
  if (!said->is_sealed) {
    said->n = octets_split (data[16], data + OCTETS_HEADER, len - OCTETS_HEADER, said->payloads);
    return;
  }
  keys = keys_of (run, data);
  said->plain = g_malloc (len);
  g_assert_true (octets_open (&said->raw, said->flags & INITIATOR ? keys->keys.ei : keys->keys.er,
                              said->plain, &len));
  said->n = octets_split (data[OCTETS_HEADER], said->plain, len, said->payloads);
}

static void
read_keys (Run *run, const FrozenItem *item)
{
  Keys keys;

  g_assert_cmpuint (item->bytes->len, ==, sizeof keys.keys);
  memcpy (&keys.keys, item->bytes->data, sizeof keys.keys);
  for (guint i = 0; i < 2; i++) {
    guint64 spi = GUINT64_TO_BE (g_ascii_strtoull (item->words[1 + i], NULL, 16));
    memcpy (keys.spis + 8 * i, &spi, 8);
  }
  g_array_append_val (run->keys, keys);
}

static Run *
open_run (const char *name)
{
  const FrozenRun *frozen = frozen_find (recorded, name);
  Run *run = g_new0 (Run, 1);

  run->said = g_ptr_array_new_with_free_func (said_free);
  run->keys = g_array_new (FALSE, FALSE, sizeof (Keys));
  for (guint i = 0; i < frozen->items->len; i++) {
    const FrozenItem *item = frozen->items->pdata[i];
    if (!strcmp (item->words[0], "message"))
      read_message (run, item);
    else if (!strcmp (item->words[0], "keys"))
      read_keys (run, item);
    else
      run->psk = (IkePart){ item->bytes->data, item->bytes->len };
  }
  return run;
}

static void
close_run (Run *run)
{
  g_ptr_array_unref (run->said);
  g_array_unref (run->keys);
  g_free (run);
}

/* -- what is in it */

static gboolean
is_response (const Said *said)
{
  return (said->flags & RESPONSE) != 0;
}

/* The @nth (from 0) request or response of @exchange; NULL: there are not so many. */
static const Said *
nth (const Run *run, guint exchange, gboolean response, guint n)
{
  for (guint i = 0; i < run->said->len; i++) {
    const Said *said = run->said->pdata[i];
    if (said->exchange == exchange && is_response (said) == response && n-- == 0)
      return said;
  }
  return NULL;
}

static const Said *
last (const Run *run, guint exchange, gboolean response)
{
  const Said *found = NULL, *said;

  for (guint i = 0; (said = nth (run, exchange, response, i)); i++)
    found = said;
  g_assert_nonnull (found);
  return found;
}

static const IkePart *
body (const Said *said, guint8 type)
{
  const OctetsPayload *payload = octets_find (said->payloads, said->n, type);

  return payload ? &payload->body : NULL;
}

static const IkePart *
must_have (const Said *said, guint8 type)
{
  const IkePart *found = said ? body (said, type) : NULL;

  if (!found)
    g_error ("there is no payload %u", type);
  return found;
}

/* What is behind the head of a Notify; FALSE: there is none of that type. */
static gboolean
notify (const Said *said, guint type, IkePart *data)
{
  const OctetsPayload *payload = octets_find_notify (said->payloads, said->n, type);

  *data =
      payload ? (IkePart){ payload->body.data + 4, payload->body.len - 4 } : (IkePart){ NULL, 0 };
  return payload != NULL;
}

static gboolean
has_empty (const Said *said, guint type)
{
  IkePart data;

  return notify (said, type, &data) && data.len == 0;
}

static gboolean
is_equal (const IkePart *a, const IkePart *b)
{
  return a->len == b->len && !memcmp (a->data, b->data, a->len);
}

/* The ticket that @said gives. */
static IkePart
given (const Said *said)
{
  IkePart data;

  g_assert_true (notify (said, TICKET_LT_OPAQUE, &data));
  g_assert_cmpuint (data.len, >, 4);
  return (IkePart){ data.data + 4, data.len - 4 };
}

static IkePart
first_given (const Run *run)
{
  const Said *said;

  for (guint i = 0; (said = nth (run, IKE_AUTH, TRUE, i)); i++)
    if (octets_find_notify (said->payloads, said->n, TICKET_LT_OPAQUE))
      return given (said);
  g_error ("no ticket is given");
}

static guint32
message_id (const Said *said)
{
  const guint8 *at = said->raw.data + 20;

  return (guint32) at[0] << 24 | (guint32) at[1] << 16 | (guint32) at[2] << 8 | at[3];
}

static void
assert_spis (const Said *said, const guint8 *spi_i, const guint8 *spi_r)
{
  g_assert_cmpmem (said->raw.data, 8, spi_i, 8);
  g_assert_cmpmem (said->raw.data + 8, 8, spi_r, 8);
}

/* -- 4.1, 4.2 */

static const char *const all[] = { "by-value", "by-reference", "refused", "not-given", "later",
                                   "rekeyed",  "eap",          "cookie",  "redirect" };
/* Those at whose end an IKE SA is that was resumed. */
static const char *const resumed[] = { "by-value", "by-reference", "eap", "cookie", "redirect" };

/* 4.1: "All such Informational exchanges MUST be initiated by the client."  4.2: "When a
 * multi-round-trip IKE_AUTH exchange is used, the N(TICKET_REQUEST) payload MUST be included in the
 * first IKE_AUTH request". */
static void
test_requested (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (all); i++) {
    Run *run = open_run (all[i]);
    g_assert_true (has_empty (nth (run, IKE_AUTH, FALSE, 0), TICKET_REQUEST));
    for (guint k = 0; k < run->said->len; k++) {
      const Said *said = run->said->pdata[k];
      if (!octets_find_notify (said->payloads, said->n, TICKET_REQUEST))
        continue;
      g_assert_true (said->is_sealed);
      g_assert_false (is_response (said));
      g_assert_cmpstr (said->from, ==, "10.0.0.1");
      g_assert_true (said->exchange != IKE_AUTH || message_id (said) == 1);
    }
    close_run (run);
  }
}

/* 4.1: "it creates a ticket and returns it with the N(TICKET_LT_OPAQUE) payload".  Figure 3:
 * "HDR, SK {IDr, [CERT,] AUTH, SAr2, TSi, TSr, N(TICKET_LT_OPAQUE) }".  4.2: it "MUST only be
 * returned in the final IKE_AUTH response." */
static void
test_given (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (resumed); i++) {
    Run *run = open_run (resumed[i]);
    const Said *said, *first = nth (run, IKE_AUTH, TRUE, 0);
    guint n = 0;
    must_have (first, IDR);
    must_have (first, AUTH);
    for (guint k = 0; (said = nth (run, IKE_AUTH, TRUE, k)); k++)
      if (octets_find_notify (said->payloads, said->n, TICKET_LT_OPAQUE)) {
        must_have (said, AUTH);
        must_have (said, SA);
        must_have (said, TSI);
        must_have (said, TSR);
        n++;
      }
    g_assert_cmpuint (n, ==, 2);
    close_run (run);
  }
}

/* "it returns an N(TICKET_NACK) payload, if it refuses to grant a ticket for some reason."
 * "Regardless of this choice, there is no change to the behavior of the responder with respect to
 * the IKE exchange". */
static void
test_not_given (void)
{
  Run *run = open_run ("not-given");
  const Said *said = last (run, IKE_AUTH, TRUE);

  g_assert_true (has_empty (said, TICKET_NACK));
  g_assert_null (octets_find_notify (said->payloads, said->n, TICKET_LT_OPAQUE));
  must_have (said, AUTH);
  must_have (said, SA);
  close_run (run);
}

/* The request that asks for a ticket outside of IKE_AUTH, and its answer has one. */
static const Said *
asked_alone (const Run *run)
{
  const Said *said, *answer = last (run, INFORMATIONAL, TRUE);

  for (guint i = 0; (said = nth (run, INFORMATIONAL, FALSE, i)); i++)
    if (message_id (said) == message_id (answer) && has_empty (said, TICKET_REQUEST)) {
      assert_spis (answer, said->raw.data, said->raw.data + 8);
      given (answer);
      return said;
    }
  g_error ("nobody asks for a ticket");
}

/* 4.1: "it returns an N(TICKET_ACK), if it cannot grant a ticket immediately, e.g., due to packet
 * size limitations.  In this case, the client MAY request a ticket later using an Informational
 * exchange". */
static void
test_later (void)
{
  Run *run = open_run ("later");
  const Said *said = last (run, IKE_AUTH, TRUE);

  g_assert_true (has_empty (said, TICKET_ACK));
  g_assert_null (octets_find_notify (said->payloads, said->n, TICKET_LT_OPAQUE));
  must_have (said, AUTH);
  must_have (said, SA);
  asked_alone (run);
  close_run (run);
}

/* 6.2: "When the IKE SA is rekeyed, the ticket is invalidated, and the client SHOULD request a new
 * ticket": of the new SA. */
static void
test_rekeyed (void)
{
  Run *run = open_run ("rekeyed");
  const Said *said = asked_alone (run);
  IkePart before = given (last (run, IKE_AUTH, TRUE)),
          after = given (last (run, INFORMATIONAL, TRUE));

  g_assert_cmpint (memcmp (said->raw.data, nth (run, SA_INIT, TRUE, 0)->raw.data, 16), !=, 0);
  g_assert_false (is_equal (&before, &after));
  close_run (run);
}

/* -- 4.3.2 */

/* Figure 4: "HDR, [N(COOKIE),] Ni, N(TICKET_OPAQUE) [,N+]"; "The initiator sets the SPIi ...
 * value in the HDR to a new, unique value and the SPIr value is set to 0."  5: "Reset to 0 in
 * IKE_SESSION_RESUME".  The ticket is the one that was given. */
static void
check_resume_request (const Run *run, const Said *said)
{
  IkePart ticket = first_given (run), presented;

  g_assert_cmpuint (said->raw.data[17], ==, 0x20);
  g_assert_cmpuint (said->flags, ==, INITIATOR);
  g_assert_cmpuint (message_id (said), ==, 0);
  g_assert_cmpmem (said->raw.data + 8, 8, zero, 8);
  g_assert_cmpint (memcmp (said->raw.data, zero, 8), !=, 0);
  g_assert_cmpint (memcmp (said->raw.data, nth (run, SA_INIT, FALSE, 0)->raw.data, 8), !=, 0);
  g_assert_false (said->is_sealed);
  g_assert_true (notify (said, TICKET_OPAQUE, &presented));
  g_assert_true (is_equal (&presented, &ticket));
  for (guint i = 0; i < said->n; i++)
    g_assert_true (said->payloads[i].type == NONCE || said->payloads[i].type == NOTIFY);
  g_assert_cmpuint (must_have (said, NONCE)->len, >=, 16);
}

/* Ni before the ticket, and a cookie before both. */
static void
check_order (const Said *said)
{
  gboolean has_cookie = octets_notify_type (&said->payloads[0]) == COOKIE;

  g_assert_cmpuint (said->n, >=, 2u + has_cookie);
  g_assert_cmpuint (said->payloads[has_cookie].type, ==, NONCE);
  g_assert_cmpuint (octets_notify_type (&said->payloads[1 + has_cookie]), ==, TICKET_OPAQUE);
}

static void
test_presented (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (all); i++) {
    Run *run = open_run (all[i]);
    const Said *said;
    for (guint k = 0; (said = nth (run, SESSION_RESUME, FALSE, k)); k++) {
      check_resume_request (run, said);
      check_order (said);
    }
    close_run (run);
  }
}

/* Figure 5: "HDR, Nr [,N+]"; "The responder copies the SPIi value from the request, and the SPIr
 * value is set to a new, unique value."  5, note 4: SPIs of the old SA "MUST NOT be used for the
 * resumed SA." */
static void
test_accepted (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (resumed); i++) {
    Run *run = open_run (resumed[i]);
    const Said *request = last (run, SESSION_RESUME, FALSE),
               *said = last (run, SESSION_RESUME, TRUE);
    g_assert_cmpmem (said->raw.data, 8, request->raw.data, 8);
    g_assert_cmpint (memcmp (said->raw.data + 8, zero, 8), !=, 0);
    g_assert_cmpint (memcmp (said->raw.data + 8, last (run, SA_INIT, TRUE)->raw.data + 8, 8), !=,
                     0);
    g_assert_cmpuint (said->flags, ==, RESPONSE);
    g_assert_cmpuint (message_id (said), ==, 0);
    g_assert_cmpuint (said->payloads[0].type, ==, NONCE);
    g_assert_cmpuint (said->payloads[0].body.len, >=, 16);
    g_assert_false (is_equal (&said->payloads[0].body, must_have (request, NONCE)));
    for (guint k = 1; k < said->n; k++)
      g_assert_cmpuint (said->payloads[k].type, ==, NOTIFY);
    close_run (run);
  }
}

/* "It responds with an unprotected N(TICKET_NACK) notification, if it rejects the ticket for any
 * reason.  In that case, the initiator should re-initiate a regular IKE exchange." */
static void
test_refused (void)
{
  Run *run = open_run ("refused");
  const Said *said = nth (run, SESSION_RESUME, TRUE, 0), *next = nth (run, SA_INIT, FALSE, 1);

  assert_spis (said, nth (run, SESSION_RESUME, FALSE, 0)->raw.data, zero);
  g_assert_cmpuint (said->flags, ==, RESPONSE);
  g_assert_cmpuint (said->n, ==, 1);
  g_assert_true (has_empty (said, TICKET_NACK));
  g_assert_null (nth (run, SESSION_RESUME, FALSE, 1));
  must_have (next, SA);
  must_have (next, KE);
  must_have (next, NONCE);
  /* A new ticket comes with it. */
  given (last (run, IKE_AUTH, TRUE));
  close_run (run);
}

/* "The first message MAY be rejected in denial-of-service (DoS) situations, with the initiator
 * instructed to send a cookie."  RFC 7296, 2.6: "the initiator MUST repeat the ... request, and
 * include the COOKIE notification ... as the first payload, and all other payloads unchanged." */
static void
test_cookie (void)
{
  Run *run = open_run ("cookie");
  const Said *first = nth (run, SESSION_RESUME, FALSE, 0),
             *said = nth (run, SESSION_RESUME, TRUE, 0),
             *again = nth (run, SESSION_RESUME, FALSE, 1);

  assert_spis (said, first->raw.data, zero);
  g_assert_cmpuint (said->n, ==, 1);
  g_assert_cmpuint (octets_notify_type (&said->payloads[0]), ==, COOKIE);
  g_assert_true (is_equal (&again->payloads[0].body, &said->payloads[0].body));
  assert_spis (again, first->raw.data, zero);
  g_assert_cmpuint (again->n, ==, first->n + 1);
  for (guint i = 0; i < first->n; i++) {
    g_assert_cmpuint (again->payloads[i + 1].type, ==, first->payloads[i].type);
    g_assert_true (is_equal (&again->payloads[i + 1].body, &first->payloads[i].body));
  }
  close_run (run);
}

/* 5: "Peer supports redirects [RFC5685]: From new exchange".  RFC 5685, 3: the answer has "the
 * nonce data from the Ni payload"; at the new gateway "the client MUST include the
 * REDIRECTED_FROM payload".  The ticket was not used by that (4.3.1). */
static void
test_redirected (void)
{
  static const guint8 there[] = { 1, 4, 10, 0, 0, 3 }, from[] = { 1, 4, 10, 0, 0, 2 };
  Run *run = open_run ("redirect");
  const Said *first = nth (run, SESSION_RESUME, FALSE, 0),
             *said = nth (run, SESSION_RESUME, TRUE, 0),
             *again = nth (run, SESSION_RESUME, FALSE, 1);
  const IkePart *ni = must_have (first, NONCE);
  IkePart data;

  assert_spis (said, first->raw.data, zero);
  g_assert_cmpuint (said->n, ==, 1);
  g_assert_true (notify (said, REDIRECT, &data));
  g_assert_cmpmem (data.data, sizeof there, there, sizeof there);
  g_assert_cmpmem (data.data + sizeof there, data.len - sizeof there, ni->data, ni->len);
  g_assert_cmpstr (first->to, ==, "10.0.0.2");
  g_assert_cmpstr (again->to, ==, "10.0.0.3");
  g_assert_true (notify (again, REDIRECTED_FROM, &data));
  g_assert_cmpmem (data.data, data.len, from, sizeof from);
  close_run (run);
}

/* -- 4.3.3 */

/* "AUTH = prf(SK_px, <message octets>)"; "The exact material to be signed is defined in Section
 * 2.15". The messages are those of IKE_SESSION_RESUME that led here, and the rounds of a method
 * are gone. */
static void
test_auth (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (resumed); i++) {
    Run *run = open_run (resumed[i]);
    const Said *message_1 = last (run, SESSION_RESUME, FALSE),
               *message_2 = last (run, SESSION_RESUME, TRUE),
               *request = last (run, IKE_AUTH, FALSE), *answer = last (run, IKE_AUTH, TRUE);
    const OctetsKeys *keys = &keys_of (run, answer->raw.data)->keys;
    assert_spis (request, message_2->raw.data, message_2->raw.data + 8);
    g_assert_cmpuint (message_id (request), ==, 1);
    g_assert_cmpuint (message_id (answer), ==, 1);
    g_assert_null (body (answer, EAP));
    g_assert_true (octets_is_auth (must_have (request, AUTH), keys->pi, &message_1->raw,
                                   must_have (message_2, NONCE), keys->pi,
                                   must_have (request, IDI)));
    g_assert_true (octets_is_auth (must_have (answer, AUTH), keys->pr, &message_2->raw,
                                   must_have (message_1, NONCE), keys->pr,
                                   must_have (answer, IDR)));
    close_run (run);
  }
}

/* RFC 7296, 2.15: "AUTH = prf( prf(Shared Secret, "Key Pad for IKEv2"),
 * <InitiatorSignedOctets>)": so it is where no ticket was taken.  @init, @auth: which
 * IKE_SA_INIT, and the answer to it. */
static void
check_with_psk (const char *name, guint init, guint auth)
{
  Run *run = open_run (name);
  const Said *message_1 = nth (run, SA_INIT, FALSE, init),
             *message_2 = nth (run, SA_INIT, TRUE, init),
             *request = nth (run, IKE_AUTH, FALSE, auth), *answer = nth (run, IKE_AUTH, TRUE, auth);
  const OctetsKeys *keys = &keys_of (run, answer->raw.data)->keys;
  guint8 key[OCTETS_MAC];

  octets_hmac (run->psk.data, run->psk.len, &(IkePart){ (const guint8 *) "Key Pad for IKEv2", 17 },
               1, key);
  g_assert_true (octets_is_auth (must_have (answer, AUTH), key, &message_2->raw,
                                 must_have (message_1, NONCE), keys->pr, must_have (answer, IDR)));
  /* With EAP the client has no part of that. */
  if (strcmp (name, "eap"))
    g_assert_true (octets_is_auth (must_have (request, AUTH), key, &message_1->raw,
                                   must_have (message_2, NONCE), keys->pi,
                                   must_have (request, IDI)));
  close_run (run);
}

static void
test_auth_without (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    check_with_psk (all[i], strcmp (all[i], "cookie") ? 0 : 1, 0);
  check_with_psk ("refused", 1, 1);
}

/* "The IDi value sent in the IKE_AUTH exchange MUST be identical to the value included in the
 * ticket. A CERT payload MUST NOT be included in this exchange"; "the IDr value sent ... MUST
 * also be identical". */
static void
test_identities (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (resumed); i++) {
    Run *run = open_run (resumed[i]);
    const Said *request = last (run, IKE_AUTH, FALSE), *answer = last (run, IKE_AUTH, TRUE);
    const IkePart *idr = body (request, IDR),
                  *old_idr = must_have (nth (run, IKE_AUTH, TRUE, 0), IDR);
    g_assert_true (
        is_equal (must_have (request, IDI), must_have (nth (run, IKE_AUTH, FALSE, 0), IDI)));
    g_assert_true (is_equal (must_have (answer, IDR), old_idr));
    g_assert_true (!idr || is_equal (idr, old_idr));
    g_assert_null (body (request, CERT));
    g_assert_null (body (answer, CERT));
    close_run (run);
  }
}

/* "The N(TICKET_REQUEST) and N(TICKET_LT_OPAQUE) notifications will be included in the IKE_AUTH
 * exchange that follows".  9.8 and 4.3.1: each is for one time, so it is another. */
static void
test_next_ticket (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (resumed); i++) {
    Run *run = open_run (resumed[i]);
    IkePart used, next = given (last (run, IKE_AUTH, TRUE));
    g_assert_true (has_empty (last (run, IKE_AUTH, FALSE), TICKET_REQUEST));
    g_assert_true (notify (last (run, SESSION_RESUME, FALSE), TICKET_OPAQUE, &used));
    g_assert_false (is_equal (&used, &next));
    close_run (run);
  }
}

/* -- 5.1, 6.1, 7, 9.10 */

/* What octets_resume() quotes. */
static void
test_keys (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (resumed); i++) {
    Run *run = open_run (resumed[i]);
    const Said *request = last (run, SESSION_RESUME, FALSE),
               *answer = last (run, SESSION_RESUME, TRUE);
    const Keys *old = keys_of (run, last (run, SA_INIT, TRUE)->raw.data),
               *new_ = keys_of (run, answer->raw.data);
    OctetsKeys keys;
    octets_resume (old->keys.d, must_have (request, NONCE), must_have (answer, NONCE),
                   answer->raw.data, &keys);
    g_assert_cmpmem (&keys, sizeof keys, &new_->keys, sizeof new_->keys);
    close_run (run);
  }
}

/* 6.1: a ticket by value "MUST be integrity protected and encrypted" and has "a key identity
 * field"; one by reference "does not contain any sensitive material".  9.10: nothing in the
 * clear tells who it is. */
static void
test_ticket (void)
{
  static const guint8 key_id[] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77 };
  Run *group = open_run ("redirect"), *by_value = open_run ("by-value"),
      *by_reference = open_run ("by-reference");
  IkePart value = given (last (by_value, IKE_AUTH, TRUE)),
          reference = given (last (by_reference, IKE_AUTH, TRUE)),
          of_group = given (last (group, IKE_AUTH, TRUE));

  g_assert_cmpuint (reference.len, <, value.len / 2);
  g_assert_nonnull (memmem (of_group.data, of_group.len, key_id, sizeof key_id));
  close_run (group);
  close_run (by_value);
  close_run (by_reference);
  for (guint i = 0; i < G_N_ELEMENTS (all); i++) {
    Run *run = open_run (all[i]);
    for (guint k = 0; k < run->said->len; k++) {
      const Said *said = run->said->pdata[k];
      const Keys *keys = &g_array_index (run->keys, Keys, 0);
      g_assert_null (memmem (said->raw.data, said->raw.len, ".test", 5));
      g_assert_null (memmem (said->raw.data, said->raw.len, keys->keys.d, 8));
    }
    close_run (run);
  }
}

/* 7: "the Protocol ID and the SPI Size fields MUST both be sent as 0"; the data of
 * TICKET_REQUEST, _ACK and _NACK are none.  7.1: "The four octet Lifetime field ... the number
 * of seconds until the ticket expires"; 6.2: "a finite lifetime MUST be specified": an hour, by
 * the settings. */
static void
test_notifies (void)
{
  static const guint8 hour[] = { 0, 0, 3600 >> 8, 3600 & 0xff };
  guint n[5] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (all); i++) {
    Run *run = open_run (all[i]);
    for (guint k = 0; k < run->said->len; k++) {
      const Said *said = run->said->pdata[k];
      for (guint p = 0; p < said->n; p++) {
        const IkePart *it = &said->payloads[p].body;
        guint type = octets_notify_type (&said->payloads[p]);
        if (type < TICKET_LT_OPAQUE || type > TICKET_OPAQUE)
          continue;
        n[type - TICKET_LT_OPAQUE]++;
        g_assert_cmpuint (it->data[0] | it->data[1] | said->payloads[p].critical, ==, 0);
        g_assert_true ((it->len == 4) == (type != TICKET_LT_OPAQUE && type != TICKET_OPAQUE));
        if (type == TICKET_LT_OPAQUE)
          g_assert_cmpmem (it->data + 4, 4, hour, 4);
      }
    }
    close_run (run);
  }
  for (guint i = 0; i < G_N_ELEMENTS (n); i++)
    g_assert_cmpuint (n[i], >, 0);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*run) (void);
  } tests[] = {
    { "4.1-a-ticket-is-asked-for-in-the-first-request-of-ike-auth", test_requested },
    { "4.1-and-refused-without-harm", test_not_given },
    { "4.1-and-given-later", test_later },
    { "4.2-it-comes-in-the-last-answer-of-ike-auth", test_given },
    { "4.3.2-what-was-given-is-presented", test_presented },
    { "4.3.2-and-accepted", test_accepted },
    { "4.3.2-or-refused-and-a-full-handshake-follows", test_refused },
    { "4.3.2-a-cookie-comes-first-and-the-rest-stays", test_cookie },
    { "4.3.2-another-gateway-gets-the-same-ticket", test_redirected },
    { "4.3.3-auth-is-made-of-the-new-sk-p", test_auth },
    { "4.3.3-and-of-the-secret-where-nothing-was-resumed", test_auth_without },
    { "4.3.3-identities-are-those-of-the-ticket", test_identities },
    { "4.3.3-the-next-ticket-comes-with-it", test_next_ticket },
    { "5.1-keys-come-of-the-old-sk-d", test_keys },
    { "6.1-a-ticket-tells-nothing", test_ticket },
    { "6.2-another-sa-has-another-ticket", test_rekeyed },
    { "7-notifies-have-their-numbers-and-no-spi", test_notifies },
  };
  g_autofree char *text = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  text = frozen_text ("resumption.txt");
  recorded = frozen_read (text);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++) {
    g_autofree char *path = g_strconcat ("/rfc5723/", tests[i].name, NULL);
    g_test_add_func (path, tests[i].run);
  }
  status = g_test_run ();
  g_ptr_array_unref (recorded);
  return status;
}
