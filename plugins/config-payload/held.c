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
  GPtrArray *placed; /* Placed */
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

void
placed_free (gpointer data)
{
  Placed *placed = data;
  const IkeProvided *net = net_of (placed->config);

  if (net)
    ((const IkeKernelNetClass *) net->ops)
        ->remove_address (net->plugin, NULL, &placed->addr, bits_of (&placed->addr), NULL);
  g_free (placed);
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
  g_ptr_array_unref (held->placed);
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
  held->placed = g_ptr_array_new_with_free_func (placed_free);
  held->attributes = g_array_new (FALSE, FALSE, sizeof (Attribute));
  g_array_set_clear_func (held->attributes, attribute_clear);
  ike_sa_set_slot (sa, config->held_slot, held);
  return held;
}

/* -- the kernel answers a call of this file's own, on the shard, which always hears the answer:
 * what is there only after nobody waits for it any more is taken away again. */

enum { ANSWER_MS = 3600 * 1000 };

typedef struct {
  Placed *placed;
  IkeCall *call;
} Asked;

static void
answered (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Asked *asked = data;
  Placed *placed = g_steal_pointer (&asked->placed);

  if (!error) {
    ike_call_answer (asked->call, placed);
    return;
  }
  ike_call_fail (asked->call, error);
  g_free (placed);
}

/* The engine ends, and nobody answered. */
static void
asked_free (gpointer data)
{
  Asked *asked = data;

  if (asked->placed) {
    ike_call_fail (asked->call, "the daemon ends");
    g_free (asked->placed);
  }
  g_free (asked);
}

static const IkeCallClass address_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "address on an interface",
  .timeout_ms = ANSWER_MS,
  .then = answered,
  .free_data = asked_free,
};

void
held_install (const Config *config, IkeLoop *loop, const IkeAddr *addr, IkeCall *call)
{
  const IkeProvided *net = net_of (config);
  Asked *asked;

  if (!net) {
    ike_call_fail (call, "no plugin that is loaded puts addresses on interfaces (kernel:net); with "
                         "plugins.config-payload.install_addresses = no nobody has to");
    return;
  }
  asked = g_new0 (Asked, 1);
  asked->placed = g_new0 (Placed, 1);
  *asked->placed = (Placed){ config, *addr };
  asked->call = call;
  ((const IkeKernelNetClass *) net->ops)
      ->add_address (net->plugin, ike_loop_call (loop, &address_call, asked, asked), addr,
                     bits_of (addr), NULL);
}

void
held_keep (Held *held, Placed *placed_take)
{
  g_ptr_array_add (held->placed, placed_take);
}

void
held_attribute (Held *held, IkeSa *sa, guint16 type, const guint8 *value, gsize len)
{
  Attribute attribute = { type, g_bytes_new (value, len) };

  g_array_append_val (held->attributes, attribute);
  tell (held->config, sa, &attribute, FALSE);
}
