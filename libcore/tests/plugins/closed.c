/* SPDX-License-Identifier: Apache-2.0 */
/* closed.c - a fixture: disabled by the test's settings; its constructor must not run. */
#include <ikebana/plugin.h>

typedef struct {
  guint32 struct_size;
} Service;

static void __attribute__ ((constructor)) run_too_early (void)
{
  g_setenv ("IKE_FIXTURE_CLOSED_RAN", "1", TRUE);
}

static const Service service = { sizeof service };
static const IkeFeature feature = { sizeof feature, "service:closed", &service, NULL, NULL, NULL };
static const IkeFeature *const features[] = { &feature, NULL };

IKE_PLUGIN (ike_plugin, "closed", 0, .version = "1", .license = "Apache-2.0",
            .summary = "never opened", .features = features);
