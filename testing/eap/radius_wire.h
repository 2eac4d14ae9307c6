/* SPDX-License-Identifier: Apache-2.0 */
/* radius_wire.h - the little of RADIUS (RFC 2865, 2869, 3579) that a server of EAP needs: Access-Requests are read and
 * verified, answers are written and signed.  On purpose it shares nothing with the client that the daemon has. */
#pragma once
#include <ikebana/reader.h>
#include <ikebana/writer.h>

enum { RADIUS_ACCESS_REQUEST = 1, RADIUS_ACCESS_ACCEPT = 2, RADIUS_ACCESS_REJECT = 3, RADIUS_ACCESS_CHALLENGE = 11 };
enum { RADIUS_USER_NAME = 1, RADIUS_STATE = 24, RADIUS_CLASS = 25, RADIUS_VENDOR = 26, RADIUS_EAP_MESSAGE = 79,
       RADIUS_MESSAGE_AUTHENTICATOR = 80 };
enum { RADIUS_PACKET_MAX = 4096, RADIUS_HEADER_LEN = 20, RADIUS_AUTHENTICATOR_LEN = 16, RADIUS_VALUE_MAX = 253 };

typedef struct {
  guint8  code, identifier;
  guint8  authenticator[RADIUS_AUTHENTICATOR_LEN];
  guint8  state[RADIUS_VALUE_MAX];
  guint32 state_len;
  guint8  eap[RADIUS_PACKET_MAX];             /* its EAP-Message attributes in one */
  gsize   eap_len;
} RadiusRequest;

/* NULL, or why it is dropped. */
const char *radius_request_read (RadiusRequest *request, const guint8 *data, gsize len, const char *secret);

/* An answer to @request: begin, add, end.  Failure is sticky in @w. */
void radius_reply_begin (IkeWriter *w, guint8 code, const RadiusRequest *request);
void radius_reply_add   (IkeWriter *w, guint8 type, const void *value, gsize len);
void radius_reply_eap   (IkeWriter *w, const guint8 *packet, gsize len);
/* MS-MPPE-Recv-Key and -Send-Key of an MSK of at least 64 bytes; @salt differs from one key to the next. */
void radius_reply_keys  (IkeWriter *w, const guint8 *msk, const RadiusRequest *request, guint16 salt,
                         const char *secret);
void radius_reply_end   (IkeWriter *w, const RadiusRequest *request, const char *secret);
