/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_returns.c - libcrypto answers with 1 for yes, and with 0, negative and other numbers for
 * everything else: whatever of these comes for what is right otherwise, nothing is believed. */
#include <dlfcn.h>
#include <string.h>

#include "pki_make.h"

/* What the functions below return instead of the truth; 1: the truth. */
static int forced = 1;

static gpointer
real (const char *name)
{
  gpointer symbol = dlsym (RTLD_NEXT, name);

  g_assert_nonnull (symbol);
  return symbol;
}

/* The plugin finds these before libcrypto's. */
#define SPOILED(name, arguments, values)                                                           \
  __attribute__ ((visibility ("default"))) int name arguments                                      \
  {                                                                                                \
    int (*func) arguments = (int (*) arguments) real (#name);                                      \
    int result = func values;                                                                      \
    return forced == 1 ? result : forced;                                                          \
  }

SPOILED (EVP_DigestVerify,
         (EVP_MD_CTX * context, const unsigned char *signature, size_t len,
          const unsigned char *data, size_t data_len),
         (context, signature, len, data, data_len))
SPOILED (EVP_DigestVerifyFinal, (EVP_MD_CTX * context, const unsigned char *signature, size_t len),
         (context, signature, len))
SPOILED (X509_verify_cert, (X509_STORE_CTX * context), (context))
SPOILED (X509_verify, (X509 * x509, EVP_PKEY *key), (x509, key))
SPOILED (ASN1_item_verify_ex,
         (const ASN1_ITEM *item, const X509_ALGOR *algorithm, const ASN1_BIT_STRING *signature,
          const void *data, const ASN1_OCTET_STRING *id, EVP_PKEY *key, OSSL_LIB_CTX *library,
          const char *properties),
         (item, algorithm, signature, data, id, key, library, properties))

static const int codes[] = { 0, -1, -2, 2, 257, G_MININT };

static const IkeSigScheme *
scheme_of (Pki *pki, const char *name)
{
  const IkeSigScheme *scheme;

  for (guint i = 0; (scheme = pki->ops->scheme (pki->plugin, i)); i++)
    if (strcmp (scheme->name, name) == 0)
      return scheme;
  g_assert_not_reached ();
}

static gsize
sign (EVP_PKEY *key, const EVP_MD *digest, const char *text, guint8 out[1024])
{
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  gsize len = 1024;

  g_assert_cmpint (EVP_DigestSignInit (context, NULL, digest, NULL, key), ==, 1);
  g_assert_cmpint (EVP_DigestSign (context, out, &len, (const guint8 *) text, strlen (text)), ==,
                   1);
  EVP_MD_CTX_free (context);
  return len;
}

static void
test_signatures (void)
{
  static const char text[] = "the octets";
  static const struct {
    const char *scheme;
    const char *digest;
  } cases[] = { { "ed25519", NULL }, { "rsa-sha256", "SHA256" } };
  Pki pki;

  pki_open (&pki);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    EVP_PKEY *rsa = cases[i].digest ? make_rsa (2048) : NULL;
    Made *made = MAKE (&pki, .subject = "CN=x", .key = rsa);
    guint8 signature[1024];
    gsize len = sign (made->key, cases[i].digest ? EVP_sha256 () : NULL, text, signature);
    const IkePubkey *pubkey = pki.ops->cert_info (made->cert)->pubkey;
    /* In one piece and in two: there are two ways to ask libcrypto. */
    IkePart one = { (const guint8 *) text, strlen (text) };
    IkePart two[] = { { one.data, 3 }, { one.data + 3, one.len - 3 } };

    g_assert_true (pki.ops->verify (pki.plugin, pubkey, scheme_of (&pki, cases[i].scheme), &one, 1,
                                    signature, len));
    g_assert_true (pki.ops->verify (pki.plugin, pubkey, scheme_of (&pki, cases[i].scheme), two, 2,
                                    signature, len));
    for (guint k = 0; k < G_N_ELEMENTS (codes); k++) {
      forced = codes[k];
      g_assert_false (pki.ops->verify (pki.plugin, pubkey, scheme_of (&pki, cases[i].scheme), &one,
                                       1, signature, len));
      g_assert_false (pki.ops->verify (pki.plugin, pubkey, scheme_of (&pki, cases[i].scheme), two,
                                       2, signature, len));
      forced = 1;
    }
    EVP_PKEY_free (rsa);
  }
  pki_close (&pki);
}

static gboolean
is_trusted (Pki *pki, const IkeTrust *trust, Made *leaf)
{
  IkeChainQuery query = {
    .struct_size = sizeof query, .leaf = leaf->cert, .trust = trust, .now = MAKE_NOW
  };
  IkeChainResult result = { .struct_size = sizeof result };
  gboolean is_good = pki->ops->chain_check (pki->plugin, &query, &result);

  pki->ops->chain_clear (&result);
  return is_good;
}

static void
test_chains_crls_and_ocsp (void)
{
  Pki pki;
  Made *root, *leaf;
  IkeTrust *trust;
  IkeCrl *crl;
  g_autoptr (GBytes) der = NULL, response = NULL;
  MakeSingle single = { 0 };
  IkeRevocation found = { .struct_size = sizeof found };

  pki_open (&pki);
  root = MAKE (&pki, .subject = "CN=root", .extensions = MAKE_CA);
  leaf = MAKE (&pki, .subject = "CN=leaf", .issuer = root, .extensions = MAKE_AKI);
  trust = pki.ops->trust_new (pki.plugin, &root->cert, 1);
  der = make_crl (&(MakeCrl){ .issuer = root });
  crl = pki.ops->crl_parse (pki.plugin, der, NULL);
  single = (MakeSingle){ .cert = leaf, .issuer = root, .status = V_OCSP_CERTSTATUS_GOOD };
  response = make_ocsp (&(MakeOcsp){ .singles = &single, .n_singles = 1, .signer = root });
  for (int k = -1; k < (int) G_N_ELEMENTS (codes); k++) {
    gsize len;
    const guint8 *data = g_bytes_get_data (response, &len);
    gboolean is_truth = k < 0;

    forced = is_truth ? 1 : codes[k];
    g_assert_cmpint (is_trusted (&pki, trust, leaf), ==, is_truth);
    g_assert_cmpint (pki.ops->cert_issued (root->cert, leaf->cert), ==, is_truth);
    g_assert_cmpint (pki.ops->crl_is_by (crl, root->cert, leaf->cert), ==, is_truth);
    g_assert_cmpint (pki.ops->ocsp_read (pki.plugin, data, len, leaf->cert, root->cert, NULL, 0,
                                         MAKE_NOW, &found, NULL),
                     ==, is_truth);
  }
  forced = 1;
  pki.ops->crl_unref (crl);
  pki.ops->trust_unref (trust);
  pki_close (&pki);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/returns/a-signature-is-right-by-1-alone", test_signatures);
  g_test_add_func ("/returns/chains-crls-and-responses-too", test_chains_crls_and_ocsp);
  return g_test_run ();
}
