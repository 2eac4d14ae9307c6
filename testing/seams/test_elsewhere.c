/* SPDX-License-Identifier: Apache-2.0 */
/* test_elsewhere.c - an SA of ours begins anew at another address: while it is set up, when it has
 * authenticated, and when it is up; what goes along, and what stays if nobody is there. */
#include "seams/probe.h"
#include "seams/seams.h"
#include <stdatomic.h>
#include <string.h>

enum { NUMBER = 4711 };

/* -- a plugin that goes where it is told */

typedef struct {
  const char *exchange; /* its next answer sends us there */
  const char *to;
  guint8 nonce[64];
  gsize nonce_len;
  guint n_same; /* the nonce was the same later */
} Elsewhere;

static gboolean
restart (IkeSa *sa, const char *to)
{
  IkeAddr where;

  g_assert_true (ike_addr_parse (&where, to, NULL));
  return ike_sa_restart (sa, NULL, &where, "told to go elsewhere");
}

static IkeTaskResult
process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Elsewhere *self = ike_plugin_state (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);
  gsize len;
  const guint8 *nonce = ike_sa_nonce (sa, TRUE, &len);

  g_assert_nonnull (nonce);
  if (!strcmp (ike_exchange_name (x), "IKE_SA_INIT")) {
    self->nonce_len = MIN (len, sizeof self->nonce);
    memcpy (self->nonce, nonce, self->nonce_len);
  } else
    self->n_same += len == self->nonce_len && !memcmp (nonce, self->nonce, len);
  if (g_strcmp0 (self->exchange, ike_exchange_name (x)) != 0)
    return IKE_TASK_DONE;
  self->exchange = NULL;
  seam_resume_set (sa, NUMBER);
  if (ike_sa_state (sa) == IKE_SA_ESTABLISHED)
    ike_operation_skip (task, "child", "it begins anew elsewhere");
  g_assert_true (restart (sa, self->to));
  return IKE_TASK_DONE;
}

static gboolean
is_ours (IkePlugin *self, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return !in;
}

static const IkeTaskClass init_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_SA_INIT",
  .after = "phase:init",
  .before = "init",
  .operations = "establish",
  .wanted = is_ours,
  .process = process,
};
static const IkeTaskClass auth_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:authorized",
  .operations = "establish",
  .wanted = is_ours,
  .process = process,
};

static gboolean
activate (IkePlugin *self, GError **error)
{
  ike_plugin_set_state (self, g_new0 (Elsewhere, 1), g_free);
  return TRUE;
}

static const guint32 service = sizeof service;
SEAM_FEATURE (service_feature, "service:elsewhere", service);
SEAM_FEATURE (init_feature, "task:elsewhere-init", init_task);
SEAM_FEATURE (auth_feature, "task:elsewhere-auth", auth_task);
static const IkeFeature *const features[] = { &service_feature, &init_feature, &auth_feature,
                                              NULL };

static const IkePluginInfo elsewhere_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "elsewhere",
  .version = "0",
  .license = "Apache-2.0",
  .summary = "goes where it is told",
  .features = features,
  .activate = activate,
};

/* -- the three */

static const IkePluginInfo *const builtin[] = { &elsewhere_plugin, &seam_resume_plugin,
                                                &probe_plugin, NULL };
static const char *const plugins[] = { "elsewhere", "seam-resume", "probe", NULL };

typedef struct {
  Pair *pair;
  PairEnd c;
  Elsewhere *told;
} Three;

static Three *
three_new (gconstpointer flags)
{
  PairOptions options = {
    .flags = GPOINTER_TO_UINT (flags), .builtin = builtin, .plugins = plugins, .n_shards = 2
  };
  Three *three = g_new0 (Three, 1);

  three->pair = pair_new (&options);
  pair_add_third (three->pair, &three->c, &options);
  three->told = ike_plugin_state (
      ike_feature_find (three->pair->a.engine, "service:elsewhere", NULL)->plugin);
  return three;
}

static void
three_free (Three *three)
{
  pair_end_third (&three->c);
  pair_free (three->pair);
  g_free (three);
}

/* Those that are up. */
static guint
n_sas (PairEnd *end)
{
  g_autoptr (IkeTree) status = pair_status (end);
  const IkeTree *sas = ike_tree_get (status, "sas");
  guint i, n = 0;

  for (i = 0; i < ike_tree_n (sas); i++)
    n += g_str_equal (ike_tree_string (ike_tree_nth (sas, i), "state", ""), "ESTABLISHED");
  return n;
}

static void
read_number (IkeSa *sa, gpointer data)
{
  *(guint32 *) data = seam_resume_get (sa);
}

static void
assert_at (Three *three, PairEnd *here, PairEnd *other, guint32 number)
{
  guint32 found = 0;

  pair_run (three->pair, 5);
  g_assert_cmpuint (n_sas (&three->pair->a), ==, 1);
  g_assert_cmpuint (n_sas (here), ==, 1);
  g_assert_cmpuint (n_sas (other), ==, 0);
  g_assert_cmpuint (three->pair->a.kernel_ops->n_sas (three->pair->a.kernel), ==, 2);
  g_assert_cmpuint (here->kernel_ops->n_sas (here->kernel), ==, 2);
  g_assert_true (probe_run (three->pair, &three->pair->a, read_number, &found));
  g_assert_cmpuint (found, ==, number);
}

static void
check_setup (gconstpointer flags, const char *exchange, guint n_at_b)
{
  Three *three = three_new (flags);

  three->told->exchange = exchange;
  three->told->to = "10.0.0.3";
  pair_assert_up (three->pair, "net");
  assert_at (three, &three->c, &three->pair->b, NUMBER);
  g_assert_cmpuint (pair_count (&three->pair->a, "ike.failed"), ==, 0);
  g_assert_cmpuint (pair_count (&three->pair->a, "ike.established"), ==, 1 + n_at_b);
  g_assert_cmpuint (pair_count (&three->pair->b, "ike.established"), ==, n_at_b);
  g_assert_cmpuint (pair_count (&three->pair->b, "ike.closed"), ==, n_at_b);
  g_assert_cmpuint (three->told->n_same, ==, 1 + n_at_b);
  /* It is known: nothing more is made. */
  pair_assert_up (three->pair, "net");
  assert_at (three, &three->c, &three->pair->b, NUMBER);
  three_free (three);
}

static void
test_init (gconstpointer flags)
{
  check_setup (flags, "IKE_SA_INIT", 0);
}

static void
test_auth (gconstpointer flags)
{
  check_setup (flags, "IKE_AUTH", 1);
}

/* Two that asked wait for one; nobody is there; the next time it begins as configured. */
static void
test_nobody (gconstpointer flags)
{
  Three *three = three_new (flags);
  char *first, *second;

  three->told->exchange = "IKE_SA_INIT";
  three->told->to = "10.0.0.9";
  pair_begin_up (three->pair, &three->pair->a, "pair", "net", &first);
  pair_begin_up (three->pair, &three->pair->a, "pair", "net", &second);
  pair_run (three->pair, 600);
  g_assert_nonnull (strstr (first, "10.0.0.9"));
  g_assert_cmpstr (first, ==, second);
  g_assert_cmpuint (n_sas (&three->pair->a), ==, 0);
  pair_assert_up (three->pair, "net");
  assert_at (three, &three->pair->b, &three->c, 0);
  g_free (first);
  g_free (second);
  three_free (three);
}

/* -- of one that is up */

static void
restart_with_number (IkeSa *sa, gpointer to)
{
  seam_resume_set (sa, NUMBER);
  g_assert_true (restart (sa, to));
}

static void
test_up (gconstpointer flags)
{
  Three *three = three_new (flags);
  char to_c[] = "10.0.0.3", to_nobody[] = "10.0.0.9";

  pair_assert_up (three->pair, "net");
  g_assert_true (probe_run (three->pair, &three->pair->a, restart_with_number, to_nobody));
  pair_run (three->pair, 600);
  assert_at (three, &three->pair->b, &three->c, NUMBER);
  g_assert_true (probe_run (three->pair, &three->pair->a, restart_with_number, to_c));
  assert_at (three, &three->c, &three->pair->b, NUMBER);
  three_free (three);
}

static void
restart_refused (IkeSa *sa, gpointer to)
{
  g_assert_false (restart (sa, to));
}

/* Who answered has nothing to begin anew. */
static void
test_theirs (gconstpointer flags)
{
  Three *three = three_new (flags);
  char to_c[] = "10.0.0.3";

  pair_assert_up (three->pair, "net");
  g_assert_true (probe_run (three->pair, &three->pair->b, restart_refused, to_c));
  assert_at (three, &three->pair->b, &three->c, 0);
  three_free (three);
}

/* -- each */

typedef struct {
  atomic_uint n, n_over;
} Count;

static void
count_one (IkeSa *sa, gpointer data)
{
  g_assert_true (ike_loop_is_current (ike_sa_loop (sa)));
  atomic_fetch_add (&((Count *) data)->n, 1);
}

static void
count_over (gpointer data)
{
  atomic_fetch_add (&((Count *) data)->n_over, 1);
}

static void
test_each (gconstpointer flags)
{
  Three *three = three_new (flags);
  Count count = { 0 }, none = { 0 };

  ike_sa_each (three->pair->a.engine, count_one, &none, count_over);
  pair_assert_up (three->pair, "net");
  ike_sa_each (three->pair->a.engine, count_one, &count, count_over);
  ike_sim_settle (three->pair->sim);
  g_assert_cmpuint (none.n, ==, 0);
  g_assert_cmpuint (none.n_over, ==, 1);
  g_assert_cmpuint (count.n, ==, 1);
  g_assert_cmpuint (count.n_over, ==, 1);
  /* It is over once, also when the engine ends. */
  ike_sa_each (three->pair->a.engine, count_one, &count, count_over);
  three_free (three);
  g_assert_cmpuint (count.n_over, ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("elsewhere", "what-is-being-set-up-goes-along", test_init);
  pair_add_test ("elsewhere", "what-has-just-authenticated-goes-along", test_auth);
  pair_add_test ("elsewhere", "nobody-is-there", test_nobody);
  pair_add_test ("elsewhere", "what-is-up-stays-until-the-new-one-is", test_up);
  pair_add_test ("elsewhere", "not-what-the-peer-began", test_theirs);
  pair_add_test ("elsewhere", "each-sa-is-seen-once", test_each);
  return g_test_run ();
}
