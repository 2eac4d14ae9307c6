/* SPDX-License-Identifier: Apache-2.0 */
/* test_addrs.c - addresses of pools: what settings mean, and that numbers and addresses agree. */
#include "pool_addrs.h"
#include <ikebana/error.h>
#include <string.h>

static IkeAddr
addr (const char *text)
{
  IkeAddr out;

  g_assert_true (ike_addr_parse (&out, text, NULL));
  return out;
}

static void
assert_nth (const PoolAddrs *addrs, guint family, guint64 i, const char *expected)
{
  char text[IKE_ADDR_TEXT_SIZE];
  IkeAddr out;

  pool_addrs_nth (addrs, family, i, &out);
  g_assert_cmpstr (ike_addr_format (&out, FALSE, text), ==, expected);
  g_assert_true (pool_addrs_has (addrs, &out));
}

static void
test_meaning (void)
{
  static const struct {
    const char *text;
    guint family;
    guint64 n;
    const char *first, *last;
  } cases[] = {
    { "10.3.0.0/24", 4, 254, "10.3.0.1", "10.3.0.254" },
    { "10.3.0.0/30", 4, 2, "10.3.0.1", "10.3.0.2" },
    { "10.3.0.0/31", 4, 2, "10.3.0.0", "10.3.0.1" },
    { "10.3.0.7/32", 4, 1, "10.3.0.7", "10.3.0.7" },
    { "10.3.0.100/24", 4, 155, "10.3.0.100", "10.3.0.254" },
    { "10.3.0.250 - 10.3.1.4", 4, 11, "10.3.0.250", "10.3.1.4" },
    { "10.3.0.9", 4, 1, "10.3.0.9", "10.3.0.9" },
    { "0.0.0.0/0", 4, 4294967294, "0.0.0.1", "255.255.255.254" },
    { "fd00::/120", 6, 255, "fd00::1", "fd00::ff" },
    { "fd00::/127", 6, 2, "fd00::", "fd00::1" },
    { "fd00::5/128", 6, 1, "fd00::5", "fd00::5" },
    { "fd00::ffff:ffff:ffff:ffff-fd00:0:0:1::1", 6, 3, "fd00::ffff:ffff:ffff:ffff",
      "fd00:0:0:1::1" },
    { "fd00::/64", 6, POOL_RANGE_MAX, "fd00::1", "fd00::1:0:0:0" },
    { "::/0", 6, POOL_RANGE_MAX, "::1", "::1:0:0:0" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree PoolAddrs *addrs = pool_addrs_parse (cases[i].text, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (pool_addrs_n (addrs, cases[i].family), ==, cases[i].n);
    g_assert_cmpuint (pool_addrs_n (addrs, 10 - cases[i].family), ==, 0);
    assert_nth (addrs, cases[i].family, 0, cases[i].first);
    assert_nth (addrs, cases[i].family, cases[i].n - 1, cases[i].last);
  }
}

static void
test_several (void)
{
  g_autofree PoolAddrs *addrs =
      pool_addrs_parse ("10.3.0.0/30, fd00::10-fd00::1f, 10.4.0.5, fd01::/126", NULL);
  IkeAddr outside[] = { addr ("10.3.0.0"), addr ("10.3.0.3"), addr ("10.4.0.4"), addr ("fd00::f"),
                        addr ("fd00::20"), addr ("fd01::"),   addr ("::") },
          inside = addr ("fd01::1");
  guint64 found;

  g_assert_cmpuint (pool_addrs_n (addrs, 4), ==, 3);
  g_assert_cmpuint (pool_addrs_n (addrs, 6), ==, 19);
  assert_nth (addrs, 4, 2, "10.4.0.5");
  assert_nth (addrs, 6, 15, "fd00::1f");
  assert_nth (addrs, 6, 16, "fd01::1");
  g_assert_true (pool_addrs_find (addrs, &inside, &found) && found == 16);
  for (guint i = 0; i < G_N_ELEMENTS (outside); i++)
    g_assert_false (pool_addrs_has (addrs, &outside[i]));
}

static void
test_wrong (void)
{
  static const char *const wrong[] = {
    "10.3.0.0/33",
    "10.3.0.0/",
    "10.3.0.0/-1",
    "10.3.0.0/24x",
    "10.3.0",
    "host.example",
    "%any",
    "10.3.0.9-10.3.0.8",
    "10.3.0.1-fd00::1",
    "10.3.0.1-",
    "-10.3.0.1",
    "fd00::/129",
    "0.0.0.0",
    "10.3.0.255/24",
    "10.3.0.0/24, 10.3.0.254",
    "fd00::/64, fd00::5",
    "10.3.0.1, 10.3.0.1",
  };
  g_autofree PoolAddrs *none = pool_addrs_parse ("", NULL);
  GString *many = g_string_new ("10.0.0.1");

  g_assert_cmpuint (none->n_ranges, ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (pool_addrs_parse (wrong[i], &error));
    g_assert_error (error, IKE_ERROR, IKE_ERROR_CONFIG);
  }
  for (guint i = 0; i < POOL_RANGES_MAX; i++)
    g_string_append_printf (many, ", 10.1.%u.1", i);
  g_assert_null (pool_addrs_parse (many->str, NULL));
  g_string_free (many, TRUE);
}

/* Ranges at random places: what is given by number is in the pool, in order, and nothing else. */
static void
test_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);

  for (guint round = 0; round < 200; round++) {
    guint32 first = g_rand_int (rand) & 0x7fffffff, n = (guint32) g_rand_int_range (rand, 1, 50);
    g_autofree char *text = g_strdup_printf ("%u.%u.%u.%u-%u.%u.%u.%u", first >> 24,
                                             first >> 16 & 255, first >> 8 & 255, first & 255,
                                             (first + n - 1) >> 24, (first + n - 1) >> 16 & 255,
                                             (first + n - 1) >> 8 & 255, (first + n - 1) & 255);
    g_autofree PoolAddrs *addrs = pool_addrs_parse (text, NULL);
    g_assert_cmpuint (pool_addrs_n (addrs, 4), ==, n);
    for (guint i = 0; i < n + 2; i++) {
      guint32 number = GUINT32_TO_BE (first + i - 1);
      IkeAddr at = { .family = 4 }, got;
      guint64 found;
      memcpy (at.bytes, &number, 4);
      g_assert_cmpint (pool_addrs_has (addrs, &at), ==, i > 0 && i <= n);
      if (i == 0 || i > n)
        continue;
      pool_addrs_nth (addrs, 4, i - 1, &got);
      g_assert_true (ike_addr_equal (&got, &at));
      g_assert_true (pool_addrs_find (addrs, &at, &found) && found == i - 1);
    }
  }
}

static void
test_overlap (void)
{
  g_autofree PoolAddrs *a = pool_addrs_parse ("10.3.0.0/24, fd00::/64", NULL);
  g_autofree PoolAddrs *b = pool_addrs_parse ("10.3.1.0/24, fd00:0:0:1::/64", NULL);
  g_autofree PoolAddrs *c = pool_addrs_parse ("fd00::7", NULL);

  g_assert_false (pool_addrs_overlap (a, b));
  g_assert_true (pool_addrs_overlap (a, c));
  g_assert_true (pool_addrs_overlap (c, a));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pool-addrs/prefixes-ranges-and-addresses", test_meaning);
  g_test_add_func ("/pool-addrs/several-of-both-families", test_several);
  g_test_add_func ("/pool-addrs/what-is-wrong-is-refused", test_wrong);
  g_test_add_func ("/pool-addrs/numbers-and-addresses-agree", test_random);
  g_test_add_func ("/pool-addrs/pools-that-overlap-are-found", test_overlap);
  return g_test_run ();
}
