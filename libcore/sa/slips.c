/* SPDX-License-Identifier: Apache-2.0 */
/* slips.c - names in classes of plugins that nobody has, and that look like one that somebody has:
 * said when the engine starts, for what they stand in would never run.  Names of plugins that are
 * not there are none of these. */
#include "sa/sa_private.h"
#include <string.h>

typedef struct {
  IkeEngine *engine;
  IkePlugin *plugin;
  const char *feature;
} Place;

static void
tell (const Place *place, const char *what, const char *word, const GPtrArray *known)
{
  const char *nearest;

  for (guint i = 0; i + 1 < known->len; i++)
    if (!strcmp (known->pdata[i], word))
      return;
  nearest = ike_nearest (word, (const char *const *) known->pdata);
  if (nearest)
    ike_log (place->engine, IKE_LOG_ERROR, "plugin",
             "plugin %s: %s names %s %s, which nobody has: did you mean %s?",
             ike_plugin_name (place->plugin), place->feature, what, word, nearest);
}

/* @prefix: only of these, the rest are something else. */
static void
look (const Place *place, const char *what, const char *words, const char *prefix,
      const GPtrArray *known)
{
  g_auto (GStrv) split = g_strsplit (words ? words : "", " ", -1);

  for (guint i = 0; split[i]; i++)
    if (*split[i] && strcmp (split[i], "*") != 0 && g_str_has_prefix (split[i], prefix))
      tell (place, what, split[i], known);
}

static GPtrArray *
names_of_exchanges (const IkeClasses *c)
{
  GPtrArray *names = g_ptr_array_new ();

  for (guint i = 0; i < c->n_exchanges; i++)
    g_ptr_array_add (names, (gpointer) c->exchanges[i]->name);
  g_ptr_array_add (names, NULL);
  return names;
}

static GPtrArray *
names_of_operations (const IkeClasses *c)
{
  GPtrArray *names = g_ptr_array_new ();

  for (guint i = 0; i < c->n_operations; i++)
    g_ptr_array_add (names, (gpointer) c->operations[i].name);
  g_ptr_array_add (names, NULL);
  return names;
}

static GPtrArray *
names_of_phases (const IkeClasses *c)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < c->n_exchanges; i++)
    for (guint k = 0; c->exchanges[i]->phases[k]; k++)
      g_ptr_array_add (names, g_strconcat ("phase:", c->exchanges[i]->phases[k], NULL));
  g_ptr_array_add (names, NULL);
  return names;
}

void
ike_classes_tell_slips (IkeEngine *engine, const IkeClasses *c)
{
  g_autoptr (GPtrArray) exchanges = names_of_exchanges (c), phases = names_of_phases (c),
                        operations = names_of_operations (c);
  guint n;
  const IkeProvided *const *notifies = ike_feature_list (engine, "notify", &n);

  for (guint i = 0; i < n; i++) {
    const Place place = { engine, notifies[i]->plugin, notifies[i]->name };
    look (&place, "exchange", ((const IkeNotifyClass *) notifies[i]->ops)->exchanges, "",
          exchanges);
  }
  for (guint i = 0; i < c->n_tasks; i++) {
    const IkeTaskClass *klass = c->tasks[i].klass;
    const Place place = { engine, c->tasks[i].plugin, c->tasks[i].name };
    look (&place, "exchange", klass->exchanges, "", exchanges);
    look (&place, "operation", klass->operations, "", operations);
    look (&place, "phase", klass->after, "phase:", phases);
    look (&place, "phase", klass->before, "phase:", phases);
  }
}
