/* SPDX-License-Identifier: Apache-2.0 */
/* removed.c - what a reload leaves: SAs of connections that are no longer configured stay up, as
 * users of swanctl know it, and somebody has to be told which they are. */
#include "sa/sa_private.h"
#include <string.h>

/* Goes from shard to shard, so only one thread has it at a time. */
typedef struct {
  IkeEngine  *engine;
  IkeTree    *result;
  GHashTable *counts;                         /* name → guint */
  guint       shard;
  guint32     from;
  void      (*done) (gpointer data, IkeTree *result);
  gpointer    data;
} Count;

static void count_shard (gpointer data);

static void
finish (gpointer data)
{
  Count *c = data;
  const IkeTree *removed = ike_tree_get (c->result, "removed");
  IkeTree *left = ike_tree_add_list (c->result, "left");
  guint i;

  for (i = 0; i < ike_tree_n (removed); i++) {
    const char *name = ike_tree_text (ike_tree_nth (removed, i), NULL);
    guint *n = g_hash_table_lookup (c->counts, name);
    IkeTree *row;
    if (!n || !*n)
      continue;
    row = ike_tree_add_section (left, NULL);
    ike_tree_set_string (row, "connection", name);
    ike_tree_set_int (row, "sas", *n);
  }
  c->done (c->data, c->result);
  g_hash_table_unref (c->counts);
  g_free (c);
}

static void
count_one (IkeSa *sa, gpointer data)
{
  Count *c = data;
  guint *n = sa->conn ? g_hash_table_lookup (c->counts, sa->conn->name) : NULL;

  if (n)
    ++*n;
}

static void
next (Count *c)
{
  if (c->shard < c->engine->n_shards)
    ike_loop_post (ike_engine_shard (c->engine, c->shard), count_shard, c, NULL);
  else
    ike_loop_post (ike_engine_control (c->engine), finish, c, NULL);
}

static void
count_shard (gpointer data)
{
  Count *c = data;

  c->from = ike_table_walk (c->engine->sas->shards[c->shard], c->from, count_one, c);
  if (c->from == G_MAXUINT32) {
    c->from = 0;
    c->shard++;
  }
  next (c);
}

void
ike_sas_count_removed (IkeEngine *engine, IkeTree *result_take,
                       void (*done) (gpointer data, IkeTree *result), gpointer data)
{
  const IkeTree *removed = ike_tree_get (result_take, "removed");
  Count *c;
  guint i;

  if (!engine->sas || atomic_load (&engine->sas->n_sas) == 0 || ike_tree_n (removed) == 0) {
    done (data, result_take);
    return;
  }
  c = g_new0 (Count, 1);
  *c = (Count) { .engine = engine, .result = result_take, .done = done, .data = data };
  c->counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  for (i = 0; i < ike_tree_n (removed); i++)
    g_hash_table_insert (c->counts, g_strdup (ike_tree_text (ike_tree_nth (removed, i), NULL)),
                         g_new0 (guint, 1));
  next (c);
}

static void
log_left (gpointer data, IkeTree *result)
{
  const IkeTree *left = ike_tree_get (result, "left");
  guint i;

  for (i = 0; i < ike_tree_n (left); i++) {
    const IkeTree *row = ike_tree_nth (left, i);
    const char *name = ike_tree_string (row, "connection", "");
    ike_log (data, IKE_LOG_NOTICE, "config",
             "connection %s was removed, %u of its SAs stay up; `ikebana down %s` ends them", name,
             (guint) ike_tree_int (row, "sas", 0), name);
  }
  ike_tree_free (result);
}

void
ike_sas_log_removed (IkeEngine *engine, const IkeConfig *config, const IkeConfig *previous)
{
  IkeTree *result = ike_tree_new_section (), *removed = ike_tree_add_list (result, "removed");
  guint i;

  for (i = 0; i < previous->n_conns; i++)
    if (!ike_config_conn (config, previous->conns[i]->name))
      ike_tree_set_string (removed, NULL, previous->conns[i]->name);
  ike_sas_count_removed (engine, result, log_left, engine);
}
