/* SPDX-License-Identifier: Apache-2.0 */
/* eap_radius.c - remote access by RADIUS: whoever connects is let in, given addresses, accounted
 * for and thrown out by the word of a server (`auth = eap-radius`).
 *
 * The servers themselves, and how packets get there, are `service:radius`. */
#include "config.h"
#include "eap_radius.h"

static void
state_free (gpointer data)
{
  EapRadius *self = data;

  accounts_free (self->accounting);
  table_free (self->table);
  g_free (self->nas_identifier);
  g_free (self);
}

static void
read_options (EapRadius *self)
{
  IkePlugin *plugin = self->plugin;
  const char *nas_identifier = ike_plugin_option (plugin, "nas_identifier");

  self->accounts = ike_plugin_option_bool (plugin, "accounting");
  self->accounts_need_vip = ike_plugin_option_bool (plugin, "accounting_requires_vip");
  self->interim_s =
      (guint32) MIN (ike_plugin_option_uint (plugin, "accounting_interval"), (guint64) G_MAXINT32);
  self->has_station_ports = ike_plugin_option_bool (plugin, "station_id_with_port");
  if (nas_identifier && nas_identifier[0])
    self->nas_identifier = g_strndup (nas_identifier, IKE_RADIUS_VALUE_MAX);
  if (ike_plugin_option_bool (plugin, "class_group"))
    self->grant_flags |= GRANT_CLASS_IS_GROUP;
  if (ike_plugin_option_bool (plugin, "filter_id"))
    self->grant_flags |= GRANT_FILTER_IS_GROUP;
}

static void
make_counters (EapRadius *self)
{
  self->count.accepted = ike_counter (self->engine, "eap-radius.accepted");
  self->count.refused = ike_counter (self->engine, "eap-radius.refused");
  self->count.failed = ike_counter (self->engine, "eap-radius.failed");
  self->count.begun = ike_counter (self->engine, "eap-radius.sessions-begun");
  self->count.ended = ike_counter (self->engine, "eap-radius.sessions-ended");
  self->count.disconnected = ike_counter (self->engine, "eap-radius.disconnect-requests");
  self->count.changed = ike_counter (self->engine, "eap-radius.coa-requests");
}

static gboolean
activate (IkePlugin *plugin, GError **error)
{
  EapRadius *self = g_new0 (EapRadius, 1);

  ike_plugin_set_state (plugin, self, state_free);
  self->plugin = plugin;
  self->engine = ike_plugin_engine (plugin);
  self->io = ike_engine_io (self->engine);
  ike_engine_random (self->engine, &self->start_id, sizeof self->start_id);
  read_options (self);
  make_counters (self);
  self->service = ike_feature_find (self->engine, "service:radius", error);
  if (!self->service
      || !ike_option_find (self->engine, "remote/radius_group", &self->group_option, error)
      || !seat_activate (self, error) || !assign_activate (self, error))
    return FALSE;
  self->radius = self->service->ops;
  self->table = table_new ();
  if (self->accounts)
    self->accounting =
        accounts_new (self, (guint) MIN (ike_plugin_option_uint (plugin, "accounting_queue"),
                                         (guint64) G_MAXINT32));
  self->radius->set_handler (self->service->plugin, plugin, dynamic_received);
  return TRUE;
}

static void
deactivate (IkePlugin *plugin)
{
  EapRadius *self = ike_plugin_state (plugin);

  self->radius->set_handler (self->service->plugin, NULL, NULL);
  accounts_stop (self->accounting);
}

/* All SAs are gone, and with them the last accounts were made. */
static void
shut_down (IkePlugin *plugin, IkeCall *call)
{
  EapRadius *self = ike_plugin_state (plugin);

  if (self->accounting)
    accounts_finish (self->accounting, call);
  else
    ike_call_answer (call, NULL);
}

/* -- the plugin */

static const char *const needs_radius[] = { "service:radius", NULL };
static const char *const wants_queue[] = { "queue:accounting", NULL };

static const IkeFeature relay_feature = { .struct_size = sizeof (IkeFeature),
                                          .provides = "eap-server:radius",
                                          .ops = &eap_radius_relay_class,
                                          .needs = needs_radius,
                                          .wants = wants_queue };
static const IkeFeature task_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "task:eap-radius",
                                         .ops = &eap_radius_task_class,
                                         .needs = needs_radius };
static const IkeFeature sessions_feature = { .struct_size = sizeof (IkeFeature),
                                             .provides = "command:radius-sessions",
                                             .ops = &eap_radius_sessions_class,
                                             .needs = needs_radius };
static const IkeFeature *const features[] = { &relay_feature, &task_feature, &sessions_feature,
                                              NULL };

#define SIZE_UP_TO(type, last) (G_STRUCT_OFFSET (type, last) + sizeof (gpointer))

static const IkeFeatureKind radius_kind = {
  sizeof (IkeFeatureKind), "service:radius", 1, 0, SIZE_UP_TO (IkeRadiusOps, set_handler),
  sizeof (IkeRadiusOps)
};
static const IkeFeatureKind queue_kind = {
  sizeof (IkeFeatureKind), "queue", 1, 0, SIZE_UP_TO (IkeQueueClass, drop), sizeof (IkeQueueClass)
};
static const IkeFeatureKind *const kinds[] = { &radius_kind, &queue_kind, NULL };

#define OPTION(its_path, its_type, its_fallback, its_doc)                                          \
  &(const IkeOptionInfo)                                                                           \
  {                                                                                                \
    .struct_size = sizeof (IkeOptionInfo), .path = its_path, .type = its_type,                     \
    .fallback = its_fallback, .doc = its_doc                                                       \
  }

static const IkeOptionInfo *const options[] = {
  OPTION ("plugin/accounting", "bool", "no",
          "Tell the servers when sessions begin and end, and what they carried (RFC 2866)."),
  OPTION ("plugin/accounting_interval", "time", "0",
          "Time between interim accounts where the server says none (Acct-Interim-Interval); at "
          "least 60s. 0: none."),
  OPTION ("plugin/accounting_requires_vip", "bool", "no",
          "Account only for those who got a virtual address."),
  OPTION ("plugin/accounting_queue", "uint", "20000",
          "How many accounts wait at most for servers that do not take them."),
  OPTION ("plugin/class_group", "bool", "no", "Class attributes name groups that the user is in."),
  OPTION ("plugin/filter_id", "bool", "no",
          "Filter-Id attributes name groups that the user is in."),
  OPTION ("plugin/nas_identifier", "string", NULL,
          "NAS-Identifier; unset: that of each server, from the plugin radius."),
  OPTION ("plugin/station_id_with_port", "bool", "yes",
          "Called- and Calling-Station-Id with the UDP port, as 192.0.2.1[4500]."),
  OPTION ("remote/radius_group", "string", NULL,
          "Which group of RADIUS servers to ask; unset: all."),
  NULL,
};

IKE_PLUGIN (ike_plugin, "eap-radius", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "authentication, addresses and accounts by RADIUS servers",
            .features = features, .kinds = kinds, .options = options, .activate = activate,
            .deactivate = deactivate, .shutdown = shut_down);
