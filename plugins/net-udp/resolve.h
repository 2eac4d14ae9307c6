/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.h - host names to addresses, off the shard. */
#pragma once
#include <ikebana/engine.h>
#include <ikebana/net.h>

/* Answers @call with a GArray of IkeAddr, or fails it with a sentence.  @family: 4, 6, or 0 for
 * both.  Any thread. */
void resolve_name (IkeEngine *engine, IkeCall *call, const char *name, guint8 family);
