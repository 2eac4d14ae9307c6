/* SPDX-License-Identifier: Apache-2.0 */
/* elsewhere.c - an SA begun from scratch in the place of another of ours, with what that was for:
 * at the same peer, to authenticate anew, or at another address.
 *
 * One that is still being set up has nothing worth keeping but what it was asked for: that goes
 * along, and whoever waits for it.  One that is up is kept until the new one is. */
#include "sa/elsewhere.h"

/* What `path` leaves open is as configured. */
static void
complete (const IkeSa *sa, IkePath *path)
{
  const IkeSaManager *manager = sa->shard->manager;
  guint16 plain = 500, marked = 4500;

  if (!path->local.family)
    path->local = sa->local;
  if (!path->remote.family) {
    path->remote = sa->remote;
    path->remote.port = 0;
  }
  if (manager->net_class)
    manager->net_class->ports (manager->net->plugin, &plain, &marked);
  path->local.port = plain;
  if (!path->remote.port)
    path->remote.port = sa->conn->remote_port;
}

/* It has what plugins want to go along, before anything begins. */
static IkeSa *
make_like (IkeSa *sa, const IkePath *path_or_null)
{
  IkePath path = path_or_null ? *path_or_null : (IkePath){ 0 };
  char sender[IKE_ADDR_TEXT_SIZE];
  IkeSa *next;

  if (!sa->conn || sa->shard->is_closing)
    return NULL;
  complete (sa, &path);
  next = ike_sa_new (sa->shard, sa->major, TRUE, &path.local, &path.remote, sa->conn);
  if (!next)
    return NULL;
  if (path_or_null) {
    next->sent_by = g_strdup (ike_addr_format (&sa->remote, FALSE, sender));
    ike_slots_restart (sa, next);
  }
  ike_sa_arm_setup (next);
  ike_sa_progress (sa, IKE_LOG_NOTICE, "begins anew as [%u]", next->unique_id);
  return next;
}

/* The children that @sa has, each once; the first child of the connection if it has none yet. */
static void
begin_children (IkeSa *sa, IkeSa *next, void (*done) (IkeSa *, gpointer, const char *),
                gpointer data, guint *n_begun)
{
  const IkeChildConf *first = ike_conn_first_tunnel (sa->conn);
  const char *operation = "establish";
  IkeChild *child;
  guint n = 0;

  for (child = sa->children; child; child = child->next) {
    if (child->is_replaced || child->is_redundant || child->is_going
        || (child->replaces && !child->is_installed))
      continue;
    n += ike_sa_begin (next, operation, g_strdup (child->conf->name), done, data);
    operation = "create-child";
  }
  if (!strcmp (operation, "establish"))
    n += ike_sa_begin (next, operation, g_strdup (first ? first->name : ""), done, data);
  if (n_begun)
    *n_begun += n;
}

IkeSa *
ike_sa_begin_like (IkeSa *sa, const IkePath *path, void (*done) (IkeSa *, gpointer, const char *),
                   gpointer data, guint *n_begun)
{
  IkeSa *next = make_like (sa, path);

  if (next)
    begin_children (sa, next, done, data, n_begun);
  return next;
}

/* -- of one that is being set up */

static IkeOperation *
setup_of (const IkeSa *sa)
{
  IkeOperation *op;

  for (op = sa->operations; op; op = op->next)
    if (op->is_running && !strcmp (op->name, "establish"))
      return op;
  return NULL;
}

/* To the peer it may be up already. */
static void
leave (IkeSa *sa, const char *why)
{
  ike_sa_ends (sa, IKE_END_OURS);
  if (sa->state >= IKE_SA_ESTABLISHED && ike_sa_begin (sa, "delete", NULL, NULL, NULL))
    return;
  sa->is_silent = !sa->was_up;
  ike_sa_destroy (sa, why);
}

static gboolean
set_up_elsewhere (IkeSa *sa, IkeOperation *setup, const IkePath *path, const char *why)
{
  IkeSa *next = make_like (sa, path);

  if (!next)
    return FALSE;
  next->is_retry = sa->is_retry;
  ike_initiate_moved (sa, next);
  ike_watchers_move (sa, next);
  ike_operation_hand_over (setup, next);
  ike_operations_move (sa, next);
  leave (sa, why);
  return TRUE;
}

gboolean
ike_sa_restart (IkeSa *sa, const IkeAddr *local, const IkeAddr *where, const char *why)
{
  IkePath path = { local ? *local : (IkeAddr){ 0 }, *where };
  IkeOperation *setup = setup_of (sa);
  const char *refusal;

  ike_sa_assert_owner (sa);
  if (!sa->was_ours || sa->is_doomed || sa->ending || sa->state > IKE_SA_REKEYING)
    refusal = "it is not ours, or goes already";
  else if (!setup)
    refusal = ike_sa_authenticate_elsewhere (sa, &path, why);
  else
    refusal = set_up_elsewhere (sa, setup, &path, why) ? NULL : "no further IKE SA can be made";
  if (refusal)
    ike_sa_progress (sa, IKE_LOG_NOTICE, "does not begin anew elsewhere: %s", refusal);
  return !refusal;
}
