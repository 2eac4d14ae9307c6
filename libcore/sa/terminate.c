/* SPDX-License-Identifier: Apache-2.0 */
/* terminate.c - `down`: every SA or child of a name.  Nothing of it comes up again by itself. */
#include "sa/keep_up.h"
#include "sa/sa_private.h"
#include <string.h>

enum { FORCED = 1 };

static void
end_child (IkeChosen *chosen, IkeSa *sa, IkeChild *child)
{
  IkeChildRef ref = ike_child_ref (child);

  ike_chosen_count (chosen, child->conf->name, child->unique_id);
  ike_child_ends (child, IKE_END_OURS);
  if (ike_chosen_flags (chosen) & FORCED) {
    ike_child_destroy (child, "taken down by command");
    return;
  }
  child->is_going = TRUE;
  ike_chosen_begin (chosen, sa, "delete-child", g_memdup2 (&ref, sizeof ref));
}

static void
end_sa (IkeChosen *chosen, IkeSa *sa)
{
  if (!sa->is_silent)
    ike_chosen_count (chosen, sa->conn ? sa->conn->name : "(unnamed)", sa->unique_id);
  ike_sa_ends (sa, IKE_END_OURS);
  sa->is_taken_down = TRUE;
  if (ike_chosen_flags (chosen) & FORCED || sa->state < IKE_SA_ESTABLISHED)
    ike_sa_destroy (sa, "taken down by command");
  else
    ike_chosen_begin (chosen, sa, "delete", NULL);
}

static const IkeChosenClass terminate_class = { end_sa, end_child, FALSE, FALSE };
/* At once is at once: also what waits for its Delete, or to inherit. */
static const IkeChosenClass forced_class = { end_sa, end_child, FALSE, TRUE };

typedef struct {
  IkeEngine *engine;
  char *conn, *child;
  guint32 unique_id, flags;
  IkeCall *call;
} Down;

static void
down_free (gpointer data)
{
  Down *down = data;

  g_free (down->conn);
  g_free (down->child);
  g_free (down);
}

/* What is only being tried counts, too. */
static void
start_down (gpointer data)
{
  const Down *down = data;
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  IkeWhich which = { down->conn, down->child, down->unique_id, down->flags, names, NULL, NULL };

  if (!down->unique_id)
    ike_keep_up_end (down->engine, down->conn, down->child, names);
  ike_chosen_run (down->engine, down->flags & FORCED ? &forced_class : &terminate_class, &which,
                  down->call);
}

void
ike_terminate (IkeEngine *engine, const char *conn_or_null, const char *child_or_null,
               guint32 unique_id, gboolean is_forced, IkeCall *call)
{
  Down *down = g_new0 (Down, 1);

  down->engine = engine;
  down->conn = g_strdup (conn_or_null);
  down->child = g_strdup (child_or_null);
  down->unique_id = unique_id;
  down->flags = is_forced ? FORCED : 0;
  down->call = call;
  ike_loop_post (ike_engine_control (engine), start_down, down, down_free);
}

/* -- what is only begun */

typedef struct {
  IkeShard *shard;
  guint32 from;
  char *conn;
} Begun;

static void
begun_free (gpointer data)
{
  Begun *begun = data;

  g_free (begun->conn);
  g_free (begun);
}

static void
end_begun (IkeSa *sa, gpointer data)
{
  const Begun *begun = data;

  if (!sa->is_initiator || sa->state >= IKE_SA_ESTABLISHED || !sa->conn
      || strcmp (sa->conn->name, begun->conn) != 0)
    return;
  ike_sa_ends (sa, IKE_END_OURS);
  sa->is_taken_down = TRUE;
  ike_sa_destroy (sa, "not wanted any more");
}

static void
walk_begun (gpointer data)
{
  Begun *begun = data, *more;

  begun->from = ike_table_walk (begun->shard, begun->from, end_begun, begun);
  if (begun->from == G_MAXUINT32)
    return;
  more = g_memdup2 (begun, sizeof *begun);
  more->conn = g_strdup (begun->conn);
  ike_loop_post (begun->shard->loop, walk_begun, more, begun_free);
}

void
ike_terminate_begun (IkeEngine *engine, const char *conn)
{
  guint i;

  for (i = 0; i < engine->n_shards; i++) {
    Begun *begun = g_new0 (Begun, 1);
    begun->shard = engine->sas->shards[i];
    begun->conn = g_strdup (conn);
    ike_loop_post (begun->shard->loop, walk_begun, begun, begun_free);
  }
}
