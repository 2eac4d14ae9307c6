/* SPDX-License-Identifier: Apache-2.0 */
/* test_pubkey.c - two engines that authenticate with certificates and public keys. */
#include "exchange/certs.h"
#include <string.h>

static PairOptions
options_of (gconstpointer flags)
{
  return (PairOptions) { .seed = 7, .flags = GPOINTER_TO_UINT (flags) };
}

/* -- every kind of key */

static void
test_key_types (gconstpointer flags)
{
  static const char *const types[] = { "rsa 2048", "ecdsa 256", "ecdsa 384", "ecdsa 521",
                                       "ecdsa brainpoolP256r1", "ed25519", "ed448" };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    PairOptions o = options_of (flags);
    CertsEnds ends;

    certs_ends_init (&ends, &o, types[i], NULL);
    Pair *pair = pair_new (&o);
    pair_assert_up (pair, "net");
    pair_assert_twins (pair);
    pair_free (pair);
    certs_ends_clear (&ends);
  }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pair_add_test ("pubkey", "each-kind-of-key-authenticates", test_key_types);
  status = g_test_run ();
  certs_clear ();
  return status;
}
