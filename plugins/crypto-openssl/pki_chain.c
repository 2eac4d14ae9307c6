/* SPDX-License-Identifier: Apache-2.0 */
/* pki_chain.c - from a peer's certificate to an anchor.
 *
 * A peer sends certificates in any order and more of them than it needs; CAs are renewed and sign
 * each other, so there may be several ways up.  libcrypto tries one.  Here ways are walked by name
 * and key identifier, without touching a signature, and each that reaches an anchor is given to
 * libcrypto, which may go that way only.  Work is bound: steps of the walk, ways that are checked.
 * Who cannot name an anchor of ours costs no signature at all. */
#include <string.h>

#include <openssl/err.h>

#include <ikebana/error.h>

#include "pki_chain.h"

enum {
  OTHERS_MAX = 100,
  STEPS_MAX = 10000,
  WAYS_MAX = 16,
  NAME_SIZE = 100, /* of a certificate in a sentence */
};

typedef struct {
  IkeCert *cert;
  guint anchor, anchors_end; /* issuers of this name that are still to be tried */
  guint other;
  gboolean has_issuer;
} Level;

typedef struct {
  const IkeChainQuery *query;
  IkeChainResult *result;
  IkeCert *others[OTHERS_MAX]; /* no references */
  guint n_others;
  Level levels[IKE_CHAIN_MAX];
  guint n_levels;
  IkeCert *way[IKE_CHAIN_MAX]; /* leaf first, anchor last */
  guint n_way;
  guint steps, n_ways;
  IkeCert *dead_end;
  guint dead_end_depth;
  gboolean is_too_long;
} Walk;

int
pki_chain_is_next (X509_STORE_CTX *context, X509 *x509, X509 *issuer)
{
  const Walk *walk = X509_STORE_CTX_get_app_data (context);

  if (x509 == issuer) /* asks whether the anchor signed itself */
    return X509_check_issued (issuer, x509) == X509_V_OK;
  for (guint i = 0; i + 1 < walk->n_way; i++)
    if (walk->way[i]->x509 == x509)
      return walk->way[i + 1]->x509 == issuer;
  return FALSE;
}

/* -- why not */

static gboolean
fail (Walk *walk, IkeChainError error, const IkeCert *cert, const char *why)
{
  char name[NAME_SIZE];

  walk->result->error = (guint8) error;
  g_snprintf (walk->result->reason, sizeof walk->result->reason, "certificate %s%s",
              pki_cert_format (cert, name, sizeof name), why);
  return FALSE;
}

static gboolean
fail_unknown (Walk *walk, const IkeCert *cert)
{
  char issuer[NAME_SIZE], why[NAME_SIZE + 64];

  ike_ident_format (cert->issuer, issuer, sizeof issuer);
  if (cert->info.flags & IKE_CERT_IS_SELF_SIGNED)
    return fail (walk, IKE_CHAIN_UNKNOWN_CA, cert,
                 ": it signed itself, and is not among the trusted ones");
  g_snprintf (why, sizeof why, ": no trusted CA issued it (issuer is %s)", issuer);
  return fail (walk, IKE_CHAIN_UNKNOWN_CA, cert, why);
}

static gboolean
fail_date (Walk *walk, const IkeCert *cert, gboolean is_expired)
{
  char date[PKI_TIME_SIZE], why[PKI_TIME_SIZE + 32];

  pki_time_format (is_expired ? cert->info.not_after : cert->info.not_before, date);
  g_snprintf (why, sizeof why, is_expired ? " expired on %s" : " is not valid before %s", date);
  return fail (walk, is_expired ? IKE_CHAIN_EXPIRED : IKE_CHAIN_NOT_YET_VALID, cert, why);
}

/* What libcrypto says, as we say it. */
static gboolean
fail_as (Walk *walk, int code, const IkeCert *cert)
{
  static const struct {
    int code;
    IkeChainError error;
    const char *why;
  } known[] = {
    { X509_V_ERR_CERT_SIGNATURE_FAILURE, IKE_CHAIN_BAD_SIGNATURE,
      ": its signature is not of its issuer's key" },
    { X509_V_ERR_INVALID_CA, IKE_CHAIN_NOT_A_CA, " issued another one, but is no CA" },
    { X509_V_ERR_PATH_LENGTH_EXCEEDED, IKE_CHAIN_PATH_LENGTH,
      ": more CAs stand below it than its path length allows" },
    { X509_V_ERR_CERT_CHAIN_TOO_LONG, IKE_CHAIN_PATH_LENGTH, ": its chain is too long" },
    { X509_V_ERR_PERMITTED_VIOLATION, IKE_CHAIN_NAME_CONSTRAINT,
      ": a CA above it may not issue for one of its names (permitted subtrees)" },
    { X509_V_ERR_EXCLUDED_VIOLATION, IKE_CHAIN_NAME_CONSTRAINT,
      ": a CA above it may not issue for one of its names (excluded subtrees)" },
    { X509_V_ERR_SUBTREE_MINMAX, IKE_CHAIN_NAME_CONSTRAINT,
      ": a CA above it has name constraints with a minimum or maximum" },
    { X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, IKE_CHAIN_NAME_CONSTRAINT,
      ": a CA above it has name constraints of an unknown kind" },
    { X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX, IKE_CHAIN_NAME_CONSTRAINT,
      ": a CA above it has name constraints that cannot be read" },
    { X509_V_ERR_UNSUPPORTED_NAME_SYNTAX, IKE_CHAIN_NAME_CONSTRAINT,
      ": a CA above it has name constraints, and one of its names cannot be read" },
    { X509_V_ERR_NO_EXPLICIT_POLICY, IKE_CHAIN_POLICY,
      ": its chain has none of the certificate policies that are required" },
    { X509_V_ERR_INVALID_POLICY_EXTENSION, IKE_CHAIN_POLICY,
      ": its certificate policies cannot be read" },
    { X509_V_ERR_CA_MD_TOO_WEAK, IKE_CHAIN_WEAK,
      ": its signature uses a weak hash (SHA-1, MD5 or older)" },
    { X509_V_ERR_CA_KEY_TOO_SMALL, IKE_CHAIN_WEAK, ": its key is too small" },
    { X509_V_ERR_EE_KEY_TOO_SMALL, IKE_CHAIN_WEAK, ": its key is too small" },
    { X509_V_ERR_OUT_OF_MEM, IKE_CHAIN_OTHER,
      ": libcrypto gave up on its chain (too many policies, or no memory)" },
    { X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, IKE_CHAIN_CRITICAL_EXTENSION,
      " has a critical extension that is not understood" },
  };
  char why[96];

  if (code == X509_V_ERR_CERT_HAS_EXPIRED || code == X509_V_ERR_CERT_NOT_YET_VALID)
    return fail_date (walk, cert, code == X509_V_ERR_CERT_HAS_EXPIRED);
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (known[i].code == code)
      return fail (walk, known[i].error, cert, known[i].why);
  g_snprintf (why, sizeof why, ": %s", X509_verify_cert_error_string (code));
  return fail (walk, IKE_CHAIN_OTHER, cert, why);
}

/* -- one way */

/* RFC 4945, 5.1.3.2: "If KU present and doesn't mention digitalSignature or nonRepudiation (both,
 * in addition to other KUs, is also fine), reject cert."
 * 5.1.3.12: "If EKU present AND contains either id-kp-ipsecIKE or anyExtendedKeyUsage, continue.
 * Otherwise, reject cert."  Beyond that those are taken that gateways have in practice: of TLS
 * servers and clients, and the older iKEIntermediate. */
static gboolean
judge_leaf (Walk *walk, const IkeCert *leaf)
{
  const guint32 purposes = IKE_CERT_EKU_ANY | IKE_CERT_EKU_SERVER | IKE_CERT_EKU_CLIENT
                           | IKE_CERT_EKU_IKE_INTERMEDIATE | IKE_CERT_EKU_IPSEC_IKE;
  guint32 flags = leaf->info.flags;

  if (!(flags & IKE_CERT_CAN_SIGN))
    return fail (walk, IKE_CHAIN_KEY_USAGE, leaf,
                 ": its key usage has neither digitalSignature nor nonRepudiation");
  if ((flags & IKE_CERT_HAS_EKU) && !(flags & purposes))
    return fail (
        walk, IKE_CHAIN_KEY_USAGE, leaf,
        ": its extended key usage is not for IKE (ipsecIKE, serverAuth, clientAuth or any)");
  return TRUE;
}

/* RFC 4945, 5.1.3.9: "IKE implementations SHOULD reject CA certificates that do not contain this
 * extension. [...] the default for this setting MUST be to reject such certificates."  libcrypto
 * takes those that have a key usage instead.  A root of version 1 is an anchor by our own choice.
 */
static gboolean
judge_ca (Walk *walk, const IkeCert *ca, gboolean is_anchor)
{
  gboolean is_ca = is_anchor ? (ca->info.flags & IKE_CERT_IS_CA) != 0
                             : (X509_get_extension_flags (ca->x509) & EXFLAG_CA) != 0;

  if (!is_ca)
    return fail (walk, IKE_CHAIN_NOT_A_CA, ca, " issued another one, but is no CA");
  if (!(X509_get_key_usage (ca->x509) & KU_KEY_CERT_SIGN))
    return fail (walk, IKE_CHAIN_KEY_USAGE, ca,
                 " issued another one, but its key usage has no keyCertSign");
  return TRUE;
}

static gboolean
judge_usage (Walk *walk)
{
  for (guint i = walk->n_way - 1; i > 0; i--)
    if (!judge_ca (walk, walk->way[i], i == walk->n_way - 1))
      return FALSE;
  return judge_leaf (walk, walk->way[0]);
}

static gboolean
run_libcrypto (Walk *walk, X509_STORE_CTX *context, STACK_OF (X509) * between,
               STACK_OF (X509) * anchor)
{
  const IkeTrust *trust = walk->query->trust;
  IkeCert *leaf = walk->way[0];
  X509_VERIFY_PARAM *how;
  const char *why;
  guint depth;

  if (X509_STORE_CTX_init (context, trust->store, leaf->x509, between) != 1)
    return fail (walk, IKE_CHAIN_OTHER, leaf, ": libcrypto cannot check it");
  X509_STORE_CTX_set0_trusted_stack (context, anchor);
  X509_STORE_CTX_set_app_data (context, walk);
  how = X509_STORE_CTX_get0_param (context);
  X509_VERIFY_PARAM_set_time (how, (time_t) walk->query->now);
  why = pki_policy_setup (walk->way, walk->n_way, walk->query->policies, how);
  if (why)
    return fail (walk, IKE_CHAIN_POLICY, leaf, why);
  if (X509_verify_cert (context) != 1) {
    depth = (guint) MAX (X509_STORE_CTX_get_error_depth (context), 0);
    return fail_as (walk, X509_STORE_CTX_get_error (context),
                    walk->way[MIN (depth, walk->n_way - 1)]);
  }
  if (sk_X509_num (X509_STORE_CTX_get0_chain (context)) != (int) walk->n_way)
    return fail (walk, IKE_CHAIN_OTHER, leaf, ": libcrypto went another way to its anchor");
  return TRUE;
}

/* @anchor is the last of walk->way, or, when the leaf is an anchor, its equal. */
static gboolean
check_way (Walk *walk, const IkeCert *anchor)
{
  X509_STORE_CTX *context = X509_STORE_CTX_new_ex (walk->query->trust->state->library, NULL);
  STACK_OF (X509) *between = sk_X509_new_reserve (NULL, IKE_CHAIN_MAX);
  STACK_OF (X509) *anchors = sk_X509_new_reserve (NULL, 1);
  gboolean is_good = FALSE;

  for (guint i = 1; between && i + 1 < walk->n_way; i++)
    sk_X509_push (between, walk->way[i]->x509);
  if (anchors)
    sk_X509_push (anchors, anchor->x509);
  if (context && between && anchors && walk->query->trust->store)
    is_good = run_libcrypto (walk, context, between, anchors);
  else
    fail (walk, IKE_CHAIN_OTHER, walk->way[0], ": libcrypto cannot check it");
  X509_STORE_CTX_free (context);
  sk_X509_free (between);
  sk_X509_free (anchors);
  ERR_clear_error ();
  return is_good;
}

static gboolean
is_way_good (Walk *walk, IkeCert *anchor)
{
  walk->n_ways++;
  for (guint i = 0; i < walk->n_levels; i++)
    walk->way[i] = walk->levels[i].cert;
  walk->n_way = walk->n_levels;
  walk->way[walk->n_way++] = anchor;
  return judge_usage (walk) && check_way (walk, anchor);
}

static gboolean
is_leaf_good (Walk *walk, const IkeCert *anchor)
{
  walk->way[0] = walk->query->leaf;
  walk->n_way = 1;
  return judge_usage (walk) && check_way (walk, anchor);
}

/* -- the walk */

static gboolean
is_valid_at (const IkeCert *cert, gint64 now)
{
  return cert->info.not_before <= now && now <= cert->info.not_after;
}

static gboolean
is_known (const Walk *walk, const IkeCert *cert)
{
  for (guint i = 0; i < walk->n_others; i++)
    if (pki_cert_is_same (walk->others[i], cert))
      return TRUE;
  return pki_cert_is_same (walk->query->leaf, cert) || pki_trust_has (walk->query->trust, cert);
}

/* Those that are in their time first. */
static void
gather (Walk *walk)
{
  const IkeChainQuery *query = walk->query;

  for (guint round = 0; round < 2; round++)
    for (guint i = 0; i < query->n_others && walk->n_others < OTHERS_MAX; i++)
      if (is_valid_at (query->others[i], query->now) == (round == 0)
          && !is_known (walk, query->others[i]))
        walk->others[walk->n_others++] = query->others[i];
}

/* The same name and key again leads nowhere new. */
static gboolean
is_on_way (const Walk *walk, const IkeCert *cert)
{
  for (guint i = 0; i < walk->n_levels; i++) {
    const IkeCert *before = walk->levels[i].cert;

    if (memcmp (before->pubkey->info.id, cert->pubkey->info.id, IKE_KEY_ID_LEN) == 0
        && X509_NAME_cmp (X509_get_subject_name (before->x509), X509_get_subject_name (cert->x509))
               == 0)
      return TRUE;
  }
  return FALSE;
}

/* By name and key identifier.  Who lacks the right to sign is found, so that it can be said. */
static gboolean
may_have_issued (Walk *walk, const IkeCert *issuer, const IkeCert *cert)
{
  int code = X509_check_issued (issuer->x509, cert->x509);

  walk->steps++;
  return code == X509_V_OK || code == X509_V_ERR_KEYUSAGE_NO_CERTSIGN;
}

static void
push (Walk *walk, IkeCert *cert)
{
  const IkeTrust *trust = walk->query->trust;
  const X509_NAME *issuer = X509_get_issuer_name (cert->x509);
  guint end, from = pki_trust_find (trust, issuer, &end);

  walk->levels[walk->n_levels++] = (Level){
    .cert = cert,
    .anchor = from,
    .anchors_end = end,
  };
}

static IkeCert *
next_anchor (Walk *walk)
{
  Level *top = &walk->levels[walk->n_levels - 1];

  while (top->anchor < top->anchors_end && walk->steps < STEPS_MAX) {
    IkeCert *anchor = walk->query->trust->anchors[top->anchor++];

    if (may_have_issued (walk, anchor, top->cert) && !is_on_way (walk, anchor))
      return anchor;
  }
  return NULL;
}

static IkeCert *
next_other (Walk *walk)
{
  Level *top = &walk->levels[walk->n_levels - 1];

  while (top->other < walk->n_others && walk->steps < STEPS_MAX) {
    IkeCert *other = walk->others[top->other++];

    if (may_have_issued (walk, other, top->cert) && !is_on_way (walk, other))
      return other;
  }
  return NULL;
}

static void
pop (Walk *walk)
{
  const Level *top = &walk->levels[--walk->n_levels];

  if (!top->has_issuer && (!walk->dead_end || walk->n_levels > walk->dead_end_depth)) {
    walk->dead_end = top->cert;
    walk->dead_end_depth = walk->n_levels;
  }
}

/* Depth first, without recursion.  The first way that reached an anchor tells why it is none. */
static gboolean
search (Walk *walk)
{
  IkeChainResult first = { 0 };

  push (walk, walk->query->leaf);
  while (walk->n_levels && walk->n_ways < WAYS_MAX) {
    Level *top = &walk->levels[walk->n_levels - 1];
    IkeCert *issuer = next_anchor (walk);

    if (issuer) {
      top->has_issuer = TRUE;
      if (is_way_good (walk, issuer))
        return TRUE;
      if (first.error == IKE_CHAIN_OK)
        first = *walk->result;
      continue;
    }
    issuer = next_other (walk);
    if (issuer)
      top->has_issuer = TRUE;
    if (!issuer)
      pop (walk);
    else if (walk->n_levels < IKE_CHAIN_MAX - 1)
      push (walk, issuer);
    else
      walk->is_too_long = TRUE;
  }
  *walk->result = first;
  return FALSE;
}

static gboolean
find_chain (Walk *walk)
{
  IkeCert *leaf = walk->query->leaf, *anchor = pki_trust_has (walk->query->trust, leaf);

  if (anchor)
    return is_leaf_good (walk, anchor);
  gather (walk);
  if (search (walk))
    return TRUE;
  if (walk->result->error != IKE_CHAIN_OK)
    return FALSE;
  if (walk->is_too_long)
    return fail (walk, IKE_CHAIN_PATH_LENGTH, leaf,
                 ": no trusted CA within 10 certificates above it");
  return fail_unknown (walk, walk->dead_end ? walk->dead_end : leaf);
}

gboolean
pki_chain_check (IkePlugin *self, const IkeChainQuery *query, IkeChainResult *result)
{
  Walk walk;

  memset (&walk, 0, sizeof walk);
  memset (result, 0, sizeof *result);
  result->struct_size = sizeof *result;
  walk.query = query;
  walk.result = result;
  if (!find_chain (&walk))
    return FALSE;
  result->error = IKE_CHAIN_OK;
  result->reason[0] = 0;
  for (guint i = 0; i < walk.n_way; i++)
    result->chain[i] = pki_cert_ref (walk.way[i]);
  result->n = walk.n_way;
  return TRUE;
}

void
pki_chain_clear (IkeChainResult *result)
{
  for (guint i = 0; i < result->n; i++)
    g_clear_pointer (&result->chain[i], pki_cert_unref);
  result->n = 0;
}
