/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_names.c - whom a certificate stands for, and who issued it. */
#include <string.h>

#include "pki_make.h"

static gboolean
has (Pki *pki, const Made *made, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeIdent) id = ike_ident_parse (text, &error);

  g_assert_no_error (error);
  return pki->ops->cert_has (made->cert, id);
}

static gboolean
has_raw (Pki *pki, const Made *made, guint8 type, const void *data, gsize len)
{
  g_autoptr (IkeIdent) id = ike_ident_new (type, data, len);

  return pki->ops->cert_has (made->cert, id);
}

static void
test_has (void)
{
  static const struct {
    const char *id;
    gboolean has;
  } cases[] = {
    { "moon.example", TRUE },
    { "MOON.Example", TRUE },
    { "moon.example.", TRUE },
    { "moon.exampl", FALSE },
    { "xmoon.example", FALSE },
    { "moon.example..", FALSE },
    { "sun.example", FALSE },
    { "a@moon.example", TRUE },
    { "a@MOON.example", TRUE },
    { "A@moon.example", FALSE },
    { "b@moon.example", FALSE },
    { "fqdn:a@moon.example", FALSE },
    { "email:moon.example", FALSE },
    { "192.0.2.1", TRUE },
    { "192.0.2.2", FALSE },
    { "2001:db8::1", TRUE },
    { "2001:db8::2", FALSE },
    { "C=CH, O=Example, CN=moon", TRUE },
    { "C=CH, O=EXAMPLE, CN=Moon", TRUE },
    { "C=CH, CN=moon", FALSE },
    { "C=CH, CN=moon, O=Example", FALSE },
    { "C=CH, CN=other", TRUE },
    { "C=CH, O=Example", FALSE },
    { "C=CH, O=Example, CN=*", FALSE },
    { "*.example", FALSE },
    { "%any", FALSE },
    { "moon", FALSE },
    { "192.0.2.0/24", FALSE },
  };
  Pki pki;
  Made *made;

  pki_open (&pki);
  made = pki_make_full (&pki);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    if (has (&pki, made, cases[i].id) != cases[i].has)
      g_error ("%s: %s", cases[i].id, cases[i].has ? "is not its name" : "is its name");
  pki_close (&pki);
}

static void
test_common_name (void)
{
  Pki pki;
  Made *made;

  pki_open (&pki);
  made = MAKE (&pki, .subject = "CN=moon.example/emailAddress=a@moon.example");
  g_assert_true (has (&pki, made, "CN=moon.example, emailAddress=a@moon.example"));
  g_assert_false (has (&pki, made, "moon.example"));
  g_assert_false (has (&pki, made, "a@moon.example"));
  made = MAKE (&pki, .subject = "CN=192.0.2.1");
  g_assert_false (has (&pki, made, "192.0.2.1"));
  pki_close (&pki);
}

/* A pattern of ours is nobody, even if somebody is called so. */
static void
test_pattern (void)
{
  static const char name[] = "\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01*";
  Pki pki;
  Made *made;

  pki_open (&pki);
  made = MAKE (&pki, .subject = "CN=*");
  g_assert_false (has (&pki, made, "CN=*"));
  g_assert_true (has_raw (&pki, made, IKE_ID_DER_ASN1_DN, name, sizeof name - 1));
  pki_close (&pki);
}

static void
test_dn_encodings (void)
{
  static const struct {
    const char *subject;
    int type;
    const char *id;
    gboolean has;
  } cases[] = {
    { "CN=Big  Moon ", V_ASN1_UTF8STRING, "CN=big moon", TRUE },
    { "CN= Big Moon", V_ASN1_PRINTABLESTRING, "CN=BIG   MOON", TRUE },
    { "CN=B\xc3\xa9n\xc3\xa9", V_ASN1_UTF8STRING, "CN=b\xc3\xa9n\xc3\xa9", TRUE },
    { "CN=B\xe9n", V_ASN1_T61STRING, "CN=B\xc3\xa9n", TRUE }, /* as Latin-1 */
    { "CN=BigMoon", V_ASN1_UTF8STRING, "CN=Big Moon", FALSE },
    { "CN=12", V_ASN1_NUMERICSTRING, "CN=12", FALSE },
    { "CN=Moon/CN=Moon", V_ASN1_UTF8STRING, "CN=Moon", FALSE },
  };
  Pki pki;

  pki_open (&pki);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Made *made = MAKE (&pki, .subject = cases[i].subject, .string_type = cases[i].type);

    g_assert_no_error (made->error);
    if (has (&pki, made, cases[i].id) != cases[i].has)
      g_error ("%s, %s", cases[i].subject, cases[i].id);
  }
  pki_close (&pki);
}

static void
test_empty_subject (void)
{
  static const guint8 empty[] = { 0x30, 0 };
  Pki pki;
  Made *made;

  pki_open (&pki);
  made = MAKE (&pki, .subject = "", .extensions = "subjectAltName=critical,DNS:moon.example");
  g_assert_no_error (made->error);
  g_assert_false (has_raw (&pki, made, IKE_ID_DER_ASN1_DN, empty, sizeof empty));
  g_assert_false (has_raw (&pki, made, IKE_ID_DER_ASN1_DN, "", 0));
  g_assert_false (has_raw (&pki, made, IKE_ID_FQDN, "", 0));
  g_assert_false (has_raw (&pki, made, IKE_ID_FQDN, ".", 1));
  g_assert_false (has_raw (&pki, made, IKE_ID_RFC822_ADDR, "", 0));
  g_assert_false (has_raw (&pki, made, IKE_ID_IPV4_ADDR, "", 0));
  g_assert_false (has_raw (&pki, made, IKE_ID_NULL, "", 0));
  g_assert_true (has (&pki, made, "moon.example"));
  pki_close (&pki);
}

/* "moon.example\0.evil" and the like. */
static void
test_nul_and_control (void)
{
  Pki pki;
  Made *made;

  pki_open (&pki);
  made = MAKE (&pki, .subject = "CN=moon",
               .extensions = "2.5.29.17=DER:3026"
                             "8211"
                             "6d6f6f6e2e6578616d706c65002e657669" /* moon.example\0.evi */
                             "8111"
                             "614062000000000000000000000000007a"); /* a@b\0…z */
  g_assert_no_error (made->error);
  g_assert_cmpuint (pki.ops->cert_info (made->cert)->n_names, ==, 0);
  g_assert_false (has (&pki, made, "moon.example"));
  g_assert_false (has_raw (&pki, made, IKE_ID_FQDN, "moon.example\0.evi", 17));
  g_assert_false (has_raw (&pki, made, IKE_ID_RFC822_ADDR, "a@b", 3));
  made = MAKE (&pki, .subject = "CN=moon", .extensions = "2.5.29.17=DER:300a8203610a628203c3a962");
  g_assert_no_error (made->error);
  g_assert_cmpuint (pki.ops->cert_info (made->cert)->n_names, ==, 0);
  made = MAKE (&pki, .subject = "CN=moon",
               .extensions = "2.5.29.17=DER:30108705c000020101870200008203612e62");
  g_assert_cmpuint (pki.ops->cert_info (made->cert)->n_names, ==, 1);
  g_assert_true (has (&pki, made, "a.b"));
  pki_close (&pki);
}

static void
test_wildcard (void)
{
  Pki pki;
  Made *made;

  pki_open (&pki);
  made = MAKE (&pki, .subject = "CN=moon",
               .extensions = "subjectAltName=DNS:*.example,email:*@b.example");
  g_assert_false (has (&pki, made, "moon.example"));
  g_assert_false (has_raw (&pki, made, IKE_ID_FQDN, "*.example", 9));
  g_assert_false (has_raw (&pki, made, IKE_ID_FQDN, "moon.example", 12));
  g_assert_false (has_raw (&pki, made, IKE_ID_RFC822_ADDR, "*@b.example", 11));
  g_assert_false (has (&pki, made, "a@b.example"));
  pki_close (&pki);
}

static void
test_key_id (void)
{
  Pki pki;
  Made *made;
  const IkeCertInfo *info;

  pki_open (&pki);
  made = pki_make_full (&pki);
  info = pki.ops->cert_info (made->cert);
  g_assert_true (has_raw (&pki, made, IKE_ID_KEY_ID, info->subject_key_id.data, 20));
  g_assert_false (has_raw (&pki, made, IKE_ID_KEY_ID, info->subject_key_id.data, 19));
  g_assert_false (has_raw (&pki, made, IKE_ID_KEY_ID, "", 0));
  made = MAKE (&pki, .subject = "CN=moon");
  g_assert_false (has_raw (&pki, made, IKE_ID_KEY_ID, "", 0));
  pki_close (&pki);
}

static void
test_general_name (void)
{
  Pki pki;
  Made *made;

  pki_open (&pki);
  made = pki_make_full (&pki);
  g_assert_true (has_raw (&pki, made, IKE_ID_DER_ASN1_GN, "\x82\x0cMOON.example", 14));
  g_assert_true (has_raw (&pki, made, IKE_ID_DER_ASN1_GN, "\x87\x04\xc0\0\2\1", 6));
  g_assert_false (has_raw (&pki, made, IKE_ID_DER_ASN1_GN, "\x87\x04\xc0\0\2\2", 6));
  g_assert_false (has_raw (&pki, made, IKE_ID_DER_ASN1_GN, "\x82\x0cMOON.example\0", 15));
  g_assert_false (has_raw (&pki, made, IKE_ID_DER_ASN1_GN, "\x86\x14http://moon.example/", 22));
  g_assert_false (has_raw (&pki, made, IKE_ID_DER_ASN1_GN, "", 0));
  pki_close (&pki);
}

static void
test_issued (void)
{
  Pki pki;
  EVP_PKEY *rsa = make_rsa (1024);
  Made *ca, *twin, *rsa_ca, *leaf;

  pki_open (&pki);
  ca = MAKE (&pki, .subject = "CN=CA", .extensions = MAKE_CA);
  twin = MAKE (&pki, .subject = "CN=CA", .extensions = "basicConstraints=CA:TRUE");
  leaf = MAKE (&pki, .subject = "CN=moon", .issuer = ca);
  g_assert_true (pki.ops->cert_issued (ca->cert, leaf->cert));
  g_assert_true (pki.ops->cert_issued (ca->cert, ca->cert));
  g_assert_false (pki.ops->cert_issued (twin->cert, leaf->cert));
  g_assert_false (pki.ops->cert_issued (leaf->cert, ca->cert));
  rsa_ca = MAKE (&pki, .subject = "CN=RSA", .key = rsa, .extensions = MAKE_CA);
  leaf = MAKE (&pki, .subject = "CN=moon", .issuer = rsa_ca, .digest = "PSS-SHA256");
  g_assert_true (pki.ops->cert_issued (rsa_ca->cert, leaf->cert));
  leaf = MAKE (&pki, .subject = "CN=moon", .issuer = rsa_ca, .digest = "PSS-SHA1");
  g_assert_false (pki.ops->cert_issued (rsa_ca->cert, leaf->cert));
  EVP_PKEY_free (rsa);
  leaf = MAKE (&pki, .subject = "CN=moon", .issuer = ca, .is_spoiled = TRUE);
  g_assert_false (pki.ops->cert_issued (ca->cert, leaf->cert));
  leaf = MAKE (&pki, .subject = "CN=moon", .issuer = ca, .issuer_name = "CN=CB");
  g_assert_false (pki.ops->cert_issued (ca->cert, leaf->cert));
  pki_close (&pki);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/names/alternative-names-and-the-subject-stand-for-somebody", test_has);
  g_test_add_func ("/names/a-common-name-is-no-domain-name", test_common_name);
  g_test_add_func ("/names/a-dn-is-compared-beyond-its-encoding", test_dn_encodings);
  g_test_add_func ("/names/nothing-is-nobody", test_empty_subject);
  g_test_add_func ("/names/nul-and-control-characters-are-nobody", test_nul_and_control);
  g_test_add_func ("/names/a-pattern-is-nobody", test_pattern);
  g_test_add_func ("/names/a-wildcard-in-a-certificate-matches-nothing", test_wildcard);
  g_test_add_func ("/names/a-key-id-is-the-subject-key-identifier", test_key_id);
  g_test_add_func ("/names/a-general-name-is-read-if-it-is-simple", test_general_name);
  g_test_add_func ("/names/issued-means-name-key-id-and-signature", test_issued);
  return g_test_run ();
}
