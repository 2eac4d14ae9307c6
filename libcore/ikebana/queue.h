/* SPDX-License-Identifier: Apache-2.0 */
/* queue.h - records that are to outlive the process: the kind `queue`, named for what is in it: `queue:accounting`.
 *
 * Who has records to deliver keeps them in memory and delivers them itself, in its own order.  A plugin that offers a
 * queue writes down beside it what was not delivered yet, so that it is there after a crash: without one, the records
 * of a process end with it. */
#pragma once
#include <ikebana/plugin.h>
#include <ikebana/runtime.h>

IKE_BEGIN_DECLS

enum { IKE_QUEUE_RECORD_MAX = 8192 };         /* bytes of a record */

typedef struct {
  guint64 id;
  GBytes *bytes;
} IkeQueueRecord;

static inline void
ike_queue_records_free (gpointer array_or_null)
{
  GArray *records = (GArray *) array_or_null;
  guint i;

  for (i = 0; records && i < records->len; i++)
    g_bytes_unref (g_array_index (records, IkeQueueRecord, i).bytes);
  if (records)
    g_array_free (records, TRUE);
}

typedef struct {
  guint32 struct_size;
  /* What was kept and never dropped, by growing id, up to @max of the oldest: answers with a GArray of IkeQueueRecord
   * (the call's undo is ike_queue_records_free()), or fails with a reason for people.  Any loop, once, before anything
   * else. */
  void  (*load) (IkePlugin *self, guint max, IkeCall *call);
  /* Any loop, at once; copies.  @id is the caller's, larger than any before. */
  void  (*keep) (IkePlugin *self, guint64 id, const void *data, gsize len);
  /* It was delivered, or is given up.  One that is not there is no error. */
  void  (*drop) (IkePlugin *self, guint64 id);
} IkeQueueClass;

IKE_END_DECLS
