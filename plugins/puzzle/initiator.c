/* SPDX-License-Identifier: Apache-2.0 */
/* initiator.c - solving a puzzle that a responder asks for before it talks to us (RFC 8019, 7.1.2).
 *
 * The work is done in slices on the offload pool, so that nothing else waits for it, and that it
 * ends with the attempt that it is for.  What is too hard, or takes too long, is left unsolved: then
 * the cookie goes back alone, and the responder decides. */
#include "config.h"
#include <string.h>

#include <ikebana/log.h>

#include "puzzle/puzzle.h"

enum { SLICE_TRIES = 10000, SLICE_US = 10000, FREE_CHOICE_BITS = 14 };

/* Kept with the SA: what the next request takes along. */
typedef struct {
  gsize len;
  guint8 data[PUZZLE_SOLUTION_MAX];
} Solution;

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

static IkeTaskResult
leave_it (IkeTask *task, const char *why, guint bits)
{
  Puzzles *puzzles = puzzles_of (task);
  g_autofree char *text =
      g_strdup_printf ("the peer asks for a puzzle of %u bits, which is not solved: %s", bits, why);

  ike_sa_log_text (ike_task_sa (task), IKE_LOG_NOTICE, "puzzle", text);
  ike_counter_add (puzzles->engine, puzzles->n_refused, 1);
  return IKE_TASK_DONE;
}

/* RFC 8019, 9: "Initiators SHOULD set a maximum difficulty level beyond which they won't try to
 * solve the puzzle and log or display a failure message". */
static IkeTaskResult
begin (IkeTask *task, Solver *self, const IkeNotify *puzzle, const IkeNotify *cookie)
{
  Puzzles *puzzles = puzzles_of (task);
  guint16 transform = (guint16) (puzzle->data[0] << 8 | puzzle->data[1]);
  const IkePrf *prf = ike_prf_find (puzzles->engine, transform);
  guint8 bits = puzzle->data[2];

  self->is_begun = TRUE;
  self->is_failed = FALSE;
  self->began_us = ike_engine_now_us (puzzles->engine);
  if (bits > puzzles->solve_max)
    return leave_it (task, "that is more than plugins.puzzle.solve_max", bits);
  /* "Value 0 means that ... the Initiator is free to select an appropriate difficulty level". */
  if (bits == 0)
    bits = (guint8) MIN (FREE_CHOICE_BITS, puzzles->solve_max);
  if (!prf || !puzzle_begin (&self->work, prf, bits, cookie->data, cookie->len))
    return leave_it (task, "its PRF is none of ours", bits);
  return go_on (task, self);
}

static IkeTaskResult
finish (IkeTask *task, const Solver *self)
{
  Puzzles *puzzles = puzzles_of (task);
  Solution *solution = g_new0 (Solution, 1);

  solution->len = puzzle_solution (&self->work, solution->data);
  ike_sa_set_slot (ike_task_sa (task), puzzles->slot, solution);
  ike_counter_add (puzzles->engine, puzzles->n_answered, 1);
  return IKE_TASK_DONE;
}

static IkeTaskResult
solve (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  Solver *self = ike_task_data (task);
  Puzzles *puzzles = puzzles_of (task);
  const IkeNotify *puzzle = ike_exchange_record (x, PUZZLE_N, 0),
                  *cookie = ike_exchange_record (x, IKE_N_COOKIE, 0);

  if (!puzzle || !cookie || ike_message_find (in, IKE_PAYLOAD_SA, 0))
    return IKE_TASK_DONE;
  if (!self->is_begun) {
    /* Whatever was solved was for another cookie. */
    ike_sa_set_slot (ike_task_sa (task), puzzles->slot, NULL);
    return begin (task, self, puzzle, cookie);
  }
  if (!self->is_failed && self->work.n_found < PUZZLE_N_KEYS
      && ike_engine_now_us (puzzles->engine) - self->began_us
             <= (gint64) puzzles->solve_time_s * G_USEC_PER_SEC
      && self->work.next < G_MAXUINT32)
    return go_on (task, self);
  self->is_begun = FALSE;
  if (self->work.n_found == PUZZLE_N_KEYS)
    return finish (task, self);
  return leave_it (task, self->is_failed ? "the work could not be done" : "it takes too long",
                   puzzle->data[2]);
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
  const Solution *solution = ike_sa_slot (ike_task_sa (task), puzzles_of (task)->slot);

  if (solution)
    ike_payload_write (out, IKE_PAYLOAD_PS, solution->data, solution->len);
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
