/* SPDX-License-Identifier: Apache-2.0 */
/* test_selector.c - traffic selectors as sets: common parts, covering, narrowing. */
#include <string.h>
#include <ikebana/selector.h>

static IkeSelector
of (const char *text)
{
  g_autoptr (GError) error = NULL;
  IkeSelector selector;

  g_assert_true (ike_selector_parse (&selector, text, &error));
  return selector;
}

static void
common (const char *a_text, const char *b_text, const char *wanted)
{
  IkeSelector a = of (a_text), b = of (b_text), ab, ba;
  gboolean has = ike_selector_intersect (&a, &b, &ab);
  char out[128];

  g_assert_cmpint (ike_selector_intersect (&b, &a, &ba), ==, has);
  g_assert_cmpint (has, ==, wanted != NULL);
  if (!has)
    return;
  g_assert_true (ike_selector_equal (&ab, &ba));
  g_assert_cmpstr (ike_selector_format (&ab, out, sizeof out), ==, wanted);
}

static void
test_intersect (void)
{
  common ("10.0.0.0/8", "10.1.0.0/16", "10.1.0.0/16");
  common ("10.0.0.0/8", "11.0.0.0/8", NULL);
  common ("10.0.0.0/8", "0.0.0.0/0[tcp/80]", "10.0.0.0/8[tcp/80]");
  common ("10.0.0.0-10.0.0.9", "10.0.0.5-10.0.0.20", "10.0.0.5-10.0.0.9");
  common ("10.0.0.0/8[tcp]", "10.0.0.0/8[udp]", NULL);
  common ("10.0.0.0/8[tcp/80-90]", "10.0.0.0/8[tcp/85-100]", "10.0.0.0/8[tcp/85-90]");
  common ("10.0.0.0/8[tcp/80]", "10.0.0.0/8[tcp/81]", NULL);
  common ("10.0.0.0/8[/53]", "10.0.0.0/8[udp]", "10.0.0.0/8[udp/53]");
  common ("::/0", "2001:db8::/32", "2001:db8::/32");
  common ("::/0", "0.0.0.0/0", NULL);
  common ("0.0.0.0/0[icmp/2048-2303]", "0.0.0.0/0[icmp/2048]", "0.0.0.0/0[icmp/2048]");
  common ("dynamic", "0.0.0.0/0", NULL);
}

static void
test_opaque (void)
{
  common ("10.0.0.0/8[17/opaque]", "10.0.0.0/8", "10.0.0.0/8[udp/opaque]");
  common ("10.0.0.0/8[17/opaque]", "10.0.0.0/8[udp/opaque]", "10.0.0.0/8[udp/opaque]");
  common ("10.0.0.0/8[17/opaque]", "10.0.0.0/8[udp/53]", NULL);
  common ("10.0.0.0/8[17/opaque]", "10.0.0.0/8[udp/0]", NULL);
}

static void
test_covers (void)
{
  IkeSelector big = of ("10.0.0.0/8"), small_ = of ("10.1.0.0/16[tcp/80]"),
              opaque = of ("10.1.0.0/16[tcp/opaque]");

  g_assert_true (ike_selector_covers (&big, &small_));
  g_assert_true (ike_selector_covers (&big, &big));
  g_assert_false (ike_selector_covers (&small_, &big));
  g_assert_true (ike_selector_covers (&big, &opaque));
  g_assert_false (ike_selector_covers (&small_, &opaque));
}

static void
test_matches (void)
{
  IkeSelector web = of ("10.0.0.0/8[tcp/80-90]"), all = of ("0.0.0.0/0"), dynamic = of ("dynamic"),
              opaque = of ("0.0.0.0/0[tcp/opaque]");
  IkeAddr addr = { .family = 4, .port = 80, .bytes = { 10, 0, 0, 1 } }, six = { .family = 6 };

  g_assert_true (ike_selector_matches (&web, 6, &addr));
  g_assert_false (ike_selector_matches (&web, 17, &addr));
  g_assert_false (ike_selector_matches (&opaque, 6, &addr));
  addr.port = 90;
  g_assert_true (ike_selector_matches (&web, 6, &addr));
  addr.port = 91;
  g_assert_false (ike_selector_matches (&web, 6, &addr));
  g_assert_true (ike_selector_matches (&all, 6, &addr));
  addr.bytes[0] = 11;
  addr.port = 80;
  g_assert_false (ike_selector_matches (&web, 6, &addr));
  g_assert_false (ike_selector_matches (&all, 6, &six));
  g_assert_false (ike_selector_matches (&dynamic, 6, &addr));
}

static void
test_prefix_len (void)
{
  static const struct { const char *text; int len;
  } cases[] = {
    { "0.0.0.0/0", 0 },
    { "10.0.0.0/8", 8 },
    { "10.0.0.1", 32 },
    { "10.0.0.0-10.0.0.1", 31 },
    { "10.0.0.1-10.0.0.2", -1 },
    { "::/0", 0 },
    { "::1", 128 },
    { "2001:db8::/33", 33 },
    { "dynamic", -1 },
    { "10.0.0.0-10.0.0.2", -1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    IkeSelector selector = of (cases[i].text);
    g_assert_cmpint (ike_selector_prefix_len (&selector), ==, cases[i].len);
  }
}

static void
test_resolve (void)
{
  IkeAddr four = { .family = 4, .bytes = { 10, 0, 0, 1 } },
          six = { .family = 6, .bytes = { 0x20, 1 } }, unset = { 0 };
  IkeSelector selector = of ("dynamic[tcp/80]"), fixed = of ("10.0.0.0/8");
  char out[128];

  ike_selector_resolve (&selector, &unset);
  g_assert_true (selector.is_dynamic);
  ike_selector_resolve (&selector, &four);
  g_assert_cmpstr (ike_selector_format (&selector, out, sizeof out), ==, "10.0.0.1/32[tcp/80]");
  selector = of ("dynamic");
  ike_selector_resolve (&selector, &six);
  g_assert_cmpstr (ike_selector_format (&selector, out, sizeof out), ==, "2001::/128");
  ike_selector_resolve (&fixed, &six);
  g_assert_cmpstr (ike_selector_format (&fixed, out, sizeof out), ==, "10.0.0.0/8");
}

static void
test_narrow (void)
{
  IkeSelector ours[] = { of ("10.1.0.0/16"), of ("10.2.0.0/16[tcp]"), of ("2001:db8::/32") };
  IkeSelector offered[] = { of ("10.1.2.3[tcp/80]"), of ("10.0.0.0/8"), of ("10.1.0.0/24"),
                            of ("::/0"), of ("192.0.2.0/24") };
  IkeSelector out[8];
  char text[128];
  guint n = ike_selectors_narrow (ours, 3, offered, 5, out, G_N_ELEMENTS (out));
  static const char *const wanted[] = { "10.1.0.0/16", "10.2.0.0/16[tcp]", "2001:db8::/32" };

  g_assert_cmpuint (n, ==, 3);
  for (guint i = 0; i < n; i++)
    g_assert_cmpstr (ike_selector_format (&out[i], text, sizeof text), ==, wanted[i]);
  for (guint max = 0; max < 2; max++)
    g_assert_cmpuint (ike_selectors_narrow (ours, 3, offered, 5, out, max), ==, max);
  g_assert_cmpuint (ike_selectors_narrow (ours, 0, offered, 5, out, 8), ==, 0);
  g_assert_cmpuint (ike_selectors_narrow (ours, 3, offered + 4, 1, out, 8), ==, 0);
}

static void
test_prune (void)
{
  IkeSelector list[] = { of ("10.1.2.3[tcp/80]"), of ("10.3.0.0/16"), of ("10.1.0.0/16"),
                         of ("10.3.0.0/16"), of ("10.1.0.0/24"), of ("::/0") };
  static const char *const wanted[] = { "10.3.0.0/16", "10.1.0.0/16", "::/0" };
  char text[128];

  g_assert_cmpuint (ike_selectors_prune (list, G_N_ELEMENTS (list)), ==, 3);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpstr (ike_selector_format (&list[i], text, sizeof text), ==, wanted[i]);
  g_assert_cmpuint (ike_selectors_prune (list, 1), ==, 1);
  g_assert_cmpuint (ike_selectors_prune (list, 0), ==, 0);
}

/* Whatever comes out lies within both. */
static void
test_narrow_never_widens (void)
{
  static const char *const texts[] = { "10.0.0.0/8", "10.1.0.0/16[tcp/80]", "10.0.0.3-10.5.0.7[17]",
                                       "0.0.0.0/0[/opaque]", "0.0.0.0/0[6/1-100]" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    for (guint j = 0; j < G_N_ELEMENTS (texts); j++) {
      IkeSelector a = of (texts[i]), b = of (texts[j]), out[2];
      guint n = ike_selectors_narrow (&a, 1, &b, 1, out, 2);
      for (guint k = 0; k < n; k++) {
        g_assert_true (ike_selector_covers (&a, &out[k]));
        g_assert_true (ike_selector_covers (&b, &out[k]));
      }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/selector/common-part-is-the-same-both-ways", test_intersect);
  g_test_add_func ("/selector/opaque-is-in-any-and-in-no-port", test_opaque);
  g_test_add_func ("/selector/covering-is-having-it-all", test_covers);
  g_test_add_func ("/selector/packet-matches-address-protocol-and-port", test_matches);
  g_test_add_func ("/selector/prefix-is-known-as-one", test_prefix_len);
  g_test_add_func ("/selector/dynamic-becomes-the-host", test_resolve);
  g_test_add_func ("/selector/narrowing-keeps-the-order-of-the-offer", test_narrow);
  g_test_add_func ("/selector/what-another-covers-is-left-out", test_prune);
  g_test_add_func ("/selector/narrowing-never-widens", test_narrow_never_widens);
  return g_test_run ();
}
