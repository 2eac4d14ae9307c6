/* SPDX-License-Identifier: Apache-2.0 */
/* test_ident.c - identities as values: matched by patterns of configuration only, shown safely. */
#include <string.h>
#include <ikebana/ident.h>

static guint
match (const char *text, const char *pattern)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeIdent) a = ike_ident_parse (text, &error), b = NULL;

  g_assert_no_error (error);
  b = ike_ident_parse (pattern, &error);
  g_assert_no_error (error);
  return ike_ident_match (a, b);
}

static void
test_match_names (void)
{
  g_assert_cmpuint (match ("host.example.com", "host.example.com"), ==, 20);
  g_assert_cmpuint (match ("Host.Example.COM", "host.example.com"), ==, 20);
  g_assert_cmpuint (match ("host.example.com", "*.example.com"), ==, 19);
  g_assert_cmpuint (match ("HOST.EXAMPLE.COM", "*.example.com"), ==, 19);
  g_assert_cmpuint (match (".example.com", "*.example.com"), ==, 0);
  g_assert_cmpuint (match ("example.com", "*.example.com"), ==, 0);
  g_assert_cmpuint (match ("evilexample.com", "*.example.com"), ==, 0);
  g_assert_cmpuint (match ("joe@example.com", "*@example.com"), ==, 19);
  g_assert_cmpuint (match ("joe@evil.com", "*@example.com"), ==, 0);
  g_assert_cmpuint (match ("joe@example.com", "fqdn:*"), ==, 0);
  g_assert_cmpuint (match ("joe@example.com", "email:*"), ==, 19);
  g_assert_cmpuint (match ("joe@example.com", "%any"), ==, 1);
  g_assert_cmpuint (match ("host", "keyid:host"), ==, 0);
  g_assert_cmpuint (match ("%any", "host"), ==, 0);
}

static void
test_match_addresses (void)
{
  g_assert_cmpuint (match ("192.0.2.7", "192.0.2.0/24"), ==, 3 + 12);
  g_assert_cmpuint (match ("192.0.2.7", "192.0.2.7/32"), ==, 3 + 16);
  g_assert_cmpuint (match ("192.0.2.7", "0.0.0.0/0"), ==, 3);
  g_assert_cmpuint (match ("192.0.3.7", "192.0.2.0/24"), ==, 0);
  g_assert_cmpuint (match ("192.0.2.7", "192.0.2.1-192.0.2.7"), >, 0);
  g_assert_cmpuint (match ("192.0.2.8", "192.0.2.1-192.0.2.7"), ==, 0);
  g_assert_cmpuint (match ("2001:db8::1", "2001:db8::/32"), ==, 3 + 4);
  g_assert_cmpuint (match ("2001:db8::1", "192.0.2.0/24"), ==, 0);
  g_assert_cmpuint (match ("192.0.2.1", "ipv4:192.0.2.1"), ==, 20);
}

static void
test_match_names_of_certificates (void)
{
  g_assert_cmpuint (match ("C=CH, CN=moon", "C=CH, CN=*"), ==, 19);
  g_assert_cmpuint (match ("C=CH, CN=moon", "asn1dn:C=ch, CN=Moon"), ==, 20);
  g_assert_cmpuint (match ("C=CH, CN=moon", "C=DE, CN=*"), ==, 0);
  g_assert_cmpuint (match ("host", "C=DE, CN=*"), ==, 0);
}

static void
test_match_regex (void)
{
  g_assert_cmpuint (match ("gw12.example.com", "fqdn:^gw[0-9]+\\.example\\.com$"), ==, 2);
  g_assert_cmpuint (match ("GW1.example.com", "fqdn:^gw[0-9]+\\.example\\.com$"), ==, 2);
  g_assert_cmpuint (match ("xgw1.example.com", "fqdn:^gw[0-9]+\\.example\\.com$"), ==, 0);
  g_assert_cmpuint (match ("gw1.example.com.evil", "fqdn:^gw[0-9]+\\.example\\.com$"), ==, 0);
  g_assert_cmpuint (match ("joe@example.com", "fqdn:^.*$"), ==, 0);
  g_assert_cmpuint (match ("joe@example.com", "email:^.*@example\\.com$"), ==, 2);
  g_assert_cmpuint (match ("C=CH, CN=moon", "asn1dn:^C=CH, CN=m.*n$"), ==, 2);
}

static void
test_regex_subject_is_bounded (void)
{
  g_autoptr (IkeIdent) pattern = ike_ident_parse ("fqdn:^a*$", NULL),
                       evil = ike_ident_parse ("fqdn:^(a|a)*b$", NULL);
  g_autofree char *text = g_strnfill (513, 'a');
  g_autoptr (IkeIdent) most = ike_ident_new (IKE_ID_FQDN, text, 512),
                       more = ike_ident_new (IKE_ID_FQDN, text, 513);
  g_autoptr (IkeIdent) line = ike_ident_new (IKE_ID_FQDN, "aaa\n", 4),
                       raw = ike_ident_new (IKE_ID_FQDN, "\xff\xfe", 2);

  g_assert_cmpuint (ike_ident_match (most, pattern), ==, 2);
  g_assert_cmpuint (ike_ident_match (more, pattern), ==, 0);
  g_assert_cmpuint (ike_ident_match (line, pattern), ==, 0);
  g_assert_cmpuint (ike_ident_match (raw, pattern), ==, 0);
  /* 2^512 steps without the limit. */
  g_assert_cmpuint (ike_ident_match (most, evil), ==, 0);
}

static void
test_peer_makes_no_patterns (void)
{
  g_autoptr (IkeIdent) star = ike_ident_new (IKE_ID_FQDN, "*", 1),
                       any = ike_ident_new (IKE_ID_ANY, "", 0);
  g_autoptr (IkeIdent) host = ike_ident_parse ("host", NULL);

  g_assert_false (ike_ident_is_pattern (star));
  g_assert_false (ike_ident_is_pattern (any));
  g_assert_cmpuint (ike_ident_match (host, star), ==, 0);
  g_assert_cmpuint (ike_ident_match (host, any), ==, 0);
  g_assert_false (ike_ident_equal (host, any));
}

static void
test_nul_ends_nothing (void)
{
  g_autoptr (IkeIdent) evil = ike_ident_new (IKE_ID_FQDN, "host\0.evil", 10),
                       host = ike_ident_parse ("host", NULL);
  g_autoptr (IkeIdent) pattern = ike_ident_parse ("*.evil", NULL);
  char out[64];

  g_assert_cmpuint (ike_ident_match (evil, host), ==, 0);
  g_assert_cmpuint (ike_ident_match (evil, pattern), ==, 19);
  g_assert_cmpstr (ike_ident_format (evil, out, sizeof out), ==, "host\\x00.evil");
}

static void
test_wrong_length_address (void)
{
  g_autoptr (IkeIdent) bad = ike_ident_new (IKE_ID_IPV4_ADDR, "\1\2\3", 3),
                       net = ike_ident_parse ("0.0.0.0/0", NULL);
  char out[64];

  g_assert_cmpuint (ike_ident_match (bad, net), ==, 0);
  g_assert_cmpstr (ike_ident_format (bad, out, sizeof out), ==, "ipv4:#010203");
}

static void
test_format (void)
{
  static const char *const texts[] = { "192.0.2.1",     "2001:db8::1", "host.example",
                                       "joe@example",   "%any",        "%null",
                                       "C=CH, CN=moon", "@#00ff",      "192.0.2.0/24",
                                       "{12}:#0102" };
  char out[128];

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (IkeIdent) ident = ike_ident_parse (texts[i], NULL);
    g_assert_cmpstr (ike_ident_format (ident, out, sizeof out), ==, texts[i]);
    for (gsize size = 1; size < 12; size++) {
      memset (out, 'x', sizeof out);
      ike_ident_format (ident, out, size);
      g_assert_cmpuint (strnlen (out, size), <, size);
      g_assert_true (out[size] == 'x');
      g_assert_true (g_utf8_validate (out, -1, NULL));
    }
  }
}

static void
test_format_garbage (void)
{
  guint8 garbage[64];
  char out[128];

  for (guint type = 0; type < 256; type++) {
    for (guint i = 0; i < sizeof garbage; i++)
      garbage[i] = (guint8) (i * 7 + type);
    g_autoptr (IkeIdent) ident = ike_ident_new ((guint8) type, garbage, sizeof garbage);
    ike_ident_format (ident, out, sizeof out);
    g_assert_true (g_utf8_validate (out, -1, NULL));
    g_assert_cmpuint (strlen (out), >, 0);
  }
}

static void
test_count_and_data (void)
{
  IkeAddr addr = { .family = 4, .bytes = { 192, 0, 2, 1 } }, unset = { 0 };
  IkeIdent *ident = ike_ident_from_addr (&addr), *same = ike_ident_ref (ident);
  g_autoptr (IkeIdent) any = ike_ident_from_addr (&unset);
  gsize len;

  ike_ident_unref (ident);
  g_assert_cmpuint (ike_ident_type (same), ==, IKE_ID_IPV4_ADDR);
  g_assert_cmpmem (ike_ident_data (same, &len), 4, addr.bytes, 4);
  g_assert_cmpuint (len, ==, 4);
  ike_ident_unref (same);
  ike_ident_unref (NULL);
  g_assert_true (ike_ident_is_pattern (any));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ident/names-match-in-any-case-and-by-suffix", test_match_names);
  g_test_add_func ("/ident/addresses-match-prefixes-and-ranges", test_match_addresses);
  g_test_add_func ("/ident/distinguished-names-match-by-attribute",
                   test_match_names_of_certificates);
  g_test_add_func ("/ident/regex-is-anchored", test_match_regex);
  g_test_add_func ("/ident/regex-is-bounded-in-subject-and-steps", test_regex_subject_is_bounded);
  g_test_add_func ("/ident/peer-makes-no-patterns", test_peer_makes_no_patterns);
  g_test_add_func ("/ident/nul-ends-nothing", test_nul_ends_nothing);
  g_test_add_func ("/ident/address-of-wrong-length-matches-nothing", test_wrong_length_address);
  g_test_add_func ("/ident/text-comes-back-and-is-cut-safely", test_format);
  g_test_add_func ("/ident/garbage-of-every-type-is-shown-safely", test_format_garbage);
  g_test_add_func ("/ident/counts-and-holds-its-data", test_count_and_data);
  return g_test_run ();
}
