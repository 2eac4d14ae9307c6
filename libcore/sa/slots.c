/* SPDX-License-Identifier: Apache-2.0 */
/* slots.c - what plugins keep with an SA: an index given out at start, a pointer each. */
#include "sa/elsewhere.h"

guint32
ike_slot_register (IkePlugin *plugin, const IkeSlotClass *klass)
{
  IkeSaManager *manager = ike_plugin_engine (plugin)->sas;

  manager->slots = g_renew (IkeSlotClass, manager->slots, manager->n_slots + 1);
  memset (&manager->slots[manager->n_slots], 0, sizeof *klass);
  memcpy (&manager->slots[manager->n_slots], klass, MIN (klass->struct_size, sizeof *klass));
  return manager->n_slots++;
}

gpointer
ike_sa_slot (const IkeSa *sa, guint32 slot)
{
  return sa->slots ? sa->slots[slot] : NULL;
}

void
ike_sa_set_slot (IkeSa *sa, guint32 slot, gpointer state_take)
{
  const IkeSlotClass *klass = &sa->shard->manager->slots[slot];
  gpointer old = sa->slots[slot];

  ike_sa_assert_owner (sa);
  sa->slots[slot] = state_take;
  if (old && old != state_take && klass->destroy)
    klass->destroy (old);
}

void
ike_slots_restart (IkeSa *from, IkeSa *to)
{
  const IkeSaManager *manager = to->shard->manager;
  guint i;

  for (i = 0; i < manager->n_slots; i++)
    if (from->slots[i] && manager->slots[i].restart)
      ike_sa_set_slot (to, i, manager->slots[i].restart (from, to, from->slots[i]));
}

void
ike_slots_clear (IkeSa *sa)
{
  guint i;

  for (i = 0; sa->slots && i < sa->shard->manager->n_slots; i++)
    ike_sa_set_slot (sa, i, NULL);
  g_clear_pointer (&sa->slots, g_free);
}
