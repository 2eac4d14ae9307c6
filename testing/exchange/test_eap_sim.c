/* SPDX-License-Identifier: Apache-2.0 */
/* test_eap_sim.c - EAP-SIM, EAP-AKA and EAP-AKA' in IKE_AUTH, with cards from files. */
#include "exchange/certs.h"
#include <glib/gstdio.h>
#include <string.h>

#define IMSI "232010000000000"
#define CARD IMSI ", 465b5ce8b199b49faa5f0a2ee238a6bc, opc=cd63cb71954a9f4e48a5994e37a02baf\n"
#define OTHER IMSI ", 0396eb317b6d1c36f19c1c84cd6ffd16, opc=cd63cb71954a9f4e48a5994e37a02baf\n"
#define CLIENT_AND_GATEWAY                                                                         \
  {                                                                                                \
    "x509ca/root.pem", CERTS_B                                                                     \
  }
#define GATEWAY(method) "remote { auth = eap-" method "\n eap_id = %any\n }\n"
#define CLIENT(method, digit)                                                                      \
  "local { auth = eap-" method "\n eap_id = " digit IMSI "@wlan.example\n }\n"

static const char *const plugins[] = {
  "eap", "eap-identity", "eap-sim", "eap-aka", "sim-file", NULL
};

/* @of_a, @of_b: text of the files of cards. */
static void
run (const CertsCase *c, gconstpointer flags, const char *of_a, const char *of_b)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("ikebana-sim-XXXXXX", &error);
  const char *const cards[2] = { of_a, of_b };
  PairOptions o = { .seed = 7, .plugins = plugins };
  char *files[2], *settings[2];

  g_assert_no_error (error);
  for (guint i = 0; i < 2; i++) {
    files[i] = g_strdup_printf ("%s/cards-%u", dir, i);
    settings[i] = g_strdup_printf ("plugins { sim-file { file = \"%s\"\n } }\n", files[i]);
    o.more[i] = settings[i];
    g_assert_true (g_file_set_contents (files[i], cards[i], -1, NULL));
    g_chmod (files[i], 0600);
  }
  certs_usual ();
  certs_case_run (c, flags, &o);
  for (guint i = 0; i < 2; i++) {
    g_autofree char *numbers = g_strconcat (files[i], ".sqn", NULL);

    g_unlink (numbers);
    g_unlink (files[i]);
    g_free (files[i]);
    g_free (settings[i]);
  }
  g_rmdir (dir);
}

static void
test_it_comes_up (gconstpointer flags)
{
  static const CertsCase cases[] = {
    { "a card of GSM", CLIENT_AND_GATEWAY, { CLIENT ("sim", "1"), GATEWAY ("sim") } },
    { "a card of UMTS", CLIENT_AND_GATEWAY, { CLIENT ("aka", "0"), GATEWAY ("aka") } },
    { "a card and the name of the network",
      CLIENT_AND_GATEWAY,
      { CLIENT ("aka-prime", "6"), GATEWAY ("aka-prime") } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    run (&cases[i], flags, CARD, CARD);
}

static void
test_refusals (gconstpointer flags)
{
  static const CertsCase unknown = { "nobody knows the card",
                                     CLIENT_AND_GATEWAY,
                                     { CLIENT ("aka", "0"), GATEWAY ("aka") },
                                     { NULL },
                                     { "notification 16384", NULL } };
  static const CertsCase cases[] = {
    { "another card of GSM",
      CLIENT_AND_GATEWAY,
      { CLIENT ("sim", "1"), GATEWAY ("sim") },
      { NULL },
      { "its MAC is wrong", NULL } },
    { "another card of UMTS",
      CLIENT_AND_GATEWAY,
      { CLIENT ("aka", "0"), GATEWAY ("aka") },
      { NULL },
      { "AUTN is wrong", NULL } },
  };

  run (&unknown, flags, CARD, "");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    run (&cases[i], flags, OTHER, CARD);
}

/* A card proves who it is, not the realm that stands behind that: any other card could say it, too.
 */
static void
test_realms (gconstpointer flags)
{
#define OF_REALM(method) "remote { auth = eap-" method "\n eap_id = *@wlan.example\n }\n"
#define REALMS(plugin, names) "eap-" plugin " { realms = \"" names "\"\n }\n"
  static const CertsCase cases[] = {
    { "a realm that the gateway serves",
      CLIENT_AND_GATEWAY,
      { CLIENT ("sim", "1"), OF_REALM ("sim") },
      { NULL, REALMS ("sim", "other.example, WLAN.example") } },
    { "likewise, of UMTS",
      CLIENT_AND_GATEWAY,
      { CLIENT ("aka", "0"), OF_REALM ("aka") },
      { NULL, REALMS ("aka", "wlan.example") } },
    { "one that it does not",
      CLIENT_AND_GATEWAY,
      { CLIENT ("aka", "0"), GATEWAY ("aka") },
      { NULL, REALMS ("aka", "lan.example") },
      { NULL, "none of plugins.eap-aka.realms" } },
    { "a pattern, and nobody has said which realms there are",
      CLIENT_AND_GATEWAY,
      { CLIENT ("sim", "1"), OF_REALM ("sim") },
      { NULL },
      { NULL, "name those of the cards in plugins.eap-sim.realms" } },
    { "likewise, by id",
      CLIENT_AND_GATEWAY,
      { "local { auth = eap-aka-prime\n id = 6" IMSI "@wlan.example\n }\n",
        "remote { auth = eap-aka-prime\n id = *@wlan.example\n }\n" },
      { NULL },
      { NULL, "name those of the cards in plugins.eap-aka.realms" } },
    { "one card by name",
      CLIENT_AND_GATEWAY,
      { CLIENT ("sim", "1"), "remote { auth = eap-sim\n eap_id = 1" IMSI "@wlan.example\n }\n" } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    run (&cases[i], flags, CARD, CARD);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pair_add_test ("eap-sim", "it-comes-up", test_it_comes_up);
  pair_add_test ("eap-sim", "refusals", test_refusals);
  pair_add_test ("eap-sim", "realms", test_realms);
  status = g_test_run ();
  certs_clear ();
  return status;
}
