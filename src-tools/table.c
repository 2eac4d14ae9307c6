/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - rows as a table with aligned columns, as a command declares them ("title:path
 * title:path"). */
#include <stdio.h>
#include <string.h>
#include "show.h"

enum { COLUMNS_MAX = 32 };

typedef struct {
  char  *title, *path;
  glong  width;                               /* characters */
} Column;

typedef struct {
  Column  columns[COLUMNS_MAX];
  guint   n_columns;
  char  **cells;                              /* n_rows × n_columns */
  gsize   n_rows;
} Table;

static void
read_columns (Table *table, const char *text)
{
  g_auto (GStrv) words = g_strsplit_set (text, " ", -1);
  for (guint i = 0; words[i] != NULL && table->n_columns < COLUMNS_MAX; i++) {
    char *colon = strchr (words[i], ':');
    Column *column = &table->columns[table->n_columns];
    if (words[i][0] == 0)
      continue;
    column->path = g_strdup (colon != NULL ? colon + 1 : words[i]);
    column->title = g_ascii_strup (words[i], colon != NULL ? colon - words[i] : -1);
    g_strdelimit (column->title, "_", ' ');
    column->width = g_utf8_strlen (column->title, -1);
    table->n_columns++;
  }
}

static void
fill (Table *table, Json *rows)
{
  table->n_rows = json_object_is_type (rows, json_type_array) ? json_object_array_length (rows) : 0;
  table->cells = g_new0 (char *, table->n_rows * table->n_columns + 1);
  for (gsize row = 0; row < table->n_rows; row++) {
    for (guint i = 0; i < table->n_columns; i++) {
      Json *value = tool_get (json_object_array_get_idx (rows, row), table->columns[i].path);
      char *cell = show_inline (value);
      table->cells[row * table->n_columns + i] = cell;
      table->columns[i].width = MAX (table->columns[i].width, g_utf8_strlen (cell, -1));
    }
  }
}

static void
print_cell (const Tool *tool, const Table *table, guint i, const char *text, ShowColor color)
{
  gboolean is_last = i + 1 == table->n_columns;
  int gap = is_last ? 0 : (int) (table->columns[i].width - g_utf8_strlen (text, -1)) + 2;
  printf ("%s%s%s%*s", color != SHOW_PLAIN ? show_color (tool, color) : "", text,
          color != SHOW_PLAIN ? show_color (tool, SHOW_PLAIN) : "", gap, "");
}

static void
clear (Table *table)
{
  for (guint i = 0; i < table->n_columns; i++) {
    g_free (table->columns[i].title);
    g_free (table->columns[i].path);
  }
  g_strfreev (table->cells);
}

void
show_table (const Tool *tool, const char *columns, Json *rows)
{
  Table table = { .n_columns = 0 };
  read_columns (&table, columns);
  fill (&table, rows);
  for (guint i = 0; i < table.n_columns && table.n_rows > 0; i++)
    print_cell (tool, &table, i, table.columns[i].title, SHOW_BOLD);
  if (table.n_rows > 0)
    printf ("\n");
  for (gsize row = 0; row < table.n_rows; row++) {
    for (guint i = 0; i < table.n_columns; i++) {
      const char *cell = table.cells[row * table.n_columns + i];
      print_cell (tool, &table, i, cell, show_color_of_state (cell));
    }
    printf ("\n");
  }
  clear (&table);
}
