/* SPDX-License-Identifier: Apache-2.0 */
/* window.c - message IDs (RFC 7296, 2.2 and 2.3): what may be sent, what a request that came is,
 * and the answers that are kept for those who ask again. */
#include "sa/sa_private.h"
#include <string.h>

void
ike_window_init (IkeWindow *window)
{
  window->size_sent = window->size_received = 1;
}

void
ike_window_clear (IkeWindow *window)
{
  guint i;

  for (i = 0; window->received && i < window->size_received; i++)
    g_free (window->received[i].response);
  g_clear_pointer (&window->received, g_free);
}

/* RFC 7296, 2.3: "when the initiator needs to make a request X, it MUST wait until it has received
 * responses to all requests up through request X-N": one that is lost holds those far behind it up.
 * What is begun and not sent yet gets an ID soon. */
static gboolean
is_within_window (const IkeWindow *window)
{
  guint32 oldest = window->next_sent, ahead = window->n_in_flight;
  const IkeExchange *x;

  for (x = window->in_flight; x; x = x->next)
    if (!x->is_outside) {
      oldest = MIN (oldest, x->message_id);
      ahead--;
    }
  return window->next_sent - oldest + ahead < window->size_sent;
}

gboolean
ike_window_may_send (const IkeWindow *window)
{
  /* RFC 7296, 2.2: message IDs do not wrap; an SA that used them up is at its end. */
  return window->n_in_flight < window->size_sent && window->next_sent != G_MAXUINT32
         && (window->next_sent || window->n_outside == 0) && is_within_window (window);
}

gboolean
ike_window_may_send_outside (const IkeWindow *window)
{
  const IkeExchange *x;

  for (x = window->in_flight; x; x = x->next)
    if (x->message_id == 0)
      return FALSE;
  return window->n_outside == 0 && (window->next_sent || window->n_in_flight == 0);
}

static IkeReceived *
entry_of (IkeWindow *window, guint32 id)
{
  if (!window->received)
    window->received = g_new0 (IkeReceived, window->size_received);
  return &window->received[id % window->size_received];
}

/* RFC 7296, 2.1: "The responder MUST remember each response until it receives a request whose
 * sequence number is larger than or equal to the sequence number in the response plus its window
 * size".  A repeat is the same ID and the same bytes; anything else under a used ID is dropped. */
IkeWindowVerdict
ike_window_judge (IkeWindow *window, guint32 id, const guint8 digest[16], IkeReceived **entry)
{
  IkeReceived *e = entry_of (window, id);

  *entry = e;
  if (e->is_used && e->id == id) {
    if (memcmp (e->digest, digest, sizeof e->digest) != 0)
      return IKE_WINDOW_OTHER;
    return e->response ? IKE_WINDOW_REPEAT : IKE_WINDOW_PARKED;
  }
  if (id < window->base_received || id - window->base_received >= window->size_received)
    return IKE_WINDOW_OUTSIDE;
  return IKE_WINDOW_NEW;
}

IkeReceived *
ike_window_accept (IkeWindow *window, guint32 id, const guint8 digest[16], IkeExchange *x)
{
  IkeReceived *e = entry_of (window, id);

  g_free (e->response);
  memset (e, 0, sizeof *e);
  e->id = id;
  e->is_used = TRUE;
  e->exchange = x;
  memcpy (e->digest, digest, sizeof e->digest);
  return e;
}

static void
advance (IkeWindow *window)
{
  for (;;) {
    const IkeReceived *e = entry_of (window, window->base_received);
    if (!e->is_used || e->id != window->base_received || !e->is_done
        || window->base_received == G_MAXUINT32)
      break;
    window->base_received++;
  }
}

guint32
ike_window_next_received (const IkeWindow *window)
{
  guint32 next = window->base_received;
  guint i;

  for (i = 0; window->received && i < window->size_received; i++)
    if (window->received[i].is_used)
      next = MAX (next, window->received[i].id + 1);
  return next;
}

IkeExchange *
ike_window_forget (IkeWindow *window, guint32 below)
{
  guint i;

  for (i = 0; window->received && i < window->size_received; i++) {
    IkeReceived *e = &window->received[i];
    IkeExchange *x = e->exchange;
    if (!e->is_used || e->id >= below)
      continue;
    g_free (e->response);
    memset (e, 0, sizeof *e);
    if (x)
      return x;
  }
  if (below > window->base_received) {
    window->base_received = below;
    advance (window);
  }
  return NULL;
}

void
ike_window_answered (IkeWindow *window, guint32 id, guint8 *response_take, guint32 len)
{
  IkeReceived *e = entry_of (window, id);

  if (!e->is_used || e->id != id) {
    g_free (response_take);
    return;
  }
  g_free (e->response);
  e->response = response_take;
  e->response_len = len;
  e->exchange = NULL;
  e->is_done = TRUE;
  advance (window);
}

/* Answers that are kept move to their new places.  What we promised to remember does not shrink. */
void
ike_window_resize (IkeWindow *window, guint size_sent, guint size_received)
{
  IkeReceived *old = window->received;
  guint n_old = window->size_received, i;

  window->size_sent = CLAMP (size_sent, 1, IKE_WINDOW_MAX);
  size_received = MIN (size_received, IKE_WINDOW_MAX);
  if (size_received <= n_old)
    return;
  window->size_received = size_received;
  window->received = NULL;
  for (i = 0; old && i < n_old; i++) {
    IkeReceived *e = old[i].is_used ? entry_of (window, old[i].id) : NULL;
    if (e && (!e->is_used || e->id < old[i].id)) {
      g_free (e->response);
      *e = old[i];
    } else
      g_free (old[i].response);
  }
  g_free (old);
}
