/* SPDX-License-Identifier: Apache-2.0 */
/* timer_private.h - timers from inside: embedded in what owns them, or on a list of their owner.
 *
 * A timer belongs to one loop and is touched only on it.  An embedded timer is memory of its owner, with a function to
 * call when it fires and one for when its loop is freed first.  An owned timer is allocated here and hangs on a
 * list, so that an SA can stop all that it has.  Each loop keeps its timers on a wheel of 1 ms ticks (add and stop
 * are O(1)); in simulation they are in the one queue of all engines instead. */
#pragma once
#include <ikebana/runtime.h>

typedef struct {
  IkeTimer *first;
} IkeTimerList;

typedef struct {
  void (*fire) (IkeTimer *timer);             /* it is off the wheel; may free what it is part of, or arm it again */
  void (*drop) (IkeTimer *timer);             /* stopped, or its loop is freed, before it fired; may be NULL */
} IkeTimerClass;

typedef struct _IkeTimerLink IkeTimerLink;
struct _IkeTimerLink {
  IkeTimerLink *next, *previous;
};

struct _IkeTimer {
  IkeTimerLink         link;                  /* first: in the ring of its slot; next is NULL when it is not armed */
  IkeTimer            *list_next, **list_at;  /* of the owner's list; NULL: on none */
  IkeLoop             *loop;
  const IkeTimerClass *klass;
  const char          *name;
  guint64              tick;                  /* when it fires: ms of the loop's clock (simulation: us) */
  guint32              position;              /* level * 64 + slot, or place in the simulation's queue */
};

typedef struct {
  guint64      tick;                          /* all before and at this one have fired; ms */
  guint64      used[8];                       /* a bit per slot that has timers */
  IkeTimerLink slots[8][64];                  /* heads of rings */
  IkeTimerLink due;                           /* head: fire at the next turn */
} IkeWheel;

/* Embedded timers.  @klass and @name are static. */
void     ike_timer_init     (IkeTimer *timer, IkeLoop *loop, const IkeTimerClass *klass, const char *name);
void     ike_timer_arm      (IkeTimer *timer, guint64 delay_ms);   /* again: moves it */
gboolean ike_timer_is_armed (const IkeTimer *timer);
void     ike_timer_disarm   (IkeTimer *timer);                     /* calls nothing */

/* A timer of an SA: fires klass->run (@owner, data), once, then frees data; ike_timer_stop() and _list_stop_all() free
 * data.  It leaves @list by itself.  On @loop. */
IkeTimer *ike_owned_timer_add (IkeLoop *loop, IkeTimerList *list, guint64 delay_ms, const IkeJobClass *klass,
                               IkeSa *owner,
                               gpointer data_take);
void     ike_timer_list_stop_all (IkeTimerList *list);

/* The loop's side (and the simulation's). */
void     ike_timer_fire   (IkeTimer *timer);                       /* its own queue has let it go already */
void     ike_wheel_init   (IkeWheel *wheel, guint64 tick);
void     ike_wheel_add    (IkeWheel *wheel, IkeTimer *timer);      /* at timer->tick */
void     ike_wheel_remove (IkeWheel *wheel, IkeTimer *timer);
gboolean ike_wheel_next   (const IkeWheel *wheel, guint64 *tick);  /* when to look again; FALSE: no timers */
void     ike_wheel_run    (IkeWheel *wheel, guint64 tick);         /* fires what is due up to @tick */
void     ike_wheel_clear  (IkeWheel *wheel);                       /* drops all */
