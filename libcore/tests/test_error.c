/* SPDX-License-Identifier: Apache-2.0 */
/* test_error.c - verdicts, and a peer's bytes made safe to show. */
#include <string.h>
#include <ikebana/error.h>

static void
test_verdict (void)
{
  IkeVerdict verdict = { 0 };

  g_assert_false (ike_verdict_set (&verdict, 7, 41, 28, "too short"));
  g_assert_cmpstr (verdict.reason, ==, "too short");
  g_assert_cmpuint (verdict.notify, ==, 7);
  g_assert_cmpuint (verdict.payload, ==, 41);
  g_assert_cmpuint (verdict.offset, ==, 28);
  g_assert_false (ike_verdict_set (NULL, 7, 41, 28, "nobody asks"));
}

static void
test_escape_all_bytes (void)
{
  for (guint byte = 0; byte < 256; byte++) {
    guint8 data = (guint8) byte;
    char out[8];
    ike_escape (out, sizeof out, &data, 1);
    for (const char *at = out; *at; at++)
      g_assert_true (*at >= 0x20 && *at < 0x7f);
    if (byte < 0x20 || byte >= 0x7f)
      g_assert_cmpuint (strlen (out), ==, 4);
  }
}

static void
test_escape_specials (void)
{
  char out[64];

  g_assert_cmpstr (ike_escape (out, sizeof out, "a\"b\\c\n\x1b[1m%n", 12), ==,
                   "a\\\"b\\\\c\\x0a\\x1b[1m%n");
  g_assert_cmpstr (ike_escape (out, sizeof out, NULL, 0), ==, "");
  g_assert_cmpstr (ike_escape (out, sizeof out, "a\0b", 3), ==, "a\\x00b");
}

static void
test_escape_cut (void)
{
  static const char text[] = "abcdef\x01";
  char out[32];

  g_assert_cmpstr (ike_escape (out, 7, text, 6), ==, "abcdef");
  g_assert_cmpstr (ike_escape (out, 6, text, 6), ==, "ab\xe2\x80\xa6");
  g_assert_cmpstr (ike_escape (out, 10, text, 7), ==, "abcdef\xe2\x80\xa6");
  g_assert_cmpstr (ike_escape (out, 4, text, 6), ==, "\xe2\x80\xa6");
  g_assert_cmpstr (ike_escape (out, 3, text, 6), ==, "");
  g_assert_cmpstr (ike_escape (out, 1, text, 6), ==, "");
  for (gsize size = 1; size < sizeof out; size++) {
    memset (out, 'x', sizeof out);
    ike_escape (out, size, "\x01\x02\x03\x04", 4);
    g_assert_cmpuint (strnlen (out, size), <, size);
    if (size < sizeof out)
      g_assert_true (out[size] == 'x');
  }
}

static void
test_quark (void)
{
  g_assert_cmpstr (g_quark_to_string (IKE_ERROR), ==, "ike-error");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/error/verdict-says-what-where-and-the-answer", test_verdict);
  g_test_add_func ("/error/every-byte-becomes-printable", test_escape_all_bytes);
  g_test_add_func ("/error/quotes-and-terminal-escapes-are-escaped", test_escape_specials);
  g_test_add_func ("/error/what-does-not-fit-is-cut-and-marked", test_escape_cut);
  g_test_add_func ("/error/domain-has-its-name", test_quark);
  return g_test_run ();
}
