/* SPDX-License-Identifier: Apache-2.0 */
/* test_selector_text.c - traffic selectors as text, both ways, and texts that are errors. */
#include <string.h>
#include <ikebana/selector.h>

static void
check (const char *text, const char *wanted)
{
  g_autoptr (GError) error = NULL;
  IkeSelector selector, again;
  char out[128];

  g_assert_true (ike_selector_parse (&selector, text, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (ike_selector_format (&selector, out, sizeof out), ==, wanted);
  g_assert_true (ike_selector_parse (&again, out, &error));
  g_assert_true (ike_selector_equal (&selector, &again));
}

static void
test_text (void)
{
  check ("10.0.0.0/8", "10.0.0.0/8");
  check ("10.1.2.3/8", "10.0.0.0/8");
  check ("10.0.0.1", "10.0.0.1/32");
  check ("10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9");
  check ("10.0.0.1 - 10.0.0.9", "10.0.0.1-10.0.0.9");
  check ("10.0.0.0-10.0.0.255", "10.0.0.0/24");
  check ("2001:db8::/32[udp/500-510]", "2001:db8::/32[udp/500-510]");
  check ("dynamic", "dynamic");
  check (" dynamic [tcp/80] ", "dynamic[tcp/80]");
  check ("0.0.0.0/0[icmp/2048]", "0.0.0.0/0[icmp/2048]");
  check ("10.1.0.0/16[17/opaque]", "10.1.0.0/16[udp/opaque]");
  check ("10.0.0.0/8[tcp]", "10.0.0.0/8[tcp]");
  check ("10.0.0.0/8[6/]", "10.0.0.0/8[tcp]");
  check ("10.0.0.0/8[/53]", "10.0.0.0/8[/53]");
  check ("10.0.0.0/8[any/any]", "10.0.0.0/8");
  check ("10.0.0.0/8[tcp/0-65535]", "10.0.0.0/8[tcp]");
  check ("10.0.0.0/8[200/7]", "10.0.0.0/8[200/7]");
  check ("::/0[ipv6-icmp]", "::/0[ipv6-icmp]");
  check ("::/0[icmpv6]", "::/0[ipv6-icmp]");
}

static void
test_malformed (void)
{
  static const char *const texts[] = {
    "",
    "10.0.0.0/33",
    "2001:db8::/129",
    "10.0.0.0/",
    "10.0.0.0/x",
    "10.0.0.9-10.0.0.1",
    "10.0.0.1-",
    "10.0.0.1-::1",
    "host.example",
    "%any",
    "10.0.0.0/8[tcp",
    "10.0.0.0/8[tcp]x",
    "[tcp]",
    "10.0.0.0/8[256]",
    "10.0.0.0/8[nosuch]",
    "10.0.0.0/8[tcp/65536]",
    "10.0.0.0/8[tcp/9-1]",
    "10.0.0.0/8[tcp/nosuch]",
    "fe80::1%1",
    "10.0.0.0/8[tcp/1-]",
    "dynamic/8",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GError) error = NULL;
    IkeSelector selector;
    g_test_message ("%s", texts[i]);
    g_assert_false (ike_selector_parse (&selector, texts[i], &error));
    g_assert_error (error, IKE_ERROR, IKE_ERROR_SYNTAX);
  }
}

static void
test_cut (void)
{
  IkeSelector selector;
  char out[64];

  g_assert_true (ike_selector_parse (&selector, "2001:db8::1-2001:db8::9[udp/500-510]", NULL));
  for (gsize size = 1; size < sizeof out; size++) {
    memset (out, 'x', sizeof out);
    ike_selector_format (&selector, out, size);
    g_assert_cmpuint (strnlen (out, size), <, size);
    g_assert_true (out[size] == 'x');
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/selector-text/forms-of-swanctl-are-read", test_text);
  g_test_add_func ("/selector-text/malformed-text-is-an-error", test_malformed);
  g_test_add_func ("/selector-text/any-room-is-enough", test_cut);
  return g_test_run ();
}
