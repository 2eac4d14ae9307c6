/* SPDX-License-Identifier: Apache-2.0 */
/* packet.c - see packet.h. */
#include "packet.h"

#include <string.h>

#include <ikebana/error.h>
#include <ikebana/model.h>
#include <ikebana/writer.h>

gboolean
eap_packet_read (EapPacket *packet, const guint8 *data, gsize len)
{
  IkeReader whole, rest;

  ike_reader_init (&whole, data, len);
  packet->code = ike_reader_u8 (&whole);
  packet->identifier = ike_reader_u8 (&whole);
  packet->type = 0;

  gsize own_len = ike_reader_u16 (&whole);

  /* RFC 3748, 4: "Octets outside the range of the Length field should be treated as Data Link Layer
   * padding and MUST be ignored upon reception.  A message with the Length field set to a value
   * larger than the number of received octets MUST be silently discarded." */
  if (own_len < IKE_EAP_HEADER_LEN || own_len > IKE_EAP_PACKET_MAX
      || !ike_reader_sub (&whole, own_len - IKE_EAP_HEADER_LEN, &rest))
    return FALSE;
  switch (packet->code) {
  case IKE_EAP_CODE_REQUEST:
  case IKE_EAP_CODE_RESPONSE:
    packet->type = ike_reader_u8 (&rest);
    ike_reader_init (&packet->body, rest.data + rest.pos, ike_reader_left (&rest));
    return !rest.failed && packet->type != 0;
  case IKE_EAP_CODE_SUCCESS:
  case IKE_EAP_CODE_FAILURE:
    packet->body = rest;
    return ike_reader_is_done (&rest);
  default:
    return FALSE;
  }
}

gboolean
eap_packet_expect (EapPacket *packet, const IkePart *data, guint8 code, guint8 type)
{
  return data->data && eap_packet_read (packet, data->data, data->len) && packet->code == code
         && packet->type == type;
}

guint8 *
eap_packet_new (guint8 code, guint8 identifier, guint8 type, const IkePart *body, gsize *len)
{
  gsize body_len = body ? body->len : 0;
  IkeWriter writer;

  *len = IKE_EAP_HEADER_LEN + (type ? 1 + body_len : 0);
  guint8 *packet = g_malloc (*len);

  ike_writer_init (&writer, packet, *len);
  ike_writer_u8 (&writer, code);
  ike_writer_u8 (&writer, identifier);
  ike_writer_u16 (&writer, (guint16) *len);
  if (type)
    ike_writer_u8 (&writer, type);
  if (type && body_len)
    ike_writer_bytes (&writer, body->data, body_len);
  return packet;
}

guint
eap_nak_read (const EapPacket *packet, guint8 *types, guint max)
{
  IkeReader body = packet->body;
  guint n = 0;

  while (n < max && ike_reader_left (&body)) {
    guint8 type = ike_reader_u8 (&body);

    /* "Type zero (0) is used to indicate that the sender has no viable alternatives"; 254 would be
     * a wish for a type of some vendor's. */
    if (type != 0 && type != IKE_EAP_TYPE_EXPANDED)
      types[n++] = type;
  }
  return n;
}

guint8 *
eap_nak_new (guint8 identifier, const guint8 *types, gsize n, gsize *len)
{
  static const guint8 none = 0;
  IkePart body = { n ? types : &none, n ? n : 1 };

  return eap_packet_new (IKE_EAP_CODE_RESPONSE, identifier, IKE_EAP_TYPE_NAK, &body, len);
}

const char *
eap_type_name (guint8 type)
{
  static const struct {
    guint8 type;
    const char *name;
  } names[] = {
    { IKE_EAP_TYPE_IDENTITY, "identity" }, { IKE_EAP_TYPE_NOTIFICATION, "notification" },
    { IKE_EAP_TYPE_NAK, "nak" },           { IKE_EAP_TYPE_MD5, "md5" },
    { IKE_EAP_TYPE_GTC, "gtc" },           { IKE_EAP_TYPE_TLS, "tls" },
    { IKE_EAP_TYPE_SIM, "sim" },           { IKE_EAP_TYPE_TTLS, "ttls" },
    { IKE_EAP_TYPE_AKA, "aka" },           { IKE_EAP_TYPE_PEAP, "peap" },
    { IKE_EAP_TYPE_MSCHAPV2, "mschapv2" }, { IKE_EAP_TYPE_AKA_PRIME, "aka-prime" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (names[i].type == type)
      return names[i].name;
  return NULL;
}

/* -- steps */

static IkeEapStep *
step_new (IkeEapOutcome outcome)
{
  IkeEapStep *step = g_new0 (IkeEapStep, 1);

  step->struct_size = sizeof *step;
  step->outcome = (guint8) outcome;
  return step;
}

IkeEapStep *
eap_step_request (guint8 identifier, guint8 type, const IkePart *body)
{
  IkeEapStep *step = step_new (IKE_EAP_MORE);

  step->packet = eap_packet_new (IKE_EAP_CODE_REQUEST, identifier, type, body, &step->len);
  return step;
}

IkeEapStep *
eap_step_response (guint8 identifier, guint8 type, const IkePart *body)
{
  IkeEapStep *step = step_new (IKE_EAP_MORE);

  step->packet = eap_packet_new (IKE_EAP_CODE_RESPONSE, identifier, type, body, &step->len);
  return step;
}

IkeEapStep *
eap_step_done (void)
{
  return step_new (IKE_EAP_DONE);
}

IkeEapStep *
eap_step_failed (const char *format, ...)
{
  IkeEapStep *step = step_new (IKE_EAP_FAILED);
  va_list arguments;

  va_start (arguments, format);
  step->reason = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  return step;
}

/* -- identities */

/* As a configuration's text is read, for what has no type in front of it. */
static guint8
type_of_text (const guint8 *bytes, gsize len)
{
  if (memchr (bytes, '=', len))
    return IKE_ID_KEY_ID;
  if (memchr (bytes, '@', len))
    return bytes[0] == '@' ? IKE_ID_FQDN : IKE_ID_RFC822_ADDR;
  return memchr (bytes, ':', len) ? IKE_ID_KEY_ID : IKE_ID_FQDN;
}

IkeIdent *
eap_identity_new (const guint8 *bytes, gsize len)
{
  if (len == 0 || len > IKE_EAP_IDENTITY_MAX || memchr (bytes, 0, len))
    return NULL;
  return ike_ident_new (type_of_text (bytes, len), bytes, len);
}

guint8 *
eap_identity_bytes (const IkeIdent *identity, gsize *len)
{
  char text[IKE_EAP_IDENTITY_MAX + 1];
  const guint8 *data;

  switch (ike_ident_type (identity)) {
  case IKE_ID_FQDN:
  case IKE_ID_RFC822_ADDR:
  case IKE_ID_KEY_ID:
    data = ike_ident_data (identity, len);
    return g_memdup2 (data, *len);
  default:
    ike_ident_format (identity, text, sizeof text);
    *len = strlen (text);
    return (guint8 *) g_strdup (text);
  }
}

/* -- secrets */

static IkeSecretBlob *
find (const IkeEapContext *context, const char *type, const IkeIdent *local, const IkeIdent *remote)
{
  g_autoptr (IkeConfig) config = ike_engine_config (context->engine);

  return config ? ike_config_find_secret (config, type, local, remote) : NULL;
}

/* Our own name finds nothing here: a secret that names this gateway alone is no user's. */
IkeSecretBlob *
eap_secret_of_peer (const IkeEapContext *context, const char *type, const IkeIdent *identity)
{
  return find (context, type, NULL, identity);
}

IkeSecretBlob *
eap_secret_of_ours (const IkeEapContext *context, const char *type)
{
  return find (context, type, context->identity, context->other);
}

char *
eap_no_secret (const char *method, const IkeIdent *identity_or_null)
{
  char name[128] = "us";

  if (identity_or_null)
    ike_ident_format (identity_or_null, name, sizeof name);
  return g_strdup_printf ("%s: there is no secret for %s; add secrets.eap-NAME with id and secret",
                          method, name);
}

IkeEapStep *
eap_step_refused (const char *method, const IkeIdent *identity, gboolean is_known)
{
  IkeEapStep *step = step_new (IKE_EAP_FAILED);
  char name[128];

  ike_ident_format (identity, name, sizeof name);
  step->reason = is_known ? g_strdup_printf ("%s: the password of %s is wrong", method, name)
                          : eap_no_secret (method, identity);
  return step;
}
