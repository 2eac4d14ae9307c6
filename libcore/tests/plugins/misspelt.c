/* SPDX-License-Identifier: Apache-2.0 */
/* misspelt.c - a fixture: a feature of a kind that nobody declares, and one whose table is too
 * small. */
#include <ikebana/plugin.h>

typedef struct {
  guint32 struct_size;
} Service;

static const Service service = { sizeof service };
static const IkeFeature feature = { sizeof feature, "servise:x", &service, NULL, NULL, NULL };
static const IkeFeature small = { sizeof small, "command:small", &service, NULL, NULL, NULL };
static const IkeFeature empty = { sizeof empty, "command:empty", NULL, NULL, NULL, NULL };
static const IkeFeature *const features[] = { &feature, &small, &empty, NULL };

IKE_PLUGIN (ike_plugin, "misspelt", 0, .version = "1", .license = "Apache-2.0",
            .summary = "an unknown kind", .features = features);
