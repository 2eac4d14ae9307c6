/* SPDX-License-Identifier: Apache-2.0 */
/* service.c - stands for fetch-curl and the service that the guide's `ticket` asks: it knows one
 * ticket, "sesame". */
#include <ikebana/fetch.h>
#include <ikebana/plugin.h>
#include <string.h>

#define KNOWN "http://tickets.example.org/is/736573616d65"

static void
fetch (IkePlugin *self, const IkeFetchRequest *request, IkeCall *call)
{
  const char *answer = strcmp (request->uri, KNOWN) == 0 ? "ok" : "no";

  ike_call_answer (call, g_bytes_new_static (answer, 2));
}

static const IkeFetchClass fetch_class = { sizeof fetch_class, fetch };
static const IkeFeature fetch_feature = {
  .struct_size = sizeof fetch_feature,
  .provides = "fetch:http",
  .ops = &fetch_class,
};
static const IkeFeature *const features[] = { &fetch_feature, NULL };

IKE_PLUGIN (ike_plugin, "service", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "a service that knows a ticket", .features = features);
