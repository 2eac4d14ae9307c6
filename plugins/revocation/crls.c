/* SPDX-License-Identifier: Apache-2.0 */
/* crls.c - the steps of an inquiry that read CRLs: a base, by its issuer and in its time, together
 * with a delta, if one is named, can be had and fits. */
#include <string.h>
#include <ikebana/error.h>
#include "judge.h"
#include "revocation.h"

enum { LOCAL_MAX = 10000 };

static void
drop_delta (Inquiry *inquiry)
{
  known_unref (g_steal_pointer (&inquiry->delta));
  inquiry->delta_is_covered = FALSE;
}

void
crls_clear (Inquiry *inquiry)
{
  drop_delta (inquiry);
  known_unref (g_steal_pointer (&inquiry->base));
  inquiry->base_is_covered = inquiry->local_is_read = inquiry->has_local_delta = FALSE;
  inquiry->local_at = inquiry->delta_at = 0;
}

static const IkeCrlInfo *
info_of (Inquiry *inquiry, const Known *known)
{
  return inquiry->revocation->pki->crl_info (known->crl);
}

static gboolean
is_in_time (Inquiry *inquiry, const Known *known)
{
  Revocation *revocation = inquiry->revocation;

  return judge_crl_in_time (info_of (inquiry, known), revocation_now (revocation),
                            revocation->limits.grace_s);
}

/* For people. */
static const char *
name_of (const Known *known, char out[static 112])
{
  return ike_escape (out, 112, known->label, strlen (known->label));
}

/* -- one CRL */

/* STEP_KNOWS: @known is of the issuer, and about certificates like this one. */
static StepResult
cover (Inquiry *inquiry, Known *known)
{
  Revocation *revocation = inquiry->revocation;
  Known *given = inquiry_take_given (inquiry);
  int is_covered = covered_find (revocation, known, inquiry->issuer, inquiry->cert);
  StepResult result = STEP_KNOWS;
  char name[112];

  if (given && given->kind == KNOWN_FAILURE)
    result = inquiry_note (inquiry, "%s", given->why);
  else if (is_covered < 0 && !known_is_large (known))
    is_covered = covered_ask (revocation, known, inquiry->issuer, inquiry->cert);
  else if (is_covered < 0 && inquiry->is_cached_only)
    result = inquiry_note (inquiry, "too many checks are under way");
  else if (is_covered < 0) {
    pending_cover (revocation, known, inquiry->issuer, inquiry->cert, &inquiry->wait);
    result = STEP_WAITS;
  }
  known_unref (given);
  if (result == STEP_KNOWS && !is_covered)
    return inquiry_note (inquiry,
                         "the CRL of %s is not by the issuer, or not about certificates "
                         "like this one",
                         name_of (known, name));
  return result;
}

static Known *
find_crl (Inquiry *inquiry, const char *uri)
{
  Revocation *revocation = inquiry->revocation;
  gint64 now = revocation_now (revocation);
  g_autofree char *key = key_of_crl (uri), *of_failure = key_of_failure (uri);
  Known *known = cache_find (&revocation->cache, key, now);

  if (!known)
    known = cache_find (&revocation->cache, of_failure, now);
  return known ? known_ref (known) : NULL;
}

/* When nothing newer is to be had, one that is not over may still serve. */
static StepResult
use_old (Inquiry *inquiry, const char *uri, const char *why, Known **slot)
{
  Revocation *revocation = inquiry->revocation;
  g_autofree char *key = key_of_crl (uri);
  Known *known = cache_find_old (&revocation->cache, key, revocation_now (revocation));

  if (!known)
    return inquiry_note (inquiry, "%s", why);
  *slot = known_ref (known);
  return STEP_KNOWS;
}

static StepResult
obtain (Inquiry *inquiry, const char *uri, Known **slot)
{
  Revocation *revocation = inquiry->revocation;
  Known *known = inquiry_take_given (inquiry);
  StepResult result = STEP_KNOWS;

  if (!known)
    known = find_crl (inquiry, uri);
  if (!known && inquiry->is_cached_only)
    return use_old (inquiry, uri, "too many checks are under way", slot);
  if (!known) {
    pending_crl (revocation, uri, &inquiry->wait);
    return STEP_WAITS;
  }
  if (known->kind != KNOWN_FAILURE) {
    *slot = known;
    return STEP_KNOWS;
  }
  result = use_old (inquiry, uri, known->why, slot);
  known_unref (known);
  return result;
}

static StepResult
obtain_and_cover (Inquiry *inquiry, const char *uri, Known **slot, gboolean *is_covered)
{
  StepResult result = *slot ? STEP_KNOWS : obtain (inquiry, uri, slot);

  if (result == STEP_KNOWS && !*is_covered)
    result = cover (inquiry, *slot);
  *is_covered = result == STEP_KNOWS;
  return result;
}

/* -- a base and its delta */

/* Which of the two it is that says so. */
static const Known *
read_crls (Inquiry *inquiry, IkeRevocation *says)
{
  const IkePkiOps *pki = inquiry->revocation->pki;
  IkeRevocation changed = { .struct_size = sizeof changed };

  pki->crl_find (inquiry->base->crl, inquiry->cert, says);
  if (!inquiry->delta)
    return inquiry->base;
  pki->crl_find (inquiry->delta->crl, inquiry->cert, &changed);
  judge_combine (says, &changed);
  return changed.revoked == IKE_REVOKED_YES ? inquiry->delta : inquiry->base;
}

static StepResult
conclude_revoked (Inquiry *inquiry, const IkeRevocation *says, const Known *by)
{
  char name[112];
  g_autofree char *whose = g_strdup_printf ("the CRL of %s", name_of (by, name));

  return inquiry_conclude_revoked (inquiry, says, whose);
}

static StepResult
settle (Inquiry *inquiry)
{
  IkeRevocation says = { .struct_size = sizeof says };
  gboolean in_time = is_in_time (inquiry, inquiry->base);
  const Known *by = read_crls (inquiry, &says);
  char name[112];

  /* A CRL that is over says of nobody that he is good; but whom it revoked for good, stays so. */
  if (says.revoked == IKE_REVOKED_YES && (in_time || says.reason != JUDGE_CRL_ON_HOLD))
    return conclude_revoked (inquiry, &says, by);
  if (!in_time)
    return inquiry_note (inquiry, "the CRL of %s is not in its time", name_of (by, name));
  if (says.revoked != IKE_REVOKED_NOT)
    return inquiry_note (inquiry, "the CRL of %s does not say", name_of (by, name));
  inquiry->result = INQUIRY_GOOD;
  return STEP_KNOWS;
}

/* RFC 5280, 5.2.4: "An application that supports delta CRLs MUST be able to construct a current
 * complete CRL by combining a previously issued complete CRL and the most current delta CRL."
 * Without one the base alone counts, which says itself until when. */
static StepResult
with_delta (Inquiry *inquiry)
{
  const IkeCrlInfo *info = info_of (inquiry, inquiry->base);
  const char *const *uris = info->freshest_uris;

  if (!is_in_time (inquiry, inquiry->base))
    return settle (inquiry);
  for (; inquiry->delta_at < INQUIRY_DELTAS_MAX && uris[inquiry->delta_at]; inquiry->delta_at++) {
    StepResult result = obtain_and_cover (inquiry, uris[inquiry->delta_at], &inquiry->delta,
                                          &inquiry->delta_is_covered);
    if (result == STEP_WAITS)
      return result;
    if (result == STEP_KNOWS && judge_delta_fits (info_of (inquiry, inquiry->delta), info)
        && is_in_time (inquiry, inquiry->delta))
      break;
    drop_delta (inquiry);
  }
  return settle (inquiry);
}

StepResult
crls_step_uri (Inquiry *inquiry, const char *uri)
{
  StepResult result = obtain_and_cover (inquiry, uri, &inquiry->base, &inquiry->base_is_covered);
  char name[112];

  if (result != STEP_KNOWS)
    return result;
  if (info_of (inquiry, inquiry->base)->base.data)
    return inquiry_note (inquiry, "the CRL of %s is a delta CRL, where a complete one should be",
                         name_of (inquiry->base, name));
  return with_delta (inquiry);
}

/* -- those in files */

static Known *
known_of_file (Revocation *revocation, IkeCrl *crl)
{
  char issuer[96];

  ike_ident_format (revocation->pki->crl_info (crl)->issuer, issuer, sizeof issuer);
  return known_new_crl (&revocation->cache, revocation->pki->crl_ref (crl), issuer);
}

void
crls_refresh_local (Revocation *revocation)
{
  const IkeCredentialsOps *ops = revocation->credentials;
  IkeCredentials *credentials = ops ? ops->get (revocation->credentials_provided->plugin) : NULL;
  guint64 generation = credentials ? ops->generation (credentials) : 0;
  IkeCrl *crl;

  if (revocation->local && generation == revocation->generation) {
    if (credentials)
      ops->unref (credentials);
    return;
  }
  g_clear_pointer (&revocation->local, g_ptr_array_unref);
  revocation->local = g_ptr_array_new_with_free_func ((GDestroyNotify) known_unref);
  revocation->generation = generation;
  for (guint i = 0; credentials && i < LOCAL_MAX && (crl = ops->crl (credentials, i)); i++)
    g_ptr_array_add (revocation->local, known_of_file (revocation, crl));
  if (credentials)
    ops->unref (credentials);
}

static gboolean
is_newer (Inquiry *inquiry, const Known *known, const Known *than)
{
  return !than || info_of (inquiry, known)->this_update > info_of (inquiry, than)->this_update;
}

static void
take (Known *known, Known **slot)
{
  known_unref (*slot);
  *slot = known_ref (known);
}

/* Of the complete ones the newest. */
static StepResult
find_local_base (Inquiry *inquiry)
{
  Revocation *revocation = inquiry->revocation;
  const IkeIdent *issuer = revocation->pki->cert_info (inquiry->issuer)->subject;

  for (; inquiry->local_at < inquiry->local->len; inquiry->local_at++) {
    Known *known = g_ptr_array_index (inquiry->local, inquiry->local_at);
    StepResult result;

    if (!ike_ident_equal (info_of (inquiry, known)->issuer, issuer))
      continue;
    result = cover (inquiry, known);
    if (result == STEP_WAITS)
      return result;
    if (result == STEP_KNOWS && !info_of (inquiry, known)->base.data
        && is_newer (inquiry, known, inquiry->base))
      take (known, &inquiry->base);
  }
  return inquiry->base ? STEP_KNOWS : STEP_NEXT;
}

/* One for a base that is over is of no use. */
static void
find_local_delta (Inquiry *inquiry)
{
  const IkeCrlInfo *base = info_of (inquiry, inquiry->base);

  if (!is_in_time (inquiry, inquiry->base))
    return;
  for (guint i = 0; i < inquiry->local->len; i++) {
    Known *known = g_ptr_array_index (inquiry->local, i);

    if (judge_delta_fits (info_of (inquiry, known), base) && is_in_time (inquiry, known)
        && covered_find (inquiry->revocation, known, inquiry->issuer, inquiry->cert) == 1
        && is_newer (inquiry, known, inquiry->delta))
      take (known, &inquiry->delta);
  }
  inquiry->has_local_delta = inquiry->delta != NULL;
}

StepResult
crls_step_local (Inquiry *inquiry)
{
  StepResult result = find_local_base (inquiry);

  if (result != STEP_KNOWS)
    return result;
  if (!inquiry->local_is_read)
    find_local_delta (inquiry);
  inquiry->local_is_read = TRUE;
  return inquiry->has_local_delta ? settle (inquiry) : with_delta (inquiry);
}

/* Whom a file revoked for good, no response makes good again: a peer could send along one that is
 * older. */
StepResult
crls_step_revoked (Inquiry *inquiry)
{
  StepResult result = find_local_base (inquiry);
  IkeRevocation says = { .struct_size = sizeof says };
  const Known *by;

  if (result != STEP_KNOWS)
    return result;
  find_local_delta (inquiry);
  by = read_crls (inquiry, &says);
  if (says.revoked == IKE_REVOKED_YES && says.reason != JUDGE_CRL_ON_HOLD)
    return conclude_revoked (inquiry, &says, by);
  return STEP_NEXT;
}
