/* SPDX-License-Identifier: Apache-2.0 */
/* test_eap_otp.c - the codes of RFC 6238, and who comes in with them: once. */
#include "otp.h"
#include "two.h"

static const char *const plugins[] = { "eap-otp", NULL };

/* RFC 6238, appendix B, the last six of its eight digits. */
static void
test_codes (void)
{
  static const struct {
    guint64 time_s;
    const char *code;
  } rows[] = { { 59, "287082" },         { 1111111109, "081804" }, { 1111111111, "050471" },
               { 1234567890, "005924" }, { 2000000000, "279037" }, { 20000000000, "353130" } };
  char code[OTP_DIGITS + 1];

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    otp_code ((const guint8 *) "12345678901234567890", 20, rows[i].time_s / OTP_STEP_S, code);
    g_assert_cmpstr (code, ==, rows[i].code);
  }
}

static void
test_in_or_not (gconstpointer flags)
{
  static const char *const secrets[] = { NULL, "secrets { eap-two { secret = another } }" };

  for (guint i = 0; i < G_N_ELEMENTS (secrets); i++) {
    const TwoOptions options = { .plugins = plugins,
                                 .auth = { "eap-otp", "psk" },
                                 .more = { secrets[i], NULL },
                                 .flags = GPOINTER_TO_UINT (flags) };
    guint64 n[2];
    g_autofree char *why = two_try (&options, "eap-otp.accepted", n);

    g_assert_cmpint (why == NULL, ==, secrets[i] == NULL);
    g_assert_cmpuint (n[1], ==, secrets[i] == NULL);
  }
}

static void
take_down (Two *two)
{
  IkeTree *args = ike_tree_new_section (), *answer;
  char *why = NULL;

  ike_tree_set_string (args, "name", "two");
  answer = two_command (two, 0, "down", args, &why);
  g_assert_cmpstr (why, ==, NULL);
  ike_tree_free (answer);
  two_run (two, 1);
}

/* RFC 6238, 5.2: "The verifier MUST NOT accept the second attempt of the OTP". */
static void
test_once (void)
{
  const TwoOptions options = { .plugins = plugins, .auth = { "eap-otp", "psk" } };
  GError *error = NULL;
  Two *two = two_new (&options, &error);
  char *why;

  g_assert_no_error (error);
  /* From the beginning of a step, so that all of this is in one. */
  two_run (two, (guint) (OTP_STEP_S
                         - ike_engine_wall_us (two->engine[0]) / G_USEC_PER_SEC % OTP_STEP_S));
  why = two_up (two);
  g_assert_cmpstr (why, ==, NULL);
  take_down (two);
  why = two_up (two);
  g_assert_cmpstr (why, !=, NULL);
  g_assert_nonnull (strstr (two->log[1]->str, "the code was used already"));
  g_free (why);
  two_run (two, OTP_STEP_S);
  why = two_up (two);
  g_assert_cmpstr (why, ==, NULL);
  two_free (two);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/eap-otp/codes-are-those-of-the-standard", test_codes);
  g_test_add_data_func ("/eap-otp/who-has-the-secret-comes-in", NULL, test_in_or_not);
  g_test_add_data_func ("/eap-otp/answers-are-late", GUINT_TO_POINTER (IKE_ENGINE_FORCE_WAITS),
                        test_in_or_not);
  g_test_add_func ("/eap-otp/a-code-is-good-once", test_once);
  return g_test_run ();
}
