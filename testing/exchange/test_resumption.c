/* SPDX-License-Identifier: Apache-2.0 */
/* test_resumption.c - an IKE SA that was lost comes up again with a ticket (RFC 5723). */
#include "exchange/tickets.h"

static Tickets *
make (gconstpointer flags)
{
  Tickets *t = tickets_new (&(TicketsOptions){ .flags = GPOINTER_TO_UINT (flags) });

  tickets_assert_full (t);
  g_assert_cmpuint (tickets_count (t, TRUE, "resumption.given"), ==, 1);
  return t;
}

static void
test_by_value (gconstpointer flags)
{
  Tickets *t = make (flags);

  /* Each SA gives a ticket for the next. */
  for (guint i = 1; i <= 3; i++) {
    tickets_lose (t);
    tickets_assert_resumed (t);
    g_assert_cmpuint (tickets_count (t, FALSE, "resumption.resumed"), ==, i);
    g_assert_cmpuint (tickets_count (t, TRUE, "resumption.resumed"), ==, i);
  }
  tickets_free (t);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("resumption", "what-was-lost-is-resumed", test_by_value);
  return g_test_run ();
}
