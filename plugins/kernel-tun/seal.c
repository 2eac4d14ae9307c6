/* SPDX-License-Identifier: Apache-2.0 */
/* seal.c - one inner packet becomes one outer packet: ESP or AH, with or without its own header. */
#include "config.h"
#include <string.h>
#include <netinet/in.h>
#include "shared/ah/ah.h"
#include "kernel_tun.h"

enum { SOFT_SEQUENCE = 0xf0000000, IPV4_LEN = 20, IPV6_LEN = 40, HOP_LIMIT = 64 };

/* What goes behind the headers of ESP or AH. */
typedef struct {
  guint8 *data;
  gsize   len;
  guint8  next_header;
} Carried;

void
tun_expire (TunKernel *kernel, TunSa *sa, guint32 crossed)
{
  if (crossed)
    ike_kernel_expire (kernel->plugin, sa->owner, sa->child, sa->spi,
                       (crossed & SAD_HARD_EXPIRED) != 0);
}

static gsize
tfc_len (TunLoop *loop, const TunSa *sa, gsize len)
{
  gsize wanted = sa->flags & IKE_KERNEL_TFC_MTU ? loop->kernel->mtu : sa->tfc_padding;
  wanted = MIN (wanted, loop->kernel->mtu);
  /* RFC 4303, 2.7: without an inner header its length would tell where the padding begins only if
   * the upper layer does. */
  return sa->mode == IKE_MODE_TUNNEL && wanted > len ? wanted - len : 0;
}

static gboolean
next_sequence (TunLoop *loop, TunSa *sa, guint64 *sequence)
{
  *sequence = sad_next_sequence (sa);
  if (*sequence == 0) {
    tun_count (loop->kernel, loop->kernel->counters.exhausted);
    tun_expire (loop->kernel, sa,
                SAD_HARD_EXPIRED & ~atomic_fetch_or (&sa->expired, SAD_HARD_EXPIRED));
    return FALSE;
  }
  if (*sequence == SOFT_SEQUENCE && !sa->is_esn)
    tun_expire (loop->kernel, sa,
                SAD_SOFT_EXPIRED & ~atomic_fetch_or (&sa->expired, SAD_SOFT_EXPIRED));
  return TRUE;
}

static gboolean
find_carried (const TunSa *sa, const TunInner *inner, Carried *carried)
{
  guint32 at;
  carried->data = inner->data;
  carried->len = inner->packet.len;
  carried->next_header = inner->packet.family == 4 ? ESP_NEXT_IPV4 : ESP_NEXT_IPV6;
  if (sa->mode == IKE_MODE_TUNNEL)
    return TRUE;
  if (!bare_is_between (&sa->hosts, &inner->packet)
      || !bare_strip (&inner->packet, inner->data, &at, &carried->next_header))
    return FALSE;
  carried->data += at;
  carried->len -= at;
  return TRUE;
}

/* -- ESP */

static gboolean
seal_esp (TunLoop *loop, TunSa *sa, const Carried *carried, TunOut *out)
{
  EspContent content = { .spi = sa->spi,
                         .len = carried->len,
                         .tfc_len = tfc_len (loop, sa, carried->len),
                         .next_header = carried->next_header };
  EspKeys keys;
  if (!tun_keys (loop, sa, &keys) || !next_sequence (loop, sa, &content.sequence))
    return FALSE;
  if (sa->sizes.needs_random_iv)
    content.random_iv = tun_random_iv (loop, sa->sizes.iv_len);
  out->data = carried->data - sa->sizes.head_len;
  out->len = esp_seal (&keys, &sa->sizes, &content, out->data,
                       (gsize) (loop->out_buffer + TUN_OUT_SIZE - out->data));
  return out->len != 0;
}

/* -- AH */

static void
put_u16 (guint8 *at, gsize value)
{
  at[0] = (guint8) (value >> 8);
  at[1] = (guint8) value;
}

/* The kernel leaves an identification that is not zero as it is; the checksum is its own affair. */
static void
write_ipv4 (TunLoop *loop, const TunPath *path, const TunOut *out, guint8 *header, gsize len)
{
  memset (header, 0, IPV4_LEN);
  if (++loop->ip_id == 0)
    loop->ip_id = 1;
  header[0] = 0x45;
  header[1] = out->traffic_class;
  put_u16 (header + 2, len);
  put_u16 (header + 4, loop->ip_id);
  header[6] = out->fragmenting == IP_PMTUDISC_DO ? 0x40 : 0;
  header[8] = out->hop_limit ? out->hop_limit : HOP_LIMIT;
  header[9] = IPPROTO_AH;
  memcpy (header + 12, path->source.bytes, 4);
  memcpy (header + 16, path->destination.bytes, 4);
}

/* The socket makes one such header itself; this one is for the ICV. */
static void
write_ipv6 (const TunPath *path, guint8 *header, gsize len)
{
  memset (header, 0, IPV6_LEN);
  header[0] = 0x60;
  put_u16 (header + 4, len - IPV6_LEN);
  header[6] = IPPROTO_AH;
  memcpy (header + 8, path->source.bytes, 16);
  memcpy (header + 24, path->destination.bytes, 16);
}

static gboolean
seal_ah (TunLoop *loop, TunSa *sa, const TunPath *path, const Carried *carried, TunOut *out)
{
  gboolean is_ipv4 = path->destination.family == 4;
  gsize ip_len = is_ipv4 ? IPV4_LEN : IPV6_LEN, head_len, len;
  AhContent content = { .spi = sa->spi, .next_header = carried->next_header };
  guint8 *packet;
  EspKeys keys;
  AhKeys ah;
  if (!tun_keys (loop, sa, &keys) || ike_addr_is_any (&path->source))
    return FALSE;
  ah = (AhKeys) { keys.integ, keys.integ_scratch, keys.integ_key, keys.is_esn };
  head_len = ip_len + ah_header_len (keys.integ->icv_len, path->destination.family);
  len = head_len + carried->len;
  if (head_len > TUN_HEAD_MAX || len > G_MAXUINT16 || !next_sequence (loop, sa, &content.sequence))
    return FALSE;
  packet = carried->data - head_len;
  if (is_ipv4)
    write_ipv4 (loop, path, out, packet, len);
  else
    write_ipv6 (path, packet, len);
  if (!ah_seal (&ah, &content, packet, len, ip_len))
    return FALSE;
  out->data = is_ipv4 ? packet : packet + ip_len;
  out->len = is_ipv4 ? len : len - ip_len;
  return TRUE;
}

/* -- both */

/* RFC 4301, 8.1: copy, set or clear DF.  Without the flag the system decides per path.  A packet
 * whose header is the outer one keeps what it said. */
static int
fragmenting (const TunSa *sa, const TunInner *inner)
{
  const Packet *packet = &inner->packet;
  gboolean is_bare = sa->mode != IKE_MODE_TUNNEL;
  if (!is_bare && !(sa->flags & IKE_KERNEL_COPY_DF))
    return IP_PMTUDISC_WANT;
  if (inner->was_fragmented || (packet->family == 6 && packet->len <= 1280))
    return IP_PMTUDISC_DONT;
  return packet->has_df ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
}

static guint
socket_of (const TunSa *sa, const TunPath *path)
{
  guint first = sa->protocol == IKE_PROTOCOL_AH ? TUN_AH4 : path->is_encap ? TUN_UDP4 : TUN_RAW4;
  return first + (path->destination.family == 6);
}

gboolean
tun_seal (TunLoop *loop, TunSa *sa, const TunPath *path, const TunInner *inner, TunOut *out)
{
  TunKernel *kernel = loop->kernel;
  gboolean is_bare = sa->mode != IKE_MODE_TUNNEL;
  Carried carried;
  if (!find_carried (sa, inner, &carried)) {
    tun_count (kernel, kernel->counters.tun_malformed);
    return FALSE;
  }
  out->sa = sa;
  out->path = path;
  out->fd = loop->sockets[socket_of (sa, path)];
  out->fragmenting = fragmenting (sa, inner);
  out->traffic_class = is_bare ? inner->packet.traffic_class
                               : packet_outer_class (&inner->packet, sa->flags);
  out->hop_limit = is_bare ? inner->data[inner->packet.family == 4 ? 8 : 7] : 0;
  if (sa->protocol == IKE_PROTOCOL_AH ? seal_ah (loop, sa, path, &carried, out)
                                      : seal_esp (loop, sa, &carried, out))
    return TRUE;
  tun_count (kernel, kernel->counters.send_failed);
  return FALSE;
}
