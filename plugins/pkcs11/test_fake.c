/* SPDX-License-Identifier: Apache-2.0 */
/* test_fake.c - tokens that are slow, pulled, locked or wrong: a module that does as it is told. */
#include "config.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#define P11_KIT_FUTURE_UNSTABLE_API
#include "fake_token.h"
#include "test_bench.h"

#define PIN "right"
#define SCHEME "rsa-sha256"

static FakeToken *fake;
static EVP_PKEY *rsa;
static char *directory, *module, *section, *wrong_section;

static gboolean
sign_rsa (const guint8 *digest_info, gsize len, guint8 out[256])
{
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new (rsa, NULL);
  gsize out_len = 256;
  gboolean is_done = EVP_PKEY_sign_init (context) == 1
                     && EVP_PKEY_CTX_set_rsa_padding (context, RSA_PKCS1_PADDING) == 1
                     && EVP_PKEY_sign (context, out, &out_len, digest_info, len) == 1;

  EVP_PKEY_CTX_free (context);
  return is_done && out_len == 256;
}

static void
reset (void)
{
  guint8 modulus[256];

  memcpy (modulus, fake->modulus, sizeof modulus);
  memset (fake, 0, sizeof *fake);
  memcpy (fake->modulus, modulus, sizeof modulus);
  fake->flags = CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED;
  fake->pin = PIN;
  fake->serial = "0001";
  fake->slot = 1;
  fake->sign = sign_rsa;
  fake->gate = -1;
}

/* Asserts that it fails, for a reason that has @text in it. */
static void
sign_fails (Bench *bench, Key *key, const char *text)
{
  g_autoptr (GBytes) octets = g_bytes_new_static ("octets", 6);
  g_autofree char *error = NULL;

  g_assert_null (bench_sign (bench, key, bench_scheme (bench, SCHEME), octets, &error));
  if (!strstr (error, text))
    g_error ("\"%s\" does not say \"%s\"", error, text);
}

/* -- pulled and put back */

static void
test_pulled (void)
{
  Bench bench;
  Key *key;
  IkeTree *tree;

  reset ();
  bench_open (&bench, "");
  key = bench_key (&bench, section);
  bench_prove (&bench, key, SCHEME);
  fake->slot = 0;
  sign_fails (&bench, key, "is in no slot");
  tree = bench_tokens (&bench);
  g_assert_cmpstr (ike_tree_string (ike_tree_nth (ike_tree_get (tree, "keys"), 0), "state", ""), ==,
                   "the token is gone");
  ike_tree_free (tree);
  fake->slot = 2;
  bench_prove (&bench, key, SCHEME);
  g_assert_cmpuint (fake->n_logins, ==, 2);
  ike_key_unref (&key->head);
  bench_close (&bench);
}

static void
test_another (void)
{
  Bench bench;
  Key *key;

  reset ();
  bench_open (&bench, "");
  key = bench_key (&bench, section);
  fake->slot = 0;
  sign_fails (&bench, key, "is in no slot");
  fake->slot = 1;
  fake->serial = "0002";
  sign_fails (&bench, key, "is in no slot");
  g_assert_cmpuint (fake->n_logins, ==, 1);
  fake->serial = "0001";
  bench_prove (&bench, key, SCHEME);
  ike_key_unref (&key->head);
  bench_close (&bench);
}

static void
test_lost_for_good (void)
{
  Bench bench;
  Key *key;

  reset ();
  bench_open (&bench, "");
  key = bench_key (&bench, section);
  fake->init_result = CKR_DEVICE_REMOVED;
  sign_fails (&bench, key, "cannot begin to sign");
  g_assert_cmpuint (fake->n_inits, ==, 2);
  /* What is no loss is not tried again. */
  fake->init_result = CKR_MECHANISM_INVALID;
  sign_fails (&bench, key, "cannot begin to sign");
  g_assert_cmpuint (fake->n_inits, ==, 3);
  ike_key_unref (&key->head);
  bench_close (&bench);
}

/* -- PINs */

static void
test_wrong_pin (void)
{
  Bench bench;

  reset ();
  bench_open (&bench, "");
  bench_no_key (&bench, wrong_section, "refuses the PIN");
  for (guint i = 0; i < 3; i++)
    bench_no_key (&bench, wrong_section, "it refused this PIN before");
  g_assert_cmpuint (fake->n_logins, ==, 1);
  for (guint i = 0; i < 3; i++) {
    g_autofree char *other = g_strdup_printf ("handle = 01\nmodule = %s\npin = wrong%u", module, i);
    bench_no_key (&bench, other, "refuses the PIN");
  }
  bench_no_key (&bench, section, "refused too many PINs");
  g_assert_cmpuint (fake->n_logins, ==, 4);
  bench_close (&bench);
}

static void
test_last_try (void)
{
  Bench bench;

  reset ();
  bench_open (&bench, "");
  fake->flags |= CKF_USER_PIN_FINAL_TRY;
  bench_no_key (&bench, section, "one more wrong PIN locks it");
  fake->flags |= CKF_USER_PIN_LOCKED;
  bench_no_key (&bench, section, "PIN is locked");
  g_assert_cmpuint (fake->n_logins, ==, 0);
  bench_close (&bench);
}

static void
test_changed_pin (void)
{
  Bench bench;
  Key *key;

  reset ();
  bench_open (&bench, "");
  key = bench_key (&bench, section);
  fake->slot = 2;
  fake->pin = "changed";
  sign_fails (&bench, key, "refuses the PIN");
  sign_fails (&bench, key, "it refused this PIN before");
  sign_fails (&bench, key, "it refused this PIN before");
  g_assert_cmpuint (fake->n_logins, ==, 2);
  ike_key_unref (&key->head);
  bench_close (&bench);
}

static void
test_pin_pad (void)
{
  g_autofree char *without = g_strdup_printf ("handle = 01\nmodule = %s", module);
  Bench bench;

  reset ();
  bench_open (&bench, "");
  bench_no_key (&bench, without, "set pin");
  g_assert_cmpuint (fake->n_logins, ==, 0);
  fake->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
  ike_key_unref (&bench_key (&bench, without)->head);
  g_assert_cmpuint (fake->n_logins, ==, 1);
  bench_close (&bench);
}

static void
test_asks_always (void)
{
  Bench bench;
  Key *key;

  reset ();
  fake->asks_always = TRUE;
  bench_open (&bench, "");
  key = bench_key (&bench, section);
  bench_prove (&bench, key, SCHEME);
  bench_prove (&bench, key, SCHEME);
  g_assert_cmpuint (fake->n_logins, ==, 1);
  g_assert_cmpuint (fake->n_context_logins, ==, 2);
  fake->pin = "changed";
  sign_fails (&bench, key, "cannot log in for one signature");
  sign_fails (&bench, key, "it refused this PIN before");
  g_assert_cmpuint (fake->n_context_logins, ==, 3);
  ike_key_unref (&key->head);
  bench_close (&bench);
}

/* -- tokens that say what is not so */

static void
test_spoiled (void)
{
  Bench bench;
  Key *key;

  reset ();
  bench_open (&bench, "");
  key = bench_key (&bench, section);
  fake->spoils = TRUE;
  sign_fails (&bench, key, "does not fit the public key");
  ike_key_unref (&key->head);
  bench_close (&bench);
}

static void
test_lengths (void)
{
  static const CK_ULONG lengths[] = { 1, MAX_MODULUS + 1, (CK_ULONG) 1 << 40, (CK_ULONG) -2,
                                      CK_UNAVAILABLE_INFORMATION };
  Bench bench;

  reset ();
  bench_open (&bench, "");
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    fake->wrong_len = lengths[i];
    bench_no_key (&bench, section, "neither public key nor certificate");
  }
  bench_close (&bench);
}

static void
test_endless (void)
{
  Bench bench;
  IkeTree *tree;
  const IkeTree *token;

  reset ();
  fake->is_endless = TRUE;
  bench_open (&bench, "plugins { pkcs11 { modules { fake { path = /nowhere/fake.so } } } }");
  ike_key_unref (&bench_key (&bench, section)->head);
  tree = bench_tokens (&bench);
  g_assert_nonnull (
      strstr (ike_tree_string (ike_tree_nth (ike_tree_get (tree, "modules"), 0), "state", ""),
              "No such file"));
  token = ike_tree_nth (ike_tree_get (tree, "tokens"), 0);
  /* What is in it is escaped, and no more than a hundred of a kind are told. */
  g_assert_cmpstr (ike_tree_string (token, "token", ""), ==, "fake\\x0a");
  g_assert_cmpuint (ike_tree_n (ike_tree_get (token, "objects")), ==, 201);
  ike_tree_free (tree);
  bench_close (&bench);
}

static void
test_no_mechanism (void)
{
  Bench bench;

  reset ();
  fake->signs_not = TRUE;
  bench_open (&bench, "");
  bench_no_key (&bench, section, "the token signs with no RSA 2048 key");
  bench_close (&bench);
}

/* -- p11-kit's configuration */

static void
test_p11_kit (void)
{
  g_autofree char *modules = g_build_filename (directory, "modules", NULL),
                  *file = g_build_filename (modules, "fake.module", NULL),
                  *text = g_strdup_printf ("module: %s\n", module);
  const char *unnamed = "handle = 01\npin = " PIN;
  Bench bench;

  reset ();
  g_assert_cmpint (g_mkdir (modules, 0755), ==, 0);
  g_assert_true (g_file_set_contents (file, text, -1, NULL));
  p11_kit_override_system_files ("/nonexistent/conf", "/nonexistent/conf", "/nonexistent", modules,
                                 "/nonexistent");
  bench_open (&bench, "");
  bench_no_key (&bench, unnamed, "module: none is known");
  bench_close (&bench);
  bench_open (&bench, "plugins { pkcs11 { use_p11_kit_config = yes } }");
  ike_key_unref (&bench_key (&bench, unnamed)->head);
  /* The same file by its path is the same module. */
  ike_key_unref (&bench_key (&bench, section)->head);
  g_assert_cmpuint (fake->n_logins, ==, 1);
  bench_close (&bench);
  g_unlink (file);
  g_rmdir (modules);
}

/* -- slow tokens */

typedef struct {
  Bench *bench;
  Key *key;
  IkeCall *call;
  Answer answer;
} One;

static int gate[2];

static void
begin (gpointer data)
{
  One *one = data;
  g_autoptr (GBytes) octets = g_bytes_new_static ("octets", 6);
  IkeEngine *engine = one->bench->engine;

  one->call = ike_loop_call (ike_engine_control (engine), &answer_call, NULL, &one->answer);
  one->key->head.klass->sign (&one->key->head, engine, bench_scheme (one->bench, SCHEME), octets,
                              one->call);
}

static void
ask (Bench *bench, Key *key, One *one)
{
  one->bench = bench;
  one->key = key;
  answer_init (&one->answer);
  bench_on_control (bench, begin, one);
}

static void
answered_well (Bench *bench, One *one)
{
  answer_wait (bench, &one->answer);
  g_assert_cmpstr (one->answer.error, ==, NULL);
  g_bytes_unref (one->answer.result);
}

static Key *
open_slow (Bench *bench, const char *settings)
{
  reset ();
  g_assert_cmpint (pipe2 (gate, O_CLOEXEC), ==, 0);
  fake->gate = gate[0];
  bench_open_real (bench, settings);
  return bench_key (bench, section);
}

static void
let_through (guint n)
{
  while (n--)
    g_assert_cmpint (write (gate[1], "x", 1), ==, 1);
}

static void
close_slow (Bench *bench, Key *key)
{
  ike_key_unref (&key->head);
  bench_close (bench);
  close (gate[0]);
  close (gate[1]);
}

static void
ran (gpointer data)
{
  sem_post (&((Answer *) data)->done);
}

static void
test_responsive (void)
{
  Bench bench;
  Key *key = open_slow (&bench, "");
  One one;
  IkeLoop *loops[4];

  ask (&bench, key, &one);
  while (!atomic_load (&fake->n_at_gate))
    sched_yield ();
  loops[0] = ike_engine_control (bench.engine);
  loops[1] = ike_engine_shard (bench.engine, 0);
  loops[2] = ike_engine_shard (bench.engine, 1);
  loops[3] = ike_engine_io (bench.engine);
  for (guint i = 0; i < G_N_ELEMENTS (loops); i++) {
    Answer job;
    answer_init (&job);
    ike_loop_post (loops[i], ran, &job, NULL);
    answer_wait (&bench, &job);
  }
  g_assert_cmpuint (fake->n_signatures, ==, 0);
  g_assert_cmpint (sem_trywait (&one.answer.done), !=, 0);
  let_through (1);
  answered_well (&bench, &one);
  close_slow (&bench, key);
}

static void
test_bounded (void)
{
  Bench bench;
  Key *key = open_slow (&bench, "plugins { pkcs11 { max_pending = 3 } }");
  One waiting[3], refused;

  for (guint i = 0; i < G_N_ELEMENTS (waiting); i++)
    ask (&bench, key, &waiting[i]);
  ask (&bench, key, &refused);
  answer_wait (&bench, &refused.answer);
  g_assert_null (refused.answer.result);
  g_assert_nonnull (strstr (refused.answer.error, "3 signatures wait"));
  g_free (refused.answer.error);
  let_through (3);
  for (guint i = 0; i < G_N_ELEMENTS (waiting); i++)
    answered_well (&bench, &waiting[i]);
  close_slow (&bench, key);
}

static void
cancel (gpointer data)
{
  ike_call_cancel (((One *) data)->call);
}

static void
test_cancelled (void)
{
  Bench bench;
  Key *key = open_slow (&bench, "");
  One first, cancelled, last;
  Answer fence;

  ask (&bench, key, &first);
  while (!atomic_load (&fake->n_at_gate))
    sched_yield ();
  ask (&bench, key, &cancelled);
  bench_on_control (&bench, cancel, &cancelled);
  ask (&bench, key, &last);
  answer_init (&fence);
  bench_on_control (&bench, ran, &fence);
  answer_wait (&bench, &fence);
  let_through (2);
  answered_well (&bench, &first);
  answered_well (&bench, &last);
  g_assert_cmpuint (fake->n_signatures, ==, 2);
  g_assert_cmpint (sem_trywait (&cancelled.answer.done), !=, 0);
  sem_destroy (&cancelled.answer.done);
  close_slow (&bench, key);
}

/* Those that wait when the daemon ends are answered by nobody, and leave nothing behind. */
static void
test_end (void)
{
  Bench bench;
  Key *key = open_slow (&bench, "");
  One all[4];

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    ask (&bench, key, &all[i]);
  while (!atomic_load (&fake->n_at_gate))
    sched_yield ();
  ike_key_unref (&key->head);
  ike_engine_quit (bench.engine);
  let_through (G_N_ELEMENTS (all));
  bench_close (&bench);
  for (guint i = 0; i < G_N_ELEMENTS (all); i++) {
    if (sem_trywait (&all[i].answer.done) == 0)
      g_bytes_unref (all[i].answer.result);
    sem_destroy (&all[i].answer.done);
  }
  close (gate[0]);
  close (gate[1]);
}

/* -- all of them */

/* Where only root can change it, wherever the build tree is. */
static void
copy_module (void)
{
  g_autofree char *built =
      g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "plugins/pkcs11/.libs/fake_token.so", NULL);
  g_autofree char *content = NULL;
  FakeTokenGet get;
  gpointer handle;
  gsize len;

  directory = g_dir_make_tmp ("ikebana-fake-token-XXXXXX", NULL);
  g_assert_nonnull (directory);
  module = g_build_filename (directory, "fake_token.so", NULL);
  g_assert_true (g_file_get_contents (built, &content, &len, NULL));
  g_assert_true (g_file_set_contents (module, content, (gssize) len, NULL));
  handle = dlopen (module, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  g_assert_nonnull (handle);
  *(void **) &get = dlsym (handle, "fake_token");
  dlclose (handle);
  fake = get ();
}

static void
make_key (void)
{
  BIGNUM *modulus = NULL;

  rsa = EVP_RSA_gen (2048);
  g_assert_nonnull (rsa);
  g_assert_cmpint (EVP_PKEY_get_bn_param (rsa, "n", &modulus), ==, 1);
  g_assert_cmpint (BN_bn2binpad (modulus, fake->modulus, sizeof fake->modulus), ==, 256);
  BN_free (modulus);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  if (geteuid () != 0) {
    g_print ("1..0 # SKIP needs root, who alone may own a module\n");
    return 77;
  }
  copy_module ();
  make_key ();
  section = g_strdup_printf ("handle = 01\nmodule = %s\npin = " PIN, module);
  wrong_section = g_strdup_printf ("handle = 01\nmodule = %s\npin = wrong", module);
  g_test_add_func ("/token/put-back-into-another-slot-it-signs-again", test_pulled);
  g_test_add_func ("/token/another-in-its-slot-is-not-taken-for-it", test_another);
  g_test_add_func ("/token/that-stays-lost-is-tried-once-more-only", test_lost_for_good);
  g_test_add_func ("/token/a-wrong-pin-is-tried-once", test_wrong_pin);
  g_test_add_func ("/token/the-last-try-is-left-to-people", test_last_try);
  g_test_add_func ("/token/a-pin-that-changed-is-tried-once", test_changed_pin);
  g_test_add_func ("/token/with-a-pin-pad-asks-itself", test_pin_pad);
  g_test_add_func ("/token/a-key-that-always-asks-gets-the-pin-each-time", test_asks_always);
  g_test_add_func ("/token/a-wrong-signature-is-not-given-out", test_spoiled);
  g_test_add_func ("/token/attributes-of-absurd-lengths-are-not-there", test_lengths);
  g_test_add_func ("/token/objects-without-end-are-cut-off", test_endless);
  g_test_add_func ("/token/that-does-not-sign-has-no-key", test_no_mechanism);
  g_test_add_func ("/token/modules-of-p11-kit-are-looked-into-when-asked-for", test_p11_kit);
  g_test_add_func ("/token/that-takes-its-time-holds-up-nobody", test_responsive);
  g_test_add_func ("/token/more-signatures-than-may-wait-fail", test_bounded);
  g_test_add_func ("/token/a-cancelled-signature-is-not-made", test_cancelled);
  g_test_add_func ("/token/signatures-that-wait-at-the-end-are-dropped", test_end);
  result = g_test_run ();
  g_unlink (module);
  g_rmdir (directory);
  g_free (directory);
  g_free (module);
  g_free (section);
  g_free (wrong_section);
  EVP_PKEY_free (rsa);
  return result;
}
