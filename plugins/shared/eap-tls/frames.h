/* SPDX-License-Identifier: Apache-2.0 */
/* frames.h - how EAP-TLS, EAP-TTLS and PEAP put TLS into EAP packets (RFC 5216, 3; RFC 5281, 9): flags, the length of
 * the whole, fragments each way and their acknowledgement.  It knows nothing of TLS. */
#pragma once
#include <ikebana/eap.h>

IKE_BEGIN_DECLS

/* Of a message put together, that an EAP packet of ours may have at least, header with type and flags. */
enum { EAP_FRAMES_MESSAGE_MAX = 64 << 10, EAP_FRAMES_SIZE_MIN = 64, EAP_FRAMES_HEADER_LEN = 6 };

typedef struct {
  guint8      type;                           /* of EAP */
  gboolean    is_server;
  gboolean    has_version;                    /* the last three bits of the flags are a version, of which we speak 0 */
  guint32     size;                           /* bytes that a packet of ours may have */
  gboolean    has_started;                    /* peer: Start was seen */
  gboolean    is_collecting;
  guint32     total;                          /* collecting: what was announced */
  GByteArray *in;                             /* so far; when EAP_FRAMES_MESSAGE is said, all of it */
  GByteArray *out;                            /* to be sent */
  gsize       out_at;                         /* so much of it was */
} EapFrames;

typedef enum {
  EAP_FRAMES_BAD,                             /* with a static reason */
  EAP_FRAMES_START,                           /* peer: the server begins */
  EAP_FRAMES_NEXT,                            /* the other end waits: for our next fragment, or an acknowledgement */
  EAP_FRAMES_MESSAGE,                         /* @in has one, maybe empty */
} EapFramesTaken;

void eap_frames_init  (EapFrames *frames, guint8 type, gboolean is_server, guint32 size);
void eap_frames_clear (EapFrames *frames);
/* A whole EAP packet of the other end, whose code, identifier and length are right. */
EapFramesTaken eap_frames_take (EapFrames *frames, const guint8 *packet, gsize len, const char **why);
/* @data is a message, or more of it, to be sent. */
void eap_frames_put (EapFrames *frames, const guint8 *data, gsize len);
gboolean eap_frames_has_more (const EapFrames *frames);
/* The next packet, g_malloc'd: a fragment, or one without data.  Start is a server's first. */
guint8 *eap_frames_packet (EapFrames *frames, guint8 identifier, gsize *len);
guint8 *eap_frames_start  (EapFrames *frames, guint8 identifier, gsize *len);

IKE_END_DECLS
