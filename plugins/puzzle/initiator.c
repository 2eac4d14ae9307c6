/* SPDX-License-Identifier: Apache-2.0 */
/* initiator.c - solving a puzzle that a responder asks for before it talks to us (RFC 8019, 7.1.2),
 * or before it looks at our IKE_AUTH (7.2.2).
 *
 * The work is done in slices on the offload pool, so that nothing else waits for it, and that it
 * ends with the attempt that it is for.  What is too hard, or takes too long, is left unsolved:
 * then the cookie goes back alone, and the responder decides. */
#include "config.h"
#include <string.h>

#include <ikebana/log.h>

#include "puzzle/puzzle.h"

enum { SLICE_TRIES = 10000, SLICE_US = 10000, FREE_CHOICE_BITS = 14 };

typedef struct {
  PuzzleWork work;
  gboolean is_begun, is_failed;
  gint64 began_us;
} Solver;

const IkeSlotClass puzzle_slot = {
  .struct_size = sizeof (IkeSlotClass),
  .name = "puzzle",
  .destroy = g_free,
};

static Puzzles *
puzzles_of (IkeTask *task)
{
  return ike_plugin_state (ike_task_plugin (task));
}

/* What is asked for. */
typedef struct {
  guint16 prf;
  guint8 bits;
  gboolean is_for_auth;
  gsize len;
  guint8 data[PUZZLE_TEXT_MAX];
} Text;

/* -- a slice */

static gpointer
work_slice (gpointer arg, const char **error)
{
  PuzzleWork *work = g_memdup2 (arg, sizeof *work);

  puzzle_work_on (work, SLICE_TRIES);
  return work;
}

static void
slice_done (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Solver *self = ike_task_data (owner);

  self->is_failed = result == NULL;
  if (result)
    self->work = *(PuzzleWork *) result;
  g_free (result);
}

static const IkeCallClass slice_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "puzzle",
  .timeout_ms = 10000,
  .cost_us = SLICE_US,
  .then = slice_done,
  .undo = g_free,
};

static IkeTaskResult
go_on (IkeTask *task, Solver *self)
{
  ike_call_run (ike_task_call (task, &slice_call, NULL), puzzles_of (task)->engine, SLICE_US,
                work_slice, g_memdup2 (&self->work, sizeof self->work), g_free);
  return IKE_TASK_WAIT;
}

/* -- process */

/* RFC 8019, 7.2.2: of a puzzle for IKE_AUTH we "MUST solve" it; who asks for what we cannot do may
 * not be the peer, so the true answer may still come. */
static IkeTaskResult
leave_it (IkeTask *task, const Text *text, const char *why)
{
  Puzzles *puzzles = puzzles_of (task);
  g_autofree char *sentence = g_strdup_printf (
      "the peer asks for a puzzle of %u bits, which is not solved: %s", text->bits, why);

  ike_counter_add (puzzles->engine, puzzles->n_refused, 1);
  if (text->is_for_auth)
    return ike_task_disbelieve (task, sentence);
  ike_sa_log_text (ike_task_sa (task), IKE_LOG_NOTICE, "puzzle", sentence);
  return IKE_TASK_DONE;
}

/* RFC 8019, 9: "Initiators SHOULD set a maximum difficulty level beyond which they won't try to
 * solve the puzzle and log or display a failure message". */
static IkeTaskResult
begin (IkeTask *task, Solver *self, const Text *text)
{
  Puzzles *puzzles = puzzles_of (task);
  const IkePrf *prf = ike_prf_find (puzzles->engine, text->prf);
  guint8 bits = text->bits;

  /* Whatever was solved was for another cookie. */
  ike_sa_set_slot (ike_task_sa (task), puzzles->slot, NULL);
  self->is_begun = TRUE;
  self->is_failed = FALSE;
  self->began_us = ike_engine_now_us (puzzles->engine);
  self->work.n_found = 0;
  if (bits > puzzles->solve_max)
    return leave_it (task, text, "that is more than plugins.puzzle.solve_max");
  /* "Value 0 means that ... the Initiator is free to select an appropriate difficulty level"; for
   * IKE_AUTH it "MUST NOT be 0". */
  if (bits == 0 && text->is_for_auth)
    return leave_it (task, text, "it has no difficulty");
  if (bits == 0)
    bits = (guint8) MIN (FREE_CHOICE_BITS, puzzles->solve_max);
  if (!prf || !puzzle_begin (&self->work, prf, bits, text->data, text->len))
    return leave_it (task, text, "its PRF is none of ours");
  return go_on (task, self);
}

static IkeTaskResult
finish (IkeTask *task, const Solver *self, gboolean is_for_auth)
{
  Puzzles *puzzles = puzzles_of (task);
  PuzzleState *state = g_new0 (PuzzleState, 1);

  state->len = puzzle_solution (&self->work, state->solution);
  state->is_for_auth = is_for_auth;
  ike_sa_set_slot (ike_task_sa (task), puzzles->slot, state);
  ike_counter_add (puzzles->engine, puzzles->n_answered, 1);
  return IKE_TASK_DONE;
}

/* FALSE: no puzzle is in the message.  In one with an SA it is for IKE_AUTH. */
static gboolean
read_text (const IkeExchange *x, const IkeMessage *in, Text *text)
{
  const IkeNotify *puzzle = ike_exchange_record (x, PUZZLE_N, 0),
                  *cookie = ike_exchange_record (x, IKE_N_COOKIE, 0);
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_NONCE, 0);
  IkeVerdict verdict = { 0 };
  const guint8 *nonce;
  gsize len;

  if (!puzzle)
    return FALSE;
  text->prf = (guint16) (puzzle->data[0] << 8 | puzzle->data[1]);
  text->bits = puzzle->data[2];
  text->is_for_auth = ike_message_find (in, IKE_PAYLOAD_SA, 0) != NULL;
  if (!text->is_for_auth) {
    if (!cookie)
      return FALSE;
    text->len = cookie->len;
    memcpy (text->data, cookie->data, cookie->len);
    return TRUE;
  }
  if (!payload || !ike_nonce_read (payload, &nonce, &len, &verdict))
    return FALSE;
  text->len = puzzle_auth_text (nonce, len, ike_message_header (in)->spi_responder, text->data);
  return TRUE;
}

static IkeTaskResult
solve (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Solver *self = ike_task_data (task);
  Puzzles *puzzles = puzzles_of (task);
  Text text;

  if (!read_text (x, in, &text))
    return IKE_TASK_DONE;
  if (!self->is_begun)
    return begin (task, self, &text);
  if (!self->is_failed && self->work.n_found < PUZZLE_N_KEYS
      && ike_engine_now_us (puzzles->engine) - self->began_us
             <= (gint64) puzzles->solve_time_s * G_USEC_PER_SEC
      && self->work.next < G_MAXUINT32)
    return go_on (task, self);
  self->is_begun = FALSE;
  if (self->work.n_found == PUZZLE_N_KEYS)
    return finish (task, self, text.is_for_auth);
  return leave_it (task, &text,
                   self->is_failed ? "the work could not be done" : "it takes too long");
}

static gboolean
is_ours (IkePlugin *plugin, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return ike_exchange_is_initiator (x);
}

/* Before the task that goes on with the cookie. */
const IkeTaskClass puzzle_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_SA_INIT",
  .after = "phase:init",
  .before = "init",
  .operations = "establish",
  .reads = "notify:COOKIE notify:PUZZLE",
  .instance_size = sizeof (Solver),
  .wanted = is_ours,
  .process = solve,
};

/* -- build */

/* RFC 7296, 2.6: the cookie is "the first payload", so this comes behind it. */
static IkeTaskResult
send_solution (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  const PuzzleState *state = ike_sa_slot (ike_task_sa (task), puzzles_of (task)->slot);

  if (state && !state->is_for_auth)
    ike_payload_write (out, IKE_PAYLOAD_PS, state->solution, state->len);
  return IKE_TASK_DONE;
}

const IkeTaskClass puzzle_solution_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_SA_INIT",
  .after = "phase:init init",
  .operations = "establish",
  .instance_size = 0,
  .wanted = is_ours,
  .build = send_solution,
};
