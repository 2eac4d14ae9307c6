/* SPDX-License-Identifier: Apache-2.0 */
/* test_childless.c - IKE SAs that are made without a CHILD_SA (RFC 6023). */
#include "exchange/bed.h"
#include "exchange/impaired.h"
#include "exchange/middle.h"

enum { CHILDLESS = 16418, EX_CHILD = 36 };

static const char *const plugins[] = { "childless", "impair", NULL };
static const char off[] = "plugins { childless { load = no } }\n";
static const char *const modes[] = { "allow", "prefer", "force", "never" };

#define BODY(mode, net, child)                                                                     \
  "proposals = aes256gcm16-prfsha256-x25519\n retransmit_tries = 1\n" mode                         \
  "\n children { net { " net "\n esp_proposals = aes256gcm16-x25519\n " child " } }\n"
#define NET_A "local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16"
#define NET_B "local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16"

/* -- two ends that count what goes over the wire */

static void
count_children (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  *(guint *) data += event == IKE_SIM_ARRIVED && packet->exchange == EX_CHILD;
}

static Pair *
pair_of (gconstpointer flags, const char *a, const char *b)
{
  return pair_new (&(PairOptions){ .flags = GPOINTER_TO_UINT (flags) | IKE_ENGINE_FOR_TESTS,
                                   .connection = { a, b },
                                   .plugins = plugins });
}

static Pair *
pair_of_modes (gconstpointer flags, const char *a, const char *b)
{
  g_autofree char *of_a = g_strdup_printf (BODY ("childless = %s", NET_A, ""), a),
                  *of_b = g_strdup_printf (BODY ("childless = %s", NET_B, ""), b);

  return pair_of (flags, of_a, of_b);
}

static void
assert_n (Pair *pair, guint n_sas, guint n_children)
{
  PairEnd *ends[] = { &pair->a, &pair->b };

  for (guint i = 0; i < 2; i++) {
    if (bed_n_sas (ends[i]) != n_sas || bed_n_children (ends[i]) != n_children)
      g_error ("-- a --\n%s-- b --\n%s", pair->a.log->str, pair->b.log->str);
    g_assert_cmpuint (ends[i]->kernel_ops->n_sas (ends[i]->kernel), ==, 2 * n_children);
    g_assert_cmpuint (ends[i]->kernel_ops->n_spis (ends[i]->kernel), ==, 0);
  }
  pair_assert_twins (pair);
}

static void
assert_error (Pair *pair, const char *error, const char *wanted)
{
  if (!error || !strstr (error, wanted))
    g_error ("%s\n-- a --\n%s-- b --\n%s", error, pair->a.log->str, pair->b.log->str);
}

/* The `up` of a child, or of none (""), is over when all that it asked for is there. */
static void
check_up (Pair *pair, const char *child, guint n_exchanges)
{
  guint n = 0, tap = pair->a.net_ops->tap_add (pair->a.net, count_children, &n);

  pair_assert_up (pair, child);
  assert_n (pair, 1, *child != 0);
  g_assert_cmpuint (n, ==, 2 * n_exchanges);
  pair->a.net_ops->tap_remove (pair->a.net, tap);
}

static void
check_fails (Pair *pair, const char *child, const char *why)
{
  g_autofree char *error = pair_up (pair, child);
  g_autoptr (IkeTree) record = pair_explain (&pair->a);

  assert_error (pair, error, why);
  /* None of this is about proposals, nor about who we are. */
  g_assert_true (!record || !ike_tree_get (record, "details.offered"));
  g_assert_null (strstr (error, "may not know this identity"));
  pair_run (pair, 300);
  assert_nothing (&pair->a);
  assert_nothing (&pair->b);
}

/* -- each mode of one end with each of the other */

static const char no_peer[] = "the peer makes no IKE SA without a child";

static void
test_child (gconstpointer flags)
{
  for (guint i = 0; i < 16; i++) {
    const char *a = modes[i / 4], *b = modes[i % 4];
    Pair *pair = pair_of_modes (flags, a, b);
    gboolean is_able = strcmp (b, "never") != 0, is_force = strcmp (a, "force") == 0,
             follows = is_able && (is_force || strcmp (a, "prefer") == 0);
    if (is_force && !is_able)
      check_fails (pair, "net", no_peer);
    else if (!follows && strcmp (b, "force") == 0) {
      check_fails (pair, "net", "refused us");
      g_assert_nonnull (strstr (pair->b.log->str, "which childless = force forbids"));
    } else
      check_up (pair, "net", follows);
    pair_free (pair);
  }
}

static void
test_no_child (gconstpointer flags)
{
  for (guint i = 0; i < 16; i++) {
    const char *a = modes[i / 4], *b = modes[i % 4];
    Pair *pair = pair_of_modes (flags, a, b);
    if (strcmp (a, "never") == 0)
      check_fails (pair, "", "the connection wants no IKE SA without one");
    else if (strcmp (b, "never") == 0)
      check_fails (pair, "", no_peer);
    else {
      check_up (pair, "", 0);
      check_up (pair, "net", 1);
    }
    pair_free (pair);
  }
}

/* -- without the plugin */

static Pair *
pair_without (gconstpointer flags, const char *mode, guint which)
{
  g_autofree char *conf = g_strdup_printf ("childless = %s", mode),
                  *of_a = g_strdup_printf (BODY ("%s", NET_A, ""), which == 0 ? "" : conf),
                  *of_b = g_strdup_printf (BODY ("%s", NET_B, ""), which == 1 ? "" : conf);
  PairOptions o = { .flags = GPOINTER_TO_UINT (flags) | IKE_ENGINE_FOR_TESTS,
                    .connection = { of_a, of_b },
                    .plugins = plugins };

  o.more[which] = off;
  return pair_new (&o);
}

static void
test_off (gconstpointer flags)
{
  static const struct {
    const char *mode, *child;
    guint without;
    const char *why;
  } cases[] = {
    { "allow", "net", 0, NULL },         { "allow", "net", 1, NULL },
    { "prefer", "net", 1, NULL },        { "force", "net", 1, no_peer },
    { "allow", "", 1, no_peer },         { "allow", "", 0, "load childless" },
    { "force", "net", 0, "refused us" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Pair *pair = pair_without (flags, cases[i].mode, cases[i].without);
    if (cases[i].why)
      check_fails (pair, cases[i].child, cases[i].why);
    else
      check_up (pair, cases[i].child, 0);
    pair_free (pair);
  }
}

/* RFC 6023, 3: without support a responder "SHOULD reply with an INVALID_SYNTAX". */
static void
test_asked_without (gconstpointer flags)
{
  static const char *const payloads[] = { "SA", "TSi", "TSr" };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (payloads); i++) {
    Pair *pair = pair_without (flags, "allow", i % 2);
    g_autofree char *rule =
        g_strdup_printf ("omit out exchange=IKE_AUTH message=request payload=%s", payloads[i / 2]);
    impair (&pair->a, rule);
    check_fails (pair, "net", "INVALID_SYNTAX");
    g_assert_cmpuint (pair->b.kernel_ops->n_calls (pair->b.kernel, IKE_FAKE_INSTALL), ==, 0);
    pair_free (pair);
  }
}

/* -- on the wire */

static Middle
middle_of (Pair *pair, const MiddleChange *change, guint n_most)
{
  return (Middle){
    .change = change, .of_response = TRUE, .message = g_byte_array_new (), .n_most = n_most
  };
}

static const MiddleChange stripped = { "stripped", MIDDLE_OMIT, .notify = CHILDLESS };

/* Whoever strips the notify gets nobody to do without it. */
static void
test_stripped (gconstpointer flags)
{
  static const char *const wanted[] = { "prefer", "force", "allow" };

  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++) {
    Pair *pair = pair_of_modes (flags, wanted[i], "allow");
    Middle middle = middle_of (pair, &stripped, 0);
    pair->a.net_ops->set_script (pair->a.net, middle_stand_between, &middle);
    check_fails (pair, i == 2 ? "" : "net", i ? no_peer : "authentication failed");
    g_assert_cmpuint (middle.n_done, >, 0);
    g_byte_array_unref (middle.message);
    pair_free (pair);
  }
}

/* What was forged once is no reason to end: the true answer comes when it is asked for again. */
static void
test_stripped_once (gconstpointer flags)
{
  Pair *pair = pair_of_modes (flags, "force", "allow");
  Middle middle = middle_of (pair, &stripped, 1);

  pair->a.net_ops->set_script (pair->a.net, middle_stand_between, &middle);
  pair_assert_up (pair, "net");
  g_assert_cmpuint (middle.n_done, ==, 1);
  assert_n (pair, 1, 1);
  g_byte_array_unref (middle.message);
  pair_free (pair);
}

/* A second one, one with data, and one that was never said. */
static void
test_changed (gconstpointer flags)
{
  static const MiddleChange changes[] = {
    { "a second one", MIDDLE_ADD, .notify = CHILDLESS },
    { "with data", MIDDLE_ADD, .notify = CHILDLESS, .bytes = "12", .len = 2 },
  };
  static const char *const of_b[] = { "allow", "never" };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (changes); i++) {
    Pair *pair = pair_of_modes (flags, "prefer", of_b[i % 2]);
    Middle middle = middle_of (pair, &changes[i / 2], 0);
    pair->a.net_ops->set_script (pair->a.net, middle_stand_between, &middle);
    check_fails (pair, "net", "");
    g_assert_cmpuint (middle.n_done, >, 0);
    g_byte_array_unref (middle.message);
    pair_free (pair);
  }
}

/* From who begins it means nothing. */
static void
test_in_request (gconstpointer flags)
{
  Pair *pair = pair_of_modes (flags, "never", "allow");

  impair (&pair->a, "add out exchange=IKE_SA_INIT message=request notify=16418");
  check_up (pair, "net", 0);
  pair_free (pair);
}

/* -- the child that follows */

/* The IKE SA is up, and why the child is not there is said to who asked for it. */
static void
test_child_fails (gconstpointer flags)
{
  Pair *pair = pair_of (flags, BODY ("childless = prefer", NET_A, ""),
                        BODY ("childless = allow", "local_ts = 10.9.0.0/16", ""));
  g_autofree char *error = pair_up (pair, "net");

  assert_error (pair, error, "TS_UNACCEPTABLE");
  assert_n (pair, 1, 0);
  pair_free (pair);
}

/* Two who ask for one child hear of the one that comes. */
static void
test_asked_twice (gconstpointer flags)
{
  Pair *pair = pair_of_modes (flags, "force", "force");
  char *errors[2] = { NULL, NULL };

  pair_begin_up (pair, &pair->a, "pair", "net", &errors[0]);
  pair_begin_up (pair, &pair->a, "pair", "net", &errors[1]);
  while (!errors[0] || !errors[1])
    g_assert_true (ike_sim_step (pair->sim, G_MAXINT64));
  g_assert_cmpstr (errors[0], ==, "");
  g_assert_cmpstr (errors[1], ==, "");
  ike_sim_settle (pair->sim);
  assert_n (pair, 1, 1);
  g_free (errors[0]);
  g_free (errors[1]);
  pair_free (pair);
}

/* RFC 7296, 2.25: who cannot now is asked again, and no IKE SA is begun anew for it. */
static void
test_later (gconstpointer flags)
{
  Pair *pair = pair_of_modes (flags, "prefer", "prefer");

  impair (&pair->b, "fail in exchange=CREATE_CHILD_SA notify=TEMPORARY_FAILURE count=1");
  pair_assert_up (pair, "net");
  assert_n (pair, 1, 1);
  g_assert_cmpuint (pair_count (&pair->a, "ike.initiated"), ==, 1);
  pair_free (pair);
}

/* -- what lives on */

static Bed *
bed_of (gconstpointer flags, const char *conn)
{
  return bed_new (&(BedOptions){ .seed = 7,
                                 .flags = GPOINTER_TO_UINT (flags) | IKE_ENGINE_FOR_TESTS,
                                 .n_children = 2,
                                 .conn = conn,
                                 .child = BED_PFS "rekey_time = 15m\nrand_time = 1m\n",
                                 .plugins = plugins });
}

static void
test_rekey (gconstpointer flags)
{
  Bed *bed = bed_of (flags, "childless = force\nrekey_time = 20m\nrand_time = 1m\n");

  flow_run (bed->flow, 3600);
  g_assert_cmpuint (pair_count (&bed->pair->a, "ike.rekeyed"), >=, 2);
  bed_assert_n (bed, 2);
  bed_assert_no_loss (bed);
  bed_free (bed);
}

static void
test_reauth (gconstpointer flags)
{
  Bed *bed = bed_of (flags, "childless = force\nreauth_time = 20m\nrand_time = 1m\n");

  flow_run (bed->flow, 3600);
  g_assert_cmpuint (pair_count (&bed->pair->a, "ike.established"), >=, 3);
  bed_assert_n (bed, 2);
  bed_assert_no_loss (bed);
  bed_free (bed);
}

/* An IKE SA without a child is replaced as any other, and takes children then. */
static void
test_rekey_childless (gconstpointer flags)
{
  Pair *pair = pair_of (flags, BODY ("rekey_time = 10m\n rand_time = 0", NET_A, ""),
                        BODY ("rekey_time = 0", NET_B, ""));

  pair_assert_up (pair, "");
  pair_run (pair, 700);
  g_assert_cmpuint (pair_count (&pair->a, "ike.rekeyed"), ==, 1);
  assert_n (pair, 1, 0);
  pair_assert_up (pair, "net");
  assert_n (pair, 1, 1);
  pair_free (pair);
}

/* RFC 4739: AUTH more than once at each end, and none of it asks for a child. */
static void
test_rounds (gconstpointer flags)
{
#define ROUNDS(own, theirs)                                                                        \
  "childless = force\n local2 { auth = psk\n id = " own ".two\n }\n"                               \
  "remote2 { auth = psk\n id = " theirs ".two\n }"
  Pair *pair =
      pair_of (flags, BODY (ROUNDS ("a", "b"), NET_A, ""), BODY (ROUNDS ("b", "a"), NET_B, ""));

  check_up (pair, "net", 1);
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("childless", "a-child-comes-as-both-ends-say", test_child);
  pair_add_test ("childless", "none-comes-where-both-ends-say-so", test_no_child);
  pair_add_test ("childless", "without-the-plugin-at-one-end", test_off);
  pair_add_test ("childless", "half-a-child-is-malformed", test_asked_without);
  pair_add_test ("childless", "who-strips-the-notify-gets-nothing", test_stripped);
  pair_add_test ("childless", "what-was-forged-once-is-no-end", test_stripped_once);
  pair_add_test ("childless", "what-was-added-is-found-out", test_changed);
  pair_add_test ("childless", "in-a-request-it-means-nothing", test_in_request);
  pair_add_test ("childless", "who-asked-hears-why-the-child-failed", test_child_fails);
  pair_add_test ("childless", "two-who-ask-get-one-child", test_asked_twice);
  pair_add_test ("childless", "what-cannot-be-now-comes-later", test_later);
  pair_add_test ("childless", "children-are-replaced-as-ever", test_rekey);
  pair_add_test ("childless", "who-authenticates-anew-does-so-without-a-child", test_reauth);
  pair_add_test ("childless", "an-ike-sa-without-a-child-is-replaced", test_rekey_childless);
  pair_add_test ("childless", "several-rounds-of-auth", test_rounds);
  return g_test_run ();
}
