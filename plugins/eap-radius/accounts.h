/* SPDX-License-Identifier: Apache-2.0 */
/* accounts.h - what waits for a server: records, in a stream for each session, in a lane for each group of servers.  All
 * of it is the io loop's. */
#pragma once
#include "eap_radius.h"

typedef struct _Record Record;

/* What is told about a session, once. */
struct _Record {
  Record *next;                               /* of its stream */
  guint64 id;                                 /* in the queue that outlives us; 0: not in it */
  gint64  wall_us;                            /* when it happened */
  char   *group;                              /* of servers; NULL: all */
  char    session[SESSION_ID_SIZE];           /* Acct-Session-Id */
  guint8  status;                             /* AcctStatus */
  gsize   len;
  guint8  attributes[];
};

Record *record_new   (AcctStatus status, const char *group, const guint8 *attributes, gsize len);
void    record_free  (gpointer record);       /* NULL is fine */
/* As it is written down. FALSE: it does not fit. */
gboolean record_write (const Record *record, IkeWriter *w);
/* NULL: it is malformed. */
Record *record_read  (const guint8 *data, gsize len);
