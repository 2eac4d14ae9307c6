/* SPDX-License-Identifier: Apache-2.0 */
/* test_resumption_config.c - a client that is resumed has the virtual address that it had, where
 * the gateway can still give it. */
#include "exchange/tickets.h"
#include <glib/gstdio.h>

/* The key of tickets outlives the gateway; its pool does not. */
#define KEY "00112233445566aa 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define CHILD(local, remote)                                                                       \
  "resumption = yes\n dpd_delay = 10s\n proposals = aes256gcm16-prfsha256-x25519\n children { "    \
  "net {\n local_ts = " local "\n remote_ts = " remote "\n esp_proposals = aes256gcm16\n } }\n"
#define CLIENT(vips) "vips = " vips "\n" CHILD ("dynamic", "10.2.0.0/16, fd02::/16")
#define GATEWAY "pools = rw\n" CHILD ("10.2.0.0/16, fd02::/16", "dynamic")
#define FORMER "10.3.0.7-10.3.0.9, fd03::7-fd03::9"
#define WIDE "10.3.0.0/24, fd03::/64"

/* Somebody else, who asks for the address of ours. */
static const char other[] =
    "connections { other {\n local_addrs = 10.0.0.1\n remote_addrs = 10.0.0.2\n"
    "vips = 10.3.0.7\n local { auth = psk\n id = c.test\n }\n remote { auth = psk\n id = b.test\n }"
    "\n proposals = aes256gcm16-prfsha256-x25519\n children { net { local_ts = dynamic\n"
    "remote_ts = 10.2.0.0/16\n esp_proposals = aes256gcm16\n } } } }\n";
static const char to_other[] =
    "connections { to-other {\n local_addrs = 10.0.0.2\n remote_addrs = 10.0.0.1\n pools = rw\n"
    "local { auth = psk\n id = b.test\n }\n remote { auth = psk\n id = c.test\n }\n"
    "proposals = aes256gcm16-prfsha256-x25519\n children { net { local_ts = 10.2.0.0/16\n"
    "remote_ts = dynamic\n esp_proposals = aes256gcm16\n } } } }\n";

typedef struct {
  Tickets *t;
  char *directory, *file, *more;
} Clients;

static void
set_pool (Clients *c, const char *addrs)
{
  g_free (c->more);
  c->more = g_strdup_printf ("plugins { resumption { key_file = %s } }\n"
                             "pools { rw { addrs = %s\n } }\n%s",
                             c->file, addrs, to_other);
}

static Clients
clients_new (gconstpointer flags, const char *client, const char *addrs)
{
  static const char *const plugins[] = { "config-payload", "pool-memory", NULL };
  Clients c = { .directory = g_dir_make_tmp ("ikebana-tickets-XXXXXX", NULL) };

  c.file = g_build_filename (c.directory, "keys", NULL);
  g_assert_true (g_file_set_contents_full (c.file, KEY, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  set_pool (&c, addrs);
  c.t = tickets_new (&(TicketsOptions){ .flags = GPOINTER_TO_UINT (flags),
                                        .body = { client, GATEWAY },
                                        .more = { other, c.more },
                                        .plugins = plugins });
  tickets_assert_full (c.t);
  return c;
}

static void
clients_free (Clients *c)
{
  tickets_free (c->t);
  g_unlink (c->file);
  g_assert_cmpint (g_rmdir (c->directory), ==, 0);
  g_free (c->directory);
  g_free (c->file);
  g_free (c->more);
}

/* Another gateway is there, with a pool that knows nobody. */
static void
restart (Clients *c, const char *addrs)
{
  set_pool (c, addrs);
  c->t->o.more[1] = c->more;
  tickets_restart (c->t, &c->t->pair->b);
}

/* Of the newest IKE SA of the client. */
static void
assert_addresses (Clients *c, const char *first, const char *second)
{
  g_autoptr (IkeTree) status = pair_status (&c->t->pair->a);
  const IkeTree *sas = ike_tree_get (status, "sas"),
                *ips = ike_tree_get (ike_tree_nth (sas, ike_tree_n (sas) - 1), "local-vips");
  char buffer[32];

  g_assert_nonnull (ips);
  g_assert_cmpuint (ike_tree_n (ips), ==, second ? 2 : 1);
  g_assert_cmpstr (ike_tree_text (ike_tree_nth (ips, 0), buffer), ==, first);
  if (second)
    g_assert_cmpstr (ike_tree_text (ike_tree_nth (ips, 1), buffer), ==, second);
}

/* RFC 5723, 5, note 5: "The client can request the address it was using earlier, and if possible,
 * the gateway SHOULD honor the request." */
static void
test_same (gconstpointer flags)
{
  Clients c = clients_new (flags, CLIENT ("0.0.0.0, ::"), FORMER);

  assert_addresses (&c, "10.3.0.7", "fd03::7");
  for (guint i = 0; i < 2; i++) {
    restart (&c, WIDE);
    tickets_lose (c.t);
    tickets_assert_resumed (c.t);
    assert_addresses (&c, "10.3.0.7", "fd03::7");
  }
  clients_free (&c);
}

static void
test_taken (gconstpointer flags)
{
  Clients c = clients_new (flags, CLIENT ("0.0.0.0"), FORMER);
  g_autofree char *error = NULL;

  assert_addresses (&c, "10.3.0.7", NULL);
  restart (&c, FORMER);
  tickets_lose (c.t);
  error = pair_up_of (c.t->pair, &c.t->pair->a, "other", NULL);
  g_assert_cmpstr (error, ==, NULL);
  assert_addresses (&c, "10.3.0.7", NULL);
  g_clear_pointer (&error, g_free);
  tickets_up (c.t);
  g_assert_cmpuint (c.t->n_requests[TICKETS_RESUME], ==, 1);
  g_assert_cmpuint (c.t->n_requests[TICKETS_INIT], ==, 0);
  assert_addresses (&c, "10.3.0.8", NULL);
  clients_free (&c);
}

/* The pool has no such address any more. */
static void
test_elsewhere (gconstpointer flags)
{
  Clients c = clients_new (flags, CLIENT ("0.0.0.0, ::"), FORMER);

  restart (&c, "10.4.0.0/24, fd04::/64");
  tickets_lose (c.t);
  tickets_assert_resumed (c.t);
  assert_addresses (&c, "10.4.0.1", "fd04::1");
  clients_free (&c);
}

/* Whom the connection names an address asks for that. */
static void
test_named (gconstpointer flags)
{
  Clients c = clients_new (flags, CLIENT ("10.3.0.1"), FORMER);

  assert_addresses (&c, "10.3.0.7", NULL);
  restart (&c, WIDE);
  tickets_lose (c.t);
  tickets_assert_resumed (c.t);
  assert_addresses (&c, "10.3.0.1", NULL);
  clients_free (&c);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("resumption", "the-address-is-the-same-where-it-is-free", test_same);
  pair_add_test ("resumption", "the-address-is-another-where-it-is-taken", test_taken);
  pair_add_test ("resumption", "the-address-is-another-where-the-pool-is", test_elsewhere);
  pair_add_test ("resumption", "an-address-that-is-named-goes-before-it", test_named);
  return g_test_run ();
}
