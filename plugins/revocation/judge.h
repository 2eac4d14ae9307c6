/* SPDX-License-Identifier: Apache-2.0 */
/* judge.h - the rules of RFC 5280 and RFC 6960 about what a CRL or a response is worth.  Without state; any thread. */
#pragma once
#include <ikebana/pki.h>

/* Without nextUpdate: how long a CRL is taken for, and how old an OCSP response may be that has no nonce of ours. */
enum { JUDGE_CRL_AGE = 24 * 3600, JUDGE_OCSP_AGE = 3600 };

enum { JUDGE_CRL_ON_HOLD = 6 };               /* CRLReason */

gint64      judge_crl_until   (const IkeCrlInfo *info);                     /* the end of its time */
/* In its time at @now, with @grace at both ends? */
gboolean    judge_crl_in_time (const IkeCrlInfo *info, gint64 now, gint64 grace);
/* May @delta be read together with @base? */
gboolean    judge_delta_fits  (const IkeCrlInfo *delta, const IkeCrlInfo *base);
/* Two CRL numbers: below 0, 0, above 0. */
int         judge_compare     (IkePart a, IkePart b);
gboolean    judge_ocsp_is_new (const IkeRevocation *says, gint64 now, gint64 grace);
/* What the entry of a base and that of a delta, which may be NULL, say together. */
void        judge_combine     (IkeRevocation *base, const IkeRevocation *delta_or_null);
/* "", or " (key compromise)". */
const char *judge_reason_text (guint reason);
