/* SPDX-License-Identifier: Apache-2.0 */
/* tickets.c - see tickets.h. */
#include "exchange/tickets.h"

static const char *
or_none (const char *text)
{
  return text ? text : "";
}

static void
heard (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  Tickets *t = data;

  if (event != IKE_SIM_SENT || !packet->ike || packet->is_response)
    return;
  t->n_requests[packet->ike[18]]++;
  if (packet->ike[18] != TICKETS_RESUME)
    return;
  g_byte_array_set_size (t->first, 0);
  g_byte_array_append (t->first, packet->ike,
                       (guint) (packet->len - (gsize) (packet->ike - packet->data)));
}

static const char off[] = "plugins { resumption { load = no } }\n";

static char *
body_of (const TicketsOptions *o, guint end, gboolean is_off)
{
  return g_strdup_printf (
      "proposals = aes256gcm16-prfsha256-x25519\n%sdpd_delay = 10s\n%s children { net {\n"
      "local_ts = 10.%u.0.0/16\n remote_ts = 10.%u.0.0/16\n esp_proposals = aes256gcm16\n } }\n",
      is_off ? "" : "resumption = yes\n", or_none (o->conn[end]), end + 1, 2 - end);
}

void
tickets_switch_off (Tickets *t, guint end)
{
  static const TicketsOptions none;

  g_free (t->body[end]);
  t->o.connection[end] = t->body[end] = body_of (&none, end, TRUE);
  t->o.more[end] = off;
}

Tickets *
tickets_new (const TicketsOptions *options)
{
  Tickets *t = g_new0 (Tickets, 1);
  g_autoptr (GPtrArray) plugins = g_ptr_array_new ();

  g_ptr_array_add (plugins, (gpointer) "resumption");
  for (guint i = 0; options->plugins && options->plugins[i]; i++)
    g_ptr_array_add (plugins, (gpointer) options->plugins[i]);
  g_ptr_array_add (plugins, NULL);
  t->first = g_byte_array_new ();
  t->o = (PairOptions){
    .seed = 5, .flags = options->flags, .n_shards = options->n_shards, .builtin = options->builtin
  };
  for (guint i = 0; i < 2; i++) {
    t->body[i] =
        options->body[i] ? g_strdup (options->body[i]) : body_of (options, i, options->is_off[i]);
    t->o.connection[i] = t->body[i];
    t->o.more[i] = options->is_off[i] ? off : options->more[i];
  }
  t->o.plugins = (const char *const *) g_ptr_array_free (g_steal_pointer (&plugins), FALSE);
  t->pair = pair_new (&t->o);
  t->pair->a.net_ops->tap_add (t->pair->a.net, heard, t);
  return t;
}

Tickets *
tickets_made (gconstpointer flags, const char *of_client, const char *of_gateway)
{
  Tickets *t = tickets_new (
      &(TicketsOptions){ .flags = GPOINTER_TO_UINT (flags), .more = { of_client, of_gateway } });

  tickets_assert_full (t);
  return t;
}

void
tickets_free (Tickets *t)
{
  pair_free (t->pair);
  g_free ((gpointer) t->o.plugins);
  g_free (t->body[0]);
  g_free (t->body[1]);
  g_byte_array_unref (t->first);
  g_free (t);
}

void
tickets_cut (Tickets *t)
{
  IkeSimRule rule = { .struct_size = sizeof rule, .action = IKE_SIM_DROP };

  t->cut = t->pair->a.net_ops->rule_add (t->pair->a.net, &rule);
}

void
tickets_mend (Tickets *t)
{
  t->pair->a.net_ops->rule_remove (t->pair->a.net, t->cut);
}

void
tickets_lose (Tickets *t)
{
  guint64 n = pair_count (&t->pair->a, "ike.closed");

  tickets_cut (t);
  while (pair_count (&t->pair->a, "ike.closed") == n)
    pair_run (t->pair, 10);
  tickets_mend (t);
}

void
tickets_up (Tickets *t)
{
  for (guint i = 0; i < G_N_ELEMENTS (t->n_requests); i++)
    t->n_requests[i] = 0;
  pair_assert_up (t->pair, NULL);
}

static void
assert_here (Tickets *t)
{
  pair_run (t->pair, 5);
  pair_assert_twins (t->pair);
  g_assert_cmpuint (t->pair->a.kernel_ops->n_sas (t->pair->a.kernel), ==, 2);
}

void
tickets_assert_resumed (Tickets *t)
{
  tickets_up (t);
  g_assert_cmpuint (t->n_requests[TICKETS_RESUME], ==, 1);
  g_assert_cmpuint (t->n_requests[TICKETS_INIT], ==, 0);
  g_assert_cmpuint (t->n_requests[TICKETS_AUTH], ==, 1);
  assert_here (t);
}

void
tickets_assert_full (Tickets *t)
{
  tickets_up (t);
  g_assert_cmpuint (t->n_requests[TICKETS_INIT], >=, 1);
  assert_here (t);
}

void
tickets_restart (Tickets *t, PairEnd *end)
{
  pair_restart (t->pair, end, &t->o);
}

guint64
tickets_count (Tickets *t, gboolean of_gateway, const char *counter)
{
  return pair_count (of_gateway ? &t->pair->b : &t->pair->a, counter);
}
