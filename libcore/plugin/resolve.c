/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.c - which features can get ready, and in what order.
 *
 * Works by exclusion: first every feature may get ready; each rule settles some with their final
 * state and the reason, until no rule applies.  Whatever reason stands at the start of a chain is
 * carried along it. */
#include "config.h"
#include "plugin/plugin_private.h"
#include "base/order.h"
#include <ikebana/error.h>
#include <string.h>

typedef void (*FeatureFunc) (IkeRegistry *registry, IkeFeatureNode *feature, gpointer data);

static void
for_each_feature (IkeRegistry *registry, FeatureFunc func, gpointer data)
{
  for (guint i = 0; i < registry->plugins->len; i++) {
    IkePlugin *plugin = g_ptr_array_index (registry->plugins, i);
    for (guint k = 0; k < plugin->features->len; k++)
      func (registry, g_ptr_array_index (plugin->features, k), data);
  }
}

static gboolean
may_be_ready (const IkeFeatureNode *feature)
{
  return !feature->is_settled || feature->state == IKE_STATE_READY;
}

/* Does @name satisfy @need?  Exactly, as a variant of it, or as any of its kind. */
static gboolean
is_match (const char *name, const char *need)
{
  gsize len = strlen (need);
  if (g_str_has_suffix (need, ":*"))
    return strncmp (name, need, len - 1) == 0;
  return strncmp (name, need, len) == 0 && (name[len] == '\0' || name[len] == '/');
}

IkeFeatureNode *
ike_registry_satisfies (const IkeRegistry *registry, const char *need)
{
  IkeFeatureNode *best = g_hash_table_lookup (registry->features, need);
  if (best && may_be_ready (best))
    return best;
  for (guint i = 0; i < registry->plugins->len; i++) {
    const IkePlugin *plugin = g_ptr_array_index (registry->plugins, i);
    for (guint k = 0; k < plugin->features->len; k++) {
      IkeFeatureNode *feature = g_ptr_array_index (plugin->features, k);
      if (!is_match (feature->name, need))
        continue;
      if (may_be_ready (feature))
        return feature;
      if (!best)
        best = feature;
    }
  }
  return best;
}

/* Of several that provide a name, the one that may get ready is found under it; else the first
 * is blamed. */
static void
index_feature (IkeRegistry *registry, IkeFeatureNode *feature, gpointer data)
{
  const IkeFeatureNode *other = g_hash_table_lookup (registry->features, feature->name);
  if (!other || (!may_be_ready (other) && may_be_ready (feature)))
    g_hash_table_replace (registry->features, feature->name, feature);
}

static void
rebuild_index (IkeRegistry *registry)
{
  g_hash_table_remove_all (registry->features);
  for_each_feature (registry, index_feature, NULL);
}

static void
collect_rivals (IkeRegistry *registry, IkeFeatureNode *feature, gpointer rivals)
{
  const IkeFeatureNode *first =
      ((GPtrArray *) rivals)->len ? g_ptr_array_index ((GPtrArray *) rivals, 0) : NULL;
  if (may_be_ready (feature) && first && feature != first
      && strcmp (feature->name, first->name) == 0)
    g_ptr_array_add (rivals, feature);
}

/* The one among @rivals that the settings prefer; NULL when none, or more than one. */
static IkeFeatureNode *
preferred (const GPtrArray *rivals)
{
  IkeFeatureNode *found = NULL;
  for (guint i = 0; i < rivals->len; i++) {
    IkeFeatureNode *rival = g_ptr_array_index (rivals, i);
    if (!ike_plugin_prefers (rival->plugin, rival->name))
      continue;
    if (found)
      return NULL;
    found = rival;
  }
  return found;
}

/* The one of the highest rank; NULL when several have it. */
static IkeFeatureNode *
highest (const GPtrArray *rivals)
{
  IkeFeatureNode *found = NULL;
  gboolean is_alone = TRUE;
  for (guint i = 0; i < rivals->len; i++) {
    IkeFeatureNode *rival = g_ptr_array_index (rivals, i);
    if (found && rival->info.rank <= found->info.rank) {
      is_alone = is_alone && rival->info.rank < found->info.rank;
      continue;
    }
    found = rival;
    is_alone = TRUE;
  }
  return is_alone ? found : NULL;
}

static void
settle_outranked (const GPtrArray *rivals, IkeFeatureNode *winner)
{
  for (guint i = 0; i < rivals->len; i++) {
    IkeFeatureNode *rival = g_ptr_array_index (rivals, i);
    if (rival == winner)
      continue;
    rival->outranked_by = winner;
    ike_feature_settle (rival, IKE_STATE_SHADOWED, "by plugin %s, which ranks higher",
                        winner->plugin->name);
  }
}

/* Two providers of one name: the settings decide, then the rank, else neither gets it; never the
 * order of files. */
static void
settle_rivals (IkeRegistry *registry, IkeFeatureNode *feature, gpointer data)
{
  if (!may_be_ready (feature))
    return;
  g_autoptr (GPtrArray) rivals = g_ptr_array_new ();
  g_ptr_array_add (rivals, feature);
  for_each_feature (registry, collect_rivals, rivals);
  if (rivals->len < 2)
    return;
  const IkeFeatureNode *winner = preferred (rivals);
  IkeFeatureNode *first = winner ? NULL : highest (rivals);
  if (first) {
    settle_outranked (rivals, first);
    return;
  }
  for (guint i = 0; i < rivals->len; i++) {
    IkeFeatureNode *rival = g_ptr_array_index (rivals, i);
    const IkeFeatureNode *other = g_ptr_array_index (rivals, i == 0 ? 1 : 0);
    if (winner && rival != winner)
      ike_feature_settle (rival, IKE_STATE_SHADOWED, "by plugin %s, which is preferred (%s)",
                          winner->plugin->name,
                          ike_tree_where (ike_plugin_prefers (winner->plugin, winner->name)));
    else if (!winner)
      ike_feature_settle (rival, IKE_STATE_SHADOWED,
                          "plugin %s provides it too: choose with plugins.%s.prefer = %s, or load "
                          "= no for one of them",
                          other->plugin->name, rival->plugin->name, rival->name);
  }
}

static void
settle_if_missing (IkeRegistry *registry, IkeFeatureNode *feature, gpointer n_settled)
{
  const char *const *needs = feature->info.needs;
  if (feature->is_settled)
    return;
  for (guint i = 0; needs && needs[i]; i++) {
    const IkeFeatureNode *needed = ike_registry_satisfies (registry, needs[i]);
    if (needed && may_be_ready (needed))
      continue;
    g_autofree char *why = ike_feature_why (registry, needs[i]);
    ike_feature_settle (feature, IKE_STATE_MISSING, "needs %s: %s", needs[i], why);
    ++*(guint *) n_settled;
    return;
  }
}

/* A plugin that could offer nothing any more is not activated. */
static void
settle_if_useless (IkePlugin *plugin)
{
  const IkeFeatureNode *first =
      plugin->features->len ? g_ptr_array_index (plugin->features, 0) : NULL;
  if (!first || plugin->is_settled)
    return;
  for (guint i = 0; i < plugin->features->len; i++)
    if (may_be_ready (g_ptr_array_index (plugin->features, i)))
      return;
  ike_plugin_settle (plugin, first->state, "feature %s: %s", first->name, first->reason);
}

void
ike_registry_settle_missing (IkeRegistry *registry)
{
  guint n_settled;
  do {
    n_settled = 0;
    for_each_feature (registry, settle_if_missing, &n_settled);
  } while (n_settled > 0);
  for (guint i = 0; i < registry->plugins->len; i++)
    settle_if_useless (g_ptr_array_index (registry->plugins, i));
}

typedef struct {
  IkeOrder *order;
  GPtrArray *nodes; /* IkeFeatureNode, by index in @order */
} FeatureOrder;

static void
add_node (IkeRegistry *registry, IkeFeatureNode *feature, gpointer data)
{
  FeatureOrder *sorting = data;
  if (feature->is_settled)
    return;
  feature->index = ike_order_add (sorting->order, feature->name, feature);
  g_ptr_array_add (sorting->nodes, feature);
}

typedef void (*EdgeFunc) (IkeFeatureNode *feature, IkeFeatureNode *first, gpointer data);

/* Calls @func for every feature that @feature comes after. */
static void
for_each_first (const IkeRegistry *registry, IkeFeatureNode *feature, EdgeFunc func, gpointer data)
{
  const char *const *lists[] = { feature->info.needs, feature->info.wants };
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++)
    for (guint k = 0; lists[i] && lists[i][k]; k++) {
      IkeFeatureNode *first = ike_registry_satisfies (registry, lists[i][k]);
      if (first && !first->is_settled)
        func (feature, first, data);
    }
}

static void
add_feature_edge (IkeFeatureNode *feature, IkeFeatureNode *first, gpointer order)
{
  ike_order_after (order, feature->index, first->index);
}

/* Sorts the features.  FALSE: some were settled as parts of a circle. */
static gboolean
sort_features (IkeRegistry *registry, GPtrArray *sorted)
{
  g_autofree char *cycle = NULL;
  FeatureOrder sorting = { ike_order_new (), g_ptr_array_new () };
  for_each_feature (registry, add_node, &sorting);
  for (guint i = 0; i < sorting.nodes->len; i++)
    for_each_first (registry, g_ptr_array_index (sorting.nodes, i), add_feature_edge,
                    sorting.order);
  g_ptr_array_set_size (sorted, (gint) sorting.nodes->len);
  gboolean is_sorted = ike_order_sort (sorting.order, sorted->pdata, &cycle);
  for (guint i = 0; !is_sorted && i < ike_order_cycle_n (sorting.order); i++)
    ike_feature_settle (ike_order_cycle_nth (sorting.order, i), IKE_STATE_CYCLE, "%s", cycle);
  ike_order_free (sorting.order);
  g_ptr_array_unref (sorting.nodes);
  return is_sorted;
}

typedef struct {
  IkeRegistry *registry;
  IkeOrder *order;
} PluginOrder;

static void
add_plugin_edge (IkeFeatureNode *feature, IkeFeatureNode *first, gpointer data)
{
  PluginOrder *sorting = data;
  guint item, before;
  if (feature->plugin != first->plugin
      && g_ptr_array_find (sorting->registry->plugins, feature->plugin, &item)
      && g_ptr_array_find (sorting->registry->plugins, first->plugin, &before))
    ike_order_after (sorting->order, item, before);
}

typedef struct {
  const IkeOrder *order;
  const char *path;
} PluginCycle;

/* Settles @feature when it makes one of the steps of a circle of plugins. */
static void
settle_step (IkeFeatureNode *feature, IkeFeatureNode *first, gpointer data)
{
  const PluginCycle *cycle = data;
  guint n = ike_order_cycle_n (cycle->order);
  for (guint i = 0; i < n; i++)
    if (ike_order_cycle_nth (cycle->order, i) == feature->plugin
        && ike_order_cycle_nth (cycle->order, (i + 1) % n) == first->plugin
        && feature->plugin != first->plugin)
      ike_feature_settle (feature, IKE_STATE_CYCLE, "plugins: %s", cycle->path);
}

/* Features without a circle may still ask for plugins that have to be activated after each
 * other. */
static gboolean
sort_plugins (IkeRegistry *registry, const GPtrArray *features)
{
  g_autofree char *path = NULL;
  PluginOrder sorting = { registry, ike_order_new () };
  for (guint i = 0; i < registry->plugins->len; i++) {
    IkePlugin *plugin = g_ptr_array_index (registry->plugins, i);
    ike_order_add (sorting.order, plugin->name, plugin);
  }
  for (guint i = 0; i < features->len; i++)
    for_each_first (registry, g_ptr_array_index (features, i), add_plugin_edge, &sorting);
  g_ptr_array_set_size (registry->order, (gint) registry->plugins->len);
  gboolean is_sorted = ike_order_sort (sorting.order, registry->order->pdata, &path);
  PluginCycle cycle = { sorting.order, path };
  for (guint i = 0; !is_sorted && i < features->len; i++)
    for_each_first (registry, g_ptr_array_index (features, i), settle_step, &cycle);
  ike_order_free (sorting.order);
  return is_sorted;
}

static void
bind_feature (IkeRegistry *registry, IkeFeatureNode *feature, gpointer data)
{
  if (!feature->is_settled)
    ike_kind_bind (registry, feature);
}

/* A self-test may take away what others need, so each is run only while what it needs may still
 * get ready. */
static void
probe_all (IkeRegistry *registry, const GPtrArray *sorted)
{
  for (guint i = 0; i < sorted->len; i++) {
    g_autoptr (GError) error = NULL;
    guint n_settled = 0;
    IkeFeatureNode *feature = g_ptr_array_index (sorted, i);
    settle_if_missing (registry, feature, &n_settled);
    if (feature->is_settled || !feature->info.probe || feature->is_probed)
      continue;
    feature->is_probed = TRUE;
    if (feature->info.probe (feature->plugin, &error))
      continue;
    feature->probe_failure = g_strdup (error ? error->message : "its probe gave no reason");
    ike_feature_settle (feature, IKE_STATE_FAILED, "%s", feature->probe_failure);
  }
}

/* The lists of ready features never move, so that whoever asked while others activate may keep
 * the pointer. */
static void
make_room (IkeRegistry *registry, IkeFeatureNode *feature, gpointer data)
{
  if (!feature->is_settled)
    g_ptr_array_add (feature->kind->ready, NULL);
}

static void
collect_open (IkeRegistry *registry, IkeFeatureNode *feature, gpointer open)
{
  if (!feature->is_settled)
    g_ptr_array_add (open, feature);
}

/* Does one of @open stand back for another that cannot get ready after all? */
static gboolean
stands_back_in_vain (const GPtrArray *open)
{
  for (guint i = 0; i < open->len; i++) {
    const IkeFeatureNode *feature = g_ptr_array_index (open, i);
    if (feature->outranked_by && !may_be_ready (feature->outranked_by))
      return TRUE;
  }
  return FALSE;
}

/* As it was before, but for what the probes told. */
static void
reopen (const GPtrArray *open)
{
  for (guint i = 0; i < open->len; i++) {
    IkeFeatureNode *feature = g_ptr_array_index (open, i);
    g_clear_pointer (&feature->reason, g_free);
    feature->is_settled = FALSE;
    feature->outranked_by = NULL;
    if (feature->probe_failure)
      ike_feature_settle (feature, IKE_STATE_FAILED, "%s", feature->probe_failure);
    if (feature->plugin->is_settled) {
      g_clear_pointer (&feature->plugin->reason, g_free);
      feature->plugin->is_settled = FALSE;
    }
  }
}

/* The operator's choice of the data path. */
static void
settle_unchosen (IkeRegistry *registry, IkeFeatureNode *feature, gpointer chosen)
{
  char buffer[32];
  const char *name = ike_tree_text (chosen, buffer);
  if (strcmp (feature->name, "kernel:ipsec") == 0 && strcmp (feature->plugin->name, name) != 0)
    ike_feature_settle (feature, IKE_STATE_SHADOWED, "core.kernel = %s (%s)", name,
                        ike_tree_where (chosen));
}

/* Each turn but the last has at least one more probe that failed. */
void
ike_registry_resolve (IkeRegistry *registry)
{
  g_autoptr (GPtrArray) sorted = g_ptr_array_new (), open = g_ptr_array_new ();
  const IkeTree *kernel = ike_tree_get (ike_engine_settings (registry->engine), "core.kernel");
  if (kernel && strcmp (ike_tree_string (kernel, NULL, "auto"), "auto") != 0)
    for_each_feature (registry, settle_unchosen, (gpointer) kernel);
  for_each_feature (registry, bind_feature, NULL);
  for_each_feature (registry, collect_open, open);
  for (;;) {
    do {
      rebuild_index (registry);
      ike_registry_settle_missing (registry);
      for_each_feature (registry, settle_rivals, NULL);
      rebuild_index (registry);
      ike_registry_settle_missing (registry);
    } while (!sort_features (registry, sorted) || !sort_plugins (registry, sorted));
    probe_all (registry, sorted);
    ike_registry_settle_missing (registry);
    if (!stands_back_in_vain (open))
      break;
    reopen (open);
  }
  rebuild_index (registry);
  for_each_feature (registry, make_room, NULL);
  for (guint i = 0; i < registry->kinds->len; i++)
    g_ptr_array_set_size (((IkeKindNode *) g_ptr_array_index (registry->kinds, i))->ready, 0);
}
