/* SPDX-License-Identifier: Apache-2.0 */
/* commands.c - `ikebana clone`: all shards are asked first which IKE SAs are meant, and nothing is
 * made before that is known.
 *
 * Of a connection only those are meant that are no clones, if there are any: else each call would
 * double their number. */
#include "clone/clone.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

typedef struct {
  const Clone *self;
  IkeEngine *engine;
  IkeRequest *request; /* control's */
  char *conn, *child;  /* NULL: any; none */
  guint32 id;          /* 0: any */
  atomic_int references;
  /* Shards add to what follows, control reads it when they are through. */
  pthread_mutex_t lock;
  GArray *originals, *clones; /* IkeSaRef */
  GPtrArray *names;           /* of what was made */
  const char *code;           /* of the error; static */
  char *error;                /* the first one */
} Cloning;

static void
cloning_free (gpointer data)
{
  Cloning *cloning = data;

  pthread_mutex_destroy (&cloning->lock);
  g_array_unref (cloning->originals);
  g_array_unref (cloning->clones);
  g_ptr_array_unref (cloning->names);
  g_free (cloning->conn);
  g_free (cloning->child);
  g_free (cloning->error);
  g_free (cloning);
}

static void
set_error (Cloning *cloning, const char *code, const char *error)
{
  pthread_mutex_lock (&cloning->lock);
  if (!cloning->error) {
    cloning->code = code;
    cloning->error = g_strdup (error);
  }
  pthread_mutex_unlock (&cloning->lock);
}

/* -- the answer */

static void
answer (gpointer data)
{
  Cloning *cloning = data;
  g_autofree char *made = NULL, *why = NULL;
  IkeTree *result, *list;
  guint i;

  if (!cloning->names->len)
    set_error (cloning, "not-found", "nothing of that name is up; see `ikebana status`");
  if (cloning->error) {
    g_ptr_array_add (cloning->names, NULL);
    made = g_strjoinv (", ", (char **) cloning->names->pdata);
    why = *made ? g_strdup_printf ("%s; made: %s", cloning->error, made) : NULL;
    ike_request_fail (cloning->request, cloning->code, why ? why : cloning->error);
    return;
  }
  result = ike_tree_new_section ();
  ike_tree_set_int (result, "n", cloning->names->len);
  list = ike_tree_add_list (result, "names");
  for (i = 0; i < cloning->names->len; i++)
    ike_tree_set_string (list, NULL, cloning->names->pdata[i]);
  ike_request_finish (cloning->request, result);
}

static void
cloning_unref (gpointer data)
{
  Cloning *cloning = data;

  if (atomic_fetch_sub (&cloning->references, 1) == 1)
    ike_loop_post (ike_engine_control (cloning->engine), answer, cloning, cloning_free);
}

/* -- one of them */

static void
begun (IkeSa *sa, gpointer data, const char *error)
{
  Cloning *cloning = data;
  const Member *member = ike_sa_slot (sa, cloning->self->slot);
  const IkeConn *conn = ike_sa_conn (sa);

  if (error)
    set_error (cloning, "failed", error);
  else if (member && conn) {
    pthread_mutex_lock (&cloning->lock);
    g_ptr_array_add (cloning->names, g_strdup_printf ("%s[%u]", conn->name, member->newest));
    pthread_mutex_unlock (&cloning->lock);
  }
  cloning_unref (cloning);
}

static void
clone_one (IkeSa *sa, gpointer data)
{
  Cloning *cloning = data;

  atomic_fetch_add (&cloning->references, 1);
  if (!ike_sa_begin (sa, "rekey-beside", g_strdup (cloning->child), begun, cloning))
    begun (sa, cloning, "the IKE SA goes");
}

static const IkeJobClass clone_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "clone",
  .lane = IKE_LANE_ESTABLISHED,
  .run = clone_one,
  .free = cloning_unref,
};

/* -- which are meant */

static void
decide (gpointer data)
{
  Cloning *cloning = data;
  GArray *which = cloning->originals->len ? cloning->originals : cloning->clones;
  guint i;

  if (which == cloning->clones && which->len > 1)
    set_error (cloning, "usage", "all of them are clones; which one? Give --id=NUMBER");
  if (cloning->error)
    return;
  for (i = 0; i < which->len; i++) {
    atomic_fetch_add (&cloning->references, 1);
    /* The lane of established SAs refuses nothing. */
    (void) !ike_sa_post (cloning->engine, g_array_index (which, IkeSaRef, i), &clone_job, cloning);
  }
}

static void
looked (gpointer data)
{
  Cloning *cloning = data;

  ike_loop_post (ike_engine_control (cloning->engine), decide, cloning, cloning_unref);
}

/* NULL, or why @sa cannot have that child; g_free. */
static char *
refuse_child (const IkeSa *sa, const char *name)
{
  const IkeConn *conn = ike_sa_conn (sa);
  const IkeChildConf *child = name ? ike_conn_child (conn, name) : NULL;

  if (name && !child)
    return g_strdup_printf ("connection %s has no child %s", conn->name, name);
  if (child && child->mode > IKE_MODE_BEET)
    return g_strdup_printf ("%s.%s is a shunt, for which no SA is made", conn->name, name);
  return NULL;
}

static void
look (IkeSa *sa, gpointer data)
{
  Cloning *cloning = data;
  const IkeConn *conn = ike_sa_conn (sa);
  const Member *member = ike_sa_slot (sa, cloning->self->slot);
  IkeSaRef ref = ike_sa_ref (sa);
  g_autofree char *why = NULL;

  if ((ike_sa_state (sa) != IKE_SA_ESTABLISHED && ike_sa_state (sa) != IKE_SA_REKEYING) || !conn
      || (cloning->conn && strcmp (conn->name, cloning->conn) != 0)
      || (cloning->id && ike_sa_unique_id (sa) != cloning->id))
    return;
  why = refuse_child (sa, cloning->child);
  if (why)
    set_error (cloning, "not-found", why);
  pthread_mutex_lock (&cloning->lock);
  g_array_append_val (member && member->is_clone ? cloning->clones : cloning->originals, ref);
  pthread_mutex_unlock (&cloning->lock);
}

/* -- the command */

static void
run_clone (IkePlugin *plugin, IkeRequest *request)
{
  const IkeTree *args = ike_request_args (request);
  const char *conn = ike_tree_string (args, "name", NULL);
  guint32 id = (guint32) ike_tree_int (args, "id", 0);
  Cloning *cloning;

  if (!conn && !id) {
    ike_request_fail (request, "usage", "which one? Give a name, or --id=NUMBER");
    return;
  }
  cloning = g_new0 (Cloning, 1);
  cloning->self = ike_plugin_state (plugin);
  cloning->engine = ike_plugin_engine (plugin);
  cloning->request = request;
  cloning->conn = g_strdup (conn);
  cloning->child = g_strdup (ike_tree_string (args, "child", NULL));
  cloning->id = id;
  atomic_init (&cloning->references, 1);
  pthread_mutex_init (&cloning->lock, NULL);
  cloning->originals = g_array_new (FALSE, FALSE, sizeof (IkeSaRef));
  cloning->clones = g_array_new (FALSE, FALSE, sizeof (IkeSaRef));
  cloning->names = g_ptr_array_new_with_free_func (g_free);
  ike_sa_each (cloning->engine, look, cloning, looked);
}

static const IkeCommandArg clone_args[] = {
  { "name", "string", FALSE, TRUE, "connection: its IKE SAs that are no clones" },
  { "child", "string", FALSE, TRUE, "the child that the new IKE SA gets" },
  { "id", "uint", FALSE, FALSE, "only the IKE SA of this number" },
  { NULL, NULL, FALSE, FALSE, NULL },
};
static const IkeCommandClass clone_command = {
  .struct_size = sizeof (IkeCommandClass),
  .summary = "Make another IKE SA from one that is up, beside it (RFC 7791)",
  .args = clone_args,
  .run = run_clone,
};
const IkeFeature clone_command_feature = { .struct_size = sizeof (IkeFeature),
                                           .provides = "command:clone",
                                           .ops = &clone_command };
