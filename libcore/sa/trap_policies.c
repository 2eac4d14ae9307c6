/* SPDX-License-Identifier: Apache-2.0 */
/* trap_policies.c - the policies of a child that has no SA: what a trap waits for, what a shunt
 * lets pass or drops. */
#include "sa/sa_private.h"

enum { TRAP_POLICIES_MAX = 1024, SELECTORS_MAX = 2 * IKE_SELECTORS_MAX };

/* -- selectors */

static gboolean
is_shunt (const IkeChildConf *conf)
{
  return conf->mode > IKE_MODE_BEET;
}

gboolean
ike_trap_needs_hosts (const IkeChildConf *conf, gboolean is_local)
{
  const IkeSelector *selectors = is_local ? conf->local_ts : conf->remote_ts;
  guint i, n = is_local ? conf->n_local_ts : conf->n_remote_ts;

  if (is_shunt (conf))
    return FALSE;
  for (i = 0; i < n; i++)
    if (selectors[i].is_dynamic)
      return TRUE;
  return conf->mode == IKE_MODE_TRANSPORT;
}

static IkeSelector
everything (const IkeSelector *dynamic, guint8 family)
{
  IkeSelector all = *dynamic;

  all.is_dynamic = 0;
  all.family = family;
  memset (all.first, 0, sizeof all.first);
  memset (all.last, 0, sizeof all.last);
  memset (all.last, 0xff, family == 4 ? 4 : 16);
  return all;
}

/* Transport mode carries what goes between the two ends themselves. */
static guint
keep_within (IkeSelector *selectors, guint n, const IkeAddr *host)
{
  IkeAddr portless = *host;
  IkeSelector whole, common;
  guint i, kept = 0;

  portless.port = 0;
  ike_selector_of_addr (&whole, 0, &portless);
  for (i = 0; i < n; i++)
    if (ike_selector_intersect (&selectors[i], &whole, &common))
      selectors[kept++] = common;
  return kept;
}

guint
ike_child_conf_selectors (const IkeChildConf *conf, gboolean is_local, const IkeAddr *host,
                          IkeSelector *out)
{
  const IkeSelector *from = is_local ? conf->local_ts : conf->remote_ts;
  guint i, n = 0, n_from = is_local ? conf->n_local_ts : conf->n_remote_ts;

  for (i = 0; i < n_from; i++) {
    if (from[i].is_dynamic && !host->family) {
      out[n++] = everything (&from[i], 4);
      out[n++] = everything (&from[i], 6);
      continue;
    }
    out[n] = from[i];
    ike_selector_resolve (&out[n++], host);
  }
  return conf->mode == IKE_MODE_TRANSPORT && host->family ? keep_within (out, n, host) : n;
}

static gboolean
are_covered (const IkeSelector *big, guint n_big, const IkeSelector *small_, guint n_small)
{
  guint i, k;

  for (i = 0; i < n_small; i++) {
    for (k = 0; k < n_big && !ike_selector_covers (&big[k], &small_[i]); k++)
      ;
    if (k == n_big)
      return FALSE;
  }
  return n_small > 0;
}

gboolean
ike_child_carries_all (const IkeChild *child)
{
  IkeSelector wanted[SELECTORS_MAX];
  guint is_local;

  for (is_local = 0; is_local < 2; is_local++) {
    const IkeAddr *host = is_local ? &child->local : &child->remote;
    guint n_wanted = ike_child_conf_selectors (child->conf, is_local != 0, host, wanted), n;
    const IkeSelector *has = ike_child_selectors (child, is_local != 0, &n);
    if (!are_covered (has, n, wanted, n_wanted))
      return FALSE;
  }
  return TRUE;
}

/* -- the reqid */

/* Whoever is first, a trap or a CHILD_SA, says which it is. */
guint32
ike_child_conf_reqid (IkeSaManager *manager, const IkeChildConf *conf, guint32 own_or_0)
{
  gint *shared = (gint *) &conf->shared_reqid;
  gint reqid = g_atomic_int_get (shared);

  if (conf->reqid)
    return conf->reqid;
  if (reqid)
    return (guint32) reqid;
  reqid = (gint) (own_or_0 ? own_or_0 : atomic_fetch_add (&manager->next_child, 1) + 1);
  return g_atomic_int_compare_and_exchange (shared, 0, reqid) ? (guint32) reqid
                                                              : (guint32) g_atomic_int_get (shared);
}

/* -- policies */

static IkeKernelPolicy
policy_of (const IkeConn *conn, const IkeChildConf *conf, IkeDirection direction)
{
  gboolean is_out = direction == IKE_DIR_OUT;
  guint32 own_id = is_out ? conf->if_id_out : conf->if_id_in;

  return (IkeKernelPolicy){
    .struct_size = sizeof (IkeKernelPolicy),
    .direction = (guint8) direction,
    .mode = (guint8) conf->mode,
    .protocol = conf->ah_proposals ? IKE_PROTOCOL_AH : IKE_PROTOCOL_ESP,
    .flags = conf->flags,
    .reqid = conf->reqid ? conf->reqid : (guint32) g_atomic_int_get (&conf->shared_reqid),
    .priority = conf->priority,
    .mark = is_out ? conf->mark_out : conf->mark_in,
    .if_id = own_id   ? own_id
             : is_out ? conn->if_id_out
                      : conn->if_id_in,
    .interface = conf->interface,
    .offload = (guint8) conf->offload,
    .label = conf->label,
  };
}

/* Whoever asks its gateway for an address has none yet, so `dynamic` may be any. */
static gboolean
is_without_address (const IkeConn *conn, const IkeChildConf *conf)
{
  return conn->vips && conn->vips[0] && conf->mode != IKE_MODE_TRANSPORT;
}

IkeKernelPolicy *
ike_trap_policies (const IkeConn *conn, const IkeChildConf *conf, const IkeAddr *local,
                   const IkeAddr *remote, guint *n)
{
  static const IkeAddr unknown;
  static const IkeDirection directions[] = { IKE_DIR_OUT, IKE_DIR_IN, IKE_DIR_FWD };
  IkeSelector ours[SELECTORS_MAX], theirs[SELECTORS_MAX];
  guint n_ours = ike_child_conf_selectors (
      conf, TRUE, is_without_address (conn, conf) ? &unknown : local, ours);
  guint n_theirs = ike_child_conf_selectors (conf, FALSE, remote, theirs);
  guint max = MIN ((guint) TRAP_POLICIES_MAX, 3 * n_ours * n_theirs), i, k, d;
  IkeKernelPolicy *policies = g_new0 (IkeKernelPolicy, max + 1);

  *n = 0;
  for (i = 0; i < n_ours; i++)
    for (k = 0; k < n_theirs; k++)
      for (d = 0; ours[i].family == theirs[k].family && d < G_N_ELEMENTS (directions) && *n < max;
           d++) {
        IkeKernelPolicy *policy = &policies[(*n)++];
        gboolean is_out = directions[d] == IKE_DIR_OUT;
        *policy = policy_of (conn, conf, directions[d]);
        policy->source = is_out ? ours[i] : theirs[k];
        policy->destination = is_out ? theirs[k] : ours[i];
        policy->outer_source = is_out ? *local : *remote;
        policy->outer_destination = is_out ? *remote : *local;
      }
  return policies;
}

static gboolean
is_same_policy (const IkeKernelPolicy *a, const IkeKernelPolicy *b)
{
  return a->direction == b->direction && a->mode == b->mode && a->protocol == b->protocol
         && a->flags == b->flags && a->reqid == b->reqid && a->priority == b->priority
         && a->mark.value == b->mark.value && a->mark.mask == b->mark.mask && a->if_id == b->if_id
         && a->offload == b->offload && ike_selector_equal (&a->source, &b->source)
         && ike_selector_equal (&a->destination, &b->destination)
         && ike_addr_same_host (&a->outer_source, &b->outer_source)
         && ike_addr_same_host (&a->outer_destination, &b->outer_destination)
         && !g_strcmp0 (a->interface, b->interface) && !g_strcmp0 (a->label, b->label);
}

gboolean
ike_trap_policies_equal (const IkeKernelPolicy *a, guint n_a, const IkeKernelPolicy *b, guint n_b)
{
  guint i;

  for (i = 0; n_a == n_b && i < n_a && is_same_policy (&a[i], &b[i]); i++)
    ;
  return n_a == n_b && i == n_a;
}
