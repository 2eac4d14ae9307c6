/* SPDX-License-Identifier: Apache-2.0 */
/* reassemble.c - puts fragments together. */
#include "config.h"
#include <string.h>
#include <netinet/in.h>
#include "reassemble.h"

enum { UNITS = 8192 };                        /* of 8 bytes */

struct _Datagram {
  guint8   family, protocol;
  guint8   source[16], destination[16];
  guint32  id;
  guint32  header_len;                        /* of the first fragment, without the one of IPv6 */
  guint32  end;                               /* of what is behind the header; 0: not known */
  guint32  n_units;                           /* that are there */
  gboolean is_done;
  guint8   units[UNITS / 8];
  guint8   data[REASSEMBLE_SIZE];
};

/* What a fragment says of itself. */
typedef struct {
  guint32  id, offset, at, len;               /* at, len: of its part, within the fragment */
  guint8   protocol;
  gboolean has_more;
} Part;

void
reassembly_clear (Reassembly *reassembly)
{
  for (guint i = 0; i < REASSEMBLE_MAX; i++)
    g_clear_pointer (&reassembly->datagrams[i], g_free);
}

static guint32
u16 (const guint8 *at)
{
  return (guint32) (at[0] << 8 | at[1]);
}

/* FALSE: options or extension headers stand before the fragment header, which this machine does
 * not send in what it says to a peer. */
static gboolean
read_part (const Packet *packet, const guint8 *data, Part *part)
{
  if (packet->family == 4) {
    part->id = u16 (data + 4);
    part->offset = (u16 (data + 6) & 0x1fff) * 8;
    part->has_more = (data[6] & 0x20) != 0;
    part->protocol = data[9];
    part->at = packet->upper_at;
    if (part->at != 20)
      return FALSE;
  } else {
    if (data[6] != IPPROTO_FRAGMENT || packet->len < 48)
      return FALSE;
    memcpy (&part->id, data + 44, 4);
    part->offset = u16 (data + 42) & 0xfff8;
    part->has_more = (data[43] & 1) != 0;
    part->protocol = data[40];
    part->at = 48;
  }
  part->len = packet->len - part->at;
  return part->len > 0 && (!part->has_more || part->len % 8 == 0)
         && part->offset + part->len <= G_MAXUINT16 - (packet->family == 4 ? 20 : 0);
}

static gboolean
is_of (const Datagram *datagram, const Packet *packet, const Part *part)
{
  return datagram && !datagram->is_done && datagram->family == packet->family
         && datagram->protocol == part->protocol && datagram->id == part->id
         && memcmp (datagram->source, packet->source, 16) == 0
         && memcmp (datagram->destination, packet->destination, 16) == 0;
}

/* The oldest makes room. */
static Datagram *
datagram_for (Reassembly *reassembly, const Packet *packet, const Part *part)
{
  Datagram **slot;
  for (guint i = 0; i < REASSEMBLE_MAX; i++)
    if (is_of (reassembly->datagrams[i], packet, part))
      return reassembly->datagrams[i];
  slot = &reassembly->datagrams[reassembly->next++ % REASSEMBLE_MAX];
  if (!*slot)
    *slot = g_malloc (sizeof **slot);
  memset (*slot, 0, G_STRUCT_OFFSET (Datagram, data));
  (*slot)->family = packet->family;
  (*slot)->protocol = part->protocol;
  (*slot)->id = part->id;
  (*slot)->header_len = packet->family == 4 ? 20 : 40;
  memcpy ((*slot)->source, packet->source, 16);
  memcpy ((*slot)->destination, packet->destination, 16);
  return *slot;
}

/* RFC 5722, 4: overlapping fragments make the whole datagram void. */
static gboolean
add_part (Datagram *datagram, const Part *part, const guint8 *data)
{
  guint32 end = part->offset + part->len;
  if ((datagram->end && (end > datagram->end || !part->has_more)))
    return FALSE;
  for (guint32 unit = part->offset / 8; unit < (end + 7) / 8; unit++) {
    if (datagram->units[unit / 8] & (1 << unit % 8))
      return FALSE;
    datagram->units[unit / 8] |= (guint8) (1 << unit % 8);
    datagram->n_units++;
  }
  if (part->offset == 0)
    memcpy (datagram->data, data, datagram->header_len);
  memcpy (datagram->data + datagram->header_len + part->offset, data + part->at, part->len);
  if (!part->has_more)
    datagram->end = end;
  return TRUE;
}

static void
finish_header (Datagram *datagram)
{
  guint32 len = datagram->end + (datagram->family == 4 ? 20 : 0);
  guint8 *header = datagram->data;
  guint16 sum;
  header[datagram->family == 4 ? 2 : 4] = (guint8) (len >> 8);
  header[datagram->family == 4 ? 3 : 5] = (guint8) len;
  if (datagram->family == 6) {
    header[6] = datagram->protocol;
    return;
  }
  header[6] = header[7] = header[10] = header[11] = 0;
  sum = GUINT16_TO_BE (packet_checksum (0, header, 20));
  memcpy (header + 10, &sum, 2);
}

guint8 *
reassemble (Reassembly *reassembly, const Packet *packet, const guint8 *data, gsize *len)
{
  Datagram *datagram;
  Part part;
  if (!packet->is_fragment || !read_part (packet, data, &part))
    return NULL;
  datagram = datagram_for (reassembly, packet, &part);
  if (!add_part (datagram, &part, data)) {
    datagram->is_done = TRUE;
    return NULL;
  }
  if (!datagram->end || datagram->n_units != (datagram->end + 7) / 8)
    return NULL;
  finish_header (datagram);
  datagram->is_done = TRUE;
  *len = datagram->header_len + datagram->end;
  return datagram->data;
}
