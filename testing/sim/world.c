/* SPDX-License-Identifier: Apache-2.0 */
/* world.c - one run: its simulation, its ends, the loop that steps and judges. */
#include <stdarg.h>
#include <string.h>
#include "sim.h"

gint64
world_now (const World *world)
{
  return ike_sim_now_us (world->sim);
}

Link *
world_link (World *world, guint i)
{
  return world->links->pdata[i];
}

gboolean
world_can (const World *world, Can can)
{
  return world->options.can >> can & 1;
}

void
world_mix (World *world, guint64 value)
{
  world->hash = (world->hash ^ value) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  world->hash ^= world->hash >> 29;
}

void
world_note (World *world, const End *end, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  if (!world->options.chart)
    return;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  chart_note (world->options.chart, world, end, text);
}

void
world_fault (World *world, const char *format, ...)
{
  va_list args;

  if (world->fault)
    return;
  va_start (args, format);
  world->fault = g_strdup_vprintf (format, args);
  va_end (args);
  world_note (world, NULL, "FAULT: %s", world->fault);
}

/* -- ends */

End *
world_end_of (World *world, IkeEngine *engine)
{
  guint i;

  for (i = 0; i < world->n_ends; i++)
    if (world->ends[i].engine == engine)
      return &world->ends[i];
  return NULL;
}

End *
world_end_at (World *world, const IkeAddr *addr)
{
  guint i;

  for (i = 0; i < world->n_ends; i++)
    if (ike_addr_same_host (&world->ends[i].addr, addr)
        || (addr->bytes[0] == 192 && addr->bytes[3] == i + 1))
      return &world->ends[i];
  return NULL;
}

static guint
n_links_of (World *world, const End *end)
{
  guint n = 0, i;

  for (i = 0; i < world->links->len; i++)
    n += world_link (world, i)->ends[0] == end || world_link (world, i)->ends[1] == end;
  return n;
}

void
end_start (End *end)
{
  World *world = end->world;
  g_autofree char *settings = topology_settings (world, end);
  g_autoptr (GError) error = NULL;
  const IkeProvided *fake;
  IkeConfig *config;

  if (!engine_start (end, settings, &error))
    g_error ("%s: %s\n%s", end->name, error->message, settings);
  config = ike_engine_config (end->engine);
  if (!config || config->n_conns != n_links_of (world, end))
    g_error ("%s: not all connections were loaded\n%s", end->name, settings);
  ike_config_unref (config);
  end->generation++;
  end->net_ops = ike_sim_net (end->engine, &end->net);
  fake = ike_feature_find (end->engine, "service:kernel-fake", &error);
  if (!end->net_ops || !fake)
    g_error ("%s: net-sim or kernel-fake is not ready", end->name);
  end->kernel = fake->plugin;
  end->kernel_ops = fake->ops;
  traffic_attach (end);
  world->is_dirty = TRUE;
}

/* Without a word: nobody hears of it. */
void
end_crash (End *end)
{
  World *world = end->world;
  IkeEngine *engine = g_steal_pointer (&end->engine);

  if (!engine)
    return;
  observe_forget (end, GONE_CRASHED);
  world_mix (world, ike_engine_event_hash (engine));
  ike_engine_free (engine);
  invariants_kernel_gone (end);
  end->net = end->kernel = NULL;
  world->is_dirty = TRUE;
}

/* -- the world */

static void
free_link (gpointer data)
{
  Link *link = data;

  g_string_free (link->settings[0], TRUE);
  g_string_free (link->settings[1], TRUE);
  g_free (link);
}

static void
draw_engine (World *world)
{
  static const guint32 ways[] = { 0,
                                  0,
                                  IKE_ENGINE_SHUFFLE,
                                  IKE_ENGINE_SHUFFLE,
                                  IKE_ENGINE_FORCE_WAITS,
                                  IKE_ENGINE_FORCE_WAITS | IKE_ENGINE_SHUFFLE,
                                  IKE_ENGINE_FORCE_WAITS | IKE_ENGINE_FOREIGN_ANSWERS };

  world->engine_flags = ways[dice_below (&world->dice, G_N_ELEMENTS (ways))];
  world->n_shards = dice_range (&world->dice, 1, 3);
}

static guint
key_hash (gconstpointer key)
{
  return (guint) (*(const guint64 *) key ^ *(const guint64 *) key >> 32);
}

World *
world_new (const Options *options)
{
  World *world = g_new0 (World, 1);
  guint i;

  world->options = *options;
  world->dice.state = options->seed * G_GUINT64_CONSTANT (0xd1342543de82ef95) + 1;
  world->sim = ike_sim_new (options->seed);
  *observe_world (world->sim) = world;
  world->links = g_ptr_array_new_with_free_func (free_link);
  world->events = g_array_new (FALSE, TRUE, sizeof (Event));
  world->kernel_sas = g_hash_table_new_full (key_hash, g_int64_equal, g_free, g_free);
  world->gone = g_hash_table_new_full (key_hash, g_int64_equal, g_free, NULL);
  world->traffic = traffic_new ();
  draw_engine (world);
  topology_draw (world);
  if (options->chart)
    chart_begin (options->chart, world);
  for (i = 0; i < world->n_ends; i++)
    end_start (&world->ends[i]);
  weather_begin (world);
  return world;
}

void
world_free (World *world)
{
  guint i;

  for (i = 0; i < world->n_ends; i++) {
    end_crash (&world->ends[i]);
    g_ptr_array_unref (world->ends[i].sas);
  }
  if (world->options.chart)
    chart_end (world->options.chart, world);
  for (i = 0; i < world->n_ends; i++)
    g_free (world->ends[i].inner);
  ike_sim_free (world->sim);
  traffic_free (world->traffic);
  g_hash_table_unref (world->kernel_sas);
  g_hash_table_unref (world->gone);
  g_ptr_array_unref (world->links);
  g_array_unref (world->events);
  g_free (world->fault);
  g_free (world);
}

/* -- stepping */

static guint64
n_kernel_calls (const End *end)
{
  static const IkeFakeOperation operations[] = { IKE_FAKE_GET_SPI, IKE_FAKE_INSTALL,
                                                 IKE_FAKE_REMOVE, IKE_FAKE_UPDATE };
  guint64 n = 0;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (operations); i++)
    n += end->kernel_ops->n_calls (end->kernel, operations[i]);
  return n;
}

static void
judge (World *world)
{
  guint i;

  world->figures.n_steps++;
  for (i = 0; i < world->n_ends; i++) {
    End *end = &world->ends[i];
    guint64 n = end->engine ? n_kernel_calls (end) : 0;
    world->is_dirty |= n != end->n_kernel_calls;
    end->n_kernel_calls = n;
  }
  if (world->is_dirty || world_now (world) >= world->next_check_us)
    invariants_check (world);
}

gboolean
world_run (World *world, gint64 until_us)
{
  while (!world->fault && ike_sim_step (world->sim, until_us))
    judge (world);
  return !world->fault;
}
