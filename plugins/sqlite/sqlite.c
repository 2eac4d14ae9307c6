/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite.c - plugin sqlite: databases in files, for other plugins (service:sqlite,
 * <ikebana/sqlite.h>).
 *
 * The only plugin that links SQLite.  Everything that may take time runs on one loop of its own,
 * "store"; what many ask for at one time is one transaction.
 *
 *   connection.c   opening, transactions, schemas; knows no engine, so that tools use it too
 *   statement.c    statements, parameters, rows
 *   file.c         what waits for a file, and becomes a transaction
 *   service.c      the service's functions */
#include "service.h"

static gboolean
activate (IkePlugin *self, GError **error)
{
  Service *service = service_new (self, error);

  if (service)
    ike_plugin_set_state (self, service, service_free);
  return service != NULL;
}

static void
deactivate (IkePlugin *self)
{
  service_stop (ike_plugin_state (self));
}

static const IkeFeature service_feature = { .struct_size = sizeof (IkeFeature),
                                            .provides = "service:sqlite",
                                            .ops = &service_class };
static const IkeFeature *const features[] = { &service_feature, NULL };

#define OPTION(symbol, name, kind, value, text)                                                    \
  static const IkeOptionInfo symbol = { sizeof (IkeOptionInfo), "plugin/" name, kind, value, text }

OPTION (option_database, "database", "string", "/var/lib/ikebana/store.db",
        "The file in which all plugins keep their tables that do not name another one.");
OPTION (option_busy_timeout, "busy_timeout", "time", "5s",
        "How long to wait while another process writes.");
OPTION (option_synchronous, "synchronous", "enum:full|normal", "full",
        "full: what was answered is on the disk; normal: a power failure may take back the last "
        "seconds, a crash of the daemon nothing.");

static const IkeOptionInfo *const options[] = { &option_database, &option_busy_timeout,
                                                &option_synchronous, NULL };

IKE_PLUGIN (ike_plugin, "sqlite", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "databases in files, for other plugins", .features = features,
            .options = options, .activate = activate, .deactivate = deactivate);
