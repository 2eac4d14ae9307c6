/* SPDX-License-Identifier: Apache-2.0 */
/* needy.c - a fixture: one feature needs what a closed plugin offers, the next needs that one, a
 * third is fine. */
#include <ikebana/plugin.h>

typedef struct {
  guint32 struct_size;
} Service;

static const Service service = { sizeof service };
static const char *const first_needs[] = { "service:closed", NULL };
static const char *const second_needs[] = { "service:good", "service:needy", NULL };
static const char *const absent_needs[] = { "service:elsewhere", NULL };
static const IkeFeature first = {
  sizeof first, "service:needy", &service, first_needs, NULL, NULL
};
static const IkeFeature second = { sizeof second, "service:needier", &service, second_needs, NULL,
                                   NULL };
static const IkeFeature absent = {
  sizeof absent, "service:far", &service, absent_needs, NULL, NULL
};
static const IkeFeature modest = { sizeof modest, "service:modest", &service, NULL, NULL, NULL };
static const IkeFeature *const features[] = { &second, &first, &absent, &modest, NULL };

IKE_PLUGIN (ike_plugin, "needy", 0, .version = "1", .license = "Apache-2.0",
            .summary = "needs what is not there", .features = features);
