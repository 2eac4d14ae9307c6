/* SPDX-License-Identifier: Apache-2.0 */
/* test_names_transform.c - the keyword table: no keyword twice, every number has a name. */
#include "wire/proposal_private.h"

static void
test_keywords (void)
{
  for (const IkeKeyword *k = ike_keywords; k->keyword; k++) {
    for (const IkeKeyword *other = k + 1; other->keyword; other++)
      g_assert_cmpstr (k->keyword, !=, other->keyword);
    if (k->id != IKE_KEYWORD_NO_NUMBER)
      g_assert_nonnull (ike_transform_name (k->type, k->id));
  }
}

static void
test_names (void)
{
  g_assert_cmpstr (ike_transform_name (IKE_TRANSFORM_ENCR, 20), ==, "aes-gcm-16");
  g_assert_cmpstr (ike_transform_name (IKE_TRANSFORM_ADDKE1 + 6, 36), ==, "mlkem768");
  g_assert_null (ike_transform_name (IKE_TRANSFORM_ENCR, 1234));
  g_assert_null (ike_transform_name (13, 1));
  g_assert_cmpstr (ike_transform_type_name (IKE_TRANSFORM_KE), ==, "KE");
  g_assert_cmpstr (ike_transform_type_name (IKE_TRANSFORM_ADDKE1 + 6), ==, "ADDKE7");
  g_assert_cmpstr (ike_transform_type_name (13), ==, "unknown type");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/names-transform/keywords-are-unique-and-have-names", test_keywords);
  g_test_add_func ("/names-transform/numbers-have-names", test_names);
  return g_test_run ();
}
