/* SPDX-License-Identifier: Apache-2.0 */
/* test_consumer.h - a plugin that consumes verdicts, and a log that shows in the tests' messages. */
#pragma once
#include <ikebana/fetch.h>
#include <ikebana/log.h>
#include <ikebana/plugin.h>

static const IkeFeatureKind revocation_kind = {
  sizeof (IkeFeatureKind),    "revocation", 1, 0, sizeof (IkeRevocationClass),
  sizeof (IkeRevocationClass)
};
static const IkeFeatureKind *const kinds[] = { &revocation_kind, NULL };
static const IkeFeature *const no_features[] = { NULL };
static const IkePluginInfo consumer = {
  .struct_size = sizeof consumer,
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "consumer",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "consumes verdicts",
  .features = no_features,
  .kinds = kinds,
};

static void
say (const IkeLogRecord *record, gpointer data)
{
  g_test_message ("%s: %s", record->group, record->text);
}
