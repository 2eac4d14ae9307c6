/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - values of the options that plugins declared, in an array by index.
 *
 * One block of memory: the values, then the texts that they point to; so it is freed by whoever
 * holds it, on any thread, without asking what is a text. */
#include "config/model_private.h"
#include <string.h>

static gboolean
is_text (const IkeOptionInfo *option)
{
  return g_str_equal (option->type, "string") || g_str_equal (option->type, "list");
}

static guint32
count_options (IkeEngine *engine)
{
  const char *plugin;
  gboolean is_ready;
  guint32 n = 0;

  while (ike_registry_option_nth (engine, n, &plugin, &is_ready))
    n++;
  return n;
}

static gboolean
convert_enum (const char *words, const char *text, guint64 *value)
{
  g_auto (GStrv) parts = g_strsplit (words, "|", -1);

  for (guint i = 0; parts[i]; i++)
    if (g_ascii_strcasecmp (parts[i], text) == 0) {
      *value = i;
      return TRUE;
    }
  return FALSE;
}

static gboolean
convert (const IkeOptionInfo *option, const char *text, guint64 *value)
{
  gboolean truth;

  if (g_str_equal (option->type, "bool")) {
    if (!ike_value_bool (text, &truth))
      return FALSE;
    *value = truth ? 1 : 0;
    return TRUE;
  }
  if (g_str_equal (option->type, "uint"))
    return ike_value_uint (text, value);
  if (g_str_equal (option->type, "time"))
    return ike_value_time (text, value);
  if (g_str_equal (option->type, "bytes"))
    return ike_value_bytes (text, value);
  if (g_str_has_prefix (option->type, "enum:"))
    return convert_enum (option->type + strlen ("enum:"), text, value);
  return FALSE;
}

/* The text that counts for @option in @section, NULL when the option is not of @prefix or unset. */
static const char *
text_of (const IkeOptionInfo *option, const char *prefix, const IkeTree *section)
{
  if (!g_str_has_prefix (option->path, prefix))
    return NULL;
  return ike_builder_text (section, option->path + strlen (prefix), option->fallback);
}

static void
report (IkeBuilder *builder, const IkeOptionInfo *option, const char *name, const IkeTree *section,
        const char *text)
{
  const IkeTree *leaf = section ? ike_tree_child (section, name, strlen (name), FALSE) : NULL;
  g_auto (GStrv) words = NULL;
  g_autofree char *list = NULL;

  if (!g_str_has_prefix (option->type, "enum:")) {
    ike_builder_fail (builder, leaf, name, "'%s' is no %s%s", text, option->type,
                      ike_option_hint (option));
    return;
  }
  words = g_strsplit (option->type + strlen ("enum:"), "|", -1);
  list = g_strjoinv (", ", words);
  ike_builder_fail (builder, leaf, name, "'%s' is none of: %s", text, list);
}

guint64 *
ike_options_read (IkeBuilder *builder, const char *prefix, const IkeTree *section)
{
  IkeEngine *engine = builder->engine;
  guint32 n = count_options (engine);
  const IkeOptionInfo *option;
  gsize text_size = 0;
  guint64 *values;
  const char *plugin;
  gboolean is_ready;
  char *texts;

  for (guint32 i = 0; i < n; i++) {
    option = ike_registry_option_nth (engine, i, &plugin, &is_ready);
    if (is_text (option) && text_of (option, prefix, section))
      text_size += strlen (text_of (option, prefix, section)) + 1;
  }
  values = g_malloc0 ((n + 1) * sizeof *values + text_size);
  texts = (char *) (values + n + 1);
  values[0] = n;
  for (guint32 i = 0; i < n; i++) {
    const char *text;
    option = ike_registry_option_nth (engine, i, &plugin, &is_ready);
    text = text_of (option, prefix, section);
    if (!text || !is_ready)
      continue;
    if (is_text (option)) {
      values[i + 1] = (guint64) (guintptr) texts;
      memcpy (texts, text, strlen (text) + 1);
      texts += strlen (text) + 1;
    } else if (!convert (option, text, &values[i + 1]))
      report (builder, option, option->path + strlen (prefix), section, text);
  }
  return values;
}

void
ike_options_free (IkeEngine *engine, guint64 *options)
{
  g_free (options);
}

guint64 *
ike_options_copy (IkeEngine *engine, const guint64 *options)
{
  guint32 n = options ? (guint32) options[0] : 0;
  gsize size = (n + 1) * sizeof *options, text_size = 0;
  const char *plugin;
  gboolean is_ready;
  guint64 *copy;
  char *texts;

  if (!options)
    return NULL;
  for (guint32 i = 0; i < n; i++)
    if (is_text (ike_registry_option_nth (engine, i, &plugin, &is_ready)) && options[i + 1])
      text_size += strlen (ike_option_text (options, i)) + 1;
  copy = g_malloc0 (size + text_size);
  memcpy (copy, options, size);
  texts = (char *) (copy + n + 1);
  for (guint32 i = 0; i < n; i++)
    if (is_text (ike_registry_option_nth (engine, i, &plugin, &is_ready)) && options[i + 1]) {
      gsize len = strlen (ike_option_text (options, i)) + 1;
      memcpy (texts, ike_option_text (options, i), len);
      copy[i + 1] = (guint64) (guintptr) texts;
      texts += len;
    }
  return copy;
}

gboolean
ike_option_find (IkeEngine *engine, const char *path, guint32 *handle, GError **error)
{
  const char *plugin;
  gboolean is_ready;

  if (ike_registry_option (engine, path, handle, &plugin, &is_ready))
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND,
               "option %s is declared by no plugin; declare it in the descriptor", path);
  return FALSE;
}

guint64
ike_option_uint (const guint64 *options, guint32 handle)
{
  return options && handle < options[0] ? options[handle + 1] : 0;
}

const char *
ike_option_text (const guint64 *options, guint32 handle)
{
  return (const char *) (guintptr) ike_option_uint (options, handle);
}
