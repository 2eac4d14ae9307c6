/* SPDX-License-Identifier: Apache-2.0 */
/* test_packet.c - tests packet.c and packet_error.c: what is read from inner packets, and what
 * is refused. */
#include "config.h"
#include <ikebana/kernel.h>
#include "kernel-tun/packet.h"
#include "packets.h"

static gboolean
parse (Packet *packet, const guint8 *data, gsize len)
{
  /* A heap copy, so that a read behind the end is found. */
  g_autofree guint8 *copy = g_memdup2 (data, len);
  const char *reason = NULL;
  gboolean is_good = packet_parse (packet, copy, len, &reason);
  g_assert_true (is_good || reason);
  return is_good;
}

static void
test_ports (void)
{
  guint8 data[100];
  Packet packet;
  gsize len = make_ipv4 (data, "10.0.0.1", "10.0.0.2", 17, 20);
  set_ports (data + 20, 53, 1000);
  g_assert_true (parse (&packet, data, len));
  g_assert_cmpint (packet.ports, ==, PACKET_PORTS_KNOWN);
  g_assert_cmpuint (packet.source_port, ==, 53);
  g_assert_cmpuint (packet.destination_port, ==, 1000);
  len = make_ipv6 (data, "2001:db8::1", "2001:db8::2", 58, 8);
  data[40] = 128;
  g_assert_true (parse (&packet, data, len));
  g_assert_cmpuint (packet.source_port, ==, 128 << 8);
  g_assert_cmpuint (packet.destination_port, ==, 128 << 8);
  g_assert_true (packet.has_df);
}

static void
test_fragments (void)
{
  guint8 data[100];
  Packet packet;
  gsize len = make_ipv4 (data, "10.0.0.1", "10.0.0.2", 17, 20);
  data[7] = 3;
  g_assert_true (parse (&packet, data, len));
  g_assert_cmpint (packet.ports, ==, PACKET_PORTS_OPAQUE);
  g_assert_true (packet.is_fragment && !packet.is_first);
  data[6] = 0x20;
  data[7] = 0;
  g_assert_true (parse (&packet, data, len));
  g_assert_true (packet.is_fragment && packet.is_first);
  g_assert_cmpint (packet.ports, ==, PACKET_PORTS_KNOWN);
  len = make_ipv6 (data, "2001:db8::1", "2001:db8::2", 44, 16);
  data[40] = 17;
  data[43] = 8;
  g_assert_true (parse (&packet, data, len));
  g_assert_cmpuint (packet.protocol, ==, 17);
  g_assert_cmpint (packet.ports, ==, PACKET_PORTS_OPAQUE);
  data[40] = 60;
  g_assert_true (parse (&packet, data, len));
  g_assert_true (packet.is_protocol_opaque);
}

static void
test_short_upper (void)
{
  guint8 data[100];
  Packet packet;
  for (gsize rest = 0; rest < 4; rest++) {
    gsize len = make_ipv4 (data, "10.0.0.1", "10.0.0.2", 6, rest);
    g_assert_true (parse (&packet, data, len));
    g_assert_cmpint (packet.ports, ==, PACKET_PORTS_OPAQUE);
  }
}

static void
test_extensions (void)
{
  guint8 data[200];
  Packet packet;
  gsize len = make_ipv6 (data, "2001:db8::1", "2001:db8::2", 0, 8 + 24 + 12 + 4);
  data[40] = 60;
  data[48] = 51;
  data[49] = 2;                               /* 24 bytes */
  data[72] = 17;
  data[73] = 1;                               /* AH: 12 bytes */
  set_ports (data + 84, 1, 2);
  g_assert_true (parse (&packet, data, len));
  g_assert_cmpuint (packet.protocol, ==, 17);
  g_assert_cmpuint (packet.destination_port, ==, 2);
  for (gsize cut = 40; cut < 84; cut++) {
    data[5] = (guint8) (cut - 40);
    g_assert_false (parse (&packet, data, cut));
  }
}

static void
test_endless_extensions (void)
{
  guint8 data[2000];
  Packet packet;
  gsize len = make_ipv6 (data, "2001:db8::1", "2001:db8::2", 60, 1600);
  for (gsize at = 40; at < len; at += 8)
    data[at] = 60;
  g_assert_false (parse (&packet, data, len));
}

static void
test_malformed (void)
{
  guint8 data[100];
  Packet packet;
  gsize len = make_ipv4 (data, "10.0.0.1", "10.0.0.2", 17, 20);
  g_assert_false (parse (&packet, data, 0));
  for (gsize cut = 1; cut < len; cut++)
    g_assert_false (parse (&packet, data, cut));
  data[0] = 0x44;
  g_assert_false (parse (&packet, data, len));
  data[0] = 0x4f;
  g_assert_false (parse (&packet, data, len));
  data[0] = 0x55;
  g_assert_false (parse (&packet, data, len));
  data[0] = 0x45;
  data[3] = 19;
  g_assert_false (parse (&packet, data, len));
  data[3] = 20;
  g_assert_true (parse (&packet, data, len));
  g_assert_cmpuint (packet.len, ==, 20);
  len = make_ipv6 (data, "2001:db8::1", "2001:db8::2", 17, 20);
  for (gsize cut = 1; cut < len; cut++)
    g_assert_false (parse (&packet, data, cut));
}

static guint16
sum_of (const guint8 *data)
{
  return packet_checksum (0, data, 20);
}

/* RFC 6040, figure 4, whole. */
static void
test_ecn (void)
{
  static const int merged[4][4] = {
    { 0, 0, 0, -1 }, { 1, 1, 1, 3 }, { 2, 1, 2, 3 }, { 3, 3, 3, 3 }
  };
  for (guint inner = 0; inner < 4; inner++)
    for (guint outer = 0; outer < 4; outer++) {
      guint8 data[40];
      Packet packet;
      gsize len = make_ipv4 (data, "10.0.0.1", "10.0.0.2", 17, 20);
      const char *reason;
      data[1] = (guint8) (0x28 | inner);
      g_assert_true (packet_parse (&packet, data, len, &reason));
      g_assert_cmpint (
          packet_merge_class (&packet, data, (guint8) (0xb8 | outer), IKE_KERNEL_COPY_ECN), ==,
          merged[inner][outer] >= 0);
      if (merged[inner][outer] < 0)
        continue;
      g_assert_cmpuint (data[1], ==, 0x28 | merged[inner][outer]);
      if (merged[inner][outer] != (int) inner)
        g_assert_cmpuint (sum_of (data), ==, 0);
      g_assert_true (packet_merge_class (&packet, data, 3, 0));
    }
}

static void
test_dscp (void)
{
  guint8 data[60];
  Packet packet;
  const char *reason;
  gsize len = make_ipv6 (data, "2001:db8::1", "2001:db8::2", 17, 20);
  data[0] = 0x62;
  data[1] = 0x8f;
  g_assert_true (packet_parse (&packet, data, len, &reason));
  g_assert_cmpuint (packet.traffic_class, ==, 0x28);
  g_assert_cmpuint (packet_outer_class (&packet, 0), ==, 0);
  g_assert_cmpuint (packet_outer_class (&packet, IKE_KERNEL_COPY_DSCP_OUT), ==, 0x28);
  g_assert_true (packet_merge_class (&packet, data, 0xb9, IKE_KERNEL_COPY_DSCP_IN));
  g_assert_cmpuint (data[0], ==, 0x6b);
  g_assert_cmpuint (data[1], ==, 0x8f);
}

static void
test_too_big (void)
{
  guint8 data[1500], error[PACKET_ERROR_MAX];
  Packet packet, about;
  const char *reason;
  gsize len = make_ipv4 (data, "10.0.0.1", "10.0.0.2", 6, 1400);
  g_assert_true (packet_parse (&packet, data, len, &reason));
  len = packet_too_big (&packet, data, 1300, error);
  g_assert_cmpuint (len, ==, 576);
  g_assert_true (packet_parse (&about, error, len, &reason));
  g_assert_cmpuint (about.source_port, ==, 0x0304);
  g_assert_cmpuint (error[26] << 8 | error[27], ==, 1300);
  g_assert_cmpmem (about.destination, 4, packet.source, 4);
  g_assert_cmpuint (packet_checksum (0, error, 20), ==, 0);
  g_assert_cmpuint (packet_checksum (0, error + 20, len - 20), ==, 0);
  len = make_ipv6 (data, "2001:db8::1", "2001:db8::2", 6, 1400);
  g_assert_true (packet_parse (&packet, data, len, &reason));
  len = packet_too_big (&packet, data, 1300, error);
  g_assert_cmpuint (len, ==, 1280);
  g_assert_true (packet_parse (&about, error, len, &reason));
  g_assert_cmpuint (about.source_port, ==, 0x0200);
}

static void
test_no_error_about_errors (void)
{
  guint8 data[1500], error[PACKET_ERROR_MAX];
  Packet packet;
  const char *reason;
  gsize len = make_ipv4 (data, "10.0.0.1", "10.0.0.2", 1, 1400);
  data[20] = 3;
  g_assert_true (packet_parse (&packet, data, len, &reason));
  g_assert_cmpuint (packet_too_big (&packet, data, 1300, error), ==, 0);
  data[20] = 8;
  g_assert_true (packet_parse (&packet, data, len, &reason));
  g_assert_cmpuint (packet_too_big (&packet, data, 1300, error), >, 0);
  data[7] = 8;
  g_assert_true (packet_parse (&packet, data, len, &reason));
  g_assert_cmpuint (packet_too_big (&packet, data, 1300, error), ==, 0);
  len = make_ipv4 (data, "10.0.0.1", "239.0.0.2", 17, 1400);
  g_assert_true (packet_parse (&packet, data, len, &reason));
  g_assert_cmpuint (packet_too_big (&packet, data, 1300, error), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/packet/ports-are-found", test_ports);
  g_test_add_func ("/packet/later-fragments-have-opaque-ports", test_fragments);
  g_test_add_func ("/packet/a-cut-upper-layer-has-opaque-ports", test_short_upper);
  g_test_add_func ("/packet/extension-headers-are-walked", test_extensions);
  g_test_add_func ("/packet/endless-extension-headers-are-refused", test_endless_extensions);
  g_test_add_func ("/packet/wrong-lengths-are-refused", test_malformed);
  g_test_add_func ("/packet/ecn-is-merged-as-rfc-6040-says", test_ecn);
  g_test_add_func ("/packet/dscp-is-copied-where-asked", test_dscp);
  g_test_add_func ("/packet/too-big-is-reported-to-the-sender", test_too_big);
  g_test_add_func ("/packet/no-error-about-errors-fragments-multicast", test_no_error_about_errors);
  return g_test_run ();
}
