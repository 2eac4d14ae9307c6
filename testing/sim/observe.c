/* SPDX-License-Identifier: Apache-2.0 */
/* observe.c - a plugin among those of each engine that mirrors what the engine says of its SAs, and
 * judges at once what can be judged by one message: no exchange in a wrong state, no message ID
 * twice or out of turn, no state that an SA cannot come to from where it was. */
#include <string.h>
#include "sim.h"

enum { IKE_SA_INIT = 34, IKE_AUTH = 35, CREATE_CHILD_SA = 36, INFORMATIONAL = 37, SEEN_MAX = 64 };

static gpointer
holder_new (IkeSim *sim)
{
  return g_new0 (World *, 1);
}

World **
observe_world (IkeSim *sim)
{
  return ike_sim_shared (sim, "world", holder_new, g_free);
}

/* NULL: not an end of a world, but an engine for questions. */
static End *
end_of (IkePlugin *self)
{
  World **holder = ike_plugin_state (self);

  return *holder ? world_end_of (*holder, ike_plugin_engine (self)) : NULL;
}

/* -- the mirror */

static SimSa *
by_serial (End *end, guint64 serial)
{
  guint i;

  for (i = 0; i < end->sas->len; i++) {
    SimSa *sa = end->sas->pdata[i];
    if (sa->serial == serial)
      return sa;
  }
  return NULL;
}

SimSa *
observe_sa (End *end, guint64 spi_i, guint64 spi_r)
{
  guint i;

  for (i = 0; i < end->sas->len; i++) {
    SimSa *sa = end->sas->pdata[i];
    if (sa->spi_i == spi_i && sa->spi_r == spi_r)
      return sa;
  }
  return NULL;
}

guint64
observe_key (const End *end, guint64 spi_i, guint64 spi_r)
{
  return (spi_i * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) ^ spi_r) + end->index;
}

static Link *
link_of (World *world, IkeSa *sa)
{
  const IkeConn *conn = ike_sa_conn (sa);
  guint i;

  for (i = 0; conn && i < world->links->len; i++)
    if (!strcmp (world_link (world, i)->name, conn->name))
      return world_link (world, i);
  return NULL;
}

static SimSa *
mirror (End *end, IkeSa *sa)
{
  SimSa *known = by_serial (end, ike_sa_ref (sa).serial);

  if (!known) {
    known = g_new0 (SimSa, 1);
    known->end = end;
    known->serial = ike_sa_ref (sa).serial;
    known->shard = ike_sa_ref (sa).shard;
    known->our_spi = ike_sa_our_spi (sa);
    known->unique_id = ike_sa_unique_id (sa);
    known->born_us = world_now (end->world);
    g_ptr_array_add (end->sas, known);
  }
  known->spi_i = ike_sa_spi (sa, TRUE);
  known->spi_r = ike_sa_spi (sa, FALSE);
  known->link = link_of (end->world, sa);
  end->world->is_dirty = TRUE;
  return known;
}

static void
remember_gone (SimSa *sa, Gone how)
{
  World *world = sa->end->world;
  guint64 key = observe_key (sa->end, sa->spi_i, sa->spi_r);

  if (sa->up_us)
    world->figures.sa_hours += (double) (world_now (world) - sa->up_us) / SECOND / 3600;
  g_hash_table_insert (world->gone, g_memdup2 (&key, sizeof key), GINT_TO_POINTER (how));
}

/* Did it go with a request of its own unheard, or taken down by force? */
static void
drop (SimSa *sa)
{
  gint64 forced_us = sa->link ? sa->link->forced_us[sa->link->ends[1] == sa->end] : 0;

  remember_gone (sa, sa->n_asked || (forced_us && forced_us >= world_now (sa->end->world) - SECOND)
                         ? GONE_UNHEARD
                         : GONE_SAID);
  g_ptr_array_remove_fast (sa->end->sas, sa);
}

void
observe_forget (End *end, Gone how)
{
  while (end->sas->len) {
    remember_gone (end->sas->pdata[0], how);
    g_ptr_array_remove_index_fast (end->sas, 0);
  }
}

/* -- messages */

static void
wrong (SimSa *sa, const IkeMessageEvent *event, const char *what)
{
  const char *name = ike_exchange_number_name (event->exchange);

  world_fault (sa->end->world, "%s: %s %s %u of IKE SA %" G_GINT64_MODIFIER "x_i: %s",
               sa->end->name, name ? name : "exchange", event->is_request ? "request" : "response",
               event->message_id, sa->spi_i, what);
}

/* RFC 7296, 2.2: the Message ID is "incremented for each subsequent exchange": no gap, no
 * repeat. */
static void
request_out (SimSa *sa, const IkeMessageEvent *event)
{
  /* A first message may be made anew, under the same ID: for another group, or a cookie. */
  if (event->exchange == IKE_SA_INIT && event->message_id == 0) {
    sa->n_asked = 0;
    sa->next_out = 0;
  }
  if (event->message_id != sa->next_out)
    wrong (sa, event, "is not the next one");
  sa->next_out = event->message_id + 1;
  if (sa->n_asked < PENDING_MAX)
    sa->asked[sa->n_asked++] = (Pending){ event->message_id, world_now (sa->end->world) };
}

static void
response_in (SimSa *sa, const IkeMessageEvent *event)
{
  guint i;

  for (i = 0; i < sa->n_asked && sa->asked[i].id != event->message_id; i++)
    ;
  if (i < sa->n_asked)
    sa->asked[i] = sa->asked[--sa->n_asked];
  /* Unprotected ones may be disbelieved, and then the true one comes. */
  else if (event->exchange != IKE_SA_INIT)
    wrong (sa, event, "answers nothing that was asked, or twice");
}

static void
request_in (SimSa *sa, const IkeMessageEvent *event)
{
  guint32 at = event->message_id - sa->first_in;

  if (event->message_id < sa->first_in || (at < SEEN_MAX && sa->seen_in >> at & 1)) {
    wrong (sa, event, "was taken in twice");
    return;
  }
  if (at >= SEEN_MAX) {
    wrong (sa, event, "is far ahead of the window");
    return;
  }
  sa->seen_in |= G_GUINT64_CONSTANT (1) << at;
}

static void
response_out (SimSa *sa, const IkeMessageEvent *event)
{
  guint32 at = event->message_id - sa->first_in;

  if (event->message_id < sa->first_in || at >= SEEN_MAX || !(sa->seen_in >> at & 1)
      || sa->answered_in >> at & 1) {
    wrong (sa, event, "answers no request, or one for the second time");
    return;
  }
  sa->answered_in |= G_GUINT64_CONSTANT (1) << at;
  while (sa->seen_in & sa->answered_in & 1) {
    sa->seen_in >>= 1;
    sa->answered_in >>= 1;
    sa->first_in++;
  }
}

static void
judge_state (SimSa *sa, const IkeMessageEvent *event, IkeSaState state)
{
  gboolean is_new = state < IKE_SA_ESTABLISHED;

  if (state == IKE_SA_DEAD)
    wrong (sa, event, "on a dead SA");
  else if (event->exchange == IKE_SA_INIT && !is_new)
    wrong (sa, event, "on an SA that is up");
  else if (event->exchange == IKE_AUTH && event->is_request && !is_new)
    wrong (sa, event, "on an SA that is up");
  else if (event->exchange == CREATE_CHILD_SA && is_new)
    wrong (sa, event, "before the peer has proven who it is");
}

static char *
payload_names (const IkeMessageEvent *event)
{
  IkePayload payloads[IKE_PAYLOADS_MAX];
  GString *text = g_string_new (NULL);
  IkeVerdict verdict;
  guint n = 0, i;

  if (!ike_payloads_read (event->first_payload, event->plain, event->len, 0, NULL, NULL, payloads,
                          IKE_PAYLOADS_MAX, &n, &verdict))
    g_string_append (text, "(unreadable) ");
  for (i = 0; i < n; i++) {
    const char *name = ike_payload_name (payloads[i].type);
    IkeNotify notify;
    if (i)
      g_string_append_c (text, ' ');
    if (payloads[i].type == IKE_PAYLOAD_NOTIFY
        && ike_notify_read (&payloads[i], &notify, &verdict)) {
      name = ike_notify_name (notify.type);
      g_string_append_printf (text, "N(%s)", name ? name : "?");
    } else
      g_string_append (text, name ? name : "?");
  }
  return g_string_free (text, FALSE);
}

static IkeHookVerdict
on_message (IkePlugin *self, IkeSa *ike_sa, IkeMessageEvent *event)
{
  End *end = end_of (self);
  SimSa *sa;

  if (!end)
    return IKE_HOOK_PASS;
  sa = mirror (end, ike_sa);
  judge_state (sa, event, ike_sa_state (ike_sa));
  if (event->is_inbound && event->is_request)
    request_in (sa, event);
  else if (event->is_inbound)
    response_in (sa, event);
  else if (event->is_request)
    request_out (sa, event);
  else
    response_out (sa, event);
  if (end->world->options.chart && !event->is_inbound) {
    g_free (end->inner);
    end->inner = payload_names (event);
  }
  return IKE_HOOK_PASS;
}

/* -- states */

/* An SA that fails to be rekeyed is as it was; otherwise states only go on. */
static gboolean
may_become (IkeSaState from, IkeSaState to)
{
  return to > from || (from == IKE_SA_REKEYING && to == IKE_SA_ESTABLISHED);
}

static IkeHookVerdict
on_state (IkePlugin *self, IkeSa *ike_sa, IkeStateEvent *event)
{
  End *end = end_of (self);
  SimSa *sa;

  if (!end)
    return IKE_HOOK_PASS;
  sa = mirror (end, ike_sa);
  sa->state = (guint8) event->to;
  sa->is_heir |= event->from == IKE_SA_CREATED && event->to == IKE_SA_ESTABLISHED;
  world_mix (end->world, sa->spi_i + event->to);
  world_note (end->world, end, "IKE SA %s %" G_GINT64_MODIFIER "x: %s -> %s", ike_sa_name (ike_sa),
              sa->spi_i, ike_sa_state_name (event->from), ike_sa_state_name (event->to));
  if (!may_become (event->from, event->to))
    world_fault (end->world, "%s: IKE SA %s goes from %s to %s", end->name, ike_sa_name (ike_sa),
                 ike_sa_state_name (event->from), ike_sa_state_name (event->to));
  if (event->to == IKE_SA_ESTABLISHED && !sa->was_up) {
    sa->was_up = TRUE;
    sa->up_us = world_now (end->world);
    end->world->figures.n_ike_up++;
  }
  if (event->to == IKE_SA_DEAD)
    drop (sa);
  return IKE_HOOK_PASS;
}

static IkeHookVerdict
on_child (IkePlugin *self, IkeSa *ike_sa, IkeChildEvent *event)
{
  End *end = end_of (self);
  guint32 in = ike_child_spi (event->child, TRUE), out = ike_child_spi (event->child, FALSE);

  if (!end)
    return IKE_HOOK_PASS;
  end->world->is_dirty = TRUE;
  end->world->figures.n_child_up += event->is_up != 0;
  world_mix (end->world, (guint64) in << 32 | out);
  world_note (end->world, end, "CHILD_SA %s %08x_i %08x_o %s%s%s",
              ike_child_conf (event->child)->name, in, out, event->is_up ? "up" : "down",
              event->reason ? ": " : "", event->reason ? event->reason : "");
  return IKE_HOOK_PASS;
}

/* What waited for its inheritance is an SA like others now. */
static IkeHookVerdict
on_rekey (IkePlugin *self, IkeSa *ike_sa, IkeRekeyEvent *event)
{
  End *end = end_of (self);

  if (end)
    mirror (end, ike_sa)->is_heir = FALSE;
  return IKE_HOOK_PASS;
}

/* -- the wire */

/* Everything that is sent, arrives or is lost is part of what two runs of a seed have in common. */
void
observe_wire (IkeSimEvent event, const IkeSimPacket *packet, gpointer data)
{
  World *world = data;
  guint64 sum = packet->number * 4 + event;
  gsize i;

  for (i = 0; i < packet->len; i++)
    sum = sum * 31 + packet->data[i];
  world_mix (world, sum);
  world_mix (world, (guint64) packet->time_us);
  world->figures.n_datagrams += event == IKE_SIM_SENT;
  if (world->options.chart)
    chart_packet (world->options.chart, world, event, packet);
  traffic_tap (world, event, packet);
}

/* -- the plugin */

static gboolean
activate (IkePlugin *self, GError **error)
{
  ike_plugin_set_state (self, observe_world (ike_engine_sim (ike_plugin_engine (self))), NULL);
  return ike_message_hook_add (self, "observe", NULL, on_message, error)
         && ike_state_hook_add (self, "observe", NULL, on_state, error)
         && ike_child_updown_hook_add (self, "observe", NULL, on_child, error)
         && ike_rekey_hook_add (self, "observe", NULL, on_rekey, error);
}

static const IkeFeature *const no_features[] = { NULL };

const IkePluginInfo observe_plugin = {
  .struct_size = sizeof (IkePluginInfo),
  .abi_major = IKE_ABI_MAJOR,
  .abi_minor = IKE_ABI_MINOR,
  .name = "observe",
  .version = "1",
  .license = "Apache-2.0",
  .summary = "what a simulation wants to know",
  .features = no_features,
  .activate = activate,
};
