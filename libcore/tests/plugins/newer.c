/* SPDX-License-Identifier: Apache-2.0 */
/* newer.c - a fixture: built for a newer minor ABI. */
#include <ikebana/plugin.h>
#undef IKE_ABI_MINOR
#define IKE_ABI_MINOR 99

IKE_PLUGIN (ike_plugin, "newer", 0, .version = "1", .license = "Apache-2.0",
            .summary = "a newer minor ABI");
