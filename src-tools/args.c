/* SPDX-License-Identifier: Apache-2.0 */
/* args.c - turns a command line into arguments, as the schema declares them. */
#include <errno.h>
#include <string.h>
#include "args.h"

typedef struct {
  Json       *args;                           /* declarations */
  const char *name;                           /* of the command */
  Json       *out;
  char      **message;
} Parser;

gboolean
args_is_positional (Json *arg)
{
  return tool_truth (arg, "positional");
}

gboolean
args_is_required (Json *arg)
{
  return tool_truth (arg, "required");
}

static gboolean
refuse (Parser *parser, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
refuse (Parser *parser, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  *parser->message = g_strdup_vprintf (format, args);
  va_end (args);
  return FALSE;
}

static const char *
type_of (Json *arg)
{
  return tool_text (arg, "type", "string");
}

static gboolean
add_bool (Parser *parser, const char *name, const char *text)
{
  static const char *const words[] = { "yes", "true", "1", "on", "no", "false", "0", "off", NULL };
  for (guint i = 0; words[i] != NULL; i++) {
    if (g_ascii_strcasecmp (text, words[i]) == 0) {
      json_object_object_add (parser->out, name, json_object_new_boolean (i < 4));
      return TRUE;
    }
  }
  return refuse (parser, "--%s is yes or no, not \"%s\"", name, text);
}

static gboolean
add_uint (Parser *parser, const char *name, const char *text)
{
  gint64 number;
  char *end = NULL;
  errno = 0;
  number = g_ascii_strtoll (text, &end, 0);
  if (errno != 0 || end == text || *end != 0 || number < 0)
    return refuse (parser, "%s must be a number, not \"%s\"", name, text);
  json_object_object_add (parser->out, name, json_object_new_int64 (number));
  return TRUE;
}

static gboolean
add_choice (Parser *parser, const char *name, const char *text, const char *choices)
{
  g_auto (GStrv) names = g_strsplit (choices, "|", -1);
  g_autofree char *all = NULL;
  const char *near;
  if (g_strv_contains ((const char *const *) names, text)) {
    json_object_object_add (parser->out, name, json_object_new_string (text));
    return TRUE;
  }
  near = tool_nearest (text, (const char *const *) names);
  all = g_strjoinv (", ", names);
  if (near != NULL)
    return refuse (parser, "%s cannot be \"%s\"; did you mean %s?", name, text, near);
  return refuse (parser, "%s cannot be \"%s\"; it is one of %s", name, text, all);
}

static gboolean
add_list (Parser *parser, const char *name, const char *text)
{
  g_auto (GStrv) items = g_strsplit (text, ",", -1);
  Json *list = NULL;
  if (!json_object_object_get_ex (parser->out, name, &list)) {
    list = json_object_new_array ();
    json_object_object_add (parser->out, name, list);
  }
  for (guint i = 0; items[i] != NULL; i++) {
    if (*g_strstrip (items[i]) != 0)
      json_object_array_add (list, json_object_new_string (items[i]));
  }
  return TRUE;
}

static gboolean
add_value (Parser *parser, Json *arg, const char *text)
{
  const char *name = tool_text (arg, "name", ""), *type = type_of (arg);
  if (!g_utf8_validate (text, -1, NULL))
    return refuse (parser, "%s is not UTF-8 text", name);
  if (strcmp (type, "list") == 0)
    return add_list (parser, name, text);
  if (json_object_object_get_ex (parser->out, name, NULL))
    return refuse (parser, "%s is given twice", name);
  if (strcmp (type, "bool") == 0)
    return add_bool (parser, name, text);
  if (strcmp (type, "uint") == 0)
    return add_uint (parser, name, text);
  if (g_str_has_prefix (type, "enum:"))
    return add_choice (parser, name, text, type + strlen ("enum:"));
  json_object_object_add (parser->out, name, json_object_new_string (text));
  return TRUE;
}

static Json *
find_option (Parser *parser, const char *name, gsize len)
{
  for (size_t i = 0; i < json_object_array_length (parser->args); i++) {
    Json *arg = json_object_array_get_idx (parser->args, i);
    const char *candidate = tool_text (arg, "name", "");
    if (strlen (candidate) == len && strncmp (candidate, name, len) == 0)
      return arg;
  }
  return NULL;
}

static gboolean
refuse_option (Parser *parser, const char *name, gsize len)
{
  g_autofree char *wrong = g_strndup (name, len);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *near;
  for (size_t i = 0; i < json_object_array_length (parser->args); i++)
    g_ptr_array_add (
        names, (gpointer) tool_text (json_object_array_get_idx (parser->args, i), "name", ""));
  g_ptr_array_add (names, NULL);
  near = tool_nearest (wrong, (const char *const *) names->pdata);
  if (near != NULL)
    return refuse (parser, "%s has no option --%s; did you mean --%s?", parser->name, wrong, near);
  return refuse (parser, "%s has no option --%s; see \"ikebana help %s\"", parser->name, wrong,
                 parser->name);
}

/* Advances @argv over the option, and over its value when that is a word of its own. */
static gboolean
take_option (Parser *parser, const char *const **argv)
{
  const char *name = **argv + 2, *equals = strchr (name, '=');
  gsize len = equals != NULL ? (gsize) (equals - name) : strlen (name);
  Json *arg = find_option (parser, name, len);
  if (arg == NULL)
    return refuse_option (parser, name, len);
  (*argv)++;
  if (equals != NULL)
    return add_value (parser, arg, equals + 1);
  if (strcmp (type_of (arg), "bool") == 0)
    return add_value (parser, arg, "yes");
  if (**argv == NULL)
    return refuse (parser, "--%s needs a value", name);
  return add_value (parser, arg, *(*argv)++);
}

static Json *
next_positional (Parser *parser, size_t *at)
{
  for (; *at < json_object_array_length (parser->args); (*at)++) {
    Json *arg = json_object_array_get_idx (parser->args, *at);
    if (!args_is_positional (arg))
      continue;
    /* A list takes all the words that are left. */
    if (strcmp (type_of (arg), "list") != 0)
      (*at)++;
    return arg;
  }
  return NULL;
}

static gboolean
check_required (Parser *parser)
{
  for (size_t i = 0; i < json_object_array_length (parser->args); i++) {
    Json *arg = json_object_array_get_idx (parser->args, i);
    const char *name = tool_text (arg, "name", "");
    if (args_is_required (arg) && !json_object_object_get_ex (parser->out, name, NULL))
      return refuse (parser, "%s needs %s%s (%s); see \"ikebana help %s\"", parser->name,
                     args_is_positional (arg) ? "a " : "--", name,
                     tool_text (arg, "doc", type_of (arg)), parser->name);
  }
  return TRUE;
}

static gboolean
take_all (Parser *parser, const char *const *argv)
{
  gboolean only_words = FALSE;
  size_t at = 0;
  while (*argv != NULL) {
    Json *arg;
    if (!only_words && strcmp (*argv, "--") == 0) {
      only_words = TRUE;
      argv++;
      continue;
    }
    if (!only_words && g_str_has_prefix (*argv, "--")) {
      if (!take_option (parser, &argv))
        return FALSE;
      continue;
    }
    arg = next_positional (parser, &at);
    if (arg == NULL)
      return refuse (parser, "%s takes no further argument \"%s\"; see \"ikebana help %s\"",
                     parser->name, *argv, parser->name);
    if (!add_value (parser, arg, *argv++))
      return FALSE;
  }
  return check_required (parser);
}

Json *
args_parse (Json *command, const char *const *argv, char **message)
{
  g_autoptr (Json) none = json_object_new_array ();
  Parser parser = {
    .args = tool_get (command, "args"),
    .name = tool_text (command, "name", ""),
    .out = json_object_new_object (),
    .message = message,
  };
  if (!json_object_is_type (parser.args, json_type_array))
    parser.args = none;
  if (take_all (&parser, argv))
    return parser.out;
  json_object_put (parser.out);
  return NULL;
}

char *
args_usage (Json *command)
{
  GString *usage = g_string_new (tool_text (command, "name", ""));
  Json *args = tool_get (command, "args");
  for (size_t i = 0;
       json_object_is_type (args, json_type_array) && i < json_object_array_length (args); i++) {
    Json *arg = json_object_array_get_idx (args, i);
    const char *open = args_is_required (arg) ? "" : "[",
               *close = args_is_required (arg) ? "" : "]";
    const char *name = tool_text (arg, "name", ""), *type = type_of (arg);
    g_autofree char *upper = g_ascii_strup (name, -1);
    if (args_is_positional (arg))
      g_string_append_printf (usage, " %s%s%s%s", open, upper,
                              strcmp (type, "list") == 0 ? "…" : "", close);
    else if (strcmp (type, "bool") == 0)
      g_string_append_printf (usage, " %s--%s%s", open, name, close);
    else
      g_string_append_printf (usage, " %s--%s=%s%s", open, name,
                              g_str_has_prefix (type, "enum:") ? type + 5 : upper, close);
  }
  return g_string_free (usage, FALSE);
}
