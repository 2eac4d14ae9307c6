/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - breaks a rule: options.conf, beside it, has another default and another option. */
#include <ikebana/plugin.h>

static const IkeOptionInfo limit = {
  .struct_size = sizeof limit,
  .path = "plugin/limit",
  .type = "uint",
  .fallback = "10",
  .doc = "How many there may be.",
};
static const IkeOptionInfo *const options[] = { &limit, NULL };

IKE_PLUGIN (ike_plugin, "options", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "its file says something else", .options = options);
