/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c - reads plugins.radius; see settings.h.
 *
 * Servers are given by address: a name would have to be looked up before anybody can log in. */
#include <string.h>
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/fetch.h>
#include "settings.h"

enum { AUTH_PORT = 1812, ACCT_PORT = 1813, TLS_PORT = 2083, TRIES_MAX = 20 };

static const char *const server_keys[] = {
  "address",
  "port",
  "auth_port",
  "acct_port",
  "secret",
  "type",
  "groups",
  "preference",
  "sockets",
  "source",
  "nas_identifier",
  "require_message_authenticator",
  "status_server",
  "dead_time",
  "retransmit_base",
  "retransmit_timeout",
  "retransmit_tries",
  "tls_id",
  "tls_own_id",
  "tls_revocation",
  NULL,
};
static const char *const dae_keys[] = {
  "enable",
  "listen",
  "port",
  "secret",
  "window",
  "require_event_timestamp",
  "require_message_authenticator",
  "clients",
  NULL,
};
static const char *const client_keys[] = { "address", "secret", NULL };

/* -- one section, and what was wrong with it */

typedef struct {
  const IkeTree *section;
  const char *path; /* "plugins.radius.servers.alpha" */
  GError **error;   /* set: nothing more is read */
  gboolean failed;
} Source;

static void fail (Source *source, const char *key, const char *format, ...) G_GNUC_PRINTF (3, 4);

static void
fail (Source *source, const char *key, const char *format, ...)
{
  const IkeTree *node = key ? ike_tree_get (source->section, key) : NULL;
  const char *where = ike_tree_where (node ? node : source->section);
  g_autofree char *what = NULL;
  va_list args;

  if (source->failed)
    return;
  source->failed = TRUE;
  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (source->error, IKE_ERROR, IKE_ERROR_CONFIG, "%s%s%s%s%s: %s", where,
               where[0] ? ": " : "", source->path, key ? "." : "", key ? key : "", what);
}

static void
check_keys (Source *source, const char *const *known)
{
  if (ike_tree_type (source->section) != IKE_TREE_SECTION) {
    fail (source, NULL, "is a section, { … }");
    return;
  }
  for (guint i = 0; i < ike_tree_n (source->section) && !source->failed; i++) {
    const char *key = ike_tree_name (ike_tree_nth (source->section, i));
    const char *nearest = ike_nearest (key, known);

    if (!g_strv_contains (known, key))
      fail (source, key, "unknown option%s%s%s", nearest ? ", did you mean " : "",
            nearest ? nearest : "", nearest ? "?" : "");
  }
}

static const char *
read_text (Source *source, const char *key, const char *fallback)
{
  return ike_tree_string (source->section, key, fallback);
}

static guint64
read_uint (Source *source, const char *key, guint64 fallback, guint64 least, guint64 most)
{
  const char *text = read_text (source, key, NULL);
  guint64 value = fallback;

  if (text && (!ike_value_uint (text, &value) || value < least || value > most))
    fail (source, key, "wants a number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT ", not %s",
          least, most, text);
  return value;
}

static gboolean
read_bool (Source *source, const char *key, gboolean fallback)
{
  const char *text = read_text (source, key, NULL);
  gboolean value = fallback;

  if (text && !ike_value_bool (text, &value))
    fail (source, key, "wants yes or no, not %s", text);
  return value;
}

static guint32
read_time_ms (Source *source, const char *key, guint64 fallback_s)
{
  const char *text = read_text (source, key, NULL);
  guint64 value = fallback_s;

  if (text && (!ike_value_time (text, &value) || value < 1 || value > 86400))
    fail (source, key, "wants a time from 1s to 1d, not %s", text);
  return (guint32) CLAMP (value, 1, 86400) * 1000;
}

static double
read_decimal (Source *source, const char *key, const char *fallback, double least, double most)
{
  const char *text = read_text (source, key, fallback);
  char *end;
  double value = g_ascii_strtod (text, &end);

  if (end != text && *end == '\0' && value >= least && value <= most)
    return value;
  fail (source, key, "wants a number from %g to %g, not %s", least, most, text);
  return least;
}

static void
read_addr (Source *source, const char *key, IkeAddr *addr)
{
  const char *text = read_text (source, key, NULL);
  g_autoptr (GError) error = NULL;

  memset (addr, 0, sizeof *addr);
  if (text && !ike_addr_parse (addr, text, &error))
    fail (source, key, "wants an address: %s", error->message);
}

/* What is said is never part of an error. */
static IkeSecretBlob *
read_secret (Source *source, const char *fallback)
{
  const char *text = read_text (source, "secret", fallback);

  if (!text || !text[0]) {
    fail (source, NULL, "has no secret; set the one that the other end has for this host");
    return NULL;
  }
  return ike_secret_blob_new (text, strlen (text));
}

/* -- servers */

static void
server_conf_free (gpointer data)
{
  ServerConf *conf = data;

  g_free (conf->name);
  g_strfreev (conf->groups);
  ike_secret_blob_unref (conf->secret);
  g_free (conf->nas_identifier);
  g_free (conf->tls_id);
  g_free (conf->tls_own_id);
  g_free (conf);
}

static void
read_pace (Source *source, IkePlugin *self, Pace *pace)
{
  const char *first = ike_plugin_option (self, "retransmit_timeout");
  const char *factor = ike_plugin_option (self, "retransmit_base");
  guint64 tries = ike_plugin_option_uint (self, "retransmit_tries");

  pace->first_ms = (guint32) (read_decimal (source, "retransmit_timeout", first, 0.05, 60) * 1000);
  pace->factor = read_decimal (source, "retransmit_base", factor, 1, 10);
  pace->tries = (guint) read_uint (source, "retransmit_tries", tries, 1, TRIES_MAX);
}

/* RFC 6614, 2.3: "Peer validation always includes a check on whether the locally configured
 * expected DNS name or IP address of the server that is contacted matches its presented
 * certificate." */
static void
read_tls (Source *source, ServerConf *conf)
{
  static const char *const policies[] = { "relaxed", "ifuri", "strict", NULL };
  const char *revocation = read_text (source, "tls_revocation", "relaxed");

  while (policies[conf->revocation] && !g_str_equal (policies[conf->revocation], revocation))
    conf->revocation++;
  if (!policies[conf->revocation])
    fail (source, "tls_revocation", "wants relaxed, ifuri or strict, not %s", revocation);
  conf->tls_id = g_strdup (read_text (source, "tls_id", NULL));
  conf->tls_own_id = g_strdup (read_text (source, "tls_own_id", NULL));
  if (!conf->is_tls && (conf->tls_id || conf->tls_own_id))
    fail (source, conf->tls_id ? "tls_id" : "tls_own_id", "is of servers with type = tls");
  if (conf->is_tls && !conf->tls_id)
    fail (source, NULL, "has no tls_id; set the name that its certificate is for");
}

/* RFC 6614, 2.1: "The default destination port number for RADIUS over TLS is TCP/2083." */
static void
read_ports (Source *source, ServerConf *conf)
{
  guint16 port =
      (guint16) read_uint (source, "port", conf->is_tls ? TLS_PORT : AUTH_PORT, 1, 65535);

  conf->auth_port = (guint16) read_uint (source, "auth_port", port, 1, 65535);
  conf->acct_port = (guint16) read_uint (source, "acct_port",
                                         conf->is_tls ? conf->auth_port : ACCT_PORT, 0, 65535);
  if (conf->is_tls && conf->acct_port && conf->acct_port != conf->auth_port)
    fail (source, "acct_port", "with type = tls accounting goes by the same port; leave it out");
}

static void
read_addresses (Source *source, ServerConf *conf)
{
  read_addr (source, "address", &conf->address);
  read_addr (source, "source", &conf->source);
  if (ike_addr_is_any (&conf->address))
    fail (source, NULL, "has no address");
  if (conf->source.family && conf->source.family != conf->address.family)
    fail (source, "source", "is of another family than the server's address");
}

static ServerConf *
read_server (Source *source, IkePlugin *self)
{
  ServerConf *conf = g_new0 (ServerConf, 1);
  const char *type = read_text (source, "type", "udp");
  const char *secret = ike_plugin_option (self, "secret");

  check_keys (source, server_keys);
  conf->name = g_strdup (ike_tree_name (source->section));
  conf->is_tls = g_str_equal (type, "tls");
  if (!conf->is_tls && !g_str_equal (type, "udp"))
    fail (source, "type", "wants udp or tls, not %s", type);
  read_addresses (source, conf);
  read_ports (source, conf);
  conf->groups = ike_value_list (read_text (source, "groups", ""));
  /* RFC 6614, 2.3: "The shared secret to compute the (obsolete) MD5 integrity checks and attribute
   * encryption MUST be "radsec"". */
  conf->secret = read_secret (source, conf->is_tls ? "radsec" : secret);
  conf->nas_identifier =
      g_strdup (read_text (source, "nas_identifier", ike_plugin_option (self, "nas_identifier")));
  if (conf->nas_identifier && strlen (conf->nas_identifier) > IKE_RADIUS_VALUE_MAX)
    fail (source, "nas_identifier", "is longer than %d bytes", IKE_RADIUS_VALUE_MAX);
  conf->preference = (guint) read_uint (source, "preference", 0, 0, 1000);
  conf->n_sockets = (guint) read_uint (source, "sockets", ike_plugin_option_uint (self, "sockets"),
                                       1, RADIUS_SOCKETS_MAX);
  conf->requires_mac = read_bool (source, "require_message_authenticator", !conf->is_tls);
  conf->asks_status = read_bool (source, "status_server", FALSE);
  conf->dead_ms = read_time_ms (source, "dead_time", ike_plugin_option_uint (self, "dead_time"));
  read_pace (source, self, &conf->pace);
  read_tls (source, conf);
  return conf;
}

/* -- who may send DAE requests */

static void
dae_client_free (gpointer data)
{
  DaeClient *client = data;

  g_free (client->name);
  ike_secret_blob_unref (client->secret);
  g_free (client);
}

/* "192.0.2.1", "192.0.2.0/24" */
static void
read_net (Source *source, DaeClient *client)
{
  const char *text = read_text (source, "address", "");
  const char *slash = strchr (text, '/');
  g_autofree char *host = slash ? g_strndup (text, (gsize) (slash - text)) : g_strdup (text);
  guint64 bits = 0;

  if (!ike_addr_parse (&client->net, host, NULL) || !client->net.family) {
    fail (source, NULL, "wants an address, 192.0.2.1 or 2001:db8::/64");
    return;
  }
  bits = ike_addr_len (&client->net) * 8;
  if (slash && (!ike_value_uint (slash + 1, &bits) || bits > ike_addr_len (&client->net) * 8))
    fail (source, "address", "%s is no prefix length", slash + 1);
  client->prefix_len = (guint) bits;
}

static void
add_dae_client (RadiusConf *conf, const char *name, const IkeAddr *net, IkeSecretBlob *secret)
{
  DaeClient *client = g_new0 (DaeClient, 1);

  client->name = g_strdup (name);
  client->net = *net;
  client->prefix_len = ike_addr_len (net) * 8;
  client->secret = ike_secret_blob_ref (secret);
  g_ptr_array_add (conf->dae.clients, client);
}

static gboolean
read_dae_clients (Source *dae, RadiusConf *conf)
{
  const IkeTree *clients = ike_tree_get (dae->section, "clients");

  for (guint i = 0; i < ike_tree_n (clients) && !dae->failed; i++) {
    const IkeTree *section = ike_tree_nth (clients, i);
    g_autofree char *path = g_strconcat (dae->path, ".clients.", ike_tree_name (section), NULL);
    Source source = { section, path, dae->error, FALSE };
    DaeClient *client = g_new0 (DaeClient, 1);

    g_ptr_array_add (conf->dae.clients, client);
    check_keys (&source, client_keys);
    client->name = g_strdup (ike_tree_name (section));
    client->secret = read_secret (&source, read_text (dae, "secret", NULL));
    read_net (&source, client);
    dae->failed = source.failed;
  }
  return !dae->failed;
}

/* Without clients of its own those that are asked may ask, too; but everybody knows "radsec". */
static void
add_servers_as_clients (Source *dae, RadiusConf *conf)
{
  const char *text = read_text (dae, "secret", NULL);
  g_autoptr (IkeSecretBlob) secret = text ? ike_secret_blob_new (text, strlen (text)) : NULL;

  for (guint i = 0; i < conf->servers->len; i++) {
    const ServerConf *server = g_ptr_array_index (conf->servers, i);

    if (!server->is_tls || secret)
      add_dae_client (conf, server->name, &server->address, secret ? secret : server->secret);
  }
}

static gboolean
read_dae (const IkeTree *section, RadiusConf *conf, GError **error)
{
  Source source = { section, "plugins.radius.dae", error, FALSE };
  DaeConf *dae = &conf->dae;

  if (!section)
    return TRUE;
  check_keys (&source, dae_keys);
  dae->is_on = read_bool (&source, "enable", FALSE);
  dae->requires_timestamp = read_bool (&source, "require_event_timestamp", FALSE);
  dae->requires_mac = read_bool (&source, "require_message_authenticator", FALSE);
  dae->window_ms = read_time_ms (&source, "window", 300);
  read_addr (&source, "listen", &dae->listen);
  if (!dae->listen.family)
    dae->listen.family = 4;
  dae->listen.port = (guint16) read_uint (&source, "port", 3799, 1, 65535);
  if (!source.failed && ike_tree_n (ike_tree_get (section, "clients")) > RADIUS_CLIENTS_MAX)
    fail (&source, "clients", "there may be %d of them", RADIUS_CLIENTS_MAX);
  if (source.failed || !read_dae_clients (&source, conf))
    return FALSE;
  if (dae->clients->len == 0)
    add_servers_as_clients (&source, conf);
  return TRUE;
}

/* -- all of it */

void
radius_conf_free (RadiusConf *conf)
{
  if (!conf)
    return;
  g_ptr_array_unref (conf->servers);
  g_ptr_array_unref (conf->dae.clients);
  g_free (conf);
}

static gboolean
read_servers (IkePlugin *self, const IkeTree *servers, RadiusConf *conf, GError **error)
{
  for (guint i = 0; i < ike_tree_n (servers); i++) {
    const IkeTree *section = ike_tree_nth (servers, i);
    g_autofree char *path = g_strconcat ("plugins.radius.servers.", ike_tree_name (section), NULL);
    Source source = { section, path, error, FALSE };

    if (i == RADIUS_SERVERS_MAX)
      fail (&source, NULL, "there may be %d servers", RADIUS_SERVERS_MAX);
    else
      g_ptr_array_add (conf->servers, read_server (&source, self));
    if (source.failed)
      return FALSE;
  }
  return TRUE;
}

RadiusConf *
radius_conf_read (IkePlugin *self, GError **error)
{
  const IkeTree *settings = ike_engine_settings (ike_plugin_engine (self));
  const IkeTree *servers = ike_tree_get (settings, "plugins.radius.servers");
  const IkeTree *dae = ike_tree_get (settings, "plugins.radius.dae");
  g_autoptr (RadiusConf) conf = g_new0 (RadiusConf, 1);

  conf->servers = g_ptr_array_new_with_free_func (server_conf_free);
  conf->dae.clients = g_ptr_array_new_with_free_func (dae_client_free);
  conf->timeout_ms = (guint32) CLAMP (ike_plugin_option_uint (self, "timeout"), 1, 3600) * 1000;
  conf->max_pending = (guint32) CLAMP (ike_plugin_option_uint (self, "max_pending"), 1, 1 << 20);
  if ((servers && !read_servers (self, servers, conf, error)) || !read_dae (dae, conf, error))
    return NULL;
  return g_steal_pointer (&conf);
}

gboolean
server_conf_is_of (const ServerConf *conf, const char *group)
{
  return !group || g_strv_contains ((const char *const *) conf->groups, group);
}

guint32
server_conf_patience_ms (const ServerConf *conf)
{
  double wait_ms = conf->pace.first_ms, all_ms = 0;

  for (guint i = 0; i < conf->pace.tries; i++) {
    all_ms += wait_ms;
    wait_ms *= conf->pace.factor;
  }
  return (guint32) MIN (all_ms, 3600e3);
}
