/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_trust.c - `ikebana pki crl` and `pki verify`: what is revoked or else not trusted. */
#include "test_pki_support.h"
#include <string.h>

typedef struct json_object Json;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Json, json_object_put)

/* -- CRLs */

static void
test_entries (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Json) about = NULL;

  make_chain (fixture);
  pki_ok (fixture, "crl|--cacert|sub.crt|--cakey|sub.key|--cert|moon.crt|--reason|key-compromise|"
                   "--date|2020-02-29|--serial|0102|--serial|0103|--reason|certificate-hold|"
                   "--number|41|--lifetime|3|--freshest|http://crl.example/delta|--out|a.crl");
  openssl (fixture, "crl|-in|a.crl|-noout|-text|-CAfile|sub.crt");
  assert_has (fixture->output, "verify OK");
  assert_has (fixture->output,
              "Serial Number: 0A0B\n        Revocation Date: Feb 29 00:00:00 2020");
  assert_has (fixture->output, "Key Compromise");
  assert_has (fixture->output, "Certificate Hold");
  about = printed (fixture, "a.crl");
  g_assert_cmpstr (text_at (about, "number"), ==, "41");
  g_assert_cmpstr (text_at (about, "entries"), ==, "3");
  g_assert_cmpstr (text_at (about, "revoked.0.serial"), ==, "0102");
  g_assert_cmpstr (text_at (about, "revoked.0.reason"), ==, "unspecified");
  g_assert_cmpstr (text_at (about, "revoked.1.reason"), ==, "certificate-hold");
  g_assert_cmpstr (text_at (about, "freshest.0"), ==, "uri:http://crl.example/delta");
  g_assert_cmpstr (text_at (about, "issuer"), ==, "C=CH, O=Example, CN=Sub");
}

static void
test_last (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Json) second = NULL, third = NULL;

  make_chain (fixture);
  pki_ok (fixture, "crl|--cacert|ca.crt|--cakey|ca.key|--serial|01|--reason|certificate-hold|"
                   "--serial|02|--number|9|--out|1.crl");
  pki_ok (fixture, "crl|--cacert|ca.crt|--cakey|ca.key|--serial|03|--lastcrl|1.crl|--out|2.crl");
  second = printed (fixture, "2.crl");
  g_assert_cmpstr (text_at (second, "number"), ==, "10");
  g_assert_cmpstr (text_at (second, "entries"), ==, "3");
  g_assert_cmpstr (text_at (second, "revoked.0.reason"), ==, "certificate-hold");
  pki_ok (fixture, "crl|--cacert|ca.crt|--cakey|ca.key|--serial|01|--reason|remove-from-crl|"
                   "--serial|02|--reason|superseded|--lastcrl|2.crl|--form|der|--out|3.crl");
  third = printed (fixture, "3.crl");
  g_assert_cmpstr (text_at (third, "entries"), ==, "2");
  g_assert_cmpstr (text_at (third, "revoked.0.serial"), ==, "02");
  g_assert_cmpstr (text_at (third, "revoked.0.reason"), ==, "superseded");
}

static void
test_delta (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Json) about = NULL;

  make_chain (fixture);
  pki_ok (fixture, "crl|--cacert|ca.crt|--cakey|ca.key|--serial|01|--number|9|--out|base.crl");
  pki_ok (fixture, "crl|--cacert|ca.crt|--cakey|ca.key|--base|9|--lastcrl|base.crl|--serial|01|"
                   "--reason|remove-from-crl|--out|delta.crl");
  about = printed (fixture, "delta.crl");
  g_assert_cmpstr (text_at (about, "number"), ==, "10");
  g_assert_cmpstr (text_at (about, "delta-to"), ==, "9");
  g_assert_cmpstr (text_at (about, "entries"), ==, "1");
  g_assert_cmpstr (text_at (about, "revoked.0.reason"), ==, "remove-from-crl");
  openssl (fixture, "crl|-in|delta.crl|-noout|-text");
  assert_has (fixture->output, "Delta CRL Indicator: critical");
}

static void
test_wrong_lists (Fixture *fixture, gconstpointer data)
{
  make_chain (fixture);
  pki_fails (fixture, 2, "stands behind",
             "crl|--cacert|ca.crt|--cakey|ca.key|--reason|superseded|--serial|01");
  pki_fails (fixture, 2, "did you mean key-compromise?",
             "crl|--cacert|ca.crt|--cakey|ca.key|--serial|01|--reason|key-compromize");
  pki_fails (fixture, 1, "was not issued by this CA, but by \"C=CH, O=Example, CN=Sub\"",
             "crl|--cacert|ca.crt|--cakey|ca.key|--cert|moon.crt");
  pki_fails (fixture, 2, "no number of a CRL", "crl|--cacert|ca.crt|--cakey|ca.key|--number|0x1");
  pki_fails (fixture, 1, "is no CA's", "crl|--cacert|moon.crt|--cakey|moon.key");
}

/* -- trust */

static void
test_times (Fixture *fixture, gconstpointer data)
{
  make_chain (fixture);
  pki_ok (fixture, "issue|--cacert|ca.crt|--cakey|ca.key|--in|moon.key|--dn|CN=old|"
                   "--not-before=-20d|--not-after=-1h|--out|old.crt");
  pki_ok (fixture, "issue|--cacert|ca.crt|--cakey|ca.key|--in|moon.key|--dn|CN=new|"
                   "--not-before|+1h|--out|new.crt");
  pki_fails (fixture, 1, "\"CN=old\" expired at 2", "verify|--in|old.crt|--cacert|ca.crt");
  pki_fails (fixture, 1, "\"CN=new\" is not valid before 2", "verify|--in|new.crt|--cacert|ca.crt");
  pki_ok (fixture, "verify|--in|new.crt|--cacert|ca.crt|--at|+2h");
  pki_fails (fixture, 1, "\"C=CH, O=Example, CN=Example CA\" is not valid before",
             "verify|--in|old.crt|--cacert|ca.crt|--at|-1d");
  pki_fails (fixture, 2, "is no time", "verify|--in|new.crt|--at|2030-13-01");
}

static void
test_unknown (Fixture *fixture, gconstpointer data)
{
  make_chain (fixture);
  pki_ok (fixture, "gen|--out|evil.key");
  pki_ok (fixture, "self|--in|evil.key|--dn|C=CH, O=Example, CN=Example CA|--ca|--out|evil.crt");
  pki_fails (fixture, 1, "which is not among --cacert and --cert",
             "verify|--in|moon.crt|--cacert|ca.crt");
  pki_fails (fixture, 1, "is not to be trusted",
             "verify|--in|moon.crt|--cacert|evil.crt|--cert|sub.crt");
  pki_fails (fixture, 1, "signed by itself and not among --cacert",
             "verify|--in|evil.crt|--cacert|ca.crt");
  pki_fails (fixture, 1, "not signed by its own key", "verify|--in|moon.crt");
}

static void
test_constraints (Fixture *fixture, gconstpointer data)
{
  make_chain (fixture);
  pki_ok (fixture, "issue|--cacert|sub.crt|--cakey|sub.key|--in|ca.key|--dn|CN=Deep|--ca|"
                   "--out|deep.crt");
  pki_ok (fixture, "issue|--cacert|deep.crt|--cakey|ca.key|--in|moon.key|--dn|CN=x|--out|x.crt");
  pki_fails (fixture, 1, "path length",
             "verify|--in|x.crt|--cacert|ca.crt|--cert|sub.crt|"
             "--cert|deep.crt");
  pki_ok (fixture, "self|--in|ca.key|--dn|CN=Narrow|--ca|--nc-permitted|dns:example|--out|n.crt");
  pki_ok (fixture, "issue|--cacert|n.crt|--cakey|ca.key|--in|moon.key|--dn|CN=y|"
                   "--san|moon.example|--out|in.crt");
  pki_ok (fixture, "issue|--cacert|n.crt|--cakey|ca.key|--in|moon.key|--dn|CN=y|"
                   "--san|moon.elsewhere|--out|out.crt");
  pki_ok (fixture, "verify|--in|in.crt|--cacert|n.crt");
  pki_fails (fixture, 1, "permitted subtree", "verify|--in|out.crt|--cacert|n.crt");
  pki_ok (fixture, "self|--in|ca.key|--dn|CN=Odd|--ca|--critical|1.2.3.4|--out|odd.crt");
  pki_ok (fixture, "issue|--cacert|odd.crt|--cakey|ca.key|--in|moon.key|--dn|CN=z|--out|z.crt");
  pki_fails (fixture, 1, "critical extension", "verify|--in|z.crt|--cacert|odd.crt");
}

static void
test_revoked (Fixture *fixture, gconstpointer data)
{
  make_chain (fixture);
  pki_ok (fixture, "crl|--cacert|sub.crt|--cakey|sub.key|--out|empty.crl");
  pki_ok (fixture, "crl|--cacert|ca.crt|--cakey|ca.key|--cert|sub.crt|--out|root.crl");
  pki_ok (fixture, "crl|--cacert|sub.crt|--cakey|sub.key|--cert|moon.crt|--reason|superseded|"
                   "--date|2020-02-29|--out|moon.crl");
  pki_ok (fixture, "verify|--in|moon.crt|--cacert|ca.crt|--cert|sub.crt|--crl|empty.crl");
  pki_fails (fixture, 1, "CN=moon.example\" was revoked at 2020-02-29T00:00:00Z (superseded)",
             "verify|--in|moon.crt|--cacert|ca.crt|--cert|sub.crt|--crl|moon.crl");
  pki_fails (fixture, 1, "CN=Sub\" was revoked",
             "verify|--in|moon.crt|--cacert|ca.crt|--cert|sub.crt|--crl|empty.crl|--crl|root.crl");
  pki_fails (fixture, 1, "is covered by no CRL: give one of \"C=CH, O=Example, CN=Sub\"",
             "verify|--in|moon.crt|--cacert|ca.crt|--cert|sub.crt|--crl|root.crl");
  pki_fails (fixture, 1, "is covered by an old CRL",
             "verify|--in|moon.crt|--cacert|ca.crt|--cert|sub.crt|--crl|empty.crl|--at|+16d");
}

#define ADD(name, function) g_test_add ("/pki/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_unsetenv ("IKEBANA_PASSPHRASE");
  ADD ("a-crl-lists-serials-reasons-and-dates", test_entries);
  ADD ("the-next-crl-keeps-entries-and-counts-on", test_last);
  ADD ("a-delta-names-its-base-and-lists-changes-only", test_delta);
  ADD ("a-crl-of-nonsense-is-refused", test_wrong_lists);
  ADD ("expired-and-not-yet-valid-are-refused-with-their-dates", test_times);
  ADD ("an-unknown-issuer-is-named", test_unknown);
  ADD ("constraints-of-cas-are-kept", test_constraints);
  ADD ("a-revoked-certificate-is-refused-with-its-reason", test_revoked);
  return g_test_run ();
}
