/* SPDX-License-Identifier: Apache-2.0 */
/* gate.c - puzzles for who sends first messages while very many SAs are half open (RFC 8019, 7.1).
 *
 * What we want to know when a solution comes is in the cookie that goes with the puzzle: how hard
 * it was, with which PRF, how many there were before, and when it was made.  A solution is good
 * for seconds, and for one message: the table `used` remembers with which message a cookie was
 * spent. */
#include "config.h"
#include <string.h>

#include "puzzle/puzzle.h"

enum { INFO_LEN = 9, INFO_MARK = 'P', GOOD_FOR_S = 20, ROUNDS_MAX = 3, PRF_HMAC_SHA2_256 = 5 };

/* As it stands in a cookie. */
typedef struct {
  guint8 difficulty, round; /* bits; puzzles that this sender got, this one too */
  guint16 prf;
  guint32 made_s;
} Info;

static guint32
now_s (const Puzzles *self)
{
  return (guint32) (ike_engine_now_us (self->engine) / G_USEC_PER_SEC);
}

static void
info_write (const Info *info, guint8 out[static INFO_LEN])
{
  IkeWriter w;

  ike_writer_init (&w, out, INFO_LEN);
  ike_writer_u8 (&w, INFO_MARK);
  ike_writer_u8 (&w, info->difficulty);
  ike_writer_u8 (&w, info->round);
  ike_writer_u16 (&w, info->prf);
  ike_writer_u32 (&w, info->made_s);
}

static gboolean
info_read (const IkeCookie *cookie, Info *info)
{
  IkeReader r;

  ike_reader_init (&r, cookie->info, cookie->len);
  if (ike_reader_u8 (&r) != INFO_MARK)
    return FALSE;
  info->difficulty = ike_reader_u8 (&r);
  info->round = ike_reader_u8 (&r);
  info->prf = ike_reader_u16 (&r);
  info->made_s = ike_reader_u32 (&r);
  return !r.failed && cookie->len == INFO_LEN;
}

/* -- how hard */

/* One bit more for each time that the threshold was doubled. */
static guint
bits_for (const Puzzles *self, guint32 n, guint32 threshold)
{
  guint bits = self->difficulty;

  if (!threshold || n < threshold)
    return 0;
  while (bits < self->difficulty_max && n / 2 >= threshold) {
    n /= 2;
    bits++;
  }
  return bits;
}

/* 0: none is asked for. */
static guint
difficulty_for (const Puzzles *self, const IkeAddr *source)
{
  IkeHalfOpen counts = { .struct_size = sizeof counts };

  ike_half_open_count (self->engine, source, &counts);
  return MAX (bits_for (self, counts.all, self->threshold),
              bits_for (self, counts.source, self->threshold_source));
}

/* -- asking */

/* RFC 8019, 7.1.1.2: "The Responder selects the preferred PRF from the list of mutually supported
 * ones".  0: there is none. */
static guint16
prf_for (const Puzzles *self, const IkeMessage *first)
{
  const IkePayload *payload = ike_message_find (first, IKE_PAYLOAD_SA, 0);
  IkeProposal offers[IKE_PROPOSALS_MAX];
  IkeVerdict verdict = { 0 };
  guint16 found = 0;
  IkeReader r;
  guint n, i, k;

  if (!payload)
    return 0;
  ike_reader_init (&r, payload->data, payload->len);
  if (!ike_proposals_read (&r, offers, &n, &verdict))
    return 0;
  for (i = 0; i < n; i++)
    for (k = 0; k < offers[i].n_transforms; k++) {
      const IkeTransform *t = &offers[i].transforms[k];
      if (t->type != IKE_TRANSFORM_PRF || !ike_prf_find (self->engine, t->id))
        continue;
      if (t->id == PRF_HMAC_SHA2_256)
        return t->id;
      if (!found)
        found = t->id;
    }
  return found;
}

/* RFC 8019, 7.1.1: "the PUZZLE notification MUST always be accompanied with the COOKIE
 * notification". */
static IkeGateVerdict
give (Puzzles *self, const IkeDatagram *datagram, const IkeMessage *first, const Info *info,
      IkeWriter *reply)
{
  guint8 inside[INFO_LEN],
      puzzle[PUZZLE_N_LEN] = { (guint8) (info->prf >> 8), (guint8) info->prf, info->difficulty };

  info_write (info, inside);
  if (!self->cookies->write (self->cookie_plugin, datagram, first, inside, sizeof inside, reply))
    return IKE_GATE_DROP;
  ike_notify_write (reply, 0, PUZZLE_N, NULL, 0, puzzle, sizeof puzzle);
  ike_counter_add (self->engine, self->n_sent, 1);
  return IKE_GATE_REPLY;
}

/* -- judging */

static gboolean
mark_of (const Puzzles *self, const guint8 *data, gsize len, guint32 *mark, guint32 *more)
{
  const IkePrf *prf = ike_prf_find (self->engine, PRF_HMAC_SHA2_256);
  IkePart part = { data, len };
  guint8 out[IKE_SECRET_MAX];

  if (!prf || !ike_prf_run (prf, self->secret.bytes, self->secret.len, &part, 1, out))
    return FALSE;
  memcpy (mark, out, sizeof *mark);
  memcpy (more, out + sizeof *mark, sizeof *more);
  return TRUE;
}

/* RFC 8019, 10: "Implementations MUST ... completely eliminate or make insignificant the possible
 * benefit an attacker can get from reusing puzzle solutions".  The same message once more is a
 * retransmission; another one with this cookie is not taken.  A place that somebody else needs is
 * given away: as many solutions must have come since. */
static gboolean
is_first_use (Puzzles *self, const IkeDatagram *datagram, const IkeCookie *cookie)
{
  guint32 place, of_cookie, of_message, unused;
  guint64 mark, was;

  if (!mark_of (self, cookie->data, cookie->data_len, &place, &of_cookie)
      || !mark_of (self, datagram->data, datagram->len, &of_message, &unused))
    return FALSE;
  mark = (guint64) of_cookie << 32 | of_message;
  was = atomic_load (&self->used[place % PUZZLE_USED]);
  if (was >> 32 == of_cookie)
    return was == mark;
  atomic_store (&self->used[place % PUZZLE_USED], mark);
  return TRUE;
}

/* RFC 8019, 7.1: "The Responder MAY choose to process some fraction of IKE_SA_INIT requests
 * without presenting a puzzle ... to allow legacy clients ... to have a chance to be served ...
 * the Responder must first perform a return routability check". */
static gboolean
is_lucky (const Puzzles *self)
{
  guint32 random;

  ike_engine_random (self->engine, &random, sizeof random);
  return random % 100 < self->legacy;
}

typedef enum { SOLVED, UNSOLVED, WRONG } Judged;

static Judged
judge_solution (Puzzles *self, const IkeDatagram *datagram, const IkeMessage *first,
                const IkeCookie *cookie, const Info *info)
{
  const IkePayload *solution = ike_message_find (first, IKE_PAYLOAD_PS, 0);
  const IkePrf *prf = ike_prf_find (self->engine, info->prf);

  if (!solution) {
    ike_counter_add (self->engine, self->n_missing, 1);
    return UNSOLVED;
  }
  if (!prf || now_s (self) - info->made_s > GOOD_FOR_S
      || puzzle_bits (prf, solution->data, solution->len, cookie->data, cookie->data_len)
             < info->difficulty) {
    ike_counter_add (self->engine, self->n_wrong, 1);
    return WRONG;
  }
  if (!is_first_use (self, datagram, cookie)) {
    ike_counter_add (self->engine, self->n_reused, 1);
    return WRONG;
  }
  ike_counter_add (self->engine, self->n_solved, 1);
  return SOLVED;
}

/* RFC 8019, 7.1.5: accept, reject, or "demand more work from the Initiator by giving it a new
 * puzzle". */
static IkeGateVerdict
judge (IkePlugin *plugin, const IkeDatagram *datagram, const IkeMessage *first, IkeWriter *reply,
       GBytes **attachment)
{
  Puzzles *self = ike_plugin_state (plugin);
  Info next = { .difficulty = (guint8) difficulty_for (self, &datagram->remote), .round = 1 }, info;
  IkeCookie cookie;

  if (!next.difficulty)
    return IKE_GATE_PASS;
  if (self->cookies->check (self->cookie_plugin, datagram, first, &cookie)
      && info_read (&cookie, &info)) {
    Judged judged = judge_solution (self, datagram, first, &cookie, &info);
    if (judged == UNSOLVED)
      return is_lucky (self) ? IKE_GATE_PASS : IKE_GATE_DROP;
    /* Who worked for what is asked of others by now is not held up for ever. */
    if (judged == SOLVED && (info.difficulty + 1 >= next.difficulty || info.round >= ROUNDS_MAX)) {
      *attachment = g_bytes_new_static ("", 0);
      return IKE_GATE_PASS;
    }
    next.round = (guint8) (info.round + (judged == SOLVED));
  }
  /* "If there are no mutually supported PRFs, then IKE SA negotiation will fail anyway and there is
   * no reason to return a puzzle". */
  next.prf = prf_for (self, first);
  next.made_s = now_s (self);
  return next.prf ? give (self, datagram, first, &next, reply) : IKE_GATE_PASS;
}

const IkeGateClass puzzle_gate = {
  .struct_size = sizeof (IkeGateClass),
  .exchanges = "IKE_SA_INIT",
  .judge = judge,
};
