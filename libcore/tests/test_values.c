/* SPDX-License-Identifier: Apache-2.0 */
/* test_values.c - what the text of a setting means. */
#include <ikebana/tree.h>

static void
test_bool (void)
{
  gboolean value = FALSE;

  g_assert_true (ike_value_bool ("YES", &value) && value);
  g_assert_true (ike_value_bool ("disabled", &value) && !value);
  g_assert_true (ike_value_bool ("1", &value) && value);
  g_assert_false (ike_value_bool ("on", &value));
  g_assert_false (ike_value_bool ("", &value));
  g_assert_false (ike_value_bool (NULL, &value));
}

static void
test_uint (void)
{
  guint64 value = 0;

  g_assert_true (ike_value_uint ("010", &value) && value == 8);
  g_assert_true (ike_value_uint ("0x1F", &value) && value == 31);
  g_assert_true (ike_value_uint ("18446744073709551615", &value) && value == G_MAXUINT64);
  g_assert_false (ike_value_uint ("18446744073709551616", &value));
  g_assert_false (ike_value_uint ("-1", &value));
  g_assert_false (ike_value_uint (" 1", &value));
  g_assert_false (ike_value_uint ("08", &value));
  g_assert_false (ike_value_uint ("1 ", &value));
  g_assert_false (ike_value_uint ("", &value));
}

static void
test_time (void)
{
  guint64 value = 0;

  g_assert_true (ike_value_time ("90", &value) && value == 90);
  g_assert_true (ike_value_time ("4h", &value) && value == 4 * 3600);
  g_assert_true (ike_value_time ("2 M", &value) && value == 120);
  g_assert_true (ike_value_time ("1d", &value) && value == 86400);
  g_assert_false (ike_value_time ("1w", &value));
  g_assert_false (ike_value_time ("1hour", &value));
  g_assert_false (ike_value_time ("18446744073709551615d", &value));
  g_assert_false (ike_value_time ("h", &value));
}

static void
test_bytes (void)
{
  guint64 value = 0;

  g_assert_true (ike_value_bytes ("5", &value) && value == 5);
  g_assert_true (ike_value_bytes ("2K", &value) && value == 2048);
  g_assert_true (ike_value_bytes ("3 g", &value) && value == 3ull << 30);
  g_assert_true (ike_value_bytes ("18446744073709551615g", &value) && value == G_MAXUINT64);
  g_assert_true (ike_value_bytes ("99999999999999999999999", &value) && value == G_MAXUINT64);
  g_assert_false (ike_value_bytes ("1t", &value));
  g_assert_false (ike_value_bytes ("", &value));
}

static void
test_list (void)
{
  g_auto (GStrv) items = ike_value_list (" a , b c,,d ");
  g_auto (GStrv) none = ike_value_list ("");

  g_assert_cmpuint (g_strv_length (items), ==, 3);
  g_assert_cmpstr (items[1], ==, "b c");
  g_assert_cmpuint (g_strv_length (none), ==, 0);
}

static void
test_nearest (void)
{
  static const char *const names[] = { "esp_proposals", "ah_proposals", "local_ts", "id", NULL };

  g_assert_cmpstr (ike_nearest ("esp_proposls", names), ==, "esp_proposals");
  g_assert_cmpstr (ike_nearest ("lcoal_ts", names), ==, "local_ts");
  g_assert_cmpstr (ike_nearest ("di", names), ==, "id");
  g_assert_null (ike_nearest ("something", names));
  g_assert_null (ike_nearest ("", names));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/values/truths-are-eight-words", test_bool);
  g_test_add_func ("/values/numbers-have-base-zero", test_uint);
  g_test_add_func ("/values/times-have-units", test_time);
  g_test_add_func ("/values/sizes-are-clamped", test_bytes);
  g_test_add_func ("/values/lists-are-split-at-commas", test_list);
  g_test_add_func ("/values/the-nearest-name-is-near", test_nearest);
  return g_test_run ();
}
