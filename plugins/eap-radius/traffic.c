/* SPDX-License-Identifier: Apache-2.0 */
/* traffic.c - what the CHILD_SAs of a session carried, those that were replaced or closed included.
 *
 * The kernel plugin counts, for each direction of a child; it is asked now and then, and once more
 * when that direction leaves it.  What cannot be asked any more counts as it was last known. */
#include "eap_radius.h"

typedef struct {
  guint64 child; /* serial */
  Volume volume[2];
  gboolean has_left[2];
} ChildVolume;

typedef struct {
  Seat *seat;
  guint64 child;
  gboolean is_inbound;
} Question;

static ChildVolume *
find (Traffic *traffic, guint64 child)
{
  for (guint i = 0; traffic->children && i < traffic->children->len; i++)
    if (g_array_index (traffic->children, ChildVolume, i).child == child)
      return &g_array_index (traffic->children, ChildVolume, i);
  return NULL;
}

static void
know (Traffic *traffic, guint64 child)
{
  ChildVolume volume = { .child = child };

  if (!traffic->children)
    traffic->children = g_array_new (FALSE, FALSE, sizeof (ChildVolume));
  if (!find (traffic, child))
    g_array_append_val (traffic->children, volume);
}

void
traffic_clear (Traffic *traffic)
{
  if (traffic->children)
    g_array_free (g_steal_pointer (&traffic->children), TRUE);
}

static void
add (Volume *to, const Volume *volume)
{
  to->bytes += volume->bytes;
  to->packets += volume->packets;
}

/* All questions are answered: what has left both ways is counted for good. */
static void
settle (Traffic *traffic)
{
  for (guint i = traffic->children ? traffic->children->len : 0; i-- > 0;) {
    ChildVolume *volume = &g_array_index (traffic->children, ChildVolume, i);

    if (!volume->has_left[0] || !volume->has_left[1])
      continue;
    add (&traffic->gone[0], &volume->volume[0]);
    add (&traffic->gone[1], &volume->volume[1]);
    g_array_remove_index_fast (traffic->children, i);
  }
}

static void
question_over (gpointer data)
{
  Question *question = data;
  Traffic *traffic = seat_traffic (question->seat);

  if (--traffic->n_asked == 0) {
    settle (traffic);
    traffic->answered (question->seat);
  }
  g_free (question);
}

/* Counters only grow, and answers may overtake each other. */
static void
answered (gpointer owner, gpointer data, gpointer result, const char *error)
{
  const Question *question = data;
  Traffic *traffic = seat_traffic (question->seat);
  ChildVolume *child = find (traffic, question->child);
  IkeKernelUse *use = result;

  if (use && child) {
    Volume *volume = &child->volume[question->is_inbound != FALSE];
    volume->bytes = MAX (volume->bytes, use->bytes);
    volume->packets = MAX (volume->packets, use->packets);
    traffic->last_use_us = MAX (traffic->last_use_us, use->last_use_us);
  }
  g_free (use);
}

static const IkeCallClass question_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "volume of a CHILD_SA",
  .timeout_ms = 10000,
  .then = answered,
  .undo = g_free,
  .free_data = question_over,
};

/* On the loop, not the SA: the answer may come when that is gone. */
static void
ask (Seat *seat, IkeLoop *loop, const IkeChild *child, gboolean is_inbound)
{
  Question *question = g_new (Question, 1);

  *question = (Question){ seat, ike_child_ref (child).serial, is_inbound };
  seat_traffic (seat)->n_asked++;
  ike_child_query (child, is_inbound, ike_loop_call (loop, &question_call, NULL, question));
}

gboolean
traffic_ask (Seat *seat, IkeSa *sa)
{
  Traffic *traffic = seat_traffic (seat);
  guint n = ike_sa_n_children (sa);
  gboolean is_asked = FALSE;

  for (guint i = 0; i < n; i++) {
    const IkeChild *child = ike_sa_child (sa, i);

    if (ike_child_state (child) == IKE_CHILD_CREATED || ike_child_state (child) == IKE_CHILD_DEAD)
      continue;
    know (traffic, ike_child_ref (child).serial);
    ask (seat, ike_sa_loop (sa), child, TRUE);
    ask (seat, ike_sa_loop (sa), child, FALSE);
    is_asked = TRUE;
  }
  return is_asked;
}

/* One that was replaced is heard a while longer; should its IKE SA end before, what it heard up to
 * now is known all the same. */
void
traffic_leave (Seat *seat, IkeSa *sa, const IkeChild *child, gboolean is_inbound)
{
  Traffic *traffic = seat_traffic (seat);
  guint64 serial = ike_child_ref (child).serial;

  know (traffic, serial);
  find (traffic, serial)->has_left[is_inbound != FALSE] = TRUE;
  ask (seat, ike_sa_loop (sa), child, is_inbound);
  if (!is_inbound && !find (traffic, serial)->has_left[1])
    ask (seat, ike_sa_loop (sa), child, TRUE);
}

void
traffic_sum (const Traffic *traffic, gboolean is_inbound, Volume *out)
{
  guint d = is_inbound != FALSE;

  *out = traffic->gone[d];
  for (guint i = 0; traffic->children && i < traffic->children->len; i++)
    add (out, &g_array_index (traffic->children, ChildVolume, i).volume[d]);
}
