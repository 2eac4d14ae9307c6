/* SPDX-License-Identifier: Apache-2.0 */
/* revoked.c - see revoked.h. */
#include "shared/revoked/revoked.h"

#include <ikebana/engine.h>

const IkeProvided *
revoked_find (IkeEngine *engine, const IkeRevocationQuery *query, const char **why)
{
  const IkeProvided *found = query->n ? ike_feature_find (engine, "revocation:x509", NULL) : NULL;

  *why = query->n && !found && query->policy == IKE_REVOCATION_STRICT
             ? "nothing that is loaded can tell whether its certificate was revoked"
             : NULL;
  return found;
}

void
revoked_ask (const IkeProvided *found, const IkeRevocationQuery *query, IkeCall *call)
{
  ((const IkeRevocationClass *) found->ops)->check (found->plugin, query, call);
}

char *
revoked_why (guint32 policy, IkeRevocationVerdict *verdict_take, const char *error)
{
  g_autofree IkeRevocationVerdict *verdict = verdict_take;

  if (verdict ? verdict->is_good : policy == IKE_REVOCATION_RELAXED)
    return NULL;
  return verdict ? g_strdup (verdict->reason)
                 : g_strdup_printf ("whether its certificate was revoked is not known: %s", error);
}
