/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - breaks a rule: options.conf, beside it, has another default and another option.  What
 * it writes in another way is the same. */
#include <ikebana/plugin.h>

static const IkeOptionInfo limit = {
  .struct_size = sizeof limit,
  .path = "plugin/limit",
  .type = "uint",
  .fallback = "10",
  .doc = "How many there may be.",
};
static const IkeOptionInfo wait = {
  sizeof wait, "plugin/wait", "time", "5m", "For how long.",
};
static const IkeOptionInfo size = {
  sizeof size, "plugin/size", "bytes", "2k", "How large.",
};
static const IkeOptionInfo is_strict = {
  sizeof is_strict, "plugin/is_strict", "bool", "yes", "Whether it is strict.",
};
static const IkeOptionInfo names = {
  sizeof names, "plugin/names", "list", "a,b", "Who may.",
};
static const IkeOptionInfo *const options[] = { &limit, &wait, &size, &is_strict, &names, NULL };

IKE_PLUGIN (ike_plugin, "options", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "its file says something else", .options = options);
