/* SPDX-License-Identifier: Apache-2.0 */
/* puzzle.h - what the files of the plugin `puzzle` share. */
#pragma once
#include <stdatomic.h>

#include <ikebana/engine.h>
#include <ikebana/exchange.h>

#include "puzzle/solve.h"
#include "shared/cookie/cookie.h"

enum { PUZZLE_N = 16434, PUZZLE_N_LEN = 3, PUZZLE_USED = 1 << 16 };

typedef struct {
  IkeEngine          *engine;
  const IkeCookieOps *cookies;                /* of service:cookie */
  IkePlugin          *cookie_plugin;
  guint32             slot;                   /* of an SA that we begin: PuzzleAnswer */
  /* Responder. */
  guint32             threshold, threshold_source;   /* 0: never by this number */
  guint8              difficulty, difficulty_max;
  guint32             legacy;                 /* percent served that solve nothing */
  IkeSecret           secret;                 /* of the table below */
  atomic_ullong       used[PUZZLE_USED];      /* cookies whose puzzle was solved, and by which message */
  /* Initiator. */
  guint32             solve_max, solve_time_s;
  guint32             n_sent, n_solved, n_wrong, n_missing, n_reused;   /* counters: of peers, */
  guint32             n_answered, n_refused;                            /* and of ours */
} Puzzles;

extern const IkeGateClass puzzle_gate;        /* gate.c */
extern const IkeTaskClass puzzle_task;        /* initiator.c */
extern const IkeTaskClass puzzle_solution_task;
extern const IkeSlotClass puzzle_slot;
