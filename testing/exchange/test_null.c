/* SPDX-License-Identifier: Apache-2.0 */
/* test_null.c - sides that do not authenticate (RFC 7619): only where a connection says so. */
#include "exchange/certs.h"
#include <string.h>

#define ANONYMOUS "local { auth = null\n id =\n }\n"
#define ANYBODY "remote { auth = null\n id = %any\n }\n"

static const char *const plugins[] = { "auth-null", NULL };

static void
run (const CertsCase *c, gconstpointer flags)
{
  PairOptions o = { .seed = 5, .plugins = plugins };

  certs_case_run (c, flags, &o);
}

static void
test_both_ways (gconstpointer flags)
{
  static const CertsCase cases[] = {
    { "an anonymous initiator", { "x509ca/root.pem", CERTS_B }, { ANONYMOUS, ANYBODY } },
    { "an anonymous responder",
      { CERTS_A, "x509ca/root.pem" },
      { "remote { auth = null\n id = %any\n }\n", "local { auth = null\n id =\n }\n" } },
    { "both anonymous", { NULL, NULL }, { ANONYMOUS ANYBODY, ANONYMOUS ANYBODY } },
    { "a name that means nothing",
      { NULL, NULL },
      { "local { auth = null\n id = somebody.test\n }\n" ANYBODY, ANONYMOUS ANYBODY } },
  };

  certs_usual ();
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    run (&cases[i], flags);
  g_assert_cmpuint (certs_seen[0].method, ==, 13);
}

/* RFC 7619, 2: "If a host's local policy requires that the identity of its peer be (non-null)
 * authenticated ... it MUST return an AUTHENTICATION_FAILED notification." */
static void
test_only_where_it_is_asked_for (gconstpointer flags)
{
  static const CertsCase cases[] = {
    { "the responder wants a certificate",
      { NULL, CERTS_B },
      { "local { auth = null\n id = a.test\n }\n remote { auth = psk }", "local { auth = psk }" },
      { NULL },
      { NULL, "no connection fits" } },
    { "the initiator wants a certificate",
      { CERTS_A, "x509ca/root.pem" },
      { NULL, "local { auth = null\n id = b.test\n }" },
      { NULL },
      { "by method 13", NULL } },
    { "who authenticates is not anonymous",
      { CERTS_A, NULL },
      { "remote { auth = null\n id = %any\n }", "local { auth = null\n id =\n }\n" ANYBODY },
      { NULL },
      { NULL, "no connection fits" } },
  };

  certs_usual ();
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    run (&cases[i], flags);
}

static void
flip_auth (gboolean by_b, guint8 first, guint8 *plain, gsize len)
{
  gsize n;
  guint8 *auth = pair_payload (first, plain, len, IKE_PAYLOAD_AUTH, &n);

  if (!by_b && auth)
    auth[n - 1] ^= 1;
}

static void
test_auth_is_checked (gconstpointer flags)
{
  static const CertsCase c = { "a changed AUTH",
                               { NULL, NULL },
                               { ANONYMOUS ANYBODY, ANONYMOUS ANYBODY },
                               { NULL },
                               { NULL, "not by whoever sent the first message" } };

  certs_tamper = flip_auth;
  run (&c, flags);
  certs_tamper = NULL;
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pair_add_test ("null", "each-side-may-stay-anonymous", test_both_ways);
  pair_add_test ("null", "only-where-a-connection-says-so", test_only_where_it_is_asked_for);
  pair_add_test ("null", "auth-ties-the-messages-together", test_auth_is_checked);
  status = g_test_run ();
  certs_clear ();
  return status;
}
