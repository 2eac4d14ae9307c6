/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki_chain.c - chains: who is believed, and why somebody is not.  Every case that is refused
 * has a twin that differs in one thing and passes. */
#include <string.h>

#include <pthread.h>

#include "pki_make.h"

typedef struct {
  Made *leaf, *others[16], *anchors[8];
  gint64 now;
  const char *const *policies;
} Ask;

static gboolean
ask (Pki *pki, const Ask *what, IkeChainResult *result)
{
  IkeCert *others[16], *anchors[8];
  IkeTrust *trust;
  IkeChainQuery query = { .struct_size = sizeof query,
                          .leaf = what->leaf->cert,
                          .others = others,
                          .now = what->now ? what->now : MAKE_NOW,
                          .policies = what->policies };
  guint n_anchors = 0;
  gboolean is_good;

  g_assert_no_error (what->leaf->error);
  while (query.n_others < 16 && what->others[query.n_others]) {
    g_assert_no_error (what->others[query.n_others]->error);
    others[query.n_others] = what->others[query.n_others]->cert;
    query.n_others++;
  }
  while (n_anchors < 8 && what->anchors[n_anchors]) {
    g_assert_no_error (what->anchors[n_anchors]->error);
    anchors[n_anchors] = what->anchors[n_anchors]->cert;
    n_anchors++;
  }
  query.trust = trust = pki->ops->trust_new (pki->plugin, anchors, n_anchors);
  is_good = pki->ops->chain_check (pki->plugin, &query, result);
  g_assert_true (is_good == (result->error == IKE_CHAIN_OK));
  g_assert_true (is_good == (result->reason[0] == 0));
  g_assert_true (is_good == (result->n > 0));
  pki->ops->trust_unref (trust);
  return is_good;
}

/* It is believed, through @chain (leaf first, NULL at the end). */
static void
good (Pki *pki, const Ask *what, Made *const *chain)
{
  IkeChainResult result;
  guint n = 0;

  if (!ask (pki, what, &result))
    g_error ("refused: %s", result.reason);
  while (chain && chain[n]) {
    g_assert_cmpuint (n, <, result.n);
    g_assert_true (result.chain[n] == chain[n]->cert);
    n++;
  }
  if (chain)
    g_assert_cmpuint (result.n, ==, n);
  pki->ops->chain_clear (&result);
  g_assert_cmpuint (result.n, ==, 0);
}

static void
bad (Pki *pki, const Ask *what, IkeChainError error, const char *reason)
{
  IkeChainResult result;

  if (ask (pki, what, &result))
    g_error ("taken, but %s", reason);
  if (result.error != error || !strstr (result.reason, reason))
    g_error ("refused with %u: %s; not with %u: %s", result.error, result.reason, error, reason);
}

#define CHAIN(...) ((Made *[]){ __VA_ARGS__, NULL })
#define GOOD(pki, chain, ...) good (pki, &(Ask){ __VA_ARGS__ }, chain)
#define BAD(pki, error, reason, ...) bad (pki, &(Ask){ __VA_ARGS__ }, error, reason)

/* root, ca and leaf, each as a test wants it. */
typedef struct {
  Made *root, *ca, *leaf;
} Three;

static Three
make_three (Pki *pki, const MakeCert *root, const MakeCert *ca, const MakeCert *leaf)
{
  MakeCert how[3] = { *root, *ca, *leaf };
  Three three;

  how[0].subject = "CN=root";
  how[1].subject = how[1].subject ? how[1].subject : "CN=ca";
  how[2].subject = how[2].subject ? how[2].subject : "CN=moon";
  if (!how[0].extensions && !how[0].version)
    how[0].extensions = MAKE_CA;
  three.root = pki_make (pki, &how[0]);
  if (!how[1].extensions && !how[1].version)
    how[1].extensions = X509_get0_subject_key_id (three.root->x509) ? MAKE_CA MAKE_AKI : MAKE_CA;
  how[1].issuer = three.root;
  three.ca = pki_make (pki, &how[1]);
  how[2].issuer = three.ca;
  three.leaf = pki_make (pki, &how[2]);
  return three;
}

static Three
make_with_ca (Pki *pki, const char *extensions)
{
  return make_three (pki, &(MakeCert){ 0 }, &(MakeCert){ .extensions = extensions },
                     &(MakeCert){ 0 });
}

#define ASK_THREE(t) .leaf = (t).leaf, .others = { (t).ca }, .anchors = { (t).root }

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
    gboolean is_good = ask (&pki, &what, &result);

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
    g_assert_true (ask (&pki, &what, &result) == is_good);
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
  g_assert_false (ask (&pki, &what, &result));
  g_assert_cmpint (result.error, ==, IKE_CHAIN_OTHER);
  /* Without a wish nobody looks at them. */
  what.policies = NULL;
  g_assert_true (ask (&pki, &what, &result));
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

/* -- more than one way */

/* @subject with the key of @ca, issued by @by. */
static Made *
cross (Pki *pki, const char *subject, const Made *ca, const Made *by)
{
  return MAKE (pki, .subject = subject, .key_of = ca, .issuer = by, .extensions = MAKE_CA);
}

static void
test_cross_signed (void)
{
  Pki pki;
  Made *root, *stranger, *old, *ca, *by_stranger, *by_old, *by_root, *leaf;

  pki_open (&pki);
  root = MAKE (&pki, .subject = "CN=root", .extensions = MAKE_CA);
  stranger = MAKE (&pki, .subject = "CN=stranger", .extensions = MAKE_CA);
  old = MAKE (&pki, .subject = "CN=old", .extensions = MAKE_CA, .not_after = MAKE_NOW - 1);
  ca = MAKE (&pki, .subject = "CN=ca", .extensions = MAKE_CA);
  by_stranger = cross (&pki, "CN=ca", ca, stranger);
  by_old = cross (&pki, "CN=ca", ca, old);
  by_root = cross (&pki, "CN=ca", ca, root);
  leaf = MAKE (&pki, .subject = "CN=moon", .issuer = ca, .extensions = MAKE_AKI);
  /* In any order the one that leads to somebody we trust is found. */
  GOOD (&pki, CHAIN (leaf, by_root, root), .leaf = leaf,
        .others = { by_stranger, ca, by_old, by_root }, .anchors = { old, root });
  GOOD (&pki, CHAIN (leaf, by_root, root), .leaf = leaf, .others = { by_root, by_old, by_stranger },
        .anchors = { root, old });
  GOOD (&pki, CHAIN (leaf, by_stranger, stranger), .leaf = leaf,
        .others = { by_old, by_root, by_stranger }, .anchors = { old, stranger });
  BAD (&pki, IKE_CHAIN_EXPIRED, "certificate CN=old expired", .leaf = leaf,
       .others = { by_stranger, by_old, by_root }, .anchors = { old });
  pki_close (&pki);
}

static void
test_loops (void)
{
  Pki pki;
  Made *a, *b, *a_by_b, *b_by_a, *leaf, *root, *a_by_root;

  pki_open (&pki);
  root = MAKE (&pki, .subject = "CN=root", .extensions = MAKE_CA);
  a = MAKE (&pki, .subject = "CN=a", .extensions = MAKE_CA);
  b = MAKE (&pki, .subject = "CN=b", .extensions = MAKE_CA);
  a_by_b = cross (&pki, "CN=a", a, b);
  b_by_a = cross (&pki, "CN=b", b, a);
  a_by_root = cross (&pki, "CN=a", a, root);
  leaf = MAKE (&pki, .subject = "CN=moon", .issuer = a);
  BAD (&pki, IKE_CHAIN_UNKNOWN_CA, "no trusted CA", .leaf = leaf, .others = { a_by_b, b_by_a },
       .anchors = { root });
  GOOD (&pki, CHAIN (leaf, a_by_root, root), .leaf = leaf, .others = { a_by_b, b_by_a, a_by_root },
        .anchors = { root });
  GOOD (&pki, CHAIN (leaf, a_by_b, b), .leaf = leaf, .others = { a_by_b, b_by_a },
        .anchors = { b });
  pki_close (&pki);
}

static void
test_same_name (void)
{
  Pki pki;
  Made *roots[3], *cas[3], *leaf;
  const char *bare = "basicConstraints=critical,CA:TRUE";

  pki_open (&pki);
  for (guint i = 0; i < 3; i++) {
    roots[i] = MAKE (&pki, .subject = "CN=root", .extensions = bare);
    cas[i] = MAKE (&pki, .subject = "CN=ca", .extensions = bare, .issuer = roots[i]);
  }
  /* No key identifier tells them apart. */
  leaf = MAKE (&pki, .subject = "CN=moon", .issuer = cas[1]);
  GOOD (&pki, CHAIN (leaf, cas[1], roots[1]), .leaf = leaf, .others = { cas[0], cas[2], cas[1] },
        .anchors = { roots[2], roots[1], roots[0] });
  BAD (&pki, IKE_CHAIN_BAD_SIGNATURE, "certificate CN=", .leaf = leaf, .others = { cas[0], cas[2] },
       .anchors = { roots[2], roots[1], roots[0] });
  BAD (&pki, IKE_CHAIN_BAD_SIGNATURE, "certificate CN=ca", .leaf = leaf, .others = { cas[1] },
       .anchors = { roots[2], roots[0] });
  pki_close (&pki);
}

/* RFC 4210, 4.4: NewWithOld. */
static void
test_rollover (void)
{
  Pki pki;
  Made *old, *new, *new_with_old, *leaf;

  pki_open (&pki);
  old = MAKE (&pki, .subject = "CN=root", .extensions = MAKE_CA);
  new = MAKE (&pki, .subject = "CN=root", .extensions = MAKE_CA);
  new_with_old = MAKE (&pki, .subject = "CN=root", .key_of = new, .issuer = old,
                       .extensions = MAKE_CA MAKE_AKI);
  leaf = MAKE (&pki, .subject = "CN=moon", .issuer = new);
  GOOD (&pki, CHAIN (leaf, new_with_old, old), .leaf = leaf, .others = { new_with_old },
        .anchors = { old });
  GOOD (&pki, CHAIN (leaf, new), .leaf = leaf, .others = { new_with_old }, .anchors = { old, new });
  BAD (&pki, IKE_CHAIN_BAD_SIGNATURE, "certificate CN=moon", .leaf = leaf, .anchors = { old });
  pki_close (&pki);
}

static void
test_long_chain (void)
{
  Pki pki;
  Ask what = { 0 };
  IkeChainResult result;
  Made *ca;

  pki_open (&pki);
  ca = what.anchors[0] = MAKE (&pki, .subject = "CN=root", .extensions = MAKE_CA);
  for (guint i = 0; i < 9; i++) {
    g_autofree char *subject = g_strdup_printf ("CN=ca %u", i);

    ca = what.others[i] = MAKE (&pki, .subject = subject, .issuer = ca, .extensions = MAKE_CA);
    what.leaf = MAKE (&pki, .subject = "CN=moon", .issuer = ca);
    if (i == 8)
      break;
    good (&pki, &what, NULL);
  }
  g_assert_false (ask (&pki, &what, &result));
  g_assert_cmpint (result.error, ==, IKE_CHAIN_PATH_LENGTH);
  g_assert_nonnull (strstr (result.reason, "10 certificates"));
  pki_close (&pki);
}

/* A peer that sends very many, and those that do not help first. */
static void
test_thousand_others (void)
{
  enum { N = 1000 };
  IkeCert *others[N];
  IkeChainQuery query = { .struct_size = sizeof query, .others = others, .now = MAKE_NOW };
  IkeChainResult result;
  Made *twins[60];
  IkeTrust *trust;
  Pki pki;
  Three t;

  pki_open (&pki);
  t = make_with_ca (&pki, NULL);
  /* All claim to be the issuer of the leaf, and of each other. */
  for (guint i = 0; i < G_N_ELEMENTS (twins); i++)
    twins[i] = MAKE (&pki, .subject = "CN=ca", .issuer = t.ca,
                     .extensions = "basicConstraints=critical,CA:TRUE");
  for (guint i = 0; i < N; i++)
    others[i] = twins[i % G_N_ELEMENTS (twins)]->cert;
  trust = pki.ops->trust_new (pki.plugin, &t.root->cert, 1);
  query.trust = trust;
  query.leaf = t.leaf->cert;
  query.n_others = N;
  g_assert_false (pki.ops->chain_check (pki.plugin, &query, &result));
  g_assert_cmpint (result.error, ==, IKE_CHAIN_PATH_LENGTH);
  /* The right one among many that are the same. */
  for (guint i = 0; i < N; i++)
    others[i] = i == N - 1 ? t.ca->cert : t.leaf->cert;
  g_assert_true (pki.ops->chain_check (pki.plugin, &query, &result));
  pki.ops->chain_clear (&result);
  pki.ops->trust_unref (trust);
  pki_close (&pki);
}

/* All of them lead to the anchor by name, one of them by signature: it is found if it is among the
 * first, and else given up. */
static void
test_work_is_bound (void)
{
  enum { N = 80 };
  const char *bare = "basicConstraints=CA:TRUE";
  IkeCert *others[N];
  IkeChainQuery query = {
    .struct_size = sizeof query, .others = others, .n_others = N, .now = MAKE_NOW
  };
  IkeChainResult result;
  IkeTrust *trust;
  Pki pki;
  Made *root, *forger, *ca, *leaf;

  pki_open (&pki);
  root = MAKE (&pki, .subject = "CN=root", .extensions = bare);
  forger = MAKE (&pki, .subject = "CN=root", .extensions = bare);
  ca = MAKE (&pki, .subject = "CN=ca", .issuer = root, .extensions = bare);
  leaf = MAKE (&pki, .subject = "CN=moon", .issuer = ca);
  for (guint i = 0; i < N; i++)
    others[i] = MAKE (&pki, .subject = "CN=ca", .issuer = forger, .extensions = bare)->cert;
  trust = pki.ops->trust_new (pki.plugin, &root->cert, 1);
  query.trust = trust;
  query.leaf = leaf->cert;
  others[N - 1] = ca->cert;
  g_assert_false (pki.ops->chain_check (pki.plugin, &query, &result));
  g_assert_cmpint (result.error, ==, IKE_CHAIN_BAD_SIGNATURE);
  others[10] = ca->cert;
  g_assert_true (pki.ops->chain_check (pki.plugin, &query, &result));
  pki.ops->chain_clear (&result);
  pki.ops->trust_unref (trust);
  pki_close (&pki);
}

static void
test_empty_trust (void)
{
  Pki pki;
  Three t;

  pki_open (&pki);
  t = make_with_ca (&pki, NULL);
  BAD (&pki, IKE_CHAIN_UNKNOWN_CA, "certificate CN=root", .leaf = t.leaf,
       .others = { t.ca, t.root });
  BAD (&pki, IKE_CHAIN_UNKNOWN_CA, "certificate CN=moon", .leaf = t.leaf);
  pki_close (&pki);
}

static void
test_reasons_are_escaped (void)
{
  static const MakeCert usual;
  Pki pki;
  Three t;

  pki_open (&pki);
  t = make_three (&pki, &usual, &usual, &(MakeCert){ .subject = "CN=\x1b[31m\nx" });
  BAD (&pki, IKE_CHAIN_UNKNOWN_CA, "certificate CN=\\x1b[31m\\x0ax: no trusted", .leaf = t.leaf);
  t = make_three (&pki, &usual, &usual,
                  &(MakeCert){ .subject = "", .extensions = "subjectAltName=DNS:moon.example" });
  g_assert_no_error (t.leaf->error);
  BAD (&pki, IKE_CHAIN_UNKNOWN_CA, "certificate moon.example: no trusted", .leaf = t.leaf);
  pki_close (&pki);
}

/* -- threads: one trust for all */

typedef struct {
  Pki *pki;
  const IkeTrust *trust;
  Three three;
} Shared;

static void *
check_often (void *data)
{
  Shared *shared = data;
  IkeCert *others[] = { shared->three.ca->cert };
  static const char *const policies[] = { "1.2.3.1", NULL };

  for (guint i = 0; i < 50; i++) {
    IkeChainQuery query = { .struct_size = sizeof query,
                            .leaf = shared->three.leaf->cert,
                            .others = others,
                            .n_others = 1,
                            .trust = shared->trust,
                            .now = MAKE_NOW,
                            .policies = i & 1 ? policies : NULL };
    IkeChainResult result;

    g_assert_true (shared->pki->ops->chain_check (shared->pki->plugin, &query, &result));
    shared->pki->ops->chain_clear (&result);
  }
  return NULL;
}

static void
test_threads (void)
{
  Pki pki;
  Shared shared = { .pki = &pki };
  pthread_t threads[4];
  IkeTrust *trust;

  pki_open_real (&pki);
  shared.three =
      make_three (&pki, &(MakeCert){ 0 },
                  &(MakeCert){ .extensions = MAKE_CA "certificatePolicies=1.2.3.1\n"
                                                     "nameConstraints=permitted;DNS:example" },
                  &(MakeCert){ .extensions = "certificatePolicies=1.2.3.1\n"
                                             "subjectAltName=DNS:moon.example" });
  shared.trust = trust = pki.ops->trust_new (pki.plugin, &shared.three.root->cert, 1);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_cmpint (pthread_create (&threads[i], NULL, check_often, &shared), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    pthread_join (threads[i], NULL);
  pki.ops->trust_unref (trust);
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
  g_test_add_func ("/chain/a-tree-of-policies-is-bound", test_policy_tree);
  g_test_add_func ("/chain/md5-and-sha-1-count-only-as-an-anchor", test_weak);
  g_test_add_func ("/chain/of-cross-signed-cas-the-trusted-one-is-found", test_cross_signed);
  g_test_add_func ("/chain/cas-that-sign-each-other-end", test_loops);
  g_test_add_func ("/chain/of-one-name-the-one-with-the-right-key-is-found", test_same_name);
  g_test_add_func ("/chain/a-new-key-is-believed-through-the-old-one", test_rollover);
  g_test_add_func ("/chain/ten-certificates-are-the-longest", test_long_chain);
  g_test_add_func ("/chain/a-thousand-others-are-borne", test_thousand_others);
  g_test_add_func ("/chain/ways-that-only-look-right-are-given-up", test_work_is_bound);
  g_test_add_func ("/chain/nobody-is-trusted-without-anchors", test_empty_trust);
  g_test_add_func ("/chain/reasons-are-escaped", test_reasons_are_escaped);
  g_test_add_func ("/chain/threads-share-one-trust", test_threads);
  return g_test_run ();
}
