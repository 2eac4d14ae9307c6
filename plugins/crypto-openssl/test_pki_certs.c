/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_certs.c - certificates: what is read, and what is refused. */
#include <string.h>

#include <ikebana/error.h>

#include "pki_make.h"

static void
assert_ident (const IkeIdent *ident, guint8 type, const char *text)
{
  char out[128];

  g_assert_cmpint (ike_ident_type (ident), ==, type);
  g_assert_cmpstr (ike_ident_format (ident, out, sizeof out), ==, text);
}

static void
test_everything_is_told (void)
{
  Pki pki;
  Made *made;
  const IkeCertInfo *info;
  guint8 hash[32];
  gsize len;
  const guint8 *der;

  pki_open (&pki);
  made = pki_make_full (&pki);
  g_assert_no_error (made->error);
  info = pki.ops->cert_info (made->cert);
  assert_ident (info->subject, IKE_ID_DER_ASN1_DN, "C=CH, O=Example, CN=moon");
  assert_ident (info->issuer, IKE_ID_DER_ASN1_DN, "C=CH, O=Example, CN=moon");
  g_assert_cmpmem (info->serial.data, info->serial.len, "\0\x80", 2);
  g_assert_cmpint (info->not_before, ==, MAKE_NOW - MAKE_DAY);
  g_assert_cmpint (info->not_after, ==, MAKE_NOW + 365 * MAKE_DAY);
  g_assert_cmpuint (info->n_names, ==, 5);
  assert_ident (info->names[0], IKE_ID_FQDN, "moon.example");
  assert_ident (info->names[1], IKE_ID_RFC822_ADDR, "a@moon.example");
  assert_ident (info->names[2], IKE_ID_IPV4_ADDR, "192.0.2.1");
  assert_ident (info->names[3], IKE_ID_IPV6_ADDR, "2001:db8::1");
  assert_ident (info->names[4], IKE_ID_DER_ASN1_DN, "C=CH, CN=other");
  g_assert_cmpstr (info->crl_uris[0], ==, "http://crl.example/a.crl");
  g_assert_cmpstr (info->crl_uris[1], ==, "ldap://crl.example/b");
  g_assert_null (info->crl_uris[2]);
  g_assert_cmpstr (info->ocsp_uris[0], ==, "http://ocsp.example/");
  g_assert_null (info->ocsp_uris[1]);
  g_assert_cmpuint (info->flags, ==,
                    IKE_CERT_IS_SELF_SIGNED | IKE_CERT_HAS_KEY_USAGE | IKE_CERT_CAN_SIGN
                        | IKE_CERT_HAS_EKU | IKE_CERT_EKU_SERVER | IKE_CERT_EKU_IPSEC_IKE
                        | IKE_CERT_EKU_IKE_INTERMEDIATE | IKE_CERT_EKU_OCSP);
  g_assert_cmpmem (info->subject_key_id.data, info->subject_key_id.len,
                   pki.ops->pubkey_info (info->pubkey)->subject_id, IKE_KEY_ID_LEN);
  g_assert_null (info->authority_key_id.data);
  der = g_bytes_get_data (made->der, &len);
  EVP_Digest (der, len, hash, NULL, EVP_sha256 (), NULL);
  g_assert_cmpmem (info->sha256, 32, hash, 32);
  EVP_Digest (der, len, hash, NULL, EVP_sha1 (), NULL);
  g_assert_cmpmem (info->sha1, 20, hash, 20);
  g_assert_true (g_bytes_equal (pki.ops->cert_der (made->cert), made->der));
  pki_close (&pki);
}

static void
test_flags (void)
{
  static const struct {
    const char *extensions;
    guint32 flags;
  } cases[] = {
    { NULL, IKE_CERT_CAN_SIGN | IKE_CERT_CAN_SIGN_CRL },
    { "basicConstraints=CA:TRUE", IKE_CERT_IS_CA | IKE_CERT_CAN_SIGN | IKE_CERT_CAN_SIGN_CRL },
    { "keyUsage=nonRepudiation", IKE_CERT_HAS_KEY_USAGE | IKE_CERT_CAN_SIGN },
    { "keyUsage=keyEncipherment", IKE_CERT_HAS_KEY_USAGE },
    { "keyUsage=cRLSign", IKE_CERT_HAS_KEY_USAGE | IKE_CERT_CAN_SIGN_CRL },
    { "extendedKeyUsage=anyExtendedKeyUsage",
      IKE_CERT_CAN_SIGN | IKE_CERT_CAN_SIGN_CRL | IKE_CERT_HAS_EKU | IKE_CERT_EKU_ANY },
    { "extendedKeyUsage=clientAuth",
      IKE_CERT_CAN_SIGN | IKE_CERT_CAN_SIGN_CRL | IKE_CERT_HAS_EKU | IKE_CERT_EKU_CLIENT },
    { "extendedKeyUsage=codeSigning",
      IKE_CERT_CAN_SIGN | IKE_CERT_CAN_SIGN_CRL | IKE_CERT_HAS_EKU },
  };
  Pki pki;
  Made *other, *made;

  pki_open (&pki);
  other = MAKE (&pki, .subject = "CN=other");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    made = MAKE (&pki, .subject = "CN=moon", .issuer = other, .extensions = cases[i].extensions);
    g_assert_no_error (made->error);
    g_assert_cmpuint (pki.ops->cert_info (made->cert)->flags, ==, cases[i].flags);
  }
  /* Its own name is not enough, nor is its own key. */
  made = MAKE (&pki, .subject = "CN=moon", .issuer = other, .issuer_name = "CN=moon");
  g_assert_false (pki.ops->cert_info (made->cert)->flags & IKE_CERT_IS_SELF_SIGNED);
  made = MAKE (&pki, .subject = "CN=moon", .key_of = other, .issuer = other);
  g_assert_false (pki.ops->cert_info (made->cert)->flags & IKE_CERT_IS_SELF_SIGNED);
  made = MAKE (&pki, .subject = "CN=moon", .version = 1);
  g_assert_true (pki.ops->cert_info (made->cert)->flags & IKE_CERT_IS_CA);
  made = MAKE (&pki, .subject = "CN=moon", .version = 1, .issuer = other);
  g_assert_false (pki.ops->cert_info (made->cert)->flags & IKE_CERT_IS_CA);
  pki_close (&pki);
}

static void
test_dates (void)
{
  static const struct {
    gint64 from, to;
  } cases[] = {
    { G_GINT64_CONSTANT (-631152000), G_GINT64_CONSTANT (253402300799) }, /* 1950, 9999 */
    { 951782399, 951782400 },                                             /* around 2000-02-29 */
    { 2524607999, 2524608000 },                                           /* 2049, 2050 */
    { 4107542399, 4107542400 },                                           /* 2100 has no such day */
    { 1, 86399 },
  };
  Pki pki;

  pki_open (&pki);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Made *made =
        MAKE (&pki, .subject = "CN=moon", .not_before = cases[i].from, .not_after = cases[i].to);

    g_assert_no_error (made->error);
    g_assert_cmpint (pki.ops->cert_info (made->cert)->not_before, ==, cases[i].from);
    g_assert_cmpint (pki.ops->cert_info (made->cert)->not_after, ==, cases[i].to);
  }
  pki_close (&pki);
}

/* -- what is no DER */

/* A copy of @der with @from replaced by @to, once. */
static GByteArray *
replaced (GBytes *der, const char *from, gsize from_len, const char *to, gsize to_len)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (der, &len);
  GByteArray *out = g_byte_array_new ();

  for (gsize i = 0; i + from_len <= len; i++)
    if (memcmp (data + i, from, from_len) == 0) {
      g_byte_array_append (out, data, (guint) i);
      g_byte_array_append (out, (const guint8 *) to, (guint) to_len);
      g_byte_array_append (out, data + i + from_len, (guint) (len - i - from_len));
      return out;
    }
  g_error ("the test does not find its bytes");
}

static void
assert_refused (Pki *pki, const guint8 *der, gsize len, const char *why)
{
  Made *made = pki_read (pki, der, len);

  g_assert_null (made->cert);
  g_assert_nonnull (strstr (made->error->message, why));
}

static void
test_truncated (void)
{
  Pki pki;
  Made *made;
  gsize len;
  const guint8 *der;

  pki_open (&pki);
  made = pki_make_full (&pki);
  der = g_bytes_get_data (made->der, &len);
  for (gsize i = 0; i < len; i++) {
    g_autoptr (GError) error = NULL;
    g_autofree guint8 *copy = g_memdup2 (der, i);

    g_assert_null (pki.ops->cert_parse (pki.plugin, copy, i, &error));
    g_assert_error (error, IKE_ERROR, IKE_ERROR_CRYPTO);
  }
  pki_close (&pki);
}

static void
test_something_behind (void)
{
  Pki pki;
  Made *made;
  GByteArray *more;
  gsize len;

  pki_open (&pki);
  made = MAKE (&pki, .subject = "CN=moon");
  more = g_byte_array_new ();
  g_byte_array_append (more, g_bytes_get_data (made->der, NULL),
                       (guint) g_bytes_get_size (made->der));
  g_byte_array_append (more, (const guint8 *) "\x05\0", 2);
  assert_refused (&pki, more->data, more->len, "DER");
  g_byte_array_set_size (more, more->len - 1);
  assert_refused (&pki, more->data, more->len, "DER");
  g_byte_array_set_size (more, 70000);
  assert_refused (&pki, more->data, more->len, "65535");
  g_byte_array_unref (more);
  g_assert_null (pki.ops->cert_parse (pki.plugin, (const guint8 *) "", 0, NULL));
  g_bytes_get_data (made->der, &len);
  g_assert_cmpuint (len, <, 256 + 128); /* the tests below count on two octets of length */
  pki_close (&pki);
}

/* Each line changes one thing, and none of the lengths around it. */
static void
test_not_der (void)
{
  static const struct {
    const char *name, *from, *to;
    gsize len;
  } cases[] = {
    /* keyUsage BIT STRING 03 02 07 80: bits that are not used are set, or more than there are. */
    { "unused bits", "\x03\x02\x07\x80", "\x03\x02\x07\x81", 4 },
    { "8 unused bits", "\x03\x02\x07\x80", "\x03\x02\x08\x80", 4 },
    /* critical TRUE is ff and nothing else. */
    { "true", "\x01\x01\xff", "\x01\x01\x01", 3 },
    /* serial number 0080 as ff80. */
    { "integer", "\x02\x02\x00\x80", "\x02\x02\xff\x80", 4 },
    { "integer of zeros", "\x02\x02\x00\x80", "\x02\x02\x00\x00", 4 },
    /* an OID 2.5.29.15 with a leading zero of a part, and one whose last part has no end. */
    { "oid", "\x06\x03\x55\x1d\x0f", "\x06\x03\x55\x80\x0f", 5 },
    { "oid without end", "\x06\x03\x55\x1d\x0f", "\x06\x03\x55\x1d\x8f", 5 },
    /* a UTF8String in pieces. */
    { "constructed", "\x0c\x04moon", "\x2c\x04moon", 6 },
    /* indefinite length: 30 80 … */
    { "indefinite", "\x0c\x04moon", "\x0c\x80moon", 6 },
    /* a length in two octets that needs one */
    { "long length", "\x0c\x04moon", "\x0c\x81moon", 6 },
    /* dNSName [2] in pieces: 82 0c moon.example */
    { "pieces below a tag", "\x82\x0cmoon.example", "\xa2\x0c\x16\x0aon.example", 14 },
    { "high tag", "\x0c\x04moon", "\x1f\x04moon", 6 },
    { "end of contents", "\x0c\x04moon", "\x00\x04moon", 6 },
  };
  Pki pki;
  Made *good;

  pki_open (&pki);
  good = MAKE (&pki, .subject = "CN=moon", .serial = 0x80,
               .extensions = "keyUsage=critical,digitalSignature\nsubjectAltName=DNS:moon.example");
  g_assert_no_error (good->error);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    gsize len = cases[i].len;
    GByteArray *bad;
    Made *made;

    bad = replaced (good->der, cases[i].from, len, cases[i].to, len);
    made = pki_read (&pki, bad->data, bad->len);
    if (made->cert)
      g_error ("%s is taken", cases[i].name);
    g_byte_array_unref (bad);
  }
  pki_close (&pki);
}

/* The outer length in an octet more than it needs, and that of the signature. */
static void
test_long_lengths (void)
{
  Pki pki;
  Made *good;
  GByteArray *bad;

  pki_open (&pki);
  good = MAKE (&pki, .subject = "C=CH/O=An example of a name that is longer/CN=moon");
  g_assert_cmpuint (g_bytes_get_size (good->der), >, 0x104);
  bad = replaced (good->der, "\x30\x82", 2, "\x30\x83\0", 3);
  assert_refused (&pki, bad->data, bad->len, "DER");
  g_byte_array_unref (bad);
  bad = replaced (good->der, "\x03\x41\0", 3, "\x03\x81\x41\0", 4);
  bad->data[3]++;
  assert_refused (&pki, bad->data, bad->len, "DER");
  g_byte_array_unref (bad);
  pki_close (&pki);
}

static void
test_dates_of_another_form (void)
{
  static const char *const bad[] = { "260114120000z", "261314120000Z", "260230120000Z",
                                     "260114250000Z", "260114126000Z", "260114120060Z",
                                     "26011412000 Z", "260014120000Z", "260100120000Z" };
  Pki pki;
  Made *good;
  GByteArray *changed;

  pki_open (&pki);
  good = MAKE (&pki, .subject = "CN=moon");
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    changed = replaced (good->der, "260114120000Z", 13, bad[i], 13);
    assert_refused (&pki, changed->data, changed->len, "dates");
    g_byte_array_unref (changed);
  }
  changed = replaced (good->der, "260114120000Z", 13, "240229235959Z", 13);
  g_assert_nonnull (pki_read (&pki, changed->data, changed->len)->cert);
  g_byte_array_unref (changed);
  pki_close (&pki);
}

/* The two pairs of a name in the wrong order: C and CN in one SET. */
static void
test_sets_are_sorted (void)
{
  static const char sorted[] = "\x31\x16\x30\x09\x06\x03\x55\x04\x03\x0c\x02"
                               "ab\x30\x09\x06\x03\x55\x04\x06\x0c\x02"
                               "CH";
  static const char wrong[] = "\x31\x16\x30\x09\x06\x03\x55\x04\x06\x0c\x02"
                              "CH\x30\x09\x06\x03\x55\x04\x03\x0c\x02"
                              "ab";
  Pki pki;
  Made *good;
  X509_NAME *name = X509_NAME_new ();
  GByteArray *changed;

  pki_open (&pki);
  X509_NAME_add_entry_by_txt (name, "CN", V_ASN1_UTF8STRING, (const guint8 *) "ab", 2, -1, 0);
  X509_NAME_add_entry_by_txt (name, "C", V_ASN1_UTF8STRING, (const guint8 *) "CH", 2, -1, -1);
  good = MAKE (&pki, .subject = "CN=moon");
  X509_set_subject_name (good->x509, name);
  good = pki_again (&pki, good);
  g_assert_no_error (good->error);
  changed = replaced (good->der, sorted, sizeof sorted - 1, wrong, sizeof wrong - 1);
  assert_refused (&pki, changed->data, changed->len, "DER");
  g_byte_array_unref (changed);
  X509_NAME_free (name);
  pki_close (&pki);
}

/* -- bounds and extensions */

static void
test_bad_extensions (void)
{
  static const struct {
    const char *extensions, *why;
  } cases[] = {
    { "keyUsage=digitalSignature\n2.5.29.15=DER:03020780", "more than once" },
    { "2.5.29.15=DER:0302078000", "not one value in DER" },
    { "2.5.29.15=DER:03020780ff", "not one value in DER" },
    { "2.5.29.15=DER:0500", "cannot be read" },
    { "2.5.29.31=DER:30030101ff00", "not one value in DER" },
  };
  Pki pki;
  Made *made;
  GByteArray *changed;

  pki_open (&pki);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    made = MAKE (&pki, .subject = "CN=moon", .extensions = cases[i].extensions);
    g_assert_null (made->cert);
    g_assert_nonnull (strstr (made->error->message, cases[i].why));
  }
  /* What nobody reads may hold anything. */
  made = MAKE (&pki, .subject = "CN=moon", .extensions = "1.2.3.4=DER:ff00ff");
  g_assert_no_error (made->error);
  made = MAKE (&pki, .subject = "CN=moon", .extensions = "basicConstraints=CA:TRUE");
  changed = replaced (made->der, "\xa0\x03\x02\x01\x02", 5, "\xa0\x03\x02\x01\x01", 5);
  assert_refused (&pki, changed->data, changed->len, "not of X.509 version 3");
  g_byte_array_unref (changed);
  made = MAKE (&pki, .subject = "CN=moon", .version = 2);
  g_assert_no_error (made->error);
  made = MAKE (&pki, .subject = "CN=moon");
  changed = replaced (made->der, "\xa0\x03\x02\x01\x02", 5, "\xa0\x03\x02\x01\x03", 5);
  assert_refused (&pki, changed->data, changed->len, "of X.509 version 1, 2 or 3");
  g_byte_array_unref (changed);
  pki_close (&pki);
}

static Made *
make_with_many (Pki *pki, guint n_names, guint n_uris, guint n_extensions)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (n_names)
    g_string_append (text, "subjectAltName=@names\n");
  if (n_uris)
    g_string_append (text, "crlDistributionPoints=points\n");
  for (guint i = 0; i < n_extensions; i++)
    g_string_append_printf (text, "1.2.3.%u=DER:00\n", i + 1);
  if (n_uris)
    g_string_append (text, "[points]\nfullname=@uris\n[uris]\n");
  for (guint i = 0; i < n_uris; i++)
    g_string_append_printf (text, "URI.%u=http://%u.example/\n", i + 1, i);
  if (n_names)
    g_string_append (text, "[names]\n");
  for (guint i = 0; i < n_names; i++)
    g_string_append_printf (text, "DNS.%u=h%u.example\n", i + 1, i);
  return MAKE (pki, .subject = "CN=moon", .extensions = text->str);
}

static void
test_bounds (void)
{
  Pki pki;
  Made *made;

  pki_open (&pki);
  made = make_with_many (&pki, 256, 0, 0);
  g_assert_no_error (made->error);
  g_assert_cmpuint (pki.ops->cert_info (made->cert)->n_names, ==, 256);
  made = make_with_many (&pki, 257, 0, 0);
  g_assert_null (made->cert);
  g_assert_nonnull (strstr (made->error->message, "256 names"));
  made = make_with_many (&pki, 0, 40, 0);
  g_assert_no_error (made->error);
  g_assert_nonnull (pki.ops->cert_info (made->cert)->crl_uris[IKE_CERT_MAX_URIS - 1]);
  g_assert_null (pki.ops->cert_info (made->cert)->crl_uris[IKE_CERT_MAX_URIS]);
  g_assert_no_error (make_with_many (&pki, 0, 0, 64)->error);
  g_assert_null (make_with_many (&pki, 0, 0, 65)->cert);
  pki_close (&pki);
}

static void
test_useless_points (void)
{
  Pki pki;
  Made *made;
  const IkeCertInfo *info;

  pki_open (&pki);
  made =
      MAKE (&pki, .subject = "CN=moon",
            .extensions = "crlDistributionPoints=indirect,some,good\n"
                          "authorityInfoAccess=OCSP;DNS:ocsp.example,OCSP;URI:http://o.example/\n"
                          "[indirect]\nfullname=URI:http://a.example/\nCRLissuer=dirName:dn\n"
                          "[some]\nfullname=URI:http://b.example/\nreasons=keyCompromise\n"
                          "[good]\nfullname=@all\n[all]\nURI.1=http://c.example/ x\n"
                          "URI.2=http://d.example/\nDNS.3=e.example\n[dn]\nCN=other\n");
  g_assert_no_error (made->error);
  info = pki.ops->cert_info (made->cert);
  g_assert_cmpstr (info->crl_uris[0], ==, "http://d.example/");
  g_assert_null (info->crl_uris[1]);
  g_assert_cmpstr (info->ocsp_uris[0], ==, "http://o.example/");
  g_assert_null (info->ocsp_uris[1]);
  pki_close (&pki);
}

/* RSA whose algorithm has no NULL behind it, as some write it: what is hashed is what came. */
static void
test_key_as_it_stands (void)
{
  EVP_PKEY *rsa = make_rsa (1024);
  Pki pki;
  Made *made;
  X509_PUBKEY *pubkey;
  const IkePubkeyInfo *info;
  const guint8 *bits;
  guint8 hash[20], *spki = NULL;
  int n_bits, len;

  pki_open (&pki);
  made = MAKE (&pki, .subject = "CN=moon", .key = rsa);
  pubkey = X509_get_X509_PUBKEY (made->x509);
  X509_PUBKEY_get0_param (NULL, &bits, &n_bits, NULL, pubkey);
  X509_PUBKEY_set0_param (pubkey, OBJ_nid2obj (NID_rsaEncryption), V_ASN1_UNDEF, NULL,
                          OPENSSL_memdup (bits, (gsize) n_bits), n_bits);
  len = i2d_X509_PUBKEY (pubkey, &spki);
  made = pki_again (&pki, made);
  g_assert_no_error (made->error);
  info = pki.ops->pubkey_info (pki.ops->cert_info (made->cert)->pubkey);
  g_assert_cmpmem (info->spki, info->spki_len, spki, (gsize) len);
  EVP_Digest (spki, (gsize) len, hash, NULL, EVP_sha1 (), NULL);
  g_assert_cmpmem (info->id, 20, hash, 20);
  OPENSSL_free (spki);
  EVP_PKEY_free (rsa);
  pki_close (&pki);
}

static void
test_small_key (void)
{
  EVP_PKEY *rsa = make_rsa (512);
  Pki pki;
  Made *made;

  pki_open (&pki);
  made = MAKE (&pki, .subject = "CN=moon", .key = rsa, .digest = "SHA256");
  g_assert_null (made->cert);
  g_assert_error (made->error, IKE_ERROR, IKE_ERROR_UNSUPPORTED);
  EVP_PKEY_free (rsa);
  pki_close (&pki);
}

/* -- PEM */

static guint
count_pem (Pki *pki, const char *text, gsize len, GError **error)
{
  GPtrArray *out = g_ptr_array_new_with_free_func ((GDestroyNotify) pki->ops->cert_unref);
  gboolean is_good = pki->ops->certs_parse (pki->plugin, (const guint8 *) text, len, out, error);
  guint n = out->len;

  g_assert_true (is_good == (n > 0));
  g_ptr_array_unref (out);
  return n;
}

static void
test_pem (void)
{
  Pki pki;
  Made *made;
  g_autofree char *pem = NULL, *key = NULL, *text = NULL, *bad = NULL, *many = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) bundle = g_string_new (NULL);

  pki_open (&pki);
  made = MAKE (&pki, .subject = "CN=moon");
  pem = make_pem ("CERTIFICATE", made->der);
  key = make_pem ("PRIVATE KEY", made->der);
  text = g_strconcat ("0 s:/CN=moon\r\n", pem, "text\n", key, pem, "\n\n", NULL);
  g_assert_cmpuint (count_pem (&pki, text, strlen (text), &error), ==, 2);
  g_assert_no_error (error);
  g_assert_cmpuint (
      count_pem (&pki, g_bytes_get_data (made->der, NULL), g_bytes_get_size (made->der), &error),
      ==, 1);
  g_assert_cmpuint (count_pem (&pki, key, strlen (key), &error), ==, 0);
  g_assert_nonnull (strstr (error->message, "no certificate"));
  g_clear_error (&error);
  g_assert_cmpuint (count_pem (&pki, "", 0, NULL), ==, 0);
  /* One that is broken spoils all, by its number. */
  bad = g_strconcat (pem, "-----BEGIN CERTIFICATE-----\nMAAA*\n-----END CERTIFICATE-----\n", NULL);
  g_assert_cmpuint (count_pem (&pki, bad, strlen (bad), &error), ==, 0);
  g_assert_nonnull (strstr (error->message, "certificate 2"));
  g_clear_error (&error);
  g_free (bad);
  bad = g_strconcat (pem, "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n", NULL);
  g_assert_cmpuint (count_pem (&pki, bad, strlen (bad), &error), ==, 0);
  g_assert_nonnull (strstr (error->message, "certificate 2 of the text: this is no certificate"));
  g_clear_error (&error);
  /* Its end is missing. */
  g_assert_cmpuint (count_pem (&pki, pem, strlen (pem) - 8, &error), ==, 0);
  g_clear_error (&error);
  for (guint i = 0; i < 1001; i++)
    g_string_append (bundle, pem);
  g_assert_cmpuint (count_pem (&pki, bundle->str, bundle->len - strlen (pem), &error), ==, 1000);
  g_assert_cmpuint (count_pem (&pki, bundle->str, bundle->len, &error), ==, 0);
  g_assert_nonnull (strstr (error->message, "1000"));
  g_clear_error (&error);
  many = g_malloc0 (IKE_CERT_MAX_FILE + 1);
  g_assert_cmpuint (count_pem (&pki, many, IKE_CERT_MAX_FILE + 1, &error), ==, 0);
  pki_close (&pki);
}

static void
test_who_signed_how (void)
{
  static const struct {
    const char *digest;
    guint8 type;
    guint16 hash;
  } cases[] = { { NULL, IKE_KEY_ED25519, IKE_SIGHASH_IDENTITY },
                { "SHA256", IKE_KEY_RSA, IKE_SIGHASH_SHA2_256 },
                { "SHA384", IKE_KEY_RSA, IKE_SIGHASH_SHA2_384 },
                { "SHA512", IKE_KEY_RSA, IKE_SIGHASH_SHA2_512 },
                { "SHA224", IKE_KEY_RSA, 0 } };
  EVP_PKEY *rsa = make_rsa (2048);
  Pki pki;

  pki_open (&pki);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Made *made = MAKE (&pki, .subject = "CN=x", .key = cases[i].digest ? rsa : NULL,
                       .digest = cases[i].digest);
    const IkeCertInfo *info = pki.ops->cert_info (made->cert);
    g_assert_cmpuint (info->signature_type, ==, cases[i].type);
    g_assert_cmpuint (info->signature_hash, ==, cases[i].hash);
  }
  pki_close (&pki);
  EVP_PKEY_free (rsa);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/certs/who-signed-and-with-which-hash-is-told", test_who_signed_how);
  g_test_add_func ("/cert/everything-that-is-asked-of-it-is-read", test_everything_is_told);
  g_test_add_func ("/cert/flags-follow-its-extensions", test_flags);
  g_test_add_func ("/cert/dates-are-seconds-since-1970", test_dates);
  g_test_add_func ("/cert/truncated-at-any-length-it-is-refused", test_truncated);
  g_test_add_func ("/cert/with-something-behind-it-is-refused", test_something_behind);
  g_test_add_func ("/cert/what-is-ber-and-not-der-is-refused", test_not_der);
  g_test_add_func ("/cert/a-length-in-more-octets-than-it-needs-is-refused", test_long_lengths);
  g_test_add_func ("/cert/dates-of-another-form-are-refused", test_dates_of_another_form);
  g_test_add_func ("/cert/a-set-in-the-wrong-order-is-refused", test_sets_are_sorted);
  g_test_add_func ("/cert/an-extension-that-is-there-twice-or-broken-is-refused",
                   test_bad_extensions);
  g_test_add_func ("/cert/names-uris-and-extensions-are-bound", test_bounds);
  g_test_add_func ("/cert/points-of-indirect-and-partial-crls-are-left-out", test_useless_points);
  g_test_add_func ("/cert/a-key-is-hashed-as-it-stands-there", test_key_as_it_stands);
  g_test_add_func ("/cert/a-small-key-is-refused", test_small_key);
  g_test_add_func ("/cert/a-pem-text-has-many-and-other-things-around", test_pem);
  return g_test_run ();
}
