/* SPDX-License-Identifier: Apache-2.0 */
/* octets.h - what is on the wire, read by hand, and keys computed by hand: with GLib's HMAC and libcrypto's AES,
 * without a line of the engines' own code.  prf is HMAC-SHA2-256, encryption AES-GCM-256. */
#pragma once
#include <ikebana/crypto.h>
#include <ikebana/message.h>

enum { OCTETS_HEADER = 28, OCTETS_MAC = 32, OCTETS_KEY = 32 + 4, OCTETS_PAYLOADS_MAX = 24 };

void octets_hmac   (const guint8 *key, gsize key_len, const IkePart *parts, guint n, guint8 out[static OCTETS_MAC]);
/* prf+ (RFC 7296, 2.13). */
void octets_expand (const guint8 key[static OCTETS_MAC], const IkePart *seed, guint8 *out, gsize len);

/* What RFC 7296, 2.14 takes from prf+. */
typedef struct {
  guint8 d[OCTETS_MAC], ei[OCTETS_KEY], er[OCTETS_KEY], pi[OCTETS_MAC], pr[OCTETS_MAC];
} OctetsKeys;

/* RFC 5723, 5.1.  @spis: of the initiator, then of the responder. */
void octets_resume (const guint8 old_d[static OCTETS_MAC], const IkePart *ni, const IkePart *nr,
                    const guint8 spis[static 16], OctetsKeys *out);
/* Whether @auth, the body of a payload, is prf (@key, @message | @nonce | prf (@sk_p, @id)): RFC 7296, 2.15. */
gboolean octets_is_auth (const IkePart *auth, const guint8 key[static OCTETS_MAC], const IkePart *message,
                         const IkePart *nonce, const guint8 sk_p[static OCTETS_MAC], const IkePart *id);
/* The plaintext of a message whose only payload is SK; FALSE: it is not sealed with this key.  @plain: as long as
 * @message.  @len: without padding. */
gboolean octets_open (const IkePart *message, const guint8 key[static OCTETS_KEY], guint8 *plain, gsize *len);

typedef struct { guint8 type, critical; IkePart body; } OctetsPayload;

/* The payloads of a chain, which fills it to the end; else the test fails. */
guint octets_split (guint8 first, const guint8 *at, gsize len, OctetsPayload out[static OCTETS_PAYLOADS_MAX]);
const OctetsPayload *octets_find        (const OctetsPayload *payloads, guint n, guint8 type);
guint                octets_notify_type (const OctetsPayload *payload);       /* 0: it is no Notify */
const OctetsPayload *octets_find_notify (const OctetsPayload *payloads, guint n, guint type);
