/* SPDX-License-Identifier: Apache-2.0 */
/* ip_allowed.c - of which families a gateway gives addresses (RFC 8983): it says so in its answer
 * to who asks for some, and a client that did not get all it asked for knows why, tells people, and
 * does not ask for it once more. */
#include "config.h"
#include <pthread.h>
#include <string.h>
#include <ikebana/exchange.h>
#include <ikebana/log.h>
#include <ikebana/plugin.h>
#include <ikebana/pool.h>

enum { IP4_ALLOWED = 16439, IP6_ALLOWED = 16440, BOTH = IKE_POOL_IP4 | IKE_POOL_IP6 };

typedef struct {
  IkeEngine *engine;
  /* Shards look and write: an `up` may be on any of them. */
  pthread_mutex_t lock;
  GHashTable *known; /* by connection: Known */
} IpAllowed;

/* What the gateway of a connection said, until its settings change. */
typedef struct {
  IkeConn *conn;
  guint allowed;
} Known;

/* Of an exchange. */
typedef struct {
  guint supported;
} Answer;

static void
known_free (gpointer data)
{
  Known *known = data;

  ike_conn_unref (known->conn);
  g_free (known);
}

static guint
family_bit (const IkeAddr *addr)
{
  return addr->family == 6 ? IKE_POOL_IP6 : IKE_POOL_IP4;
}

/* Of the virtual addresses that one end has. */
static guint
families_of (const IkeSa *sa, gboolean are_ours)
{
  guint n, found = 0;
  const IkeAddr *addrs = ike_sa_virtual_ips (sa, are_ours, &n);

  for (guint i = 0; i < n; i++)
    found |= family_bit (&addrs[i]);
  return found;
}

/* Of what `vips` asks for. */
static guint
families_wanted (const IkeConn *conn)
{
  IkeAddr wish;
  guint wanted = 0;

  for (guint i = 0; conn && conn->vips && conn->vips[i]; i++)
    if (ike_addr_parse (&wish, conn->vips[i], NULL))
      wanted |= family_bit (&wish);
  return wanted;
}

/* -- who answers */

static guint
families_of_pool (IkeEngine *engine, const char *name)
{
  guint n = 0;
  const IkeProvided *const *pools = ike_feature_list (engine, "pool", &n);

  for (guint i = 0; i < n; i++) {
    const IkePoolClass *klass = pools[i]->ops;
    if (klass->has (pools[i]->plugin, name))
      return klass->families ? klass->families (pools[i]->plugin, name) : 0;
  }
  return 0;
}

static gboolean
asks_for_addresses (const IkePayload *payload)
{
  IkeVerdict verdict = { 0 };
  IkeCpAttribute attribute;
  IkeCpView cp;

  if (!payload || !ike_cp_read (payload, &cp, &verdict) || cp.type != 1)
    return FALSE;
  while (ike_cp_next (&cp, &attribute))
    if (attribute.type == IKE_CFG_INTERNAL_IP4_ADDRESS
        || attribute.type == IKE_CFG_INTERNAL_IP6_ADDRESS)
      return TRUE;
  return FALSE;
}

/* RFC 8983, 5: "The responder MUST include the IP6_ALLOWED and/or IP4_ALLOWED notification status
 * type in a response to an address assignment request as indicated in Table 1": what it supports,
 * whatever was asked for and given. */
static IkeTaskResult
look_at_request (IkeTask *task, const IkeMessage *in)
{
  const IpAllowed *self = ike_plugin_state (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);
  const IkeConn *conn = ike_sa_conn (sa);
  Answer *answer = ike_task_data (task);

  if (!asks_for_addresses (ike_message_find (in, IKE_PAYLOAD_CP, 0)))
    return IKE_TASK_DONE;
  answer->supported = families_of (sa, FALSE);
  for (guint i = 0; conn->pools && conn->pools[i]; i++)
    answer->supported |= families_of_pool (self->engine, conn->pools[i]);
  return IKE_TASK_DONE;
}

static IkeTaskResult
build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  const Answer *answer = ike_task_data (task);

  if (answer->supported & IKE_POOL_IP4)
    ike_notify_write (out, 0, IP4_ALLOWED, NULL, 0, NULL, 0);
  if (answer->supported & IKE_POOL_IP6)
    ike_notify_write (out, 0, IP6_ALLOWED, NULL, 0, NULL, 0);
  return IKE_TASK_DONE;
}

/* -- who asked */

static void
remember (IpAllowed *self, IkeConn *conn, guint allowed)
{
  Known *known = g_new (Known, 1);

  *known = (Known){ ike_conn_ref (conn), allowed };
  pthread_mutex_lock (&self->lock);
  g_hash_table_replace (self->known, known->conn->name, known);
  pthread_mutex_unlock (&self->lock);
}

static guint
allowed_by (IpAllowed *self, const IkeConn *conn)
{
  const Known *known;
  guint allowed = BOTH;

  pthread_mutex_lock (&self->lock);
  known = g_hash_table_lookup (self->known, conn->name);
  if (known && known->conn == conn)
    allowed = known->allowed;
  pthread_mutex_unlock (&self->lock);
  return allowed;
}

static void
tell (IkeSa *sa, guint missing, guint allowed)
{
  const char *name = missing == IKE_POOL_IP4 ? "IPv4" : "IPv6",
             *any = missing == IKE_POOL_IP4 ? "0.0.0.0" : "::";
  g_autofree char *text = NULL;

  if (allowed & missing)
    text =
        g_strdup_printf ("the gateway gives addresses of one family to an IKE SA, and gave no %s "
                         "one; a connection of its own with vips = %s may ask for it",
                         name, any);
  else
    text = g_strdup_printf ("the gateway gives no %s addresses; take %s out of vips%s", name, any,
                            families_wanted (ike_sa_conn (sa)) == missing
                                ? (missing == IKE_POOL_IP4 ? ", and set ::" : ", and set 0.0.0.0")
                                : ": it is not asked for them again");
  ike_sa_log_text (sa, IKE_LOG_NOTICE, "config", text);
}

/* RFC 8983, 5: "If the initiator only receives one single IP4_ALLOWED or IP6_ALLOWED notification
 * from the responder, the initiator MUST NOT send a subsequent request for an alternate address
 * family not supported by the responder." */
static IkeTaskResult
look_at_answer (IkeTask *task, IkeExchange *x)
{
  IpAllowed *self = ike_plugin_state (ike_task_plugin (task));
  IkeSa *sa = ike_task_sa (task);
  guint allowed = (ike_exchange_record (x, IP4_ALLOWED, 0) ? IKE_POOL_IP4 : 0)
                  | (ike_exchange_record (x, IP6_ALLOWED, 0) ? IKE_POOL_IP6 : 0),
        missing = families_wanted (ike_sa_conn (sa)) & ~families_of (sa, TRUE);

  if (!allowed || ike_sa_state (sa) < IKE_SA_ESTABLISHED)
    return IKE_TASK_DONE;
  remember (self, ike_sa_conn (sa), allowed);
  if (missing & IKE_POOL_IP4)
    tell (sa, IKE_POOL_IP4, allowed);
  if (missing & IKE_POOL_IP6)
    tell (sa, IKE_POOL_IP6, allowed);
  return IKE_TASK_DONE;
}

/* Where nothing else is wanted, somebody wants just this, and may ask whether it is there now. */
static IkeHookVerdict
leave_out (IkePlugin *plugin, IkeSa *sa, IkeRequestEvent *event)
{
  const IkeConn *conn = ike_sa_conn (sa);
  guint allowed = allowed_by (ike_plugin_state (plugin), conn);

  if (families_wanted (conn) & allowed)
    event->left_out |= BOTH & ~allowed;
  return IKE_HOOK_PASS;
}

/* -- the classes */

static gboolean
wanted (IkePlugin *plugin, IkeSa *sa, const IkeExchange *x, const IkeMessage *in)
{
  return in ? ike_message_find (in, IKE_PAYLOAD_CP, 0) != NULL
            : families_wanted (ike_sa_conn (sa)) != 0;
}

static IkeTaskResult
process (IkeTask *task, IkeExchange *x, const IkeMessage *in)
{
  return ike_exchange_is_initiator (x) ? look_at_answer (task, x) : look_at_request (task, in);
}

static const IkeTaskClass allowed_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:config config-payload",
  .operations = "establish",
  .reads = "notify:IP4_ALLOWED notify:IP6_ALLOWED",
  .instance_size = sizeof (Answer),
  .wanted = wanted,
  .process = process,
  .build = build,
};
static const IkeFeature task_feature = { .struct_size = sizeof (IkeFeature),
                                         .provides = "task:ip-allowed",
                                         .ops = &allowed_task };

/* RFC 8983, 4: "No data is associated with these notifications." */
#define NOTIFY(symbol, number, text)                                                               \
  static const IkeNotifyClass symbol##_notify = { .struct_size = sizeof (IkeNotifyClass),          \
                                                  .type = number,                                  \
                                                  .max_count = 1,                                  \
                                                  .exchanges = "IKE_AUTH" };                       \
  static const IkeFeature symbol##_feature = { .struct_size = sizeof (IkeFeature),                 \
                                               .provides = "notify:" text,                         \
                                               .ops = &symbol##_notify }
NOTIFY (ip4, IP4_ALLOWED, "IP4_ALLOWED");
NOTIFY (ip6, IP6_ALLOWED, "IP6_ALLOWED");

/* -- the plugin */

static void
ip_allowed_free (gpointer data)
{
  IpAllowed *self = data;

  g_hash_table_unref (self->known);
  pthread_mutex_destroy (&self->lock);
  g_free (self);
}

static gboolean
activate (IkePlugin *plugin, GError **error)
{
  IpAllowed *self = g_new0 (IpAllowed, 1);

  self->engine = ike_plugin_engine (plugin);
  pthread_mutex_init (&self->lock, NULL);
  self->known = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, known_free);
  ike_plugin_set_state (plugin, self, ip_allowed_free);
  return ike_request_hook_add (plugin, "ip-allowed", NULL, leave_out, error);
}

static const IkeFeature *const features[] = { &task_feature, &ip4_feature, &ip6_feature, NULL };

IKE_PLUGIN (ike_plugin, "ip-allowed", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "of which families a gateway gives addresses (RFC 8983)",
            .features = features, .activate = activate);
