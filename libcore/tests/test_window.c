/* SPDX-License-Identifier: Apache-2.0 */
/* test_window.c - what a request is by its ID and bytes, which answers are kept, and what may be
 * sent. */
#include "sa/sa_private.h"

static const guint8 one[16] = { 1 }, two[16] = { 2 };

static IkeWindowVerdict
judge (IkeWindow *w, guint32 id, const guint8 digest[16])
{
  IkeReceived *entry = NULL;
  IkeWindowVerdict verdict = ike_window_judge (w, id, digest, &entry);

  g_assert_nonnull (entry);
  return verdict;
}

static void
take (IkeWindow *w, guint32 id)
{
  guint32 base = w->base_received;

  g_assert_cmpint (judge (w, id, one), ==, IKE_WINDOW_NEW);
  ike_window_accept (w, id, one, NULL);
  g_assert_cmpuint (w->base_received, ==, base);
}

static void
answer (IkeWindow *w, guint32 id)
{
  ike_window_answered (w, id, g_memdup2 (&id, sizeof id), sizeof id);
}

static void
assert_kept (IkeWindow *w, guint32 id)
{
  IkeReceived *entry;

  g_assert_cmpint (ike_window_judge (w, id, one, &entry), ==, IKE_WINDOW_REPEAT);
  g_assert_cmpmem (entry->response, entry->response_len, &id, sizeof id);
}

static void
test_new (void)
{
  IkeWindow w = { 0 };

  ike_window_init (&w);
  g_assert_cmpint (judge (&w, 0, one), ==, IKE_WINDOW_NEW);
  g_assert_cmpint (judge (&w, 0, two), ==, IKE_WINDOW_NEW);
  g_assert_cmpint (judge (&w, 1, one), ==, IKE_WINDOW_OUTSIDE);
  g_assert_cmpint (judge (&w, G_MAXUINT32, one), ==, IKE_WINDOW_OUTSIDE);
  ike_window_clear (&w);
}

static void
test_parked (void)
{
  IkeWindow w = { 0 };

  ike_window_init (&w);
  take (&w, 0);
  g_assert_cmpint (judge (&w, 0, one), ==, IKE_WINDOW_PARKED);
  g_assert_cmpint (judge (&w, 0, two), ==, IKE_WINDOW_OTHER);
  g_assert_cmpint (judge (&w, 1, one), ==, IKE_WINDOW_OUTSIDE);
  answer (&w, 0);
  assert_kept (&w, 0);
  g_assert_cmpint (judge (&w, 0, two), ==, IKE_WINDOW_OTHER);
  g_assert_cmpint (judge (&w, 1, one), ==, IKE_WINDOW_NEW);
  ike_window_clear (&w);
}

static void
test_old (void)
{
  IkeWindow w = { 0 };
  guint32 id;

  ike_window_init (&w);
  for (id = 0; id < 10; id++) {
    take (&w, id);
    answer (&w, id);
    assert_kept (&w, id);
    if (id)
      g_assert_cmpint (judge (&w, id - 1, one), ==, IKE_WINDOW_OUTSIDE);
  }
  ike_window_clear (&w);
}

static void
test_many (void)
{
  IkeWindow w = { 0 };

  ike_window_init (&w);
  ike_window_resize (&w, 4, 4);
  take (&w, 3);
  take (&w, 1);
  g_assert_cmpint (judge (&w, 4, one), ==, IKE_WINDOW_OUTSIDE);
  answer (&w, 3);
  answer (&w, 1);
  g_assert_cmpuint (w.base_received, ==, 0);
  take (&w, 0);
  answer (&w, 0);
  g_assert_cmpuint (w.base_received, ==, 2);
  assert_kept (&w, 0);
  assert_kept (&w, 1);
  assert_kept (&w, 3);
  g_assert_cmpint (judge (&w, 5, one), ==, IKE_WINDOW_NEW);
  g_assert_cmpint (judge (&w, 6, one), ==, IKE_WINDOW_OUTSIDE);
  ike_window_clear (&w);
}

static void
test_resize (void)
{
  IkeWindow w = { 0 };
  guint32 id;

  ike_window_init (&w);
  take (&w, 0);
  answer (&w, 0);
  take (&w, 1);
  ike_window_resize (&w, 3, 8);
  g_assert_cmpuint (w.size_sent, ==, 3);
  g_assert_cmpint (judge (&w, 1, one), ==, IKE_WINDOW_PARKED);
  answer (&w, 1);
  for (id = 2; id < 8; id++)
    take (&w, id);
  ike_window_resize (&w, 1, 1);
  g_assert_cmpuint (w.size_sent, ==, 1);
  g_assert_cmpuint (w.size_received, ==, 8);
  for (id = 7; id >= 2; id--)
    answer (&w, id);
  g_assert_cmpuint (w.base_received, ==, 8);
  ike_window_resize (&w, 1000, 1000);
  g_assert_cmpuint (w.size_sent, ==, IKE_WINDOW_MAX);
  g_assert_cmpuint (w.size_received, ==, IKE_WINDOW_MAX);
  for (id = 1; id < 8; id++)
    assert_kept (&w, id);
  ike_window_resize (&w, 0, 0);
  g_assert_cmpuint (w.size_sent, ==, 1);
  ike_window_clear (&w);
}

/* An answer to what was never asked is freed and changes nothing. */
static void
test_stray_answer (void)
{
  IkeWindow w = { 0 };

  ike_window_init (&w);
  answer (&w, 7);
  g_assert_cmpuint (w.base_received, ==, 0);
  g_assert_cmpint (judge (&w, 0, one), ==, IKE_WINDOW_NEW);
  ike_window_clear (&w);
}

static void
test_wrap (void)
{
  IkeWindow w = { 0 };

  ike_window_init (&w);
  w.base_received = G_MAXUINT32 - 1;
  take (&w, G_MAXUINT32 - 1);
  answer (&w, G_MAXUINT32 - 1);
  take (&w, G_MAXUINT32);
  answer (&w, G_MAXUINT32);
  assert_kept (&w, G_MAXUINT32);
  g_assert_cmpint (judge (&w, 0, one), ==, IKE_WINDOW_OUTSIDE);
  g_assert_cmpint (judge (&w, 1, one), ==, IKE_WINDOW_OUTSIDE);
  w.next_sent = G_MAXUINT32 - 1;
  g_assert_true (ike_window_may_send (&w));
  w.next_sent++;
  g_assert_false (ike_window_may_send (&w));
  ike_window_clear (&w);
}

static void
test_may_send (void)
{
  IkeWindow w = { 0 };

  ike_window_init (&w);
  w.next_sent = 5;
  g_assert_true (ike_window_may_send (&w));
  w.n_in_flight = 1;
  g_assert_false (ike_window_may_send (&w));
  ike_window_resize (&w, 2, 1);
  g_assert_true (ike_window_may_send (&w));
  w.n_in_flight = 2;
  g_assert_false (ike_window_may_send (&w));
  ike_window_clear (&w);
}

/* RFC 7296, 2.3: "it MUST wait until it has received responses to all requests up through request
 * X-N". */
static void
test_far_behind (void)
{
  IkeExchange oldest = { .message_id = 5 }, newest = { .message_id = 7, .next = &oldest };
  IkeWindow w = { .next_sent = 8, .n_in_flight = 2, .in_flight = &newest };

  ike_window_init (&w);
  ike_window_resize (&w, 4, 1);
  g_assert_true (ike_window_may_send (&w));
  /* One is begun, and will be number 8. */
  w.n_in_flight = 3;
  g_assert_false (ike_window_may_send (&w));
  w.n_in_flight = 2;
  w.next_sent = 9;
  g_assert_false (ike_window_may_send (&w));
  /* The oldest is answered. */
  newest.next = NULL;
  w.n_in_flight = 1;
  g_assert_true (ike_window_may_send (&w));
  /* One outside the window holds up nothing. */
  newest.next = &oldest;
  oldest.is_outside = TRUE;
  oldest.message_id = 0;
  g_assert_true (ike_window_may_send (&w));
  ike_window_clear (&w);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/window/one-request-is-new-and-others-are-outside", test_new);
  g_test_add_func ("/window/retransmit-while-parked-is-dropped", test_parked);
  g_test_add_func ("/window/answers-are-kept-till-the-window-moves-on", test_old);
  g_test_add_func ("/window/requests-come-in-any-order", test_many);
  g_test_add_func ("/window/resizing-keeps-what-is-there", test_resize);
  g_test_add_func ("/window/answers-to-nothing-are-freed", test_stray_answer);
  g_test_add_func ("/window/ids-do-not-wrap", test_wrap);
  g_test_add_func ("/window/no-more-is-sent-than-the-peer-takes", test_may_send);
  g_test_add_func ("/window/one-without-an-answer-holds-up-those-far-behind", test_far_behind);
  return g_test_run ();
}
