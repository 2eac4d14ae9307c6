/* SPDX-License-Identifier: Apache-2.0 */
/* works.c - requests on their way to the database's loop: copies of what was asked, and answers. */
#include <ikebana/command.h>
#include <ikebana/error.h>
#include <ikebana/log.h>
#include "pool_sqlite.h"
#include "shared/pool/pool_tell.h"

static Pool *
find (Pools *pools, const char *name)
{
  Pool *pool;

  pthread_mutex_lock (&pools->lock);
  pool = g_hash_table_lookup (pools->pools, name);
  if (pool)
    pool_ref (pool);
  pthread_mutex_unlock (&pools->lock);
  return pool;
}

/* -- leases */

/* How long until what could not be given back is tried again. */
enum { AGAIN_MS = 10 * 1000, ANSWER_MS = 3600 * 1000 };

/* Counted: the work has it, and who waits to see whether that was done. */
typedef struct {
  Pools *pools;
  Pool *pool;          /* NULL: giving back */
  IkeLeaseQuery query; /* name and identity are its own */
  IkeAddr addr;
  gboolean has_failed; /* and that was said */
  atomic_uint references;
} Request;

static Request *
request_new (Pools *pools, const IkeLeaseQuery *query)
{
  Request *request = g_new0 (Request, 1);

  atomic_init (&request->references, 1);
  request->pools = pools;
  memcpy (&request->query, query, MIN (query->struct_size, sizeof *query));
  request->query.pool = g_strdup (query->pool);
  request->query.identity = query->identity ? ike_ident_ref (query->identity) : NULL;
  return request;
}

static Request *
request_ref (Request *request)
{
  atomic_fetch_add (&request->references, 1);
  return request;
}

static void
request_unref (gpointer data)
{
  Request *request = data;

  if (atomic_fetch_sub (&request->references, 1) != 1)
    return;
  if (request->pool)
    pool_unref (request->pool);
  g_free ((char *) request->query.pool);
  ike_ident_unref ((IkeIdent *) request->query.identity);
  g_free (request);
}

static gpointer
run_acquire (IkeSqliteTx *tx, gpointer data, GError **error)
{
  Request *request = data;

  if (!leases_acquire (tx, &request->pools->rules, request->pool->conf, &request->query,
                       &request->addr, error))
    return NULL;
  return g_memdup2 (&request->addr, sizeof request->addr);
}

static gpointer
run_release (IkeSqliteTx *tx, gpointer data, GError **error)
{
  Request *request = data;

  leases_release (tx, &request->pools->rules, &request->query, &request->addr, error);
  return NULL;
}

static const IkeSqliteWork acquire_work = { .struct_size = sizeof (IkeSqliteWork),
                                            .name = "pool: acquire",
                                            .run = run_acquire,
                                            .free_result = g_free,
                                            .free_data = request_unref };
static const IkeSqliteWork release_work = { .struct_size = sizeof (IkeSqliteWork),
                                            .name = "pool: release",
                                            .run = run_release,
                                            .free_data = request_unref };

void
pools_acquire (IkePlugin *plugin, const IkeLeaseQuery *query, IkeCall *call)
{
  Pools *pools = ike_plugin_state (plugin);
  Pool *pool = find (pools, query->pool);
  Request *request;

  if (!pool) {
    g_autofree char *why = g_strdup_printf ("pool %s is gone", query->pool);
    ike_call_fail (call, why);
    return;
  }
  request = request_new (pools, query);
  request->pool = pool;
  pools->class->run (pools->db, &acquire_work, request, call);
}

/* -- giving back: until it is done, for nobody else would before the next start */

static void released (gpointer owner, gpointer data, gpointer result, const char *error);

static const IkeCallClass release_call = { .struct_size = sizeof (IkeCallClass),
                                           .name = "pool: release",
                                           .timeout_ms = ANSWER_MS,
                                           .then = released,
                                           .free_data = request_unref };

/* Where no loop runs any more, all ends. */
static void
give_back (Request *request)
{
  IkeLoop *loop = ike_loop_current ();
  IkeCall *call = loop ? ike_loop_call (loop, &release_call, NULL, request_ref (request)) : NULL;

  request->pools->class->run (request->pools->db, &release_work, request_ref (request), call);
}

static void
give_back_again (gpointer data)
{
  Request *request = data;

  if (!atomic_load (&request->pools->is_over))
    give_back (request);
}

static void
released (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Request *request = data;
  Pools *pools = request->pools;
  char addr[IKE_ADDR_TEXT_SIZE];

  if (!error || atomic_load (&pools->is_over))
    return;
  if (!request->has_failed)
    ike_log (pools->engine, IKE_LOG_ERROR, "pool-sqlite",
             "%s cannot be given back to pool %s, and is tried again until it can: %s",
             ike_addr_format (&request->addr, FALSE, addr), request->query.pool, error);
  request->has_failed = TRUE;
  ike_loop_timer_add (ike_loop_current (), AGAIN_MS, give_back_again, request_ref (request),
                      request_unref);
}

void
pools_release (IkePlugin *plugin, const IkeLeaseQuery *query, const IkeAddr *addr)
{
  Request *request = request_new (ike_plugin_state (plugin), query);

  request->addr = *addr;
  give_back (request);
  request_unref (request);
}

/* -- listings */

typedef struct {
  Pools *pools;
  GPtrArray *all; /* Pool */
} Listing;

static void
listing_free (gpointer data)
{
  Listing *listing = data;

  g_ptr_array_unref (listing->all);
  g_free (listing);
}

static Listing *
listing_new (Pools *pools)
{
  Listing *listing = g_new0 (Listing, 1);
  GHashTableIter iter;
  gpointer pool;

  listing->pools = pools;
  listing->all = g_ptr_array_new_with_free_func (pool_unref);
  pthread_mutex_lock (&pools->lock);
  g_hash_table_iter_init (&iter, pools->pools);
  while (g_hash_table_iter_next (&iter, NULL, &pool))
    g_ptr_array_add (listing->all, pool_ref (pool));
  pthread_mutex_unlock (&pools->lock);
  return listing;
}

static gboolean
list_pool (IkeSqliteTx *tx, const LeasesRules *rules, const PoolConf *conf, IkeTree *row,
           GError **error)
{
  gint64 online = 0, offline = 0;

  if (!leases_count (tx, rules, conf->name, &online, &offline, error))
    return FALSE;
  pool_list_row (row, conf, "sqlite", online, offline);
  return TRUE;
}

static gpointer
run_pools (IkeSqliteTx *tx, gpointer data, GError **error)
{
  Listing *listing = data;
  g_autoptr (IkeTree) list = ike_tree_new_list ();

  for (guint i = 0; i < listing->all->len; i++) {
    const Pool *pool = listing->all->pdata[i];
    if (!list_pool (tx, &listing->pools->rules, pool->conf, ike_tree_add_section (list, NULL),
                    error))
      return NULL;
  }
  return g_steal_pointer (&list);
}

static gpointer
run_leases (IkeSqliteTx *tx, gpointer data, GError **error)
{
  Listing *listing = data;
  g_autoptr (IkeTree) list = ike_tree_new_list ();

  return leases_list (tx, &listing->pools->rules, list, error) ? g_steal_pointer (&list) : NULL;
}

static const IkeSqliteWork pools_work = { .struct_size = sizeof (IkeSqliteWork),
                                          .name = "pool: list of pools",
                                          .run = run_pools,
                                          .free_result = (GDestroyNotify) ike_tree_free,
                                          .free_data = listing_free };
static const IkeSqliteWork leases_work = { .struct_size = sizeof (IkeSqliteWork),
                                           .name = "pool: list of leases",
                                           .run = run_leases,
                                           .free_result = (GDestroyNotify) ike_tree_free,
                                           .free_data = listing_free };

void
pools_list (IkePlugin *plugin, gboolean are_leases, IkeCall *call)
{
  Pools *pools = ike_plugin_state (plugin);

  pools->class->run (pools->db, are_leases ? &leases_work : &pools_work, listing_new (pools), call);
}

/* -- forgetting */

static gpointer
run_forget (IkeSqliteTx *tx, gpointer data, GError **error)
{
  const Listing *listing = data;
  const Pools *pools = listing->pools;

  if (pools->history_us && !leases_forget_history (tx, tx->now_us - pools->history_us, error))
    return NULL;
  for (guint i = 0; i < listing->all->len; i++)
    if (!leases_cut (tx, &pools->rules, ((const Pool *) listing->all->pdata[i])->conf, error))
      return NULL;
  return NULL;
}

static const IkeSqliteWork forget_work = { .struct_size = sizeof (IkeSqliteWork),
                                           .name = "pool: forget what is old",
                                           .run = run_forget,
                                           .free_data = listing_free };

void
pools_forget (Pools *pools)
{
  pools->class->run (pools->db, &forget_work, listing_new (pools), NULL);
}

/* -- history */

typedef struct {
  char *address, *identity;
  guint max;
} Question;

static void
question_free (gpointer data)
{
  Question *question = data;

  g_free (question->address);
  g_free (question->identity);
  g_free (question);
}

static gpointer
run_history (IkeSqliteTx *tx, gpointer data, GError **error)
{
  const Question *question = data;
  const LeasesPast past = { question->address, question->identity, question->max };
  g_autoptr (IkeTree) result = ike_tree_new_section ();

  return leases_history (tx, &past, ike_tree_add_list (result, "history"), error)
             ? g_steal_pointer (&result)
             : NULL;
}

static const IkeSqliteWork history_work = { .struct_size = sizeof (IkeSqliteWork),
                                            .name = "pool: history",
                                            .is_reading = TRUE,
                                            .run = run_history,
                                            .free_result = (GDestroyNotify) ike_tree_free,
                                            .free_data = question_free };

static void
told (gpointer owner, gpointer data, gpointer result, const char *error)
{
  if (error)
    ike_request_fail (owner, "failed", error);
  else
    ike_request_finish (owner, result);
}

static const IkeCallClass history_call = { .struct_size = sizeof (IkeCallClass),
                                           .name = "history of leases",
                                           .timeout_ms = 10000,
                                           .then = told,
                                           .undo = (GDestroyNotify) ike_tree_free };

static void
ask_history (IkePlugin *self, IkeRequest *request)
{
  Pools *pools = ike_plugin_state (self);
  const IkeTree *args = ike_request_args (request);
  Question *question = g_new0 (Question, 1);

  question->address = g_strdup (ike_tree_string (args, "address", NULL));
  question->identity = g_strdup (ike_tree_string (args, "identity", NULL));
  question->max = (guint) CLAMP (ike_tree_int (args, "max", 100), 1, LEASES_LISTED_MAX);
  pools->class->run (
      pools->db, &history_work, question,
      ike_loop_call (ike_engine_control (pools->engine), &history_call, request, NULL));
}

static const IkeCommandArg args[] = {
  { "address", "string", FALSE, TRUE, "Only of this address." },
  { "identity", "string", FALSE, FALSE, "Only of this client." },
  { "max", "uint", FALSE, FALSE, "So many, the newest first; 100 by default." },
  { NULL },
};
static const IkeCommandClass history_class = {
  .struct_size = sizeof (IkeCommandClass),
  .flags = IKE_COMMAND_READ_ONLY,
  .summary = "Show who had which virtual address when, of pools in a database",
  .args = args,
  .columns = "ADDRESS:address POOL:pool ACQUIRED:acquired RELEASED:released REMOTE:remote "
             "IDENTITY:identity",
  .rows_path = "history",
  .run = ask_history,
};
const IkeFeature pools_history_feature = { .struct_size = sizeof (IkeFeature),
                                           .provides = "command:lease-history",
                                           .ops = &history_class };
