/* SPDX-License-Identifier: Apache-2.0 */
/* net_class.c - `kernel:net`: a machine whose addresses are what the options and the tests say. */
#include "config.h"
#include <string.h>
#include "fake.h"

static Fake *
fake_of (IkePlugin *plugin)
{
  return ike_plugin_state (plugin);
}

static void
add_address (IkePlugin *self, IkeCall *call, const IkeAddr *addr, guint prefix_len,
             const char *interface)
{
  Fake *fake = fake_of (self);
  FakeAddress added = { *addr, prefix_len };
  if (!fake_begin (fake, IKE_FAKE_ADDRESS, call))
    return;
  pthread_mutex_lock (&fake->lock);
  g_array_append_val (fake->addresses, added);
  pthread_mutex_unlock (&fake->lock);
  fake_answer (fake, call, GUINT_TO_POINTER (1));
}

static void
remove_address (IkePlugin *self, IkeCall *call, const IkeAddr *addr, guint prefix_len,
                const char *interface)
{
  Fake *fake = fake_of (self);
  if (!fake_begin (fake, IKE_FAKE_ADDRESS, call))
    return;
  pthread_mutex_lock (&fake->lock);
  for (guint i = 0; i < fake->addresses->len; i++)
    if (ike_addr_same_host (&g_array_index (fake->addresses, FakeAddress, i).addr, addr)) {
      g_array_remove_index (fake->addresses, i);
      break;
    }
  pthread_mutex_unlock (&fake->lock);
  fake_answer (fake, call, GUINT_TO_POINTER (1));
}

static void
add_route (IkePlugin *self, IkeCall *call, const IkeAddr *net, guint prefix_len,
           const char *interface, const IkeAddr *source)
{
  Fake *fake = fake_of (self);
  if (fake_begin (fake, IKE_FAKE_ROUTE, call))
    fake_answer (fake, call, GUINT_TO_POINTER (1));
}

static void
remove_route (IkePlugin *self, IkeCall *call, const IkeAddr *net, guint prefix_len,
              const char *interface)
{
  add_route (self, call, net, prefix_len, interface, NULL);
}

static void
source_for (IkePlugin *self, IkeCall *call, const IkeAddr *peer)
{
  Fake *fake = fake_of (self);
  IkeAddr *source = NULL;
  if (!fake_begin (fake, IKE_FAKE_SOURCE, call))
    return;
  pthread_mutex_lock (&fake->lock);
  for (guint i = 0; i < fake->local->len && !source; i++)
    if (g_array_index (fake->local, IkeAddr, i).family == peer->family)
      source = g_memdup2 (&g_array_index (fake->local, IkeAddr, i), sizeof (IkeAddr));
  pthread_mutex_unlock (&fake->lock);
  if (source)
    fake_answer (fake, call, source);
  else
    fake_fail (fake, call, "no route to the peer; set `addresses` of kernel-fake");
}

static gboolean
is_local (IkePlugin *self, const IkeAddr *addr)
{
  Fake *fake = fake_of (self);
  gboolean is_found = FALSE;
  pthread_mutex_lock (&fake->lock);
  for (guint i = 0; i < fake->local->len && !is_found; i++)
    is_found = ike_addr_same_host (&g_array_index (fake->local, IkeAddr, i), addr);
  for (guint i = 0; i < fake->addresses->len && !is_found; i++)
    is_found = ike_addr_same_host (&g_array_index (fake->addresses, FakeAddress, i).addr, addr);
  pthread_mutex_unlock (&fake->lock);
  return is_found;
}

static guint
addresses (IkePlugin *self, IkeKernelAddress *out, guint max)
{
  Fake *fake = fake_of (self);
  guint n;
  pthread_mutex_lock (&fake->lock);
  for (n = 0; n < MIN (max, fake->local->len); n++)
    out[n] = (IkeKernelAddress){ g_array_index (fake->local, IkeAddr, n), "fake0" };
  pthread_mutex_unlock (&fake->lock);
  return n;
}

const IkeKernelNetClass fake_net_class = {
  .struct_size = sizeof (IkeKernelNetClass),
  .add_address = add_address,
  .remove_address = remove_address,
  .add_route = add_route,
  .remove_route = remove_route,
  .source_for = source_for,
  .is_local = is_local,
  .addresses = addresses,
};
