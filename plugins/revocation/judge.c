/* SPDX-License-Identifier: Apache-2.0 */
/* judge.c - what a CRL or an OCSP response is worth; see judge.h. */
#include <string.h>
#include "judge.h"

/* RFC 5280, 5.1.2.5: "The behavior of clients processing CRLs that omit nextUpdate is not specified
 * by this profile." */
gint64
judge_crl_until (const IkeCrlInfo *info)
{
  return info->next_update ? info->next_update : info->this_update + JUDGE_CRL_AGE;
}

gboolean
judge_crl_in_time (const IkeCrlInfo *info, gint64 now, gint64 grace)
{
  return info->this_update - grace <= now && now < judge_crl_until (info) + grace;
}

static void
skip_zeros (IkePart *number)
{
  while (number->len && number->data[0] == 0) {
    number->data++;
    number->len--;
  }
}

int
judge_compare (IkePart a, IkePart b)
{
  skip_zeros (&a);
  skip_zeros (&b);
  if (a.len != b.len)
    return a.len < b.len ? -1 : 1;
  return a.len ? memcmp (a.data, b.data, a.len) : 0;
}

/* RFC 5280, 5.2.4: a complete CRL and a delta CRL may be combined if "(c) The CRL number of the
 * complete CRL is equal to or greater than the BaseCRLNumber specified in the delta CRL. […] (d)
 * The CRL number of the complete CRL is less than the CRL number of the delta CRL."  That they have
 * the same issuer and speak about the same certificates, crl_is_by tells. */
gboolean
judge_delta_fits (const IkeCrlInfo *delta, const IkeCrlInfo *base)
{
  return delta->base.data && delta->number.data && base->number.data && !base->base.data
         && judge_compare (base->number, delta->base) >= 0
         && judge_compare (base->number, delta->number) < 0;
}

/* RFC 6960, 4.2.2.1: "If nextUpdate is not set, the responder is indicating that newer revocation
 * information is available all the time."  So one that anybody may have kept is worth nothing. */
gboolean
judge_ocsp_is_new (const IkeRevocation *says, gint64 now, gint64 grace)
{
  return says->next_update || says->has_nonce || says->this_update + JUDGE_OCSP_AGE + grace > now;
}

/* RFC 5280, 5.2.4: a certificate that is "removed from the CRL" is listed "with the reason code
 * removeFromCRL". */
void
judge_combine (IkeRevocation *base, const IkeRevocation *delta)
{
  if (!delta || delta->revoked == IKE_REVOKED_NOT)
    return;
  *base = *delta;
  if (delta->revoked == IKE_REVOKED_REMOVED)
    base->revoked = IKE_REVOKED_NOT;
}

const char *
judge_reason_text (guint reason)
{
  static const char *const texts[] = {
    "",
    " (key compromise)",
    " (compromise of the CA)",
    " (affiliation changed)",
    " (superseded)",
    " (no longer used)",
    " (on hold)",
    "",
    "",
    " (privilege withdrawn)",
    " (compromise of the attribute authority)",
  };

  return reason < G_N_ELEMENTS (texts) ? texts[reason] : "";
}
