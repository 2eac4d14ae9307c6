/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - `ikebana`: reads the options of every command, and finds the command. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cmd.h"

typedef struct {
  Tool tool;
  const char *color;
  gboolean wants_help, wants_version;
  GPtrArray *words; /* what is not an option of the tool; NULL-terminated */
} CommandLine;

/* --NAME=VALUE or --NAME VALUE: moves @argv behind it.  FALSE when it is another option. */
static gboolean
take_value (const char *name, const char *const **argv, const char **value, gboolean *is_missing)
{
  gsize len = strlen (name);
  if (strncmp (**argv, name, len) != 0 || ((**argv)[len] != '=' && (**argv)[len] != 0))
    return FALSE;
  if ((**argv)[len] == '=') {
    *value = **argv + len + 1;
    (*argv)++;
    return TRUE;
  }
  *is_missing = (*argv)[1] == NULL;
  *value = (*argv)[1];
  *argv += *is_missing ? 1 : 2;
  return TRUE;
}

static gboolean
take_switch (CommandLine *line, const char *word)
{
  if (strcmp (word, "--json") == 0)
    line->tool.is_json = TRUE;
  else if (strcmp (word, "--no-color") == 0)
    line->color = "never";
  else if (strcmp (word, "--help") == 0 || strcmp (word, "-h") == 0)
    line->wants_help = TRUE;
  else if (strcmp (word, "--version") == 0)
    line->wants_version = TRUE;
  else
    return FALSE;
  return TRUE;
}

static gboolean
read_wait (CommandLine *line, const char *text)
{
  char *end = NULL;
  guint64 seconds = text != NULL ? g_ascii_strtoull (text, &end, 10) : 0;
  if (text == NULL || end == text || *end != 0 || seconds > 86400) {
    tool_complain ("--wait takes a number of seconds, at most 86400");
    return FALSE;
  }
  line->tool.wait_s = (guint) seconds;
  return TRUE;
}

static gboolean
read_options (CommandLine *line, const char *const *argv)
{
  while (*argv != NULL) {
    const char *wait = NULL;
    gboolean is_missing = FALSE;
    if (strcmp (*argv, "--") == 0) {
      for (; *argv != NULL; argv++)
        g_ptr_array_add (line->words, (gpointer) *argv);
      break;
    }
    if (take_switch (line, *argv)) {
      argv++;
    } else if (take_value ("--wait", &argv, &wait, &is_missing)) {
      if (!read_wait (line, wait))
        return FALSE;
    } else if (take_value ("--socket", &argv, &line->tool.socket_path, &is_missing)
               || take_value ("--color", &argv, &line->color, &is_missing)) {
      if (is_missing) {
        tool_complain ("%s needs a value; see \"ikebana help\"", argv[-1]);
        return FALSE;
      }
    } else {
      g_ptr_array_add (line->words, (gpointer) *argv++);
    }
  }
  g_ptr_array_add (line->words, NULL);
  return TRUE;
}

static gboolean
choose_color (CommandLine *line)
{
  const char *no_color = g_getenv ("NO_COLOR"), *terminal = g_getenv ("TERM");
  if (strcmp (line->color, "always") == 0) {
    line->tool.has_color = TRUE;
  } else if (strcmp (line->color, "auto") == 0) {
    line->tool.has_color = isatty (STDOUT_FILENO) && (no_color == NULL || no_color[0] == 0)
                           && g_strcmp0 (terminal, "dumb") != 0;
  } else if (strcmp (line->color, "never") != 0) {
    tool_complain ("--color is always, never or auto, not \"%s\"", line->color);
    return FALSE;
  }
  return TRUE;
}

static ToolStatus
dispatch (const CommandLine *line)
{
  const char *const *words = (const char *const *) line->words->pdata;
  if (words[0] != NULL && strcmp (words[0], "__complete") == 0)
    return cmd_complete (&line->tool, words + 1);
  if (cmd_is_program (words[0])) {
    tool_complain ("options of %s stand behind it; see \"ikebana help %s\"", words[0], words[0]);
    return TOOL_USAGE;
  }
  if (line->wants_version)
    return cmd_version (&line->tool, words);
  if (line->wants_help)
    return cmd_help (&line->tool, words);
  if (words[0] == NULL) {
    tool_complain ("no command; see \"ikebana help\"");
    return TOOL_USAGE;
  }
  if (words[0][0] == '-') {
    tool_complain ("there is no option %s before the command; see \"ikebana help\"", words[0]);
    return TOOL_USAGE;
  }
  if (strcmp (words[0], "help") == 0)
    return cmd_help (&line->tool, words + 1);
  if (strcmp (words[0], "version") == 0)
    return cmd_version (&line->tool, words + 1);
  return cmd_run (&line->tool, words[0], words + 1);
}

int
main (int argc, char **argv)
{
  CommandLine line = { .color = "auto", .words = g_ptr_array_new () };
  const char *socket_path = g_getenv ("IKEBANA_SOCKET");
  ToolStatus status = TOOL_USAGE;
  setlocale (LC_CTYPE, "");
  /* Its options are others than those of the daemon's commands. */
  if (argc > 1 && cmd_is_program (argv[1]))
    return (int) cmd_program (argv[1], (const char *const *) argv + 2);
  if (socket_path != NULL && socket_path[0] != 0)
    line.tool.socket_path = socket_path;
  if (read_options (&line, (const char *const *) argv + MIN (argc, 1)) && choose_color (&line))
    status = dispatch (&line);
  g_ptr_array_unref (line.words);
  if (fflush (stdout) != 0 && status == TOOL_OK)
    status = TOOL_BROKEN;
  return (int) status;
}
