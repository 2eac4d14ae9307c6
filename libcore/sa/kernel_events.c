/* SPDX-License-Identifier: Apache-2.0 */
/* kernel_events.c - what the kernel plugin says by itself: each event finds its SA, becomes a job
 * there and an event on the bus.  What expires is replaced, or ends (lifetime.c); an acquire is a
 * matter of traps; a new mapping may move the SA (path.c); what more is made of these events is for
 * plugins. */
#include "sa/sa_private.h"

typedef struct {
  IkeEngine *engine;
  IkeSaRef sa;
  guint64 child;
  guint32 spi;
  gboolean is_hard, is_mapping;
  IkeAddr source;
} KernelEvent;

static void
emit (IkeSa *sa, const IkeChild *child, const KernelEvent *event)
{
  IkeEngine *engine = sa->shard->manager->engine;
  IkeTree *body = ike_sa_event_body (sa);
  char text[IKE_ADDR_TEXT_SIZE];

  ike_tree_set_string (body, "child", child->conf->name);
  ike_tree_set_format (body, "spi", "%08x", event->spi);
  if (event->is_mapping)
    ike_tree_set_string (body, "source", ike_addr_format (&event->source, TRUE, text));
  else
    ike_tree_set_bool (body, "hard", event->is_hard);
  ike_event_emit (
      engine, ike_event_new (engine, event->is_mapping ? "child-mapping" : "child-expire", body));
}

static void
handle (IkeChild *child, const KernelEvent *event)
{
  emit (child->sa, child, event);
  if (event->is_mapping) {
    ike_path_of_child (child->sa, child, &event->source);
    return;
  }
  if (event->is_hard)
    ike_child_hard_expired (child, "its keys are spent");
  else
    ike_child_soft_expired (child, "its keys are nearly spent");
}

/* The kernel knows an SA by the IKE SA that installed it; it may have been inherited since. */
static void
run_event (IkeSa *none, gpointer data)
{
  const KernelEvent *event = data;
  IkeSa *sa = ike_sa_lookup (event->engine, event->sa);
  IkeShard *shard = event->engine->sas->shards[event->sa.shard];
  IkeChild *child = sa ? ike_child_get (sa, (IkeChildRef){ event->child }) : NULL;

  if (!child && shard->moved)
    child = g_hash_table_lookup (shard->moved, &event->child);
  if (child && !child->sa->is_doomed)
    handle (child, event);
}

static const IkeJobClass event_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "kernel event",
  .lane = IKE_LANE_ESTABLISHED,
  .run = run_event,
  .free = g_free,
};

static void
post (IkePlugin *self, const KernelEvent *event)
{
  IkeEngine *engine = ike_plugin_engine (self);
  KernelEvent *copy;

  if (!event->sa.serial || event->sa.shard >= engine->n_shards)
    return;
  copy = g_memdup2 (event, sizeof *event);
  copy->engine = engine;
  /* The lane of established SAs refuses nothing. */
  (void) !ike_shard_post (ike_engine_shard (engine, event->sa.shard), &event_job, copy);
}

void
ike_kernel_expire (IkePlugin *self, IkeSaRef sa, guint64 child, guint32 spi, gboolean is_hard)
{
  post (self, &(KernelEvent){ .sa = sa, .child = child, .spi = spi, .is_hard = is_hard });
}

void
ike_kernel_mapping (IkePlugin *self, IkeSaRef sa, guint64 child, guint32 spi,
                    const IkeAddr *new_source)
{
  post (self,
        &(KernelEvent){
            .sa = sa, .child = child, .spi = spi, .is_mapping = TRUE, .source = *new_source });
}

void
ike_kernel_acquire (IkePlugin *self, const IkeKernelAcquire *acquire)
{
  IkeEngine *engine = ike_plugin_engine (self);
  IkeTree *body;
  char text[128];

  ike_traps_acquire (engine, acquire);
  if (!ike_event_is_wanted (engine, "acquire"))
    return;
  body = ike_tree_new_section ();
  ike_tree_set_int (body, "reqid", acquire->reqid);
  ike_tree_set_int (body, "sequence", acquire->sequence);
  ike_tree_set_int (body, "if-id", acquire->if_id);
  ike_tree_set_string (body, "source", ike_selector_format (&acquire->source, text, sizeof text));
  ike_tree_set_string (body, "destination",
                       ike_selector_format (&acquire->destination, text, sizeof text));
  if (acquire->label)
    ike_tree_set_string (body, "label", acquire->label);
  ike_event_emit (engine, ike_event_new (engine, "acquire", body));
}

/* -- the network */

typedef struct {
  IkeEngine *engine;
  guint shard;
} NetChange;

static void
run_net_change (IkeSa *none, gpointer data)
{
  const NetChange *change = data;
  IkeEngine *engine = change->engine;
  IkeNetChangeEvent event = { sizeof event, change->shard,
                              atomic_exchange (&engine->net_changes[change->shard], 0) };

  /* Kernel plugins speak up to their own end, which is after that of all SAs. */
  if (engine->sas)
    ike_net_change_hook_emit (engine->sas->on_net_change, NULL, &event);
}

static const IkeJobClass net_change_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "change of addresses or routes",
  .lane = IKE_LANE_ESTABLISHED,
  .run = run_net_change,
  .free = g_free,
};

/* A router that learns its routes anew says so a million times: a shard has one job for all of it.
 */
static void
tell_shards (IkeEngine *engine, guint32 bit)
{
  guint i;

  for (i = 0; i < engine->n_shards; i++)
    if (!atomic_fetch_or (&engine->net_changes[i], bit)) {
      NetChange *change = g_new (NetChange, 1);
      *change = (NetChange){ engine, i };
      /* The lane of established SAs refuses nothing. */
      (void) !ike_shard_post (ike_engine_shard (engine, i), &net_change_job, change);
    }
}

void
ike_kernel_net_changed (IkePlugin *self, const IkeKernelNetEvent *event)
{
  static const char *const words[] = { "address", "link", "route", "lost" };
  IkeEngine *engine = ike_plugin_engine (self);
  IkeTree *body;
  char text[IKE_ADDR_TEXT_SIZE];

  if (event->what >= G_N_ELEMENTS (words))
    return;
  tell_shards (engine, 1u << event->what);
  if (!ike_event_is_wanted (engine, "net-change"))
    return;
  body = ike_tree_new_section ();
  ike_tree_set_string (body, "what", words[event->what]);
  ike_tree_set_bool (body, "added", event->is_added);
  if (event->addr.family)
    ike_tree_set_format (body, "address", "%s/%u", ike_addr_format (&event->addr, FALSE, text),
                         event->prefix_len);
  if (event->interface)
    ike_tree_set_string (body, "interface", event->interface);
  ike_event_emit (engine, ike_event_new (engine, "net-change", body));
}
