/* SPDX-License-Identifier: Apache-2.0 */
/* gateway.c - the answer to a client's request: addresses from whoever gives them, one after the
 * other, and then what its pools say beside them. */
#include "config.h"
#include "config_payload.h"
#include <string.h>

struct _Gateway {
  guint16 failed; /* no address: the notify */
  IkeAddr wanted[IKE_VIRTUAL_IPS_MAX];
  guint n_wanted, at;                 /* at: the one that is being seen to */
  IkeAddr given[IKE_VIRTUAL_IPS_MAX]; /* by the hook */
  guint n_given;
  IkeAddr addrs[IKE_VIRTUAL_IPS_MAX]; /* of the reply */
  guint n_addrs;
  GPtrArray *pools;                          /* names, in order */
  guint pool;                                /* the one that is asked for wanted[at] */
  Lease *lease;                              /* just come */
  char *why;                                 /* why there is no address */
  gboolean has_from[IKE_CFG_ATTRIBUTES_MAX]; /* that pool gave one */
  guint64 asked;                             /* types below 64, as bits */
  GByteArray *attributes;                    /* as on the wire */
  guint n_attributes;
  GByteArray *types;            /* of all attributes there are */
  gboolean is_cut, are_domains; /* which of the attributes of pools it is the turn of */
};

void
gateway_free (Gateway *gateway)
{
  if (!gateway)
    return;
  g_clear_pointer (&gateway->lease, lease_free);
  g_ptr_array_unref (gateway->pools);
  g_byte_array_unref (gateway->attributes);
  g_byte_array_unref (gateway->types);
  g_free (gateway->why);
  g_free (gateway);
}

/* -- attributes of the reply */

static void
put_u16 (GByteArray *array, guint16 value)
{
  guint16 wire = GUINT16_TO_BE (value);

  g_byte_array_append (array, (const guint8 *) &wire, sizeof wire);
}

static gboolean
is_domain (guint16 type)
{
  return type == IKE_CFG_INTERNAL_DNS_DOMAIN || type == IKE_CFG_INTERNAL_DNSSEC_TA;
}

static gboolean
has_asked (const Gateway *self, guint16 type)
{
  return self->asked >> type & 1;
}

/* RFC 8598, 3.1: "The absence of INTERNAL_DNS_DOMAIN attributes in the CFG_REQUEST payload
 * indicates that the initiator does not support or is unwilling to accept a Split DNS
 * configuration"; so it is of trust anchors, and of encrypted DNS (RFC 9464).  Who asks for trust
 * anchors alone gets "both INTERNAL_DNSSEC_TA and INTERNAL_DNS_DOMAIN". */
static gboolean
is_wanted (const Gateway *self, guint16 type)
{
  if (type < IKE_CFG_INTERNAL_DNS_DOMAIN || type > IKE_CFG_ENCDNS_DIGEST_INFO)
    return TRUE;
  return has_asked (self, type)
         || (type == IKE_CFG_INTERNAL_DNS_DOMAIN && has_asked (self, IKE_CFG_INTERNAL_DNSSEC_TA));
}

/* Behind one that does not fit nothing is added: what belongs to it would be said of another. */
static void
add_attribute (guint16 type, const void *value, gsize len, gpointer data)
{
  Gateway *self = data;

  if (self->is_cut || !is_wanted (self, type))
    return;
  if (self->n_attributes == IKE_CFG_ATTRIBUTES_MAX
      || self->attributes->len + 4 + len > CONFIG_BYTES_MAX) {
    self->is_cut = TRUE;
    return;
  }
  self->n_attributes++;
  put_u16 (self->types, type);
  put_u16 (self->attributes, type);
  put_u16 (self->attributes, (guint16) len);
  g_byte_array_append (self->attributes, value, (guint) len);
}

/* -- the request */

/* RFC 7296, 3.15.1: "a requested address (or a zero-length address if no specific address is
 * requested)"; of IPv6 it has a prefix length behind it, which some leave out. */
static void
want (Gateway *self, const IkeCpAttribute *attribute)
{
  gboolean is_v6 = attribute->type == IKE_CFG_INTERNAL_IP6_ADDRESS;
  IkeAddr *wanted = &self->wanted[self->n_wanted];
  gsize len = is_v6 ? 16 : 4;

  if (self->n_wanted == IKE_VIRTUAL_IPS_MAX)
    return;
  wanted->family = is_v6 ? 6 : 4;
  if (attribute->len == len || (is_v6 && attribute->len == 17))
    memcpy (wanted->bytes, attribute->data, len);
  self->n_wanted++;
}

static void
read_request (Gateway *self, IkeCpView *cp)
{
  IkeCpAttribute attribute;

  while (ike_cp_next (cp, &attribute)) {
    if (attribute.type < 64)
      self->asked |= G_GUINT64_CONSTANT (1) << attribute.type;
    if (attribute.type == IKE_CFG_INTERNAL_IP4_ADDRESS
        || attribute.type == IKE_CFG_INTERNAL_IP6_ADDRESS)
      want (self, &attribute);
  }
}

typedef struct {
  IkeAssignEvent event;
  Gateway *gateway;
} Assignment;

static void
add_of_hook (IkeAssignEvent *event, guint16 type, const void *value, gsize len)
{
  add_attribute (type, value, len, ((Assignment *) event)->gateway);
}

static void
ask_hook (IkeTask *task, Gateway *self)
{
  IkeSa *sa = ike_task_sa (task);
  const IkeConn *conn = ike_sa_conn (sa);
  Assignment assignment = { .event = { .struct_size = sizeof (IkeAssignEvent),
                                       .wanted = self->wanted,
                                       .n_wanted = self->n_wanted,
                                       .add = add_of_hook },
                            .gateway = self };
  IkeAssignEvent *event = &assignment.event;

  ike_assign_hook_emit (config_of (task)->on_assign, sa, event);
  self->n_given = MIN (event->n_given, IKE_VIRTUAL_IPS_MAX);
  memcpy (self->given, event->given, sizeof self->given);
  event->pool[sizeof event->pool - 1] = '\0';
  if (event->pool[0])
    g_ptr_array_add (self->pools, g_strdup (event->pool));
  for (guint i = 0; conn->pools && conn->pools[i] && self->pools->len < IKE_CFG_ATTRIBUTES_MAX; i++)
    g_ptr_array_add (self->pools, g_strdup (conn->pools[i]));
}

static Gateway *
begin (IkeTask *task, IkeCpView *cp)
{
  Gateway *self = g_new0 (Gateway, 1);

  self->pools = g_ptr_array_new_with_free_func (g_free);
  self->attributes = g_byte_array_new ();
  self->types = g_byte_array_new ();
  read_request (self, cp);
  ask_hook (task, self);
  return self;
}

/* -- addresses */

static gboolean
is_in_reply (const Gateway *self, const IkeAddr *addr)
{
  for (guint i = 0; i < self->n_addrs; i++)
    if (ike_addr_same_host (&self->addrs[i], addr))
      return TRUE;
  return FALSE;
}

static gboolean
take_given (Gateway *self)
{
  guint8 family = self->wanted[self->at].family;

  for (guint i = 0; i < self->n_given; i++)
    if (self->given[i].family == family && !ike_addr_is_any (&self->given[i])
        && !is_in_reply (self, &self->given[i])) {
      self->addrs[self->n_addrs++] = self->given[i];
      return TRUE;
    }
  return FALSE;
}

static void
lease_came (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Gateway *self = *(Gateway **) data;

  self->lease = result;
  if (!error)
    return;
  g_free (self->why);
  self->why = g_strdup (error);
}

static const IkeCallClass address_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "virtual address",
  .timeout_ms = 20000,
  .then = lease_came,
  .undo = lease_free,
  .free_data = g_free,
};

static const IkeProvided *
keeper_of (const Config *config, const char *name)
{
  guint n = 0;
  const IkeProvided *const *pools = ike_feature_list (config->engine, "pool", &n);

  for (guint i = 0; i < n; i++)
    if (((const IkePoolClass *) pools[i]->ops)->has (pools[i]->plugin, name))
      return pools[i];
  return NULL;
}

/* FALSE: there is no such pool. */
static gboolean
ask_pool (IkeTask *task, Gateway *self, const char *name)
{
  IkeSa *sa = ike_task_sa (task);
  const IkeProvided *pool = keeper_of (config_of (task), name);
  /* Whoever proved nothing is not given what somebody of that name had. */
  IkeLeaseQuery query = { .struct_size = sizeof query,
                          .pool = name,
                          .identity = ike_sa_is_anonymous (sa) ? NULL : ike_sa_user (sa),
                          .wanted = self->wanted[self->at],
                          .remote = *ike_sa_remote (sa),
                          .unique_id = ike_sa_unique_id (sa) };

  if (!pool) {
    g_free (self->why);
    self->why = g_strdup_printf ("there is no pool %s", name);
    return FALSE;
  }
  lease_ask (ike_sa_loop (sa), pool, &query,
             ike_task_call (task, &address_call, g_memdup2 (&self, sizeof self)));
  return TRUE;
}

static void
take_lease (IkeTask *task, Gateway *self)
{
  Lease *lease = g_steal_pointer (&self->lease);

  if (lease->addr.family != self->wanted[self->at].family || is_in_reply (self, &lease->addr)) {
    lease_free (lease);
    self->pool++;
    return;
  }
  self->addrs[self->n_addrs++] = lease->addr;
  self->has_from[self->pool] = TRUE;
  lease_keep (config_of (task), ike_task_sa (task), lease);
  self->at++;
  self->pool = 0;
}

/* TRUE: a pool was asked. */
static gboolean
ask_next (IkeTask *task, Gateway *self)
{
  while (self->at < self->n_wanted) {
    if (self->pool == 0 && take_given (self)) {
      self->at++;
    } else if (self->pool == self->pools->len) {
      self->at++;
      self->pool = 0;
    } else if (ask_pool (task, self, self->pools->pdata[self->pool])) {
      return TRUE;
    } else {
      self->pool++;
    }
  }
  return FALSE;
}

/* -- the reply */

/* RFC 7296, 3.15.4: "The IKE SA is still created even if the initial Child SA cannot be created
 * because of this failure." */
static IkeTaskResult
refuse (IkeTask *task, Gateway *self)
{
  IkeTree *details = ike_tree_new_section ();
  char remote[IKE_ADDR_TEXT_SIZE];
  g_autofree char *sentence =
      g_strdup_printf ("peer %s: no virtual address (INTERNAL_ADDRESS_FAILURE); %s",
                       ike_addr_format (ike_sa_remote (ike_task_sa (task)), FALSE, remote),
                       self->why ? self->why : "the connection has no pools");

  ike_tree_set_format (details, "setting", "connections.%s.pools",
                       ike_sa_conn (ike_task_sa (task))->name);
  ike_task_explain (task, "config", sentence, details);
  ike_operation_skip (task, "child", "the client got no address");
  self->failed = IKE_N_INTERNAL_ADDRESS_FAILURE;
  return IKE_TASK_DONE;
}

static gboolean
has_family (const Gateway *self, guint family)
{
  for (guint i = 0; i < self->n_addrs; i++)
    if (self->addrs[i].family == family)
      return TRUE;
  return FALSE;
}

/* RFC 7296, 3.15.1, of the netmask: "it MUST be used only with an INTERNAL_IP4_ADDRESS
 * attribute." */
static void
add_of_pool (guint16 type, const void *value, gsize len, gpointer data)
{
  const Gateway *self = data;

  if (is_domain (type) == self->are_domains
      && (type != IKE_CFG_INTERNAL_IP4_NETMASK || has_family (self, 4)))
    add_attribute (type, value, len, data);
}

/* What pools say beside their addresses, also to a client whose address came from elsewhere. */
static void
add_of_pools (const Config *config, Gateway *self)
{
  for (guint i = 0; i < self->pools->len; i++) {
    gboolean is_told = self->has_from[i] || !self->n_wanted || self->n_given > 0;
    const IkeProvided *pool = is_told ? keeper_of (config, self->pools->pdata[i]) : NULL;
    if (pool)
      ((const IkePoolClass *) pool->ops)
          ->attributes (pool->plugin, self->pools->pdata[i], add_of_pool, self);
  }
}

static IkeTaskResult
finish (IkeTask *task, Gateway *self)
{
  IkeSa *sa = ike_task_sa (task);

  if (self->n_wanted && !self->n_addrs)
    return refuse (task, self);
  ike_sa_forget_virtual_ips (sa, FALSE);
  for (guint i = 0; i < self->n_addrs; i++)
    ike_sa_add_virtual_ip (sa, FALSE, &self->addrs[i]);
  /* RFC 8598, 3.2, of domains: "the responder MUST also include one or both of the INTERNAL_IP4_DNS
   * and INTERNAL_IP6_DNS attributes"; so these are in the reply before it is full. */
  add_of_pools (config_of (task), self);
  self->are_domains = TRUE;
  add_of_pools (config_of (task), self);
  if (self->is_cut)
    ike_sa_log_text (sa, IKE_LOG_ERROR, "config",
                     "the attributes of the pools do not fit into a reply; the last are left out");
  return IKE_TASK_DONE;
}

IkeTaskResult
gateway_process (IkeTask *task, Gateway **gateway, const IkeMessage *in)
{
  IkeVerdict verdict = { 0 };
  Gateway *self = *gateway;
  IkeCpView cp;

  if (!self) {
    if (!ike_cp_read (ike_message_find (in, IKE_PAYLOAD_CP, 0), &cp, &verdict))
      return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
    if (cp.type != CFG_REQUEST)
      return IKE_TASK_DONE;
    self = *gateway = begin (task, &cp);
  } else if (self->lease) {
    take_lease (task, self);
  } else {
    self->pool++;
  }
  return ask_next (task, self) ? IKE_TASK_WAIT : finish (task, self);
}

static void
write_addresses (const Gateway *self, IkeWriter *out)
{
  for (guint i = 0; i < self->n_addrs; i++) {
    gboolean is_v6 = self->addrs[i].family == 6;
    ike_writer_u16 (out, is_v6 ? IKE_CFG_INTERNAL_IP6_ADDRESS : IKE_CFG_INTERNAL_IP4_ADDRESS);
    ike_writer_u16 (out, is_v6 ? 17 : 4);
    ike_writer_bytes (out, self->addrs[i].bytes, is_v6 ? 16 : 4);
    if (is_v6)
      ike_writer_u8 (out, 128);
  }
}

/* RFC 7296, 3.15.1: "The response contains an attribute that contains a set of attribute
 * identifiers each in 2 octets." */
static void
write_supported (const Gateway *self, IkeWriter *out)
{
  if (!(self->asked >> IKE_CFG_SUPPORTED_ATTRIBUTES & 1))
    return;
  ike_writer_u16 (out, IKE_CFG_SUPPORTED_ATTRIBUTES);
  ike_writer_u16 (out, (guint16) (6 + self->types->len));
  ike_writer_u16 (out, IKE_CFG_INTERNAL_IP4_ADDRESS);
  ike_writer_u16 (out, IKE_CFG_INTERNAL_IP6_ADDRESS);
  ike_writer_u16 (out, IKE_CFG_SUPPORTED_ATTRIBUTES);
  ike_writer_bytes (out, self->types->data, self->types->len);
}

/* RFC 7296, 2.19: "The responder MUST NOT send a CFG_REPLY without having first received a
 * CP(CFG_REQUEST)". */
IkeTaskResult
gateway_build (const Gateway *self, IkeWriter *out)
{
  gsize mark;

  if (!self)
    return IKE_TASK_DONE;
  if (self->failed) {
    ike_notify_write (out, 0, self->failed, NULL, 0, NULL, 0);
    return IKE_TASK_DONE;
  }
  mark = ike_payload_open (out, IKE_PAYLOAD_CP, FALSE);
  ike_writer_u32 (out, (guint32) CFG_REPLY << 24);
  write_addresses (self, out);
  ike_writer_bytes (out, self->attributes->data, self->attributes->len);
  write_supported (self, out);
  ike_payload_close (out, mark);
  return IKE_TASK_DONE;
}
