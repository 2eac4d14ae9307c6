/* SPDX-License-Identifier: Apache-2.0 */
/* test_pkcs11.c - keys in tokens of SoftHSM: found, signed with, lost and found again. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test_bench.h"
#include "test_softhsm.h"

static SoftHsm hsm;
static char *settings; /* with SoftHSM as module "soft" */

#define SECTION(handle, more) "handle = " handle "\nmodule = soft\npin = " USER_PIN "\n" more

#define FIRST(object)                                                                              \
  "handle = \"pkcs11:token=first;" object "\"\nmodule = soft\npin = " USER_PIN "\n"

static const guint8 curve_ed25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 };

static const NewKey first_keys[] = {
  { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0, 1, "rsa key" },
  { CKM_EC_KEY_PAIR_GEN, curve_p256, sizeof curve_p256, 2, "p256" },
  { CKM_EC_KEY_PAIR_GEN, curve_p384, sizeof curve_p384, 3, "p384" },
  { CKM_EC_KEY_PAIR_GEN, curve_p521, sizeof curve_p521, 4, "p521" },
  { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0, 6, "rsa alone", .has_no_public = TRUE },
  { CKM_EC_KEY_PAIR_GEN, curve_p256, sizeof curve_p256, 7, "p256 alone", .has_no_public = TRUE },
  { CKM_EC_KEY_PAIR_GEN, curve_p256, sizeof curve_p256, 8, "twin" },
  { CKM_EC_KEY_PAIR_GEN, curve_p256, sizeof curve_p256, 8, "other twin" },
  { CKM_EC_KEY_PAIR_GEN, curve_p256, sizeof curve_p256, 9, "no signer", .signs_not = TRUE },
  { CKM_EC_KEY_PAIR_GEN, curve_p256, sizeof curve_p256, 10, "asks", .asks_always = TRUE },
};
static const NewKey second_key = { CKM_EC_KEY_PAIR_GEN, curve_p256, sizeof curve_p256, 0x21,
                                   "far" },
                    ed25519_key = { CKM_EC_EDWARDS_KEY_PAIR_GEN, curve_ed25519,
                                    sizeof curve_ed25519, 5, "ed25519" };

/* -- signing */

typedef struct {
  const char *handle;
  const char *name;
  guint n_schemes;
} Kind;

/* Every scheme of the key's type signs and verifies; all others are refused. */
static void
prove_all (Bench *bench, const Kind *kind)
{
  g_autofree char *section =
      g_strdup_printf ("handle = %s\nmodule = soft\npin = " USER_PIN, kind->handle);
  g_autoptr (GBytes) octets = g_bytes_new_static ("octets", 6);
  Key *key = bench_key (bench, section);
  const IkeSigScheme *scheme;
  guint n = 0;

  g_assert_cmpstr (bench->pki->pubkey_info (key->head.pubkey)->name, ==, kind->name);
  for (guint i = 0; (scheme = bench->pki->scheme (bench->pki_plugin, i)); i++) {
    char *error;
    if (key->head.klass->can (&key->head, scheme)) {
      bench_prove (bench, key, scheme->name);
      n++;
      continue;
    }
    g_assert_null (bench_sign (bench, key, scheme, octets, &error));
    g_assert_nonnull (strstr (error, "does not sign with"));
    g_free (error);
  }
  g_assert_cmpuint (n, ==, kind->n_schemes);
  ike_key_unref (&key->head);
}

static void
test_schemes (gconstpointer data)
{
  Bench bench;

  bench_open (&bench, settings);
  prove_all (&bench, data);
  bench_close (&bench);
}

/* Where there is a leak detector. */
extern void __lsan_disable (void) __attribute__ ((weak));
extern void __lsan_enable (void) __attribute__ ((weak));

/* SoftHSM 2.6.1 forgets an ASN1_STRING each time that it begins to sign with such a key (the
 * detector shows it allocated below C_SignInit, by libsofthsm2.so). */
static void
test_ed25519 (gconstpointer data)
{
  if (__lsan_disable)
    __lsan_disable ();
  test_schemes (data);
  if (__lsan_enable)
    __lsan_enable ();
}

/* As with a token that does not hash itself. */
static void
test_hashes_of_our_own (void)
{
  static const char *const schemes[] = { "rsa-sha1",       "rsa-sha256",     "rsa-sha384",
                                         "rsa-sha512",     "rsa-pss-sha256", "rsa-pss-sha384",
                                         "rsa-pss-sha512", "rsa-sha1-v1" };
  Bench bench;
  Key *key;

  bench_open (&bench, settings);
  key = bench_key (&bench, SECTION ("01", ""));
  g_assert_cmpuint (key->mechanisms & ~(guint32) (MECHANISM_RSA_PKCS | MECHANISM_RSA_PSS), !=, 0);
  key->mechanisms &= MECHANISM_RSA_PKCS | MECHANISM_RSA_PSS;
  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    bench_prove (&bench, key, schemes[i]);
  key->mechanisms = MECHANISM_RSA_PSS;
  g_assert_false (key->head.klass->can (&key->head, bench_scheme (&bench, "rsa-sha256")));
  g_assert_true (key->head.klass->can (&key->head, bench_scheme (&bench, "rsa-pss-sha256")));
  ike_key_unref (&key->head);
  bench_close (&bench);
}

static void
test_raw_and_der (void)
{
  g_autoptr (GBytes) octets = g_bytes_new_static ("octets", 6), raw = NULL, der = NULL;
  Bench bench;
  Key *key;
  char *error;

  bench_open (&bench, settings);
  key = bench_key (&bench, SECTION ("02", ""));
  raw = bench_sign (&bench, key, bench_scheme (&bench, "ecdsa-p256-v1"), octets, &error);
  der = bench_sign (&bench, key, bench_scheme (&bench, "ecdsa-sha256"), octets, &error);
  g_assert_cmpuint (g_bytes_get_size (raw), ==, 64);
  g_assert_cmpuint (*(const guint8 *) g_bytes_get_data (der, NULL), ==, 0x30);
  ike_key_unref (&key->head);
  bench_close (&bench);
}

static void
test_asks_always (void)
{
  Bench bench;
  Key *key;

  bench_open (&bench, settings);
  key = bench_key (&bench, SECTION ("0a", ""));
  g_assert_true (key->asks_always);
  bench_prove (&bench, key, "ecdsa-sha256");
  bench_prove (&bench, key, "ecdsa-sha256");
  ike_key_unref (&key->head);
  bench_close (&bench);
}

static void
test_closed_underneath (void)
{
  Bench bench;
  Key *key;
  guint generation;

  bench_open (&bench, settings);
  key = bench_key (&bench, SECTION ("02", ""));
  bench_prove (&bench, key, "ecdsa-sha256");
  generation = key->token->generation;
  g_assert_cmpint (hsm.functions->C_CloseAllSessions (hsm.slots[0]), ==, CKR_OK);
  bench_prove (&bench, key, "ecdsa-sha256");
  g_assert_cmpuint (key->token->generation, ==, generation + 1);
  ike_key_unref (&key->head);
  bench_close (&bench);
}

/* Somebody else in this process; the session is there, but not what it needs. */
static void
test_logged_out (void)
{
  Bench bench;
  Key *key;
  CK_SESSION_HANDLE session;

  bench_open (&bench, settings);
  key = bench_key (&bench, SECTION ("02", ""));
  bench_prove (&bench, key, "ecdsa-sha256");
  g_assert_cmpint (
      hsm.functions->C_OpenSession (hsm.slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session), ==,
      CKR_OK);
  g_assert_cmpint (hsm.functions->C_Logout (session), ==, CKR_OK);
  hsm.functions->C_CloseSession (session);
  bench_prove (&bench, key, "ecdsa-sha256");
  ike_key_unref (&key->head);
  bench_close (&bench);
}

/* -- public halves */

static void
test_rsa_alone (void)
{
  Bench bench;
  Key *key;

  bench_open (&bench, settings);
  key = bench_key (&bench, FIRST ("id=%06"));
  bench_prove (&bench, key, "rsa-pss-sha256");
  ike_key_unref (&key->head);
  bench_no_key (&bench, FIRST ("id=%07"), "neither public key nor certificate");
  bench_close (&bench);
}

/* -- what is not found, or not taken */

static void
test_handles (void)
{
  Bench bench;

  bench_open (&bench, settings);
  bench_no_key (&bench, "handle = 01\nmodule = soft", "set pin");
  bench_no_key (&bench, SECTION ("7777", ""), "cannot be seen without a PIN");
  bench_no_key (&bench, SECTION ("08", ""), "more than one");
  bench_no_key (&bench, SECTION ("09", ""), "CKA_SIGN");
  bench_no_key (&bench, SECTION ("0", ""), "hexadecimal");
  bench_no_key (&bench, SECTION ("0g", ""), "hexadecimal");
  bench_no_key (&bench, SECTION ("\"\"", ""), "handle: it is empty");
  bench_no_key (&bench, "module = soft\n", "handle: it is missing");
  bench_no_key (&bench, SECTION ("01", "slot = 99999"), "no such token in this slot");
  bench_no_key (&bench, SECTION ("01", "slot = here"), "slot: here is no number");
  ike_key_unref (&bench_key (&bench, SECTION ("0x01", ""))->head);
  bench_close (&bench);
}

static void
test_slot (void)
{
  g_autofree char *right = g_strdup_printf (SECTION ("21", "slot = %lu"), hsm.slots[1]),
                  *wrong = g_strdup_printf (SECTION ("21", "slot = %lu"), hsm.slots[0]);
  Bench bench;

  bench_open (&bench, settings);
  ike_key_unref (&bench_key (&bench, right)->head);
  bench_no_key (&bench, wrong, "no such private key on token first");
  bench_close (&bench);
}

static void
test_uris (void)
{
  static const char *const good[] = {
    "pkcs11:token=first;object=p256?pin-value=" USER_PIN "&module-name=soft",
    "pkcs11:token=first;id=%02;type=private?pin-value=" USER_PIN,
    "pkcs11:object=other%20twin;id=%08;manufacturer=SoftHSM%20project?pin-value=" USER_PIN,
    "pkcs11:token=second?pin-value=" USER_PIN,
  };
  static const struct {
    const char *uri, *why;
  } bad[] = {
    { "pkcs11:token=third;id=%02", "there is no such token" },
    { "pkcs11:token=first;id=%02;colour=blue", "not known" },
    { "pkcs11:token=first;id=%02;type=cert", "names no private key" },
    { "pkcs11:token=first;id=%zz", "not a PKCS#11 URI" },
    { "pkcs11:token=first;id=%02?pin-source=file:/pin", "pin-source" },
    { "pkcs11:token=first;id=%02?module-name=hard", "plugins.pkcs11.modules.hard" },
    { "pkcs11:token=first?pin-value=" USER_PIN, "more than one" },
  };
  Bench bench;

  bench_open (&bench, settings);
  for (guint i = 0; i < G_N_ELEMENTS (good); i++) {
    g_autofree char *section = g_strdup_printf ("handle = \"%s\"", good[i]);
    Key *key = bench_key (&bench, section);
    bench_prove (&bench, key, "ecdsa-sha256");
    g_assert_null (strstr (key->head.label, USER_PIN));
    ike_key_unref (&key->head);
  }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autofree char *section = g_strdup_printf ("handle = \"%s\"", bad[i].uri);
    bench_no_key (&bench, section, bad[i].why);
  }
  bench_close (&bench);
}

/* Two tokens, and no slot: it would be wrong on the other one if it were tried there. */
static void
test_pin_goes_to_one (void)
{
  Bench bench;
  g_autofree char *wrong = g_strdup ("handle = 02\nmodule = soft\npin = 0000");

  bench_open (&bench, settings);
  ike_key_unref (&bench_key (&bench, SECTION ("21", ""))->head);
  bench_no_key (&bench, wrong, "token first refuses the PIN");
  bench_no_key (&bench, wrong, "token first: it refused this PIN before");
  /* The one that is right is taken still. */
  ike_key_unref (&bench_key (&bench, SECTION ("02", ""))->head);
  bench_close (&bench);
}

/* -- modules */

static void
test_no_module (void)
{
  Bench bench;
  g_autofree char *path =
      g_strdup_printf ("handle = 01\npin = " USER_PIN "\nmodule = %s", hsm.path);

  bench_open (&bench, "");
  bench_no_key (&bench, "handle = 01", "module: none is known");
  bench_no_key (&bench, "handle = 01\nmodule = soft", "there is no plugins.pkcs11.modules.soft");
  bench_no_key (&bench, "handle = 01\nmodule = /nowhere/at-all.so", "No such file");
  bench_no_key (&bench, "handle = 01\nmodule = /bin/sh", "cannot be loaded");
  ike_key_unref (&bench_key (&bench, path)->head);
  bench_close (&bench);
}

static char *
module_setting (const char *path)
{
  return g_strdup_printf ("handle = 01\npin = " USER_PIN "\nmodule = %s", path);
}

static void
test_untrusted (void)
{
  g_autofree char *directory = g_build_filename (hsm.directory, "open", NULL),
                  *file = g_build_filename (directory, "module.so", NULL),
                  *section = module_setting (file),
                  *link = g_build_filename (hsm.directory, "link.so", NULL),
                  *through_link = module_setting (link), *content = NULL;
  gsize len;
  Bench bench;

  if (geteuid () != 0) {
    g_test_skip ("needs root, who alone may own a module");
    return;
  }
  g_assert_true (g_file_get_contents (hsm.path, &content, &len, NULL));
  g_assert_cmpint (g_mkdir (directory, 0755), ==, 0);
  g_assert_true (g_file_set_contents (file, content, (gssize) len, NULL));
  g_assert_cmpint (symlink (file, link), ==, 0);
  bench_open (&bench, "");
  g_assert_cmpint (chmod (file, 0646), ==, 0);
  bench_no_key (&bench, section, "it may be written by everybody");
  bench_no_key (&bench, through_link, "it may be written by everybody");
  g_assert_cmpint (chmod (file, 0644), ==, 0);
  g_assert_cmpint (chown (file, 1, 0), ==, 0);
  bench_no_key (&bench, section, "it does not belong to root");
  g_assert_cmpint (chown (file, 0, 1), ==, 0);
  g_assert_cmpint (chmod (file, 0664), ==, 0);
  bench_no_key (&bench, section, "it may be written by its group");
  g_assert_cmpint (chmod (file, 0644), ==, 0);
  g_assert_cmpint (chmod (directory, 0757), ==, 0);
  bench_no_key (&bench, section, "open may be written by everybody");
  bench_no_key (&bench, "handle = 01\nmodule = /usr/lib", "is no file");
  bench_close (&bench);
}

static void
test_settings (void)
{
  static const struct {
    const char *settings, *why;
  } bad[] = {
    { "plugins { pkcs11 { modules { soft = x.so } } }", "modules.soft: wants an absolute path" },
    { "plugins { pkcs11 { modules { soft { path = x.so } } } }", "wants an absolute path" },
    { "plugins { pkcs11 { modules { soft { file = /x.so } } } }", "soft.file: unknown option" },
    { "plugins { pkcs11 { max_pendin = 3 } }", "did you mean max_pending" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autofree char *why = bench_explain (bad[i].settings);
    if (!strstr (why, bad[i].why))
      g_error ("\"%s\" does not say \"%s\"", why, bad[i].why);
  }
}

/* -- engines and the command */

static void
test_two_engines (void)
{
  Bench one, two;
  Key *first, *second;

  bench_open (&one, settings);
  bench_open (&two, settings);
  first = bench_key (&one, SECTION ("02", ""));
  second = bench_key (&two, SECTION ("02", ""));
  bench_prove (&one, first, "ecdsa-sha256");
  bench_prove (&two, second, "ecdsa-sha256");
  ike_key_unref (&first->head);
  bench_close (&one);
  bench_prove (&two, second, "ecdsa-sha256");
  g_assert_cmpuint (second->token->generation, ==, 1);
  ike_key_unref (&second->head);
  bench_close (&two);
}

static const IkeTree *
row_of (const IkeTree *list, const char *key, const char *value)
{
  for (guint i = 0; i < ike_tree_n (list); i++)
    if (g_strcmp0 (ike_tree_string (ike_tree_nth (list, i), key, NULL), value) == 0)
      return ike_tree_nth (list, i);
  g_error ("no row has %s = %s", key, value);
}

static void
test_tokens (void)
{
  Bench bench;
  Key *key;
  IkeTree *tree;
  const IkeTree *row;
  g_autofree char *text = NULL;

  bench_open (&bench, settings);
  key = bench_key (&bench, SECTION ("02", ""));
  bench_prove (&bench, key, "ecdsa-sha256");
  tree = bench_tokens (&bench);
  row = row_of (ike_tree_get (tree, "modules"), "name", "soft");
  g_assert_cmpstr (ike_tree_string (row, "state", ""), ==, "loaded");
  row = row_of (ike_tree_get (tree, "tokens"), "token", "first");
  g_assert_cmpstr (ike_tree_string (row, "state", ""), ==, "logged in");
  g_assert_cmpint (ike_tree_int (row, "slot", -1), ==, (gint64) hsm.slots[0]);
  g_assert_cmpstr (
      ike_tree_string (row_of (ike_tree_get (row, "objects"), "label", "p384"), "handle", ""), ==,
      "03");
  row = row_of (ike_tree_get (tree, "tokens"), "token", "second");
  g_assert_cmpstr (ike_tree_string (row, "state", ""), ==, "not logged in");
  g_assert_cmpint (ike_tree_int (row, "private-keys", -1), ==, 0);
  row = row_of (ike_tree_get (tree, "keys"), "key", "token first, key 02");
  g_assert_cmpstr (ike_tree_string (row, "state", ""), ==, "ready");
  g_assert_cmpint (ike_tree_int (row, "signatures", 0), ==, 1);
  text = ike_tree_serialize (tree, FALSE);
  g_assert_null (strstr (text, USER_PIN));
  ike_tree_free (tree);
  /* Nobody has the key any more. */
  ike_key_unref (&key->head);
  tree = bench_tokens (&bench);
  g_assert_cmpuint (ike_tree_n (ike_tree_get (tree, "keys")), ==, 0);
  ike_tree_free (tree);
  bench_close (&bench);
}

/* -- many at once */

enum { N_AT_ONCE = 64 };

typedef struct {
  Bench *bench;
  Key *key;
  GBytes *octets;
  IkeLoop *loop;
  Answer answer;
} One;

static void
begin_one (gpointer data)
{
  One *one = data;

  one->key->head.klass->sign (&one->key->head, one->bench->engine,
                              bench_scheme (one->bench, "ecdsa-sha256"), one->octets,
                              ike_loop_call (one->loop, &answer_call, NULL, &one->answer));
}

static void
test_many (void)
{
  Bench bench;
  Key *keys[2];
  g_autofree One *all = g_new0 (One, N_AT_ONCE);

  bench_open_real (&bench, settings);
  keys[0] = bench_key (&bench, SECTION ("02", ""));
  keys[1] = bench_key (&bench, SECTION ("21", ""));
  for (guint i = 0; i < N_AT_ONCE; i++) {
    One *one = &all[i];
    g_autofree char *text = g_strdup_printf ("octets %u", i);
    one->bench = &bench;
    one->key = keys[i / 2 % 2];
    one->octets = g_bytes_new (text, strlen (text));
    one->loop = ike_engine_shard (bench.engine, i % 2);
    answer_init (&one->answer);
    ike_loop_post (one->loop, begin_one, one, NULL);
  }
  for (guint i = 0; i < N_AT_ONCE; i++) {
    One *one = &all[i];
    answer_wait (&bench, &one->answer);
    g_assert_cmpstr (one->answer.error, ==, NULL);
    g_assert_true (bench_verify (&bench, one->key, bench_scheme (&bench, "ecdsa-sha256"),
                                 one->octets, one->answer.result));
    g_bytes_unref (one->answer.result);
    g_bytes_unref (one->octets);
  }
  ike_key_unref (&keys[0]->head);
  ike_key_unref (&keys[1]->head);
  bench_close (&bench);
}

/* -- all of them */

/* FALSE: this SoftHSM was built without Ed25519. */
static gboolean
make_keys (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (first_keys); i++)
    g_assert_cmpint (softhsm_key (&hsm, 0, &first_keys[i]), ==, CKR_OK);
  g_assert_cmpint (softhsm_key (&hsm, 1, &second_key), ==, CKR_OK);
  return softhsm_key (&hsm, 0, &ed25519_key) == CKR_OK;
}

int
main (int argc, char **argv)
{
  static const Kind rsa = { "01", "RSA 2048", 8 }, p256 = { "02", "ECDSA P-256", 5 },
                    p384 = { "03", "ECDSA P-384", 5 }, p521 = { "04", "ECDSA P-521", 5 },
                    ed25519 = { "05", "Ed25519", 1 };
  gboolean has_ed25519;
  int result;

  g_test_init (&argc, &argv, NULL);
  if (!softhsm_open (&hsm))
    return 77;
  has_ed25519 = make_keys ();
  settings = g_strdup_printf ("plugins { pkcs11 { modules { soft { path = %s } } } }", hsm.path);
  g_test_add_data_func ("/pkcs11/rsa-signs-with-every-scheme-of-its-own", &rsa, test_schemes);
  g_test_add_data_func ("/pkcs11/p256-signs-with-every-scheme-of-its-own", &p256, test_schemes);
  g_test_add_data_func ("/pkcs11/p384-signs-with-every-scheme-of-its-own", &p384, test_schemes);
  g_test_add_data_func ("/pkcs11/p521-signs-with-every-scheme-of-its-own", &p521, test_schemes);
  if (has_ed25519)
    g_test_add_data_func ("/pkcs11/ed25519-signs-with-its-scheme", &ed25519, test_ed25519);
  g_test_add_func ("/pkcs11/a-token-that-does-not-hash-is-given-hashes", test_hashes_of_our_own);
  g_test_add_func ("/pkcs11/ecdsa-is-raw-with-old-methods-and-der-with-the-new", test_raw_and_der);
  g_test_add_func ("/pkcs11/a-key-that-always-asks-is-given-the-pin-each-time", test_asks_always);
  g_test_add_func ("/pkcs11/a-session-closed-underneath-is-opened-again", test_closed_underneath);
  g_test_add_func ("/pkcs11/a-token-that-was-locked-is-unlocked-again", test_logged_out);
  g_test_add_func ("/pkcs11/a-private-key-alone-will-do-if-it-has-the-numbers", test_rsa_alone);
  g_test_add_func ("/pkcs11/a-handle-that-leads-nowhere-is-told-why", test_handles);
  g_test_add_func ("/pkcs11/a-slot-is-the-only-one-looked-into", test_slot);
  g_test_add_func ("/pkcs11/uris-name-token-object-module-and-pin", test_uris);
  g_test_add_func ("/pkcs11/a-pin-goes-to-one-token-and-a-wrong-one-goes-once",
                   test_pin_goes_to_one);
  g_test_add_func ("/pkcs11/without-a-module-there-is-no-key", test_no_module);
  g_test_add_func ("/pkcs11/a-module-that-others-can-change-is-not-loaded", test_untrusted);
  g_test_add_func ("/pkcs11/settings-that-say-nothing-keep-the-plugin-out", test_settings);
  g_test_add_func ("/pkcs11/two-engines-share-a-token-in-peace", test_two_engines);
  g_test_add_func ("/pkcs11/tokens-shows-modules-tokens-and-keys", test_tokens);
  g_test_add_func ("/pkcs11/many-signatures-at-once-are-each-right", test_many);
  result = g_test_run ();
  g_free (settings);
  softhsm_close (&hsm);
  return result;
}
