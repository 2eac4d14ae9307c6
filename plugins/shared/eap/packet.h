/* SPDX-License-Identifier: Apache-2.0 */
/* packet.h - what methods of EAP and their hosts share: packets (RFC 3748, 4), the steps that they
 * answer with, identities, and the secret of an identity.  No state, any thread. */
#pragma once
#include <ikebana/eap.h>
#include <ikebana/reader.h>

/* A request or a response, with the cursor behind its type; or a success or a failure, which have
 * type 0 and nothing in them. */
typedef struct {
  guint8 code, identifier, type;
  IkeReader body;
} EapPacket;

/* FALSE: malformed.  What stands behind the length that the packet gives itself is left out. */
gboolean eap_packet_read (EapPacket *packet, const guint8 *data, gsize len);
/* The same, and it is a @code of @type: what a method expects.  @data of NULL is none. */
gboolean eap_packet_expect (EapPacket *packet, const IkePart *data, guint8 code, guint8 type);

/* g_free. @type 0: a success or a failure, without @body. */
guint8 *eap_packet_new (guint8 code, guint8 identifier, guint8 type, const IkePart *body,
                        gsize *len);

/* RFC 3748, 5.3.1: the types a peer would rather have, of a response of type Nak; at most @max are
 * written, returns how many.  "0" means none and is left out, and so is 254. */
guint eap_nak_read (const EapPacket *packet, guint8 *types, guint max);
/* The response that asks for @types instead; n 0: for none. */
guint8 *eap_nak_new (guint8 identifier, const guint8 *types, gsize n, gsize *len);

/* "mschapv2", by IANA; NULL: none that we know. */
const char *eap_type_name (guint8 type);

/* Steps, to answer a call with. */
IkeEapStep *eap_step_request (guint8 identifier, guint8 type, const IkePart *body);     /* MORE */
IkeEapStep *eap_step_response (guint8 identifier, guint8 type, const IkePart *body);    /* MORE */
IkeEapStep *eap_step_done (void);
IkeEapStep *eap_step_failed (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* FAILED, for a server: what @identity says is not its password, or we know none of it. */
IkeEapStep *eap_step_refused (const char *method, const IkeIdent *identity, gboolean is_known);

/* Whom bytes from the wire name: an identity of the type that the same text has in a
 * configuration, but never a pattern.  NULL: empty, too long, or with a NUL in it. */
IkeIdent *eap_identity_new (const guint8 *bytes, gsize len);
/* What says so on the wire, of an identity of a configuration.  g_free. */
guint8 *eap_identity_bytes (const IkeIdent *identity, gsize *len);

/* Secrets of @type ("eap", "ntlm") in the present configuration, with a reference; NULL: none. */
IkeSecretBlob *eap_secret_of_peer (const IkeEapContext *context, const char *type,
                                   const IkeIdent *identity);
/* Ours, for whom we talk to. */
IkeSecretBlob *eap_secret_of_ours (const IkeEapContext *context, const char *type);
/* For people: that @identity has none, and what to write to give it one.  g_free. */
char *eap_no_secret (const char *method, const IkeIdent *identity_or_null);
