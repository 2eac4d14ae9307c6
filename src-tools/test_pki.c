/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki.c - `ikebana pki`: what it makes is held against openssl(1), and against itself. */
#include "test_pki_support.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct json_object Json;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Json, json_object_put)

/* -- keys */

static void
test_kinds (Fixture *fixture, gconstpointer data)
{
  static const char *const kinds[][3] = {
    { "gen|--type|rsa|--size|2048", "RSA 2048", "Private-Key: (2048 bit" },
    { "gen", "ECDSA P-256", "prime256v1" },
    { "gen|--type|ecdsa|--size|384", "ECDSA P-384", "secp384r1" },
    { "gen|--type|ecdsa|--size|521", "ECDSA P-521", "secp521r1" },
    { "gen|--curve|brainpoolP384r1", "ECDSA brainpoolP384r1", "brainpoolP384r1" },
    { "gen|--type|ed25519", "ED25519", "ED25519" },
    { "gen|--type|ed448", "ED448", "ED448" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    g_autofree char *line = g_strconcat (kinds[i][0], "|--form|", i % 2 ? "pem" : "der", NULL),
                    *full = g_strconcat (line, "|--force|--out|any.key", NULL),
                    *path = path_of (fixture, "any.key");
    struct stat st;
    pki_ok (fixture, full);
    g_assert_cmpint (stat (path, &st), ==, 0);
    g_assert_cmpuint (st.st_mode & 0777, ==, 0600);
    pki_ok (fixture, "print|--in|any.key");
    assert_has (fixture->output, kinds[i][1]);
    openssl (fixture, i % 2 ? "pkey|-in|any.key|-noout|-text|-check"
                            : "pkey|-in|any.key|-inform|DER|-noout|-text|-check");
    assert_has (fixture->output, kinds[i][2]);
    assert_has (fixture->output, "Key is valid");
  }
}

static void
test_overwriting (Fixture *fixture, gconstpointer data)
{
  g_autofree char *before = NULL, *after = NULL, *forced = NULL;

  pki_ok (fixture, "gen|--out|a.key");
  before = read_text (fixture, "a.key", NULL);
  pki_fails (fixture, 1, "--force", "gen|--out|a.key");
  after = read_text (fixture, "a.key", NULL);
  g_assert_cmpstr (before, ==, after);
  pki_ok (fixture, "gen|--out|a.key|--force");
  forced = read_text (fixture, "a.key", NULL);
  g_assert_cmpstr (before, !=, forced);
}

static void
test_passphrase (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = NULL;

  write_text (fixture, "right", "horse battery\n");
  write_text (fixture, "wrong", "donkey\n");
  write_text (fixture, "none", "\n");
  pki_ok (fixture, "gen|--passphrase-file|right|--out|a.key");
  text = read_text (fixture, "a.key", NULL);
  assert_has (text, "BEGIN ENCRYPTED PRIVATE KEY");
  openssl (fixture, "asn1parse|-in|a.key");
  assert_has (fixture->output, "PBES2");
  assert_has (fixture->output, "hmacWithSHA256");
  assert_has (fixture->output, "aes-256-cbc");
  openssl (fixture, "pkey|-in|a.key|-passin|file:right|-noout");
  pki_ok (fixture, "pub|--in|a.key|--passphrase-file|right");
  pki_fails (fixture, 1, "passphrase is wrong", "pub|--in|a.key|--passphrase-file|wrong");
  pki_fails (fixture, 1, "--passphrase-file", "pub|--in|a.key");
  pki_fails (fixture, 1, "first line", "pub|--in|a.key|--passphrase-file|none");
  pki_fails (fixture, 1, "cannot read gone", "pub|--in|a.key|--passphrase-file|gone");
  g_setenv ("IKEBANA_PASSPHRASE", "horse battery", TRUE);
  pki_ok (fixture, "pub|--in|a.key");
  pki_ok (fixture, "gen|--encrypt|--form|der|--out|b.key");
  pki_ok (fixture, "pub|--in|b.key");
  g_unsetenv ("IKEBANA_PASSPHRASE");
  pki_fails (fixture, 1, "IKEBANA_PASSPHRASE", "gen|--encrypt|--out|c.key");
}

static void
test_public (Fixture *fixture, gconstpointer data)
{
  g_autofree char *of_key = NULL, *der = NULL, *hash = NULL, *plain = NULL;
  g_auto (GStrv) parts = NULL;
  gsize len = 0;

  make_chain (fixture);
  pki_ok (fixture, "req|--in|moon.key|--dn|CN=moon|--out|moon.req");
  pki_ok (fixture, "pub|--in|moon.key");
  of_key = g_strdup (fixture->output);
  openssl (fixture, "pkey|-in|moon.key|-pubout");
  g_assert_cmpstr (fixture->output, ==, of_key);
  pki_ok (fixture, "pub|--type|cert|--in|moon.crt");
  g_assert_cmpstr (fixture->output, ==, of_key);
  pki_ok (fixture, "pub|moon.req");
  g_assert_cmpstr (fixture->output, ==, of_key);
  pki_ok (fixture, "pub|--in|moon.crt|--form|der|--out|moon.pub");
  der = read_text (fixture, "moon.pub", &len);
  hash = g_compute_checksum_for_data (G_CHECKSUM_SHA1, (const guchar *) der, len);
  pki_ok (fixture, "pub|--ids|--json|--in|moon.pub");
  parts = g_strsplit (fixture->output, ":", -1);
  plain = g_strjoinv ("", parts);
  assert_has (plain, hash);
}

/* -- certificates */

static void
test_chain (Fixture *fixture, gconstpointer data)
{
  make_chain (fixture);
  pki_ok (fixture, "verify|--in|moon.crt|--cacert|ca.crt|--cert|sub.crt");
  assert_has (fixture->output, "trusted\n  C=CH, O=Example, CN=moon.example, until ");
  openssl (fixture, "verify|-x509_strict|-CAfile|ca.crt|-untrusted|sub.crt|moon.crt");
  pki_ok (fixture, "verify|--in|ca.crt");
  pki_ok (fixture, "verify|--in|moon.crt|--cacert|sub.crt");
}

static void
test_extensions (Fixture *fixture, gconstpointer data)
{
  static const char *const wanted[][2] = {
    { "names.0", "dns:moon.example" },
    { "names.1", "ip:192.0.2.1" },
    { "names.2", "ip:2001:db8::1" },
    { "names.3", "email:moon@example" },
    { "names.4", "dn:CN=other" },
    { "names.5", "dns:*.example" },
    { "usage.0", "digitalSignature" },
    { "usage.1", "crlSign" },
    { "usage.2", "" },
    { "purposes.0", "serverAuth" },
    { "purposes.1", "ipsecIKE" },
    { "purposes.2", "ikeIntermediate" },
    { "crl.0", "uri:http://crl.example/a" },
    { "crl.1", "uri:http://crl.example/b" },
    { "ocsp.0", "uri:http://o.example/" },
    { "policies.0", "1.3.6.1.4.1.99999.1" },
    { "serial", "0b" },
    { "not-before", "2030-01-31T12:00:00Z" },
    { "not-after", "2051-02-28T00:00:00Z" },
    { "validity", "not yet valid" },
    { "critical-unknown.0", "1.2.3.4" },
    { "ca", "false" },
  };
  g_autoptr (Json) about = NULL;

  make_chain (fixture);
  pki_ok (fixture,
          "issue|--cacert|ca.crt|--cakey|ca.key|--in|moon.key|--dn|C=CH, CN=moon|--serial|0x0b|"
          "--not-before|2030-01-31T12:00:00Z|--not-after|2051-02-28|--san|moon.example|"
          "--san|ip:192.0.2.1|--san|2001:db8::1|--san|moon@example|--san|dn:CN=other|"
          "--san|dns:*.example|--flag|serverAuth|--flag|ikeIntermediate|--flag|ipsecIKE|"
          "--flag|crlSign|--crl|http://crl.example/a|--crl|http://crl.example/b|"
          "--ocsp|http://o.example/|--policy|1.3.6.1.4.1.99999.1|--critical|1.2.3.4|--out|x.crt");
  about = printed (fixture, "x.crt");
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    g_assert_cmpstr (text_at (about, wanted[i][0]), ==, wanted[i][1]);
  openssl (fixture, "x509|-in|x.crt|-noout|-text");
  assert_has (fixture->output, "DNS:moon.example, IP Address:192.0.2.1, IP Address:2001:DB8:0:0");
  assert_has (fixture->output, "email:moon@example, DirName:");
  assert_has (fixture->output, "DNS:*.example");
  assert_has (fixture->output, "ipsec Internet Key Exchange");
  assert_has (fixture->output, "Key Usage: critical\n                Digital Signature, CRL Sign");
  assert_has (fixture->output, "OCSP - URI:http://o.example/");
  assert_lacks (fixture->output, "CA:TRUE");
}

static void
test_ca_extensions (Fixture *fixture, gconstpointer data)
{
  pki_ok (fixture, "gen|--type|rsa|--size|2048|--out|ca.key");
  pki_ok (fixture, "self|--in|ca.key|--dn|CN=CA|--ca|--pathlen|2|--nc-permitted|dns:example|"
                   "--nc-permitted|ip:10.1.2.3/8|--nc-excluded|ip:2001:db8::/32|"
                   "--nc-excluded|dn:C=DE|--rsa-padding|pss|--digest|sha384|--out|ca.crt");
  openssl (fixture, "x509|-in|ca.crt|-noout|-text");
  assert_has (fixture->output, "CA:TRUE, pathlen:2");
  assert_has (fixture->output, "Certificate Sign, CRL Sign");
  assert_has (fixture->output, "Name Constraints: critical");
  assert_has (fixture->output, "IP:10.0.0.0/255.0.0.0");
  assert_has (fixture->output, "rsassaPss");
  assert_has (fixture->output, "Hash Algorithm: sha384");
  pki_ok (fixture, "print|ca.crt");
  assert_has (fixture->output, "ip:10.0.0.0/8");
  assert_has (fixture->output, "ip:2001:db8::/32");
  pki_fails (fixture, 2, "--ca", "self|--in|ca.key|--dn|CN=CA|--pathlen|1");
  pki_fails (fixture, 2, "--ca", "self|--in|ca.key|--dn|CN=CA|--nc-permitted|dns:example");
}

static void
test_nameless (Fixture *fixture, gconstpointer data)
{
  pki_ok (fixture, "gen|--out|a.key");
  pki_ok (fixture, "self|--in|a.key|--dn||--san|moon.example|--flag|none|--out|a.crt");
  openssl (fixture, "x509|-in|a.crt|-noout|-text");
  assert_has (fixture->output, "Subject Alternative Name: critical");
  assert_lacks (fixture->output, "Key Usage");
  pki_fails (fixture, 2, "--san", "self|--in|a.key|--dn|");
}

static void
test_serials (Fixture *fixture, gconstpointer data)
{
  g_autofree char *first = NULL;

  pki_ok (fixture, "gen|--out|a.key");
  for (guint i = 0; i < 2; i++) {
    g_autoptr (Json) about = NULL;
    const char *serial;
    pki_ok (fixture, "self|--in|a.key|--dn|CN=a|--out|a.crt");
    about = printed (fixture, "a.crt");
    serial = text_at (about, "serial");
    g_assert_cmpuint (strlen (serial), ==, 32);
    g_assert_cmpstr (serial, !=, first);
    g_free (first);
    first = g_strdup (serial);
  }
}

/* Who asks for no lifetime gets what the CA can give; who asks for more gets it, and is told. */
static void
test_lifetimes (Fixture *fixture, gconstpointer data)
{
#define ISSUE "issue|--cacert|ca.crt|--cakey|ca.key|--in|ca.key|--dn|CN=a|--out|a.crt"
  g_autoptr (Json) ca = NULL, usual = NULL, longer = NULL;

  pki_ok (fixture, "gen|--out|ca.key");
  pki_ok (fixture, "self|--in|ca.key|--dn|CN=ca|--ca|--lifetime|30|--out|ca.crt");
  ca = printed (fixture, "ca.crt");
  pki_ok (fixture, ISSUE);
  g_assert_cmpstr (fixture->errors, ==, "");
  usual = printed (fixture, "a.crt");
  g_assert_cmpstr (text_at (usual, "not-after"), ==, text_at (ca, "not-after"));
  pki_ok (fixture, ISSUE "|--lifetime|31");
  assert_has (fixture->errors, "the certificate of the CA ends before this one");
  longer = printed (fixture, "a.crt");
  g_assert_cmpstr (text_at (longer, "not-after"), >, text_at (ca, "not-after"));
#undef ISSUE
}

/* A request asks for what it likes; the CA decides. */
static void
test_request (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Json) about = NULL, renamed = NULL;

  make_chain (fixture);
  openssl (fixture, "req|-new|-key|moon.key|-subj|/C=CH/CN=asked|-addext|"
                    "subjectAltName=DNS:asked.example|-addext|basicConstraints=critical,CA:TRUE|"
                    "-out|asked.req");
  pki_ok (fixture, "issue|--cacert|ca.crt|--cakey|ca.key|--in|asked.req|--type|req|--out|x.crt");
  about = printed (fixture, "x.crt");
  g_assert_cmpstr (text_at (about, "subject"), ==, "C=CH, CN=asked");
  g_assert_cmpstr (text_at (about, "names.0"), ==, "dns:asked.example");
  g_assert_cmpstr (text_at (about, "ca"), ==, "false");
  pki_ok (fixture, "issue|--cacert|ca.crt|--cakey|ca.key|--in|asked.req|--dn|CN=given|"
                   "--san|given.example|--out|x.crt");
  renamed = printed (fixture, "x.crt");
  g_assert_cmpstr (text_at (renamed, "subject"), ==, "CN=given");
  g_assert_cmpstr (text_at (renamed, "names.0"), ==, "dns:given.example");
  g_assert_cmpstr (text_at (renamed, "names.1"), ==, "");
}

static void
test_own_request (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = path_of (fixture, "a.req"), *der = NULL;
  gsize len;

  make_chain (fixture);
  pki_ok (fixture, "req|--in|moon.key|--dn|CN=a|--san|a.example|--form|der|--out|a.req");
  openssl (fixture, "req|-in|a.req|-inform|DER|-noout|-verify|-text");
  assert_has (fixture->output, "DNS:a.example");
  der = read_text (fixture, "a.req", &len);
  der[len - 1] ^= 1;
  g_assert_true (g_file_set_contents (path, der, (gssize) len, NULL));
  pki_fails (fixture, 1, "not signed by its own key",
             "issue|--cacert|ca.crt|--cakey|ca.key|--in|a.req|--out|x.crt");
}

static void
test_wrong_ca (Fixture *fixture, gconstpointer data)
{
  make_chain (fixture);
  pki_fails (fixture, 1, "does not belong",
             "issue|--cacert|ca.crt|--cakey|sub.key|--in|moon.key|--dn|CN=x");
  pki_fails (fixture, 1, "is no CA's",
             "issue|--cacert|moon.crt|--cakey|moon.key|--in|sub.key|--dn|CN=x");
  pki_ok (fixture, "issue|--cacert|moon.crt|--cakey|moon.key|--in|sub.key|--dn|CN=x|--force|"
                   "--out|x.crt");
  pki_fails (fixture, 1, "invalid CA",
             "verify|--in|x.crt|--cacert|ca.crt|--cert|sub.crt|--cert|moon.crt");
}

/* -- PKCS#12 */

static void
test_p12 (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Json) about = NULL;

  make_chain (fixture);
  write_text (fixture, "pw", "swordfish\n");
  write_text (fixture, "wrong", "tuna\n");
  pki_ok (fixture, "p12|--cert|moon.crt|--key|moon.key|--cacert|sub.crt|--cacert|ca.crt|"
                   "--name|moon|--passphrase-file|pw|--out|moon.p12");
  openssl (fixture, "pkcs12|-in|moon.p12|-passin|file:pw|-nodes|-info");
  assert_has (fixture->output, "Shrouded Keybag: PBES2, PBKDF2, AES-256-CBC");
  assert_has (fixture->output, "PKCS7 Encrypted data: PBES2, PBKDF2, AES-256-CBC");
  assert_has (fixture->output, "MAC: sha256");
  assert_has (fixture->output, "BEGIN PRIVATE KEY");
  about = printed (fixture, "--passphrase-file|pw|moon.p12");
  g_assert_cmpstr (text_at (about, "certificate.serial"), ==, "0a0b");
  g_assert_cmpstr (text_at (about, "private-key.type"), ==, "ECDSA P-256");
  g_assert_cmpstr (text_at (about, "others.1.subject"), !=, "");
  pki_fails (fixture, 1, "passphrase is wrong", "print|--passphrase-file|wrong|moon.p12");
  pki_fails (fixture, 1, "does not belong",
             "p12|--cert|moon.crt|--key|ca.key|--passphrase-file|pw|--out|x.p12");
  pki_fails (fixture, 1, "IKEBANA_PASSPHRASE", "p12|--cert|moon.crt|--key|moon.key|--out|x.p12");
}

/* -- command lines */

static void
test_usage (Fixture *fixture, gconstpointer data)
{
  static const char *const wrong[][2] = {
    { "gne", "did you mean \"gen\"?" },
    { "gen|--tpye|rsa", "did you mean --type?" },
    { "gen|--type|ecdas", "did you mean ecdsa?" },
    { "gen|--size|lots", "--size takes a number" },
    { "gen|--size|257", "256, 384 or 521" },
    { "gen|--type|rsa|--size|99", "2048, 3072 or 4096" },
    { "gen|--type|ed25519|--size|256", "one size only" },
    { "gen|--size", "needs a value" },
    { "gen|--type|rsa|--type|rsa", "given twice" },
    { "gen|rubbish", "no place for \"rubbish\"" },
    { "gen|--force=yes", "takes no value" },
    { "self|--in|a.key", "--dn DN is needed" },
    { "self|--in|a.key|--dn|moon.example", "no distinguished name" },
    { "self|--in|a.key|--dn|CN=*", "holds a pattern" },
    { "self|--in|a.key|--dn|CN=a|--san|ip:moon", "no IP address" },
    { "self|--in|a.key|--dn|CN=a|--san|two words", "visible ASCII" },
    { "self|--in|a.key|--dn|CN=a|--serial|xyz", "no serial number" },
    { "self|--in|a.key|--dn|CN=a|--serial|00", "no serial number" },
    { "self|--in|a.key|--dn|CN=a|--not-before|tomorrow", "is no time" },
    { "self|--in|a.key|--dn|CN=a|--not-before|2030-01-31|--not-after|2030-01-30",
      "before it begins" },
    { "self|--in|a.key|--dn|CN=a|--not-after|+1d|--lifetime|3", "give one" },
    { "self|--in|a.key|--dn|CN=a|--crl|moon", "no URI" },
    { "self|--in|a.key|--dn|CN=a|--flag|serverAuht", "did you mean serverAuth?" },
    { "self|--in|a.key|--dn|CN=a|--policy|home", "no object identifier" },
    { "self|--in|a.key|--dn|CN=a|--ca|--nc-permitted|moon", "the type of a name constraint" },
    { "self|--in|a.key|--dn|CN=a|--ca|--nc-permitted|ip:10.0.0.0/33", "no address range" },
    { "issue|--cakey|a.key", "--cacert FILE is needed" },
  };

  pki_ok (fixture, "gen|--out|a.key");
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    pki_fails (fixture, 2, wrong[i][1], wrong[i][0]);
}

static void
test_files (Fixture *fixture, gconstpointer data)
{
  make_chain (fixture);
  write_text (fixture, "empty", "");
  write_text (fixture, "rubbish", "rubbish\n");
  write_text (fixture, "half", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
  pki_fails (fixture, 1, "cannot read gone: No such file", "print|gone");
  pki_fails (fixture, 1, "empty is empty", "print|empty");
  pki_fails (fixture, 1, "rubbish holds nothing", "print|rubbish");
  pki_fails (fixture, 1, "half cannot be read as a certificate", "print|half");
  pki_fails (fixture, 1, "holds a private key, not a certificate", "verify|--in|moon.key");
  pki_fails (fixture, 1, "holds a certificate, not a private key", "self|--in|ca.crt|--dn|CN=x");
  pki_fails (fixture, 1, "holds a certificate, not a CRL", "print|--type|crl|ca.crt");
  pki_fails (fixture, 1, "Failed to create file", "gen|--out|no/such/place");
}

static void
test_streams (Fixture *fixture, gconstpointer data)
{
  g_autofree char *script = NULL;
  g_auto (GStrv) argv = pki_argv ("");
  const char *const shell[] = { "sh", "-c", NULL, NULL };

  script = g_strdup_printf ("%s pki gen | tee a.key | %s pki self --in - --dn CN=a --ca >a.crt",
                            argv[0], argv[0]);
  g_assert_true (g_spawn_sync (fixture->directory,
                               (char *[]){ (char *) shell[0], (char *) shell[1], script, NULL },
                               NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
  pki_ok (fixture, "verify|--in|a.crt");
  pki_ok (fixture, "gen|--out|/dev/null");
  pki_ok (fixture, "--gen|--out|-");
  assert_has (fixture->output, "BEGIN PRIVATE KEY");
}

static void
test_help (Fixture *fixture, gconstpointer data)
{
  static const char *const names[] = { "gen", "pub",  "self",  "req",    "issue",
                                       "crl", "ocsp", "print", "verify", "p12" };

  pki_ok (fixture, "--help");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    assert_has (fixture->output, names[i]);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *line = g_strconcat (names[i], "|--help", NULL);
    pki_ok (fixture, line);
    assert_has (fixture->output, "Usage: ikebana pki ");
    assert_has (fixture->output, "\n  --");
  }
}

#define ADD(name, function) g_test_add ("/pki/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_unsetenv ("IKEBANA_PASSPHRASE");
  ADD ("every-kind-of-key-is-valid-and-its-owners-only", test_kinds);
  ADD ("a-private-key-is-overwritten-by-force-only", test_overwriting);
  ADD ("a-passphrase-encrypts-and-a-wrong-one-is-refused", test_passphrase);
  ADD ("key-certificate-and-request-give-the-same-public-key", test_public);
  ADD ("a-chain-of-three-is-trusted-here-and-by-openssl", test_chain);
  ADD ("extensions-are-what-was-asked-for", test_extensions);
  ADD ("a-ca-has-its-constraints", test_ca_extensions);
  ADD ("an-empty-subject-needs-a-name-that-is-critical", test_nameless);
  ADD ("serial-numbers-are-random", test_serials);
  ADD ("no-certificate-outlives-its-ca-unless-told-to", test_lifetimes);
  ADD ("of-a-request-only-the-names-are-taken", test_request);
  ADD ("a-request-that-was-changed-is-refused", test_own_request);
  ADD ("who-is-no-ca-issues-nothing-unless-forced", test_wrong_ca);
  ADD ("a-pkcs12-file-holds-all-of-it-encrypted", test_p12);
  ADD ("a-wrong-command-line-names-what-is-nearest", test_usage);
  ADD ("a-wrong-file-is-named-with-what-it-holds", test_files);
  ADD ("streams-do-as-well-as-files", test_streams);
  ADD ("every-command-has-help", test_help);
  return g_test_run ();
}
