/* SPDX-License-Identifier: Apache-2.0 */
/* held.c - what a client has from its gateway: addresses on an interface, and whatever others made
 * of attributes.  One record for an SA and its heirs; the last one takes all of it back. */
#include "config.h"
#include "config_payload.h"

typedef struct {
  guint16 type;
  GBytes *value;
} Attribute;

struct _Held {
  guint references; /* of one shard */
  const Config *config;
  IkeAddr addrs[IKE_VIRTUAL_IPS_MAX];
  guint n_addrs;
  GArray *attributes;
};

static void
attribute_clear (gpointer data)
{
  g_bytes_unref (((Attribute *) data)->value);
}

static const IkeProvided *
net_of (const Config *config)
{
  return ike_feature_find (config->engine, "kernel:net", NULL);
}

static guint
bits_of (const IkeAddr *addr)
{
  return ike_addr_len (addr) * 8;
}

static void
uninstall (const Config *config, const IkeAddr *addr)
{
  const IkeProvided *net = net_of (config);

  if (net)
    ((const IkeKernelNetClass *) net->ops)
        ->remove_address (net->plugin, NULL, addr, bits_of (addr), NULL);
}

static void
tell (const Config *config, IkeSa *sa, const Attribute *attribute, gboolean is_gone)
{
  IkeHandleEvent event = { .struct_size = sizeof event,
                           .is_gone = is_gone,
                           .type = attribute->type };

  event.value = g_bytes_get_data (attribute->value, &event.len);
  ike_handle_hook_emit (config->on_handle, sa, &event);
}

static void
leave (gpointer state)
{
  Held *held = state;

  if (--held->references)
    return;
  for (guint i = held->attributes->len; i-- > 0;)
    tell (held->config, NULL, &g_array_index (held->attributes, Attribute, i), TRUE);
  for (guint i = 0; i < held->n_addrs; i++)
    uninstall (held->config, &held->addrs[i]);
  g_array_unref (held->attributes);
  g_free (held);
}

static gpointer
inherit (IkeSa *from, IkeSa *to, gpointer state)
{
  ((Held *) state)->references++;
  return state;
}

const IkeSlotClass config_held_slot = {
  .struct_size = sizeof (IkeSlotClass),
  .name = "configuration",
  .destroy = leave,
  .inherit = inherit,
  .share = inherit,
};

Held *
held_of (const Config *config, IkeSa *sa)
{
  Held *held = ike_sa_slot (sa, config->held_slot);

  if (held)
    return held;
  held = g_new0 (Held, 1);
  held->references = 1;
  held->config = config;
  held->attributes = g_array_new (FALSE, FALSE, sizeof (Attribute));
  g_array_set_clear_func (held->attributes, attribute_clear);
  ike_sa_set_slot (sa, config->held_slot, held);
  return held;
}

/* Before the kernel answered it counts as there: should the SA go meanwhile, it is removed. */
void
held_install (Held *held, const IkeAddr *addr, IkeCall *call)
{
  const IkeProvided *net = net_of (held->config);

  if (!net) {
    ike_call_fail (call, "no plugin that is loaded puts addresses on interfaces (kernel:net); with "
                         "plugins.config-payload.install_addresses = no nobody has to");
    return;
  }
  if (held->n_addrs == IKE_VIRTUAL_IPS_MAX) {
    ike_call_fail (call, "there are too many addresses");
    return;
  }
  held->addrs[held->n_addrs++] = *addr;
  ((const IkeKernelNetClass *) net->ops)
      ->add_address (net->plugin, call, addr, bits_of (addr), NULL);
}

void
held_drop (Held *held, const IkeAddr *addr)
{
  for (guint i = 0; i < held->n_addrs; i++)
    if (ike_addr_same_host (&held->addrs[i], addr)) {
      held->addrs[i] = held->addrs[--held->n_addrs];
      return;
    }
}

void
held_attribute (Held *held, IkeSa *sa, guint16 type, const guint8 *value, gsize len)
{
  Attribute attribute = { type, g_bytes_new (value, len) };

  g_array_append_val (held->attributes, attribute);
  tell (held->config, sa, &attribute, FALSE);
}
