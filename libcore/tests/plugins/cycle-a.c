/* SPDX-License-Identifier: Apache-2.0 */
/* cycle-a.c - a fixture: needs cycle-b, which needs it. */
#include <ikebana/plugin.h>

typedef struct {
  guint32 struct_size;
} Service;

static const Service service = { sizeof service };
static const char *const needs[] = { "service:cycle-b", NULL };
static const IkeFeature feature = {
  sizeof feature, "service:cycle-a", &service, needs, NULL, NULL
};
static const IkeFeature *const features[] = { &feature, NULL };

IKE_PLUGIN (ike_plugin, "cycle-a", 0, .version = "1", .license = "Apache-2.0",
            .summary = "half of a circle", .features = features);
