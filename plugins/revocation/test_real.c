/* SPDX-License-Identifier: Apache-2.0 */
/* test_real.c - real certificates, CRLs and OCSP responses, by crypto-openssl, fetched by
 * fetch-curl from a server of the test on 127.0.0.1, in an engine with threads. */
#include <string.h>
#include <ikebana/fetch.h>
#include "crypto-openssl/pki_make.h"
#include "fetch-curl/test_server.h"
#include "shared/consumer/test_consumer.h"

TEST_CONSUMER ("revocation", IkeRevocationClass);

#define FETCH_HERE "fetch-curl { critical = yes\n deny = \"\"\n }\n"

enum { STRICT = IKE_REVOCATION_STRICT, PATIENCE_S = 60, ENTRIES = 20000, CASES_MAX = 12 };

/* A certificate that is checked, and what came of it. */
typedef struct {
  IkeCert *chain[2];
  IkeRevocationVerdict verdict;
  gboolean is_done;
} Case;

typedef struct {
  Pki pki; /* where things are made; an engine of its own */
  HttpServer *server;
  GHashTable *pages; /* path → GBytes */
  Made *ca, *responder;
  gint64 now;

  IkeEngine *engine;
  const IkePkiOps *ops;
  IkePlugin *pki_plugin;
  const IkeProvided *revocation;
  Case cases[CASES_MAX];
  guint n;
  gint64 deadline_us;
} Fixture;

static void
answer (const HttpRequest *request, HttpAnswer *answer, gpointer data)
{
  Fixture *fixture = data;
  GBytes *page = g_hash_table_lookup (fixture->pages, request->target);

  answer->status = page ? 200 : 404;
  answer->body_take = page ? g_bytes_ref (page) : NULL;
}

static void
fixture_open (Fixture *f)
{
  memset (f, 0, sizeof *f);
  f->pages = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_bytes_unref);
  f->server = http_server_new (answer, f);
  pki_open (&f->pki);
  f->now = g_get_real_time () / G_USEC_PER_SEC;
  f->ca = MAKE (&f->pki, .subject = "C=CH/CN=ca", .extensions = MAKE_CA,
                .not_before = f->now - MAKE_DAY, .not_after = f->now + MAKE_DAY);
  f->responder = MAKE (&f->pki, .subject = "C=CH/CN=responder", .issuer = f->ca,
                       .extensions = "keyUsage=digitalSignature\nextendedKeyUsage=OCSPSigning\n",
                       .not_before = f->now - MAKE_DAY, .not_after = f->now + MAKE_DAY);
}

/* -- what is on the server */

static Made *
make_leaf (Fixture *f, guint64 serial, const char *ocsp, const char *crl)
{
  guint port = http_server_port (f->server);
  g_autoptr (GString) extensions = g_string_new ("keyUsage=digitalSignature\n");
  g_autofree char *subject = g_strdup_printf ("CN=moon %u", (guint) serial);

  if (ocsp)
    g_string_append_printf (extensions, "authorityInfoAccess=OCSP;URI:http://127.0.0.1:%u%s\n",
                            port, ocsp);
  if (crl)
    g_string_append_printf (extensions, "crlDistributionPoints=URI:http://127.0.0.1:%u%s\n", port,
                            crl);
  return MAKE (&f->pki, .subject = subject, .issuer = f->ca, .serial = serial,
               .extensions = extensions->str, .not_before = f->now - MAKE_DAY,
               .not_after = f->now + MAKE_DAY);
}

static void
serve_ocsp (Fixture *f, const char *path, const Made *cert, int status, const MakeOcsp *how)
{
  MakeSingle single = { .cert = cert,
                        .issuer = f->ca,
                        .status = status,
                        .reason = 1,
                        .revoked_at = f->now - 3600,
                        .this_update = f->now - 60,
                        .next_update = f->now + 3600 };
  MakeOcsp full = *how;

  full.singles = &single;
  full.n_singles = 1;
  full.signer = full.signer ? full.signer : f->ca;
  g_hash_table_insert (f->pages, (gpointer) path, make_ocsp (&full));
}

static void
serve_crl (Fixture *f, const char *path, guint n)
{
  g_autofree MakeRevoked *revoked = g_new0 (MakeRevoked, n);
  MakeCrl how = { .issuer = f->ca,
                  .this_update = f->now - 60,
                  .next_update = f->now + 3600,
                  .revoked = revoked,
                  .n_revoked = n,
                  .extensions = "authorityKeyIdentifier=keyid\n2.5.29.20=DER:020107\n" };

  for (guint i = 0; i < n; i++)
    revoked[i] = (MakeRevoked){ .serial = 1000 + i, .when = f->now - 3600, .reason = 4 };
  g_hash_table_insert (f->pages, (gpointer) path, make_crl (&how));
}

/* -- asking */

static void
start (Fixture *f, const char *settings)
{
  static const char *const plugins[] = { "crypto-openssl", "fetch-curl", "revocation", "consumer",
                                         NULL };
  const IkePluginInfo *builtin[] = { &test_consumer, NULL };
  g_autofree char *text =
      g_strdup_printf ("plugins { revocation { critical = yes\n }\n%s }", settings);
  const IkeProvided *pki;

  /* From now on the server's thread sees the pages. */
  http_server_release (f->server);
  f->engine = test_engine_new ((IkeEngineOptions){
      .n_shards = 2, .n_offload = 2, .settings = text, .plugins = plugins, .builtin = builtin });
  f->revocation = test_find (f->engine, "revocation:x509");
  pki = test_find (f->engine, "service:pki");
  f->ops = pki->ops;
  f->pki_plugin = pki->plugin;
}

static IkeCert *
again (Fixture *f, const Made *made)
{
  g_autoptr (GError) error = NULL;
  gsize len;
  const guint8 *der = g_bytes_get_data (made->der, &len);
  IkeCert *cert = f->ops->cert_parse (f->pki_plugin, der, len, &error);

  g_assert_no_error (error);
  return cert;
}

static Case *
add_case (Fixture *f, const Made *leaf)
{
  Case *one = &f->cases[f->n++];

  g_assert_cmpuint (f->n, <=, CASES_MAX);
  one->chain[0] = again (f, leaf);
  one->chain[1] = again (f, f->ca);
  return one;
}

static void
done (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Case *one = owner;

  g_assert_cmpstr (error, ==, NULL);
  one->verdict = *(IkeRevocationVerdict *) result;
  one->is_done = TRUE;
  g_free (result);
}

static const IkeCallClass call_class = { .struct_size = sizeof call_class,
                                         .name = "test check",
                                         .timeout_ms = PATIENCE_S * 1000,
                                         .then = done,
                                         .undo = g_free };

static void
look (gpointer data)
{
  Fixture *f = data;
  guint n_done = 0;

  for (guint i = 0; i < f->n; i++)
    n_done += f->cases[i].is_done;
  g_assert_cmpint (g_get_monotonic_time (), <, f->deadline_us);
  if (n_done == f->n)
    ike_engine_quit (f->engine);
  else
    ike_loop_timer_add (ike_engine_control (f->engine), 5, look, f, NULL);
}

static void
ask_all (gpointer data)
{
  Fixture *f = data;
  const IkeRevocationClass *klass = f->revocation->ops;

  for (guint i = 0; i < f->n; i++) {
    Case *one = &f->cases[i];
    IkeRevocationQuery query = {
      .struct_size = sizeof query, .policy = STRICT, .chain = one->chain, .n = 2
    };
    klass->check (f->revocation->plugin, &query,
                  ike_loop_call (ike_engine_control (f->engine), &call_class, one, NULL));
  }
  look (f);
}

static void
run (Fixture *f)
{
  f->deadline_us = g_get_monotonic_time () + PATIENCE_S * G_USEC_PER_SEC;
  ike_loop_post (ike_engine_control (f->engine), ask_all, f, NULL);
  ike_engine_run (f->engine);
}

static void
fixture_close (Fixture *f)
{
  for (guint i = 0; i < f->n; i++)
    for (guint k = 0; k < 2; k++)
      f->ops->cert_unref (f->cases[i].chain[k]);
  ike_engine_free (f->engine);
  http_server_free (f->server);
  pki_close (&f->pki);
  g_hash_table_unref (f->pages);
}

static void
assert_case (const Case *one, gboolean is_good, gboolean is_revoked, const char *reason)
{
  if (one->verdict.is_good != is_good || one->verdict.is_revoked != is_revoked
      || !strstr (one->verdict.reason, reason))
    g_error ("good %d, revoked %d: \"%s\", and not \"%s\"", one->verdict.is_good,
             one->verdict.is_revoked, one->verdict.reason, reason);
}

/* -- tests */

static void
test_ocsp (void)
{
  Fixture f;
  Made *good, *revoked, *delegated, *spoiled, *stranger, *nonce;

  fixture_open (&f);
  good = make_leaf (&f, 1, "/good", NULL);
  revoked = make_leaf (&f, 2, "/revoked", NULL);
  delegated = make_leaf (&f, 3, "/delegated", NULL);
  spoiled = make_leaf (&f, 4, "/spoiled", NULL);
  stranger = make_leaf (&f, 5, "/stranger", NULL);
  nonce = make_leaf (&f, 6, "/nonce", NULL);
  serve_ocsp (&f, "/good", good, V_OCSP_CERTSTATUS_GOOD, &(MakeOcsp){ .is_by_key = TRUE });
  serve_ocsp (&f, "/revoked", revoked, V_OCSP_CERTSTATUS_REVOKED, &(MakeOcsp){ .signer = NULL });
  serve_ocsp (&f, "/delegated", delegated, V_OCSP_CERTSTATUS_GOOD,
              &(MakeOcsp){ .signer = f.responder, .sent = f.responder });
  serve_ocsp (&f, "/spoiled", spoiled, V_OCSP_CERTSTATUS_GOOD, &(MakeOcsp){ .is_spoiled = TRUE });
  serve_ocsp (&f, "/stranger", stranger, V_OCSP_CERTSTATUS_GOOD,
              &(MakeOcsp){ .signer = good, .sent = good });
  serve_ocsp (&f, "/nonce", nonce, V_OCSP_CERTSTATUS_GOOD,
              &(MakeOcsp){ .nonce = "of somebody else" });
  start (&f, FETCH_HERE);
  add_case (&f, good);
  add_case (&f, revoked);
  add_case (&f, delegated);
  add_case (&f, spoiled);
  add_case (&f, stranger);
  add_case (&f, nonce);
  run (&f);
  assert_case (&f.cases[0], TRUE, FALSE, "");
  assert_case (&f.cases[1], FALSE, TRUE, "certificate CN=moon 2 was revoked on ");
  assert_case (&f.cases[1], FALSE, TRUE, "(key compromise), says the OCSP responder http://127");
  assert_case (&f.cases[2], TRUE, FALSE, "");
  assert_case (&f.cases[3], FALSE, FALSE, "not believed");
  assert_case (&f.cases[4], FALSE, FALSE, "not believed");
  assert_case (&f.cases[5], FALSE, FALSE, "nonce");
  g_assert_cmpuint (http_server_requests (f.server), ==, 6);
  fixture_close (&f);
}

/* One that is parsed on io and one that is not; several certificates by each. */
static void
test_crl (void)
{
  Fixture f;
  Made *good, *revoked, *good_large, *revoked_large, *missing;

  fixture_open (&f);
  serve_crl (&f, "/small.crl", 3);
  serve_crl (&f, "/large.crl", ENTRIES);
  good = make_leaf (&f, 1, NULL, "/small.crl");
  revoked = make_leaf (&f, 1002, "/missing", "/small.crl");
  good_large = make_leaf (&f, 3, NULL, "/large.crl");
  revoked_large = make_leaf (&f, 1000 + ENTRIES - 1, NULL, "/large.crl");
  missing = make_leaf (&f, 4, NULL, "/missing.crl");
  g_assert_cmpuint (g_bytes_get_size (g_hash_table_lookup (f.pages, "/large.crl")), >, 64 * 1024);
  start (&f, FETCH_HERE);
  add_case (&f, good);
  add_case (&f, revoked);
  add_case (&f, good_large);
  add_case (&f, revoked_large);
  add_case (&f, missing);
  run (&f);
  assert_case (&f.cases[0], TRUE, FALSE, "");
  assert_case (&f.cases[1], FALSE, TRUE, "CN=moon 1002 was revoked on ");
  assert_case (&f.cases[2], TRUE, FALSE, "");
  assert_case (&f.cases[3], FALSE, TRUE, "(superseded), says the CRL of http://127.0.0.1:");
  assert_case (&f.cases[4], FALSE, FALSE, "HTTP status 404");
  fixture_close (&f);
}

/* By default nothing of this machine is asked, whatever a certificate says. */
static void
test_denied (void)
{
  Fixture f;
  Made *leaf;

  fixture_open (&f);
  leaf = make_leaf (&f, 1, NULL, "/small.crl");
  serve_crl (&f, "/small.crl", 3);
  start (&f, "fetch-curl { critical = yes\n }\n");
  add_case (&f, leaf);
  run (&f);
  assert_case (&f.cases[0], FALSE, FALSE, "plugins.fetch-curl.deny forbids");
  g_assert_cmpuint (http_server_requests (f.server), ==, 0);
  fixture_close (&f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/revocation/real/ocsp-from-a-server", test_ocsp);
  g_test_add_func ("/revocation/real/crls-small-and-large-from-a-server", test_crl);
  g_test_add_func ("/revocation/real/addresses-of-this-machine-are-not-asked", test_denied);
  return g_test_run ();
}
