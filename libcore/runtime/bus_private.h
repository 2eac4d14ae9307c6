/* SPDX-License-Identifier: Apache-2.0 */
/* bus_private.h - where the two halves of the bus meet: hooks (bus.c) and taps (observer.c).
 *
 * bus.c makes and frees the bus and calls the observer's functions below at the matching moments; each half keeps its
 * state to itself. */
#pragma once
#include "engine_private.h"
#include <ikebana/bus.h>

typedef struct _IkeObserver IkeObserver;      /* observer.c: taps, the queue of events */

struct _IkeBus {
  IkeEngine   *engine;
  GHashTable  *by_name;                       /* point name → IkeHookPoint */
  GPtrArray   *points;                        /* IkeHookPoint, in the order they were asked for */
  gboolean     is_frozen;
  IkeObserver *observer;
};

/* observer.c.  _new and _free with the bus; _freeze: no tap is added afterwards, the mask of wanted names is final;
 * _forget: a plugin that failed to activate leaves no tap behind (before the freeze only). */
IkeObserver *ike_observer_new    (IkeEngine *engine);
void         ike_observer_freeze (IkeObserver *observer);
void         ike_observer_forget (IkeObserver *observer, const IkePlugin *plugin);
void         ike_observer_free   (IkeObserver *observer);
/* One that may come and go while the engine runs, and then hears of every event, on the observer loop: control clients
 * that follow them.  NULL: it goes; it may hear of a few more that are on their way.  Control. */
typedef void (*IkeWatcher) (IkeEngine *engine, const IkeEvent *event);
void         ike_observer_watch  (IkeEngine *engine, IkeWatcher watcher_or_null);

/* bus.c, for the registry: removes the hooks and taps of @plugin, while plugins activate. */
void         ike_bus_forget      (IkeBus *bus, const IkePlugin *plugin);
