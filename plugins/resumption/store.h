/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - what a gateway remembers of its tickets: those by reference with all that they stand for, and, of any kind,
 * those that are not good any more. */
#pragma once
#include <ikebana/queue.h>
#include "session.h"

enum { STORE_REF_LEN = 16 };

typedef struct _Store Store;

/* @max: of each of the two kinds.  @queue may be NULL: then they end with the process. */
Store   *store_new      (IkeEngine *engine, guint max, const IkeProvided *queue_or_null);
void     store_free     (Store *store);
/* Control: what was kept over a restart.  Until it is there, store_is_loading(). */
void     store_load     (Store *store);
gboolean store_is_loading (Store *store);
/* Any shard, as all of these.  Keeps it in place of another of the same SA, and names it. */
gboolean store_keep     (Store *store, const Session *session, guint8 ref[STORE_REF_LEN]);
Session *store_find     (Store *store, const guint8 ref[STORE_REF_LEN]);
/* No ticket of this SA is good from now on, as far as is remembered.  FALSE: it was none before. */
gboolean store_revoke   (Store *store, guint64 spi_i, guint64 spi_r, gint64 until_s);
gboolean store_is_revoked (Store *store, guint64 spi_i, guint64 spi_r);
