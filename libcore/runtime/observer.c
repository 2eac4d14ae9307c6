/* SPDX-License-Identifier: Apache-2.0 */
/* observer.c - events, and the taps that hear of them on the observer loop. */
#include "config.h"
#include <string.h>
#include "base/siphash.h"
#include "runtime/bus_private.h"
#include "runtime/loop_private.h"

/* Events on their way to the taps; what is emitted beyond that is lost, and counted. */
enum { EVENTS_MAX = 8192 };

typedef struct {
  IkePlugin *plugin;
  char     **patterns;
  void     (*heard) (IkePlugin *self, const IkeEvent *event);
} Tap;

struct _IkeObserver {
  IkeEngine           *engine;
  GPtrArray           *taps;                  /* Tap; final once frozen */
  gboolean             is_frozen;
  _Atomic (IkeWatcher) watcher;               /* while somebody follows all events; else NULL */
  guint32              lost;                  /* counter */
  atomic_uint          n_queued;
  atomic_uint_fast64_t serial;
  guint64              hash;                  /* simulation */
};

struct _IkeEvent {
  IkeNode     node;
  IkeEngine  *engine;
  atomic_uint n_refs;
  gint64      time_us;
  guint64     serial;
  IkeTree    *body;
  char        name[];
};

/* -- events */

static void event_arrives (IkeNode *node, gboolean is_alive);

IkeEvent *
ike_event_new (IkeEngine *engine, const char *name, IkeTree *body_take)
{
  gsize len = strlen (name);
  IkeEvent *event = g_malloc0 (sizeof *event + len + 1);

  event->node = (IkeNode) { .run = event_arrives, .name = "event", .lane = IKE_QUEUE_POSTS };
  event->engine = engine;
  atomic_init (&event->n_refs, 1);
  event->time_us = ike_engine_wall_us (engine);
  event->serial =
      atomic_fetch_add_explicit (&engine->bus->observer->serial, 1, memory_order_relaxed) + 1;
  event->body = body_take ? body_take : ike_tree_new_section ();
  memcpy (event->name, name, len);
  return event;
}

IkeEvent *
ike_event_ref (const IkeEvent *event)
{
  IkeEvent *counted = (IkeEvent *) event;

  atomic_fetch_add_explicit (&counted->n_refs, 1, memory_order_relaxed);
  return counted;
}

void
ike_event_unref (IkeEvent *event)
{
  if (!event || atomic_fetch_sub_explicit (&event->n_refs, 1, memory_order_acq_rel) != 1)
    return;
  ike_tree_free (event->body);
  g_free (event);
}

const char *
ike_event_name (const IkeEvent *event)
{
  return event->name;
}

gint64
ike_event_time_us (const IkeEvent *event)
{
  return event->time_us;
}

guint64
ike_event_serial (const IkeEvent *event)
{
  return event->serial;
}

const IkeTree *
ike_event_body (const IkeEvent *event)
{
  return event->body;
}

/* -- taps */

/* "child-*" matches what begins with "child-". */
static gboolean
pattern_matches (const char *pattern, const char *name)
{
  gsize len = strlen (pattern);

  if (len && pattern[len - 1] == '*')
    return strncmp (pattern, name, len - 1) == 0;
  return strcmp (pattern, name) == 0;
}

static gboolean
tap_wants (const Tap *tap, const char *name)
{
  for (guint i = 0; tap->patterns[i]; i++)
    if (pattern_matches (tap->patterns[i], name))
      return TRUE;
  return FALSE;
}

static gboolean
observer_wants (const IkeObserver *observer, const char *name)
{
  if (atomic_load_explicit (&observer->watcher, memory_order_acquire))
    return TRUE;
  for (guint i = 0; i < observer->taps->len; i++)
    if (tap_wants (g_ptr_array_index (observer->taps, i), name))
      return TRUE;
  return FALSE;
}

/* A simulation wants every event, for the hash that two runs with one seed are compared by. */
static gboolean
is_hashed (const IkeEngine *engine)
{
  return engine->sim && !(engine->options.flags & IKE_ENGINE_NO_HASH);
}

gboolean
ike_event_is_wanted (IkeEngine *engine, const char *name)
{
  return is_hashed (engine) || observer_wants (engine->bus->observer, name);
}

static void
tap_free (gpointer data)
{
  Tap *tap = data;

  g_strfreev (tap->patterns);
  g_free (tap);
}

void
ike_tap_add (IkePlugin *plugin, const char *events,
             void (*heard) (IkePlugin *self, const IkeEvent *event))
{
  IkeObserver *observer = ike_plugin_engine (plugin)->bus->observer;
  Tap *tap;

  g_return_if_fail (!observer->is_frozen);
  tap = g_new0 (Tap, 1);
  tap->plugin = plugin;
  tap->patterns = g_strsplit_set (events, " ,", -1);
  tap->heard = heard;
  g_ptr_array_add (observer->taps, tap);
}

/* On the observer loop. */
static void
event_arrives (IkeNode *node, gboolean is_alive)
{
  IkeEvent *event = (IkeEvent *) node;
  IkeObserver *observer = event->engine->bus->observer;
  IkeWatcher watcher = atomic_load_explicit (&observer->watcher, memory_order_acquire);

  atomic_fetch_sub_explicit (&observer->n_queued, 1, memory_order_relaxed);
  if (is_alive && watcher)
    watcher (event->engine, event);
  for (guint i = 0; is_alive && i < observer->taps->len; i++) {
    const Tap *tap = g_ptr_array_index (observer->taps, i);

    if (tap_wants (tap, event->name))
      tap->heard (tap->plugin, event);
  }
  ike_event_unref (event);
}

static void
observer_hash (IkeObserver *observer, const IkeEvent *event)
{
  static const guint8 key[16] = "ikebana events";
  g_autofree char *body = ike_tree_serialize (event->body, FALSE);
  g_autofree char *text =
      g_strdup_printf ("%016" G_GINT64_MODIFIER "x %s %s", observer->hash, event->name, body);

  observer->hash = ike_siphash (key, text, strlen (text));
}

void
ike_event_emit (IkeEngine *engine, IkeEvent *event_take)
{
  IkeObserver *observer = engine->bus->observer;

  if (is_hashed (engine))
    observer_hash (observer, event_take);
  if (!observer_wants (observer, event_take->name)) {
    ike_event_unref (event_take);
    return;
  }
  if (atomic_fetch_add_explicit (&observer->n_queued, 1, memory_order_relaxed) >= EVENTS_MAX) {
    atomic_fetch_sub_explicit (&observer->n_queued, 1, memory_order_relaxed);
    ike_counter_add (engine, observer->lost, 1);
    ike_event_unref (event_take);
    return;
  }
  ike_loop_put (engine->observer, &event_take->node);
}

guint64
ike_engine_event_hash (IkeEngine *engine)
{
  return engine->bus->observer->hash;
}

/* -- with the bus */

IkeObserver *
ike_observer_new (IkeEngine *engine)
{
  IkeObserver *observer = g_new0 (IkeObserver, 1);

  observer->engine = engine;
  observer->taps = g_ptr_array_new_with_free_func (tap_free);
  observer->lost = ike_counter (engine, "observer.events-lost");
  return observer;
}

void
ike_observer_watch (IkeEngine *engine, IkeWatcher watcher_or_null)
{
  atomic_store_explicit (&engine->bus->observer->watcher, watcher_or_null, memory_order_release);
}

void
ike_observer_freeze (IkeObserver *observer)
{
  observer->is_frozen = TRUE;
}

void
ike_observer_forget (IkeObserver *observer, const IkePlugin *plugin)
{
  for (guint i = observer->taps->len; i-- > 0;)
    if (((Tap *) g_ptr_array_index (observer->taps, i))->plugin == plugin)
      g_ptr_array_remove_index (observer->taps, i);
}

void
ike_observer_free (IkeObserver *observer)
{
  if (!observer)
    return;
  g_ptr_array_unref (observer->taps);
  g_free (observer);
}
