/* SPDX-License-Identifier: Apache-2.0 */
/* test_carry.c - tagged packets that travel over the in-memory wire in the SAs of two engines: they
 * arrive, are lost with the rest, and are counted as a kernel counts. */
#include "exchange/pair.h"
#include <string.h>

static const char carry[] = "plugins { kernel-fake { carry = yes } }\n";

typedef struct {
  guint n_opened, n_unknown, n_bad;
  guint32 spi;
  char text[64];
} Heard;

static void
hear (const IkeFakeArrival *arrival, gpointer data)
{
  Heard *heard = data;

  heard->n_opened += arrival->what == IKE_FAKE_OPENED;
  heard->n_unknown += arrival->what == IKE_FAKE_UNKNOWN_SPI;
  heard->n_bad += arrival->what == IKE_FAKE_NOT_OPENED;
  heard->spi = arrival->spi;
  if (arrival->what == IKE_FAKE_OPENED)
    g_strlcpy (heard->text, (const char *) arrival->data, sizeof heard->text);
}

static Pair *
pair_that_carries (gconstpointer flags, const char *a, const char *b, Heard *heard)
{
  Pair *pair = pair_new (&(PairOptions){
      .flags = GPOINTER_TO_UINT (flags), .connection = { a, b }, .more = { carry, carry } });

  memset (heard, 0, sizeof *heard);
  pair->b.kernel_ops->on_arrival (pair->b.kernel, hear, heard);
  return pair;
}

static guint32
transmit (PairEnd *end, const char *from, const char *to, const char *text, guint32 *spi)
{
  IkeAddr a, b;

  g_assert_true (ike_addr_parse (&a, from, NULL));
  g_assert_true (ike_addr_parse (&b, to, NULL));
  return end->kernel_ops->transmit (end->kernel, &a, &b, (const guint8 *) text, strlen (text) + 1,
                                    spi);
}

static void
assert_sent (Pair *pair, const char *text)
{
  guint32 spi;

  g_assert_cmpuint (transmit (&pair->a, "10.1.0.1", "10.2.0.1", text, &spi), ==, IKE_FAKE_SENT);
}

static void
test_arrives (gconstpointer flags)
{
  Heard heard;
  Pair *pair = pair_that_carries (flags, NULL, NULL, &heard);
  guint32 spi;

  g_assert_cmpuint (transmit (&pair->a, "10.1.0.1", "10.2.0.1", "early", &spi), ==,
                    IKE_FAKE_NO_POLICY);
  pair_assert_up (pair, NULL);
  g_assert_cmpuint (transmit (&pair->a, "10.1.0.1", "10.9.0.1", "elsewhere", &spi), ==,
                    IKE_FAKE_NO_POLICY);
  g_assert_cmpuint (transmit (&pair->a, "10.1.0.1", "10.2.0.1", "hello", &spi), ==, IKE_FAKE_SENT);
  g_assert_cmpuint (heard.n_opened, ==, 0);
  pair_run (pair, 1);
  g_assert_cmpuint (heard.n_opened, ==, 1);
  g_assert_cmpuint (heard.spi, ==, spi);
  g_assert_cmpstr (heard.text, ==, "hello");
  pair_free (pair);
}

static void
test_loss (gconstpointer flags)
{
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP, .n_times = 1 };
  Heard heard;
  Pair *pair = pair_that_carries (flags, NULL, NULL, &heard);

  pair_assert_up (pair, NULL);
  pair->a.net_ops->rule_add (pair->a.net, &rule);
  assert_sent (pair, "lost");
  assert_sent (pair, "not lost");
  pair_run (pair, 1);
  g_assert_cmpuint (heard.n_opened, ==, 1);
  g_assert_cmpstr (heard.text, ==, "not lost");
  rule.action = IKE_SIM_CORRUPT;
  rule.argument = 20;
  pair->a.net_ops->rule_add (pair->a.net, &rule);
  assert_sent (pair, "spoiled");
  rule.argument = 1;
  pair->a.net_ops->rule_add (pair->a.net, &rule);
  assert_sent (pair, "under another SPI");
  pair_run (pair, 1);
  g_assert_cmpuint (heard.n_opened, ==, 1);
  g_assert_cmpuint (heard.n_bad, ==, 1);
  g_assert_cmpuint (heard.n_unknown, ==, 1);
  pair_free (pair);
}

static void
test_counts (gconstpointer flags)
{
  static const char a[] = "proposals = aes256gcm16-prfsha256-x25519\n children { net {\n"
                          " local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n"
                          " rekey_packets = 0\n life_packets = 3\n"
                          " esp_proposals = aes256gcm16\n } }\n";
  Heard heard;
  Pair *pair = pair_that_carries (flags, a, NULL, &heard);
  g_autoptr (IkeTree) status = NULL;
  const IkeTree *child;

  pair_assert_up (pair, NULL);
  assert_sent (pair, "1");
  assert_sent (pair, "2");
  pair_run (pair, 1);
  status = pair_status (&pair->b);
  child =
      ike_tree_nth (ike_tree_get (ike_tree_nth (ike_tree_get (status, "sas"), 0), "children"), 0);
  g_assert_cmpint (ike_tree_int (child, "packets-in", 0), ==, 2);
  g_assert_cmpint (ike_tree_int (child, "bytes-in", 0), ==, 4);
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 2);
  assert_sent (pair, "3");
  pair_run (pair, 1);
  /* The hard limit took it down at both ends; whether the delete overtook the last packet is the
   * network's affair. */
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 0);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 0);
  pair_free (pair);
}

static void
test_nat (gconstpointer flags)
{
  Heard heard;
  Pair *pair = pair_that_carries (flags, NULL,
                                  "remote_addrs = %any\n children { net {\n"
                                  " local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n"
                                  " esp_proposals = aes256gcm16\n } }\n",
                                  &heard);
  IkeAddr inside, outside;

  g_assert_true (ike_addr_parse (&inside, "10.0.0.1", NULL));
  g_assert_true (ike_addr_parse (&outside, "192.0.2.9", NULL));
  pair->a.net_ops->nat_add (pair->a.net, &inside, &outside);
  pair_assert_up (pair, NULL);
  assert_sent (pair, "through NAT");
  pair_run (pair, 1);
  g_assert_cmpuint (heard.n_opened, ==, 1);
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("carry", "a-packet-arrives-under-its-sa", test_arrives);
  pair_add_test ("carry", "packets-are-lost-and-spoiled-as-all-datagrams", test_loss);
  pair_add_test ("carry", "packets-count-and-limits-are-told", test_counts);
  pair_add_test ("carry", "packets-pass-a-nat", test_nat);
  return g_test_run ();
}
