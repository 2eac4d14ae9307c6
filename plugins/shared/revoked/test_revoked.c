/* SPDX-License-Identifier: Apache-2.0 */
/* test_revoked.c - each policy with each answer, and with nobody who has one. */
#include "shared/revoked/revoked.h"

#include <ikebana/engine.h>

#include "shared/consumer/test_consumer.h"

static const guint32 policies[] = { IKE_REVOCATION_RELAXED, IKE_REVOCATION_IFURI,
                                    IKE_REVOCATION_STRICT };

static IkeRevocationVerdict *
verdict_new (gboolean is_good, const char *reason)
{
  IkeRevocationVerdict *verdict = g_new0 (IkeRevocationVerdict, 1);

  verdict->struct_size = sizeof *verdict;
  verdict->is_good = is_good;
  g_strlcpy (verdict->reason, reason, sizeof verdict->reason);
  return verdict;
}

static void
test_answers (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (policies); i++) {
    g_autofree char *good = revoked_why (policies[i], verdict_new (TRUE, ""), NULL);
    g_autofree char *bad = revoked_why (policies[i], verdict_new (FALSE, "since today"), NULL);
    g_autofree char *none = revoked_why (policies[i], NULL, "closed");

    g_assert_cmpstr (good, ==, NULL);
    g_assert_cmpstr (bad, ==, "since today");
    if (policies[i] == IKE_REVOCATION_RELAXED)
      g_assert_cmpstr (none, ==, NULL);
    else
      g_assert_true (g_str_has_suffix (none, " not known: closed"));
  }
}

/* Who showed no certificate has none that was revoked. */
static void
test_nobody (void)
{
  static const char *const plugins[] = { NULL };
  IkeSim *sim = ike_sim_new (1);
  IkeEngine *engine = test_engine_new ((IkeEngineOptions){ .sim = sim, .plugins = plugins });

  for (guint i = 0; i < G_N_ELEMENTS (policies); i++)
    for (guint n = 0; n < 2; n++) {
      IkeRevocationQuery query = { .struct_size = sizeof query, .policy = policies[i], .n = n };
      const char *why = "unset";

      g_assert_null (revoked_find (engine, &query, &why));
      g_assert_true ((why != NULL) == (n && policies[i] == IKE_REVOCATION_STRICT));
    }
  ike_engine_free (engine);
  ike_sim_free (sim);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/revoked/policies-and-answers", test_answers);
  g_test_add_func ("/revoked/nobody-to-be-asked", test_nobody);
  return g_test_run ();
}
