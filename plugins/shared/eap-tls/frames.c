/* SPDX-License-Identifier: Apache-2.0 */
/* frames.c - TLS messages in EAP packets, whole or in fragments. */
#include "shared/eap-tls/frames.h"

#include <string.h>

#include <ikebana/reader.h>
#include <ikebana/secret.h>
#include <ikebana/writer.h>

enum { FLAG_LENGTH = 0x80, FLAG_MORE = 0x40, FLAG_START = 0x20, MASK_VERSION = 0x07 };

void
eap_frames_init (EapFrames *frames, guint8 type, gboolean is_server, guint32 size)
{
  memset (frames, 0, sizeof *frames);
  frames->type = type;
  frames->is_server = is_server;
  frames->has_version = type != IKE_EAP_TYPE_TLS;
  frames->size = CLAMP (size, EAP_FRAMES_SIZE_MIN, IKE_EAP_PACKET_MAX);
  frames->in = g_byte_array_new ();
  frames->out = g_byte_array_new ();
}

void
eap_frames_clear (EapFrames *frames)
{
  g_clear_pointer (&frames->in, g_byte_array_unref);
  g_clear_pointer (&frames->out, g_byte_array_unref);
}

/* -- what comes */

typedef struct {
  guint8 flags;
  gboolean has_total, has_more;
  guint32 total;
  const guint8 *data;
  gsize len;
} Packet;

static EapFramesTaken
bad (const char **why, const char *reason)
{
  *why = reason;
  return EAP_FRAMES_BAD;
}

static gboolean
parse (const EapFrames *frames, const guint8 *bytes, gsize len, Packet *packet)
{
  IkeReader r;
  guint8 type;

  ike_reader_init (&r, bytes, len);
  ike_reader_bytes (&r, IKE_EAP_HEADER_LEN);
  type = ike_reader_u8 (&r);
  packet->flags = ike_reader_u8 (&r);
  packet->has_total = packet->flags & FLAG_LENGTH;
  packet->has_more = packet->flags & FLAG_MORE;
  packet->total = packet->has_total ? ike_reader_u32 (&r) : 0;
  packet->len = ike_reader_left (&r);
  packet->data = ike_reader_bytes (&r, packet->len);
  return !r.failed && type == frames->type;
}

/* RFC 5281, 9.2: "The S bit MUST be set on the first packet sent by the server ...  It MUST NOT be
 * set on any other packet."  What a Start carries beside it are hints, which nobody needs. */
static EapFramesTaken
take_start (EapFrames *frames, const Packet *packet, const char **why)
{
  if (frames->has_started || !(packet->flags & FLAG_START))
    return bad (why, frames->has_started ? "the server starts twice" : "the server does not start");
  frames->has_started = TRUE;
  return EAP_FRAMES_START;
}

/* RFC 5216, 2.1.5: "the L flag ... MUST be set for the first fragment of a fragmented TLS message";
 * whoever repeats it in later ones, as some do, must repeat the same length.  An empty fragment
 * would let the conversation turn for nothing. */
static EapFramesTaken
take_data (EapFrames *frames, const Packet *packet, const char **why)
{
  if (!frames->is_collecting) {
    g_byte_array_set_size (frames->in, 0);
    frames->total = packet->has_total ? packet->total : (guint32) packet->len;
    if (packet->has_more && !packet->has_total)
      return bad (why, "a first fragment does not say how long the whole is");
  } else if (packet->has_total && packet->total != frames->total)
    return bad (why, "a later fragment says another length of the whole");
  if (frames->total > EAP_FRAMES_MESSAGE_MAX)
    return bad (why, "a TLS message of more than 65536 bytes is announced");
  if (packet->len > frames->total - frames->in->len)
    return bad (why, "the fragments are longer than was announced");
  if (packet->has_more && (packet->len == 0 || frames->in->len + packet->len == frames->total))
    return bad (why, packet->len ? "the fragments do not end where was announced"
                                 : "a fragment is empty");
  if (packet->len)
    g_byte_array_append (frames->in, packet->data, (guint) packet->len);
  frames->is_collecting = packet->has_more;
  if (packet->has_more)
    return EAP_FRAMES_NEXT;
  return frames->in->len == frames->total
             ? EAP_FRAMES_MESSAGE
             : bad (why, "the fragments are shorter than was announced");
}

EapFramesTaken
eap_frames_take (EapFrames *frames, const guint8 *bytes, gsize len, const char **why)
{
  Packet packet;

  if (!parse (frames, bytes, len, &packet))
    return bad (why, "a packet is cut, or of another method");
  if (!frames->is_server && (!frames->has_started || packet.flags & FLAG_START))
    return take_start (frames, &packet, why);
  /* RFC 5281, 9.2.1: "both server and client MUST set the V field to that version number in all
   * subsequent EAP messages". */
  if (frames->has_version && packet.flags & MASK_VERSION)
    return bad (why, "the other end speaks another version of the method than 0");
  if (!eap_frames_has_more (frames))
    return take_data (frames, &packet, why);
  /* RFC 5216, 2.1.5: "The EAP server MUST wait until it receives the EAP-Response before sending
   * another fragment", which has no data. */
  if (packet.len || packet.has_more)
    return bad (why, "data came where our fragment was to be acknowledged");
  return EAP_FRAMES_NEXT;
}

/* -- what goes */

void
eap_frames_put (EapFrames *frames, const guint8 *data, gsize len)
{
  g_byte_array_append (frames->out, data, (guint) len);
}

gboolean
eap_frames_has_more (const EapFrames *frames)
{
  return frames->out_at < frames->out->len;
}

static guint8 *
build (const EapFrames *frames, guint8 identifier, guint8 flags, gsize data_len, gsize *len)
{
  gsize size = EAP_FRAMES_HEADER_LEN + (flags & FLAG_LENGTH ? 4 : 0) + data_len;
  guint8 *packet = g_malloc (size);
  IkeWriter w;

  ike_writer_init (&w, packet, size);
  ike_writer_u8 (&w, frames->is_server ? IKE_EAP_CODE_REQUEST : IKE_EAP_CODE_RESPONSE);
  ike_writer_u8 (&w, identifier);
  ike_writer_u16 (&w, (guint16) size);
  ike_writer_u8 (&w, frames->type);
  ike_writer_u8 (&w, flags);
  if (flags & FLAG_LENGTH)
    ike_writer_u32 (&w, frames->out->len);
  if (data_len)
    ike_writer_bytes (&w, frames->out->data + frames->out_at, data_len);
  *len = size;
  return packet;
}

/* RFC 9190, 2.1.9: "Implementations MUST NOT set the L bit in unfragmented messages". */
guint8 *
eap_frames_packet (EapFrames *frames, guint8 identifier, gsize *len)
{
  gsize left = frames->out->len - frames->out_at, room = frames->size - EAP_FRAMES_HEADER_LEN;
  guint8 flags = left > room ? FLAG_MORE : 0;
  guint8 *packet;

  if (flags && frames->out_at == 0) {
    flags |= FLAG_LENGTH;
    room -= 4;
  }
  packet = build (frames, identifier, flags, MIN (left, room), len);
  frames->out_at += MIN (left, room);
  if (!eap_frames_has_more (frames)) {
    g_byte_array_set_size (frames->out, 0);
    frames->out_at = 0;
  }
  return packet;
}

guint8 *
eap_frames_start (EapFrames *frames, guint8 identifier, gsize *len)
{
  return build (frames, identifier, FLAG_START, 0, len);
}
