/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - IKE messages as views: the header, the chain of payloads, and the body of each payload (RFC 7296, 3).
 *
 * Views point into the datagram or into the decrypted copy in the exchange's arena; nothing is allocated per payload.
 * Readers give FALSE with a verdict that names payload and offset.  Writers fill an IkeWriter; the type of each payload
 * goes where the one before left room for it. */
#pragma once
#include <ikebana/error.h>
#include <ikebana/ident.h>
#include <ikebana/reader.h>
#include <ikebana/writer.h>

IKE_BEGIN_DECLS

enum { IKE_HEADER_LEN = 28, IKE_PAYLOADS_MAX = 128, IKE_MESSAGE_MAX = 65535, IKE_NONCE_MIN = 16, IKE_NONCE_MAX = 256 };
enum { IKE_FLAG_INITIATOR = 0x08, IKE_FLAG_VERSION = 0x10, IKE_FLAG_RESPONSE = 0x20 };

typedef enum {
  IKE_PAYLOAD_NONE = 0, IKE_PAYLOAD_SA = 33, IKE_PAYLOAD_KE, IKE_PAYLOAD_IDI, IKE_PAYLOAD_IDR, IKE_PAYLOAD_CERT,
  IKE_PAYLOAD_CERTREQ, IKE_PAYLOAD_AUTH, IKE_PAYLOAD_NONCE, IKE_PAYLOAD_NOTIFY, IKE_PAYLOAD_DELETE, IKE_PAYLOAD_VENDOR,
  IKE_PAYLOAD_TSI, IKE_PAYLOAD_TSR, IKE_PAYLOAD_SK, IKE_PAYLOAD_CP, IKE_PAYLOAD_EAP, IKE_PAYLOAD_GSPM,
  IKE_PAYLOAD_SKF = 53, IKE_PAYLOAD_PS = 54,
} IkePayloadType;

/* Notify types of RFC 7296; others belong to the plugins that own them. */
enum {
  IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD = 1, IKE_N_INVALID_IKE_SPI = 4, IKE_N_INVALID_MAJOR_VERSION = 5,
  IKE_N_INVALID_SYNTAX = 7, IKE_N_INVALID_MESSAGE_ID = 9, IKE_N_INVALID_SPI = 11, IKE_N_NO_PROPOSAL_CHOSEN = 14,
  IKE_N_INVALID_KE_PAYLOAD = 17,
  IKE_N_AUTHENTICATION_FAILED = 24, IKE_N_SINGLE_PAIR_REQUIRED = 34, IKE_N_NO_ADDITIONAL_SAS = 35,
  IKE_N_INTERNAL_ADDRESS_FAILURE = 36, IKE_N_FAILED_CP_REQUIRED = 37, IKE_N_TS_UNACCEPTABLE = 38,
  IKE_N_INVALID_SELECTORS = 39, IKE_N_TEMPORARY_FAILURE = 43, IKE_N_CHILD_SA_NOT_FOUND = 44,
  IKE_N_FIRST_STATUS = 16384,
  IKE_N_INITIAL_CONTACT = 16384, IKE_N_SET_WINDOW_SIZE, IKE_N_ADDITIONAL_TS_POSSIBLE, IKE_N_IPCOMP_SUPPORTED,
  IKE_N_NAT_DETECTION_SOURCE_IP, IKE_N_NAT_DETECTION_DESTINATION_IP, IKE_N_COOKIE, IKE_N_USE_TRANSPORT_MODE,
  IKE_N_HTTP_CERT_LOOKUP_SUPPORTED, IKE_N_REKEY_SA, IKE_N_ESP_TFC_PADDING_NOT_SUPPORTED, IKE_N_NON_FIRST_FRAGMENTS_ALSO,
};

typedef struct {
  guint64 spi_initiator, spi_responder;       /* as numbers, first byte highest */
  guint8  next_payload, version, exchange, flags;   /* version: major << 4 | minor */
  guint32 message_id, length;
} IkeHeader;

typedef struct {
  guint8        type, next, is_critical, reserved;   /* next: what its header says follows (SK: the first inner one) */
  guint32       offset;                       /* of its header, from the start of the message */
  const guint8 *data;                         /* body */
  guint32       len;
} IkePayload;

/* any major version; length == @len */
gboolean ike_header_read  (const guint8 *data, gsize len, IkeHeader *header, IkeVerdict *verdict);
/* Writes the header and prepares @w for payloads; ike_message_close() fills in the length. */
void     ike_header_write (IkeWriter *w, const IkeHeader *header);
void     ike_message_close (IkeWriter *w);

/* Reads the chain that begins with type @first.  SK and SKF end it (they must be last).  A critical payload for which
 * @is_known says no: UNSUPPORTED_CRITICAL_PAYLOAD, verdict->payload names it (NULL: those of RFC 7296 are known). */
gboolean ike_payloads_read (guint8 first, const guint8 *data, gsize len, guint32 offset,
                            gboolean (*is_known) (guint8 type, gconstpointer arg),
                            gconstpointer arg, IkePayload *out, guint max, guint *n_out, IkeVerdict *verdict);

/* Opens a payload in @w and returns a mark for _close. */
gsize    ike_payload_open  (IkeWriter *w, guint8 type, gboolean is_critical);
void     ike_payload_close (IkeWriter *w, gsize mark);
void     ike_payload_write (IkeWriter *w, guint8 type, const void *body, gsize len);

typedef struct {
  guint8        protocol, spi_len;
  guint16       type;
  const guint8 *spi, *data;
  gsize         len;
} IkeNotify;
gboolean ike_notify_read  (const IkePayload *payload, IkeNotify *notify, IkeVerdict *verdict);
void     ike_notify_write (IkeWriter *w, guint8 protocol, guint16 type, const void *spi, gsize spi_len,
                           const void *data, gsize len);

typedef struct { guint8 protocol, spi_len; guint16 n; const guint8 *spis; } IkeDelete;
gboolean ike_delete_read  (const IkePayload *payload, IkeDelete *delete_, IkeVerdict *verdict);
/* n 0 and IKE: the IKE SA */
void     ike_delete_write (IkeWriter *w, guint8 protocol, const guint32 *spis, guint n);

typedef struct { guint16 group; const guint8 *data; gsize len; } IkeKeView;
gboolean ike_ke_read  (const IkePayload *payload, IkeKeView *ke, IkeVerdict *verdict);
void     ike_ke_write (IkeWriter *w, guint16 group, const guint8 *value, gsize len);

gboolean ike_nonce_read (const IkePayload *payload, const guint8 **nonce, gsize *len, IkeVerdict *verdict);

/* ID, AUTH, CERT and CERTREQ have the same form: one byte (and three reserved for ID and AUTH), then data. */
typedef struct { guint8 type; const guint8 *data; gsize len; } IkeTypedView;
gboolean ike_id_read    (const IkePayload *payload, IkeTypedView *id, IkeVerdict *verdict);
void     ike_id_write   (IkeWriter *w, guint8 payload_type, const IkeIdent *id);
gboolean ike_auth_read  (const IkePayload *payload, IkeTypedView *auth, IkeVerdict *verdict);
void     ike_auth_write (IkeWriter *w, guint8 method, const guint8 *data, gsize len);
gboolean ike_cert_read  (const IkePayload *payload, IkeTypedView *cert, IkeVerdict *verdict);     /* CERT and CERTREQ */
void     ike_cert_write (IkeWriter *w, guint8 payload_type, guint8 encoding, const guint8 *data, gsize len);

/* 1 request 2 reply 3 set 4 ack */
typedef struct { guint8 type; IkeReader attributes; } IkeCpView;
typedef struct { guint16 type; const guint8 *data; gsize len; } IkeCpAttribute;
gboolean ike_cp_read      (const IkePayload *payload, IkeCpView *cp, IkeVerdict *verdict);
/* FALSE: end (or failed: see attributes.failed) */
gboolean ike_cp_next      (IkeCpView *cp, IkeCpAttribute *attribute);

/* Names for people: "IKE_AUTH", "NO_PROPOSAL_CHOSEN", "TSi"; unknown: NULL. */
const char *ike_exchange_number_name (guint8 exchange);
const char *ike_notify_name   (guint16 type);
const char *ike_payload_name  (guint8 type);
/* The number behind a name, or -1. */
int         ike_payload_number (const char *name);
int         ike_notify_number  (const char *name);

/* -- a message in an exchange (the core makes these) */

const IkeHeader  *ike_message_header (const IkeMessage *message);
gboolean          ike_message_is_protected (const IkeMessage *message);
guint             ike_message_n      (const IkeMessage *message);
const IkePayload *ike_message_nth    (const IkeMessage *message, guint i);
/* The @nth payload of @type, looking also in what was kept from earlier messages of the operation; NULL: none. */
const IkePayload *ike_message_find   (const IkeMessage *message, guint8 type, guint nth);
/* The @nth notify of @type. */
gboolean          ike_message_notify (const IkeMessage *message, guint16 type, guint nth, IkeNotify *notify);

IKE_END_DECLS
