/* SPDX-License-Identifier: Apache-2.0 */
/* first.h - first messages of strangers, and what they are answered; for the programs about floods. */
#pragma once
#include "exchange/attacks.h"

enum { FIRST_MAX = 8192, FIRST_NOTIFIES_MAX = 8 };

/* What is in one, beside the proposal (aes256gcm16-prfsha256-x25519) and a public value. */
typedef struct {
  guint64       spi;                          /* 0: SPI */
  const char   *from;                         /* NULL: 172.16.0.1 */
  guint16       port;                         /* 0: 500 */
  guint8        nonce;                        /* all of its bytes */
  gsize         nonce_len;                    /* 0: 128, so that no answer is longer than it */
  const guint8 *cookie;                       /* NULL: none */
  gsize         cookie_len;
  const guint8 *solution;                     /* of a puzzle; NULL: none */
  gsize         solution_len;
} First;

/* What came back of it. */
typedef struct {
  gboolean is_there;
  gsize    len;
  guint8   first;                             /* type of its first payload */
  int      says;                              /* forge_says() */
  guint8   cookie[64];
  gsize    cookie_len;
  guint8   puzzle[3];                         /* PRF, difficulty */
  gboolean has_puzzle;
} FirstAnswer;

static inline gsize
first_write (Forge *forge, const First *first, guint8 *out)
{
  static const guint8 sa[] = { 0, 0, 0, 36, 1, 1, 0, 3, 3, 0, 0, 12, 1, 0, 0, 20, 0x80, 14, 1, 0,
                               3, 0, 0, 8, 2, 0, 0, 5, 0, 0, 0, 8, 4, 0, 0, 31 };
  ForgeHead head
    = { .from_a = TRUE, .exchange = EX_INIT, .is_clear = TRUE, .spi_i = first->spi ? first->spi : SPI };
  guint8 ke[4 + 32] = { 0, 31, 0, 0, 9 }, nonce[256], notify[4 + 256] = { 0, 0, 0x40, 6 };
  ForgeChain chain = { 0 };

  memset (nonce, first->nonce, sizeof nonce);
  if (first->cookie) {
    memcpy (notify + 4, first->cookie, first->cookie_len);
    forge_add (&chain, IKE_PAYLOAD_NOTIFY, notify, 4 + first->cookie_len);
  }
  if (first->solution)
    forge_add (&chain, IKE_PAYLOAD_PS, first->solution, first->solution_len);
  forge_add (&chain, IKE_PAYLOAD_SA, sa, sizeof sa);
  forge_add (&chain, IKE_PAYLOAD_KE, ke, sizeof ke);
  forge_add (&chain, IKE_PAYLOAD_NONCE, nonce, first->nonce_len ? first->nonce_len : 128);
  return forge_write (forge, &head, &chain, out);
}

static inline void
first_read_notifies (const ForgePacket *packet, FirstAnswer *answer)
{
  gsize at = IKE_HEADER_LEN;
  guint8 type = packet->data[16];

  while (type && at + 4 <= packet->len) {
    const guint8 *p = packet->data + at;
    gsize len = (gsize) p[2] << 8 | p[3];
    if (type == IKE_PAYLOAD_NOTIFY && p[6] == 0x40 && p[7] == 6) {
      answer->cookie_len = len - 8;
      g_assert_cmpuint (answer->cookie_len, <=, sizeof answer->cookie);
      memcpy (answer->cookie, p + 8, answer->cookie_len);
    }
    if (type == IKE_PAYLOAD_NOTIFY && p[6] == 0x40 && p[7] == 50) {
      g_assert_cmpuint (len, ==, 8 + sizeof answer->puzzle);
      memcpy (answer->puzzle, p + 8, sizeof answer->puzzle);
      answer->has_puzzle = TRUE;
    }
    type = p[0];
    at += len;
  }
}

/* The @nth message of `b` since forge_clear(): what is put on the wire in the name of others is not counted. */
static inline const ForgePacket *
first_answer (Forge *forge, guint nth)
{
  IkeAddr b;
  guint i;

  ike_addr_parse (&b, "10.0.0.2", NULL);
  for (i = 0; i < forge->sent->len; i++) {
    const ForgePacket *p = forge->sent->pdata[i];
    if (ike_addr_same_host (&p->from, &b) && nth-- == 0)
      return p;
  }
  return NULL;
}

/* Sends it to `b`; at most one answer comes. */
static inline FirstAnswer
first_send (Forge *forge, const First *first)
{
  g_autofree guint8 *message = g_malloc (FIRST_MAX);
  gsize len = first_write (forge, first, message);
  FirstAnswer answer = { 0 };
  const ForgePacket *packet;

  forge_clear (forge);
  forge_inject_from (forge, first->from ? first->from : "172.16.0.1", first->port ? first->port : 500, TRUE, message,
                     len);
  forge_run_ms (forge, 30);
  g_assert_null (first_answer (forge, 1));
  packet = first_answer (forge, 0);
  answer.says = forge_says (forge, packet);
  if (!packet)
    return answer;
  answer.is_there = TRUE;
  answer.len = packet->len;
  answer.first = packet->data[16];
  first_read_notifies (packet, &answer);
  return answer;
}

static inline gboolean
first_is_sa (const FirstAnswer *answer)
{
  return answer->is_there && answer->first == IKE_PAYLOAD_SA;
}

static inline gboolean
first_is_cookie (const FirstAnswer *answer)
{
  return answer->says == IKE_N_COOKIE && answer->cookie_len > 0;
}
