/* SPDX-License-Identifier: Apache-2.0 */
/* two.h - two engines in one process, for the test of a plugin: an in-memory network between them, a kernel that only
 * records, and a clock that moves when nothing is left to do.
 *
 * End 0 is 10.0.0.1 and calls itself a.test, end 1 is 10.0.0.2 and b.test; each has the connection `two` to the
 * other, with the child `net`.  Nothing here asserts: what fails says why. */
#pragma once
#include <ikebana/engine.h>

typedef struct {
  const char *const *plugins;                 /* those to load beside the usual ones; NULL-terminated; may be NULL */
  const char        *auth[2];                 /* how each end authenticates itself; NULL: psk */
  const char        *more[2];                 /* further settings of each end; may be NULL */
  gboolean           has_no_secret;           /* the secret of both comes from elsewhere */
  guint32            flags;                   /* IKE_ENGINE_… */
  const char        *plugin_dir;              /* ':'-separated; NULL: IKEBANA_TEST_PLUGINS of the environment */
  gint64           (*now_us) (void);          /* a real clock, to measure jobs by; may be NULL */
} TwoOptions;

typedef struct {
  IkeSim    *sim;
  IkeEngine *engine[2];
  GString   *log[2];                          /* a line for each record: level, group, subject: text */
  gint64   (*now_us) (void);
  gint64     longest_us;                      /* the longest job on a shard, by that clock */
} Two;

#define TWO_SECRET "sing low, sweet chestnut"

Two     *two_new     (const TwoOptions *options, GError **error);
void     two_free    (Two *two);              /* NULL is fine */
/* End 0 brings up its connection.  NULL when it is up, or why it is not; g_free. */
char    *two_up      (Two *two);
/* Virtual seconds pass. */
void     two_run     (Two *two, guint seconds);
/* Runs a command at @end; NULL with @why (g_free) when it fails. */
IkeTree *two_command (Two *two, guint end, const char *name, IkeTree *args_take, char **why);
/* All in one: makes them, brings them up, reads @counter of each (may be NULL), and takes them down.  As two_up(). */
char    *two_try     (const TwoOptions *options, const char *counter, guint64 counts[2]);
guint64  two_count   (const Two *two, guint end, const char *counter);
