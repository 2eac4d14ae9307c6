/* SPDX-License-Identifier: Apache-2.0 */
/* offload_private.h - the pool from inside. */
#pragma once
#include "runtime/loop_private.h"

/* Runs @work (@data), then @after (@data), on the pool; both always run.  FALSE: full, nothing was taken. Any
 * thread. */
gboolean ike_offload_push (IkeEngine *engine, const char *name, IkeFunc work, gpointer data, IkeFunc after)
  G_GNUC_WARN_UNUSED_RESULT;

IkeOffload *ike_offload_new   (IkeEngine *engine, guint n_threads);    /* simulation: no threads, but a loop */
gboolean    ike_offload_start (IkeOffload *offload, GError **error);
void        ike_offload_stop  (IkeOffload *offload);                   /* what is queued is still done; joins */
void        ike_offload_free  (IkeOffload *offload);
IkeTree    *ike_offload_describe (IkeOffload *offload);
