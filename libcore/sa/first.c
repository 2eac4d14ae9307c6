/* SPDX-License-Identifier: Apache-2.0 */
/* first.c - the SA that a peer's first message makes: half-open, limited in number and in time,
 * found again by a repeat of the same bytes. */
#include "sa/sa_private.h"

IkeSa *
ike_first_new (IkeShard *shard, guint8 major, guint64 peer_spi, const IkeDatagram *first)
{
  IkeSa *sa = ike_sa_new (shard, major, FALSE, &first->local, &first->remote, NULL);
  guint8 digest[16];

  if (!sa)
    return NULL;
  sa->peer_spi = peer_spi;
  sa->is_marked = (first->flags & IKE_NET_MARKED) != 0;
  ike_sa_set_state (sa, IKE_SA_CONNECTING);
  ike_message_digest (shard->manager, first->data, first->len, digest);
  ike_window_accept (&sa->window, 0, digest, NULL);
  ike_half_open_add (sa);
  ike_sa_arm_setup (sa);
  return sa;
}

gboolean
ike_first_may_come (IkeShard *shard, const IkeAddr *source)
{
  IkeSaManager *manager = shard->manager;

  /* An exchange of keys may wait for an offload thread: while too much waits, it is not begun. */
  if (shard->n_parked >= manager->max_parked) {
    ike_counter_add (manager->engine, manager->count.parked_limit, 1);
    return FALSE;
  }
  return !shard->is_closing && ike_half_open_may_come (shard, source);
}

IkeSa *
ike_sa_make_first (IkeEngine *engine, guint k, guint8 major, guint64 peer_spi,
                   const IkeDatagram *first)
{
  IkeShard *shard = engine->sas->shards[k];

  if (!ike_first_may_come (shard, &first->remote))
    return NULL;
  return ike_first_new (shard, major, peer_spi, first);
}

IkeSa *
ike_sa_by_first (IkeEngine *engine, guint k, guint64 peer_spi, const IkeDatagram *first)
{
  return ike_half_open_find (engine->sas->shards[k], peer_spi, &first->remote, first->data,
                             first->len);
}

guint
ike_shard_of_first (IkeEngine *engine, guint64 peer_spi)
{
  return (guint) (ike_siphash (engine->sas->secret, &peer_spi, sizeof peer_spi) % engine->n_shards);
}
