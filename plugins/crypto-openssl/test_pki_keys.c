/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_keys.c - private and public keys in each form that a file may have, and what is refused
 * of them, with a sentence. */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ui.h>
#include <openssl/x509.h>

#include <ikebana/error.h>

#include "test_pki_support.h"

/* Takes what was written into @bio. */
static GBytes *
bytes_from (BIO *bio)
{
  char *data;
  long len = BIO_get_mem_data (bio, &data);
  GBytes *bytes = g_bytes_new (data, (gsize) len);

  BIO_free (bio);
  return bytes;
}

typedef GBytes *(*WriteFunc) (EVP_PKEY *pkey, const char *passphrase);

static GBytes *
write_pkcs8_pem (EVP_PKEY *pkey, const char *passphrase)
{
  BIO *bio = BIO_new (BIO_s_mem ());
  const EVP_CIPHER *cipher = passphrase ? EVP_aes_256_cbc () : NULL;

  g_assert_cmpint (PEM_write_bio_PKCS8PrivateKey (bio, pkey, cipher, passphrase,
                                                  passphrase ? (int) strlen (passphrase) : 0, NULL,
                                                  NULL),
                   ==, 1);
  return bytes_from (bio);
}

static GBytes *
write_pkcs8_der (EVP_PKEY *pkey, const char *passphrase)
{
  BIO *bio = BIO_new (BIO_s_mem ());
  const EVP_CIPHER *cipher = passphrase ? EVP_aes_256_cbc () : NULL;

  g_assert_cmpint (i2d_PKCS8PrivateKey_bio (bio, pkey, cipher, passphrase,
                                            passphrase ? (int) strlen (passphrase) : 0, NULL, NULL),
                   ==, 1);
  return bytes_from (bio);
}

static GBytes *
write_older_pem (EVP_PKEY *pkey, const char *passphrase)
{
  BIO *bio = BIO_new (BIO_s_mem ());

  g_assert_cmpint (
      PEM_write_bio_PrivateKey_traditional (bio, pkey, passphrase ? EVP_aes_128_cbc () : NULL,
                                            (unsigned char *) passphrase,
                                            passphrase ? (int) strlen (passphrase) : 0, NULL, NULL),
      ==, 1);
  return bytes_from (bio);
}

static GBytes *
write_older_der (EVP_PKEY *pkey, const char *passphrase)
{
  guint8 *der = NULL;
  int len = i2d_PrivateKey (pkey, &der);
  GBytes *bytes = g_bytes_new (der, (gsize) len);

  OPENSSL_free (der);
  return bytes;
}

static const struct {
  const char *name;
  WriteFunc write;
  gboolean can_encrypt, is_older, is_pem;
} forms[] = {
  { "pkcs8-pem", write_pkcs8_pem, TRUE, FALSE, TRUE },
  { "pkcs8-der", write_pkcs8_der, TRUE, FALSE, FALSE },
  { "older-pem", write_older_pem, TRUE, TRUE, TRUE },
  { "older-der", write_older_der, FALSE, TRUE, FALSE },
};

static IkeKey *
parse (Pki *pki, GBytes *bytes, const char *passphrase, GError **error)
{
  g_autoptr (IkeSecretBlob) secret =
      passphrase ? ike_secret_blob_new (passphrase, strlen (passphrase)) : NULL;

  return pki->ops->key_parse (pki->plugin, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                              secret, "some.key", error);
}

static void
assert_is_read (Pki *pki, GBytes *bytes, const char *passphrase, EVP_PKEY *pkey)
{
  g_autoptr (GError) error = NULL;
  IkeKey *key = parse (pki, bytes, passphrase, &error);
  IkePubkey *pubkey = pubkey_of (pki, pkey);

  g_assert_no_error (error);
  g_assert_cmpmem (pki->ops->pubkey_info (key->pubkey)->id, IKE_KEY_ID_LEN,
                   pki->ops->pubkey_info (pubkey)->id, IKE_KEY_ID_LEN);
  pki->ops->pubkey_unref (pubkey);
  ike_key_unref (key);
}

static void
assert_is_refused (Pki *pki, GBytes *bytes, const char *passphrase, int code, const char *says)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (parse (pki, bytes, passphrase, &error));
  g_assert_error (error, IKE_ERROR, code);
  if (!strstr (error->message, says))
    g_error ("\"%s\" does not say \"%s\"", error->message, says);
}

/* RSA, EC with two curves, and keys that have no older form. */
static GPtrArray *
make_all (void)
{
  GPtrArray *keys = g_ptr_array_new_with_free_func ((GDestroyNotify) EVP_PKEY_free);

  g_ptr_array_add (keys, make_rsa ("RSA", 2048, 65537));
  g_ptr_array_add (keys, make_ec ("P-256"));
  g_ptr_array_add (keys, make_ec ("P-521"));
  g_ptr_array_add (keys, make_ec ("brainpoolP384r1"));
  g_ptr_array_add (keys, make_rsa ("RSA-PSS", 1024, 65537));
  g_ptr_array_add (keys, make_key ("ED25519"));
  g_ptr_array_add (keys, make_key ("ED448"));
  return keys;
}

static gboolean
has_form (EVP_PKEY *pkey, guint form)
{
  return !forms[form].is_older || EVP_PKEY_is_a (pkey, "RSA") || EVP_PKEY_is_a (pkey, "EC");
}

static void
test_each_form_is_read (void)
{
  g_autoptr (GPtrArray) keys = make_all ();
  Pki pki;

  pki_open (&pki, 1);
  for (guint i = 0; i < keys->len; i++)
    for (guint form = 0; form < G_N_ELEMENTS (forms); form++) {
      if (!has_form (keys->pdata[i], form))
        continue;
      g_autoptr (GBytes) plain = forms[form].write (keys->pdata[i], NULL);

      assert_is_read (&pki, plain, NULL, keys->pdata[i]);
      assert_is_read (&pki, plain, "nobody asked", keys->pdata[i]);
      if (!forms[form].can_encrypt)
        continue;
      g_autoptr (GBytes) encrypted = forms[form].write (keys->pdata[i], "a long pass phrase");

      assert_is_read (&pki, encrypted, "a long pass phrase", keys->pdata[i]);
    }
  pki_close (&pki);
}

/* Whoever would ask on a terminal does so through this method: it is libcrypto's default. */
static int
ui_open (UI *ui)
{
  g_error ("somebody is asked for a passphrase");
  return 0;
}

static void
test_a_wrong_passphrase_is_said_and_nobody_is_asked (void)
{
  g_autoptr (GPtrArray) keys = make_all ();
  UI_METHOD *method = UI_create_method ("nobody");
  const UI_METHOD *before = UI_get_default_method ();
  g_autofree char *endless = g_strnfill (5000, 'p');
  Pki pki;

  UI_method_set_opener (method, ui_open);
  UI_set_default_method (method);
  pki_open (&pki, 1);
  for (guint i = 0; i < keys->len; i++)
    for (guint form = 0; form < G_N_ELEMENTS (forms); form++) {
      if (!forms[form].can_encrypt || !has_form (keys->pdata[i], form))
        continue;
      g_autoptr (GBytes) encrypted = forms[form].write (keys->pdata[i], "right");

      assert_is_refused (&pki, encrypted, NULL, IKE_ERROR_DENIED, "no passphrase");
      assert_is_refused (&pki, encrypted, "wrong", IKE_ERROR_DENIED, "does not open");
      assert_is_refused (&pki, encrypted, "", IKE_ERROR_DENIED, "does not open");
      assert_is_refused (&pki, encrypted, endless, IKE_ERROR_DENIED, "does not open");
    }
  pki_close (&pki);
  UI_set_default_method (before);
  UI_destroy_method (method);
}

/* As files look that were put together from several, or came from another system. */
static void
test_other_things_around_a_key_do_not_matter (void)
{
  static const char parameters[] = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                                   "-----END EC PARAMETERS-----\n";
  static const char certificate[] = "subject=CN = nobody\n-----BEGIN CERTIFICATE-----\nMAA=\n"
                                    "-----END CERTIFICATE-----\n";
  EVP_PKEY *pkey = make_ec ("P-256");
  Pki pki;

  pki_open (&pki, 1);
  for (guint i = 0; i < 2; i++) {
    g_autoptr (GBytes) pem = i ? write_pkcs8_pem (pkey, NULL) : write_older_pem (pkey, NULL);
    g_autofree char *text = g_strndup (g_bytes_get_data (pem, NULL), g_bytes_get_size (pem));
    g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
    g_autofree char *returns = g_strjoinv ("\r\n", lines);
    g_autofree char *around = g_strconcat (certificate, parameters, text, certificate, NULL);
    g_autoptr (GBytes) with_returns = g_bytes_new_static (returns, strlen (returns)),
                       with_others = g_bytes_new_static (around, strlen (around));

    assert_is_read (&pki, with_returns, NULL, pkey);
    assert_is_read (&pki, with_others, NULL, pkey);
  }
  pki_close (&pki);
  EVP_PKEY_free (pkey);
}

/* The end line of PEM needs no newline; its last dash is what may not be gone. */
static void
test_a_file_cut_anywhere_is_refused (void)
{
  EVP_PKEY *keys[] = { make_rsa ("RSA", 1024, 65537), make_ec ("P-256"), make_key ("ED25519") };
  Pki pki;

  pki_open (&pki, 1);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    for (guint form = 0; form < G_N_ELEMENTS (forms); form++) {
      if (!has_form (keys[i], form))
        continue;
      const char *passphrase = i == 1 && forms[form].can_encrypt ? "right" : NULL;
      g_autoptr (GBytes) whole = forms[form].write (keys[i], passphrase);
      gsize len = g_bytes_get_size (whole) - (forms[form].is_pem ? 1 : 0);

      for (gsize cut = 0; cut < len; cut++) {
        /* Exactly as long as that, for the checker of addresses. */
        g_autofree guint8 *copy = g_memdup2 (g_bytes_get_data (whole, NULL), cut);
        g_autoptr (GBytes) part = g_bytes_new_static (copy, cut);
        g_autoptr (GError) error = NULL;

        g_assert_null (parse (&pki, part, passphrase, &error));
        g_assert_nonnull (error);
      }
    }
  pki_close (&pki);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    EVP_PKEY_free (keys[i]);
}

static void
test_nothing_may_stand_behind_der (void)
{
  EVP_PKEY *pkey = make_ec ("P-256");
  Pki pki;

  pki_open (&pki, 1);
  for (guint form = 0; form < G_N_ELEMENTS (forms); form++) {
    if (forms[form].is_pem)
      continue;
    g_autoptr (GBytes) whole = forms[form].write (pkey, NULL);
    GByteArray *longer = g_byte_array_new ();

    g_byte_array_append (longer, g_bytes_get_data (whole, NULL), (guint) g_bytes_get_size (whole));
    g_byte_array_append (longer, (const guint8 *) "", 1);
    g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (longer);

    assert_is_refused (&pki, bytes, NULL, IKE_ERROR_CRYPTO, "behind");
  }
  pki_close (&pki);
  EVP_PKEY_free (pkey);
}

static void
test_what_is_no_private_key_is_refused (void)
{
  static const char openssh[] = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n"
                                "-----END OPENSSH PRIVATE KEY-----\n";
  EVP_PKEY *pkey = make_ec ("P-256");
  g_autofree guint8 *zeros = g_malloc0 (70000);
  g_autoptr (GBytes) empty = g_bytes_new_static ("", 0), text = g_bytes_new_static ("key", 3),
                     ssh = g_bytes_new_static (openssh, strlen (openssh)),
                     much = g_bytes_new_static (zeros, 70000),
                     some = g_bytes_new_static (zeros, 99), public_pem = NULL, public_der = NULL;
  BIO *bio = BIO_new (BIO_s_mem ());
  Pki pki;

  PEM_write_bio_PUBKEY (bio, pkey);
  public_pem = bytes_from (bio);
  bio = BIO_new (BIO_s_mem ());
  i2d_PUBKEY_bio (bio, pkey);
  public_der = bytes_from (bio);
  pki_open (&pki, 1);
  assert_is_refused (&pki, empty, NULL, IKE_ERROR_CRYPTO, "0 bytes");
  assert_is_refused (&pki, much, NULL, IKE_ERROR_CRYPTO, "70000 bytes");
  assert_is_refused (&pki, text, NULL, IKE_ERROR_CRYPTO, "no private key");
  assert_is_refused (&pki, some, NULL, IKE_ERROR_CRYPTO, "no private key");
  assert_is_refused (&pki, public_pem, NULL, IKE_ERROR_CRYPTO, "no private key");
  assert_is_refused (&pki, public_der, NULL, IKE_ERROR_CRYPTO, "private");
  assert_is_refused (&pki, ssh, NULL, IKE_ERROR_UNSUPPORTED, "ssh-keygen");
  pki_close (&pki);
  EVP_PKEY_free (pkey);
}

static void
test_keys_that_cannot_sign_are_refused (void)
{
  EVP_PKEY *keys[] = { make_key ("X25519"), make_key ("X448") };
  Pki pki;

  pki_open (&pki, 1);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++) {
    g_autoptr (GBytes) bytes = write_pkcs8_pem (keys[i], NULL);

    assert_is_refused (&pki, bytes, NULL, IKE_ERROR_UNSUPPORTED, "cannot sign");
    EVP_PKEY_free (keys[i]);
  }
  pki_close (&pki);
}

/* @pkey with one number changed. */
static EVP_PKEY *
with_number (EVP_PKEY *pkey, const char *type, const char *name, const BIGNUM *number)
{
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name (NULL, type, NULL);
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new ();
  OSSL_PARAM *all = NULL, *changed, *merged;
  EVP_PKEY *result = NULL;

  g_assert_cmpint (EVP_PKEY_todata (pkey, EVP_PKEY_KEYPAIR, &all), ==, 1);
  g_assert_cmpint (OSSL_PARAM_BLD_push_BN (builder, name, number), ==, 1);
  changed = OSSL_PARAM_BLD_to_param (builder);
  merged = OSSL_PARAM_merge (all, changed);
  g_assert_cmpint (EVP_PKEY_fromdata_init (context), ==, 1);
  g_assert_cmpint (EVP_PKEY_fromdata (context, &result, EVP_PKEY_KEYPAIR, merged), ==, 1);
  OPENSSL_free (merged);
  OSSL_PARAM_free (changed);
  OSSL_PARAM_free (all);
  OSSL_PARAM_BLD_free (builder);
  EVP_PKEY_CTX_free (context);
  return result;
}

static BIGNUM *
number_of (EVP_PKEY *pkey, const char *name)
{
  BIGNUM *number = NULL;

  g_assert_cmpint (EVP_PKEY_get_bn_param (pkey, name, &number), ==, 1);
  return number;
}

/* The private number of another key. */
static void
test_halves_of_different_keys_are_refused (void)
{
  EVP_PKEY *one = make_ec ("P-384"), *other = make_ec ("P-384"), *mixed;
  BIGNUM *number = number_of (other, OSSL_PKEY_PARAM_PRIV_KEY);
  Pki pki;

  pki_open (&pki, 1);
  mixed = with_number (one, "EC", OSSL_PKEY_PARAM_PRIV_KEY, number);
  g_autoptr (GBytes) bytes = write_older_der (mixed, NULL);

  assert_is_refused (&pki, bytes, NULL, IKE_ERROR_CRYPTO, "does not fit");
  pki_close (&pki);
  BN_free (number);
  EVP_PKEY_free (one);
  EVP_PKEY_free (other);
  EVP_PKEY_free (mixed);
}

/* A signature that is wrong modulo one prime only would give the key away (Boneh, DeMillo,
 * Lipton). */
static void
test_a_fault_within_rsa_never_leaves (void)
{
  EVP_PKEY *good = make_rsa ("RSA", 2048, 65537), *faulty;
  BIGNUM *number = number_of (good, OSSL_PKEY_PARAM_RSA_EXPONENT1);
  IkeKey *good_key, *faulty_key;
  g_autoptr (GError) error = NULL;
  Pki pki;

  BN_add_word (number, 2);
  faulty = with_number (good, "RSA", OSSL_PKEY_PARAM_RSA_EXPONENT1, number);
  g_autoptr (GBytes) bytes = write_pkcs8_der (faulty, NULL);

  pki_open (&pki, 1);
  good_key = key_of (&pki, good);
  faulty_key = parse (&pki, bytes, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 40; i++) {
    const IkeSigScheme *scheme = scheme_of (&pki, "rsa-sha256");
    g_autoptr (GBytes) right = sign (&pki, good_key, scheme, "octets", NULL),
                       same = sign (&pki, faulty_key, scheme, "octets", NULL);

    g_assert_true (g_bytes_equal (right, same));
  }
  ike_key_unref (good_key);
  ike_key_unref (faulty_key);
  pki_close (&pki);
  BN_free (number);
  EVP_PKEY_free (good);
  EVP_PKEY_free (faulty);
}

static GBytes *
write_public (EVP_PKEY *pkey)
{
  BIO *bio = BIO_new (BIO_s_mem ());

  g_assert_cmpint (i2d_PUBKEY_bio (bio, pkey), ==, 1);
  return bytes_from (bio);
}

static void
assert_public_is_refused (Pki *pki, GBytes *bytes, const char *says)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (pki->ops->pubkey_parse (pki->plugin, g_bytes_get_data (bytes, NULL),
                                         g_bytes_get_size (bytes), &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, says));
}

/* A public key that nobody has the private part of: @bits ones, and an exponent in hexadecimal. */
static EVP_PKEY *
made_up_rsa (int bits, const char *exponent)
{
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name (NULL, "RSA", NULL);
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new ();
  BIGNUM *n = BN_new (), *e = NULL;
  EVP_PKEY *pkey = NULL;
  OSSL_PARAM *params;

  BN_set_bit (n, bits);
  BN_sub_word (n, 1);
  BN_hex2bn (&e, exponent);
  OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_RSA_N, n);
  OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_RSA_E, e);
  params = OSSL_PARAM_BLD_to_param (builder);
  EVP_PKEY_fromdata_init (context);
  g_assert_cmpint (EVP_PKEY_fromdata (context, &pkey, EVP_PKEY_PUBLIC_KEY, params), ==, 1);
  OSSL_PARAM_free (params);
  OSSL_PARAM_BLD_free (builder);
  BN_free (n);
  BN_free (e);
  EVP_PKEY_CTX_free (context);
  return pkey;
}

static void
test_rsa_keys_out_of_bounds_are_refused (void)
{
  static const struct {
    int bits;
    const char *exponent;
    gboolean is_taken;
  } cases[] = {
    { 1023, "010001", FALSE },
    { 1024, "010001", TRUE },
    { 16384, "010001", TRUE },
    { 16385, "010001", FALSE },
    { 2048, "03", TRUE },
    { 2048, "01", FALSE },
    { 2048, "00", FALSE },
    { 2048, "02", FALSE },
    { 2048, "010002", FALSE },
    { 2048, "ffffffffffffffff", TRUE },
    { 2048, "010000000000000001", FALSE },
  };
  Pki pki;

  pki_open (&pki, 1);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    EVP_PKEY *pkey = made_up_rsa (cases[i].bits, cases[i].exponent);
    g_autoptr (GBytes) bytes = write_public (pkey);

    if (cases[i].is_taken)
      pki.ops->pubkey_unref (pubkey_of (&pki, pkey));
    else
      assert_public_is_refused (&pki, bytes, "RSA");
    EVP_PKEY_free (pkey);
  }
  EVP_PKEY *small = make_rsa ("RSA", 768, 65537);
  g_autoptr (GBytes) bytes = write_pkcs8_pem (small, NULL);

  assert_is_refused (&pki, bytes, NULL, IKE_ERROR_UNSUPPORTED, "768 bits");
  EVP_PKEY_free (small);
  pki_close (&pki);
}

/* CVE-2020-0601 was a key whose parameters were its maker's. */
static void
test_curves_without_a_name_are_refused (void)
{
  static const char *const curves[] = { "P-256", "brainpoolP512r1" };
  Pki pki;

  pki_open (&pki, 1);
  for (guint i = 0; i < G_N_ELEMENTS (curves); i++) {
    EVP_PKEY *pkey = make_ec (curves[i]);

    g_assert_cmpint (EVP_PKEY_set_utf8_string_param (pkey, OSSL_PKEY_PARAM_EC_ENCODING,
                                                     OSSL_PKEY_EC_ENCODING_EXPLICIT),
                     ==, 1);
    g_autoptr (GBytes) public_key = write_public (pkey), pkcs8 = write_pkcs8_pem (pkey, NULL),
                       sec1 = write_older_der (pkey, NULL);

    assert_public_is_refused (&pki, public_key, "no name");
    assert_is_refused (&pki, pkcs8, NULL, IKE_ERROR_UNSUPPORTED, "no name");
    assert_is_refused (&pki, sec1, NULL, IKE_ERROR_UNSUPPORTED, "no name");
    EVP_PKEY_free (pkey);
  }
  pki_close (&pki);
}

static void
test_weak_curves_are_refused (void)
{
  EVP_PKEY *pkey = make_ec ("secp112r1");
  g_autoptr (GBytes) public_key = write_public (pkey), private_key = write_pkcs8_pem (pkey, NULL);
  Pki pki;

  pki_open (&pki, 1);
  assert_public_is_refused (&pki, public_key, "too weak");
  assert_is_refused (&pki, private_key, NULL, IKE_ERROR_UNSUPPORTED, "too weak");
  pki_close (&pki);
  EVP_PKEY_free (pkey);
}

/* TLS is given the key in this form. */
static void
test_exported (void)
{
  static const char *const types[] = { "ED25519", "ED448" };
  EVP_PKEY *pkeys[] = { make_rsa ("RSA", 2048, 65537), make_ec ("P-256"), make_key (types[0]),
                        make_key (types[1]) };
  Pki pki;

  pki_open (&pki, 1);
  for (guint i = 0; i < G_N_ELEMENTS (pkeys); i++) {
    IkeKey *key = key_of (&pki, pkeys[i]);
    g_autoptr (IkeSecretBlob) der = key->klass->export_der (key);
    g_autoptr (GBytes) bytes = NULL;

    g_assert_nonnull (der);
    bytes = g_bytes_new (ike_secret_blob_data (der), ike_secret_blob_len (der));
    assert_is_read (&pki, bytes, NULL, pkeys[i]);
    ike_key_unref (key);
    EVP_PKEY_free (pkeys[i]);
  }
  pki_close (&pki);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/crypto-openssl/keys/a-key-that-is-exported-is-the-same", test_exported);
  g_test_add_func ("/crypto-openssl/keys/each-form-is-read", test_each_form_is_read);
  g_test_add_func ("/crypto-openssl/keys/a-wrong-passphrase-is-said-and-nobody-is-asked",
                   test_a_wrong_passphrase_is_said_and_nobody_is_asked);
  g_test_add_func ("/crypto-openssl/keys/other-things-around-a-key-do-not-matter",
                   test_other_things_around_a_key_do_not_matter);
  g_test_add_func ("/crypto-openssl/keys/a-file-cut-anywhere-is-refused",
                   test_a_file_cut_anywhere_is_refused);
  g_test_add_func ("/crypto-openssl/keys/nothing-may-stand-behind-der",
                   test_nothing_may_stand_behind_der);
  g_test_add_func ("/crypto-openssl/keys/what-is-no-private-key-is-refused",
                   test_what_is_no_private_key_is_refused);
  g_test_add_func ("/crypto-openssl/keys/keys-that-cannot-sign-are-refused",
                   test_keys_that_cannot_sign_are_refused);
  g_test_add_func ("/crypto-openssl/keys/halves-of-different-keys-are-refused",
                   test_halves_of_different_keys_are_refused);
  g_test_add_func ("/crypto-openssl/keys/a-fault-within-rsa-never-leaves",
                   test_a_fault_within_rsa_never_leaves);
  g_test_add_func ("/crypto-openssl/keys/rsa-keys-out-of-bounds-are-refused",
                   test_rsa_keys_out_of_bounds_are_refused);
  g_test_add_func ("/crypto-openssl/keys/curves-without-a-name-are-refused",
                   test_curves_without_a_name_are_refused);
  g_test_add_func ("/crypto-openssl/keys/weak-curves-are-refused", test_weak_curves_are_refused);
  return g_test_run ();
}
