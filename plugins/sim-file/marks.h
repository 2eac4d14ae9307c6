/* SPDX-License-Identifier: Apache-2.0 */
/* marks.h - a file of marks: no SQN up to a card's mark is given out again.
 *
 * Marks are appended; the file is made anew, by a rename, when it is opened and when most of it is out of date. */
#pragma once
#include <glib.h>

typedef struct _SimMarks SimMarks;

/* Reads @path, if it is there.  NULL with @error: it cannot be read or written. */
SimMarks *sim_marks_open (const char *path, GError **error);
void      sim_marks_free (SimMarks *marks);
guint64   sim_marks_get  (const SimMarks *marks, const char *card);
/* On disk when it returns TRUE. */
gboolean  sim_marks_set  (SimMarks *marks, const char *card, guint64 sqn, GError **error);
