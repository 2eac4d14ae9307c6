/* SPDX-License-Identifier: Apache-2.0 */
/* tickets.h - a client (a) and a gateway (b) whose IKE SA is lost and resumed. */
#pragma once
#include "exchange/pair.h"

enum { TICKETS_INIT = 34, TICKETS_AUTH, TICKETS_CHILD, TICKETS_INFO, TICKETS_RESUME };

typedef struct {
  guint32     flags;
  guint       n_shards;
  const char *conn[2];                        /* more of the connection of each end */
  const char *more[2];                        /* more settings of each end */
  gboolean    is_off[2];                      /* without the plugin, and so without its key */
  const char *body[2];                        /* the whole connection, instead; NULL: the usual one */
  const char *const *plugins;                 /* further ones */
  const IkePluginInfo *const *builtin;
} TicketsOptions;

typedef struct {
  Pair  *pair;
  PairOptions o;
  char  *body[2];
  guint  n_requests[256];                     /* sent, by exchange */
  guint  cut;                                 /* rule that cuts the line */
  GByteArray *first;                          /* the last request of IKE_SESSION_RESUME */
  char  *error;
} Tickets;

Tickets *tickets_new  (const TicketsOptions *options);
/* The usual one with more settings of each end, up. */
Tickets *tickets_made (gconstpointer flags, const char *of_client, const char *of_gateway);
void     tickets_free (Tickets *t);
/* From its next start on an end is without the plugin. */
void     tickets_switch_off (Tickets *t, guint end);
/* Nothing gets through any more, and again. */
void     tickets_cut  (Tickets *t);
void     tickets_mend (Tickets *t);
/* The line is cut until the client knows, and mended. */
void     tickets_lose (Tickets *t);
/* `up`, and it is. */
void     tickets_up   (Tickets *t);
/* The same by IKE_SESSION_RESUME, or by a full handshake. */
void     tickets_assert_resumed (Tickets *t);
void     tickets_assert_full    (Tickets *t);
/* The gateway crashes, and another is there, with the same settings unless @options says otherwise. */
void     tickets_restart (Tickets *t, PairEnd *end);
guint64  tickets_count (Tickets *t, gboolean of_gateway, const char *counter);
