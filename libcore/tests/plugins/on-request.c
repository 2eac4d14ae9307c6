/* SPDX-License-Identifier: Apache-2.0 */
/* on-request.c - a fixture: loads only where somebody asks for it. */
#include <ikebana/plugin.h>

typedef struct {
  guint32 struct_size;
} Service;

static const Service service = { sizeof service };
static const IkeFeature feature = {
  sizeof feature, "service:on-request", &service, NULL, NULL, NULL
};
static const IkeFeature *const features[] = { &feature, NULL };

IKE_PLUGIN (ike_plugin, "on-request", IKE_PLUGIN_ON_REQUEST, .version = "1",
            .license = "Apache-2.0", .summary = "loads on request", .features = features);
