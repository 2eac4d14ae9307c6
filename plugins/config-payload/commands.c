/* SPDX-License-Identifier: Apache-2.0 */
/* commands.c - `pools` and `leases`: what whoever keeps pools has to tell, one after the other. */
#include "config.h"
#include "config_payload.h"
#include <ikebana/command.h>

typedef struct {
  IkeEngine *engine;
  IkeRequest *request;
  gboolean are_leases;
  guint keeper; /* the next one */
  IkeTree *result;
} Listing;

static void ask_next (Listing *listing);

static gboolean
is_wanted (const Listing *listing, const IkeTree *row)
{
  const char *wanted = ike_tree_string (ike_request_args (listing->request), "pool", NULL);

  return !wanted || g_str_equal (wanted, ike_tree_string (row, "pool", ""));
}

static void
told (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Listing *listing = owner;
  const IkeTree *rows = result;
  IkeTree *list =
      (IkeTree *) ike_tree_get (listing->result, listing->are_leases ? "leases" : "pools");

  if (error)
    ike_log (listing->engine, IKE_LOG_NOTICE, "config", "a listing of pools has gaps: %s", error);
  for (guint i = 0; rows && i < ike_tree_n (rows); i++)
    if (is_wanted (listing, ike_tree_nth (rows, i)))
      ike_tree_set_take (list, NULL, ike_tree_copy (ike_tree_nth (rows, i)));
  ike_tree_free (result);
  ask_next (listing);
}

static const IkeCallClass list_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "list of a pool",
  .timeout_ms = 10000,
  .then = told,
  .undo = (GDestroyNotify) ike_tree_free,
};

static void
ask_next (Listing *listing)
{
  guint n = 0;
  const IkeProvided *const *pools = ike_feature_list (listing->engine, "pool", &n);

  while (listing->keeper < n) {
    const IkeProvided *pool = pools[listing->keeper++];
    const IkePoolClass *klass = pool->ops;
    if (!klass->list)
      continue;
    klass->list (pool->plugin, listing->are_leases,
                 ike_loop_call (ike_engine_control (listing->engine), &list_call, listing, NULL));
    return;
  }
  ike_request_finish (listing->request, listing->result);
  g_free (listing);
}

static void
run (IkeRequest *request, gboolean are_leases)
{
  Listing *listing = g_new0 (Listing, 1);

  listing->engine = ike_request_engine (request);
  listing->request = request;
  listing->are_leases = are_leases;
  listing->result = ike_tree_new_section ();
  ike_tree_add_list (listing->result, are_leases ? "leases" : "pools");
  ask_next (listing);
}

static void
run_pools (IkePlugin *self, IkeRequest *request)
{
  run (request, FALSE);
}

static void
run_leases (IkePlugin *self, IkeRequest *request)
{
  run (request, TRUE);
}

static const IkeCommandArg args[] = {
  { "pool", "string", FALSE, TRUE, "Only of this pool." },
  { NULL },
};

static const IkeCommandClass pools_class = {
  .struct_size = sizeof (IkeCommandClass),
  .flags = IKE_COMMAND_READ_ONLY,
  .summary = "Show the pools of virtual addresses",
  .args = args,
  .columns = "POOL:pool KEEPER:keeper IPV4:size4 IPV6:size6 ONLINE:online OFFLINE:offline",
  .rows_path = "pools",
  .run = run_pools,
};
static const IkeCommandClass leases_class = {
  .struct_size = sizeof (IkeCommandClass),
  .flags = IKE_COMMAND_READ_ONLY,
  .summary = "Show who has, or had, which virtual address",
  .args = args,
  .columns = "POOL:pool ADDRESS:address STATUS:status SINCE:since-s SAS:sas IDENTITY:identity",
  .rows_path = "leases",
  .run = run_leases,
};

const IkeFeature config_pools_feature = { .struct_size = sizeof (IkeFeature),
                                          .provides = "command:pools",
                                          .ops = &pools_class };
const IkeFeature config_leases_feature = { .struct_size = sizeof (IkeFeature),
                                           .provides = "command:leases",
                                           .ops = &leases_class };
