/* SPDX-License-Identifier: Apache-2.0 */
/* test_freed.h - does a secret lie in memory that goes back to the allocator?  One text is looked for at a time, in
 * whatever any thread of the process frees. */
#pragma once
#include <glib.h>

/* From now on, for @text, which outlives that. */
void  freed_watch (const char *text);
/* No longer; in how many blocks it was. */
guint freed_end   (void);
