/* SPDX-License-Identifier: Apache-2.0 */
/* core_plugin.c - the core's own descriptors: its commands are features like everybody else's. */
#include "config/model_private.h"
#include "sa/commands_sa.h"
#include "engine/commands.h"

static const IkeFeature *const sa_features[] = {
  &ike_command_status,        &ike_command_up,      &ike_command_down,      &ike_command_rekey,
  &ike_command_explain, &ike_command_list_policies, &ike_command_install, &ike_command_uninstall,
  NULL,
};

static const IkePluginInfo core_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "core",
  .version = IKE_VERSION,
  .license = "Apache-2.0",
  .summary = "the core's commands about the daemon",
  .features = ike_control_features,
  .options = ike_core_options,
};

static const IkePluginInfo core_sa_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "core-sa",
  .version = IKE_VERSION,
  .license = "Apache-2.0",
  .summary = "the core's commands about SAs",
  .features = sa_features,
};

const IkePluginInfo *const ike_core_plugins[] = { &core_plugin, &core_sa_plugin, NULL };
