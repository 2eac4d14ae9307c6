/* SPDX-License-Identifier: Apache-2.0 */
/* noteless.c - a fixture: has a descriptor, but no note to read before opening it. */
#include <ikebana/plugin.h>

__attribute__ ((visibility ("default"))) extern const IkePluginInfo ike_plugin;
const IkePluginInfo ike_plugin = { .struct_size = sizeof ike_plugin,
                                   .abi_major = IKE_ABI_MAJOR,
                                   .abi_minor = IKE_ABI_MINOR,
                                   .name = "noteless" };
