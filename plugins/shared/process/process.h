/* SPDX-License-Identifier: Apache-2.0 */
/* process.h - runs a program without a shell and without waiting: output to the log, an end in bounded time.
 *
 * All on the io loop. */
#pragma once
#include <ikebana/runtime.h>

typedef struct _Process Process;

typedef struct {
  IkeEngine   *engine;
  const char  *group;                         /* of the log; static */
  const char  *what, *hint;                   /* "the updown program"; what helps when it is too slow; static */
  const char  *name;                          /* for the log; of the connection and child; copied */
  char *const *argv, *const *environment;
  guint64      timeout_ms;                    /* then it is killed */
  void       (*ended) (gpointer data);        /* once, after it was reaped; the process is gone then */
  gpointer     data;
  const char  *input;                         /* what it reads from its standard input; NULL: nothing */
} ProcessOptions;

/* NULL with @error when it cannot be started (then ended() is not called). */
Process *process_start (const ProcessOptions *options, GError **error);
/* For who waits without the loop: a descriptor that polls readable at the end of the program, and then what the loop
 * would do. */
int      process_fd      (const Process *process);
void     process_poll    (Process *process);
/* Forgets it, without ended(); it may go on by itself: the daemon ends. */
void     process_abandon (Process *process);
