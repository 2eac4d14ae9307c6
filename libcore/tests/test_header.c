/* SPDX-License-Identifier: Apache-2.0 */
/* test_header.c - the message header: field by field, both ways, and what is refused. */
#include <string.h>
#include <ikebana/message.h>

/* A copy of exactly @len bytes, so that a sanitizer sees a read beyond it. */
static guint8 *
copy_of (const void *data, gsize len)
{
  guint8 *copy = g_malloc (len);

  if (len)
    memcpy (copy, data, len);
  return copy;
}

static const guint8 sample[28] = { 1,  2,  3,  4,    5,  6,    7, 8, 9, 10, 11, 12, 13, 14,
                                   15, 16, 33, 0x20, 34, 0x28, 0, 0, 0, 5,  0,  0,  0,  28 };

static void
test_read (void)
{
  IkeVerdict verdict = { 0 };
  IkeHeader header;

  g_assert_true (ike_header_read (sample, sizeof sample, &header, &verdict));
  g_assert_cmphex (header.spi_initiator, ==, G_GUINT64_CONSTANT (0x0102030405060708));
  g_assert_cmphex (header.spi_responder, ==, G_GUINT64_CONSTANT (0x090a0b0c0d0e0f10));
  g_assert_cmpuint (header.next_payload, ==, IKE_PAYLOAD_SA);
  g_assert_cmphex (header.version, ==, 0x20);
  g_assert_cmpuint (header.exchange, ==, 34);
  g_assert_cmphex (header.flags, ==, IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE);
  g_assert_cmpuint (header.message_id, ==, 5);
  g_assert_cmpuint (header.length, ==, 28);
}

static void
test_any_version (void)
{
  guint8 data[28];
  IkeHeader header;

  memcpy (data, sample, sizeof data);
  for (guint version = 0; version < 256; version++) {
    data[17] = (guint8) version;
    g_assert_true (ike_header_read (data, sizeof data, &header, NULL));
    g_assert_cmpuint (header.version, ==, version);
  }
}

static void
test_too_short (void)
{
  for (gsize len = 0; len < IKE_HEADER_LEN; len++) {
    g_autofree guint8 *data = copy_of (sample, len);
    IkeVerdict verdict = { 0 };
    IkeHeader header;
    g_assert_false (ike_header_read (data, len, &header, &verdict));
    g_assert_cmpuint (verdict.notify, ==, IKE_N_INVALID_SYNTAX);
    g_assert_nonnull (verdict.reason);
  }
}

static void
test_wrong_length (void)
{
  static const guint32 wrong[] = { 0, 27, 29, 0x1c000000, 0xffffffff };
  guint8 data[28];
  IkeHeader header;

  memcpy (data, sample, sizeof data);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    IkeVerdict verdict = { 0 };
    guint32 wire = GUINT32_TO_BE (wrong[i]);
    memcpy (data + 24, &wire, 4);
    g_assert_false (ike_header_read (data, sizeof data, &header, &verdict));
    g_assert_cmpuint (verdict.offset, ==, 24);
  }
}

static void
test_zero_spi (void)
{
  guint8 data[28];
  IkeHeader header;

  memcpy (data, sample, sizeof data);
  memset (data, 0, 8);
  g_assert_false (ike_header_read (data, sizeof data, &header, NULL));
  data[7] = 1;
  memset (data + 8, 0, 8);
  g_assert_true (ike_header_read (data, sizeof data, &header, NULL));
}

static void
test_write (void)
{
  IkeHeader header, back;
  guint8 buffer[64];
  IkeWriter w;

  g_assert_true (ike_header_read (sample, sizeof sample, &header, NULL));
  ike_writer_init (&w, buffer, sizeof buffer);
  ike_header_write (&w, &header);
  ike_payload_write (&w, IKE_PAYLOAD_SA, "abcd", 4);
  ike_message_close (&w);
  g_assert_false (w.failed);
  g_assert_cmpuint (w.len, ==, 36);
  g_assert_true (ike_header_read (buffer, w.len, &back, NULL));
  g_assert_cmphex (back.spi_initiator, ==, header.spi_initiator);
  g_assert_cmphex (back.spi_responder, ==, header.spi_responder);
  g_assert_cmpuint (back.next_payload, ==, IKE_PAYLOAD_SA);
  g_assert_cmphex (back.version, ==, header.version);
  g_assert_cmpuint (back.exchange, ==, header.exchange);
  g_assert_cmphex (back.flags, ==, header.flags);
  g_assert_cmpuint (back.message_id, ==, header.message_id);
  g_assert_cmpuint (back.length, ==, 36);
}

static void
test_write_without_room (void)
{
  IkeHeader header = { .spi_initiator = 1, .version = 0x20 };
  guint8 buffer[64];

  for (gsize size = 0; size < IKE_HEADER_LEN; size++) {
    IkeWriter w;
    ike_writer_init (&w, buffer, size);
    ike_header_write (&w, &header);
    ike_payload_write (&w, IKE_PAYLOAD_NONCE, "a", 1);
    ike_message_close (&w);
    g_assert_true (w.failed);
  }
}

static void
test_write_limit (void)
{
  IkeHeader header = { .spi_initiator = 1, .version = 0x20 };
  g_autofree guint8 *buffer = g_malloc0 (70000);
  IkeWriter w;

  ike_writer_init (&w, buffer, 70000);
  ike_header_write (&w, &header);
  ike_writer_reserve (&w, IKE_MESSAGE_MAX - IKE_HEADER_LEN);
  ike_message_close (&w);
  g_assert_false (w.failed);
  ike_writer_u8 (&w, 0);
  ike_message_close (&w);
  g_assert_true (w.failed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/header/every-field-is-read", test_read);
  g_test_add_func ("/header/any-version-can-be-peeked-at", test_any_version);
  g_test_add_func ("/header/too-short-is-refused", test_too_short);
  g_test_add_func ("/header/length-must-be-that-of-the-datagram", test_wrong_length);
  g_test_add_func ("/header/initiator-spi-is-not-zero", test_zero_spi);
  g_test_add_func ("/header/what-is-written-is-read", test_write);
  g_test_add_func ("/header/without-room-the-writer-fails", test_write_without_room);
  g_test_add_func ("/header/message-is-at-most-65535-bytes", test_write_limit);
  return g_test_run ();
}
