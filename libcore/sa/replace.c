/* SPDX-License-Identifier: Apache-2.0 */
/* replace.c - what replaces SAs on somebody's word: the command `rekey`, and reauthentication,
 * which "is done by creating a new IKE SA from scratch ..., creating new Child SAs within the
 * new IKE SA ..., and finally deleting the old IKE SA" (RFC 7296, 2.8.3). */
#include "sa/commands_sa.h"

enum { REAUTHENTICATE = 1 };

/* -- reauthentication */

typedef struct {
  IkeEngine *engine;
  IkeSaRef old;
  guint pending; /* operations of the new SA */
} Reauth;

static void
close_old (IkeSa *old, const IkeSa *next)
{
  if (!next->was_up || next->is_doomed) {
    ike_sa_progress (old, IKE_LOG_ERROR, "could not be authenticated anew; tried again later");
    ike_sa_retry_reauthentication (old);
  } else if (!ike_sa_begin (old, "delete", NULL, NULL, NULL))
    ike_sa_destroy (old, "authenticated anew");
}

static void
one_is_there (IkeSa *next, gpointer data, const char *error)
{
  Reauth *reauth = data;
  IkeSa *old;

  if (--reauth->pending)
    return;
  old = ike_sa_lookup (reauth->engine, reauth->old);
  if (old && !old->is_doomed && old->state == IKE_SA_ESTABLISHED)
    close_old (old, next);
  g_free (reauth);
}

static IkeSaRef
make_before_break (IkeSa *sa)
{
  Reauth *reauth = g_new0 (Reauth, 1);
  IkeSa *next;

  reauth->engine = sa->shard->manager->engine;
  reauth->old = ike_sa_ref (sa);
  reauth->pending = 1;
  next = ike_sa_begin_like (sa, NULL, one_is_there, reauth, &reauth->pending);
  if (!next) {
    g_free (reauth);
    return (IkeSaRef){ 0, 0, 0 };
  }
  one_is_there (next, reauth, NULL);
  return ike_sa_ref (next);
}

static void
old_is_gone (IkeSa *sa, gpointer data, const char *error)
{
  if (!sa->shard->is_closing)
    ike_sa_begin_like (sa, NULL, NULL, NULL, NULL);
}

static void
break_before_make (IkeSa *sa, const char *why)
{
  if (ike_sa_begin (sa, "delete", NULL, old_is_gone, NULL))
    return;
  ike_sa_begin_like (sa, NULL, NULL, NULL, NULL);
  ike_sa_destroy (sa, why);
}

IkeSaRef
ike_sa_reauthenticate (IkeSa *sa, const char *why)
{
  const IkeTree *settings = ike_engine_settings (sa->shard->manager->engine);

  ike_sa_assert_owner (sa);
  ike_sa_progress (sa, IKE_LOG_NOTICE, "is authenticated anew: %s", why);
  if (ike_tree_bool (settings, "core.make_before_break", TRUE))
    return make_before_break (sa);
  break_before_make (sa, why);
  return (IkeSaRef){ 0, 0, 0 };
}

/* -- the command */

static void
rekey_child (IkeChosen *chosen, IkeSa *sa, IkeChild *child)
{
  IkeChildRef ref = ike_child_ref (child);

  if (child->is_replaced || child->is_redundant)
    return;
  ike_chosen_count (chosen, child->conf->name, child->unique_id);
  ike_chosen_begin (chosen, sa, "rekey-child", g_memdup2 (&ref, sizeof ref));
}

static void
rekey_sa (IkeChosen *chosen, IkeSa *sa)
{
  if (sa->state != IKE_SA_ESTABLISHED && sa->state != IKE_SA_REKEYING)
    return;
  ike_chosen_count (chosen, sa->conn ? sa->conn->name : "(unnamed)", sa->unique_id);
  if (ike_chosen_flags (chosen) & REAUTHENTICATE)
    ike_sa_reauthenticate (sa, "by command");
  else
    ike_chosen_begin (chosen, sa, "rekey", NULL);
}

static const IkeChosenClass rekey_class = { rekey_sa, rekey_child, TRUE, FALSE };

static void
rekey_done (gpointer owner, gpointer data, gpointer result, const char *error)
{
  if (error)
    ike_request_fail (data, "failed", error);
  else if (ike_tree_int (result, "n", 0) == 0) {
    ike_tree_free (result);
    ike_request_fail (data, "not-found", "nothing of that name is up; see `ikebana status`");
  } else
    ike_request_finish (data, result);
}

static const IkeCallClass rekey_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "rekey",
  .timeout_ms = 600 * 1000,
  .then = rekey_done,
  .undo = (GDestroyNotify) ike_tree_free,
};

static void
run_rekey (IkePlugin *self, IkeRequest *request)
{
  IkeEngine *engine = ike_request_engine (request);
  const IkeTree *args = ike_request_args (request);
  IkeWhich which = { ike_tree_string (args, "name", NULL), ike_tree_string (args, "child", NULL),
                     (guint32) ike_tree_int (args, "id", 0),
                     ike_tree_bool (args, "reauth", FALSE) ? REAUTHENTICATE : 0 };
  g_autoptr (IkeConfig) config = ike_engine_config (engine);
  const IkeChildConf *found = NULL;

  if (!which.conn && !which.child && !which.unique_id) {
    ike_request_fail (request, "usage", "which one? Give a name, or --id=NUMBER");
    return;
  }
  if (which.conn && !which.child && config && !ike_config_conn (config, which.conn)
      && ike_config_conn_of_child (config, which.conn, &found)) {
    which.child = found->name;
    which.conn = NULL;
  }
  if (which.child && which.flags) {
    ike_request_fail (request, "usage",
                      "--reauth makes the whole IKE SA anew; leave out the child");
    return;
  }
  ike_chosen_run (engine, &rekey_class, &which,
                  ike_loop_call (ike_engine_control (engine), &rekey_call, NULL, request));
}

static const IkeCommandArg rekey_args[] = {
  { "name", "string", FALSE, TRUE, "connection: its IKE SAs; or child" },
  { "child", "string", FALSE, TRUE, "the CHILD_SAs of this child of the connection" },
  { "id", "uint", FALSE, FALSE, "only the IKE SA of this number" },
  { "reauth", "bool", FALSE, FALSE, "begin from scratch, with authentication" },
  { NULL, NULL, FALSE, FALSE, NULL },
};

static const IkeCommandClass rekey_command = {
  .struct_size = sizeof (IkeCommandClass),
  .summary = "Replace IKE SAs or CHILD_SAs by new ones with new keys",
  .args = rekey_args,
  .run = run_rekey,
};

const IkeFeature ike_command_rekey = { .struct_size = sizeof (IkeFeature),
                                       .provides = "command:rekey",
                                       .ops = &rekey_command };
