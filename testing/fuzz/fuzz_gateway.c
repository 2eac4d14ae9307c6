/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_gateway.c - the data of REDIRECT and REDIRECTED_FROM: what is taken is an address or a name
 * that a resolver and a log may see, and is the same when it is written and read again.
 *
 * Covers: plugins/redirect/identity.c */
#include "redirect/redirect.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize len);

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

static void
check_text (const Gateway *gateway)
{
  char text[IKE_REDIRECT_NAME_SIZE], again[IKE_REDIRECT_NAME_SIZE];
  const char *why;
  Gateway parsed;
  guint i;

  redirect_gateway_format (gateway, text);
  check (*text != '\0');
  for (i = 0; text[i]; i++)
    check (g_ascii_isalnum (text[i]) || strchr (":.-_", text[i]));
  if (redirect_gateway_parse (&parsed, text, &why))
    check (!strcmp (redirect_gateway_format (&parsed, again), text));
  else
    check (gateway->type != REDIRECT_FQDN && why);
}

static void
check_written (const Gateway *gateway, const IkePart *rest)
{
  guint8 buffer[1024] = { 0 };
  IkeWriter w;
  IkeNotify notify = { 0 };
  IkePart again;
  Gateway read;

  if (rest->len > IKE_NONCE_MAX)
    return;
  ike_writer_init (&w, buffer, sizeof buffer);
  ike_header_write (&w, &(IkeHeader){ .version = 0x20 });
  redirect_gateway_write (gateway, REDIRECT, rest, &w);
  check (!w.failed);
  notify.data = buffer + IKE_HEADER_LEN + 8;
  notify.len = w.len - IKE_HEADER_LEN - 8;
  check (redirect_gateway_read (&notify, &read, &again));
  check (!memcmp (&read, gateway, sizeof read) && again.len == rest->len);
  check (!rest->len || !memcmp (again.data, rest->data, rest->len));
}

static void
fuzz_text (const guint8 *data, gsize len)
{
  g_autofree char *text = g_strndup ((const char *) data, len);
  const char *why;
  Gateway gateway;

  if (redirect_gateway_parse (&gateway, text, &why))
    check_text (&gateway);
  else
    check (why != NULL);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize len)
{
  IkeNotify notify = { .data = data, .len = len };
  IkePart rest;
  Gateway gateway;
  IkeAddr addr;

  fuzz_text (data, len);
  if (!redirect_gateway_read (&notify, &gateway, &rest))
    return 0;
  check (gateway.len + 2u + rest.len == len);
  check (gateway.type != REDIRECT_IPV4 || gateway.len == 4);
  check (gateway.type != REDIRECT_IPV6 || gateway.len == 16);
  check (redirect_gateway_addr (&gateway, &addr) == (gateway.type != REDIRECT_FQDN));
  check_text (&gateway);
  check_written (&gateway, &rest);
  return 0;
}
