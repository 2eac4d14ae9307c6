/* SPDX-License-Identifier: Apache-2.0 */
/* test_ip_allowed.c - of which families a gateway gives addresses (RFC 8983). */
#include "exchange/bed.h"
#include "exchange/impaired.h"

enum { IP4 = 1, IP6 = 2, IP4_ALLOWED = 16439, IP6_ALLOWED = 16440, EX_AUTH = 35 };

static const char *const plugins[] = { "config-payload", "pool-memory", "ip-allowed", "impair",
                                       NULL };

#define CHILD(local, remote)                                                                       \
  "proposals = aes256gcm16-prfsha256-x25519\n children { net { local_ts = " local                  \
  "\n remote_ts = " remote "\n esp_proposals = aes256gcm16\n } }\n"
#define GATEWAY "pools = p\n" CHILD ("10.2.0.0/16, fd02::/16", "dynamic")

/* -- what goes by: of the client's requests, and of the answers */

typedef struct {
  guint asked, said, n_said;
} Heard;
static Heard heard;

static void
hear_request (guint8 first, guint8 *plain, gsize len)
{
  gsize n = 0, at;
  const guint8 *cp = pair_payload (first, plain, len, IKE_PAYLOAD_CP, &n);

  heard.asked = 0;
  for (at = 4; cp && at + 4 <= n; at += 4 + ((gsize) cp[at + 2] << 8 | cp[at + 3])) {
    guint type = (guint) cp[at] << 8 | cp[at + 1];
    heard.asked |= type == 1 ? IP4 : type == 8 ? IP6 : 0;
  }
}

static void
hear_answer (guint8 first, const guint8 *plain, gsize len)
{
  heard.said = 0;
  for (gsize at = 0; first && at + 8 <= len;
       first = plain[at], at += (gsize) plain[at + 2] << 8 | plain[at + 3]) {
    guint type = (guint) plain[at + 6] << 8 | plain[at + 7];
    if (first == IKE_PAYLOAD_NOTIFY && (type == IP4_ALLOWED || type == IP6_ALLOWED)) {
      heard.said |= type == IP4_ALLOWED ? IP4 : IP6;
      heard.n_said++;
    }
  }
}

static IkeHookVerdict
on_message (IkePlugin *self, IkeSa *sa, IkeMessageEvent *event)
{
  if (event->exchange == EX_AUTH && event->is_inbound && event->is_request)
    hear_request (event->first_payload, (guint8 *) event->plain, event->len);
  else if (event->exchange == EX_AUTH && event->is_inbound)
    hear_answer (event->first_payload, event->plain, event->len);
  return IKE_HOOK_PASS;
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  return ike_message_hook_add (self, "listener", NULL, on_message, error);
}

static const IkeFeature *const no_features[] = { NULL };
static const IkePluginInfo listener = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "listener",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "hears what goes by",
  .features = no_features,
  .activate = activate,
};
static const IkePluginInfo *const builtin[] = { &listener, NULL };

/* -- pairs */

static Pair *
pair_of (gconstpointer flags, const char *vips, const char *addrs, const char *more_a,
         const char *more_b)
{
  g_autofree char *client = g_strdup_printf (
                      "vips = %s\n rekey_time = 0\n" CHILD ("dynamic", "10.2.0.0/16, fd02::/16"),
                      vips),
                  *pools = g_strdup_printf ("pools { p { addrs = %s\n } }\n%s", addrs, more_b);

  heard = (Heard){ 0 };
  return pair_new (&(PairOptions){ .flags = GPOINTER_TO_UINT (flags) | IKE_ENGINE_FOR_TESTS,
                                   .connection = { client, GATEWAY },
                                   .more = { more_a, pools },
                                   .plugins = plugins,
                                   .builtin = builtin });
}

static void
assert_heard (const Pair *pair, guint asked, guint said)
{
  if (heard.asked != asked || heard.said != said)
    g_error ("asked %u, said %u\n-- a --\n%s-- b --\n%s", heard.asked, heard.said, pair->a.log->str,
             pair->b.log->str);
}

/* RFC 8983, 5, Table 1; the last row takes a pool that is used up. */
static void
test_table (gconstpointer flags)
{
  static const struct {
    const char *vips, *pool;
    guint asked, said;
    gboolean is_up;
  } rows[] = {
    { "0.0.0.0", "fd03::/64", IP4, IP6, FALSE },
    { "0.0.0.0", "10.3.0.0/24", IP4, IP4, TRUE },
    { "0.0.0.0", "\"10.3.0.0/24, fd03::/64\"", IP4, IP4 | IP6, TRUE },
    { "::", "fd03::/64", IP6, IP6, TRUE },
    { "::", "10.3.0.0/24", IP6, IP4, FALSE },
    { "::", "\"10.3.0.0/24, fd03::/64\"", IP6, IP4 | IP6, TRUE },
    { "\"0.0.0.0, ::\"", "10.3.0.0/24", IP4 | IP6, IP4, TRUE },
    { "\"0.0.0.0, ::\"", "fd03::/64", IP4 | IP6, IP6, TRUE },
    { "\"0.0.0.0, ::\"", "\"10.3.0.0/24, fd03::/64\"", IP4 | IP6, IP4 | IP6, TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    Pair *pair = pair_of (flags, rows[i].vips, rows[i].pool, "", "");
    g_autofree char *error = pair_up (pair, "net");
    if ((error == NULL) != rows[i].is_up)
      g_error ("row %u: %s\n-- a --\n%s-- b --\n%s", i, error, pair->a.log->str, pair->b.log->str);
    assert_heard (pair, rows[i].asked, rows[i].said);
    pair_free (pair);
  }
}

/* A gateway without pools, and a client that asks for nothing: nothing is said. */
static void
test_nothing_asked (gconstpointer flags)
{
  Pair *pair = pair_new (&(PairOptions){ .flags = GPOINTER_TO_UINT (flags) | IKE_ENGINE_FOR_TESTS,
                                         .plugins = plugins,
                                         .builtin = builtin });

  heard = (Heard){ 0 };
  pair_assert_up (pair, NULL);
  g_assert_cmpuint (heard.n_said, ==, 0);
  pair_free (pair);
}

static void
again (Pair *pair)
{
  pair_down (pair, "pair", NULL);
  pair_run (pair, 5);
  pair_assert_up (pair, "net");
}

/* "the initiator MUST NOT send a subsequent request for an alternate address family not supported
 * by the responder." */
static void
test_not_again (gconstpointer flags)
{
  Pair *pair = pair_of (flags, "\"0.0.0.0, ::\"", "10.3.0.0/24", "", "");

  pair_assert_up (pair, "net");
  assert_heard (pair, IP4 | IP6, IP4);
  for (guint i = 0; i < 3; i++) {
    again (pair);
    assert_heard (pair, IP4, IP4);
  }
  pair_free (pair);
}

/* Both may be had, one was not free: it is asked for again. */
static void
test_again (gconstpointer flags)
{
  Pair *pair = pair_of (flags, "\"0.0.0.0, ::\"", "\"10.3.0.0/24, fd03::/64\"", "", "");

  pair_assert_up (pair, "net");
  again (pair);
  assert_heard (pair, IP4 | IP6, IP4 | IP6);
  pair_free (pair);
}

/* The plugin at one end only: addresses are given as ever. */
static void
test_off (gconstpointer flags)
{
  static const char off[] = "plugins { ip-allowed { load = no } }\n";

  for (guint i = 0; i < 2; i++) {
    Pair *pair = pair_of (flags, "\"0.0.0.0, ::\"", "10.3.0.0/24", i ? off : "", i ? "" : off);
    pair_assert_up (pair, "net");
    assert_heard (pair, IP4 | IP6, i ? IP4 : 0);
    again (pair);
    assert_heard (pair, IP4 | IP6, i ? IP4 : 0);
    pair_free (pair);
  }
}

/* From a client it means nothing; with data it is malformed; twice is once. */
static void
test_forged (gconstpointer flags)
{
  static const struct {
    gboolean at_b;
    const char *rule;
    gboolean is_up;
    guint asked_again;
  } cases[] = {
    { FALSE, "add out exchange=IKE_AUTH message=request notify=IP6_ALLOWED", TRUE, IP4 },
    { TRUE, "add out exchange=IKE_AUTH message=response notify=IP4_ALLOWED", TRUE, IP4 },
    { TRUE, "add out exchange=IKE_AUTH message=response notify=IP4_ALLOWED data=00", FALSE, 0 },
    { TRUE, "omit out exchange=IKE_AUTH message=response notify=IP4_ALLOWED", TRUE, IP4 | IP6 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Pair *pair = pair_of (flags, "\"0.0.0.0, ::\"", "10.3.0.0/24", "", "");
    g_autofree char *error = NULL;
    guint rule = impair (cases[i].at_b ? &pair->b : &pair->a, cases[i].rule);
    error = pair_up (pair, "net");
    g_assert_cmpuint (impaired (cases[i].at_b ? &pair->b : &pair->a, rule, "hits"), ==, 1);
    if ((error == NULL) != cases[i].is_up)
      g_error ("%u: %s\n-- a --\n%s-- b --\n%s", i, error, pair->a.log->str, pair->b.log->str);
    if (cases[i].is_up) {
      again (pair);
      g_assert_cmpuint (heard.asked, ==, cases[i].asked_again);
    }
    pair_free (pair);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("ip-allowed", "what-is-said-is-as-the-table-has-it", test_table);
  pair_add_test ("ip-allowed", "who-asks-for-nothing-hears-nothing", test_nothing_asked);
  pair_add_test ("ip-allowed", "what-there-is-not-is-not-asked-for-again", test_not_again);
  pair_add_test ("ip-allowed", "what-may-be-had-is-asked-for-again", test_again);
  pair_add_test ("ip-allowed", "without-the-plugin-at-one-end", test_off);
  pair_add_test ("ip-allowed", "forged-stripped-and-malformed", test_forged);
  return g_test_run ();
}
