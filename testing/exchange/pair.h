/* SPDX-License-Identifier: Apache-2.0 */
/* pair.h - two engines in one process over the in-memory network, with a virtual clock: what exchange tests start
 * from. */
#pragma once
#include <ikebana/engine.h>
#include <ikebana/exchange.h>
#include <ikebana/bus.h>
#include "net-sim/net_sim.h"
#include "kernel-fake/kernel_fake.h"

typedef struct {
  guint64            seed;
  guint32            flags;                   /* IKE_ENGINE_… */
  guint              n_shards;                /* 0: 1 */
  const char        *connection[2];           /* body of connections.pair in each engine; NULL: the default */
  const char        *secrets[2];              /* NULL: the default */
  const char        *more[2];                 /* further settings */
  const char *const *plugins;                 /* further ones */
  const IkePluginInfo *const *builtin;
} PairOptions;

typedef struct {
  IkeEngine              *engine;
  IkePlugin              *net, *kernel;
  const IkeSimNetOps     *net_ops;
  const IkeKernelFakeOps *kernel_ops;
  GString                *log;
} PairEnd;

typedef struct {
  IkeSim *sim;
  PairEnd a, b;                               /* 10.0.0.1 and 10.0.0.2 */
} Pair;

Pair *pair_new  (const PairOptions *options_or_null);
void  pair_free (Pair *pair);
/* An end crashes: its engine is freed without a word, and another starts at the same addresses. */
void  pair_restart (Pair *pair, PairEnd *end, const PairOptions *options_or_null);
/* One more end like `b`, its settings those of [1], at 10.0.0.3; it goes before the pair does. */
void  pair_add_third (Pair *pair, PairEnd *end, const PairOptions *options);
void  pair_end_third (PairEnd *end);
/* Steps until the call of `up` is over; its error, or NULL. g_free. */
char *pair_up   (Pair *pair, const char *child_or_null);
/* The same; an error fails the test, with the logs of both. */
void  pair_assert_up (Pair *pair, const char *child_or_null);
char *pair_up_of (Pair *pair, PairEnd *end, const char *conn, const char *child_or_null);
/* Starts an `up` without stepping; the answer goes to @error ("" on success) when it comes. */
void  pair_begin_up (Pair *pair, PairEnd *end, const char *conn, const char *child_or_null, char **error);
void  pair_down (Pair *pair, const char *conn, const char *child_or_null);
void  pair_run  (Pair *pair, gint64 seconds);          /* virtual */
guint64 pair_count (const PairEnd *end, const char *counter);
/* SAs of an end as `status` shows them: list of sections. */
IkeTree *pair_status (PairEnd *end);
/* Newest record of `explain`, or NULL. */
IkeTree *pair_explain (PairEnd *end);
/* What the ends have installed fits: every outbound SA opens at the other end under the same SPI. */
void  pair_assert_twins (Pair *pair);
guint64 pair_hash (const Pair *pair);
/* Runs a control command and steps until it is finished; its result, or NULL with @error_text. */
IkeTree *pair_command (PairEnd *end, const char *name, IkeTree *args_take, char **error_text);
/* Puts @data on the wire, from port 500 to port 500. */
void  pair_inject (Pair *pair, const char *from, const char *to, const void *data, gsize len);
/* The body of the first payload of @type in a chain; NULL: there is none. */
guint8 *pair_payload (guint8 first, guint8 *plain, gsize len, guint8 type, gsize *body_len);
/* Sequence number of a packet that goes out now by the first outbound SA of @end. */
guint32 pair_sequence (PairEnd *end);
/* ike_sa_restore(), stepping till it is over; its error, or NULL.  g_free.  @sa: what was made; may be NULL. */
char   *pair_restore (Pair *pair, PairEnd *end, GBytes *snapshot, const guint8 key[32], IkeSaRef *sa);
/* Adds the test /@group/@name/@mode for each way to run the engines: plain, every wait forced, every completion from
 * another thread in random order, shuffled; IKE_PAIR_MODE names the only one.  @func gets the flags of the engine. */
void  pair_add_test (const char *group, const char *name, GTestDataFunc func);
