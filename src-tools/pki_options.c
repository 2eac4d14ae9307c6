/* SPDX-License-Identifier: Apache-2.0 */
/* pki_options.c - reads a command line by the table of its command; help and completion from the
 * same table. */
#include <stdio.h>
#include <string.h>
#include "pki.h"

enum { GIVEN_MAX = 100000 };

const PkiOption pki_output_options[] = {
  { "form", PKI_TEXT, FALSE, "pem|der", "how it is written; pem by default" },
  { "out", PKI_TEXT, FALSE, "FILE", "where to; standard output by default" },
  { "force", PKI_SWITCH, FALSE, NULL, "overwrite a private key, or make what is refused" },
  { NULL },
};

const PkiOption pki_passphrase_options[] = {
  { "passphrase-file", PKI_TEXT, FALSE, "FILE",
    "its first line is the passphrase; else IKEBANA_PASSPHRASE, or asked for" },
  { NULL },
};

gboolean
pki_usage (GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list list;

  va_start (list, format);
  text = g_strdup_vprintf (format, list);
  va_end (list);
  g_set_error_literal (error, IKE_ERROR, IKE_ERROR_SYNTAX, text);
  return FALSE;
}

/* -- the table */

static const PkiOption *
find (const PkiCommand *command, const char *name)
{
  for (guint i = 0; command->groups[i]; i++)
    for (const PkiOption *option = command->groups[i]; option->name; option++)
      if (strcmp (option->name, name) == 0)
        return option;
  return NULL;
}

static gboolean
refuse_unknown (const PkiCommand *command, const char *name, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *near;

  for (guint i = 0; command->groups[i]; i++)
    for (const PkiOption *option = command->groups[i]; option->name; option++)
      g_ptr_array_add (names, (gpointer) option->name);
  g_ptr_array_add (names, NULL);
  near = tool_nearest (name, (const char *const *) names->pdata);
  if (near)
    return pki_usage (error, "there is no option --%s; did you mean --%s?", name, near);
  return pki_usage (error, "there is no option --%s; see \"ikebana pki %s --help\"", name,
                    command->name);
}

gboolean
pki_choice (const char *choices, const char *word, const char *what, GError **error)
{
  g_auto (GStrv) names = g_strsplit (choices, "|", -1);
  g_autofree char *all = g_strjoinv (", ", names);
  const char *near;

  if (g_strv_contains ((const char *const *) names, word))
    return TRUE;
  near = tool_nearest (word, (const char *const *) names);
  if (near)
    return pki_usage (error, "%s cannot be \"%s\"; did you mean %s?", what, word, near);
  return pki_usage (error, "%s cannot be \"%s\"; it is one of %s", what, word, all);
}

/* -- reading */

static gboolean
add (PkiArgs *args, const PkiOption *option, const char *value, GError **error)
{
  PkiGiven given = { option, value };
  g_autofree char *what = g_strconcat ("--", option->name, NULL);
  guint64 number;

  if (!option->is_list && pki_has (args, option->name))
    return pki_usage (error, "%s is given twice", what);
  if (args->given->len >= GIVEN_MAX)
    return pki_usage (error, "there are more than %d options", GIVEN_MAX);
  if (value && !g_utf8_validate (value, -1, NULL))
    return pki_usage (error, "the value of %s is not UTF-8 text", what);
  if (option->kind == PKI_NUMBER
      && !g_ascii_string_to_unsigned (value, 10, 0, G_MAXINT32, &number, NULL))
    return pki_usage (error, "%s takes a number, not \"%s\"", what, value);
  if (value && option->value && strchr (option->value, '|')
      && !pki_choice (option->value, value, what, error))
    return FALSE;
  g_array_append_val (args->given, given);
  return TRUE;
}

/* One word that begins with "--", and perhaps the next one: moves @words behind it. */
static gboolean
read_option (PkiArgs *args, const char *const **words, GError **error)
{
  const char *word = *(*words)++ + 2, *equals = strchr (word, '=');
  g_autofree char *name = equals ? g_strndup (word, (gsize) (equals - word)) : g_strdup (word);
  const PkiOption *option = find (args->command, name);

  if (strcmp (name, "help") == 0) {
    args->wants_help = TRUE;
    return TRUE;
  }
  if (!option)
    return refuse_unknown (args->command, name, error);
  if (option->kind == PKI_SWITCH)
    return equals ? pki_usage (error, "--%s takes no value", name)
                  : add (args, option, NULL, error);
  if (equals)
    return add (args, option, equals + 1, error);
  if (!**words)
    return pki_usage (error, "--%s needs a value: %s", name, option->value);
  return add (args, option, *(*words)++, error);
}

gboolean
pki_args_read (PkiArgs *args, const PkiCommand *command, const char *const *words, GError **error)
{
  const PkiOption *in = find (command, "in");

  args->command = command;
  args->given = g_array_new (FALSE, FALSE, sizeof (PkiGiven));
  while (*words && !args->wants_help) {
    if (strcmp (*words, "-h") == 0) {
      args->wants_help = TRUE;
    } else if (g_str_has_prefix (*words, "--") && (*words)[2]) {
      if (!read_option (args, &words, error))
        return FALSE;
    } else if (in && ((*words)[0] != '-' || !(*words)[1])) {
      if (!add (args, in, *words++, error))
        return FALSE;
    } else {
      return pki_usage (error, "there is no place for \"%s\"; see \"ikebana pki %s --help\"",
                        *words, command->name);
    }
  }
  return TRUE;
}

void
pki_args_clear (PkiArgs *args)
{
  g_clear_pointer (&args->given, g_array_unref);
}

const char *
pki_nth (const PkiArgs *args, const char *name, guint i)
{
  for (guint at = 0; at < args->given->len; at++) {
    const PkiGiven *given = &g_array_index (args->given, PkiGiven, at);
    if (strcmp (given->option->name, name) == 0 && i-- == 0)
      return given->value;
  }
  return NULL;
}

const char *
pki_text (const PkiArgs *args, const char *name)
{
  return pki_nth (args, name, 0);
}

gboolean
pki_has (const PkiArgs *args, const char *name)
{
  for (guint at = 0; at < args->given->len; at++)
    if (strcmp (g_array_index (args->given, PkiGiven, at).option->name, name) == 0)
      return TRUE;
  return FALSE;
}

guint64
pki_number (const PkiArgs *args, const char *name, guint64 fallback)
{
  const char *text = pki_text (args, name);

  return text ? g_ascii_strtoull (text, NULL, 10) : fallback;
}

const char *
pki_need (const PkiArgs *args, const char *name, GError **error)
{
  const char *text = pki_text (args, name);
  const PkiOption *option = find (args->command, name);

  if (!text)
    pki_usage (error, "--%s %s is needed: %s", name, option->value, option->doc);
  return text;
}

/* -- help and completion */

static void
print_option (const PkiOption *option)
{
  g_autofree char *word =
      g_strdup_printf ("--%s%s%s%s", option->name, option->value ? " " : "",
                       option->value ? option->value : "", option->is_list ? " …" : "");

  if (g_utf8_strlen (word, -1) > 26)
    printf ("  %s\n  %-26s  %s\n", word, "", option->doc);
  else
    printf ("  %s%*s  %s\n", word, 26 - (int) g_utf8_strlen (word, -1), "", option->doc);
}

void
pki_print_help (const PkiCommand *command)
{
  printf ("Usage: ikebana pki %s [OPTION…]\n\n%s\n\n", command->name, command->summary);
  for (guint i = 0; command->groups[i]; i++)
    for (const PkiOption *option = command->groups[i]; option->name; option++)
      print_option (option);
  printf ("  --help                      show this\n");
  if (command->notes)
    printf ("\n%s\n", command->notes);
}

static void
offer (const char *word, const char *prefix, const char *doc)
{
  if (g_str_has_prefix (word, prefix))
    printf ("%s\t%s\n", word, doc);
}

static void
offer_choices (const PkiOption *option, const char *prefix)
{
  g_auto (GStrv) names = g_strsplit (option->value, "|", -1);

  for (guint i = 0; names[i] && names[1]; i++)
    offer (names[i], prefix, option->doc);
}

void
pki_complete (const PkiCommand *command, const char *const *words)
{
  guint n = g_strv_length ((char **) words);
  const char *prefix = n ? words[n - 1] : "", *before = n > 1 ? words[n - 2] : "";
  gboolean is_long = strlen (before) > 2 && before[0] == '-' && before[1] == '-';
  const PkiOption *option = is_long ? find (command, before + 2) : NULL;

  if (option && option->value) {
    offer_choices (option, prefix);
    return;
  }
  for (guint i = 0; prefix[0] == '-' && command->groups[i]; i++)
    for (option = command->groups[i]; option->name; option++) {
      g_autofree char *word = g_strconcat ("--", option->name, NULL);
      offer (word, prefix, option->doc);
    }
}
