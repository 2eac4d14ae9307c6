/* SPDX-License-Identifier: Apache-2.0 */
/* test_card.c - a card in the tunnel of PEAP: the method waits for it while it has the packet. */
#include <glib/gstdio.h>

#include "shared/eap-tls/test_pair.h"

#define IMSI "232010000000000"

static const char card[] = IMSI ", 465b5ce8b199b49faa5f0a2ee238a6bc, "
                                "opc=cd63cb71954a9f4e48a5994e37a02baf\n";

static void
test_card (gconstpointer data)
{
  static const char *const plugins[] = { "eap-peap", "eap-identity", "eap-sim",
                                         "eap-aka",  "sim-file",     NULL };
  const char *method = data;
  g_autofree char *dir = g_dir_make_tmp ("ikebana-peap-XXXXXX", NULL);
  g_autofree char *cards = g_build_filename (dir, "cards", NULL);
  g_autofree char *numbers = g_strconcat (cards, ".sqn", NULL);
  g_autofree char *settings = g_strdup_printf (
      "eap-peap { phase2_method = %s\n }\n sim-file { file = \"%s\"\n }\n", method, cards);
  const char *identity =
      g_str_equal (method, "sim") ? "1" IMSI "@wlan.test" : "0" IMSI "@wlan.test";
  EapPair pair;

  g_assert_true (g_file_set_contents (cards, card, -1, NULL));
  g_chmod (cards, 0600);
  eap_pair_open (&pair, &(EapPairOptions){ .method = "peap",
                                           .settings = settings,
                                           .plugins = plugins,
                                           .identity = identity });
  eap_pair_run (&pair);
  eap_pair_assert_done (&pair, identity);
  eap_pair_close (&pair);
  eap_pair_clear ();
  g_unlink (numbers);
  g_unlink (cards);
  g_assert_cmpint (g_rmdir (dir), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/eap-peap/card/sim", "sim", test_card);
  g_test_add_data_func ("/eap-peap/card/aka", "aka", test_card);
  return g_test_run ();
}
