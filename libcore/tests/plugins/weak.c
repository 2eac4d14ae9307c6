/* SPDX-License-Identifier: Apache-2.0 */
/* weak.c - a fixture: one feature fails its self-test, another needs it, a third is fine. */
#include <ikebana/error.h>
#include <ikebana/plugin.h>

typedef struct {
  guint32 struct_size;
} Service;

static gboolean
probe (IkePlugin *self, GError **error)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO, "known answer 2 is wrong");
  return FALSE;
}

static const Service service = { sizeof service };
static const char *const needs[] = { "service:weak", NULL };
static const IkeFeature after = { sizeof after, "service:after-weak", &service, needs, NULL, NULL };
static const IkeFeature weak = { sizeof weak, "service:weak", &service, NULL, NULL, probe };
static const IkeFeature strong = { sizeof strong, "service:strong", &service, NULL, NULL, NULL };
static const IkeFeature *const features[] = { &after, &weak, &strong, NULL };

IKE_PLUGIN (ike_plugin, "weak", 0, .version = "1", .license = "Apache-2.0",
            .summary = "fails its self-test", .features = features);
