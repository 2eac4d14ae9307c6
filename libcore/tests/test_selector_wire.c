/* SPDX-License-Identifier: Apache-2.0 */
/* test_selector_wire.c - TS payloads: what is written is read, and each rule refuses its malformed
 * case. */
#include <string.h>
#include <ikebana/selector.h>

static IkeSelector out[IKE_SELECTORS_MAX];

static gboolean
read_all (const void *data, gsize len, guint *n, guint *skipped)
{
  g_autofree guint8 *copy = g_malloc (len);
  IkeVerdict verdict = { 0 };
  IkeReader r;

  if (len)
    memcpy (copy, data, len);
  ike_reader_init (&r, copy, len);
  gboolean ok = ike_selectors_read (&r, out, n, skipped, &verdict);
  g_assert_true (ok ? !verdict.reason : verdict.reason && verdict.notify == 7 && *n == 0);
  return ok;
}

static void
test_round_trip (void)
{
  static const char *const texts[] = { "10.0.0.0/8[tcp/80]", "2001:db8::/32",
                                       "10.0.0.1-10.0.0.3[udp/opaque]" };
  IkeSelector in[3];
  guint8 buffer[256];
  guint n, skipped;
  IkeWriter w;

  for (guint i = 0; i < 3; i++)
    g_assert_true (ike_selector_parse (&in[i], texts[i], NULL));
  ike_writer_init (&w, buffer, sizeof buffer);
  ike_selectors_write (in, 3, &w);
  g_assert_false (w.failed);
  g_assert_cmpuint (w.len, ==, 4 + 16 + 40 + 16);
  g_assert_true (read_all (buffer, w.len, &n, &skipped));
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpuint (skipped, ==, 0);
  for (guint i = 0; i < 3; i++)
    g_assert_true (ike_selector_equal (&in[i], &out[i]));
}

static void
test_unresolved_is_not_written (void)
{
  guint8 buffer[64];
  IkeSelector dynamic;
  IkeWriter w;

  g_assert_true (ike_selector_parse (&dynamic, "dynamic", NULL));
  ike_writer_init (&w, buffer, sizeof buffer);
  ike_selectors_write (&dynamic, 1, &w);
  g_assert_true (w.failed);
  ike_writer_init (&w, buffer, sizeof buffer);
  ike_selectors_write (NULL, 256, &w);
  g_assert_true (w.failed);
}

static const guint8 sample[] = {
  1, 0, 0, 0, 7, 6, 0, 16, 0, 80, 0, 90, 10, 0, 0, 0, 10, 0, 0, 255
};

static void
test_cut_off (void)
{
  guint8 data[sizeof sample + 1] = { 0 };
  guint n;

  g_assert_true (read_all (sample, sizeof sample, &n, NULL));
  for (gsize len = 0; len < sizeof sample; len++)
    g_assert_false (read_all (sample, len, &n, NULL));
  memcpy (data, sample, sizeof sample);
  g_assert_false (read_all (data, sizeof data, &n, NULL));
}

static void
test_each_rule (void)
{
  static const struct {
    gsize at;
    guint8 value;
    gboolean is_fine;
    guint n;
    const char *what;
  } changes[] = {
    { 0, 0, FALSE, 0, "no selector" },
    { 0, 2, FALSE, 0, "fewer than it says" },
    { 1, 1, TRUE, 1, "reserved" },
    { 4, 8, FALSE, 0, "IPv6 with the length of IPv4" },
    { 4, 10, TRUE, 0, "another type is passed over" },
    { 7, 3, FALSE, 0, "shorter than its header" },
    { 7, 15, FALSE, 0, "too short for its type" },
    { 7, 17, FALSE, 0, "longer than the payload" },
    { 9, 91, FALSE, 0, "ports begin behind their end" },
    { 12, 11, FALSE, 0, "addresses begin behind their end" },
    { 19, 0, TRUE, 1, "one address" },
  };
  guint8 data[sizeof sample];
  guint n;

  for (guint i = 0; i < G_N_ELEMENTS (changes); i++) {
    guint skipped = 0;
    memcpy (data, sample, sizeof sample);
    data[changes[i].at] = changes[i].value;
    g_test_message ("%s", changes[i].what);
    g_assert_cmpint (read_all (data, sizeof data, &n, &skipped), ==, changes[i].is_fine);
    g_assert_cmpuint (n, ==, changes[i].n);
    if (changes[i].is_fine)
      g_assert_cmpuint (n + skipped, ==, 1);
  }
}

static void
test_longer_than_its_type (void)
{
  static const guint8 data[] = { 1,  0,  0, 0, 7, 6,  0, 17, 0,   80, 0,
                                 90, 10, 0, 0, 0, 10, 0, 0,  255, 0 };
  guint n;

  g_assert_false (read_all (data, sizeof data, &n, NULL));
}

static void
test_unknown_types_of_any_length (void)
{
  static const guint8 data[] = { 3, 0, 0,  0, 9, 0,   0,   4,  10, 0, 0, 7,  1, 2, 3,  7,
                                 6, 0, 16, 0, 0, 255, 255, 10, 0,  0, 0, 10, 0, 0, 255 };
  guint n, skipped;

  g_assert_true (read_all (data, sizeof data, &n, &skipped));
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpuint (skipped, ==, 2);
}

static void
test_counts (void)
{
  static const guint counts[] = { 1, IKE_SELECTORS_MAX - 1, IKE_SELECTORS_MAX,
                                  IKE_SELECTORS_MAX + 1, 255 };
  guint8 data[4 + 16 * 255] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (counts); i++) {
    guint n, skipped;
    data[0] = (guint8) counts[i];
    for (guint s = 0; s < counts[i]; s++)
      memcpy (data + 4 + 16 * s, sample + 4, 16);
    g_assert_true (read_all (data, 4 + 16 * counts[i], &n, &skipped));
    g_assert_cmpuint (n, ==, MIN (counts[i], IKE_SELECTORS_MAX));
    g_assert_cmpuint (n + skipped, ==, counts[i]);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/selector-wire/what-is-written-is-read", test_round_trip);
  g_test_add_func ("/selector-wire/unresolved-selector-is-not-written",
                   test_unresolved_is_not_written);
  g_test_add_func ("/selector-wire/whatever-is-cut-off-is-refused", test_cut_off);
  g_test_add_func ("/selector-wire/each-rule-refuses-its-case", test_each_rule);
  g_test_add_func ("/selector-wire/longer-than-its-type-is-refused", test_longer_than_its_type);
  g_test_add_func ("/selector-wire/unknown-types-are-passed-over",
                   test_unknown_types_of_any_length);
  g_test_add_func ("/selector-wire/too-many-are-passed-over", test_counts);
  return g_test_run ();
}
