/* SPDX-License-Identifier: Apache-2.0 */
/* command.c - `ikebana radius`: what is known of servers, and of who asks us. */
#include <string.h>
#include <ikebana/command.h>
#include "client.h"

/* Filled on the io loop, where all of it is; made and finished on the control loop. */
typedef struct {
  Client *client;
  IkeRequest *request;
  IkeTree *result;
} Listing;

static const char *
state_of (const Port *port)
{
  if (port->is_dead)
    return "dead";
  return port->last_heard_us == G_MININT64 ? "unknown" : "alive";
}

static const char *
purpose_of (const Port *port)
{
  if (port->is_acct)
    return "accounting";
  return port->conf->is_tls && port->conf->acct_port ? "both" : "authentication";
}

static void
add_drops (IkeTree *row, const Port *port)
{
  static const char *const keys[N_DROPS] = { "source",
                                             "malformed",
                                             "unknown",
                                             "code",
                                             "authenticator",
                                             "message-authenticator",
                                             "no-message-authenticator" };
  IkeTree *reasons = ike_tree_add_section (row, "drops");
  guint64 sum = 0;

  for (guint i = 0; i < N_DROPS; i++) {
    ike_tree_set_int (reasons, keys[i], (gint64) port->n_drops[i]);
    sum += port->n_drops[i];
  }
  ike_tree_set_int (row, "dropped", (gint64) sum);
}

static void
add_row (IkeTree *rows, const Port *port)
{
  IkeTree *row = ike_tree_add_section (rows, NULL);
  char addr[IKE_ADDR_TEXT_SIZE];
  gint64 left_us = port->dead_until_us - ike_loop_now_us (port->client->io);

  ike_tree_set_string (row, "server", port->conf->name);
  ike_tree_set_string (row, "for", purpose_of (port));
  ike_tree_set_string (row, "type", port->conf->is_tls ? "tls" : "udp");
  ike_tree_set_string (row, "address", ike_addr_format (&port->addr, TRUE, addr));
  ike_tree_set_int (row, "preference", port->conf->preference);
  ike_tree_set_string (row, "state", state_of (port));
  if (port->is_dead)
    ike_tree_set_int (row, "dead_for_s", MAX (left_us, 0) / G_USEC_PER_SEC);
  ike_tree_set_int (row, "sockets", port->sockets->len);
  ike_tree_set_int (row, "pending", port_load (port));
  ike_tree_set_int (row, "requests", (gint64) port->n_sent);
  ike_tree_set_int (row, "retransmissions", (gint64) port->n_resent);
  ike_tree_set_int (row, "answers", (gint64) port->n_answered);
  ike_tree_set_int (row, "timeouts", (gint64) port->n_timeouts);
  ike_tree_set_int (row, "deaths", (gint64) port->n_deaths);
  ike_tree_set_int (row, "last_answer_us", port->last_rtt_us);
  add_drops (row, port);
}

static void
listing_free (gpointer data)
{
  Listing *listing = data;

  ike_tree_free (listing->result);
  g_free (listing);
}

static void
finish (gpointer data)
{
  Listing *listing = data;

  ike_request_finish (listing->request, g_steal_pointer (&listing->result));
}

static void
list (gpointer data)
{
  Listing *listing = data;
  Client *client = listing->client;
  IkeTree *rows = ike_tree_add_list (listing->result, "servers");

  for (guint i = 0; i < client->auth->len; i++) {
    const Port *auth = client->auth->pdata[i], *acct = client->acct->pdata[i];

    add_row (rows, auth);
    if (acct && acct != auth)
      add_row (rows, acct);
  }
  dae_describe (client, listing->result);
  ike_loop_post (ike_engine_control (client->engine), finish, listing, listing_free);
}

void
command_run (IkePlugin *self, IkeRequest *request)
{
  Listing *listing = g_new0 (Listing, 1);

  listing->client = ike_plugin_state (self);
  listing->request = request;
  listing->result = ike_tree_new_section ();
  ike_loop_post (listing->client->io, list, listing, NULL);
}
