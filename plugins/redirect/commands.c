/* SPDX-License-Identifier: Apache-2.0 */
/* commands.c - `ikebana redirect`: clients that are here are sent to another gateway; and
 * `ikebana redirect-load`: how many another has. */
#include "redirect/redirect.h"

/* Shared by all shards until the last client has answered. */
typedef struct {
  Redirect *self;
  IkeRequest *request; /* control's */
  Gateway gateway;
  char *conn;     /* NULL: any */
  IkeIdent *user; /* NULL: any */
  guint32 id;     /* 0: any */
  atomic_int references;
  atomic_uint n_told, n_failed, n_unable, n_here;
} Sending;

/* -- the answer */

static void
answer (gpointer data)
{
  Sending *sending = data;
  guint n = atomic_load (&sending->n_told), n_failed = atomic_load (&sending->n_failed),
        n_unable = atomic_load (&sending->n_unable), n_here = atomic_load (&sending->n_here);
  g_autofree char *text = NULL;
  IkeTree *result;

  if (n + n_failed == 0 && n_here)
    ike_request_fail (sending->request, "usage",
                      "that is this gateway, where these clients are already");
  else if (n + n_failed + n_unable == 0)
    ike_request_fail (sending->request, "not-found",
                      "no client of that description is here; see `ikebana status`");
  else if (!n && !n_failed)
    ike_request_fail (sending->request, "failed",
                      "none of these clients says that it can be sent elsewhere");
  else if (!n) {
    text = g_strdup_printf ("%u clients did not take it; the log says why", n_failed);
    ike_request_fail (sending->request, "failed", text);
  } else {
    result = ike_tree_new_section ();
    ike_tree_set_int (result, "n", n);
    ike_tree_set_int (result, "failed", n_failed);
    ike_tree_set_int (result, "unable", n_unable);
    if (n_here)
      ike_tree_set_int (result, "here", n_here);
    ike_request_finish (sending->request, result);
  }
}

static void
sending_free (gpointer data)
{
  Sending *sending = data;

  g_free (sending->conn);
  ike_ident_unref (sending->user);
  g_free (sending);
}

static void
sending_unref (gpointer data)
{
  Sending *sending = data;

  if (atomic_fetch_sub (&sending->references, 1) == 1)
    ike_loop_post (ike_engine_control (sending->self->engine), answer, sending, sending_free);
}

/* -- on the shards */

static void
told (IkeSa *sa, gpointer data, const char *error)
{
  Sending *sending = data;

  atomic_fetch_add (error ? &sending->n_failed : &sending->n_told, 1);
  sending_unref (sending);
}

static gboolean
is_meant (const Sending *sending, const IkeSa *sa)
{
  const IkeConn *conn = ike_sa_conn (sa);
  const IkeIdent *user = ike_sa_user (sa);

  return (ike_sa_state (sa) == IKE_SA_ESTABLISHED || ike_sa_state (sa) == IKE_SA_REKEYING)
         && (!sending->conn || (conn && !strcmp (conn->name, sending->conn)))
         && (!sending->id || ike_sa_unique_id (sa) == sending->id)
         && (!sending->user || (user && ike_ident_match (user, sending->user)));
}

/* Nobody is sent where he is: he would stay, and be closed for it. */
static gboolean
is_here (const Sending *sending, const IkeSa *sa)
{
  Redirect *self = sending->self;
  char name[IKE_REDIRECT_NAME_SIZE];
  gboolean result;

  redirect_gateway_format (&sending->gateway, name);
  pthread_mutex_lock (&self->lock);
  result = redirect_is_here (self->settings, name, ike_sa_local (sa));
  pthread_mutex_unlock (&self->lock);
  return result;
}

/* RFC 5685, 10: "only the original responder can redirect the original initiator". */
static void
send_one (IkeSa *sa, gpointer data)
{
  Sending *sending = data;
  const Trail *trail = ike_sa_slot (sa, sending->self->slot);

  if (!is_meant (sending, sa))
    return;
  if (ike_sa_was_ours (sa) || !trail || !trail->peer_follows) {
    atomic_fetch_add (&sending->n_unable, 1);
    return;
  }
  if (is_here (sending, sa)) {
    atomic_fetch_add (&sending->n_here, 1);
    return;
  }
  atomic_fetch_add (&sending->references, 1);
  if (!ike_sa_begin (sa, "redirect", g_memdup2 (&sending->gateway, sizeof sending->gateway), told,
                     sending))
    told (sa, sending, "it is going");
}

/* -- the commands */

static Sending *
sending_new (Redirect *self, IkeRequest *request, const char **why)
{
  const IkeTree *args = ike_request_args (request);
  const char *conn = ike_tree_string (args, "connection", NULL),
             *user = ike_tree_string (args, "user", NULL);
  Sending *sending = g_new0 (Sending, 1);

  sending->self = self;
  sending->request = request;
  sending->conn = g_strdup (conn);
  sending->id = (guint32) ike_tree_int (args, "id", 0);
  sending->user = user ? ike_ident_parse (user, NULL) : NULL;
  atomic_init (&sending->references, 1);
  *why = NULL;
  if (!redirect_gateway_parse (&sending->gateway, ike_tree_string (args, "gateway", ""), why))
    return sending;
  *why = NULL;
  if (user && !sending->user)
    *why = "this is no identity";
  else if (!conn && !sending->id && !user && !ike_tree_bool (args, "all", FALSE))
    *why = "which clients? Give --connection=NAME, --id=NUMBER, --user=IDENTITY, or --all";
  return sending;
}

static void
run_redirect (IkePlugin *plugin, IkeRequest *request)
{
  const char *why;
  Sending *sending = sending_new (ike_plugin_state (plugin), request, &why);

  if (why) {
    ike_request_fail (request, "usage", why);
    sending_free (sending);
    return;
  }
  ike_sa_each (ike_plugin_engine (plugin), send_one, sending, sending_unref);
}

static const IkeCommandArg redirect_args[] = {
  { "gateway", "string", TRUE, TRUE, "address or host name of the gateway where they are to go" },
  { "connection", "string", FALSE, FALSE, "only clients of this connection" },
  { "id", "uint", FALSE, FALSE, "only the client with the IKE SA of this number" },
  { "user", "string", FALSE, FALSE, "only clients with this identity, or pattern of it" },
  { "all", "bool", FALSE, FALSE, "every client" },
  { NULL, NULL, FALSE, FALSE, NULL },
};
static const IkeCommandClass redirect_command = {
  .struct_size = sizeof (IkeCommandClass),
  .summary = "Send clients that are here to another gateway (RFC 5685); who stays is closed after "
             "plugins.redirect.grace",
  .args = redirect_args,
  .run = run_redirect,
};
const IkeFeature redirect_command_feature = { .struct_size = sizeof (IkeFeature),
                                              .provides = "command:redirect",
                                              .ops = &redirect_command };

static void
run_load (IkePlugin *plugin, IkeRequest *request)
{
  Redirect *self = ike_plugin_state (plugin);
  const char *name = ike_tree_string (ike_request_args (request), "gateway", "");
  gint64 load = ike_tree_int (ike_request_args (request), "load", 0);
  gboolean is_found = FALSE, is_used;
  IkeTree *result;
  guint i;

  pthread_mutex_lock (&self->lock);
  for (i = 0; i < self->settings->gateways->len; i++) {
    Listed *listed = self->settings->gateways->pdata[i];
    if (g_ascii_strcasecmp (listed->name, name) != 0)
      continue;
    listed->load = load;
    is_found = TRUE;
  }
  is_used = self->settings->policy == redirect_least_loaded_feature.ops;
  pthread_mutex_unlock (&self->lock);
  if (is_found) {
    result = ike_tree_new_section ();
    if (!is_used)
      ike_tree_set_string (result, "note",
                           "it has no effect now: plugins.redirect.policy is not least-loaded");
    ike_request_finish (request, result);
  } else
    ike_request_fail (request, "not-found",
                      "no such gateway is in plugins.redirect.gateways; write it as it is there");
}

static const IkeCommandArg load_args[] = {
  { "gateway", "string", TRUE, TRUE, "one of plugins.redirect.gateways" },
  { "load", "uint", TRUE, TRUE, "how many IKE SAs it has" },
  { NULL, NULL, FALSE, FALSE, NULL },
};
static const IkeCommandClass load_command = {
  .struct_size = sizeof (IkeCommandClass),
  .summary = "Tell the policy least-loaded how many IKE SAs another gateway has",
  .args = load_args,
  .run = run_load,
};
const IkeFeature redirect_load_feature = { .struct_size = sizeof (IkeFeature),
                                           .provides = "command:redirect-load",
                                           .ops = &load_command };
