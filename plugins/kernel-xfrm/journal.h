/* SPDX-License-Identifier: Apache-2.0 */
/* journal.h - which SAs and policies in the kernel are ours, in a file that outlives the process.
 *
 * XFRM has no field for an owner.  So the reqids that are in use, and the policies that have none
 * (shunts), are written down before the kernel hears of them, and struck out after they are gone.
 * What a crash leaves behind is found by this file at the next start; everything else in the
 * kernel belongs to somebody else.  It is a file of this boot and of one network namespace: the
 * kernel forgets all with either of them.  A line is one write(), so a process that is killed
 * leaves whole lines. */
#pragma once
#include <ikebana/kernel.h>

typedef struct _XfrmJournal XfrmJournal;

/* Of the network namespace of @socket.  Locks the file and reads it.  BUSY: another process has it. */
XfrmJournal *xfrm_journal_open  (const char *dir, int socket, GError **error);
void         xfrm_journal_free  (XfrmJournal *journal);
/* Counts starts (0, 1, 2, 0 …), so that reqids of two of them are told apart. */
guint        xfrm_journal_epoch (const XfrmJournal *journal);
/* What was found at the start, for the one who takes over. */
gboolean     xfrm_journal_had_reqid (const XfrmJournal *journal, guint32 reqid);
gboolean     xfrm_journal_had_shunt (const XfrmJournal *journal, const char *shunt);
guint        xfrm_journal_n_found (const XfrmJournal *journal);
/* What was found is gone. */
void         xfrm_journal_forget (XfrmJournal *journal);

/* FALSE with @error when it cannot be written: then nothing must be installed. */
gboolean     xfrm_journal_add    (XfrmJournal *journal, guint32 reqid, GError **error);
gboolean     xfrm_journal_add_shunt (XfrmJournal *journal, const char *shunt, GError **error);
void         xfrm_journal_drop   (XfrmJournal *journal, guint32 reqid);
void         xfrm_journal_drop_shunt (XfrmJournal *journal, const char *shunt);
