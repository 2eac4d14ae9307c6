/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c - a plugin that counts, and runs code on an SA for tests; see probe.h. */
#include "seams/probe.h"
#include "seams/seams.h"

static IkeHookVerdict
updown (IkePlugin *self, IkeSa *sa, IkeUpDownEvent *event)
{
  Probe *probe = ike_plugin_state (self);

  if (event->is_up)
    probe->sa = ike_sa_ref (sa);
  (*(event->is_up ? &probe->n_up : &probe->n_down))++;
  return IKE_HOOK_PASS;
}

static IkeHookVerdict
child_updown (IkePlugin *self, IkeSa *sa, IkeChildEvent *event)
{
  Probe *probe = ike_plugin_state (self);

  (*(event->is_up ? &probe->n_child_up : &probe->n_child_down))++;
  return IKE_HOOK_PASS;
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  ike_plugin_set_state (self, g_new0 (Probe, 1), g_free);
  return ike_ike_updown_hook_add (self, "probe", NULL, updown, error)
         && ike_child_updown_hook_add (self, "probe", NULL, child_updown, error);
}

static const guint32 service = sizeof service;
SEAM_FEATURE (service_feature, "service:probe", service);
static const IkeFeature *const features[] = { &service_feature, NULL };

IKE_PLUGIN (probe_plugin, "probe", 0, .version = "0", .license = "Apache-2.0",
            .summary = "counts for tests", .features = features, .activate = activate);

Probe *
probe_of (const PairEnd *end)
{
  const IkeProvided *provided = ike_feature_find (end->engine, "service:probe", NULL);

  g_assert_nonnull (provided);
  return ike_plugin_state (provided->plugin);
}

typedef struct {
  void   (*run) (IkeSa *sa, gpointer data);
  gpointer data;
  gboolean has_run, is_over;
} Run;

static void
run_it (IkeSa *sa, gpointer data)
{
  Run *run = data;

  run->has_run = TRUE;
  run->run (sa, run->data);
}

static void
run_over (gpointer data)
{
  ((Run *) data)->is_over = TRUE;
}

static const IkeJobClass run_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "probe",
  .lane = IKE_LANE_ESTABLISHED,
  .run = run_it,
  .free = run_over,
};

gboolean
probe_run (Pair *pair, PairEnd *end, void (*run) (IkeSa *sa, gpointer data), gpointer data)
{
  Run r = { run, data, FALSE, FALSE };

  g_assert_true (ike_sa_post (end->engine, probe_of (end)->sa, &run_job, &r));
  while (!r.is_over)
    g_assert_true (ike_sim_step (pair->sim, G_MAXINT64) || r.is_over);
  return r.has_run;
}

typedef struct { const char *operation; gpointer args; char *error; gboolean is_done; } Begin;

static void
done (IkeSa *sa, gpointer data, const char *error)
{
  Begin *b = data;

  b->error = g_strdup (error);
  b->is_done = TRUE;
}

static void
begin (IkeSa *sa, gpointer data)
{
  Begin *b = data;

  g_assert_true (ike_sa_begin (sa, b->operation, b->args, done, b));
}

char *
probe_begin (Pair *pair, PairEnd *end, const char *operation, gpointer args_take)
{
  Begin b = { operation, args_take, NULL, FALSE };

  g_assert_true (probe_run (pair, end, begin, &b));
  while (!b.is_done)
    g_assert_true (ike_sim_step (pair->sim, G_MAXINT64) || b.is_done);
  ike_sim_settle (pair->sim);
  return b.error;
}
