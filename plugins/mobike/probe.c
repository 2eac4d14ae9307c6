/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c - a request without an answer goes by every pair of addresses before the peer counts as
 * dead (RFC 4555, 3.5 and 3.10): "An IKEv2 request has been re-transmitted several times, but no
 * valid reply has been received.  This suggests the current path is no longer working."
 *
 * The default's schedule stays: from its third try on, or at once where nothing was heard yet from
 * the peer's address, each try is one by every pair, shortly one after the other.  What is answered
 * by another pair moves the SA there. */
#include "config.h"
#include "mobike.h"

enum { DIRECT_TRIES = 2, PAIRS_MAX = 32, SHORTLY_MS = 50 };
enum { USUAL_BASE_MS = 4000, USUAL_TRIES = 5 };

typedef struct {
  IkeAddr local, remote;
} Pair;

static gboolean
may_probe (const MobikeSa *s, const IkeExchange *x)
{
  /* RFC 4555, 3.6: when its own address is gone, whoever answered "uses the additional address list
   * received from the initiator ...  This is the only time". */
  return ike_sa_was_ours (s->sa)
         || (s->is_lost && !g_strcmp0 (ike_exchange_operation (x), "mobike"));
}

static void
add_pair (Pair *pairs, guint *n, const IkeAddr *local, const IkeAddr *remote)
{
  guint i;

  for (i = 0; i < *n; i++)
    if (ike_addr_same_host (&pairs[i].local, local)
        && ike_addr_same_host (&pairs[i].remote, remote))
      return;
  if (*n < PAIRS_MAX && local->family == remote->family)
    pairs[(*n)++] = (Pair){ *local, *remote };
}

/* That of the SA first. */
static guint
find_pairs (const MobikeSa *s, Pair pairs[static PAIRS_MAX])
{
  const IkeAddr *local = ike_sa_local (s->sa), *remote = ike_sa_remote (s->sa);
  guint n = 0, i, k;
  Addrs own;

  addrs_own (s, &own);
  add_pair (pairs, &n, local, remote);
  for (i = 0; i < own.n; i++)
    add_pair (pairs, &n, &own.list[i], remote);
  for (k = 0; s->peer && k < s->peer->n; k++)
    for (i = 0; i < own.n; i++)
      add_pair (pairs, &n, &own.list[i], &s->peer->list[k]);
  for (i = 0; i < n; i++) {
    pairs[i].local.port = local->port;
    pairs[i].remote.port = remote->port;
  }
  return n;
}

static guint32
probe (MobikeSa *s, const IkeExchange *x, guint n, IkeAddr *local, IkeAddr *remote)
{
  guint n_direct = s->is_guess ? 0 : DIRECT_TRIES, n_pairs, at;
  Pair pairs[PAIRS_MAX];
  guint32 delay, spent;

  n_pairs = find_pairs (s, pairs);
  if (n <= n_direct || n_pairs < 2)
    return ike_exchange_pace (x, n);
  at = (n - n_direct - 1) % n_pairs;
  spent = (n_pairs - 1) * SHORTLY_MS;
  delay = ike_exchange_pace (x, n_direct + 1 + (n - n_direct - 1) / n_pairs);
  if (!delay)
    return 0;
  *local = pairs[at].local;
  *remote = pairs[at].remote;
  if (at) {
    s->is_probing = TRUE;
    mobike_count (s, s->mobike->n_probes);
  }
  if (at + 1 < n_pairs || delay < spent + SHORTLY_MS)
    return SHORTLY_MS;
  return delay - spent;
}

/* RFC 4555, 3.11: "it is suggested that responders continue retransmitting IKEv2 requests for at
 * least five minutes before giving up."  Who set other times wants those. */
static guint32
wait_patiently (const MobikeSa *s, const IkeExchange *x, guint n)
{
  const IkeConn *conn = ike_sa_conn (s->sa);
  guint32 delay = ike_exchange_pace (x, n), last = 0;
  guint64 waited = 0;
  guint i;

  if (delay || !conn || conn->retransmit_base_ms != USUAL_BASE_MS
      || conn->retransmit_tries != USUAL_TRIES)
    return delay;
  for (i = 1; i < n; i++) {
    delay = ike_exchange_pace (x, i);
    last = delay ? delay : last;
    waited += last;
  }
  return waited < s->mobike->patience_ms ? MAX (last, SHORTLY_MS) : 0;
}

static gboolean
takes (IkePlugin *plugin, IkeSa *sa, const IkeExchange *x)
{
  const MobikeSa *s = mobike_agreed (mobike_of (plugin), sa);

  return s && mobike_is_up (s);
}

static guint32
pace (IkePlugin *plugin, IkeSa *sa, const IkeExchange *x, guint n, IkeAddr *local, IkeAddr *remote)
{
  MobikeSa *s = mobike_agreed (mobike_of (plugin), sa);

  return may_probe (s, x) ? probe (s, x, n, local, remote) : wait_patiently (s, x, n);
}

const IkeTransmitClass probe_transmit = {
  .struct_size = sizeof (IkeTransmitClass),
  .takes = takes,
  .pace = pace,
};

/* -- the answer */

/* Its addresses are not authentic: they have to be ours and the peer's, and what follows asks the
 * peer there. */
static IkeTaskResult
probe_process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  MobikeSa *s = mobike_agreed (mobike_of (ike_task_plugin (task)), ike_task_sa (task));
  const IkeAddr *local = ike_exchange_local (x), *remote = ike_exchange_remote (x);
  IkeSa *sa = ike_task_sa (task);

  if (!s || !ike_exchange_is_initiator (x) || !s->is_probing)
    return IKE_TASK_DONE;
  s->is_probing = FALSE;
  if (!mobike_is_up (s) || !may_probe (s, x)
      || (ike_addr_same_host (local, ike_sa_local (sa))
          && ike_addr_same_host (remote, ike_sa_remote (sa)))
      || !addrs_are_ours (s, local) || remote->port != ike_sa_remote (sa)->port
      || !(ike_addr_same_host (remote, ike_sa_remote (sa)) || addrs_have (s->peer, remote)))
    return IKE_TASK_DONE;
  path_move (s, local, remote);
  s->is_guess = FALSE;
  mobike_begin (s);
  return IKE_TASK_DONE;
}

const IkeTaskClass probe_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "INFORMATIONAL CREATE_CHILD_SA",
  .after = "phase:finish mobike",
  .process = probe_process,
};
