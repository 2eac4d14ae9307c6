/* SPDX-License-Identifier: Apache-2.0 */
/* auth.c - the second puzzle, for IKE_AUTH (RFC 8019, 7.2): given to who solved the first, and its
 * solution taken in front of what is encrypted. */
#include "config.h"
#include <string.h>

#include "puzzle/puzzle.h"

gsize
puzzle_auth_text (const guint8 *nonce, gsize len, guint64 spi, guint8 out[static PUZZLE_TEXT_MAX])
{
  guint64 wire = GUINT64_TO_BE (spi);

  len = MIN (len, PUZZLE_TEXT_MAX - sizeof wire);
  memcpy (out, nonce, len);
  memcpy (out + len, &wire, sizeof wire);
  return len + sizeof wire;
}

/* RFC 8019, 7.2.1: "The Responder MUST NOT use puzzles in the IKE_AUTH exchange unless a puzzle has
 * been previously presented and solved in the preceding IKE_SA_INIT exchange". */
static gboolean
ask (IkePlugin *plugin, IkeSa *sa, IkeExchange *x, IkeWriter *out)
{
  Puzzles *self = ike_plugin_state (plugin);
  const IkePrf *prf = ike_sa_prf (sa);
  PuzzleState *state;
  guint16 id;

  if (ike_exchange_is_initiator (x) || !self->auth_difficulty || !prf
      || !ike_sa_attachment (sa, PUZZLE_GATE))
    return FALSE;
  id = ike_prf_class (prf)->transform;
  state = g_new0 (PuzzleState, 1);
  state->asked_bits = self->auth_difficulty;
  ike_sa_set_slot (sa, self->slot, state);
  ike_notify_write (out, 0, PUZZLE_N, NULL, 0,
                    (guint8[]){ (guint8) (id >> 8), (guint8) id, state->asked_bits }, PUZZLE_N_LEN);
  ike_counter_add (self->engine, self->n_sent, 1);
  return TRUE;
}

const IkeNotifyClass puzzle_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = PUZZLE_N,
  .min_len = PUZZLE_N_LEN,
  .max_len = PUZZLE_N_LEN,
  .max_count = 1,
  .exchanges = "IKE_SA_INIT",
  .send = ask,
};

/* RFC 8019, 7.2.2: "The PS payload MUST be placed outside the Encrypted payload". */
static void
write_solution (IkePlugin *plugin, IkeSa *sa, const IkeExchange *x, IkeWriter *out)
{
  Puzzles *self = ike_plugin_state (plugin);
  PuzzleState *state = ike_sa_slot (sa, self->slot);

  if (!state || !state->is_for_auth)
    return;
  state->is_for_auth = FALSE; /* the first IKE_AUTH only */
  ike_payload_write (out, IKE_PAYLOAD_PS, state->solution, state->len);
}

/* RFC 8019, 7.2.4: "it MUST silently discard all the IKE_AUTH request messages without the PS
 * payload", and those with a wrong one.  Once it was solved, this is not asked for again: so of
 * fragments only the first has to have it. */
static gboolean
check_solution (IkePlugin *plugin, IkeSa *sa, const IkeMessage *outer)
{
  Puzzles *self = ike_plugin_state (plugin);
  PuzzleState *state = ike_sa_slot (sa, self->slot);
  const IkePayload *solution = ike_message_find (outer, IKE_PAYLOAD_PS, 0);
  guint8 text[PUZZLE_TEXT_MAX];
  const guint8 *nonce;
  gsize len;

  if (!state || !state->asked_bits)
    return TRUE;
  nonce = ike_sa_nonce (sa, FALSE, &len);
  if (!nonce || !solution) {
    ike_counter_add (self->engine, self->n_missing, 1);
    return FALSE;
  }
  len = puzzle_auth_text (nonce, len, ike_sa_our_spi (sa), text);
  if (puzzle_bits (ike_sa_prf (sa), solution->data, solution->len, text, len) < state->asked_bits) {
    ike_counter_add (self->engine, self->n_wrong, 1);
    return FALSE;
  }
  state->asked_bits = 0;
  ike_counter_add (self->engine, self->n_solved, 1);
  return TRUE;
}

const IkeOuterClass puzzle_outer = {
  .struct_size = sizeof (IkeOuterClass),
  .exchanges = "IKE_AUTH",
  .write = write_solution,
  .check = check_solution,
};
