/* SPDX-License-Identifier: Apache-2.0 */
/* radius.h - asking RADIUS servers (RFC 2865, 2866), and hearing from them (RFC 5176): the ops of `service:radius`.
 *
 * The plugin `radius` knows servers, secrets, identifiers, retransmissions and who is dead; who uses it knows what the
 * attributes mean.  Attributes travel as they are on the wire, one after the other: the first part of this header
 * writes and reads them.  Authenticators, Message-Authenticator, passwords and keys are the service's: what it hands
 * out was checked and decrypted. */
#pragma once
#include <string.h>
#include <ikebana/addr.h>
#include <ikebana/plugin.h>
#include <ikebana/reader.h>
#include <ikebana/runtime.h>
#include <ikebana/secret.h>
#include <ikebana/writer.h>

IKE_BEGIN_DECLS

enum { IKE_RADIUS_ACCESS_REQUEST = 1, IKE_RADIUS_ACCESS_ACCEPT = 2, IKE_RADIUS_ACCESS_REJECT = 3,
       IKE_RADIUS_ACCOUNTING_REQUEST = 4, IKE_RADIUS_ACCOUNTING_RESPONSE = 5, IKE_RADIUS_ACCESS_CHALLENGE = 11,
       IKE_RADIUS_STATUS_SERVER = 12, IKE_RADIUS_DISCONNECT_REQUEST = 40, IKE_RADIUS_DISCONNECT_ACK = 41,
       IKE_RADIUS_DISCONNECT_NAK = 42, IKE_RADIUS_COA_REQUEST = 43, IKE_RADIUS_COA_ACK = 44, IKE_RADIUS_COA_NAK = 45 };

/* Attributes (IANA): RFC 2865, 2866, 2869, 3162, 3580, 4372, 4818, 5176, 6911. */
enum {
  IKE_RADIUS_USER_NAME = 1, IKE_RADIUS_USER_PASSWORD = 2, IKE_RADIUS_CHAP_PASSWORD = 3, IKE_RADIUS_NAS_IP_ADDRESS = 4,
  IKE_RADIUS_NAS_PORT = 5, IKE_RADIUS_SERVICE_TYPE = 6, IKE_RADIUS_FRAMED_PROTOCOL = 7,
  IKE_RADIUS_FRAMED_IP_ADDRESS = 8, IKE_RADIUS_FRAMED_IP_NETMASK = 9, IKE_RADIUS_FILTER_ID = 11,
  IKE_RADIUS_FRAMED_MTU = 12, IKE_RADIUS_REPLY_MESSAGE = 18, IKE_RADIUS_FRAMED_ROUTE = 22, IKE_RADIUS_STATE = 24,
  IKE_RADIUS_CLASS = 25, IKE_RADIUS_VENDOR_SPECIFIC = 26, IKE_RADIUS_SESSION_TIMEOUT = 27,
  IKE_RADIUS_IDLE_TIMEOUT = 28, IKE_RADIUS_TERMINATION_ACTION = 29, IKE_RADIUS_CALLED_STATION_ID = 30,
  IKE_RADIUS_CALLING_STATION_ID = 31, IKE_RADIUS_NAS_IDENTIFIER = 32, IKE_RADIUS_PROXY_STATE = 33,
  IKE_RADIUS_ACCT_STATUS_TYPE = 40, IKE_RADIUS_ACCT_DELAY_TIME = 41, IKE_RADIUS_ACCT_INPUT_OCTETS = 42,
  IKE_RADIUS_ACCT_OUTPUT_OCTETS = 43, IKE_RADIUS_ACCT_SESSION_ID = 44, IKE_RADIUS_ACCT_AUTHENTIC = 45,
  IKE_RADIUS_ACCT_SESSION_TIME = 46, IKE_RADIUS_ACCT_INPUT_PACKETS = 47, IKE_RADIUS_ACCT_OUTPUT_PACKETS = 48,
  IKE_RADIUS_ACCT_TERMINATE_CAUSE = 49, IKE_RADIUS_ACCT_MULTI_SESSION_ID = 50, IKE_RADIUS_ACCT_LINK_COUNT = 51,
  IKE_RADIUS_ACCT_INPUT_GIGAWORDS = 52, IKE_RADIUS_ACCT_OUTPUT_GIGAWORDS = 53, IKE_RADIUS_EVENT_TIMESTAMP = 55,
  IKE_RADIUS_CHAP_CHALLENGE = 60, IKE_RADIUS_NAS_PORT_TYPE = 61, IKE_RADIUS_TUNNEL_TYPE = 64,
  IKE_RADIUS_TUNNEL_MEDIUM_TYPE = 65, IKE_RADIUS_TUNNEL_CLIENT_ENDPOINT = 66, IKE_RADIUS_TUNNEL_SERVER_ENDPOINT = 67,
  IKE_RADIUS_TUNNEL_PASSWORD = 69, IKE_RADIUS_CONNECT_INFO = 77, IKE_RADIUS_EAP_MESSAGE = 79,
  IKE_RADIUS_MESSAGE_AUTHENTICATOR = 80, IKE_RADIUS_TUNNEL_PRIVATE_GROUP_ID = 81, IKE_RADIUS_ACCT_INTERIM_INTERVAL = 85,
  IKE_RADIUS_NAS_PORT_ID = 87, IKE_RADIUS_FRAMED_POOL = 88, IKE_RADIUS_CHARGEABLE_USER_IDENTITY = 89,
  IKE_RADIUS_NAS_IPV6_ADDRESS = 95, IKE_RADIUS_FRAMED_INTERFACE_ID = 96, IKE_RADIUS_FRAMED_IPV6_PREFIX = 97,
  IKE_RADIUS_FRAMED_IPV6_ROUTE = 99, IKE_RADIUS_FRAMED_IPV6_POOL = 100, IKE_RADIUS_ERROR_CAUSE = 101,
  IKE_RADIUS_DELEGATED_IPV6_PREFIX = 123, IKE_RADIUS_FRAMED_IPV6_ADDRESS = 168,
  IKE_RADIUS_DNS_SERVER_IPV6_ADDRESS = 169, IKE_RADIUS_ROUTE_IPV6_INFORMATION = 170,
  IKE_RADIUS_DELEGATED_IPV6_PREFIX_POOL = 171, IKE_RADIUS_STATEFUL_IPV6_ADDRESS_POOL = 172,
};
/* Vendors, and attributes of Microsoft (RFC 2548). */
enum { IKE_RADIUS_VENDOR_CISCO = 9, IKE_RADIUS_VENDOR_MICROSOFT = 311 };
enum { IKE_RADIUS_MS_MPPE_SEND_KEY = 16, IKE_RADIUS_MS_MPPE_RECV_KEY = 17, IKE_RADIUS_MS_PRIMARY_DNS_SERVER = 28,
       IKE_RADIUS_MS_SECONDARY_DNS_SERVER = 29, IKE_RADIUS_MS_PRIMARY_NBNS_SERVER = 30,
       IKE_RADIUS_MS_SECONDARY_NBNS_SERVER = 31 };
/* Values of Error-Cause (RFC 5176, 3.5). */
enum { IKE_RADIUS_RESIDUAL_CONTEXT_REMOVED = 201, IKE_RADIUS_UNSUPPORTED_ATTRIBUTE = 401,
       IKE_RADIUS_MISSING_ATTRIBUTE = 402, IKE_RADIUS_NAS_IDENTIFICATION_MISMATCH = 403,
       IKE_RADIUS_INVALID_REQUEST = 404, IKE_RADIUS_UNSUPPORTED_SERVICE = 405, IKE_RADIUS_UNSUPPORTED_EXTENSION = 406,
       IKE_RADIUS_INVALID_ATTRIBUTE_VALUE = 407, IKE_RADIUS_ADMINISTRATIVELY_PROHIBITED = 501,
       IKE_RADIUS_SESSION_NOT_FOUND = 503, IKE_RADIUS_SESSION_NOT_REMOVABLE = 504,
       IKE_RADIUS_RESOURCES_UNAVAILABLE = 506, IKE_RADIUS_MULTIPLE_SESSIONS_UNSUPPORTED = 508 };

/* RFC 2865, 3: "maximum length is 4096"; what attributes of a request may have beside those that the service adds. */
enum { IKE_RADIUS_HEADER_LEN = 20, IKE_RADIUS_PACKET_MAX = 4096, IKE_RADIUS_VALUE_MAX = 253,
       IKE_RADIUS_ATTRIBUTES_MAX = 3500, IKE_RADIUS_PASSWORD_MAX = 128 };

/* -- writing attributes; what does not fit marks the writer, as everywhere (writer.h) */

static inline void
ike_radius_add (IkeWriter *w, guint8 type, const void *value, gsize len)
{
  if (len < 1 || len > IKE_RADIUS_VALUE_MAX) {
    w->failed = TRUE;
    return;
  }
  ike_writer_u8 (w, type);
  ike_writer_u8 (w, (guint8) (len + 2));
  ike_writer_bytes (w, value, len);
}

static inline void
ike_radius_add_text (IkeWriter *w, guint8 type, const char *text)
{
  ike_radius_add (w, type, text, strlen (text));
}

static inline void
ike_radius_add_u32 (IkeWriter *w, guint8 type, guint32 value)
{
  guint32 wire = GUINT32_TO_BE (value);
  ike_radius_add (w, type, &wire, 4);
}

/* NAS-IP-Address, NAS-IPv6-Address, Framed-IPv6-Address, … */
static inline void
ike_radius_add_addr (IkeWriter *w, guint8 type, const IkeAddr *addr)
{
  ike_radius_add (w, type, addr->bytes, ike_addr_len (addr));
}

/* As many attributes of one type as it takes, in order: EAP-Message (RFC 3579, 3.1). */
static inline void
ike_radius_add_long (IkeWriter *w, guint8 type, const void *value, gsize len)
{
  const guint8 *at = (const guint8 *) value;

  while (len && !w->failed) {
    gsize part = MIN (len, (gsize) IKE_RADIUS_VALUE_MAX);
    ike_radius_add (w, type, at, part);
    at += part;
    len -= part;
  }
}

/* In the form that RFC 2865, 5.26 suggests. */
static inline void
ike_radius_add_vendor (IkeWriter *w, guint32 vendor, guint8 type, const void *value, gsize len)
{
  if (len < 1 || len > IKE_RADIUS_VALUE_MAX - 6) {
    w->failed = TRUE;
    return;
  }
  ike_writer_u8 (w, IKE_RADIUS_VENDOR_SPECIFIC);
  ike_writer_u8 (w, (guint8) (len + 8));
  ike_writer_u32 (w, vendor);
  ike_writer_u8 (w, type);
  ike_writer_u8 (w, (guint8) (len + 2));
  ike_writer_bytes (w, value, len);
}

/* -- reading attributes */

typedef struct {
  guint32       vendor;                       /* 0: @type is IANA's */
  guint8        type;
  guint8        len;
  const guint8 *value;                        /* not terminated */
} IkeRadiusAttribute;

typedef struct {
  IkeReader     all, inner;                   /* attributes; those inside of the Vendor-Specific at hand */
  guint32       vendor;
} IkeRadiusIter;

static inline void
ike_radius_iter_init (IkeRadiusIter *iter, const void *attributes, gsize len)
{
  memset (iter, 0, sizeof *iter);
  ike_reader_init (&iter->all, attributes, len);
}

/* type, length, value */
static inline gboolean
ike_radius_read_one (IkeReader *r, IkeRadiusAttribute *attribute)
{
  guint8 type = ike_reader_u8 (r), len = ike_reader_u8 (r);

  if (len < 2)
    r->failed = TRUE;
  attribute->type = type;
  attribute->len = len < 2 ? 0 : (guint8) (len - 2);
  attribute->value = ike_reader_bytes (r, attribute->len);
  return attribute->value != NULL;
}

/* Do the attributes of a Vendor-Specific have the form that RFC 2865, 5.26 suggests ("SHOULD")? */
static inline gboolean
ike_radius_is_nested (IkeReader inner)
{
  IkeRadiusAttribute attribute;

  while (ike_reader_left (&inner) > 0)
    if (!ike_radius_read_one (&inner, &attribute))
      return FALSE;
  return TRUE;
}

/* The next attribute; those of a vendor are given one by one, and a Vendor-Specific of another form whole, as type 26.
 * FALSE: there is none, or what follows is malformed; ike_radius_iter_is_done() tells which.  Each step moves on by at
 * least two bytes. */
static inline gboolean
ike_radius_next (IkeRadiusIter *iter, IkeRadiusAttribute *attribute)
{
  IkeReader inner;

  memset (attribute, 0, sizeof *attribute);
  if (ike_reader_left (&iter->inner) > 0) {
    attribute->vendor = iter->vendor;
    return ike_radius_read_one (&iter->inner, attribute);
  }
  if (ike_reader_left (&iter->all) == 0 || !ike_radius_read_one (&iter->all, attribute))
    return FALSE;
  if (attribute->type != IKE_RADIUS_VENDOR_SPECIFIC)
    return TRUE;
  ike_reader_init (&inner, attribute->value, attribute->len);
  iter->vendor = ike_reader_u32 (&inner);
  if (iter->vendor == 0 || ike_reader_left (&inner) == 0 || !ike_radius_is_nested (inner))
    return TRUE;
  iter->inner = inner;
  attribute->vendor = iter->vendor;
  return ike_radius_read_one (&iter->inner, attribute);
}

static inline gboolean
ike_radius_iter_is_done (const IkeRadiusIter *iter)
{
  return ike_reader_is_done (&iter->all) && ike_reader_left (&iter->inner) == 0;
}

/* The first one of @vendor (0: IANA) and @type. */
static inline gboolean
ike_radius_find (const void *attributes, gsize len, guint32 vendor, guint8 type, IkeRadiusAttribute *found)
{
  IkeRadiusIter iter;

  ike_radius_iter_init (&iter, attributes, len);
  while (ike_radius_next (&iter, found))
    if (found->vendor == vendor && found->type == type)
      return TRUE;
  return FALSE;
}

/* FALSE: it is not four bytes long. */
static inline gboolean
ike_radius_get_u32 (const IkeRadiusAttribute *attribute, guint32 *value)
{
  IkeReader r;

  ike_reader_init (&r, attribute->value, attribute->len);
  *value = ike_reader_u32 (&r);
  return ike_reader_is_done (&r);
}

/* An address of four or sixteen bytes. */
static inline gboolean
ike_radius_get_addr (const IkeRadiusAttribute *attribute, IkeAddr *addr)
{
  memset (addr, 0, sizeof *addr);
  if (attribute->len != 4 && attribute->len != 16)
    return FALSE;
  addr->family = attribute->len == 4 ? 4 : 6;
  memcpy (addr->bytes, attribute->value, attribute->len);
  return TRUE;
}

/* Framed-IPv6-Prefix, Delegated-IPv6-Prefix (RFC 3162, 2.3; RFC 4818, 3): reserved, prefix length, prefix, cut after
 * its last byte. */
static inline gboolean
ike_radius_get_prefix (const IkeRadiusAttribute *attribute, IkeAddr *net, guint *prefix_len)
{
  memset (net, 0, sizeof *net);
  if (attribute->len < 2 || attribute->len > 18 || attribute->value[1] > 128
      || (guint) (attribute->value[1] + 7) / 8 > (guint) attribute->len - 2)
    return FALSE;
  net->family = 6;
  *prefix_len = attribute->value[1];
  memcpy (net->bytes, attribute->value + 2, (gsize) attribute->len - 2);
  return TRUE;
}

/* RFC 3579, 3.1: "If multiple EAP-Message attributes are present within a packet they MUST be in order and they MUST be
 * consecutive": their values behind each other, or NULL when there are none, or others between them.  g_free. */
static inline guint8 *
ike_radius_join (const void *attributes, gsize len, guint8 type, gsize *joined_len)
{
  guint8 *joined = (guint8 *) g_malloc (len + 1);
  IkeRadiusIter iter;
  IkeRadiusAttribute attribute;
  gboolean was_other = FALSE, is_torn = FALSE;

  *joined_len = 0;
  ike_radius_iter_init (&iter, attributes, len);
  while (ike_radius_next (&iter, &attribute)) {
    if (attribute.vendor != 0 || attribute.type != type) {
      was_other = *joined_len > 0;
      continue;
    }
    is_torn = is_torn || was_other;
    memcpy (joined + *joined_len, attribute.value, attribute.len);
    *joined_len += attribute.len;
  }
  if (*joined_len && !is_torn)
    return joined;
  *joined_len = 0;
  g_free (joined);
  return NULL;
}

/* -- asking */

typedef struct {
  guint32        struct_size;
  guint8         code;                        /* ACCESS_REQUEST or ACCOUNTING_REQUEST */
  const char    *group;                       /* servers whose `groups` have it; NULL: all */
  /* Only this one, without fail-over: who sent the State that is in the request, whom an Accounting-On is for.  0: any,
   * the next one when it does not answer. */
  guint32        server;
  /* Without NAS-Identifier (the server's setting is added when there is none), Message-Authenticator and User-Password.
   * May have NAS-IP-Address and the like. */
  const guint8  *attributes;
  gsize          len;                         /* up to IKE_RADIUS_ATTRIBUTES_MAX */
  IkeSecretBlob *password;                    /* becomes User-Password; NULL: none */
} IkeRadiusRequest;

/* A reply that was checked: by its identifier, its source, both authenticators, and attribute by attribute.  g_malloc,
 * its parts too. */
typedef struct {
  guint32        struct_size;
  guint8         code;                        /* ACCESS_ACCEPT, _REJECT, _CHALLENGE; ACCOUNTING_RESPONSE */
  guint32        server;                      /* who said it: for the request that follows a challenge */
  char           server_name[64];             /* as in the settings, for people */
  guint8        *attributes;
  gsize          len;
  IkeSecretBlob *mppe_send, *mppe_recv;       /* decrypted (RFC 2548, 2.4.2); NULL: none.  RFC 5216's MSK is the recv
                                               * key followed by the send key */
} IkeRadiusReply;

static inline void
ike_radius_reply_free (gpointer reply_or_null)
{
  IkeRadiusReply *reply = (IkeRadiusReply *) reply_or_null;

  if (!reply)
    return;
  if (reply->attributes)
    ike_wipe (reply->attributes, reply->len);
  g_free (reply->attributes);
  ike_secret_blob_unref (reply->mppe_send);
  ike_secret_blob_unref (reply->mppe_recv);
  g_free (reply);
}

/* -- hearing: Disconnect- and CoA-Requests (RFC 5176) */

/* From a client that may ask, with its authenticator checked, in time, and not heard before. */
typedef struct {
  guint32       struct_size;
  guint8        code;                         /* DISCONNECT_REQUEST or COA_REQUEST */
  IkeAddr       from;
  const char   *client;                       /* its section in the settings, for people */
  const guint8 *attributes;
  gsize         len;
} IkeRadiusDynamic;

/* g_malloc, its parts too. */
typedef struct {
  guint32  struct_size;
  gboolean is_done;                           /* ACK; else NAK */
  guint32  error_cause;                       /* NAK, or RESIDUAL_CONTEXT_REMOVED; 0: none */
  guint8  *attributes;                        /* more of them, or NULL */
  gsize    len;
} IkeRadiusDynamicAnswer;

static inline void
ike_radius_dynamic_answer_free (gpointer answer_or_null)
{
  IkeRadiusDynamicAnswer *answer = (IkeRadiusDynamicAnswer *) answer_or_null;

  if (!answer)
    return;
  g_free (answer->attributes);
  g_free (answer);
}

/* On the io loop.  @request is valid until @call is answered, with an IkeRadiusDynamicAnswer; a call that fails is a
 * NAK with RESOURCES_UNAVAILABLE.  The same request again is not handed on, and gets the same answer. */
typedef void (*IkeRadiusDynamicFunc) (IkePlugin *handler, const IkeRadiusDynamic *request, IkeCall *call);

/* `service:radius`; who uses it declares the kind of that name. */
typedef struct {
  guint32 struct_size;
  /* Any loop; copies what it keeps.  Answers with an IkeRadiusReply, or fails with a reason for people, which names the
   * servers that did not answer; in any case within plugins.radius.timeout.  The undo of the call's class is
   * ike_radius_reply_free(). */
  void     (*request)    (IkePlugin *self, const IkeRadiusRequest *request, IkeCall *call);
  /* Any thread.  Numbers of the servers of @group (NULL: all), up to @max of them into @numbers; returns how many there
   * are.  0: there is no such group. */
  guint    (*servers)    (IkePlugin *self, const char *group, guint32 *numbers, guint max);
  /* Control, while plugins activate and deactivate: who hears of DAE requests; NULL: nobody, and they are answered with
   * a NAK (UNSUPPORTED_EXTENSION). */
  void     (*set_handler) (IkePlugin *self, IkePlugin *handler, IkeRadiusDynamicFunc received);
} IkeRadiusOps;

/* -- how packets travel */

/* What a socket tells, on the io loop. */
typedef struct {
  guint32 struct_size;
  void  (*received) (gpointer owner, const IkeAddr *from, const guint8 *data, gsize len);
} IkeRadiusReceiver;

/* Kind `radius-transport`, consumed by the plugin `radius`: takes the place of UDP sockets, for servers and for DAE, so
 * that an engine in simulation can have RADIUS servers.  With one that is ready nothing else is used.  All on the io
 * loop; `open` also on control while plugins activate, `close` also while they deactivate. */
typedef struct {
  guint32    struct_size;
  /* A socket at @local (unset: any address, any port) that hears from @remote (unset: from anybody).  NULL with
   * @error. */
  gpointer (*open)  (IkePlugin *self, const IkeAddr *local, const IkeAddr *remote, const IkeRadiusReceiver *receiver,
                     gpointer owner, GError **error);
  gboolean (*send)  (gpointer socket, const IkeAddr *to, const guint8 *data, gsize len);
  void     (*close) (gpointer socket);
} IkeRadiusTransportClass;

IKE_END_DECLS
