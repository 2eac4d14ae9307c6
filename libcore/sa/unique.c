/* SPDX-License-Identifier: Apache-2.0 */
/* unique.c - how many IKE SAs there are between two identities: INITIAL_CONTACT (RFC 7296, 2.4) and
 * the setting `unique`.
 *
 * All SAs that are up stand in an index by both identities.  Policies act where a peer comes to us
 * and is authenticated; the SAs that it makes superfluous live on any shard and get a job.  An SA
 * that is rekeyed leaves the index when it is, so nobody takes its successor for a second one. */
#include "sa/sa_private.h"

enum { UNIQUE_NO, UNIQUE_REPLACE, UNIQUE_KEEP, UNIQUE_NEVER };
/* How long a peer may have two, that authenticates itself anew before it closes the first. */
enum { ANEW_MS = 10000 };

/* -- by identities */

/* Equal ones give equal digests, also where letters count alike in either case.  A DN counts by its
 * bytes: a peer's certificate is the same each time. */
static void
add_ident (IkeSipHash *hash, const IkeIdent *id)
{
  guint8 type = ike_ident_type (id), part[64];
  gboolean is_text = type == IKE_ID_FQDN || type == IKE_ID_RFC822_ADDR;
  guint32 len32;
  gsize len, at, i, n;
  const guint8 *data = ike_ident_data (id, &len);

  len32 = (guint32) len;
  ike_siphash_update (hash, &type, 1);
  ike_siphash_update (hash, &len32, sizeof len32);
  for (at = 0; at < len; at += n) {
    n = MIN (len - at, sizeof part);
    for (i = 0; i < n; i++)
      part[i] = is_text ? (guint8) g_ascii_tolower ((char) data[at + i]) : data[at + i];
    ike_siphash_update (hash, part, n);
  }
}

static void
key_of (const IkeSaManager *manager, const IkeIdent *local, const IkeIdent *remote, guint8 key[16])
{
  IkeSipHash hash;

  ike_siphash_init (&hash, manager->secret, TRUE);
  add_ident (&hash, local);
  add_ident (&hash, remote);
  ike_siphash_end128 (&hash, key);
}

/* RFC 7619, 2.3: "The identity of a peer using NULL authentication cannot be used to find existing
 * IKE SAs created by the same peer, as the peer identity is not authenticated." */
static gboolean
has_name (const IkeSa *sa)
{
  return sa->local_id && sa->remote_id && !sa->is_anonymous
         && ike_ident_type (sa->remote_id) != IKE_ID_NULL;
}

void
ike_sa_set_anonymous (IkeSa *sa)
{
  sa->is_anonymous = TRUE;
}

gboolean
ike_sa_is_anonymous (const IkeSa *sa)
{
  return sa->is_anonymous;
}

/* The stripe is locked. */
static void
enter (IkeStripe *stripe, IkeSa *sa)
{
  sa->presence.sa = ike_sa_ref (sa);
  sa->presence.since_us = ike_sa_now_us (sa);
  sa->presence.unique_id = sa->unique_id;
  sa->presence.is_ours = sa->was_ours;
  sa->presence.is_in = TRUE;
  sa->presence.is_coming = FALSE;
  sa->presence.remote = sa->remote;
  ike_index_add (stripe, &sa->presence.indexed);
}

void
ike_unique_enter (IkeSa *sa)
{
  IkeIndex *index = sa->shard->manager->peers;
  IkeStripe *stripe;

  if ((sa->presence.is_in && !sa->presence.is_coming) || !has_name (sa))
    return;
  ike_unique_leave (sa);
  key_of (sa->shard->manager, sa->local_id, ike_sa_user (sa), sa->presence.indexed.key);
  stripe = ike_index_lock (index, sa->presence.indexed.key);
  enter (stripe, sa);
  ike_index_unlock (stripe);
}

void
ike_unique_leave (IkeSa *sa)
{
  IkeStripe *stripe;

  if (!sa->presence.is_in)
    return;
  stripe = ike_index_lock (sa->shard->manager->peers, sa->presence.indexed.key);
  ike_index_remove (stripe, &sa->presence.indexed);
  ike_index_unlock (stripe);
  sa->presence.is_in = FALSE;
}

void
ike_unique_moved (IkeSa *sa)
{
  IkeStripe *stripe;

  if (!sa->presence.is_in)
    return;
  stripe = ike_index_lock (sa->shard->manager->peers, sa->presence.indexed.key);
  sa->presence.remote = sa->remote;
  ike_index_unlock (stripe);
}

/* One that is on its way counts, too: the peer may have it already. */
gboolean
ike_sa_has_other (IkeSa *sa, const IkeIdent *local, const IkeIdent *remote)
{
  IkeSaManager *manager = sa->shard->manager;
  IkeIndexed *entry = NULL;
  IkeStripe *stripe;
  gboolean has_other = FALSE;
  guint8 key[16];

  ike_sa_assert_owner (sa);
  key_of (manager, local, remote, key);
  stripe = ike_index_lock (manager->peers, key);
  while (!has_other && (entry = ike_index_next (stripe, key, entry)))
    has_other = entry != &sa->presence.indexed;
  if (!sa->presence.is_in) {
    memcpy (sa->presence.indexed.key, key, sizeof key);
    enter (stripe, sa);
    sa->presence.is_coming = TRUE;
  }
  ike_index_unlock (stripe);
  return has_other;
}

/* -- what becomes of the others, on their shards */

/* "the recipient MAY use this information to delete any other IKE SAs it has to the same
 * authenticated identity without waiting for a timeout": the peer has none left that it could be
 * told of. */
static void
run_forgotten (IkeSa *sa, gpointer data)
{
  ike_sa_destroy (sa, "the peer begins anew: INITIAL_CONTACT");
}

static void
run_replaced (IkeSa *sa, gpointer data)
{
  if (sa->state > IKE_SA_REKEYING)
    return;
  ike_sa_progress (sa, IKE_LOG_NOTICE, "the peer has a newer IKE SA, and unique = replace");
  if (!ike_sa_begin (sa, "delete", NULL, NULL, NULL))
    ike_sa_destroy (sa, "replaced by a newer one");
}

static void
run_outlived (IkeSa *sa, gpointer data)
{
  if (sa->state > IKE_SA_REKEYING)
    return;
  ike_sa_progress (sa, IKE_LOG_NOTICE,
                   "the peer authenticated itself anew and did not close the IKE SA from before");
  if (!ike_sa_begin (sa, "delete", NULL, NULL, NULL))
    ike_sa_destroy (sa, "the peer authenticated itself anew");
}

static const IkeJobClass outlived_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "end of what was authenticated anew",
  .lane = IKE_LANE_ESTABLISHED,
  .run = run_outlived,
};

/* RFC 7296, 2.8.3: "Reauthentication is done by creating a new IKE SA from scratch ..., creating
 * new Child SAs within the new IKE SA ..., and finally deleting the old IKE SA": it is the
 * peer's to delete, and for a moment there are two. */
static void
run_anew (IkeSa *sa, gpointer data)
{
  ike_sa_timer_add (sa, ANEW_MS, &outlived_job, NULL);
}

static void
run_probe (IkeSa *sa, gpointer data)
{
  if (sa->state == IKE_SA_ESTABLISHED)
    ike_sa_begin (sa, "liveness", NULL, NULL, NULL);
}

#define JOB(symbol, about, function)                                                               \
  static const IkeJobClass symbol = { .struct_size = sizeof (IkeJobClass),                         \
                                      .name = about,                                               \
                                      .lane = IKE_LANE_ESTABLISHED,                                \
                                      .run = function }
JOB (forgotten_job, "forgotten by its peer", run_forgotten);
JOB (replaced_job, "replaced", run_replaced);
JOB (anew_job, "authenticated anew", run_anew);
JOB (probe_job, "is it in the way", run_probe);

static void
post (IkeEngine *engine, IkeSaRef sa, const IkeJobClass *job)
{
  /* The lane of established SAs refuses nothing. */
  (void) !ike_sa_post (engine, sa, job, NULL);
}

void
ike_sa_probe (IkeEngine *engine, IkeSaRef sa)
{
  post (engine, sa, &probe_job);
}

/* -- the decision */

void
ike_sa_set_first_contact (IkeSa *sa)
{
  sa->is_first_contact = TRUE;
}

/* Two ends may begin at the same time.  Then neither knew of the other's SA when it spoke, and if
 * each made room for the one that it answers, none would be left.  One that came up after this one
 * was begun stays; but of those that the peer began the policy allows one only. */
static gboolean
was_begun_meanwhile (const IkePresence *other, const IkeSa *sa, gboolean is_policy)
{
  return other->since_us > sa->created_us && (other->is_ours || !is_policy);
}

/* The others, and what to do with each; NULL: nothing. */
static const IkeJobClass *
judge (const IkePresence *other, const IkeSa *sa)
{
  guint policy = sa->conn->unique;

  if (sa->is_first_contact && !was_begun_meanwhile (other, sa, FALSE))
    return &forgotten_job;
  if (policy == UNIQUE_NO || policy == UNIQUE_NEVER || was_begun_meanwhile (other, sa, TRUE))
    return NULL;
  if (ike_addr_equal (&other->remote, &sa->remote))
    return &anew_job;
  return policy == UNIQUE_REPLACE ? &replaced_job : &probe_job;
}

typedef struct {
  IkeSaRef sa;
  const IkeJobClass *job;
} Sentence;

typedef struct {
  GArray *sentences; /* what is to be said to the others; NULL: nothing at all */
  guint32 kept;      /* the [number] of the one that is kept; then the rest does not matter */
  guint n_staying;   /* others that stay */
} Judgement;

/* The stripe is locked. */
static void
judge_all (IkeStripe *stripe, const IkeSa *sa, Judgement *judgement)
{
  guint limit = sa->conn->max_per_identity;
  IkeIndexed *entry = NULL;

  /* There may be thousands, and nobody minds. */
  if (sa->conn->unique == UNIQUE_NO && !sa->is_first_contact && !limit)
    return;
  while (!judgement->kept && (!limit || judgement->n_staying < limit)
         && (entry = ike_index_next (stripe, sa->presence.indexed.key, entry))) {
    const IkePresence *other = (const IkePresence *) entry;
    Sentence s = { other->sa, other->is_coming ? NULL : judge (other, sa) };
    if (s.job == &probe_job)
      judgement->kept = other->unique_id;
    if (!s.job || s.job == &probe_job)
      judgement->n_staying++;
    if (!s.job)
      continue;
    if (!judgement->sentences)
      judgement->sentences = g_array_new (FALSE, FALSE, sizeof (Sentence));
    g_array_append_val (judgement->sentences, s);
  }
}

static gboolean
is_full (const IkeSa *sa, const Judgement *judgement)
{
  return sa->conn->max_per_identity && judgement->n_staying >= sa->conn->max_per_identity;
}

gboolean
ike_sa_settle_unique (IkeSa *sa, char **why)
{
  IkeSaManager *manager = sa->shard->manager;
  Judgement judgement = { NULL, 0, 0 };
  g_autoptr (GArray) sentences = NULL;
  IkeStripe *stripe;
  guint i;

  ike_sa_assert_owner (sa);
  if ((sa->presence.is_in && !sa->presence.is_coming) || !has_name (sa)
      || (sa->conn->unique == UNIQUE_NEVER && !sa->conn->max_per_identity))
    return TRUE;
  ike_unique_leave (sa);
  key_of (manager, sa->local_id, ike_sa_user (sa), sa->presence.indexed.key);
  stripe = ike_index_lock (manager->peers, sa->presence.indexed.key);
  judge_all (stripe, sa, &judgement);
  sentences = judgement.sentences;
  /* Before the lock is open: of two that come at once one finds the other. */
  if (!judgement.kept && !is_full (sa, &judgement))
    enter (stripe, sa);
  ike_index_unlock (stripe);
  for (i = 0; sentences && i < sentences->len; i++)
    post (manager->engine, g_array_index (sentences, Sentence, i).sa,
          g_array_index (sentences, Sentence, i).job);
  if (judgement.kept)
    *why = g_strdup_printf ("it is connected already, by [%u], and connections.%s.unique = keep",
                            judgement.kept, sa->conn->name);
  else if (is_full (sa, &judgement))
    *why = g_strdup_printf ("it is connected %u times already: connections.%s.max_per_identity",
                            judgement.n_staying, sa->conn->name);
  return sa->presence.is_in;
}
