/* SPDX-License-Identifier: Apache-2.0 */
/* flow.h - data that flows while SAs are replaced: a packet from each end whenever time has passed, through the SA that
 * its outbound policy names, opened at the other end when it arrives. */
#pragma once
#include "exchange/pair.h"

typedef struct {
  Pair   *pair;
  gint64  latency_us;                         /* of a packet; 10 ms, as IKE's on net-sim */
  GArray *on_way;
  guint   n_sent, n_arrived;                  /* those without an SA to go out by are not sent */
  guint   n_lost;                             /* that did not open where they came */
  guint   n_unsent;
} Flow;

Flow *flow_new  (Pair *pair);
void  flow_free (Flow *flow);
/* Steps for @seconds of virtual time. */
void  flow_run  (Flow *flow, gint64 seconds);
/* Till @is_over says so, an hour at most. */
void  flow_until (Flow *flow, gboolean (*is_over) (Pair *pair, gpointer data), gpointer data);
