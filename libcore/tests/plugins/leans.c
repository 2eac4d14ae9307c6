/* SPDX-License-Identifier: Apache-2.0 */
/* leans.c - a fixture: needs a plugin that fails only when it is activated. */
#include <ikebana/plugin.h>

typedef struct {
  guint32 struct_size;
} Service;

static const Service service = { sizeof service };
static const char *const needs[] = { "service:refused", NULL };
static const IkeFeature feature = {
  sizeof feature, "service:leaning", &service, needs, NULL, NULL
};
static const IkeFeature *const features[] = { &feature, NULL };

IKE_PLUGIN (ike_plugin, "leans", 0, .version = "1", .license = "Apache-2.0",
            .summary = "leans on refuses", .features = features);
