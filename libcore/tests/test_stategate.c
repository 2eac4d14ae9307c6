/* SPDX-License-Identifier: Apache-2.0 */
/* test_stategate.c - rows as text into rows, and messages against them. */
#include "sa/sa_private.h"

typedef struct {
  IkeSaManager    manager;
  IkeShard        shard;
  IkeSa           sa;
  IkeRow          rows[4];
  IkeExchangeInfo info;
} Gate;

static void
parse (Gate *g, guint32 direction, guint32 roles, guint32 states, const char *shape)
{
  IkeStateRow from = { direction, roles, states, shape };
  const char *bad = NULL;

  g_assert_true (ike_row_parse (&g->manager.classes, &from, &g->rows[g->info.n_rows++], &bad));
  g_assert_null (bad);
}

static Gate *
gate_new (void)
{
  Gate *g = g_new0 (Gate, 1);
  guint type;

  for (type = 33; type <= 47; type++)
    g->manager.classes.known_payloads[type / 8] |= (guint8) (1 << type % 8);
  g->shard.manager = &g->manager;
  g->sa.shard = &g->shard;
  g->sa.state = IKE_SA_ESTABLISHED;
  g->info.rows = g->rows;
  return g;
}

static void
refuse (Gate *g, const char *shape)
{
  IkeStateRow from = { 1, 1, 1, shape };
  const char *bad = NULL;
  IkeRow row;

  g_assert_false (ike_row_parse (&g->manager.classes, &from, &row, &bad));
  g_assert_cmpstr (bad, ==, shape);
}

static void
test_parse (void)
{
  Gate *g = gate_new ();

  parse (g, IKE_ROW_REQUEST, IKE_ROLE_BOTH, 4, " SA KE? N*  V+ ");
  g_assert_cmpuint (g->rows[0].n, ==, 4);
  g_assert_cmpuint (g->rows[0].items[0].type, ==, 33);
  g_assert_cmpuint (g->rows[0].items[0].min, ==, 1);
  g_assert_cmpuint (g->rows[0].items[0].max, ==, 1);
  g_assert_cmpuint (g->rows[0].items[1].min, ==, 0);
  g_assert_cmpuint (g->rows[0].items[1].max, ==, 1);
  g_assert_cmpuint (g->rows[0].items[2].min, ==, 0);
  g_assert_cmpuint (g->rows[0].items[2].max, ==, 255);
  g_assert_cmpuint (g->rows[0].items[3].min, ==, 1);
  parse (g, IKE_ROW_RESPONSE, IKE_ROLE_BOTH, 4, "N(COOKIE)");
  g_assert_cmpuint (g->rows[1].only_notify, ==, 16390);
  parse (g, IKE_ROW_RESPONSE, IKE_ROLE_BOTH, 4, "N(40000)");
  g_assert_cmpuint (g->rows[2].only_notify, ==, 40000);
  parse (g, IKE_ROW_REQUEST, IKE_ROLE_BOTH, 4, "");
  g_assert_cmpuint (g->rows[3].n, ==, 0);
  refuse (g, "SA Nonsense");
  refuse (g, "?");
  refuse (g, "N(NO_SUCH_NOTIFY)");
  refuse (g, "V V V V V V V V V V V V V V V V V V V V V V V V V");
  g_free (g);
}

/* @types: the payloads of a message, ended by 0. */
static gboolean
check (Gate *g, const guint8 *types, gboolean is_response, IkeVerdict *verdict)
{
  static const guint8 status[] = { 0, 0, 0x40, 6 };
  IkePayload payloads[300] = { 0 };
  IkeMessage message = { .payloads = payloads };

  for (; types[message.n]; message.n++)
    payloads[message.n] =
        (IkePayload) { .type = types[message.n], .data = status, .len = sizeof status };
  memset (verdict, 0, sizeof *verdict);
  return ike_stategate_check (&g->info, &g->sa, is_response, &message, verdict);
}

static void
assert_fits (Gate *g, const char *types)
{
  IkeVerdict verdict;

  g_assert_true (check (g, (const guint8 *) types, FALSE, &verdict));
}

static void
assert_misfit (Gate *g, const char *types, guint8 payload)
{
  IkeVerdict verdict;

  g_assert_false (check (g, (const guint8 *) types, FALSE, &verdict));
  g_assert_cmpuint (verdict.notify, ==, IKE_N_INVALID_SYNTAX);
  g_assert_cmpuint (verdict.payload, ==, payload);
  g_assert_nonnull (verdict.reason);
}

#define SA_ "\x21"
#define KE_ "\x22"
#define NONCE_ "\x28"
#define N_ "\x29"
#define V_ "\x2b"

static void
test_counts (void)
{
  Gate *g = gate_new ();
  char many[280];

  parse (g, IKE_ROW_REQUEST, IKE_ROLE_BOTH, 1u << IKE_SA_ESTABLISHED, "SA KE? N* V+");
  assert_fits (g, SA_ V_);
  assert_fits (g, V_ KE_ V_ SA_);
  assert_fits (g, SA_ KE_ N_ N_ N_ V_ V_);
  assert_misfit (g, "", 33);
  assert_misfit (g, SA_, 43);
  assert_misfit (g, V_, 33);
  assert_misfit (g, SA_ SA_ V_, 33);
  assert_misfit (g, SA_ KE_ KE_ V_, 34);
  assert_misfit (g, SA_ V_ NONCE_, 40);
  /* Unknown ones do not count (critical ones were refused before). */
  assert_fits (g, SA_ V_ "\xc8\xc8\xff\x01");
  memset (many, 43, sizeof many);
  many[0] = 33;
  many[279] = 0;
  assert_fits (g, many);
  memset (many, 33, 256);
  many[256] = 43;
  many[257] = 0;
  assert_misfit (g, many, 33);
  many[257] = 33;
  many[258] = 0;
  assert_misfit (g, many, 33);
  g_free (g);
}

static void
test_state (void)
{
  Gate *g = gate_new ();
  IkeVerdict verdict;
  guint state, role, response;

  parse (g, IKE_ROW_REQUEST, IKE_ROLE_RESPONDER, 1u << IKE_SA_CONNECTING | 1u << IKE_SA_DELETING,
         "SA");
  for (state = 0; state < IKE_SA_N_STATES; state++)
    for (role = 0; role < 2; role++)
      for (response = 0; response < 2; response++) {
        gboolean is_open =
            (state == IKE_SA_CONNECTING || state == IKE_SA_DELETING) && !role && !response;
        g->sa.state = (guint8) state;
        g->sa.is_initiator = role;
        g_assert_cmpint (ike_stategate_is_state_ok (&g->info, &g->sa, response), ==, is_open);
        g_assert_cmpint (check (g, (const guint8 *) SA_, response, &verdict), ==, is_open);
        if (!is_open)
          g_assert_cmpuint (verdict.notify, ==, 0);
      }
  g_free (g);
}

static void
test_only_notify (void)
{
  Gate *g = gate_new ();
  IkeVerdict verdict;

  parse (g, IKE_ROW_RESPONSE, IKE_ROLE_BOTH, 1u << IKE_SA_ESTABLISHED, "SA KE");
  parse (g, IKE_ROW_RESPONSE, IKE_ROLE_BOTH, 1u << IKE_SA_ESTABLISHED, "N(COOKIE)");
  g_assert_true (check (g, (const guint8 *) SA_ KE_, TRUE, &verdict));
  g_assert_true (check (g, (const guint8 *) N_, TRUE, &verdict));
  g_assert_true (check (g, (const guint8 *) V_ N_ N_ V_, TRUE, &verdict));
  g_assert_false (check (g, (const guint8 *) V_, TRUE, &verdict));
  g_assert_false (check (g, (const guint8 *) N_ SA_, TRUE, &verdict));
  g_assert_false (check (g, (const guint8 *) N_, FALSE, &verdict));
  g->rows[1].only_notify = 5;
  g_assert_false (check (g, (const guint8 *) N_, TRUE, &verdict));
  g_assert_cmpuint (verdict.notify, ==, IKE_N_INVALID_SYNTAX);
  g_free (g);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/stategate/rows-are-read", test_parse);
  g_test_add_func ("/stategate/payloads-are-counted", test_counts);
  g_test_add_func ("/stategate/state-role-and-direction-count", test_state);
  g_test_add_func ("/stategate/a-notify-alone-may-be-the-shape", test_only_notify);
  return g_test_run ();
}
