/* SPDX-License-Identifier: Apache-2.0 */
/* test_impair.c - each thing that the plugin impair can do, done to two engines, and what comes of
 * it. */
#include "exchange/impaired.h"
#include "exchange/attacks.h"

static Pair *
pair_of (gconstpointer flags)
{
  PairOptions o = impaired_options (flags, NULL, NULL);

  return pair_new (&o);
}

static gint64
ms_of_up (Pair *pair)
{
  gint64 begin = ike_sim_now_us (pair->sim);

  pair_assert_up (pair, NULL);
  return (ike_sim_now_us (pair->sim) - begin) / 1000;
}

/* -- where it loads */

static void
test_not_without (gconstpointer flags)
{
  static const char *const more = "plugins { impair { load = yes\n } }\n";
  Pair *pair = pair_new (&(PairOptions){
      .flags = GPOINTER_TO_UINT (flags), .plugins = impaired_plugins, .more = { more, more } });
  g_autofree char *why = ike_plugin_explain (pair->a.engine, "impair"), *error = NULL;

  g_assert_nonnull (strstr (why, "for tests only: loads where ikebanad was started with "
                                 "--for-tests"));
  g_assert_null (pair_command (&pair->a, "impair-add", impaired_args ("drop in"), &error));
  g_assert_true (g_str_has_prefix (error, "not-found: unknown command impair-add"));
  pair_assert_up (pair, NULL);
  pair_free (pair);
}

/* -- datagrams */

static void
test_drop (gconstpointer flags)
{
  Pair *pair = pair_of (flags);
  guint out = impair (&pair->a, "drop out exchange=IKE_AUTH message=request count=2"),
        in = impair (&pair->a, "drop in exchange=IKE_SA_INIT nth=1 count=1"),
        other = impair (&pair->b, "drop in exchange=CREATE_CHILD_SA");

  g_assert_cmpint (ms_of_up (pair), >, 4000);
  pair_assert_twins (pair);
  g_assert_cmpuint (impaired (&pair->a, out, "hits"), ==, 2);
  g_assert_cmpuint (impaired (&pair->a, out, "seen"), ==, 3);
  g_assert_cmpuint (impaired (&pair->a, in, "hits"), ==, 1);
  g_assert_cmpuint (impaired (&pair->b, other, "seen"), ==, 0);
  g_assert_cmpuint (pair_count (&pair->a, "output.retransmits"), ==, 3);
  pair_free (pair);
}

static void
test_drop_all (gconstpointer flags)
{
  Pair *pair = pair_of (flags);
  g_autofree char *error = NULL;

  impair (&pair->b, "drop in");
  error = pair_up (pair, NULL);
  g_assert_nonnull (strstr (error, "no answer from"));
  g_assert_cmpuint (pair_count (&pair->b, "input.received"), >, 0);
  assert_nothing (&pair->a);
  assert_nothing (&pair->b);
  pair_free (pair);
}

/* RFC 7296, 2.1: a repeated request gets its answer again, and no more. */
static void
test_duplicate (gconstpointer flags)
{
  Pair *pair = pair_of (flags);
  guint rule = impair (&pair->a, "duplicate out");

  impair (&pair->a, "duplicate in");
  impair (&pair->b, "duplicate in");
  pair_assert_up (pair, NULL);
  pair_assert_twins (pair);
  g_assert_cmpuint (impaired (&pair->a, rule, "hits"), ==, 2);
  g_assert_cmpuint (pair_count (&pair->b, "input.retransmits"), >=, 4);
  g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 2);
  pair_free (pair);
}

#define CUT                                                                                        \
  "proposals = aes256gcm16-prfsha256-x25519\n fragmentation = yes\n fragment_size = 576\n"         \
  "local { auth = psk\n id = \"%s\"\n }\n remote { auth = psk\n id = %%any\n }\n"                  \
  "children { net { esp_proposals = aes256gcm16\n } }\n"

/* The first fragment arrives behind the second one; alone, a message is only late. */
static void
test_reorder (gconstpointer flags)
{
  g_autofree char *long_name = g_strnfill (600, 'x'), *id = g_strconcat (long_name, ".test", NULL),
                  *body = g_strdup_printf (CUT, id);
  PairOptions o = impaired_options (flags, body, body);
  Pair *pair;
  guint rule, alone;

  o.secrets[0] = o.secrets[1] = "secret = \"one for all of them\"\n";
  pair = pair_new (&o);
  rule = impair (&pair->a, "reorder out exchange=IKE_AUTH count=1");
  alone = impair (&pair->b, "reorder out exchange=IKE_SA_INIT count=1");
  g_assert_cmpint (ms_of_up (pair), <, 1500);
  g_assert_cmpint (ike_sim_now_us (pair->sim), >, 1000 * 1000);
  g_assert_cmpuint (impaired (&pair->a, rule, "hits"), ==, 1);
  g_assert_cmpuint (impaired (&pair->a, rule, "seen"), >=, 2);
  g_assert_cmpuint (impaired (&pair->b, alone, "hits"), ==, 1);
  g_assert_cmpuint (pair_count (&pair->a, "output.retransmits"), ==, 0);
  pair_free (pair);
}

static void
test_delay (gconstpointer flags)
{
  Pair *pair = pair_of (flags);
  gint64 ms;

  impair (&pair->b, "delay out exchange=IKE_SA_INIT ms=1500");
  impair (&pair->a, "delay out exchange=IKE_AUTH ms=700");
  ms = ms_of_up (pair);
  g_assert_cmpint (ms, >=, 2200);
  g_assert_cmpint (ms, <, 3000);
  g_assert_cmpuint (pair_count (&pair->a, "output.retransmits"), ==, 0);
  pair_free (pair);
}

/* What is damaged is counted and dropped, and what comes after it counts. */
static void
test_corrupt (gconstpointer flags)
{
  Pair *pair = pair_of (flags);

  impair (&pair->a, "corrupt out exchange=IKE_AUTH count=1");
  impair (&pair->b, "corrupt out exchange=IKE_AUTH byte=40 count=1");
  impair (&pair->b, "corrupt in exchange=IKE_SA_INIT byte=24 count=1");
  pair_assert_up (pair, NULL);
  pair_assert_twins (pair);
  g_assert_cmpuint (pair_count (&pair->b, "input.bad-icv"), ==, 1);
  g_assert_cmpuint (pair_count (&pair->a, "input.bad-icv"), ==, 1);
  g_assert_cmpuint (pair_count (&pair->b, "input.bad-header"), ==, 1);
  pair_free (pair);
}

static void
test_truncate (gconstpointer flags)
{
  Pair *pair = pair_of (flags);

  impair (&pair->a, "truncate out exchange=IKE_SA_INIT byte=27 count=1");
  impair (&pair->b, "truncate in exchange=IKE_SA_INIT byte=0 count=1");
  impair (&pair->b, "truncate in exchange=IKE_AUTH byte=60 count=1");
  pair_assert_up (pair, NULL);
  g_assert_cmpuint (pair_count (&pair->b, "input.bad-header"), ==, 3);
  pair_free (pair);
}

static void
try_hold (gconstpointer flags, guint n_shards)
{
  PairOptions o = impaired_options (flags, NULL, NULL);
  Pair *pair;
  g_autoptr (IkeTree) list = NULL;
  const IkeTree *held;
  char *error = NULL;
  guint in, out;

  o.n_shards = n_shards;
  pair = pair_new (&o);
  in = impair (&pair->b, "hold in exchange=IKE_AUTH");
  out = impair (&pair->a, "hold out exchange=IKE_SA_INIT");
  pair_begin_up (pair, &pair->a, "pair", NULL, &error);
  pair_run_ms (pair, 4500);
  g_assert_cmpuint (impaired (&pair->a, out, "held"), ==, 2);
  impaired_drip (&pair->a, out, 1, FALSE);
  pair_run_ms (pair, 200);
  g_assert_cmpuint (impaired (&pair->b, in, "held"), ==, 1);
  g_assert_null (error);
  list = pair_command (&pair->b, "impair", NULL, NULL);
  held = ike_tree_nth (ike_tree_get (list, "held"), 0);
  g_assert_cmpstr (ike_tree_string (held, "exchange", ""), ==, "IKE_AUTH");
  g_assert_cmpstr (ike_tree_string (held, "message", ""), ==, "request");
  g_assert_cmpint (ike_tree_int (held, "id", 0), ==, 1);
  impaired_drip (&pair->b, 0, 1, TRUE);
  pair_run_ms (pair, 4500);
  g_assert_null (error);
  g_assert_cmpuint (impaired_held (&pair->b), ==, 1);
  impaired_drip (&pair->b, in, 1, FALSE);
  pair_run_ms (pair, 200);
  g_assert_cmpstr (error, ==, "");
  g_assert_cmpuint (impaired (&pair->a, out, "held"), ==, 1);
  impaired_clear (&pair->a);
  g_assert_cmpuint (impaired_held (&pair->a), ==, 0);
  pair_run (pair, 10);
  pair_assert_twins (pair);
  g_free (error);
  pair_free (pair);
}

static void
test_hold (gconstpointer flags)
{
  try_hold (flags, 1);
  try_hold (flags, 3);
}

/* What is held when the engine ends goes with it. */
static void
test_end (gconstpointer flags)
{
  Pair *pair = pair_of (flags);
  char *errors[2] = { NULL, NULL };

  impair (&pair->b, "hold in exchange=IKE_AUTH count=1");
  impair (&pair->b, "reorder in exchange=IKE_AUTH nth=2");
  impair (&pair->a, "delay out exchange=IKE_AUTH ms=60000 nth=2");
  impair (&pair->a, "wait out exchange=IKE_AUTH ms=100");
  pair_begin_up (pair, &pair->a, "pair", NULL, &errors[0]);
  pair_run_ms (pair, 6000);
  impair (&pair->a, "wait out ms=60000");
  pair_begin_up (pair, &pair->a, "pair", NULL, &errors[1]);
  pair_run_ms (pair, 100);
  g_assert_cmpuint (impaired_held (&pair->b), ==, 1);
  pair_free (pair);
  g_free (errors[0]);
  g_free (errors[1]);
}

/* However many come, so many are kept, and the others are lost. */
static void
test_bound (gconstpointer flags)
{
  static const guint8 junk[40] = { 1, 2, 3 };
  Pair *pair = pair_of (flags);

  impair (&pair->b, "hold in");
  for (guint i = 0; i < 1100; i++)
    pair_inject (pair, "10.0.0.1", "10.0.0.2", junk, sizeof junk);
  pair_run (pair, 1);
  g_assert_cmpuint (impaired_held (&pair->b), ==, 1024);
  g_assert_cmpuint (pair_count (&pair->b, "impair.lost"), ==, 76);
  impaired_clear (&pair->b);
  pair_run (pair, 1);
  g_assert_cmpuint (pair_count (&pair->b, "input.bad-version"), ==, 1024);
  pair_free (pair);
}

/* -- which ones */

/* However it comes to the shard that handles it, each is seen there, and once. */
static void
test_shards (gconstpointer flags)
{
  static const char *const rules[] = { "delay in ms=1", "delay in sa=1 ms=1" };
  guint64 n_forwarded = 0;

  for (guint i = 0; i < 8; i++) {
    PairOptions o = impaired_options (flags, NULL, NULL);
    Pair *pair;
    guint rule;
    o.seed = i;
    o.n_shards = 5;
    o.more[1] = "plugins { net-sim { steer = no\n } }\n";
    pair = pair_new (&o);
    rule = impair (&pair->b, rules[i % 2]);
    pair_assert_up (pair, NULL);
    pair_assert_twins (pair);
    g_assert_cmpuint (impaired (&pair->b, rule, "seen"), ==, i % 2 ? 1 : 2);
    g_assert_cmpuint (impaired (&pair->b, rule, "hits"), ==, i % 2 ? 1 : 2);
    g_assert_cmpuint (pair_count (&pair->b, "shard.forwarded-twice"), ==, 0);
    n_forwarded += pair_count (&pair->b, "shard.forwarded");
    pair_free (pair);
  }
  g_assert_cmpuint (n_forwarded, >, 0);
}

static void
test_selectors (gconstpointer flags)
{
  Pair *pair = pair_of (flags);
  guint of_other = impair (&pair->a, "drop out connection=other"),
        of_conn = impair (&pair->a, "delay out connection=pair ms=5"),
        of_sa = impair (&pair->b, "duplicate in sa=1"),
        of_other_sa = impair (&pair->b, "drop in sa=2"),
        of_id = impair (&pair->a, "duplicate out id=1");

  pair_assert_up (pair, NULL);
  g_assert_cmpuint (impaired (&pair->a, of_other, "seen"), ==, 0);
  g_assert_cmpuint (impaired (&pair->a, of_conn, "hits"), ==, 2);
  g_assert_cmpuint (impaired (&pair->b, of_sa, "hits"), ==, 1);
  g_assert_cmpuint (impaired (&pair->b, of_other_sa, "seen"), ==, 0);
  /* The first rule that strikes decides. */
  g_assert_cmpuint (impaired (&pair->a, of_id, "seen"), ==, 0);
  pair_free (pair);
}

/* -- payloads and notifies */

static const char transport[] =
    "proposals = aes256gcm16-prfsha256-x25519\n children { net { mode = transport\n } }\n";

static void
assert_fails (Pair *pair, const char *sentence)
{
  g_autofree char *error = pair_up (pair, NULL);

  if (!error || !strstr (error, sentence))
    g_error ("%s\n-- a --\n%s-- b --\n%s", error, pair->a.log->str, pair->b.log->str);
}

static void
test_omit (gconstpointer flags)
{
  static const char *const rules[] = { "omit in exchange=IKE_AUTH notify=USE_TRANSPORT_MODE",
                                       "omit out exchange=IKE_AUTH notify=USE_TRANSPORT_MODE" };

  /* Does the responder hear that it is wanted? */
  static const gboolean asked[] = { FALSE, TRUE, TRUE, FALSE };

  for (guint i = 0; i < 4; i++) {
    PairOptions o = impaired_options (flags, transport, transport);
    Pair *pair = pair_new (&o);
    PairEnd *end = i < 2 ? &pair->a : &pair->b;
    guint rule = impair (end, rules[i % 2]);
    assert_fails (pair, asked[i] ? "NO_PROPOSAL_CHOSEN" : "transport");
    g_assert_cmpuint (impaired (end, rule, "hits"), ==, 1);
    g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 0);
    pair_free (pair);
  }
}

/* What is left out of a clear message goes on as if it had not been there; the other end never
 * hears of it, and AUTH signs what was on the wire. */
static void
test_omit_clear (gconstpointer flags)
{
  static const char *const rules[] = {
    "omit in exchange=IKE_SA_INIT notify=NAT_DETECTION_SOURCE_IP", "omit out exchange=IKE_SA_INIT "
                                                                   "notify=NAT_DETECTION_SOURCE_IP"
  };

  for (guint i = 0; i < 4; i++) {
    Pair *pair = pair_of (flags);
    PairEnd *end = i < 2 ? &pair->a : &pair->b;
    guint rule = impair (end, rules[i % 2]);
    pair_assert_up (pair, NULL);
    pair_assert_twins (pair);
    g_assert_cmpuint (impaired (end, rule, "hits"), ==, 1);
    pair_free (pair);
  }
}

/* Without what it cannot be without, it is not the message that the state gate lets in. */
static void
test_omit_needed (gconstpointer flags)
{
  static const char *const payloads[] = { "SA", "KE", "Nonce" };

  for (guint i = 0; i < 3; i++) {
    g_autofree char *text =
        g_strconcat ("omit in exchange=IKE_SA_INIT payload=", payloads[i], NULL);
    Pair *pair = pair_of (flags);
    impair (i % 2 ? &pair->a : &pair->b, text);
    assert_fails (pair, "no answer from");
    assert_nothing (&pair->a);
    assert_nothing (&pair->b);
    pair_free (pair);
  }
}

/* RFC 7296, 3.10.1: unknown status types are ignored, unknown errors in a response fail its
 * request. */
static void
test_add (gconstpointer flags)
{
  Pair *pair = pair_of (flags);

  impair (&pair->a, "add out notify=40000 data=0011");
  impair (&pair->b, "add out notify=40001");
  impair (&pair->b, "add in payload=V data=aa");
  impair (&pair->a, "add in payload=200 data=aa");
  pair_assert_up (pair, NULL);
  pair_assert_twins (pair);
  impaired_clear (&pair->a);
  pair_free (pair);
  pair = pair_of (flags);
  impair (&pair->a, "add in exchange=IKE_AUTH notify=8000");
  g_free (pair_up (pair, NULL));
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 0);
  pair_free (pair);
}

static void
test_alter (gconstpointer flags)
{
  static const char *const rules[] = { "alter out exchange=IKE_AUTH payload=AUTH byte=10 data=00ff",
                                       "alter out exchange=IKE_AUTH payload=IDi byte=4 data=78",
                                       "alter in exchange=IKE_AUTH message=request payload=AUTH "
                                       "byte=10 data=00ff" };

  for (guint i = 0; i < G_N_ELEMENTS (rules); i++) {
    Pair *pair = pair_of (flags);
    impair (i == 2 ? &pair->b : &pair->a, rules[i]);
    assert_fails (pair, "AUTHENTICATION_FAILED");
    pair_run (pair, 60);
    assert_nothing (&pair->a);
    assert_nothing (&pair->b);
    pair_free (pair);
  }
}

/* Several rules about one message: each sees what the one before made. */
static void
test_edits_add_up (gconstpointer flags)
{
  Pair *pair = pair_of (flags);
  guint last;

  impair (&pair->a, "add out exchange=IKE_AUTH notify=40000 data=00");
  impair (&pair->a, "alter out exchange=IKE_AUTH notify=40000 data=11223344");
  impair (&pair->a, "add out exchange=IKE_AUTH notify=40001");
  impair (&pair->a, "omit out exchange=IKE_AUTH notify=40000");
  last = impair (&pair->a, "omit out exchange=IKE_AUTH notify=40000");
  pair_assert_up (pair, NULL);
  g_assert_cmpuint (impaired (&pair->a, last, "seen"), ==, 0);
  g_assert_cmpuint (impaired (&pair->a, last - 1, "hits"), ==, 1);
  pair_free (pair);
}

/* A message that a hook made as large as its own room is too large with what stands before it: it
 * is not sent, and the exchange fails. */
static void
test_too_large (gconstpointer flags)
{
  static const char *const exchanges[] = { "IKE_SA_INIT", "IKE_AUTH" };
  g_autofree char *large = g_strnfill (2 * 4090, '0');

  for (guint i = 0; i < 2; i++) {
    Pair *pair = pair_of (flags);
    for (guint k = 0; k < 120; k++) {
      /* As many large ones as fit, then ever smaller ones. */
      guint len = k < 16 ? 4090 : k < 48 ? 120 : 1;
      g_autofree char *text = g_strdup_printf ("add out exchange=%s payload=V data=%.*s",
                                               exchanges[i], (int) (2 * len), large);
      impair (&pair->a, text);
    }
    assert_fails (pair, "could not be built or sealed");
    assert_nothing (&pair->a);
    pair_free (pair);
  }
}

/* -- exchanges that fail or wait */

static void
test_fail (gconstpointer flags)
{
  static const char *const rules[] = {
    "fail in exchange=IKE_AUTH message=request notify=AUTHENTICATION_FAILED",
    "fail out exchange=IKE_AUTH message=response notify=NO_PROPOSAL_CHOSEN",
  };

  for (guint i = 0; i < G_N_ELEMENTS (rules); i++) {
    Pair *pair = pair_of (flags);
    guint rule = impair (&pair->b, rules[i]);
    assert_fails (pair, i ? "NO_PROPOSAL_CHOSEN" : "AUTHENTICATION_FAILED");
    g_assert_cmpuint (impaired (&pair->b, rule, "hits"), ==, 1);
    pair_run (pair, 60);
    assert_nothing (&pair->a);
    assert_nothing (&pair->b);
    pair_free (pair);
  }
}

/* Of an SA that is up, one exchange fails, and the SA stays. */
static void
test_fail_child (gconstpointer flags)
{
  static const struct {
    gboolean at_a;
    const char *rule;
  } cases[] = {
    { FALSE, "fail in exchange=CREATE_CHILD_SA notify=NO_ADDITIONAL_SAS count=1" },
    { FALSE, "fail out exchange=CREATE_CHILD_SA notify=NO_ADDITIONAL_SAS count=1" },
    { TRUE, "fail out exchange=CREATE_CHILD_SA notify=NO_ADDITIONAL_SAS count=1" },
  };
  PairOptions o = impaired_options (flags, attack_bodies[0], attack_bodies[1]);
  Pair *pair = pair_new (&o);

  pair_assert_up (pair, "net");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *error = NULL;
    impair (cases[i].at_a ? &pair->a : &pair->b, cases[i].rule);
    error = pair_up (pair, "pfs");
    g_assert_nonnull (error);
    g_assert_nonnull (strstr (error, cases[i].at_a ? "impaired" : "NO_ADDITIONAL_SAS"));
    g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 2);
    g_assert_cmpuint (pair->b.kernel_ops->n_sas (pair->b.kernel), ==, 2);
  }
  pair_assert_up (pair, "pfs");
  pair_assert_twins (pair);
  g_assert_cmpuint (pair->a.kernel_ops->n_sas (pair->a.kernel), ==, 4);
  pair_free (pair);
}

static void
test_wait (gconstpointer flags)
{
  static const char *const rules[][2] = {
    { "wait in exchange=IKE_AUTH ms=6000", "wait in exchange=IKE_SA_INIT ms=100" },
    { "wait out exchange=IKE_AUTH ms=6000", "wait out exchange=IKE_SA_INIT ms=100" },
  };

  for (guint i = 0; i < 4; i++) {
    Pair *pair = pair_of (flags);
    PairEnd *end = i < 2 ? &pair->a : &pair->b;
    gint64 ms;
    impair (end, rules[i % 2][0]);
    impair (end, rules[i % 2][0]);
    impair (end, rules[i % 2][1]);
    ms = ms_of_up (pair);
    g_assert_cmpint (ms, >=, 12100);
    g_assert_cmpint (ms, <, 13000);
    pair_assert_twins (pair);
    /* The peer asks again meanwhile, and is not answered twice. */
    if (end == &pair->b)
      g_assert_cmpuint (pair_count (&pair->b, "input.retransmits"), ==, 2);
    pair_free (pair);
  }
}

/* -- the commands */

static void
test_commands (gconstpointer flags)
{
  static const char *const bad[][2] = {
    { "drop", "usage: argument direction is missing*" },
    { "dorp in", "usage: argument action must be one of *" },
    { "drop in exchnge=34", "usage: unknown argument exchnge, did you mean exchange?" },
    { "drop in nth=x", "usage: argument nth must be a uint" },
    { "drop in nth=0", "usage: nth must be a number from 1 to *" },
    { "drop in exchange=IKE_ATUH", "usage: there is no exchange IKE_ATUH*" },
    { "fail in", "usage: fail needs notify" },
  };
  Pair *pair = pair_of (flags);
  IkeTree *args;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autofree char *error = NULL;
    g_assert_null (pair_command (&pair->a, "impair-add", impaired_args (bad[i][0]), &error));
    if (!g_pattern_match_simple (bad[i][1], error))
      g_error ("%s: %s", bad[i][0], error);
  }
  for (i = 0; i < 256; i++)
    g_assert_cmpuint (impair (&pair->a, "drop in exchange=200"), ==, i + 1);
  for (i = 0; i < 4; i++) {
    static const char *const names[] = { "impair-add", "impair-remove", "impair-remove",
                                         "impair-drip" };
    static const char *const says[] = { "failed: there are 256 rules already*", NULL,
                                        "not-found: there is no rule 7*",
                                        "not-found: no such message is held" };
    g_autofree char *error = NULL;
    args = i ? ike_tree_new_section () : impaired_args ("drop in");
    if (i == 1 || i == 2)
      ike_tree_set_int (args, "rule", 7);
    ike_tree_free (pair_command (&pair->a, names[i], args, &error));
    g_assert_true (says[i] ? g_pattern_match_simple (says[i], error) : !error);
  }
  g_assert_cmpuint (impair (&pair->a, "drop in"), ==, 257);
  impaired_clear (&pair->a);
  pair_assert_up (pair, NULL);
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("impair", "settings-alone-do-not-load-it", test_not_without);
  pair_add_test ("impair", "what-is-dropped-is-sent-again", test_drop);
  pair_add_test ("impair", "who-hears-nothing-has-nothing", test_drop_all);
  pair_add_test ("impair", "what-comes-twice-counts-once", test_duplicate);
  pair_add_test ("impair", "fragments-may-overtake-each-other", test_reorder);
  pair_add_test ("impair", "what-is-late-still-counts", test_delay);
  pair_add_test ("impair", "what-is-damaged-is-dropped-and-sent-again", test_corrupt);
  pair_add_test ("impair", "what-is-cut-is-dropped-and-sent-again", test_truncate);
  pair_add_test ("impair", "what-is-held-waits-for-a-drip", test_hold);
  pair_add_test ("impair", "an-engine-may-end-with-all-of-it", test_end);
  pair_add_test ("impair", "what-is-held-is-bounded", test_bound);
  pair_add_test ("impair", "each-is-seen-once-on-its-shard", test_shards);
  pair_add_test ("impair", "rules-are-for-whom-they-name", test_selectors);
  pair_add_test ("impair", "a-mode-whose-notify-is-left-out-is-refused", test_omit);
  pair_add_test ("impair", "what-is-left-out-was-not-there", test_omit_clear);
  pair_add_test ("impair", "a-message-without-what-it-needs-is-none", test_omit_needed);
  pair_add_test ("impair", "what-nobody-knows-is-ignored-unless-it-is-an-error", test_add);
  pair_add_test ("impair", "what-auth-covers-cannot-be-altered", test_alter);
  pair_add_test ("impair", "rules-about-one-message-add-up", test_edits_add_up);
  pair_add_test ("impair", "what-becomes-too-large-is-not-sent", test_too_large);
  pair_add_test ("impair", "an-exchange-fails-as-asked", test_fail);
  pair_add_test ("impair", "a-child-fails-and-the-sa-stays", test_fail_child);
  pair_add_test ("impair", "an-exchange-waits-as-asked", test_wait);
  pair_add_test ("impair", "bad-commands-are-told-what-is-wrong", test_commands);
  return g_test_run ();
}
