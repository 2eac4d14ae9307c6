/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - the functions of `kernel:ipsec`: copy what was asked and hand it to the
 * administration loop. */
#include "config.h"
#include <string.h>
#include "admin.h"
#include "shared/esp/algorithms.h"

TunRequest *
tun_request_new (TunKernel *kernel, TunRequestKind kind, IkeCall *call)
{
  TunRequest *request = g_new0 (TunRequest, 1);
  request->kernel = kernel;
  request->kind = kind;
  request->call = call;
  return request;
}

void
tun_request_free (TunRequest *request)
{
  if (request->call)
    ike_call_fail (g_steal_pointer (&request->call), "kernel-tun was stopped");
  for (guint i = 0; i < 2 * request->n_sas; i++)
    ike_secret_clear (&request->keys[i]);
  g_free (request->keys);
  g_free (request->sas);
  g_free (request->policies);
  g_free (request);
}

/* A key that is too long stays too long, and is refused when the algorithms are known. */
static void
copy_key (IkeSecret *to, const guint8 **key, guint32 len)
{
  if (*key && len <= IKE_SECRET_MAX)
    ike_secret_set (to, *key, len);
  *key = to->bytes;
}

void
tun_request_copy (TunRequest *request, const IkeKernelSa *sas, guint n_sas,
                  const IkeKernelPolicy *policies, guint n_policies)
{
  request->n_sas = n_sas;
  request->n_policies = n_policies;
  request->sas = g_memdup2 (sas, n_sas * sizeof *sas);
  request->policies = g_memdup2 (policies, n_policies * sizeof *policies);
  request->keys = g_new0 (IkeSecret, 2 * n_sas);
  for (guint i = 0; i < n_sas; i++) {
    IkeKernelSa *sa = &request->sas[i];
    copy_key (&request->keys[2 * i], &sa->encr_key, sa->encr_key_len);
    copy_key (&request->keys[2 * i + 1], &sa->integ_key, sa->integ_key_len);
    sa->interface = sa->link_name = sa->link_master = NULL;
    /* Said again where it is refused; the text is of the caller. */
    sa->label = sa->label ? "" : NULL;
  }
  for (guint i = 0; i < n_policies; i++)
    request->policies[i].interface = request->policies[i].label = NULL;
}

void
tun_request_answer (TunRequest *request, gpointer result)
{
  if (request->call)
    ike_call_answer (g_steal_pointer (&request->call), result);
}

void
tun_request_fail (TunRequest *request, const GError *error)
{
  if (request->call)
    ike_call_fail (g_steal_pointer (&request->call), error->message);
}

static void
run (gpointer data)
{
  TunRequest **request = data;
  TunAdmin *admin = (*request)->kernel->admin;
  tun_admin_run (admin, g_steal_pointer (request));
}

/* The request outlives the job when its answer waits for a round. */
static void
free_job (gpointer data)
{
  TunRequest **request = data;
  g_clear_pointer (request, tun_request_free);
  g_free (request);
}

void
tun_request_post (TunRequest *request_take)
{
  TunRequest **job = g_new (TunRequest *, 1);
  *job = request_take;
  tun_post (request_take->kernel, &request_take->kernel->admin_loop, run, job, free_job);
}

/* -- the class */

/* A configuration is checked without a plugin being activated (ikebanad --check): then it is not
 * known yet, and nothing is refused for it. */
static gboolean
has_ah (const TunKernel *kernel_or_null)
{
  return !kernel_or_null || kernel_or_null->has_ah;
}

static gboolean
can (IkePlugin *self, guint8 protocol, const IkeTransform *transform)
{
  TunKernel *kernel = ike_plugin_state (self);
  if ((transform->flags & IKE_TRANSFORM_UNKNOWN)
      || !algorithm_can (ike_plugin_engine (self), transform))
    return FALSE;
  if (protocol != IKE_PROTOCOL_AH)
    return protocol == IKE_PROTOCOL_ESP;
  return has_ah (kernel) && transform->type != IKE_TRANSFORM_ENCR
         && (transform->type != IKE_TRANSFORM_INTEG || transform->id != 0);
}

static guint32
offers (IkePlugin *self)
{
  TunKernel *kernel = ike_plugin_state (self);
  return tun_kernel_class.features & ~(has_ah (kernel) ? 0 : (guint32) IKE_KERNEL_CAN_AH);
}

static void
get_spi (IkePlugin *self, IkeCall *call, guint8 protocol, const IkeAddr *source,
         const IkeAddr *destination, IkeSaRef sa)
{
  TunKernel *kernel = ike_plugin_state (self);
  TunRequest *request;
  if (protocol != IKE_PROTOCOL_ESP && (protocol != IKE_PROTOCOL_AH || !kernel->has_ah)) {
    ike_call_fail (call, protocol == IKE_PROTOCOL_AH
                             ? "kernel-tun has no raw sockets for AH, which take CAP_NET_RAW"
                             : "kernel-tun has ESP and AH only");
    return;
  }
  request = tun_request_new (ike_plugin_state (self), TUN_GET_SPI, call);
  request->owner = sa;
  tun_request_post (request);
}

static void
free_spi (IkePlugin *self, guint8 protocol, guint32 spi, const IkeAddr *destination)
{
  TunRequest *request = tun_request_new (ike_plugin_state (self), TUN_FREE_SPI, NULL);
  request->spi = spi;
  tun_request_post (request);
}

static void
post_batch (IkePlugin *self, TunRequestKind kind, IkeCall *call, const IkeKernelBatch *batch)
{
  TunRequest *request = tun_request_new (ike_plugin_state (self), kind, call);
  tun_request_copy (request, batch->sas, batch->n_sas, batch->policies, batch->n_policies);
  tun_request_post (request);
}

static void
install (IkePlugin *self, IkeCall *call, const IkeKernelBatch *batch)
{
  post_batch (self, TUN_INSTALL, call, batch);
}

static void
remove_batch (IkePlugin *self, IkeCall *call, const IkeKernelBatch *batch)
{
  post_batch (self, TUN_REMOVE, call, batch);
}

static void
update (IkePlugin *self, IkeCall *call, const IkeKernelSa *old, const IkeKernelSa *new_)
{
  TunRequest *request = tun_request_new (ike_plugin_state (self), TUN_UPDATE, call);
  IkeKernelSa both[2] = { *old, *new_ };
  for (guint i = 0; i < 2; i++)
    both[i].encr_key_len = both[i].integ_key_len = 0;
  tun_request_copy (request, both, 2, NULL, 0);
  tun_request_post (request);
}

static void
query (IkePlugin *self, IkeCall *call, const IkeKernelSa *which)
{
  TunRequest *request = tun_request_new (ike_plugin_state (self), TUN_QUERY, call);
  IkeKernelSa one = *which;
  one.encr_key_len = one.integ_key_len = 0;
  tun_request_copy (request, &one, 1, NULL, 0);
  tun_request_post (request);
}

static void
acquired (IkePlugin *self, const IkeKernelAcquire *acquire, gboolean is_up)
{
  TunRequest *request = tun_request_new (ike_plugin_state (self), TUN_ACQUIRED, NULL);
  request->reqid = acquire->reqid;
  request->is_up = is_up;
  tun_request_post (request);
}

void
tun_admin_measure (TunKernel *kernel, const TunSa *sa)
{
  TunRequest *request = tun_request_new (kernel, TUN_MEASURE, NULL);
  request->serial = sa->serial;
  tun_request_post (request);
}

static void
describe (IkePlugin *self, IkeTree *into)
{
  TunKernel *kernel = ike_plugin_state (self);
  guint n_sas = atomic_load (&kernel->n_sas), n_policies = atomic_load (&kernel->n_policies);
  ike_tree_set_string (into, "name", "kernel-tun");
  ike_tree_set_format (into, "text", "ESP in user space over %s: %u SAs, %u policies, %u loops",
                       kernel->device.name, n_sas, n_policies, kernel->n_loops);
  ike_tree_set_string (into, "device", kernel->device.name);
  ike_tree_set_int (into, "mtu", kernel->mtu);
  ike_tree_set_int (into, "sas", n_sas);
  ike_tree_set_int (into, "policies", n_policies);
  ike_tree_set_int (into, "loops", kernel->n_loops);
}

const IkeKernelClass tun_kernel_class = {
  .struct_size = sizeof (IkeKernelClass),
  .can = can,
  .features = IKE_KERNEL_CAN_ESN | IKE_KERNEL_CAN_RAW_ESP | IKE_KERNEL_CAN_TRAP
              | IKE_KERNEL_CAN_TRANSPORT | IKE_KERNEL_CAN_BEET | IKE_KERNEL_CAN_AH
              | IKE_KERNEL_CAN_SHUNT | IKE_KERNEL_CAN_FLOWS | IKE_KERNEL_CAN_SKIP,
  .get_spi = get_spi,
  .free_spi = free_spi,
  .install = install,
  .remove = remove_batch,
  .update = update,
  .query = query,
  .describe = describe,
  .offers = offers,
  .acquired = acquired,
};
