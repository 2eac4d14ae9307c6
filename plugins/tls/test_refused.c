/* SPDX-License-Identifier: Apache-2.0 */
/* test_refused.c - certificates and versions that are not taken, and what each end says of it. */
#include <string.h>

#include "credentials/test_support.h"
#include "tls/test_support.h"

typedef struct {
  const char *name;
  const char *server_cert, *client_cert; /* NULL: server.test; none */
  guint8 peer;                           /* IkeTlsWant of the server */
  const char *expected;                  /* by the client */
  const char *expected_client;           /* by the server */
  guint16 server_min, client_max;
  gboolean is_client_at_fault; /* the server refuses */
  const char *says, *hears;    /* NULL: it comes up */
} Case;

#define REQUIRED .peer = IKE_TLS_REQUIRED

static const Case cases[] = {
  { .name = "the-usual-case-comes-up", .client_cert = "client.test", REQUIRED },
  { .name = "a-client-need-not-show-one", .peer = IKE_TLS_OPTIONAL },
  { .name = "a-client-without-one",
    REQUIRED,
    .is_client_at_fault = TRUE,
    .says = "the peer showed no certificate",
    .hears = "wants a certificate" },
  { .name = "a-client-whose-has-expired",
    .client_cert = "old.test",
    REQUIRED,
    .is_client_at_fault = TRUE,
    .says = "expired",
    .hears = "refused our certificate: certificate expired" },
  { .name = "a-client-of-an-unknown-ca",
    .client_cert = "foreign.test",
    .peer = IKE_TLS_OPTIONAL,
    .is_client_at_fault = TRUE,
    .says = "not trusted",
    .hears = "refused our certificate: unknown CA" },
  { .name = "a-client-with-the-purpose-of-a-server",
    .client_cert = "onlyserver.test",
    REQUIRED,
    .is_client_at_fault = TRUE,
    .says = "not for clients of TLS",
    .hears = "refused our certificate: unsupported certificate" },
  { .name = "a-client-of-another-name",
    .client_cert = "client.test",
    REQUIRED,
    .expected_client = "other.test",
    .is_client_at_fault = TRUE,
    .says = "does not stand for other.test",
    .hears = "refused our certificate" },
  { .name = "a-client-by-its-mail-address",
    .client_cert = "client.test",
    REQUIRED,
    .expected_client = "client@test" },
  { .name = "a-server-whose-has-expired",
    .server_cert = "old.test",
    .says = "expired",
    .hears = "refused our certificate: certificate expired" },
  { .name = "a-server-of-an-unknown-ca",
    .server_cert = "foreign.test",
    .says = "not trusted",
    .hears = "refused our certificate: unknown CA" },
  { .name = "a-server-of-another-name",
    .expected = "gate.test",
    .says = "does not stand for gate.test",
    .hears = "refused our certificate: bad certificate" },
  { .name = "any-server", .expected = "%any" },
  { .name = "a-server-by-its-subject", .expected = "CN=server" },
  { .name = "a-client-that-is-too-old",
    .server_min = IKE_TLS_1_3,
    .client_max = IKE_TLS_1_2,
    .is_client_at_fault = TRUE,
    .says = "no version of TLS",
    .hears = "no version of TLS" },
};

static IkeTls *
open_server (TlsBench *bench, const Case *c)
{
  g_autoptr (IkeIdent) expected =
      c->expected_client ? ike_ident_parse (c->expected_client, NULL) : NULL;
  g_autoptr (IkeIdent) own =
      ike_ident_parse (c->server_cert ? c->server_cert : "server.test", NULL);

  return tls_bench_session (bench, &(IkeTlsConf){ .struct_size = sizeof (IkeTlsConf),
                                                  .is_server = TRUE,
                                                  .peer = c->peer,
                                                  .own_id = own,
                                                  .expected = expected,
                                                  .min_version = c->server_min });
}

static IkeTls *
open_client (TlsBench *bench, const Case *c, guint16 max_version)
{
  g_autoptr (IkeIdent) expected = c->expected ? ike_ident_parse (c->expected, NULL) : NULL;
  g_autoptr (IkeIdent) own = c->client_cert ? ike_ident_parse (c->client_cert, NULL) : NULL;

  return tls_bench_session (bench,
                            &(IkeTlsConf){ .struct_size = sizeof (IkeTlsConf),
                                           .own = c->client_cert ? IKE_TLS_REQUIRED : IKE_TLS_NONE,
                                           .own_id = own,
                                           .expected = expected,
                                           .max_version = max_version });
}

static void
assert_says (TlsBench *bench, IkeTls *session, const char *text)
{
  const char *reason = bench->tls->reason (session);

  g_assert_cmpint (bench->tls->state (session), ==, IKE_TLS_FAILED);
  g_assert_nonnull (reason);
  if (!strstr (reason, text))
    g_error ("\"%s\" does not say \"%s\"", reason, text);
}

static void
run_version (TlsBench *bench, const Case *c, guint16 max_version)
{
  IkeTls *server = open_server (bench, c), *client = open_client (bench, c, max_version);

  tls_bench_pump (bench, client, server, 0);
  if (!c->says) {
    g_assert_cmpstr (bench->tls->reason (server), ==, NULL);
    g_assert_cmpint (bench->tls->state (server), ==, IKE_TLS_UP);
    g_assert_cmpint (bench->tls->state (client), ==, IKE_TLS_UP);
    g_assert_cmpuint (bench->tls->info (server)->n, ==, c->client_cert ? 2 : 0);
  } else if (c->is_client_at_fault) {
    assert_says (bench, server, c->says);
    /* TLS 1.2 knows no alert of its own for a certificate that is missing. */
    if (max_version != IKE_TLS_1_2 || c->client_cert || c->client_max)
      assert_says (bench, client, c->hears);
  } else {
    assert_says (bench, client, c->says);
    assert_says (bench, server, c->hears);
  }
  bench->tls->free (server);
  bench->tls->free (client);
}

static void
test_case (gconstpointer data)
{
  const Case *c = data;
  TlsBench bench;

  tls_bench_open (&bench, NULL);
  run_version (&bench, c, IKE_TLS_1_2);
  if (!c->client_max)
    run_version (&bench, c, IKE_TLS_1_3);
  tls_bench_close (&bench);
}

static void
test_nothing_of_our_own (void)
{
  g_autoptr (IkeIdent) nobody = ike_ident_parse ("nobody.test", NULL);
  IkeTlsConf conf = { .struct_size = sizeof conf, .is_server = TRUE, .own_id = nobody };
  g_autoptr (GError) error = NULL;
  TlsBench bench;
  IkeTls *client;

  tls_bench_open (&bench, NULL);
  g_assert_null (bench.tls->open (bench.plugin, &conf, &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND);
  g_clear_error (&error);
  conf.is_server = FALSE;
  conf.own = IKE_TLS_REQUIRED;
  g_assert_null (bench.tls->open (bench.plugin, &conf, &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND);
  conf.own = IKE_TLS_OPTIONAL;
  client = tls_bench_session (&bench, &conf);
  bench.tls->free (client);
  bench.tls->free (NULL);
  tls_bench_close (&bench);
}

/* -- a key that cannot leave where it is */

typedef struct {
  IkeKey head;
  IkeKey *real; /* whose public half it has */
} TokenKey;

static void
token_key_free (IkeKey *key)
{
  TokenKey *self = (TokenKey *) key;

  ike_key_unref (self->real);
  g_free (self->head.label);
  g_free (self);
}

static const IkeKeyClass token_key_class = { .struct_size = sizeof token_key_class,
                                             .origin = "token",
                                             .free_key = token_key_free };

/* The key and the certificate of a new name, as a device would have them. */
static void
load_token (IkePlugin *self, const IkeTree *section, IkeCall *call)
{
  const MakeCert what = { .cn = "token", .names = "DNS:token.test" };
  const IkeProvided *pki = ike_feature_find (ike_plugin_engine (self), "service:pki", NULL);
  const IkePkiOps *ops = pki->ops;
  g_autofree char *text = pem_key ("token", NULL), *cert_text = NULL;
  IkeKeySet *set = g_new0 (IkeKeySet, 1);
  TokenKey *key = g_new0 (TokenKey, 1);
  X509 *x509 = make_cert (&what, "token", NULL, "token");

  cert_text = pem_certs (x509, NULL);
  key->real = ops->key_parse (pki->plugin, (const guint8 *) text, strlen (text), NULL, "x", NULL);
  key->head = (IkeKey){ .struct_size = sizeof (IkeKey),
                        .references = 1,
                        .klass = &token_key_class,
                        .pubkey = key->real->pubkey,
                        .label = g_strdup ("token:slot 3") };
  set->struct_size = sizeof *set;
  set->keys = g_ptr_array_new_with_free_func ((GDestroyNotify) ike_key_unref);
  set->certs = g_ptr_array_new_with_free_func ((GDestroyNotify) ops->cert_unref);
  g_ptr_array_add (set->keys, key);
  g_assert_true (ops->certs_parse (pki->plugin, (const guint8 *) cert_text, strlen (cert_text),
                                   set->certs, NULL));
  X509_free (x509);
  ike_call_answer (call, set);
}

static const IkeKeysClass keys_class = { .struct_size = sizeof keys_class, .load = load_token };
static const IkeFeature keys_feature = { .struct_size = sizeof keys_feature,
                                         .provides = "keys:fake",
                                         .ops = &keys_class };
static const IkeFeature *const keys_features[] = { &keys_feature, NULL };
static const IkePluginInfo keys_plugin = { .struct_size = sizeof keys_plugin,
                                           .abi_major = IKE_ABI_MAJOR,
                                           .abi_minor = IKE_ABI_MINOR,
                                           .name = "fake-keys",
                                           .version = "1.0",
                                           .license = "Apache-2.0",
                                           .summary = "a part of the test",
                                           .features = keys_features };

static void
test_token (void)
{
  static const char *const plugins[] = { "fake-keys", "store-file", NULL };
  static const IkePluginInfo *const builtin[] = { &keys_plugin, NULL };
  g_autoptr (IkeIdent) name = ike_ident_parse ("token.test", NULL);
  const IkeTlsConf conf = { .struct_size = sizeof conf, .is_server = TRUE, .own_id = name };
  g_autoptr (GError) error = NULL;
  TlsBench bench;

  tls_bench_open (&bench,
                  &(TlsBenchOptions){ .plugins = plugins,
                                      .builtin = builtin,
                                      .connections = "secrets { token-1 { handle = 0a } }\n" });
  ike_sim_settle (bench.sim);
  g_assert_null (bench.tls->open (bench.plugin, &conf, &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "token:slot 3 cannot leave its token"));
  tls_bench_close (&bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strconcat ("/refused/", cases[i].name, NULL);
    g_test_add_data_func (path, &cases[i], test_case);
  }
  g_test_add_func ("/refused/a-session-without-a-certificate-of-ours", test_nothing_of_our_own);
  g_test_add_func ("/refused/a-key-that-cannot-leave-its-token", test_token);
  return g_test_run ();
}
