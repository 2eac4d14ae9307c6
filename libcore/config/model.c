/* SPDX-License-Identifier: Apache-2.0 */
/* model.c - a tree into a snapshot; connections that did not change are shared with the one before.
 */
#include "config/model_private.h"
#include <ikebana/log.h>
#include <string.h>

/* A snapshot with what is needed to compare it with the next. */
typedef struct {
  IkeConfig config;
  IkeTree  *defaults;                         /* of `core`: the keys that connections inherit */
} Snapshot;

static IkeTree *
copy_defaults (IkeEngine *engine)
{
  const IkeTree *core = ike_tree_get (ike_engine_settings (engine), "core");
  IkeTree *defaults = ike_tree_new_section ();

  for (const IkeField *field = ike_transmit_fields; field->name; field++)
    ike_tree_set_string (defaults, field->name, ike_builder_text (core, field->name, NULL));
  return defaults;
}

/* -- other sections */

static void
check_top (IkeBuilder *builder, const IkeTree *tree)
{
  static const char *const names[] = { "connections", "secrets", "pools", "authorities",
                                       "core",        "plugins", NULL };

  for (guint i = 0; i < ike_tree_n (tree); i++) {
    const IkeTree *child = ike_tree_nth (tree, i);
    const char *nearest = ike_nearest (ike_tree_name (child), names);
    /* Any other section may serve as something to inherit from; so only a likely slip is told. */
    if (!g_strv_contains (names, ike_tree_name (child)) && nearest)
      ike_builder_warn (builder, child, ike_tree_name (child), "is not read; did you mean %s?",
                        nearest);
  }
}

static void
check_named (IkeBuilder *builder, const IkeTree *tree, const char *name, const char *kind)
{
  const IkeTree *sections = ike_tree_child (tree, name, strlen (name), TRUE);
  gsize len = ike_builder_push (builder, name);

  for (guint i = 0; i < ike_tree_n (sections); i++) {
    const IkeTree *section = ike_tree_nth (sections, i);
    for (guint j = 0; j < ike_tree_n (section); j++) {
      const IkeTree *leaf = ike_tree_nth (section, j);
      gsize below = ike_builder_push (builder, ike_tree_name (section));
      guint64 number;
      /* Attributes of pools may also be numbers (RFC 7296, 3.15.1). */
      if (!ike_swanctl_key (kind, ike_tree_name (leaf))
          && !ike_value_uint (ike_tree_name (leaf), &number))
        ike_builder_warn (builder, leaf, ike_tree_name (leaf), "unknown key; ignored");
      ike_builder_pop (builder, below);
    }
  }
  ike_builder_pop (builder, len);
}

static void
check_pools (IkeBuilder *builder, const IkeTree *tree, const IkeConn *conn, const IkeTree *section)
{
  const IkeTree *pools = ike_tree_child (tree, "pools", strlen ("pools"), TRUE);

  for (guint i = 0; conn->pools[i]; i++)
    if (!pools || !ike_tree_child (pools, conn->pools[i], strlen (conn->pools[i]), TRUE))
      ike_builder_warn (builder, section, "pools",
                        "'%s' is no section of pools; a plugin must know it", conn->pools[i]);
}

/* -- connections */

static IkeConn *
unchanged (const Snapshot *previous, const Snapshot *snapshot, const IkeTree *section)
{
  IkeConn *conn = previous ? ike_config_conn (&previous->config, ike_tree_name (section)) : NULL;

  if (!conn || !ike_tree_equal (conn->settings, section)
      || !ike_tree_equal (previous->defaults, snapshot->defaults))
    return NULL;
  return ike_conn_ref (conn);
}

static IkeConn *
build_conn (IkeBuilder *builder, const IkeTree *tree, const IkeTree *section,
            const Snapshot *previous)
{
  IkeConn *conn, *old;
  gsize len;

  if (ike_tree_type (section) != IKE_TREE_SECTION) {
    ike_builder_fail (builder, section, ike_tree_name (section),
                      "is a value, not a section; write %s { … }", ike_tree_name (section));
    return NULL;
  }
  len = ike_builder_push (builder, ike_tree_name (section));
  conn = ike_conn_build (builder, section);
  old = previous && !conn ? ike_config_conn (&previous->config, ike_tree_name (section)) : NULL;
  if (conn)
    check_pools (builder, tree, conn, section);
  if (old) {
    ike_builder_warn (builder, section, NULL, "stays as it was until this is mended");
    conn = ike_conn_ref (old);
  }
  ike_builder_pop (builder, len);
  return conn;
}

static void
build_conns (IkeBuilder *builder, const IkeTree *tree, Snapshot *snapshot, const Snapshot *previous)
{
  const IkeTree *sections = ike_tree_child (tree, "connections", strlen ("connections"), TRUE);
  IkeConfig *config = &snapshot->config;
  gsize len = ike_builder_push (builder, "connections");

  config->conns = g_new0 (IkeConn *, ike_tree_n (sections) + 1);
  for (guint i = 0; i < ike_tree_n (sections); i++) {
    const IkeTree *section = ike_tree_nth (sections, i);
    IkeConn *conn = unchanged (previous, snapshot, section);
    if (conn)
      ike_conn_check_again (builder, conn);
    else
      conn = build_conn (builder, tree, section, previous);
    if (conn)
      config->conns[config->n_conns++] = conn;
  }
  ike_builder_pop (builder, len);
}

IkeConfig *
ike_config_build (IkeEngine *engine, const IkeTree *tree, IkeConfig *previous_or_null,
                  GPtrArray *problems)
{
  Snapshot *snapshot = g_new0 (Snapshot, 1);
  IkeBuilder builder = { .engine = engine, .problems = problems, .path = g_string_new (NULL) };
  gsize len;

  snapshot->config.struct_size = sizeof snapshot->config;
  snapshot->config.references = 1;
  snapshot->config.generation = previous_or_null ? previous_or_null->generation + 1 : 1;
  snapshot->config.tree = ike_secrets_strip (tree);
  snapshot->defaults = copy_defaults (engine);
  check_top (&builder, tree);
  /* Whoever reads pools knows more keys. */
  if (!ike_section_is_read (&builder, "pools"))
    check_named (&builder, tree, "pools", "pool");
  check_named (&builder, tree, "authorities", "authority");
  ike_sections_begin (engine);
  ike_sections_add (&builder, tree, "authorities");
  if (ike_section_is_read (&builder, "pools"))
    ike_sections_add (&builder, tree, "pools");
  len = ike_builder_push (&builder, "secrets");
  snapshot->config.secrets =
      ike_secrets_build (&builder, ike_tree_child (tree, "secrets", strlen ("secrets"), TRUE));
  ike_builder_pop (&builder, len);
  build_conns (&builder, tree, snapshot, (const Snapshot *) previous_or_null);
  g_string_free (builder.path, TRUE);
  return &snapshot->config;
}

IkeConfig *
ike_config_ref (IkeConfig *config)
{
  g_atomic_int_inc (&config->references);
  return config;
}

void
ike_config_unref (IkeConfig *config)
{
  if (!config || !g_atomic_int_dec_and_test (&config->references))
    return;
  for (guint i = 0; i < config->n_conns; i++)
    ike_conn_unref (config->conns[i]);
  g_free (config->conns);
  ike_secrets_free (config->secrets);
  ike_tree_free (config->tree);
  ike_tree_free (((Snapshot *) config)->defaults);
  g_free (config);
}

IkeConn *
ike_config_conn (const IkeConfig *config, const char *name)
{
  for (guint i = 0; i < config->n_conns; i++)
    if (g_str_equal (config->conns[i]->name, name))
      return config->conns[i];
  return NULL;
}

IkeConn *
ike_config_conn_of_child (const IkeConfig *config, const char *child, const IkeChildConf **found)
{
  for (guint i = 0; i < config->n_conns; i++) {
    const IkeChildConf *conf = ike_conn_child (config->conns[i], child);
    if (conf) {
      if (found)
        *found = conf;
      return config->conns[i];
    }
  }
  return NULL;
}
