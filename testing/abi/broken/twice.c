/* SPDX-License-Identifier: Apache-2.0 */
/* twice.c - breaks a rule: it answers a call, and then it fails it. */
#include <ikebana/auth.h>
#include <ikebana/plugin.h>

static void
authorize (IkePlugin *self, IkeCall *call, IkeSa *sa)
{
  IkeAuthorizerAnswer *answer = g_new0 (IkeAuthorizerAnswer, 1);

  answer->struct_size = sizeof *answer;
  answer->is_allowed = TRUE;
  ike_call_answer (call, answer);
  ike_call_fail (call, "on second thoughts");
}

static const IkeAuthorizerClass authorizer_class = { sizeof authorizer_class, authorize };
static const IkeFeature authorizer_feature = {
  .struct_size = sizeof authorizer_feature,
  .provides = "authorizer:twice",
  .ops = &authorizer_class,
};
static const IkeFeature *const features[] = { &authorizer_feature, NULL };

IKE_PLUGIN (ike_plugin, "twice", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "answers twice", .features = features);
