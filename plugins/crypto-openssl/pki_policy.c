/* SPDX-License-Identifier: Apache-2.0 */
/* pki_policy.c - certificate policies of a chain (RFC 5280, 6.1).
 *
 * libcrypto builds the tree of policies.  It is asked only where there can be one: with a
 * certificate on the way that names no policy all is decided by counting.  That spares most chains
 * the tree, which crafted ones make grow (CVE-2023-0464; it ends at 1000 nodes since 3.0.9), and
 * keeps 3.0 from losing the constraints of a CA that has no policies. */
#include <openssl/err.h>

#include "pki_chain.h"

static const char none_fits[] =
    ": its chain has none of the certificate policies that are required";

static gboolean
has_extension (const IkeCert *cert, int nid)
{
  return X509_get_ext_by_NID (cert->x509, nid, -1) >= 0;
}

/* What an anchor says of policies counts for nothing (6.1.1 (d)). */
static gboolean
is_on_each (IkeCert *const *way, guint n_way, int nid)
{
  for (guint i = 0; i + 1 < n_way; i++)
    if (!has_extension (way[i], nid))
      return FALSE;
  return TRUE;
}

static gboolean
is_on_any (IkeCert *const *way, guint n_way, int nid)
{
  for (guint i = 0; i + 1 < n_way; i++)
    if (has_extension (way[i], nid))
      return TRUE;
  return FALSE;
}

/* requireExplicitPolicy; G_MAXINT64: not there.  What cannot be read requires at once. */
static gint64
explicit_policy_of (const IkeCert *cert)
{
  POLICY_CONSTRAINTS *constraints =
      X509_get_ext_d2i (cert->x509, NID_policy_constraints, NULL, NULL);
  gint64 skip = G_MAXINT64;

  if (!constraints)
    return has_extension (cert, NID_policy_constraints) ? 0 : G_MAXINT64;
  if (constraints->requireExplicitPolicy
      && (ASN1_INTEGER_get_int64 (&skip, constraints->requireExplicitPolicy) != 1 || skip < 0))
    skip = 0;
  POLICY_CONSTRAINTS_free (constraints);
  ERR_clear_error ();
  return skip;
}

/* 6.1.4 (h) and (i), 6.1.5 (a) and (b), where the tree is empty: is the count never 0? */
static gboolean
is_never_required (IkeCert *const *way, guint n_way)
{
  gint64 count = n_way; /* certificates below the anchor, and one */

  for (guint i = n_way - 1; i-- > 0;) {
    gboolean is_self_issued = (X509_get_extension_flags (way[i]->x509) & EXFLAG_SI) != 0;
    gint64 skip = explicit_policy_of (way[i]);

    if (count > 0 && (i == 0 || !is_self_issued))
      count--;
    count = MIN (count, skip);
  }
  return count > 0;
}

static const char *
add_wanted (const char *const *wanted, X509_VERIFY_PARAM *how)
{
  for (guint i = 0; wanted[i]; i++) {
    ASN1_OBJECT *oid = OBJ_txt2obj (wanted[i], 1);

    if (!oid || X509_VERIFY_PARAM_add0_policy (how, oid) != 1) {
      ASN1_OBJECT_free (oid);
      return ": a policy that is required is no OID";
    }
  }
  return NULL;
}

const char *
pki_policy_setup (IkeCert *const *way, guint n_way, const char *const *wanted,
                  X509_VERIFY_PARAM *how)
{
  static const char *const any[] = { "2.5.29.32.0", NULL };
  gboolean is_wanted = wanted && wanted[0];

  if (n_way == 1 || (!is_wanted && !is_on_any (way, n_way, NID_policy_constraints)))
    return NULL;
  if (!is_on_each (way, n_way, NID_certificate_policies))
    return !is_wanted && is_never_required (way, n_way) ? NULL : none_fits;
  X509_VERIFY_PARAM_set_flags (how, X509_V_FLAG_POLICY_CHECK
                                        | (is_wanted ? X509_V_FLAG_EXPLICIT_POLICY : 0));
  return add_wanted (is_wanted ? wanted : any, how);
}
