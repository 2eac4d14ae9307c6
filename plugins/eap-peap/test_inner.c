/* SPDX-License-Identifier: Apache-2.0 */
/* test_inner.c - packets in the tunnel of PEAP: with and without a header, results, and what is
 * refused. */
#include <string.h>

#include "inner.h"

static void
assert_expands (const guint8 *data, gsize len, guint8 code, const guint8 *expected, gsize n)
{
  gsize out_len = 0;
  g_autofree guint8 *packet = peap_expand (data, len, code, 9, &out_len);

  g_assert_cmpmem (packet, out_len, expected, n);
}

static void
test_expand (void)
{
  static const guint8 bare[] = { 26, 1, 2 }, with_header[] = { 1, 9, 0, 7, 26, 1, 2 },
                      answer[] = { 2, 9, 0, 7, 26, 1, 2 }, identity[] = { 1, 3, 0, 5, 1 },
                      success[] = { 3, 3, 0, 4 },
                      result[] = { 1, 5, 0, 11, 33, 0x80, 3, 0, 2, 0, 1 }, short_one[] = { 1 },
                      one_whole[] = { 1, 9, 0, 5, 1 };
  gsize len;

  assert_expands (bare, 3, IKE_EAP_CODE_REQUEST, with_header, 7);
  assert_expands (bare, 3, IKE_EAP_CODE_RESPONSE, answer, 7);
  assert_expands (identity, 5, IKE_EAP_CODE_REQUEST, identity, 5);
  assert_expands (success, 4, IKE_EAP_CODE_REQUEST, success, 4);
  assert_expands (result, 11, IKE_EAP_CODE_REQUEST, result, 11);
  assert_expands (short_one, 1, IKE_EAP_CODE_REQUEST, one_whole, 5);
  g_assert_null (peap_expand (bare, 0, IKE_EAP_CODE_REQUEST, 9, &len));
  g_assert_null (peap_expand (NULL, IKE_EAP_PACKET_MAX + 1, IKE_EAP_CODE_REQUEST, 9, &len));
}

typedef struct {
  const char *name;
  guint8 tlvs[24];
  gsize len;
  const char *why; /* NULL: success is read */
} Case;

static const Case cases[] = {
  { "success", { 0x80, 3, 0, 2, 0, 1 }, 6, NULL },
  { "not-mandatory", { 0, 3, 0, 2, 0, 1 }, 6, NULL },
  { "with-one-that-may-be-skipped", { 0, 99, 0, 1, 7, 0x80, 3, 0, 2, 0, 1 }, 11, NULL },
  { "nothing", { 0 }, 0, "what came of it" },
  { "another-status", { 0x80, 3, 0, 2, 0, 3 }, 6, "what came of it" },
  { "half-a-status", { 0x80, 3, 0, 1, 1 }, 5, "malformed" },
  { "two", { 0x80, 3, 0, 2, 0, 1, 0x80, 3, 0, 2, 0, 2 }, 12, "two" },
  { "cut", { 0x80, 3, 0, 9, 0, 1 }, 6, "cut" },
  { "half-a-head", { 0x80, 3, 0 }, 3, "cut" },
  { "unknown-and-mandatory", { 0x80, 99, 0, 0, 0x80, 3, 0, 2, 0, 1 }, 10, "understood" },
};

static void
test_case (gconstpointer data)
{
  const Case *c = data;
  gsize len = 5 + c->len;
  g_autofree guint8 *packet = g_malloc0 (len);
  guint16 result;
  const char *why;

  memcpy (packet + 5, c->tlvs, c->len);
  g_assert_true (peap_result_read (packet, len, &result, &why) == (c->why == NULL));
  if (c->why)
    g_assert_nonnull (strstr (why, c->why));
  else
    g_assert_cmpuint (result, ==, PEAP_SUCCESS);
}

static void
test_written (void)
{
  guint8 packet[PEAP_RESULT_LEN];
  guint16 result;
  const char *why;

  for (guint16 said = PEAP_SUCCESS; said <= PEAP_FAILURE; said++) {
    peap_result_write (IKE_EAP_CODE_RESPONSE, 4, said, packet);
    g_assert_true (peap_is_extensions (packet, sizeof packet));
    g_assert_true (peap_result_read (packet, sizeof packet, &result, &why));
    g_assert_cmpuint (result, ==, said);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/peap/headers-are-put-back", test_expand);
  g_test_add_func ("/peap/what-was-written-is-read", test_written);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strconcat ("/peap/result/", cases[i].name, NULL);
    g_test_add_data_func (path, &cases[i], test_case);
  }
  return g_test_run ();
}
