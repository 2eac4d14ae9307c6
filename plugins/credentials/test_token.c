/* SPDX-License-Identifier: Apache-2.0 */
/* test_token.c - keys that a provider finds later, or does not find. */
#include <string.h>

#include "test_support.h"

static const MakeCert root = { .cn = "Root", .is_ca = TRUE };
static const MakeCert moon = { .cn = "moon", .names = "DNS:moon.example" };

#define SECTION "secrets { token-1 { handle = 0a\n slot = 3\n module = soft\n pin = 1234 } }"

typedef struct {
  Bench bench;
  X509 *root, *moon;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer unused)
{
  bench_init (&fixture->bench);
  fixture->root = make_cert (&root, "root", NULL, "root");
  fixture->moon = make_cert (&moon, "moon", fixture->root, "root");
}

static void
tear_down (Fixture *fixture, gconstpointer unused)
{
  X509_free (fixture->root);
  X509_free (fixture->moon);
  for (guint i = 0; i < fixture->bench.loads->len; i++)
    ike_call_fail (fixture->bench.loads->pdata[i], "the test is over");
  bench_clear (&fixture->bench);
}

/* -- what the provider has */

static IkeKeySet *
find (Bench *bench, const char *key, X509 *x509)
{
  const IkeProvided *pki = ike_feature_find (bench->engine, "service:pki", NULL);
  g_autofree char *key_text = pem_key (key ? key : "none", NULL);
  g_autofree char *cert_text = x509 ? pem_certs (x509, NULL) : NULL;
  IkeKeySet *set = g_new0 (IkeKeySet, 1);

  set->struct_size = sizeof *set;
  set->keys = g_ptr_array_new_with_free_func ((GDestroyNotify) ike_key_unref);
  set->certs = g_ptr_array_new_with_free_func ((GDestroyNotify) bench->pki->cert_unref);
  if (key)
    g_ptr_array_add (set->keys,
                     bench->pki->key_parse (pki->plugin, (const guint8 *) key_text,
                                            strlen (key_text), NULL, "token:moon", NULL));
  if (x509)
    g_assert_true (bench->pki->certs_parse (pki->plugin, (const guint8 *) cert_text,
                                            strlen (cert_text), set->certs, NULL));
  return set;
}

static IkeCall *
take_load (Bench *bench)
{
  g_assert_cmpuint (bench->loads->len, >, 0);
  return g_ptr_array_steal_index (bench->loads, 0);
}

static void
answer (Bench *bench, const char *key, X509 *cert)
{
  ike_call_answer (take_load (bench), find (bench, key, cert));
  ike_sim_settle (bench->sim);
}

static void
fail (Bench *bench, const char *reason)
{
  ike_call_fail (take_load (bench), reason);
  ike_sim_settle (bench->sim);
}

static char *
problem_of (Bench *bench, const char *name)
{
  g_autoptr (IkeTree) certs = bench_command (bench, "certs", NULL, NULL);
  guint row = bench_row (certs, name);

  return row == G_MAXUINT
             ? g_strdup ("not listed")
             : g_strdup (ike_tree_string (ike_tree_nth (ike_tree_get (certs, "certs"), row),
                                          "problem", "fine"));
}

#define assert_listed(bench, name, expected)                                                       \
  G_STMT_START                                                                                     \
  {                                                                                                \
    g_autofree char *problem_is = problem_of (bench, name);                                        \
    g_assert_cmpstr (problem_is, ==, expected);                                                    \
  }                                                                                                \
  G_STMT_END

static guint64
generation (Bench *bench)
{
  IkeCredentials *credentials = bench->ops->get (bench->plugin);
  guint64 n = bench->ops->generation (credentials);

  bench->ops->unref (credentials);
  return n;
}

/* -- tests */

static void
test_answered_later (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  guint64 before;

  bench_settings (bench, SECTION);
  bench_start (bench);
  before = generation (bench);
  g_assert_cmpuint (bench->loads->len, ==, 1);
  g_assert_cmpstr (bench->sections->str, ==,
                   "{\"handle\": \"0a\", \"slot\": \"3\", \"module\": \"soft\", "
                   "\"pin\": \"1234\"}\n");
  assert_listed (bench, "secrets.token-1", "is being looked for on the token");
  answer (bench, "moon", fixture->moon);
  g_assert_cmpuint (generation (bench), !=, before);
  assert_own (bench, "moon.example", "CN=moon token:moon");
  assert_listed (bench, "secrets.token-1", "fine");
}

/* The certificate in a file, the key on the token. */
static void
test_key_alone (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_put_cert (bench, "x509/moon.pem", fixture->moon);
  bench_settings (bench, SECTION);
  bench_start (bench);
  answer (bench, "moon", NULL);
  assert_own (bench, "moon.example", "CN=moon token:moon");
}

static void
test_failed (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_settings (bench, SECTION);
  bench_start (bench);
  fail (bench, "the PIN is wrong");
  bench_assert_log (bench, "error: secrets.token-1: the token cannot be used: fake: the PIN is "
                           "wrong");
  assert_listed (bench, "secrets.token-1", "fake: the PIN is wrong");
  /* A section that did not change is asked about when somebody reloads, not for each connection. */
  bench_add_conn (bench);
  g_assert_cmpuint (bench->loads->len, ==, 0);
  bench_reload_fine (bench);
  g_assert_cmpuint (bench->loads->len, ==, 1);
  answer (bench, "moon", fixture->moon);
  assert_own (bench, NULL, "CN=moon token:moon");
}

static void
test_nothing_found (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_settings (bench, SECTION);
  bench_start (bench);
  answer (bench, NULL, NULL);
  assert_listed (bench, "secrets.token-1", "there is no such key or certificate");
}

static void
test_timed_out (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_settings (bench, SECTION);
  bench_start (bench);
  while (ike_sim_step (bench->sim, G_GINT64_CONSTANT (61) * G_USEC_PER_SEC))
    ;
  assert_listed (bench, "secrets.token-1", "fake: timed out");
  answer (bench, "moon", fixture->moon);
  assert_listed (bench, "secrets.token-1", "fake: timed out");
}

/* What was found stays through a reload, also if the token does not answer that time. */
static void
test_kept (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_settings (bench, SECTION);
  bench_start (bench);
  answer (bench, "moon", fixture->moon);
  bench_reload_fine (bench);
  assert_own (bench, NULL, "CN=moon token:moon");
  bench_reload_fine (bench);
  g_assert_cmpuint (bench->loads->len, ==, 1);
  fail (bench, "the token is not there");
  assert_own (bench, NULL, "CN=moon token:moon");
  assert_listed (bench, "secrets.token-1", "fake: the token is not there");
  bench_assert_log (bench, "error: secrets.token-1: *the token is not there");
}

static void
test_changed_and_removed (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;

  bench_settings (bench, SECTION);
  bench_start (bench);
  bench_settings (bench, "secrets { token-1 { handle = 0a\n pin = 9 } }");
  bench_reload_fine (bench);
  g_assert_cmpuint (bench->loads->len, ==, 2);
  answer (bench, "moon", fixture->moon);
  g_autofree char *own = bench_own_of (bench, NULL);
  g_assert_true (g_str_has_prefix (own, "- "));
  answer (bench, "moon", fixture->moon);
  assert_own (bench, NULL, "CN=moon token:moon");
  bench_settings (bench, "");
  bench_reload_fine (bench);
  g_assert_cmpuint (bench->loads->len, ==, 0);
  g_autofree char *gone = bench_own_of (bench, NULL);
  g_assert_true (g_str_has_prefix (gone, "- "));
  assert_listed (bench, "secrets.token-1", "not listed");
}

static void
test_authority (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  IkeCredentials *credentials;
  IkeAuthority authority = { .struct_size = sizeof authority };
  IkeCert *ca;

  bench_settings (bench, "authorities { r { handle = 0b\n crl_uris = http://a/ } }");
  bench_start (bench);
  assert_cas (bench, NULL, "");
  answer (bench, NULL, fixture->root);
  assert_cas (bench, NULL, "CN=Root");
  credentials = bench->ops->get (bench->plugin);
  ca = bench->ops->ca (credentials, NULL, 0);
  g_assert_true (bench->ops->authority (credentials, ca, &authority));
  g_assert_cmpstr (authority.crl_uris[0], ==, "http://a/");
  bench->ops->unref (credentials);
}

static void
test_bad_section (Fixture *fixture, gconstpointer unused)
{
  Bench *bench = &fixture->bench;
  g_autofree char *problems = NULL;

  bench_start (bench);
  bench_settings (bench, "secrets { token-1 { slot = 3\n pn = 1 } }");
  problems = bench_reload (bench);
  g_assert_nonnull (strstr (problems, "secrets.token-1.pn: unknown key, did you mean pin?"));
  g_assert_nonnull (strstr (problems, "secrets.token-1.handle: is missing"));
}

#define ADD(name, function)                                                                        \
  g_test_add ("/credentials/token/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("what-is-found-later-makes-a-new-snapshot", test_answered_later);
  ADD ("a-key-on-a-token-fits-a-certificate-in-a-file", test_key_alone);
  ADD ("a-failure-is-told-and-tried-again-at-a-reload", test_failed);
  ADD ("a-token-without-it-is-a-failure", test_nothing_found);
  ADD ("a-provider-that-does-not-answer-is-a-failure", test_timed_out);
  ADD ("what-was-found-stays-until-something-else-is", test_kept);
  ADD ("a-section-that-changed-or-went-is-not-waited-for", test_changed_and_removed);
  ADD ("the-ca-of-an-authority-may-be-on-a-token", test_authority);
  ADD ("what-is-wrong-in-a-section-is-told", test_bad_section);
  return g_test_run ();
}
