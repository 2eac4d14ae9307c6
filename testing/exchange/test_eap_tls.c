/* SPDX-License-Identifier: Apache-2.0 */
/* test_eap_tls.c - EAP-TLS, EAP-TTLS and PEAP in IKE_AUTH: the key of TLS in AUTH, at both ends,
 * and what each end says when a certificate or a password is not taken. */
#include "exchange/certs.h"

static const char *const plugins[] = { "eap",         "eap-identity", "eap-mschapv2",
                                       "eap-dynamic", "eap-md5",      "eap-tls",
                                       "eap-ttls",    "eap-peap",     "tls",
                                       NULL };

#define USERS "secrets { eap-alice { id = alice\n secret = wonderland\n }\n }\n"
#define WRONG "secrets { eap-alice { id = alice\n secret = looking-glass\n }\n }\n"
#define CLIENT(settings) "local { " settings "\n }\n remote { auth = pubkey\n id = b.test\n }\n"
#define GATEWAY(settings)                                                                          \
  "remote { " settings "\n eap_id = %any\n }\n local { auth = pubkey\n id = b.test\n }\n"
#define USER_A "auth = eap-tls\n eap_id = a.test"
/* The client has nothing but the CA. */
#define ROOT "x509ca/root.pem"

static void
run (const CertsCase *cases, guint n, gconstpointer flags, const char *of_client)
{
  PairOptions o = { .seed = 7, .plugins = plugins, .more = { of_client, USERS } };

  certs_usual ();
  for (guint i = 0; i < n; i++)
    certs_case_run (&cases[i], flags, &o);
}

static void
test_comes_up (gconstpointer flags)
{
  static const CertsCase cases[] = {
    { .name = "EAP-TLS",
      .files = { CERTS_A, CERTS_B },
      .conf = { CLIENT (USER_A), GATEWAY ("auth = eap-tls") } },
    { .name = "EAP-TLS 1.2 in small fragments",
      .files = { CERTS_A, CERTS_B },
      .conf = { CLIENT (USER_A), GATEWAY ("auth = eap-tls\n cacerts = root.pem") },
      .plugins = { "eap-tls { fragment_size = 300\n }\n",
                   "eap-tls { max_version = 1.2\n fragment_size = 200\n }\n" } },
    { .name = "EAP-TTLS with MS-CHAP-V2",
      .files = { ROOT, CERTS_B },
      .conf = { CLIENT ("auth = eap-ttls\n eap_id = alice"), GATEWAY ("auth = eap-ttls") },
      .plugins = { "eap-ttls { phase2 = mschapv2\n }\n" } },
    { .name = "PEAP",
      .files = { ROOT, CERTS_B },
      .conf = { CLIENT ("auth = eap-peap\n eap_id = alice"), GATEWAY ("auth = eap-peap") } },
    { .name = "of several methods the one that can begin",
      .files = { CERTS_A, CERTS_B },
      .conf = { CLIENT ("auth = eap\n eap_id = a.test"), GATEWAY ("auth = eap-dynamic") },
      .plugins = { NULL, "eap-dynamic { methods = \"mschapv2, tls\"\n }\n" } },
  };

  run (cases, G_N_ELEMENTS (cases), flags, USERS);
}

static void
test_is_refused (gconstpointer flags)
{
  static const CertsCase cases[] = {
    { .name = "a certificate of somebody else",
      .files = { CERTS_A, CERTS_B },
      .conf = { CLIENT ("auth = eap-tls\n certs = a.pem\n eap_id = boss.test"),
                GATEWAY ("auth = eap-tls") },
      .refused = { "refused our certificate", "does not stand for boss.test" } },
    { .name = "a user in the tunnel whom the section does not name",
      .files = { ROOT, CERTS_B },
      .conf = { CLIENT ("auth = eap-peap\n id = boss@corp.test\n eap_id = alice"),
                "remote { auth = eap-peap\n id = boss@corp.test\n }\n"
                "local { auth = pubkey\n id = b.test\n }\n" },
      .refused = { NULL, "the user is alice, remote.id is boss@corp.test" } },
    { .name = "no certificate that stands for anybody of the section",
      .files = { CERTS_A, CERTS_B },
      .conf = { CLIENT ("auth = eap-tls\n id = anonymous@corp.test\n certs = a.pem\n eap_id = "
                        "@corp.test"),
                "remote { auth = eap-tls\n id = *@corp.test\n }\n"
                "local { auth = pubkey\n id = b.test\n }\n" },
      .refused = { NULL, "remote.id is *@corp.test" } },
  };
  static const CertsCase wrong[] = {
    { .name = "a wrong password in PEAP",
      .files = { ROOT, CERTS_B },
      .conf = { CLIENT ("auth = eap-peap\n eap_id = alice"), GATEWAY ("auth = eap-peap") },
      .refused = { NULL, "the password of alice is wrong" } },
  };

  run (cases, G_N_ELEMENTS (cases), flags, USERS);
  run (wrong, G_N_ELEMENTS (wrong), flags, WRONG);
}

/* -- a plugin that has the last word */

static void
test_hook (gconstpointer flags)
{
  static const CertsCase c = { .name = "a hook",
                               .files = { CERTS_A, CERTS_B },
                               .conf = { CLIENT (USER_A), GATEWAY ("auth = eap-tls") },
                               .refused = { NULL, "not on Sundays" } };
  static const char *const with_judge[] = {
    "eap", "eap-identity", "eap-tls", "tls", "judge", NULL
  };
  static const IkePluginInfo *const builtin[] = { &certs_judge, NULL };
  PairOptions o = { .seed = 9, .plugins = with_judge, .builtin = builtin };

  certs_usual ();
  certs_n_judged = 0;
  certs_case_run (&c, flags, &o);
  g_assert_cmpuint (certs_n_judged, ==, 1);
  g_assert_cmpuint (certs_judged_chain, ==, 2);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pair_add_test ("eap-tls", "comes-up", test_comes_up);
  pair_add_test ("eap-tls", "is-refused", test_is_refused);
  pair_add_test ("eap-tls", "a-plugin-has-the-last-word", test_hook);
  status = g_test_run ();
  certs_clear ();
  return status;
}
