/* SPDX-License-Identifier: Apache-2.0 */
/* test_addr.c - addresses from text and sockaddr and back, comparison and prefixes. */
#include <netinet/in.h>
#include <string.h>
#include <ikebana/addr.h>
#include <ikebana/error.h>

static IkeAddr
addr_of (const char *text)
{
  g_autoptr (GError) error = NULL;
  IkeAddr addr;

  g_assert_true (ike_addr_parse (&addr, text, &error));
  g_assert_no_error (error);
  return addr;
}

static void
test_text_round_trip (void)
{
  static const char *const texts[] = { "192.0.2.1", "2001:db8::1", "::1",      "0.0.0.0",
                                       "::",        "%any",        "fe80::1%1" };
  char out[IKE_ADDR_TEXT_SIZE];

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    IkeAddr addr = addr_of (texts[i]);
    g_assert_cmpstr (ike_addr_format (&addr, FALSE, out), ==, texts[i]);
  }
}

static void
test_text_with_port (void)
{
  IkeAddr four = addr_of ("192.0.2.1"), six = addr_of ("fe80::1%7"), any = addr_of ("%any");
  char out[IKE_ADDR_TEXT_SIZE];

  four.port = six.port = 4500;
  g_assert_cmpstr (ike_addr_format (&four, TRUE, out), ==, "192.0.2.1:4500");
  g_assert_cmpstr (ike_addr_format (&six, TRUE, out), ==, "[fe80::1%7]:4500");
  g_assert_cmpstr (ike_addr_format (&any, TRUE, out), ==, "%any:0");
}

static void
test_text_longest (void)
{
  IkeAddr addr = addr_of ("1111:2222:3333:4444:5555:6666:255.255.255.255");
  char out[IKE_ADDR_TEXT_SIZE];

  addr.scope = G_MAXUINT32;
  addr.port = 65535;
  g_assert_true (g_str_has_suffix (ike_addr_format (&addr, TRUE, out), "%4294967295]:65535"));
}

static void
test_text_malformed (void)
{
  static const char *const texts[] = { "",
                                       "192.0.2",
                                       "192.0.2.256",
                                       "192.0.2.1 ",
                                       "2001:db8:::1",
                                       "host.example",
                                       "%any5",
                                       "192.0.2.1:500",
                                       "fe80::1%",
                                       "fe80::1%no-such-interface",
                                       "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GError) error = NULL;
    IkeAddr addr;
    g_assert_false (ike_addr_parse (&addr, texts[i], &error));
    g_assert_error (error, IKE_ERROR, IKE_ERROR_SYNTAX);
  }
}

static void
test_any (void)
{
  static const struct { const char *text; guint8 family; } anys[] = {
    { "%any", 0 }, { "%any4", 4 }, { "%any6", 6 }, { "0.0.0.0", 4 }, { "::", 6 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (anys); i++) {
    IkeAddr addr = addr_of (anys[i].text);
    g_assert_cmpuint (addr.family, ==, anys[i].family);
    g_assert_true (ike_addr_is_any (&addr));
  }
  IkeAddr one = addr_of ("0.0.0.1");
  g_assert_false (ike_addr_is_any (&one));
}

static void
test_comparison (void)
{
  IkeAddr a = addr_of ("192.0.2.1"), b = addr_of ("192.0.2.2"), six = addr_of ("::1"), same = a;

  same.port = 500;
  g_assert_true (ike_addr_same_host (&a, &same));
  g_assert_false (ike_addr_equal (&a, &same));
  g_assert_cmpint (ike_addr_compare (&a, &b), <, 0);
  g_assert_cmpint (ike_addr_compare (&six, &b), >, 0);
  g_assert_false (ike_addr_same_host (&a, &b));
  same = six;
  same.scope = 3;
  g_assert_false (ike_addr_same_host (&six, &same));
}

static void
test_sockaddr (void)
{
  IkeAddr in[] = { addr_of ("192.0.2.1"), addr_of ("2001:db8::1"), addr_of ("fe80::1%3") };

  for (guint i = 0; i < G_N_ELEMENTS (in); i++) {
    struct sockaddr_storage storage;
    IkeAddr back;
    in[i].port = 4500;
    guint32 len = ike_addr_to_sockaddr (&in[i], &storage);
    g_assert_cmpuint (len, >, 0);
    g_assert_true (ike_addr_from_sockaddr (&back, (struct sockaddr *) &storage, len));
    g_assert_true (ike_addr_equal (&in[i], &back));
    g_assert_false (ike_addr_from_sockaddr (&back, (struct sockaddr *) &storage, len - 1));
    g_assert_false (ike_addr_from_sockaddr (&back, (struct sockaddr *) &storage, 1));
  }
  IkeAddr any = addr_of ("%any");
  struct sockaddr_storage unset;
  g_assert_cmpuint (ike_addr_to_sockaddr (&any, &unset), ==, 0);
}

static void
test_sockaddr_mapped (void)
{
  IkeAddr mapped = addr_of ("::ffff:192.0.2.1"), wanted = addr_of ("192.0.2.1"), back;
  struct sockaddr_storage storage;
  guint32 len = ike_addr_to_sockaddr (&mapped, &storage);

  g_assert_true (ike_addr_from_sockaddr (&back, (struct sockaddr *) &storage, len));
  g_assert_true (ike_addr_same_host (&back, &wanted));
}

static void
test_sockaddr_other_family (void)
{
  struct sockaddr_storage storage = { .ss_family = AF_UNIX };
  IkeAddr addr;

  g_assert_false (ike_addr_from_sockaddr (&addr, (struct sockaddr *) &storage, sizeof storage));
}

static void
test_prefix (void)
{
  IkeAddr net = addr_of ("10.1.128.0"), in = addr_of ("10.1.255.255"),
          out = addr_of ("10.1.127.255"), six = addr_of ("::1");

  g_assert_true (ike_addr_in_prefix (&in, &net, 17));
  g_assert_false (ike_addr_in_prefix (&out, &net, 17));
  g_assert_true (ike_addr_in_prefix (&out, &net, 16));
  g_assert_true (ike_addr_in_prefix (&out, &net, 0));
  g_assert_true (ike_addr_in_prefix (&net, &net, 32));
  g_assert_false (ike_addr_in_prefix (&in, &net, 32));
  g_assert_false (ike_addr_in_prefix (&net, &net, 33));
  g_assert_false (ike_addr_in_prefix (&six, &net, 0));
  g_assert_true (ike_addr_in_prefix (&six, &six, 128));
  g_assert_false (ike_addr_in_prefix (&six, &six, 129));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/addr/text-comes-back-as-it-was", test_text_round_trip);
  g_test_add_func ("/addr/port-stands-behind-brackets-or-colon", test_text_with_port);
  g_test_add_func ("/addr/longest-text-fits", test_text_longest);
  g_test_add_func ("/addr/malformed-text-is-an-error", test_text_malformed);
  g_test_add_func ("/addr/any-has-many-names", test_any);
  g_test_add_func ("/addr/comparison-knows-ports-and-scopes", test_comparison);
  g_test_add_func ("/addr/sockaddr-comes-back-and-short-ones-are-refused", test_sockaddr);
  g_test_add_func ("/addr/mapped-address-becomes-ipv4", test_sockaddr_mapped);
  g_test_add_func ("/addr/other-families-are-refused", test_sockaddr_other_family);
  g_test_add_func ("/addr/prefix-holds-what-begins-like-it", test_prefix);
  return g_test_run ();
}
