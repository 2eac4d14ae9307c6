/* SPDX-License-Identifier: Apache-2.0 */
/* test_pubkey.c - two engines that authenticate with certificates and public keys. */
#include "exchange/certs.h"
#include <string.h>

/* -- every kind of key */

static const struct {
  const char *type, *name, *old_refusal;
  guint8 old_method;
} keys[] = {
  { "rsa 2048", "rsa", NULL, 1 },
  { "rsa 4096", "rsa4096", NULL, 1 },
  { "ecdsa 256", "p256", NULL, 9 },
  { "ecdsa 384", "p384", NULL, 10 },
  { "ecdsa 521", "p521", NULL, 11 },
  { "ecdsa brainpoolP256r1", "bp256", "no older signature fits", 0 },
  { "ecdsa brainpoolP512r1", "bp512", "no older signature fits", 0 },
  { "ed25519", "ed25519", "no older signature fits", 0 },
  { "ed448", "ed448", "no older signature fits", 0 },
};

static void
run_with_key (guint i, gconstpointer flags, gboolean is_old)
{
  g_autofree char *files[2] = { NULL, NULL };
  CertsCase c = { .name = keys[i].type };

  certs_usual ();
  for (guint k = 0; k < 2; k++) {
    g_autofree char *name = g_strdup_printf ("%c-%s", "ab"[k], keys[i].name);
    g_autofree char *san = g_strdup_printf ("--san %c.test", "ab"[k]);
    certs_end (name, keys[i].type, "root", san);
    c.files[k] = g_strdup_printf ("x509ca/root.pem x509/%s.pem private/%s.key", name, name);
  }
  /* One end that does not say it knows RFC 7427 is enough. */
  if (is_old) {
    c.plugins[1] = "auth-pubkey { signature_authentication = no\n }";
    c.refused[0] = keys[i].old_refusal;
  }
  certs_case_run (&c, flags, NULL);
  for (guint k = 0; k < 2; k++) {
    if (!c.refused[0])
      g_assert_cmpuint (certs_seen[k].method, ==, is_old ? keys[i].old_method : 14);
    g_free ((char *) c.files[k]);
  }
}

static void
test_key_types (gconstpointer flags)
{
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    run_with_key (i, flags, FALSE);
}

static void
test_old_methods (gconstpointer flags)
{
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    run_with_key (i, flags, TRUE);
}

/* -- which signature */

/* RFC 7427, A.1.2, A.3.2, A.3.3, A.4.3, and RFC 8420, A.1: what AUTH must begin with. */
static const guint8 rsa_sha384[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                     0xf7, 0x0d, 0x01, 0x01, 0x0c, 0x05, 0x00 };
static const guint8 ecdsa_sha256[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                       0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
static const guint8 ecdsa_sha512[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                       0x48, 0xce, 0x3d, 0x04, 0x03, 0x04 };
static const guint8 pss_sha256[] = { 0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                     0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x34 };

static void
assert_algorithm (const char *name, guint by, const guint8 *wanted, gsize len)
{
  if (certs_seen[by].algorithm_len < len || memcmp (certs_seen[by].algorithm, wanted, len) != 0)
    g_error ("%s: another algorithm", name);
}

static void
test_constraints (gconstpointer flags)
{
  static const char rsa_a[] = "x509ca/root.pem x509/a-rsa.pem private/a-rsa.key";
  static const struct {
    CertsCase c;
    const guint8 *algorithm;
    gsize len;
  } cases[] = {
    { { "hash order", { CERTS_A, CERTS_B }, { "local { auth = ecdsa-sha512-sha256 }", NULL } },
      ecdsa_sha512,
      sizeof ecdsa_sha512 },
    { { "hash fits the key", { CERTS_A, CERTS_B } }, ecdsa_sha256, sizeof ecdsa_sha256 },
    { { "pss asked for", { rsa_a, CERTS_B }, { "local { auth = rsa/pss-sha256 }", NULL } },
      pss_sha256,
      sizeof pss_sha256 },
    { { "pss by option",
        { rsa_a, CERTS_B },
        { NULL },
        { "auth-pubkey { rsa_pss = yes\n }", NULL } },
      pss_sha256,
      sizeof pss_sha256 },
    { { "ike: for the signature only",
        { rsa_a, CERTS_B },
        { "local { auth = pubkey-ike:rsa-sha384 }", NULL } },
      rsa_sha384,
      sizeof rsa_sha384 },
    { { "what they announce",
        { rsa_a, CERTS_B },
        { NULL, "remote { auth = pubkey-ike:rsa-sha384 }" },
        { NULL } },
      rsa_sha384,
      sizeof rsa_sha384 },
    { { "weaker than asked",
        { CERTS_A, CERTS_B },
        { NULL, "remote { auth = ecdsa-384 }" },
        { NULL },
        { NULL, "which `auth` does not take" } } },
    { { "another key than asked",
        { CERTS_A, CERTS_B },
        { NULL, "remote { auth = ed25519 }" },
        { "auth-pubkey { announce_methods = no\n }", "auth-pubkey { announce_methods = no\n }" },
        { NULL, "which `auth` does not take" } } },
    { { "another hash than asked",
        { CERTS_A, CERTS_B },
        { NULL, "remote { auth = pubkey-ike:ecdsa-sha384 }" },
        { "auth-pubkey { announce_methods = no\n }", "auth-pubkey { announce_methods = no\n }" },
        { NULL, "signs by ecdsa-sha256, which `auth` does not take" } } },
    { { "a CA of another kind",
        { rsa_a, CERTS_B },
        { NULL, "remote { auth = rsa-2048 }" },
        { NULL },
        { NULL, "the key of certificate C=CH, O=Test, CN=root" } } },
    { { "the hash of certificates too",
        { CERTS_A, CERTS_B },
        { NULL, "remote { auth = ecdsa-256-sha256 }" } },
      ecdsa_sha256,
      sizeof ecdsa_sha256 },
    { { "a hash that certificates do not have",
        { CERTS_A, CERTS_B },
        { NULL, "remote { auth = ecdsa-256-sha384-ike:ecdsa }" },
        { NULL },
        { NULL, "certificate C=CH, O=Test, CN=a is signed with a hash" } },
      NULL,
      0 },
    { { "no key of that kind",
        { CERTS_A, CERTS_B },
        { "local { auth = ed25519 }", NULL },
        { NULL },
        { "the peer takes no signature that `auth` and our keys allow", NULL } } },
  };

  certs_usual ();
  certs_end ("a-rsa", "rsa 2048", "root", "--san a.test");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    certs_case_run (&cases[i].c, flags, NULL);
    if (cases[i].algorithm)
      assert_algorithm (cases[i].c.name, 0, cases[i].algorithm, cases[i].len);
  }
}

/* RFC 9593: of two keys the one that the peer can verify is taken, because it said so. */
static void
test_announcements (gconstpointer flags)
{
  static const char both[] =
      "x509ca/root.pem x509/a.pem private/a.key x509/a-oldrsa.pem private/a-oldrsa.key";
  CertsCase c = { "two keys", { both, CERTS_B }, { NULL, "remote { auth = pubkey-ike:rsa }" } };

  certs_usual ();
  certs_end ("a-oldrsa", "rsa 2048", "root",
             "--san a.test --not-before 2025-05-01 --not-after 2027-06-01");
  certs_case_run (&c, flags, NULL);
  c.plugins[1] = "auth-pubkey { announce_methods = no\n }";
  c.refused[1] = "which `auth` does not take";
  certs_case_run (&c, flags, NULL);
}

/* -- chains, identities, what is sent */

static void
test_chains_and_identities (gconstpointer flags)
{
  static const char deep_a[] = "x509ca/root.pem x509/a-deep.pem x509ca/sub.pem private/a-deep.key";
  static const CertsCase cases[] = {
    { "the intermediate CA comes along",
      { "x509ca/root.pem x509/a-bundle.pem private/a-deep.key", CERTS_B } },
    { "or is in our files",
      { "x509ca/root.pem x509/a-deep.pem private/a-deep.key",
        "x509ca/root.pem x509ca/sub.pem x509/b.pem private/b.key" } },
    { "an intermediate CA is trusted by itself",
      { deep_a, "x509ca/sub.pem x509/b.pem private/b.key" },
      { "send_cert = always", "send_cert = always" } },
    { "PSK here, a certificate there",
      { CERTS_A, "x509ca/root.pem" },
      { "remote { auth = psk\n }", "local { auth = psk\n }" } },
    { "a certificate here, PSK there",
      { "x509ca/root.pem", CERTS_B },
      { "local { auth = psk\n }", "remote { auth = psk\n }" } },
    { "the subject is the identity",
      { CERTS_A, CERTS_B },
      { "local { id =\n }\n remote { id = \"C=CH, O=Test, CN=b\" }",
        "local { id =\n }\n remote { id = \"C=CH, O=Test, CN=*\" }" } },
    { "certificates are named",
      { CERTS_A " x509/b.pem", CERTS_B },
      { "local { certs = a.pem }\n remote { certs = b.pem\n cacerts = root.pem }",
        "local { certs = b.pem }\n remote { ca_id = \"C=CH, O=Test, CN=root\" }" } },
    { "the peer's certificate is known, and no CA",
      { "x509/a.pem private/a.key x509/b.pem", "x509/b.pem private/b.key x509/a.pem" },
      { "remote { certs = b.pem }\n send_cert = always",
        "remote { certs = a.pem }\n send_cert = always" } },
    { "nothing is sent, both know the other",
      { CERTS_A " x509/b.pem", CERTS_B " x509/a.pem" },
      { "send_cert = never", "send_cert = never" } },
    { "nothing is asked for, but always sent",
      { CERTS_A, CERTS_B },
      { "send_cert = always\n send_certreq = no", "send_cert = always\n send_certreq = no" } },
    { "a chain in fragments",
      { "x509ca/root.pem x509/a-bundle.pem private/a-deep.key", CERTS_B },
      { "fragment_size = 576", "fragment_size = 576" } },
    { "with a policy",
      { "x509ca/root.pem x509/a-policy.pem private/a-policy.key", CERTS_B },
      { NULL, "remote { cert_policy = 1.3.6.1.4.1.99999.1 }" } },
  };
  g_autofree char *first = NULL, *second = NULL, *both = NULL,
                  *bundle = certs_path ("a-bundle.pem");
  g_autofree char *leaf = NULL, *ca = NULL;

  certs_usual ();
  certs_ca ("sub", "ecdsa 256", "root", "--pathlen 0");
  certs_end ("a-deep", "ecdsa 256", "sub", "--san a.test");
  certs_end ("a-policy", "ecdsa 256", "root", "--san a.test --policy 1.3.6.1.4.1.99999.1");
  leaf = certs_path ("a-deep.pem");
  ca = certs_path ("sub.pem");
  g_assert_true (g_file_get_contents (leaf, &first, NULL, NULL)
                 && g_file_get_contents (ca, &second, NULL, NULL));
  both = g_strconcat (first, second, NULL);
  g_assert_true (g_file_set_contents (bundle, both, -1, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    certs_case_run (&cases[i], flags, NULL);
}

static void
test_what_is_sent (gconstpointer flags)
{
  CertsCase c = { "asked for", { CERTS_A, CERTS_B } };

  certs_usual ();
  certs_case_run (&c, flags, NULL);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpuint (certs_seen[i].n_certs, ==, 1);
  g_assert_cmpuint (certs_seen[0].n_certreqs, ==, 1);
  g_assert_cmpuint (certs_seen[1].n_certreqs, ==, 0);
  c = (CertsCase){ "never sent",
                   { CERTS_A " x509/b.pem", CERTS_B " x509/a.pem" },
                   { "send_cert = never", "send_cert = never" } };
  certs_case_run (&c, flags, NULL);
  g_assert_cmpuint (certs_seen[0].n_certs + certs_seen[1].n_certs, ==, 0);
  c = (CertsCase){ "not asked for",
                   { CERTS_A " x509/b.pem", CERTS_B " x509/a.pem" },
                   { "send_certreq = no", "send_certreq = no" } };
  certs_case_run (&c, flags, NULL);
  g_assert_cmpuint (certs_seen[0].n_certs + certs_seen[1].n_certs + certs_seen[0].n_certreqs, ==,
                    0);
}

/* RFC 7670: keys without certificates. */
static void
test_raw_keys (gconstpointer flags)
{
  static const CertsCase cases[] = {
    { "both raw",
      { "private/a.key pubkey/a.pub pubkey/b.pub", "private/b.key pubkey/b.pub pubkey/a.pub" },
      { "local { pubkeys = a.pub }\n remote { pubkeys = b.pub }",
        "local { pubkeys = b.pub }\n remote { pubkeys = a.pub }" } },
    { "another key",
      { "private/a.key pubkey/a.pub pubkey/b.pub", "private/b.key pubkey/b.pub" },
      { "local { pubkeys = a.pub }\n remote { pubkeys = b.pub }",
        "local { pubkeys = b.pub }\n remote { pubkeys = b.pub }" },
      { NULL },
      { NULL, "its public key is none of those" } },
  };

  certs_usual ();
  certs_pki ("pub --in a.key --out a.pub");
  certs_pki ("pub --in b.key --out b.pub");
  certs_case_run (&cases[0], flags, NULL);
  g_assert_cmpuint (certs_seen[0].encodings, ==, 1u << 15);
  g_assert_cmpuint (certs_seen[1].encodings, ==, 1u << 15);
  certs_case_run (&cases[1], flags, NULL);
}

/* -- several connections that may take a peer */

#define FIRST(remote)                                                                              \
  "connections { first { local_addrs = 10.0.0.2\n remote_addrs = 10.0.0.1\n"                       \
  "  proposals = aes256gcm16-prfsha256-x25519\n"                                                   \
  "  local { auth = pubkey\n id = b.test\n }\n remote { id = a.test\n " remote " }\n"              \
  "  children { net { local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n"                          \
  "    esp_proposals = aes256gcm16\n } } } }\n"

/* That the signature is by no key that one of them names, or by no hash that its `auth` takes, says
 * nothing about the next. */
static void
test_several_connections (gconstpointer flags)
{
  static const struct {
    CertsCase c;
    const char *first;
  } cases[] = {
    { { "keys that connections name",
        { "private/a.key pubkey/a.pub pubkey/b.pub", "private/b.key pubkey/a.pub pubkey/b.pub" },
        { "send_cert = never\n local { pubkeys = a.pub }\n remote { pubkeys = b.pub }",
          "local { pubkeys = b.pub }\n remote { pubkeys = a.pub }" } },
      FIRST ("auth = pubkey\n pubkeys = b.pub") },
    { { "hashes that connections take",
        { "x509ca/root.pem x509/a-rsa.pem private/a-rsa.key", CERTS_B },
        { NULL },
        { "auth-pubkey { signature_authentication = no\n }", NULL } },
      FIRST ("auth = ike:rsa-sha512") },
  };

  certs_usual ();
  certs_end ("a-rsa", "rsa 2048", "root", "--san a.test");
  certs_pki ("pub --in a.key --out a.pub");
  certs_pki ("pub --in b.key --out b.pub");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    certs_case_run (&cases[i].c, flags,
                    &(PairOptions){ .seed = 7, .more = { NULL, cases[i].first } });
}

/* -- a plugin that has the last word */

static void
test_hook (gconstpointer flags)
{
  static const CertsCase c = {
    "a hook", { CERTS_A, CERTS_B }, { NULL }, { NULL }, { NULL, "not on Sundays" }
  };
  static const char *const plugins[] = { "judge", NULL };
  static const IkePluginInfo *const builtin[] = { &certs_judge, NULL };
  PairOptions o = { .seed = 9, .plugins = plugins, .builtin = builtin };

  certs_usual ();
  certs_n_judged = 0;
  certs_case_run (&c, flags, &o);
  g_assert_cmpuint (certs_n_judged, ==, 1);
  g_assert_cmpuint (certs_judged_chain, ==, 2);
}

/* -- a run with one seed is like another */

static void
test_seeds (void)
{
  guint64 hashes[2];

  certs_usual ();
  for (guint seed = 1; seed <= 10; seed++) {
    for (guint run = 0; run < 2; run++) {
      CertsCase c = { "seed", { CERTS_A, CERTS_B } };
      PairOptions o = { .seed = seed };
      Pair *pair = certs_pair_new (&c, GUINT_TO_POINTER (IKE_ENGINE_SHUFFLE), &o);
      certs_case_check (&c, pair);
      hashes[run] = pair_hash (pair);
      certs_pair_free (pair);
    }
    g_assert_cmpuint (hashes[0], ==, hashes[1]);
  }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pair_add_test ("pubkey", "each-kind-of-key-authenticates", test_key_types);
  pair_add_test ("pubkey", "without-rfc-7427-the-older-methods-serve", test_old_methods);
  pair_add_test ("pubkey", "auth-chooses-and-limits-keys-and-hashes", test_constraints);
  pair_add_test ("pubkey", "of-two-keys-the-announced-one-is-taken", test_announcements);
  pair_add_test ("pubkey", "chains-and-identities", test_chains_and_identities);
  pair_add_test ("pubkey", "certificates-are-sent-when-asked-for", test_what_is_sent);
  pair_add_test ("pubkey", "raw-public-keys", test_raw_keys);
  pair_add_test ("pubkey", "what-refutes-one-connection-is-asked-of-the-next",
                 test_several_connections);
  pair_add_test ("pubkey", "a-plugin-has-the-last-word", test_hook);
  g_test_add_func ("/pubkey/each-seed-twice-is-the-same", test_seeds);
  status = g_test_run ();
  certs_clear ();
  return status;
}
