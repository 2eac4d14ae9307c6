/* SPDX-License-Identifier: Apache-2.0 */
/* revoked.h - whether a certificate of the other end that is trusted was revoked: who can be asked, and what the answer
 * means under the policy of whoever asks.  The call is the asker's, who knows how long it may take and who owns it. */
#pragma once
#include <ikebana/fetch.h>

IKE_BEGIN_DECLS

/* What can be asked about @query.  NULL: nothing, and then *@why is NULL when that does not matter, else why the other
 * end is refused; static. */
const IkeProvided *revoked_find (IkeEngine *engine, const IkeRevocationQuery *query, const char **why);
void revoked_ask (const IkeProvided *found, const IkeRevocationQuery *query, IkeCall *call);
/* For the call's `then`: NULL: it is good, as far as @policy (IkeRevocationPolicy) asks; else why not; g_free.  The
 * verdict is freed. */
char *revoked_why (guint32 policy, IkeRevocationVerdict *verdict_take_or_null, const char *error);

IKE_END_DECLS
