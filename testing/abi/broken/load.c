/* SPDX-License-Identifier: Apache-2.0 */
/* load.c - breaks a rule: it needs what nobody has. */
#include <ikebana/command.h>
#include <ikebana/plugin.h>

static void
run (IkePlugin *self, IkeRequest *request)
{
  ike_request_finish (request, NULL);
}

static const IkeCommandClass command = {
  .struct_size = sizeof command,
  .summary = "is never there",
  .run = run,
};
static const char *const needs[] = { "service:of-nobody", NULL };
static const IkeFeature feature = {
  .struct_size = sizeof feature,
  .provides = "command:load",
  .ops = &command,
  .needs = needs,
};
static const IkeFeature *const features[] = { &feature, NULL };

IKE_PLUGIN (ike_plugin, "load", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "needs what nobody has", .features = features);
