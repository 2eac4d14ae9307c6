/* SPDX-License-Identifier: Apache-2.0 */
/* pki_make.c - certificates, CRLs and OCSP responses for tests. */
#include "pki_make.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

/* -- the engine */

static void
made_free (gpointer data)
{
  Made *made = data;

  X509_free (made->x509);
  EVP_PKEY_free (made->key);
  g_bytes_unref (made->der);
  g_clear_error (&made->error);
  g_free (made);
}

static void
pki_begin (Pki *pki)
{
  const IkeProvided *provided = bench_feature (&pki->bench, "service:pki");

  pki->ops = provided->ops;
  pki->plugin = provided->plugin;
  pki->made = g_ptr_array_new_with_free_func (made_free);
}

void
pki_open (Pki *pki)
{
  bench_open (&pki->bench, 1);
  pki_begin (pki);
}

void
pki_open_real (Pki *pki)
{
  bench_open_real (&pki->bench);
  pki_begin (pki);
}

void
pki_close (Pki *pki)
{
  for (guint i = 0; i < pki->made->len; i++)
    pki->ops->cert_unref (((Made *) g_ptr_array_index (pki->made, i))->cert);
  g_ptr_array_unref (pki->made);
  bench_close (&pki->bench);
}

/* -- keys, names, extensions */

/* Ed25519: cheap, and the same in every run. */
static EVP_PKEY *
numbered_key (guint n)
{
  guint8 seed[32] = { (guint8) n, (guint8) (n >> 8), 0x5e };

  return EVP_PKEY_new_raw_private_key (EVP_PKEY_ED25519, NULL, seed, sizeof seed);
}

EVP_PKEY *
make_rsa (guint bits)
{
  return EVP_RSA_gen (bits);
}

static X509_NAME *
name_of (const char *text, int string_type)
{
  X509_NAME *name = X509_NAME_new ();
  g_auto (GStrv) parts = g_strsplit (text ? text : "", "/", -1);

  for (guint i = 0; parts[i] && parts[i][0]; i++) {
    char *value = strchr (parts[i], '=');

    *value++ = 0;
    g_assert_cmpint (X509_NAME_add_entry_by_txt (name, parts[i],
                                                 string_type ? string_type : V_ASN1_UTF8STRING,
                                                 (const guint8 *) value, -1, -1, 0),
                     ==, 1);
  }
  return name;
}

static CONF *
conf_of (const char *extensions)
{
  g_autofree char *text = g_strconcat ("[ext]\n", extensions ? extensions : "", NULL);
  BIO *bio = BIO_new_mem_buf (text, -1);
  CONF *conf = NCONF_new (NULL);

  g_assert_cmpint (NCONF_load_bio (conf, bio, NULL), ==, 1);
  BIO_free (bio);
  return conf;
}

static const EVP_MD *
digest_of (const char *name, EVP_PKEY *key)
{
  if (name)
    return EVP_get_digestbyname (name);
  return EVP_PKEY_is_a (key, "ED25519") ? NULL : EVP_sha256 ();
}

static void
sign_cert (X509 *x509, EVP_PKEY *signer, const char *digest)
{
  gboolean is_pss = digest && g_str_has_prefix (digest, "PSS-");
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  EVP_PKEY_CTX *how = NULL;

  g_assert_cmpint (EVP_DigestSignInit (context, &how,
                                       digest_of (is_pss ? digest + 4 : digest, signer), NULL,
                                       signer),
                   ==, 1);
  if (is_pss)
    g_assert_cmpint (EVP_PKEY_CTX_set_rsa_padding (how, RSA_PKCS1_PSS_PADDING), ==, 1);
  g_assert_cmpint (X509_sign_ctx (x509, context), >, 0);
  EVP_MD_CTX_free (context);
}

static gint64
or_else (gint64 seconds, gint64 fallback)
{
  return seconds ? seconds : fallback;
}

static void
spoil (const ASN1_BIT_STRING *signature)
{
  ((guint8 *) ASN1_STRING_get0_data (signature))[ASN1_STRING_length (signature) / 2] ^= 1;
}

/* -- certificates */

static void
add_extensions (X509 *x509, X509 *issuer, const char *extensions)
{
  CONF *conf = conf_of (extensions);
  X509V3_CTX context;

  X509V3_set_ctx (&context, issuer, x509, NULL, NULL, 0);
  X509V3_set_nconf (&context, conf);
  if (X509V3_EXT_add_nconf (conf, &context, "ext", x509) != 1) {
    ERR_print_errors_fp (stderr);
    g_error ("these extensions are not understood: %s", extensions);
  }
  NCONF_free (conf);
}

static void
set_names (X509 *x509, const MakeCert *how)
{
  X509_NAME *subject = name_of (how->subject, how->string_type);
  X509_NAME *issuer = how->issuer_name ? name_of (how->issuer_name, 0)
                      : how->issuer    ? X509_NAME_dup (X509_get_subject_name (how->issuer->x509))
                                       : X509_NAME_dup (subject);

  X509_set_subject_name (x509, subject);
  X509_set_issuer_name (x509, issuer);
  X509_NAME_free (subject);
  X509_NAME_free (issuer);
}

static EVP_PKEY *
key_for (Pki *pki, const MakeCert *how)
{
  EVP_PKEY *key = how->key_of ? how->key_of->key : how->key;

  if (!key)
    return numbered_key (pki->made->len + 1);
  EVP_PKEY_up_ref (key);
  return key;
}

static GBytes *
der_of (const X509 *x509)
{
  guint8 *der = NULL;
  int len = i2d_X509 (x509, &der);
  GBytes *bytes;

  g_assert_cmpint (len, >, 0);
  bytes = g_bytes_new (der, (gsize) len);
  OPENSSL_free (der);
  return bytes;
}

static void
read_made (Pki *pki, Made *made)
{
  gsize len;
  const guint8 *der = g_bytes_get_data (made->der, &len);

  made->cert = pki->ops->cert_parse (pki->plugin, der, len, &made->error);
  g_assert_true ((made->cert == NULL) == (made->error != NULL));
}

Made *
pki_make (Pki *pki, const MakeCert *how)
{
  Made *made = g_new0 (Made, 1);
  X509 *x509 = made->x509 = X509_new ();
  EVP_PKEY *signer;
  const ASN1_BIT_STRING *signature;

  made->key = key_for (pki, how);
  signer = how->issuer ? how->issuer->key : made->key;
  X509_set_version (x509, how->version ? how->version - 1 : X509_VERSION_3);
  ASN1_INTEGER_set_uint64 (X509_get_serialNumber (x509),
                           how->serial ? how->serial : pki->made->len + 1);
  set_names (x509, how);
  ASN1_TIME_set (X509_getm_notBefore (x509), or_else (how->not_before, MAKE_NOW - MAKE_DAY));
  ASN1_TIME_set (X509_getm_notAfter (x509), or_else (how->not_after, MAKE_NOW + 365 * MAKE_DAY));
  X509_set_pubkey (x509, made->key);
  if (how->extensions)
    add_extensions (x509, how->issuer ? how->issuer->x509 : x509, how->extensions);
  sign_cert (x509, signer, how->digest);
  X509_get0_signature (&signature, NULL, x509);
  if (how->is_spoiled)
    spoil (signature);
  made->der = der_of (x509);
  read_made (pki, made);
  g_ptr_array_add (pki->made, made);
  return made;
}

Made *
pki_make_full (Pki *pki)
{
  return MAKE (
      pki, .subject = "C=CH/O=Example/CN=moon", .serial = 0x80,
      .extensions =
          "basicConstraints=critical,CA:FALSE\n"
          "keyUsage=critical,digitalSignature\n"
          "extendedKeyUsage=serverAuth,1.3.6.1.5.5.7.3.17,1.3.6.1.5.5.8.2.2,OCSPSigning\n"
          "subjectKeyIdentifier=hash\n"
          "subjectAltName=DNS:moon.example,email:a@moon.example,IP:192.0.2.1,IP:2001:db8::1,"
          "dirName:dn,URI:http://moon.example/,RID:1.2.3\n"
          "crlDistributionPoints=URI:http://crl.example/a.crl,URI:ldap://crl.example/b\n"
          "authorityInfoAccess=OCSP;URI:http://ocsp.example/,caIssuers;URI:http://ca.example/\n"
          "[dn]\nC=CH\nCN=other\n");
}

Made *
pki_read (Pki *pki, const guint8 *der, gsize len)
{
  Made *made = g_new0 (Made, 1);

  made->der = g_bytes_new (der, len);
  read_made (pki, made);
  g_ptr_array_add (pki->made, made);
  return made;
}

Made *
pki_again (Pki *pki, const Made *made)
{
  g_autoptr (GBytes) der = NULL;
  gsize len;
  const guint8 *data;

  sign_cert (made->x509, made->key, NULL);
  der = der_of (made->x509);
  data = g_bytes_get_data (der, &len);
  return pki_read (pki, data, len);
}

char *
make_pem (const char *label, GBytes *der)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (der, &len);
  BIO *bio = BIO_new (BIO_s_mem ());
  char *text;
  long text_len;
  char *copy;

  PEM_write_bio (bio, label, "", data, (long) len);
  text_len = BIO_get_mem_data (bio, &text);
  copy = g_strndup (text, (gsize) text_len);
  BIO_free (bio);
  return copy;
}

static STACK_OF (X509_EXTENSION) * extensions_of (const char *extensions)
{
  CONF *conf = conf_of (extensions);
  STACK_OF (X509_EXTENSION) *all = NULL;
  X509V3_CTX context;

  X509V3_set_ctx (&context, NULL, NULL, NULL, NULL, 0);
  X509V3_set_nconf (&context, conf);
  g_assert_cmpint (X509V3_EXT_add_nconf_sk (conf, &context, "ext", &all), ==, 1);
  NCONF_free (conf);
  return all;
}

/* -- CRLs */

static void
add_revoked (X509_CRL *crl, const MakeRevoked *how)
{
  X509_REVOKED *entry = X509_REVOKED_new ();
  ASN1_INTEGER *serial = ASN1_INTEGER_new ();
  ASN1_TIME *when = ASN1_TIME_set (NULL, or_else (how->when, MAKE_NOW - MAKE_DAY));

  ASN1_INTEGER_set_uint64 (serial, how->serial);
  X509_REVOKED_set_serialNumber (entry, serial);
  X509_REVOKED_set_revocationDate (entry, when);
  if (how->reason >= 0) {
    ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new ();

    ASN1_ENUMERATED_set (reason, how->reason);
    X509_REVOKED_add1_ext_i2d (entry, NID_crl_reason, reason, 0, 0);
    ASN1_ENUMERATED_free (reason);
  }
  if (how->extensions) {
    STACK_OF (X509_EXTENSION) *all = extensions_of (how->extensions);

    for (int i = 0; i < sk_X509_EXTENSION_num (all); i++)
      X509_REVOKED_add_ext (entry, sk_X509_EXTENSION_value (all, i), -1);
    sk_X509_EXTENSION_pop_free (all, X509_EXTENSION_free);
  }
  X509_CRL_add0_revoked (crl, entry);
  ASN1_INTEGER_free (serial);
  ASN1_TIME_free (when);
}

static void
set_crl_times (X509_CRL *crl, const MakeCrl *how)
{
  ASN1_TIME *now = ASN1_TIME_set (NULL, or_else (how->this_update, MAKE_NOW - 3600));
  ASN1_TIME *next = ASN1_TIME_set (NULL, or_else (how->next_update, MAKE_NOW + MAKE_DAY));

  X509_CRL_set1_lastUpdate (crl, now);
  if (how->next_update >= 0)
    X509_CRL_set1_nextUpdate (crl, next);
  ASN1_TIME_free (now);
  ASN1_TIME_free (next);
}

GBytes *
make_crl (const MakeCrl *how)
{
  X509_CRL *crl = X509_CRL_new ();
  const Made *signer = how->signer ? how->signer : how->issuer;
  CONF *conf = conf_of (how->extensions);
  X509V3_CTX context;
  const ASN1_BIT_STRING *signature;
  guint8 *der = NULL;
  GBytes *bytes;
  int len;

  if (how->version != 1) /* which is not said */
    X509_CRL_set_version (crl, how->version ? how->version - 1 : X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name (crl, X509_get_subject_name (how->issuer->x509));
  set_crl_times (crl, how);
  for (guint i = 0; i < how->n_revoked; i++)
    add_revoked (crl, &how->revoked[i]);
  X509V3_set_ctx (&context, how->issuer->x509, NULL, NULL, crl, 0);
  X509V3_set_nconf (&context, conf);
  g_assert_cmpint (X509V3_EXT_CRL_add_nconf (conf, &context, "ext", crl), ==, 1);
  NCONF_free (conf);
  g_assert_cmpint (X509_CRL_sign (crl, signer->key, digest_of (how->digest, signer->key)), >, 0);
  X509_CRL_get0_signature (crl, &signature, NULL);
  if (how->is_spoiled)
    spoil (signature);
  len = i2d_X509_CRL (crl, &der);
  bytes = g_bytes_new (der, (gsize) len);
  OPENSSL_free (der);
  X509_CRL_free (crl);
  return bytes;
}

/* -- OCSP */

static void
add_single (OCSP_BASICRESP *basic, const MakeSingle *how)
{
  STACK_OF (X509_EXTENSION) *all = extensions_of (how->extensions);
  OCSP_SINGLERESP *single;
  const EVP_MD *digest = EVP_get_digestbyname (how->digest ? how->digest : "SHA1");
  OCSP_CERTID *id = OCSP_cert_to_id (digest, how->cert->x509, how->issuer->x509);
  ASN1_TIME *revoked = ASN1_GENERALIZEDTIME_set (NULL, or_else (how->revoked_at, MAKE_NOW - 7200));
  ASN1_TIME *now = ASN1_GENERALIZEDTIME_set (NULL, or_else (how->this_update, MAKE_NOW - 3600));
  ASN1_TIME *next = ASN1_GENERALIZEDTIME_set (NULL, or_else (how->next_update, MAKE_NOW + 3600));

  single = OCSP_basic_add1_status (basic, id, how->status, how->reason, revoked, now,
                                   how->next_update < 0 ? NULL : next);
  g_assert_nonnull (single);
  for (int i = 0; i < sk_X509_EXTENSION_num (all); i++)
    OCSP_SINGLERESP_add_ext (single, sk_X509_EXTENSION_value (all, i), -1);
  sk_X509_EXTENSION_pop_free (all, X509_EXTENSION_free);
  OCSP_CERTID_free (id);
  ASN1_TIME_free (revoked);
  ASN1_TIME_free (now);
  ASN1_TIME_free (next);
}

static OCSP_BASICRESP *
basic_of (const MakeOcsp *how)
{
  STACK_OF (X509_EXTENSION) *all = extensions_of (how->extensions);
  OCSP_BASICRESP *basic = OCSP_BASICRESP_new ();
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  unsigned long flags = OCSP_NOCERTS | (how->is_by_key ? OCSP_RESPID_KEY : 0);

  for (guint i = 0; i < how->n_singles; i++)
    add_single (basic, &how->singles[i]);
  if (how->nonce)
    OCSP_basic_add1_nonce (basic, (guint8 *) how->nonce, (int) strlen (how->nonce));
  for (int i = 0; i < sk_X509_EXTENSION_num (all); i++)
    OCSP_BASICRESP_add_ext (basic, sk_X509_EXTENSION_value (all, i), -1);
  sk_X509_EXTENSION_pop_free (all, X509_EXTENSION_free);
  if (how->sent)
    OCSP_basic_add1_cert (basic, how->sent->x509);
  EVP_DigestSignInit (context, NULL, digest_of (how->digest, how->signer->key), NULL,
                      how->signer->key);
  g_assert_cmpint (OCSP_basic_sign_ctx (basic, how->signer->x509, context, NULL, flags), ==, 1);
  EVP_MD_CTX_free (context);
  if (how->is_spoiled)
    spoil (OCSP_resp_get0_signature (basic));
  return basic;
}

GBytes *
make_ocsp (const MakeOcsp *how)
{
  OCSP_BASICRESP *basic = how->status ? NULL : basic_of (how);
  OCSP_RESPONSE *response = OCSP_response_create (how->status, basic);
  guint8 *der = NULL;
  int len = i2d_OCSP_RESPONSE (response, &der);
  GBytes *bytes = g_bytes_new (der, (gsize) len);

  OPENSSL_free (der);
  OCSP_BASICRESP_free (basic);
  OCSP_RESPONSE_free (response);
  return bytes;
}
