/* SPDX-License-Identifier: Apache-2.0 */
/* chart.c - a message sequence chart as text: a column for each end, time runs down.
 *
 *     12.345678  g1 o------------------x| c1   CREATE_CHILD_SA request 4 …
 *
 * A line when a datagram is sent (x: lost on the way) and one when it arrives, with its number, so
 * that delays and repeats are seen; what an SA does stands beside its end. */
#include <string.h>
#include "sim.h"

enum { COLUMN = 10, MARGIN = 14, FIRST = MARGIN + COLUMN / 2 };

struct _Chart {
  FILE *text;
  Svg *svg;
  char *label; /* of what was just sent; whether it is lost is not known yet */
  guint from, to;
  gint64 at_us;
};

Chart *
chart_new (FILE *text_or_null, FILE *svg_or_null)
{
  Chart *chart = g_new0 (Chart, 1);

  chart->text = text_or_null;
  chart->svg = svg_or_null ? svg_new (svg_or_null) : NULL;
  return chart;
}

void
chart_free (Chart *chart)
{
  if (!chart)
    return;
  svg_free (chart->svg);
  g_free (chart);
}

/* -- lines */

static guint
at_column (guint column)
{
  return FIRST + column * COLUMN;
}

/* Time and life lines, and room for an arrow. */
static void
blank (const World *world, gint64 now, char *line, gsize size)
{
  guint i, width = at_column (world->n_ends - 1) + 2;

  memset (line, ' ', size - 1);
  line[MIN (width, size - 1)] = '\0';
  for (i = 0; i < world->n_ends; i++)
    line[at_column (i)] = world->ends[i].engine ? '|' : '.';
  g_snprintf (line, MARGIN, "%5d.%06d", (int) (now / SECOND), (int) (now % SECOND));
  line[strlen (line)] = ' ';
}

static void
arrow (char *line, guint from, guint to, char shaft, char head)
{
  guint a = at_column (from), b = at_column (to), i;

  for (i = MIN (a, b) + 1; i < MAX (a, b); i++)
    line[i] = shaft;
  line[a < b ? b - 1 : b + 1] = head;
}

static void
print (Chart *chart, const char *line, const char *text)
{
  if (chart->text)
    fprintf (chart->text, "%s %s\n", line, text);
}

void
chart_begin (Chart *chart, const World *world)
{
  char line[MARGIN + COLUMN * (ENDS_MAX + 1)];
  guint i;

  memset (line, ' ', sizeof line);
  line[at_column (world->n_ends - 1) + 4] = '\0';
  for (i = 0; i < world->n_ends; i++)
    memcpy (line + at_column (i), world->ends[i].name, strlen (world->ends[i].name));
  print (chart, line, "");
  if (chart->svg)
    svg_begin (chart->svg, world);
}

/* -- datagrams */

static char *
describe (World *world, const IkeSimPacket *packet, const End *from)
{
  const char *name = packet->exchange ? ike_exchange_number_name ((guint8) packet->exchange) : NULL;
  const guint8 *ike = packet->ike;

  if (!ike && packet->len == 1)
    return g_strdup_printf ("keepalive #%" G_GUINT64_FORMAT, packet->number);
  if (!ike)
    return g_strdup_printf ("ESP %02x%02x%02x%02x #%" G_GUINT64_FORMAT, packet->data[0],
                            packet->data[1], packet->data[2], packet->data[3], packet->number);
  return g_strdup_printf ("%s %s %u #%" G_GUINT64_FORMAT " %s%s%s", name ? name : "?",
                          packet->is_response ? "response" : "request",
                          (guint) ike[20] << 24 | (guint) ike[21] << 16 | (guint) ike[22] << 8
                              | ike[23],
                          packet->number, from && from->inner ? "{" : "",
                          from && from->inner ? from->inner : "", from && from->inner ? "}" : "");
}

static void
flush (Chart *chart, World *world, gboolean is_lost)
{
  char line[MARGIN + COLUMN * (ENDS_MAX + 1)];
  g_autofree char *text = g_steal_pointer (&chart->label);
  g_autofree char *all = NULL;

  if (!text)
    return;
  all = g_strdup_printf ("%s%s", text, is_lost ? "  LOST" : "");
  blank (world, chart->at_us, line, sizeof line);
  line[at_column (chart->from)] = 'o';
  arrow (line, chart->from, chart->to, '-', is_lost ? 'x' : '-');
  print (chart, line, all);
  if (chart->svg)
    svg_arrow (chart->svg, chart->from, chart->to, is_lost ? SVG_LOST : SVG_SENT, chart->at_us,
               all);
}

void
chart_packet (Chart *chart, World *world, IkeSimEvent event, const IkeSimPacket *packet)
{
  End *from = world_end_at (world, &packet->from), *to = world_end_at (world, &packet->to);
  char line[MARGIN + COLUMN * (ENDS_MAX + 1)];
  g_autofree char *text = NULL;

  if (event == IKE_SIM_LOST) {
    flush (chart, world, TRUE);
    return;
  }
  flush (chart, world, FALSE);
  if (!from || !to)
    return;
  if (event == IKE_SIM_SENT) {
    chart->label = describe (world, packet, from);
    g_clear_pointer (&from->inner, g_free);
    chart->from = from->index;
    chart->to = to->index;
    chart->at_us = packet->time_us;
    return;
  }
  blank (world, world_now (world), line, sizeof line);
  arrow (line, from->index, to->index, '.', event == IKE_SIM_ARRIVED ? '>' : 'x');
  text = g_strdup_printf ("#%" G_GUINT64_FORMAT " %s", packet->number,
                          event == IKE_SIM_ARRIVED ? "arrives" : "finds nobody");
  print (chart, line, text);
  if (chart->svg)
    svg_arrow (chart->svg, from->index, to->index,
               event == IKE_SIM_ARRIVED ? SVG_ARRIVED : SVG_LOST, packet->time_us, text);
}

void
chart_end (Chart *chart, World *world)
{
  flush (chart, world, FALSE);
  if (chart->text)
    fflush (chart->text);
}

void
chart_note (Chart *chart, const World *world, const End *end, const char *text)
{
  char line[MARGIN + COLUMN * (ENDS_MAX + 1)];
  g_autofree char *all = end ? g_strdup_printf ("%s: %s", end->name, text) : g_strdup (text);

  flush (chart, (World *) world, FALSE);
  blank (world, world_now (world), line, sizeof line);
  if (end)
    line[at_column (end->index)] = '*';
  print (chart, line, all);
  if (chart->svg)
    svg_note (chart->svg, end ? (int) end->index : -1, world_now (world), all);
}
