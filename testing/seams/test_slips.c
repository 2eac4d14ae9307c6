/* SPDX-License-Identifier: Apache-2.0 */
/* test_slips.c - names that whoever wrote a plugin misspelt are said when the engine starts. */
#include <ikebana/exchange.h>
#include <string.h>
#include "exchange/pair.h"

static IkeTaskResult
build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  return IKE_TASK_DONE;
}

static const IkeTaskClass task_class = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUHT",
  .operations = "establsh",
  .after = "phase:authh somebody-who-is-not-there",
  .build = build,
};
static const IkeNotifyClass notify_class = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = 40000,
  .max_count = 1,
  .exchanges = "INFORMATIONL",
};
static const IkeFeature task_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "task:careless",
                                         .ops = &task_class };
static const IkeFeature notify_feature = { .struct_size = sizeof (IkeFeature),
                                           .provides = "notify:CARELESS",
                                           .ops = &notify_class };
static const IkeFeature *const features[] = { &task_feature, &notify_feature, NULL };

static void
never (void)
{
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  return ike_hook_add (self, "authorise", "careless", NULL, never, error)
         && ike_hook_add (self, "tea-time", "careless", NULL, never, error);
}

static const IkePluginInfo plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "careless",
  .version = "0",
  .license = "Apache-2.0",
  .summary = "misspells, for tests",
  .features = features,
  .activate = activate,
};
static const IkePluginInfo *const builtin[] = { &plugin, NULL };

static void
test_slips (void)
{
  static const char *const said[] = {
    "plugin careless: careless names exchange IKE_AUHT, which nobody has: did you mean IKE_AUTH?",
    "plugin careless: careless names operation establsh, which nobody has: did you mean establish?",
    "plugin careless: careless names phase phase:authh, which nobody has: did you mean phase:auth",
    "plugin careless: CARELESS names exchange INFORMATIONL, which nobody has: did you mean "
    "INFORMATIONAL?",
    "plugin careless has a hook at authorise, which nobody emits: did you mean authorize?",
  };
  Pair *pair = pair_new (&(PairOptions){ .builtin = builtin });

  for (guint i = 0; i < G_N_ELEMENTS (said); i++)
    if (!strstr (pair->a.log->str, said[i]))
      g_error ("not said: %s, but: %s", said[i], pair->a.log->str);
  g_assert_null (strstr (pair->a.log->str, "tea-time"));
  g_assert_null (strstr (pair->a.log->str, "somebody"));
  pair_assert_up (pair, NULL);
  pair_free (pair);
}

/* Nothing of what is here looks like something else that is. */
static void
test_none (void)
{
  Pair *pair = pair_new (NULL);

  g_assert_null (strstr (pair->a.log->str, "did you mean"));
  pair_free (pair);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/slips/are-said", test_slips);
  g_test_add_func ("/slips/there-are-none", test_none);
  return g_test_run ();
}
