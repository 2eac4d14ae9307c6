/* SPDX-License-Identifier: Apache-2.0 */
/* test_wiped.c - a password that a peer shows as it is lies in no memory that either end gives back
 * to the allocator: not in what EAP packets are made of, nor in what comes out of a tunnel. */
#include "exchange/certs.h"
#include "shared/freed/test_freed.h"

static const char *const plugins[] = { "eap",      "eap-identity", "eap-dynamic", "eap-gtc",
                                       "eap-ttls", "eap-peap",     "tls",         NULL };

#define PASSWORD "through-the-looking-glass"
#define USERS(password) "secrets { eap-alice { id = alice\n secret = " password "\n }\n }\n"
#define CLIENT(settings) "local { " settings "\n }\n remote { auth = pubkey\n id = b.test\n }\n"
#define GATEWAY(settings)                                                                          \
  "remote { " settings "\n eap_id = %any\n }\n local { auth = pubkey\n id = b.test\n }\n"
#define ROOT "x509ca/root.pem"

static void
run (const CertsCase *c, gconstpointer flags, const char *users)
{
  PairOptions o = { .seed = 7, .plugins = plugins, .more = { users, users } };
  Pair *pair;

  certs_usual ();
  pair = certs_pair_new (c, flags, &o);
  freed_watch (PASSWORD);
  pair_assert_up (pair, NULL);
  pair_down (pair, "pair", NULL);
  pair_run (pair, 60);
  g_assert_cmpuint (freed_end (), ==, 0);
  certs_pair_free (pair);
}

static void
test_gtc (gconstpointer flags)
{
  static const CertsCase gtc = { .files = { ROOT, CERTS_B },
                                 .conf = { CLIENT ("auth = eap-gtc\n eap_id = alice"),
                                           GATEWAY ("auth = eap-gtc") } };

  run (&gtc, flags, USERS (PASSWORD));
}

static void
test_pap_in_ttls (gconstpointer flags)
{
  static const CertsCase pap = {
    .files = { ROOT, CERTS_B },
    .conf = { CLIENT ("auth = eap-ttls\n eap_id = alice"), GATEWAY ("auth = eap-ttls") },
    .plugins = { "eap-ttls { phase2 = pap\n }\n" },
  };

  run (&pap, flags, USERS (PASSWORD));
}

static void
test_gtc_in_ttls (gconstpointer flags)
{
  static const CertsCase gtc = {
    .files = { ROOT, CERTS_B },
    .conf = { CLIENT ("auth = eap-ttls\n eap_id = alice"), GATEWAY ("auth = eap-ttls") },
    .plugins = { NULL, "eap-ttls { phase2_method = gtc\n }\n" },
  };

  run (&gtc, flags, USERS (PASSWORD));
}

static void
test_gtc_in_peap (gconstpointer flags)
{
  static const CertsCase gtc = {
    .files = { ROOT, CERTS_B },
    .conf = { CLIENT ("auth = eap-peap\n eap_id = alice"), GATEWAY ("auth = eap-peap") },
    .plugins = { NULL, "eap-peap { phase2_method = gtc\n }\n" },
  };

  run (&gtc, flags, USERS (PASSWORD));
}

/* What comes in pieces leaves none of them behind. */
static void
test_long_gtc_in_peap (gconstpointer flags)
{
  static const CertsCase gtc = {
    .files = { ROOT, CERTS_B },
    .conf = { CLIENT ("auth = eap-peap\n eap_id = alice"), GATEWAY ("auth = eap-peap") },
    .plugins = { NULL, "eap-peap { phase2_method = gtc\n }\n" },
  };
  g_autofree char *more = g_strnfill (4000, '-');
  g_autofree char *users = g_strdup_printf (USERS ("%s%s"), PASSWORD, more);

  run (&gtc, flags, users);
}

/* Else the others show nothing. */
static void
test_watch (void)
{
  char *block = g_strdup ("<" PASSWORD ">");

  freed_watch (PASSWORD);
  g_free (block);
  block = g_strdup ("nothing");
  g_free (block);
  g_assert_cmpuint (freed_end (), ==, 1);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wiped/what-is-not-is-seen", test_watch);
  pair_add_test ("wiped", "gtc", test_gtc);
  pair_add_test ("wiped", "pap-in-ttls", test_pap_in_ttls);
  pair_add_test ("wiped", "gtc-in-ttls", test_gtc_in_ttls);
  pair_add_test ("wiped", "gtc-in-peap", test_gtc_in_peap);
  pair_add_test ("wiped", "long-gtc-in-peap", test_long_gtc_in_peap);
  status = g_test_run ();
  certs_clear ();
  return status;
}
