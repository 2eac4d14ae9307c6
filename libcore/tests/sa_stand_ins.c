/* SPDX-License-Identifier: Apache-2.0 */
/* sa_stand_ins.c - the core without SAs, for tests of settings and commands. */
#include "control/commands.h"
#include "config/model_private.h"

const IkePluginInfo ike_core_plugin = {
  .struct_size = sizeof (IkePluginInfo), .abi_major = IKE_ABI_MAJOR, .abi_minor = IKE_ABI_MINOR, .name = "core",
  .version = "1", .license = "Apache-2.0", .summary = "the core without SAs", .features = ike_control_features,
  .options = ike_core_options,
};

gboolean
ike_sas_start (IkeEngine *engine, GError **error)
{
  return TRUE;
}

void
ike_sas_shutdown (IkeEngine *engine, void (*done) (IkeEngine *engine))
{
  done (engine);
}

void
ike_sas_free (IkeSaManager *sas)
{
}

IkeSa *
ike_sa_lookup (IkeEngine *engine, IkeSaRef ref)
{
  return NULL;
}

IkeTree *ike_sas_order (IkeEngine *engine);

IkeTree *
ike_sas_order (IkeEngine *engine)
{
  return ike_tree_new_section ();
}
