/* SPDX-License-Identifier: Apache-2.0 */
/* chosen.c - something done with every SA, or every child, of a name, on all shards; answered when
 * the last one is through. */
#include "sa/sa_private.h"
#include <ikebana/command.h>
#include <pthread.h>
#include <string.h>

struct _IkeChosen {
  IkeEngine *engine;
  const IkeChosenClass *klass;
  char *conn, *child; /* NULL: any */
  char *operation, *text; /* or NULL */
  guint32 unique_id;  /* 0: any */
  guint32 flags;
  IkeCall *call;
  atomic_int pending; /* shards to walk, and what was begun */
  atomic_int n;
  pthread_mutex_t lock; /* names, error: shards add, whoever is last reads */
  GPtrArray *names;
  char *error;
};

typedef struct {
  IkeChosen *chosen;
  IkeShard *shard;
  guint32 from;
} Walk;

static IkeTree *
result_of (const IkeChosen *chosen)
{
  IkeTree *result = ike_tree_new_section (), *list;
  guint i;

  ike_tree_set_int (result, "n", atomic_load (&chosen->n));
  list = ike_tree_add_list (result, "names");
  for (i = 0; i < chosen->names->len; i++)
    ike_tree_set_string (list, NULL, chosen->names->pdata[i]);
  return result;
}

static void
release (IkeChosen *chosen)
{
  if (atomic_fetch_sub (&chosen->pending, 1) != 1)
    return;
  if (chosen->error)
    ike_call_fail (chosen->call, chosen->error);
  else
    ike_call_answer (chosen->call, result_of (chosen));
  pthread_mutex_destroy (&chosen->lock);
  g_ptr_array_unref (chosen->names);
  g_free (chosen->error);
  g_free (chosen->conn);
  g_free (chosen->child);
  g_free (chosen->operation);
  g_free (chosen->text);
  g_free (chosen);
}

void
ike_chosen_count (IkeChosen *chosen, const char *name, guint32 unique_id)
{
  atomic_fetch_add (&chosen->n, 1);
  pthread_mutex_lock (&chosen->lock);
  g_ptr_array_add (chosen->names, g_strdup_printf ("%s[%u]", name, unique_id));
  pthread_mutex_unlock (&chosen->lock);
}

void
ike_chosen_hold (IkeChosen *chosen)
{
  atomic_fetch_add (&chosen->pending, 1);
}

void
ike_chosen_ended (IkeSa *sa, gpointer data, const char *error)
{
  IkeChosen *chosen = data;

  if (error && chosen->klass->is_error_told) {
    pthread_mutex_lock (&chosen->lock);
    if (!chosen->error)
      chosen->error = g_strdup (error);
    pthread_mutex_unlock (&chosen->lock);
  }
  release (chosen);
}

gboolean
ike_chosen_begin (IkeChosen *chosen, IkeSa *sa, const char *operation, gpointer args_take)
{
  ike_chosen_hold (chosen);
  if (ike_sa_begin (sa, operation, args_take, ike_chosen_ended, chosen))
    return TRUE;
  release (chosen);
  return FALSE;
}

guint32
ike_chosen_flags (const IkeChosen *chosen)
{
  return chosen->flags;
}

void
ike_chosen_begin_asked (IkeChosen *chosen, IkeSa *sa)
{
  ike_chosen_begin (chosen, sa, chosen->operation, g_strdup (chosen->text));
}

static void
each_child (IkeChosen *chosen, IkeSa *sa)
{
  IkeChild *child, *next;

  for (child = sa->children; child; child = next) {
    next = child->next;
    if (!strcmp (child->conf->name, chosen->child) && child->is_installed && !child->is_going)
      chosen->klass->on_child (chosen, sa, child);
  }
}

static void
each (IkeSa *sa, gpointer data)
{
  IkeChosen *chosen = data;

  if ((sa->is_silent && !chosen->klass->is_for_silent)
      || (chosen->conn && (!sa->conn || strcmp (sa->conn->name, chosen->conn) != 0))
      || (chosen->unique_id && chosen->unique_id != sa->unique_id))
    return;
  if (chosen->child)
    each_child (chosen, sa);
  else
    chosen->klass->on_sa (chosen, sa);
}

static void
walk (gpointer data)
{
  Walk *w = data;

  w->from = ike_table_walk (w->shard, w->from, each, w->chosen);
  if (w->from != G_MAXUINT32)
    ike_loop_post (w->shard->loop, walk, g_memdup2 (w, sizeof *w), g_free);
  else
    release (w->chosen);
}

IkeWhich
ike_chosen_asked (IkeRequest *request, const IkeConfig *config_or_null)
{
  const IkeTree *args = ike_request_args (request);
  IkeWhich which = { ike_tree_string (args, "name", NULL), ike_tree_string (args, "child", NULL),
                     (guint32) ike_tree_int (args, "id", 0), 0, NULL, NULL, NULL };
  const IkeChildConf *found = NULL;

  if (which.conn && !which.child && config_or_null && !ike_config_conn (config_or_null, which.conn)
      && ike_config_conn_of_child (config_or_null, which.conn, &found)) {
    which.child = found->name;
    which.conn = NULL;
  }
  return which;
}

void
ike_chosen_run (IkeEngine *engine, const IkeChosenClass *klass, const IkeWhich *which,
                IkeCall *call)
{
  IkeChosen *chosen = g_new0 (IkeChosen, 1);
  guint i;

  chosen->engine = engine;
  chosen->klass = klass;
  chosen->conn = g_strdup (which->conn);
  chosen->child = g_strdup (which->child);
  chosen->operation = g_strdup (which->operation);
  chosen->text = g_strdup (which->text);
  chosen->unique_id = which->unique_id;
  chosen->flags = which->flags;
  chosen->call = call;
  chosen->names = which->names ? which->names : g_ptr_array_new_with_free_func (g_free);
  atomic_init (&chosen->n, (int) chosen->names->len);
  pthread_mutex_init (&chosen->lock, NULL);
  atomic_init (&chosen->pending, (int) engine->n_shards);
  for (i = 0; i < engine->n_shards; i++) {
    Walk *w = g_new0 (Walk, 1);
    w->chosen = chosen;
    w->shard = engine->sas->shards[i];
    ike_loop_post (w->shard->loop, walk, w, g_free);
  }
}
