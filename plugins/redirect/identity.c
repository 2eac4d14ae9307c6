/* SPDX-License-Identifier: Apache-2.0 */
/* identity.c - who a gateway is (RFC 5685, 9.2 and 9.3): an address or a name, as people write it
 * and as it is on the wire. */
#include "redirect/redirect.h"

enum { LONGEST_NAME = 253 };

/* It goes to the resolver and into logs. */
static gboolean
is_name (const guint8 *data, gsize len)
{
  gsize i;

  if (!len || len > LONGEST_NAME || data[0] == '.' || data[0] == '-')
    return FALSE;
  for (i = 0; i < len; i++)
    if (!g_ascii_isalnum (data[i]) && !strchr ("-._", data[i]))
      return FALSE;
  return memchr (data, 0, len) == NULL;
}

void
redirect_gateway_of_addr (Gateway *gateway, const IkeAddr *addr)
{
  memset (gateway, 0, sizeof *gateway);
  gateway->type = addr->family == 4 ? REDIRECT_IPV4 : REDIRECT_IPV6;
  gateway->len = (guint8) ike_addr_len (addr);
  memcpy (gateway->data, addr->bytes, gateway->len);
}

gboolean
redirect_gateway_parse (Gateway *gateway, const char *text, const char **why)
{
  gsize len = strlen (text);
  IkeAddr addr;

  memset (gateway, 0, sizeof *gateway);
  if (ike_addr_parse (&addr, text, NULL)) {
    *why = "a gateway is one address, not any";
    redirect_gateway_of_addr (gateway, &addr);
    return !ike_addr_is_any (&addr);
  }
  /* RFC 1123, 2.1: "a valid host name can never have the dotted-decimal form #.#.#.#, since at
   * least the highest-level component label will be alphabetic." */
  *why = "digits and dots make no host name, and this is no IPv4 address";
  if (len && strspn (text, "0123456789.") == len)
    return FALSE;
  *why = "a gateway is an IPv4 or IPv6 address or a host name";
  if (!is_name ((const guint8 *) text, len))
    return FALSE;
  gateway->type = REDIRECT_FQDN;
  gateway->len = (guint8) len;
  memcpy (gateway->data, text, len);
  return TRUE;
}

gboolean
redirect_gateway_addr (const Gateway *gateway, IkeAddr *addr)
{
  memset (addr, 0, sizeof *addr);
  if (gateway->type == REDIRECT_FQDN)
    return FALSE;
  addr->family = gateway->type == REDIRECT_IPV4 ? 4 : 6;
  memcpy (addr->bytes, gateway->data, gateway->len);
  return TRUE;
}

char *
redirect_gateway_format (const Gateway *gateway, char out[static IKE_REDIRECT_NAME_SIZE])
{
  IkeAddr addr;
  char text[IKE_ADDR_TEXT_SIZE];

  if (redirect_gateway_addr (gateway, &addr))
    g_strlcpy (out, ike_addr_format (&addr, FALSE, text), IKE_REDIRECT_NAME_SIZE);
  else {
    memcpy (out, gateway->data, gateway->len);
    out[gateway->len] = '\0';
  }
  return out;
}

/* What people may not write as the name of a gateway is none of another gateway's either. */
static gboolean
is_writable (const Gateway *gateway)
{
  char text[IKE_REDIRECT_NAME_SIZE];
  const char *why;
  Gateway again;

  return redirect_gateway_parse (&again, redirect_gateway_format (gateway, text), &why);
}

/* RFC 5685, 9.2: "The IPv4 address, the IPv6 address, or the FQDN of the new VPN gateway MUST be
 * encoded as described in Section 3.5 of" RFC 4306: four bytes, sixteen, or a name without NUL. */
gboolean
redirect_gateway_read (const IkeNotify *notify, Gateway *gateway, IkePart *rest)
{
  IkeReader r;
  const guint8 *data;

  memset (gateway, 0, sizeof *gateway);
  ike_reader_init (&r, notify->data, notify->len);
  gateway->type = ike_reader_u8 (&r);
  gateway->len = ike_reader_u8 (&r);
  data = ike_reader_bytes (&r, gateway->len);
  if (r.failed || !data)
    return FALSE;
  *rest = (IkePart){ data + gateway->len, notify->len - 2 - gateway->len };
  memcpy (gateway->data, data, gateway->len);
  switch (gateway->type) {
  case REDIRECT_IPV4:
    return gateway->len == 4;
  case REDIRECT_IPV6:
    return gateway->len == 16;
  case REDIRECT_FQDN:
    return is_name (data, gateway->len) && is_writable (gateway);
  default:
    return FALSE;
  }
}

void
redirect_gateway_write (const Gateway *gateway, guint16 notify, const IkePart *nonce_or_null,
                        IkeWriter *out)
{
  guint8 body[2 + sizeof gateway->data + IKE_NONCE_MAX];
  gsize len = 2u + gateway->len;

  body[0] = gateway->type;
  body[1] = gateway->len;
  memcpy (body + 2, gateway->data, gateway->len);
  if (nonce_or_null) {
    memcpy (body + len, nonce_or_null->data, nonce_or_null->len);
    len += nonce_or_null->len;
  }
  ike_notify_write (out, 0, notify, NULL, 0, body, len);
}
