/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - the functions of `kernel:ipsec`: copy what was asked and hand it to the loop. */
#include "config.h"
#include <string.h>
#include <netinet/in.h>
#include "xfrm.h"

XfrmRequest *
xfrm_request_new (Xfrm *xfrm, XfrmKind kind, IkeCall *call)
{
  XfrmRequest *request = g_new0 (XfrmRequest, 1);
  request->xfrm = xfrm;
  request->kind = kind;
  request->call = call;
  request->policies = g_array_new (FALSE, FALSE, sizeof (IkeKernelPolicy));
  request->reqids = g_array_new (FALSE, FALSE, sizeof (guint32));
  return request;
}

void
xfrm_request_free (XfrmRequest *request)
{
  if (!request)
    return;
  if (request->free_state)
    request->free_state (request->state);
  if (request->call)
    ike_call_fail (g_steal_pointer (&request->call), "kernel-xfrm was stopped");
  for (guint i = 0; request->keys && i < 2 * request->n_sas; i++)
    ike_secret_clear (&request->keys[i]);
  g_free (request->keys);
  g_free (request->sas);
  g_array_unref (request->policies);
  g_array_unref (request->reqids);
  if (request->strings)
    g_string_chunk_free (request->strings);
  g_free (request);
}

IkeKernelBatch
xfrm_request_batch (const XfrmRequest *request)
{
  return (IkeKernelBatch){ sizeof (IkeKernelBatch), request->n_sas, request->policies->len,
                           request->sas, (const IkeKernelPolicy *) request->policies->data };
}

void
xfrm_request_answer (XfrmRequest *request, gpointer result)
{
  if (request->call)
    ike_call_answer (g_steal_pointer (&request->call), result);
}

void
xfrm_request_fail (XfrmRequest *request, const char *reason)
{
  if (request->call)
    ike_call_fail (g_steal_pointer (&request->call), reason);
}

/* -- copying */

static void
copy_string (XfrmRequest *request, const char **text)
{
  if (!*text)
    return;
  if (!request->strings)
    request->strings = g_string_chunk_new (64);
  *text = g_string_chunk_insert_const (request->strings, *text);
}

/* A key that is too long stays too long, and is refused when its algorithm is known. */
static void
copy_key (IkeSecret *to, const guint8 **key, guint32 len)
{
  if (*key && len <= IKE_SECRET_MAX)
    ike_secret_set (to, *key, len);
  *key = to->bytes;
}

static void
copy_sas (XfrmRequest *request, const IkeKernelSa *sas, guint n, gboolean has_keys)
{
  request->n_sas = n;
  request->sas = g_memdup2 (sas, n * sizeof *sas);
  request->keys = has_keys ? g_new0 (IkeSecret, 2 * n) : NULL;
  for (guint i = 0; i < n; i++) {
    IkeKernelSa *sa = &request->sas[i];
    copy_string (request, &sa->interface);
    copy_string (request, &sa->label);
    copy_string (request, &sa->link_name);
    copy_string (request, &sa->link_master);
    if (has_keys) {
      copy_key (&request->keys[2 * i], &sa->encr_key, sa->encr_key_len);
      copy_key (&request->keys[2 * i + 1], &sa->integ_key, sa->integ_key_len);
    } else
      sa->encr_key = sa->integ_key = NULL;
  }
}

static void
copy_policies (XfrmRequest *request, const IkeKernelPolicy *policies, guint n)
{
  g_array_append_vals (request->policies, policies, n);
  for (guint i = 0; i < n; i++) {
    IkeKernelPolicy *policy = &g_array_index (request->policies, IkeKernelPolicy, i);
    copy_string (request, &policy->interface);
    copy_string (request, &policy->label);
  }
}

/* -- posting */

static void
run (gpointer data)
{
  XfrmRequest **request = data;
  Xfrm *xfrm = (*request)->xfrm;
  xfrm_run (xfrm, g_steal_pointer (request));
}

static void
free_job (gpointer data)
{
  XfrmRequest **request = data;
  xfrm_request_free (*request);
  g_free (request);
}

void
xfrm_request_post (XfrmRequest *request_take)
{
  XfrmRequest **job = g_new (XfrmRequest *, 1);
  *job = request_take;
  xfrm_post (request_take->xfrm, run, job, free_job);
}

/* -- the class */

static gboolean
can (IkePlugin *self, guint8 protocol, const IkeTransform *transform)
{
  const XfrmCan *known = xfrm_can_of (self);
  const XfrmEncr *encr = xfrm_encr_find (transform);
  const XfrmInteg *integ = xfrm_integ_find (transform);
  if (transform->flags & IKE_TRANSFORM_UNKNOWN
      || (protocol != IKE_PROTOCOL_ESP && protocol != IKE_PROTOCOL_AH))
    return FALSE;
  switch (transform->type) {
  case IKE_TRANSFORM_ENCR:
    return protocol == IKE_PROTOCOL_ESP && encr && known->encr[encr - xfrm_encr_nth (0)];
  case IKE_TRANSFORM_INTEG:
    if (!integ)
      return transform->id == 0 && protocol == IKE_PROTOCOL_ESP;
    return protocol == IKE_PROTOCOL_AH ? known->ah_integ[integ - xfrm_integ_nth (0)]
                                       : known->esp_integ[integ - xfrm_integ_nth (0)];
  case IKE_TRANSFORM_SN:
    return transform->id == 0 || (transform->id == 1 && known->features & IKE_KERNEL_CAN_ESN);
  default:
    return TRUE;                              /* key exchanges are no business of the data path */
  }
}

static void
get_spi (IkePlugin *self, IkeCall *call, guint8 protocol, const IkeAddr *source,
         const IkeAddr *destination, IkeSaRef sa)
{
  XfrmRequest *request = xfrm_request_new (xfrm_of (self), XFRM_GET_SPI, call);
  request->protocol = xfrm_protocol (protocol);
  request->source = *source;
  request->destination = *destination;
  xfrm_request_post (request);
}

static void
free_spi (IkePlugin *self, guint8 protocol, guint32 spi, const IkeAddr *destination)
{
  XfrmRequest *request = xfrm_request_new (xfrm_of (self), XFRM_FREE_SPI, NULL);
  request->protocol = xfrm_protocol (protocol);
  request->spi = spi;
  request->destination = *destination;
  xfrm_request_post (request);
}

static void
install (IkePlugin *self, IkeCall *call, const IkeKernelBatch *batch)
{
  XfrmRequest *request = xfrm_request_new (xfrm_of (self), XFRM_INSTALL, call);
  copy_sas (request, batch->sas, batch->n_sas, TRUE);
  copy_policies (request, batch->policies, batch->n_policies);
  xfrm_request_post (request);
}

static void
remove_batch (IkePlugin *self, IkeCall *call, const IkeKernelBatch *batch)
{
  XfrmRequest *request = xfrm_request_new (xfrm_of (self), XFRM_REMOVE, call);
  copy_sas (request, batch->sas, batch->n_sas, FALSE);
  copy_policies (request, batch->policies, batch->n_policies);
  xfrm_request_post (request);
}

static void
update (IkePlugin *self, IkeCall *call, const IkeKernelSa *old, const IkeKernelSa *new_)
{
  XfrmRequest *request = xfrm_request_new (xfrm_of (self), XFRM_UPDATE, call);
  IkeKernelSa both[2] = { *old, *new_ };
  copy_sas (request, both, 2, FALSE);
  xfrm_request_post (request);
}

static void
query (IkePlugin *self, IkeCall *call, const IkeKernelSa *which)
{
  XfrmRequest *request = xfrm_request_new (xfrm_of (self), XFRM_QUERY, call);
  copy_sas (request, which, 1, FALSE);
  xfrm_request_post (request);
}

static void
query_policy (IkePlugin *self, IkeCall *call, const IkeKernelPolicy *which)
{
  XfrmRequest *request = xfrm_request_new (xfrm_of (self), XFRM_QUERY_POLICY, call);
  copy_policies (request, which, 1);
  xfrm_request_post (request);
}

typedef struct {
  Xfrm   *xfrm;
  guint32 sequence;
} Acquired;

static void
run_acquired (gpointer data)
{
  const Acquired *acquired = data;
  xfrm_waiting_end (acquired->xfrm, acquired->sequence);
}

/* With an SA or without, what waits goes: where the SA has another reqid than the trap, the state
 * may stand beside it. */
static void
acquired (IkePlugin *self, const IkeKernelAcquire *acquire, gboolean is_up)
{
  Acquired *job = g_new (Acquired, 1);
  *job = (Acquired){ xfrm_of (self), acquire->sequence };
  xfrm_post (job->xfrm, run_acquired, job, g_free);
}

static void
describe (IkePlugin *self, IkeTree *into)
{
  Xfrm *xfrm = xfrm_of (self);
  guint n_sas = atomic_load (&xfrm->n_sas), n_policies = atomic_load (&xfrm->n_policies);
  ike_tree_set_string (into, "name", "kernel-xfrm");
  ike_tree_set_format (into, "text", "XFRM of the Linux kernel %s: %u SAs, %u policies",
                       xfrm->release, n_sas, n_policies);
  ike_tree_set_int (into, "sas", n_sas);
  ike_tree_set_int (into, "policies", n_policies);
  ike_tree_set_bool (into, "journal", xfrm->journal != NULL);
}

static guint32
offers (IkePlugin *self)
{
  return xfrm_can_of (self)->features;
}

const IkeKernelClass xfrm_kernel_class = {
  .struct_size = sizeof (IkeKernelClass),
  .can = can,
  .features = IKE_KERNEL_CAN_ESN | IKE_KERNEL_CAN_TRANSPORT | IKE_KERNEL_CAN_BEET
              | IKE_KERNEL_CAN_IPCOMP | IKE_KERNEL_CAN_RAW_ESP | IKE_KERNEL_CAN_TRAP
              | IKE_KERNEL_CAN_AH | IKE_KERNEL_CAN_IF_ID | IKE_KERNEL_CAN_SHUNT
              | IKE_KERNEL_CAN_LABEL | IKE_KERNEL_CAN_MARK | IKE_KERNEL_CAN_OFFLOAD
              | IKE_KERNEL_CAN_SKIP,
  .get_spi = get_spi,
  .free_spi = free_spi,
  .install = install,
  .remove = remove_batch,
  .update = update,
  .query = query,
  .describe = describe,
  .offers = offers,
  .query_policy = query_policy,
  .acquired = acquired,
};
