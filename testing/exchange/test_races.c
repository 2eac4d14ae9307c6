/* SPDX-License-Identifier: Apache-2.0 */
/* test_races.c - attack class H: deletes that meet deletes, and all that may be under way
 * meanwhile.  Every message that comes in is held, and let go in each order that there is; so the
 * races are the same each time.  What is used after it was freed is found by ASan. */
#include "exchange/impaired.h"
#include "exchange/attacks.h"

enum { STEPS = 4, ORDERS = 1 << STEPS };

/* -- what an end does */

static void
delete_ike (IkeSa *sa, gpointer data)
{
  ike_sa_begin (sa, "delete", NULL, NULL, NULL);
}

static void
delete_ike_twice (IkeSa *sa, gpointer data)
{
  delete_ike (sa, data);
  delete_ike (sa, data);
}

/* The one that is up at both ends. */
static void
delete_child (IkeSa *sa, gpointer data)
{
  IkeChild *child = NULL;
  IkeChildRef ref;

  for (guint i = 0; i < ike_sa_n_children (sa); i++)
    if (strcmp (ike_child_conf (ike_sa_child (sa, i))->name, "net") == 0)
      child = ike_sa_child (sa, i);
  if (!child)
    return;
  ref = ike_child_ref (child);
  ike_child_set_state (child, IKE_CHILD_DELETING);
  ike_sa_begin (sa, "delete-child", g_memdup2 (&ref, sizeof ref), NULL, NULL);
}

static void
delete_child_twice (IkeSa *sa, gpointer data)
{
  delete_child (sa, data);
  delete_child (sa, data);
}

static void
delete_both (IkeSa *sa, gpointer data)
{
  delete_child (sa, data);
  delete_ike (sa, data);
}

static void
nothing (IkeSa *sa, gpointer data)
{
}

static void
create_child (IkeSa *sa, gpointer data)
{
  ike_sa_begin (sa, "create-child", g_strdup ("pfs"), NULL, NULL);
}

static const struct {
  const char *name;
  void (*run) (IkeSa *sa, gpointer data);
} moves[] = {
  { "nothing", nothing },
  { "deletes the child", delete_child },
  { "deletes the child twice", delete_child_twice },
  { "deletes the IKE SA", delete_ike },
  { "deletes the IKE SA twice", delete_ike_twice },
  { "deletes both", delete_both },
  { "creates a child", create_child },
};

/* -- afterwards */

static guint
n_children (PairEnd *end, guint *n_sas)
{
  g_autoptr (IkeTree) status = pair_status (end);
  const IkeTree *sas = ike_tree_get (status, "sas");
  guint n = 0;

  *n_sas = ike_tree_n (sas);
  for (guint i = 0; i < *n_sas; i++)
    n += ike_tree_n (ike_tree_get (ike_tree_nth (sas, i), "children"));
  return n;
}

/* Both know the same, and their kernels have what they know. */
static void
assert_agree (Forge *forge, const char *what)
{
  PairEnd *ends[] = { &forge->pair->a, &forge->pair->b };
  guint sas[2], children[2];

  for (guint i = 0; i < 2; i++) {
    children[i] = n_children (ends[i], &sas[i]);
    g_assert_cmpuint (ends[i]->kernel_ops->n_sas (ends[i]->kernel), ==, 2 * children[i]);
    g_assert_cmpuint (ends[i]->kernel_ops->n_policies (ends[i]->kernel), ==, 3 * children[i]);
    g_assert_cmpuint (ends[i]->kernel_ops->n_spis (ends[i]->kernel), ==, 0);
  }
  if (sas[0] != sas[1] || children[0] != children[1])
    g_error ("%s: a has %u SAs and %u children, b %u and %u\n-- a --\n%s-- b --\n%s", what, sas[0],
             children[0], sas[1], children[1], ends[0]->log->str, ends[1]->log->str);
  pair_assert_twins (forge->pair);
}

static void
take_down (Forge *forge)
{
  PairEnd *ends[] = { &forge->pair->a, &forge->pair->b };

  for (guint i = 0; i < 2; i++) {
    IkeTree *args = ike_tree_new_section ();
    g_autofree char *error = NULL;
    ike_tree_set_bool (args, "all", TRUE);
    ike_tree_set_bool (args, "force", TRUE);
    ike_tree_free (pair_command (ends[i], "down", args, &error));
    pair_run (forge->pair, 1);
    g_string_truncate (ends[i]->log, 0);
  }
  assert_nothing (ends[0]);
  assert_nothing (ends[1]);
}

/* -- the races */

static Forge *
forge_of (gconstpointer flags)
{
  PairOptions o = impaired_options (flags, attack_bodies[0], attack_bodies[1]);

  return forge_new (&o);
}

static void
hold_all (Forge *forge)
{
  impair (&forge->pair->a, "hold in");
  impair (&forge->pair->b, "hold in");
}

/* Lets go one message after the other: bit i of @order says at which end the ith is, as long as
 * there is one. */
static void
drip_in_order (Forge *forge, guint order)
{
  for (guint step = 0; step < STEPS; step++) {
    gboolean first_b = order >> step & 1;
    PairEnd *first = first_b ? &forge->pair->b : &forge->pair->a,
            *other = first_b ? &forge->pair->a : &forge->pair->b;
    pair_run_ms (forge->pair, 30);
    if (impaired_held (first))
      impaired_drip (first, 0, 1, FALSE);
    else if (impaired_held (other))
      impaired_drip (other, 0, 1, FALSE);
  }
  pair_run_ms (forge->pair, 30);
  impaired_clear (&forge->pair->a);
  impaired_clear (&forge->pair->b);
}

static void
race (Forge *forge, guint a, guint b, guint order)
{
  g_autofree char *what =
      g_strdup_printf ("a %s, b %s, order %u", moves[a].name, moves[b].name, order);

  attack_up (forge, "net");
  hold_all (forge);
  forge_on_sa (&forge->pair->a, &forge->a, moves[a].run, NULL);
  forge_on_sa (&forge->pair->b, &forge->b, moves[b].run, NULL);
  drip_in_order (forge, order);
  pair_run (forge->pair, 60);
  assert_agree (forge, what);
  take_down (forge);
}

static void
test_orders (gconstpointer flags)
{
  Forge *forge = forge_of (flags);

  for (guint a = 0; a < G_N_ELEMENTS (moves); a++)
    for (guint b = 0; b < G_N_ELEMENTS (moves); b++)
      for (guint order = 0; order < ORDERS && (a || b); order++)
        race (forge, a, b, order);
  forge_free (forge);
}

/* The same, and every message comes twice: the second time when it is done. */
static void
test_repeated (gconstpointer flags)
{
  Forge *forge = forge_of (flags);

  for (guint a = 1; a < G_N_ELEMENTS (moves); a++)
    for (guint b = 0; b < G_N_ELEMENTS (moves); b++) {
      attack_up (forge, "net");
      impair (&forge->pair->a, "duplicate out");
      impair (&forge->pair->b, "duplicate out");
      hold_all (forge);
      forge_on_sa (&forge->pair->a, &forge->a, moves[a].run, NULL);
      forge_on_sa (&forge->pair->b, &forge->b, moves[b].run, NULL);
      drip_in_order (forge, a + b);
      pair_run (forge->pair, 60);
      assert_agree (forge, moves[a].name);
      take_down (forge);
    }
  forge_free (forge);
}

/* A request waits within its exchange, at one end, while the same end or the other takes things
 * down; then it goes on. */
static void
test_parked (gconstpointer flags)
{
  static const char *const waits[] = { "wait in exchange=CREATE_CHILD_SA ms=2000",
                                       "wait out exchange=CREATE_CHILD_SA ms=2000" };
  Forge *forge = forge_of (flags);
  PairEnd *ends[] = { &forge->pair->a, &forge->pair->b };
  guint i, move;

  for (i = 0; i < 8; i++)
    for (move = 1; move < G_N_ELEMENTS (moves); move++) {
      PairEnd *who = ends[i & 1], *waiting = ends[i >> 1 & 1];
      ForgeEnd *heard = i & 1 ? &forge->b : &forge->a;
      attack_up (forge, "net");
      impair (waiting, waits[i >> 2]);
      forge_on_sa (&forge->pair->a, &forge->a, create_child, NULL);
      pair_run_ms (forge->pair, 200);
      forge_on_sa (who, heard, moves[move].run, NULL);
      pair_run_ms (forge->pair, 4000);
      impaired_clear (waiting);
      pair_run (forge->pair, 60);
      assert_agree (forge, moves[move].name);
      take_down (forge);
    }
  forge_free (forge);
}

static void
destroy (IkeSa *sa, gpointer data)
{
  ike_sa_destroy (sa, "struck");
  ike_sa_destroy (sa, "struck again");
}

/* An SA goes without a word while its exchange waits: what the wait brings comes too late. */
static void
test_destroyed_while_parked (gconstpointer flags)
{
  static const char *const waits[] = { "wait in ms=2000", "wait out ms=2000" };
  Forge *forge = forge_of (flags);
  PairEnd *ends[] = { &forge->pair->a, &forge->pair->b };

  for (guint i = 0; i < 4; i++) {
    PairEnd *end = ends[i & 1];
    attack_up (forge, "net");
    impair (end, waits[i >> 1]);
    forge_on_sa (&forge->pair->a, &forge->a, create_child, NULL);
    pair_run_ms (forge->pair, 200);
    forge_on_sa (end, i & 1 ? &forge->b : &forge->a, destroy, NULL);
    pair_run_ms (forge->pair, 5000);
    impaired_clear (end);
    assert_nothing (end);
    pair_run (forge->pair, 60);
    take_down (forge);
  }
  forge_free (forge);
}

/* A handler deletes, or destroys, while the peer's delete is being dealt with. */
static void
test_within_handlers (gconstpointer flags)
{
  static const char *const points[] = { "message/in/request/37",  "message/out/response/37",
                                        "message/out/request/37", "message/in/response/37",
                                        "child-updown/down",      "ike-updown/down",
                                        "ike-state/DELETING",     "ike-state/DEAD" };
  static void (*const strikes[]) (IkeSa *, gpointer) = { delete_child, delete_ike, delete_both,
                                                         destroy };
  Forge *forge = forge_of (flags);
  guint n_struck = 0;

  for (guint i = 0; i < 2 * G_N_ELEMENTS (points); i++)
    for (guint k = 0; k < G_N_ELEMENTS (strikes); k++)
      for (guint move = 1; move < 6; move++) {
        ForgeEnd *end = i % 2 ? &forge->b : &forge->a;
        attack_up (forge, "net");
        hold_all (forge);
        end->strike_at = points[i / 2];
        end->strike = strikes[k];
        end->verdict = IKE_HOOK_PASS;
        forge_on_sa (&forge->pair->a, &forge->a, moves[move].run, NULL);
        forge_on_sa (&forge->pair->b, &forge->b, moves[move % 5 + 1].run, NULL);
        drip_in_order (forge, i + k + move);
        pair_run (forge->pair, 60);
        n_struck += end->strike == NULL;
        end->strike = NULL;
        take_down (forge);
      }
  g_assert_cmpuint (n_struck, >, 200);
  forge_free (forge);
}

/* A delete that comes when its SA is long gone, and one of an SA that came after it. */
static void
test_late (gconstpointer flags)
{
  Forge *forge = forge_of (flags);
  guint rule;

  attack_up (forge, "net");
  impair (&forge->pair->b, "duplicate in exchange=INFORMATIONAL message=request");
  rule = impair (&forge->pair->a, "hold out exchange=INFORMATIONAL message=request nth=2");
  impair (&forge->pair->b, "drop out exchange=INFORMATIONAL message=response count=1");
  forge_on_sa (&forge->pair->a, &forge->a, delete_ike, NULL);
  pair_run (forge->pair, 200);
  g_assert_cmpuint (impaired (&forge->pair->a, rule, "held"), ==, 1);
  assert_nothing (&forge->pair->a);
  assert_nothing (&forge->pair->b);
  attack_up (forge, "net");
  impaired_clear (&forge->pair->a);
  pair_run (forge->pair, 1);
  assert_agree (forge, "a late delete");
  g_assert_cmpuint (forge_n_sas (&forge->pair->b), ==, 1);
  forge_free (forge);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("races", "both-know-the-same-in-whatever-order", test_orders);
  pair_add_test ("races", "and-when-every-message-comes-twice", test_repeated);
  pair_add_test ("races", "what-waits-goes-on-or-goes", test_parked);
  pair_add_test ("races", "what-a-wait-brings-may-come-too-late", test_destroyed_while_parked);
  pair_add_test ("races", "handlers-may-delete-while-the-peer-does", test_within_handlers);
  pair_add_test ("races", "a-delete-that-comes-late-deletes-nothing-else", test_late);
  return g_test_run ();
}
