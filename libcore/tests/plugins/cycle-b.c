/* SPDX-License-Identifier: Apache-2.0 */
/* cycle-b.c - a fixture: needs cycle-a, which needs it. */
#include <ikebana/plugin.h>

typedef struct {
  guint32 struct_size;
} Service;

static const Service service = { sizeof service };
static const char *const needs[] = { "service:cycle-a", NULL };
static const IkeFeature feature = {
  sizeof feature, "service:cycle-b", &service, needs, NULL, NULL
};
static const IkeFeature *const features[] = { &feature, NULL };

IKE_PLUGIN (ike_plugin, "cycle-b", 0, .version = "1", .license = "Apache-2.0",
            .summary = "half of a circle", .features = features);
