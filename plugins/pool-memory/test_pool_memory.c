/* SPDX-License-Identifier: Apache-2.0 */
/* test_pool_memory.c - pools of one configuration after the other, with virtual time. */
#include <ikebana/engine.h>
#include <ikebana/model.h>
#include <ikebana/pool.h>
#include <string.h>

typedef struct {
  IkeSim *sim;
  IkeEngine *engine;
  const IkeProvided *pool, *section;
  GPtrArray *problems;
} Bench;

static const IkePoolClass *
pool_of (const Bench *bench)
{
  return bench->pool->ops;
}

static void
configure (Bench *bench, const char *text)
{
  g_autoptr (IkeTree) tree = ike_settings_parse (text, strlen (text), "test", NULL);
  const IkeSectionClass *section = bench->section->ops;

  g_ptr_array_set_size (bench->problems, 0);
  section->begin (bench->section->plugin);
  for (guint i = 0; i < ike_tree_n (tree); i++)
    section->add (bench->section->plugin, ike_tree_nth (tree, i), bench->problems);
  section->commit (bench->section->plugin);
}

static void
set_up (Bench *bench, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  const char *top = g_getenv ("IKE_TOP_BUILDDIR");
  g_autofree char *dir = g_build_filename (top ? top : "..", "plugins", ".libs", NULL);
  IkeEngineOptions options = {
    .struct_size = sizeof options,
    .flags = IKE_ENGINE_NO_CONFIG,
    .sim = bench->sim = ike_sim_new (1),
    .n_shards = 1,
    .plugin_dir = dir,
    .settings = "",
    .plugins = (const char *const[]){ "config-payload", "pool-memory", NULL },
  };

  bench->engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (bench->engine, &error);
  g_assert_no_error (error);
  bench->pool = ike_feature_find (bench->engine, "pool:memory", &error);
  g_assert_no_error (error);
  bench->section = ike_feature_find (bench->engine, "section:pools/memory", &error);
  g_assert_no_error (error);
  bench->problems = g_ptr_array_new_with_free_func (g_free);
}

static void
tear_down (Bench *bench, gconstpointer unused)
{
  ike_engine_free (bench->engine);
  ike_sim_free (bench->sim);
  g_ptr_array_unref (bench->problems);
}

static void
acquired (gpointer owner, gpointer data, gpointer result, const char *error)
{
  char text[IKE_ADDR_TEXT_SIZE];
  char **to = owner;

  *to = g_strdup (error ? error : ike_addr_format (result, FALSE, text));
  g_free (result);
}

static const IkeCallClass acquire_call = { .struct_size = sizeof (IkeCallClass),
                                           .name = "for the test",
                                           .timeout_ms = 1000,
                                           .then = acquired,
                                           .undo = g_free };

/* @who is also the number of its SA. */
static void
assert_gets (Bench *bench, const char *pool, guint who, const char *expected)
{
  g_autofree char *name = g_strdup_printf ("user%u", who), *got = NULL;
  g_autoptr (IkeIdent) identity = ike_ident_parse (name, NULL);
  IkeLeaseQuery query = { .struct_size = sizeof query,
                          .pool = pool,
                          .identity = identity,
                          .wanted = { .family = 4 },
                          .remote = { .family = 4, .bytes = { 192, 0, 2, (guint8) who } },
                          .unique_id = who };

  pool_of (bench)->acquire (
      bench->pool->plugin, &query,
      ike_loop_call (ike_engine_control (bench->engine), &acquire_call, &got, NULL));
  ike_sim_settle (bench->sim);
  g_assert_cmpstr (got, ==, expected);
}

static void
give_back (Bench *bench, const char *pool, guint who, const char *text)
{
  IkeLeaseQuery query = { .struct_size = sizeof query, .pool = pool, .unique_id = who };
  IkeAddr addr;

  g_assert_true (ike_addr_parse (&addr, text, NULL));
  pool_of (bench)->release (bench->pool->plugin, &query, &addr);
}

static gboolean
has (const Bench *bench, const char *pool)
{
  return pool_of (bench)->has (bench->pool->plugin, pool);
}

static void
test_reload (Bench *bench, gconstpointer unused)
{
  configure (bench,
             "rw { addrs = 10.3.0.0/29\n }\n other { addrs = 10.4.0.0/29\n store = sqlite\n }");
  g_assert_cmpuint (bench->problems->len, ==, 0);
  g_assert_true (has (bench, "rw") && !has (bench, "other"));
  assert_gets (bench, "rw", 1, "10.3.0.1");
  assert_gets (bench, "rw", 2, "10.3.0.2");
  give_back (bench, "rw", 2, "10.3.0.2");
  configure (bench, "rw { addrs = 10.3.0.0/28\n }");
  assert_gets (bench, "rw", 2, "10.3.0.2");
  assert_gets (bench, "rw", 3, "10.3.0.3");
  assert_gets (bench, "gone", 3, "pool gone is gone");
}

/* Another pool has its addresses now, but not those that are in use. */
static void
test_renamed (Bench *bench, gconstpointer unused)
{
  configure (bench, "old { addrs = 10.3.0.1-10.3.0.2\n }");
  assert_gets (bench, "old", 1, "10.3.0.1");
  configure (bench, "new { addrs = 10.3.0.1-10.3.0.2\n }");
  g_assert_true (has (bench, "new") && !has (bench, "old"));
  assert_gets (bench, "new", 2, "10.3.0.2");
  assert_gets (bench, "new", 3, "pool new is full: all 2 addresses are in use");
  give_back (bench, "old", 1, "10.3.0.1");
  assert_gets (bench, "new", 3, "10.3.0.1");
  /* And back again, while both are in use. */
  configure (bench, "old { addrs = 10.3.0.1-10.3.0.2\n }");
  assert_gets (bench, "old", 1, "pool old is full: all 2 addresses are in use");
}

static void
test_problems (Bench *bench, gconstpointer unused)
{
  configure (bench,
             "a { addrs = 10.3.0.0/24\n }\n b { addrs = 10.3.0.128/25\n }\n c { addrs = x\n }");
  g_assert_cmpuint (bench->problems->len, ==, 2);
  g_assert_cmpstr (bench->problems->pdata[0], ==,
                   "addrs: has addresses of pool a; name that pool in both connections instead");
  g_assert_true (g_str_has_prefix (bench->problems->pdata[1], "addrs: 'x'"));
  g_assert_true (has (bench, "a") && !has (bench, "b") && !has (bench, "c"));
}

static void
count_one (guint16 type, const void *value, gsize len, gpointer data)
{
  g_assert_cmpuint (type, ==, IKE_CFG_INTERNAL_IP4_DNS);
  ++*(guint *) data;
}

static void
test_attributes (Bench *bench, gconstpointer unused)
{
  guint n = 0;

  configure (bench, "a { dns = 10.2.0.53, 10.2.0.54\n }");
  pool_of (bench)->attributes (bench->pool->plugin, "a", count_one, &n);
  pool_of (bench)->attributes (bench->pool->plugin, "b", count_one, &n);
  g_assert_cmpuint (n, ==, 2);
  assert_gets (bench, "a", 1, "pool a has no IPv4 addresses");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, function)                                                                       \
  g_test_add ("/pool-memory/" name, Bench, NULL, set_up, function, tear_down)
  TEST ("a-reload-keeps-leases", test_reload);
  TEST ("nobody-gets-what-a-pool-that-went-still-lends", test_renamed);
  TEST ("what-overlaps-is-refused", test_problems);
  TEST ("attributes-without-addresses", test_attributes);
  return g_test_run ();
}
