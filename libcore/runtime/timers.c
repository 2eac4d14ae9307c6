/* SPDX-License-Identifier: Apache-2.0 */
/* timers.c - the timer wheel of a loop, and the timers that hang on it.
 *
 * Eight levels of 64 slots.  A timer stands on the level of the highest of its tick's base-64
 * digits that differs from the wheel's tick, in the slot of that digit: so the earliest occupied
 * slot of the lowest occupied level always comes first, found by one bit scan, and a slot of a
 * higher level is dealt out to lower ones when its time comes. */
#include "config.h"
#include "runtime/loop_private.h"
#include "runtime/sim_private.h"

enum { WHEEL_LEVELS = 8, DIGIT_BITS = 6, DIGIT_MASK = 63, POSITION_DUE = G_MAXUINT16 };

/* About 8,900 years; further timers are cut to it. */
#define WHEEL_SPAN ((G_GUINT64_CONSTANT (1) << (WHEEL_LEVELS * DIGIT_BITS)) - 1)

static void
ring_init (IkeTimerLink *head)
{
  head->next = head->previous = head;
}

static gboolean
ring_is_empty (const IkeTimerLink *head)
{
  return head->next == head;
}

static void
ring_append (IkeTimerLink *head, IkeTimerLink *link)
{
  link->previous = head->previous;
  link->next = head;
  head->previous->next = link;
  head->previous = link;
}

static void
ring_unlink (IkeTimerLink *link)
{
  link->previous->next = link->next;
  link->next->previous = link->previous;
  link->next = link->previous = NULL;
}

/* Moves all of @from into the empty @to. */
static void
ring_move (IkeTimerLink *from, IkeTimerLink *to)
{
  ring_init (to);
  if (ring_is_empty (from))
    return;
  *to = *from;
  to->next->previous = to->previous->next = to;
  ring_init (from);
}

void
ike_wheel_init (IkeWheel *wheel, guint64 tick)
{
  wheel->tick = tick;
  for (guint level = 0; level < WHEEL_LEVELS; level++) {
    wheel->used[level] = 0;
    for (guint slot = 0; slot <= DIGIT_MASK; slot++)
      ring_init (&wheel->slots[level][slot]);
  }
  ring_init (&wheel->due);
}

void
ike_wheel_add (IkeWheel *wheel, IkeTimer *timer)
{
  guint level, slot;

  if (timer->tick <= wheel->tick) {
    timer->position = POSITION_DUE;
    ring_append (&wheel->due, &timer->link);
    return;
  }
  timer->tick = MIN (timer->tick, wheel->tick | WHEEL_SPAN);
  level = (guint) (63 - __builtin_clzll ((timer->tick ^ wheel->tick) | DIGIT_MASK)) / DIGIT_BITS;
  slot = (timer->tick >> (level * DIGIT_BITS)) & DIGIT_MASK;
  timer->position = (level << DIGIT_BITS) | slot;
  wheel->used[level] |= G_GUINT64_CONSTANT (1) << slot;
  ring_append (&wheel->slots[level][slot], &timer->link);
}

void
ike_wheel_remove (IkeWheel *wheel, IkeTimer *timer)
{
  guint level = timer->position >> DIGIT_BITS, slot = timer->position & DIGIT_MASK;

  ring_unlink (&timer->link);
  if (timer->position != POSITION_DUE && ring_is_empty (&wheel->slots[level][slot]))
    wheel->used[level] &= ~(G_GUINT64_CONSTANT (1) << slot);
}

gboolean
ike_wheel_next (const IkeWheel *wheel, guint64 *tick)
{
  if (!ring_is_empty (&wheel->due)) {
    *tick = wheel->tick;
    return TRUE;
  }
  for (guint level = 0; level < WHEEL_LEVELS; level++) {
    guint shift = level * DIGIT_BITS;

    if (!wheel->used[level])
      continue;
    *tick = wheel->tick & ~((G_GUINT64_CONSTANT (1) << (shift + DIGIT_BITS)) - 1);
    *tick |= (guint64) __builtin_ctzll (wheel->used[level]) << shift;
    return TRUE;
  }
  return FALSE;
}

/* The slots whose time is exactly the wheel's tick: higher levels are dealt out first, down to the
 * due ring. */
static void
wheel_deal (IkeWheel *wheel)
{
  for (guint level = WHEEL_LEVELS; level-- > 0;) {
    guint slot = (wheel->tick >> (level * DIGIT_BITS)) & DIGIT_MASK;
    IkeTimerLink ring, *link;

    if (!(wheel->used[level] & (G_GUINT64_CONSTANT (1) << slot)))
      continue;
    wheel->used[level] &= ~(G_GUINT64_CONSTANT (1) << slot);
    ring_move (&wheel->slots[level][slot], &ring);
    while (!ring_is_empty (&ring)) {
      link = ring.next;
      ring_unlink (link);
      ike_wheel_add (wheel, (IkeTimer *) link);
    }
  }
}

/* A timer that a firing one adds with no delay waits for the next turn, so that a turn ends. */
static void
wheel_fire_due (IkeWheel *wheel)
{
  IkeTimerLink ring, *link;

  ring_move (&wheel->due, &ring);
  while (!ring_is_empty (&ring)) {
    link = ring.next;
    ring_unlink (link);
    ike_timer_fire ((IkeTimer *) link);
  }
}

void
ike_wheel_run (IkeWheel *wheel, guint64 tick)
{
  guint64 next;

  wheel_fire_due (wheel);
  while (wheel->tick < tick) {
    gboolean is_any = ike_wheel_next (wheel, &next);

    /* What firing timers added for "now" stands on the due ring and is left there. */
    if (is_any && !ring_is_empty (&wheel->due))
      return;
    if (!is_any || next > tick) {
      wheel->tick = tick;
      return;
    }
    wheel->tick = next;
    wheel_deal (wheel);
    wheel_fire_due (wheel);
  }
}

static void
timer_drop (IkeTimer *timer)
{
  if (timer->klass->drop)
    timer->klass->drop (timer);
}

static void
ring_drop (IkeTimerLink *head)
{
  while (!ring_is_empty (head)) {
    IkeTimer *timer = (IkeTimer *) head->next;

    ring_unlink (&timer->link);
    timer_drop (timer);
  }
}

void
ike_wheel_clear (IkeWheel *wheel)
{
  for (guint level = 0; level < WHEEL_LEVELS; level++)
    for (guint slot = 0; slot <= DIGIT_MASK; slot++)
      ring_drop (&wheel->slots[level][slot]);
  ring_drop (&wheel->due);
  ike_wheel_init (wheel, wheel->tick);
}

/* -- timers */

void
ike_timer_init (IkeTimer *timer, IkeLoop *loop, const IkeTimerClass *klass, const char *name)
{
  *timer = (IkeTimer) { .loop = loop, .klass = klass, .name = name };
}

gboolean
ike_timer_is_armed (const IkeTimer *timer)
{
  return timer->link.next != NULL;
}

void
ike_timer_disarm (IkeTimer *timer)
{
  if (!ike_timer_is_armed (timer))
    return;
  if (timer->loop->engine->sim)
    ike_sim_timer_remove (timer->loop->engine->sim, timer);
  else
    ike_wheel_remove (&timer->loop->wheel, timer);
}

void
ike_timer_arm (IkeTimer *timer, guint64 delay_ms)
{
  IkeLoop *loop = timer->loop;
  guint64 now_us = (guint64) ike_loop_now_us (loop);

  ike_timer_disarm (timer);
  delay_ms = MIN (delay_ms, WHEEL_SPAN);
  if (loop->engine->sim) {
    timer->tick = MIN (now_us + delay_ms * 1000, (guint64) G_MAXINT64);
    ike_sim_timer_add (loop->engine->sim, timer);
    return;
  }
  /* Rounded up: never early. */
  timer->tick = (now_us + 999) / 1000 + delay_ms;
  ike_wheel_add (&loop->wheel, timer);
}

void
ike_timer_fire (IkeTimer *timer)
{
  IkeLoop *loop = timer->loop;
  const char *name = timer->name;
  gint64 start_us = atomic_load_explicit (&loop->now_us, memory_order_relaxed);

  timer->klass->fire (timer);
  if (loop->engine->sim)
    return;
  atomic_store_explicit (&loop->now_us, ike_clock_monotonic_us (), memory_order_relaxed);
  ike_loop_account (loop, name, start_us,
                    atomic_load_explicit (&loop->now_us, memory_order_relaxed));
}

/* A timer that is allocated here.  From its own function it is not armed and `is_firing`, so that
 * stopping it then does nothing and it is freed once, behind the call. */
typedef struct {
  IkeTimer           timer;
  gboolean           is_firing;
  IkeFunc            run;                     /* of a loop's, or … */
  const IkeJobClass *job;                     /* … of an SA's */
  IkeSa             *owner;
  gpointer           data;
  GDestroyNotify     free_data;
} OwnTimer;

static void
own_timer_unlist (IkeTimer *timer)
{
  if (!timer->list_at)
    return;
  *timer->list_at = timer->list_next;
  if (timer->list_next)
    timer->list_next->list_at = timer->list_at;
  timer->list_at = NULL;
  timer->list_next = NULL;
}

static void
own_timer_free (IkeTimer *timer)
{
  OwnTimer *own = (OwnTimer *) timer;

  own_timer_unlist (timer);
  if (own->free_data)
    own->free_data (own->data);
  g_free (own);
}

static void
own_timer_fire (IkeTimer *timer)
{
  OwnTimer *own = (OwnTimer *) timer;

  own->is_firing = TRUE;
  own_timer_unlist (timer);
  if (own->job)
    own->job->run (own->owner, own->data);
  else
    own->run (own->data);
  own_timer_free (timer);
}

static const IkeTimerClass own_timer_class = { own_timer_fire, own_timer_free };

IkeTimer *
ike_loop_timer_add (IkeLoop *loop, guint64 delay_ms, IkeFunc run, gpointer data_take,
                    GDestroyNotify free_data)
{
  OwnTimer *own;

  g_return_val_if_fail (ike_loop_is_current (loop), NULL);
  own = g_new0 (OwnTimer, 1);
  own->run = run;
  own->data = data_take;
  own->free_data = free_data;
  ike_timer_init (&own->timer, loop, &own_timer_class, "timer");
  ike_timer_arm (&own->timer, delay_ms);
  return &own->timer;
}

IkeTimer *
ike_owned_timer_add (IkeLoop *loop, IkeTimerList *list, guint64 delay_ms, const IkeJobClass *klass,
                     IkeSa *owner, gpointer data_take)
{
  OwnTimer *own;
  IkeTimer *timer;

  g_return_val_if_fail (ike_loop_is_current (loop), NULL);
  own = g_new0 (OwnTimer, 1);
  timer = &own->timer;
  own->job = klass;
  own->owner = owner;
  own->data = data_take;
  own->free_data = klass->free;
  ike_timer_init (timer, loop, &own_timer_class, klass->name);
  timer->list_next = list->first;
  timer->list_at = &list->first;
  if (list->first)
    list->first->list_at = &timer->list_next;
  list->first = timer;
  ike_timer_arm (timer, delay_ms);
  return timer;
}

void
ike_timer_stop (IkeTimer *timer)
{
  if (!timer || !ike_timer_is_armed (timer))
    return;
  g_return_if_fail (ike_loop_is_current (timer->loop));
  ike_timer_disarm (timer);
  timer_drop (timer);
}

void
ike_timer_list_stop_all (IkeTimerList *list)
{
  while (list->first)
    ike_timer_stop (list->first);
}
