/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_message.c - a datagram as it comes from the network, and a chain of payloads as it comes out
 * of SK.
 *
 * The first byte says which: below 128 a whole message follows; else it is followed by the first
 * payload type and a chain.  Whatever is accepted must lie within the input, and what is written
 * back must read the same.
 *
 * Covers: libcore/wire/header.c libcore/wire/payload.c libcore/wire/body.c libcore/wire/cp.c
 * libcore/wire/names.c */
#include <string.h>
#include <ikebana/message.h>

int LLVMFuzzerTestOneInput (const guint8 *data, size_t len);

enum { MAX_PAYLOADS = IKE_PAYLOADS_MAX };

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

/* Touches every byte of a view, so that a sanitizer sees one that points outside. */
static void
touch (const guint8 *data, gsize len)
{
  guint8 sum = 0;

  for (gsize i = 0; i < len; i++)
    sum ^= data[i];
  __asm__ volatile ("" : : "r" (sum));
}

static void
try_ident (const IkeTypedView *id)
{
  g_autoptr (IkeIdent) ident = ike_ident_new (id->type, id->data, id->len);
  char text[64];

  ike_ident_format (ident, text, sizeof text);
  check (strlen (text) < sizeof text);
  check (ike_ident_match (ident, ident) == 20);
  check (!ike_ident_is_pattern (ident));
}

static void
try_cp (const IkePayload *payload)
{
  IkeCpAttribute attribute;
  IkeVerdict verdict = { 0 };
  IkeCpView cp;

  if (!ike_cp_read (payload, &cp, &verdict)) {
    check (verdict.reason != NULL);
    return;
  }
  while (ike_cp_next (&cp, &attribute))
    touch (attribute.data, attribute.len);
  check (ike_reader_is_done (&cp.attributes));
}

/* Notifies are written back and must come out as they went in. */
static void
try_notify (const IkePayload *payload, guint8 *room)
{
  IkeNotify notify, again;
  IkePayload back;
  IkeWriter w;
  guint n = 0;

  if (!ike_notify_read (payload, &notify, NULL))
    return;
  touch (notify.spi, notify.spi_len);
  touch (notify.data, notify.len);
  if (ike_notify_name (notify.type))
    check (ike_notify_number (ike_notify_name (notify.type)) == notify.type);
  ike_writer_init (&w, room, IKE_MESSAGE_MAX);
  ike_notify_write (&w, notify.protocol, notify.type, notify.spi, notify.spi_len, notify.data,
                    notify.len);
  check (!w.failed
         && ike_payloads_read (IKE_PAYLOAD_NOTIFY, room, w.len, 0, NULL, NULL, &back, 1, &n, NULL));
  check (ike_notify_read (&back, &again, NULL) && again.type == notify.type
         && again.len == notify.len);
  check (memcmp (again.data, notify.data, notify.len) == 0);
}

/* The body that @w holds, which must be that of @payload but for what is reserved. */
static void
check_same (const IkeWriter *w, const IkePayload *payload, gsize reserved_at)
{
  IkePayload back;
  guint n = 0;

  check (!w->failed
         && ike_payloads_read (payload->type, w->data, w->len, 0, NULL, NULL, &back, 1, &n, NULL));
  check (n == 1 && back.len == payload->len && memcmp (back.data, payload->data, reserved_at) == 0);
  check (payload->len <= 4 || memcmp (back.data + 4, payload->data + 4, payload->len - 4) == 0);
}

static void
try_delete (const IkePayload *payload, guint8 *room)
{
  g_autofree guint32 *spis = NULL;
  IkeDelete delete_;
  IkeReader r;
  IkeWriter w;

  if (!ike_delete_read (payload, &delete_, NULL))
    return;
  spis = g_new0 (guint32, delete_.n + 1);
  ike_reader_init (&r, delete_.spis, (gsize) delete_.spi_len * delete_.n);
  for (guint i = 0; i < delete_.n; i++)
    spis[i] = ike_reader_u32 (&r);
  check (ike_reader_is_done (&r));
  ike_writer_init (&w, room, IKE_MESSAGE_MAX);
  ike_delete_write (&w, delete_.protocol, spis, delete_.n);
  check_same (&w, payload, 4);
}

static void
try_ke (const IkePayload *payload, guint8 *room)
{
  IkeKeView ke;
  IkeWriter w;

  if (!ike_ke_read (payload, &ke, NULL))
    return;
  ike_writer_init (&w, room, IKE_MESSAGE_MAX);
  ike_ke_write (&w, ke.group, ke.data, ke.len);
  check_same (&w, payload, 2);
}

static void
try_typed (const IkePayload *payload, const IkeTypedView *view, guint8 *room)
{
  IkeWriter w;

  ike_writer_init (&w, room, IKE_MESSAGE_MAX);
  if (payload->type == IKE_PAYLOAD_AUTH) {
    ike_auth_write (&w, view->type, view->data, view->len);
  } else if (payload->type == IKE_PAYLOAD_CERT || payload->type == IKE_PAYLOAD_CERTREQ) {
    ike_cert_write (&w, payload->type, view->type, view->data, view->len);
  } else {
    g_autoptr (IkeIdent) ident = ike_ident_new (view->type, view->data, view->len);
    ike_id_write (&w, payload->type, ident);
  }
  check_same (&w, payload, 1);
}

static void
try_payload (const IkePayload *payload, guint8 *room)
{
  const char *name = ike_payload_name (payload->type);
  IkeTypedView view;
  const guint8 *nonce;
  gsize len;

  touch (payload->data, payload->len);
  check (!name || ike_payload_number (name) == payload->type);
  switch (payload->type) {
  case IKE_PAYLOAD_KE:
    try_ke (payload, room);
    break;
  case IKE_PAYLOAD_IDI:
  case IKE_PAYLOAD_IDR:
    if (ike_id_read (payload, &view, NULL)) {
      try_ident (&view);
      try_typed (payload, &view, room);
    }
    break;
  case IKE_PAYLOAD_CERT:
  case IKE_PAYLOAD_CERTREQ:
    if (ike_cert_read (payload, &view, NULL))
      try_typed (payload, &view, room);
    break;
  case IKE_PAYLOAD_AUTH:
    if (ike_auth_read (payload, &view, NULL))
      try_typed (payload, &view, room);
    break;
  case IKE_PAYLOAD_NONCE:
    if (ike_nonce_read (payload, &nonce, &len, NULL))
      check (len >= IKE_NONCE_MIN && len <= IKE_NONCE_MAX);
    break;
  case IKE_PAYLOAD_NOTIFY:
    try_notify (payload, room);
    break;
  case IKE_PAYLOAD_DELETE:
    try_delete (payload, room);
    break;
  case IKE_PAYLOAD_CP:
    try_cp (payload);
    break;
  default:
    break;
  }
}

static gboolean
knows_even_types (guint8 type, gconstpointer arg)
{
  return type % 2 == 0;
}

static void
try_chain (guint8 first, const guint8 *data, gsize len)
{
  IkePayload payloads[MAX_PAYLOADS];
  g_autofree guint8 *room = g_malloc (IKE_MESSAGE_MAX);
  IkeVerdict verdict = { 0 };
  IkeWriter w;
  guint n;

  if (!ike_payloads_read (first, data, len, IKE_HEADER_LEN, knows_even_types, NULL, payloads,
                          MAX_PAYLOADS, &n, &verdict)) {
    check (verdict.reason && verdict.notify && n == 0);
    return;
  }
  check (n <= MAX_PAYLOADS);
  for (guint i = 0; i < n; i++)
    try_payload (&payloads[i], room);
  ike_writer_init (&w, room, IKE_MESSAGE_MAX);
  for (guint i = 0; i < n; i++)
    ike_payload_write (&w, payloads[i].type, payloads[i].data, payloads[i].len);
  check (!w.failed && w.len == len);
}

static void
try_message (const guint8 *data, gsize len)
{
  IkeVerdict verdict = { 0 };
  guint8 copy[IKE_HEADER_LEN];
  IkeHeader header;
  IkeWriter w;

  if (!ike_header_read (data, len, &header, &verdict)) {
    check (verdict.reason != NULL);
    return;
  }
  ike_exchange_number_name (header.exchange);
  ike_writer_init (&w, copy, sizeof copy);
  ike_header_write (&w, &header);
  ike_message_close (&w);
  check (!w.failed && memcmp (copy, data, 16) == 0 && memcmp (copy + 17, data + 17, 7) == 0);
  try_chain (header.next_payload, data + IKE_HEADER_LEN, len - IKE_HEADER_LEN);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t len)
{
  if (len < 2 || len > IKE_MESSAGE_MAX)
    return 0;
  if (data[0] < 128)
    try_message (data + 1, len - 1);
  else
    try_chain (data[1], data + 2, len - 2);
  return 0;
}
