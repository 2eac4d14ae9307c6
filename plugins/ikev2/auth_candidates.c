/* SPDX-License-Identifier: Apache-2.0 */
/* auth_candidates.c - which connection a peer means: of those that fit its address, both identities
 * and the proposal, the ones that could verify how it authenticates itself, best first. */
#include "auth.h"

/* Could @conn verify AUTH of @method, or talk where @method is 0?  One that could not is no
 * candidate, whoever the peer is: so each certificate is looked at for connections that want
 * certificates. */
static gboolean
takes_method (IkeSa *sa, const IkeConn *conn, guint8 method)
{
  const IkeProvided *found = conn->n_remote ? ikev2_auth_method (sa, &conn->remote[0]) : NULL;
  const IkeAuthClass *klass = found ? found->ops : NULL;

  if (!method || !klass || klass->talks)
    return klass && !method == !!klass->talks;
  for (guint i = 0; i < G_N_ELEMENTS (klass->methods) && klass->methods[i]; i++)
    if (klass->methods[i] == method)
      return TRUE;
  return FALSE;
}

static void
note_method (IkeTree *reasons, const IkeConn *conn, guint8 method)
{
  IkeTree *reason = ike_tree_add_section (reasons, NULL);
  const char *wanted = conn->n_remote ? conn->remote[0].auth : "nothing";

  ike_tree_set_string (reason, "connection", conn->name);
  if (method)
    ike_tree_set_format (reason, "why", "it wants %s, the peer authenticates by method %u (%s)",
                         wanted, method, ikev2_method_name (method));
  else
    ike_tree_set_format (reason, "why", "it wants %s, the peer sent no AUTH payload: it wants EAP",
                         wanted);
}

static void
collect (IkeTask *task, IkeExchange *x, guint8 method, const IkeIdent *wanted, IkeTree *reasons)
{
  Auth *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  g_autoptr (IkeConfig) config = ike_engine_config (ike_sa_engine (sa));
  IkeConn *found[IKEV2_CANDIDATES_MAX];
  IkeProposal chosen = { .number = 1, .protocol = IKE_PROTOCOL_IKE };
  IkeChoice choice;
  guint n, i;

  for (i = 1; i < IKE_TRANSFORM_TYPES; i++)
    if (ike_sa_choice (sa)->chosen[i].type)
      chosen.transforms[chosen.n_transforms++] = ike_sa_choice (sa)->chosen[i];
  n = config ? ike_config_match (config, 2, ike_exchange_local (x), ike_exchange_remote (x), wanted,
                                 ike_sa_remote_id (sa), found, IKEV2_CANDIDATES_MAX, reasons)
             : 0;
  for (i = 0; i < n; i++)
    if (!takes_method (sa, found[i], method))
      note_method (reasons, found[i], method);
    else if (ike_proposals_select (found[i]->proposals, &chosen, 1, 0, &choice))
      self->candidates[self->n_candidates++] = ike_conn_ref (found[i]);
}

IkeTaskResult
ikev2_auth_collect (IkeTask *task, IkeExchange *x, const IkeMessage *in, guint8 method)
{
  const Auth *self = ike_task_data (task);
  IkeVerdict verdict = { 0 };
  g_autoptr (IkeIdent) wanted = ikev2_auth_read_id (in, IKE_PAYLOAD_IDR, &verdict);
  IkeTree *details = ike_tree_new_section ();
  g_autofree char *why = NULL;
  char text[256];

  collect (task, x, method, wanted, ike_tree_add_list (details, "connections"));
  if (self->n_candidates) {
    ike_tree_free (details);
    return IKE_TASK_DONE;
  }
  why = wanted
            ? g_strdup_printf ("no connection fits this identity and %s, which it asks for as ours",
                               ike_ident_format (wanted, text, sizeof text))
            : g_strdup ("no connection fits this identity");
  return ikev2_auth_refuse (task, "identity", why, details);
}

gboolean
ikev2_auth_next_candidate (IkeTask *task)
{
  Auth *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);

  if (self->next_candidate == self->n_candidates)
    return FALSE;
  ike_sa_set_conn (sa, self->candidates[self->next_candidate++]);
  ike_sa_set_local_id (sa, ikev2_own_id (sa));
  return TRUE;
}

/* -- after a talk */

static char *
why_not (Auth *self, IkeSa *sa, const IkeAuthConf *conf)
{
  const IkeAuthClass *klass = self->talker->ops;
  char *why = NULL;

  if (!klass->fits || klass->fits (self->talker->plugin, sa, conf, &why))
    return NULL;
  return why ? why : g_strdup ("the connection does not take this peer");
}

/* One that would have talked in the same way with the same peer. */
static gboolean
is_alike (const Auth *self, const IkeConn *conn, guint round)
{
  return round < conn->n_remote && !strcmp (conn->remote[round].auth, self->talk_conf->auth)
         && conn->n_remote == self->talk_conn->n_remote
         && conn->n_local == self->talk_conn->n_local;
}

/* RFC 7296, 2.16: "It is important that policy lookups and access control decisions use the actual
 * authenticated identity." */
char *
ikev2_auth_fit (IkeTask *task)
{
  Auth *self = ike_task_data (task);
  IkeSa *sa = ike_task_sa (task);
  guint round = self->theirs, own = ike_sa_auth_round (sa, TRUE);
  char *why = why_not (self, sa, self->talk_conf);

  for (guint i = self->next_candidate; why && i < self->n_candidates; i++) {
    IkeConn *conn = self->candidates[i];
    g_autofree char *not_this = is_alike (self, conn, round)
                                    ? why_not (self, sa, &conn->remote[round])
                                    : g_strdup ("unlike");
    if (not_this)
      continue;
    ike_sa_set_conn (sa, conn);
    ike_sa_set_auth_round (sa, FALSE, round);
    ike_sa_set_auth_round (sa, TRUE, own);
    g_clear_pointer (&why, g_free);
  }
  return why;
}
