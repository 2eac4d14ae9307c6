/* SPDX-License-Identifier: Apache-2.0 */
/* test_clone.c - IKE SAs that stand beside the one they were made of (RFC 7791). */
#include "exchange/bed.h"
#include "exchange/built.h"
#include "exchange/impaired.h"

static const char *const plugins[] = { "clone",         "config-payload", "pool-memory",
                                       "auth-lifetime", "impair",         NULL };

#define PLAIN(local, remote)                                                                       \
  "proposals = aes256gcm16-prfsha256-x25519\n children { net { local_ts = " local                  \
  ".0.0/24\n remote_ts = " remote ".0.0/24\n esp_proposals = aes256gcm16\n } }\n"
#define PLAIN_A PLAIN ("10.1", "10.2")
#define PLAIN_B PLAIN ("10.2", "10.1")
#define BODY(conn, local, remote)                                                                  \
  "proposals = aes256gcm16-prfsha256-x25519-modp2048\n clone = yes\n" conn                         \
  "\n children { net { local_ts = " local ".0.0/24\n remote_ts = " remote                          \
  ".0.0/24\n esp_proposals = aes256gcm16\n }\n net2 { local_ts = " local                           \
  ".9.0/24\n remote_ts = " remote ".9.0/24\n esp_proposals = aes256gcm16-x25519\n } }\n"
#define BODY_A(conn) BODY (conn, "10.1", "10.2")
#define BODY_B(conn) BODY (conn, "10.2", "10.1")

static Pair *
pair_of (gconstpointer flags, const char *a, const char *b, const char *more_a, const char *more_b)
{
  return pair_new (&(PairOptions){ .flags = GPOINTER_TO_UINT (flags) | IKE_ENGINE_FOR_TESTS,
                                   .connection = { a, b },
                                   .more = { more_a, more_b },
                                   .plugins = plugins });
}

static Pair *
bring_up (gconstpointer flags)
{
  Pair *pair = pair_of (flags, BODY_A (""), BODY_B (""), NULL, NULL);

  pair_assert_up (pair, "net");
  return pair;
}

/* Its error, or NULL. */
static char *
clone (PairEnd *end, const char *child)
{
  IkeTree *args = ike_tree_new_section ();
  char *error = NULL;

  ike_tree_set_string (args, "name", "pair");
  if (child)
    ike_tree_set_string (args, "child", child);
  ike_tree_free (pair_command (end, "clone", args, &error));
  return error;
}

static void
assert_clones (Pair *pair, PairEnd *end, const char *child)
{
  g_autofree char *error = clone (end, child);

  if (error)
    g_error ("%s\n-- a --\n%s-- b --\n%s", error, pair->a.log->str, pair->b.log->str);
  pair_run (pair, 2);
}

static void
assert_fails (Pair *pair, PairEnd *end, const char *why)
{
  g_autofree char *error = clone (end, NULL);

  if (!error || !strstr (error, why))
    g_error ("%s\n-- a --\n%s-- b --\n%s", error, pair->a.log->str, pair->b.log->str);
}

/* So many IKE SAs, all up, with so many CHILD_SAs in all, which are the same at both ends. */
static void
assert_n (Pair *pair, guint n_sas, guint n_children)
{
  PairEnd *ends[] = { &pair->a, &pair->b };

  for (guint i = 0; i < 2; i++) {
    g_autoptr (IkeTree) status = pair_status (ends[i]);
    const IkeTree *sas = ike_tree_get (status, "sas");
    guint n = 0;
    if (ike_tree_n (sas) != n_sas)
      g_error ("%u IKE SAs\n-- a --\n%s-- b --\n%s", ike_tree_n (sas), pair->a.log->str,
               pair->b.log->str);
    for (guint k = 0; k < n_sas; k++) {
      const IkeTree *sa = ike_tree_nth (sas, k);
      g_assert_cmpstr (ike_tree_string (sa, "state", ""), ==, "ESTABLISHED");
      n += ike_tree_n (ike_tree_get (sa, "children"));
    }
    if (n != n_children)
      g_error ("%u children\n-- a --\n%s-- b --\n%s", n, pair->a.log->str, pair->b.log->str);
    g_assert_cmpuint (ends[i]->kernel_ops->n_sas (ends[i]->kernel), ==, 2 * n_children);
  }
  pair_assert_twins (pair);
}

/* The number of the IKE SA with so many children; 0: there is none. */
static guint
id_with (PairEnd *end, guint n_children)
{
  g_autoptr (IkeTree) status = pair_status (end);
  const IkeTree *sas = ike_tree_get (status, "sas");

  for (guint i = 0; i < ike_tree_n (sas); i++)
    if (ike_tree_n (ike_tree_get (ike_tree_nth (sas, i), "children")) == n_children)
      return (guint) ike_tree_int (ike_tree_nth (sas, i), "unique-id", 0);
  return 0;
}

static void
command_on (PairEnd *end, const char *name, guint id)
{
  IkeTree *args = ike_tree_new_section ();

  ike_tree_set_int (args, "id", id);
  ike_tree_free (pair_command (end, name, args, NULL));
}

/* -- from either end */

/* RFC 7791, 5.2: "peers MUST NOT transfer existing Child SAs that were created by the old IKE SA to
 * the newly created IKE SA." */
static void
test_both (gconstpointer flags)
{
  for (guint i = 0; i < 2; i++) {
    Pair *pair = bring_up (flags);
    PairEnd *end = i ? &pair->b : &pair->a;
    assert_clones (pair, end, "net2");
    assert_n (pair, 2, 2);
    g_assert_cmpuint (id_with (end, 1), !=, 0);
    assert_clones (pair, end, NULL);
    assert_n (pair, 3, 2);
    pair_free (pair);
  }
}

/* Each lives on by itself: replaced, closed, one dead peer for all. */
static void
test_life (gconstpointer flags)
{
  Pair *pair = bring_up (flags);

  assert_clones (pair, &pair->a, NULL);
  command_on (&pair->a, "rekey", id_with (&pair->a, 0));
  command_on (&pair->b, "rekey", id_with (&pair->b, 1));
  pair_run (pair, 10);
  assert_n (pair, 2, 1);
  command_on (&pair->b, "down", id_with (&pair->b, 1));
  pair_run (pair, 5);
  assert_n (pair, 1, 0);
  command_on (&pair->a, "down", id_with (&pair->a, 0));
  pair_run (pair, 5);
  assert_nothing (&pair->a);
  assert_nothing (&pair->b);
  pair_free (pair);
}

/* One of a clone is as good as the first. */
static void
test_of_clone (gconstpointer flags)
{
  Pair *pair = bring_up (flags);
  guint clone_id;

  assert_clones (pair, &pair->a, NULL);
  clone_id = id_with (&pair->b, 0);
  command_on (&pair->b, "down", id_with (&pair->b, 1));
  pair_run (pair, 5);
  command_on (&pair->b, "clone", clone_id);
  pair_run (pair, 5);
  assert_n (pair, 2, 0);
  pair_free (pair);
}

/* -- which are meant, and what the answer says */

static void
down_the_original (Pair *pair)
{
  command_on (&pair->b, "down", id_with (&pair->b, 1));
  pair_run (pair, 5);
}

/* One of each IKE SA that is no clone, by whoever made it: their number does not double. */
static void
test_originals (gconstpointer flags)
{
  Pair *pair = bring_up (flags);
  PairEnd *ends[] = { &pair->a, &pair->b, &pair->a };

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++) {
    assert_clones (pair, ends[i], NULL);
    assert_n (pair, i + 2, 1);
  }
  command_on (&pair->a, "rekey", id_with (&pair->a, 0));
  command_on (&pair->a, "rekey", id_with (&pair->a, 1));
  pair_run (pair, 10);
  assert_clones (pair, &pair->a, NULL);
  assert_n (pair, 5, 1);
  down_the_original (pair);
  assert_fails (pair, &pair->a, "all of them are clones");
  assert_n (pair, 4, 0);
  pair_free (pair);
}

/* When there is only one, it is meant, clone or not. */
static void
test_only_one (gconstpointer flags)
{
  Pair *pair = bring_up (flags);

  assert_clones (pair, &pair->a, NULL);
  down_the_original (pair);
  assert_clones (pair, &pair->a, NULL);
  assert_n (pair, 2, 0);
  pair_free (pair);
}

static void
test_no_such_child (gconstpointer flags)
{
  Pair *pair = bring_up (flags);
  g_autofree char *error = clone (&pair->a, "nosuch");

  g_assert_nonnull (strstr (error, "not-found"));
  g_assert_nonnull (strstr (error, "connection pair has no child nosuch"));
  pair_run (pair, 5);
  assert_n (pair, 1, 1);
  pair_free (pair);
}

static void
test_answer (gconstpointer flags)
{
  Pair *pair = bring_up (flags);
  IkeTree *args = ike_tree_new_section ();
  g_autoptr (IkeTree) result = NULL;
  g_autofree char *name = NULL;

  ike_tree_set_string (args, "name", "pair");
  result = pair_command (&pair->a, "clone", args, NULL);
  name = g_strdup_printf ("pair[%u]", id_with (&pair->a, 0));
  g_assert_cmpint (ike_tree_int (result, "n", 0), ==, 1);
  g_assert_cmpstr (ike_tree_string (result, "names.0", ""), ==, name);
  pair_free (pair);
}

static void
test_no_room (gconstpointer flags)
{
  for (guint i = 0; i < 2; i++) {
    Pair *pair = pair_of (
        flags, PLAIN_A, PLAIN_B,
        i ? "plugins { clone { max = 1\n } }\n" : "plugins { clone { max = 0\n } }\n", NULL);
    g_autofree char *why = ike_plugin_explain (pair->a.engine, "clone");
    g_assert_nonnull (strstr (why, "leaves no room for a clone"));
    pair_free (pair);
  }
}

/* -- not agreed on */

/* RFC 7791, 5.1: "In the other case, the IKE SA MUST NOT be cloned." */
static void
test_not_agreed (gconstpointer flags)
{
  static const char off[] = "plugins { clone { load = no } }\n";

  for (guint i = 0; i < 4; i++) {
    Pair *pair = pair_of (flags, i == 0 || i == 2 ? PLAIN_A : BODY_A (""),
                          i == 1 || i == 3 ? PLAIN_B : BODY_B (""), i == 2 ? off : NULL,
                          i == 3 ? off : NULL);
    if (i == 0 || i == 2)
      impair (&pair->a, "add out exchange=CREATE_CHILD_SA message=request notify=CLONE_IKE_SA");
    pair_assert_up (pair, NULL);
    if (i != 2)
      assert_fails (pair, &pair->a, "it was not agreed on");
    if (i != 3)
      assert_fails (pair, &pair->b, "it was not agreed on");
    assert_n (pair, 1, 1);
    pair_free (pair);
  }
}

/* Nobody is talked into it: a peer that asks all the same is refused, and nothing changes. */
static void
test_asked_all_the_same (gconstpointer flags)
{
  Pair *pair = pair_of (flags, PLAIN_A, PLAIN_B, NULL, NULL);
  guint rule = impair (&pair->a, "add out exchange=CREATE_CHILD_SA message=request "
                                 "notify=CLONE_IKE_SA count=1");
  IkeTree *args = ike_tree_new_section ();
  g_autofree char *error = NULL;

  pair_assert_up (pair, NULL);
  ike_tree_set_string (args, "name", "pair");
  ike_tree_free (pair_command (&pair->a, "rekey", args, &error));
  g_assert_nonnull (error);
  g_assert_cmpuint (impaired (&pair->a, rule, "hits"), ==, 1);
  g_assert_cmpuint (pair_count (&pair->b, "ike.rekeyed"), ==, 0);
  pair_run (pair, 60);
  assert_n (pair, 1, 1);
  pair_free (pair);
}

/* "If the CLONE_IKE_SA notification appears in any other message, it MUST be ignored." */
static void
test_elsewhere (gconstpointer flags)
{
  Pair *pair = bring_up (flags);

  impair (&pair->a, "add out exchange=CREATE_CHILD_SA message=request notify=CLONE_IKE_SA");
  impair (&pair->b, "add out exchange=CREATE_CHILD_SA message=response notify=CLONE_IKE_SA");
  impair (&pair->b, "add out exchange=INFORMATIONAL notify=CLONE_IKE_SA");
  pair_assert_up (pair, "net2");
  assert_n (pair, 1, 2);
  pair_down (pair, "pair", NULL);
  pair_run (pair, 5);
  assert_nothing (&pair->b);
  pair_free (pair);
}

/* -- limits and refusals */

static void
test_too_many (gconstpointer flags)
{
  static const char two[] = "plugins { clone { max = 2\n } }\n";

  for (guint i = 0; i < 2; i++) {
    Pair *pair = pair_of (flags, BODY_A (""), BODY_B (""), i ? NULL : two, i ? two : NULL);
    pair_assert_up (pair, "net");
    assert_clones (pair, &pair->a, NULL);
    assert_fails (pair, &pair->a,
                  i ? "the peer makes no other IKE SA beside this one" : "plugins.clone.max");
    assert_n (pair, 2, 1);
    command_on (&pair->a, "down", id_with (&pair->a, 0));
    pair_run (pair, 5);
    assert_clones (pair, &pair->a, NULL);
    assert_n (pair, 2, 1);
    pair_free (pair);
  }
}

static void
test_refused (gconstpointer flags)
{
  Pair *pair = bring_up (flags);

  impair (&pair->b, "fail in exchange=CREATE_CHILD_SA notify=TEMPORARY_FAILURE count=1");
  assert_fails (pair, &pair->a, "at present");
  assert_n (pair, 1, 1);
  impair (&pair->b, "fail in exchange=CREATE_CHILD_SA notify=NO_ADDITIONAL_SAS count=1");
  assert_fails (pair, &pair->a, "no other IKE SA");
  pair_run (pair, 5);
  assert_n (pair, 1, 1);
  assert_clones (pair, &pair->a, NULL);
  assert_n (pair, 2, 1);
  pair_free (pair);
}

/* Asked with another group, it is still no rekeying. */
static void
test_other_group (gconstpointer flags)
{
  Pair *pair = bring_up (flags);
  guint rule = impair (&pair->b, "fail in exchange=CREATE_CHILD_SA notify=INVALID_KE_PAYLOAD "
                                 "data=000e count=1");

  assert_clones (pair, &pair->a, NULL);
  g_assert_cmpuint (impaired (&pair->b, rule, "hits"), ==, 1);
  assert_n (pair, 2, 1);
  g_assert_cmpuint (pair_count (&pair->b, "ike.rekeyed"), ==, 0);
  pair_free (pair);
}

/* A request that is repeated makes one. */
static void
test_repeated (gconstpointer flags)
{
  Pair *pair = bring_up (flags);

  impair (&pair->b, "drop out exchange=CREATE_CHILD_SA count=1");
  impair (&pair->a, "duplicate out exchange=CREATE_CHILD_SA");
  assert_clones (pair, &pair->a, NULL);
  assert_n (pair, 2, 1);
  pair_free (pair);
}

/* RFC 7296, 2.25.2, of what is asked for while the IKE SA is replaced. */
static void
test_while_replaced (gconstpointer flags)
{
  Pair *pair = bring_up (flags);

  impair (&pair->a, "delay in exchange=CREATE_CHILD_SA message=request ms=1000 count=1");
  bed_rekey (&pair->b, NULL);
  assert_fails (pair, &pair->a, "at present");
  pair_run (pair, 10);
  g_assert_cmpuint (pair_count (&pair->a, "ike.rekeyed"), ==, 1);
  assert_n (pair, 1, 1);
  pair_free (pair);
}

/* -- what they share */

static void
test_lease (gconstpointer flags)
{
  static const char client[] = "proposals = aes256gcm16-prfsha256-x25519\n clone = yes\n"
                               "vips = 0.0.0.0\n children { net { local_ts = dynamic\n"
                               "remote_ts = 10.2.0.0/16\n } }\n",
                    gateway[] = "proposals = aes256gcm16-prfsha256-x25519\n clone = yes\n"
                                "pools = p\n children { net { local_ts = 10.2.0.0/16\n"
                                "remote_ts = dynamic\n } }\n";
  Pair *pair = pair_of (flags, client, gateway, NULL, "pools { p { addrs = 10.3.0.0/24\n } }\n");
  gint64 online[3];

  pair_assert_up (pair, "net");
  assert_clones (pair, &pair->a, NULL);
  for (guint i = 0; i < 3; i++) {
    g_autoptr (IkeTree) pools = pair_command (&pair->b, "pools", NULL, NULL);
    online[i] = ike_tree_int (ike_tree_nth (ike_tree_get (pools, "pools"), 0), "online", -1);
    g_assert_cmpuint (pair->a.kernel_ops->n_addresses (pair->a.kernel), ==, i < 2);
    if (i < 2)
      command_on (&pair->a, "down", id_with (&pair->a, i ? 0 : 1));
    pair_run (pair, 5);
  }
  g_assert_cmpint (online[0], ==, 1);
  g_assert_cmpint (online[1], ==, 1);
  g_assert_cmpint (online[2], ==, 0);
  pair_free (pair);
}

/* It was never authenticated itself: it ends when that which it came from would have. */
static void
test_end (gconstpointer flags)
{
  Pair *pair =
      pair_of (flags, BODY_A ("rekey_time = 10m\n rand_time = 0"),
               BODY_B ("rekey_time = 0\n auth_lifetime = 30m\n over_time = 1m"), NULL, NULL);

  pair_assert_up (pair, "net");
  assert_clones (pair, &pair->a, NULL);
  pair_run (pair, 1500);
  assert_n (pair, 2, 1);
  pair_run (pair, 500);
  assert_n (pair, 1, 1);
  pair_free (pair);
}

/* -- beside all the others: what they keep of an IKE SA can be there more than once */

static void
test_all_plugins (gconstpointer flags)
{
  g_autoptr (GPtrArray) names = built_plugins ();
  gboolean resumes = g_strv_contains ((const char *const *) names->pdata, "resumption");
  const char *more = resumes ? "resumption = yes" : "";
  g_autofree char *a = g_strdup_printf (BODY_A ("%s"), more),
                  *b = g_strdup_printf (BODY_B ("%s"), more);
  Pair *pair = pair_new (&(PairOptions){ .flags = GPOINTER_TO_UINT (flags),
                                         .connection = { a, b },
                                         .plugins = (const char *const *) names->pdata });

  pair_assert_up (pair, "net");
  assert_clones (pair, &pair->a, "net2");
  assert_clones (pair, &pair->b, NULL);
  pair_run (pair, 5);
  g_assert_cmpuint (bed_n_sas (&pair->a), ==, 3);
  g_assert_cmpuint (bed_n_sas (&pair->b), ==, 3);
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("clone", "from-either-end", test_both);
  pair_add_test ("clone", "each-lives-by-itself", test_life);
  pair_add_test ("clone", "of-a-clone", test_of_clone);
  pair_add_test ("clone", "originals-only-when-there-are-any", test_originals);
  pair_add_test ("clone", "the-only-one-whatever-it-is", test_only_one);
  pair_add_test ("clone", "no-such-child", test_no_such_child);
  pair_add_test ("clone", "the-answer-names-what-was-made", test_answer);
  pair_add_test ("clone", "no-room-for-any", test_no_room);
  pair_add_test ("clone", "only-what-both-agreed-on", test_not_agreed);
  pair_add_test ("clone", "nobody-is-talked-into-it", test_asked_all_the_same);
  pair_add_test ("clone", "elsewhere-it-means-nothing", test_elsewhere);
  pair_add_test ("clone", "no-more-than-either-end-allows", test_too_many);
  pair_add_test ("clone", "who-is-refused-keeps-what-there-is", test_refused);
  pair_add_test ("clone", "with-another-group", test_other_group);
  pair_add_test ("clone", "repeated-requests-make-one", test_repeated);
  pair_add_test ("clone", "not-while-it-is-replaced", test_while_replaced);
  pair_add_test ("clone", "virtual-addresses-are-shared", test_lease);
  pair_add_test ("clone", "it-ends-with-its-authentication", test_end);
  pair_add_test ("clone", "beside-all-plugins", test_all_plugins);
  return g_test_run ();
}
