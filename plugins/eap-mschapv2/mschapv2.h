/* SPDX-License-Identifier: Apache-2.0 */
/* mschapv2.h - what the files of this plugin share: the messages inside EAP-MSCHAPv2
 * (draft-kamath-pppext-eap-mschapv2-02, 2).
 *
 *   server                                   peer
 *     Challenge: challenge          →
 *                                   ←        Response: its own challenge, NT-Response, name
 *     Success: S=proof              →
 *                                   ←        Success
 *   or
 *     Failure: E=691 R=0 …          →
 *                                   ←        Failure */
#pragma once
#include "shared/eap/packet.h"
#include "shared/mschap/mschap.h"

typedef enum {
  MSCHAPV2_CHALLENGE = 1,
  MSCHAPV2_RESPONSE,
  MSCHAPV2_SUCCESS,
  MSCHAPV2_FAILURE,
  MSCHAPV2_CHANGE_PASSWORD = 7,
} Mschapv2Op;

enum { MSCHAPV2_HEADER_LEN = 4, MSCHAPV2_TEXT_MAX = 512 };

/* @id and the length are left out of what a peer acknowledges with: then @body is empty. */
typedef struct {
  guint8 op, id;
  gboolean is_acknowledgement;
  IkeReader body;
} Mschapv2Message;

/* What Challenge and Response have in them; the pointers lead into the packet. */
typedef struct {
  const guint8 *challenge;
  IkePart name;
} Mschapv2Challenge;

typedef struct {
  const guint8 *peer_challenge, *response;
  IkePart name;
} Mschapv2Response;

/* What a Failure says (RFC 2759, 6), for people; @message leads into the packet. */
typedef struct {
  guint32 error;                              /* E=; 0: not said */
  IkePart message;                            /* M= */
} Mschapv2Failure;

/* -- message.c.  Readers return FALSE on what is malformed. */

gboolean mschapv2_read           (Mschapv2Message *message, EapPacket *packet);
gboolean mschapv2_read_challenge (const Mschapv2Message *message, Mschapv2Challenge *challenge);
gboolean mschapv2_read_response  (const Mschapv2Message *message, Mschapv2Response *response);
gboolean mschapv2_read_success   (const Mschapv2Message *message,
                                  guint8 proof[static MSCHAP_PROOF_LEN]);
void     mschapv2_read_failure   (const Mschapv2Message *message, Mschapv2Failure *failure);

/* The body of an EAP packet: header and @n_parts parts.  g_free. */
guint8  *mschapv2_make (Mschapv2Op op, guint8 id, const IkePart *parts, guint n_parts, gsize *len);
/* Digits for S= and C=. */
void     mschapv2_hex  (const guint8 *bytes, gsize len, char *out);

/* -- secret.c: the NT hash of a user's password, or of ours: from a secret of type ntlm, else of type
 * eap.  FALSE: there is none, or none that is a password. */
gboolean mschapv2_hash_of_peer (const MschapCrypto *crypto, const IkeEapContext *context,
                                const IkeIdent *identity, guint8 hash[static MSCHAP_HASH_LEN]);
gboolean mschapv2_hash_of_ours (const MschapCrypto *crypto, const IkeEapContext *context,
                                guint8 hash[static MSCHAP_HASH_LEN]);

extern const IkeEapClass mschapv2_server_class;   /* server.c */
extern const IkeEapClass mschapv2_peer_class;     /* peer.c */
