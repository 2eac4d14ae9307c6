/* SPDX-License-Identifier: Apache-2.0 */
/* test_kill.c - a daemon dies by SIGKILL in the middle of 1,000 leases: after the restart no
 * address is given twice, and no client lost the one that it was told. */
#define _GNU_SOURCE
#include "test_engine.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N_LEASES = 1000, WINDOW = 16 };

#define ADDRS "10.3.0.0/21"

/* -- the daemon that dies: this program, run anew */

/* One write each, so that no line is torn. */
static void
tell (const char *identity, const char *address)
{
  char line[128];
  int len = g_snprintf (line, sizeof line, "%s %s\n", identity, address);

  if (write (STDOUT_FILENO, line, (gsize) len) != len)
    _exit (1);
}

static int
run_child (const char *path)
{
  Bench bench = { .path = (char *) path, .told = tell };

  bench_start (&bench, ADDRS, 0);
  bench_ask (&bench, N_LEASES, WINDOW);
  bench_stop (&bench);
  return 0;
}

/* -- who kills it */

static pid_t
start_child (const char *path, FILE **out)
{
  int ends[2];
  pid_t pid;

  g_assert_cmpint (pipe (ends), ==, 0);
  /* No more than two hundred answers ahead of who reads: it cannot be done before it is killed. */
  g_assert_cmpint (fcntl (ends[1], F_SETPIPE_SZ, 4096), ==, 4096);
  fflush (stdout);
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0) {
    dup2 (ends[1], STDOUT_FILENO);
    close (ends[0]);
    close (ends[1]);
    execl ("/proc/self/exe", "test_kill", "--child", path, NULL);
    _exit (127);
  }
  close (ends[1]);
  *out = fdopen (ends[0], "r");
  return pid;
}

/* Kills it after @n answers; adds all that it told to @told.  How many that were. */
static guint
kill_after (const char *path, guint n, GHashTable *told)
{
  char line[128], name[64], address[64];
  FILE *out;
  pid_t pid = start_child (path, &out);
  guint n_told = 0;
  int status;

  while (fgets (line, sizeof line, out)) {
    g_assert_cmpint (sscanf (line, "%63s %63s", name, address), ==, 2);
    g_hash_table_replace (told, g_strdup (name), g_strdup (address));
    if (++n_told == n)
      g_assert_cmpint (kill (pid, SIGKILL), ==, 0);
  }
  fclose (out);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
  return n_told;
}

static guint
count_duplicates (GHashTable *addresses)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  GHashTableIter iter;
  gpointer address;
  guint n = 0;

  g_hash_table_iter_init (&iter, addresses);
  while (g_hash_table_iter_next (&iter, NULL, &address))
    n += !g_hash_table_add (seen, address);
  return n;
}

static guint
count_lost (GHashTable *told, GHashTable *now)
{
  GHashTableIter iter;
  gpointer name, address;
  guint n = 0;

  g_hash_table_iter_init (&iter, told);
  while (g_hash_table_iter_next (&iter, &name, &address))
    n += g_strcmp0 (g_hash_table_lookup (now, name), address) != 0;
  return n;
}

static void
test_kill (void)
{
  static const guint after[] = { 1, 400, 700 };

  for (guint i = 0; i < G_N_ELEMENTS (after); i++) {
    g_autoptr (GHashTable) told = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    Bench bench = { .path = NULL };
    guint n_told;

    bench_make_directory (&bench);
    n_told = kill_after (bench.path, after[i], told);
    g_assert_cmpuint (n_told, >=, after[i]);
    g_assert_cmpuint (n_told, <, N_LEASES);
    /* All are online at one time: whoever lost an address would now have that of another. */
    bench_start (&bench, ADDRS, 7 + i);
    bench_ask (&bench, N_LEASES, N_LEASES);
    g_assert_cmpuint (bench.n_failed, ==, 0);
    g_assert_cmpuint (g_hash_table_size (bench.addresses), ==, N_LEASES);
    g_test_message ("killed after %u answers: %u duplicates, %u lost", n_told,
                    count_duplicates (bench.addresses), count_lost (told, bench.addresses));
    g_assert_cmpuint (count_duplicates (bench.addresses), ==, 0);
    g_assert_cmpuint (count_lost (told, bench.addresses), ==, 0);
    bench_stop (&bench);
    bench_remove_directory (&bench);
  }
}

int
main (int argc, char **argv)
{
  if (argc == 3 && strcmp (argv[1], "--child") == 0)
    return run_child (argv[2]);
  /* Processes end here, not machines: memory will do for a disk, and is faster. */
  if (g_file_test ("/dev/shm", G_FILE_TEST_IS_DIR))
    g_setenv ("TMPDIR", "/dev/shm", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pool-sqlite/sigkill-amid-1000-leases-loses-none-and-gives-none-twice",
                   test_kill);
  return g_test_run ();
}
