/* SPDX-License-Identifier: Apache-2.0 */
/* frozen.h - exchanges that were recorded, as a text: runs, each of items in the order of time.
 *
 *   run NAME
 *   message 10.0.0.1 10.0.0.2                  what an item is
 *     0011 …                                   its octets
 *
 * Lines that begin with # are about what follows them. */
#pragma once
#include <glib.h>

typedef struct { char **words; GByteArray *bytes; } FrozenItem;
typedef struct { char *name; GPtrArray *items; } FrozenRun;         /* of FrozenItem */

/* The file testing/exchange/@name as it is; g_free. */
char      *frozen_text (const char *name);
/* Of FrozenRun; a text that is none fails the test. */
GPtrArray *frozen_read (const char *text);
FrozenRun *frozen_find (GPtrArray *runs, const char *name);
void       frozen_write_item (GString *text, const char *what, const guint8 *data, gsize len);
