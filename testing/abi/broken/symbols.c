/* SPDX-License-Identifier: Apache-2.0 */
/* symbols.c - breaks a rule: a function of it is seen by everybody. */
#include <ikebana/plugin.h>

__attribute__ ((visibility ("default"))) int helper (void);

int
helper (void)
{
  return 1;
}

IKE_PLUGIN (ike_plugin, "symbols", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "exports more than its descriptor");
