/* SPDX-License-Identifier: Apache-2.0 */
/* bad-default.c - a fixture: declares an option whose default is no value of its type. */
#include <ikebana/plugin.h>

static const IkeOptionInfo option = { sizeof option, "plugin/patience", "time", "soon",
                                      "How long to wait." };
static const IkeOptionInfo *const options[] = { &option, NULL };

IKE_PLUGIN (ike_plugin, "bad-default", 0, .version = "1", .license = "Apache-2.0",
            .summary = "a bad default", .options = options);
