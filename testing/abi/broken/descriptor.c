/* SPDX-License-Identifier: Apache-2.0 */
/* descriptor.c - breaks a rule: a table does not begin with its size. */
#include <ikebana/command.h>
#include <ikebana/plugin.h>

static const IkeCommandClass command = { .summary = "has no size" };
static const IkeFeature feature = {
  .struct_size = sizeof feature,
  .provides = "command:descriptor",
  .ops = &command,
};
static const IkeFeature *const features[] = { &feature, NULL };

IKE_PLUGIN (ike_plugin, "descriptor", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "lacks a size", .features = features);
