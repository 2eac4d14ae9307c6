/* SPDX-License-Identifier: Apache-2.0 */
/* test_ident_parse.c - which type a text of configuration becomes, and which texts are errors. */
#include <string.h>
#include <ikebana/error.h>
#include <ikebana/ident.h>

static void
check (const char *text, guint8 type, gboolean is_pattern, const char *data, gsize len)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeIdent) ident = ike_ident_parse (text, &error);
  const guint8 *have;
  gsize have_len;

  g_assert_no_error (error);
  g_test_message ("%s", text);
  g_assert_cmpuint (ike_ident_type (ident), ==, type);
  g_assert_cmpint (ike_ident_is_pattern (ident), ==, is_pattern);
  have = ike_ident_data (ident, &have_len);
  if (data)
    g_assert_cmpmem (have, have_len, data, len);
}

static void
test_any (void)
{
  static const char *const texts[] = { "", "*", "%any", "%any4", "%any6", "0.0.0.0", "::", "0::0" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    check (texts[i], IKE_ID_ANY, TRUE, "", 0);
}

static void
test_untyped (void)
{
  check ("192.0.2.1", IKE_ID_IPV4_ADDR, FALSE, "\300\0\2\1", 4);
  check ("2001:db8::1", IKE_ID_IPV6_ADDR, FALSE, NULL, 0);
  check ("host.example", IKE_ID_FQDN, FALSE, "host.example", 12);
  check ("*.example", IKE_ID_FQDN, TRUE, "*.example", 9);
  check ("joe@example", IKE_ID_RFC822_ADDR, FALSE, "joe@example", 11);
  check ("*@example", IKE_ID_RFC822_ADDR, TRUE, NULL, 0);
  check ("@host", IKE_ID_FQDN, FALSE, "host", 4);
  check ("@192.0.2.1", IKE_ID_FQDN, FALSE, "192.0.2.1", 9);
  check ("@@joe", IKE_ID_RFC822_ADDR, FALSE, "joe", 3);
  check ("@#6b6579", IKE_ID_KEY_ID, FALSE, "key", 3);
  check ("@#6b:65:79", IKE_ID_KEY_ID, FALSE, "key", 3);
  check ("a:b", IKE_ID_KEY_ID, FALSE, "a:b", 3);
  check ("a=b", IKE_ID_KEY_ID, FALSE, "a=b", 3);
  check ("CN=b", IKE_ID_DER_ASN1_DN, FALSE, NULL, 0);
  check ("CN=*", IKE_ID_DER_ASN1_DN, TRUE, NULL, 0);
  check ("/C=CH/CN=b", IKE_ID_DER_ASN1_DN, FALSE, NULL, 0);
  check ("192.0.2.0/24", IKE_ID_IPV4_ADDR, TRUE, NULL, 0);
  check ("10.0.0.1-10.0.0.9", IKE_ID_IPV4_ADDR, TRUE, NULL, 0);
  check ("2001:db8::/32", IKE_ID_IPV6_ADDR, TRUE, NULL, 0);
  check ("my-host", IKE_ID_FQDN, FALSE, "my-host", 7);
  check ("%null", IKE_ID_NULL, FALSE, "", 0);
}

static void
test_typed (void)
{
  check ("keyid:name", IKE_ID_KEY_ID, FALSE, "name", 4);
  check ("keyid:#6e61", IKE_ID_KEY_ID, FALSE, "na", 2);
  check ("fqdn:#686f", IKE_ID_FQDN, FALSE, "ho", 2);
  check ("FQDN:host", IKE_ID_FQDN, FALSE, "host", 4);
  check ("dns:*.example", IKE_ID_FQDN, TRUE, NULL, 0);
  check ("email:joe", IKE_ID_RFC822_ADDR, FALSE, "joe", 3);
  check ("rfc822:joe", IKE_ID_RFC822_ADDR, FALSE, "joe", 3);
  check ("userfqdn:joe", IKE_ID_RFC822_ADDR, FALSE, "joe", 3);
  check ("ipv4:192.0.2.1", IKE_ID_IPV4_ADDR, FALSE, "\300\0\2\1", 4);
  check ("ipv6:::1", IKE_ID_IPV6_ADDR, FALSE, NULL, 0);
  check ("ipv4net:10.0.0.0/8", IKE_ID_IPV4_ADDR, TRUE, NULL, 0);
  check ("ipv6range:::1-::2", IKE_ID_IPV6_ADDR, TRUE, NULL, 0);
  check ("asn1dn:CN=x", IKE_ID_DER_ASN1_DN, FALSE, NULL, 0);
  check ("asn1dn:#3000", IKE_ID_DER_ASN1_DN, FALSE, "\x30\0", 2);
  check ("asn1gn:#8200", IKE_ID_DER_ASN1_GN, FALSE, "\x82\0", 2);
  check ("fqdn:^a$", IKE_ID_FQDN, TRUE, NULL, 0);
  check ("{11}:name", IKE_ID_KEY_ID, FALSE, "name", 4);
  check ("{255}:#00", 255, FALSE, "\0", 1);
}

static void
test_malformed (void)
{
  static const char *const texts[] = { "@#6",
                                       "@#6x",
                                       "keyid:#6b6",
                                       "ipv4:host",
                                       "ipv4:::1",
                                       "ipv6:192.0.2.1",
                                       "ipv4:192.0.2.0/33",
                                       "CN=",
                                       "C=CH, XX=1",
                                       "asn1dn:moon",
                                       "{0}:x",
                                       "{256}:x",
                                       "{x}:x",
                                       "{1:x",
                                       "fqdn:^($" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (ike_ident_parse (texts[i], &error));
    g_assert_nonnull (error);
    g_assert_nonnull (strstr (error->message, "identity \""));
  }
}

static void
test_broken_ranges_are_names (void)
{
  check ("10.0.0.9-10.0.0.1", IKE_ID_FQDN, FALSE, NULL, 0);
  check ("10.0.0.0/33", IKE_ID_FQDN, FALSE, NULL, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ident-parse/any-has-many-names", test_any);
  g_test_add_func ("/ident-parse/text-tells-its-type", test_untyped);
  g_test_add_func ("/ident-parse/prefix-gives-the-type", test_typed);
  g_test_add_func ("/ident-parse/malformed-text-is-an-error", test_malformed);
  g_test_add_func ("/ident-parse/broken-ranges-are-names", test_broken_ranges_are_names);
  return g_test_run ();
}
