/* SPDX-License-Identifier: Apache-2.0 */
/* replace.c - the command `rekey`: SAs replaced on somebody's word, by rekeying or, with --reauth,
 * by authenticating anew; answered when all that was begun is there. */
#include "sa/commands_sa.h"

enum { REAUTHENTICATE = 1 };

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
authenticate_anew (IkeChosen *chosen, IkeSa *sa)
{
  const char *refusal;

  ike_chosen_hold (chosen);
  refusal = ike_sa_authenticate_anew (sa, "by command", ike_chosen_ended, chosen);
  if (refusal)
    ike_chosen_ended (sa, chosen, refusal);
}

static void
rekey_sa (IkeChosen *chosen, IkeSa *sa)
{
  if (sa->state != IKE_SA_ESTABLISHED && sa->state != IKE_SA_REKEYING)
    return;
  ike_chosen_count (chosen, sa->conn ? sa->conn->name : "(unnamed)", sa->unique_id);
  if (ike_chosen_flags (chosen) & REAUTHENTICATE)
    authenticate_anew (chosen, sa);
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
  g_autoptr (IkeConfig) config = ike_engine_config (engine);
  IkeWhich which = ike_chosen_asked (request, config);

  which.flags = ike_tree_bool (args, "reauth", FALSE) ? REAUTHENTICATE : 0;
  if (!which.conn && !which.child && !which.unique_id) {
    ike_request_fail (request, "usage", "which one? Give a name, or --id=NUMBER");
    return;
  }
  if (which.child && which.flags) {
    ike_request_fail (request, "usage",
                      "--reauth makes the whole IKE SA anew; leave out the child");
    return;
  }
  ike_chosen_run (engine, &rekey_class, &which,
                  ike_loop_call (ike_engine_control (engine), &rekey_call, NULL, request));
}

/* -- commands of plugins */

static void
begin_on_sa (IkeChosen *chosen, IkeSa *sa)
{
  if (sa->state != IKE_SA_ESTABLISHED && sa->state != IKE_SA_REKEYING)
    return;
  ike_chosen_count (chosen, sa->conn ? sa->conn->name : "(unnamed)", sa->unique_id);
  ike_chosen_begin_asked (chosen, sa);
}

static const IkeChosenClass begin_class = { begin_on_sa, NULL, TRUE, FALSE };

void
ike_request_begin (IkeRequest *request, const char *operation, const char *text)
{
  IkeEngine *engine = ike_request_engine (request);
  IkeWhich which = ike_chosen_asked (request, NULL);

  which.child = NULL;
  which.operation = operation;
  which.text = text;
  if (!which.conn && !which.unique_id) {
    ike_request_fail (request, "usage", "which one? Give a name, or --id=NUMBER");
    return;
  }
  ike_chosen_run (engine, &begin_class, &which,
                  ike_loop_call (ike_engine_control (engine), &rekey_call, NULL, request));
}

/* -- the command */

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
