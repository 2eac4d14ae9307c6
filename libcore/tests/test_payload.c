/* SPDX-License-Identifier: Apache-2.0 */
/* test_payload.c - chains of payloads: offsets, the critical bit, caps, and chains that do not fit
 * their message. */
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

static IkePayload out[IKE_PAYLOADS_MAX];

static gboolean
read_chain (guint8 first, const void *data, gsize len, guint *n, IkeVerdict *verdict)
{
  g_autofree guint8 *copy = copy_of (data, len);
  gboolean ok;

  memset (verdict, 0, sizeof *verdict);
  ok = ike_payloads_read (first, copy, len, 28, NULL, NULL, out, IKE_PAYLOADS_MAX, n, verdict);
  g_assert_true (ok || verdict->reason);
  return ok;
}

static void
test_chain (void)
{
  static const guint8 data[] = { 40, 0, 0, 6, 'a', 'b', 43, 0x80, 0, 4, 0, 0, 0, 5, 'c' };
  IkeVerdict verdict = { 0 };
  guint n;

  g_assert_true (ike_payloads_read (33, data, sizeof data, 28, NULL, NULL, out, 3, &n, &verdict));
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpuint (out[0].type, ==, 33);
  g_assert_cmpuint (out[0].offset, ==, 28);
  g_assert_cmpmem (out[0].data, out[0].len, "ab", 2);
  g_assert_cmpuint (out[1].type, ==, 40);
  g_assert_cmpuint (out[1].offset, ==, 34);
  g_assert_cmpuint (out[1].len, ==, 0);
  g_assert_true (out[1].is_critical);
  g_assert_cmpuint (out[2].type, ==, 43);
  g_assert_cmpuint (out[2].next, ==, 0);
  g_assert_cmpmem (out[2].data, out[2].len, "c", 1);
}

static void
test_empty (void)
{
  IkeVerdict verdict;
  guint n;

  g_assert_true (read_chain (0, NULL, 0, &n, &verdict));
  g_assert_cmpuint (n, ==, 0);
  g_assert_false (read_chain (0, "x", 1, &n, &verdict));
}

static void
test_cut_off (void)
{
  static const guint8 data[] = { 40, 0, 0, 6, 'a', 'b', 0, 0, 0, 5, 'c' };
  IkeVerdict verdict;
  guint n;

  g_assert_true (read_chain (33, data, sizeof data, &n, &verdict));
  for (gsize len = 0; len < sizeof data; len++) {
    g_assert_false (read_chain (33, data, len, &n, &verdict));
    g_assert_cmpuint (verdict.notify, ==, IKE_N_INVALID_SYNTAX);
    g_assert_cmpuint (n, ==, 0);
  }
}

static void
test_length_below_header (void)
{
  IkeVerdict verdict;
  guint8 data[] = { 0, 0, 0, 0, 0, 0, 0, 0 };
  guint n;

  for (guint8 len = 0; len < 4; len++) {
    data[3] = len;
    g_assert_false (read_chain (33, data, sizeof data, &n, &verdict));
  }
  data[3] = 8;
  g_assert_true (read_chain (33, data, sizeof data, &n, &verdict));
}

static void
test_trailing (void)
{
  static const guint8 data[] = { 0, 0, 0, 4, 0 };
  IkeVerdict verdict;
  guint n;

  g_assert_false (read_chain (33, data, sizeof data, &n, &verdict));
  g_assert_cmpuint (verdict.offset, ==, 32);
}

static gboolean
only_200_is_known (guint8 type, gconstpointer arg)
{
  return type == 200 && arg != NULL;
}

static void
test_critical (void)
{
  guint8 data[] = { 0, 0x80, 0, 4 };
  IkeVerdict verdict;
  guint n;

  for (guint type = 1; type < 256; type++) {
    gboolean is_known = type >= 33 && type <= 48;
    g_assert_cmpint (read_chain ((guint8) type, data, sizeof data, &n, &verdict), ==, is_known);
    if (!is_known) {
      g_assert_cmpuint (verdict.notify, ==, IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD);
      g_assert_cmpuint (verdict.payload, ==, type);
    }
  }
  g_assert_true (
      ike_payloads_read (200, data, sizeof data, 0, only_200_is_known, "", out, 1, &n, &verdict));
  g_assert_false (
      ike_payloads_read (201, data, sizeof data, 0, only_200_is_known, "", out, 1, &n, &verdict));
  data[1] = 0x7f;
  g_assert_true (read_chain (201, data, sizeof data, &n, &verdict));
  g_assert_false (out[0].is_critical);
}

static void
test_encrypted_is_last (void)
{
  static const guint8 data[] = { 35, 0, 0, 6, 'a', 'b' }, more[] = { 35, 0, 0, 4, 0, 0, 0, 4 };
  IkeVerdict verdict;
  guint n;

  g_assert_true (read_chain (IKE_PAYLOAD_SK, data, sizeof data, &n, &verdict));
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpuint (out[0].next, ==, 35);
  g_assert_true (read_chain (IKE_PAYLOAD_SKF, data, sizeof data, &n, &verdict));
  g_assert_false (read_chain (IKE_PAYLOAD_SK, more, sizeof more, &n, &verdict));
}

static void
test_count (void)
{
  static const guint counts[] = { 0, 1, IKE_PAYLOADS_MAX - 1, IKE_PAYLOADS_MAX,
                                  IKE_PAYLOADS_MAX + 1 };

  for (guint i = 0; i < G_N_ELEMENTS (counts); i++) {
    g_autofree guint8 *data = g_malloc0 (counts[i] * 4 + 1);
    IkeVerdict verdict;
    guint n;
    for (guint p = 0; p < counts[i]; p++) {
      data[p * 4] = p + 1 < counts[i] ? 43 : 0;
      data[p * 4 + 3] = 4;
    }
    g_assert_cmpint (read_chain (counts[i] ? 43 : 0, data, counts[i] * 4, &n, &verdict), ==,
                     counts[i] <= IKE_PAYLOADS_MAX);
    g_assert_cmpuint (n, ==, counts[i] <= IKE_PAYLOADS_MAX ? counts[i] : 0);
  }
}

static void
test_write (void)
{
  guint8 buffer[64] = { 0 };
  IkeVerdict verdict;
  IkeWriter w;
  gsize mark;
  guint n;

  ike_writer_init (&w, buffer, sizeof buffer);
  mark = ike_payload_open (&w, IKE_PAYLOAD_SA, TRUE);
  ike_writer_bytes (&w, "abc", 3);
  ike_payload_close (&w, mark);
  ike_payload_write (&w, IKE_PAYLOAD_NONCE, "de", 2);
  ike_payload_write (&w, IKE_PAYLOAD_VENDOR, NULL, 0);
  g_assert_false (w.failed);
  g_assert_true (read_chain (IKE_PAYLOAD_SA, buffer, w.len, &n, &verdict));
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpuint (out[0].next, ==, IKE_PAYLOAD_NONCE);
  g_assert_true (out[0].is_critical);
  g_assert_cmpuint (out[1].next, ==, IKE_PAYLOAD_VENDOR);
  g_assert_false (out[1].is_critical);
  g_assert_cmpuint (out[1].len, ==, 2);
}

static void
test_write_too_long (void)
{
  g_autofree guint8 *buffer = g_malloc0 (70000), *body = g_malloc0 (65532);
  IkeWriter w;

  ike_writer_init (&w, buffer, 70000);
  ike_payload_write (&w, IKE_PAYLOAD_CERT, body, 65531);
  g_assert_false (w.failed);
  ike_writer_init (&w, buffer, 70000);
  ike_payload_write (&w, IKE_PAYLOAD_CERT, body, 65532);
  g_assert_true (w.failed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/payload/chain-becomes-views", test_chain);
  g_test_add_func ("/payload/empty-chain-is-empty", test_empty);
  g_test_add_func ("/payload/chain-that-is-cut-off-is-refused", test_cut_off);
  g_test_add_func ("/payload/length-below-its-header-is-refused", test_length_below_header);
  g_test_add_func ("/payload/bytes-behind-the-chain-are-refused", test_trailing);
  g_test_add_func ("/payload/unknown-critical-payload-is-named", test_critical);
  g_test_add_func ("/payload/encrypted-payload-is-the-last", test_encrypted_is_last);
  g_test_add_func ("/payload/number-of-payloads-is-limited", test_count);
  g_test_add_func ("/payload/what-is-written-is-read", test_write);
  g_test_add_func ("/payload/too-long-a-payload-fails-the-writer", test_write_too_long);
  return g_test_run ();
}
