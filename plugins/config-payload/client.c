/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - the request of who wants addresses, and what is believed of the answer. */
#include "config.h"
#include "config_payload.h"
#include "shared/pool/pool_attributes.h"
#include <string.h>

struct _Client {
  Held *held;
  IkeAddr addrs[IKE_VIRTUAL_IPS_MAX];
  guint n_addrs, n_installed, n_attributes;
  guint n_ignored;
  char *failure; /* why an address is not installed */
};

void
client_free (Client *client)
{
  if (!client)
    return;
  g_free (client->failure);
  g_free (client);
}

gboolean
client_wants (const IkeSa *sa)
{
  const IkeConn *conn = ike_sa_conn (sa);

  return conn && conn->vips && conn->vips[0];
}

/* -- the request */

/* One that somebody wishes for, in the place of any of its family; each once. */
static void
take_wish (IkeRequestEvent *event, IkeAddr *any)
{
  for (guint i = 0; i < MIN (event->n_wishes, IKE_VIRTUAL_IPS_MAX); i++)
    if (event->wishes[i].family == (any->family == 6 ? 6 : 4)) {
      *any = event->wishes[i];
      event->wishes[i].family = 0;
      return;
    }
}

static void
write_wish (IkeWriter *out, const char *text, IkeRequestEvent *event)
{
  guint left_out = event->left_out;
  IkeAddr wish;
  gboolean is_v6, is_any;

  if (!ike_addr_parse (&wish, text, NULL))
    return;
  /* %any alone has no family. */
  is_v6 = wish.family == 6;
  if (ike_addr_is_any (&wish))
    take_wish (event, &wish);
  is_any = ike_addr_is_any (&wish);
  if (left_out & (is_v6 ? IKE_POOL_IP6 : IKE_POOL_IP4))
    return;
  ike_writer_u16 (out, is_v6 ? IKE_CFG_INTERNAL_IP6_ADDRESS : IKE_CFG_INTERNAL_IP4_ADDRESS);
  ike_writer_u16 (out, is_any ? 0 : is_v6 ? 17 : 4);
  if (is_any)
    return;
  ike_writer_bytes (out, wish.bytes, is_v6 ? 16 : 4);
  if (is_v6)
    ike_writer_u8 (out, 128);
}

static void
write_types (IkeWriter *out, const IkeRequestEvent *event)
{
  for (guint i = 0; i < MIN (event->n, IKE_CFG_ATTRIBUTES_MAX); i++) {
    guint k;
    for (k = 0; k < i && event->types[k] != event->types[i]; k++)
      ;
    if (k == i)
      ike_writer_u32 (out, (guint32) (event->types[i] & 0x7fff) << 16);
  }
}

IkeTaskResult
client_build (IkeTask *task, IkeWriter *out)
{
  const IkeConn *conn = ike_sa_conn (ike_task_sa (task));
  IkeRequestEvent event = { .struct_size = sizeof event,
                            .types = { IKE_CFG_SUPPORTED_ATTRIBUTES },
                            .n = 1 };
  gsize mark = ike_payload_open (out, IKE_PAYLOAD_CP, FALSE);

  ike_request_hook_emit (config_of (task)->on_request, ike_task_sa (task), &event);
  ike_writer_u32 (out, (guint32) CFG_REQUEST << 24);
  for (guint i = 0; conn->vips[i] && i < IKE_VIRTUAL_IPS_MAX; i++)
    write_wish (out, conn->vips[i], &event);
  write_types (out, &event);
  ike_payload_close (out, mark);
  return IKE_TASK_DONE;
}

/* -- the answer */

static guint
n_wanted (const IkeConn *conn, guint family)
{
  guint n = 0;
  IkeAddr wish;

  for (guint i = 0; conn->vips[i] && i < IKE_VIRTUAL_IPS_MAX; i++)
    n += ike_addr_parse (&wish, conn->vips[i], NULL) && (wish.family == 6 ? 6 : 4) == family;
  return n;
}

static guint
n_had (const Client *self, guint family)
{
  guint n = 0;

  for (guint i = 0; i < self->n_addrs; i++)
    n += self->addrs[i].family == family;
  return n;
}

/* NULL: it may be ours; else why not. */
static const char *
judge_address (const Client *self, IkeSa *sa, const IkeAddr *addr)
{
  gboolean is_v6 = addr->family == 6;

  if (ike_addr_is_any (addr))
    return "is none";
  if (is_v6 ? addr->bytes[0] == 0xff : addr->bytes[0] >= 224)
    return "is not of one host";
  if (is_v6 ? !addr->bytes[0] && !addr->bytes[1] : addr->bytes[0] == 127 || !addr->bytes[0])
    return "is of a range with a meaning of its own";
  if (ike_addr_same_host (addr, ike_sa_remote (sa)) || ike_addr_same_host (addr, ike_sa_local (sa)))
    return "is that of an end of the tunnel";
  for (guint i = 0; i < self->n_addrs; i++)
    if (ike_addr_same_host (addr, &self->addrs[i]))
      return "was given twice";
  /* RFC 7296, 3.15.1: "The responder MAY only send up to the number of addresses requested." */
  if (n_had (self, addr->family) >= n_wanted (ike_sa_conn (sa), addr->family))
    return "was not asked for";
  return NULL;
}

static void
ignore (Client *self, IkeSa *sa, guint16 type, const char *what, const char *why)
{
  const char *name = pool_attribute_name (type);
  g_autofree char *text = NULL;

  /* A peer decides how many there are. */
  if (self->n_ignored++ >= 8)
    return;
  text = name ? g_strdup_printf ("the peer's %s%s%s %s; ignored", name, *what ? " " : "", what, why)
              : g_strdup_printf ("the peer's attribute %u %s; ignored", type, why);
  ike_sa_log_text (sa, IKE_LOG_NOTICE, "config", text);
}

static void
take_address (Client *self, IkeSa *sa, const IkeCpAttribute *attribute)
{
  gboolean is_v6 = attribute->type == IKE_CFG_INTERNAL_IP6_ADDRESS;
  IkeAddr addr = { .family = is_v6 ? 6 : 4 };
  char text[IKE_ADDR_TEXT_SIZE];
  const char *why;

  if (attribute->len != (is_v6 ? 17 : 4) && !(is_v6 && attribute->len == 16)) {
    ignore (self, sa, attribute->type, "", "has a length that no address has");
    return;
  }
  memcpy (addr.bytes, attribute->data, is_v6 ? 16 : 4);
  why = judge_address (self, sa, &addr);
  if (why)
    ignore (self, sa, attribute->type, ike_addr_format (&addr, FALSE, text), why);
  else
    self->addrs[self->n_addrs++] = addr;
}

static void
take_attribute (Client *self, IkeSa *sa, const IkeCpAttribute *attribute)
{
  const char *name = pool_attribute_name (attribute->type);
  g_autoptr (GString) text = g_string_new (NULL);

  /* What a gateway knows beside is nobody's business here. */
  if (attribute->len == 0 || attribute->type == IKE_CFG_SUPPORTED_ATTRIBUTES)
    return;
  if (!pool_attribute_describe (attribute->type, attribute->data, attribute->len, text)) {
    ignore (self, sa, attribute->type, "", "is malformed");
    return;
  }
  if (self->n_attributes == IKE_CFG_ATTRIBUTES_MAX || attribute->len > CONFIG_BYTES_MAX) {
    ignore (self, sa, attribute->type, "", "is one too many");
    return;
  }
  self->n_attributes++;
  if (name)
    g_string_prepend (text, " ");
  g_string_prepend (text, name ? name : "an attribute that is not known: ");
  ike_sa_log_text (sa, IKE_LOG_INFO, "config", text->str);
  held_attribute (self->held, sa, attribute->type, attribute->data, attribute->len);
}

static void
read_reply (Client *self, IkeSa *sa, IkeCpView *cp)
{
  IkeCpAttribute attribute;

  while (ike_cp_next (cp, &attribute))
    if (attribute.type == IKE_CFG_INTERNAL_IP4_ADDRESS
        || attribute.type == IKE_CFG_INTERNAL_IP6_ADDRESS)
      take_address (self, sa, &attribute);
    else
      take_attribute (self, sa, &attribute);
}

/* -- addresses on an interface */

typedef struct {
  Client *client;
  guint i;
} Installed;

static void
installed (gpointer owner, gpointer data, gpointer result, const char *error)
{
  const Installed *at = data;

  if (!error) {
    held_keep (at->client->held, result);
    return;
  }
  at->client->addrs[at->i].family = 0;
  g_free (at->client->failure);
  at->client->failure = g_strdup (error);
}

static const IkeCallClass install_call = {
  .struct_size = sizeof (IkeCallClass),
  .name = "install a virtual address",
  .timeout_ms = 20000,
  .then = installed,
  .undo = placed_free,
  .free_data = g_free,
};

static void
install_all (IkeTask *task, Client *self)
{
  for (guint i = 0; i < self->n_addrs; i++) {
    Installed at = { self, i };
    held_install (config_of (task), ike_sa_loop (ike_task_sa (task)), &self->addrs[i],
                  ike_task_call (task, &install_call, g_memdup2 (&at, sizeof at)));
  }
}

/* What is ours from now on: without any, children that need one are not made. */
static IkeTaskResult
finish (IkeTask *task, Client *self)
{
  IkeSa *sa = ike_task_sa (task);
  char text[IKE_ADDR_TEXT_SIZE];

  if (self->failure)
    ike_sa_log_text (sa, IKE_LOG_ERROR, "config", self->failure);
  for (guint i = 0; i < self->n_addrs; i++) {
    g_autofree char *said = NULL;
    if (!self->addrs[i].family || !ike_sa_add_virtual_ip (sa, TRUE, &self->addrs[i]))
      continue;
    said = g_strdup_printf ("our virtual address is %s",
                            ike_addr_format (&self->addrs[i], FALSE, text));
    ike_sa_log_text (sa, IKE_LOG_INFO, "config", said);
  }
  return IKE_TASK_DONE;
}

IkeTaskResult
client_process (IkeTask *task, Client **client, const IkeMessage *in)
{
  const IkePayload *payload = ike_message_find (in, IKE_PAYLOAD_CP, 0);
  IkeSa *sa = ike_task_sa (task);
  IkeVerdict verdict = { 0 };
  Client *self = *client;
  IkeCpView cp;

  if (self)
    return finish (task, self);
  ike_sa_forget_virtual_ips (sa, TRUE);
  if (!payload || !client_wants (sa))
    return IKE_TASK_DONE;
  if (!ike_cp_read (payload, &cp, &verdict))
    return ike_task_fail (task, IKE_N_INVALID_SYNTAX, NULL, 0, verdict.reason);
  if (cp.type != CFG_REPLY) {
    ike_sa_log_text (sa, IKE_LOG_NOTICE, "config",
                     "the peer's configuration payload is no reply; ignored");
    return IKE_TASK_DONE;
  }
  self = *client = g_new0 (Client, 1);
  self->held = held_of (config_of (task), sa);
  read_reply (self, sa, &cp);
  if (!self->n_addrs || !config_of (task)->installs_addresses)
    return finish (task, self);
  install_all (task, self);
  return IKE_TASK_WAIT;
}
