/* SPDX-License-Identifier: Apache-2.0 */
/* test_eap_passwords.c - EAP-MSCHAPv2 in IKE_AUTH, with its key in AUTH, and a gateway that offers
 * several methods. */
#include "exchange/certs.h"

static const char *const plugins[] = { "eap",         "eap-identity", "eap-md5",
                                       "eap-dynamic", "eap-mschapv2", NULL };

#define USERS                                                                                      \
  "secrets { eap-alice { id = alice\n secret = wonderland\n }\n"                                   \
  "  ntlm-bob { id = bob\n secret = 0x8846f7eaee8fb117ad06bdd830b7586c\n }\n }\n"
#define OF_CLIENT                                                                                  \
  "secrets { eap-alice { id = alice\n secret = wonderland\n }\n"                                   \
  "  eap-corp { id = CORP\\alice\n secret = wonderland\n }\n"                                      \
  "  eap-bob { id = bob\n secret = password\n }\n }\n"
#define WRONG "secrets { eap-alice { id = alice\n secret = looking-glass\n }\n }\n"
/* The gateway has a shared key, which is quicker than certificates. */
#define CLIENT(settings) "local { " settings "\n }\n remote { auth = psk\n }\n"
#define GATEWAY(settings) "remote { " settings "\n eap_id = %any\n }\n local { auth = psk\n }\n"

static void
run (const CertsCase *cases, guint n, gconstpointer flags, const char *of_client)
{
  PairOptions o = { .seed = 7, .plugins = plugins, .more = { of_client, USERS } };

  for (guint i = 0; i < n; i++)
    certs_case_run (&cases[i], flags, &o);
}

static void
test_mschapv2_comes_up (gconstpointer flags)
{
  static const CertsCase cases[] = {
    { .name = "a user whose hash the gateway has",
      .conf = { CLIENT ("auth = eap\n eap_id = bob"), GATEWAY ("auth = eap-mschapv2") } },
    { .name = "a user who puts a domain in front",
      .conf = { CLIENT ("auth = eap-mschapv2\n eap_id = CORP\\alice"),
                GATEWAY ("auth = eap-mschapv2") } },
  };

  run (cases, G_N_ELEMENTS (cases), flags, OF_CLIENT);
}

static void
test_mschapv2_is_refused (gconstpointer flags)
{
  static const CertsCase wrong = {
    .name = "a wrong password",
    .conf = { CLIENT ("auth = eap-mschapv2\n eap_id = alice"), GATEWAY ("auth = eap-mschapv2") },
    .refused = { "E=691", "the password of alice is wrong" },
  };

  run (&wrong, 1, flags, WRONG);
}

static void
test_dynamic_takes_what_the_peer_wants (gconstpointer flags)
{
  static const CertsCase another = {
    .name = "the second one",
    .conf = { CLIENT ("auth = eap-md5\n eap_id = alice"), GATEWAY ("auth = eap-dynamic") },
    .plugins = { NULL, "eap-dynamic { methods = \"mschapv2, md5\"\n }\n" },
  };

  run (&another, 1, flags, OF_CLIENT);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pair_add_test ("eap-passwords", "mschapv2-comes-up", test_mschapv2_comes_up);
  pair_add_test ("eap-passwords", "mschapv2-is-refused", test_mschapv2_is_refused);
  pair_add_test ("eap-passwords", "dynamic-takes-what-the-peer-wants",
                 test_dynamic_takes_what_the_peer_wants);
  status = g_test_run ();
  certs_clear ();
  return status;
}
