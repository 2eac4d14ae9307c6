/* SPDX-License-Identifier: Apache-2.0 */
/* claims.c - which traffic is whose: two peers whose CHILD_SAs would carry the very same packets.
 *
 * RFC 3948, 5.1: clients behind NATs may have the same inner address, and a gateway "can become
 * confused about where to send packets"; "Implementors MUST devise ways of preventing this from
 * occurring".  Here the way is an interface ID or a mark for each of them; who has neither is
 * refused.  What counts is what the kernel plugin could not tell apart: the outbound policies.  One
 * peer may take its own traffic over, as it does when it rekeys, or comes back after a crash. */
#include "sa/sa_private.h"

enum { LOOKED_AT = 16 };

typedef struct {
  IkeIndexed indexed;
  IkeClaims *of;
} Claim;

/* All of one child.  Others read it under the lock of a stripe; it does not change. */
struct _IkeClaims {
  IkeSaRef sa;
  IkeIdent *peer; /* NULL: it proved to be nobody */
  IkeConn *conn;
  guint32 unique_id;
  guint n;
  Claim claims[];
};

/* -- keys */

static void
key_of (const IkeSaManager *manager, const IkeKernelPolicy *policy, guint8 key[16])
{
  IkeSipHash hash;
  const char *texts[] = { policy->interface, policy->label };
  guint i;

  ike_siphash_init (&hash, manager->secret, TRUE);
  ike_siphash_update (&hash, &policy->source, sizeof policy->source);
  ike_siphash_update (&hash, &policy->destination, sizeof policy->destination);
  ike_siphash_update (&hash, &policy->mark, sizeof policy->mark);
  ike_siphash_update (&hash, &policy->if_id, sizeof policy->if_id);
  for (i = 0; i < G_N_ELEMENTS (texts); i++)
    ike_siphash_update (&hash, texts[i] ? texts[i] : "", texts[i] ? strlen (texts[i]) + 1 : 1);
  ike_siphash_end128 (&hash, key);
}

/* A selector may come from a hook, and hold what it was not asked for. */
static IkeSelector
plain (const IkeSelector *from)
{
  IkeSelector to = *from;

  to.is_dynamic = to.reserved = 0;
  return to;
}

/* RFC 3948, 5.2: in transport mode all clients of one NAT have its address; some data paths tell
 * their flows apart. */
static gboolean
is_shared (const IkeChild *child)
{
  return child->mode == IKE_MODE_TRANSPORT && child->original_remote.family
         && (ike_kernel_offers (child->sa->shard->manager->engine) & IKE_KERNEL_CAN_FLOWS);
}

static IkeClaims *
make_claims (const IkeChild *child)
{
  const IkeSa *sa = child->sa;
  guint n = (guint) child->n_local * child->n_remote, i;
  IkeClaims *claims = g_malloc0 (sizeof *claims + n * sizeof (Claim));

  claims->sa = ike_sa_ref (sa);
  claims->peer = sa->is_anonymous ? NULL : ike_ident_ref (ike_sa_user (sa));
  claims->conn = ike_conn_ref (sa->conn);
  claims->unique_id = child->unique_id;
  for (i = 0; i < n; i++) {
    IkeSelector local = plain (&child->selectors[i / child->n_remote]),
                remote = plain (&child->selectors[child->n_local + i % child->n_remote]);
    IkeKernelPolicy policy;
    if (local.family != remote.family)
      continue;
    ike_child_fill_policy (child, IKE_DIR_OUT, &local, &remote, &policy);
    claims->claims[claims->n].of = claims;
    key_of (sa->shard->manager, &policy, claims->claims[claims->n++].indexed.key);
  }
  return claims;
}

static void
claims_free (IkeClaims *claims)
{
  ike_ident_unref (claims->peer);
  ike_conn_unref (claims->conn);
  g_free (claims);
}

/* -- others */

static gboolean
is_same_peer (const IkeClaims *a, const IkeClaims *b)
{
  if (a->sa.serial == b->sa.serial)
    return TRUE;
  return a->peer && b->peer && ike_ident_equal (a->peer, b->peer);
}

/* The stripe is locked.  One peer may have thousands, and then all of them are its own, but for
 * what we asked for ourselves: the newest tell. */
static const IkeClaims *
find_other (IkeStripe *stripe, Claim *claim)
{
  IkeIndexed *entry = NULL;
  guint i;

  for (i = 0; i < LOOKED_AT && (entry = ike_index_next (stripe, claim->indexed.key, entry)); i++)
    if (!is_same_peer (((Claim *) entry)->of, claim->of))
      return ((Claim *) entry)->of;
  return NULL;
}

static char *
describe (const IkeClaims *other)
{
  char peer[256] = "an anonymous peer";

  if (other->peer)
    ike_ident_format (other->peer, peer, sizeof peer);
  return g_strdup_printf ("%s, CHILD_SA {%u} of connection %s", peer, other->unique_id,
                          other->conn->name);
}

static void
take_back (IkeSaManager *manager, IkeClaims *claims, guint n)
{
  while (n-- > 0) {
    IkeStripe *stripe = ike_index_lock (manager->claims, claims->claims[n].indexed.key);
    ike_index_remove (stripe, &claims->claims[n].indexed);
    ike_index_unlock (stripe);
  }
}

/* Enters them one by one.  At the first that somebody else has: who (g_free), and where; then,
 * unless they are to be there @anyway, none stays. */
static char *
enter (IkeSaManager *manager, IkeClaims *claims, gboolean anyway, IkeSaRef *holder, guint *which)
{
  char *who = NULL;
  guint i;

  for (i = 0; i < claims->n; i++) {
    IkeStripe *stripe = ike_index_lock (manager->claims, claims->claims[i].indexed.key);
    const IkeClaims *other = who ? NULL : find_other (stripe, &claims->claims[i]);
    if (other) {
      who = describe (other);
      *holder = other->sa;
      *which = i;
    }
    if (!who || anyway)
      ike_index_add (stripe, &claims->claims[i].indexed);
    ike_index_unlock (stripe);
    if (who && !anyway) {
      take_back (manager, claims, i);
      return who;
    }
  }
  return who;
}

static char *
claim (IkeChild *child, gboolean anyway, IkeSaRef *holder)
{
  IkeClaims *claims;
  char *who, text[128], *why;
  guint which = 0;

  if (child->claims || child->is_dead || !child->conf->has_policies || !child->n_local
      || !child->n_remote || is_shared (child))
    return NULL;
  claims = make_claims (child);
  who = enter (child->sa->shard->manager, claims, anyway, holder, &which);
  if (!who || anyway)
    child->claims = claims;
  else
    claims_free (claims);
  if (!who)
    return NULL;
  ike_selector_format (&child->selectors[child->n_local + which % child->n_remote], text,
                       sizeof text);
  why =
      g_strdup_printf ("selector %s is in use by %s; give each an if_id or marks of its own, such "
                       "as if_id = %%unique",
                       text, who);
  g_free (who);
  return why;
}

gboolean
ike_child_claim (IkeChild *child, char **why)
{
  IkeSaRef holder = { 0 };

  ike_sa_assert_owner (child->sa);
  *why = claim (child, FALSE, &holder);
  /* It may be dead, and only nobody noticed yet. */
  if (*why)
    ike_sa_probe (child->sa->shard->manager->engine, holder);
  return *why == NULL;
}

/* Where we asked ourselves it is what the operator wants; that it makes little sense is said. */
void
ike_child_claim_anyway (IkeChild *child)
{
  IkeSaRef holder = { 0 };
  g_autofree char *why = claim (child, TRUE, &holder);

  if (why)
    ike_sa_progress (child->sa, IKE_LOG_NOTICE, "CHILD_SA %s{%u}: %s", child->conf->name,
                     child->unique_id, why);
}

void
ike_child_unclaim (IkeChild *child)
{
  IkeClaims *claims = g_steal_pointer (&child->claims);

  if (!claims)
    return;
  take_back (child->sa->shard->manager, claims, claims->n);
  claims_free (claims);
}
