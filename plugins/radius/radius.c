/* SPDX-License-Identifier: Apache-2.0 */
/* radius.c - plugin radius: a RADIUS client as `service:radius`, for whoever authenticates, counts
 * and throws out users.
 *
 * Everything is asynchronous and on the io loop: a server that does not answer costs those who ask
 * it their time, and nobody else any.  All that is asked is bounded in number and in time, and
 * everything that comes in is checked and counted before anybody sees it.
 *
 *   radius.c    options
 *   settings.c  servers, and who may send DAE requests
 *   client.c    the way from any thread to the io loop
 *   ask.c       one request: servers in turn, retransmission
 *   port.c      one server: identifiers, health, what is believed
 *   udp.c       UDP
 *   radsec.c    TLS (RFC 6614)
 *   dae.c       Disconnect and CoA (RFC 5176)
 *   command.c   `ikebana radius` */
#include <string.h>
#include <ikebana/command.h>
#include <ikebana/fetch.h>
#include <ikebana/log.h>
#include <ikebana/tls.h>
#include "client.h"

static const IkeTree *
settings_of (IkePlugin *self)
{
  return ike_tree_get (ike_engine_settings (ike_plugin_engine (self)), "plugins.radius");
}

static void
add_to_print (GHmac *hmac, const IkeTree *node)
{
  char buffer[32];
  const char *name = ike_tree_name (node), *text = ike_tree_text (node, buffer);
  guint32 head[] = { ike_tree_type (node), ike_tree_n (node), name != NULL, text != NULL };

  g_hmac_update (hmac, (const guchar *) head, sizeof head);
  if (name)
    g_hmac_update (hmac, (const guchar *) name, (gssize) strlen (name) + 1);
  if (text)
    g_hmac_update (hmac, (const guchar *) text, (gssize) strlen (text) + 1);
}

/* Of the settings as they are now.  A copy to compare them with would have all secrets in it.  The
 * order counts, too: servers are numbered by it. */
static void
take_print (const Client *client, guint8 print[static 32])
{
  g_autoptr (GHmac) hmac =
      g_hmac_new (G_CHECKSUM_SHA256, client->print_key, sizeof client->print_key);
  g_autoptr (GPtrArray) todo = g_ptr_array_new ();
  const IkeTree *section = settings_of (client->plugin);
  gsize len = 32;

  if (section)
    g_ptr_array_add (todo, (gpointer) section);
  while (todo->len) {
    const IkeTree *node = g_ptr_array_steal_index (todo, todo->len - 1);

    add_to_print (hmac, node);
    for (guint i = ike_tree_n (node); i-- > 0;)
      g_ptr_array_add (todo, (gpointer) ike_tree_nth (node, i));
  }
  g_hmac_get_digest (hmac, print, &len);
}

static void
state_free (gpointer data)
{
  Client *client = data;
  RadiusConf *conf = (RadiusConf *) client->conf;

  client_free (client);
  radius_conf_free (conf);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  RadiusConf *conf = radius_conf_read (self, error);
  Client *client;

  if (!conf)
    return FALSE;
  client = client_new (self, conf);
  ike_engine_random (client->engine, client->print_key, sizeof client->print_key);
  take_print (client, client->print);
  ike_plugin_set_state (self, client, state_free);
  return dae_open (client, error);
}

static void
deactivate (IkePlugin *self)
{
  client_close (ike_plugin_state (self));
}

/* Requests that are under way, and what others know of servers, hang on the settings. */
static gboolean
reload_check (IkePlugin *self, GError **error)
{
  Client *client = ike_plugin_state (self);
  g_autoptr (RadiusConf) conf = NULL;
  guint8 now[sizeof client->print];

  take_print (client, now);
  if (memcmp (now, client->print, sizeof now) == 0)
    return TRUE;
  conf = radius_conf_read (self, error);
  if (!conf)
    return FALSE;
  ike_log (client->engine, IKE_LOG_NOTICE, "radius",
           "plugins.radius has changed; that counts from the next start of the daemon");
  return TRUE;
}

/* Also under --check, where nothing is activated. */
static gboolean
probe (IkePlugin *self, GError **error)
{
  g_autoptr (RadiusConf) conf = radius_conf_read (self, error);

  return conf != NULL;
}

static const IkeRadiusOps ops = { sizeof (IkeRadiusOps), client_request, client_servers,
                                  dae_set_handler };
static const char *const wants[] = { "radius-transport:*", "service:tls", "revocation:x509", NULL };
static const IkeFeature service_feature = { .struct_size = sizeof (IkeFeature),
                                            .provides = "service:radius",
                                            .ops = &ops,
                                            .wants = wants,
                                            .probe = probe };

static const IkeCommandClass status_class = {
  .struct_size = sizeof status_class,
  .flags = IKE_COMMAND_READ_ONLY,
  .summary = "RADIUS servers, how they are and what they were asked",
  .columns = "Server:server For:for Address:address State:state Pending:pending Asked:requests "
             "Again:retransmissions Answered:answers Silent:timeouts Dropped:dropped",
  .rows_path = "servers",
  .run = command_run,
};
static const IkeFeature status_feature = { .struct_size = sizeof (IkeFeature),
                                           .provides = "command:radius",
                                           .ops = &status_class };
static const IkeFeature *const features[] = { &service_feature, &status_feature, NULL };

static const IkeFeatureKind transport_kind = {
  .struct_size = sizeof transport_kind,
  .name = "radius-transport",
  .major = 1,
  .ops_size_min = sizeof (IkeRadiusTransportClass),
  .ops_size_max = sizeof (IkeRadiusTransportClass),
};
static const IkeFeatureKind tls_kind = {
  .struct_size = sizeof tls_kind,
  .name = "service:tls",
  .major = 1,
  .ops_size_min = G_STRUCT_OFFSET (IkeTlsOps, info) + sizeof (gpointer),
  .ops_size_max = sizeof (IkeTlsOps),
};
static const IkeFeatureKind revocation_kind = {
  .struct_size = sizeof revocation_kind,
  .name = "revocation",
  .major = 1,
  .ops_size_min = G_STRUCT_OFFSET (IkeRevocationClass, check) + sizeof (gpointer),
  .ops_size_max = sizeof (IkeRevocationClass),
};
static const IkeFeatureKind *const kinds[] = { &transport_kind, &tls_kind, &revocation_kind, NULL };

#define OPTION(symbol, name, kind, value, text)                                                    \
  static const IkeOptionInfo symbol = { sizeof (IkeOptionInfo), "plugin/" name, kind, value, text }

OPTION (option_servers, "servers", "section", NULL,
        "Servers, each a section NAME { address = … secret = … }.");
OPTION (option_dae, "dae", "section", NULL,
        "Who may end and change sessions (RFC 5176): { enable = yes … }.");
OPTION (option_timeout, "timeout", "time", "30s",
        "How long a request may take in all, whatever number of servers is asked.");
OPTION (option_max_pending, "max_pending", "uint", "8192",
        "Requests that may wait for answers at a time; others fail at once.");
OPTION (option_secret, "secret", "string", NULL, "Secret of servers that have none of their own.");
OPTION (option_nas_identifier, "nas_identifier", "string", "ikebana",
        "NAS-Identifier of requests to servers that have none of their own; \"\": none is sent.");
OPTION (option_sockets, "sockets", "uint", "8",
        "Sockets to a port of a server at most; each has 256 requests on their way.");
OPTION (option_dead_time, "dead_time", "time", "30s",
        "How long a server that does not answer is left alone where there is another one.");
OPTION (option_retransmit_timeout, "retransmit_timeout", "string", "2.0",
        "Seconds until a request is sent again for the first time.");
OPTION (option_retransmit_base, "retransmit_base", "string", "1.4",
        "By how much each further wait is longer than the one before it.");
OPTION (option_retransmit_tries, "retransmit_tries", "uint", "4",
        "How often a request is sent to a server in all, before the next one is asked.");

static const IkeOptionInfo *const options[] = {
  &option_servers,
  &option_dae,
  &option_timeout,
  &option_max_pending,
  &option_secret,
  &option_nas_identifier,
  &option_sockets,
  &option_dead_time,
  &option_retransmit_timeout,
  &option_retransmit_base,
  &option_retransmit_tries,
  NULL,
};

IKE_PLUGIN (ike_plugin, "radius", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "a RADIUS client", .features = features, .kinds = kinds, .options = options,
            .activate = activate, .deactivate = deactivate, .reload_check = reload_check);
