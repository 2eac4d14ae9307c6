/* SPDX-License-Identifier: Apache-2.0 */
/* host.h - who runs a conversation by EAP (RFC 3748): as its server, with EAP-Identity, one method, and the verdict;
 * as a peer, who answers what it is asked by the methods it may use.  For AUTH in IKE, for methods that tunnel
 * others, and for front ends of other protocols.  On the loop of its context; no state but its own. */
#pragma once
#include "packet.h"

typedef struct _EapServer EapServer;
typedef struct _EapPeer EapPeer;

/* -- server */

/* @method: a name of the kind `eap-server`; @asks: the peer is asked for its identity first, else it is that of
 * @context, which is copied but for what it points to (those last as long as the server).  NULL: @why (g_free) says
 * which plugin is missing, and why. */
EapServer *eap_server_new  (const IkeEapContext *context, const char *method, gboolean asks, char **why);
/* One turn, one at a time: @packet is the peer's, NULL: the first.  Answers with an IkeEapStep: MORE with a request,
 * DONE with EAP-Success, FAILED with EAP-Failure.  What does not fit (another identifier or code) fails the
 * conversation, for what carries it (IKE, a tunnel) is reliable. */
void       eap_server_step (EapServer *server, IkeCall *call, const guint8 *packet, gsize len);
/* The next request has this identifier, instead of one more than the last: of a tunnel that leaves headers out. */
void       eap_server_set_identifier (EapServer *server, guint8 identifier);
/* Also in the middle of a turn. */
void       eap_server_free (EapServer *server_or_null);
/* The flags of the method (IKE_EAP_…). */
guint32    eap_server_flags (const EapServer *server);

/* -- peer */

/* @method: the only one of `eap-peer` it may use, or NULL: any that does not need a tunnel, or any at all within
 * one. */
EapPeer   *eap_peer_new    (const IkeEapContext *context, const char *method_or_null, char **why);
/* One turn: answers a request with a response (MORE), EAP-Success with DONE (once the method is content), EAP-Failure
 * with FAILED. */
void       eap_peer_step   (EapPeer *peer, IkeCall *call, const guint8 *packet, gsize len);
void       eap_peer_free   (EapPeer *peer_or_null);
/* Of the method that was chosen; 0: none yet. */
guint32    eap_peer_flags  (const EapPeer *peer);
/* What its method wants proven is: an EAP-Success would be believed now. */
gboolean   eap_peer_is_content (const EapPeer *peer);
/* Its name; NULL: none yet. */
const char *eap_peer_method (const EapPeer *peer);
