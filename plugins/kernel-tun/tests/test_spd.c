/* SPDX-License-Identifier: Apache-2.0 */
/* test_spd.c - tests spd.c and sad.c: which policy a packet gets, what an inbound SA permits,
 * the table by SPI. */
#include "config.h"
#include "kernel-tun/flows.h"
#include "kernel-tun/sad.h"
#include "packets.h"

typedef struct {
  Spd       *spd;
  GPtrArray *policies, *garbage;
} Fixture;

static void
retire (gpointer data, gpointer item, GDestroyNotify free_item)
{
  g_ptr_array_add (data, item);
}

static void
setup (Fixture *fixture, gconstpointer data)
{
  fixture->garbage = g_ptr_array_new_with_free_func (g_free);
  fixture->policies = g_ptr_array_new_with_free_func (g_free);
  fixture->spd = spd_new (retire, fixture->garbage);
}

static void
teardown (Fixture *fixture, gconstpointer data)
{
  spd_free (fixture->spd);
  g_ptr_array_unref (fixture->garbage);
  g_ptr_array_unref (fixture->policies);
}

static SpdPolicy *
add (Fixture *fixture, const char *source, const char *destination)
{
  g_autoptr (GError) error = NULL;
  SpdPolicy *policy = g_new0 (SpdPolicy, 1);
  g_assert_true (ike_selector_parse (&policy->source, source, &error));
  g_assert_true (ike_selector_parse (&policy->destination, destination, &error));
  policy->priority = spd_priority (&policy->source, &policy->destination);
  g_ptr_array_add (fixture->policies, policy);
  spd_add (fixture->spd, policy);
  return policy;
}

static Packet
packet_to (const char *source, const char *destination, guint8 protocol, guint16 port)
{
  guint8 data[64];
  Packet packet;
  const char *reason;
  gsize len = strchr (source, ':') ? make_ipv6 (data, source, destination, protocol, 8)
                                   : make_ipv4 (data, source, destination, protocol, 8);
  set_ports (data + len - 8, 1024, port);
  g_assert_true (packet_parse (&packet, data, len, &reason));
  return packet;
}

static SpdPolicy *
lookup (Fixture *fixture, const char *source, const char *destination, guint8 protocol,
        guint16 port)
{
  Packet packet = packet_to (source, destination, protocol, port);
  return spd_lookup (fixture->spd, &packet);
}

static void
test_narrower (Fixture *f, gconstpointer data)
{
  SpdPolicy *all = add (f, "0.0.0.0/0", "0.0.0.0/0"), *wide = add (f, "10.1.0.0/16", "10.0.0.0/8");
  SpdPolicy *narrow = add (f, "10.1.0.0/16", "10.2.0.0/16"),
            *dns = add (f, "10.1.0.0/16", "10.2.0.0/16[udp/53]");
  SpdPolicy *host = add (f, "10.1.0.0/16", "10.2.3.4/32"),
            *range = add (f, "10.1.0.0/16", "10.9.0.5-10.9.0.9");
  SpdPolicy *six = add (f, "2001:db8::/32", "2001:db8:1::/48");
  g_assert_true (lookup (f, "10.1.0.1", "10.2.0.1", 6, 80) == narrow);
  g_assert_true (lookup (f, "10.1.0.1", "10.2.0.1", 17, 53) == dns);
  g_assert_true (lookup (f, "10.1.0.1", "10.2.0.1", 17, 54) == narrow);
  g_assert_true (lookup (f, "10.1.0.1", "10.2.3.4", 6, 80) == host);
  g_assert_true (lookup (f, "10.1.0.1", "10.3.0.1", 6, 80) == wide);
  g_assert_true (lookup (f, "10.1.0.1", "10.9.0.4", 6, 80) == wide);
  g_assert_true (lookup (f, "10.1.0.1", "10.9.0.5", 6, 80) == range);
  g_assert_true (lookup (f, "10.1.0.1", "10.9.0.9", 6, 80) == range);
  g_assert_true (lookup (f, "10.1.0.1", "10.9.0.10", 6, 80) == wide);
  g_assert_true (lookup (f, "192.0.2.1", "10.2.0.1", 6, 80) == all);
  g_assert_true (lookup (f, "2001:db8::1", "2001:db8:1::5", 6, 80) == six);
  g_assert_null (lookup (f, "2001:db8::1", "2001:db8:2::5", 6, 80));
  spd_remove (f->spd, host);
  g_assert_true (lookup (f, "10.1.0.1", "10.2.3.4", 6, 80) == narrow);
  spd_remove (f->spd, narrow);
  spd_remove (f->spd, wide);
  g_assert_true (lookup (f, "10.1.0.1", "10.2.3.4", 6, 80) == all);
  spd_remove (f->spd, all);
  g_assert_null (lookup (f, "10.1.0.1", "10.2.3.4", 6, 80));
}

/* RFC 4301, 4.4.1.1: a fragment without ports fits ANY and OPAQUE only. */
static void
test_opaque (Fixture *f, gconstpointer data)
{
  SpdPolicy *opaque = add (f, "10.1.0.0/16[udp/opaque]", "10.2.0.0/16[udp/opaque]");
  SpdPolicy *ports = add (f, "10.1.0.0/16", "10.2.0.0/16[udp/53]"),
            *any = add (f, "10.1.0.0/16", "10.0.0.0/8");
  Packet packet = packet_to ("10.1.0.1", "10.2.0.1", 17, 53);
  g_assert_true (spd_lookup (f->spd, &packet) == ports);
  packet.ports = PACKET_PORTS_OPAQUE;
  packet.is_first = FALSE;
  g_assert_true (spd_lookup (f->spd, &packet) == opaque);
  spd_remove (f->spd, opaque);
  g_assert_true (spd_lookup (f->spd, &packet) == any);
  packet.is_protocol_opaque = TRUE;
  g_assert_true (spd_lookup (f->spd, &packet) == any);
}

static void
test_icmp (Fixture *f, gconstpointer data)
{
  SpdPolicy *echo = add (f, "10.1.0.0/16[icmp/2048]", "10.2.0.0/16[icmp/2048]");
  Packet packet = packet_to ("10.1.0.1", "10.2.0.1", 1, 0);
  packet.source_port = packet.destination_port = 0x0800;
  g_assert_true (spd_lookup (f->spd, &packet) == echo);
  packet.source_port = packet.destination_port = 0x0300;
  g_assert_null (spd_lookup (f->spd, &packet));
}

static void
test_many (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 20000; i++) {
    g_autofree char *host = g_strdup_printf ("10.%u.%u.1/32", i >> 8, i & 255);
    add (f, "192.0.2.0/24", host);
  }
  for (guint i = 0; i < 20000; i += 77) {
    g_autofree char *host = g_strdup_printf ("10.%u.%u.1", i >> 8, i & 255);
    g_assert_true (lookup (f, "192.0.2.9", host, 6, 1) == g_ptr_array_index (f->policies, i));
  }
  g_assert_null (lookup (f, "192.0.2.9", "10.0.0.2", 6, 1));
}

static void
test_selectors (void)
{
  g_autofree TunSelectors *selectors = g_malloc0 (sizeof *selectors + sizeof selectors->pairs[0]);
  TunSa sa = { 0 };
  Packet packet = packet_to ("10.2.0.1", "10.1.0.1", 17, 53);
  g_assert_false (sad_permits (&sa, &packet));
  selectors->n = 1;
  g_assert_true (ike_selector_parse (&selectors->pairs[0].source, "10.2.0.0/24", NULL));
  g_assert_true (
      ike_selector_parse (&selectors->pairs[0].destination, "10.1.0.1/32[udp/53]", NULL));
  atomic_store (&sa.selectors, selectors);
  g_assert_true (sad_permits (&sa, &packet));
  packet.destination_port = 54;
  g_assert_false (sad_permits (&sa, &packet));
  packet = packet_to ("10.2.1.1", "10.1.0.1", 17, 53);
  g_assert_false (sad_permits (&sa, &packet));
}

static void
test_table (void)
{
  SadTable table;
  g_autofree TunSa *sas = g_new0 (TunSa, 5000);
  sad_table_init (&table);
  for (guint i = 0; i < 5000; i++) {
    sas[i].spi = 0x01000000 + i * 7919;
    sad_table_add (&table, &sas[i]);
  }
  for (guint i = 0; i < 5000; i += 2)
    sad_table_remove (&table, sas[i].spi);
  sad_table_remove (&table, 0x77777777);
  for (guint i = 0; i < 5000; i++)
    g_assert_true (sad_table_find (&table, sas[i].spi) == (i % 2 ? &sas[i] : NULL));
  g_assert_cmpuint (table.n, ==, 2500);
  sad_table_clear (&table);
}

static void
test_sequence (void)
{
  TunSa sa = { 0 };
  g_assert_cmpuint (sad_next_sequence (&sa), ==, 1);
  atomic_store (&sa.sequence, G_MAXUINT32 - 1);
  g_assert_cmpuint (sad_next_sequence (&sa), ==, G_MAXUINT32);
  g_assert_cmpuint (sad_next_sequence (&sa), ==, 0);
  g_assert_cmpuint (sad_next_sequence (&sa), ==, 0);
  sa.is_esn = TRUE;
  g_assert_cmpuint (sad_next_sequence (&sa), ==, G_GUINT64_CONSTANT (1) << 32);
}

static void
test_lifetime (void)
{
  TunSa sa = { .soft_packets = 2, .hard_bytes = 300 };
  g_assert_cmpuint (sad_account (&sa, 100, 1), ==, 0);
  g_assert_cmpuint (sad_account (&sa, 100, 2), ==, SAD_SOFT_EXPIRED);
  g_assert_cmpuint (sad_account (&sa, 100, 3), ==, SAD_HARD_EXPIRED);
  g_assert_cmpuint (sad_account (&sa, 100, 4), ==, 0);
  g_assert_cmpuint (sa.n_packets, ==, 4);
  g_assert_cmpint (sa.last_use_us, ==, 4);
}

/* Two peers at one address with the same selectors: what the second began goes back to it, what
 * neither began goes to the first. */
static void
test_flows (Fixture *fixture, gconstpointer data)
{
  Flows *flows = g_new0 (Flows, 1);
  SpdPolicy *first = add (fixture, "192.0.2.2/32", "192.0.2.99/32"),
            *second = add (fixture, "192.0.2.2/32", "192.0.2.99/32");
  Packet in = packet_to ("192.0.2.99", "192.0.2.2", 6, 80), out, other;
  first->mode = second->mode = IKE_MODE_TRANSPORT;
  first->reqid = 1;
  second->reqid = 2;
  in.source_port = 5555;
  out = packet_to ("192.0.2.2", "192.0.2.99", 6, 5555);
  out.source_port = 80;
  other = out;
  other.destination_port = 5556;
  g_assert_cmpuint (flows_find (flows, &out), ==, 0);
  flows_note (flows, &in, 2);
  g_assert_cmpuint (flows_find (flows, &out), ==, 2);
  g_assert_cmpuint (flows_find (flows, &other), ==, 0);
  g_assert_true (spd_lookup (fixture->spd, &out) == first);
  g_assert_true (spd_lookup_hosts (fixture->spd, &out, 2) == second);
  g_assert_true (spd_is_bare (fixture->spd, &out));
  g_assert_false (spd_is_bare (fixture->spd, &in));
  spd_remove (fixture->spd, second);
  g_assert_null (spd_lookup_hosts (fixture->spd, &out, 2));
  /* The echo and its answer differ in type. */
  in = packet_to ("192.0.2.99", "192.0.2.2", 1, 0);
  out = packet_to ("192.0.2.2", "192.0.2.99", 1, 0);
  in.source_port = in.destination_port = 0x0800;
  out.source_port = out.destination_port = 0;
  flows_note (flows, &in, 7);
  g_assert_cmpuint (flows_find (flows, &out), ==, 7);
  g_free (flows);
}

static void
test_skip (void)
{
  TunSa plain = { .is_esn = FALSE }, extended = { .is_esn = TRUE };
  g_assert_cmpuint (sad_next_sequence (&plain), ==, 1);
  sad_skip (&plain, 1000);
  g_assert_cmpuint (sad_next_sequence (&plain), ==, 1002);
  sad_skip (&plain, G_MAXUINT64);
  g_assert_cmpuint (sad_next_sequence (&plain), ==, 0);
  sad_skip (&extended, G_GUINT64_CONSTANT (1) << 32);
  g_assert_cmpuint (sad_next_sequence (&extended), ==, (G_GUINT64_CONSTANT (1) << 32) + 1);
  sad_skip (&extended, G_MAXUINT64);
  g_assert_cmpuint (sad_next_sequence (&extended), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/spd/narrower-wins", Fixture, NULL, setup, test_narrower, teardown);
  g_test_add ("/spd/fragments-fit-any-and-opaque-only", Fixture, NULL, setup, test_opaque,
              teardown);
  g_test_add ("/spd/icmp-type-and-code-are-ports", Fixture, NULL, setup, test_icmp, teardown);
  g_test_add ("/spd/each-of-many-hosts-has-its-policy", Fixture, NULL, setup, test_many, teardown);
  g_test_add ("/flows/peers-at-one-address-are-told-apart", Fixture, NULL, setup, test_flows,
              teardown);
  g_test_add_func ("/sad/inner-packets-must-fit-the-selectors", test_selectors);
  g_test_add_func ("/sad/table-finds-what-was-not-removed", test_table);
  g_test_add_func ("/sad/sequence-numbers-skip-and-stop-at-their-end", test_skip);
  g_test_add_func ("/sad/sequence-ends-and-stays-ended", test_sequence);
  g_test_add_func ("/sad/each-limit-is-reported-once", test_lifetime);
  return g_test_run ();
}
