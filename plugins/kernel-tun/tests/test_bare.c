/* SPDX-License-Identifier: Apache-2.0 */
/* test_bare.c - tests bare.c and reassemble.c: headers off and on, checksums behind NAT, fragments
 * put together. */
#include "config.h"
#include <ikebana/kernel.h>
#include "kernel-tun/bare.h"
#include "kernel-tun/reassemble.h"
#include "kernel-tun/tests/packets.h"

static Packet
parsed (const guint8 *data, gsize len)
{
  const char *reason = "";
  Packet packet;
  if (!packet_parse (&packet, data, len, &reason))
    g_error ("%s", reason);
  return packet;
}

static BareHosts
hosts_of (guint8 family, const char *source, const char *destination)
{
  BareHosts hosts = { .family = family };
  put_addr (hosts.source, source);
  put_addr (hosts.destination, destination);
  return hosts;
}

/* The sum over a pseudo header and what follows: 0 when the checksum in it is right. */
static guint16
sum_of (const BareHosts *hosts, guint8 protocol, const guint8 *data, gsize len)
{
  gsize addr_len = hosts->family == 4 ? 4 : 16;
  guint8 pseudo[40 + 256] = { 0 };
  memcpy (pseudo, hosts->source, addr_len);
  memcpy (pseudo + addr_len, hosts->destination, addr_len);
  pseudo[2 * addr_len] = 0;
  pseudo[2 * addr_len + 1] = protocol;
  pseudo[2 * addr_len + 2] = (guint8) (len >> 8);
  pseudo[2 * addr_len + 3] = (guint8) len;
  memcpy (pseudo + 2 * addr_len + 4, data, len);
  return packet_checksum (0, pseudo, 2 * addr_len + 4 + len);
}

static void
test_off_and_on (void)
{
  guint8 buffer[200] = { 0 }, *data = buffer + BARE_HEADER_MAX, next;
  gsize lens[2] = { make_ipv4 (data, "192.0.2.1", "192.0.2.2", 6, 40), 0 };
  BareHosts hosts = hosts_of (4, "192.0.2.1", "192.0.2.2");
  guint32 at;
  for (guint i = 0; i < 2; i++) {
    Packet before, after;
    BareHeader header = { .traffic_class = 0xb9, .hop_limit = 255 };
    if (i) {
      lens[1] = make_ipv6 (data, "2001:db8::1", "2001:db8::2", 6, 40);
      hosts = hosts_of (6, "2001:db8::1", "2001:db8::2");
    }
    set_ports (data + (i ? 40 : 20), 7, 80);
    before = parsed (data, lens[i]);
    g_assert_true (bare_is_between (&hosts, &before));
    g_assert_true (bare_strip (&before, data, &at, &next));
    g_assert_cmpuint (at, ==, i ? 40 : 20);
    g_assert_cmpuint (next, ==, 6);
    header.next_header = next;
    memset (data, 0xee, at);
    g_assert_cmpuint (bare_build (&hosts, &header, data + at, lens[i] - at), ==, at);
    after = parsed (data, lens[i]);
    g_assert_cmpuint (after.len, ==, before.len);
    g_assert_cmphex (after.traffic_class, ==, 0xb9);
    g_assert_cmpuint (data[i ? 7 : 8], ==, 255);
    g_assert_cmpuint (after.destination_port, ==, 80);
    g_assert_true (bare_is_between (&hosts, &after));
    if (!i)
      g_assert_cmphex (packet_checksum (0, data, 20), ==, 0);
  }
}

static void
test_not_carried (void)
{
  guint8 data[200], next;
  guint32 at;
  Packet packet;
  gsize len = make_ipv4 (data, "192.0.2.1", "192.0.2.2", 17, 60);
  data[0] = 0x46;
  packet = parsed (data, len);
  g_assert_false (bare_strip (&packet, data, &at, &next));
  data[0] = 0x45;
  data[6] = 0x20;
  packet = parsed (data, len);
  g_assert_false (bare_strip (&packet, data, &at, &next));
  for (guint i = 0; i < 2; i++) {
    len = make_ipv6 (data, "::1", "::2", i ? 43 : 0, 60);
    data[40] = 17;
    packet = parsed (data, len);
    g_assert_false (bare_strip (&packet, data, &at, &next));
  }
  /* Destination options may stand behind ESP. */
  len = make_ipv6 (data, "::1", "::2", 60, 60);
  data[40] = 17;
  packet = parsed (data, len);
  g_assert_true (bare_strip (&packet, data, &at, &next));
  g_assert_cmpuint (at, ==, 40);
  g_assert_cmpuint (next, ==, 60);
  g_assert_cmpuint (bare_build (&(BareHosts) { .family = 4 }, &(BareHeader) { 0 }, data + 40,
                                65516),
                    ==, 0);
}

/* The peer's checksum is right for its own addresses, and then for those that we see. */
static void
test_checksums (void)
{
  static const struct { guint8 family, protocol; guint at; const char *a, *b, *c, *d; } cases[] = {
    { 4, 6, 16, "10.0.0.1", "203.0.113.9", "198.51.100.7", "192.168.1.2" },
    { 4, 17, 6, "10.0.0.1", "203.0.113.9", "198.51.100.7", "203.0.113.9" },
    { 6, 6, 16, "fd00::1", "2001:db8::9", "2001:db8:ffff::7", "fd01::2" },
    { 6, 17, 6, "fd00::1", "2001:db8::9", "2001:db8:ffff::7", "fd01::2" },
    { 6, 58, 2, "fd00::1", "2001:db8::9", "2001:db8:ffff::7", "fd01::2" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases) * 300; i++) {
    guint k = i / 300;
    BareHosts original = hosts_of (cases[k].family, cases[k].a, cases[k].b),
              hosts = hosts_of (cases[k].family, cases[k].c, cases[k].d);
    guint8 data[41];
    guint16 sum;
    for (guint j = 0; j < sizeof data; j++)
      data[j] = (guint8) g_test_rand_int ();
    data[cases[k].at] = data[cases[k].at + 1] = 0;
    sum = sum_of (&original, cases[k].protocol, data, sizeof data);
    if (cases[k].protocol == 17 && sum == 0)
      sum = 0xffff;
    data[cases[k].at] = (guint8) (sum >> 8);
    data[cases[k].at + 1] = (guint8) sum;
    bare_fix_checksum (&hosts, &original, cases[k].protocol, data, sizeof data);
    g_assert_cmphex (sum_of (&hosts, cases[k].protocol, data, sizeof data), ==, 0);
  }
}

static void
test_no_checksum (void)
{
  BareHosts original = hosts_of (4, "10.0.0.1", "10.0.0.2");
  BareHosts hosts = hosts_of (4, "1.2.3.4", "5.6.7.8");
  guint8 data[20] = { 1, 2, 3, 4, 5, 6, 0, 0, 9 }, copy[20];
  memcpy (copy, data, sizeof copy);
  bare_fix_checksum (&hosts, &original, 17, data, sizeof data);
  bare_fix_checksum (&hosts, &original, 6, data, 17);
  bare_fix_checksum (&hosts, &original, 132, data, sizeof data);
  g_assert_cmpmem (data, sizeof data, copy, sizeof copy);
}

/* -- fragments */

enum { WHOLE = 3001 };

/* A fragment with bytes @from to @to of a datagram whose i-th byte is i. */
static gsize
fragment (guint8 family, guint16 id, guint from, guint to, guint8 *out)
{
  gsize header = family == 4 ? 20 : 48, len;
  gboolean has_more = to < WHOLE;
  if (family == 4) {
    len = make_ipv4 (out, "192.0.2.1", "192.0.2.2", 17, to - from);
    out[5] = (guint8) id;
    out[6] = (guint8) ((has_more ? 0x20 : 0) | from / 8 >> 8);
    out[7] = (guint8) (from / 8);
  } else {
    len = make_ipv6 (out, "2001:db8::1", "2001:db8::2", 44, 8 + to - from);
    memset (out + 40, 0, 8);
    out[40] = 17;
    out[42] = (guint8) (from >> 8);
    out[43] = (guint8) (from | has_more);
    out[47] = (guint8) id;
  }
  for (guint i = from; i < to; i++)
    out[header + i - from] = (guint8) (i * 31 + i / 256);
  return len;
}

static guint8 *
add (Reassembly *r, guint8 family, guint16 id, guint from, guint to, gsize *len)
{
  guint8 data[WHOLE + 100];
  gsize fragment_len = fragment (family, id, from, to, data);
  Packet packet = parsed (data, fragment_len);
  return reassemble (r, &packet, data, len);
}

static void
assert_whole (const guint8 *data, gsize len, guint8 family)
{
  gsize header = family == 4 ? 20 : 40;
  Packet packet;
  g_assert_nonnull (data);
  g_assert_cmpuint (len, ==, header + WHOLE);
  packet = parsed (data, len);
  g_assert_false (packet.is_fragment);
  g_assert_cmpuint (packet.protocol, ==, 17);
  g_assert_cmpuint (packet.len, ==, len);
  for (guint i = 0; i < WHOLE; i++)
    g_assert_cmphex (data[header + i], ==, (guint8) (i * 31 + i / 256));
}

static void
test_in_any_order (void)
{
  static const guint orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                     { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
  static const guint cuts[] = { 0, 1376, 2752, WHOLE };
  for (guint i = 0; i < 12; i++) {
    guint8 family = i % 2 ? 6 : 4;
    const guint *order = orders[i / 2];
    Reassembly r = { { NULL }, 0 };
    guint8 *whole = NULL;
    gsize len = 0;
    for (guint k = 0; k < 3; k++) {
      g_assert_null (whole);
      whole = add (&r, family, 9, cuts[order[k]], cuts[order[k] + 1], &len);
    }
    assert_whole (whole, len, family);
    reassembly_clear (&r);
  }
}

/* Datagrams are kept apart; more than there is room for push out the oldest. */
static void
test_several (void)
{
  Reassembly r = { { NULL }, 0 };
  guint8 *whole;
  gsize len;
  for (guint i = 0; i < REASSEMBLE_MAX; i++)
    g_assert_null (add (&r, 4, (guint16) i, 0, 1600, &len));
  whole = add (&r, 4, 1, 1600, WHOLE, &len);
  assert_whole (whole, len, 4);
  g_assert_null (add (&r, 4, 77, 0, 1600, &len));
  g_assert_null (add (&r, 4, 0, 1600, WHOLE, &len));
  reassembly_clear (&r);
}

static void
test_lies (void)
{
  Reassembly r = { { NULL }, 0 };
  guint8 data[WHOLE + 100];
  Packet packet;
  gsize len;
  /* overlapping */
  g_assert_null (add (&r, 4, 1, 0, 1600, &len));
  g_assert_null (add (&r, 4, 1, 1592, WHOLE, &len));
  g_assert_null (add (&r, 4, 1, 1600, WHOLE, &len));
  /* two ends */
  g_assert_null (add (&r, 6, 2, 1600, WHOLE, &len));
  g_assert_null (add (&r, 6, 2, 800, WHOLE, &len));
  g_assert_null (add (&r, 6, 2, 0, 1600, &len));
  /* beyond what a packet can be */
  len = fragment (4, 3, 2992, WHOLE, data);
  data[6] = 0x1f;
  data[7] = 0xff;
  packet = parsed (data, len);
  g_assert_null (reassemble (&r, &packet, data, &len));
  /* a middle part that is no multiple of eight bytes */
  len = fragment (4, 4, 0, 1600, data) - 4;
  data[2] = (guint8) (len >> 8);
  data[3] = (guint8) len;
  packet = parsed (data, len);
  g_assert_null (reassemble (&r, &packet, data, &len));
  reassembly_clear (&r);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bare/headers-come-off-and-on", test_off_and_on);
  g_test_add_func ("/bare/what-needs-its-own-header-is-not-carried", test_not_carried);
  g_test_add_func ("/bare/checksums-are-mended", test_checksums);
  g_test_add_func ("/bare/what-has-no-checksum-stays", test_no_checksum);
  g_test_add_func ("/reassemble/fragments-in-any-order", test_in_any_order);
  g_test_add_func ("/reassemble/several-datagrams-at-once", test_several);
  g_test_add_func ("/reassemble/lies-make-nothing", test_lies);
  return g_test_run ();
}
