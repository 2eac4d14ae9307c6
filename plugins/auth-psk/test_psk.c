/* SPDX-License-Identifier: Apache-2.0 */
/* test_psk.c - the class functions of auth-psk, on an SA and a configuration made for the test. */
#include <string.h>

#include <ikebana/auth.h>
#include <ikebana/plugin.h>

extern const IkePluginInfo ike_plugin;

struct _IkeSa {
  IkeIdent *local, *remote;
  IkeConn *conn;
  IkeAddr peer;
  gboolean has_prf;
};

struct _IkeCall {
  gpointer result;
  char *error;
};

/* What the configuration holds: one secret for one pair; and what was asked for. */
static struct {
  const char *secret;
  char remote[128]; /* for whom there is one; "" for nobody in particular */
  guint n_asked;
} store;

static const IkePrfClass prf_class = {
  .struct_size = sizeof (IkePrfClass), .transform = 5, .out_len = 32, .key_len = 32
};

IkeEngine *
ike_sa_engine (const IkeSa *sa)
{
  return NULL;
}

IkeConn *
ike_sa_conn (const IkeSa *sa)
{
  return sa->conn;
}

const IkeAddr *
ike_sa_remote (const IkeSa *sa)
{
  return &sa->peer;
}

const IkeIdent *
ike_sa_local_id (const IkeSa *sa)
{
  return sa->local;
}

const IkeIdent *
ike_sa_remote_id (const IkeSa *sa)
{
  return sa->remote;
}

const IkePrf *
ike_sa_prf (const IkeSa *sa)
{
  return sa->has_prf ? (const IkePrf *) &prf_class : NULL;
}

/* For those who have no secret of their own. */
gboolean
ike_sa_prf_auth (IkeSa *sa, gboolean of_initiator, const IkePart *parts, guint n_parts, guint8 *out,
                 gsize *out_len)
{
  g_assert_not_reached ();
}

const IkePrfClass *
ike_prf_class (const IkePrf *prf)
{
  return (const IkePrfClass *) prf;
}

gboolean
ike_prf_run (const IkePrf *prf, const guint8 *key, gsize key_len, const IkePart *parts,
             guint n_parts, guint8 *out)
{
  g_autoptr (GHmac) hmac = g_hmac_new (G_CHECKSUM_SHA256, key, key_len);
  gsize len = 32;

  for (guint i = 0; i < n_parts; i++)
    g_hmac_update (hmac, parts[i].data, (gssize) parts[i].len);
  g_hmac_get_digest (hmac, out, &len);
  return TRUE;
}

IkeConfig *
ike_engine_config (IkeEngine *engine)
{
  static IkeConfig config;

  return &config;
}

void
ike_config_unref (IkeConfig *config)
{
}

IkeSecretBlob *
ike_config_find_secret (const IkeConfig *config, const char *type, const IkeIdent *local,
                        const IkeIdent *remote)
{
  char text[128] = "";

  store.n_asked++;
  g_assert_cmpstr (type, ==, "ike");
  if (remote)
    ike_ident_format (remote, text, sizeof text);
  if (!store.secret || strcmp (text, store.remote) != 0)
    return NULL;
  return ike_secret_blob_new (store.secret, strlen (store.secret));
}

void
ike_call_answer (IkeCall *call, gpointer result_take)
{
  g_assert_true (!call->result && !call->error);
  call->result = result_take;
}

void
ike_call_fail (IkeCall *call, const char *reason)
{
  g_assert_true (!call->result && !call->error);
  g_assert_cmpuint (strlen (reason), <, 256);
  call->error = g_strdup (reason);
}

typedef struct {
  IkeSa sa;
  IkeCall call;
  IkeConn conn;
  IkeAuthConf remote_conf;
  GBytes *octets;
} Bench;

/* HMAC-SHA2-256 (HMAC-SHA2-256 ("correct horse", "Key Pad for IKEv2"), "the octets"), computed
 * apart. */
static const guint8 expected[32] = {
  0xe8, 0xaa, 0xbf, 0x36, 0x5f, 0xb0, 0xb2, 0xe6, 0xf6, 0xe2, 0xf3, 0x91, 0xc7, 0x56, 0x1d, 0xec,
  0x29, 0x63, 0x3c, 0x77, 0x4d, 0xb2, 0x3f, 0xcd, 0x60, 0xf0, 0x8a, 0x4e, 0x85, 0x0e, 0xbe, 0x6c,
};

static const IkeAuthClass *
psk (void)
{
  return ike_plugin.features[0]->ops;
}

static void
bench_open (Bench *bench)
{
  memset (bench, 0, sizeof *bench);
  bench->sa = (IkeSa){ .local = ike_ident_parse ("moon.example", NULL),
                       .remote = ike_ident_parse ("sun.example", NULL),
                       .conn = &bench->conn,
                       .has_prf = TRUE };
  g_assert_true (ike_addr_parse (&bench->sa.peer, "192.0.2.7", NULL));
  bench->octets = g_bytes_new_static ("the octets", 10);
  bench->conn.remote = &bench->remote_conf;
  bench->conn.n_remote = 1;
  store.secret = "correct horse";
  g_strlcpy (store.remote, "sun.example", sizeof store.remote);
  store.n_asked = 0;
}

static void
call_clear (Bench *bench)
{
  g_free (bench->call.error);
  bench->call = (IkeCall){ 0 };
}

static void
bench_close (Bench *bench)
{
  call_clear (bench);
  ike_ident_unref (bench->sa.local);
  ike_ident_unref (bench->sa.remote);
  ike_ident_unref (bench->remote_conf.id);
  g_bytes_unref (bench->octets);
}

static void
assert_signs (Bench *bench)
{
  psk ()->sign (NULL, &bench->call, &bench->sa, NULL, bench->octets);
  g_assert_cmpstr (bench->call.error, ==, NULL);

  g_autofree IkeAuthValue *value = g_steal_pointer (&bench->call.result);

  g_assert_cmpuint (value->method, ==, 2);
  g_assert_cmpmem (value->data, value->len, expected, sizeof expected);
}

static void
verify (Bench *bench, guint8 method, const guint8 *value, gsize len)
{
  psk ()->verify (NULL, &bench->call, &bench->sa, NULL, method, value, len, bench->octets);
}

static void
test_signature_is_that_of_the_rfc (void)
{
  Bench bench;

  bench_open (&bench);
  assert_signs (&bench);
  bench_close (&bench);
}

static void
test_right_value_is_accepted (void)
{
  Bench bench;

  bench_open (&bench);
  verify (&bench, 2, expected, sizeof expected);
  g_assert_cmpstr (bench.call.error, ==, NULL);
  g_assert_cmpstr (bench.call.result, ==, "pre-shared key");
  bench_close (&bench);
}

static void
assert_refused (Bench *bench, guint8 method, const guint8 *value, gsize len)
{
  verify (bench, method, value, len);
  g_assert_null (bench->call.result);
  g_assert_nonnull (bench->call.error);
  call_clear (bench);
}

static void
test_other_values_are_refused (void)
{
  guint8 value[40] = { 0 };
  Bench bench;

  bench_open (&bench);
  for (guint bit = 0; bit < 8 * sizeof expected; bit++) {
    memcpy (value, expected, sizeof expected);
    value[bit / 8] ^= (guint8) (1 << bit % 8);
    assert_refused (&bench, 2, value, sizeof expected);
  }
  memcpy (value, expected, sizeof expected);
  for (gsize len = 0; len <= sizeof value; len++)
    if (len != sizeof expected)
      assert_refused (&bench, 2, value, len);
  assert_refused (&bench, 1, expected, sizeof expected);
  assert_refused (&bench, 13, expected, sizeof expected);
  g_bytes_unref (bench.octets);
  bench.octets = g_bytes_new_static ("the octetz", 10);
  assert_refused (&bench, 2, expected, sizeof expected);
  store.secret = "wrong horse";
  assert_refused (&bench, 2, expected, sizeof expected);
  bench_close (&bench);
}

static void
test_missing_secret_names_both_ends (void)
{
  Bench bench;

  bench_open (&bench);
  store.secret = NULL;
  verify (&bench, 2, expected, sizeof expected);
  g_assert_cmpstr (
      bench.call.error, ==,
      "no shared secret for moon.example - sun.example; add secrets.ike-NAME with id and secret");
  call_clear (&bench);
  psk ()->sign (NULL, &bench.call, &bench.sa, NULL, bench.octets);
  g_assert_null (bench.call.result);
  g_assert_nonnull (strstr (bench.call.error, "moon.example - sun.example"));
  bench_close (&bench);
}

static void
test_empty_secret_is_none (void)
{
  Bench bench;

  bench_open (&bench);
  store.secret = "";
  verify (&bench, 2, expected, sizeof expected);
  g_assert_nonnull (strstr (bench.call.error, "empty"));
  bench_close (&bench);
}

static void
test_initiator_expects_whom_it_is_configured_for (void)
{
  Bench bench;

  bench_open (&bench);
  g_clear_pointer (&bench.sa.remote, ike_ident_unref);
  bench.remote_conf.id = ike_ident_parse ("sun.example", NULL);
  assert_signs (&bench);
  g_assert_cmpuint (store.n_asked, ==, 1);
  bench_close (&bench);
}

static void
test_initiator_without_a_name_looks_by_address_then_alone (void)
{
  Bench bench;

  bench_open (&bench);
  g_clear_pointer (&bench.sa.remote, ike_ident_unref);
  bench.remote_conf.id = ike_ident_parse ("*.example", NULL); /* a pattern is nobody */
  g_strlcpy (store.remote, "192.0.2.7", sizeof store.remote);
  assert_signs (&bench);
  g_assert_cmpuint (store.n_asked, ==, 1);
  store.remote[0] = '\0';
  assert_signs (&bench);
  g_assert_cmpuint (store.n_asked, ==, 3);
  bench_close (&bench);
}

static void
test_without_a_prf_nothing_is_signed_or_accepted (void)
{
  Bench bench;

  bench_open (&bench);
  bench.sa.has_prf = FALSE;
  assert_refused (&bench, 2, expected, sizeof expected);
  psk ()->sign (NULL, &bench.call, &bench.sa, NULL, bench.octets);
  g_assert_null (bench.call.result);
  g_assert_nonnull (bench.call.error);
  bench_close (&bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/auth-psk/signature-is-that-of-the-rfc", test_signature_is_that_of_the_rfc);
  g_test_add_func ("/auth-psk/right-value-is-accepted", test_right_value_is_accepted);
  g_test_add_func ("/auth-psk/other-values-are-refused", test_other_values_are_refused);
  g_test_add_func ("/auth-psk/missing-secret-names-both-ends", test_missing_secret_names_both_ends);
  g_test_add_func ("/auth-psk/empty-secret-is-none", test_empty_secret_is_none);
  g_test_add_func ("/auth-psk/initiator-expects-whom-it-is-configured-for",
                   test_initiator_expects_whom_it_is_configured_for);
  g_test_add_func ("/auth-psk/initiator-without-a-name-looks-by-address-then-alone",
                   test_initiator_without_a_name_looks_by_address_then_alone);
  g_test_add_func ("/auth-psk/without-a-prf-nothing-is-signed-or-accepted",
                   test_without_a_prf_nothing_is_signed_or_accepted);
  return g_test_run ();
}
