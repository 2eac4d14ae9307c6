/* SPDX-License-Identifier: Apache-2.0 */
/* test_resumption_again.c - what two ends say when an IKE SA is resumed is what they said when
 * it was recorded in resumption.txt, octet for octet: so no change of the wire goes unnoticed.
 * Whether that is what RFC 5723 says is seen by test_resumption_rfc. */
#include "exchange/frozen.h"
#include "exchange/octets.h"
#include "exchange/tickets.h"
#include <glib/gstdio.h>
#include <string.h>

static const char head[] =
    "# What a client (10.0.0.1) and its gateways (10.0.0.2, 10.0.0.3) say to each other when an\n"
    "# IKE SA was lost and is resumed (RFC 5723), and what it takes to read it.  Written and\n"
    "# compared by test_resumption_again, checked against the RFC by test_resumption_rfc.\n"
    "#\n"
    "# secret psk: the shared secret of both.  keys SPIi SPIr: SK_d, SK_ei, SK_er, SK_pi, SK_pr\n"
    "# of an IKE SA, as the client has derived them, one behind the other; prf is HMAC-SHA2-256,\n"
    "# encryption AES-GCM-256: so SK_e has four octets of salt at its end, and there is no SK_a.\n"
    "# message FROM TO: a datagram, without UDP and without the marker of port 4500.\n";

static const char psk[] = "correct-horse-battery";

static struct {
  GString *text;
  gboolean is_on;
} record;

static void
on_packet (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  char from[IKE_ADDR_TEXT_SIZE], to[IKE_ADDR_TEXT_SIZE];
  g_autofree char *what = NULL;

  if (!record.is_on || event != IKE_SIM_SENT || !packet->ike)
    return;
  what = g_strdup_printf ("message %s %s", ike_addr_format (&packet->from, FALSE, from),
                          ike_addr_format (&packet->to, FALSE, to));
  frozen_write_item (record.text, what, packet->ike,
                     packet->len - (gsize) (packet->ike - packet->data));
}

static IkeHookVerdict
on_keys (IkePlugin *self, IkeSa *sa, IkeKeysEvent *event)
{
  g_autoptr (GByteArray) all = NULL;
  g_autofree char *what = NULL;
  IkeSecret d = { 0 };

  if (!record.is_on || event->is_child || !ike_sa_is_initiator (sa))
    return IKE_HOOK_PASS;
  all = g_byte_array_new ();
  g_assert_true (ike_sa_keys_keep (sa, &d));
  g_byte_array_append (all, d.bytes, d.len);
  ike_secret_clear (&d);
  for (guint i = 0; i < 6; i++)
    g_byte_array_append (all, event->keys[i]->bytes, event->keys[i]->len);
  what = g_strdup_printf ("keys %016" G_GINT64_MODIFIER "x %016" G_GINT64_MODIFIER "x",
                          ike_sa_spi (sa, TRUE), ike_sa_spi (sa, FALSE));
  frozen_write_item (record.text, what, all->data, all->len);
  return IKE_HOOK_PASS;
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  return ike_keys_hook_add (self, "record", NULL, on_keys, error);
}

static const IkePluginInfo record_plugin = {
  .struct_size = sizeof record_plugin,
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "record",
  .version = "0",
  .license = "Apache-2.0",
  .summary = "what two ends say to each other, for tests",
  .activate = activate,
};
static const IkePluginInfo *const builtin[] = { &record_plugin, NULL };

/* -- what is done */

static void
do_full (Tickets *t)
{
  record.is_on = TRUE;
  tickets_assert_full (t);
  record.is_on = FALSE;
}

/* What is said while nothing gets through is not recorded. */
static void
do_resumed (Tickets *t)
{
  do_full (t);
  tickets_lose (t);
  record.is_on = TRUE;
  tickets_assert_resumed (t);
  record.is_on = FALSE;
}

static void
do_refused (Tickets *t)
{
  do_full (t);
  tickets_restart (t, &t->pair->b);
  tickets_lose (t);
  do_full (t);
}

/* It is asked for again after some seconds. */
static void
do_later (Tickets *t)
{
  record.is_on = TRUE;
  tickets_up (t);
  while (!tickets_count (t, TRUE, "resumption.given"))
    pair_run (t->pair, 1);
  record.is_on = FALSE;
}

static void
do_rekeyed (Tickets *t)
{
  IkeTree *args = ike_tree_new_section ();

  do_full (t);
  ike_tree_set_string (args, "name", "pair");
  record.is_on = TRUE;
  ike_tree_free (pair_command (&t->pair->a, "rekey", args, NULL));
  pair_run (t->pair, 5);
  record.is_on = FALSE;
}

static void
do_cookie (Tickets *t)
{
  do_full (t);
  tickets_lose (t);
  record.is_on = TRUE;
  tickets_up (t);
  pair_run (t->pair, 5);
  record.is_on = FALSE;
}

/* The other gateway of the group is idle from now on, and this one has the lost IKE SA yet. */
static void
do_redirect (Tickets *t)
{
  IkeTree *args = ike_tree_new_section ();
  PairOptions options = t->o;
  PairEnd c;

  options.more[1] = t->o.more[0];
  pair_add_third (t->pair, &c, &options);
  do_full (t);
  tickets_lose (t);
  ike_tree_set_string (args, "gateway", "10.0.0.3");
  ike_tree_set_int (args, "load", 0);
  ike_tree_free (pair_command (&t->pair->b, "redirect-load", args, NULL));
  record.is_on = TRUE;
  tickets_up (t);
  pair_run (t->pair, 5);
  record.is_on = FALSE;
  pair_end_third (&c);
}

/* @more: of the client and the gateway; KEYS in it is the name of a file with keys of a group.
 * @n_networks: so many are behind the gateway. */
static const struct {
  const char *name, *about;
  void (*run) (Tickets *t);
  guint n_networks;
  const char *conn[2], *more[2], *plugins[4];
} runs[] = {
  { .name = "by-value", .about = "the ticket holds the state", .run = do_resumed },
  { .name = "by-reference",
    .about = "the gateway holds the state, and the ticket says which",
    .run = do_resumed,
    .more = { NULL, "plugins { resumption { tickets = reference } }\n" } },
  { .name = "refused",
    .about = "the gateway starts anew, and has another key for tickets",
    .run = do_refused },
  { .name = "not-given",
    .about = "the gateway gives no tickets on this connection",
    .run = do_full,
    .conn = { NULL, "resumption = no\n" } },
  { .name = "later",
    .about = "the answer of IKE_AUTH has no room for a ticket, and is not cut",
    .run = do_later,
    .n_networks = 64 },
  { .name = "rekeyed", .about = "the client rekeys the IKE SA", .run = do_rekeyed },
  { .name = "eap",
    .about = "the client proves itself by EAP-MSCHAPv2, once",
    .run = do_resumed,
    .conn = { "local { auth = eap-mschapv2\n eap_id = bob@users.test\n }\n",
              "remote { auth = eap-mschapv2\n eap_id = %any\n }\n" },
    .more = { "secrets { eap-bob { id = bob@users.test\n secret = password\n } }\n",
              "secrets { eap-bob { id = bob@users.test\n secret = password\n } }\n" },
    .plugins = { "eap", "eap-identity", "eap-mschapv2" } },
  { .name = "cookie",
    .about = "the gateway asks everybody for a cookie",
    .run = do_cookie,
    .more = { NULL, "plugins { cookie { always = yes } }\n" },
    .plugins = { "cookie" } },
  { .name = "redirect",
    .about = "the gateway sends the client to another of its group",
    .run = do_redirect,
    .conn = { NULL, "redirect = init\n dpd_delay = 0\n" },
    .more = { "plugins { resumption { key_file = KEYS } }\n",
              "plugins { resumption { key_file = KEYS }\n"
              " redirect { policy = least-loaded\n gateways = 10.0.0.3\n } }\n" },
    .plugins = { "redirect" } },
};

/* -- the file */

static char *
keys_write (void)
{
  g_autofree char *directory = g_dir_make_tmp ("ikebana-tickets-XXXXXX", NULL);
  char *file = g_build_filename (directory, "keys", NULL);
  static const char key[] =
      "0011223344556677 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";

  g_assert_true (g_file_set_contents (file, key, -1, NULL));
  g_assert_cmpint (g_chmod (file, 0600), ==, 0);
  return file;
}

static void
keys_remove (const char *file)
{
  g_autofree char *directory = g_path_get_dirname (file);

  g_unlink (file);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

static char *
with_keys (const char *settings, const char *file)
{
  g_auto (GStrv) parts = g_strsplit (settings ? settings : "", "KEYS", -1);

  return g_strjoinv (file, parts);
}

/* A connection without fragmentation and with as many selectors; NULL: the usual one. */
static char *
body_of (guint i, guint end)
{
  GString *networks;
  char *body;

  if (!runs[i].n_networks)
    return NULL;
  networks = g_string_new ("10.2.0.0/24");
  for (guint k = 1; k < runs[i].n_networks; k++)
    g_string_append_printf (networks, ", 10.2.%u.0/24", 2 * k);
  body = g_strdup_printf ("proposals = aes256gcm16-prfsha256-x25519\nresumption = yes\n"
                          "fragmentation = no\n children { net { esp_proposals = aes256gcm16\n"
                          "%s = %s\n %s = 10.1.0.0/16\n } }\n",
                          end ? "local_ts" : "remote_ts", networks->str,
                          end ? "remote_ts" : "local_ts");
  g_string_free (networks, TRUE);
  return body;
}

static void
record_run (guint i, gconstpointer flags, const char *file)
{
  g_autofree char *client = with_keys (runs[i].more[0], file),
                  *gateway = with_keys (runs[i].more[1], file), *body_a = body_of (i, 0),
                  *body_b = body_of (i, 1);
  const char *plugins[6] = { "record" };
  Tickets *t;

  memcpy (plugins + 1, runs[i].plugins, sizeof runs[i].plugins);
  g_string_append_printf (record.text, "\n# %s\nrun %s\n", runs[i].about, runs[i].name);
  frozen_write_item (record.text, "secret psk", (const guint8 *) psk, strlen (psk));
  t = tickets_new (&(TicketsOptions){ .flags = GPOINTER_TO_UINT (flags),
                                      .conn = { runs[i].conn[0], runs[i].conn[1] },
                                      .more = { client, gateway },
                                      .body = { body_a, body_b },
                                      .plugins = plugins,
                                      .builtin = builtin });
  t->pair->a.net_ops->tap_add (t->pair->a.net, on_packet, NULL);
  runs[i].run (t);
  tickets_free (t);
}

/* What this tree was built without; NULL: nothing. */
static const char *
not_built (void)
{
  g_autofree char *path =
                      g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "plugins", "catalog", NULL),
                  *catalog = NULL;

  g_assert_true (g_file_get_contents (path, &catalog, NULL, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
    for (guint k = 0; runs[i].plugins[k]; k++) {
      g_autofree char *line = g_strdup_printf ("plugin %s ", runs[i].plugins[k]);
      if (!strstr (catalog, line))
        return runs[i].plugins[k];
    }
  return NULL;
}

/* The run in which the texts differ first. */
static char *
first_difference (const char *a, const char *b)
{
  g_auto (GStrv) ours = g_strsplit (a, "\n", -1), theirs = g_strsplit (b, "\n", -1);
  const char *run = "", *item = "";

  for (guint i = 0; ours[i] && theirs[i] && !strcmp (ours[i], theirs[i]); i++) {
    if (g_str_has_prefix (ours[i], "run ")) {
      run = ours[i] + 4;
      item = "";
    } else if (g_ascii_isalpha (ours[i][0]))
      item = ours[i];
  }
  return g_strdup_printf ("run %s, at or behind %s", run, item);
}

static void
test_again (gconstpointer flags)
{
  g_autofree char *file = keys_write (), *wanted = NULL, *where = NULL;
  const char *missing = not_built ();

  if (missing)
    g_test_skip (missing);
  record.text = g_string_new (head);
  for (guint i = 0; !missing && i < G_N_ELEMENTS (runs); i++)
    record_run (i, flags, file);
  keys_remove (file);
  wanted = frozen_text ("resumption.txt");
  if (!missing && strcmp (record.text->str, wanted)) {
    g_autofree char *now = g_build_filename (g_getenv ("IKE_TOP_BUILDDIR"), "resumption.txt", NULL);
    g_file_set_contents (now, record.text->str, -1, NULL);
    where = first_difference (record.text->str, wanted);
    g_error ("other octets than in resumption.txt: %s; what is said now is in %s: put that in its "
             "place if it is meant",
             where, now);
  }
  g_string_free (record.text, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("resumption", "both-ends-say-what-they-said-before", test_again);
  return g_test_run ();
}
