/* SPDX-License-Identifier: Apache-2.0 */
/* twin-a.c - a fixture: provides what twin-b provides. */
#include <ikebana/plugin.h>

typedef struct {
  guint32 struct_size;
} Service;

static const Service service = { sizeof service };
static const IkeFeature feature = { sizeof feature, "service:twin", &service, NULL, NULL, NULL };
static const IkeFeature *const features[] = { &feature, NULL };

IKE_PLUGIN (ike_plugin, "twin-a", 0, .version = "1", .license = "Apache-2.0",
            .summary = "one of two", .features = features);
