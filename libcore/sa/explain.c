/* SPDX-License-Identifier: Apache-2.0 */
/* explain.c - why a negotiation failed: one sentence in the log, one structured record that
 * `ikebana explain` shows. */
#include "sa/sa_private.h"

typedef struct {
  IkeSaManager *manager;
  IkeTree      *tree;
} Record;

static void
remember (gpointer data)
{
  Record *record = data;
  IkeSaManager *manager = record->manager;
  IkeTree **place = &manager->records[manager->next_record % IKE_EXPLAIN_RECORDS];

  ike_tree_free (*place);
  *place = g_steal_pointer (&record->tree);
  ike_tree_set_int (*place, "number", ++manager->next_record);
}

static void
record_free (gpointer data)
{
  Record *record = data;

  ike_tree_free (record->tree);
  g_free (record);
}

void
ike_explain_emit (IkeEngine *engine, const char *phase, const IkeAddr *local, const IkeAddr *remote,
                  const char *conn, const char *reason, IkeTree *details_take)
{
  IkeTree *body = ike_tree_new_section ();
  Record *record;
  char text[IKE_ADDR_TEXT_SIZE];

  ike_tree_set_int (body, "time", ike_engine_wall_us (engine) / G_USEC_PER_SEC);
  ike_tree_set_string (body, "phase", phase);
  ike_tree_set_string (body, "connection", conn ? conn : "");
  ike_tree_set_string (body, "peer", ike_addr_format (remote, TRUE, text));
  ike_tree_set_string (body, "local", ike_addr_format (local, TRUE, text));
  ike_tree_set_string (body, "reason", reason);
  if (details_take)
    ike_tree_set_take (body, "details", details_take);
  record = g_new0 (Record, 1);
  record->manager = engine->sas;
  record->tree = ike_tree_copy (body);
  ike_loop_post (ike_engine_control (engine), remember, record, record_free);
  ike_event_emit (engine, ike_event_new (engine, "negotiation-failed", body));
}

void
ike_explain_failed (IkeSa *sa, const char *phase, const char *reason, IkeTree *details_take)
{
  ike_sa_progress (sa, IKE_LOG_NOTICE, "%s", reason);
  ike_explain_emit (sa->shard->manager->engine, phase, &sa->local, &sa->remote,
                    sa->conn ? sa->conn->name : NULL, reason, details_take);
}

void
ike_task_explain (IkeTask *task, const char *phase, const char *reason, IkeTree *details_take)
{
  ike_explain_failed (task->operation->sa, phase, reason, details_take);
}

void
ike_explain_clear (IkeSaManager *manager)
{
  guint i;

  for (i = 0; manager->records && i < IKE_EXPLAIN_RECORDS; i++)
    ike_tree_free (manager->records[i]);
  g_clear_pointer (&manager->records, g_free);
}
