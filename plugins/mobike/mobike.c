/* SPDX-License-Identifier: Apache-2.0 */
/* mobike.c - the plugin `mobike`: peers that move and peers with several addresses (RFC 4555).
 *
 * agree.c says in IKE_AUTH that we can; path.c decides where an SA of ours goes when addresses and
 * routes change; update.c tells the peer, or hears it, in INFORMATIONAL exchanges; probe.c tries
 * all pairs of addresses when no answer comes. */
#include "config.h"
#include <stdarg.h>
#include "mobike.h"

enum { PATIENCE_S = 300 };

Mobike *
mobike_of (IkePlugin *plugin)
{
  return ike_plugin_state (plugin);
}

/* -- what is kept of an SA */

static void
sa_free (gpointer data)
{
  MobikeSa *s = data;

  if (s->link) {
    *s->link = s->next;
    if (s->next)
      s->next->link = s->link;
  }
  g_free (s->peer);
  g_free (s->told);
  g_free (s);
}

static MobikeSa *
sa_new (Mobike *mobike, IkeSa *sa)
{
  MobikeSa *s = g_new0 (MobikeSa, 1);

  s->mobike = mobike;
  s->sa = sa;
  return s;
}

/* Message IDs begin anew, and what is not finished is begun again. */
static gpointer
sa_inherit (IkeSa *from, IkeSa *to, gpointer state)
{
  MobikeSa *old = state, *s = sa_new (old->mobike, to);

  s->has_natt = old->has_natt;
  s->is_offered = old->is_offered;
  s->has_seen = old->has_seen;
  s->generation = old->generation;
  memcpy (s->seen, old->seen, sizeof s->seen);
  s->peer = g_steal_pointer (&old->peer);
  s->told = g_steal_pointer (&old->told);
  s->is_lost = old->is_lost;
  s->is_moved = old->is_moved;
  s->back_local = old->back_local;
  s->back_remote = old->back_remote;
  s->wants_list = old->wants_list || old->asks_list;
  s->wants_update = old->wants_update || old->asks_update;
  s->wants_check = old->wants_check || old->asks_check;
  if (old->link)
    mobike_agree (s);
  return s;
}

/* RFC 7791 leaves it to each IKE SA by which addresses it goes. */
static gpointer
sa_share (IkeSa *from, IkeSa *to, gpointer state)
{
  const MobikeSa *old = state;
  MobikeSa *s = sa_new (old->mobike, to);

  s->has_natt = old->has_natt;
  s->is_offered = old->is_offered;
  s->peer = g_memdup2 (old->peer, sizeof *old->peer);
  s->told = g_memdup2 (old->told, sizeof *old->told);
  if (old->link)
    mobike_agree (s);
  return s;
}

static void
sa_snapshot (IkeSa *sa, gpointer state, IkeWriter *out)
{
  const MobikeSa *s = state;
  guint i, n = s->link && s->peer ? s->peer->n : 0;

  ike_writer_u8 (out, s->link != NULL);
  ike_writer_u8 (out, s->has_natt);
  ike_writer_u8 (out, (guint8) n);
  for (i = 0; i < n; i++) {
    ike_writer_u8 (out, s->peer->list[i].family);
    ike_writer_bytes (out, s->peer->list[i].bytes, sizeof s->peer->list[i].bytes);
  }
}

static void
read_peer (MobikeSa *s, IkeReader *in, guint n)
{
  guint i;

  s->peer = g_new0 (Addrs, 1);
  for (i = 0; i < n && !in->failed; i++) {
    IkeAddr addr = { .family = ike_reader_u8 (in) };
    const guint8 *bytes = ike_reader_bytes (in, sizeof addr.bytes);
    if (bytes && (addr.family == 4 || addr.family == 6)) {
      memcpy (addr.bytes, bytes, sizeof addr.bytes);
      addrs_add (s->peer, &addr);
    }
  }
}

static gpointer
sa_restore (IkeSa *sa, IkeReader *in)
{
  const IkeProvided *own = ike_feature_find (ike_sa_engine (sa), "task:mobike", NULL);
  MobikeSa *s = sa_new (mobike_of (own->plugin), sa);
  gboolean is_agreed = ike_reader_u8 (in) != 0;

  s->has_natt = ike_reader_u8 (in) != 0;
  read_peer (s, in, ike_reader_u8 (in));
  s->is_offered = is_agreed;
  if (is_agreed && !in->failed)
    mobike_agree (s);
  return s;
}

MobikeSa *
mobike_sa (const Mobike *mobike, const IkeSa *sa)
{
  return ike_sa_slot (sa, mobike->slot);
}

MobikeSa *
mobike_agreed (const Mobike *mobike, const IkeSa *sa)
{
  MobikeSa *s = mobike_sa (mobike, sa);

  return s && s->link ? s : NULL;
}

MobikeSa *
mobike_note (Mobike *mobike, IkeSa *sa)
{
  MobikeSa *s = mobike_sa (mobike, sa);

  if (!s) {
    s = sa_new (mobike, sa);
    ike_sa_set_slot (sa, mobike->slot, s);
  }
  return s;
}

void
mobike_agree (MobikeSa *s)
{
  MobikeSa **head = &s->mobike->shards[ike_sa_ref (s->sa).shard];

  s->next = *head;
  s->link = head;
  if (s->next)
    s->next->link = &s->next;
  *head = s;
}

gboolean
mobike_is_up (const MobikeSa *s)
{
  IkeSaState state = ike_sa_state (s->sa);

  return (state == IKE_SA_ESTABLISHED || state == IKE_SA_REKEYING) && !ike_sa_is_silent (s->sa);
}

gboolean
mobike_is_there (const MobikeSa *s)
{
  IkeSaState state = ike_sa_state (s->sa);

  return state >= IKE_SA_ESTABLISHED && state < IKE_SA_DEAD;
}

/* Only an answer that nobody knows comes here as an error: who gives none is dead. */
static void
ended (IkeSa *sa, gpointer data, const char *error)
{
  MobikeSa *s = mobike_agreed (data, sa);

  if (!s || !error || !mobike_is_up (s))
    return;
  s->asks_update = s->asks_list = s->asks_check = FALSE;
  mobike_log (s, IKE_LOG_ERROR,
              "the peer does not take what it was told of addresses: %s; if it cannot move, set "
              "mobike = no",
              error);
}

/* An SA that goes needs nothing any more. */
void
mobike_begin (MobikeSa *s)
{
  (void) !ike_sa_begin (s->sa, "mobike", NULL, ended, s->mobike);
}

void
mobike_log (const MobikeSa *s, guint32 level, const char *format, ...)
{
  va_list args;
  char text[256];

  va_start (args, format);
  g_vsnprintf (text, sizeof text, format, args);
  va_end (args);
  ike_sa_log_text (s->sa, level, "ike", text);
}

void
mobike_count (const MobikeSa *s, guint32 counter)
{
  ike_counter_add (s->mobike->engine, counter, 1);
}

/* -- hooks */

static IkeHookVerdict
lead_away (MobikeSa *s)
{
  if (!s->is_led_away)
    s->said = *ike_sa_remote (s->sa);
  s->is_led_away = TRUE;
  return IKE_HOOK_PASS;
}

/* RFC 4555, 3.8: "The host not behind a NAT MUST NOT use these dynamic updates for IKEv2 packets,
 * but MAY use them for ESP packets.  This ensures that an INFORMATIONAL exchange that does not
 * contain UPDATE_SA_ADDRESSES does not cause any changes".  What ESP has changed meanwhile the peer
 * does not know: a request from where it last said to be takes that back, or we would go on sending
 * to a mapping that is gone. */
static IkeHookVerdict
endpoint (IkePlugin *plugin, IkeSa *sa, IkeEndpointEvent *event)
{
  MobikeSa *s = mobike_agreed (mobike_of (plugin), sa);

  if (!s || !event->is_followed)
    return IKE_HOOK_PASS;
  if (event->is_by_esp)
    return lead_away (s);
  if (!s->is_led_away || !ike_addr_equal (event->remote, &s->said))
    return IKE_HOOK_REJECT;
  s->is_led_away = FALSE;
  return IKE_HOOK_PASS;
}

static IkeHookVerdict
rekeyed (IkePlugin *plugin, IkeSa *sa, IkeRekeyEvent *event)
{
  MobikeSa *s = mobike_agreed (mobike_of (plugin), sa);

  if (s && (s->wants_update || s->wants_list || s->wants_check))
    mobike_begin (s);
  return IKE_HOOK_PASS;
}

static IkeHookVerdict
describe (IkePlugin *plugin, IkeSa *sa, IkeDescribeEvent *event)
{
  const MobikeSa *s = mobike_agreed (mobike_of (plugin), sa);
  char text[IKE_ADDR_TEXT_SIZE];
  IkeTree *list;
  guint i;

  ike_tree_set_bool (event->tree, "mobike", s != NULL);
  if (!s || !s->peer)
    return IKE_HOOK_PASS;
  list = ike_tree_add_list (event->tree, "peer-addresses");
  for (i = 0; i < s->peer->n; i++)
    ike_tree_set_string (list, NULL, ike_addr_format (&s->peer->list[i], FALSE, text));
  return IKE_HOOK_PASS;
}

/* -- the tables */

#define NOTIFY(symbol, name, number, least, most, count, where)                                    \
  static const IkeNotifyClass symbol##_class = { .struct_size = sizeof (IkeNotifyClass),           \
                                                 .type = number,                                   \
                                                 .min_len = least,                                 \
                                                 .max_len = most,                                  \
                                                 .max_count = count,                               \
                                                 .exchanges = where };                             \
  static const IkeFeature symbol##_notify = { .struct_size = sizeof (IkeFeature),                  \
                                              .provides = "notify:" name,                          \
                                              .ops = &symbol##_class }

/* RFC 4555, 4.2.1: "its contents (if any) MUST be ignored when this notification is received". */
NOTIFY (supported, "MOBIKE_SUPPORTED", N_MOBIKE_SUPPORTED, 0, G_MAXUINT16, 1, "IKE_AUTH");
NOTIFY (ip4, "ADDITIONAL_IP4_ADDRESS", N_ADDITIONAL_IP4_ADDRESS, 4, 4, ADDRS_TOLD_MAX,
        "IKE_AUTH INFORMATIONAL");
NOTIFY (ip6, "ADDITIONAL_IP6_ADDRESS", N_ADDITIONAL_IP6_ADDRESS, 16, 16, ADDRS_TOLD_MAX,
        "IKE_AUTH INFORMATIONAL");
NOTIFY (none, "NO_ADDITIONAL_ADDRESSES", N_NO_ADDITIONAL_ADDRESSES, 0, 64, 1, "INFORMATIONAL");
NOTIFY (update, "UPDATE_SA_ADDRESSES", N_UPDATE_SA_ADDRESSES, 0, 64, 1, "INFORMATIONAL");
NOTIFY (cookie2, "COOKIE2", N_COOKIE2, 8, 64, 1, "INFORMATIONAL");
NOTIFY (no_nats, "NO_NATS_ALLOWED", N_NO_NATS_ALLOWED, 12, 36, 1, "IKE_AUTH INFORMATIONAL");
NOTIFY (unacceptable, "UNACCEPTABLE_ADDRESSES", N_UNACCEPTABLE_ADDRESSES, 0, 64, 1,
        "INFORMATIONAL");
NOTIFY (unexpected, "UNEXPECTED_NAT_DETECTED", N_UNEXPECTED_NAT_DETECTED, 0, 64, 1,
        "IKE_AUTH INFORMATIONAL");

static const IkeOperationClass mobike_operation = {
  .struct_size = sizeof (IkeOperationClass),
  .exchange = "INFORMATIONAL",
  .priority = 300,
  .touches = IKE_TOUCHES_NOTHING,
};

#define FEATURE(symbol, name, class_)                                                              \
  static const IkeFeature symbol = { .struct_size = sizeof (IkeFeature),                           \
                                     .provides = name,                                             \
                                     .ops = &class_ }
static const guint32 acts = sizeof acts;
FEATURE (float_feature, "task:mobike-float", agree_float_task);
FEATURE (agree_feature, "task:mobike-agree", agree_task);
static const char *const wants[] = { "kernel:net", NULL };
static const IkeFeature update_feature = {
  .struct_size = sizeof (IkeFeature), .provides = "task:mobike", .ops = &update_task, .wants = wants
};
FEATURE (probe_feature, "task:mobike-path", probe_task);
FEATURE (transmit_feature, "transmit:mobike", probe_transmit);
FEATURE (operation_feature, "operation:mobike", mobike_operation);
FEATURE (acts_feature, "acts:connection/mobike", acts);

static const IkeSlotClass slot_class = {
  .struct_size = sizeof (IkeSlotClass),
  .name = "mobike",
  .destroy = sa_free,
  .inherit = sa_inherit,
  .snapshot = sa_snapshot,
  .restore = sa_restore,
  .share = sa_share,
};

static void
mobike_free (gpointer data)
{
  Mobike *mobike = data;

  g_free (mobike->shards);
  g_free (mobike);
}

static void
make_counters (Mobike *mobike)
{
  mobike->n_moves = ike_counter (mobike->engine, "mobike.moves");
  mobike->n_updates = ike_counter (mobike->engine, "mobike.updates");
  mobike->n_checks = ike_counter (mobike->engine, "mobike.checks");
  mobike->n_probes = ike_counter (mobike->engine, "mobike.probes");
  mobike->n_refusals = ike_counter (mobike->engine, "mobike.refusals");
}

static gboolean
activate (IkePlugin *plugin, GError **error)
{
  IkeEngine *engine = ike_plugin_engine (plugin);
  Mobike *mobike = g_new0 (Mobike, 1);

  mobike->plugin = plugin;
  mobike->engine = engine;
  mobike->tells = ike_plugin_option_bool (plugin, "tell_addresses");
  mobike->checks = ike_plugin_option_bool (plugin, "return_routability");
  mobike->patience_ms = ike_plugin_option_uint (plugin, "patience") * 1000;
  mobike->net = ike_feature_find (engine, "kernel:net", NULL);
  mobike->shards = g_new0 (MobikeSa *, ike_engine_n_shards (engine));
  mobike->slot = ike_slot_register (plugin, &slot_class);
  make_counters (mobike);
  ike_plugin_set_state (plugin, mobike, mobike_free);
  return ike_option_find (engine, "connection/mobike", &mobike->option, error)
         && ike_endpoint_hook_add (plugin, "mobike", NULL, endpoint, error)
         && ike_rekey_hook_add (plugin, "mobike", NULL, rekeyed, error)
         && ike_describe_hook_add (plugin, "mobike", NULL, describe, error)
         && ike_net_change_hook_add (plugin, "mobike", NULL, path_net_change, error);
}

#define OPTION(symbol, where, kind, value, text)                                                   \
  static const IkeOptionInfo symbol = { .struct_size = sizeof (IkeOptionInfo),                     \
                                        .path = where,                                             \
                                        .type = kind,                                              \
                                        .fallback = value,                                         \
                                        .doc = text }
OPTION (option_mobike, "connection/mobike", "bool", "yes",
        "Move this IKE SA when addresses change, and let the peer move it (RFC 4555).");
OPTION (option_tells, "plugin/tell_addresses", "bool", "yes",
        "Tell peers the further addresses of this machine, so that they can reach it there.");
OPTION (option_checks, "plugin/return_routability", "bool", "yes",
        "Before packets go to a new address of a peer, ask there.");
OPTION (option_patience, "plugin/patience", "time", "300s",
        "How long a peer that began the IKE SA is asked before it counts as dead. Where "
        "other retransmission times are set than the default, those count.");
static const IkeOptionInfo *const options[] = { &option_mobike, &option_tells, &option_checks,
                                                &option_patience, NULL };
static const IkeFeature *const features[] = { &float_feature,
                                              &agree_feature,
                                              &update_feature,
                                              &probe_feature,
                                              &transmit_feature,
                                              &operation_feature,
                                              &acts_feature,
                                              &supported_notify,
                                              &ip4_notify,
                                              &ip6_notify,
                                              &none_notify,
                                              &update_notify,
                                              &cookie2_notify,
                                              &no_nats_notify,
                                              &unacceptable_notify,
                                              &unexpected_notify,
                                              NULL };

IKE_PLUGIN (ike_plugin, "mobike", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "moving and multihomed peers (RFC 4555)", .features = features,
            .options = options, .activate = activate);
