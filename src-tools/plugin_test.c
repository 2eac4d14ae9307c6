/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_test.c - `ikebana plugin test`: one line for each rule, as TAP: what is good, or what is
 * wrong and what to do. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "plugin.h"
#include "show.h"

/* -- what the file alone says */

static gboolean
check_note (const PluginCase *c, GString *text)
{
  const PluginFile *file = c->file;

  if (file->n_notes == 0)
    g_string_printf (text,
                     "the file has no Ikebana note: end its main file with IKE_PLUGIN "
                     "(ike_plugin, \"%s\", 0, …)",
                     file->name);
  else if (file->n_notes > 1)
    g_string_printf (text, "the file has %u Ikebana notes: one plugin is one file", file->n_notes);
  else if (strcmp (file->note_name, file->name) != 0)
    g_string_printf (text, "the file holds plugin %s: call it %s.so", file->note_name,
                     file->note_name);
  else
    g_string_printf (text, "of plugin %s", file->note_name);
  return file->n_notes == 1 && strcmp (file->note_name, file->name) == 0;
}

static gboolean
check_abi (const PluginCase *c, GString *text)
{
  const PluginFile *file = c->file;

  g_string_printf (text, "%u.%u, this is %u.%u", file->abi_major, file->abi_minor, IKE_ABI_MAJOR,
                   IKE_ABI_MINOR);
  if (file->abi_major == IKE_ABI_MAJOR && file->abi_minor <= IKE_ABI_MINOR)
    return TRUE;
  g_string_append (text,
                   file->abi_major < IKE_ABI_MAJOR
                       ? ": rebuild the plugin against the headers of this version"
                       : ": update Ikebana, or rebuild the plugin against the headers of this "
                         "version");
  return FALSE;
}

/* A library that is taken for a plugin has hundreds. */
static void
append_names (GString *text, const char *what, const GPtrArray *names)
{
  for (guint i = 0; i < MIN (names->len, 8); i++)
    g_string_append_printf (text, "%s%s", i ? ", " : what,
                            (const char *) g_ptr_array_index (names, i));
  if (names->len > 8)
    g_string_append_printf (text, " and %u more", names->len - 8);
}

static gboolean
check_symbols (const PluginCase *c, GString *text)
{
  g_autoptr (GPtrArray) others = g_ptr_array_new ();
  gboolean is_there = FALSE;

  for (guint i = 0; i < c->file->exported->len; i++) {
    gpointer name = g_ptr_array_index (c->file->exported, i);
    if (strcmp (name, "ike_plugin") == 0)
      is_there = TRUE;
    else
      g_ptr_array_add (others, name);
  }
  if (is_there && !others->len) {
    g_string_append (text, "ike_plugin alone is exported");
    return TRUE;
  }
  append_names (text, "exports ", others);
  if (others->len)
    g_string_append (text, ": make functions static, or compile with -fvisibility=hidden");
  if (!is_there)
    g_string_append_printf (text,
                            "%sike_plugin is not exported: end its main file with IKE_PLUGIN "
                            "(ike_plugin, …)",
                            text->len ? "; " : "");
  return FALSE;
}

static gboolean
check_variables (const PluginCase *c, GString *text)
{
  const GPtrArray *names = c->file->variables;

  append_names (text, "can be written: ", names);
  if (names->len > 0)
    g_string_append (text, ": several engines run in one process, so make it const, or let it hang "
                           "off the plugin with ike_plugin_set_state ()");
  else
    g_string_append (text, "there are none that can be written");
  return names->len == 0;
}

/* -- all of them */

/* What a check takes: the file; its note; a process of its own; engines there; engines that come up
 * and end as they should. */
enum { FILE_ALONE, ITS_NOTE, A_PROCESS, ENGINES, SOUND_ENGINES };

static const struct {
  const char *name;
  guint takes;
  PluginCheck check;
  guint otherwise; /* when it is not passed, no more than this is there for those behind it */
} checks[] = {
  { "note", FILE_ALONE, check_note, FILE_ALONE },
  { "ABI", ITS_NOTE, check_abi, ITS_NOTE },
  { "symbols", FILE_ALONE, check_symbols, SOUND_ENGINES },
  { "variables", FILE_ALONE, check_variables, SOUND_ENGINES },
  { "descriptor", A_PROCESS, plugin_check_descriptor, A_PROCESS },
  { "options", A_PROCESS, plugin_check_options, SOUND_ENGINES },
  { "load", ENGINES, plugin_check_load, A_PROCESS },
  { "exchange", ENGINES, plugin_check_exchange, ENGINES },
  { "late answers", SOUND_ENGINES, plugin_check_waits, SOUND_ENGINES },
  { "unload", ENGINES, plugin_check_unload, ENGINES },
  { "leaks", SOUND_ENGINES, plugin_check_leaks, SOUND_ENGINES },
  { "stalls", ENGINES, plugin_check_stalls, SOUND_ENGINES },
};

/* The first line of @text is the verdict; what was logged follows. */
static void
print_verdict (gboolean passed, guint number, const char *name, const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i]; i++) {
    g_autofree char *clean = show_clean (lines[i]);
    if (i > 0)
      printf ("# %s\n", clean);
    else
      printf ("%s %u - %s: %s\n", passed ? "ok" : "not ok", number, name, clean);
  }
  fflush (stdout);
}

static gboolean
run_all (PluginCase *c)
{
  guint there = SOUND_ENGINES;
  gboolean is_good = TRUE;

  printf ("1..%u\n", (guint) G_N_ELEMENTS (checks));
  for (guint i = 0; i < G_N_ELEMENTS (checks); i++) {
    g_autoptr (GString) text = g_string_new (NULL);
    gboolean passed;

    if (checks[i].takes > there) {
      printf ("ok %u - %s # SKIP a rule before it is broken\n", i + 1, checks[i].name);
      continue;
    }
    passed = checks[i].takes < A_PROCESS ? checks[i].check (c, text)
                                         : plugin_run_apart (checks[i].check, c, text);
    print_verdict (passed, i + 1, checks[i].name, text->str);
    is_good = is_good && passed;
    /* What ends one process ends the next one, too, and may take its time. */
    if (!passed)
      there = MIN (there, c->has_died ? A_PROCESS : checks[i].otherwise);
  }
  return is_good;
}

ToolStatus
plugin_test (const PluginTool *tool, const char *path)
{
  PluginCase c = { .tool = tool };
  g_autoptr (GError) error = NULL;
  g_autofree char *more = NULL;
  PluginFile *file;
  gboolean is_good;

  if (tool->settings && !g_file_get_contents (tool->settings, &more, NULL, &error)) {
    tool_complain ("plugin test: %s", error->message);
    return TOOL_FAILED;
  }
  file = plugin_file_read (path, &error);
  if (!file) {
    tool_complain ("plugin test: %s: %s", path, error->message);
    return TOOL_FAILED;
  }
  c.file = file;
  c.more = more;
  is_good = run_all (&c);
  plugin_file_free (file);
  return is_good ? TOOL_OK : TOOL_FAILED;
}
