/* SPDX-License-Identifier: Apache-2.0 */
/* spd.h - the outbound policies: which inner packet goes into which SA.
 *
 * One writer (the administration loop), many readers (the ESP loops), no lock.  Policies hang in
 * buckets by the common prefix of their destination range; a bucket is an immutable array behind
 * an atomic pointer.  A change makes new arrays for the buckets it touches and hands the old
 * ones to @retire, which frees them when no reader can still hold them. */
#pragma once
#include <stdatomic.h>
#include <ikebana/kernel.h>
#include "packet.h"

typedef struct _TunSa TunSa;
typedef struct _Spd Spd;

enum { SPD_BUCKETS = 4096 };

/* Selectors of one policy are const; the SA that carries it is swapped. */
typedef struct {
  IkeSelector      source, destination;
  guint8           mode;                      /* IkeMode */
  guint32          reqid;
  guint32          priority;                  /* lower wins; given, or computed by spd_priority() */
  _Atomic (TunSa *) sa;                       /* NULL: a trap */
  /* when we last asked for an SA; 0: not since there was one */
  _Atomic gint64   acquired_us;
  guint8           prefix_len;                /* of the bucket */
  gpointer         owner;                     /* of the writer */
} SpdPolicy;

typedef void (*SpdRetire) (gpointer data, gpointer item, GDestroyNotify free_item);

Spd       *spd_new    (SpdRetire retire, gpointer data);
void       spd_free   (Spd *spd);             /* arrays, not policies */
/* Writer. */
void       spd_add    (Spd *spd, SpdPolicy *policy);
void       spd_remove (Spd *spd, SpdPolicy *policy);
/* Readers.  NULL: no policy. */
SpdPolicy *spd_lookup (Spd *spd, const Packet *packet);

/* The same among those of transport mode with @reqid. */
SpdPolicy *spd_lookup_hosts (Spd *spd, const Packet *packet, guint32 reqid);
/* May the packet, a fragment maybe, be one that is carried without its header? */
gboolean   spd_is_bare (Spd *spd, const Packet *packet);

/* Narrower is lower: whole prefixes, then protocol and ports. */
guint32    spd_priority (const IkeSelector *source, const IkeSelector *destination);
/* Does a packet fit a pair of selectors?  RFC 4301, 4.4.1.1: ANY takes what is OPAQUE too,
 * OPAQUE takes nothing else. */
gboolean   spd_matches  (const IkeSelector *source, const IkeSelector *destination,
                         const Packet *packet);
/* Length of the common prefix of a selector's range. */
guint      spd_prefix_len (const IkeSelector *selector);
