/* SPDX-License-Identifier: Apache-2.0 */
/* test_revocation.c - CRLs, OCSP, OCSP in IKE, hash and URL between two engines: what is asked
 * for, when, and what the peer hears. */
#include "exchange/web.h"
#include <ikebana/exchange.h>
#include <string.h>

static const char *const plugins[] = { "revocation", "web", NULL };
static const IkePluginInfo *const builtin[] = { &web_plugin, NULL };

static PairOptions
options_of (void)
{
  return (PairOptions){ .seed = 11, .plugins = plugins, .builtin = builtin };
}

static void
run (const CertsCase *c, gconstpointer flags)
{
  PairOptions o = options_of ();

  certs_case_run (c, flags, &o);
}

/* b-NAME with URIs; a trusts the root. */
static void
make_ends (void)
{
  g_autofree char *crl = NULL;

  certs_usual ();
  certs_end ("b-crl", "ecdsa 256", "root", "--san b.test --crl http://files.test/root.crl");
  certs_end ("b-crl2", "ecdsa 256", "root", "--san b.test --crl http://files.test/root.crl");
  certs_end ("b-nocrl", "ecdsa 256", "root", "--san b.test --crl http://files.test/gone.crl");
  certs_end ("b-huge", "ecdsa 256", "root", "--san b.test --crl http://huge.test/root.crl");
  certs_end ("b-ocsp", "ecdsa 256", "root", "--san b.test --ocsp http://ocsp.test/root");
  certs_end ("b-never", "ecdsa 256", "root", "--san b.test --ocsp http://never.test/root");
  crl = certs_path ("root.crl");
  if (!g_file_test (crl, G_FILE_TEST_EXISTS))
    certs_pki ("crl --cacert root.pem --cakey root.key --cert b-crl2.pem --reason key-compromise "
               "--date 2025-12-01 "
               "--this-update 2025-12-31 --next-update 2026-02-01 --form der --out root.crl");
}

#define B(name) "x509ca/root.pem x509/b-" name ".pem private/b-" name ".key"
#define RELAXED "remote { revocation = relaxed }"
#define IFURI "remote { revocation = ifuri }"
#define STRICT "remote { revocation = strict }"

static void
test_policies (gconstpointer flags)
{
  static const CertsCase cases[] = {
    { "a good one by CRL", { CERTS_A, B ("crl") }, { STRICT, NULL } },
    { "a revoked one by CRL",
      { CERTS_A, B ("crl2") },
      { STRICT, NULL },
      { NULL },
      { "revoked", NULL } },
    { "and relaxed", { CERTS_A, B ("crl2") }, { RELAXED, NULL }, { NULL }, { "revoked", NULL } },
    { "no CRL", { CERTS_A, B ("nocrl") }, { STRICT, NULL }, { NULL }, { "", NULL } },
    { "no CRL, where one should be",
      { CERTS_A, B ("nocrl") },
      { IFURI, NULL },
      { NULL },
      { "", NULL } },
    { "no CRL, relaxed", { CERTS_A, B ("nocrl") }, { RELAXED, NULL } },
    { "a CRL of 100 MB",
      { CERTS_A, B ("huge") },
      { STRICT, NULL },
      { NULL },
      { "too large", NULL } },
    { "a CRL of 100 MB, relaxed", { CERTS_A, B ("huge") }, { RELAXED, NULL } },
    { "a good one by OCSP", { CERTS_A, B ("ocsp") }, { STRICT, NULL } },
    { "nobody answers", { CERTS_A, B ("never") }, { STRICT, NULL }, { NULL }, { "", NULL } },
    { "nobody answers, ifuri", { CERTS_A, B ("never") }, { IFURI, NULL }, { NULL }, { "", NULL } },
    { "nobody answers, relaxed", { CERTS_A, B ("never") }, { RELAXED, NULL } },
    { "it names nobody to ask", { CERTS_A, CERTS_B }, { STRICT, NULL }, { NULL }, { "", NULL } },
    { "it names nobody to ask, ifuri", { CERTS_A, CERTS_B }, { IFURI, NULL } },
  };

  make_ends ();
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    run (&cases[i], flags);
}

static void
test_revoked_by_ocsp (gconstpointer flags)
{
  static const CertsCase c = {
    "revoked", { CERTS_A, B ("ocsp") }, { NULL }, { NULL }, { "revoked", NULL }
  };

  make_ends ();
  web_revoked = "b-ocsp";
  run (&c, flags);
  web_revoked = NULL;
}

/* Whatever servers do, the peer hears in bounded time. */
static void
test_silent_servers_are_left_alone (gconstpointer flags)
{
  static const CertsCase c = { "never", { CERTS_A, B ("never") }, { STRICT, NULL } };
  PairOptions o = options_of ();
  gint64 began;
  Pair *pair;
  char *error;

  make_ends ();
  pair = certs_pair_new (&c, flags, &o);
  began = ike_sim_now_us (pair->sim);
  error = pair_up (pair, "net");
  g_assert_nonnull (error);
  g_free (error);
  g_assert_cmpint (ike_sim_now_us (pair->sim) - began, <, 10 * G_USEC_PER_SEC);
  certs_pair_free (pair);
}

/* Whoever has no right to our attention makes us fetch nothing: a wrong signature, an unknown
 * CA. */
static void
spoil_auth (gboolean by_b, guint8 first, guint8 *plain, gsize len)
{
  gsize n;
  guint8 *auth = pair_payload (first, plain, len, IKE_PAYLOAD_AUTH, &n);

  if (by_b && auth)
    auth[n - 1] ^= 1;
}

static void
test_nothing_is_fetched_for_strangers (gconstpointer flags)
{
  static const CertsCase wrong = { "wrong signature",
                                   { CERTS_A, B ("crl") },
                                   { STRICT, NULL },
                                   { NULL },
                                   { "is not one by the key", NULL } };
  static const CertsCase stranger = { "unknown CA",
                                      { "x509ca/other.pem x509/a.pem private/a.key", B ("crl") },
                                      { STRICT "\n send_cert = always",
                                        "remote { cacerts = root.pem }\n send_cert = always" },
                                      { NULL },
                                      { "no trusted CA issued it", NULL } };
  const CertsCase *cases[] = { &wrong, &stranger };

  make_ends ();
  certs_ca ("other", "ecdsa 256", NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    PairOptions o = options_of ();
    Pair *pair = certs_pair_new (cases[i], flags, &o);
    certs_tamper = i == 0 ? spoil_auth : NULL;
    certs_case_check (cases[i], pair);
    certs_tamper = NULL;
    g_assert_cmpuint (web_asked (&pair->a, "http://"), ==, 0);
    certs_pair_free (pair);
  }
}

/* RFC 4806: b sends the response along, so a asks nobody. */
static void
test_ocsp_in_ike (gconstpointer flags)
{
  static const CertsCase c = { "ocsp in IKE",
                               { CERTS_A, B ("ocsp") },
                               { STRICT "\n ocsp = request", "ocsp = reply" } };
  PairOptions o = options_of ();
  Pair *pair;

  make_ends ();
  pair = certs_pair_new (&c, flags, &o);
  certs_case_check (&c, pair);
  g_assert_cmpuint (certs_seen[1].encodings, ==, 1u << 4 | 1u << 14);
  g_assert_cmpuint (web_asked (&pair->a, "http://"), ==, 0);
  g_assert_cmpuint (web_asked (&pair->b, "http://ocsp.test/"), ==, 1);
  certs_pair_free (pair);

  /* Nobody asked, or nobody replies: then a asks itself. */
  for (guint i = 0; i < 2; i++) {
    CertsCase other = c;
    other.conf[0] = i ? STRICT "\n ocsp = request" : STRICT;
    other.conf[1] = i ? "ocsp = never" : "ocsp = reply";
    o = options_of ();
    pair = certs_pair_new (&other, flags, &o);
    certs_case_check (&other, pair);
    g_assert_cmpuint (certs_seen[1].encodings, ==, 1u << 4);
    g_assert_cmpuint (web_asked (&pair->a, "http://ocsp.test/"), ==, 1);
    certs_pair_free (pair);
  }
}

/* RFC 7296, 3.6: a hash and a URL instead of a certificate. */
static void
test_hash_and_url (gconstpointer flags)
{
  static const char authority[] =
      "authorities { root { cacert = root.pem\n cert_uri_base = http://files.test/ } }\n";
  CertsCase c = { "hash and URL",
                  { CERTS_A, CERTS_B },
                  { NULL, NULL },
                  { NULL, "auth-pubkey { hash_and_url = yes\n }" } };
  PairOptions o = options_of ();
  g_autofree char *der = certs_path ("a.der"), *content = NULL, *sum = NULL, *served = NULL;
  gsize len;
  Pair *pair;

  make_ends ();
  if (!g_file_test (der, G_FILE_TEST_EXISTS))
    certs_pki ("issue --cacert root.pem --cakey root.key --in a.key --dn 'C=CH, O=Test, CN=a' "
               "--san a.test "
               "--not-before 2025-06-01 --not-after 2027-06-01 --form der --out a.der");
  g_assert_true (g_file_get_contents (der, &content, &len, NULL));
  sum = g_compute_checksum_for_data (G_CHECKSUM_SHA1, (const guchar *) content, len);
  served = certs_path ("%s", sum);
  g_assert_true (g_file_set_contents (served, content, (gssize) len, NULL));
  c.files[0] = "x509ca/root.pem x509/a.der private/a.key";
  o.more[0] = authority;
  pair = certs_pair_new (&c, flags, &o);
  certs_case_check (&c, pair);
  g_assert_cmpuint (certs_seen[0].encodings, ==, 1u << 12);
  g_assert_cmpuint (web_asked (&pair->b, "http://files.test/"), ==, 1);
  certs_pair_free (pair);

  /* What lies there has another hash. */
  g_assert_true (g_file_set_contents (served, content, (gssize) len - 1, NULL));
  c.refused[1] = "its certificate cannot be used";
  o = options_of ();
  o.more[0] = authority;
  certs_case_run (&c, flags, &o);

  /* Who does not want it gets certificates. */
  c.plugins[1] = NULL;
  c.refused[1] = NULL;
  o = options_of ();
  o.more[0] = authority;
  certs_case_run (&c, flags, &o);
  g_assert_cmpuint (certs_seen[0].encodings, ==, 1u << 4);
}

/* -- a slow responder, and others */

enum { N_PEERS = 1000, EACH_MS = 50 };

/* An SA that is up, and how long the answers to "are you alive?" take meanwhile. */
static struct {
  IkeSaRef sa;
  Pair *pair;
  gint64 asked_us, longest_us;
  guint n_answered, n_up;
} storm;

static IkeHookVerdict
first_up (IkePlugin *self, IkeSa *sa, IkeUpDownEvent *event)
{
  if (event->is_up && ike_sa_is_initiator (sa) && storm.sa.serial == 0)
    storm.sa = ike_sa_ref (sa);
  return IKE_HOOK_PASS;
}

static gboolean
watch_activate (IkePlugin *self, GError **error)
{
  return ike_ike_updown_hook_add (self, "watch", NULL, first_up, error);
}

static const IkePluginInfo watch_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "watch",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "the first SA that is up, for tests",
  .activate = watch_activate,
};

static void
alive (IkeSa *sa, gpointer data, const char *error)
{
  g_assert_null (error);
  storm.longest_us = MAX (storm.longest_us, ike_sim_now_us (storm.pair->sim) - storm.asked_us);
  storm.n_answered++;
}

static void
ask_alive (IkeSa *sa, gpointer data)
{
  storm.asked_us = ike_sim_now_us (storm.pair->sim);
  g_assert_true (ike_sa_begin (sa, "liveness", NULL, alive, NULL));
}

static const IkeJobClass alive_job = { sizeof alive_job, "alive?", IKE_LANE_ESTABLISHED, ask_alive,
                                       NULL };

static void
count_up (gpointer owner, gpointer data, gpointer result, const char *error)
{
  if (error)
    g_error ("%s", error);
  storm.n_up++;
  ike_tree_free (result);
}

static const IkeCallClass up_call = { .struct_size = sizeof (IkeCallClass),
                                      .name = "up",
                                      .timeout_ms = 600000,
                                      .then = count_up,
                                      .undo = (GDestroyNotify) ike_tree_free };

static void
begin_all (gpointer data)
{
  IkeEngine *engine = storm.pair->a.engine;
  g_autoptr (IkeConfig) config = ike_engine_config (engine);

  for (guint i = 0; i < N_PEERS; i++) {
    g_autofree char *name = g_strdup_printf ("peer%u", i);
    IkeConn *conn = ike_config_conn (config, name);
    g_assert_nonnull (conn);
    ike_initiate (engine, conn, NULL,
                  ike_loop_call (ike_engine_control (engine), &up_call, NULL, NULL));
  }
}

static char *
connections_of (guint end)
{
  g_autoptr (GString) text = g_string_new ("core { block_threshold = 0 }\nconnections {\n");

  for (guint i = 0; end == 0 && i < N_PEERS; i++)
    g_string_append_printf (text,
                            " peer%u {\n local_addrs = 10.0.0.1\n remote_addrs = 10.0.0.2\n"
                            " proposals = aes256gcm16-prfsha256-x25519\n send_cert = always\n"
                            " local { auth = pubkey\n id = p%u.test\n }\n"
                            " remote { auth = psk\n id = b.test\n }\n"
                            " children { net { local_ts = 10.1.%u.%u/32\n remote_ts = 10.2.0.0/16\n"
                            " } }\n }\n",
                            i, i, i / 256, i % 256);
  if (end == 1)
    g_string_append (text, " many {\n local_addrs = 10.0.0.2\n remote_addrs = 10.0.0.1\n"
                           " proposals = aes256gcm16-prfsha256-x25519\n"
                           " local { auth = psk\n id = b.test\n }\n"
                           " remote { auth = pubkey\n id = *.test\n revocation = strict\n }\n"
                           " children { net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n"
                           " } }\n }\n");
  g_string_append (text, "}\n");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* 1,000 peers come at once, and what tells of their certificates takes 2 s for each: all come up
 * when it has answered, and nobody else notices. */
static void
test_slow_responder (void)
{
  static const IkePluginInfo *const all[] = { &web_plugin, &watch_plugin, NULL };
  static const char *const names[] = { "revocation", "web", "watch", NULL };
  g_autoptr (GString) files = g_string_new ("x509ca/root.pem private/peers.key");
  CertsCase c = { "storm",
                  { NULL, "x509ca/root.pem" },
                  { "local { auth = psk\n }\n remote { auth = psk }",
                    "local { auth = psk\n }\n remote { auth = psk }" } };
  g_autofree char *a = connections_of (0), *b = connections_of (1);
  PairOptions o = { .seed = 17, .plugins = names, .builtin = all, .more = { a, b } };
  gint64 began;

  certs_usual ();
  certs_key ("peers", "ecdsa 256");
  web_issue ("peers", N_PEERS);
  for (guint i = 0; i < N_PEERS; i++)
    g_string_append_printf (files, " x509/p%u.pem", i);
  c.files[0] = files->str;
  memset (&storm, 0, sizeof storm);
  storm.pair = certs_pair_new (&c, NULL, &o);
  certs_case_check (&c, storm.pair);
  began = ike_sim_now_us (storm.pair->sim);
  ike_loop_post (ike_engine_control (storm.pair->a.engine), begin_all, NULL, NULL);
  while (storm.n_up < N_PEERS) {
    g_assert_cmpint (ike_sim_now_us (storm.pair->sim) - began, <, 10 * G_USEC_PER_SEC);
    g_assert_true (ike_sa_post (storm.pair->a.engine, storm.sa, &alive_job, NULL));
    gint64 until = ike_sim_now_us (storm.pair->sim) + EACH_MS * 1000;
    while (ike_sim_step (storm.pair->sim, until))
      ;
  }
  g_test_message ("%u peers up after %" G_GINT64_FORMAT
                  " ms; %u liveness answers, the latest after "
                  "%" G_GINT64_FORMAT " us",
                  storm.n_up, (ike_sim_now_us (storm.pair->sim) - began) / 1000, storm.n_answered,
                  storm.longest_us);
  g_assert_cmpuint (web_asked (&storm.pair->b, "http://ocsp.test/"), ==, N_PEERS);
  g_assert_cmpuint (storm.n_answered, >=, 2000 / EACH_MS);
  g_assert_cmpint (storm.longest_us, <=, 20000);
  certs_pair_free (storm.pair);
}

/* -- what was taken away (class R) */

static void
test_unloaded_certificates (gconstpointer flags)
{
  static const CertsCase c = { "unload",
                               { CERTS_A, CERTS_B },
                               { "send_cert = always", "send_cert = always" } };
  PairOptions o = options_of ();
  Pair *pair;
  IkeTree *args = ike_tree_new_section ();
  g_autofree char *error = NULL;
  g_autoptr (IkeTree) last = NULL;

  make_ends ();
  pair = certs_pair_new (&c, flags, &o);
  certs_case_check (&c, pair);
  pair_down (pair, "pair", NULL);
  pair_run (pair, 60);
  ike_tree_set_string (args, "certificate", "root.pem");
  ike_tree_free (pair_command (&pair->b, "certs-unload", args, NULL));
  error = pair_up (pair, "net");
  last = pair_explain (&pair->b);
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (ike_tree_string (last, "reason", ""), "no trusted CA issued it"));
  pair_run (pair, 60);
  ike_tree_free (pair_command (&pair->b, "reload", NULL, NULL));
  certs_case_check (&c, pair);
  certs_pair_free (pair);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pair_add_test ("revocation", "each-policy-says-what-must-be-known", test_policies);
  pair_add_test ("revocation", "what-ocsp-says-is-revoked-is-refused", test_revoked_by_ocsp);
  pair_add_test ("revocation", "silent-servers-are-left-alone", test_silent_servers_are_left_alone);
  pair_add_test ("revocation", "nothing-is-fetched-for-strangers",
                 test_nothing_is_fetched_for_strangers);
  pair_add_test ("revocation", "ocsp-comes-along-in-ike", test_ocsp_in_ike);
  pair_add_test ("revocation", "certificates-by-hash-and-url", test_hash_and_url);
  pair_add_test ("revocation", "an-unloaded-ca-is-trusted-no-more", test_unloaded_certificates);
  g_test_add_func ("/revocation/a-slow-responder-delays-nobody-else", test_slow_responder);
  status = g_test_run ();
  certs_clear ();
  return status;
}
