/* SPDX-License-Identifier: Apache-2.0 */
/* body.c - the bodies of KE, Nonce, ID, AUTH, CERT, CERTREQ, Notify and Delete payloads as views,
 * and how they are written.
 *
 * Lengths are those of RFC 7296, section 3: a body that is too short or too long for its type is
 * INVALID_SYNTAX. */
#include <ikebana/message.h>
#include <ikebana/proposal.h>

enum { PAYLOAD_HEADER_LEN = 4, SHA1_LEN = 20 };
enum { CERT_X509 = 4, CERT_HASH_AND_URL = 12, CERT_HASH_AND_URL_BUNDLE = 13 };

static gboolean
refuse (const IkePayload *payload, gsize at, IkeVerdict *verdict, const char *reason)
{
  return ike_verdict_set (verdict, IKE_N_INVALID_SYNTAX, payload->type,
                          payload->offset + PAYLOAD_HEADER_LEN + (guint32) at, reason);
}

/* What is left in @r, as the tail of a view. */
static const guint8 *
rest (IkeReader *r, gsize *len)
{
  *len = ike_reader_left (r);
  return ike_reader_bytes (r, *len);
}

/* -- Notify (3.10) */

gboolean
ike_notify_read (const IkePayload *payload, IkeNotify *notify, IkeVerdict *verdict)
{
  IkeReader r;

  ike_reader_init (&r, payload->data, payload->len);
  notify->protocol = ike_reader_u8 (&r);
  notify->spi_len = ike_reader_u8 (&r);
  notify->type = ike_reader_u16 (&r);
  if (r.failed)
    return refuse (payload, 0, verdict, "notify is cut off");
  notify->spi = ike_reader_bytes (&r, notify->spi_len);
  if (r.failed)
    return refuse (payload, 1, verdict, "SPI of a notify is cut off");
  notify->data = rest (&r, &notify->len);
  /* RFC 7296, 3.10: "If the SPI field is empty, this field MUST be [...] ignored on receipt." */
  if (notify->spi_len == 0)
    notify->protocol = IKE_PROTOCOL_NONE;
  if ((notify->protocol == IKE_PROTOCOL_AH || notify->protocol == IKE_PROTOCOL_ESP)
      && notify->spi_len != 4)
    return refuse (payload, 1, verdict, "SPI of a notify about a CHILD_SA is not 4 bytes");
  return TRUE;
}

void
ike_notify_write (IkeWriter *w, guint8 protocol, guint16 type, const void *spi, gsize spi_len,
                  const void *data, gsize len)
{
  gsize mark = ike_payload_open (w, IKE_PAYLOAD_NOTIFY, FALSE);

  if (spi_len > G_MAXUINT8)
    w->failed = TRUE;
  ike_writer_u8 (w, spi_len ? protocol : IKE_PROTOCOL_NONE);
  ike_writer_u8 (w, (guint8) spi_len);
  ike_writer_u16 (w, type);
  ike_writer_bytes (w, spi, spi_len);
  ike_writer_bytes (w, data, len);
  ike_payload_close (w, mark);
}

/* -- Delete (3.11) */

gboolean
ike_delete_read (const IkePayload *payload, IkeDelete *delete_, IkeVerdict *verdict)
{
  IkeReader r;

  ike_reader_init (&r, payload->data, payload->len);
  delete_->protocol = ike_reader_u8 (&r);
  delete_->spi_len = ike_reader_u8 (&r);
  delete_->n = ike_reader_u16 (&r);
  if (r.failed)
    return refuse (payload, 0, verdict, "delete is cut off");
  if (delete_->protocol < IKE_PROTOCOL_IKE || delete_->protocol > IKE_PROTOCOL_ESP)
    return refuse (payload, 0, verdict, "delete is for a protocol that does not exist");
  /* RFC 7296, 3.11: the SPI Size "MUST be zero for IKE (SPI is in message header) or four for AH
   * and ESP". */
  if (delete_->spi_len != (delete_->protocol == IKE_PROTOCOL_IKE ? 0 : 4))
    return refuse (payload, 1, verdict, "delete has the wrong size of SPI");
  if ((delete_->protocol == IKE_PROTOCOL_IKE) != (delete_->n == 0))
    return refuse (payload, 2, verdict, "delete has the wrong number of SPIs");
  delete_->spis = ike_reader_bytes (&r, (gsize) delete_->spi_len * delete_->n);
  if (!ike_reader_is_done (&r))
    return refuse (payload, 4, verdict, "SPIs of a delete do not fill it");
  return TRUE;
}

void
ike_delete_write (IkeWriter *w, guint8 protocol, const guint32 *spis, guint n)
{
  gsize mark;

  if (n > G_MAXUINT16) {
    w->failed = TRUE;
    return;
  }
  mark = ike_payload_open (w, IKE_PAYLOAD_DELETE, FALSE);
  ike_writer_u8 (w, protocol);
  ike_writer_u8 (w, protocol == IKE_PROTOCOL_IKE ? 0 : 4);
  ike_writer_u16 (w, (guint16) n);
  for (guint i = 0; i < n; i++)
    ike_writer_u32 (w, spis[i]);
  ike_payload_close (w, mark);
}

/* -- KE (3.4) and Nonce (3.9) */

gboolean
ike_ke_read (const IkePayload *payload, IkeKeView *ke, IkeVerdict *verdict)
{
  IkeReader r;

  ike_reader_init (&r, payload->data, payload->len);
  ke->group = ike_reader_u16 (&r);
  ike_reader_u16 (&r);
  if (r.failed)
    return refuse (payload, 0, verdict, "key exchange is cut off");
  ke->data = rest (&r, &ke->len);
  /* How long it must be is known to whoever does the method; that there is something is known here.
   */
  if (ke->len == 0)
    return refuse (payload, 4, verdict, "key exchange holds no value");
  return TRUE;
}

void
ike_ke_write (IkeWriter *w, guint16 group, const guint8 *value, gsize len)
{
  gsize mark = ike_payload_open (w, IKE_PAYLOAD_KE, FALSE);

  ike_writer_u16 (w, group);
  ike_writer_u16 (w, 0);
  ike_writer_bytes (w, value, len);
  ike_payload_close (w, mark);
}

gboolean
ike_nonce_read (const IkePayload *payload, const guint8 **nonce, gsize *len, IkeVerdict *verdict)
{
  /* RFC 7296, 3.9: "The size of the Nonce Data MUST be between 16 and 256 octets, inclusive." */
  if (payload->len < IKE_NONCE_MIN || payload->len > IKE_NONCE_MAX)
    return refuse (payload, 0, verdict, "nonce is not of 16 to 256 bytes");
  *nonce = payload->data;
  *len = payload->len;
  return TRUE;
}

/* -- ID (3.5), AUTH (3.8), CERT and CERTREQ (3.6, 3.7) */

static gboolean
read_typed (const IkePayload *payload, guint n_reserved, IkeTypedView *view)
{
  IkeReader r;

  ike_reader_init (&r, payload->data, payload->len);
  view->type = ike_reader_u8 (&r);
  ike_reader_bytes (&r, n_reserved);
  view->data = rest (&r, &view->len);
  return !r.failed;
}

static gsize
open_typed (IkeWriter *w, guint8 payload_type, guint8 type, gboolean has_reserved)
{
  gsize mark = ike_payload_open (w, payload_type, FALSE);

  ike_writer_u8 (w, type);
  if (has_reserved)
    ike_writer_bytes (w, "\0\0", 3);
  return mark;
}

gboolean
ike_id_read (const IkePayload *payload, IkeTypedView *id, IkeVerdict *verdict)
{
  if (!read_typed (payload, 3, id))
    return refuse (payload, 0, verdict, "identity is cut off");
  /* 0 is reserved, and means "any" within this program: it must not come in from outside. */
  if (id->type == IKE_ID_ANY)
    return refuse (payload, 0, verdict, "identity has the reserved type 0");
  if (id->type == IKE_ID_IPV4_ADDR && id->len != 4)
    return refuse (payload, 4, verdict, "identity of type IPv4 address is not 4 bytes");
  if (id->type == IKE_ID_IPV6_ADDR && id->len != 16)
    return refuse (payload, 4, verdict, "identity of type IPv6 address is not 16 bytes");
  /* RFC 7619, 2.2: "The Identification Data field ... for this ID Type MUST be empty." */
  if (id->type == IKE_ID_NULL && id->len != 0)
    return refuse (payload, 4, verdict, "identity of type NULL is not empty");
  return TRUE;
}

void
ike_id_write (IkeWriter *w, guint8 payload_type, const IkeIdent *id)
{
  gsize len, mark = open_typed (w, payload_type, ike_ident_type (id), TRUE);
  const guint8 *data = ike_ident_data (id, &len);

  ike_writer_bytes (w, data, len);
  ike_payload_close (w, mark);
}

gboolean
ike_auth_read (const IkePayload *payload, IkeTypedView *auth, IkeVerdict *verdict)
{
  if (!read_typed (payload, 3, auth))
    return refuse (payload, 0, verdict, "authentication is cut off");
  if (auth->len == 0)
    return refuse (payload, 4, verdict, "authentication holds no data");
  return TRUE;
}

void
ike_auth_write (IkeWriter *w, guint8 method, const guint8 *data, gsize len)
{
  gsize mark = open_typed (w, IKE_PAYLOAD_AUTH, method, TRUE);

  ike_writer_bytes (w, data, len);
  ike_payload_close (w, mark);
}

gboolean
ike_cert_read (const IkePayload *payload, IkeTypedView *cert, IkeVerdict *verdict)
{
  gboolean is_request = payload->type == IKE_PAYLOAD_CERTREQ;

  if (!read_typed (payload, 0, cert))
    return refuse (payload, 0, verdict, "certificate is cut off");
  if (!is_request && cert->len == 0)
    return refuse (payload, 1, verdict, "certificate holds no data");
  /* RFC 7296, 3.7: for types 4, 12 and 13 "a concatenated list of SHA-1 hashes"; each is 20 octets.
   */
  if (is_request
      && (cert->type == CERT_X509 || cert->type == CERT_HASH_AND_URL
          || cert->type == CERT_HASH_AND_URL_BUNDLE)
      && cert->len % SHA1_LEN != 0)
    return refuse (payload, 1, verdict, "certificate request is no list of SHA-1 hashes");
  return TRUE;
}

void
ike_cert_write (IkeWriter *w, guint8 payload_type, guint8 encoding, const guint8 *data, gsize len)
{
  gsize mark = open_typed (w, payload_type, encoding, FALSE);

  ike_writer_bytes (w, data, len);
  ike_payload_close (w, mark);
}
