/* SPDX-License-Identifier: Apache-2.0 */
/* test_half_open.c - how many SAs may be half open: of one source, of one prefix, in all. */
#include "tests/runtime_test.h"
#include "sa/sa_private.h"

typedef struct {
  IkeSim *sim;
  IkeEngine *engine;
  IkeShard *shard;
  GPtrArray *log;
} Limits;

static void
keep (const IkeLogRecord *record, gpointer data)
{
  g_ptr_array_add (data, g_strdup (record->text));
}

static void
set_up (Limits *t, gconstpointer unused)
{
  static const char *const no_plugins[] = { NULL };
  g_autoptr (GError) error = NULL;
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .n_shards = 2,
                               .settings = "",
                               .plugin_dir = "/nonexistent",
                               .catalog_file = "/nonexistent/catalog",
                               .plugins = no_plugins,
                               .log_fallback = keep };

  t->sim = options.sim = ike_sim_new (1);
  t->log = options.log_data = g_ptr_array_new_with_free_func (g_free);
  t->engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  g_assert_true (ike_engine_start (t->engine, &error));
  t->shard = t->engine->sas->shards[1];
}

static void
tear_down (Limits *t, gconstpointer unused)
{
  ike_engine_free (t->engine);
  ike_sim_free (t->sim);
  g_ptr_array_unref (t->log);
}

static IkeSa *
add (Limits *t, const char *from)
{
  IkeSa *sa = g_new0 (IkeSa, 1);

  sa->shard = t->shard;
  g_assert_true (ike_addr_parse (&sa->remote, from, NULL));
  ike_half_open_add (sa);
  return sa;
}

static void
drop (IkeSa *sa)
{
  ike_half_open_remove (sa);
  g_free (sa);
}

static IkeHalfOpen
count (Limits *t, const char *source)
{
  IkeHalfOpen counts = { .struct_size = sizeof counts };
  IkeAddr addr;

  g_assert_true (ike_addr_parse (&addr, source, NULL));
  ike_half_open_count (t->engine, &addr, &counts);
  return counts;
}

static void
assert_counts (Limits *t, const char *source, guint all, guint of_source, guint of_prefix)
{
  IkeHalfOpen counts = count (t, source);

  g_assert_cmpuint (counts.all, ==, all);
  g_assert_cmpuint (counts.source, ==, of_source);
  g_assert_cmpuint (counts.prefix, ==, of_prefix);
}

static void
test_counts (Limits *t, gconstpointer unused)
{
  static const char *const from[] = { "192.0.2.1",       "192.0.2.1",       "192.0.2.200",
                                      "192.0.3.1",       "2001:db8:1:1::1", "2001:db8:1:1:ffff::",
                                      "2001:db8:1:2::1", "2001:db8:2:1::1" };
  IkeSa *sas[G_N_ELEMENTS (from)];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (from); i++)
    sas[i] = add (t, from[i]);
  assert_counts (t, "192.0.2.1", 8, 2, 3);
  assert_counts (t, "192.0.2.7", 8, 0, 3);
  assert_counts (t, "192.0.3.9", 8, 0, 1);
  assert_counts (t, "2001:db8:1:1::99", 8, 2, 3);
  assert_counts (t, "2001:db8:1:3::1", 8, 0, 3);
  assert_counts (t, "2001:db8:2:1::2", 8, 1, 1);
  assert_counts (t, "198.51.100.1", 8, 0, 0);
  /* What an SA was counted as is taken back, wherever it is now. */
  g_assert_true (ike_addr_parse (&sas[0]->remote, "198.51.100.1", NULL));
  for (i = 0; i < G_N_ELEMENTS (from); i++)
    drop (sas[i]);
  for (i = 0; i < G_N_ELEMENTS (from); i++)
    assert_counts (t, from[i], 0, 0, 0);
  assert_counts (t, "198.51.100.1", 0, 0, 0);
}

static gboolean
may_come (Limits *t, const char *source)
{
  IkeAddr addr;

  g_assert_true (ike_addr_parse (&addr, source, NULL));
  return ike_first_may_come (t->shard, &addr);
}

static void
test_limits (Limits *t, gconstpointer unused)
{
  IkeSa *sas[5];

  t->engine->sas->block_threshold = 2;
  t->engine->sas->block_threshold_prefix = 4;
  t->engine->sas->max_half_open = 5;
  sas[0] = add (t, "192.0.2.1");
  g_assert_true (may_come (t, "192.0.2.1"));
  sas[1] = add (t, "192.0.2.1");
  g_assert_false (may_come (t, "192.0.2.1"));
  g_assert_cmpuint (ike_counter_get (t->engine, "input.source-limit"), ==, 1);
  g_assert_true (may_come (t, "192.0.2.2"));
  sas[2] = add (t, "192.0.2.2");
  sas[3] = add (t, "192.0.2.3");
  g_assert_false (may_come (t, "192.0.2.4"));
  g_assert_cmpuint (ike_counter_get (t->engine, "input.prefix-limit"), ==, 1);
  g_assert_true (may_come (t, "192.0.3.1"));
  sas[4] = add (t, "192.0.3.1");
  g_assert_false (may_come (t, "203.0.113.1"));
  g_assert_cmpuint (ike_counter_get (t->engine, "input.half-open-limit"), ==, 1);
  drop (sas[0]);
  g_assert_true (may_come (t, "192.0.2.1"));
  /* 0 stands for any number. */
  t->engine->sas->block_threshold = t->engine->sas->block_threshold_prefix = 0;
  sas[0] = add (t, "192.0.2.2");
  t->engine->sas->max_half_open = 100;
  g_assert_true (may_come (t, "192.0.2.2"));
  for (guint i = 0; i < G_N_ELEMENTS (sas); i++)
    drop (sas[i]);
}

/* 100,000 sources are counted apart: of those who have nothing half open, not one in a thousand
 * seems to have more than three. */
static void
test_many (Limits *t, gconstpointer unused)
{
  enum { N = 100000, ASKED = 10000 };
  IkeSa **sas = g_new (IkeSa *, N);
  guint i, n_wrong = 0;

  for (i = 0; i < N; i++) {
    IkeSa *sa = g_new0 (IkeSa, 1);
    sa->shard = t->shard;
    sa->remote = (IkeAddr){ .family = 4,
                            .bytes = { 10, (guint8) (i >> 16), (guint8) (i >> 8), (guint8) i } };
    ike_half_open_add (sa);
    sas[i] = sa;
  }
  for (i = 0; i < ASKED; i++) {
    IkeAddr other = { .family = 4, .bytes = { 172, 16, (guint8) (i >> 8), (guint8) i } };
    IkeHalfOpen counts = { .struct_size = sizeof counts };
    ike_half_open_count (t->engine, &other, &counts);
    g_assert_cmpuint (counts.all, ==, N);
    n_wrong += counts.source > 3;
  }
  g_assert_cmpuint (n_wrong, <, ASKED / 1000);
  for (i = 0; i < N; i++)
    drop (sas[i]);
  assert_counts (t, "10.0.0.1", 0, 0, 0);
  g_free (sas);
}

static guint
n_reports (Limits *t)
{
  guint i, n = 0;

  ike_sim_settle (t->sim);
  for (i = 0; i < t->log->len; i++)
    n += strstr (t->log->pdata[i], "first messages are dropped") != NULL;
  return n;
}

static void
nothing (gpointer data)
{
}

static void
test_report (Limits *t, gconstpointer unused)
{
  guint i;

  t->engine->sas->max_half_open = 0;
  for (i = 0; i < 10000; i++)
    g_assert_false (may_come (t, "192.0.2.1"));
  g_assert_cmpuint (n_reports (t), ==, 1);
  ike_sim_at (t->sim, 11 * G_USEC_PER_SEC, nothing, NULL, NULL);
  while (ike_sim_step (t->sim, 11 * G_USEC_PER_SEC))
    ;
  g_assert_false (may_come (t, "192.0.2.1"));
  g_assert_cmpuint (n_reports (t), ==, 2);
  g_assert_nonnull (strstr (t->log->pdata[t->log->len - 1], "10001 so far"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/half-open/" name, Limits, NULL, set_up, func, tear_down)
  ADD ("sources-and-prefixes-are-counted", test_counts);
  ADD ("each-limit-holds-and-lets-go", test_limits);
  ADD ("many-sources-are-told-apart", test_many);
  ADD ("a-flood-does-not-fill-the-log", test_report);
  return g_test_run ();
}
