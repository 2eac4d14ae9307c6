/* SPDX-License-Identifier: Apache-2.0 */
/* admin.c - installs, removes, updates and counts, one request after the other. */
#include "config.h"
#include <string.h>
#include "admin.h"

enum { SPI_TRIES = 64 };

/* -- tables */

static guint
outbound_hash (gconstpointer data)
{
  const TunSa *sa = data;
  const IkeAddr *to = &atomic_load (&((TunSa *) sa)->path)->destination;
  guint32 hash = sa->spi;
  for (guint i = 0; i < 16; i++)
    hash = (hash ^ to->bytes[i]) * 16777619u;
  return hash;
}

static gboolean
outbound_equal (gconstpointer a, gconstpointer b)
{
  return ((const TunSa *) a)->spi == ((const TunSa *) b)->spi
         && ((const TunSa *) a)->protocol == ((const TunSa *) b)->protocol
         && ike_addr_same_host (&atomic_load (&((TunSa *) a)->path)->destination,
                                &atomic_load (&((TunSa *) b)->path)->destination);
}

static guint
key_hash (gconstpointer data)
{
  const guint8 *bytes = data;
  guint32 hash = 2166136261u;
  for (guint i = 0; i < sizeof (TunPolicyKey); i++)
    hash = (hash ^ bytes[i]) * 16777619u;
  return hash;
}

static gboolean
key_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, sizeof (TunPolicyKey)) == 0;
}

TunAdmin *
tun_admin_new (TunKernel *kernel)
{
  TunAdmin *admin = g_new0 (TunAdmin, 1);
  admin->kernel = kernel;
  admin->inbound = g_hash_table_new (NULL, NULL);
  admin->outbound = g_hash_table_new (outbound_hash, outbound_equal);
  admin->by_serial = g_hash_table_new (g_int64_hash, g_int64_equal);
  admin->reserved = g_hash_table_new (NULL, NULL);
  admin->groups = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) tun_group_free);
  admin->policies = g_hash_table_new (key_hash, key_equal);
  admin->routes = tun_routes_new (kernel);
  return admin;
}

void
tun_admin_free (TunAdmin *admin)
{
  GHashTableIter iter;
  gpointer group;
  if (!admin)
    return;
  g_hash_table_iter_init (&iter, admin->groups);
  while (g_hash_table_iter_next (&iter, NULL, &group)) {
    g_ptr_array_set_free_func (((TunGroup *) group)->sas, (GDestroyNotify) sad_free);
    g_ptr_array_set_free_func (((TunGroup *) group)->policies, (GDestroyNotify) tun_policy_free);
  }
  tun_routes_free (admin->routes);
  g_hash_table_unref (admin->inbound);
  g_hash_table_unref (admin->outbound);
  g_hash_table_unref (admin->by_serial);
  g_hash_table_unref (admin->reserved);
  g_hash_table_unref (admin->groups);
  g_hash_table_unref (admin->policies);
  g_free (admin);
}

static TunSa *
find_sa (TunAdmin *admin, const IkeKernelSa *wanted)
{
  TunPath path = { .destination = wanted->destination };
  TunSa like = { .spi = wanted->spi, .protocol = wanted->protocol };
  if (wanted->direction == IKE_DIR_IN)
    return g_hash_table_lookup (admin->inbound, GUINT_TO_POINTER (wanted->spi));
  atomic_store (&like.path, &path);
  return g_hash_table_lookup (admin->outbound, &like);
}

/* -- changes */

static TunChange *
change_begin (TunAdmin *admin, TunRequest *request)
{
  TunChange *change = g_new0 (TunChange, 1);
  change->kernel = admin->kernel;
  change->request = request;
  change->added = g_ptr_array_new ();
  change->removed = g_ptr_array_new_with_free_func ((GDestroyNotify) sad_free);
  change->gone = g_ptr_array_new_with_free_func ((GDestroyNotify) tun_policy_free);
  change->garbage = g_ptr_array_new_with_free_func (g_free);
  change->groups = g_ptr_array_new ();
  change->in_vain = g_ptr_array_new ();
  return admin->change = change;
}

static void
change_each (TunLoop *loop, gpointer data)
{
  TunChange *change = data;
  for (guint i = 0; i < change->removed->len; i++) {
    TunSa *sa = g_ptr_array_index (change->removed, i);
    tun_keys_drop (loop, sa->serial);
    if (sa->is_inbound && sa->loop == loop->index)
      sad_table_remove (&loop->inbound, sa->spi);
  }
  for (guint i = 0; i < change->added->len; i++) {
    TunSa *sa = g_ptr_array_index (change->added, i);
    if (sa->is_inbound && sa->loop == loop->index)
      sad_table_add (&loop->inbound, sa);
  }
  for (guint i = 0; i < change->gone->len; i++)
    tun_outbound_forget (loop, g_ptr_array_index (change->gone, i));
  for (guint i = 0; i < change->in_vain->len; i++)
    tun_outbound_forget (loop, g_ptr_array_index (change->in_vain, i));
}

static void
retry_each (TunLoop *loop, gpointer unused)
{
  tun_outbound_retry (loop);
}

static void
retry_done (TunKernel *kernel, gpointer unused)
{
}

static void
change_done (TunKernel *kernel, gpointer data)
{
  TunChange *change = data;
  /* Not before, for a packet that asked anew would be forgotten with the others. */
  for (guint i = 0; i < change->in_vain->len; i++)
    atomic_store (&((SpdPolicy *) g_ptr_array_index (change->in_vain, i))->acquired_us, 0);
  tun_request_answer (change->request, GUINT_TO_POINTER (1));
  tun_request_free (change->request);
  /* Only now, for the answer may come to another loop than the packet, which has to know its SA. */
  if (change->has_new)
    tun_round (kernel, retry_each, retry_done, NULL);
  g_ptr_array_unref (change->added);
  g_ptr_array_unref (change->removed);
  g_ptr_array_unref (change->gone);
  g_ptr_array_unref (change->garbage);
  g_ptr_array_unref (change->groups);
  g_ptr_array_unref (change->in_vain);
  g_free (change);
}

static void
change_end (TunAdmin *admin)
{
  TunChange *change;
  tun_groups_settle (admin);
  change = g_steal_pointer (&admin->change);
  atomic_store (&admin->kernel->n_sas,
                g_hash_table_size (admin->inbound) + g_hash_table_size (admin->outbound));
  atomic_store (&admin->kernel->n_policies, g_hash_table_size (admin->policies));
  tun_round (admin->kernel, change_each, change_done, change);
}

/* spd_new's way to get rid of arrays: always within a change. */
void
tun_admin_retire (gpointer data, gpointer item, GDestroyNotify free_item)
{
  TunKernel *kernel = data;
  g_ptr_array_add (kernel->admin->change->garbage, item);
}

/* -- SAs */

static void
time_is_up (TunSa *sa, guint32 limit)
{
  TunKernel *kernel = sa->kernel;
  if (!(atomic_fetch_or (&sa->expired, limit) & limit))
    ike_kernel_expire (kernel->plugin, sa->owner, sa->child, sa->spi, limit == SAD_HARD_EXPIRED);
}

static void
soft_time_is_up (gpointer data)
{
  TunSa *sa = data;
  sa->soft_timer = NULL;
  time_is_up (sa, SAD_SOFT_EXPIRED);
}

static void
hard_time_is_up (gpointer data)
{
  TunSa *sa = data;
  sa->hard_timer = NULL;
  time_is_up (sa, SAD_HARD_EXPIRED);
}

static void
commit_sa (TunAdmin *admin, TunSa *sa, const IkeKernelSa *wanted)
{
  IkeLoop *loop = admin->kernel->admin_loop;
  TunGroup *group = tun_group_get (admin, sa->reqid);
  g_ptr_array_add (group->sas, sa);
  tun_group_touch (admin, group);
  if (sa->is_inbound) {
    g_hash_table_remove (admin->reserved, GUINT_TO_POINTER (sa->spi));
    g_hash_table_insert (admin->inbound, GUINT_TO_POINTER (sa->spi), sa);
  } else {
    g_hash_table_add (admin->outbound, sa);
    g_hash_table_insert (admin->by_serial, &sa->serial, sa);
  }
  if (wanted->soft_seconds)
    sa->soft_timer =
        ike_loop_timer_add (loop, wanted->soft_seconds * 1000, soft_time_is_up, sa, NULL);
  if (wanted->hard_seconds)
    sa->hard_timer =
        ike_loop_timer_add (loop, wanted->hard_seconds * 1000, hard_time_is_up, sa, NULL);
  g_ptr_array_add (admin->change->added, sa);
}

static void
remove_sa (TunAdmin *admin, const IkeKernelSa *which)
{
  TunSa *sa = find_sa (admin, which);
  TunGroup *group;
  if (!sa)
    return;
  group = tun_group_get (admin, sa->reqid);
  g_ptr_array_remove (group->sas, sa);
  tun_group_touch (admin, group);
  ike_timer_stop (g_steal_pointer (&sa->soft_timer));
  ike_timer_stop (g_steal_pointer (&sa->hard_timer));
  if (sa->is_inbound)
    g_hash_table_remove (admin->inbound, GUINT_TO_POINTER (sa->spi));
  else {
    g_hash_table_remove (admin->outbound, sa);
    g_hash_table_remove (admin->by_serial, &sa->serial);
  }
  g_ptr_array_add (admin->change->removed, sa);
}

/* -- policies */

static TunPolicy *
find_policy (TunAdmin *admin, const IkeKernelPolicy *wanted)
{
  TunPolicyKey key;
  tun_policy_key (wanted, &key);
  return g_hash_table_lookup (admin->policies, &key);
}

/* The SA that the policy names becomes the newest of its reqid. */
static void
name_carrier (TunAdmin *admin, TunGroup *group, guint32 spi)
{
  for (guint i = 0; spi && i < group->sas->len; i++) {
    TunSa *sa = g_ptr_array_index (group->sas, i);
    if (!sa->is_inbound && sa->spi == spi)
      sa->stamp = ++admin->last_stamp;
  }
}

static void
commit_policy (TunAdmin *admin, TunPolicy *policy, const IkeKernelPolicy *wanted)
{
  TunGroup *group = tun_group_get (admin, wanted->reqid);
  if (!policy->group) {
    policy->group = group;
    g_ptr_array_add (group->policies, policy);
    g_hash_table_insert (admin->policies, &policy->key, policy);
    if (policy->key.direction == IKE_DIR_OUT)
      spd_add (admin->kernel->spd, &policy->spd);
  }
  policy->outer_source = wanted->outer_source;
  policy->outer_destination = wanted->outer_destination;
  g_array_append_val (policy->uses, wanted->spi);
  if (policy->key.direction == IKE_DIR_OUT)
    name_carrier (admin, group, wanted->spi);
  tun_group_touch (admin, group);
}

static void
drop_use (TunPolicy *policy, guint32 spi)
{
  guint at = policy->uses->len - 1;
  for (guint i = 0; i < policy->uses->len; i++)
    if (g_array_index (policy->uses, guint32, i) == spi)
      at = i;
  g_array_remove_index (policy->uses, at);
}

static void
remove_policy (TunAdmin *admin, const IkeKernelPolicy *which)
{
  TunPolicy *policy = find_policy (admin, which);
  if (!policy)
    return;
  tun_group_touch (admin, policy->group);
  drop_use (policy, which->spi);
  if (policy->uses->len)
    return;
  g_ptr_array_remove (policy->group->policies, policy);
  g_hash_table_remove (admin->policies, &policy->key);
  if (policy->key.direction == IKE_DIR_OUT)
    spd_remove (admin->kernel->spd, &policy->spd);
  if (policy->has_routes)
    tun_routes_remove (admin->routes, &policy->spd);
  g_ptr_array_add (admin->change->gone, policy);
}

/* -- installing: first everything that can fail, then everything that cannot */

static gboolean
is_taken (TunAdmin *admin, const TunRequest *request, guint i)
{
  const IkeKernelSa *sas = request->sas;
  for (guint j = 0; j < i; j++)
    if (sas[j].spi == sas[i].spi && sas[j].direction == sas[i].direction
        && sas[j].protocol == sas[i].protocol
        && (sas[i].direction == IKE_DIR_IN
            || ike_addr_same_host (&sas[j].destination, &sas[i].destination)))
      return TRUE;
  return find_sa (admin, &sas[i]) != NULL;
}

static gboolean
make_sas (TunAdmin *admin, const TunRequest *request, GPtrArray *made, GError **error)
{
  for (guint i = 0; i < request->n_sas; i++) {
    TunSa *sa;
    if (is_taken (admin, request, i)) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_BUSY, "there is an SA with SPI %08x already",
                   request->sas[i].spi);
      return FALSE;
    }
    sa = tun_sa_make (admin, &request->sas[i], error);
    if (!sa)
      return FALSE;
    g_ptr_array_add (made, sa);
  }
  return TRUE;
}

/* NULL stands for a policy that is there already, also when it is there twice in this request. */
static TunPolicy *
new_policy (TunAdmin *admin, const IkeKernelPolicy *wanted, const GPtrArray *made)
{
  TunPolicyKey key;
  if (find_policy (admin, wanted))
    return NULL;
  tun_policy_key (wanted, &key);
  for (guint i = 0; i < made->len; i++) {
    const TunPolicy *earlier = g_ptr_array_index (made, i);
    if (earlier && key_equal (&earlier->key, &key))
      return NULL;
  }
  return tun_policy_make (wanted);
}

static gboolean
make_policies (TunAdmin *admin, const TunRequest *request, GPtrArray *made, GError **error)
{
  for (guint i = 0; i < request->n_policies; i++) {
    TunPolicy *policy;
    if (!tun_policy_check (&request->policies[i], error))
      return FALSE;
    policy = new_policy (admin, &request->policies[i], made);
    g_ptr_array_add (made, policy);
    if (!policy || policy->key.direction != IKE_DIR_OUT)
      continue;
    if (!tun_routes_add (admin->routes, &policy->spd, error))
      return FALSE;
    policy->has_routes = TRUE;
  }
  return TRUE;
}

static void
undo (TunAdmin *admin, GPtrArray *sas, GPtrArray *policies)
{
  g_ptr_array_set_free_func (sas, (GDestroyNotify) sad_free);
  for (guint i = 0; i < policies->len; i++) {
    TunPolicy *policy = g_ptr_array_index (policies, i);
    if (policy && policy->has_routes)
      tun_routes_remove (admin->routes, &policy->spd);
    if (policy)
      tun_policy_free (policy);
  }
}

static void
install (TunAdmin *admin, TunRequest *request)
{
  g_autoptr (GPtrArray) sas = g_ptr_array_new (), policies = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  if (!make_sas (admin, request, sas, &error)
      || !make_policies (admin, request, policies, &error)) {
    undo (admin, sas, policies);
    /* Whoever asked to install an SPI does not give it back. */
    for (guint i = 0; i < request->n_sas; i++)
      if (request->sas[i].direction == IKE_DIR_IN)
        g_hash_table_remove (admin->reserved, GUINT_TO_POINTER (request->sas[i].spi));
    tun_request_fail (request, error);
    tun_request_free (request);
    return;
  }
  change_begin (admin, request);
  for (guint i = 0; i < sas->len; i++)
    commit_sa (admin, g_ptr_array_index (sas, i), &request->sas[i]);
  for (guint i = 0; i < policies->len; i++) {
    TunPolicy *policy = g_ptr_array_index (policies, i);
    commit_policy (admin, policy ? policy : find_policy (admin, &request->policies[i]),
                   &request->policies[i]);
  }
  change_end (admin);
}

static void
remove_all (TunAdmin *admin, TunRequest *request)
{
  change_begin (admin, request);
  for (guint i = 0; i < request->n_policies; i++)
    remove_policy (admin, &request->policies[i]);
  for (guint i = 0; i < request->n_sas; i++)
    remove_sa (admin, &request->sas[i]);
  change_end (admin);
}

/* -- the other requests */

/* Whoever waits may ask again, or is forgotten, and others ask. */
static void
acquired (TunAdmin *admin, TunRequest *request)
{
  TunGroup *group = g_hash_table_lookup (admin->groups, GUINT_TO_POINTER (request->reqid));
  change_begin (admin, request);
  for (guint i = 0; group && i < group->policies->len; i++) {
    TunPolicy *policy = g_ptr_array_index (group->policies, i);
    if (request->is_up)
      atomic_store (&policy->spd.acquired_us, 0);
    else
      g_ptr_array_add (admin->change->in_vain, &policy->spd);
  }
  admin->change->has_new = request->is_up;
  change_end (admin);
}

static gboolean
can_move (TunAdmin *admin, TunSa *sa, const IkeKernelSa *to, GError **error)
{
  TunSa *other = sa ? find_sa (admin, to) : NULL;
  if (!sa)
    g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND, "there is no SA with SPI %08x", to->spi);
  else if (to->source.family != to->destination.family || !to->source.family || to->spi != sa->spi)
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                 "the outer addresses of an SA must be of one family");
  else if (other && other != sa)
    g_set_error (error, IKE_ERROR, IKE_ERROR_BUSY, "there is an SA with SPI %08x already", to->spi);
  else
    return TRUE;
  return FALSE;
}

static void
update (TunAdmin *admin, TunRequest *request)
{
  TunSa *sa = find_sa (admin, &request->sas[0]);
  const IkeKernelSa *to = &request->sas[1];
  g_autoptr (GError) error = NULL;
  TunPath *path, *old;
  TunGroup *group;
  if (!can_move (admin, sa, to, &error)) {
    tun_request_fail (request, error);
    tun_request_free (request);
    return;
  }
  if (!sa->is_inbound && to->skip)
    sad_skip (sa, to->skip);
  change_begin (admin, request);
  path = g_new0 (TunPath, 1);
  *path = (TunPath) { to->source, to->destination, (to->flags & IKE_KERNEL_ENCAP) != 0 };
  if (!sa->is_inbound)
    g_hash_table_remove (admin->outbound, sa);
  old = atomic_exchange (&sa->path, path);
  if (!sa->is_inbound)
    g_hash_table_add (admin->outbound, sa);
  atomic_store (&sa->path_mtu, 0);
  group = tun_group_get (admin, sa->reqid);
  tun_group_moved (group, old, path, sa->is_inbound);
  tun_group_touch (admin, group);
  g_ptr_array_add (admin->change->garbage, old);
  change_end (admin);
}

static void
query (TunAdmin *admin, TunRequest *request)
{
  TunSa *sa = find_sa (admin, &request->sas[0]);
  g_autoptr (GError) error = NULL;
  IkeKernelUse *use;
  guint64 sequence;
  if (!sa) {
    g_set_error (&error, IKE_ERROR, IKE_ERROR_NOT_FOUND, "there is no SA with SPI %08x",
                 request->sas[0].spi);
    tun_request_fail (request, error);
    return;
  }
  use = g_new0 (IkeKernelUse, 1);
  sequence = atomic_load (&sa->sequence);
  use->bytes = atomic_load (&sa->n_bytes);
  use->packets = atomic_load (&sa->n_packets);
  use->last_use_us = atomic_load (&sa->last_use_us);
  use->n_replay = atomic_load (&sa->n_replay);
  use->n_bad_icv = atomic_load (&sa->n_bad_icv);
  use->n_bad_selector = atomic_load (&sa->n_bad_selector);
  use->sequence = (guint32) sequence;
  use->sequence_high = (guint32) (sequence >> 32);
  tun_request_answer (request, use);
}

/* Any loop of a packet's SPI will do, so an SA stays near its shard. */
static void
get_spi (TunAdmin *admin, TunRequest *request)
{
  guint loop =
      (request->owner.serial ? request->owner.shard : admin->next_loop++) % admin->kernel->n_loops;
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < SPI_TRIES; i++) {
    guint32 spi;
    ike_engine_random (admin->kernel->engine, &spi, sizeof spi);
    spi = (spi & 0xffffff) | (loop + 1) << 24;
    if (g_hash_table_contains (admin->inbound, GUINT_TO_POINTER (spi))
        || !g_hash_table_add (admin->reserved, GUINT_TO_POINTER (spi)))
      continue;
    tun_request_answer (request, GUINT_TO_POINTER (spi));
    return;
  }
  g_set_error (&error, IKE_ERROR, IKE_ERROR_BUSY, "no free SPI was found");
  tun_request_fail (request, error);
}

/* Asked when a packet was refused for its size, so the kernel has just learned the MTU of the
 * path. */
static void
measure (TunAdmin *admin, const TunRequest *request)
{
  TunSa *sa = g_hash_table_lookup (admin->by_serial, &request->serial);
  Netlink netlink = { .fd = -1 };
  NetlinkPath path;
  if (sa && netlink_open (&netlink, NULL)
      && netlink_path (&netlink, &atomic_load (&sa->path)->destination, admin->kernel->marked_port,
                       &path, NULL))
    atomic_store (&sa->path_mtu, path.mtu);
  netlink_close (&netlink);
}

void
tun_admin_run (TunAdmin *admin, TunRequest *request)
{
  switch (request->kind) {
  case TUN_INSTALL:
    install (admin, request);
    return;
  case TUN_REMOVE:
    remove_all (admin, request);
    return;
  case TUN_UPDATE:
    update (admin, request);
    return;
  case TUN_ACQUIRED:
    acquired (admin, request);
    return;
  case TUN_QUERY:
    query (admin, request);
    break;
  case TUN_GET_SPI:
    get_spi (admin, request);
    break;
  case TUN_FREE_SPI:
    g_hash_table_remove (admin->reserved, GUINT_TO_POINTER (request->spi));
    break;
  case TUN_MEASURE:
    measure (admin, request);
    break;
  }
  tun_request_free (request);
}
