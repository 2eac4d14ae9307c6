/* SPDX-License-Identifier: Apache-2.0 */
/* test_segment.c - tests segment.c and gather.c: what is cut can be put together, and nothing
 * else. */
#include "config.h"
#include <string.h>
#include <glib.h>
#include "kernel-tun/segment.h"
#include "packets.h"

enum { TCP_LEN = 32, MSS = 1348, CARRIED = 10000, ACK = 0x10, PSH = 0x08, FIN = 0x01, CWR = 0x80 };

typedef struct {
  guint8        data[65536];
  gsize         len;
  SegmentHeader header;
  guint32       upper_at;
} Large;

/* The sum as RFC 1071 writes it, byte by byte. */
static guint16
plain_checksum (guint32 sum, const guint8 *data, gsize len)
{
  for (gsize i = 0; i < len; i++)
    sum += i % 2 ? data[i] : (guint32) data[i] << 8;
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return (guint16) ~sum;
}

static guint32
pseudo (const guint8 *packet, guint32 upper_at, gsize len)
{
  gboolean is_ipv4 = packet[0] >> 4 == 4;
  guint32 sum = packet[is_ipv4 ? 9 : 6] + (guint32) (len - upper_at);
  for (guint i = is_ipv4 ? 12 : 8; i < (is_ipv4 ? 20u : 40u); i += 2)
    sum += (guint32) packet[i] << 8 | packet[i + 1];
  return sum;
}

static void
put_u32 (guint8 *at, guint32 value)
{
  value = GUINT32_TO_BE (value);
  memcpy (at, &value, 4);
}

static guint32
get_u32 (const guint8 *at)
{
  guint32 value;
  memcpy (&value, at, 4);
  return GUINT32_FROM_BE (value);
}

static void
put_checksum (guint8 *packet, guint32 upper_at, gsize len, guint offset)
{
  guint16 checksum;
  memset (packet + upper_at + offset, 0, 2);
  checksum = plain_checksum (pseudo (packet, upper_at, len), packet + upper_at, len - upper_at);
  packet[upper_at + offset] = (guint8) (checksum >> 8);
  packet[upper_at + offset + 1] = (guint8) checksum;
}

/* As the kernel gives it: the checksum of TCP is that of the pseudo header, not complemented. */
static void
make_large (Large *large, guint8 family, guint8 protocol, gsize carried)
{
  gsize rest = (protocol == PACKET_PROTO_TCP ? TCP_LEN : 8) + carried;
  guint8 *upper;
  memset (large, 0, sizeof *large);
  if (family == 4)
    large->len = make_ipv4 (large->data, "10.1.0.1", "10.2.0.1", protocol, rest);
  else
    large->len = make_ipv6 (large->data, "fd00:1::1", "fd00:2::1", protocol, rest);
  large->upper_at = family == 4 ? 20 : 40;
  upper = large->data + large->upper_at;
  set_ports (upper, 1000, 2000);
  if (family == 4) {
    guint16 checksum;
    large->data[4] = 0xff;                    /* ID 0xfffe: it wraps */
    large->data[5] = 0xfe;
    large->data[6] = 0x40;
    checksum = plain_checksum (0, large->data, 20);
    large->data[10] = (guint8) (checksum >> 8);
    large->data[11] = (guint8) checksum;
  }
  if (protocol == PACKET_PROTO_TCP) {
    put_u32 (upper + 4, 0xfffff000);          /* it wraps too */
    put_u32 (upper + 8, 77);
    upper[12] = (TCP_LEN / 4) << 4;
    upper[13] = ACK;
    memset (upper + 20, 1, 12);
  }
  for (gsize i = large->len - carried; i < large->len; i++)
    large->data[i] = (guint8) (i * 7 + i / 256);
  large->header = (SegmentHeader) {
    .flags = SEGMENT_NEEDS_CHECKSUM,
    .kind = protocol != PACKET_PROTO_TCP ? SEGMENT_UDP : family == 4 ? SEGMENT_TCP4 : SEGMENT_TCP6,
    .header_len = (guint16) (large->len - carried),
    .segment_len = MSS,
    .checksum_start = (guint16) large->upper_at,
    .checksum_offset = protocol == PACKET_PROTO_TCP ? 16 : 6,
  };
}

static void
begin (Segments *segments, const Large *large)
{
  const char *reason = NULL;
  g_assert_true (segments_init (segments, &large->header, large->data, large->len, &reason));
  g_assert_null (reason);
}

/* One segment in memory of its own, checked. */
static guint8 *
cut_one (Segments *segments, Packet *packet)
{
  gsize len = segments_peek (segments);
  guint8 *data = g_malloc (len);
  const char *reason;
  segments_next (segments, data);
  g_assert_true (packet_parse (packet, data, len, &reason));
  g_assert_cmpuint (packet->len, ==, len);
  g_assert_cmpuint (plain_checksum (pseudo (data, packet->upper_at, len), data + packet->upper_at,
                                    len - packet->upper_at), ==, 0);
  if (packet->family == 4)
    g_assert_cmpuint (plain_checksum (0, data, 20), ==, 0);
  return data;
}

static void
check_tcp (guint8 family)
{
  Large large;
  Segments segments;
  guint n = 0;
  gsize carried = 0, header_len;
  make_large (&large, family, PACKET_PROTO_TCP, CARRIED);
  large.data[large.upper_at + 13] = ACK | PSH | FIN | CWR;
  header_len = large.len - CARRIED;
  begin (&segments, &large);
  for (; segments_peek (&segments); n++) {
    Packet packet;
    g_autofree guint8 *data = cut_one (&segments, &packet);
    guint8 flags = data[large.upper_at + 13];
    gsize len = packet.len - header_len;
    g_assert_cmpmem (data + header_len, len, large.data + header_len + carried, len);
    g_assert_cmpuint (get_u32 (data + large.upper_at + 4), ==, (guint32) (0xfffff000 + carried));
    g_assert_cmpuint (flags & CWR, ==, n == 0 ? CWR : 0);
    carried += len;
    g_assert_cmpuint (flags & (PSH | FIN), ==, carried == CARRIED ? PSH | FIN : 0);
    if (family == 4)
      g_assert_cmpuint (data[4] << 8 | data[5], ==, (0xfffe + n) & 0xffff);
  }
  g_assert_cmpuint (n, ==, 8);
  g_assert_cmpuint (carried, ==, CARRIED);
}

static void
test_tcp (void)
{
  check_tcp (4);
  check_tcp (6);
}

static void
test_udp (void)
{
  Large large;
  Segments segments;
  guint n = 0;
  make_large (&large, 6, PACKET_PROTO_UDP, 3 * MSS);
  begin (&segments, &large);
  for (; segments_peek (&segments); n++) {
    Packet packet;
    g_autofree guint8 *data = cut_one (&segments, &packet);
    g_assert_cmpuint (data[44] << 8 | data[45], ==, 8 + MSS);
    g_assert_true (data[46] || data[47]);
  }
  g_assert_cmpuint (n, ==, 3);
}

static void
check_refused (const Large *large, const SegmentHeader *header, gsize len)
{
  g_autofree guint8 *data = g_memdup2 (large->data, len);
  const char *reason = NULL;
  Segments segments;
  g_assert_false (segments_init (&segments, header, data, len, &reason));
  g_assert_nonnull (reason);
}

static void
test_malformed (void)
{
  Large large;
  SegmentHeader header;
  make_large (&large, 4, PACKET_PROTO_TCP, 200);
  for (gsize len = 1; len < large.len; len++)
    check_refused (&large, &large.header, len);
  header = large.header;
  header.segment_len = 0;
  check_refused (&large, &header, large.len);
  header = large.header;
  header.kind = SEGMENT_TCP6;
  check_refused (&large, &header, large.len);
  header.kind = SEGMENT_UDP;
  check_refused (&large, &header, large.len);
  header.kind = 3;
  check_refused (&large, &header, large.len);
  large.data[32] = 4 << 4;
  check_refused (&large, &large.header, large.len);
  make_large (&large, 4, PACKET_PROTO_TCP, 0);
  check_refused (&large, &large.header, large.len);
  make_large (&large, 4, PACKET_PROTO_TCP, 8);
  large.data[32] = 15 << 4;
  check_refused (&large, &large.header, large.len);
  make_large (&large, 4, PACKET_PROTO_TCP, 200);
  large.data[6] = 0x20;                       /* a fragment */
  check_refused (&large, &large.header, large.len);
}

static void
test_finish (void)
{
  Large large;
  make_large (&large, 4, PACKET_PROTO_UDP, 101);
  large.header.kind = SEGMENT_NONE;
  put_checksum (large.data, 20, large.len, 6);
  {
    guint8 wanted[2] = { large.data[26], large.data[27] };
    guint16 sum = (guint16) ~plain_checksum (pseudo (large.data, 20, large.len), NULL, 0);
    large.data[26] = (guint8) (sum >> 8);
    large.data[27] = (guint8) sum;
    g_assert_true (segment_finish (&large.header, large.data, large.len));
    g_assert_cmpmem (large.data + 26, 2, wanted, 2);
  }
  for (gsize len = 1; len < 28; len++) {
    g_autofree guint8 *data = g_memdup2 (large.data, len);
    g_assert_false (segment_finish (&large.header, data, len));
  }
}

static void
test_checksum (void)
{
  guint8 data[80];
  for (guint i = 0; i < sizeof data; i++)
    data[i] = (guint8) (255 - i * 3);
  for (gsize from = 0; from < 8; from++)
    for (gsize len = 0; len <= 64; len++)
      g_assert_cmpuint (packet_checksum (0x12345, data + from, len), ==,
                        plain_checksum (0x12345, data + from, len));
}

/* -- together again */

typedef struct {
  Gather  gather;
  guint8 *segments[64];
  Packet  packets[64];
  guint   n;
  Large   large;
} Fixture;

static void
cut_all (Fixture *f, guint8 family, gsize carried)
{
  Segments segments;
  make_large (&f->large, family, PACKET_PROTO_TCP, carried);
  begin (&segments, &f->large);
  for (f->n = 0; segments_peek (&segments); f->n++)
    f->segments[f->n] = cut_one (&segments, &f->packets[f->n]);
}

static void
free_all (Fixture *f)
{
  for (guint i = 0; i < f->n; i++)
    g_free (f->segments[i]);
}

static gboolean
add (Fixture *f, guint i)
{
  return gather_add (&f->gather, &f->packets[i], f->segments[i]);
}

static void
check_gather (guint8 family)
{
  g_autofree Fixture *f = g_new0 (Fixture, 1);
  SegmentHeader header;
  gsize len;
  guint16 sum;
  f->gather.data = g_malloc (GATHER_SIZE);
  cut_all (f, family, CARRIED);
  for (guint i = 0; i < f->n; i++)
    g_assert_true (add (f, i));
  len = gather_finish (&f->gather, &header);
  sum = (guint16) ~plain_checksum (pseudo (f->large.data, f->large.upper_at, len), NULL, 0);
  f->large.data[f->large.upper_at + 16] = (guint8) (sum >> 8);
  f->large.data[f->large.upper_at + 17] = (guint8) sum;
  g_assert_cmpmem (f->gather.data, len, f->large.data, f->large.len);
  g_assert_cmpmem (&header, sizeof header, &f->large.header, sizeof header);
  g_assert_cmpuint (gather_finish (&f->gather, &header), ==, 0);
  free_all (f);
  g_free (f->gather.data);
}

static void
test_gather (void)
{
  check_gather (4);
  check_gather (6);
}

static void
test_one_alone (void)
{
  g_autofree Fixture *f = g_new0 (Fixture, 1);
  SegmentHeader header;
  f->gather.data = g_malloc (GATHER_SIZE);
  cut_all (f, 4, 100);
  g_assert_true (add (f, 0));
  g_assert_cmpuint (gather_finish (&f->gather, &header), ==, f->packets[0].len);
  g_assert_cmpmem (f->gather.data, f->packets[0].len, f->segments[0], f->packets[0].len);
  g_assert_cmpuint (header.flags | header.kind, ==, 0);
  free_all (f);
  g_free (f->gather.data);
}

/* What must not be joined with the first segment: byte @at of the second one is changed. */
typedef struct { const char *what; guint8 family, at, change; gboolean keeps_checksum; } Difference;

static void
test_differences (void)
{
  static const Difference differences[] = {
    { "traffic class", 4, 1, 0x04, FALSE }, { "no DF", 4, 6, 0x40, FALSE },
    { "hop limit", 4, 8, 1, FALSE },        { "source", 4, 15, 1, FALSE },
    { "destination", 4, 19, 1, FALSE },     { "port", 4, 21, 1, FALSE },
    { "sequence", 4, 27, 1, FALSE },        { "acknowledged", 4, 31, 1, FALSE },
    { "ECE", 4, 33, 0x40, FALSE },          { "FIN", 4, 33, FIN, FALSE },
    { "SYN", 4, 33, 2, FALSE },             { "window", 4, 34, 1, FALSE },
    { "urgent", 4, 39, 1, FALSE },          { "option", 4, 45, 1, FALSE },
    { "checksum", 4, 36, 1, TRUE },         { "data", 4, 60, 1, TRUE },
    { "flow label", 6, 3, 1, FALSE },       { "hop limit", 6, 7, 1, FALSE },
    { "source", 6, 23, 1, FALSE },          { "checksum", 6, 57, 1, TRUE },
  };
  for (guint i = 0; i < G_N_ELEMENTS (differences); i++) {
    const Difference *d = &differences[i];
    g_autofree Fixture *f = g_new0 (Fixture, 1);
    const char *reason;
    guint8 *second;
    g_test_message ("%s, IPv%u", d->what, d->family);
    f->gather.data = g_malloc (GATHER_SIZE);
    cut_all (f, d->family, CARRIED);
    second = f->segments[1];
    second[d->at] ^= d->change;
    if (!d->keeps_checksum) {
      put_checksum (second, f->large.upper_at, f->packets[1].len, 16);
      if (d->family == 4) {
        guint16 checksum;
        second[10] = second[11] = 0;
        checksum = plain_checksum (0, second, 20);
        second[10] = (guint8) (checksum >> 8);
        second[11] = (guint8) checksum;
      }
    }
    g_assert_true (packet_parse (&f->packets[1], second, f->packets[1].len, &reason));
    g_assert_true (add (f, 0));
    g_assert_false (add (f, 1));
    g_assert_cmpuint (f->gather.n, ==, 1);
    free_all (f);
    g_free (f->gather.data);
  }
}

/* Sizes: nothing longer than the first, nothing after a shorter one or PSH, no more than fits. */
static void
test_ends (void)
{
  g_autofree Fixture *f = g_new0 (Fixture, 1);
  SegmentHeader header;
  f->gather.data = g_malloc (GATHER_SIZE);
  cut_all (f, 4, CARRIED);
  g_assert_true (add (f, f->n - 1));
  g_assert_false (add (f, 0));
  gather_finish (&f->gather, &header);
  f->segments[1][33] |= PSH;
  put_checksum (f->segments[1], 20, f->packets[1].len, 16);
  g_assert_true (add (f, 0) && add (f, 1));
  g_assert_false (add (f, 2));
  gather_finish (&f->gather, &header);
  g_assert_cmpuint (f->gather.data[33], ==, ACK | PSH);
  free_all (f);
  cut_all (f, 4, 65535 - 52);
  for (guint i = 0; i < f->n; i++)
    g_assert_true (add (f, i));
  g_assert_cmpuint (gather_finish (&f->gather, &header), ==, 65535);
  free_all (f);
  g_free (f->gather.data);
}

/* A stream that goes on does not grow beyond what the length of IP can say. */
static void
test_largest (void)
{
  Fixture *f = g_new0 (Fixture, 1);
  guint32 sequence;
  guint n = 0;
  f->gather.data = g_malloc (GATHER_SIZE);
  cut_all (f, 6, MSS);
  sequence = get_u32 (f->segments[0] + 44);
  for (; add (f, 0); n++) {
    sequence += MSS;
    put_u32 (f->segments[0] + 44, sequence);
    put_checksum (f->segments[0], 40, f->packets[0].len, 16);
    g_assert_cmpuint (n, <, 64);
  }
  g_assert_cmpuint (n, ==, (65535 - 72) / MSS);
  free_all (f);
  g_free (f->gather.data);
  g_free (f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/segment/tcp-is-cut-with-numbers-flags-and-checksums", test_tcp);
  g_test_add_func ("/segment/udp-is-cut-with-lengths-and-checksums", test_udp);
  g_test_add_func ("/segment/what-does-not-lie-within-the-packet-is-refused", test_malformed);
  g_test_add_func ("/segment/a-checksum-is-finished-or-refused", test_finish);
  g_test_add_func ("/segment/checksums-of-all-lengths-and-alignments", test_checksum);
  g_test_add_func ("/gather/segments-in-a-row-give-the-packet-they-were-cut-from", test_gather);
  g_test_add_func ("/gather/one-alone-stays-as-it-came", test_one_alone);
  g_test_add_func ("/gather/segments-that-differ-are-not-joined", test_differences);
  g_test_add_func ("/gather/a-short-segment-or-push-is-the-last", test_ends);
  g_test_add_func ("/gather/nothing-grows-beyond-an-ip-packet", test_largest);
  return g_test_run ();
}
