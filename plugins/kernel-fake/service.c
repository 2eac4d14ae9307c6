/* SPDX-License-Identifier: Apache-2.0 */
/* service.c - `service:kernel-fake`: what tests ask and order. */
#include "config.h"
#include <string.h>
#include "fake.h"

static Fake *
fake_of (IkePlugin *plugin)
{
  return ike_plugin_state (plugin);
}

/* -- looking */

static void
copy_sa (const FakeSa *sa, IkeFakeSa *out)
{
  const FakeRecord *record = sa->record;
  *out = (IkeFakeSa){ .struct_size = sizeof *out,
                      .spi = sa->spi,
                      .reqid = sa->reqid,
                      .flags = sa->flags,
                      .direction = sa->direction,
                      .mode = sa->mode,
                      .protocol = sa->protocol,
                      .source = sa->source,
                      .destination = sa->destination,
                      .owner = sa->owner,
                      .child = sa->child };
  if (!record)
    return;
  out->has_keys = TRUE;
  out->encr = record->encr;
  out->integ = record->integ;
  out->encr_key = record->encr_key;
  out->integ_key = record->integ_key;
  out->replay_window = record->replay_window;
  out->soft_bytes = record->soft_bytes;
  out->hard_bytes = record->hard_bytes;
  out->soft_packets = record->soft_packets;
  out->hard_packets = record->hard_packets;
  out->soft_seconds = record->soft_seconds;
  out->hard_seconds = record->hard_seconds;
  out->inner_source = record->inner_source;
  out->inner_destination = record->inner_destination;
  out->original_source = record->original_source;
  out->original_destination = record->original_destination;
  out->mark = record->mark;
  out->set_mark = record->set_mark;
  out->cpi = record->cpi;
  out->ipcomp = record->ipcomp;
  out->offload = record->offload;
  memcpy (out->label, record->label, sizeof out->label);
  out->if_id = record->if_id;
  memcpy (out->link_name, record->link_name, sizeof out->link_name);
  memcpy (out->link_master, record->link_master, sizeof out->link_master);
  out->acquire = record->acquire;
}

static guint
n_sas (IkePlugin *self)
{
  return atomic_load (&fake_of (self)->n_sas);
}

/* The SA with the lowest number above @after. */
static gboolean
next_sa (Fake *fake, guint32 after, guint32 *number, IkeFakeSa *out)
{
  *number = G_MAXUINT32;
  for (guint i = 0; i < FAKE_STRIPES; i++) {
    FakeStripe *stripe = &fake->stripes[i];
    pthread_mutex_lock (&stripe->lock);
    for (guint32 b = 0; b < stripe->n_buckets; b++)
      for (const FakeSa *sa = stripe->buckets[b]; sa; sa = sa->next)
        if (sa->number > after && sa->number < *number) {
          *number = sa->number;
          copy_sa (sa, out);
        }
    pthread_mutex_unlock (&stripe->lock);
  }
  return *number != G_MAXUINT32;
}

static gboolean
nth_sa (IkePlugin *self, guint i, IkeFakeSa *sa)
{
  guint32 number = 0;
  do
    if (!next_sa (fake_of (self), number, &number, sa))
      return FALSE;
  while (i-- > 0);
  return TRUE;
}

gboolean
fake_copy_sa (Fake *fake, IkeDirection direction, guint32 spi, const IkeAddr *destination_or_null,
              IkeFakeSa *out)
{
  FakeStripe *stripe = fake_lock (fake, spi);
  const FakeSa *sa = fake_find (stripe, direction, spi, destination_or_null);
  if (sa)
    copy_sa (sa, out);
  fake_unlock (stripe);
  return sa != NULL;
}

static gboolean
find_sa (IkePlugin *self, IkeDirection direction, guint32 spi, IkeFakeSa *out)
{
  return fake_copy_sa (fake_of (self), direction, spi, NULL, out);
}

static void
each_sa (IkePlugin *self, void (*each) (const IkeFakeSa *sa, gpointer data), gpointer data)
{
  Fake *fake = fake_of (self);
  for (guint i = 0; i < FAKE_STRIPES; i++) {
    FakeStripe *stripe = &fake->stripes[i];
    pthread_mutex_lock (&stripe->lock);
    for (guint32 b = 0; b < stripe->n_buckets; b++)
      for (const FakeSa *sa = stripe->buckets[b]; sa; sa = sa->next) {
        IkeFakeSa copy;
        copy_sa (sa, &copy);
        each (&copy, data);
        ike_secret_clear (&copy.encr_key);
        ike_secret_clear (&copy.integ_key);
      }
    pthread_mutex_unlock (&stripe->lock);
  }
}

static guint
n_policies (IkePlugin *self)
{
  return atomic_load (&fake_of (self)->n_policies);
}

static gboolean
nth_policy (IkePlugin *self, guint i, IkeKernelPolicy *policy)
{
  Fake *fake = fake_of (self);
  gboolean is_there;
  pthread_mutex_lock (&fake->lock);
  is_there = i < fake->policies->len;
  if (is_there)
    *policy = g_array_index (fake->policies, IkeKernelPolicy, i);
  pthread_mutex_unlock (&fake->lock);
  return is_there;
}

/* Tests may install SPIs that they made up; that is no debt. */
static guint
n_spis (IkePlugin *self)
{
  gint32 n = (gint32) atomic_load (&fake_of (self)->n_spis);
  return n > 0 ? (guint) n : 0;
}

static guint64
n_calls (IkePlugin *self, IkeFakeOperation operation)
{
  return atomic_load (&fake_of (self)->n_calls[operation]);
}

static guint
n_addresses (IkePlugin *self)
{
  Fake *fake = fake_of (self);
  guint n;
  pthread_mutex_lock (&fake->lock);
  n = fake->addresses->len;
  pthread_mutex_unlock (&fake->lock);
  return n;
}

static gboolean
nth_address (IkePlugin *self, guint i, IkeAddr *addr, guint *prefix_len)
{
  Fake *fake = fake_of (self);
  gboolean is_there;
  pthread_mutex_lock (&fake->lock);
  is_there = i < fake->addresses->len;
  if (is_there) {
    *addr = g_array_index (fake->addresses, FakeAddress, i).addr;
    *prefix_len = g_array_index (fake->addresses, FakeAddress, i).prefix_len;
  }
  pthread_mutex_unlock (&fake->lock);
  return is_there;
}

static guint
n_acquired (IkePlugin *self, gboolean is_up)
{
  return atomic_load (&fake_of (self)->n_acquired[is_up != FALSE]);
}

/* -- ordering */

static void
fail_next (IkePlugin *self, IkeFakeOperation operation, const char *reason)
{
  g_free (atomic_exchange (&fake_of (self)->failures[operation], g_strdup (reason)));
}

static void
delay (IkePlugin *self, guint32 delay_ms)
{
  atomic_store (&fake_of (self)->delay_ms, delay_ms);
}

static gboolean
set_use (IkePlugin *self, IkeDirection direction, guint32 spi, const IkeKernelUse *use)
{
  FakeStripe *stripe = fake_lock (fake_of (self), spi);
  FakeSa *sa = fake_find (stripe, direction, spi, NULL);
  gboolean is_set = sa && sa->record;
  if (is_set)
    sa->record->use = *use;
  fake_unlock (stripe);
  return is_set;
}

static gboolean
expire (IkePlugin *self, IkeDirection direction, guint32 spi, gboolean is_hard)
{
  IkeFakeSa sa;
  if (!find_sa (self, direction, spi, &sa))
    return FALSE;
  ike_kernel_expire (self, sa.owner, sa.child, spi, is_hard);
  return TRUE;
}

static gboolean
mapping (IkePlugin *self, guint32 spi, const IkeAddr *new_source)
{
  IkeFakeSa sa;
  if (!find_sa (self, IKE_DIR_IN, spi, &sa))
    return FALSE;
  ike_kernel_mapping (self, sa.owner, sa.child, spi, new_source);
  return TRUE;
}

static void
acquire (IkePlugin *self, const IkeKernelAcquire *event)
{
  ike_kernel_acquire (self, event);
}

static void
set_local (IkePlugin *self, const IkeAddr *addrs, guint n)
{
  Fake *fake = fake_of (self);
  IkeKernelNetEvent event = { .struct_size = sizeof event,
                              .what = IKE_CHANGE_ADDRESS,
                              .is_added = n > 0 };
  pthread_mutex_lock (&fake->lock);
  g_array_set_size (fake->local, 0);
  g_array_append_vals (fake->local, addrs, n);
  pthread_mutex_unlock (&fake->lock);
  ike_kernel_net_changed (self, &event);
}

const IkeKernelFakeOps fake_ops = {
  .struct_size = sizeof (IkeKernelFakeOps),
  .n_sas = n_sas,
  .nth_sa = nth_sa,
  .find_sa = find_sa,
  .n_policies = n_policies,
  .nth_policy = nth_policy,
  .n_spis = n_spis,
  .n_calls = n_calls,
  .fail_next = fail_next,
  .delay = delay,
  .seal = fake_seal,
  .open = fake_open,
  .expire = expire,
  .mapping = mapping,
  .acquire = acquire,
  .set_use = set_use,
  .n_addresses = n_addresses,
  .nth_address = nth_address,
  .n_acquired = n_acquired,
  .each_sa = each_sa,
  .transmit = fake_transmit,
  .on_arrival = fake_on_arrival,
  .set_local = set_local,
};
