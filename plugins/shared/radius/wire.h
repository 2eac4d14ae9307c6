/* SPDX-License-Identifier: Apache-2.0 */
/* wire.h - RADIUS packets as such: read, checked, written and signed.  No state, no sockets.
 *
 * For the client, and for whoever plays a server: the DAE listener, tests, front ends of tests. */
#pragma once
#include <ikebana/crypto.h>
#include <ikebana/radius.h>

enum { RADIUS_AUTHENTICATOR_LEN = 16, RADIUS_MAC_LEN = 16 };

/* Points into what was read. */
typedef struct {
  const guint8 *data;
  gsize         len;                          /* as the header says; what came behind is padding */
  guint8        code, identifier;
  const guint8 *authenticator, *attributes;
  gsize         attributes_len;
  gsize         mac_at;                       /* where the value of Message-Authenticator is; 0: there is none */
  gboolean      has_eap;
} RadiusPacket;

/* A shared secret, by reference. */
typedef struct {
  const guint8 *data;
  gsize         len;
} RadiusSecret;

/* NULL, or what is wrong, static.  Every attribute lies within the packet. */
const char *radius_parse (RadiusPacket *packet, const void *data, gsize len);

/* RFC 2865, 3: is this a response to the request that had @request_authenticator? */
gboolean radius_response_is_authentic (const RadiusPacket *packet, const guint8 *request_authenticator,
                                       RadiusSecret secret);
/* RFC 2866, 3; RFC 5176, 2.3: a request whose authenticator signs it: Accounting, Disconnect, CoA. */
gboolean radius_request_is_authentic (const RadiusPacket *packet, RadiusSecret secret);
/* Of a packet that has a Message-Authenticator.  @authenticator: of the request for responses; the packet's own for
 * Access-Request and Status-Server; NULL: zeros, for requests that are signed. */
gboolean radius_mac_is_authentic (const RadiusPacket *packet, const guint8 *authenticator, RadiusSecret secret);

/* A packet begins with a header, and @with_mac with room for Message-Authenticator, before all other attributes. */
void     radius_begin (IkeWriter *w, guint8 code, guint8 identifier, gboolean with_mac);
/* The header's authenticator is @random (Access-Request, Status-Server), or signs the packet (NULL). */
gboolean radius_end_request  (IkeWriter *w, const guint8 *random, gboolean with_mac, RadiusSecret secret);
gboolean radius_end_response (IkeWriter *w, const guint8 *request_authenticator, gboolean with_mac,
                              RadiusSecret secret);

/* RFC 2865, 5.2 */
void     radius_add_password (IkeWriter *w, const guint8 *request_authenticator, RadiusSecret secret,
                              const void *password, gsize len);
/* NULL when it cannot be one. */
IkeSecretBlob *radius_read_password (const IkeRadiusAttribute *attribute, const guint8 *request_authenticator,
                                     RadiusSecret secret);
/* RFC 2548, 2.4.2: a key of MS-MPPE-Send-Key or MS-MPPE-Recv-Key; the most significant bit of @salt is set here. */
void     radius_add_mppe_key (IkeWriter *w, guint8 type, guint16 salt, const guint8 *request_authenticator,
                              RadiusSecret secret, const void *key, gsize len);
IkeSecretBlob *radius_read_mppe_key (const IkeRadiusAttribute *attribute, const guint8 *request_authenticator,
                                     RadiusSecret secret);
