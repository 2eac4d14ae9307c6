/* SPDX-License-Identifier: Apache-2.0 */
/* environment.h - the environment of an updown program, from an event.
 *
 * What a peer says about itself ends up here, and updown programs are mostly shell scripts.  So each variable has a
 * set of characters, and a value with any other character is left out altogether: changing it would make it equal to
 * somebody else's.  Nothing of the daemon's own environment is passed on. */
#pragma once
#include <ikebana/tree.h>

enum { ENVIRONMENT_RUNS_MAX = 64 };           /* pairs of traffic selectors that a program is run for */

/* One environment (char**, NULL-terminated) per pair of local and remote traffic selector, as the program is run
 * once for each; at most ENVIRONMENT_RUNS_MAX.  @body: of child-up or child-down.  @refused (may be NULL) gets the
 * names of variables that were left out.  GPtrArray of char**. Any thread. */
GPtrArray *updown_environments (const IkeTree *body, gboolean is_up, GPtrArray *refused);

/* The words of the configured program: split at blanks, with quotes, but by no shell.  The first must be an absolute
 * path.  NULL with @error. */
char **updown_argv (const char *configured, GError **error);
