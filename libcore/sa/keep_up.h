/* SPDX-License-Identifier: Apache-2.0 */
/* keep_up.h - connections that shall be up: begun, and begun again until they are.
 *
 * `start_action = start` asks for it when a configuration comes into force, `close_action` and `dpd_action` when a
 * CHILD_SA went.  `down` ends it, and so does a configuration without the connection. */
#pragma once
#include "engine_private.h"

typedef enum {
  IKE_KEEP_START,                             /* the configuration wants it */
  IKE_KEEP_RESTART,                           /* it was up: at once, unless that was not for long */
  IKE_KEEP_DEAD,                              /* its peer died: at once, unless that was within a moment */
  IKE_KEEP_MOVE,                              /* to the other SA of the same connection, which is up */
} IkeKeepWhy;

/* What became of the CHILD_SA that was up. */
typedef struct {
  const char *reason;                         /* for people */
  gint64      lived_us;                       /* how long its IKE SA was there */
} IkeKeepGone;

/* Shall be up from now on; @gone NULL: nothing was.  Any thread. */
void  ike_keep_up     (IkeEngine *engine, const char *conn, const char *child, IkeKeepWhy why,
                       const IkeKeepGone *gone_or_null);
/* Shall not any more; NULL: all.  Adds to @names (may be NULL) what was still being tried.  Control. */
void  ike_keep_up_end (IkeEngine *engine, const char *conn_or_null, const char *child_or_null, GPtrArray *names);
/* Ends what @config does not have.  Control. */
void  ike_keep_up_apply (IkeEngine *engine, const IkeConfig *config);
/* For `status`: a list of what is not up yet.  Control. */
IkeTree *ike_keep_up_describe (IkeEngine *engine, const char *conn_or_null);
void  ike_keep_up_free (gpointer entry);
