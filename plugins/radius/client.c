/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - the way of requests from any thread to the io loop, and of those that nobody wants
 * any more. */
#include <string.h>
#include <ikebana/error.h>
#include "client.h"

Client *
client_new (IkePlugin *self, const RadiusConf *conf)
{
  Client *client = g_new0 (Client, 1);
  IkeEngine *engine = ike_plugin_engine (self);

  client->plugin = self;
  client->engine = engine;
  client->io = ike_engine_io (engine);
  client->conf = conf;
  client->c_requests = ike_counter (engine, "radius.requests");
  client->c_resent = ike_counter (engine, "radius.retransmissions");
  client->c_answers = ike_counter (engine, "radius.answers");
  client->c_timeouts = ike_counter (engine, "radius.timeouts");
  client->c_refused = ike_counter (engine, "radius.refused");
  client->c_dropped = ike_counter (engine, "radius.dropped");
  atomic_init (&client->n_pending, 0);
  atomic_init (&client->is_sweeping, FALSE);
  g_queue_init (&client->asks);
  client->auth = g_ptr_array_new ();
  client->acct = g_ptr_array_new ();
  for (guint32 n = 1; n <= conf->servers->len; n++) {
    const ServerConf *server = g_ptr_array_index (conf->servers, n - 1);
    Port *auth = port_new (client, n, FALSE);

    g_ptr_array_add (client->auth, auth);
    if (server->is_tls)
      g_ptr_array_add (client->acct, server->acct_port ? auth : NULL);
    else
      g_ptr_array_add (client->acct, server->acct_port ? port_new (client, n, TRUE) : NULL);
  }
  return client;
}

void
client_close (Client *client)
{
  client->is_closed = TRUE;
  while (client->asks.head)
    ask_fail (client->asks.head->data, "the daemon ends");
  dae_close (client);
  for (guint i = 0; i < client->auth->len; i++) {
    Port *auth = client->auth->pdata[i], *acct = client->acct->pdata[i];

    if (acct != auth)
      port_free (acct);
    port_free (auth);
  }
  g_ptr_array_set_size (client->auth, 0);
  g_ptr_array_set_size (client->acct, 0);
}

void
client_free (Client *client)
{
  if (!client->is_closed)
    client_close (client);
  dae_free (client);
  g_ptr_array_unref (client->auth);
  g_ptr_array_unref (client->acct);
  g_free (client);
}

const IkeRadiusTransportClass *
client_datagrams (const Client *client, IkePlugin **plugin)
{
  guint n = 0;
  const IkeProvided *const *found = ike_feature_list (client->engine, "radius-transport", &n);

  *plugin = n > 0 ? found[0]->plugin : client->plugin;
  return n > 0 ? found[0]->ops : &udp_transport;
}

/* -- calls that are over */

static void
sweep (gpointer data)
{
  Client *client = data;
  g_autoptr (GPtrArray) found = g_ptr_array_new ();

  /* Whoever finds it set from now on posts another sweep; what was marked before is seen here. */
  atomic_exchange (&client->is_sweeping, FALSE);
  for (GList *link = client->asks.head; link; link = link->next) {
    Ask *ask = link->data;
    if (atomic_load (&ask->is_cancelled))
      g_ptr_array_add (found, ask);
  }
  for (guint i = 0; i < found->len; i++)
    ask_fail (g_ptr_array_index (found, i), "cancelled");
}

/* Any thread.  The ask lives until its call was answered, and answering waits for this function;
 * the sweep needs no ask, only the client, which lives as long as any loop. */
static void
cancelled (gpointer data)
{
  Ask *ask = data;
  Client *client = ask->client;

  atomic_store (&ask->is_cancelled, TRUE);
  if (!atomic_exchange (&client->is_sweeping, TRUE))
    ike_loop_post (client->io, sweep, client, NULL);
}

/* -- requests */

/* On its way to the io loop. */
typedef struct {
  Ask *ask;
} Begin;

static void
begin_free (gpointer data)
{
  Begin *begin = data;

  if (begin->ask)
    ask_fail (begin->ask, "the daemon ends");
  g_free (begin);
}

static void
begin_run (gpointer data)
{
  Begin *begin = data;
  Ask *ask = g_steal_pointer (&begin->ask);

  if (ask->client->is_closed)
    ask_fail (ask, "the daemon ends");
  else if (atomic_load (&ask->is_cancelled))
    ask_fail (ask, "cancelled");
  else
    ask_begin (ask);
}

static gboolean
are_attributes (const IkeRadiusRequest *request)
{
  IkeRadiusIter iter;
  IkeRadiusAttribute attribute;

  ike_radius_iter_init (&iter, request->attributes, request->len);
  while (ike_radius_next (&iter, &attribute))
    if (attribute.vendor == 0
        && (attribute.type == IKE_RADIUS_MESSAGE_AUTHENTICATOR
            || attribute.type == IKE_RADIUS_USER_PASSWORD))
      return FALSE;
  return request->len <= IKE_RADIUS_ATTRIBUTES_MAX && ike_radius_iter_is_done (&iter);
}

/* NULL: it can be sent. */
static const char *
refuse (Client *client, const IkeRadiusRequest *request)
{
  gboolean is_access = request->code == IKE_RADIUS_ACCESS_REQUEST;

  if (!is_access && request->code != IKE_RADIUS_ACCOUNTING_REQUEST)
    return "not a request that RADIUS servers answer";
  if (!are_attributes (request)
      || (request->password
          && (!is_access || ike_secret_blob_len (request->password) > IKE_RADIUS_PASSWORD_MAX)))
    return "attributes or a password that do not fit into a RADIUS request";
  if (client->conf->servers->len == 0)
    return "no RADIUS server is configured (plugins.radius.servers)";
  if (request->server > client->conf->servers->len)
    return "there is no RADIUS server of that number";
  return NULL;
}

static Ask *
ask_new (Client *client, const IkeRadiusRequest *request, IkeCall *call)
{
  Ask *ask = g_new0 (Ask, 1);
  IkeRadiusAttribute found;

  ask->client = client;
  ask->call = call;
  ask->code = request->code;
  ask->group = g_strdup (request->group);
  ask->only = request->server;
  ask->len = request->len;
  ask->attributes = g_malloc (request->len + 1);
  if (request->len)
    memcpy (ask->attributes, request->attributes, request->len);
  ask->has_eap = ike_radius_find (ask->attributes, ask->len, 0, IKE_RADIUS_EAP_MESSAGE, &found);
  ask->password = request->password ? ike_secret_blob_ref (request->password) : NULL;
  atomic_init (&ask->is_cancelled, FALSE);
  return ask;
}

void
client_request (IkePlugin *self, const IkeRadiusRequest *request, IkeCall *call)
{
  Client *client = ike_plugin_state (self);
  const char *why = refuse (client, request);
  Begin *begin;

  if (!why && atomic_fetch_add (&client->n_pending, 1) >= client->conf->max_pending) {
    atomic_fetch_sub (&client->n_pending, 1);
    why = "too many RADIUS requests wait for answers (plugins.radius.max_pending)";
  }
  if (why) {
    ike_counter_add (client->engine, client->c_refused, 1);
    ike_call_fail (call, why);
    return;
  }
  begin = g_new0 (Begin, 1);
  begin->ask = ask_new (client, request, call);
  ike_call_on_cancel (call, cancelled, begin->ask);
  ike_loop_post (client->io, begin_run, begin, begin_free);
}

guint
client_servers (IkePlugin *self, const char *group, guint32 *numbers, guint max)
{
  Client *client = ike_plugin_state (self);
  guint n = 0;

  for (guint32 i = 0; i < client->conf->servers->len; i++) {
    if (!server_conf_is_of (g_ptr_array_index (client->conf->servers, i), group))
      continue;
    if (n < max)
      numbers[n] = i + 1;
    n++;
  }
  return n;
}
