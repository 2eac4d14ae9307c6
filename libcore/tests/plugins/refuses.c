/* SPDX-License-Identifier: Apache-2.0 */
/* refuses.c - a fixture: does half of its work, then fails to activate. */
#include <ikebana/bus.h>
#include <ikebana/error.h>
#include <ikebana/plugin.h>

typedef struct {
  guint32 struct_size;
} Service;

static void
hook (void)
{
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  ike_plugin_set_state (self, g_strdup ("half"), g_free);
  if (ike_hook_add (self, "fixture", "refuses", NULL, hook, error))
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "no device /dev/fixture");
  return FALSE;
}

static const Service service = { sizeof service };
static const IkeFeature feature = { sizeof feature, "service:refused", &service, NULL, NULL, NULL };
static const IkeFeature *const features[] = { &feature, NULL };

IKE_PLUGIN (ike_plugin, "refuses", 0, .version = "1", .license = "Apache-2.0",
            .summary = "fails to activate", .features = features, .activate = activate);
