/* SPDX-License-Identifier: Apache-2.0 */
/* test_rekey_struck.c - SAs are replaced while hooks destroy them, at every point, at either
 * end; and a thousand times in a row, after which there is no more of anything than at first. */
#include "exchange/attacks.h"
#include <ikebana/command.h>
#include <malloc.h>

/* -- struck */

static const char *const points[] = {
  "keys-derived",
  "keys-derived/child",
  "ike-state/REKEYING",
  "ike-state/ESTABLISHED",
  "ike-state/REKEYED",
  "ike-state/DELETING",
  "ike-state/DEAD",
  "message/in/request/36",
  "message/out/request/36",
  "message/in/response/36",
  "message/out/response/36",
  "message/in/request/37",
  "message/out/request/37",
  "message/in/response/37",
  "message/out/response/37",
  "proposal-selected",
  "proposal-selected/child",
  "narrow",
  "child-rekeyed",
  "ike-rekeyed",
};

static void
destroy_sa (IkeSa *sa, gpointer data)
{
  ike_sa_destroy (sa, "struck");
  ike_sa_destroy (sa, "struck twice");
}

static void
destroy_children (IkeSa *sa, gpointer data)
{
  IkeChild *child;

  while ((child = ike_sa_child (sa, 0)))
    ike_child_destroy (child, "struck");
}

static void
destroy_newest_child (IkeSa *sa, gpointer data)
{
  if (ike_sa_child (sa, 0))
    ike_child_destroy (ike_sa_child (sa, 0), "struck");
}

static void
begin_delete (IkeSa *sa, gpointer data)
{
  ike_sa_begin (sa, "delete", NULL, NULL, NULL);
}

static void
nothing (IkeSa *sa, gpointer data)
{
}

static void
begin_rekey (IkeSa *sa, gpointer data)
{
  ike_sa_begin (sa, "rekey", NULL, NULL, NULL);
}

static void
begin_rekey_child (IkeSa *sa, gpointer data)
{
  IkeChild *child = ike_sa_child (sa, 0);
  IkeChildRef ref = ike_child_ref (child);

  ike_sa_begin (sa, "rekey-child", g_memdup2 (&ref, sizeof ref), NULL, NULL);
}

static void
force_down (PairEnd *end)
{
  IkeTree *args = ike_tree_new_section ();
  char *error = NULL;

  ike_tree_set_bool (args, "force", TRUE);
  ike_tree_set_bool (args, "all", TRUE);
  ike_tree_free (pair_command (end, "down", args, &error));
  g_free (error);
}

/* What there is of SAs in the engine is in the kernel; of one that is replaced, or replaces
 * another, one half at least. */
static void
assert_sane (PairEnd *end)
{
  g_autoptr (IkeTree) status = pair_status (end);
  const IkeTree *sas = ike_tree_get (status, "sas");
  guint i, n = 0;

  for (i = 0; i < ike_tree_n (sas); i++)
    n += ike_tree_n (ike_tree_get (ike_tree_nth (sas, i), "children"));
  g_assert_cmpuint (end->kernel_ops->n_sas (end->kernel), <=, 2 * n);
  g_assert_cmpuint (end->kernel_ops->n_sas (end->kernel), >=, n);
  g_assert_cmpuint (end->kernel_ops->n_policies (end->kernel), <=, 3 * n);
  g_assert_cmpuint (end->kernel_ops->n_spis (end->kernel), ==, 0);
}

typedef struct {
  gboolean of_ike, is_collision, at_b;
  const char *point;
  void (*strike) (IkeSa *sa, gpointer data);
  IkeHookVerdict verdict;
} Case;

static void
run_case (Forge *forge, const Case *c)
{
  PairEnd *const ends[] = { &forge->pair->a, &forge->pair->b };
  ForgeEnd *const heard[] = { &forge->a, &forge->b }, *struck = heard[c->at_b];
  guint i;

  attack_up (forge, "pfs");
  struck->strike_at = c->point;
  struck->strike = c->strike;
  struck->verdict = c->verdict;
  for (i = 0; i < (c->is_collision ? 2 : 1); i++)
    forge_on_sa (ends[i], heard[i], c->of_ike ? begin_rekey : begin_rekey_child, NULL);
  /* Retransmission, what was put off, the end of what lingers and of what nobody closes. */
  pair_run (forge->pair, 400);
  for (i = 0; i < 2; i++)
    assert_sane (ends[i]);
  struck->strike = NULL;
  for (i = 0; i < 2; i++)
    force_down (ends[i]);
  pair_run (forge->pair, 10);
  for (i = 0; i < 2; i++) {
    attack_assert_no_sa (ends[i]);
    g_assert_cmpuint (ends[i]->kernel_ops->n_policies (ends[i]->kernel), ==, 0);
    g_string_truncate (ends[i]->log, 0);
  }
  forge_clear (forge);
}

static void
run_points (Forge *forge, void (*strike) (IkeSa *sa, gpointer data), IkeHookVerdict verdict)
{
  guint i, how;

  for (i = 0; i < G_N_ELEMENTS (points); i++)
    for (how = 0; how < 8; how++) {
      g_test_message ("%s, %s%s, at %s", points[i], how & 1 ? "IKE SA" : "CHILD_SA",
                      how & 2 ? " by both" : "", how & 4 ? "b" : "a");
      run_case (forge,
                &(Case){ how & 1, (how & 2) != 0, (how & 4) != 0, points[i], strike, verdict });
    }
}

static void
test_struck (gconstpointer flags)
{
  static void (*const strikes[]) (IkeSa *, gpointer) = { destroy_sa, destroy_children,
                                                         destroy_newest_child, begin_delete };
  PairOptions o = attack_options_of (flags);
  Forge *forge = forge_new (&o);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (strikes); i++) {
    g_test_message ("strike %u", i);
    run_points (forge, strikes[i], IKE_HOOK_PASS);
  }
  forge_free (forge);
}

static void
test_rejected (gconstpointer flags)
{
  PairOptions o = attack_options_of (flags);
  Forge *forge = forge_new (&o);

  run_points (forge, nothing, IKE_HOOK_REJECT);
  forge_free (forge);
}

/* -- a thousand times */

enum { N_WARM = 200, N_MORE = 800, LEAK_MAX = 64 * 1024 };

typedef struct {
  guint sas, kernel_sas, policies, spis;
} Count;

static Count
count (PairEnd *end)
{
  return (Count){ forge_n_sas (end), end->kernel_ops->n_sas (end->kernel),
                  end->kernel_ops->n_policies (end->kernel),
                  end->kernel_ops->n_spis (end->kernel) };
}

typedef struct {
  PairEnd *end;
  const char *child;
} Ask;

static void
take_part (gpointer transport, const char *kind, const IkeTree *part)
{
}

static void
take_done (gpointer transport, const IkeTree *result, const char *code, const char *message)
{
  if (code)
    g_error ("%s: %s", code, message);
}

static const IkeRequestSink sink = { sizeof sink, take_part, take_done };

static void
ask (gpointer data)
{
  Ask *a = data;
  IkeTree *args = ike_tree_new_section ();

  ike_tree_set_string (args, "name", "pair");
  if (a->child)
    ike_tree_set_string (args, "child", a->child);
  ike_command_run (a->end->engine, "rekey", args, FALSE, &sink, NULL);
}

static void
begin_command (PairEnd *end, const char *child)
{
  Ask *a = g_new0 (Ask, 1);

  *a = (Ask){ end, child };
  ike_loop_post (ike_engine_control (end->engine), ask, a, g_free);
}

/* By turns: a CHILD_SA, the IKE SA; from either end, from both. */
static void
run_rekeys (Pair *pair, guint from, guint n)
{
  PairEnd *const ends[] = { &pair->a, &pair->b };
  guint i, k;

  for (i = from; i < from + n; i++) {
    for (k = 0; k < 2; k++)
      if (i % 8 >= 6 || (i >> 1 & 1) == k)
        begin_command (ends[k], i & 1 ? NULL : "net");
    pair_run (pair, 8);
  }
  pair_run (pair, 400);
  for (k = 0; k < 2; k++) {
    g_string_free (ends[k]->log, TRUE);
    ends[k]->log = g_string_new (NULL);
  }
}

static void
test_thousand (gconstpointer flags)
{
  static const char body[] = "proposals = aes256gcm16-prfsha256-x25519\n rekey_time = 0\n"
                             " children { net { rekey_time = 0\n esp_proposals = aes256gcm16 } }\n";
  PairOptions o = { .flags = GPOINTER_TO_UINT (flags), .connection = { body, body } };
  Pair *pair = pair_new (&o);
  PairEnd *const ends[] = { &pair->a, &pair->b };
  Count first[2], last;
  gsize heap;
  guint i;

  pair_assert_up (pair, NULL);
  for (i = 0; i < 2; i++)
    first[i] = count (ends[i]);
  run_rekeys (pair, 0, N_WARM);
  heap = mallinfo2 ().uordblks;
  run_rekeys (pair, N_WARM, N_MORE);
  heap = mallinfo2 ().uordblks - MIN (heap, mallinfo2 ().uordblks);
  g_test_message ("%u times: %" G_GSIZE_FORMAT " bytes more", N_MORE, heap);
  g_assert_cmpuint (heap, <, LEAK_MAX);
  for (i = 0; i < 2; i++) {
    last = count (ends[i]);
    g_assert_cmpmem (&last, sizeof last, &first[i], sizeof first[i]);
    g_assert_cmpuint (pair_count (ends[i], "ike.rekeyed"), >=, (N_WARM + N_MORE) / 2);
    g_assert_cmpuint (pair_count (ends[i], "child.rekeyed"), >=, (N_WARM + N_MORE) / 2);
    g_assert_cmpuint (pair_count (ends[i], "ike.established"), ==, 1);
    g_assert_cmpuint (pair_count (ends[i], "ike.closed"), ==, 0);
  }
  pair_assert_twins (pair);
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pair_add_test ("rekey-struck", "whatever-hooks-destroy", test_struck);
  pair_add_test ("rekey-struck", "hooks-may-refuse-everything", test_rejected);
  pair_add_test ("rekey-struck", "a-thousand-leave-nothing", test_thousand);
  return g_test_run ();
}
