/* SPDX-License-Identifier: Apache-2.0 */
/* life.h - a pair whose ends count what happens to their SAs, and who sent what when. */
#pragma once
#include "exchange/pair.h"

typedef struct {
  guint    n_up, n_down, n_child_up, n_child_down, n_alive, n_dead;
  gint64   up_us, down_us, alive_us, dead_us; /* the last time, on the virtual clock */
  /* IKE_AUTH waits so long in this end, so often. */
  guint    hold_ms, n_holds;
} Life;

typedef struct {
  guint    exchange;
  char     from;                              /* 'a', 'b', 0: any */
  gboolean wants_responses;
  guint    n;
  gint64   at_us[256];
  IkeAddr  to[256];
} LifeWire;

/* @connection, @more: as in PairOptions; proposals are added. */
Pair   *life_new    (gconstpointer flags, const char *connection_a, const char *connection_b, const char *more_a,
                     const char *more_b);
/* The end crashes, and comes back without a memory of it. */
void    life_crash  (Pair *pair, PairEnd *end);
void    life_free   (Pair *pair);
Life   *life_of     (const PairEnd *end);
/* Notes requests (or responses) of @exchange from now on. */
void    life_watch  (Pair *pair, LifeWire *wire);
gint64  life_now_us (Pair *pair);
void    life_run_ms (Pair *pair, gint64 ms);
/* Data went through all SAs of one direction. */
void    life_use    (Pair *pair, PairEnd *end, IkeDirection direction);
guint   life_n_sas  (PairEnd *end);
/* `down pair`, or of a child; runs a moment.  How many it took down, or were not tried any more. */
guint   life_down   (Pair *pair, PairEnd *end, const char *child_or_null, gboolean is_forced);
/* Nothing between them from now on; FALSE: again. */
void    life_part   (Pair *pair, gboolean are_apart);
/* Exactly one IKE SA with @n children at both ends, which fit. */
void    life_assert_one (Pair *pair, guint n_children);
/* Nothing at all is left at that end. */
void    life_assert_none (PairEnd *end);
/* The row of `status` for what is to be up and is not; NULL: none. */
IkeTree *life_waiting (PairEnd *end);
