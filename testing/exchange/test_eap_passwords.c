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
  "  eap-bob { id = bob\n secret = password\n }\n"                                                 \
  "  eap-mallory { id = mallory\n secret = wonderland\n }\n }\n"
#define WRONG "secrets { eap-alice { id = alice\n secret = looking-glass\n }\n }\n"
#define CLIENT_AND_GATEWAY                                                                         \
  {                                                                                                \
    "x509ca/root.pem", CERTS_B                                                                     \
  }

static void
run (const CertsCase *cases, guint n, gconstpointer flags, const char *of_client)
{
  PairOptions o = { .seed = 7, .plugins = plugins, .more = { (char *) of_client, USERS } };

  certs_usual ();
  for (guint i = 0; i < n; i++)
    certs_case_run (&cases[i], flags, &o);
}

static void
test_mschapv2_comes_up (gconstpointer flags)
{
  static const CertsCase cases[] = {
    { "a user with a password",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap-mschapv2\n eap_id = alice\n }\n",
        "remote { auth = eap-mschapv2\n eap_id = %any\n }\n" } },
    { "a user whose hash the gateway has",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap\n eap_id = bob\n }\n",
        "remote { auth = eap-mschapv2\n eap_id = %any\n }\n" } },
    { "a user who puts a domain in front",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap-mschapv2\n eap_id = CORP\\alice\n }\n",
        "remote { auth = eap-mschapv2\n eap_id = %any\n }\n" } },
  };

  run (cases, G_N_ELEMENTS (cases), flags, OF_CLIENT);
}

static void
test_mschapv2_is_refused (gconstpointer flags)
{
  static const CertsCase wrong = { "a wrong password",
                                   CLIENT_AND_GATEWAY,
                                   { "local { auth = eap-mschapv2\n eap_id = alice\n }\n",
                                     "remote { auth = eap-mschapv2\n eap_id = %any\n }\n" },
                                   { NULL },
                                   { "E=691", "the password of alice is wrong" } };
  static const CertsCase unknown = { "nobody knows the user",
                                     CLIENT_AND_GATEWAY,
                                     { "local { auth = eap-mschapv2\n eap_id = mallory\n }\n",
                                       "remote { auth = eap-mschapv2\n eap_id = %any\n }\n" },
                                     { NULL },
                                     { "E=691", "there is no secret for mallory" } };

  run (&wrong, 1, flags, WRONG);
  run (&unknown, 1, flags, OF_CLIENT);
}

static void
test_dynamic_takes_what_the_peer_wants (gconstpointer flags)
{
  static const CertsCase cases[] = {
    { "the first one",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap\n eap_id = alice\n }\n",
        "remote { auth = eap-dynamic\n eap_id = %any\n }\n" },
      { NULL, "eap-dynamic { methods = \"mschapv2, md5\"\n }\n" } },
    { "another one",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap-md5\n eap_id = alice\n }\n",
        "remote { auth = eap-dynamic\n eap_id = %any\n }\n" },
      { NULL, "eap-dynamic { methods = \"mschapv2, md5\"\n }\n" } },
    { "none of them",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap-md5\n eap_id = alice\n }\n",
        "remote { auth = eap-dynamic\n eap_id = %any\n }\n" },
      { NULL },
      { "EAP-Failure", "takes none of plugins.eap-dynamic.methods; it wants type 4" } },
  };

  run (cases, G_N_ELEMENTS (cases), flags, OF_CLIENT);
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
