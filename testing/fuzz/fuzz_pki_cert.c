/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_pki_cert.c - certificates, CRLs and OCSP responses, held against a trust of one root.
 *
 * An octet that says what follows, then pieces: two octets of length, and so many of DER.  With
 * SIGN they are what is signed (tbsCertificate, tbsCertList, tbsResponseData), and the root's key
 * is put below them, so that it is not the signature where all ends.
 *
 * Covers: plugins/crypto-openssl/pki_cert.c plugins/crypto-openssl/pki_chain.c
 * plugins/crypto-openssl/pki_crl.c plugins/crypto-openssl/pki_der.c
 * plugins/crypto-openssl/pki_names.c plugins/crypto-openssl/pki_ocsp.c
 * plugins/crypto-openssl/pki_policy.c plugins/crypto-openssl/pki_signed.c */
#include <string.h>

#include <openssl/x509v3.h>

#include <ikebana/engine.h>
#include <ikebana/pki.h>
#include <ikebana/reader.h>

extern const IkePluginInfo ike_plugin;
int LLVMFuzzerTestOneInput (const guint8 *data, gsize len);

enum { CHAIN, BUNDLE, CRL, OCSP, NAME, SIGN = 8, POLICY = 16, NONCE = 32 };
enum { PIECES_MAX = 12 };

#define NOW G_GINT64_CONSTANT (1768478400)

static const guint8 key_seed[32] = "the key of the root of the fuzz";

typedef struct {
  const IkePkiOps *ops;
  IkePlugin *plugin;
  EVP_PKEY *key;
  IkeCert *root;
  IkeTrust *trust;
} World;

static World world;

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

/* -- DER of what is signed */

static void
append (GByteArray *out, guint8 tag, const guint8 *data, gsize len)
{
  const guint8 header[] = { tag, 0x83, (guint8) (len >> 16), (guint8) (len >> 8), (guint8) len };
  const guint8 middle[] = { tag, 0x82, (guint8) (len >> 8), (guint8) len };
  const guint8 small[] = { tag, 0x81, (guint8) len }, tiny[] = { tag, (guint8) len };

  if (len > 0xffff)
    g_byte_array_append (out, header, sizeof header);
  else if (len > 0xff)
    g_byte_array_append (out, middle, sizeof middle);
  else if (len > 0x7f)
    g_byte_array_append (out, small, sizeof small);
  else
    g_byte_array_append (out, tiny, sizeof tiny);
  g_byte_array_append (out, data, (guint) len);
}

/* SEQUENCE { @tbs, Ed25519, BIT STRING } */
static GByteArray *
sign (const guint8 *tbs, gsize len)
{
  static const guint8 algorithm[] = { 0x30, 5, 6, 3, 0x2b, 0x65, 0x70 };
  guint8 signature[65] = { 0 };
  gsize signature_len = 64;
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  g_autoptr (GByteArray) inner = g_byte_array_new ();
  GByteArray *out = g_byte_array_new ();

  EVP_DigestSignInit (context, NULL, NULL, NULL, world.key);
  check (EVP_DigestSign (context, signature + 1, &signature_len, tbs, len) == 1);
  EVP_MD_CTX_free (context);
  g_byte_array_append (inner, tbs, (guint) len);
  g_byte_array_append (inner, algorithm, sizeof algorithm);
  append (inner, 3, signature, sizeof signature);
  append (out, 0x30, inner->data, inner->len);
  return out;
}

/* A successful OCSPResponse around @basic. */
static GByteArray *
answer (const GByteArray *basic)
{
  static const guint8 type[] = { 6, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1 }, status[] = { 10, 1, 0 };
  g_autoptr (GByteArray) bytes = g_byte_array_new (), tagged = g_byte_array_new ();
  g_autoptr (GByteArray) inner = g_byte_array_new ();
  GByteArray *out = g_byte_array_new ();

  g_byte_array_append (bytes, type, sizeof type);
  append (bytes, 4, basic->data, basic->len);
  append (tagged, 0x30, bytes->data, bytes->len);
  g_byte_array_append (inner, status, sizeof status);
  append (inner, 0xa0, tagged->data, tagged->len);
  append (out, 0x30, inner->data, inner->len);
  return out;
}

/* -- the world */

static void
make_root (void)
{
  X509 *x509 = X509_new ();
  X509V3_CTX context;
  X509_EXTENSION *extension;
  guint8 *made = NULL;
  int len;

  world.key = EVP_PKEY_new_raw_private_key (EVP_PKEY_ED25519, NULL, key_seed, sizeof key_seed);
  X509_set_version (x509, X509_VERSION_3);
  ASN1_INTEGER_set (X509_get_serialNumber (x509), 1);
  X509_NAME_add_entry_by_txt (X509_get_subject_name (x509), "CN", V_ASN1_UTF8STRING,
                              (const guint8 *) "root", -1, -1, 0);
  X509_set_issuer_name (x509, X509_get_subject_name (x509));
  ASN1_TIME_set (X509_getm_notBefore (x509), 0);
  ASN1_TIME_set (X509_getm_notAfter (x509), NOW * 2);
  X509_set_pubkey (x509, world.key);
  X509V3_set_ctx (&context, x509, x509, NULL, NULL, 0);
  extension = X509V3_EXT_conf_nid (NULL, &context, NID_basic_constraints, "critical,CA:TRUE");
  X509_add_ext (x509, extension, -1);
  X509_EXTENSION_free (extension);
  check (X509_sign (x509, world.key, NULL) > 0);
  len = i2d_X509 (x509, &made);
  world.root = world.ops->cert_parse (world.plugin, made, (gsize) len, NULL);
  check (world.root != NULL);
  OPENSSL_free (made);
  X509_free (x509);
}

static void
begin (void)
{
  static const char *const plugins[] = { "crypto-openssl", NULL };
  const IkePluginInfo *builtin[] = { &ike_plugin, NULL };
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .name = "fuzz",
                               .sim = ike_sim_new (1),
                               .n_shards = 1,
                               .settings = "",
                               .plugin_dir = "/nonexistent",
                               .plugins = plugins,
                               .builtin = builtin };
  IkeEngine *engine = ike_engine_new (&options, NULL);
  const IkeProvided *provided;

  check (engine && ike_engine_start (engine, NULL));
  provided = ike_feature_find (engine, "service:pki", NULL);
  check (provided != NULL);
  world.ops = provided->ops;
  world.plugin = provided->plugin;
  make_root ();
  world.trust = world.ops->trust_new (world.plugin, &world.root, 1);
}

/* -- what comes in */

typedef struct {
  GByteArray *pieces[PIECES_MAX];
  guint n;
  guint how;
} Input;

static void
read_input (Input *input, const guint8 *data, gsize len)
{
  IkeReader r;

  ike_reader_init (&r, data, len);
  input->how = ike_reader_u8 (&r);
  while (input->n < PIECES_MAX && ike_reader_left (&r) > 2) {
    gsize wanted = ike_reader_u16 (&r), left = ike_reader_left (&r);
    gsize piece_len = MIN (wanted, left);
    const guint8 *piece = ike_reader_bytes (&r, piece_len);
    gboolean is_signed = (input->how & SIGN) && (input->how & 7) != BUNDLE;

    if (is_signed && !((input->how & 7) == NAME && input->n > 0))
      input->pieces[input->n++] = sign (piece, piece_len);
    else
      input->pieces[input->n++] =
          g_byte_array_append (g_byte_array_new (), piece, (guint) piece_len);
  }
}

static void
look_at (const IkeCert *cert)
{
  const IkeCertInfo *info = world.ops->cert_info (cert);
  char text[256];

  check (info->subject && info->issuer && info->pubkey && info->crl_uris && info->ocsp_uris);
  check (info->n_names <= IKE_CERT_MAX_NAMES);
  check (g_strv_length ((char **) info->crl_uris) <= IKE_CERT_MAX_URIS);
  check (g_strv_length ((char **) info->ocsp_uris) <= IKE_CERT_MAX_URIS);
  ike_ident_format (info->subject, text, sizeof text);
  world.ops->cert_has (cert, info->subject);
  for (guint i = 0; i < info->n_names; i++) {
    const IkeIdent *name = info->names[i];
    gsize len;
    const guint8 *data = ike_ident_data (name, &len);
    gboolean is_odd = memchr (data, '*', len) || (len == 1 && data[0] == '.');
    gboolean is_binary =
        ike_ident_type (name) != IKE_ID_FQDN && ike_ident_type (name) != IKE_ID_RFC822_ADDR;

    /* A certificate stands for its own names. */
    check (world.ops->cert_has (cert, name) == (is_binary || !is_odd));
  }
}

static IkeCert *
parse (const GByteArray *der)
{
  GError *error = NULL;
  IkeCert *cert = world.ops->cert_parse (world.plugin, der->data, der->len, &error);

  check ((cert == NULL) == (error != NULL));
  g_clear_error (&error);
  if (!cert)
    return NULL;
  check (g_bytes_get_size (world.ops->cert_der (cert)) == der->len);
  look_at (cert);
  return cert;
}

static void
run_chain (const Input *input)
{
  static const char *const policies[] = { "1.2.3.1", NULL };
  IkeCert *certs[PIECES_MAX];
  IkeChainQuery query = { .struct_size = sizeof query,
                          .others = certs + 1,
                          .trust = world.trust,
                          .now = NOW,
                          .policies = input->how & POLICY ? policies : NULL };
  IkeChainResult result;
  guint n = 0;
  gboolean is_good;

  for (guint i = 0; i < input->n; i++) {
    certs[n] = parse (input->pieces[i]);
    n += certs[n] != NULL;
  }
  if (n == 0)
    return;
  query.leaf = certs[0];
  query.n_others = n - 1;
  is_good = world.ops->chain_check (world.plugin, &query, &result);
  check (is_good == (result.error == IKE_CHAIN_OK) && is_good == (result.reason[0] == 0));
  check (memchr (result.reason, 0, sizeof result.reason) != NULL);
  check (!is_good || (result.chain[0] == certs[0] && result.n <= IKE_CHAIN_MAX));
  if (is_good && result.n > 1)
    check (result.chain[result.n - 1] == world.root
           && world.ops->cert_issued (result.chain[1], result.chain[0]));
  world.ops->chain_clear (&result);
  while (n)
    world.ops->cert_unref (certs[--n]);
}

static void
run_bundle (const Input *input)
{
  g_autoptr (GPtrArray) out = g_ptr_array_new ();
  gboolean is_good = world.ops->certs_parse (world.plugin, input->pieces[0]->data,
                                             input->pieces[0]->len, out, NULL);

  check (is_good == (out->len > 0));
  for (guint i = 0; i < out->len; i++) {
    look_at (out->pdata[i]);
    world.ops->cert_unref (out->pdata[i]);
  }
}

static void
run_crl (const Input *input)
{
  g_autoptr (GBytes) der = g_bytes_new (input->pieces[0]->data, input->pieces[0]->len);
  IkeCert *cert = input->n > 1 ? parse (input->pieces[1]) : NULL;
  IkeCrl *crl = world.ops->crl_parse (world.plugin, der, NULL);
  IkeRevocation said;

  if (crl) {
    check (world.ops->crl_info (crl)->issuer != NULL);
    world.ops->crl_is_by (crl, world.root, cert);
    if (cert)
      world.ops->crl_find (crl, cert, &said);
  }
  world.ops->crl_unref (crl);
  world.ops->cert_unref (cert);
}

static void
run_ocsp (const Input *input)
{
  static const guint8 nonce[] = "sixteen bytes it";
  gboolean has_nonce = (input->how & NONCE) != 0;
  g_autoptr (GByteArray) wrapped = input->how & SIGN ? answer (input->pieces[0]) : NULL;
  const GByteArray *der = wrapped ? wrapped : input->pieces[0];
  IkeCert *cert = input->n > 1 ? parse (input->pieces[1]) : NULL;
  IkeRevocation said;

  if (cert) {
    g_autoptr (GBytes) request = world.ops->ocsp_request (
        world.plugin, cert, world.root, has_nonce ? nonce : NULL, has_nonce ? 16 : 0, NULL);

    check (request != NULL);
  }
  if (cert)
    world.ops->ocsp_read (world.plugin, der->data, der->len, cert, world.root,
                          has_nonce ? nonce : NULL, has_nonce ? 16 : 0, NOW, &said, NULL);
  world.ops->cert_unref (cert);
}

/* A certificate, then identities: an octet of type, and what it says. */
static void
run_name (const Input *input)
{
  IkeCert *cert = parse (input->pieces[0]);

  for (guint i = 1; cert && i < input->n; i++) {
    const GByteArray *piece = input->pieces[i];
    g_autoptr (IkeIdent) id = NULL;

    if (piece->len == 0)
      continue;
    id = ike_ident_new (piece->data[0], piece->data + 1, piece->len - 1);
    world.ops->cert_has (cert, id);
  }
  world.ops->cert_unref (cert);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize len)
{
  static void (*const runs[8]) (const Input *) = { [CHAIN] = run_chain,
                                                   [BUNDLE] = run_bundle,
                                                   [CRL] = run_crl,
                                                   [OCSP] = run_ocsp,
                                                   [NAME] = run_name };
  Input input = { .n = 0 };

  if (!world.ops)
    begin ();
  read_input (&input, data, len);
  if (input.n && runs[input.how & 7])
    runs[input.how & 7](&input);
  for (guint i = 0; i < input.n; i++)
    g_byte_array_unref (input.pieces[i]);
  return 0;
}
