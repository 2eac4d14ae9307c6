/* SPDX-License-Identifier: Apache-2.0 */
/* test_wire.c - packets of the RFCs, and what is none. */
#include <ikebana/radius.h>
#include "shared/radius/wire.h"

static const RadiusSecret xyzzy = { (const guint8 *) "xyzzy5461", 9 };

static gsize
from_hex (const char *hex, guint8 *out)
{
  gsize n = 0;

  for (; *hex; hex++)
    if (g_ascii_isxdigit (*hex)) {
      out[n++] = (guint8) (g_ascii_xdigit_value (hex[0]) << 4 | g_ascii_xdigit_value (hex[1]));
      hex++;
    }
  return n;
}

#define HEX(name, text)                                                                            \
  guint8 name[sizeof text / 2];                                                                    \
  gsize name##_len = from_hex (text, name)

static void
assert_bytes (const void *got, gsize got_len, const void *wanted, gsize wanted_len)
{
  g_assert_cmpmem (got, got_len, wanted, wanted_len);
}

/* -- RFC 2865, 7.1 */

#define NEMO                                                                                       \
  "01000038 0f403f9473978057bd83d5cb98f4227a 01066e656d6f 02120dbe708d93d413ce3196e43f782a0aee "   \
  "0406c0a80110 050600000003"

static void
test_password (void)
{
  HEX (wanted, NEMO);
  guint8 buffer[64];
  IkeWriter w;
  IkeAddr nas;
  RadiusPacket packet;
  IkeRadiusAttribute found;
  g_autoptr (IkeSecretBlob) read = NULL;

  g_assert_true (ike_addr_parse (&nas, "192.168.1.16", NULL));
  ike_writer_init (&w, buffer, sizeof buffer);
  radius_begin (&w, IKE_RADIUS_ACCESS_REQUEST, 0, FALSE);
  ike_radius_add_text (&w, IKE_RADIUS_USER_NAME, "nemo");
  radius_add_password (&w, wanted + 4, xyzzy, "arctangent", 10);
  ike_radius_add_addr (&w, IKE_RADIUS_NAS_IP_ADDRESS, &nas);
  ike_radius_add_u32 (&w, IKE_RADIUS_NAS_PORT, 3);
  g_assert_true (radius_end_request (&w, wanted + 4, FALSE, xyzzy));
  assert_bytes (w.data, w.len, wanted, wanted_len);

  g_assert_null (radius_parse (&packet, wanted, wanted_len));
  g_assert_true (ike_radius_find (packet.attributes, packet.attributes_len, 0,
                                  IKE_RADIUS_USER_PASSWORD, &found));
  read = radius_read_password (&found, packet.authenticator, xyzzy);
  assert_bytes (ike_secret_blob_data (read), ike_secret_blob_len (read), "arctangent", 10);
}

static void
test_password_sizes (void)
{
  static const gsize sizes[] = { 0, 1, 15, 16, 17, 127, 128 };
  guint8 authenticator[16] = { 1, 2, 3 }, buffer[256], password[129];
  IkeWriter w;

  memset (password, 'x', sizeof password);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    IkeRadiusAttribute found;
    g_autoptr (IkeSecretBlob) read = NULL;

    ike_writer_init (&w, buffer, sizeof buffer);
    radius_add_password (&w, authenticator, xyzzy, password, sizes[i]);
    g_assert_true (ike_radius_find (w.data, w.len, 0, IKE_RADIUS_USER_PASSWORD, &found));
    read = radius_read_password (&found, authenticator, xyzzy);
    assert_bytes (ike_secret_blob_data (read), ike_secret_blob_len (read), password, sizes[i]);
  }
  ike_writer_init (&w, buffer, sizeof buffer);
  radius_add_password (&w, authenticator, xyzzy, password, 129);
  g_assert_true (w.failed);
}

static void
test_response (void)
{
  HEX (request, NEMO);
  HEX (wanted, "02000026 86fe220e7624ba2a1005f6bf9b55e0b2 060600000001 0f0600000000 0e06c0a80103");
  guint8 buffer[64];
  IkeWriter w;
  RadiusPacket packet;

  g_assert_cmpuint (request_len, ==, 56);
  g_assert_null (radius_parse (&packet, wanted, wanted_len));
  g_assert_true (radius_response_is_authentic (&packet, request + 4, xyzzy));
  for (gsize i = 0; i < wanted_len; i++) {
    wanted[i] ^= 1;
    if (!radius_parse (&packet, wanted, wanted_len))
      g_assert_false (radius_response_is_authentic (&packet, request + 4, xyzzy));
    wanted[i] ^= 1;
  }
  ike_writer_init (&w, buffer, sizeof buffer);
  radius_begin (&w, IKE_RADIUS_ACCESS_ACCEPT, 0, FALSE);
  ike_radius_add_u32 (&w, IKE_RADIUS_SERVICE_TYPE, 1);
  ike_radius_add_u32 (&w, 15, 0);
  ike_radius_add (&w, 14, "\xc0\xa8\x01\x03", 4);
  g_assert_true (radius_end_response (&w, request + 4, FALSE, xyzzy));
  assert_bytes (w.data, w.len, wanted, wanted_len);
}

/* -- RFC 5997, 6 */

static void
check_status (const char *request_hex, const char *response_hex, guint8 code)
{
  guint8 request[64], response[64], buffer[64];
  gsize request_len = from_hex (request_hex, request),
        response_len = from_hex (response_hex, response);
  RadiusPacket packet;
  IkeWriter w;

  g_assert_null (radius_parse (&packet, request, request_len));
  g_assert_true (radius_mac_is_authentic (&packet, packet.authenticator, xyzzy));
  ike_writer_init (&w, buffer, sizeof buffer);
  radius_begin (&w, IKE_RADIUS_STATUS_SERVER, request[1], TRUE);
  g_assert_true (radius_end_request (&w, request + 4, TRUE, xyzzy));
  assert_bytes (w.data, w.len, request, request_len);
  for (gsize i = 0; i < request_len; i++) {
    request[i] ^= 0x10;
    if (!radius_parse (&packet, request, request_len) && packet.mac_at)
      g_assert_false (radius_mac_is_authentic (&packet, packet.authenticator, xyzzy));
    request[i] ^= 0x10;
  }
  response[0] = code;
  g_assert_null (radius_parse (&packet, response, response_len));
  g_assert_true (radius_response_is_authentic (&packet, request + 4, xyzzy));
}

static void
test_status (void)
{
  check_status ("0cda0026 8a54f4686fb394c52866e302185d0623 50125a665e2e1e8411f3e243822097c84fa3",
                "02da0014ef0d552a4bf2d693ec2b6fe8b5411d66", IKE_RADIUS_ACCESS_ACCEPT);
}

/* Signed requests: both signatures, and each of them alone when the other is broken. */
static void
test_signed_request (void)
{
  guint8 buffer[128];
  IkeWriter w;
  RadiusPacket packet;

  ike_writer_init (&w, buffer, sizeof buffer);
  radius_begin (&w, IKE_RADIUS_DISCONNECT_REQUEST, 7, TRUE);
  ike_radius_add_text (&w, IKE_RADIUS_USER_NAME, "nemo");
  g_assert_true (radius_end_request (&w, NULL, TRUE, xyzzy));
  g_assert_null (radius_parse (&packet, w.data, w.len));
  g_assert_true (radius_request_is_authentic (&packet, xyzzy));
  g_assert_true (radius_mac_is_authentic (&packet, NULL, xyzzy));
  g_assert_cmpuint (packet.mac_at, ==, 22);
  buffer[25] ^= 1;
  g_assert_false (radius_request_is_authentic (&packet, xyzzy));
  g_assert_false (radius_mac_is_authentic (&packet, NULL, xyzzy));
  buffer[25] ^= 1;
  buffer[5] ^= 1;
  g_assert_false (radius_request_is_authentic (&packet, xyzzy));
}

/* -- keys */

static void
test_mppe_keys (void)
{
  static const gsize sizes[] = { 1, 15, 16, 31, 32, 64, 239 };
  guint8 authenticator[16] = { 9, 8, 7 }, key[240], buffer[300];
  IkeRadiusAttribute found;

  for (guint i = 0; i < sizeof key; i++)
    key[i] = (guint8) i;
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    IkeWriter w;
    g_autoptr (IkeSecretBlob) read = NULL;

    ike_writer_init (&w, buffer, sizeof buffer);
    radius_add_mppe_key (&w, IKE_RADIUS_MS_MPPE_RECV_KEY, 0x0102, authenticator, xyzzy, key,
                         sizes[i]);
    g_assert_false (w.failed);
    g_assert_true (ike_radius_find (w.data, w.len, IKE_RADIUS_VENDOR_MICROSOFT,
                                    IKE_RADIUS_MS_MPPE_RECV_KEY, &found));
    /* RFC 2548, 2.4.2: the leftmost bit of the salt is set. */
    g_assert_cmpuint (found.value[0], ==, 0x81);
    read = radius_read_mppe_key (&found, authenticator, xyzzy);
    assert_bytes (ike_secret_blob_data (read), ike_secret_blob_len (read), key, sizes[i]);
  }
}

static void
test_mppe_refused (void)
{
  guint8 authenticator[16] = { 9, 8, 7 }, buffer[300] = { 0 };
  static const guint8 lens[] = { 0, 1, 2, 3, 17, 19, 33 };

  for (guint i = 0; i < G_N_ELEMENTS (lens); i++) {
    IkeRadiusAttribute attribute = { .value = buffer, .len = lens[i] };
    g_assert_null (radius_read_mppe_key (&attribute, authenticator, xyzzy));
  }
  /* With a wrong secret it has a length that does not fit, or another key. */
  for (guint salt = 0; salt < 64; salt++) {
    static const RadiusSecret other = { (const guint8 *) "other", 5 };
    IkeRadiusAttribute found;
    g_autoptr (IkeSecretBlob) read = NULL;
    IkeWriter w;

    ike_writer_init (&w, buffer, sizeof buffer);
    radius_add_mppe_key (&w, 16, (guint16) salt, authenticator, xyzzy, "0123456789abcdef", 16);
    g_assert_true (ike_radius_find (w.data, w.len, IKE_RADIUS_VENDOR_MICROSOFT, 16, &found));
    read = radius_read_mppe_key (&found, authenticator, other);
    if (read)
      g_assert_cmpuint (ike_secret_blob_len (read), <, 32);
  }
}

/* -- what is no packet */

#define HEAD "02000014 000102030405060708090a0b0c0d0e0f"

static void
test_malformed (void)
{
  static const struct {
    const char *hex;
    const char *reason; /* NULL: it is one */
  } cases[] = {
    { HEAD, NULL },
    { HEAD "ffffff", NULL }, /* padding */
    { "", "length" },
    { "02000014 00010203", "length" },
    { "02000013 000102030405060708090a0b0c0d0e0f", "length" },
    { "02001001 000102030405060708090a0b0c0d0e0f", "length" },
    { "02000015 000102030405060708090a0b0c0d0e0f", "cut" },
    { "02000015 000102030405060708090a0b0c0d0e0f 01", "does not end" },
    { "02000016 000102030405060708090a0b0c0d0e0f 0100", "does not end" },
    { "02000016 000102030405060708090a0b0c0d0e0f 0101", "does not end" },
    { "02000016 000102030405060708090a0b0c0d0e0f 0103", "does not end" },
    { "02000016 000102030405060708090a0b0c0d0e0f 0102", NULL },
    { "02000019 000102030405060708090a0b0c0d0e0f 010361 0100", "does not end" },
    { "02000018 000102030405060708090a0b0c0d0e0f 50046161", "wrong length" },
    { "02000038 000102030405060708090a0b0c0d0e0f 501200000000000000000000000000000000 "
      "501200000000000000000000000000000000",
      "two" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    guint8 data[128];
    RadiusPacket packet;
    const char *reason = radius_parse (&packet, data, from_hex (cases[i].hex, data));

    g_test_message ("%u: %s", i, reason ? reason : "fine");
    g_assert_true (!reason == !cases[i].reason);
    if (reason)
      g_assert_nonnull (strstr (reason, cases[i].reason));
  }
}

static void
test_every_cut (void)
{
  HEX (whole, NEMO);
  RadiusPacket packet;

  for (gsize len = 0; len < whole_len; len++) {
    g_autofree guint8 *cut = g_malloc (len + 1);

    memcpy (cut, whole, len);
    g_assert_nonnull (radius_parse (&packet, cut, len));
  }
}

/* -- attributes */

static void
test_long_values (void)
{
  static const gsize sizes[] = { 1, 252, 253, 254, 506, 507, 3000 };
  guint8 *value = g_malloc0 (3000), buffer[IKE_RADIUS_PACKET_MAX];

  for (gsize i = 0; i < 3000; i++)
    value[i] = (guint8) (i * 7);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    IkeWriter w;
    gsize len;
    g_autofree guint8 *joined = NULL;

    ike_writer_init (&w, buffer, sizeof buffer);
    ike_radius_add_text (&w, IKE_RADIUS_USER_NAME, "nemo");
    ike_radius_add_long (&w, IKE_RADIUS_EAP_MESSAGE, value, sizes[i]);
    ike_radius_add_text (&w, IKE_RADIUS_STATE, "s");
    joined = ike_radius_join (w.data, w.len, IKE_RADIUS_EAP_MESSAGE, &len);
    assert_bytes (joined, len, value, sizes[i]);
    ike_radius_add_long (&w, IKE_RADIUS_EAP_MESSAGE, value, 1);
    g_assert_null (ike_radius_join (w.data, w.len, IKE_RADIUS_EAP_MESSAGE, &len));
    g_assert_cmpuint (len, ==, 0);
  }
  g_free (value);
}

static void
test_vendors (void)
{
  /* 311: 16 = "ab", 17 = "c"; a vendor's own form; 9 with nothing; then User-Name. */
  HEX (data, "1a0d00000137 10046162 110363 1a0900000009 fffe01 1a0600000009 010362");
  IkeRadiusIter iter;
  IkeRadiusAttribute at;

  ike_radius_iter_init (&iter, data, data_len);
  g_assert_true (ike_radius_next (&iter, &at) && at.vendor == 311 && at.type == 16 && at.len == 2);
  g_assert_true (ike_radius_next (&iter, &at) && at.vendor == 311 && at.type == 17 && at.len == 1);
  g_assert_true (ike_radius_next (&iter, &at) && at.vendor == 0 && at.type == 26 && at.len == 7);
  g_assert_true (ike_radius_next (&iter, &at) && at.vendor == 0 && at.type == 26 && at.len == 4);
  g_assert_true (ike_radius_next (&iter, &at) && at.vendor == 0 && at.type == 1);
  g_assert_false (ike_radius_next (&iter, &at));
  g_assert_true (ike_radius_iter_is_done (&iter));
}

static void
test_prefixes (void)
{
  static const struct {
    const char *hex;
    gboolean is_one;
    guint bits;
  } cases[] = {
    { "0040 20010db800010002", TRUE, 64 },
    { "0000", TRUE, 0 },
    { "0080 20010db8000000000000000000000001", TRUE, 128 },
    { "0081 20010db8000000000000000000000001", FALSE, 0 },
    { "0040 20010db8000100", FALSE, 0 },
    { "00", FALSE, 0 },
    { "0080 20010db800000000000000000000000100", FALSE, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    guint8 data[32];
    guint bits = 0;
    IkeAddr net;
    IkeRadiusAttribute attribute = { .value = data };

    attribute.len = (guint8) from_hex (cases[i].hex, data);
    g_assert_true (ike_radius_get_prefix (&attribute, &net, &bits) == cases[i].is_one);
    g_assert_cmpuint (bits, ==, cases[i].bits);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/radius/wire/password-of-rfc-2865", test_password);
  g_test_add_func ("/radius/wire/passwords-of-all-sizes", test_password_sizes);
  g_test_add_func ("/radius/wire/response-of-rfc-2865", test_response);
  g_test_add_func ("/radius/wire/status-server-of-rfc-5997", test_status);
  g_test_add_func ("/radius/wire/signed-request-has-both-signatures", test_signed_request);
  g_test_add_func ("/radius/wire/mppe-keys-of-all-sizes", test_mppe_keys);
  g_test_add_func ("/radius/wire/mppe-keys-that-are-none", test_mppe_refused);
  g_test_add_func ("/radius/wire/what-is-no-packet-is-refused", test_malformed);
  g_test_add_func ("/radius/wire/every-cut-is-refused", test_every_cut);
  g_test_add_func ("/radius/wire/long-values-are-split-and-joined", test_long_values);
  g_test_add_func ("/radius/wire/attributes-of-vendors", test_vendors);
  g_test_add_func ("/radius/wire/prefixes", test_prefixes);
  return g_test_run ();
}
