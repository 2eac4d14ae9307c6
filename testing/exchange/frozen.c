/* SPDX-License-Identifier: Apache-2.0 */
/* frozen.c - see frozen.h. */
#include "exchange/frozen.h"
#include <string.h>

enum { IN_A_LINE = 36 };

char *
frozen_text (const char *name)
{
  g_autofree char *path =
      g_build_filename (g_getenv ("IKE_TOP_SRCDIR"), "testing", "exchange", name, NULL);
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

static void
item_free (gpointer data)
{
  FrozenItem *item = data;

  g_strfreev (item->words);
  g_byte_array_unref (item->bytes);
  g_free (item);
}

static void
run_free (gpointer data)
{
  FrozenRun *run = data;

  g_free (run->name);
  g_ptr_array_unref (run->items);
  g_free (run);
}

static FrozenRun *
add_run (GPtrArray *runs, const char *name)
{
  FrozenRun *run = g_new0 (FrozenRun, 1);

  run->name = g_strdup (name);
  run->items = g_ptr_array_new_with_free_func (item_free);
  g_ptr_array_add (runs, run);
  return run;
}

static void
add_bytes (FrozenItem *item, const char *hex)
{
  g_assert_nonnull (item);
  for (; *hex; hex += 2) {
    guint8 byte;
    g_assert_true (g_ascii_isxdigit (hex[0]) && g_ascii_isxdigit (hex[1]));
    byte = (guint8) (g_ascii_xdigit_value (hex[0]) << 4 | g_ascii_xdigit_value (hex[1]));
    g_byte_array_append (item->bytes, &byte, 1);
  }
}

static FrozenItem *
add_item (FrozenRun *run, const char *line)
{
  FrozenItem *item = g_new0 (FrozenItem, 1);

  g_assert_nonnull (run);
  item->words = g_strsplit (line, " ", -1);
  item->bytes = g_byte_array_new ();
  g_ptr_array_add (run->items, item);
  return item;
}

GPtrArray *
frozen_read (const char *text)
{
  GPtrArray *runs = g_ptr_array_new_with_free_func (run_free);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  FrozenRun *run = NULL;
  FrozenItem *item = NULL;

  for (guint i = 0; lines[i]; i++) {
    if (g_str_has_prefix (lines[i], "run ")) {
      run = add_run (runs, lines[i] + 4);
      item = NULL;
    } else if (lines[i][0] == ' ')
      add_bytes (item, g_strstrip (lines[i]));
    else if (lines[i][0] && lines[i][0] != '#')
      item = add_item (run, lines[i]);
  }
  return runs;
}

FrozenRun *
frozen_find (GPtrArray *runs, const char *name)
{
  for (guint i = 0; i < runs->len; i++) {
    FrozenRun *run = runs->pdata[i];
    if (!strcmp (run->name, name))
      return run;
  }
  g_error ("no run %s was recorded", name);
}

void
frozen_write_item (GString *text, const char *what, const guint8 *data, gsize len)
{
  g_string_append_printf (text, "%s", what);
  for (gsize i = 0; i < len; i++)
    g_string_append_printf (text, "%s%02x", i % IN_A_LINE ? "" : "\n  ", data[i]);
  g_string_append_c (text, '\n');
}
