/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - what names SAs and policies, and who has a policy. */
#include "config.h"
#include <string.h>
#include "xfrm.h"

static guint
hash_bytes (guint hash, gconstpointer data, gsize len)
{
  const guint8 *bytes = data;
  for (gsize i = 0; i < len; i++)
    hash = (hash ^ bytes[i]) * 16777619u;
  return hash;
}

guint
xfrm_sa_hash (gconstpointer data)
{
  const XfrmSaId *id = data;
  return hash_bytes (id->spi ^ id->protocol, id->destination.bytes, sizeof id->destination.bytes);
}

gboolean
xfrm_sa_equal (gconstpointer a, gconstpointer b)
{
  const XfrmSaId *x = a, *y = b;
  return x->spi == y->spi && x->protocol == y->protocol
         && ike_addr_same_host (&x->destination, &y->destination);
}

/* -- policies */

/* An interface binds what goes out only. */
static const char *
bound_to (const IkeKernelPolicy *policy)
{
  return policy->direction == IKE_DIR_OUT ? policy->interface : NULL;
}

guint
xfrm_policy_hash (gconstpointer data)
{
  const IkeKernelPolicy *policy = data;
  guint hash = hash_bytes (policy->direction ^ policy->if_id, policy->source.first, 16);
  hash = hash_bytes (hash, policy->destination.first, 16);
  return hash_bytes (hash, &policy->mark, sizeof policy->mark);
}

gboolean
xfrm_policy_equal (gconstpointer a, gconstpointer b)
{
  const IkeKernelPolicy *x = a, *y = b;
  return x->direction == y->direction && x->if_id == y->if_id && x->mark.value == y->mark.value
         && x->mark.mask == y->mark.mask && ike_selector_equal (&x->source, &y->source)
         && ike_selector_equal (&x->destination, &y->destination)
         && g_strcmp0 (bound_to (x), bound_to (y)) == 0 && g_strcmp0 (x->label, y->label) == 0;
}

XfrmPolicy *
xfrm_policy_new (const IkeKernelPolicy *from)
{
  XfrmPolicy *policy = g_new0 (XfrmPolicy, 1);
  policy->policy = *from;
  policy->label = g_strdup (from->label);
  policy->interface = g_strdup (from->interface);
  policy->policy.label = policy->label;
  policy->policy.interface = policy->interface;
  return policy;
}

void
xfrm_policy_free (gpointer data)
{
  XfrmPolicy *policy = data;
  if (policy->others)
    g_array_unref (policy->others);
  g_free (policy->label);
  g_free (policy->interface);
  g_free (policy);
}

XfrmUse
xfrm_policy_top (const XfrmPolicy *policy)
{
  return (XfrmUse){ policy->policy, policy->reqid, policy->offload, policy->rank, policy->device };
}

static void
set_top (XfrmPolicy *policy, const XfrmUse *use)
{
  policy->policy = use->policy;
  policy->policy.label = policy->label;
  policy->policy.interface = policy->interface;
  policy->reqid = use->reqid;
  policy->offload = use->offload;
  policy->rank = use->rank;
  policy->device = use->device;
}

void
xfrm_policy_push (XfrmPolicy *policy, const XfrmUse *use)
{
  XfrmUse later = *use;
  guint at;
  if (!policy->others)
    policy->others = g_array_new (FALSE, FALSE, sizeof (XfrmUse));
  if (use->rank <= policy->rank) {
    later = xfrm_policy_top (policy);
    set_top (policy, use);
  }
  for (at = policy->others->len;
       at > 0 && g_array_index (policy->others, XfrmUse, at - 1).rank < later.rank; at--)
    continue;
  g_array_insert_val (policy->others, at, later);
}

static void
shrink (XfrmPolicy *policy, guint at)
{
  g_array_remove_index (policy->others, at);
  if (!policy->others->len)
    g_clear_pointer (&policy->others, g_array_unref);
}

gboolean
xfrm_policy_pop (XfrmPolicy *policy, guint32 spi, guint32 reqid, XfrmUse *popped)
{
  guint n = policy->others ? policy->others->len : 0;
  *popped = xfrm_policy_top (policy);
  if (!n)
    return FALSE;
  for (guint i = n; (policy->policy.spi != spi || policy->reqid != reqid) && i-- > 0;) {
    const XfrmUse *use = &g_array_index (policy->others, XfrmUse, i);
    if (use->policy.spi != spi || use->reqid != reqid)
      continue;
    *popped = *use;
    shrink (policy, i);
    return TRUE;
  }
  set_top (policy, &g_array_index (policy->others, XfrmUse, n - 1));
  shrink (policy, n - 1);
  return TRUE;
}

char *
xfrm_policy_text (const IkeKernelPolicy *policy)
{
  static const char *const directions[] = { "in", "out", "fwd" };
  char from[128], to[128];
  return g_strdup_printf ("%s %s %s mark %x/%x if_id %u interface %s label %s",
                          directions[MIN (policy->direction, 2)],
                          ike_selector_format (&policy->source, from, sizeof from),
                          ike_selector_format (&policy->destination, to, sizeof to),
                          policy->mark.value, policy->mark.mask, policy->if_id,
                          bound_to (policy) ? bound_to (policy) : "-",
                          policy->label ? policy->label : "-");
}
