/* SPDX-License-Identifier: Apache-2.0 */
/* trio.h - a client `a` and the gateways `b` (10.0.0.2) and `c` (10.0.0.3), all with the plugin redirect. */
#pragma once
#include "exchange/forge.h"

typedef struct {
  const char *a, *b, *c;                      /* further settings; NULL: none */
  const char *conn_a, *conn_b, *conn_c;       /* of the connection */
  const char *const *plugins;                 /* further ones */
  const IkePluginInfo *const *builtin;
} TrioOptions;

typedef struct {
  Forge   *forge;                             /* between a and b */
  Pair    *pair;
  PairEnd  c;
} Trio;

Trio *trio_new  (gconstpointer flags, const TrioOptions *options);
void  trio_free (Trio *trio);
/* `up` at the client; an error fails the test. */
void  trio_assert_up (Trio *trio);
/* The one IKE SA of the client, with one child, is at c, or at b; the other gateway has none after a while. */
void  trio_assert_at_c (Trio *trio);
void  trio_assert_at_b (Trio *trio);
guint trio_n_sas (PairEnd *end);                      /* that are up */

/* Settings of the plugin in a gateway. */
#define TRIO_TO(where) "plugins { redirect { policy = list\n gateways = " where "\n } }\n"
