/* SPDX-License-Identifier: Apache-2.0 */
/* leases.c - leases a second that pool-sqlite gives, each of which is on the disk before it is
 * told.
 *
 *   bench-leases [N [WINDOW…]]      N leases, WINDOW asked for at one time; 5000 and 1 100 1000
 *
 * The file is below TMPDIR.  An fsync of the disk alone is measured beside it: the floor of one
 * that is asked for alone. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "../plugins/pool-sqlite/test_engine.h"

enum { N_SYNCS = 200 };

static double
measure_fsync (const char *directory)
{
  g_autofree char *path = g_build_filename (directory, "sync", NULL);
  char block[8192] = { 0 };
  int fd = open (path, O_RDWR | O_CREAT, 0600);
  gint64 start_us = g_get_monotonic_time ();

  for (guint i = 0; i < N_SYNCS; i++)
    if (write (fd, block, sizeof block) != sizeof block || fsync (fd) < 0)
      g_error ("%s cannot be written", path);
  start_us = g_get_monotonic_time () - start_us;
  close (fd);
  g_unlink (path);
  return (double) start_us / N_SYNCS;
}

static void
measure (guint n, guint window)
{
  Bench bench = { .path = NULL };
  gint64 start_us, took_us;
  double sync_us;

  bench_make_directory (&bench);
  sync_us = measure_fsync (bench.directory);
  bench_start (&bench, "10.128.0.0/9", 0);
  start_us = g_get_monotonic_time ();
  bench_ask (&bench, n, window);
  took_us = g_get_monotonic_time () - start_us;
  printf ("%u leases, %u at one time: %.0f a second, %" G_GUINT64_FORMAT
          " transactions; an fsync alone takes %.0f us\n",
          n, window, n * 1e6 / (double) took_us,
          ike_counter_get (bench.engine, "sqlite.transactions"), sync_us);
  bench_stop (&bench);
  bench_remove_directory (&bench);
}

int
main (int argc, char **argv)
{
  static const guint windows[] = { 1, 100, 1000 };
  guint n = argc > 1 ? (guint) atoi (argv[1]) : 5000;

  for (int i = 2; i < argc; i++)
    measure (n, (guint) atoi (argv[i]));
  for (guint i = 0; argc <= 2 && i < G_N_ELEMENTS (windows); i++)
    measure (n, windows[i]);
  return 0;
}
