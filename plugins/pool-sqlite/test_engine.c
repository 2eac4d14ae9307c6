/* SPDX-License-Identifier: Apache-2.0 */
/* test_engine.c - see test_engine.h. */
#include "test_engine.h"
#include <glib/gstdio.h>
#include "shared/consumer/test_consumer.h"

enum { PATIENCE_S = 60 };

/* -- engines */

/* The kind is the configuration payload's, which is not here. */
TEST_CONSUMER ("pool", IkePoolClass);

gboolean
bench_try_start (Bench *bench, const char *addrs, guint64 seed_or_0, GError **error)
{
  static const char *const plugins[] = { "sqlite", "pool-sqlite", "pool-memory", "consumer", NULL };
  const IkePluginInfo *builtin[] = { &test_consumer, NULL };
  g_autofree char *settings =
      g_strdup_printf ("plugins { sqlite { database = %s }\n pool-sqlite { critical = yes }\n }\n"
                       "pools { rw { addrs = %s\n store = sqlite\n dns = 10.3.0.53\n }\n other { "
                       "addrs = 10.99.0.0/24 } }\n",
                       bench->path, addrs);
  const IkeProvided *provided;

  bench->sim = seed_or_0 ? ike_sim_new (seed_or_0) : NULL;
  bench->engine = test_engine_try_new (
      (IkeEngineOptions){
          .sim = bench->sim, .settings = settings, .plugins = plugins, .builtin = builtin },
      error);
  if (!bench->engine)
    return FALSE;
  provided = ike_feature_find (bench->engine, "pool:sqlite", error);
  if (!provided)
    return FALSE;
  bench->class = provided->ops;
  bench->plugin = provided->plugin;
  bench->addresses = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return TRUE;
}

void
bench_start (Bench *bench, const char *addrs, guint64 seed_or_0)
{
  g_autoptr (GError) error = NULL;

  bench_try_start (bench, addrs, seed_or_0, &error);
  g_assert_no_error (error);
}

void
bench_stop (Bench *bench)
{
  g_clear_pointer (&bench->engine, ike_engine_free);
  g_clear_pointer (&bench->sim, ike_sim_free);
  g_clear_pointer (&bench->addresses, g_hash_table_unref);
}

void
bench_make_directory (Bench *bench)
{
  bench->directory = g_dir_make_tmp ("ikebana-pool-XXXXXX", NULL);
  bench->path = g_build_filename (bench->directory, "store.db", NULL);
}

void
bench_remove_directory (Bench *bench)
{
  static const char *const suffixes[] = { "", "-wal", "-shm", ".pools" };

  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++) {
    g_autofree char *path = g_strconcat (bench->path, suffixes[i], NULL);
    g_unlink (path);
  }
  g_assert_cmpint (g_rmdir (bench->directory), ==, 0);
  g_free (bench->directory);
  g_free (bench->path);
}

/* -- running */

static void
give_up (gpointer data)
{
  g_error ("no answer");
}

static void
run (Bench *bench)
{
  if (bench->sim) {
    ike_sim_settle (bench->sim);
    return;
  }
  ike_loop_timer_add (ike_engine_control (bench->engine), PATIENCE_S * 1000, give_up, NULL, NULL);
  ike_engine_run (bench->engine);
}

/* -- clients */

static IkeLeaseQuery
query_of (guint client, char name[static 32])
{
  IkeLeaseQuery query = { .struct_size = sizeof query, .pool = "rw", .unique_id = client + 1 };

  g_snprintf (name, 32, "client-%u", client);
  query.identity = ike_ident_parse (name, NULL);
  query.wanted.family = 4;
  g_assert_true (ike_addr_parse (&query.remote, "192.0.2.1", NULL));
  query.remote.port = (guint16) (client + 1);
  return query;
}

static void ask_more (gpointer data);

static void
answered (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Bench *bench = owner;
  char text[IKE_ADDR_TEXT_SIZE];
  char *name = data;

  if (error) {
    g_test_message ("%s: %s", name, error);
    bench->n_failed++;
  } else {
    ike_addr_format (result, FALSE, text);
    if (bench->told)
      bench->told (name, text);
    g_hash_table_replace (bench->addresses, g_strdup (name), g_strdup (text));
  }
  g_free (result);
  if (++bench->n_told == bench->n_wanted && !bench->sim)
    ike_engine_quit (bench->engine);
  ask_more (bench);
}

static const IkeCallClass call_class = { .struct_size = sizeof call_class,
                                         .name = "test: lease",
                                         .timeout_ms = PATIENCE_S * 1000,
                                         .then = answered,
                                         .undo = g_free,
                                         .free_data = g_free };

static void
ask_more (gpointer data)
{
  Bench *bench = data;
  char name[32];

  while (bench->n_asked < bench->n_wanted && bench->n_asked - bench->n_told < bench->window) {
    IkeLeaseQuery query = query_of (bench->n_asked++, name);
    bench->class->acquire (
        bench->plugin, &query,
        ike_loop_call (ike_engine_control (bench->engine), &call_class, bench, g_strdup (name)));
    ike_ident_unref ((IkeIdent *) query.identity);
  }
}

void
bench_ask (Bench *bench, guint n, guint window)
{
  bench->n_asked = bench->n_told = bench->n_failed = 0;
  bench->n_wanted = n;
  bench->window = window;
  ike_loop_post (ike_engine_control (bench->engine), ask_more, bench, NULL);
  run (bench);
  g_assert_cmpuint (bench->n_told, ==, n);
}

typedef struct {
  Bench *bench;
  guint client;
} Release;

static void
release_now (gpointer data)
{
  const Release *release = data;
  Bench *bench = release->bench;
  char name[32];
  IkeLeaseQuery query = query_of (release->client, name);
  IkeAddr addr;

  g_assert_true (ike_addr_parse (&addr, g_hash_table_lookup (bench->addresses, name), NULL));
  bench->class->release (bench->plugin, &query, &addr);
  ike_ident_unref ((IkeIdent *) query.identity);
}

void
bench_release (Bench *bench, guint client)
{
  Release *release = g_new (Release, 1);

  *release = (Release){ bench, client };
  ike_loop_post (ike_engine_control (bench->engine), release_now, release, g_free);
}

/* -- listings */

static void
listed (gpointer owner, gpointer data, gpointer result, const char *error)
{
  g_assert_cmpstr (error, ==, NULL);
  *(IkeTree **) owner = result;
}

static const IkeCallClass list_class = { .struct_size = sizeof list_class,
                                         .name = "test: list",
                                         .timeout_ms = PATIENCE_S * 1000,
                                         .then = listed,
                                         .undo = (GDestroyNotify) ike_tree_free };

IkeTree *
bench_list (Bench *bench, gboolean are_leases)
{
  IkeTree *list = NULL;

  g_assert_nonnull (bench->sim);
  bench->class->list (bench->plugin, are_leases,
                      ike_loop_call (ike_engine_control (bench->engine), &list_class, &list, NULL));
  ike_sim_settle (bench->sim);
  g_assert_nonnull (list);
  return list;
}
