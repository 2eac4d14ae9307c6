/* SPDX-License-Identifier: Apache-2.0 */
/* groups.c - what belongs together by its reqid: the SA that carries a policy, the selectors that
 * an inbound SA may use.
 *
 * Several peers may share a reqid, so the outer addresses of a policy, where it has some, must
 * be those of the SA. */
#include "config.h"
#include <string.h>
#include "admin.h"

TunGroup *
tun_group_get (TunAdmin *admin, guint32 reqid)
{
  TunGroup *group = g_hash_table_lookup (admin->groups, GUINT_TO_POINTER (reqid));
  if (group)
    return group;
  group = g_new0 (TunGroup, 1);
  group->reqid = reqid;
  group->sas = g_ptr_array_new ();
  group->policies = g_ptr_array_new ();
  g_hash_table_insert (admin->groups, GUINT_TO_POINTER (reqid), group);
  return group;
}

void
tun_group_free (TunGroup *group)
{
  g_ptr_array_unref (group->sas);
  g_ptr_array_unref (group->policies);
  g_free (group);
}

void
tun_group_touch (TunAdmin *admin, TunGroup *group)
{
  if (!g_ptr_array_find (admin->change->groups, group, NULL))
    g_ptr_array_add (admin->change->groups, group);
}

static gboolean
is_outer (const IkeAddr *of_policy, const IkeAddr *of_sa)
{
  if (ike_addr_is_any (of_policy))
    return TRUE;
  return ike_addr_same_host (of_policy, of_sa)
         && (!of_policy->port || !of_sa->port || of_policy->port == of_sa->port);
}

gboolean
tun_mode_protects (guint8 mode)
{
  return mode == IKE_MODE_TUNNEL || mode == IKE_MODE_TRANSPORT || mode == IKE_MODE_BEET;
}

/* -- outbound */

/* The newest, where a policy that names an SA makes it the newest. */
static TunSa *
carrier (const TunGroup *group, const TunPolicy *policy)
{
  TunSa *best = NULL;
  for (guint i = 0; i < group->sas->len; i++) {
    TunSa *sa = g_ptr_array_index (group->sas, i);
    if (sa->is_inbound || sa->mode != policy->key.mode
        || !is_outer (&policy->outer_destination, &atomic_load (&sa->path)->destination))
      continue;
    if (!best || sa->stamp > best->stamp)
      best = sa;
  }
  return best;
}

static void
settle_outbound (TunAdmin *admin, const TunGroup *group, TunPolicy *policy)
{
  TunSa *sa = tun_mode_protects (policy->key.mode) ? carrier (group, policy) : NULL;
  if (atomic_exchange (&policy->spd.sa, sa) == sa || !sa)
    return;
  atomic_store (&policy->spd.acquired_us, 0);
  admin->change->has_new = TRUE;
}

/* -- inbound */

static void
add_pair (TunSelectors *selectors, const IkeSelector *source, const IkeSelector *destination)
{
  for (guint32 i = 0; i < selectors->n; i++)
    if (ike_selector_equal (&selectors->pairs[i].source, source)
        && ike_selector_equal (&selectors->pairs[i].destination, destination))
      return;
  selectors->pairs[selectors->n].source = *source;
  selectors->pairs[selectors->n++].destination = *destination;
}

/* Inbound policies say it; where there are none, the outbound ones do, the other way round. */
static TunSelectors *
selectors_of (const TunGroup *group, const TunSa *sa)
{
  const TunPath *path = atomic_load (&sa->path);
  TunSelectors *selectors =
      g_malloc0 (sizeof *selectors + group->policies->len * sizeof selectors->pairs[0]);
  gboolean is_mirrored;
  for (guint i = 0; i < group->policies->len; i++) {
    const TunPolicy *policy = g_ptr_array_index (group->policies, i);
    if (policy->key.mode == sa->mode && policy->key.direction != IKE_DIR_OUT
        && is_outer (&policy->outer_source, &path->source))
      add_pair (selectors, &policy->spd.source, &policy->spd.destination);
  }
  is_mirrored = selectors->n == 0;
  for (guint i = 0; i < group->policies->len && is_mirrored; i++) {
    const TunPolicy *policy = g_ptr_array_index (group->policies, i);
    if (policy->key.mode == sa->mode && policy->key.direction == IKE_DIR_OUT
        && is_outer (&policy->outer_destination, &path->source))
      add_pair (selectors, &policy->spd.destination, &policy->spd.source);
  }
  return selectors;
}

static void
settle_inbound (TunAdmin *admin, const TunGroup *group, TunSa *sa)
{
  TunSelectors *selectors = selectors_of (group, sa), *old = atomic_load (&sa->selectors);
  if (old && old->n == selectors->n
      && memcmp (old->pairs, selectors->pairs, old->n * sizeof old->pairs[0]) == 0) {
    g_free (selectors);
    return;
  }
  atomic_store (&sa->selectors, selectors);
  if (old)
    g_ptr_array_add (admin->change->garbage, old);
}

void
tun_groups_settle (TunAdmin *admin)
{
  for (guint g = 0; g < admin->change->groups->len; g++) {
    TunGroup *group = g_ptr_array_index (admin->change->groups, g);
    for (guint i = 0; i < group->policies->len; i++) {
      TunPolicy *policy = g_ptr_array_index (group->policies, i);
      if (policy->key.direction == IKE_DIR_OUT)
        settle_outbound (admin, group, policy);
    }
    for (guint i = 0; i < group->sas->len; i++) {
      TunSa *sa = g_ptr_array_index (group->sas, i);
      if (sa->is_inbound)
        settle_inbound (admin, group, sa);
    }
    if (!group->sas->len && !group->policies->len)
      g_hash_table_remove (admin->groups, GUINT_TO_POINTER (group->reqid));
  }
  g_ptr_array_set_size (admin->change->groups, 0);
}

void
tun_group_moved (TunGroup *group, const TunPath *from, const TunPath *to, gboolean is_inbound)
{
  const IkeAddr *old_peer = is_inbound ? &from->source : &from->destination;
  const IkeAddr *new_peer = is_inbound ? &to->source : &to->destination;
  for (guint i = 0; i < group->policies->len; i++) {
    TunPolicy *policy = g_ptr_array_index (group->policies, i);
    IkeAddr *peer =
        policy->key.direction == IKE_DIR_OUT ? &policy->outer_destination : &policy->outer_source;
    if (!ike_addr_is_any (peer) && is_outer (peer, old_peer))
      *peer = *new_peer;
  }
}
