/* SPDX-License-Identifier: Apache-2.0 */
/* test_packet.c - EAP packets, whole and broken, and identities. */
#include <string.h>

#include "packet.h"

/* Of its own size, so that ASan sees what is read behind it. */
static gboolean
reads (EapPacket *packet, const char *bytes, gsize len)
{
  g_autofree guint8 *copy = len ? g_memdup2 (bytes, len) : NULL;
  gboolean is_right = eap_packet_read (packet, copy, len);

  packet->body.data = NULL;
  return is_right;
}

static void
test_packets_are_read (void)
{
  EapPacket packet;

  g_assert_true (reads (&packet, "\1\7\0\5\4", 5));
  g_assert_cmpuint (packet.code, ==, IKE_EAP_CODE_REQUEST);
  g_assert_cmpuint (packet.identifier, ==, 7);
  g_assert_cmpuint (packet.type, ==, IKE_EAP_TYPE_MD5);
  g_assert_cmpuint (packet.body.len, ==, 0);
  g_assert_true (reads (&packet, "\2\7\0\7\1ab", 7));
  g_assert_cmpuint (packet.body.len, ==, 2);
  g_assert_true (reads (&packet, "\3\7\0\4", 4));
  g_assert_cmpuint (packet.type, ==, 0);
  g_assert_true (reads (&packet, "\4\7\0\4", 4));
  /* Padding behind it is none of it. */
  g_assert_true (reads (&packet, "\2\7\0\6\1abc", 8));
  g_assert_cmpuint (packet.body.len, ==, 1);
}

static void
test_broken_packets_are_none (void)
{
  static const struct {
    const char *bytes;
    gsize len;
  } rows[] = {
    { "\1\7\0\4", 4 },                        /* a request without a type */
    { "\1\7\0\5\0", 5 },                      /* type 0 */
    { "\1\7\0\6\4", 5 },                      /* longer than it is */
    { "\1\7\0\3\4", 5 },                      /* shorter than its header */
    { "\1\7\0\0\4", 5 }, { "\3\7\0\5\0", 5 }, /* a success with something in it */
    { "\0\7\0\5\4", 5 },                      /* no such code */
    { "\5\7\0\5\4", 5 }, { "\1\7\xff\xff\4", 5 },
  };
  EapPacket packet;

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_false (reads (&packet, rows[i].bytes, rows[i].len));
  for (gsize len = 0; len < 9; len++)
    g_assert_false (reads (&packet, "\2\7\0\x9\1abcd", len));
}

static void
test_made_is_read (void)
{
  IkePart body = { (const guint8 *) "hello", 5 };
  EapPacket packet;
  gsize len;
  g_autofree guint8 *made =
      eap_packet_new (IKE_EAP_CODE_RESPONSE, 9, IKE_EAP_TYPE_GTC, &body, &len);
  IkePart data = { made, len };

  g_assert_true (eap_packet_expect (&packet, &data, IKE_EAP_CODE_RESPONSE, IKE_EAP_TYPE_GTC));
  g_assert_cmpmem (packet.body.data, packet.body.len, "hello", 5);
  g_assert_false (eap_packet_expect (&packet, &data, IKE_EAP_CODE_REQUEST, IKE_EAP_TYPE_GTC));
  g_assert_false (eap_packet_expect (&packet, &data, IKE_EAP_CODE_RESPONSE, IKE_EAP_TYPE_MD5));
  data.data = NULL;
  g_assert_false (eap_packet_expect (&packet, &data, IKE_EAP_CODE_RESPONSE, IKE_EAP_TYPE_GTC));

  g_autofree guint8 *success = eap_packet_new (IKE_EAP_CODE_SUCCESS, 9, 0, NULL, &len);

  g_assert_cmpmem (success, len, "\3\x9\0\4", 4);
}

static void
test_nak_lists_types (void)
{
  static const guint8 wanted[] = { 26, 25, 4 };
  guint8 types[8];
  EapPacket packet;
  gsize len;
  g_autofree guint8 *nak = eap_nak_new (3, wanted, sizeof wanted, &len);

  g_assert_true (eap_packet_read (&packet, nak, len));
  g_assert_cmpuint (packet.type, ==, IKE_EAP_TYPE_NAK);
  g_assert_cmpuint (eap_nak_read (&packet, types, 8), ==, 3);
  g_assert_cmpmem (types, 3, wanted, 3);
  g_assert_cmpuint (eap_nak_read (&packet, types, 2), ==, 2);

  g_autofree guint8 *none = eap_nak_new (3, NULL, 0, &len);

  g_assert_cmpmem (none, len, "\2\3\0\6\3\0", 6);
  g_assert_true (eap_packet_read (&packet, none, len));
  g_assert_cmpuint (eap_nak_read (&packet, types, 8), ==, 0);
}

static IkeIdent *
identity_of (const char *text)
{
  return eap_identity_new ((const guint8 *) text, strlen (text));
}

/* Whatever is written in `id` of a secret without a type finds whoever says the same. */
static void
test_identities_are_typed_as_in_a_configuration (void)
{
  static const char *const texts[] = { "carol",
                                       "carol@example.org",
                                       "CORP\\carol",
                                       "a=b@c",
                                       "host:5",
                                       "1232010000000000@wlan",
                                       "carol@a:5",
                                       "Carol Smith",
                                       "f\xc3\xbc"
                                       "r",
                                       "host.example" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (IkeIdent) written = ike_ident_parse (texts[i], NULL);
    g_autoptr (IkeIdent) heard = identity_of (texts[i]);
    gsize len;
    g_autofree guint8 *said = eap_identity_bytes (written, &len);

    g_assert_true (ike_ident_equal (written, heard));
    g_assert_cmpmem (said, len, texts[i], strlen (texts[i]));
  }
}

static void
test_nobody_is_a_pattern (void)
{
  static const char *const texts[] = { "*",          "%any",      "*@example.org",
                                       "10.0.0.0/8", "fqdn:^.*$", "@#6b",
                                       "C=*, O=x",   "{9}:#00",   "0.0.0.0" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (IkeIdent) ident = identity_of (texts[i]);
    gsize len;

    g_assert_false (ike_ident_is_pattern (ident));
    g_assert_cmpmem (ike_ident_data (ident, &len), len, texts[i], strlen (texts[i]));
  }
}

static void
test_what_is_no_identity (void)
{
  guint8 many[IKE_EAP_IDENTITY_MAX + 1];

  memset (many, 'a', sizeof many);
  g_assert_null (eap_identity_new (many, 0));
  g_assert_null (eap_identity_new (many, sizeof many));
  g_assert_null (eap_identity_new ((const guint8 *) "a\0b", 3));

  g_autoptr (IkeIdent) longest = eap_identity_new (many, IKE_EAP_IDENTITY_MAX);

  g_assert_nonnull (longest);
}

static void
test_other_identities_are_said_as_text (void)
{
  static const char *const texts[] = { "192.0.2.1", "2001:db8::1", "C=CH, O=Example, CN=carol" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (IkeIdent) written = ike_ident_parse (texts[i], NULL);
    gsize len;
    g_autofree guint8 *said = eap_identity_bytes (written, &len);

    g_assert_cmpmem (said, len, texts[i], strlen (texts[i]));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/eap-packet/packets-are-read", test_packets_are_read);
  g_test_add_func ("/eap-packet/broken-packets-are-none", test_broken_packets_are_none);
  g_test_add_func ("/eap-packet/made-is-read", test_made_is_read);
  g_test_add_func ("/eap-packet/nak-lists-types", test_nak_lists_types);
  g_test_add_func ("/eap-packet/identities-are-typed-as-in-a-configuration",
                   test_identities_are_typed_as_in_a_configuration);
  g_test_add_func ("/eap-packet/nobody-is-a-pattern", test_nobody_is_a_pattern);
  g_test_add_func ("/eap-packet/what-is-no-identity", test_what_is_no_identity);
  g_test_add_func ("/eap-packet/other-identities-are-said-as-text",
                   test_other_identities_are_said_as_text);
  return g_test_run ();
}
