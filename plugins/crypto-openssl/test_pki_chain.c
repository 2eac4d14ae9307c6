/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_chain.c - chains: who is believed, and why somebody is not.  Every case that is refused
 * has a twin that differs in one thing and passes. */
#include <string.h>

#include "pki_ask.h"

static void
test_found (void)
{
  Pki pki;
  Three t, other;
  Made *direct;

  pki_open (&pki);
  t = make_with_ca (&pki, NULL);
  other = make_with_ca (&pki, NULL);
  direct = MAKE (&pki, .subject = "CN=sun", .issuer = t.root);
  GOOD (&pki, CHAIN (t.leaf, t.ca, t.root), ASK_THREE (t));
  GOOD (&pki, CHAIN (direct, t.root), .leaf = direct, .anchors = { t.root });
  GOOD (&pki, CHAIN (t.leaf, t.ca, t.root), .leaf = t.leaf,
        .others = { direct, t.root, other.ca, t.ca, t.leaf, other.root },
        .anchors = { other.root, direct, t.root });
  /* The intermediate one is missing; then it is the anchor; then all are. */
  BAD (&pki, IKE_CHAIN_UNKNOWN_CA, "certificate CN=moon: no trusted CA issued it (issuer is CN=ca)",
       .leaf = t.leaf, .anchors = { t.root });
  GOOD (&pki, CHAIN (t.leaf, t.ca), .leaf = t.leaf, .anchors = { t.ca });
  GOOD (&pki, CHAIN (t.leaf, t.ca), .leaf = t.leaf, .others = { t.ca },
        .anchors = { t.root, t.ca });
  BAD (&pki, IKE_CHAIN_UNKNOWN_CA, "certificate CN=ca: no trusted CA issued it (issuer is CN=root)",
       .leaf = t.leaf, .others = { t.ca }, .anchors = { direct });
  BAD (&pki, IKE_CHAIN_UNKNOWN_CA,
       "certificate CN=root: it signed itself, and is not among the trusted ones", .leaf = t.leaf,
       .others = { t.ca, t.root });
  pki_close (&pki);
}

static void
test_leaf_is_anchor (void)
{
  Pki pki;
  Made *self, *ca, *leaf, *again;

  pki_open (&pki);
  self = MAKE (&pki, .subject = "CN=moon");
  ca = MAKE (&pki, .subject = "CN=ca", .extensions = MAKE_CA);
  leaf = MAKE (&pki, .subject = "CN=sun", .issuer = ca);
  again = pki_read (&pki, g_bytes_get_data (leaf->der, NULL), g_bytes_get_size (leaf->der));
  GOOD (&pki, CHAIN (self), .leaf = self, .anchors = { self });
  GOOD (&pki, CHAIN (leaf), .leaf = leaf, .anchors = { ca, leaf });
  GOOD (&pki, CHAIN (again), .leaf = again, .anchors = { leaf });
  BAD (&pki, IKE_CHAIN_UNKNOWN_CA, "signed itself", .leaf = self, .anchors = { leaf });
  BAD (&pki, IKE_CHAIN_EXPIRED, "certificate CN=moon expired on 2027-01-15 12:00:00 UTC",
       .leaf = self, .anchors = { self }, .now = MAKE_NOW + 366 * MAKE_DAY);
  BAD (&pki, IKE_CHAIN_NOT_YET_VALID, "certificate CN=sun is not valid before 2026-01-14 12:00:00",
       .leaf = leaf, .anchors = { leaf }, .now = MAKE_NOW - 2 * MAKE_DAY);
  pki_close (&pki);
}

static void
test_dates (void)
{
  static const MakeCert usual, early = { .not_after = MAKE_NOW - 1 },
                               late = { .not_before = MAKE_NOW + 61 };
  static const char *const names[] = { "root", "ca", "moon" };
  Pki pki;

  pki_open (&pki);
  for (guint i = 0; i < 3; i++) {
    g_autofree char *was =
        g_strdup_printf ("certificate CN=%s expired on 2026-01-15 11:59:59 UTC", names[i]);
    g_autofree char *comes =
        g_strdup_printf ("certificate CN=%s is not valid before 2026-01-15 12:01:01 UTC", names[i]);
    Three t = make_three (&pki, i == 0 ? &early : &usual, i == 1 ? &early : &usual,
                          i == 2 ? &early : &usual);

    BAD (&pki, IKE_CHAIN_EXPIRED, was, ASK_THREE (t));
    GOOD (&pki, CHAIN (t.leaf, t.ca, t.root), ASK_THREE (t), .now = MAKE_NOW - 2);
    t = make_three (&pki, i == 0 ? &late : &usual, i == 1 ? &late : &usual,
                    i == 2 ? &late : &usual);
    BAD (&pki, IKE_CHAIN_NOT_YET_VALID, comes, ASK_THREE (t));
    GOOD (&pki, CHAIN (t.leaf, t.ca, t.root), ASK_THREE (t), .now = MAKE_NOW + 61);
  }
  pki_close (&pki);
}

static void
test_signatures (void)
{
  static const MakeCert usual, spoiled = { .is_spoiled = TRUE };
  Pki pki;
  Three t;

  pki_open (&pki);
  t = make_three (&pki, &usual, &usual, &spoiled);
  BAD (&pki, IKE_CHAIN_BAD_SIGNATURE, "certificate CN=moon: its signature", ASK_THREE (t));
  t = make_three (&pki, &usual, &spoiled, &usual);
  BAD (&pki, IKE_CHAIN_BAD_SIGNATURE, "certificate CN=ca: its signature", ASK_THREE (t));
  GOOD (&pki, CHAIN (t.leaf, t.ca), .leaf = t.leaf, .anchors = { t.ca });
  /* What an anchor says of itself counts for nothing. */
  t = make_three (&pki, &spoiled, &usual, &usual);
  GOOD (&pki, CHAIN (t.leaf, t.ca, t.root), ASK_THREE (t));
  pki_close (&pki);
}

static void
test_not_a_ca (void)
{
  static const MakeCert usual, v1 = { .version = 1 }, v2 = { .version = 2 };
  static const char *const extensions[] = {
    "basicConstraints=critical,CA:FALSE", "subjectKeyIdentifier=hash",
    "keyUsage=critical,keyCertSign", /* libcrypto takes this one */
    "nsCertType=sslCA",              /* and this one */
  };
  Pki pki;
  Three t;

  pki_open (&pki);
  for (guint i = 0; i < G_N_ELEMENTS (extensions); i++) {
    t = make_with_ca (&pki, extensions[i]);
    BAD (&pki, IKE_CHAIN_NOT_A_CA, "certificate CN=ca issued another one, but is no CA",
         ASK_THREE (t));
    BAD (&pki, IKE_CHAIN_NOT_A_CA, "certificate CN=ca issued another one", .leaf = t.leaf,
         .anchors = { t.ca });
    t = make_three (&pki, &(MakeCert){ .extensions = extensions[i] }, &usual, &usual);
    BAD (&pki, IKE_CHAIN_NOT_A_CA, "certificate CN=root issued another one", ASK_THREE (t));
  }
  t = make_with_ca (&pki, "basicConstraints=CA:TRUE");
  GOOD (&pki, CHAIN (t.leaf, t.ca, t.root), ASK_THREE (t));
  /* RFC 4945, 5.1.1: version 3 "for all but self-signed certificates used as trust anchors". */
  t = make_three (&pki, &usual, &v1, &usual);
  BAD (&pki, IKE_CHAIN_NOT_A_CA, "certificate CN=ca", ASK_THREE (t));
  BAD (&pki, IKE_CHAIN_NOT_A_CA, "certificate CN=ca", .leaf = t.leaf, .anchors = { t.ca });
  t = make_three (&pki, &v1, &usual, &usual);
  GOOD (&pki, CHAIN (t.leaf, t.ca, t.root), ASK_THREE (t));
  t = make_three (&pki, &v2, &usual, &usual);
  BAD (&pki, IKE_CHAIN_NOT_A_CA, "certificate CN=root", ASK_THREE (t));
  t = make_three (&pki, &usual, &usual, &v1);
  GOOD (&pki, CHAIN (t.leaf, t.ca, t.root), ASK_THREE (t));
  pki_close (&pki);
}

static void
test_ca_key_usage (void)
{
  static const MakeCert usual;
  Pki pki;
  Three t;

  pki_open (&pki);
  t = make_with_ca (&pki, "basicConstraints=critical,CA:TRUE\nkeyUsage=cRLSign,digitalSignature");
  BAD (&pki, IKE_CHAIN_KEY_USAGE, "certificate CN=ca issued another one, but its key usage",
       ASK_THREE (t));
  t = make_with_ca (&pki, "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign");
  GOOD (&pki, NULL, ASK_THREE (t));
  t = make_with_ca (&pki, "basicConstraints=critical,CA:TRUE");
  GOOD (&pki, NULL, ASK_THREE (t));
  t = make_three (
      &pki, &(MakeCert){ .extensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=cRLSign" },
      &usual, &usual);
  BAD (&pki, IKE_CHAIN_KEY_USAGE, "certificate CN=root", ASK_THREE (t));
  pki_close (&pki);
}

static void
test_leaf_usage (void)
{
  static const struct {
    const char *extensions;
    gboolean is_good;
  } cases[] = {
    { "keyUsage=digitalSignature", TRUE },
    { "keyUsage=nonRepudiation,keyEncipherment", TRUE },
    { "keyUsage=critical,keyEncipherment", FALSE },
    { "keyUsage=keyAgreement,dataEncipherment", FALSE },
    { "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign", FALSE },
    { "extendedKeyUsage=anyExtendedKeyUsage", TRUE },
    { "extendedKeyUsage=1.3.6.1.5.5.7.3.17", TRUE },
    { "extendedKeyUsage=critical,codeSigning,1.3.6.1.5.5.7.3.17", TRUE },
    { "extendedKeyUsage=1.3.6.1.5.5.8.2.2", TRUE },
    { "extendedKeyUsage=serverAuth", TRUE },
    { "extendedKeyUsage=critical,clientAuth", TRUE },
    { "extendedKeyUsage=codeSigning", FALSE },
    { "extendedKeyUsage=emailProtection,timeStamping", FALSE },
    { "extendedKeyUsage=OCSPSigning", FALSE },
    { "extendedKeyUsage=1.3.6.1.5.5.7.3.5", FALSE }, /* ipsecEndSystem: RFC 4945 deprecates it */
    { "extendedKeyUsage=1.3.6.1.5.5.7.3.17.1", FALSE },
  };
  Pki pki;

  pki_open (&pki);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Three t = make_three (&pki, &(MakeCert){ 0 }, &(MakeCert){ 0 },
                          &(MakeCert){ .extensions = cases[i].extensions });
    Made *self = MAKE (&pki, .subject = "CN=self", .extensions = cases[i].extensions);

    if (cases[i].is_good) {
      GOOD (&pki, NULL, ASK_THREE (t));
      GOOD (&pki, NULL, .leaf = self, .anchors = { self });
    } else {
      BAD (&pki, IKE_CHAIN_KEY_USAGE, "certificate CN=moon: its ", ASK_THREE (t));
      BAD (&pki, IKE_CHAIN_KEY_USAGE, "certificate CN=self: its ", .leaf = self,
           .anchors = { self });
    }
  }
  pki_close (&pki);
}

static void
test_path_length (void)
{
  static const MakeCert usual,
      none = { .extensions = "basicConstraints=critical,CA:TRUE,pathlen:0\n"
                             "subjectKeyIdentifier=hash\n" },
      one = { .extensions = "basicConstraints=critical,CA:TRUE,pathlen:1" };
  Pki pki;
  Three t;
  Made *below, *leaf, *rolled;

  pki_open (&pki);
  t = make_three (&pki, &none, &usual, &usual);
  BAD (&pki, IKE_CHAIN_PATH_LENGTH, "certificate CN=root: more CAs stand below", ASK_THREE (t));
  t = make_three (&pki, &one, &usual, &usual);
  GOOD (&pki, NULL, ASK_THREE (t));
  t = make_three (&pki, &usual, &none, &usual);
  GOOD (&pki, NULL, ASK_THREE (t));
  below = MAKE (&pki, .subject = "CN=below", .issuer = t.ca, .extensions = MAKE_CA);
  leaf = MAKE (&pki, .subject = "CN=moon", .issuer = below);
  BAD (&pki, IKE_CHAIN_PATH_LENGTH, "certificate CN=ca", .leaf = leaf, .others = { t.ca, below },
       .anchors = { t.root });
  /* RFC 5280, 4.2.1.9: "the maximum number of non-self-issued intermediate certificates". */
  rolled = MAKE (&pki, .subject = "CN=ca", .issuer = t.ca, .extensions = MAKE_CA MAKE_AKI);
  leaf = MAKE (&pki, .subject = "CN=moon", .issuer = rolled, .extensions = MAKE_AKI);
  GOOD (&pki, CHAIN (leaf, rolled, t.ca, t.root), .leaf = leaf, .others = { t.ca, rolled },
        .anchors = { t.root });
  pki_close (&pki);
}

/* -- name constraints */

static const struct {
  const char *constraints, *names;
  gboolean is_good;
} name_cases[] = {
  { "permitted;DNS:example", "DNS:moon.example", TRUE },
  { "permitted;DNS:example", "DNS:MOON.EXAMPLE", TRUE },
  { "permitted;DNS:EXAMPLE", "DNS:moon.example", TRUE },
  { "permitted;DNS:example", "DNS:example", TRUE },
  { "permitted;DNS:example", "DNS:moon.test", FALSE },
  { "permitted;DNS:example", "DNS:moonexample", FALSE },
  { "permitted;DNS:example", "DNS:moon.example,DNS:moon.test", FALSE },
  { "permitted;DNS:example", "email:a@moon.test", TRUE },
  { "permitted;DNS:example,permitted;DNS:test", "DNS:moon.test", TRUE },
  { "excluded;DNS:example", "DNS:moon.example", FALSE },
  { "excluded;DNS:example", "DNS:moon.Example", FALSE },
  { "excluded;DNS:EXAMPLE", "DNS:moon.example", FALSE },
  { "excluded;DNS:example", "DNS:moon.test", TRUE },
  { "permitted;DNS:example,excluded;DNS:moon.example", "DNS:moon.example", FALSE },
  { "permitted;DNS:example,excluded;DNS:moon.example", "DNS:sun.example", TRUE },
  { "permitted;email:example", "email:a@example", TRUE },
  { "permitted;email:example", "email:a@EXAMPLE", TRUE },
  { "permitted;email:example", "email:a@moon.example", FALSE },
  { "permitted;email:.example", "email:a@moon.Example", TRUE },
  { "permitted;email:a@example", "email:a@Example", TRUE },
  { "permitted;email:a@example", "email:b@example", FALSE },
  { "permitted;email:a@example", "email:A@example", FALSE },
  { "excluded;email:example", "email:a@example", FALSE },
  { "excluded;email:Example", "email:a@eXample", FALSE },
  { "excluded;email:example", "email:a@test", TRUE },
  { "permitted;IP:10.0.0.0/255.0.0.0", "IP:10.1.2.3", TRUE },
  { "permitted;IP:10.0.0.0/255.0.0.0", "IP:11.1.2.3", FALSE },
  { "permitted;IP:10.1.2.128/255.255.255.128", "IP:10.1.2.127", FALSE },
  { "permitted;IP:10.1.2.128/255.255.255.128", "IP:10.1.2.129", TRUE },
  { "permitted;IP:10.0.0.0/255.0.0.0", "IP:2001:db8::1", FALSE },
  { "excluded;IP:10.0.0.0/255.0.0.0", "IP:10.1.2.3", FALSE },
  { "excluded;IP:10.0.0.0/255.0.0.0", "IP:2001:db8::1", TRUE },
  { "permitted;IP:2001:db8::/ffff:ffff::", "IP:2001:db8::1", TRUE },
  { "permitted;IP:2001:db8::/ffff:ffff::", "IP:2001:db9::1", FALSE },
  { "excluded;IP:0.0.0.0/0.0.0.0", "IP:192.0.2.1", FALSE },
  { "permitted;dirName:inside", "dirName:inside", TRUE },
  { "permitted;dirName:inside", "dirName:below", TRUE },
  { "permitted;dirName:inside", "dirName:folded", TRUE },
  { "permitted;dirName:inside", "dirName:outside", FALSE },
  { "excluded;dirName:outside", "dirName:outside", FALSE },
  { "excluded;dirName:outside", "dirName:below", TRUE },
  { "permitted;URI:example", "URI:http://example/x", TRUE },
  { "permitted;URI:example", "URI:http://EXAMPLE/x", TRUE },
  { "permitted;URI:.example", "URI:http://moon.Example/x", TRUE },
  { "permitted;URI:example", "URI:http://moon.example/x", FALSE },
  { "permitted;URI:example", "URI:http://test/x", FALSE },
  { "excluded;URI:example", "URI:http://example:80/x", FALSE },
  { "excluded;URI:example", "URI:http://test/x", TRUE },
  { "permitted;RID:1.2.3", "RID:1.2.3", FALSE }, /* of a kind that is not understood */
  { "permitted;RID:1.2.3", "DNS:moon.example", TRUE },
};

#define SECTIONS                                                                                   \
  "\n[inside]\nC=CH\nO=Example\n[below]\nC=CH\nO=Example\nCN=moon\n[folded]\nC=CH\nO=EXAMPLE\n"    \
  "CN=x\n[outside]\nC=CH\nO=Other\n"

static void
test_name_constraints (void)
{
  Pki pki;

  pki_open (&pki);
  for (guint i = 0; i < G_N_ELEMENTS (name_cases); i++) {
    g_autofree char *ca = g_strconcat (MAKE_CA "nameConstraints=critical,",
                                       name_cases[i].constraints, SECTIONS, NULL);
    g_autofree char *leaf = g_strconcat ("subjectAltName=", name_cases[i].names, SECTIONS, NULL);
    /* C and O fit all that is permitted here. */
    Three t = make_three (&pki, &(MakeCert){ 0 },
                          &(MakeCert){ .extensions = ca, .subject = "C=CH/O=Example/CN=ca" },
                          &(MakeCert){ .extensions = leaf, .subject = "C=CH/O=Example/CN=moon" });
    Ask what = { ASK_THREE (t) };
    IkeChainResult result;
    gboolean is_good = pki_ask (&pki, &what, &result);

    if (is_good != name_cases[i].is_good)
      g_error ("%s, %s: %s", name_cases[i].constraints, name_cases[i].names, result.reason);
    if (!is_good)
      g_assert_cmpint (result.error, ==, IKE_CHAIN_NAME_CONSTRAINT);
    pki.ops->chain_clear (&result);
    /* Of a root they hold for what is two below as well. */
    t = make_three (&pki, &(MakeCert){ .extensions = ca },
                    &(MakeCert){ .subject = "C=CH/O=Example/CN=ca" },
                    &(MakeCert){ .extensions = leaf, .subject = "C=CH/O=Example/CN=moon" });
    what = (Ask){ ASK_THREE (t) };
    g_assert_true (pki_ask (&pki, &what, &result) == is_good);
    pki.ops->chain_clear (&result);
  }
  pki_close (&pki);
}

static void
test_subject_constraints (void)
{
  static const char constraints[] =
      MAKE_CA "nameConstraints=critical,permitted;dirName:inside" SECTIONS;
  static const MakeCert usual, ca = { .extensions = constraints };
  Pki pki;
  Three t;

  pki_open (&pki);
  t = make_three (&pki, &usual, &ca, &(MakeCert){ .subject = "C=CH/O=Other/CN=moon" });
  BAD (&pki, IKE_CHAIN_NAME_CONSTRAINT, "certificate C=CH, O=Other, CN=moon: a CA above it",
       ASK_THREE (t));
  t = make_three (&pki, &usual, &ca, &(MakeCert){ .subject = "C=ch/O=example/CN=moon" });
  GOOD (&pki, NULL, ASK_THREE (t));
  pki_close (&pki);
}

/* -- critical extensions, policies */

static void
test_critical_extension (void)
{
  static const MakeCert usual, leaf = { .extensions = "1.2.3.4=critical,DER:0500" },
                               ca = { .extensions = MAKE_CA "1.2.3.4=critical,DER:0500" };
  Pki pki;
  Three t;

  pki_open (&pki);
  t = make_three (&pki, &usual, &usual, &leaf);
  BAD (&pki, IKE_CHAIN_CRITICAL_EXTENSION, "certificate CN=moon has a critical", ASK_THREE (t));
  BAD (&pki, IKE_CHAIN_CRITICAL_EXTENSION, "certificate CN=moon has a critical", .leaf = t.leaf,
       .anchors = { t.leaf });
  t = make_three (&pki, &usual, &ca, &usual);
  BAD (&pki, IKE_CHAIN_CRITICAL_EXTENSION, "certificate CN=ca has a critical", ASK_THREE (t));
  t = make_three (&pki, &ca, &usual, &usual);
  BAD (&pki, IKE_CHAIN_CRITICAL_EXTENSION, "certificate CN=root has a critical", ASK_THREE (t));
  t = make_three (&pki, &usual, &(MakeCert){ .extensions = MAKE_CA "1.2.3.4=DER:0500" },
                  &(MakeCert){ .extensions = "1.2.3.4=DER:0500" });
  GOOD (&pki, NULL, ASK_THREE (t));
  pki_close (&pki);
}

static void
test_policies (void)
{
  static const char *const one[] = { "1.2.3.1", NULL },
                           *const both[] = { "1.2.3.9", "1.2.3.1", NULL },
                           *const other[] = { "1.2.3.9", NULL },
                           *const wrong[] = { "policy", NULL };
  static const struct {
    const char *ca, *leaf;
    const char *const *wanted;
    gboolean is_good;
  } cases[] = {
    { "certificatePolicies=1.2.3.1", "certificatePolicies=1.2.3.1", one, TRUE },
    { "certificatePolicies=1.2.3.1,1.2.3.2", "certificatePolicies=1.2.3.1", both, TRUE },
    { "certificatePolicies=1.2.3.1", "certificatePolicies=1.2.3.1", other, FALSE },
    { "certificatePolicies=1.2.3.2", "certificatePolicies=1.2.3.1", one, FALSE },
    { "certificatePolicies=1.2.3.1", NULL, one, FALSE },
    { "", "certificatePolicies=1.2.3.1", one, FALSE },
    { "", NULL, one, FALSE },
    { "", NULL, NULL, TRUE },
    { "certificatePolicies=2.5.29.32.0", "certificatePolicies=1.2.3.1", one, TRUE },
    { "certificatePolicies=2.5.29.32.0\ninhibitAnyPolicy=critical,0", "certificatePolicies=1.2.3.1",
      one, TRUE },
    { "certificatePolicies=1.2.3.1\ninhibitAnyPolicy=critical,0", "certificatePolicies=2.5.29.32.0",
      one, FALSE },
    { "certificatePolicies=1.2.3.1", "certificatePolicies=2.5.29.32.0", one, TRUE },
    { "certificatePolicies=1.2.3.1\npolicyMappings=critical,1.2.3.1:1.2.3.5",
      "certificatePolicies=1.2.3.5", one, TRUE },
    { "certificatePolicies=1.2.3.1\npolicyMappings=critical,1.2.3.1:1.2.3.5",
      "certificatePolicies=1.2.3.1", one, FALSE },
    /* A CA that requires some, whatever we want. */
    { "policyConstraints=critical,requireExplicitPolicy:0\ncertificatePolicies=1.2.3.2",
      "certificatePolicies=1.2.3.2", NULL, TRUE },
    { "policyConstraints=critical,requireExplicitPolicy:0\ncertificatePolicies=1.2.3.2", NULL, NULL,
      FALSE },
    { "policyConstraints=critical,requireExplicitPolicy:5\ncertificatePolicies=1.2.3.2", NULL, NULL,
      TRUE },
    { "certificatePolicies=1.2.3.1", "certificatePolicies=1.2.3.1", wrong, FALSE },
  };
  Pki pki;

  pki_open (&pki);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *ca = g_strconcat (MAKE_CA, cases[i].ca, NULL);
    Three t = make_three (&pki, &(MakeCert){ 0 }, &(MakeCert){ .extensions = ca },
                          &(MakeCert){ .extensions = cases[i].leaf });

    g_test_message ("%u", i);
    if (cases[i].is_good)
      GOOD (&pki, NULL, ASK_THREE (t), .policies = cases[i].wanted);
    else
      BAD (&pki, IKE_CHAIN_POLICY, "polic", ASK_THREE (t), .policies = cases[i].wanted);
  }
  pki_close (&pki);
}

/* RFC 5280, 6.1.4 (h): "If certificate i is not self-issued" the count goes down.  Where no policy
 * is named it must never be 0. */
static void
test_required_policy_is_counted (void)
{
  static const struct {
    const char *required;
    gboolean is_good;
  } cases[] = { { "1", FALSE }, { "2", TRUE }, { "3", TRUE } };
  Pki pki;

  pki_open (&pki);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *extensions = g_strconcat (
        MAKE_CA "policyConstraints=critical,requireExplicitPolicy:", cases[i].required, NULL);
    Three t = make_with_ca (&pki, extensions);
    Made *rolled = MAKE (&pki, .subject = "CN=ca", .issuer = t.ca, .extensions = MAKE_CA MAKE_AKI);
    Made *leaf = MAKE (&pki, .subject = "CN=moon", .issuer = rolled, .extensions = MAKE_AKI);

    if (cases[i].is_good)
      GOOD (&pki, CHAIN (leaf, rolled, t.ca, t.root), .leaf = leaf, .others = { t.ca, rolled },
            .anchors = { t.root });
    else
      BAD (&pki, IKE_CHAIN_POLICY, "certificate policies", .leaf = leaf, .others = { t.ca, rolled },
           .anchors = { t.root });
  }
  pki_close (&pki);
}

/* CVE-2023-0464: every policy of a CA is mapped to all of the next one, at every level. */
static void
test_policy_tree (void)
{
  static const char *const wanted[] = { "1.2.3.1", NULL };
  enum { WIDTH = 12, DEPTH = 8 };
  g_autoptr (GString) text = g_string_new (MAKE_CA "certificatePolicies=");
  Pki pki;
  Ask what = { .policies = wanted };
  IkeChainResult result;
  Made *ca;

  pki_open (&pki);
  for (guint i = 1; i <= WIDTH; i++)
    g_string_append_printf (text, "%s1.2.3.%u", i > 1 ? "," : "", i);
  g_string_append (text, "\npolicyMappings=critical");
  for (guint i = 0; i < WIDTH * WIDTH; i++)
    g_string_append_printf (text, ",1.2.3.%u:1.2.3.%u", i / WIDTH + 1, i % WIDTH + 1);
  ca = what.anchors[0] = MAKE (&pki, .subject = "CN=root", .extensions = MAKE_CA);
  for (guint i = 0; i < DEPTH; i++) {
    g_autofree char *subject = g_strdup_printf ("CN=ca %u", i);

    ca = what.others[i] = MAKE (&pki, .subject = subject, .issuer = ca, .extensions = text->str);
  }
  what.leaf = MAKE (&pki, .subject = "CN=moon", .issuer = ca,
                    .extensions = "certificatePolicies=1.2.3.1,1.2.3.2");
  g_assert_false (pki_ask (&pki, &what, &result));
  g_assert_cmpint (result.error, ==, IKE_CHAIN_OTHER);
  /* Without a wish nobody looks at them. */
  what.policies = NULL;
  g_assert_true (pki_ask (&pki, &what, &result));
  pki.ops->chain_clear (&result);
  pki_close (&pki);
}

static void
test_weak (void)
{
  static const char *const weak[] = { "SHA1", "MD5" };
  EVP_PKEY *rsa = make_rsa (1024);
  const MakeCert usual = { .key = rsa };
  Pki pki;
  Three t;

  pki_open (&pki);
  for (guint i = 0; i < G_N_ELEMENTS (weak); i++) {
    const MakeCert hashed = { .key = rsa, .digest = weak[i] };

    t = make_three (&pki, &usual, &usual, &hashed);
    BAD (&pki, IKE_CHAIN_WEAK, "certificate CN=moon: its signature uses a weak hash",
         ASK_THREE (t));
    g_assert_false (pki.ops->cert_issued (t.ca->cert, t.leaf->cert));
    /* As an anchor it is nobody's word. */
    GOOD (&pki, NULL, .leaf = t.leaf, .anchors = { t.leaf });
    t = make_three (&pki, &usual, &hashed, &usual);
    BAD (&pki, IKE_CHAIN_WEAK, "certificate CN=ca: its signature uses a weak hash", ASK_THREE (t));
    GOOD (&pki, NULL, .leaf = t.leaf, .anchors = { t.ca });
    t = make_three (&pki, &hashed, &usual, &usual);
    GOOD (&pki, NULL, ASK_THREE (t));
  }
  t = make_three (&pki, &usual, &usual, &(MakeCert){ .digest = "SHA256" });
  GOOD (&pki, NULL, ASK_THREE (t));
  EVP_PKEY_free (rsa);
  pki_close (&pki);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/chain/is-found-among-others-in-any-order", test_found);
  g_test_add_func ("/chain/a-leaf-that-is-an-anchor-is-its-own-chain", test_leaf_is_anchor);
  g_test_add_func ("/chain/what-expired-or-is-not-yet-valid-is-refused-with-its-date", test_dates);
  g_test_add_func ("/chain/a-wrong-signature-is-refused", test_signatures);
  g_test_add_func ("/chain/who-is-no-ca-issues-nothing", test_not_a_ca);
  g_test_add_func ("/chain/a-ca-without-keycertsign-issues-nothing", test_ca_key_usage);
  g_test_add_func ("/chain/a-leaf-is-for-signatures-and-for-ike", test_leaf_usage);
  g_test_add_func ("/chain/a-path-length-is-kept", test_path_length);
  g_test_add_func ("/chain/name-constraints-hold-for-each-kind-and-letter-case",
                   test_name_constraints);
  g_test_add_func ("/chain/name-constraints-hold-for-the-subject", test_subject_constraints);
  g_test_add_func ("/chain/a-critical-extension-that-is-unknown-is-refused",
                   test_critical_extension);
  g_test_add_func ("/chain/policies-are-required-mapped-and-inhibited", test_policies);
  g_test_add_func ("/chain/a-policy-that-a-ca-requires-is-counted",
                   test_required_policy_is_counted);
  g_test_add_func ("/chain/a-tree-of-policies-is-bound", test_policy_tree);
  g_test_add_func ("/chain/md5-and-sha-1-count-only-as-an-anchor", test_weak);
  return g_test_run ();
}
