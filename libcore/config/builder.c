/* SPDX-License-Identifier: Apache-2.0 */
/* builder.c - reads sections by tables, and reports what is wrong with file, line, path and the
 * nearest known name. */
#include "config/model_private.h"
#include <string.h>

/* -- problems */

static void
add_problem (IkeBuilder *builder, const IkeTree *node, const char *key, const char *prefix,
             const char *format, va_list args)
{
  g_autofree char *text = g_strdup_vprintf (format, args);
  const char *where = ike_tree_where (node);

  g_ptr_array_add (builder->problems,
                   g_strdup_printf ("%s%s%s%s%s%s: %s", prefix, where, *where ? ": " : "",
                                    builder->path->str, key && builder->path->len ? "." : "",
                                    key ? key : "", text));
}

void
ike_builder_fail (IkeBuilder *builder, const IkeTree *node, const char *key, const char *format,
                  ...)
{
  va_list args;

  va_start (args, format);
  add_problem (builder, node, key, "", format, args);
  va_end (args);
  builder->has_failed = TRUE;
}

void
ike_builder_warn (IkeBuilder *builder, const IkeTree *node, const char *key, const char *format,
                  ...)
{
  va_list args;

  va_start (args, format);
  add_problem (builder, node, key, "warning: ", format, args);
  va_end (args);
}

gsize
ike_builder_push (IkeBuilder *builder, const char *name)
{
  gsize len = builder->path->len;

  if (len)
    g_string_append_c (builder->path, '.');
  g_string_append (builder->path, name);
  return len;
}

void
ike_builder_pop (IkeBuilder *builder, gsize path_len)
{
  g_string_truncate (builder->path, path_len);
}

/* -- known keys */

const IkeKeyInfo *
ike_swanctl_key (const char *kind, const char *name)
{
  const IkeKeyInfo *by_prefix = NULL;

  for (const IkeKeyInfo *key = ike_swanctl_keys; key->name; key++) {
    if (!g_str_equal (key->section, kind))
      continue;
    if (g_str_equal (key->name, name))
      return key;
    if (key->has_suffix && g_str_has_prefix (name, key->name))
      by_prefix = key;
  }
  return by_prefix;
}

/* Does @text mean what @fallback means? "0" and "0s", "no" and "false" are the same. */
static gboolean
is_default (const char *text, const char *fallback)
{
  gboolean truth, other_truth;
  guint64 number, other_number;

  if (!text || (!fallback && !*text))
    return TRUE;
  if (!fallback)
    return FALSE;
  if (g_ascii_strcasecmp (text, fallback) == 0)
    return TRUE;
  if (ike_value_bool (text, &truth) && ike_value_bool (fallback, &other_truth))
    return truth == other_truth;
  return ike_value_time (text, &number) && ike_value_time (fallback, &other_number)
         && number == other_number;
}

static const IkeField *
find_field (const IkeField *fields, const char *name)
{
  for (; fields && fields->name; fields++)
    if (g_str_equal (fields->name, name))
      return fields;
  return NULL;
}

static gboolean
is_subsection (const IkeSubsection *subsections, const char *name)
{
  for (; subsections && subsections->name; subsections++)
    if (subsections->has_suffix ? g_str_has_prefix (name, subsections->name)
                                : g_str_equal (name, subsections->name))
      return TRUE;
  return FALSE;
}

/* Exactly: `local_prot = 1` is a slip of local_port, not section "local" with a suffix. */
static gboolean
is_subsection_name (const IkeSubsection *subsections, const char *name)
{
  for (; subsections && subsections->name; subsections++)
    if (g_str_equal (name, subsections->name))
      return TRUE;
  return FALSE;
}

static void
fail_unknown (IkeBuilder *builder, const char *kind, const IkeTree *child, const IkeField *fields,
              const IkeSubsection *subsections)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autofree char *prefix = g_strconcat (kind, "/", NULL);
  const IkeOptionInfo *option;
  const char *nearest, *plugin, *name = ike_tree_name (child);
  gboolean is_ready;

  for (; fields && fields->name; fields++)
    g_ptr_array_add (names, (gpointer) fields->name);
  for (; subsections && subsections->name; subsections++)
    g_ptr_array_add (names, (gpointer) subsections->name);
  for (const IkeKeyInfo *key = ike_swanctl_keys; key->name; key++)
    if (g_str_equal (key->section, kind))
      g_ptr_array_add (names, (gpointer) key->name);
  for (guint32 i = 0; (option = ike_registry_option_nth (builder->engine, i, &plugin, &is_ready));
       i++)
    if (g_str_has_prefix (option->path, prefix))
      g_ptr_array_add (names, (gpointer) (option->path + strlen (prefix)));
  g_ptr_array_add (names, NULL);
  nearest = ike_nearest (name, (const char *const *) names->pdata);
  if (nearest)
    ike_builder_fail (builder, child, name, "unknown key, did you mean %s?", nearest);
  else
    ike_builder_fail (builder, child, name, "unknown key");
}

/* A key that is known but that nobody here acts on: fine while it asks for nothing. */
static void
check_unused (IkeBuilder *builder, const IkeTree *child, const char *fallback,
              const IkeKeyInfo *key, const char *why, const char *remedy)
{
  char buffer[32];
  const char *text = ike_tree_text (child, buffer), *name = ike_tree_name (child);

  if (key && key->inert && text && is_default (text, key->inert))
    return;
  if (!ike_tree_is_container (child) && is_default (text, fallback))
    ike_builder_warn (builder, child, name, "%s; ignored, since it has its default value", why);
  else
    ike_builder_fail (builder, child, name, "%s; %s%s%s%s", why, remedy,
                      fallback ? " or set it to " : "", fallback ? fallback : "",
                      fallback ? ", its default" : "");
}

static void
check_key (IkeBuilder *builder, const char *kind, const IkeTree *child, const IkeField *fields,
           const IkeSubsection *subsections)
{
  const char *plugin = NULL, *name = ike_tree_name (child);
  g_autofree char *path = g_strconcat (kind, "/", name, NULL), *reason = NULL, *why = NULL;
  const IkeOptionInfo *option;
  const IkeKeyInfo *key;
  gboolean is_ready = FALSE;
  guint32 index;

  if (ike_tree_is_container (child) && is_subsection (subsections, name))
    return;
  if (find_field (fields, name)) {
    if (ike_tree_is_container (child))
      ike_builder_fail (builder, child, name, "takes a value, not a section; write %s = …", name);
    return;
  }
  option = ike_registry_option (builder->engine, path, &index, &plugin, &is_ready);
  if (option && is_ready)
    return;
  if (option) {
    reason = ike_plugin_explain (builder->engine, plugin);
    why = g_strdup_printf ("belongs to plugin %s, which is not ready: %s", plugin, reason);
    check_unused (builder, child, option->fallback, ike_swanctl_key (kind, name), why,
                  "mend that, or remove this key");
    return;
  }
  key = ike_swanctl_key (kind, name);
  if (key)
    check_unused (builder, child, key->fallback, key, "is not supported yet", "remove it");
  else if (is_subsection_name (subsections, name))
    ike_builder_fail (builder, child, name, "is a section, not a value; write %s { … }", name);
  else
    fail_unknown (builder, kind, child, fields, subsections);
}

void
ike_builder_check_keys (IkeBuilder *builder, const char *kind, const IkeTree *section,
                        const IkeField *fields, const IkeSubsection *subsections)
{
  for (guint i = 0; i < ike_tree_n (section); i++)
    check_key (builder, kind, ike_tree_nth (section, i), fields, subsections);
}

/* -- values */

const char *
ike_builder_text (const IkeTree *section, const char *key, const char *fallback)
{
  const IkeTree *leaf = section ? ike_tree_child (section, key, strlen (key), FALSE) : NULL;

  return leaf && ike_tree_type (leaf) == IKE_TREE_STRING ? ike_tree_string (leaf, NULL, fallback)
                                                         : fallback;
}

static void
fail_field (IkeBuilder *builder, const IkeTree *node, const IkeField *field, const char *text)
{
  g_autoptr (GString) words = g_string_new (NULL);

  if (!field->words) {
    ike_builder_fail (builder, node, field->name, "'%s' is not %s", text,
                      ike_field_describe (field));
    return;
  }
  for (const IkeWord *word = field->words; word->word; word++)
    g_string_append_printf (words, "%s%s", words->len ? ", " : "", word->word);
  ike_builder_fail (builder, node, field->name, "'%s' is none of: %s", text, words->str);
}

void
ike_builder_read_fields (IkeBuilder *builder, const IkeTree *section, const IkeField *fields,
                         const IkeTree *defaults, gpointer out)
{
  for (; fields->name; fields++) {
    const IkeTree *leaf = ike_tree_child (section, fields->name, strlen (fields->name), FALSE);
    const char *text = ike_builder_text (section, fields->name, NULL);
    if (!text)
      text = ike_builder_text (defaults, fields->name, fields->fallback);
    if (text && !ike_field_convert (fields, text, (guint8 *) out + fields->offset))
      fail_field (builder, leaf ? leaf : section, fields, text);
  }
}

void
ike_builder_read_if_id (IkeBuilder *builder, const IkeTree *section, guint32 *in, guint32 *out)
{
  static const IkeField both[]
    = { { "if_id", IKE_FIELD_IF_ID, 0, "0", NULL, 0 }, { NULL, 0, 0, NULL, NULL, 0 } };
  guint32 id = 0;

  ike_builder_read_fields (builder, section, both, NULL, &id);
  if (!ike_builder_text (section, "if_id_in", NULL))
    *in = id;
  if (!ike_builder_text (section, "if_id_out", NULL))
    *out = id;
}

guint64 *
ike_builder_read_options (IkeBuilder *builder, const char *kind, const IkeTree *section)
{
  g_autofree char *prefix = g_strconcat (kind, "/", NULL);

  return ike_options_read (builder, prefix, section);
}
