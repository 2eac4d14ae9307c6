/* SPDX-License-Identifier: Apache-2.0 */
/* test_engine.h - an engine with a pool in a database, and clients that ask it for addresses. */
#pragma once
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/pool.h>

typedef struct {
  char              *directory, *path;
  IkeSim            *sim;                     /* NULL: threads */
  IkeEngine         *engine;
  const IkePoolClass *class;
  IkePlugin         *plugin;
  GHashTable        *addresses;               /* identity → address, of those that are told */
  guint              n_asked, n_told, n_failed, n_wanted, window;
  void             (*told) (const char *identity, const char *address);
} Bench;

void bench_start (Bench *bench, const char *addrs, guint64 seed_or_0);
gboolean bench_try_start (Bench *bench, const char *addrs, guint64 seed_or_0, GError **error);
void bench_stop  (Bench *bench);
/* Clients number 0 to @n - 1 ask for an address each, @window at a time, and keep it; runs until all were told. */
void bench_ask   (Bench *bench, guint n, guint window);
/* An answer, or a listing: runs until it is there. */
IkeTree *bench_list (Bench *bench, gboolean are_leases);
void bench_release  (Bench *bench, guint client);
void bench_make_directory   (Bench *bench);
void bench_remove_directory (Bench *bench);
