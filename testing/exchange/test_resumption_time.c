/* SPDX-License-Identifier: Apache-2.0 */
/* test_resumption_time.c - how long tickets, and what they go back to, are good. */
#include "exchange/tickets.h"

static void
test_rotated_keys (gconstpointer flags)
{
  Tickets *t = tickets_made (flags, NULL, "plugins { resumption { key_rotation = 20s } }\n");

  for (guint i = 0; i < 4; i++) {
    pair_run (t->pair, 30);
    tickets_lose (t);
    tickets_assert_resumed (t);
  }
  tickets_free (t);
}

/* -- it goes back to an authentication */

static void
test_expired (gconstpointer flags)
{
  Tickets *t = tickets_made (flags, NULL, "plugins { resumption { lifetime = 10m } }\n");

  /* The client knows, and does not try. */
  tickets_cut (t);
  pair_run (t->pair, 700);
  tickets_mend (t);
  tickets_assert_full (t);
  g_assert_cmpuint (t->n_requests[TICKETS_RESUME], ==, 0);
  /* Only the gateway knows. */
  tickets_lose (t);
  ike_sim_shift_wall (t->pair->b.engine, 601 * G_USEC_PER_SEC);
  tickets_assert_full (t);
  g_assert_cmpuint (t->n_requests[TICKETS_RESUME], ==, 1);
  tickets_free (t);
}

static void
test_renewed (gconstpointer flags)
{
  Tickets *t = tickets_made (flags, NULL, "plugins { resumption { lifetime = 10m } }\n");

  /* It is asked for again in time. */
  pair_run (t->pair, 3600);
  g_assert_cmpuint (tickets_count (t, TRUE, "resumption.given"), ==, 8);
  tickets_lose (t);
  tickets_assert_resumed (t);
  tickets_free (t);
}

/* Every resumption is from the same authentication, so none is a day later. */
static void
test_max_age (gconstpointer flags)
{
  Tickets *t = tickets_made (flags, NULL, "plugins { resumption { max_age = 1h } }\n");
  guint i;

  for (i = 0; i < 20; i++) {
    tickets_lose (t);
    pair_run (t->pair, 200);
    tickets_up (t);
    if (t->n_requests[TICKETS_INIT])
      break;
  }
  g_assert_cmpuint (i, >, 3);
  g_assert_cmpuint (i, <, 17);
  tickets_free (t);
}

/* What ends unless its peer authenticates anew ends then, however often it is resumed. */
static void
test_end_of_proof (gconstpointer flags)
{
  Tickets *t = tickets_new (
      &(TicketsOptions){ .flags = GPOINTER_TO_UINT (flags),
                         .conn = { NULL, "reauth_time = 30m\nover_time = 1m\nrand_time = 0\n" } });

  tickets_assert_full (t);
  for (guint i = 0; i < 3; i++) {
    tickets_lose (t);
    tickets_assert_resumed (t);
  }
  g_assert_cmpint (ike_sim_now_us (t->pair->sim), <, 1700 * G_USEC_PER_SEC);
  g_assert_cmpuint (pair_count (&t->pair->b, "ike.established"), ==, 4);
  pair_run (t->pair, 1870 - ike_sim_now_us (t->pair->sim) / G_USEC_PER_SEC);
  g_assert_cmpuint (pair_count (&t->pair->b, "ike.closed"), ==, 4);
  tickets_up (t);
  g_assert_cmpuint (t->n_requests[TICKETS_INIT], ==, 1);
  tickets_free (t);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("resumption", "random-keys-are-replaced-in-time", test_rotated_keys);
  pair_add_test ("resumption", "a-ticket-expires-at-both-ends", test_expired);
  pair_add_test ("resumption", "a-ticket-is-renewed-in-time", test_renewed);
  pair_add_test ("resumption", "once-in-a-while-all-is-authenticated", test_max_age);
  pair_add_test ("resumption", "the-end-of-an-authentication-stays-where-it-was",
                 test_end_of_proof);
  return g_test_run ();
}
