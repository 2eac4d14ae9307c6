/* SPDX-License-Identifier: Apache-2.0 */
/* reauth.c - reauthentication: it "is done by creating a new IKE SA from scratch ..., creating new
 * Child SAs within the new IKE SA ..., and finally deleting the old IKE SA" (RFC 7296, 2.8.3).
 *
 * Made before the old one is broken, no packet is lost: both ends send by the newest policy from
 * when it is installed, and only then does the old IKE SA's Delete go out, behind all that was sent
 * by its CHILD_SAs.  So these end at once, as with any other Delete. */
#include "sa/elsewhere.h"

struct _IkeReauth {
  IkeSa *old;    /* or its heir; NULL: it is gone */
  gint64 due_us; /* when its time has come, or comes; 0: never, a command asked for it */
  guint pending; /* operations of the new SA, and whoever begins them */
  char *error;   /* of the first one that failed */
  IkeDone *dones;
  IkePath *path; /* NULL: to the same peer */
};

static void
add_done (IkeReauth *reauth, void (*done) (IkeSa *, gpointer, const char *), gpointer data)
{
  IkeDone *d;

  if (!done)
    return;
  d = g_new0 (IkeDone, 1);
  *d = (IkeDone){ reauth->dones, done, data };
  reauth->dones = d;
}

void
ike_reauth_move (IkeSa *from, IkeSa *to_or_null)
{
  if (!from->reauth)
    return;
  from->reauth->old = to_or_null;
  if (to_or_null)
    to_or_null->reauth = from->reauth;
  from->reauth = NULL;
}

static void
finish (IkeReauth *reauth, IkeSa *sa, const char *error)
{
  IkeDone *d;

  if (reauth->old)
    ike_reauth_move (reauth->old, NULL);
  while ((d = reauth->dones)) {
    reauth->dones = d->next;
    d->done (sa, d->data, error);
    g_free (d);
  }
  g_free (reauth->path);
  g_free (reauth->error);
  g_free (reauth);
}

/* The old one stays until its life time is over; meanwhile it is tried again. */
static void
keep_old (IkeReauth *reauth, IkeSa *old, const char *why)
{
  ike_sa_progress (old, IKE_LOG_ERROR,
                   reauth->path ? "could not begin anew elsewhere, and stays: %s"
                                : "could not be authenticated anew: %s",
                   why);
  ike_sa_retry_reauthentication (old, reauth->due_us);
  finish (reauth, old, why);
}

static void
conclude (IkeReauth *reauth, IkeSa *next)
{
  IkeSa *old = reauth->old;
  gboolean is_up = next->was_up && !next->is_doomed;
  g_autofree char *error = g_strdup (reauth->error);

  if (!is_up && !error)
    error = g_strdup ("the new IKE SA is gone already");
  if (old && !old->is_doomed && !is_up) {
    keep_old (reauth, old, error);
    return;
  }
  finish (reauth, next, error);
  if (old && !old->is_doomed && !ike_sa_begin (old, "delete", NULL, NULL, NULL))
    ike_sa_destroy (old, "authenticated anew");
}

static void
one_is_there (IkeSa *next, gpointer data, const char *error)
{
  IkeReauth *reauth = data;

  if (error && !reauth->error)
    reauth->error = g_strdup (error);
  if (!--reauth->pending)
    conclude (reauth, next);
}

static void
make (IkeReauth *reauth, IkeSa *sa)
{
  IkeSa *next;

  reauth->pending = 1;
  next = ike_sa_begin_like (sa, reauth->path, one_is_there, reauth, &reauth->pending);
  if (next)
    one_is_there (next, reauth, NULL);
  else if (reauth->old)
    keep_old (reauth, sa, "no further IKE SA can be made");
  else
    finish (reauth, sa, "no further IKE SA can be made");
}

static void
old_is_gone (IkeSa *sa, gpointer data, const char *error)
{
  ike_reauth_move (sa, NULL);
  make (data, sa);
}

/* Is a new one to be there before the old one is broken? */
static gboolean
is_made_first (IkeSa *sa)
{
  const IkeTree *settings = ike_engine_settings (sa->shard->manager->engine);

  return ike_tree_bool (settings, "core.make_before_break", TRUE);
}

/* RFC 7296, 2.8.3: "the use of ... Configuration payloads means in practice that
 * reauthentication has to be initiated by the same party as the original IKE SA." */
static const char *
refusal_of (const IkeSa *sa)
{
  if (!sa->was_ours)
    return "the peer began it, and is the one to authenticate it anew";
  if (sa->is_doomed || sa->state > IKE_SA_REKEYING || sa->state < IKE_SA_ESTABLISHED)
    return "it is not up, or goes already";
  return NULL;
}

static void
begin (IkeSa *sa, const IkePath *path, const char *why, IkeDone done)
{
  IkeReauth *reauth = g_new0 (IkeReauth, 1);

  sa->reauth = reauth;
  reauth->old = sa;
  reauth->path = path ? g_memdup2 (path, sizeof *path) : NULL;
  reauth->due_us = sa->reauth_us;
  sa->reauth_us = 0;
  add_done (reauth, done.done, done.data);
  if (is_made_first (sa))
    make (reauth, sa);
  else if (!ike_sa_begin (sa, "delete", NULL, old_is_gone, reauth)) {
    ike_reauth_move (sa, NULL);
    make (reauth, sa);
    ike_sa_destroy (sa, why);
  }
}

const char *
ike_sa_authenticate_anew (IkeSa *sa, const char *why,
                          void (*done) (IkeSa *, gpointer, const char *), gpointer data)
{
  const char *refusal = refusal_of (sa);

  ike_sa_assert_owner (sa);
  if (refusal)
    return refusal;
  if (sa->reauth) {
    add_done (sa->reauth, done, data);
    return NULL;
  }
  ike_sa_progress (sa, IKE_LOG_NOTICE, "is authenticated anew: %s", why);
  begin (sa, NULL, why, (IkeDone){ NULL, done, data });
  return NULL;
}

const char *
ike_sa_authenticate_elsewhere (IkeSa *sa, const IkePath *path, const char *why)
{
  const char *refusal = refusal_of (sa);

  if (!refusal && sa->reauth)
    refusal = sa->reauth->path ? "it begins anew elsewhere already"
                               : "it is being authenticated anew at present";
  if (refusal)
    return refusal;
  ike_sa_progress (sa, IKE_LOG_NOTICE, "begins anew elsewhere: %s", why);
  begin (sa, path, why, (IkeDone){ 0 });
  return NULL;
}

gboolean
ike_sa_reauthenticate (IkeSa *sa, const char *why)
{
  const char *refusal = ike_sa_authenticate_anew (sa, why, NULL, NULL);

  if (refusal)
    ike_sa_progress (sa, IKE_LOG_INFO, "is not authenticated anew: %s", refusal);
  return !refusal;
}
