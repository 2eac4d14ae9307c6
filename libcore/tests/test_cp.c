/* SPDX-License-Identifier: Apache-2.0 */
/* test_cp.c - configuration payloads: attributes one by one, and those that are cut off. */
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

static const guint8 sample[] = { 1, 0, 0, 0, 0x80, 1,    0, 4, 192, 0,  2,
                                 1, 0, 3, 0, 0,    0x40, 0, 0, 1,   'x' };

static IkePayload
body (const guint8 *data, gsize len)
{
  return (IkePayload) { .type = IKE_PAYLOAD_CP, .offset = 28, .data = data, .len = (guint32) len };
}

static void
test_attributes (void)
{
  IkePayload payload = body (sample, sizeof sample);
  IkeCpAttribute attribute;
  IkeCpView cp;

  g_assert_true (ike_cp_read (&payload, &cp, NULL));
  g_assert_cmpuint (cp.type, ==, 1);
  g_assert_true (ike_cp_next (&cp, &attribute));
  g_assert_cmpuint (attribute.type, ==, 1);
  g_assert_cmpmem (attribute.data, attribute.len, "\300\0\2\1", 4);
  g_assert_true (ike_cp_next (&cp, &attribute));
  g_assert_cmpuint (attribute.type, ==, 3);
  g_assert_cmpuint (attribute.len, ==, 0);
  g_assert_true (ike_cp_next (&cp, &attribute));
  g_assert_cmpuint (attribute.type, ==, 0x4000);
  g_assert_false (ike_cp_next (&cp, &attribute));
  g_assert_false (cp.attributes.failed);
}

static void
test_cut_off (void)
{
  for (gsize len = 0; len < sizeof sample; len++) {
    g_autofree guint8 *copy = copy_of (sample, len);
    IkePayload payload = body (copy, len);
    IkeVerdict verdict = { 0 };
    IkeCpView cp;
    gboolean is_whole = len == 4 || len == 12 || len == 16;
    g_assert_cmpint (ike_cp_read (&payload, &cp, &verdict), ==, is_whole);
    if (!is_whole)
      g_assert_cmpuint (verdict.notify, ==, IKE_N_INVALID_SYNTAX);
  }
}

static void
test_no_attributes (void)
{
  IkePayload payload = body (sample, 4);
  IkeCpAttribute attribute;
  IkeCpView cp;

  g_assert_true (ike_cp_read (&payload, &cp, NULL));
  g_assert_false (ike_cp_next (&cp, &attribute));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cp/attributes-come-in-order", test_attributes);
  g_test_add_func ("/cp/attribute-that-is-cut-off-is-refused", test_cut_off);
  g_test_add_func ("/cp/no-attributes-is-fine", test_no_attributes);
  return g_test_run ();
}
