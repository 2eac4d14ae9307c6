/* SPDX-License-Identifier: Apache-2.0 */
/* edit.h - a chain of payloads without, with, or with other contents of some of them. */
#pragma once
#include "rule.h"

/* Writes to @out (an empty writer) what @rule makes of the chain that begins with type @*first, and puts the new first
 * type there.  FALSE: it changes nothing: what it is about is not there, the result has no room, or the chain cannot be
 * read; then what was written is not to be used. */
gboolean edit_chain (const Rule *rule, const guint8 *plain, gsize len, guint8 *first, IkeWriter *out);
