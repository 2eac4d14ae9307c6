/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_pkcs12.c - PKCS#12 files: what comes out of them, and what is refused as a whole. */
#include <string.h>

#include <openssl/pkcs12.h>

#include <ikebana/error.h>

#include "test_pki_support.h"

/* By "openssl pkcs12 -export -legacy", RC2 with 40 bits; its passphrase is "old". */
static const char by_rc2[] =
    "308203720201033082033806092a864886f70d010701a082032904820325308203213082021706092a864886f7"
    "0d010706a082020830820204020100308201fd06092a864886f70d010701301c060a2a864886f70d010c010630"
    "0e04088979c8112a601d2502020800808201d01b90baecfdb2afa3262ab65c24810c3330f65ed8393a18f32457"
    "9bf26826f3482f0292eb947b6b036d8cc731d24c3aaeb95a8b9018dfa280371da059bc9b0fd8125cbba752ce50"
    "0c18f98b41bdd956c150cad0d1c7989331b361ff9dfe92ee28d458f92e31b50848ec0e09502534d5b273fec976"
    "8e68d450136760a563345c03f9ad3a1d2fd04177fd76943826ebcf4fce1579b113c7e324a0538e49ace4872b80"
    "1b23e27cef414ebcdf741cd5a3b5272ac89c08cc43fa3e655ed91240f086a41f98d684f0bcdba4400fc5483ee8"
    "04e01e65208c67cdaaa9322775592245369ef597be42de3200d7d88318a6524861404105a0ed0553abfa0413ab"
    "6216bfbecb06d3594b775482bae2ec55f410b99a303c521f459349edd38c20314ab141f5a134ac909f61375fd7"
    "021f7333cd6eeb16a6c2168233ae3dbbd3c714cfd9e21f9d90539f7cf01d752848f646cc40756aba94a03c5eba"
    "c140d6f1a577149894495ece15c4fbdafa6aa6bb7b6735b1138c0b8030e2615ca3dd8a5a432f6e1eefd60d3c4e"
    "00f47b00f78997826893f97c3dae86ab2cd794cee9484d463f32b985df747a088ffe3dc8d6f8d0b34119d9e0f1"
    "0992b000cbc02a968af744bd20072980db7fd73ada46ca830b607d4752debd3f263082010206092a864886f70d"
    "010701a081f40481f13081ee3081eb060b2a864886f70d010c0a0102a081b43081b1301c060a2a864886f70d01"
    "0c0103300e04087be1e7cf3019aae002020800048190586d76c296d5d09acaba15d9d3f344792761727aaf2e7a"
    "cbd21bf17db370997e902c5642a78aa42cc774a155e8b13dd1856f0b2d0a7ade438ef3e8ea849fcaaacaffcb20"
    "c6941ad37781ec58788175dccacb0003885b9eab983cc99d8c6a0f654f49c7475f0920610883a9801f2b17708c"
    "3cc638352dbcd39a8b9cc57da9a1bc3b0eb1e187873e68af4eb4ab66575d963125302306092a864886f70d0109"
    "15311604140a7372fe0e12e544c830e371dbd96cc0bf3fa2c530313021300906052b0e03021a050004148a525b"
    "f8a0f4b9fbf555b7369c9b173499b019300408b4281d3f344a2da202020800";

typedef struct {
  Pki pki;
  EVP_PKEY *pkey, *ca_key;
  X509 *leaf, *ca, *root;
  GPtrArray *keys, *certs;
} Fixture;

static X509 *
make_cert (const char *name, EVP_PKEY *pkey, EVP_PKEY *signer)
{
  X509 *x509 = X509_new ();
  X509_NAME *dn = X509_NAME_new ();

  X509_NAME_add_entry_by_txt (dn, "CN", MBSTRING_UTF8, (const guint8 *) name, -1, -1, 0);
  X509_set_version (x509, X509_VERSION_3);
  ASN1_INTEGER_set (X509_get_serialNumber (x509), 7);
  X509_set_subject_name (x509, dn);
  X509_set_issuer_name (x509, dn);
  ASN1_TIME_set (X509_getm_notBefore (x509), 1700000000);
  ASN1_TIME_set (X509_getm_notAfter (x509), 1900000000);
  X509_set_pubkey (x509, pkey);
  g_assert_cmpint (X509_sign (x509, signer, EVP_sha256 ()), >, 0);
  X509_NAME_free (dn);
  return x509;
}

static void
fixture_open (Fixture *self)
{
  pki_open (&self->pki, 1);
  self->pkey = make_ec ("P-256");
  self->ca_key = make_ec ("P-384");
  self->leaf = make_cert ("leaf", self->pkey, self->ca_key);
  self->ca = make_cert ("ca", self->ca_key, self->ca_key);
  self->root = make_cert ("root", self->ca_key, self->ca_key);
  self->keys = g_ptr_array_new_with_free_func ((GDestroyNotify) ike_key_unref);
  self->certs = g_ptr_array_new_with_free_func ((GDestroyNotify) self->pki.ops->cert_unref);
}

static void
fixture_close (Fixture *self)
{
  g_ptr_array_unref (self->keys);
  g_ptr_array_unref (self->certs);
  X509_free (self->leaf);
  X509_free (self->ca);
  X509_free (self->root);
  EVP_PKEY_free (self->pkey);
  EVP_PKEY_free (self->ca_key);
  pki_close (&self->pki);
}

static GBytes *
written (PKCS12 *take)
{
  guint8 *der = NULL;
  int len = i2d_PKCS12 (take, &der);
  GBytes *bytes = g_bytes_new (der, (gsize) len);

  g_assert_cmpint (len, >, 0);
  OPENSSL_free (der);
  PKCS12_free (take);
  return bytes;
}

/* @cipher: of both bags. */
static PKCS12 *
file_new (Fixture *self, EVP_PKEY *pkey, X509 *leaf, const char *passphrase, int cipher)
{
  STACK_OF (X509) *others = sk_X509_new_null ();
  PKCS12 *file;

  if (leaf) {
    sk_X509_push (others, self->ca);
    sk_X509_push (others, self->root);
  }
  file = PKCS12_create (passphrase, "friendly", pkey, leaf, others, cipher, cipher, 100, 100, 0);
  g_assert_nonnull (file);
  sk_X509_free (others);
  return file;
}

static gboolean
parse (Fixture *self, const guint8 *data, gsize len, const char *passphrase, GError **error)
{
  g_autoptr (IkeSecretBlob) secret =
      passphrase ? ike_secret_blob_new (passphrase, strlen (passphrase)) : NULL;

  return self->pki.ops->pkcs12_parse (self->pki.plugin, data, len, secret, "some.p12", self->keys,
                                      self->certs, error);
}

/* Nothing is added by what fails. */
static void
assert_refused (Fixture *self, GBytes *take, const char *passphrase, int code, const char *says)
{
  g_autoptr (GError) error = NULL;
  guint n_keys = self->keys->len, n_certs = self->certs->len;

  g_assert_false (
      parse (self, g_bytes_get_data (take, NULL), g_bytes_get_size (take), passphrase, &error));
  g_assert_error (error, IKE_ERROR, code);
  if (!strstr (error->message, says))
    g_error ("\"%s\" does not say \"%s\"", error->message, says);
  g_assert_cmpuint (self->keys->len, ==, n_keys);
  g_assert_cmpuint (self->certs->len, ==, n_certs);
  g_bytes_unref (take);
}

static void
assert_holds (Fixture *self, GBytes *take, const char *passphrase, guint n_keys, guint n_certs)
{
  g_autoptr (GError) error = NULL;

  g_ptr_array_set_size (self->keys, 0);
  g_ptr_array_set_size (self->certs, 0);
  parse (self, g_bytes_get_data (take, NULL), g_bytes_get_size (take), passphrase, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (self->keys->len, ==, n_keys);
  g_assert_cmpuint (self->certs->len, ==, n_certs);
  g_bytes_unref (take);
}

static gboolean
has_cert (Fixture *self, X509 *x509)
{
  guint8 *der = NULL;
  int len = i2d_X509 (x509, &der);
  g_autoptr (GBytes) wanted = g_bytes_new (der, (gsize) len);
  gboolean is_there = FALSE;

  OPENSSL_free (der);
  for (guint i = 0; i < self->certs->len; i++)
    is_there = is_there || g_bytes_equal (self->pki.ops->cert_der (self->certs->pdata[i]), wanted);
  return is_there;
}

static void
test_key_and_certificates_come_out (void)
{
  /* AES, and the older triple DES that is in every libcrypto. */
  static const int ciphers[] = { NID_aes_256_cbc, NID_pbe_WithSHA1And3_Key_TripleDES_CBC };
  Fixture self;

  fixture_open (&self);
  for (guint i = 0; i < G_N_ELEMENTS (ciphers); i++) {
    const IkeSigScheme *scheme = scheme_of (&self.pki, "ecdsa-sha256");
    IkePubkey *pubkey = pubkey_of (&self.pki, self.pkey);

    assert_holds (&self, written (file_new (&self, self.pkey, self.leaf, "wörd", ciphers[i])),
                  "wörd", 1, 3);
    g_assert_true (has_cert (&self, self.leaf) && has_cert (&self, self.ca)
                   && has_cert (&self, self.root));
    g_assert_cmpstr (((IkeKey *) self.keys->pdata[0])->label, ==, "some.p12");
    g_autoptr (GBytes) signature = sign (&self.pki, self.keys->pdata[0], scheme, "octets", NULL);

    g_assert_true (verify (&self.pki, pubkey, scheme, "octets", g_bytes_get_data (signature, NULL),
                           g_bytes_get_size (signature)));
    self.pki.ops->pubkey_unref (pubkey);
  }
  fixture_close (&self);
}

static void
test_parts_of_it_may_be_missing (void)
{
  Fixture self;

  fixture_open (&self);
  assert_holds (&self, written (file_new (&self, self.pkey, NULL, "word", NID_aes_128_cbc)), "word",
                1, 0);
  assert_holds (&self, written (file_new (&self, NULL, self.leaf, "word", NID_aes_128_cbc)), "word",
                0, 3);
  /* No passphrase is written in two ways. */
  assert_holds (&self, written (file_new (&self, self.pkey, self.leaf, "", NID_aes_128_cbc)), NULL,
                1, 3);
  assert_holds (&self, written (file_new (&self, self.pkey, self.leaf, NULL, NID_aes_128_cbc)),
                NULL, 1, 3);
  assert_holds (&self, written (file_new (&self, self.pkey, self.leaf, NULL, NID_aes_128_cbc)), "",
                1, 3);
  fixture_close (&self);
}

static void
test_a_wrong_passphrase_is_said (void)
{
  g_autoptr (IkeSecretBlob) with_zero = ike_secret_blob_new ("word\0x", 6);
  g_autoptr (GError) error = NULL;
  Fixture self;

  fixture_open (&self);
  g_autoptr (GBytes) bytes =
      written (file_new (&self, self.pkey, self.leaf, "word", NID_aes_256_cbc));

  assert_refused (&self, g_bytes_ref (bytes), NULL, IKE_ERROR_DENIED, "none is known");
  assert_refused (&self, g_bytes_ref (bytes), "", IKE_ERROR_DENIED, "does not open");
  assert_refused (&self, g_bytes_ref (bytes), "wor", IKE_ERROR_DENIED, "does not open");
  assert_refused (&self, g_bytes_ref (bytes), "words", IKE_ERROR_DENIED, "does not open");
  g_assert_false (self.pki.ops->pkcs12_parse (self.pki.plugin, g_bytes_get_data (bytes, NULL),
                                              g_bytes_get_size (bytes), with_zero, "some.p12",
                                              self.keys, self.certs, &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_DENIED);
  fixture_close (&self);
}

static void
test_old_ciphers_are_named_with_a_way_out (void)
{
  Fixture self;
  gsize len;
  guint8 *data = bytes_of (by_rc2, &len);

  fixture_open (&self);
  assert_refused (&self, g_bytes_new (data, len), "new", IKE_ERROR_DENIED, "does not open");
  assert_refused (&self, g_bytes_new_take (data, len), "old", IKE_ERROR_UNSUPPORTED, "-legacy");
  fixture_close (&self);
}

static void
test_a_mac_is_there_and_not_endless (void)
{
  const ASN1_INTEGER *iterations;
  PKCS12 *file;
  Fixture self;

  fixture_open (&self);
  file = PKCS12_create ("word", NULL, self.pkey, self.leaf, NULL, NID_aes_128_cbc, NID_aes_128_cbc,
                        100, -1, 0);
  assert_refused (&self, written (file), "word", IKE_ERROR_UNSUPPORTED, "no MAC");
  file = file_new (&self, self.pkey, self.leaf, "word", NID_aes_128_cbc);
  PKCS12_get0_mac (NULL, NULL, NULL, &iterations, file);
  ASN1_INTEGER_set ((ASN1_INTEGER *) iterations, 2000000000);
  assert_refused (&self, written (file), "word", IKE_ERROR_UNSUPPORTED, "iterations");
  file = file_new (&self, self.pkey, self.leaf, "word", NID_aes_128_cbc);
  PKCS12_get0_mac (NULL, NULL, NULL, &iterations, file);
  ASN1_INTEGER_set ((ASN1_INTEGER *) iterations, -5);
  assert_refused (&self, written (file), "word", IKE_ERROR_UNSUPPORTED, "iterations");
  fixture_close (&self);
}

static void
test_what_cannot_be_used_spoils_all_of_it (void)
{
  EVP_PKEY *small = make_rsa ("RSA", 768, 65537), *deaf = make_key ("X25519");
  STACK_OF (X509) * others;
  X509 *small_cert;
  Fixture self;

  fixture_open (&self);
  small_cert = make_cert ("small", small, self.ca_key);
  assert_refused (&self, written (file_new (&self, small, NULL, "word", NID_aes_128_cbc)), "word",
                  IKE_ERROR_UNSUPPORTED, "768 bits");
  assert_refused (&self, written (file_new (&self, deaf, NULL, "word", NID_aes_128_cbc)), "word",
                  IKE_ERROR_UNSUPPORTED, "cannot sign");
  assert_refused (&self, written (file_new (&self, NULL, small_cert, "word", NID_aes_128_cbc)),
                  "word", IKE_ERROR_UNSUPPORTED, "a certificate in the PKCS#12 file");
  /* In the middle, so that something was taken before. */
  others = sk_X509_new_null ();
  sk_X509_push (others, self.ca);
  sk_X509_push (others, small_cert);
  sk_X509_push (others, self.root);
  assert_refused (&self,
                  written (PKCS12_create ("word", NULL, self.pkey, self.leaf, others,
                                          NID_aes_128_cbc, NID_aes_128_cbc, 100, 100, 0)),
                  "word", IKE_ERROR_UNSUPPORTED, "a certificate in the PKCS#12 file");
  sk_X509_free (others);
  X509_free (small_cert);
  EVP_PKEY_free (small);
  EVP_PKEY_free (deaf);
  fixture_close (&self);
}

enum { VERSION_AT = 6 };

/* Where the NULL stands in front of the MAC, an octet string of 32. */
static gsize
parameters_at (const guint8 *data, gsize len)
{
  gsize at = len - 4;

  while (at > 0 && memcmp (data + at, "\x05\x00\x04\x20", 4) != 0)
    at--;
  return at;
}

static void
test_a_file_cut_or_changed_anywhere_is_refused (void)
{
  Fixture self;

  fixture_open (&self);
  g_autoptr (GBytes) whole =
      written (file_new (&self, self.pkey, self.leaf, "word", NID_aes_128_cbc));
  gsize len = g_bytes_get_size (whole);
  g_autofree guint8 *bad = g_malloc0 (len + 1);

  memcpy (bad, g_bytes_get_data (whole, NULL), len);
  for (gsize cut = 0; cut <= len + 1; cut++) {
    g_autofree guint8 *copy = g_memdup2 (bad, cut);

    if (cut != len)
      g_assert_false (parse (&self, copy, cut, "word", NULL));
  }
  /* Each byte of the lengths in front and of the MAC behind, and some of what is between.  Neither
   * the version nor the parameters of the MAC's algorithm are read; they mean nothing. */
  for (gsize i = 0; i < len; i += i < 40 || i > len - 110 ? 1 : 13) {
    if (i == VERSION_AT || i == parameters_at (bad, len))
      continue;
    bad[i] ^= 0x10;
    if (parse (&self, bad, len, "word", NULL))
      g_error ("byte %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " may be changed", i, len);
    bad[i] ^= 0x10;
  }
  g_assert_cmpuint (self.keys->len + self.certs->len, ==, 0);
  fixture_close (&self);
}

static void
test_no_file_is_refused (void)
{
  Fixture self;

  fixture_open (&self);
  assert_refused (&self, g_bytes_new_static ("", 0), NULL, IKE_ERROR_CRYPTO, "0 bytes");
  assert_refused (&self, g_bytes_new_static ("\x30\x00", 2), NULL, IKE_ERROR_CRYPTO, "no PKCS#12");
  assert_refused (&self, g_bytes_new_take (g_malloc0 (5 << 20), 5 << 20), NULL, IKE_ERROR_CRYPTO,
                  "5242880 bytes");
  fixture_close (&self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/crypto-openssl/pkcs12/key-and-certificates-come-out",
                   test_key_and_certificates_come_out);
  g_test_add_func ("/crypto-openssl/pkcs12/parts-of-it-may-be-missing",
                   test_parts_of_it_may_be_missing);
  g_test_add_func ("/crypto-openssl/pkcs12/a-wrong-passphrase-is-said",
                   test_a_wrong_passphrase_is_said);
  g_test_add_func ("/crypto-openssl/pkcs12/old-ciphers-are-named-with-a-way-out",
                   test_old_ciphers_are_named_with_a_way_out);
  g_test_add_func ("/crypto-openssl/pkcs12/a-mac-is-there-and-not-endless",
                   test_a_mac_is_there_and_not_endless);
  g_test_add_func ("/crypto-openssl/pkcs12/what-cannot-be-used-spoils-all-of-it",
                   test_what_cannot_be_used_spoils_all_of_it);
  g_test_add_func ("/crypto-openssl/pkcs12/a-file-cut-or-changed-anywhere-is-refused",
                   test_a_file_cut_or_changed_anywhere_is_refused);
  g_test_add_func ("/crypto-openssl/pkcs12/no-file-is-refused", test_no_file_is_refused);
  return g_test_run ();
}
