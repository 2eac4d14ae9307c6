/* SPDX-License-Identifier: Apache-2.0 */
/* harmful.c - a fixture: for engines that run for tests; elsewhere its constructor must not run. */
#include <ikebana/plugin.h>

typedef struct {
  guint32 struct_size;
} Service;

static void __attribute__ ((constructor)) run_too_early (void)
{
  g_setenv ("IKE_FIXTURE_HARMFUL_RAN", "1", TRUE);
}

static const Service service = { sizeof service };
static const IkeFeature feature = { sizeof feature, "service:harmful", &service, NULL, NULL, NULL };
static const IkeFeature *const features[] = { &feature, NULL };

IKE_PLUGIN (ike_plugin, "harmful", IKE_PLUGIN_ON_REQUEST | IKE_PLUGIN_FOR_TESTS, .version = "1",
            .license = "Apache-2.0", .summary = "harms on purpose", .features = features);
