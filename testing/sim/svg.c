/* SPDX-License-Identifier: Apache-2.0 */
/* svg.c - the same chart as a picture: one row for each line, written as it happens. */
#include "sim.h"

enum { COLUMN = 130, LEFT = 150, ROW = 18, TOP = 40, TEXT_WIDTH = 900 };

struct _Svg {
  FILE *file;
  guint n_columns, n_rows;
};

Svg *
svg_new (FILE *file)
{
  Svg *svg = g_new0 (Svg, 1);

  svg->file = file;
  return svg;
}

static guint
x_of (guint column)
{
  return LEFT + column * COLUMN;
}

static guint
next_row (Svg *svg, gint64 at_us)
{
  guint y = TOP + ROW * ++svg->n_rows;

  fprintf (svg->file, "<text x='4' y='%u' class='t'>%d.%06d</text>\n", y + 4,
           (int) (at_us / SECOND), (int) (at_us % SECOND));
  return y;
}

static void
put_text (Svg *svg, guint y, const char *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  fprintf (svg->file, "<text x='%u' y='%u'>%s</text>\n", x_of (svg->n_columns), y + 4, escaped);
}

#define SIZE_AT "<svg xmlns='http://www.w3.org/2000/svg' font-family='monospace' font-size='11' "

/* The height is not known before the end: the life lines come last, and the size is put into the
 * room that is left for it. */
void
svg_begin (Svg *svg, const World *world)
{
  guint i;

  svg->n_columns = world->n_ends;
  fprintf (svg->file,
           SIZE_AT
           "width='%08u' height='%08u'>\n"
           "<style>.t{fill:#888}.s{stroke:#000}.l{stroke:#c00}.a{stroke:#06c;stroke-dasharray:2 3}"
           ".e{stroke:#bbb}</style>\n",
           0, 0);
  for (i = 0; i < svg->n_columns; i++)
    fprintf (svg->file, "<text x='%u' y='20' text-anchor='middle'>%s</text>\n", x_of (i),
             world->ends[i].name);
}

void
svg_arrow (Svg *svg, guint from, guint to, SvgMark mark, gint64 at_us, const char *text)
{
  static const char *const classes[] = { "s", "l", "a" };
  guint y = next_row (svg, at_us);
  int tip = (int) x_of (to) + (from < to ? -6 : 6);

  fprintf (svg->file, "<line x1='%u' y1='%u' x2='%u' y2='%u' class='%s'/>\n", x_of (from), y,
           x_of (to), y, classes[mark]);
  if (mark == SVG_LOST)
    fprintf (svg->file, "<path d='M%d %u l8 8 m0 -8 l-8 8' class='l'/>\n", tip - 4, y - 4);
  else
    fprintf (svg->file, "<path d='M%d %u L%u %u L%d %u' class='s' fill='none'/>\n", tip, y - 4,
             x_of (to), y, tip, y + 4);
  put_text (svg, y, text);
}

void
svg_note (Svg *svg, int column, gint64 at_us, const char *text)
{
  guint y = next_row (svg, at_us);

  if (column >= 0)
    fprintf (svg->file, "<circle cx='%u' cy='%u' r='3'/>\n", x_of ((guint) column), y);
  put_text (svg, y, text);
}

void
svg_free (Svg *svg)
{
  guint i, height;

  if (!svg)
    return;
  height = TOP + ROW * (svg->n_rows + 2);
  for (i = 0; i < svg->n_columns; i++)
    fprintf (svg->file, "<line x1='%u' y1='26' x2='%u' y2='%u' class='e'/>\n", x_of (i), x_of (i),
             height);
  fputs ("</svg>\n", svg->file);
  if (fseek (svg->file, sizeof SIZE_AT - 1, SEEK_SET) == 0)
    fprintf (svg->file, "width='%08u' height='%08u'", x_of (svg->n_columns) + TEXT_WIDTH, height);
  g_free (svg);
}
