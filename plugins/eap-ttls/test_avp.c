/* SPDX-License-Identifier: Apache-2.0 */
/* test_avp.c - sequences of AVPs, written and read, and what is refused. */
#include <string.h>

#include "avp.h"

static void
assert_part (const IkePart *part, const char *text)
{
  g_assert_cmpmem (part->data, part->len, text, strlen (text));
}

static void
test_round (void)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  const char *why;
  TtlsAvps avps;

  for (gsize len = 1; len <= 9; len++) {
    g_byte_array_set_size (out, 0);
    ttls_avp_add (out, TTLS_USER, 0, (const guint8 *) "alice-bob", len);
    ttls_avp_add (out, TTLS_MS_SUCCESS, TTLS_MICROSOFT, (const guint8 *) "S=", 2);
    g_assert_cmpuint (out->len % 4, ==, 0);
    g_assert_true (ttls_avps_read (out->data, out->len, &avps, &why));
    g_assert_cmpmem (avps.user.data, avps.user.len, "alice-bob", len);
    assert_part (&avps.ms_success, "S=");
    g_assert_null (avps.eap.data);
    /* Without the padding at the end. */
    g_assert_true (ttls_avps_read (out->data, out->len - 2, &avps, &why));
    assert_part (&avps.ms_success, "S=");
  }
  g_assert_true (ttls_avps_read (NULL, 0, &avps, &why));
}

typedef struct {
  const char *name;
  guint8 bytes[32];
  gsize len;
  const char *why; /* NULL: it is read */
} Case;

static const Case cases[] = {
  { "half-a-header", { 0, 0, 0, 1, 0x40, 0 }, 6, "cut" },
  { "a-length-below-the-header", { 0, 0, 0, 1, 0x40, 0, 0, 7, 'a' }, 9, "cut" },
  { "a-length-of-zero", { 0, 0, 0, 1, 0x40, 0, 0, 0 }, 8, "cut" },
  { "a-length-behind-the-end", { 0, 0, 0, 1, 0x40, 0, 0, 10, 'a' }, 9, "cut" },
  { "the-largest-length", { 0, 0, 0, 1, 0x40, 0xff, 0xff, 0xff, 'a' }, 9, "cut" },
  { "a-vendor-that-is-cut", { 0, 0, 0, 1, 0xc0, 0, 0, 12, 0, 0 }, 10, "cut" },
  { "a-vendor-in-a-length-without", { 0, 0, 0, 1, 0xc0, 0, 0, 8, 0, 0, 1, 0x37 }, 12, "cut" },
  { "unknown-and-mandatory", { 0, 0, 1, 0, 0x40, 0, 0, 9, 'a', 0, 0, 0 }, 12, "understood" },
  { "unknown-of-a-vendor", { 0, 0, 0, 1, 0xc0, 0, 0, 12, 0, 0, 0, 9 }, 12, "understood" },
  { "unknown-and-optional", { 0, 0, 1, 0, 0, 0, 0, 9, 'a', 0, 0, 0 }, 12, NULL },
  { "twice",
    { 0, 0, 0, 1, 0x40, 0, 0, 9, 'a', 0, 0, 0, 0, 0, 0, 1, 0x40, 0, 0, 9, 'b', 0, 0, 0 },
    24,
    "twice" },
};

static void
test_case (gconstpointer data)
{
  const Case *c = data;
  g_autofree guint8 *copy = g_memdup2 (c->bytes, c->len); /* so that a sanitizer sees its end */
  const char *why;
  TtlsAvps avps;

  g_assert_true (ttls_avps_read (copy, c->len, &avps, &why) == (c->why == NULL));
  if (c->why)
    g_assert_nonnull (strstr (why, c->why));
}

static void
test_many (void)
{
  static const guint8 optional[8] = { 0, 0, 1, 0, 0, 0, 0, 8 };
  g_autoptr (GByteArray) out = g_byte_array_new ();
  const char *why;
  TtlsAvps avps;

  for (guint i = 0; i < TTLS_AVPS_MAX; i++)
    g_byte_array_append (out, optional, sizeof optional);
  g_assert_true (ttls_avps_read (out->data, out->len, &avps, &why));
  g_byte_array_append (out, optional, sizeof optional);
  g_assert_false (ttls_avps_read (out->data, out->len, &avps, &why));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/avp/what-was-written-is-read", test_round);
  g_test_add_func ("/avp/too-many", test_many);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strconcat ("/avp/", cases[i].name, NULL);
    g_test_add_data_func (path, &cases[i], test_case);
  }
  return g_test_run ();
}
