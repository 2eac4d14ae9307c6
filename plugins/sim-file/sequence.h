/* SPDX-License-Identifier: Apache-2.0 */
/* sequence.h - sequence numbers of AKA: how the network counts, what the card takes, and what is kept on disk.
 *
 * An SQN is SEQ, 43 bits, and IND, 5 bits (3GPP TS 33.102, annex C). */
#pragma once
#include <glib.h>

enum { SIM_IND_BITS = 5, SIM_INDS = 1 << SIM_IND_BITS, SIM_SQN_LEN = 6 };
#define SIM_SQN_MAX ((G_GUINT64_CONSTANT (1) << 48) - 1)

/* What a card remembers: the highest SEQ of each IND. */
typedef struct {
  guint64 seq[SIM_INDS];
  guint64 highest;                            /* SQN */
} SimWindow;

void     sim_window_init  (SimWindow *window, guint64 sqn);
/* Is @sqn fresh?  Then it is not any more. */
gboolean sim_window_takes (SimWindow *window, guint64 sqn);

/* The SQN after @sqn; 0: there is none left. */
guint64  sim_sqn_next  (guint64 sqn);
guint64  sim_sqn_read  (const guint8 in[static SIM_SQN_LEN]);
void     sim_sqn_write (guint64 sqn, guint8 out[static SIM_SQN_LEN]);

/* A file of marks: no SQN up to a card's mark is given out again.  Marks are appended; the file is made anew, by a
 * rename, when it is opened and when most of it is out of date. */
typedef struct _SimMarks SimMarks;

/* Reads @path, if it is there.  NULL with @error: it cannot be read or written. */
SimMarks *sim_marks_open (const char *path, GError **error);
void      sim_marks_free (SimMarks *marks);
guint64   sim_marks_get  (const SimMarks *marks, const char *card);
/* On disk when it returns TRUE. */
gboolean  sim_marks_set  (SimMarks *marks, const char *card, guint64 sqn, GError **error);
