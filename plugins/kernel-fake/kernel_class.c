/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_class.c - `kernel:ipsec`, recorded. */
#include "config.h"
#include <string.h>
#include "shared/esp/algorithms.h"
#include "fake.h"

enum { FIRST_SPI = 256, LAST_CPI = 61439 };

static Fake *
fake_of (IkePlugin *plugin)
{
  return ike_plugin_state (plugin);
}

static gboolean
can (IkePlugin *self, guint8 protocol, const IkeTransform *transform)
{
  return (protocol == IKE_PROTOCOL_ESP || protocol == IKE_PROTOCOL_AH)
         && !(transform->flags & IKE_TRANSFORM_UNKNOWN)
         && algorithm_can (ike_plugin_engine (self), transform);
}

static guint32
offers (IkePlugin *self)
{
  return fake_kernel_class.features & ~fake_of (self)->lacks;
}

/* Each once in 2^32: a counter, turned by a mask from the engine's generator so that two engines
 * do not count alike. */
static void
get_spi (IkePlugin *self, IkeCall *call, guint8 protocol, const IkeAddr *source,
         const IkeAddr *destination, IkeSaRef sa)
{
  Fake *fake = fake_of (self);
  guint32 spi;
  if (!fake_begin (fake, IKE_FAKE_GET_SPI, call))
    return;
  do
    spi = (atomic_fetch_add (&fake->last_spi, 1) + 1) ^ fake->spi_mask;
  while (spi < FIRST_SPI);
  if (protocol == IKE_PROTOCOL_IPCOMP)
    spi = FIRST_SPI + spi % (LAST_CPI + 1 - FIRST_SPI);
  atomic_fetch_add (&fake->n_spis, 1);
  fake_answer (fake, call, GUINT_TO_POINTER (spi));
}

static void
free_spi (IkePlugin *self, guint8 protocol, guint32 spi, const IkeAddr *destination)
{
  atomic_fetch_sub (&fake_of (self)->n_spis, 1);
}

/* -- SAs */

static FakeRecord *
make_record (const IkeKernelSa *wanted)
{
  FakeRecord *record = g_new0 (FakeRecord, 1);
  record->encr = wanted->encr;
  record->integ = wanted->integ;
  if (wanted->encr_key && wanted->encr_key_len <= IKE_SECRET_MAX)
    ike_secret_set (&record->encr_key, wanted->encr_key, wanted->encr_key_len);
  if (wanted->integ_key && wanted->integ_key_len <= IKE_SECRET_MAX)
    ike_secret_set (&record->integ_key, wanted->integ_key, wanted->integ_key_len);
  record->replay_window = wanted->replay_window;
  record->soft_bytes = wanted->soft_bytes;
  record->hard_bytes = wanted->hard_bytes;
  record->soft_packets = wanted->soft_packets;
  record->hard_packets = wanted->hard_packets;
  record->soft_seconds = wanted->soft_seconds;
  record->hard_seconds = wanted->hard_seconds;
  record->inner_source = wanted->inner_source;
  record->inner_destination = wanted->inner_destination;
  record->original_source = wanted->original_source;
  record->original_destination = wanted->original_destination;
  record->mark = wanted->mark;
  record->set_mark = wanted->set_mark;
  record->ipcomp = wanted->ipcomp;
  record->offload = wanted->offload;
  record->cpi = wanted->cpi;
  g_strlcpy (record->label, wanted->label ? wanted->label : "", sizeof record->label);
  record->if_id = wanted->if_id;
  record->acquire = wanted->acquire;
  g_strlcpy (record->link_name, wanted->link_name ? wanted->link_name : "",
             sizeof record->link_name);
  g_strlcpy (record->link_master, wanted->link_master ? wanted->link_master : "",
             sizeof record->link_master);
  return record;
}

static void
skip (FakeSa *sa, guint64 by)
{
  guint64 last = sa->flags & IKE_KERNEL_ESN ? G_MAXUINT64 : G_MAXUINT32;
  if (sa->record)
    sa->record->sequence += MIN (by, last - sa->record->sequence);
}

static gboolean
add_sa (Fake *fake, const IkeKernelSa *wanted)
{
  FakeStripe *stripe = fake_lock (fake, wanted->spi);
  FakeSa *sa = NULL;
  if (!fake_find (stripe, wanted->direction, wanted->spi, &wanted->destination)) {
    sa = g_new0 (FakeSa, 1);
    sa->spi = wanted->spi;
    sa->reqid = wanted->reqid;
    sa->flags = wanted->flags;
    sa->direction = wanted->direction;
    sa->mode = wanted->mode;
    sa->protocol = wanted->protocol;
    sa->source = wanted->source;
    sa->destination = wanted->destination;
    sa->owner = wanted->sa;
    sa->child = wanted->child;
    sa->record = fake->records ? make_record (wanted) : NULL;
    skip (sa, wanted->skip);
    fake_insert (fake, stripe, sa);
  }
  fake_unlock (stripe);
  return sa != NULL;
}

static gboolean
delete_sa (Fake *fake, const IkeKernelSa *which)
{
  FakeStripe *stripe = fake_lock (fake, which->spi);
  gboolean is_deleted =
      fake_delete (fake, stripe, which->direction, which->spi, &which->destination);
  fake_unlock (stripe);
  return is_deleted;
}

/* -- policies */

static void
add_policies (Fake *fake, const IkeKernelBatch *batch)
{
  atomic_fetch_add (&fake->n_policies, batch->n_policies);
  if (!fake->records || !batch->n_policies)
    return;
  pthread_mutex_lock (&fake->lock);
  for (guint i = 0; i < batch->n_policies; i++) {
    IkeKernelPolicy policy = batch->policies[i];
    policy.interface = policy.label = NULL;
    g_array_append_val (fake->policies, policy);
  }
  pthread_mutex_unlock (&fake->lock);
}

static gboolean
is_policy (const IkeKernelPolicy *a, const IkeKernelPolicy *b)
{
  return a->direction == b->direction && a->mode == b->mode && a->reqid == b->reqid
         && a->spi == b->spi && ike_selector_equal (&a->source, &b->source)
         && ike_selector_equal (&a->destination, &b->destination);
}

static void
remove_policy (Fake *fake, const IkeKernelPolicy *which)
{
  for (guint i = 0; i < fake->policies->len; i++)
    if (is_policy (&g_array_index (fake->policies, IkeKernelPolicy, i), which)) {
      g_array_remove_index (fake->policies, i);
      atomic_fetch_sub (&fake->n_policies, 1);
      return;
    }
}

static void
remove_policies (Fake *fake, const IkeKernelBatch *batch)
{
  if (!fake->records) {
    atomic_fetch_sub (&fake->n_policies, batch->n_policies);
    return;
  }
  pthread_mutex_lock (&fake->lock);
  for (guint i = 0; i < batch->n_policies; i++)
    remove_policy (fake, &batch->policies[i]);
  pthread_mutex_unlock (&fake->lock);
}

/* -- requests */

static void
install (IkePlugin *self, IkeCall *call, const IkeKernelBatch *batch)
{
  Fake *fake = fake_of (self);
  /* Whoever asked to install an SPI does not give it back. */
  for (guint i = 0; i < batch->n_sas; i++)
    if (batch->sas[i].direction == IKE_DIR_IN)
      atomic_fetch_sub (&fake->n_spis, batch->sas[i].ipcomp ? 2 : 1);
  if (!fake_begin (fake, IKE_FAKE_INSTALL, call))
    return;
  for (guint i = 0; i < batch->n_sas; i++) {
    if (add_sa (fake, &batch->sas[i]))
      continue;
    while (i-- > 0)
      delete_sa (fake, &batch->sas[i]);
    fake_fail (fake, call, "there is an SA with this SPI already");
    return;
  }
  add_policies (fake, batch);
  fake_answer (fake, call, GUINT_TO_POINTER (1));
}

static void
remove_batch (IkePlugin *self, IkeCall *call, const IkeKernelBatch *batch)
{
  Fake *fake = fake_of (self);
  if (!fake_begin (fake, IKE_FAKE_REMOVE, call))
    return;
  for (guint i = 0; i < batch->n_sas; i++)
    delete_sa (fake, &batch->sas[i]);
  remove_policies (fake, batch);
  fake_answer (fake, call, GUINT_TO_POINTER (1));
}

/* As in a kernel, policies go where their SA goes. */
static void
move_policies (Fake *fake, const IkeKernelSa *old, const IkeKernelSa *new_)
{
  pthread_mutex_lock (&fake->lock);
  for (guint i = 0; i < fake->policies->len; i++) {
    IkeKernelPolicy *policy = &g_array_index (fake->policies, IkeKernelPolicy, i);
    if (policy->reqid != old->reqid
        || (policy->direction == IKE_DIR_OUT) != (old->direction == IKE_DIR_OUT)
        || !ike_addr_same_host (&policy->outer_source, &old->source)
        || !ike_addr_same_host (&policy->outer_destination, &old->destination))
      continue;
    policy->outer_source = new_->source;
    policy->outer_destination = new_->destination;
  }
  pthread_mutex_unlock (&fake->lock);
}

static void
update (IkePlugin *self, IkeCall *call, const IkeKernelSa *old, const IkeKernelSa *new_)
{
  Fake *fake = fake_of (self);
  FakeStripe *stripe;
  FakeSa *sa;
  if (!fake_begin (fake, IKE_FAKE_UPDATE, call))
    return;
  stripe = fake_lock (fake, old->spi);
  sa = fake_find (stripe, old->direction, old->spi, &old->destination);
  if (sa) {
    sa->source = new_->source;
    sa->destination = new_->destination;
    sa->flags = (sa->flags & ~(guint32) IKE_KERNEL_ENCAP) | (new_->flags & IKE_KERNEL_ENCAP);
    skip (sa, new_->skip);
  }
  fake_unlock (stripe);
  if (sa)
    move_policies (fake, old, new_);
  if (sa)
    fake_answer (fake, call, GUINT_TO_POINTER (1));
  else
    fake_fail (fake, call, "there is no such SA");
}

static void
query (IkePlugin *self, IkeCall *call, const IkeKernelSa *which)
{
  Fake *fake = fake_of (self);
  FakeStripe *stripe;
  FakeSa *sa;
  IkeKernelUse *use = NULL;
  if (!fake_begin (fake, IKE_FAKE_QUERY, call))
    return;
  stripe = fake_lock (fake, which->spi);
  sa = fake_find (stripe, which->direction, which->spi, &which->destination);
  if (sa) {
    use = g_new0 (IkeKernelUse, 1);
    if (sa->record)
      *use = sa->record->use;
  }
  fake_unlock (stripe);
  if (use)
    fake_answer (fake, call, use);
  else
    fake_fail (fake, call, "there is no such SA");
}

static void
acquired (IkePlugin *self, const IkeKernelAcquire *acquire, gboolean is_up)
{
  atomic_fetch_add (&fake_of (self)->n_acquired[is_up != FALSE], 1);
}

static void
describe (IkePlugin *self, IkeTree *into)
{
  Fake *fake = fake_of (self);
  ike_tree_set_string (into, "name", "kernel-fake");
  ike_tree_set_format (into, "text", "records %u SAs and %u policies; carries %s",
                       atomic_load (&fake->n_sas), atomic_load (&fake->n_policies),
                       fake->carries ? "packets of tests" : "no packets");
  ike_tree_set_int (into, "sas", atomic_load (&fake->n_sas));
  ike_tree_set_int (into, "policies", atomic_load (&fake->n_policies));
}

const IkeKernelClass fake_kernel_class = {
  .struct_size = sizeof (IkeKernelClass),
  .can = can,
  .features = IKE_KERNEL_CAN_ESN | IKE_KERNEL_CAN_TRANSPORT | IKE_KERNEL_CAN_BEET
              | IKE_KERNEL_CAN_RAW_ESP | IKE_KERNEL_CAN_TRAP | IKE_KERNEL_CAN_IPCOMP
              | IKE_KERNEL_CAN_AH | IKE_KERNEL_CAN_MARK | IKE_KERNEL_CAN_LABEL
              | IKE_KERNEL_CAN_OFFLOAD | IKE_KERNEL_CAN_IF_ID | IKE_KERNEL_CAN_SHUNT
              | IKE_KERNEL_CAN_SKIP,
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
