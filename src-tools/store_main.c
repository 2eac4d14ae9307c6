/* SPDX-License-Identifier: Apache-2.0 */
/* store_main.c - `ikebana-store`, run by `ikebana store`: options, the database, and one
 * transaction. */
#include <locale.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "store.h"

#define DEFAULT_DATABASE "/var/lib/ikebana/store.db"

enum { BUSY_MS = 30000 };

void
store_note (const char *format, ...)
{
  g_autofree char *text = NULL, *clean = NULL;
  va_list list;

  va_start (list, format);
  text = g_strdup_vprintf (format, list);
  va_end (list);
  clean = show_clean (text);
  fprintf (stderr, "ikebana: store: note: %s\n", clean);
}

void
store_print_json (const IkeTree *tree)
{
  char *text = ike_tree_serialize (tree, TRUE);

  puts (text);
  ike_wipe (text, strlen (text));
  g_free (text);
}

/* -- commands */

static const StoreCommand *const groups[] = { store_settings_commands, store_users_commands };

static const StoreCommand *
find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    for (const StoreCommand *command = groups[i]; command->name; command++)
      if (strcmp (command->name, name) == 0)
        return command;
  return NULL;
}

static ToolStatus
refuse (const char *name)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *near;

  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    for (const StoreCommand *command = groups[i]; command->name; command++)
      g_ptr_array_add (names, (gpointer) command->name);
  g_ptr_array_add (names, NULL);
  near = tool_nearest (name, (const char *const *) names->pdata);
  if (near)
    tool_complain ("store: there is no command \"%s\"; did you mean \"%s\"?", name, near);
  else
    tool_complain ("store: there is no command \"%s\"; see \"ikebana store --help\"", name);
  return TOOL_USAGE;
}

static void
print_all (void)
{
  printf ("Usage: ikebana store COMMAND [OPTION…]\n\nCommands:\n");
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    for (const StoreCommand *command = groups[i]; command->name; command++)
      printf ("  %s %s\n      %s\n", command->name, command->usage, command->summary);
  printf ("\nOptions of all:\n"
          "  --database=FILE   instead of that of the settings\n"
          "  --key-file=FILE   likewise: what secrets are wrapped with\n"
          "  --settings=FILE   instead of " IKE_SYSCONFDIR "/ikebana.conf\n"
          "  --json            JSON instead of text\n"
          "\nMore is in ikebana(8).\n");
}

static ToolStatus
complete (const char *const *words)
{
  guint n = g_strv_length ((char **) words);

  for (guint i = 0; n <= 1 && i < G_N_ELEMENTS (groups); i++)
    for (const StoreCommand *command = groups[i]; command->name; command++)
      if (n == 0 || g_str_has_prefix (command->name, words[0]))
        printf ("%s\t%s\n", command->name, command->summary);
  return TOOL_OK;
}

/* -- options */

static gboolean
read_options (StoreTool *tool, char ***words, GError **error)
{
  const GOptionEntry entries[] = {
    { "database", 0, 0, G_OPTION_ARG_FILENAME, &tool->database, NULL, NULL },
    { "key-file", 0, 0, G_OPTION_ARG_FILENAME, &tool->key_file, NULL, NULL },
    { "old-key-file", 0, 0, G_OPTION_ARG_FILENAME, &tool->old_key_file, NULL, NULL },
    { "secret-file", 0, 0, G_OPTION_ARG_FILENAME, &tool->secret_file, NULL, NULL },
    { "settings", 0, 0, G_OPTION_ARG_FILENAME, &tool->settings_file, NULL, NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &tool->is_json, NULL, NULL },
    { "secrets", 0, 0, G_OPTION_ARG_NONE, &tool->shows_secrets, NULL, NULL },
    { "no-secrets", 0, 0, G_OPTION_ARG_NONE, &tool->leaves_out_secrets, NULL, NULL },
    { "replace", 0, 0, G_OPTION_ARG_NONE, &tool->is_whole, NULL, NULL },
    { "dry-run", 0, 0, G_OPTION_ARG_NONE, &tool->is_dry, NULL, NULL },
    { "ntlm", 0, 0, G_OPTION_ARG_NONE, &tool->is_hash, NULL, NULL },
    { "max", 0, 0, G_OPTION_ARG_INT, &tool->max, NULL, NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };

  return tool_parse (entries, words, error);
}

/* What the command line leaves open stands in the daemon's settings, if these may be read. */
static void
read_settings (StoreTool *tool)
{
  g_autoptr (IkeTree) settings = NULL;
  const char *database, *key_file;

  if (tool->database && tool->key_file)
    return;
  settings = ike_settings_load (
      tool->settings_file ? tool->settings_file : IKE_SYSCONFDIR "/ikebana.conf", NULL);
  if (!settings)
    settings = ike_tree_new_section ();
  database = ike_tree_string (settings, "plugins.store-sqlite.database", NULL);
  if (!database)
    database = ike_tree_string (settings, "plugins.sqlite.database", DEFAULT_DATABASE);
  key_file = ike_tree_string (settings, "plugins.store-sqlite.key_file", NULL);
  if (!tool->database)
    tool->database = g_strdup (database);
  if (!tool->key_file && key_file && *key_file)
    tool->key_file = g_strdup (key_file);
}

/* -- one transaction */

static gboolean
run_inside (StoreTool *tool, const StoreCommand *command, const char *const *words, GError **error)
{
  gboolean is_kept = command->is_writing && !tool->is_dry;

  if (!connection_begin (tool->connection, !command->is_writing, g_get_real_time (), error))
    return FALSE;
  if (command->run (tool, words, error)) {
    if (is_kept)
      return connection_commit (tool->connection, error);
    connection_rollback (tool->connection);
    return TRUE;
  }
  connection_rollback (tool->connection);
  return FALSE;
}

static char *
who_asks (void)
{
  const struct passwd *entry = getpwuid (getuid ());

  return entry ? g_strdup (entry->pw_name) : g_strdup_printf ("uid %u", (guint) getuid ());
}

static gboolean
run (StoreTool *tool, const StoreCommand *command, const char *const *words, GError **error)
{
  const ConnectionOptions options = { tool->database, CONNECTION_WRITES, BUSY_MS, TRUE };
  g_autofree char *who = who_asks ();
  gboolean is_clear = FALSE;

  tool->context = (StoreContext){ &tool->key, who };
  store_cipher_init (&tool->key.cipher);
  if (tool->key_file && !(tool->key.key = store_key_read (tool->key_file, error)))
    return FALSE;
  if (!command->is_writing && !g_file_test (tool->database, G_FILE_TEST_EXISTS)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND,
                 "there is no database %s; \"ikebana store import\" makes one", tool->database);
    return FALSE;
  }
  tool->connection = connection_open (&options, error);
  if (!tool->connection || !connection_migrate (tool->connection, "store", store_migrations, error))
    return FALSE;
  tool->tx = connection_tx (tool->connection);
  if (!run_inside (tool, command, words, error))
    return FALSE;
  if (command->is_writing && !tool->key.key && store_has_clear (tool->tx, &is_clear, NULL)
      && is_clear)
    store_note ("%s has secrets in clear; see --key-file", tool->database);
  return TRUE;
}

static ToolStatus
status_of (const GError *error)
{
  if (error->domain == G_OPTION_ERROR || g_error_matches (error, IKE_ERROR, IKE_ERROR_SYNTAX))
    return TOOL_USAGE;
  if (g_error_matches (error, IKE_ERROR, IKE_ERROR_NOT_FOUND))
    return TOOL_NOT_FOUND;
  return g_error_matches (error, IKE_ERROR, IKE_ERROR_DENIED) ? TOOL_DENIED : TOOL_FAILED;
}

static ToolStatus
dispatch (StoreTool *tool, const char *const *words)
{
  const StoreCommand *command = find (words[0]);
  guint n = g_strv_length ((char **) words + 1);
  g_autoptr (GError) error = NULL;

  if (!command)
    return refuse (words[0]);
  if (n < command->n_min || n > command->n_max) {
    tool_complain ("store: it is %s %s", command->name, command->usage);
    return TOOL_USAGE;
  }
  read_settings (tool);
  if (run (tool, command, words + 1, &error))
    return TOOL_OK;
  fflush (stdout);
  tool_complain ("store %s: %s", command->name, error->message);
  return status_of (error);
}

static void
clear (StoreTool *tool)
{
  connection_close (tool->connection);
  ike_secret_blob_unref (tool->key.key);
  g_free (tool->database);
  g_free (tool->key_file);
  g_free (tool->old_key_file);
  g_free (tool->secret_file);
  g_free (tool->settings_file);
}

int
main (int argc, char **argv)
{
  g_auto (GStrv) words = g_strdupv (argv);
  StoreTool tool = { .max = 100 };
  g_autoptr (GError) error = NULL;
  ToolStatus status = TOOL_USAGE;
  const char *first;

  setlocale (LC_CTYPE, "");
  first = argc > 1 ? argv[1] : NULL;
  if (g_strcmp0 (first, "__complete") == 0)
    return (int) complete ((const char *const *) argv + 2);
  if (tool_wants_help ((const char *const *) argv)) {
    print_all ();
    return TOOL_OK;
  }
  if (!read_options (&tool, &words, &error))
    tool_complain ("store: %s; see \"ikebana store --help\"", error->message);
  else if (!words[0] || !words[1])
    tool_complain ("store: no command; see \"ikebana store --help\"");
  else
    status = dispatch (&tool, (const char *const *) words + 1);
  clear (&tool);
  if (fflush (stdout) != 0 && status == TOOL_OK) {
    tool_complain ("store: cannot write standard output");
    status = TOOL_FAILED;
  }
  return (int) status;
}
