/* SPDX-License-Identifier: Apache-2.0 */
/* sim_private.h - how loops and timers of simulated engines reach the one queue that they share. */
#pragma once
#include <ikebana/engine.h>
#include "runtime/inbox.h"
#include "runtime/timer_private.h"

/* Number of the engine in the simulation, from 1; seeds its RNG. */
guint32 ike_sim_enter   (IkeSim *sim, IkeEngine *engine, guint64 rng[4]);
/* One more item is on queue @queue of @loop. */
void    ike_sim_ready   (IkeSim *sim, IkeLoop *loop, guint queue);
/* TRUE: in this simulation the answer of a call may come before those given earlier; give its node to _ready_node(). */
gboolean ike_sim_shuffles (const IkeSim *sim);
void    ike_sim_ready_node (IkeSim *sim, IkeLoop *loop, IkeNode *node);
void    ike_sim_timer_add    (IkeSim *sim, IkeTimer *timer);
void    ike_sim_timer_remove (IkeSim *sim, IkeTimer *timer);
/* Drops what is queued for @loop, its timers too. */
void    ike_sim_forget_loop (IkeSim *sim, IkeLoop *loop);

/* Foreign answers: a helper thread hands @node over (runs it there, with nothing else running) at some later step. */
void    ike_sim_answer_elsewhere (IkeSim *sim, IkeNode *node);
void    ike_sim_flush   (IkeSim *sim);        /* all of them, now */

/* foreign.c: the helper thread. */
typedef struct _IkeForeign IkeForeign;
IkeForeign *ike_foreign_new  (guint64 seed);
void        ike_foreign_free (IkeForeign *foreign);
guint       ike_foreign_n    (const IkeForeign *foreign);
void        ike_foreign_add  (IkeForeign *foreign, IkeNode *node);
/* Has the helper thread run some (all with @must, else perhaps none) in random order, and waits for it. */
void        ike_foreign_flush (IkeForeign *foreign, gboolean must);
