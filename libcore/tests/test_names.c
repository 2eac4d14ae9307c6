/* SPDX-License-Identifier: Apache-2.0 */
/* test_names.c - names of exchanges, payloads and notifies, both ways. */
#include <ikebana/message.h>

static void
test_names (void)
{
  g_assert_cmpstr (ike_exchange_number_name (35), ==, "IKE_AUTH");
  g_assert_cmpstr (ike_exchange_number_name (43), ==, "IKE_INTERMEDIATE");
  g_assert_null (ike_exchange_number_name (33));
  g_assert_cmpstr (ike_payload_name (44), ==, "TSi");
  g_assert_null (ike_payload_name (0));
  g_assert_cmpstr (ike_notify_name (14), ==, "NO_PROPOSAL_CHOSEN");
  g_assert_cmpstr (ike_notify_name (16430), ==, "IKEV2_FRAGMENTATION_SUPPORTED");
  g_assert_null (ike_notify_name (40959));
}

static void
test_numbers (void)
{
  for (guint type = 0; type < 65536; type++) {
    const char *name = ike_notify_name ((guint16) type);
    if (name)
      g_assert_cmpint (ike_notify_number (name), ==, type);
  }
  for (guint type = 0; type < 256; type++) {
    const char *name = ike_payload_name ((guint8) type);
    if (name)
      g_assert_cmpint (ike_payload_number (name), ==, type);
  }
  g_assert_cmpint (ike_notify_number ("NO_SUCH_NOTIFY"), ==, -1);
  g_assert_cmpint (ike_payload_number ("tsi"), ==, -1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/names/numbers-have-the-names-of-the-registry", test_names);
  g_test_add_func ("/names/names-lead-back-to-their-numbers", test_numbers);
  return g_test_run ();
}
