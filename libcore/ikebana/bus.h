/* SPDX-License-Identifier: Apache-2.0 */
/* bus.h - how plugins learn of events and change their outcome.
 *
 * HOOKS run inside the event, on the owner shard, and may decide it; they cannot wait.  Their lists are sorted by
 * declared order while plugins activate, then frozen: emitting is a walk over a const array, with no lock.
 * TAPS hear of it afterwards, on the observer thread, from an immutable record.  They may be slow; a tap that falls
 * behind loses events, counted, and never slows a shard. */
#pragma once
#include <ikebana/defs.h>

IKE_BEGIN_DECLS

typedef enum {
  IKE_HOOK_PASS,                              /* no opinion, ask the next one */
  IKE_HOOK_ACCEPT,                            /* decided for it, ask no more */
  IKE_HOOK_REJECT,                            /* decided against it, ask no more */
} IkeHookVerdict;

typedef void (*IkeAnyFunc) (void);
typedef struct _IkeHookPoint IkeHookPoint;    /* resolved once by its emitter */

/* Adds @func to the hook point @point of the engine of @plugin, while it activates.  @after: labels of hooks that go
 * first, space-separated, or NULL.  A cycle is a load error that names both.  Control. */
gboolean ike_hook_add (IkePlugin *plugin, const char *point, const char *label, const char *after, IkeAnyFunc func,
                       GError **error);
/* The emitter's side: the point by name (declared by the first who asks), any time before the engine runs. Control. */
IkeHookPoint *ike_hook_point (IkeEngine *engine, const char *name);
gboolean      ike_hook_point_is_used (const IkeHookPoint *point);
/* Walks the frozen list: calls @emit (plugin, func, sa, event) for each until one does not PASS. Any loop. */
IkeHookVerdict ike_hook_walk (const IkeHookPoint *point,
                              IkeHookVerdict (*emit) (IkePlugin *, IkeAnyFunc, IkeSa *, gpointer event),
                              IkeSa *sa, gpointer event);

/* The plugin (or core file) that emits a hook declares it in its installed header, and gets a typed adder and emitter,
 * so that a wrong callback is a compiler warning.  Only the emitter casts back, to exactly this type. */
#define IKE_DECLARE_HOOK(name, point_name, Event)                                                              \
  typedef IkeHookVerdict (*ike_##name##_hook) (IkePlugin *, IkeSa *, Event *);                                 \
  static inline gboolean ike_##name##_hook_add (IkePlugin *p, const char *label, const char *after,            \
                                                ike_##name##_hook f, GError **error)                           \
  { return ike_hook_add (p, point_name, label, after, (IkeAnyFunc) f, error); }                                \
  static inline IkeHookVerdict ike_##name##_hook_emit_one (IkePlugin *p, IkeAnyFunc f, IkeSa *sa, gpointer e)  \
  { return ((ike_##name##_hook) f) (p, sa, (Event *) e); }                                                     \
  static inline IkeHookVerdict ike_##name##_hook_emit (const IkeHookPoint *point, IkeSa *sa, Event *e)         \
  { return ike_hook_point_is_used (point) ? ike_hook_walk (point, ike_##name##_hook_emit_one, sa, e)           \
                                          : IKE_HOOK_PASS; }                                                   \
  struct ike_##name##_hook_needs_a_semicolon

/* -- events and taps */

/* Hears of events whose names match @events ("ike-up ike-down", "child-*", "*"), on the observer loop, in order.
 * While the plugin activates.  Control. */
void ike_tap_add (IkePlugin *plugin, const char *events, void (*heard) (IkePlugin *self, const IkeEvent *event));

/* A new event: a name and a settings tree (taken; it becomes immutable).  ike_event_emit takes the event. Any
 * thread. */
IkeEvent       *ike_event_new  (IkeEngine *engine, const char *name, IkeTree *body_take);
IkeEvent       *ike_event_ref  (const IkeEvent *event);
void            ike_event_unref (IkeEvent *event);
const char     *ike_event_name (const IkeEvent *event);
gint64          ike_event_time_us (const IkeEvent *event);    /* wall clock */
guint64         ike_event_serial (const IkeEvent *event);
const IkeTree  *ike_event_body (const IkeEvent *event);
void            ike_event_emit (IkeEngine *engine, IkeEvent *event_take);
/* Is anybody listening to @name?  A cheap answer for emitters that would build a large body.  Any thread. */
gboolean        ike_event_is_wanted (IkeEngine *engine, const char *name);

IKE_END_DECLS
