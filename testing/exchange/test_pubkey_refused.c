/* SPDX-License-Identifier: Apache-2.0 */
/* test_pubkey_refused.c - peers with certificates and signatures that prove nothing: refused,
 * with the reason in `explain`, by the initiator and by the responder (classes of attack B, C,
 * J, K, Q of testing/exchange/README.md). */
#include "exchange/certs.h"
#include "exchange/forge.h"
#include <string.h>

/* -- certificates that are wrong in one thing */

typedef struct {
  const char *name, *ca, *more; /* @ca: who issued it */
  const char *conf;             /* of the end that verifies */
  const char *reason;           /* NULL: it is good */
  const char *sent;             /* CAs that the peer sends along */
} Wrong;

static const Wrong wrongs[] = {
  { "good", "root", "", NULL, NULL, NULL },
  { "expired", "root", "--not-before 2024-01-01 --not-after 2025-12-31", NULL,
    "expired on 2025-12-31", NULL },
  { "early", "root", "--not-before 2026-02-01 --not-after 2027-01-01", NULL,
    "not valid before 2026-02-01", NULL },
  { "stranger", "other", "", NULL, "no trusted CA issued it", NULL },
  { "below-no-ca", "noca", "", NULL, "CN=noca", "noca" },
  { "below-two", "deep", "", NULL, "than its path length allows", "deep sub" },
  { "inside", "limited", "", NULL, NULL, "limited" },
  { "outside", "limited-other", "", NULL, "(permitted subtrees)", "limited-other" },
  { "outside-case", "excluded", "", NULL, "(excluded subtrees)", "excluded" },
  { "ocsp-eku", "root", "--flag ocspSigning", NULL, "extended key usage", NULL },
  { "critical", "root", "--critical 1.2.3.4.5", NULL, "critical extension", NULL },
  { "no-policy", "root", "", "remote { cert_policy = 1.3.6.1.4.1.99999.1 }", "polic", NULL },
  { "no-ca-id", "root", "", "remote { ca_id = \"C=CH, O=Test, CN=other\" }", "as `ca_id` wants",
    NULL },
  { "not-named", "root", "", "remote { certs = known.pem }", "none of those that `certs` names",
    NULL },
  { "encipher", "root", "--flag keyEncipherment", NULL, "key usage", NULL },
};

static void
make_cas (void)
{
  certs_usual ();
  certs_ca ("other", "ecdsa 256", NULL, NULL);
  certs_end ("noca", "ecdsa 256", "root", "--flag keyCertSign");
  certs_ca ("sub", "ecdsa 256", "root", "--pathlen 0");
  certs_ca ("deep", "ecdsa 256", "sub", NULL);
  certs_ca ("limited", "ecdsa 256", "root", "--nc-permitted dns:test");
  certs_ca ("limited-other", "ecdsa 256", "root", "--nc-permitted dns:example");
  certs_ca ("excluded", "ecdsa 256", "root", "--nc-excluded dns:TEST");
  certs_end ("known", "ecdsa 256", "root", "--san known.test");
}

static char *
files_of (const Wrong *wrong, guint end)
{
  g_autofree char *name = g_strdup_printf ("%c-%s", "ab"[end], wrong -> name);
  g_autofree char *pem = certs_path ("%s.pem", name), *text = NULL, *options = NULL, *san = NULL;
  g_auto (GStrv) sent = g_strsplit (wrong->sent ? wrong->sent : "", " ", -1);
  g_autoptr (GString) bundle = NULL;

  san = g_strdup_printf ("--san %c.test", "ab"[end]);
  options = g_strdup_printf ("%s %s --force", san, wrong->more);
  certs_end (name, "ecdsa 256", wrong->ca, options);
  g_assert_true (g_file_get_contents (pem, &text, NULL, NULL));
  bundle = g_string_new (text);
  for (guint i = 0; sent[i]; i++) {
    g_autofree char *path = certs_path ("%s.pem", sent[i]), *more = NULL;
    g_assert_true (g_file_get_contents (path, &more, NULL, NULL));
    g_string_append (bundle, more);
  }
  g_autofree char *all = certs_path ("%s-all.pem", name);
  g_assert_true (g_file_set_contents (all, bundle->str, -1, NULL));
  return g_strdup_printf ("x509ca/root.pem x509/%s-all.pem private/%s.key%s", name, name,
                          wrong->conf && strstr (wrong->conf, "known") ? " x509/known.pem" : "");
}

static void
test_wrong_certificates (gconstpointer flags)
{
  make_cas ();
  for (guint i = 0; i < G_N_ELEMENTS (wrongs); i++)
    for (guint end = 0; end < 2; end++) {
      g_autofree char *files = files_of (&wrongs[i], end);
      g_autofree char *good = g_strdup_printf (
          "%s%s", end ? CERTS_A : CERTS_B,
          wrongs[i].conf && strstr (wrongs[i].conf, "known") ? " x509/known.pem" : "");
      CertsCase c = { .name = wrongs[i].name };
      c.files[end] = files;
      c.files[!end] = good;
      c.conf[!end] = wrongs[i].conf;
      c.refused[!end] = wrongs[i].reason;
      certs_case_run (&c, flags, NULL);
    }
}

/* -- good certificates, and AUTH that the key did not make */

/* Which byte of AUTH to change: from the start of its data, or from the end. */
static gssize tamper_at;
static guint tamper_with;
static gboolean tamper_by_b;

static void
change_auth (gboolean by_b, guint8 first, guint8 *plain, gsize len)
{
  gsize n;
  guint8 *auth = pair_payload (first, plain, len, IKE_PAYLOAD_AUTH, &n);

  if (by_b == tamper_by_b && auth)
    auth[tamper_at >= 0 ? 4 + tamper_at : (gssize) n + tamper_at] ^= (guint8) tamper_with;
}

static void
test_wrong_signatures (gconstpointer flags)
{
  static const struct {
    const char *name, *reason;
    gssize at;
    guint with;
  } changes[] = {
    { "the signature's last bit", "is not one by the key of its certificate", -1, 1 },
    { "the signature's first byte", "is not one by the key of its certificate", 13, 0x80 },
    { "SHA-1, which was not offered", "an algorithm that we did not offer", 12, 0x02 ^ 0x0 },
    { "another arc", "an algorithm that we did not offer", 5, 1 },
    { "a longer algorithm", "an algorithm that we did not offer", 0, 1 },
    { "no algorithm", "no digital signature as RFC 7427 writes it", 0, 12 },
    { "all of it is algorithm", "no digital signature as RFC 7427 writes it", 0, 0xf3 },
  };

  certs_usual ();
  for (guint i = 0; i < G_N_ELEMENTS (changes); i++)
    for (guint end = 0; end < 2; end++) {
      CertsCase c = { changes[i].name, { CERTS_A, CERTS_B } };
      c.refused[!end] = changes[i].reason;
      tamper_at = changes[i].at;
      tamper_with = changes[i].with;
      tamper_by_b = end;
      certs_tamper = change_auth;
      certs_case_run (&c, flags, NULL);
      certs_tamper = NULL;
    }
}

/* What is in CERT is signed by nobody but its CA, so whoever sends it may change it for another.
 * With Ed25519 all have one length: the twin of b's certificate stands for another key, that of
 * c for another name with the key of b. */
static const char *swap_for;

static void
swap_certificate (gboolean by_b, guint8 first, guint8 *plain, gsize len)
{
  g_autofree char *path = certs_path ("%s", swap_for), *der = NULL;
  gsize n, der_len;
  guint8 *cert = pair_payload (first, plain, len, IKE_PAYLOAD_CERT, &n);

  if (!by_b || !cert)
    return;
  g_assert_true (g_file_get_contents (path, &der, &der_len, NULL));
  g_assert_cmpuint (der_len, ==, n - 1);
  memcpy (cert + 1, der, der_len);
}

static void
make_twin (const char *key, const char *san, const char *out)
{
  certs_pki (
      "issue --cacert ed-root.pem --cakey ed-root.key --in %s.key --dn 'C=CH, O=Test, CN=b-ed' "
      "--san %s --serial 0102030405060710 --not-before 2025-06-01 --not-after 2027-06-01 "
      "--form der --out %s --force",
      key, san, out);
}

static void
test_certificate_of_somebody_else (gconstpointer flags)
{
  static const CertsCase cases[] = {
    { "another key's certificate",
      { "x509ca/ed-root.pem x509/a-ed.pem private/a-ed.key",
        "x509ca/ed-root.pem x509/b-ed.pem private/b-ed.key" },
      { NULL },
      { NULL },
      { "is not one by the key of its certificate", NULL } },
    { "another identity's certificate",
      { "x509ca/ed-root.pem x509/a-ed.pem private/a-ed.key",
        "x509ca/ed-root.pem x509/b-ed.pem private/b-ed.key" },
      { NULL },
      { NULL },
      { "its certificate stands for C=CH, O=Test, CN=b-ed or c.test only", NULL } }
  };

  certs_ca ("ed-root", "ed25519", NULL, NULL);
  certs_end ("a-ed", "ed25519", "ed-root", "--san a.test --serial 0102030405060708");
  certs_end ("b-ed", "ed25519", "ed-root", "--san b.test --serial 0102030405060709");
  certs_key ("b-twin", "ed25519");
  make_twin ("b-twin", "b.test", "b-twin.der");
  make_twin ("b-ed", "c.test", "c.der");
  certs_tamper = swap_certificate;
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    swap_for = i ? "c.der" : "b-twin.der";
    certs_case_run (&cases[i], flags, NULL);
  }
  certs_tamper = NULL;
}

/* -- CERT payloads that are none */

static gsize cut_at;
static guint8 cut_with;

static void
change_cert (gboolean by_b, guint8 first, guint8 *plain, gsize len)
{
  gsize n;
  guint8 *cert = pair_payload (first, plain, len, IKE_PAYLOAD_CERT, &n);

  if (by_b && cert && cut_at < n)
    cert[cut_at] ^= cut_with;
}

/* Lengths that say more or less than there is, at each of the outer levels; and every 16th byte
 * changed. */
static void
test_broken_der (gconstpointer flags)
{
  static const CertsCase c = {
    "broken DER", { CERTS_A, CERTS_B }, { NULL }, { NULL }, { "", NULL }
  };
  Pair *pair;

  certs_usual ();
  pair = certs_pair_new (&c, flags, NULL);
  certs_tamper = change_cert;
  cut_with = 0x01;
  for (cut_at = 1; cut_at < 400; cut_at += cut_at < 16 ? 1 : 8) {
    certs_case_check (&c, pair);
    pair_run (pair, 60);
  }
  certs_tamper = NULL;
  certs_pair_free (pair);
}

static void
change_encoding (gboolean by_b, guint8 first, guint8 *plain, gsize len)
{
  gsize n;
  guint8 *cert = pair_payload (first, plain, len, IKE_PAYLOAD_CERT, &n);

  if (by_b && cert)
    cert[0] = (guint8) tamper_with;
}

static void
test_other_encodings (gconstpointer flags)
{
  static const CertsCase c = {
    "another encoding", { CERTS_A, CERTS_B }, { NULL }, { NULL }, { "", NULL }
  };
  Pair *pair;

  certs_usual ();
  pair = certs_pair_new (&c, flags, NULL);
  certs_tamper = change_encoding;
  for (tamper_with = 0; tamper_with < 32; tamper_with++) {
    if (tamper_with == 4)
      continue;
    certs_case_check (&c, pair);
    pair_run (pair, 60);
  }
  certs_tamper = NULL;
  certs_pair_free (pair);
}

/* -- too many of them */

/* A payload into @chain, more of them than a ForgeChain holds. */
static void
append (GByteArray *chain, guint8 next, const guint8 *body, gsize len)
{
  const guint8 head[] = { next, 0, (guint8) ((len + 4) >> 8), (guint8) (len + 4) };

  g_byte_array_append (chain, head, sizeof head);
  g_byte_array_append (chain, body, (guint) len);
}

/* A half-open SA at b, which a forger knows the keys of; then IKE_AUTH with so many payloads. */
static int
answer_to_many (gconstpointer flags, guint8 type, guint n, gsize size)
{
  static const guint8 id_a[] = "\2\0\0\0a.test";
  static const char *const plugins[] = { "credentials", "auth-pubkey", NULL };
  static const CertsCase c = { "many", { CERTS_A, CERTS_B } };
  g_autofree guint8 *junk = g_malloc0 (size + 1), *auth = g_malloc0 (80);
  PairOptions o = { .seed = 3, .flags = GPOINTER_TO_UINT (flags), .plugins = plugins };
  g_autoptr (GByteArray) chain = g_byte_array_new ();
  g_autofree guint8 *message = g_malloc (IKE_MESSAGE_MAX + 1024);
  ForgeHead head = { .from_a = TRUE, .exchange = 35, .id = 1 };
  char *error;
  Forge *forge;
  gsize len;
  int answer;

  certs_options_init (&c, &o);
  forge = forge_new (&o);
  pair_begin_up (forge->pair, &forge->pair->a, "pair", "net", &error);
  forge_run_ms (forge, 0);
  while (forge_n_sent (forge, TRUE) == 0)
    forge_run_ms (forge, 1);
  junk[0] = 4;
  auth[0] = 14;
  append (chain, type, id_a, sizeof id_a - 1);
  for (guint i = 0; i < n; i++)
    append (chain, i + 1 < n ? type : IKE_PAYLOAD_AUTH, junk, size + 1);
  append (chain, 0, auth, 80);
  len = forge_write_plain (forge, &head, IKE_PAYLOAD_IDI, chain->data, chain->len, message);
  forge_clear (forge);
  forge_inject (forge, TRUE, message, len);
  forge_run_ms (forge, 100);
  answer = forge_says (forge, forge_sent (forge, TRUE, 0));
  g_assert_cmpuint (pair_count (&forge->pair->b, "ike.established"), ==, 0);
  g_assert_cmpuint (forge_n_kernel_calls (&forge->pair->b), ==, 0);
  forge_free (forge);
  g_free (error);
  certs_options_clear ();
  return answer;
}

/* What does not fit into one message is none; what does is refused without being looked at one
 * by one. */
static void
test_many_payloads (gconstpointer flags)
{
  static const guint8 types[] = { IKE_PAYLOAD_CERT, IKE_PAYLOAD_CERTREQ };

  certs_usual ();
  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    g_assert_cmpint (answer_to_many (flags, types[i], 1, 20), ==, IKE_N_AUTHENTICATION_FAILED);
    g_assert_cmpint (answer_to_many (flags, types[i], 100, 20), ==, IKE_N_AUTHENTICATION_FAILED);
    g_assert_cmpint (answer_to_many (flags, types[i], 200, 20), ==, IKE_N_INVALID_SYNTAX);
    g_assert_cmpint (answer_to_many (flags, types[i], 10000, 1), ==, IKE_N_INVALID_SYNTAX);
  }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pair_add_test ("pubkey-refused", "certificates-wrong-in-one-thing", test_wrong_certificates);
  pair_add_test ("pubkey-refused", "signatures-that-the-key-did-not-make", test_wrong_signatures);
  pair_add_test ("pubkey-refused", "a-certificate-of-another-key",
                 test_certificate_of_somebody_else);
  pair_add_test ("pubkey-refused", "broken-der-is-no-certificate", test_broken_der);
  pair_add_test ("pubkey-refused", "other-encodings-are-no-certificate", test_other_encodings);
  pair_add_test ("pubkey-refused", "many-payloads-are-refused-as-one", test_many_payloads);
  status = g_test_run ();
  certs_clear ();
  return status;
}
