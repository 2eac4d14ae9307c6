/* SPDX-License-Identifier: Apache-2.0 */
/* good.c - a fixture: does everything right, and shows what it was told through its service. */
#include <ikebana/bus.h>
#include <ikebana/plugin.h>

typedef struct {
  guint32 struct_size;
  guint64 (*level) (IkePlugin *self);
} Service;

static guint64
level (IkePlugin *self)
{
  return *(guint64 *) ike_plugin_state (self);
}

static void
hook (void)
{
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  guint64 *state = g_new (guint64, 1);
  *state = ike_plugin_option_uint (self, "level");
  ike_plugin_set_state (self, state, g_free);
  return ike_hook_add (self, "fixture", "good", NULL, hook, error);
}

static const Service service = { sizeof service, level };
static const IkeFeature good = { sizeof good, "service:good", &service, NULL, NULL, NULL };
static const IkeFeature *const features[] = { &good, NULL };
static const IkeOptionInfo level_option = { sizeof level_option, "plugin/level", "uint", "3",
                                            "How good it is." };
static const IkeOptionInfo extra_option = { sizeof extra_option, "connection/extra", "bool", "no",
                                            "Be better." };
static const IkeOptionInfo *const options[] = { &level_option, &extra_option, NULL };

IKE_PLUGIN (ike_plugin, "good", 0, .version = "1.2", .license = "Apache-2.0",
            .summary = "does everything right", .features = features, .options = options,
            .activate = activate);
