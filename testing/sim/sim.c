/* SPDX-License-Identifier: Apache-2.0 */
/* sim.c - runs seeds and says, a line for each, what became of them; testing/sim/run is its front.
 *
 * usage: sim [OPTION…] (see --help) */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "sim.h"

static gint64 first = 1, seeds = 1, stride = 1, one = -1;
static char *topology, *svg, *with, *without;
static gboolean twice, chart, logs, features, loss;
static gint n_setups = 2000;

static const GOptionEntry entries[] = {
  { "first", 0, 0, G_OPTION_ARG_INT64, &first, "The first seed", "S" },
  { "seeds", 0, 0, G_OPTION_ARG_INT64, &seeds, "How many", "N" },
  { "stride", 0, 0, G_OPTION_ARG_INT64, &stride, "From one to the next", "K" },
  { "seed", 0, 0, G_OPTION_ARG_INT64, &one, "Only this one, with its chart", "S" },
  { "topology", 0, 0, G_OPTION_ARG_STRING, &topology, "Gateways and clients, instead of drawn ones",
    "G,C" },
  { "twice", 0, 0, G_OPTION_ARG_NONE, &twice, "Each twice, with the same events", NULL },
  { "svg", 0, 0, G_OPTION_ARG_FILENAME, &svg, "With --seed: the chart as a picture, too", "FILE" },
  { "no-chart", 0, G_OPTION_FLAG_REVERSE, G_OPTION_ARG_NONE, &chart, "With --seed: no chart",
    NULL },
  { "logs", 0, 0, G_OPTION_ARG_NONE, &logs, "In the chart, what the engines log", NULL },
  { "with", 0, 0, G_OPTION_ARG_STRING, &with, "Features that are there whatever the plugins say",
    "A,B" },
  { "without", 0, 0, G_OPTION_ARG_STRING, &without, "Features that are not", "A,B" },
  { "features", 0, 0, G_OPTION_ARG_NONE, &features, "Only say which there are", NULL },
  { "loss", 0, 0, G_OPTION_ARG_NONE, &loss, "Setups through loss: how many, how long", NULL },
  { "setups", 0, 0, G_OPTION_ARG_INT, &n_setups, "With --loss: how many", "N" },
  { NULL },
};

/* -- one seed */

static void
perform_all (World *world)
{
  guint i;

  script_draw (world);
  for (i = 0; i < world->events->len && !world->fault; i++) {
    const Event *event = &g_array_index (world->events, Event, i);
    if (world_run (world, event->at_us))
      script_perform (world, event);
  }
  if (!world->fault)
    finale (world);
}

/* The hash of all that happened; @fault: of the first thing that went wrong, g_free. */
static guint64
run_seed (const Options *options, char **fault, Figures *sum)
{
  World *world = world_new (options);
  guint64 hash;
  guint i;

  perform_all (world);
  for (i = 0; i < world->n_ends; i++)
    end_crash (&world->ends[i]);
  *fault = world->fault ? g_strdup_printf ("at %.6f s: %s", (double) world_now (world) / SECOND,
                                           world->fault)
                        : NULL;
  world->figures.virtual_hours = (double) world_now (world) / SECOND / 3600;
  hash = world->hash;
  *sum = world->figures;
  world_free (world);
  return hash;
}

/* -- figures */

static void
add_figures (Figures *to, const Figures *of)
{
  guint64 *a = &to->n_steps;
  const guint64 *b = &of->n_steps;
  guint i, n = (guint) (&to->n_unsent - a) + 1;

  for (i = 0; i < n; i++)
    a[i] += b[i];
  to->sa_hours += of->sa_hours;
  to->virtual_hours += of->virtual_hours;
}

static void
print_figures (const Figures *f)
{
  printf ("figures steps=%" G_GUINT64_FORMAT " datagrams=%" G_GUINT64_FORMAT
          " events=%" G_GUINT64_FORMAT " crashes=%" G_GUINT64_FORMAT " ike=%" G_GUINT64_FORMAT
          " children=%" G_GUINT64_FORMAT " packets=%" G_GUINT64_FORMAT " late=%" G_GUINT64_FORMAT
          " lonely=%" G_GUINT64_FORMAT " unsent=%" G_GUINT64_FORMAT
          " virtual_hours=%.1f sa_hours=%.1f cpu=%.2f\n",
          f->n_steps, f->n_datagrams, f->n_events, f->n_crashes, f->n_ike_up, f->n_child_up,
          f->n_tags, f->n_late, f->n_lonely, f->n_unsent, f->virtual_hours, f->sa_hours,
          (double) clock () / CLOCKS_PER_SEC);
}

/* -- many */

static gboolean
run_many (Options *options)
{
  Figures sum = { 0 }, of_one;
  gboolean is_right = TRUE;
  gint64 i;

  for (i = 0; i < seeds; i++) {
    g_autofree char *fault = NULL, *again = NULL;
    guint64 hash;
    options->seed = (guint64) (first + i * stride);
    printf ("seed %" G_GUINT64_FORMAT "\n", options->seed);
    fflush (stdout);
    hash = run_seed (options, &fault, &of_one);
    add_figures (&sum, &of_one);
    if (twice && !fault && run_seed (options, &again, &of_one) != hash)
      fault = g_strdup ("two runs of this seed differ");
    is_right = is_right && !fault;
    if (fault)
      printf ("fault %" G_GUINT64_FORMAT " %s\n", options->seed, fault);
    else
      printf ("ok %" G_GUINT64_FORMAT " %016" G_GINT64_MODIFIER "x\n", options->seed, hash);
    fflush (stdout);
  }
  print_figures (&sum);
  return is_right;
}

static gboolean
run_one (Options *options)
{
  g_autofree char *fault = NULL;
  FILE *picture = svg ? fopen (svg, "w") : NULL;
  Figures figures;
  guint64 hash;

  if (svg && !picture) {
    g_printerr ("sim: cannot write %s\n", svg);
    return FALSE;
  }
  options->seed = (guint64) one;
  options->logs = logs;
  if (chart || picture)
    options->chart = chart_new (chart ? stdout : NULL, picture);
  hash = run_seed (options, &fault, &figures);
  chart_free (options->chart);
  if (picture)
    fclose (picture);
  if (fault)
    printf ("fault %" G_GUINT64_FORMAT " %s\n", options->seed, fault);
  else
    printf ("ok %" G_GUINT64_FORMAT " %016" G_GINT64_MODIFIER "x\n", options->seed, hash);
  print_figures (&figures);
  return !fault;
}

static void
print_features (guint32 can)
{
  guint i;

  for (i = 0; i < N_CAN; i++)
    printf ("%-18s %s\n", feature_name ((Can) i), can >> i & 1 ? "yes" : "no");
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("- simulates engines");
  g_autoptr (GError) error = NULL;
  Options options = { 0 };

  chart = TRUE;
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error)
      || (topology
          && (sscanf (topology, "%u,%u", &options.n_gateways, &options.n_clients) != 2
              || !options.n_gateways || options.n_gateways + options.n_clients < 2
              || options.n_gateways + options.n_clients > ENDS_MAX))) {
    g_printerr ("sim: %s\n",
                error ? error->message : "a topology is G,C: two ends at least, 12 at most");
    return 2;
  }
  options.can = features_find (with, without, &options.n_idle);
  if (features) {
    print_features (options.can);
    return 0;
  }
  if (loss)
    return loss_report (&options, (guint) MAX (n_setups, 1));
  return (one >= 0 ? run_one (&options) : run_many (&options)) ? 0 : 1;
}
