/* SPDX-License-Identifier: Apache-2.0 */
/* test_body.c - bodies of payloads: what is written is read, and each length rule of RFC 7296
 * refuses its malformed case. */
#include <string.h>
#include <ikebana/message.h>
#include <ikebana/proposal.h>

static guint8 buffer[70000];

/* The body of the single payload in @w. */
static IkePayload
written (const IkeWriter *w, guint8 type)
{
  IkePayload payload;
  guint n;

  g_assert_false (w->failed);
  g_assert_true (ike_payloads_read (type, w->data, w->len, 0, NULL, NULL, &payload, 1, &n, NULL));
  g_assert_cmpuint (n, ==, 1);
  return payload;
}

static IkePayload
body (guint8 type, const void *data, gsize len)
{
  return (IkePayload) { .type = type, .offset = 28, .data = data, .len = (guint32) len };
}

static void
test_notify (void)
{
  IkeNotify notify;
  IkePayload payload;
  IkeWriter w;

  ike_writer_init (&w, buffer, sizeof buffer);
  ike_notify_write (&w, IKE_PROTOCOL_ESP, IKE_N_REKEY_SA, "\1\2\3\4", 4, "data", 4);
  payload = written (&w, IKE_PAYLOAD_NOTIFY);
  g_assert_true (ike_notify_read (&payload, &notify, NULL));
  g_assert_cmpuint (notify.protocol, ==, IKE_PROTOCOL_ESP);
  g_assert_cmpuint (notify.type, ==, IKE_N_REKEY_SA);
  g_assert_cmpmem (notify.spi, notify.spi_len, "\1\2\3\4", 4);
  g_assert_cmpmem (notify.data, notify.len, "data", 4);

  ike_writer_init (&w, buffer, sizeof buffer);
  ike_notify_write (&w, IKE_PROTOCOL_IKE, IKE_N_INVALID_SYNTAX, NULL, 0, NULL, 0);
  payload = written (&w, IKE_PAYLOAD_NOTIFY);
  g_assert_cmpuint (payload.data[0], ==, 0);
  g_assert_true (ike_notify_read (&payload, &notify, NULL));
  g_assert_cmpuint (notify.len, ==, 0);
}

static void
test_notify_malformed (void)
{
  static const guint8 good[] = { 3, 4, 0x40, 0x09, 1, 2, 3, 4 }, ignored[] = { 3, 0, 0, 14 };
  guint8 data[24] = { 3, 4, 0x40, 0x09 };
  IkeVerdict verdict = { 0 };
  IkeNotify notify;
  IkePayload payload;

  for (gsize len = 0; len < sizeof good; len++) {
    payload = body (IKE_PAYLOAD_NOTIFY, good, len);
    g_assert_false (ike_notify_read (&payload, &notify, &verdict));
    g_assert_cmpuint (verdict.notify, ==, IKE_N_INVALID_SYNTAX);
    g_assert_cmpuint (verdict.payload, ==, IKE_PAYLOAD_NOTIFY);
    g_assert_cmpuint (verdict.offset, >=, 32);
  }
  payload = body (IKE_PAYLOAD_NOTIFY, ignored, sizeof ignored);
  g_assert_true (ike_notify_read (&payload, &notify, &verdict));
  g_assert_cmpuint (notify.protocol, ==, 0);
  payload = body (IKE_PAYLOAD_NOTIFY, data, sizeof data);
  for (guint8 spi_len = 1; spi_len <= 20; spi_len++) {
    data[1] = spi_len;
    g_assert_cmpint (ike_notify_read (&payload, &notify, &verdict), ==, spi_len == 4);
  }
  data[1] = 21;
  g_assert_false (ike_notify_read (&payload, &notify, &verdict));
}

static void
test_notify_too_long (void)
{
  IkeWriter w;

  ike_writer_init (&w, buffer, sizeof buffer);
  ike_notify_write (&w, IKE_PROTOCOL_ESP, 1, buffer, 256, NULL, 0);
  g_assert_true (w.failed);
}

static void
test_delete (void)
{
  static const guint32 spis[] = { 0x01020304, 0x05060708 };
  IkeDelete delete_;
  IkePayload payload;
  IkeWriter w;

  ike_writer_init (&w, buffer, sizeof buffer);
  ike_delete_write (&w, IKE_PROTOCOL_ESP, spis, 2);
  payload = written (&w, IKE_PAYLOAD_DELETE);
  g_assert_true (ike_delete_read (&payload, &delete_, NULL));
  g_assert_cmpuint (delete_.n, ==, 2);
  g_assert_cmpmem (delete_.spis, 8, "\1\2\3\4\5\6\7\10", 8);

  ike_writer_init (&w, buffer, sizeof buffer);
  ike_delete_write (&w, IKE_PROTOCOL_IKE, NULL, 0);
  payload = written (&w, IKE_PAYLOAD_DELETE);
  g_assert_true (ike_delete_read (&payload, &delete_, NULL));
  g_assert_cmpuint (delete_.n, ==, 0);
}

static void
test_delete_malformed (void)
{
  static const guint8 bad[][12] = {
    { 0, 4, 0, 1, 1, 2, 3, 4 }, { 4, 4, 0, 1, 1, 2, 3, 4 }, { 3, 0, 0, 1, 1, 2, 3, 4 },
    { 3, 8, 0, 1, 1, 2, 3, 4 }, { 3, 4, 0, 0, 1, 2, 3, 4 }, { 3, 4, 0, 2, 1, 2, 3, 4 },
    { 3, 4, 0xff, 0xff, 1, 2 }, { 1, 8, 0, 1, 1, 2, 3, 4 }, { 1, 0, 0, 0, 1, 2, 3, 4 },
    { 1, 0, 0, 1, 1, 2, 3, 4 },
  };
  static const guint8 good[] = { 3, 4, 0, 1, 1, 2, 3, 4 }, none[] = { 3, 4, 0, 0 };
  IkePayload payload;
  IkeDelete delete_;

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    payload = body (IKE_PAYLOAD_DELETE, bad[i], 8);
    g_assert_false (ike_delete_read (&payload, &delete_, NULL));
  }
  for (gsize len = 0; len < sizeof good; len++) {
    payload = body (IKE_PAYLOAD_DELETE, good, len);
    g_assert_false (ike_delete_read (&payload, &delete_, NULL));
  }
  payload = body (IKE_PAYLOAD_DELETE, none, sizeof none);
  g_assert_false (ike_delete_read (&payload, &delete_, NULL));
}

static void
test_delete_counts (void)
{
  static const guint counts[] = { 1, 2, 16381, 16382 };
  g_autofree guint32 *spis = g_new0 (guint32, 65536);
  IkeDelete delete_;
  IkeWriter w;

  for (guint i = 0; i < G_N_ELEMENTS (counts); i++) {
    ike_writer_init (&w, buffer, sizeof buffer);
    ike_delete_write (&w, IKE_PROTOCOL_ESP, spis, counts[i]);
    g_assert_cmpint (w.failed, ==, 8 + 4 * counts[i] > 65535);
    if (w.failed)
      continue;
    IkePayload payload = written (&w, IKE_PAYLOAD_DELETE);
    g_assert_true (ike_delete_read (&payload, &delete_, NULL));
    g_assert_cmpuint (delete_.n, ==, counts[i]);
  }
  ike_writer_init (&w, buffer, sizeof buffer);
  ike_delete_write (&w, IKE_PROTOCOL_ESP, spis, 65536);
  g_assert_true (w.failed);
}

static void
test_ke (void)
{
  static const guint8 none[] = { 0, 31, 0, 0 };
  IkePayload payload;
  IkeKeView ke;
  IkeWriter w;

  ike_writer_init (&w, buffer, sizeof buffer);
  ike_ke_write (&w, 31, (const guint8 *) "public", 6);
  payload = written (&w, IKE_PAYLOAD_KE);
  g_assert_true (ike_ke_read (&payload, &ke, NULL));
  g_assert_cmpuint (ke.group, ==, 31);
  g_assert_cmpmem (ke.data, ke.len, "public", 6);
  for (gsize len = 0; len <= sizeof none; len++) {
    payload = body (IKE_PAYLOAD_KE, none, len);
    g_assert_false (ike_ke_read (&payload, &ke, NULL));
  }
}

static void
test_nonce (void)
{
  static const struct {
    gsize len;
    gboolean ok;
  } cases[] = { { 0, 0 }, { 15, 0 }, { 16, 1 }, { 17, 1 }, { 255, 1 }, { 256, 1 }, { 257, 0 } };
  const guint8 *nonce;
  gsize len;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    IkePayload payload = body (IKE_PAYLOAD_NONCE, buffer, cases[i].len);
    g_assert_cmpint (ike_nonce_read (&payload, &nonce, &len, NULL), ==, cases[i].ok);
    if (cases[i].ok)
      g_assert_cmpuint (len, ==, cases[i].len);
  }
}

static void
test_id (void)
{
  g_autoptr (IkeIdent) ident = ike_ident_parse ("host.example", NULL);
  IkePayload payload;
  IkeTypedView id;
  IkeWriter w;

  ike_writer_init (&w, buffer, sizeof buffer);
  ike_id_write (&w, IKE_PAYLOAD_IDR, ident);
  payload = written (&w, IKE_PAYLOAD_IDR);
  g_assert_true (ike_id_read (&payload, &id, NULL));
  g_assert_cmpuint (id.type, ==, IKE_ID_FQDN);
  g_assert_cmpmem (id.data, id.len, "host.example", 12);
}

static void
test_id_malformed (void)
{
  static const struct { guint8 type; gsize len; gboolean ok;
  } cases[] = {
    { 0, 8, 0 },  { 1, 7, 0 }, { 1, 8, 1 }, { 1, 9, 0 }, { 5, 19, 0 }, { 5, 20, 1 },
    { 5, 21, 0 }, { 2, 3, 0 }, { 2, 4, 1 }, { 2, 5, 1 }, { 13, 4, 1 }, { 99, 4, 1 },
  };
  guint8 data[32] = { 0 };
  IkeTypedView id;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    data[0] = cases[i].type;
    IkePayload payload = body (IKE_PAYLOAD_IDI, data, cases[i].len);
    g_assert_cmpint (ike_id_read (&payload, &id, NULL), ==, cases[i].ok);
  }
  IkePayload empty = body (IKE_PAYLOAD_IDI, data, 0);
  g_assert_false (ike_id_read (&empty, &id, NULL));
}

static void
test_auth (void)
{
  IkePayload payload;
  IkeTypedView auth;
  IkeWriter w;

  ike_writer_init (&w, buffer, sizeof buffer);
  ike_auth_write (&w, 2, (const guint8 *) "mac", 3);
  payload = written (&w, IKE_PAYLOAD_AUTH);
  g_assert_true (ike_auth_read (&payload, &auth, NULL));
  g_assert_cmpuint (auth.type, ==, 2);
  g_assert_cmpmem (auth.data, auth.len, "mac", 3);
  for (gsize len = 0; len <= 4; len++) {
    payload = body (IKE_PAYLOAD_AUTH, buffer, len);
    g_assert_false (ike_auth_read (&payload, &auth, NULL));
  }
}

static void
test_cert (void)
{
  IkePayload payload;
  IkeTypedView cert;
  IkeWriter w;

  ike_writer_init (&w, buffer, sizeof buffer);
  ike_cert_write (&w, IKE_PAYLOAD_CERT, 4, (const guint8 *) "der", 3);
  payload = written (&w, IKE_PAYLOAD_CERT);
  g_assert_true (ike_cert_read (&payload, &cert, NULL));
  g_assert_cmpuint (cert.type, ==, 4);
  g_assert_cmpmem (cert.data, cert.len, "der", 3);
  for (gsize len = 0; len <= 1; len++) {
    payload = body (IKE_PAYLOAD_CERT, "\4", len);
    g_assert_false (ike_cert_read (&payload, &cert, NULL));
  }
}

static void
test_certreq (void)
{
  static const guint8 types[] = { 4, 12, 13 };
  guint8 data[64] = { 0 };
  IkePayload payload;
  IkeTypedView cert;

  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    data[0] = types[i];
    for (gsize len = 1; len < sizeof data; len++) {
      payload = body (IKE_PAYLOAD_CERTREQ, data, len);
      g_assert_cmpint (ike_cert_read (&payload, &cert, NULL), ==, (len - 1) % 20 == 0);
    }
  }
  data[0] = 14;
  payload = body (IKE_PAYLOAD_CERTREQ, data, 8);
  g_assert_true (ike_cert_read (&payload, &cert, NULL));
  payload = body (IKE_PAYLOAD_CERTREQ, data, 0);
  g_assert_false (ike_cert_read (&payload, &cert, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/body/notify-is-read-as-written", test_notify);
  g_test_add_func ("/body/notify-with-wrong-lengths-is-refused", test_notify_malformed);
  g_test_add_func ("/body/notify-with-too-long-an-spi-is-not-written", test_notify_too_long);
  g_test_add_func ("/body/delete-is-read-as-written", test_delete);
  g_test_add_func ("/body/delete-with-wrong-sizes-is-refused", test_delete_malformed);
  g_test_add_func ("/body/delete-holds-as-many-as-fit", test_delete_counts);
  g_test_add_func ("/body/key-exchange-holds-a-value", test_ke);
  g_test_add_func ("/body/nonce-has-16-to-256-bytes", test_nonce);
  g_test_add_func ("/body/identity-is-read-as-written", test_id);
  g_test_add_func ("/body/identity-of-wrong-length-is-refused", test_id_malformed);
  g_test_add_func ("/body/authentication-holds-data", test_auth);
  g_test_add_func ("/body/certificate-holds-data", test_cert);
  g_test_add_func ("/body/certificate-request-is-a-list-of-hashes", test_certreq);
  return g_test_run ();
}
