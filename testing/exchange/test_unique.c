/* SPDX-License-Identifier: Apache-2.0 */
/* test_unique.c - how many IKE SAs a peer may have: INITIAL_CONTACT (RFC 7296, 2.4), `unique`. */
#include "exchange/forge.h"
#include <ikebana/command.h>
#include <string.h>

#define IKE "proposals = aes256gcm16-prfsha256-x25519\n"
#define A(more) IKE more "children { net { local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n } }\n"
#define B(more) IKE more "children { net { local_ts = 10.2.0.0/16\n remote_ts = 10.0.0.0/8\n } }\n"
/* A second connection of `a` between the same two. */
#define SECOND(more)                                                                               \
  "connections { second {\n local_addrs = 10.0.0.1\n remote_addrs = 10.0.0.2\n" IKE                \
  " local { auth = psk\n id = a.test\n }\n remote { auth = psk\n id = b.test\n }\n" more           \
  " children { net { local_ts = 10.3.0.0/16\n remote_ts = 10.2.0.0/16\n } } } }\n"

/* The same from another place. */
#define ELSEWHERE(more)                                                                            \
  "connections { second {\n local_addrs = fd00::1\n remote_addrs = fd00::2\n" IKE                  \
  " local { auth = psk\n id = a.test\n }\n remote { auth = psk\n id = b.test\n }\n" more           \
  " children { net { local_ts = 10.3.0.0/16\n remote_ts = 10.2.0.0/16\n } } } }\n"
#define ANYWHERE "local_addrs = %any\n remote_addrs = %any\n"

static PairOptions
options (gconstpointer flags, const char *a, const char *b)
{
  return (PairOptions){ .flags = GPOINTER_TO_UINT (flags),
                        .n_shards = 4,
                        .connection = { a, b },
                        .more = { SECOND (""), NULL } };
}

static void
assert_n_sas (Pair *pair, guint n_a, guint n_b)
{
  g_assert_cmpuint (forge_n_sas (&pair->a), ==, n_a);
  g_assert_cmpuint (forge_n_sas (&pair->b), ==, n_b);
}

static void
assert_up_of (Pair *pair, const char *conn)
{
  g_autofree char *error = pair_up_of (pair, &pair->a, conn, "net");

  if (error)
    g_test_message ("%s\n-- a --\n%s-- b --\n%s", error, pair->a.log->str, pair->b.log->str);
  g_assert_cmpstr (error, ==, NULL);
}

/* -- INITIAL_CONTACT */

/* "the recipient MAY use this information to delete any other IKE SAs it has to the same
 * authenticated identity without waiting for a timeout." */
static void
test_after_a_crash (gconstpointer flags)
{
  static const char *const policies[] = { "", "unique = no\n", "unique = replace\n",
                                          "unique = keep\n" };

  for (guint i = 0; i < G_N_ELEMENTS (policies); i++) {
    g_autofree char *b = g_strconcat (policies[i], B (""), NULL);
    PairOptions o = options (flags, A (""), b);
    Pair *pair = pair_new (&o);
    assert_up_of (pair, "pair");
    if (i < 2)
      assert_up_of (pair, "second");
    pair_run (pair, 1);
    pair_restart (pair, &pair->a, &o);
    assert_up_of (pair, "pair");
    pair_run (pair, 1);
    assert_n_sas (pair, 1, 1);
    g_assert_nonnull (strstr (pair->b.log->str, "the peer begins anew: INITIAL_CONTACT"));
    pair_assert_twins (pair);
    pair_free (pair);
  }
}

/* Who may be replicated does not say it, and who never enforces does not listen. */
static void
test_never (gconstpointer flags)
{
  static const char *const bodies[][2] = { { A ("unique = never\n"), B ("") },
                                           { A (""), B ("unique = never\n") } };

  for (guint i = 0; i < G_N_ELEMENTS (bodies); i++) {
    PairOptions o = options (flags, bodies[i][0], bodies[i][1]);
    Pair *pair = pair_new (&o);
    assert_up_of (pair, "pair");
    pair_restart (pair, &pair->a, &o);
    assert_up_of (pair, "pair");
    pair_run (pair, 1);
    assert_n_sas (pair, 1, 2);
    pair_free (pair);
  }
}

typedef struct {
  guint n_requests, n_contacts;
} Said;

static IkeHookVerdict
count_contacts (IkePlugin *self, IkeSa *sa, IkeMessageEvent *event)
{
  Said *said = ike_plugin_state (self);
  guint8 first = event->first_payload;
  gsize at = 0;

  if (event->is_inbound || !event->is_request || event->exchange != 35)
    return IKE_HOOK_PASS;
  said->n_requests++;
  while (first && at + 8 <= event->len) {
    if (first == IKE_PAYLOAD_NOTIFY
        && (event->plain[at + 6] << 8 | event->plain[at + 7]) == IKE_N_INITIAL_CONTACT)
      said->n_contacts++;
    first = event->plain[at];
    at += (gsize) event->plain[at + 2] << 8 | event->plain[at + 3];
  }
  return IKE_HOOK_PASS;
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  ike_plugin_set_state (self, g_new0 (Said, 1), g_free);
  return ike_message_hook_add (self, "contacts", NULL, count_contacts, error);
}

static void
say (IkePlugin *self, IkeRequest *request)
{
  const Said *said = ike_plugin_state (self);
  IkeTree *result = ike_tree_new_section ();

  ike_tree_set_int (result, "requests", said->n_requests);
  ike_tree_set_int (result, "contacts", said->n_contacts);
  ike_request_finish (request, result);
}

static const IkeCommandClass say_class = { .struct_size = sizeof (IkeCommandClass),
                                           .flags = IKE_COMMAND_READ_ONLY,
                                           .summary = "for the test",
                                           .run = say };
static const IkeFeature say_feature = { .struct_size = sizeof (IkeFeature),
                                        .provides = "command:contacts",
                                        .ops = &say_class };
static const IkeFeature *const features[] = { &say_feature, NULL };

static const IkePluginInfo contacts_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "contacts",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "counts INITIAL_CONTACT",
  .features = features,
  .activate = activate,
};
static const IkePluginInfo *const builtin[] = { &contacts_plugin, NULL };
static const char *const plugins[] = { "contacts", NULL };

static void
assert_said (PairEnd *end, gint64 n_requests, gint64 n_contacts)
{
  g_autoptr (IkeTree) said = pair_command (end, "contacts", NULL, NULL);

  g_assert_cmpint (ike_tree_int (said, "requests", -1), ==, n_requests);
  g_assert_cmpint (ike_tree_int (said, "contacts", -1), ==, n_contacts);
}

/* It is true when it is said: not while there is another SA, and not to somebody unknown. */
static void
test_said_when_true (gconstpointer flags)
{
  PairOptions o = options (flags, A (""), B (""));
  Pair *pair;

  o.builtin = builtin;
  o.plugins = plugins;
  pair = pair_new (&o);
  assert_up_of (pair, "pair");
  assert_said (&pair->a, 1, 1);
  assert_up_of (pair, "second");
  assert_said (&pair->a, 2, 1);
  assert_n_sas (pair, 2, 2);
  pair_down (pair, "pair", NULL);
  pair_down (pair, "second", NULL);
  assert_up_of (pair, "second");
  assert_said (&pair->a, 3, 2);
  pair_free (pair);

  o.connection[0] = A ("remote { id = %any\n }\n");
  pair = pair_new (&o);
  assert_up_of (pair, "pair");
  assert_said (&pair->a, 1, 0);
  pair_free (pair);
}

/* Whoever does not prove to be the peer ends nothing. */
static void
test_unproven (gconstpointer flags)
{
  PairOptions o = options (flags, A (""), B (""));
  Pair *pair = pair_new (&o);
  g_autofree char *error = NULL;

  assert_up_of (pair, "pair");
  o.secrets[0] = "secret = guessed\n";
  pair_restart (pair, &pair->a, &o);
  error = pair_up (pair, "net");
  g_assert_nonnull (error);
  pair_run (pair, 5);
  assert_n_sas (pair, 0, 1);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 2);
  pair_free (pair);
}

/* RFC 7619, 2.3: "the INITIAL_CONTACT notifications MUST NOT be used to delete any other IKE SAs
 * based on the same peer identity": an anonymous peer may call itself what it likes. */
static void
test_anonymous (gconstpointer flags)
{
  static const char *const auth_null[] = { "auth-null", NULL };
  static const char nobody[] = "remote { auth = null\n id = %any\n }\n";
  static const char *const policies[] = { "", "unique = replace\n", "unique = keep\n" };

  for (guint i = 0; i < G_N_ELEMENTS (policies); i++) {
    g_autofree char *more = g_strdup_printf (
        "connections { nobody {\n local_addrs = 10.0.0.2\n remote_addrs = %%any\n" IKE "%s"
        "local { auth = psk\n id = b.test\n }\n %s children { net { local_ts = 10.2.0.0/16\n"
        " remote_ts = 10.3.0.0/16\n } } } }\n",
        policies[i], nobody);
    PairOptions o = options (flags, A (""), B (""));
    Pair *pair;
    o.plugins = auth_null;
    o.more[0] = SECOND ("local { auth = null\n }\n");
    o.more[1] = more;
    pair = pair_new (&o);
    assert_up_of (pair, "pair");
    pair_run (pair, 1);
    /* A second SA of `a` does not say it; one of another process does. */
    pair_restart (pair, &pair->a, &o);
    assert_up_of (pair, "second");
    pair_run (pair, 5);
    assert_n_sas (pair, 1, 2);
    /* Nor does an anonymous one keep out the one whose name it bears. */
    assert_up_of (pair, "pair");
    pair_free (pair);
  }
}

/* -- policies */

static void
test_replace (gconstpointer flags)
{
  PairOptions o = options (flags, A (""), B (ANYWHERE "unique = replace\n"));
  Pair *pair;
  g_autoptr (IkeTree) status = NULL;

  o.more[0] = ELSEWHERE ("");
  pair = pair_new (&o);
  for (guint i = 0; i < 3; i++) {
    assert_up_of (pair, i % 2 ? "second" : "pair");
    pair_run (pair, 2);
    /* The older one is deleted properly: its peer is alive. */
    assert_n_sas (pair, 1, 1);
    pair_assert_twins (pair);
  }
  status = pair_status (&pair->a);
  g_assert_cmpstr (
      ike_tree_string (ike_tree_nth (ike_tree_get (status, "sas"), 0), "connection", ""), ==,
      "pair");
  pair_free (pair);
}

static void
test_keep (gconstpointer flags)
{
  PairOptions o = options (flags, A (""), B (ANYWHERE "unique = keep\n"));
  Pair *pair;
  g_autofree char *error = NULL;
  g_autoptr (IkeTree) why = NULL;

  o.more[0] = ELSEWHERE ("");
  pair = pair_new (&o);
  assert_up_of (pair, "pair");
  error = pair_up_of (pair, &pair->a, "second", "net");
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error, "AUTHENTICATION_FAILED"));
  pair_run (pair, 5);
  assert_n_sas (pair, 1, 1);
  pair_assert_twins (pair);
  why = pair_explain (&pair->b);
  g_assert_cmpstr (ike_tree_string (why, "phase", ""), ==, "unique");
  g_assert_nonnull (strstr (ike_tree_string (why, "reason", ""),
                            "it is connected already, by [1], and connections.pair.unique = keep"));
  pair_down (pair, "pair", NULL);
  g_free (g_steal_pointer (&error));
  assert_up_of (pair, "second");
  pair_free (pair);
}

/* One that is kept and dead is found out, and its peer gets in later, also without the notify. */
static void
test_keep_the_dead (gconstpointer flags)
{
  PairOptions o = options (flags, A ("unique = never\n"),
                           B (ANYWHERE "unique = keep\n retransmit_tries = 1\n"));
  Pair *pair;
  g_autofree char *error = NULL;

  o.more[0] = ELSEWHERE ("unique = never\n");
  pair = pair_new (&o);
  assert_up_of (pair, "pair");
  pair_restart (pair, &pair->a, &o);
  error = pair_up_of (pair, &pair->a, "second", "net");
  g_assert_nonnull (error);
  pair_run (pair, 60);
  assert_up_of (pair, "pair");
  assert_n_sas (pair, 1, 1);
  pair_free (pair);
}

/* RFC 7296, 2.8.3: the new one comes before the old one goes: that is no duplicate, and if the old
 * one does not go, it is made to. */
static void
test_anew (gconstpointer flags)
{
  static const char *const policies[] = { "unique = replace\n", "unique = keep\n" };

  for (guint i = 0; i < G_N_ELEMENTS (policies); i++) {
    g_autofree char *b = g_strconcat (policies[i], B (""), NULL);
    PairOptions o = options (flags, A (""), b);
    Pair *pair = pair_new (&o);
    assert_up_of (pair, "pair");
    assert_up_of (pair, "second");
    pair_run (pair, 8);
    assert_n_sas (pair, 2, 2);
    pair_run (pair, 5);
    assert_n_sas (pair, 1, 1);
    pair_assert_twins (pair);
    pair_free (pair);
  }
}

static void
test_limit (gconstpointer flags)
{
  PairOptions o = options (flags, A (""), B (ANYWHERE "max_per_identity = 2\n"));
  g_autofree char *error = NULL;
  g_autoptr (IkeTree) why = NULL;
  Pair *pair;

  o.more[0] = ELSEWHERE ("");
  o.more[1] = NULL;
  pair = pair_new (&o);
  assert_up_of (pair, "pair");
  assert_up_of (pair, "second");
  pair_down (pair, "pair", NULL);
  assert_up_of (pair, "pair");
  pair_free (pair);
  o.connection[1] = B (ANYWHERE "max_per_identity = 1\n");
  pair = pair_new (&o);
  assert_up_of (pair, "pair");
  error = pair_up_of (pair, &pair->a, "second", "net");
  g_assert_nonnull (error);
  why = pair_explain (&pair->b);
  g_assert_nonnull (strstr (ike_tree_string (why, "reason", ""), "max_per_identity"));
  pair_free (pair);
}

static void
test_no (gconstpointer flags)
{
  PairOptions o = options (flags, A (""), B (""));
  Pair *pair = pair_new (&o);

  assert_up_of (pair, "pair");
  assert_up_of (pair, "second");
  pair_run (pair, 5);
  assert_n_sas (pair, 2, 2);
  pair_free (pair);
}

/* Both begin at the same time, and both say that they know of no other SA, which is true. */
static void
test_both_begin (gconstpointer flags)
{
  static const char *const policies[] = { "", "unique = replace\n" };

  for (guint i = 0; i < G_N_ELEMENTS (policies); i++)
    for (guint late_ms = 0; late_ms <= 70; late_ms += 5) {
      g_autofree char *a = g_strconcat (policies[i], A (""), NULL),
                      *b = g_strconcat (policies[i], B (""), NULL);
      PairOptions o = options (flags, a, b);
      Pair *pair = pair_new (&o);
      char *error_a, *error_b;
      gint64 until = ike_sim_now_us (pair->sim) + late_ms * 1000;
      guint n;
      pair_begin_up (pair, &pair->a, "pair", "net", &error_a);
      while (ike_sim_step (pair->sim, until))
        ;
      pair_begin_up (pair, &pair->b, "pair", "net", &error_b);
      pair_run (pair, 20);
      g_assert_cmpstr (error_a, ==, "");
      g_assert_cmpstr (error_b, ==, "");
      n = forge_n_sas (&pair->a);
      g_assert_cmpuint (n, >=, 1);
      assert_n_sas (pair, n, n);
      pair_assert_twins (pair);
      g_free (error_a);
      g_free (error_b);
      pair_free (pair);
    }
}

/* A client that starts two at once has one in the end, under `keep` as under `replace`. */
static void
test_two_at_once (gconstpointer flags)
{
  static const char *const bodies[] = { B ("unique = replace\n"), B ("unique = keep\n") };

  for (guint i = 0; i < G_N_ELEMENTS (bodies); i++) {
    PairOptions o = options (flags, A ("unique = never\n"), bodies[i]);
    Pair *pair;
    char *first, *second;
    o.more[0] = SECOND ("unique = never\n");
    pair = pair_new (&o);
    pair_begin_up (pair, &pair->a, "pair", "net", &first);
    pair_begin_up (pair, &pair->a, "second", "net", &second);
    pair_run (pair, 20);
    g_assert_nonnull (first);
    g_assert_nonnull (second);
    assert_n_sas (pair, 1, 1);
    pair_assert_twins (pair);
    g_free (first);
    g_free (second);
    pair_free (pair);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("unique", "who-comes-back-after-a-crash-has-one-sa", test_after_a_crash);
  pair_add_test ("unique", "never-says-and-heeds-nothing", test_never);
  pair_add_test ("unique", "initial-contact-is-said-when-it-is-true", test_said_when_true);
  pair_add_test ("unique", "who-proves-nothing-ends-nothing", test_unproven);
  pair_add_test ("unique", "an-anonymous-peer-is-nobodys-namesake", test_anonymous);
  pair_add_test ("unique", "replace-deletes-the-older", test_replace);
  pair_add_test ("unique", "keep-refuses-the-newer", test_keep);
  pair_add_test ("unique", "keep-does-not-keep-the-dead", test_keep_the_dead);
  pair_add_test ("unique", "authenticating-anew-is-no-duplicate", test_anew);
  pair_add_test ("unique", "so-many-of-one-peer", test_limit);
  pair_add_test ("unique", "without-a-policy-there-may-be-two", test_no);
  pair_add_test ("unique", "both-begin-at-once", test_both_begin);
  pair_add_test ("unique", "two-at-once-are-one", test_two_at_once);
  return g_test_run ();
}
