/* SPDX-License-Identifier: Apache-2.0 */
/* no-note.c - breaks a rule: it has a descriptor, but no note. */
#include <ikebana/plugin.h>

__attribute__ ((visibility ("default"))) extern const IkePluginInfo ike_plugin;

const IkePluginInfo ike_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "no-note",
  .version = "1.0",
  .license = "Apache-2.0",
  .summary = "has no note",
};
