/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.c - the settings of an engine and its current configuration; the two-phase reload.
 *
 * A reload reads everything anew and builds the next snapshot beside the present one; only when all
 * of it is good, and every plugin agreed, is it swapped in.  SAs keep the connection they were made
 * with. */
#include "config/model_private.h"
#include <ikebana/bus.h>
#include <ikebana/log.h>
#include <ikebana/plugin.h>
#include <pthread.h>
#include <string.h>

struct _IkeSettings {
  IkeEngine      *engine;
  char           *file;
  IkeTree        *tree;                       /* the settings file; control */
  IkeTree *loaded;     /* connections that came by ike_engine_load_conn(); control */
  GPtrArray *problems; /* of the last load, so that `up` can say why there is none; control */
  /* Guards @config alone, for the few instructions of taking a reference: the control thread swaps
   * it on a reload while a shard, which selects a connection for a new peer, reads it.  A job would
   * make every new SA wait for control. */
  pthread_mutex_t lock;
  IkeConfig      *config;
};

static const char *const config_sections[] = { "connections", "secrets", "pools", "authorities",
                                               NULL };

IkeSettings *
ike_settings_state_new (IkeEngine *engine)
{
  IkeSettings *settings = g_new0 (IkeSettings, 1);

  settings->engine = engine;
  settings->file = g_strdup (engine->options.config_file ? engine->options.config_file
                                                         : IKE_SYSCONFDIR "/ikebana.conf");
  settings->loaded = ike_tree_new_section ();
  pthread_mutex_init (&settings->lock, NULL);
  return settings;
}

void
ike_settings_state_free (IkeSettings *settings)
{
  if (!settings)
    return;
  ike_config_unref (settings->config);
  ike_tree_free (settings->tree);
  ike_tree_free (settings->loaded);
  g_clear_pointer (&settings->problems, g_ptr_array_unref);
  pthread_mutex_destroy (&settings->lock);
  g_free (settings->file);
  g_free (settings);
}

const char *
ike_engine_config_file (IkeEngine *engine)
{
  const IkeEngineOptions *options = &engine->options;

  if (options->flags & IKE_ENGINE_NO_CONFIG || (options->settings && !options->config_file))
    return NULL;
  return engine->settings->file;
}

IkeConfig *
ike_engine_config (IkeEngine *engine)
{
  IkeSettings *settings = engine->settings;
  IkeConfig *config;

  pthread_mutex_lock (&settings->lock);
  config = settings->config ? ike_config_ref (settings->config) : NULL;
  pthread_mutex_unlock (&settings->lock);
  return config;
}

static void
swap_config (IkeSettings *settings, IkeConfig *config_take)
{
  IkeConfig *old;

  pthread_mutex_lock (&settings->lock);
  old = settings->config;
  settings->config = config_take;
  pthread_mutex_unlock (&settings->lock);
  ike_config_unref (old);
}

/* -- reading */

static IkeTree *
read_settings (IkeSettings *settings, GError **error)
{
  const IkeEngineOptions *options = &settings->engine->options;
  g_autoptr (GError) local = NULL;
  IkeTree *tree;

  if (options->settings)
    return ike_settings_parse (options->settings, strlen (options->settings), "settings", error);
  if (options->flags & IKE_ENGINE_NO_CONFIG)
    return ike_tree_new_section ();
  tree = ike_settings_load (settings->file, &local);
  if (!tree && !options->config_file && g_error_matches (local, IKE_ERROR, IKE_ERROR_NOT_FOUND)) {
    ike_log (settings->engine, IKE_LOG_NOTICE, "config",
             "%s is not there; all settings have their defaults", settings->file);
    return ike_tree_new_section ();
  }
  if (!tree)
    g_propagate_prefixed_error (error, g_steal_pointer (&local), "settings cannot be read: ");
  return tree;
}

gboolean
ike_settings_state_read (IkeEngine *engine, GError **error)
{
  g_autoptr (IkeTree) tree = read_settings (engine->settings, error);

  if (!tree || !ike_core_settings_check (tree, error))
    return FALSE;
  ike_tree_free (engine->settings->tree);
  engine->settings->tree = g_steal_pointer (&tree);
  engine->settings_tree = engine->settings->tree;
  return TRUE;
}

/* Adds what @from has in section @name; what two stores have stays the first one's. */
static void
add_section (IkeTree *into, const IkeTree *from, const char *name, const char *store,
             gboolean replaces, GPtrArray *problems)
{
  const IkeTree *section = ike_tree_child (from, name, strlen (name), TRUE);
  IkeTree *target = ike_tree_merge_section (into, name);

  for (guint i = 0; i < ike_tree_n (section); i++) {
    const IkeTree *child = ike_tree_nth (section, i);
    const char *key = ike_tree_name (child);
    if (!replaces && ike_tree_child (target, key, strlen (key), ike_tree_is_container (child)))
      g_ptr_array_add (
          problems,
          g_strdup_printf ("%s: %s.%s: store %s has it, but another store had it first; ignored",
                           ike_tree_where (child), name, key, store));
    else
      ike_tree_put_take (target, key, ike_tree_copy (child));
  }
}

static gboolean
add_store (IkeTree *into, const IkeProvided *store, GPtrArray *problems, GError **error)
{
  const IkeStoreClass *klass = store->ops;
  g_autoptr (GError) local = NULL;
  g_autoptr (IkeTree) tree = klass->load (store->plugin, &local);

  if (!tree) {
    if (!local)
      g_set_error (&local, IKE_ERROR, IKE_ERROR_CONFIG, "it gave no reason");
    g_propagate_prefixed_error (error, g_steal_pointer (&local), "store %s: ", store->name);
    return FALSE;
  }
  for (guint i = 0; config_sections[i]; i++)
    add_section (into, tree, config_sections[i], store->name, FALSE, problems);
  return TRUE;
}

/* All that stores have, and what was loaded by hand.  Without a store the settings themselves are
 * one, for those who embed the library. */
static IkeTree *
load_stores (IkeSettings *settings, GPtrArray *problems, GError **error)
{
  guint n = 0;
  const IkeProvided *const *stores = ike_feature_list (settings->engine, "store", &n);
  g_autoptr (IkeTree) tree = ike_tree_new_section ();

  for (guint i = 0; i < n; i++)
    if (!add_store (tree, stores[i], problems, error))
      return NULL;
  for (guint i = 0; n == 0 && config_sections[i]; i++)
    add_section (tree, settings->tree, config_sections[i], "settings", FALSE, problems);
  for (guint i = 0; config_sections[i]; i++)
    add_section (tree, settings->loaded, config_sections[i], "control", TRUE, problems);
  return g_steal_pointer (&tree);
}

static void
log_problems (IkeEngine *engine, const GPtrArray *problems)
{
  for (guint i = 0; i < problems->len; i++) {
    const char *text = problems->pdata[i];
    gboolean is_warning = g_str_has_prefix (text, "warning: ");
    ike_log (engine, is_warning ? IKE_LOG_NOTICE : IKE_LOG_ERROR, "config", "%s", text);
  }
}

static void
remember_problems (IkeSettings *settings, GPtrArray *problems)
{
  g_clear_pointer (&settings->problems, g_ptr_array_unref);
  settings->problems = g_ptr_array_ref (problems);
}

char *
ike_config_why_not (IkeEngine *engine, const char *conn)
{
  const GPtrArray *problems = engine->settings->problems;
  g_autofree char *path = g_strdup_printf (" connections.%s", conn);
  g_autoptr (GString) why = g_string_new (NULL);

  for (guint i = 0; problems && i < problems->len; i++) {
    const char *text = problems->pdata[i], *at = strstr (text, path);
    if (at && strchr (".:", at[strlen (path)]) && !g_str_has_prefix (text, "warning: "))
      g_string_append_printf (why, "%s%s", why->len ? "; " : "", text);
  }
  return why->len ? g_string_free (g_steal_pointer (&why), FALSE) : NULL;
}

/* `ikebanad --check` wants to know; a daemon that starts does without the connection that is wrong.
 */
static gboolean
fail_check (const GPtrArray *problems, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < problems->len; i++)
    if (!g_str_has_prefix (problems->pdata[i], "warning: "))
      g_string_append_printf (text, "%s%s", text->len ? "\n" : "",
                              (const char *) problems->pdata[i]);
  if (!text->len)
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "%s", text->str);
  return FALSE;
}

gboolean
ike_settings_state_start (IkeEngine *engine, GError **error)
{
  IkeSettings *settings = engine->settings;
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) local = NULL;
  g_autoptr (IkeTree) tree = load_stores (settings, problems, &local);

  if (!tree) {
    g_ptr_array_add (problems, g_strdup (local->message));
    tree = ike_tree_new_section ();
  }
  g_autoptr (IkeConfig) config = ike_config_build (engine, tree, NULL, problems);
  if (!(engine->options.flags & IKE_ENGINE_CHECK))
    ike_sections_commit (engine);
  swap_config (settings, g_steal_pointer (&config));
  log_problems (engine, problems);
  remember_problems (settings, problems);
  if (engine->config_applied)
    engine->config_applied (engine, settings->config, NULL);
  return !(engine->options.flags & IKE_ENGINE_CHECK) || fail_check (problems, error);
}

/* -- reload */

static void
list_conns (IkeTree *into, const char *key, const IkeConfig *from, const IkeConfig *other,
            gboolean wants_same)
{
  IkeTree *list = ike_tree_add_list (into, key);

  for (guint i = 0; i < from->n_conns; i++) {
    const IkeConn *twin = ike_config_conn (other, from->conns[i]->name);
    if (twin && (twin == from->conns[i]) == wants_same)
      ike_tree_set_string (list, NULL, from->conns[i]->name);
  }
}

static void
list_only (IkeTree *into, const char *key, const IkeConfig *from, const IkeConfig *other)
{
  IkeTree *list = ike_tree_add_list (into, key);

  for (guint i = 0; i < from->n_conns; i++)
    if (!ike_config_conn (other, from->conns[i]->name))
      ike_tree_set_string (list, NULL, from->conns[i]->name);
}

static IkeTree *
diff (const IkeConfig *old, const IkeConfig *next, const GPtrArray *problems)
{
  IkeTree *tree = ike_tree_new_section (), *list;

  ike_tree_set_int (tree, "generation", (gint64) next->generation);
  list_only (tree, "added", next, old);
  list_conns (tree, "changed", next, old, FALSE);
  list_only (tree, "removed", old, next);
  list_conns (tree, "kept", next, old, TRUE);
  list = ike_tree_add_list (tree, "problems");
  for (guint i = 0; i < problems->len; i++)
    ike_tree_set_string (list, NULL, problems->pdata[i]);
  return tree;
}

/* What section core says beyond the log, which is read anew. */
static IkeTree *
core_of (const IkeTree *settings)
{
  const IkeTree *core = ike_tree_child (settings, "core", strlen ("core"), TRUE);
  IkeTree *copy = core ? ike_tree_copy (core) : ike_tree_new_section ();

  ike_tree_remove (copy, "log");
  ike_tree_remove (copy, "log_rate");
  return copy;
}

static void
note_restart (IkeTree *result, const IkeTree *old, const IkeTree *next)
{
  g_autoptr (IkeTree) before = core_of (old), after = core_of (next);

  if (!ike_tree_equal (before, after))
    ike_tree_set_string (
        result, "note",
        "settings of section core changed; other ones than of the log follow at the next start");
}

/* With the new settings already in place, since stores and plugins read them. */
static IkeConfig *
prepare (IkeSettings *settings, GPtrArray *problems, GError **error)
{
  g_autoptr (IkeConfig) config = NULL;
  g_autoptr (IkeTree) tree = load_stores (settings, problems, error);

  if (!tree)
    return NULL;
  config = ike_config_build (settings->engine, tree, settings->config, problems);
  if (!ike_registry_reload_check (settings->engine, error))
    return NULL;
  return g_steal_pointer (&config);
}

IkeTree *
ike_engine_reload (IkeEngine *engine, gboolean dry_run, GError **error)
{
  IkeSettings *settings = engine->settings;
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (IkeTree) other = read_settings (settings, error);
  g_autoptr (IkeConfig) next = NULL, previous = NULL;
  IkeTree *result;

  if (!other || !ike_core_settings_check (other, error))
    return NULL;
  ike_tree_swap (settings->tree, other);
  next = prepare (settings, problems, error);
  if (!next) {
    ike_tree_swap (settings->tree, other);
    return NULL;
  }
  result = diff (settings->config, next, problems);
  note_restart (result, other, settings->tree);
  ike_tree_set_bool (result, "dry-run", dry_run);
  if (dry_run) {
    ike_tree_swap (settings->tree, other);
    return result;
  }
  previous = ike_config_ref (settings->config);
  ike_sections_commit (engine);
  swap_config (settings, g_steal_pointer (&next));
  ike_logger_configure (engine);
  ike_registry_reload_commit (engine);
  if (engine->config_applied)
    engine->config_applied (engine, settings->config, previous);
  log_problems (engine, problems);
  remember_problems (settings, problems);
  ike_event_emit (engine, ike_event_new (engine, "config-changed", ike_tree_copy (result)));
  return result;
}

/* -- one connection */

static IkeTree *
with_conn (const IkeTree *tree, const char *name, const IkeTree *section)
{
  IkeTree *copy = ike_tree_copy (tree);

  ike_tree_put_take (ike_tree_merge_section (copy, "connections"), name, ike_tree_copy (section));
  return copy;
}

static gboolean
fail_conn (const char *name, const GPtrArray *problems, GError **error)
{
  g_autofree char *prefix = g_strdup_printf ("connections.%s", name);

  for (guint i = 0; i < problems->len; i++) {
    const char *text = problems->pdata[i];
    if (strstr (text, prefix) && !g_str_has_prefix (text, "warning: ")) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "%s", text);
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
ike_engine_load_conn (IkeEngine *engine, const char *name, const IkeTree *section, GError **error)
{
  IkeSettings *settings = engine->settings;
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (IkeTree) loaded = with_conn (settings->loaded, name, section), tree = NULL;
  g_autoptr (IkeConfig) next = NULL;

  ike_tree_swap (settings->loaded, loaded);
  tree = load_stores (settings, problems, error);
  if (tree)
    next = ike_config_build (engine, tree, settings->config, problems);
  if (!next || !fail_conn (name, problems, error)) {
    ike_tree_swap (settings->loaded, loaded);
    return FALSE;
  }
  ike_sections_commit (engine);
  swap_config (settings, g_steal_pointer (&next));
  return TRUE;
}
