/* SPDX-License-Identifier: Apache-2.0 */
/* runtime_stand_ins.c - the modules that an engine of the runtime's tests does without. */
#include "config.h"
#include <string.h>
#include "engine_private.h"

struct _IkeSettings {
  IkeTree *tree;
};

IkeSettings *
ike_settings_state_new (IkeEngine *engine)
{
  return g_new0 (IkeSettings, 1);
}

gboolean
ike_settings_state_read (IkeEngine *engine, GError **error)
{
  const char *text = engine->options.settings ? engine->options.settings : "";

  engine->settings->tree = ike_settings_parse (text, strlen (text), "test", error);
  return engine->settings->tree != NULL;
}

gboolean
ike_settings_state_start (IkeEngine *engine, GError **error)
{
  return TRUE;
}

void
ike_settings_state_free (IkeSettings *settings)
{
  ike_tree_free (settings->tree);
  g_free (settings);
}

const IkeTree *
ike_engine_settings (IkeEngine *engine)
{
  return engine->settings->tree;
}

gboolean
ike_control_start (IkeEngine *engine, GError **error)
{
  return TRUE;
}

void
ike_control_stop (IkeEngine *engine)
{
}

void
ike_control_free (IkeControlTable *table)
{
}

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
