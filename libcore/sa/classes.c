/* SPDX-License-Identifier: Apache-2.0 */
/* classes.c - the features that make up the protocol, looked up once, sorted once, const
 * afterwards: exchanges with their phases and rows, tasks in their order, notifies by number,
 * gates, orphans, contributors to AUTH. */
#include "sa/sa_private.h"
#include "base/order.h"
#include <string.h>

static const guint8 rfc7296_payloads[] = { 33, 34, 35, 36, 37, 38, 39, 40,
                                           41, 42, 43, 44, 45, 46, 47, 53 };

const IkeExchangeInfo *
ike_classes_exchange (const IkeClasses *classes, const char *name)
{
  guint i;

  for (i = 0; i < classes->n_exchanges; i++)
    if (!strcmp (classes->exchanges[i]->name, name))
      return classes->exchanges[i];
  return NULL;
}

const IkeExchangeInfo *
ike_classes_first (const IkeClasses *classes, const char *name, IkeSa *sa)
{
  const IkeExchangeInfo *info = ike_classes_exchange (classes, name);
  guint i;

  for (i = 0; info && i < classes->n_exchanges; i++) {
    const IkeExchangeInfo *other = classes->exchanges[i];
    if (other->stands_for == info && other->klass->wanted
        && other->klass->wanted (other->plugin, sa))
      return other;
  }
  return info;
}

const IkeOperationInfo *
ike_classes_operation (const IkeClasses *classes, const char *name)
{
  guint i;

  for (i = 0; i < classes->n_operations; i++)
    if (!strcmp (classes->operations[i].name, name))
      return &classes->operations[i];
  return NULL;
}

const IkeNotifyInfo *
ike_classes_notify (const IkeClasses *classes, guint16 type)
{
  return g_hash_table_lookup (classes->notifies, GUINT_TO_POINTER (type));
}

gboolean
ike_classes_knows_payload (guint8 type, gconstpointer classes)
{
  const IkeClasses *c = classes;

  return c->known_payloads[type / 8] >> type % 8 & 1;
}

static gboolean
order_error (const char *what, char *cycle, GError **error)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN, "%s name each other as coming first: %s", what,
               cycle);
  g_free (cycle);
  return FALSE;
}

/* Adds "after" edges to each node that a word of @names is a label of. */
static void
add_edges (IkeOrder *order, const char *names, guint self, gboolean is_after, char **labels,
           guint n)
{
  g_auto (GStrv) words = g_strsplit (names ? names : "", " ", -1);
  guint i, k;

  for (i = 0; words[i]; i++)
    for (k = 0; k < n; k++)
      if (*words[i] && k != self && !strcmp (labels[k], words[i]))
        is_after ? ike_order_after (order, self, k) : ike_order_after (order, k, self);
}

/* Features of one kind in declared order (their class has an `after`). */
static gboolean
load_ordered (IkeEngine *engine, const char *kind, const char *(*after_of) (const void *ops),
              IkeOrdered **out, guint *n_out, GError **error)
{
  guint n, i;
  const IkeProvided *const *found = ike_feature_list (engine, kind, &n);
  g_autofree char **labels = g_new0 (char *, n + 1);
  g_autofree gpointer *sorted = g_new0 (gpointer, n + 1);
  IkeOrder *order = ike_order_new ();
  char *cycle = NULL;
  gboolean is_sorted;

  for (i = 0; i < n; i++) {
    labels[i] = (char *) found[i]->name;
    ike_order_add (order, found[i]->name, (gpointer) found[i]);
  }
  for (i = 0; i < n; i++)
    add_edges (order, after_of ? after_of (found[i]->ops) : NULL, i, TRUE, labels, n);
  is_sorted = ike_order_sort (order, sorted, &cycle);
  ike_order_free (order);
  if (!is_sorted)
    return order_error (kind, cycle, error);
  *out = g_new0 (IkeOrdered, n + 1);
  for (i = 0; i < n; i++) {
    const IkeProvided *p = sorted[i];
    (*out)[i] = (IkeOrdered) { p->name, p->ops, p->plugin };
  }
  *n_out = n;
  return TRUE;
}

static const char *gate_after (const void *ops) { return ((const IkeGateClass *) ops)->after; }
static const char *orphan_after (const void *ops) { return ((const IkeOrphanClass *) ops)->after; }
static const char *
octets_after (const void *ops)
{
  return ((const IkeAuthOctetsClass *) ops)->after;
}

static gboolean
names_word (const char *list, const char *word)
{
  g_auto (GStrv) words = g_strsplit (list ? list : "", " ", -1);

  return g_strv_contains ((const char *const *) words, word);
}

static void
load_payloads (IkeEngine *engine, IkeClasses *c)
{
  guint n, i;
  const IkeProvided *const *found = ike_feature_list (engine, "payload", &n);

  for (i = 0; i < G_N_ELEMENTS (rfc7296_payloads); i++)
    c->known_payloads[rfc7296_payloads[i] / 8] |= 1u << rfc7296_payloads[i] % 8;
  for (i = 0; i < n; i++) {
    const IkePayloadClass *klass = found[i]->ops;
    c->payloads[klass->type] = klass;
    c->known_payloads[klass->type / 8] |= 1u << klass->type % 8;
  }
}

static gboolean
load_rows (IkeEngine *engine, IkeClasses *c, IkeExchangeInfo *info, GError **error)
{
  GArray *rows = g_array_new (FALSE, TRUE, sizeof (IkeRow));
  guint n, i;
  const IkeProvided *const *shapes = ike_feature_list (engine, "shape", &n);
  const char *bad = NULL;
  const IkeStateRow *r;
  IkeRow row;

  for (r = info->klass->rows; r && r->direction && !bad; r++)
    if (ike_row_parse (c, r, &row, &bad))
      g_array_append_val (rows, row);
  for (i = 0; i < n && !bad; i++) {
    const IkeShapeClass *shape = shapes[i]->ops;
    for (r = strcmp (shape->exchange, info->name) ? NULL : shape->rows; r && r->direction && !bad;
         r++)
      if (ike_row_parse (c, r, &row, &bad))
        g_array_append_val (rows, row);
  }
  info->n_rows = rows->len;
  info->rows = (IkeRow *) (gpointer) g_array_free (rows, FALSE);
  if (bad)
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN, "exchange %s: cannot read the shape \"%s\"",
                 info->name, bad);
  return !bad;
}

static const IkeExchangeClass unknown_class = { .struct_size = sizeof (IkeExchangeClass) };

static gboolean
load_exchanges (IkeEngine *engine, IkeClasses *c, GError **error)
{
  guint n, i, k;
  const IkeProvided *const *found = ike_feature_list (engine, "exchange", &n);
  g_autofree char **labels = g_new0 (char *, n + 1);
  g_autofree gpointer *sorted = g_new0 (gpointer, n + 1);
  IkeOrder *order = ike_order_new ();
  char *cycle = NULL;
  gboolean is_sorted;

  c->exchanges = g_new0 (IkeExchangeInfo *, n + 1);
  c->unknown = (IkeExchangeInfo) { .name = "an unknown exchange", .klass = &unknown_class,
                                   .index = 63 };
  for (i = 0; i < n; i++) {
    IkeExchangeInfo *info = c->exchanges[i] = g_new0 (IkeExchangeInfo, 1);
    info->name = labels[i] = (char *) found[i]->name;
    info->klass = found[i]->ops;
    info->plugin = found[i]->plugin;
    info->index = i;
    info->phases = g_strsplit (info->klass->phases ? info->klass->phases : "main", " ", -1);
    c->by_number[info->klass->number] = info;
    ike_order_add (order, info->name, info);
  }
  c->n_exchanges = n;
  for (i = 0; i < n; i++) {
    add_edges (order, c->exchanges[i]->klass->after, i, TRUE, labels, n);
    add_edges (order, c->exchanges[i]->klass->before, i, FALSE, labels, n);
  }
  is_sorted = ike_order_sort (order, sorted, &cycle);
  ike_order_free (order);
  if (!is_sorted)
    return order_error ("exchanges", cycle, error);
  for (k = 0; k < n; k++)
    ((IkeExchangeInfo *) sorted[k])->order = k;
  for (i = 0; i < n; i++)
    if (c->exchanges[i]->klass->instead_of)
      c->exchanges[i]->stands_for = ike_classes_exchange (c, c->exchanges[i]->klass->instead_of);
  for (i = 0; i < n; i++)
    if (!load_rows (engine, c, c->exchanges[i], error))
      return FALSE;
  return TRUE;
}

static gboolean
load_tasks (IkeEngine *engine, IkeClasses *c, GError **error)
{
  guint n, i, k;
  const IkeProvided *const *found = ike_feature_list (engine, "task", &n);

  if (n > IKE_TASKS_MAX) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN, "%u task classes are loaded, %d is the most",
                 n, IKE_TASKS_MAX);
    return FALSE;
  }
  c->tasks = g_new0 (IkeTaskInfo, n + 1);
  c->n_tasks = n;
  for (i = 0; i < n; i++) {
    const IkeTaskClass *klass = found[i]->ops;
    c->tasks[i] =
        (IkeTaskInfo) { found[i]->name,
                        klass,
                        found[i]->plugin,
                        i,
                        klass->operations ? g_strsplit (klass->operations, " ", -1) : NULL,
                        0 };
  }
  for (i = 0; i < n; i++)
    for (k = 0; k < n; k++)
      if (k != i && names_word (c->tasks[i].klass->instead_of, c->tasks[k].name))
        c->tasks[i].displaces |= G_GUINT64_CONSTANT (1) << k;
  return TRUE;
}

/* Which phase a task stands in: the last of those that its `after` names, else the first. */
static guint
phase_of (const IkeExchangeInfo *info, const IkeTaskClass *klass)
{
  g_autofree char *label = NULL;
  guint i, phase = 0;

  for (i = 0; info->phases[i]; i++) {
    g_free (label);
    label = g_strconcat ("phase:", info->phases[i], NULL);
    if (names_word (klass->after, label))
      phase = i;
  }
  return phase;
}

/* Phases are nodes of the order themselves: a task comes after its phase's node and before the next
 * one's. */
static gboolean
sort_steps (IkeClasses *c, IkeExchangeInfo *info, GError **error)
{
  guint n_phases = g_strv_length (info->phases), n = 0, i, k;
  g_autofree char **labels = g_new0 (char *, n_phases + c->n_tasks + 1);
  g_autofree IkeTaskInfo **tasks = g_new0 (IkeTaskInfo *, n_phases + c->n_tasks + 1);
  g_autofree gpointer *sorted = g_new0 (gpointer, n_phases + c->n_tasks + 1);
  IkeOrder *order = ike_order_new ();
  char *cycle = NULL;
  gboolean is_sorted;

  for (i = 0; i < n_phases; i++, n++) {
    labels[n] = g_strconcat ("phase:", info->phases[i], NULL);
    ike_order_add (order, labels[n], NULL);
    if (i)
      ike_order_after (order, n, n - 1);
  }
  for (i = 0; i < c->n_tasks; i++)
    if (names_word (c->tasks[i].klass->exchanges, info->name)) {
      tasks[n] = &c->tasks[i];
      labels[n++] = g_strdup (c->tasks[i].name);
      ike_order_add (order, c->tasks[i].name, &c->tasks[i]);
    }
  for (i = n_phases; i < n; i++) {
    guint phase = phase_of (info, tasks[i]->klass);
    add_edges (order, tasks[i]->klass->after, i, TRUE, labels, n);
    add_edges (order, tasks[i]->klass->before, i, FALSE, labels, n);
    ike_order_after (order, i, phase);
    if (phase + 1 < n_phases)
      ike_order_after (order, phase + 1, i);
  }
  is_sorted = ike_order_sort (order, sorted, &cycle);
  ike_order_free (order);
  info->steps = g_new0 (IkeStep, n + 1);
  for (k = 0; is_sorted && k < n; k++)
    if (sorted[k]) {
      const IkeTaskInfo *task = sorted[k];
      info->steps[info->n_steps++] = (IkeStep) { task, phase_of (info, task->klass) };
    }
  for (i = 0; i < n; i++)
    g_free (labels[i]);
  return is_sorted ? TRUE : order_error ("tasks", cycle, error);
}

static int
compare_weight (gconstpointer a, gconstpointer b)
{
  const IkeNotifyInfo *x = *(const IkeNotifyInfo *const *) a,
                      *y = *(const IkeNotifyInfo *const *) b;

  return x->klass->weight - y->klass->weight;
}

static gboolean
load_notifies (IkeEngine *engine, IkeClasses *c, GError **error)
{
  guint n, i, k;
  const IkeProvided *const *found = ike_feature_list (engine, "notify", &n);

  c->absents = g_new0 (IkeNotifyInfo *, n + 1);
  for (k = 0; k < c->n_exchanges; k++)
    c->exchanges[k]->senders = g_new0 (const IkeNotifyInfo *, n + 1);
  for (i = 0; i < n; i++) {
    const IkeNotifyClass *klass = found[i]->ops;
    IkeNotifyInfo *info;
    if (ike_classes_notify (c, klass->type)) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_PLUGIN,
                   "notify:%s: the number %u has an owner already", found[i]->name, klass->type);
      return FALSE;
    }
    info = g_new0 (IkeNotifyInfo, 1);
    info->klass = klass;
    info->plugin = found[i]->plugin;
    for (k = 0; k < c->n_exchanges; k++)
      if (!g_strcmp0 (klass->exchanges, "*")
          || names_word (klass->exchanges, c->exchanges[k]->name)) {
        info->exchanges |= G_GUINT64_CONSTANT (1) << k;
        if (klass->send)
          c->exchanges[k]->senders[c->exchanges[k]->n_senders++] = info;
      }
    if (klass->absent && c->n_absents < 64)
      c->absents[c->n_absents++] = info;
    g_hash_table_insert (c->notifies, GUINT_TO_POINTER (klass->type), info);
  }
  for (k = 0; k < c->n_exchanges; k++)
    qsort (c->exchanges[k]->senders, c->exchanges[k]->n_senders, sizeof (gpointer), compare_weight);
  return TRUE;
}

static void
load_operations (IkeEngine *engine, IkeClasses *c)
{
  guint n, i;
  const IkeProvided *const *found = ike_feature_list (engine, "operation", &n);

  c->operations = g_new0 (IkeOperationInfo, n + 1);
  c->n_operations = n;
  for (i = 0; i < n; i++)
    c->operations[i] = (IkeOperationInfo) { found[i]->name, found[i]->ops, found[i]->plugin };
}

static void
load_protocols (IkeEngine *engine, IkeClasses *c)
{
  guint n, i;
  const IkeProvided *const *found = ike_feature_list (engine, "protocol", &n);

  for (i = 0; i < n; i++) {
    const IkeProtocolClass *klass = found[i]->ops;
    if (klass->major < G_N_ELEMENTS (c->protocols)) {
      c->protocols[klass->major] = klass;
      c->protocol_plugins[klass->major] = found[i]->plugin;
    }
  }
}

gboolean
ike_classes_load (IkeSaManager *manager, GError **error)
{
  IkeClasses *c = &manager->classes;
  IkeEngine *engine = manager->engine;
  guint i;

  c->notifies = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  load_payloads (engine, c);
  load_operations (engine, c);
  load_protocols (engine, c);
  if (!load_exchanges (engine, c, error) || !load_tasks (engine, c, error)
      || !load_notifies (engine, c, error)
      || !load_ordered (engine, "gate", gate_after, &c->gates, &c->n_gates, error)
      || !load_ordered (engine, "orphan", orphan_after, &c->orphans, &c->n_orphans, error)
      || !load_ordered (engine, "auth-octets", octets_after, &c->octets, &c->n_octets, error)
      || !load_ordered (engine, "transmit", NULL, &c->transmits, &c->n_transmits, error)
      || !load_ordered (engine, "id-0", NULL, &c->id_0s, &c->n_id_0s, error)
      || !load_ordered (engine, "outer", NULL, &c->outers, &c->n_outers, error))
    return FALSE;
  for (i = 0; i < c->n_exchanges; i++)
    if (!sort_steps (c, c->exchanges[i], error))
      return FALSE;
  ike_classes_tell_slips (engine, c);
  return TRUE;
}

void
ike_classes_clear (IkeClasses *c)
{
  guint i;

  for (i = 0; i < c->n_exchanges; i++) {
    g_strfreev (c->exchanges[i]->phases);
    g_free (c->exchanges[i]->steps);
    g_free (c->exchanges[i]->rows);
    g_free (c->exchanges[i]->senders);
    g_free (c->exchanges[i]);
  }
  for (i = 0; i < c->n_tasks; i++)
    g_strfreev (c->tasks[i].operations);
  g_free (c->exchanges);
  g_free (c->tasks);
  g_free (c->operations);
  g_free (c->absents);
  g_free (c->gates);
  g_free (c->orphans);
  g_free (c->outers);
  g_free (c->octets);
  g_free (c->transmits);
  g_free (c->id_0s);
  g_clear_pointer (&c->notifies, g_hash_table_unref);
}

IkeTree *
ike_classes_order (const IkeClasses *c)
{
  IkeTree *tree = ike_tree_new_section ();
  guint i, k;

  for (i = 0; i < c->n_exchanges; i++) {
    IkeTree *list = ike_tree_add_list (tree, c->exchanges[i]->name);
    for (k = 0; k < c->exchanges[i]->n_steps; k++) {
      const IkeStep *step = &c->exchanges[i]->steps[k];
      IkeTree *row = ike_tree_add_section (list, NULL);
      ike_tree_set_string (row, "phase", c->exchanges[i]->phases[step->phase]);
      ike_tree_set_string (row, "task", step->task->name);
      ike_tree_set_string (row, "plugin", ike_plugin_name (step->task->plugin));
      if (step->task->klass->reads)
        ike_tree_set_string (row, "reads", step->task->klass->reads);
    }
  }
  return tree;
}
