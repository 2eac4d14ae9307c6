/* SPDX-License-Identifier: Apache-2.0 */
/* runtime_stand_ins.c - the modules that an engine of the runtime's tests does without. */
#include "config.h"
#include "engine_private.h"

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

const IkePluginInfo ike_core_plugin = {
  .struct_size = sizeof (IkePluginInfo), .abi_major = IKE_ABI_MAJOR, .abi_minor = IKE_ABI_MINOR, .name = "core",
};
