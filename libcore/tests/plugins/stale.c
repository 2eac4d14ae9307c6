/* SPDX-License-Identifier: Apache-2.0 */
/* stale.c - a fixture: built for another major ABI; its constructor must not run. */
#include <ikebana/plugin.h>
#undef IKE_ABI_MAJOR
#define IKE_ABI_MAJOR 7

static void __attribute__ ((constructor)) run_too_early (void)
{
  g_setenv ("IKE_FIXTURE_STALE_RAN", "1", TRUE);
}

IKE_PLUGIN (ike_plugin, "stale", 0, .version = "1", .license = "Apache-2.0",
            .summary = "another major ABI");
