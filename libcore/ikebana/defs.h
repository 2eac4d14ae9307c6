/* SPDX-License-Identifier: Apache-2.0 */
/* defs.h - what every public header begins with: linkage, visibility, and the names of things.
 *
 * The library is built with hidden visibility; what stands between IKE_BEGIN_DECLS and IKE_END_DECLS of an installed
 * header is exactly what it exports.  Structs that the core gives out are opaque; structs that a plugin fills begin
 * with `struct_size` (set it to sizeof, the core copies what both sides know and zeroes the rest). */
#pragma once
#include <glib.h>

#define IKE_BEGIN_DECLS G_BEGIN_DECLS _Pragma ("GCC visibility push(default)")
#define IKE_END_DECLS _Pragma ("GCC visibility pop") G_END_DECLS

IKE_BEGIN_DECLS

typedef struct _IkeEngine IkeEngine;          /* one instance of everything; there are no globals */
typedef struct _IkePlugin IkePlugin;          /* one plugin in one engine; owns its state, no statics */
typedef struct _IkeLoop IkeLoop;              /* an executor: control, shard k, io, store, … or a plugin's own */
typedef struct _IkeCall IkeCall;              /* a question that is answered later */
typedef struct _IkeTimer IkeTimer;
typedef struct _IkeWatch IkeWatch;
typedef struct _IkeSa IkeSa;                  /* an IKE SA; touched only on the shard that owns it */
typedef struct _IkeChild IkeChild;            /* a CHILD_SA of an IKE SA */
typedef struct _IkeTask IkeTask;              /* an instance of a task class in a running operation */
typedef struct _IkeExchange IkeExchange;      /* one request and its response */
typedef struct _IkeOperation IkeOperation;    /* what somebody wants done with an SA; spans exchanges */
typedef struct _IkeMessage IkeMessage;        /* parsed views; live as long as the exchange, parked or not */
typedef struct _IkeConfig IkeConfig;          /* immutable, counted snapshot of the configuration */
typedef struct _IkeConn IkeConn;              /* one connection of a snapshot */
typedef struct _IkeChildConf IkeChildConf;    /* one child of a connection */
typedef struct _IkeTree IkeTree;              /* a value: section, list or leaf */
typedef struct _IkeRequest IkeRequest;        /* a running control command */
typedef struct _IkeEvent IkeEvent;            /* counted, immutable record for taps */

/* Name of an SA that may cross threads; a pointer may not.  The slot finds it in one step, the serial, never reused,
 * proves that it is the same one.  serial 0: none. */
typedef struct {
  guint64 serial;
  guint32 slot;
  guint32 shard;
} IkeSaRef;

/* Likewise for a CHILD_SA: revalidated after every wait. */
typedef struct {
  guint64 serial;                             /* of the child; 0: none */
} IkeChildRef;

IKE_END_DECLS
