/* SPDX-License-Identifier: Apache-2.0 */
/* terminate.c - `down`: every SA or child of a name, on all shards; answered when the last one is
 * gone.  Nothing of it comes up again by itself. */
#include "sa/keep_up.h"
#include "sa/sa_private.h"
#include <pthread.h>
#include <string.h>

typedef struct {
  IkeEngine       *engine;
  char            *conn, *child;              /* NULL: any */
  guint32          unique_id;                 /* 0: any */
  gboolean         is_forced;
  IkeCall         *call;
  atomic_int pending; /* shards to walk, SAs to end, and one for the beginning */
  atomic_int       n;
  pthread_mutex_t  lock;                      /* names: shards add, whoever is last reads */
  GPtrArray       *names;
} Terminate;

typedef struct { Terminate *t; IkeShard *shard; guint32 from; } Walk;

static void
release (Terminate *t)
{
  IkeTree *result, *list;
  guint i;

  if (atomic_fetch_sub (&t->pending, 1) != 1)
    return;
  result = ike_tree_new_section ();
  ike_tree_set_int (result, "n", atomic_load (&t->n));
  list = ike_tree_add_list (result, "names");
  for (i = 0; i < t->names->len; i++)
    ike_tree_set_string (list, NULL, t->names->pdata[i]);
  ike_call_answer (t->call, result);
  pthread_mutex_destroy (&t->lock);
  g_ptr_array_unref (t->names);
  g_free (t->conn);
  g_free (t->child);
  g_free (t);
}

static void
ended (IkeSa *sa, gpointer data, const char *error)
{
  release (data);
}

static void
count_one (Terminate *t, const char *name, guint32 unique_id)
{
  atomic_fetch_add (&t->n, 1);
  pthread_mutex_lock (&t->lock);
  g_ptr_array_add (t->names, g_strdup_printf ("%s[%u]", name, unique_id));
  pthread_mutex_unlock (&t->lock);
}

static void
end_children (Terminate *t, IkeSa *sa)
{
  IkeChild *child, *next;

  for (child = sa->children; child; child = next) {
    next = child->next;
    if (strcmp (child->conf->name, t->child) != 0 || child->state != IKE_CHILD_INSTALLED
        || child->is_going)
      continue;
    count_one (t, child->conf->name, child->unique_id);
    ike_child_ends (child, IKE_END_OURS);
    if (t->is_forced) {
      ike_child_destroy (child, "taken down by command");
      continue;
    }
    child->is_going = TRUE;
    atomic_fetch_add (&t->pending, 1);
    if (!ike_sa_begin (sa, "delete-child",
                       g_memdup2 (&(IkeChildRef) { child->serial }, sizeof (IkeChildRef)), ended,
                       t))
      release (t);
  }
}

static void
end_sa (IkeSa *sa, gpointer data)
{
  Terminate *t = data;

  if ((t->conn && (!sa->conn || strcmp (sa->conn->name, t->conn) != 0))
      || (t->unique_id && t->unique_id != sa->unique_id))
    return;
  if (t->child) {
    end_children (t, sa);
    return;
  }
  count_one (t, sa->conn ? sa->conn->name : "(unnamed)", sa->unique_id);
  ike_sa_ends (sa, IKE_END_OURS);
  sa->is_taken_down = TRUE;
  if (t->is_forced || sa->state < IKE_SA_ESTABLISHED) {
    ike_sa_destroy (sa, "taken down by command");
    return;
  }
  atomic_fetch_add (&t->pending, 1);
  if (!ike_sa_begin (sa, "delete", NULL, ended, t))
    release (t);
}

static void
walk (gpointer data)
{
  Walk *w = data;

  w->from = ike_table_walk (w->shard, w->from, end_sa, w->t);
  if (w->from != G_MAXUINT32)
    ike_loop_post (w->shard->loop, walk, g_memdup2 (w, sizeof *w), g_free);
  else
    release (w->t);
}

/* What is only being tried counts, too. */
static void
start_terminating (gpointer data)
{
  Terminate *t = data;
  IkeEngine *engine = t->engine;
  guint i, n_shards = engine->n_shards;

  if (!t->unique_id) {
    ike_keep_up_end (engine, t->conn, t->child, t->names);
    atomic_fetch_add (&t->n, (int) t->names->len);
  }
  for (i = 0; i < n_shards; i++) {
    Walk *w = g_new0 (Walk, 1);
    w->t = t;
    w->shard = engine->sas->shards[i];
    ike_loop_post (w->shard->loop, walk, w, g_free);
  }
}

void
ike_terminate (IkeEngine *engine, const char *conn_or_null, const char *child_or_null,
               guint32 unique_id, gboolean is_forced, IkeCall *call)
{
  Terminate *t = g_new0 (Terminate, 1);

  t->engine = engine;
  t->conn = g_strdup (conn_or_null);
  t->child = g_strdup (child_or_null);
  t->unique_id = unique_id;
  t->is_forced = is_forced;
  t->call = call;
  t->names = g_ptr_array_new_with_free_func (g_free);
  pthread_mutex_init (&t->lock, NULL);
  atomic_init (&t->pending, (int) engine->n_shards);
  ike_loop_post (ike_engine_control (engine), start_terminating, t, NULL);
}

/* -- what is only begun */

typedef struct { IkeShard *shard; guint32 from; char *conn; } Begun;

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
