/* SPDX-License-Identifier: Apache-2.0 */
/* test_resumption.c - an IKE SA that was lost comes up again with a ticket (RFC 5723): what both
 * ends do, when, and when not. */
#include "exchange/tickets.h"
#include <glib/gstdio.h>
#include <ikebana/model.h>
#include <string.h>

#define BY_REFERENCE "plugins { resumption { tickets = reference } }\n"

static void
check_again_and_again (Tickets *t)
{
  g_assert_cmpuint (tickets_count (t, TRUE, "resumption.given"), ==, 1);
  /* Each SA gives a ticket for the next. */
  for (guint i = 1; i <= 3; i++) {
    tickets_lose (t);
    tickets_assert_resumed (t);
    g_assert_cmpuint (tickets_count (t, FALSE, "resumption.resumed"), ==, i);
    g_assert_cmpuint (tickets_count (t, TRUE, "resumption.resumed"), ==, i);
  }
  tickets_free (t);
}

static void
test_by_value (gconstpointer flags)
{
  check_again_and_again (tickets_made (flags, NULL, NULL));
}

static void
test_by_reference (gconstpointer flags)
{
  check_again_and_again (tickets_made (flags, NULL, BY_REFERENCE));
}

static void
test_shards (gconstpointer flags)
{
  Tickets *t = tickets_new (&(TicketsOptions){ .flags = GPOINTER_TO_UINT (flags), .n_shards = 3 });

  tickets_assert_full (t);
  check_again_and_again (t);
}

/* -- what people see */

static IkeTree *
sa_of (PairEnd *end)
{
  g_autoptr (IkeTree) status = pair_status (end);

  return ike_tree_copy (ike_tree_nth (ike_tree_get (status, "sas"), 0));
}

static void
assert_shown (Tickets *t, gboolean is_resumed)
{
  g_autoptr (IkeTree) a = sa_of (&t->pair->a), b = sa_of (&t->pair->b);

  g_assert_cmpint (ike_tree_bool (a, "resumed", FALSE), ==, is_resumed);
  g_assert_cmpint (ike_tree_bool (b, "resumed", FALSE), ==, is_resumed);
  g_assert_cmpint (ike_tree_int (a, "ticket", 0), >, 3500);
  g_assert_cmpint (ike_tree_int (a, "ticket", 0), <=, 3600);
  g_assert_null (ike_tree_get (b, "ticket"));
  g_assert_cmpint (ike_tree_int (b, "ticket-given", 0), >, 3500);
  g_assert_null (ike_tree_get (a, "ticket-given"));
}

static void
test_status (gconstpointer flags)
{
  Tickets *t = tickets_made (flags, NULL, NULL);

  assert_shown (t, FALSE);
  tickets_lose (t);
  tickets_assert_resumed (t);
  assert_shown (t, TRUE);
  tickets_free (t);
  t = tickets_new (
      &(TicketsOptions){ .flags = GPOINTER_TO_UINT (flags), .is_off = { TRUE, TRUE } });
  tickets_assert_full (t);
  {
    g_autoptr (IkeTree) a = sa_of (&t->pair->a);
    g_assert_null (ike_tree_get (a, "resumed"));
    g_assert_null (ike_tree_get (a, "ticket"));
  }
  tickets_free (t);
}

/* What no ticket could be good for is said. */
static void
test_no_time (gconstpointer flags)
{
  static const char *const settings[] = { "plugins { resumption { max_age = 0 } }\n",
                                          "plugins { resumption { lifetime = 0 } }\n" };

  for (guint i = 0; i < G_N_ELEMENTS (settings); i++) {
    Tickets *t = tickets_new (
        &(TicketsOptions){ .flags = GPOINTER_TO_UINT (flags), .more = { NULL, settings[i] } });
    g_autofree char *why = ike_plugin_explain (t->pair->b.engine, "resumption");
    g_assert_nonnull (strstr (why, "no ticket would ever be good"));
    tickets_free (t);
  }
}

/* -- the gateway lost its memory */

static void
test_restarted (gconstpointer flags)
{
  Tickets *t = tickets_made (flags, NULL, NULL);
  gint64 begun;

  tickets_restart (t, &t->pair->b);
  tickets_lose (t);
  begun = ike_sim_now_us (t->pair->sim);
  tickets_up (t);
  g_assert_cmpint (ike_sim_now_us (t->pair->sim) - begun, <, G_USEC_PER_SEC);
  g_assert_cmpuint (t->n_requests[TICKETS_RESUME], ==, 1);
  g_assert_cmpuint (t->n_requests[TICKETS_INIT], ==, 1);
  g_assert_cmpuint (tickets_count (t, FALSE, "resumption.fell-back"), ==, 1);
  g_assert_cmpuint (tickets_count (t, TRUE, "resumption.refused"), ==, 1);
  pair_assert_twins (t->pair);
  /* And it has given another ticket. */
  tickets_lose (t);
  tickets_assert_resumed (t);
  tickets_free (t);
}

typedef struct {
  char *file, *more;
} Keys;

static const char first_key[] =
    "0011223344556677 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
static const char second_key[] =
    "8899aabbccddeeff a00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";

static void
keys_write (const Keys *keys, const char *first, const char *second)
{
  g_autofree char *text = g_strconcat ("# keys of the group\n", first, second, NULL);

  g_assert_true (g_file_set_contents (keys->file, text, -1, NULL));
  g_assert_cmpint (g_chmod (keys->file, 0600), ==, 0);
}

static Keys
keys_new (void)
{
  g_autofree char *directory = g_dir_make_tmp ("ikebana-tickets-XXXXXX", NULL);
  Keys keys = { g_build_filename (directory, "keys", NULL), NULL };

  keys.more = g_strdup_printf ("plugins { resumption { key_file = %s } }\n", keys.file);
  keys_write (&keys, first_key, "");
  return keys;
}

static void
keys_free (Keys *keys)
{
  g_autofree char *directory = g_path_get_dirname (keys->file);

  g_unlink (keys->file);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
  g_free (keys->file);
  g_free (keys->more);
}

/* Another gateway of the group is one that has the file, at the same address. */
static void
test_shared_keys (gconstpointer flags)
{
  Keys keys = keys_new ();
  Tickets *t = tickets_made (flags, NULL, keys.more);

  tickets_restart (t, &t->pair->b);
  tickets_lose (t);
  tickets_assert_resumed (t);
  /* A new key seals, and the old one opens. */
  keys_write (&keys, second_key, first_key);
  tickets_restart (t, &t->pair->b);
  tickets_lose (t);
  tickets_assert_resumed (t);
  keys_write (&keys, second_key, "");
  tickets_restart (t, &t->pair->b);
  tickets_lose (t);
  tickets_assert_resumed (t);
  /* The old one is gone, and with it its tickets. */
  keys_write (&keys, first_key, "");
  tickets_restart (t, &t->pair->b);
  tickets_lose (t);
  tickets_assert_full (t);
  tickets_free (t);
  keys_free (&keys);
}

static void
test_reloaded_keys (gconstpointer flags)
{
  Keys keys = keys_new ();
  Tickets *t = tickets_made (flags, NULL, keys.more);

  keys_write (&keys, second_key, first_key);
  ike_tree_free (pair_command (&t->pair->b, "reload", NULL, NULL));
  tickets_lose (t);
  tickets_assert_resumed (t);
  keys_write (&keys, first_key, "");
  ike_tree_free (pair_command (&t->pair->b, "reload", NULL, NULL));
  tickets_lose (t);
  tickets_assert_full (t);
  tickets_free (t);
  keys_free (&keys);
}

/* -- what was closed, replaced, or configured otherwise */

/* RFC 5723, 6.2: "when an IKE SA is deleted by the client or the gateway, the client MUST delete
 * its stored ticket." */
static void
test_closed (gconstpointer flags)
{
  Tickets *t = tickets_made (flags, NULL, NULL);
  IkeTree *args = ike_tree_new_section ();

  pair_down (t->pair, "pair", NULL);
  tickets_assert_full (t);
  g_assert_cmpuint (t->n_requests[TICKETS_RESUME], ==, 0);
  ike_tree_set_string (args, "name", "pair");
  ike_tree_free (pair_command (&t->pair->b, "down", args, NULL));
  pair_run (t->pair, 1);
  tickets_assert_full (t);
  g_assert_cmpuint (t->n_requests[TICKETS_RESUME], ==, 0);
  tickets_free (t);
}

static void
rekey (Tickets *t, PairEnd *end)
{
  IkeTree *args = ike_tree_new_section ();

  ike_tree_set_string (args, "name", "pair");
  ike_tree_free (pair_command (end, "rekey", args, NULL));
  pair_run (t->pair, 5);
}

/* "When the IKE SA is rekeyed, the ticket is invalidated, and the client SHOULD request a new
 * ticket." */
static void
test_rekeyed (gconstpointer flags)
{
  for (guint by_gateway = 0; by_gateway < 2; by_gateway++) {
    Tickets *t = tickets_made (flags, NULL, by_gateway ? BY_REFERENCE : NULL);

    rekey (t, by_gateway ? &t->pair->b : &t->pair->a);
    g_assert_cmpuint (tickets_count (t, TRUE, "resumption.given"), ==, 2);
    tickets_lose (t);
    tickets_assert_resumed (t);
    rekey (t, by_gateway ? &t->pair->a : &t->pair->b);
    tickets_lose (t);
    tickets_assert_resumed (t);
    tickets_free (t);
  }
}

typedef struct {
  PairEnd *end;
  char *settings;
} Load;

static void
load_conn (gpointer data)
{
  Load *load = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (IkeTree) tree =
      ike_settings_parse (load->settings, strlen (load->settings), "test", &error);

  g_assert_no_error (error);
  ike_engine_load_conn (load->end->engine, "pair", tree, &error);
  g_assert_no_error (error);
}

/* The connection of an end becomes another. */
static void
change (Tickets *t, guint end, const char *local, const char *more)
{
  Load load = { end ? &t->pair->b : &t->pair->a, NULL };

  load.settings = g_strdup_printf (
      "local_addrs = 10.0.0.%u\n remote_addrs = 10.0.0.%u\n local { auth = psk\n id = %s\n }\n"
      "remote { auth = psk\n id = %c.test\n }\nproposals = aes256gcm16-prfsha256-x25519\n"
      "resumption = yes\n dpd_delay = 10s\n children { net { local_ts = 10.%u.0.0/16\n "
      "remote_ts = 10.%u.0.0/16\n esp_proposals = aes256gcm16\n } }\n%s",
      end + 1, 2 - end, local, "ba"[end], end + 1, 2 - end, more);
  ike_loop_post (ike_engine_control (load.end->engine), load_conn, &load, NULL);
  ike_sim_settle (t->pair->sim);
  g_free (load.settings);
}

static void
test_other_connection (gconstpointer flags)
{
  static const struct {
    guint end;
    const char *local, *more;
    guint n_presented;
  } cases[] = {
    { 0, "a.test", "rekey_time = 3h\n", 0 },
    { 1, "b.test", "resumption = no\n", 1 },
    { 1, "b.test", "remote { auth = psk\n id = *.test\n }\n", 1 },
    { 1, "b.test", "proposals = aes128gcm16-prfsha256-x25519, aes256gcm16-prfsha384-x25519\n", 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Tickets *t = tickets_made (flags, NULL, NULL);

    tickets_lose (t);
    change (t, cases[i].end, cases[i].local, cases[i].more);
    if (i == 3)
      change (t, 0, "a.test", "proposals = aes256gcm16-prfsha256-x25519\n");
    if (i == 3) {
      g_autofree char *error = pair_up (t->pair, NULL);
      g_assert_nonnull (error);
    } else {
      tickets_assert_full (t);
      g_assert_cmpuint (t->n_requests[TICKETS_RESUME], ==, cases[i].n_presented);
    }
    tickets_free (t);
  }
}

/* -- where it is switched off */

static void
test_off (gconstpointer flags)
{
  for (guint i = 1; i < 4; i++) {
    Tickets *t = tickets_new (
        &(TicketsOptions){ .flags = GPOINTER_TO_UINT (flags), .is_off = { i & 1, i & 2 } });
    tickets_assert_full (t);
    tickets_lose (t);
    tickets_assert_full (t);
    g_assert_cmpuint (t->n_requests[TICKETS_RESUME], ==, 0);
    tickets_free (t);
  }
}

/* It was there when it gave the ticket. */
static void
test_off_meanwhile (gconstpointer flags)
{
  Tickets *t = tickets_made (flags, NULL, NULL);

  tickets_switch_off (t, 1);
  tickets_restart (t, &t->pair->b);
  tickets_lose (t);
  tickets_assert_full (t);
  g_assert_cmpuint (t->n_requests[TICKETS_RESUME], ==, 6);
  tickets_free (t);
}

static void
test_not_wanted (gconstpointer flags)
{
  for (guint i = 0; i < 2; i++) {
    TicketsOptions o = { .flags = GPOINTER_TO_UINT (flags) };
    Tickets *t;
    o.conn[i] = "resumption = no\n";
    t = tickets_new (&o);
    tickets_assert_full (t);
    g_assert_cmpuint (tickets_count (t, TRUE, "resumption.given"), ==, 0);
    tickets_lose (t);
    tickets_assert_full (t);
    g_assert_cmpuint (t->n_requests[TICKETS_RESUME], ==, 0);
    tickets_free (t);
  }
}

/* -- a long outage */

/* A ticket that nobody saw is there for the next attempt. */
static void
test_outage (gconstpointer flags)
{
  Tickets *t = tickets_made (flags, NULL, NULL);
  g_autofree char *error = NULL;

  tickets_cut (t);
  pair_run (t->pair, 300);
  error = pair_up (t->pair, NULL);
  g_assert_nonnull (error);
  tickets_mend (t);
  tickets_assert_resumed (t);
  tickets_free (t);
}

static void
test_lost_datagrams (gconstpointer flags)
{
  for (guint nth = 1; nth <= 4; nth++) {
    Tickets *t = tickets_made (flags, NULL, NULL);
    IkeSimRule rule = {
      .struct_size = sizeof rule, .action = IKE_SIM_DROP, .first = nth, .n_times = 1
    };
    guint id;

    tickets_lose (t);
    id = t->pair->a.net_ops->rule_add (t->pair->a.net, &rule);
    tickets_up (t);
    pair_run (t->pair, 40);
    g_assert_cmpuint (t->pair->a.net_ops->rule_hits (t->pair->a.net, id), ==, 1);
    g_assert_cmpuint (t->n_requests[TICKETS_INIT], ==, 0);
    g_assert_cmpuint (tickets_count (t, TRUE, "resumption.resumed"), ==, 1);
    pair_assert_twins (t->pair);
    tickets_free (t);
  }
}

/* RFC 5723, 4.3.4: "the old SA SHOULD be silently deleted without sending a DELETE informational
 * exchange." */
static void
test_old_goes_silently (gconstpointer flags)
{
  Tickets *t =
      tickets_new (&(TicketsOptions){ .flags = GPOINTER_TO_UINT (flags),
                                      .n_shards = 2,
                                      .conn = { NULL, "dpd_delay = 0\nunique = never\n" } });

  tickets_assert_full (t);
  tickets_lose (t);
  g_assert_cmpuint (pair_count (&t->pair->b, "ike.closed"), ==, 0);
  tickets_up (t);
  pair_run (t->pair, 1);
  g_assert_cmpuint (pair_count (&t->pair->b, "ike.closed"), ==, 1);
  g_assert_cmpuint (t->n_requests[TICKETS_RESUME], ==, 1);
  g_assert_cmpuint (t->n_requests[TICKETS_INFO], ==, 0);
  pair_assert_twins (t->pair);
  tickets_free (t);
}

/* The same, where only one SA of a peer may be, and the client comes from elsewhere. */
static void
test_moved (gconstpointer flags)
{
  Tickets *t = tickets_new (
      &(TicketsOptions){ .flags = GPOINTER_TO_UINT (flags),
                         .conn = { NULL, "dpd_delay = 0\nunique = keep\nremote_addrs = %any\n" } });
  IkeAddr inside, outside;

  tickets_assert_full (t);
  tickets_lose (t);
  g_assert_true (ike_addr_parse (&inside, "10.0.0.1", NULL));
  g_assert_true (ike_addr_parse (&outside, "192.0.2.9", NULL));
  t->pair->a.net_ops->nat_add (t->pair->a.net, &inside, &outside);
  tickets_up (t);
  pair_run (t->pair, 1);
  g_assert_cmpuint (t->n_requests[TICKETS_RESUME], ==, 1);
  g_assert_cmpuint (t->n_requests[TICKETS_INIT], ==, 0);
  g_assert_cmpuint (pair_count (&t->pair->b, "ike.closed"), ==, 1);
  tickets_free (t);
}

/* "NAT status is explicitly not part of the session resumption state." */
static void
test_nat (gconstpointer flags)
{
  Tickets *t = tickets_made (flags, NULL, NULL);
  g_autoptr (IkeTree) status = NULL;
  const IkeTree *sa;
  IkeAddr inside, outside;

  tickets_lose (t);
  g_assert_true (ike_addr_parse (&inside, "10.0.0.1", NULL));
  g_assert_true (ike_addr_parse (&outside, "192.0.2.9", NULL));
  change (t, 1, "b.test", "remote_addrs = %any\n");
  t->pair->a.net_ops->nat_add (t->pair->a.net, &inside, &outside);
  tickets_up (t);
  g_assert_cmpuint (t->n_requests[TICKETS_RESUME], ==, 1);
  g_assert_cmpuint (t->n_requests[TICKETS_INIT], ==, 0);
  status = pair_status (&t->pair->a);
  sa = ike_tree_nth (ike_tree_get (status, "sas"), 0);
  g_assert_true (ike_tree_bool (sa, "nat-local", FALSE));
  tickets_free (t);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("resumption", "what-was-lost-is-resumed-by-value", test_by_value);
  pair_add_test ("resumption", "what-was-lost-is-resumed-by-reference", test_by_reference);
  pair_add_test ("resumption", "on-any-shard", test_shards);
  pair_add_test ("resumption", "status-shows-it", test_status);
  pair_add_test ("resumption", "times-that-make-no-ticket-good", test_no_time);
  pair_add_test ("resumption", "a-gateway-without-memory-gets-a-full-handshake-at-once",
                 test_restarted);
  pair_add_test ("resumption", "keys-of-a-file-are-those-of-a-group", test_shared_keys);
  pair_add_test ("resumption", "keys-are-reloaded", test_reloaded_keys);
  pair_add_test ("resumption", "what-was-closed-is-not-resumed", test_closed);
  pair_add_test ("resumption", "a-replaced-sa-has-another-ticket", test_rekeyed);
  pair_add_test ("resumption", "another-connection-is-not-resumed", test_other_connection);
  pair_add_test ("resumption", "switched-off-at-either-end-all-works", test_off);
  pair_add_test ("resumption", "switched-off-since-all-works", test_off_meanwhile);
  pair_add_test ("resumption", "only-where-both-want-it", test_not_wanted);
  pair_add_test ("resumption", "an-outage-keeps-the-ticket", test_outage);
  pair_add_test ("resumption", "every-datagram-may-be-lost-once", test_lost_datagrams);
  pair_add_test ("resumption", "the-old-sa-goes-silently", test_old_goes_silently);
  pair_add_test ("resumption", "a-client-that-moved-is-not-in-its-own-way", test_moved);
  pair_add_test ("resumption", "nat-is-detected-anew", test_nat);
  return g_test_run ();
}
