/* SPDX-License-Identifier: Apache-2.0 */
/* test_secret.c - secrets are wiped, counted, kept out of core dumps, and compared as a whole. */
#include <stdio.h>
#include <string.h>
#include <ikebana/secret.h>

static void
test_short (void)
{
  guint8 zero[sizeof (IkeSecret)] = { 0 };
  IkeSecret secret;

  ike_secret_set (&secret, "0123456789", 10);
  g_assert_cmpmem (secret.bytes, secret.len, "0123456789", 10);
  ike_secret_set (&secret, "ab", 2);
  g_assert_cmpmem (secret.bytes, 4, "ab\0\0", 4);
  ike_secret_clear (&secret);
  g_assert_cmpmem (&secret, sizeof secret, zero, sizeof zero);
}

static void
test_short_limits (void)
{
  guint8 bytes[IKE_SECRET_MAX + 1] = { 1 };
  IkeSecret secret = { 0 };

  ike_secret_set (&secret, bytes, IKE_SECRET_MAX);
  g_assert_cmpuint (secret.len, ==, IKE_SECRET_MAX);
  ike_secret_set (&secret, NULL, 0);
  g_assert_cmpuint (secret.len, ==, 0);
  g_test_expect_message (NULL, G_LOG_LEVEL_CRITICAL, "*IKE_SECRET_MAX*");
  ike_secret_set (&secret, bytes, IKE_SECRET_MAX + 1);
  g_test_assert_expected_messages ();
  g_assert_cmpuint (secret.len, ==, 0);
}

static void
test_blob (void)
{
  IkeSecretBlob *blob = ike_secret_blob_new ("secret", 6);
  IkeSecretBlob *same = ike_secret_blob_ref (blob);

  g_assert_true (same == blob);
  ike_secret_blob_unref (blob);
  g_assert_cmpmem (ike_secret_blob_data (same), ike_secret_blob_len (same), "secret", 6);
  ike_secret_blob_unref (same);
  ike_secret_blob_unref (NULL);

  blob = ike_secret_blob_new (NULL, 5000);
  for (guint i = 0; i < 5000; i++)
    g_assert_cmpuint (ike_secret_blob_data (blob)[i], ==, 0);
  memset (ike_secret_blob_data (blob), 1, 5000);
  ike_secret_blob_unref (blob);

  blob = ike_secret_blob_new (NULL, 0);
  g_assert_cmpuint (ike_secret_blob_len (blob), ==, 0);
  g_assert_nonnull (ike_secret_blob_data (blob));
  ike_secret_blob_unref (blob);
}

/* The flags of the mapping that holds @at; "dd" is MADV_DONTDUMP. */
static gboolean
is_undumped (const void *at)
{
  FILE *file = fopen ("/proc/self/smaps", "r");
  gboolean is_inside = FALSE, found = FALSE;
  char line[512];

  g_assert_nonnull (file);
  while (fgets (line, sizeof line, file)) {
    gsize from, to;
    if (sscanf (line, "%zx-%zx ", &from, &to) == 2)
      is_inside = (gsize) at >= from && (gsize) at < to;
    else if (is_inside && g_str_has_prefix (line, "VmFlags:"))
      found = strstr (line, " dd") != NULL;
  }
  fclose (file);
  return found;
}

static void
test_no_dump (void)
{
  g_autoptr (IkeSecretBlob) blob = ike_secret_blob_new ("secret", 6);

  g_assert_true (is_undumped (ike_secret_blob_data (blob)));
}

static void
test_equal (void)
{
  g_assert_true (ike_equal ("abcd", "abcd", 4));
  g_assert_false (ike_equal ("abcd", "abce", 4));
  g_assert_false (ike_equal ("abcd", "xbcd", 4));
  g_assert_true (ike_equal ("abcd", "abce", 3));
  g_assert_true (ike_equal (NULL, NULL, 0));
}

static void
test_wipe (void)
{
  guint8 bytes[8] = "1234567";

  ike_wipe (bytes, 4);
  g_assert_cmpmem (bytes, 8, "\0\0\0\0" "567", 8);
  ike_wipe (NULL, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/secret/short-one-leaves-nothing-behind", test_short);
  g_test_add_func ("/secret/short-one-refuses-what-is-too-long", test_short_limits);
  g_test_add_func ("/secret/blob-lives-as-long-as-it-is-counted", test_blob);
  g_test_add_func ("/secret/blob-is-in-no-core-dump", test_no_dump);
  g_test_add_func ("/secret/equal-sees-every-byte", test_equal);
  g_test_add_func ("/secret/wipe-wipes-its-length", test_wipe);
  return g_test_run ();
}
