/* SPDX-License-Identifier: Apache-2.0 */
/* path.c - by which addresses an SA goes: looked at again whenever addresses or routes change.
 *
 * The routes say from where the peer is reached.  An SA stays where it is while that is on the same
 * interface; else it moves there.  When no route leads to the peer's address, its others are tried.
 * Who answered the SA does not decide, but says what it has, and goes on from another address when
 * its own is gone (RFC 4555, 3.5). */
#include "config.h"
#include <ikebana/kernel.h>
#include "mobike.h"

static void ask_way (MobikeSa *s);

/* -- candidates: the peer's address in use, then the others */

static const IkeAddr *
nth_candidate (const MobikeSa *s, guint n)
{
  const IkeAddr *present = ike_sa_remote (s->sa);
  gboolean is_there = !s->peer || addrs_have (s->peer, present) || !ike_sa_was_ours (s->sa);
  guint i;

  if (is_there && n-- == 0)
    return present;
  for (i = 0; s->peer && i < s->peer->n; i++)
    if (!ike_addr_same_host (&s->peer->list[i], present) && n-- == 0)
      return &s->peer->list[i];
  return NULL;
}

/* -- moving */

static void
take_place (MobikeSa *s, const IkeAddr *local, const IkeAddr *remote)
{
  IkeAddr from = *local, to = *remote;

  from.port = ike_sa_local (s->sa)->port;
  to.port = ike_sa_remote (s->sa)->port;
  mobike_count (s, s->mobike->n_moves);
  ike_sa_set_endpoints (s->sa, &from, &to, G_MAXUINT32);
}

/* RFC 4555, 3.5: "Updates the IKE_SA with the new addresses, ... updates the IPsec SAs associated
 * with this IKE_SA with the new addresses (unless the initiator's policy requires a return
 * routability check before updating the IPsec SAs, and the check has not been done for this
 * responder address yet)."  "If there are outstanding IKEv2 requests ..., continues retransmitting
 * them using the addresses in the IKE_SA".
 *
 * One that was replaced, or is being closed, only says its last word from there. */
void
path_move (MobikeSa *s, const IkeAddr *local, const IkeAddr *remote)
{
  gboolean is_other_peer = !ike_addr_same_host (remote, ike_sa_remote (s->sa));

  if (!mobike_is_up (s)) {
    take_place (s, local, remote);
    ike_sa_send_again (s->sa);
    return;
  }
  if (!s->is_moved) {
    s->back_local = *ike_sa_local (s->sa);
    s->back_remote = *ike_sa_remote (s->sa);
  }
  s->is_moved = TRUE;
  s->is_guess = is_other_peer;
  s->generation++;
  if (is_other_peer && s->mobike->checks)
    ike_sa_hold_children (s->sa, TRUE);
  take_place (s, local, remote);
  if (ike_sa_was_ours (s->sa))
    s->wants_update = TRUE;
  else if (s->asks_check || (is_other_peer && s->mobike->checks))
    s->wants_check = TRUE;
  ike_sa_send_again (s->sa);
}

/* The next of ours that was not refused. */
static gboolean
find_another (MobikeSa *s, IkeAddr *local)
{
  Addrs own;

  addrs_own (s, &own);
  while (s->n_refused < own.n) {
    *local = own.list[s->n_refused++];
    if (local->family == ike_sa_remote (s->sa)->family
        && !ike_addr_same_host (local, ike_sa_local (s->sa)))
      return TRUE;
  }
  return FALSE;
}

static void
explain_refusal (const MobikeSa *s, IkeTask *task, const char *then)
{
  char text[IKE_ADDR_TEXT_SIZE];
  g_autofree char *sentence =
      g_strdup_printf ("the peer does not allow us to move to %s; if it should, it needs that "
                       "address in remote_addrs "
                       "of its connection. %s",
                       ike_addr_format (ike_sa_local (s->sa), FALSE, text), then);

  ike_task_explain (task, "move", sentence, NULL);
}

/* RFC 4555, 3.5: "If the response contains an UNACCEPTABLE_ADDRESSES notification, the initiator
 * MAY select another addresses and retry the exchange, keep on using the previously used addresses,
 * or disconnect."  Where it is, the peer's packets do not come, so it does not stay there. */
void
path_refused (MobikeSa *s, IkeTask *task)
{
  IkeAddr local, remote = *ike_sa_remote (s->sa);

  if (s->is_moved && addrs_are_ours (s, &s->back_local)) {
    explain_refusal (s, task, "We stay where we were");
    s->is_moved = FALSE;
    s->n_refused = 0;
    s->generation++;
    take_place (s, &s->back_local, &s->back_remote);
    ike_sa_hold_children (s->sa, FALSE);
  } else if (find_another (s, &local)) {
    explain_refusal (s, task, "We try the next of ours");
    path_move (s, &local, &remote);
    mobike_begin (s);
  } else {
    explain_refusal (s, task, "We have no other: closed");
    if (!ike_sa_begin (s->sa, "delete", NULL, NULL, NULL))
      ike_sa_destroy (s->sa, "the peer does not allow us to move");
  }
}

/* -- the decision */

static void
tell_what_changed (MobikeSa *s)
{
  Addrs own;

  if (!mobike_is_up (s))
    return;
  addrs_own (s, &own);
  if (addrs_changed (s, &own))
    s->wants_list = TRUE;
  if (s->wants_list || s->wants_update || s->wants_check)
    mobike_begin (s);
}

static void
end_looking (MobikeSa *s)
{
  s->is_looking = FALSE;
  if (s->looks_again) {
    s->looks_again = FALSE;
    path_look (s);
  }
}

static const char *
interface_of (const MobikeSa *s, const IkeAddr *host, IkeKernelAddress all[static 64])
{
  const IkeKernelNetClass *net = s->mobike->net->ops;
  guint n = net->addresses ? net->addresses (s->mobike->net->plugin, all, 64) : 0, i;

  for (i = 0; i < n; i++)
    if (ike_addr_same_host (&all[i].addr, host))
      return all[i].interface;
  return NULL;
}

/* Another address of the same interface is no reason to move: IPv6 has new ones every day. */
static gboolean
is_as_good (const MobikeSa *s, const IkeKernelRoute *way)
{
  const IkeAddr *local = ike_sa_local (s->sa);
  IkeKernelAddress all[64];
  const char *interface;

  if (ike_addr_same_host (&way->source, local))
    return TRUE;
  if (local->family != way->source.family || !addrs_are_ours (s, local))
    return FALSE;
  interface = interface_of (s, local, all);
  return (interface && !strcmp (interface, way->interface))
         || !ike_conn_has_addr (ike_sa_conn (s->sa), TRUE, &way->source);
}

/* One of ours that the connection may use, of the family of @remote. */
static gboolean
pick_local (const MobikeSa *s, const IkeAddr *best, const IkeAddr *remote, IkeAddr *out)
{
  Addrs own;
  guint i;

  *out = *best;
  if (best->family == remote->family && ike_conn_has_addr (ike_sa_conn (s->sa), TRUE, best)
      && !addrs_are_inside (s, TRUE, best))
    return TRUE;
  addrs_own (s, &own);
  for (i = 0; i < own.n; i++)
    if (own.list[i].family == remote->family) {
      *out = own.list[i];
      return TRUE;
    }
  return FALSE;
}

/* Behind NAT the same address may be in another network, with another mapping: one request tells
 * (update.c). */
static void
stay (MobikeSa *s)
{
  if (mobike_is_up (s) && ike_sa_was_ours (s->sa) && ike_sa_nat_local (s->sa))
    (void) !ike_sa_begin (s->sa, "liveness", NULL, NULL, NULL);
}

static void
way_is_known (MobikeSa *s, const IkeKernelRoute *way)
{
  const IkeAddr *found = nth_candidate (s, s->looked_at);
  IkeAddr remote, local;

  if (way && found)
    remote = *found;
  if (!way || !found || !pick_local (s, &way->source, &remote, &local)) {
    s->looked_at++;
    ask_way (s);
    return;
  }
  if (ike_addr_same_host (&remote, ike_sa_remote (s->sa)) && is_as_good (s, way))
    stay (s);
  else
    path_move (s, &local, &remote);
  tell_what_changed (s);
  end_looking (s);
}

/* -- asking the kernel */

static void
source_found (gpointer owner, gpointer data, gpointer result, const char *error)
{
  MobikeSa *s = mobike_agreed (data, owner);
  IkeKernelRoute way = { .struct_size = sizeof way };

  if (result)
    way.source = *(IkeAddr *) result;
  g_free (result);
  if (s && mobike_is_there (s))
    way_is_known (s, error ? NULL : &way);
}

static void
route_found (gpointer owner, gpointer data, gpointer result, const char *error)
{
  MobikeSa *s = mobike_agreed (data, owner);
  g_autofree IkeKernelRoute *way = result;

  if (s && mobike_is_there (s))
    way_is_known (s, error ? NULL : way);
}

static const IkeCallClass source_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "source address",
  .timeout_ms = 5000,
  .then = source_found,
  .undo = g_free,
};
static const IkeCallClass route_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "way to a peer",
  .timeout_ms = 5000,
  .then = route_found,
  .undo = g_free,
};

static void
ask_way (MobikeSa *s)
{
  const IkeAddr *candidate = nth_candidate (s, s->looked_at);
  const IkeKernelNetClass *net = s->mobike->net->ops;
  IkePlugin *plugin = s->mobike->net->plugin;

  if (!candidate) {
    mobike_log (s, IKE_LOG_INFO, "there is no way to the peer at present; waiting for one");
    end_looking (s);
  } else if (net->route_to)
    net->route_to (plugin, ike_sa_call (s->sa, &route_call, s->mobike), candidate);
  else
    net->source_for (plugin, ike_sa_call (s->sa, &source_call, s->mobike), candidate);
}

void
path_look (MobikeSa *s)
{
  if (!s->mobike->net)
    return;
  if (s->is_looking) {
    s->looks_again = TRUE;
    return;
  }
  s->is_looking = TRUE;
  s->looked_at = 0;
  ask_way (s);
}

/* -- what changed */

/* Who answered the SA has a reason to go elsewhere only when it cannot stay. */
static void
look_as_responder (MobikeSa *s)
{
  if (ike_addr_is_any (ike_sa_local (s->sa)) || addrs_are_ours (s, ike_sa_local (s->sa))) {
    tell_what_changed (s);
    return;
  }
  if (mobike_is_up (s))
    s->is_lost = s->wants_list = TRUE;
  path_look (s);
}

IkeHookVerdict
path_net_change (IkePlugin *plugin, IkeSa *none, IkeNetChangeEvent *event)
{
  Mobike *mobike = mobike_of (plugin);
  MobikeSa *s, *next;

  for (s = mobike->net ? mobike->shards[event->shard] : NULL; s; s = next) {
    next = s->next;
    if (!mobike_is_there (s))
      continue;
    if (ike_sa_was_ours (s->sa))
      path_look (s);
    else
      look_as_responder (s);
  }
  return IKE_HOOK_PASS;
}
