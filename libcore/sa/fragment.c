/* SPDX-License-Identifier: Apache-2.0 */
/* fragment.c - messages that are too large for one datagram (RFC 7383): cut where they are sealed,
 * gathered where each piece has proved itself.
 *
 * A message that goes out in pieces is kept as all its fragments behind each other: each begins
 * with an IKE header that says how long it is, so whoever sends takes one after the other.
 *
 * What comes in costs nothing before its own tag was good.  Then a message has so many pieces, so
 * many bytes and so much time; all SAs of a shard together have a budget, and those that are not up
 * yet have half of it: whoever only did a key exchange cannot take what others need. */
#include "sa/sa_private.h"
#include <string.h>

enum {
  SKF_HEADER_LEN = 8,                         /* generic header, number, total */
  SKF_MORE = SKF_HEADER_LEN - 4,              /* than SK has */
  SIZE_DEFAULT = 1280,                        /* of the IP packet */
  FRAGMENTS_MAX = 256,
  GATHER_MS = 30000,
  BUDGET = 16 * 1024 * 1024,                  /* bytes of a shard */
};

typedef struct {
  guint8 *data;
  guint32 len;
} Part;

struct _IkeGathering {
  IkeGathering *next;
  guint32       message_id;
  gboolean      is_response;
  guint         total, n_have;
  guint8        first;                        /* type of the first payload inside */
  gsize         len, charged;
  IkeTimer     *timer;
  Part          parts[];
};

/* -- going out */

/* RFC 7383, 2.5.1: for IPv6 "a value of 1280 bytes as a maximum IP datagram size"; it passes nearly
 * everywhere on IPv4 as well. */
gsize
ike_fragment_limit (const IkeExchange *x)
{
  const IkeSa *sa = x->sa;
  const IkeAddr *remote = x->is_initiator ? &sa->remote : &x->remote;
  gboolean is_marked = x->is_initiator ? sa->is_marked : x->is_marked;
  gsize size = sa->conn && sa->conn->fragment_size ? sa->conn->fragment_size : SIZE_DEFAULT;
  guint32 policy = sa->conn ? sa->conn->fragmentation : 1;

  /* RFC 6311, 5.1: a message with ID 0 is never cut. */
  if (!sa->may_fragment || x->is_outside || (policy != 1 && policy != 3))
    return 0;
  return size - (remote->family == 6 ? 40 : 20) - 8 - (is_marked ? 4 : 0);
}

/* RFC 7383, 2.5.3: payloads in the clear go with the first fragment.  The last of them names what
 * comes behind. */
static void
write_outer (const IkeWriter *whole, gsize sk_at, IkeWriter *out)
{
  gsize at = IKE_HEADER_LEN;

  out->data[16] = whole->data[16];
  ike_writer_bytes (out, whole->data + at, sk_at - at);
  for (; at < sk_at; at += (gsize) whole->data[at + 2] << 8 | whole->data[at + 3])
    out->next_at = at;
}

/* RFC 7383, 2.5: the IKE header "MUST be taken intact from the original message, except for the
 * Length and Next Payload fields"; the type of the first payload inside goes with the first
 * fragment, the others have zero. */
static gboolean
seal_one (IkeSa *sa, IkeKeys *keys, const IkeWriter *whole, guint number, guint total,
          const guint8 *chunk, gsize len, IkeWriter *out)
{
  guint8 *head;
  gsize sk_at = ike_outer_end (whole), head_len = ike_seal_prefix (sa) - IKE_HEADER_LEN + SKF_MORE;

  ike_writer_bytes (out, whole->data, IKE_HEADER_LEN);
  out->next_at = 16;
  if (number == 1)
    write_outer (whole, sk_at, out);
  head = ike_writer_reserve (out, head_len);
  if (!head)
    return FALSE;
  out->data[out->next_at] = IKE_PAYLOAD_SKF;
  memset (head, 0, head_len);
  head[0] = number == 1 ? whole->data[sk_at] : 0;
  head[4] = (guint8) (number >> 8);
  head[5] = (guint8) number;
  head[6] = (guint8) (total >> 8);
  head[7] = (guint8) total;
  ike_writer_bytes (out, chunk, len);
  return ike_seal (sa, keys, out, (gsize) (head - out->data) + head_len);
}

guint8 *
ike_fragment_seal (IkeSa *sa, IkeKeys *keys, const IkeWriter *whole, gsize inner_at, gsize limit,
                   gsize *len)
{
  gsize inner_len = whole->len - inner_at, done = 0;
  gsize room = ike_seal_room (sa, inner_at + SKF_MORE, limit);
  gsize total = room ? (inner_len + room - 1) / room : 0, number;
  g_autofree guint8 *all = NULL;

  if (total == 0 || total > FRAGMENTS_MAX)
    return NULL;
  all = g_malloc (total * limit);
  *len = 0;
  for (number = 1; number <= total; number++) {
    gsize chunk = MIN (room, inner_len - done);
    IkeWriter out;
    ike_writer_init (&out, all + *len, limit);
    if (!seal_one (sa, keys, whole, (guint) number, (guint) total, whole->data + inner_at + done,
                   chunk, &out))
      return NULL;
    done += chunk;
    *len += out.len;
  }
  return g_steal_pointer (&all);
}

/* -- coming in */

static void
charge (IkeSa *sa, IkeGathering *gathering, gsize bytes)
{
  gathering->charged += bytes;
  sa->shard->gathered_bytes += bytes;
}

static void
forget (IkeSa *sa, IkeGathering *gathering)
{
  IkeGathering **link;
  guint i;

  for (link = &sa->gatherings; *link != gathering; link = &(*link)->next)
    ;
  *link = gathering->next;
  sa->shard->gathered_bytes -= gathering->charged;
  if (gathering->timer)
    ike_timer_stop (gathering->timer);
  for (i = 0; i < gathering->total; i++) {
    ike_wipe (gathering->parts[i].data, gathering->parts[i].len);
    g_free (gathering->parts[i].data);
  }
  g_free (gathering);
}

void
ike_fragments_clear (IkeSa *sa)
{
  while (sa->gatherings)
    forget (sa, sa->gatherings);
}

static void
give_up (IkeSa *sa, gpointer data)
{
  IkeGathering *gathering = data;

  gathering->timer = NULL;
  ike_counter_add (sa->shard->manager->engine, sa->shard->manager->count.fragment_timeouts, 1);
  ike_sa_progress (sa, IKE_LOG_INFO, "message %u came in %u of %u fragments, and no more",
                   gathering->message_id, gathering->n_have, gathering->total);
  forget (sa, gathering);
}

static const IkeJobClass give_up_job = {
  .struct_size = sizeof (IkeJobClass),
  .name = "missing fragments",
  .lane = IKE_LANE_ESTABLISHED,
  .run = give_up,
};

static IkeGathering *
find (IkeSa *sa, guint32 message_id, gboolean is_response)
{
  IkeGathering *g;

  for (g = sa->gatherings; g; g = g->next)
    if (g->message_id == message_id && g->is_response == is_response)
      return g;
  return NULL;
}

/* There are as many at once as the windows allow: one for a message ID. */
static IkeGathering *
begin (IkeSa *sa, guint32 message_id, gboolean is_response, guint total)
{
  gsize size = sizeof (IkeGathering) + total * sizeof (Part);
  IkeGathering *g = g_malloc0 (size);

  g->message_id = message_id;
  g->is_response = is_response;
  g->total = total;
  g->next = sa->gatherings;
  g->timer = ike_sa_timer_add (sa, GATHER_MS, &give_up_job, g);
  sa->gatherings = g;
  charge (sa, g, size);
  return g;
}

static gboolean
is_affordable (const IkeSa *sa, const IkeGathering *gathering, guint total, gsize len)
{
  gsize budget = sa->state < IKE_SA_ESTABLISHED ? BUDGET / 2 : BUDGET;
  gsize more = len + (gathering ? 0 : sizeof (IkeGathering) + total * sizeof (Part));

  return sa->shard->gathered_bytes + more <= budget
         && (gathering ? gathering->len : 0) + len <= IKE_MESSAGE_MAX;
}

typedef struct {
  guint      number, total;
  IkePayload sk;                              /* behind these two, as if it were not cut */
} Fragment;

/* RFC 7383, 2.6: both fields are "non-zero", and the number is "less than or equal to the value in
 * the Total Fragments field". */
static gboolean
read_fragment (const IkeMessage *outer, Fragment *out)
{
  const IkePayload *payload = &outer->payloads[outer->n - 1];
  IkeReader r;

  ike_reader_init (&r, payload->data, payload->len);
  out->number = ike_reader_u16 (&r);
  out->total = ike_reader_u16 (&r);
  if (r.failed || out->number == 0 || out->number > out->total || out->total > FRAGMENTS_MAX)
    return FALSE;
  out->sk = *payload;
  out->sk.type = IKE_PAYLOAD_SK;
  out->sk.data += 4;
  out->sk.len -= 4;
  return TRUE;
}

static gboolean
open_fragment (IkeSa *sa, const IkeKeys *keys, IkeArena *arena, const IkeMessage *outer,
               Fragment *fragment, Part *out)
{
  IkeMessage message = *outer;
  const guint8 *plain;
  guint8 first;
  gsize len;

  message.payloads = &fragment->sk;
  message.n = 1;
  if (!ike_open (sa, keys, arena, &message, &first, &plain, &len))
    return FALSE;
  out->data = (guint8 *) plain;
  out->len = (guint32) len;
  return TRUE;
}

gboolean
ike_fragment_is_first (IkeSa *sa, const IkeKeys *keys, const IkeMessage *outer)
{
  IkeArena arena;
  Fragment fragment;
  Part part;
  gboolean is_first;

  if (!keys || !read_fragment (outer, &fragment) || fragment.number != 1)
    return FALSE;
  ike_arena_init (&arena, sa->shard->arenas, 2 * IKE_MESSAGE_MAX);
  is_first = open_fragment (sa, keys, &arena, outer, &fragment, &part);
  ike_arena_clear (&arena);
  return is_first;
}

static gboolean
join (IkeSa *sa, IkeGathering *gathering, IkeArena *arena, const guint8 **plain, gsize *len)
{
  guint8 *all = ike_arena_alloc (arena, MAX (gathering->len, 1));
  gsize done = 0;
  guint i;

  for (i = 0; all && i < gathering->total; i++) {
    memcpy (all + done, gathering->parts[i].data, gathering->parts[i].len);
    done += gathering->parts[i].len;
  }
  forget (sa, gathering);
  *plain = all;
  *len = done;
  return all != NULL;
}

/* RFC 7383, 2.6: fewer in total than what is stored, or the same once more, is "silently
 * discarded". */
static gboolean
is_news (const IkeGathering *gathering, const Fragment *fragment)
{
  return !gathering || fragment->total > gathering->total
         || (fragment->total == gathering->total
             && !gathering->parts[fragment->number - 1].data);
}

static void
keep (IkeSa *sa, IkeGathering *gathering, const Fragment *fragment, const Part *part)
{
  Part *place = &gathering->parts[fragment->number - 1];

  /* One without content is there, too. */
  place->data = g_malloc (MAX (part->len, 1));
  memcpy (place->data, part->data, part->len);
  place->len = part->len;
  charge (sa, gathering, part->len);
  gathering->len += part->len;
  gathering->n_have++;
  if (fragment->number == 1)
    gathering->first = fragment->sk.next;
}

gboolean
ike_fragment_take (IkeSa *sa, const IkeKeys *keys, IkeArena *arena, const IkeMessage *outer,
                   guint8 *first, const guint8 **plain, gsize *len)
{
  const IkeSaCounters *count = &sa->shard->manager->count;
  IkeEngine *engine = sa->shard->manager->engine;
  gboolean is_response = (outer->header.flags & IKE_FLAG_RESPONSE) != 0;
  IkeGathering *gathering = find (sa, outer->header.message_id, is_response);
  Fragment fragment;
  Part part;

  if (!read_fragment (outer, &fragment) || !is_news (gathering, &fragment)) {
    ike_counter_add (engine, count->fragment_refused, 1);
    return FALSE;
  }
  if (!open_fragment (sa, keys, arena, outer, &fragment, &part)) {
    ike_counter_add (engine, count->bad_icv, 1);
    return FALSE;
  }
  /* "if reassembling is not finished yet and the Total Fragments field in the received fragment is
   * greater than this field in those fragments that are in the reassembling queue, the receiver
   * MUST discard all received fragments and start the reassembly process over". */
  if (gathering && fragment.total > gathering->total) {
    forget (sa, gathering);
    gathering = NULL;
  }
  if (!is_affordable (sa, gathering, fragment.total, part.len)) {
    ike_counter_add (engine, count->fragment_refused, 1);
    return FALSE;
  }
  if (!gathering)
    gathering = begin (sa, outer->header.message_id, is_response, fragment.total);
  keep (sa, gathering, &fragment, &part);
  if (gathering->n_have < gathering->total)
    return FALSE;
  *first = gathering->first;
  return join (sa, gathering, arena, plain, len);
}

/* -- what the peers agreed on */

void
ike_sa_set_fragmentation (IkeSa *sa, gboolean is_agreed)
{
  ike_sa_assert_owner (sa);
  sa->may_fragment = is_agreed != 0;
}

gboolean
ike_sa_has_fragmentation (const IkeSa *sa)
{
  return sa->may_fragment;
}
