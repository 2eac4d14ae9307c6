/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_main.c - `ikebana-plugin`, run by `ikebana plugin`: options, and which command. */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include "plugin.h"

enum { LIMIT_S_MAX = 3600 };

static void
print_usage (void)
{
  g_autofree char *kinds = g_strjoinv ("|", (char **) plugin_kinds ());

  printf ("Usage: ikebana plugin COMMAND [OPTION…]\n\nCommands:\n"
          "  new NAME [--kind=KIND] [--build=make|autotools|meson] [--directory=DIR]\n"
          "      begin a plugin that builds outside of the source tree, with a test of its own\n"
          "      KIND: %s (default: hook)\n"
          "  test FILE.so [OPTION…]\n"
          "      look at a plugin that was built, and run it in engines without a network\n"
          "\nOptions of test:\n"
          "  --conf=FILE       its file for conf.d (default: NAME.conf beside it)\n"
          "  --settings=FILE   further settings of both engines\n"
          "  --auth=A[,B]      how the ends authenticate themselves (default: by its own method)\n"
          "  --with=NAME,…     other plugins that it needs\n"
          "  --plugins=DIR     where those and the usual ones are (new: whose names are taken)\n"
          "  --limit=SECONDS   how long a rule may take (default: %d)\n"
          "\nExit status: 0 all is well, 1 something is not, 2 usage.  More in ikebana(8).\n",
          kinds, PLUGIN_LIMIT_S);
}

static ToolStatus
complete (const char *const *words)
{
  static const char *const commands[] = { "new\tbegin a plugin", "test\tlook at one, and run it" };
  const char *first = words[0] ? words[0] : "";

  for (guint i = 0; (!words[0] || !words[1]) && i < G_N_ELEMENTS (commands); i++)
    if (g_str_has_prefix (commands[i], first))
      puts (commands[i]);
  return TOOL_OK;
}

static gboolean
read_options (PluginTool *tool, char ***words, GError **error)
{
  const GOptionEntry entries[] = {
    { "kind", 0, 0, G_OPTION_ARG_STRING, &tool->kind, NULL, NULL },
    { "build", 0, 0, G_OPTION_ARG_STRING, &tool->build, NULL, NULL },
    { "directory", 0, 0, G_OPTION_ARG_FILENAME, &tool->directory, NULL, NULL },
    { "template", 0, 0, G_OPTION_ARG_FILENAME, &tool->template_dir, NULL, NULL },
    { "conf", 0, 0, G_OPTION_ARG_FILENAME, &tool->conf, NULL, NULL },
    { "settings", 0, 0, G_OPTION_ARG_FILENAME, &tool->settings, NULL, NULL },
    { "auth", 0, 0, G_OPTION_ARG_STRING, &tool->auth, NULL, NULL },
    { "with", 0, 0, G_OPTION_ARG_STRING, &tool->with, NULL, NULL },
    { "plugins", 0, 0, G_OPTION_ARG_FILENAME, &tool->plugin_dir, NULL, NULL },
    { "limit", 0, 0, G_OPTION_ARG_INT, &tool->limit_s, NULL, NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };

  if (!tool_parse (entries, words, error))
    return FALSE;
  if (tool->limit_s > 0 && tool->limit_s <= LIMIT_S_MAX)
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               "--limit is of 1 to %d seconds, not %d", LIMIT_S_MAX, tool->limit_s);
  return FALSE;
}

static ToolStatus
dispatch (const PluginTool *tool, char **words)
{
  const char *command = words[0];

  if (command && words[1] && !words[2] && strcmp (command, "new") == 0)
    return plugin_new (tool, words[1]);
  if (command && words[1] && !words[2] && strcmp (command, "test") == 0)
    return plugin_test (tool, words[1]);
  if (!command)
    tool_complain ("plugin: no command; see \"ikebana plugin --help\"");
  else if (strcmp (command, "new") == 0)
    tool_complain ("plugin: it is new NAME [--kind=KIND]");
  else if (strcmp (command, "test") == 0)
    tool_complain ("plugin: it is test FILE.so");
  else
    tool_complain ("plugin: there is no command \"%s\"; there are new and test", command);
  return TOOL_USAGE;
}

static void
clear (PluginTool *tool)
{
  g_free (tool->kind);
  g_free (tool->build);
  g_free (tool->directory);
  g_free (tool->template_dir);
  g_free (tool->conf);
  g_free (tool->settings);
  g_free (tool->auth);
  g_free (tool->with);
  g_free (tool->plugin_dir);
}

int
main (int argc, char **argv)
{
  g_auto (GStrv) words = g_strdupv (argv);
  g_autoptr (GError) error = NULL;
  PluginTool tool = { .limit_s = PLUGIN_LIMIT_S };
  ToolStatus status = TOOL_USAGE;

  setlocale (LC_CTYPE, "");
  if (argc > 1 && strcmp (argv[1], "__complete") == 0)
    return (int) complete ((const char *const *) argv + 2);
  if (tool_wants_help ((const char *const *) argv)) {
    print_usage ();
    return TOOL_OK;
  }
  if (!read_options (&tool, &words, &error))
    tool_complain ("plugin: %s; see \"ikebana plugin --help\"", error->message);
  else
    status = dispatch (&tool, words + 1);
  clear (&tool);
  if (fflush (stdout) != 0 && status == TOOL_OK) {
    tool_complain ("plugin: cannot write standard output");
    status = TOOL_FAILED;
  }
  return (int) status;
}
