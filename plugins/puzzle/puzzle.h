/* SPDX-License-Identifier: Apache-2.0 */
/* puzzle.h - what the files of the plugin `puzzle` share. */
#pragma once
#include <stdatomic.h>

#include <ikebana/engine.h>
#include <ikebana/exchange.h>

#include "puzzle/solve.h"
#include "shared/cookie/cookie.h"

/* The gate's name, for what it attaches to the SA of who solved a puzzle. */
#define PUZZLE_GATE "puzzle"

enum { PUZZLE_N = 16434, PUZZLE_N_LEN = 3, PUZZLE_USED = 1 << 16 };

typedef struct {
  IkeEngine          *engine;
  const IkeCookieOps *cookies;                /* of service:cookie */
  IkePlugin          *cookie_plugin;
  guint32             slot;                   /* PuzzleState */
  /* Responder. */
  guint32             threshold, threshold_source;   /* 0: never by this number */
  guint8              difficulty, difficulty_max;
  guint32             legacy;                 /* percent served that solve nothing */
  guint8              auth_difficulty;        /* of the second puzzle; 0: there is none */
  IkeSecret           secret;                 /* of the table below */
  atomic_ullong       used[PUZZLE_USED];      /* cookies whose puzzle was solved, and by which message */
  /* Initiator. */
  guint32             solve_max, solve_time_s;
  guint32             n_sent, n_solved, n_wrong, n_missing, n_reused;   /* counters: of peers, */
  guint32             n_answered, n_refused;                            /* and of ours */
} Puzzles;

/* With an SA. */
typedef struct {
  /* Initiator: what the next request takes along. */
  gsize    len;
  guint8   solution[PUZZLE_SOLUTION_MAX];
  gboolean is_for_auth;                       /* in front of SK of IKE_AUTH; else in IKE_SA_INIT */
  /* Responder. */
  guint8   asked_bits;                        /* for IKE_AUTH; 0: nothing, or it was solved */
} PuzzleState;

/* Nr | SPIr, the text of a puzzle for IKE_AUTH (RFC 8019, 7.2.3); its length. */
gsize puzzle_auth_text (const guint8 *nonce, gsize len, guint64 spi, guint8 out[static PUZZLE_TEXT_MAX]);

extern const IkeGateClass puzzle_gate;        /* gate.c */
extern const IkeTaskClass puzzle_task;        /* initiator.c */
extern const IkeTaskClass puzzle_solution_task;
extern const IkeSlotClass puzzle_slot;
extern const IkeNotifyClass puzzle_notify;  /* auth.c */
extern const IkeOuterClass puzzle_outer;
