/* SPDX-License-Identifier: Apache-2.0 */
/* test_dn.c - distinguished names: DER against that of other tools, comparison, malformed DER. */
#include <string.h>
#include <ikebana/error.h>
#include "base/dn.h"

static GByteArray *
der_of (const char *text)
{
  g_autoptr (GError) error = NULL;
  gboolean has_wildcard;
  GByteArray *der = ike_dn_parse (text, &has_wildcard, &error);

  g_assert_no_error (error);
  return der;
}

static guint
match (const char *text, const char *pattern)
{
  g_autoptr (GByteArray) a = der_of (text), b = NULL;
  gboolean has_wildcard;

  b = ike_dn_parse (pattern, &has_wildcard, NULL);
  return ike_dn_match (a->data, a->len, b->data, b->len, has_wildcard);
}

static void
test_der (void)
{
  /* From `openssl req -subj /C=CH/O=Example/CN=moon -utf8` with printable strings. */
  static const guint8 wanted[] = {
    0x30, 0x2e, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03, 0x55, 0x04, 0x06, 0x13, 0x02, 'C', 'H', 0x31,
    0x10, 0x30, 0x0e, 0x06, 0x03, 0x55, 0x04, 0x0a, 0x13, 0x07, 'E',  'x',  'a',  'm', 'p', 'l',
    'e',  0x31, 0x0d, 0x30, 0x0b, 0x06, 0x03, 0x55, 0x04, 0x03, 0x13, 0x04, 'm',  'o', 'o', 'n',
  };
  static const char *const forms[] = { "C=CH, O=Example, CN=moon", "c=CH,o=Example,cn=moon",
                                       "/C=CH/O=Example/CN=moon",
                                       " C = CH , 2.5.4.10=Example, CN=\"moon\"",
                                       "C=CH, O=Ex\\x61mple, CN=moon" };

  for (guint i = 0; i < G_N_ELEMENTS (forms); i++) {
    g_autoptr (GByteArray) der = der_of (forms[i]);
    g_assert_cmpmem (der->data, der->len, wanted, sizeof wanted);
  }
}

static void
test_string_types (void)
{
  g_autoptr (GByteArray) mail = der_of ("E=a@example.com"), utf8 = der_of ("CN=Z\xc3\xbcrich"),
                         star = der_of ("CN=a*");

  g_assert_cmpuint (mail->data[17], ==, 0x16);
  g_assert_cmpuint (utf8->data[11], ==, 0x0c);
  g_assert_cmpuint (star->data[11], ==, 0x0c);
}

static void
test_text_round_trip (void)
{
  static const char *const texts[] = {
    "C=CH, ST=Bern, L=Bern, O=Example\\, Inc., OU=A\\/B, CN=moon",
    "DC=com, DC=example, UID=joe",
    "E=a@b, serialNumber=7",
    "CN=Z\xc3\xbcrich, G=Anna, surname=Muster",
    "1.3.6.1.4.1.311.60.2.1.3=CH",
    "CN=a\\+b\\\"c\\\\d",
    "CN=x\\x01",
  };
  static const char *const shown[] = {
    "C=CH, ST=Bern, L=Bern, O=Example\\, Inc., OU=A\\/B, CN=moon",
    "DC=com, DC=example, UID=joe",
    "E=a@b, SN=7",
    "CN=Z\xc3\xbcrich, G=Anna, S=Muster",
    "1.3.6.1.4.1.311.60.2.1.3=CH",
    "CN=a\\+b\\\"c\\\\d",
    "CN=x\\x01",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GByteArray) der = der_of (texts[i]), again = NULL;
    g_autoptr (GString) out = g_string_new (NULL);
    g_assert_true (ike_dn_format (der->data, der->len, out));
    g_assert_cmpstr (out->str, ==, shown[i]);
    again = der_of (out->str);
    g_assert_cmpmem (der->data, der->len, again->data, again->len);
  }
}

static void
test_long_values (void)
{
  static const guint lens[] = { 1, 110, 127, 128, 200, 255, 256, 1000 };

  for (guint i = 0; i < G_N_ELEMENTS (lens); i++) {
    g_autofree char *value = g_strnfill (lens[i], 'x'),
                    *text = g_strconcat ("C=CH, CN=", value, NULL);
    g_autoptr (GByteArray) der = der_of (text);
    g_autoptr (GString) out = g_string_new (NULL);
    g_assert_true (ike_dn_format (der->data, der->len, out));
    g_assert_cmpstr (out->str, ==, text);
  }
}

static void
test_match (void)
{
  g_assert_cmpuint (match ("C=CH, CN=moon", "C=CH, CN=moon"), ==, 20);
  g_assert_cmpuint (match ("C=CH, CN=moon", "C=ch, CN=MOON"), ==, 20);
  g_assert_cmpuint (match ("C=CH, CN=moon", "C=CH, CN=*"), ==, 19);
  g_assert_cmpuint (match ("C=CH, CN=moon", "C=*, CN=*"), ==, 18);
  g_assert_cmpuint (match ("C=CH, CN=moon", "CN=moon, C=CH"), ==, 0);
  g_assert_cmpuint (match ("C=CH, CN=moon", "C=CH"), ==, 0);
  g_assert_cmpuint (match ("C=CH", "C=CH, CN=*"), ==, 0);
  g_assert_cmpuint (match ("C=CH, CN=moon", "C=CH, O=*"), ==, 0);
  g_assert_cmpuint (match ("C=CH, CN=moon", "C=CH, CN=mo*"), ==, 0);
  g_assert_cmpuint (match ("C=CH, CN=moon", "C=CH, CN=\"*\""), ==, 0);
  g_assert_cmpuint (match ("CN=moon base", "CN=\" Moon   Base \""), ==, 20);
  g_assert_cmpuint (match ("CN=moon base", "CN=moonbase"), ==, 0);
  g_assert_cmpuint (match ("CN=moo", "CN=moon"), ==, 0);
  g_assert_cmpuint (match ("DC=com", "dc=COM"), ==, 20);
}

static void
test_match_many_wildcards (void)
{
  g_autoptr (GString) text = g_string_new ("CN=a"), pattern = g_string_new ("CN=*");

  for (guint i = 0; i < 24; i++) {
    g_string_append (text, ", CN=a");
    g_string_append (pattern, ", CN=*");
  }
  g_assert_cmpuint (match (text->str, pattern->str), ==, 2);
}

static void
test_peers_star_is_a_star (void)
{
  g_autoptr (GByteArray) star = der_of ("CN=*"), moon = der_of ("CN=moon");

  g_assert_cmpuint (ike_dn_match (moon->data, moon->len, star->data, star->len, FALSE), ==, 0);
}

static void
test_rdn_shape_matters (void)
{
  /* CN=a+CN=b as one RDN, and as two. */
  static const guint8 one[] = { 0x30, 0x16, 0x31, 0x14, 0x30, 8, 6,    3, 0x55, 4,    3, 0x13,
                                1,    'a',  0x30, 8,    6,    3, 0x55, 4, 3,    0x13, 1, 'b' };
  g_autoptr (GByteArray) two = der_of ("CN=a, CN=b");
  g_autoptr (GString) out = g_string_new (NULL);

  g_assert_true (ike_dn_format (one, sizeof one, out));
  g_assert_cmpstr (out->str, ==, "CN=a+CN=b");
  g_assert_cmpuint (ike_dn_match (one, sizeof one, one, sizeof one, FALSE), ==, 20);
  g_assert_cmpuint (ike_dn_match (one, sizeof one, two->data, two->len, FALSE), ==, 0);
}

static void
test_malformed_der (void)
{
  g_autoptr (GByteArray) der = der_of ("C=CH, O=Example, CN=moon");
  g_autoptr (GString) out = g_string_new ("kept");
  static const guint8 long_form[] = { 0x30, 0x81, 0x0d, 0x31, 0x0b, 0x30, 0x09, 6,
                                      3,    0x55, 4,    6,    0x13, 2,    'C',  'H' };
  static const guint8 indefinite[] = { 0x30, 0x80, 0x00, 0x00 };
  static const guint8 empty_set[] = { 0x30, 0x02, 0x31, 0x00 };
  static const guint8 empty_oid[] = { 0x30, 0x09, 0x31, 0x07, 0x30, 0x05, 6, 0, 0x13, 1, 'a' };
  static const guint8 high_tag[] = { 0x30, 0x0c, 0x31, 0x0a, 0x30, 0x08, 6,
                                     3,    0x55, 4,    3,    0x1f, 1,    'a' };

  for (guint len = 0; len < der->len; len++)
    g_assert_false (ike_dn_format (der->data, len, out));
  g_byte_array_append (der, (const guint8 *) "", 1);
  g_assert_false (ike_dn_format (der->data, der->len, out));
  g_assert_false (ike_dn_format (long_form, sizeof long_form, out));
  g_assert_false (ike_dn_format (indefinite, sizeof indefinite, out));
  g_assert_false (ike_dn_format (empty_set, sizeof empty_set, out));
  g_assert_false (ike_dn_format (empty_oid, sizeof empty_oid, out));
  g_assert_false (ike_dn_format (high_tag, sizeof high_tag, out));
  g_assert_cmpstr (out->str, ==, "kept");
}

static void
test_empty_name (void)
{
  static const guint8 empty[] = { 0x30, 0x00 };
  g_autoptr (GString) out = g_string_new (NULL);

  g_assert_true (ike_dn_format (empty, sizeof empty, out));
  g_assert_cmpstr (out->str, ==, "");
  g_assert_cmpuint (ike_dn_match (empty, sizeof empty, empty, sizeof empty, FALSE), ==, 20);
}

static void
test_controls_are_escaped (void)
{
  static const guint8 der[] = { 0x30, 0x11, 0x31, 0x0f, 0x30, 0x0d, 6,    3,    0x55, 4,
                                3,    0x0c, 6,    0x1b, '[',  0xc2, 0x9b, 0x7f, '\n' };
  g_autoptr (GString) out = g_string_new (NULL);

  g_assert_true (ike_dn_format (der, sizeof der, out));
  for (const char *at = out->str; *at; at++)
    g_assert_true (*at != 0x1b && *at != '\n' && (guint8) *at != 0x9b && *at != 0x7f);
  g_assert_true (g_utf8_validate (out->str, -1, NULL));
}

static void
test_malformed_text (void)
{
  static const char *const texts[] = {
    "CH",    "C=",      "C=CH, =x", "C=CH, XX=y", "C=CH, CN=\"moon",
    "3.1=x", "2.5.x=y", "1.40=x",   "C=CH,,CN=x"
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GError) error = NULL;
    gboolean has_wildcard;
    g_assert_null (ike_dn_parse (texts[i], &has_wildcard, &error));
    g_assert_error (error, IKE_ERROR, IKE_ERROR_SYNTAX);
  }
}

static void
test_limit_of_rdns (void)
{
  g_autoptr (GString) text = g_string_new ("CN=a");
  g_autoptr (GByteArray) most = NULL;
  gboolean has_wildcard;

  for (guint i = 1; i < IKE_DN_RDNS_MAX; i++)
    g_string_append (text, ", CN=a");
  most = ike_dn_parse (text->str, &has_wildcard, NULL);
  g_assert_nonnull (most);
  g_string_append (text, ", CN=a");
  g_assert_null (ike_dn_parse (text->str, &has_wildcard, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dn/text-becomes-the-der-of-other-tools", test_der);
  g_test_add_func ("/dn/values-have-the-fitting-string-type", test_string_types);
  g_test_add_func ("/dn/text-comes-back", test_text_round_trip);
  g_test_add_func ("/dn/long-values-have-long-lengths", test_long_values);
  g_test_add_func ("/dn/match-is-by-attribute-in-order", test_match);
  g_test_add_func ("/dn/many-wildcards-still-match", test_match_many_wildcards);
  g_test_add_func ("/dn/star-of-a-peer-is-a-star", test_peers_star_is_a_star);
  g_test_add_func ("/dn/shape-of-rdns-matters", test_rdn_shape_matters);
  g_test_add_func ("/dn/malformed-der-is-no-name", test_malformed_der);
  g_test_add_func ("/dn/empty-name-is-a-name", test_empty_name);
  g_test_add_func ("/dn/controls-are-escaped", test_controls_are_escaped);
  g_test_add_func ("/dn/malformed-text-is-an-error", test_malformed_text);
  g_test_add_func ("/dn/number-of-rdns-is-limited", test_limit_of_rdns);
  return g_test_run ();
}
