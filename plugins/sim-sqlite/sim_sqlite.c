/* SPDX-License-Identifier: Apache-2.0 */
/* sim_sqlite.c - cards from a database: the kind `sim` for many of them.
 *
 * A question is one transaction: what it moved on, the number of the network or what the card has
 * seen, is on the disk before it is answered, so that no number comes twice. */
#include "config.h"
#include "tables.h"

#include <string.h>

#include <ikebana/engine.h>
#include <ikebana/error.h>

enum { TRANSFORM_AES_CBC = 12 };

typedef struct {
  IkeEngine *engine;
  const IkeSqliteClass *class;
  IkeSqliteDb *db;
} SimSqlite;

typedef struct {
  SimSqlite *sqlite;
  SimRequest asked;
} Request;

static void
request_free (gpointer data)
{
  Request *request = data;

  sim_request_clear (&request->asked);
  g_free (request);
}

static gboolean
advance (SimCard *card, guint64 seen, gpointer data, char **why)
{
  guint64 next = sim_sqn_next (MAX (card->given, seen));

  if (next)
    card->given = next;
  else
    *why = g_strdup ("the card's sequence numbers are used up");
  return next != 0;
}

/* On the loop of the database. */
static gpointer
run_request (IkeSqliteTx *tx, gpointer data, GError **error)
{
  Request *request = data;
  IkeEngine *engine = request->sqlite->engine;
  SimWant want = request->asked.want;
  const SimAnswerer by = { engine, ike_cipher_find (engine, TRANSFORM_AES_CBC, 128), advance,
                           NULL };
  gboolean is_gsm = want == SIM_WANT_TRIPLETS || want == SIM_WANT_GSM;
  SimCard *card = sim_table_load (tx, &request->asked, error);
  g_autofree char *why = NULL;
  gpointer answer = card ? sim_card_answer (card, &request->asked, &by, &why) : NULL;

  if (why)
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_SYSTEM, why);
  if (answer && !is_gsm && ((IkeSimQuintuplet *) answer)->outcome != IKE_SIM_REFUSED
      && !sim_table_save (tx, card, error)) {
    ike_sim_quintuplet_free (answer);
    answer = NULL;
  }
  sim_card_free (card);
  return answer;
}

static const IkeSqliteWork triplets_work = { .struct_size = sizeof triplets_work,
                                             .name = "sim: triplets",
                                             .run = run_request,
                                             .free_result = ike_sim_triplets_free,
                                             .free_data = request_free };
static const IkeSqliteWork quintuplet_work = { .struct_size = sizeof quintuplet_work,
                                               .name = "sim: quintuplet",
                                               .run = run_request,
                                               .free_result = ike_sim_quintuplet_free,
                                               .free_data = request_free };

static void
ask (IkePlugin *self, SimWant want, const IkeSimQuery *query, IkeCall *call)
{
  SimSqlite *sqlite = ike_plugin_state (self);
  gboolean is_gsm = want == SIM_WANT_TRIPLETS || want == SIM_WANT_GSM;
  Request *request = g_new0 (Request, 1);

  request->sqlite = sqlite;
  sim_request_init (&request->asked, want, query);
  sqlite->class->run (sqlite->db, is_gsm ? &triplets_work : &quintuplet_work, request, call);
}

static void
triplets (IkePlugin *self, const IkeSimQuery *query, IkeCall *call)
{
  ask (self, SIM_WANT_TRIPLETS, query, call);
}

static void
quintuplet (IkePlugin *self, const IkeSimQuery *query, IkeCall *call)
{
  ask (self, SIM_WANT_QUINTUPLET, query, call);
}

static void
run_gsm (IkePlugin *self, const IkeSimQuery *query, IkeCall *call)
{
  ask (self, SIM_WANT_GSM, query, call);
}

static void
run_aka (IkePlugin *self, const IkeSimQuery *query, IkeCall *call)
{
  ask (self, SIM_WANT_AKA, query, call);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  const IkeProvided *service;
  const IkeSqliteOptions options = { .struct_size = sizeof options,
                                     .path = ike_plugin_option (self, "database"),
                                     .component = "sim",
                                     .migrations = sim_tables };
  SimSqlite *sqlite = g_new0 (SimSqlite, 1);

  ike_plugin_set_state (self, sqlite, g_free);
  sqlite->engine = ike_plugin_engine (self);
  service = ike_feature_find (sqlite->engine, "service:sqlite", error);
  if (!service)
    return FALSE;
  sqlite->class = service->ops;
  sqlite->db = sqlite->class->open (service->plugin, &options, error);
  return sqlite->db != NULL;
}

static void
deactivate (IkePlugin *self)
{
  SimSqlite *sqlite = ike_plugin_state (self);

  sqlite->class->close (sqlite->db);
}

static const IkeSimClass sqlite_class = { .struct_size = sizeof sqlite_class,
                                          .triplets = triplets,
                                          .quintuplet = quintuplet,
                                          .run_gsm = run_gsm,
                                          .run_aka = run_aka };

static const char *const needs[] = { "cipher:aes-cbc/128", "service:sqlite", NULL };
static const IkeFeature sqlite_feature = { .struct_size = sizeof sqlite_feature,
                                           .provides = "sim:sqlite",
                                           .ops = &sqlite_class,
                                           .needs = needs };
static const IkeFeature *const features[] = { &sqlite_feature, NULL };

static const IkeFeatureKind service_kind = { .struct_size = sizeof service_kind,
                                             .name = "service:sqlite",
                                             .major = 1,
                                             .ops_size_min = sizeof (IkeSqliteClass),
                                             .ops_size_max = sizeof (IkeSqliteClass) };
static const IkeFeatureKind *const kinds[] = { &service_kind, NULL };

static const IkeOptionInfo database = {
  .struct_size = sizeof database,
  .path = "plugin/database",
  .type = "string",
  .doc = "The file; without it that of plugins.sqlite.database.",
};
static const IkeOptionInfo *const options[] = { &database, NULL };

IKE_PLUGIN (ike_plugin, "sim-sqlite", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "subscriber cards from a database", .features = features, .kinds = kinds,
            .options = options, .activate = activate, .deactivate = deactivate);
