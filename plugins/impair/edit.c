/* SPDX-License-Identifier: Apache-2.0 */
/* edit.c - payloads left out, added, or altered.  What comes in is a peer's, so it is read with the
 * readers that everybody uses, and what they refuse is left as it is. */
#include "config.h"
#include "edit.h"
#include <string.h>

static gboolean
knows_all (guint8 type, gconstpointer arg)
{
  return TRUE;
}

/* Is it the payload, or the notify, that the rule is about? */
static gboolean
is_meant (const Rule *rule, const IkePayload *payload)
{
  IkeVerdict verdict = { 0 };
  IkeNotify notify;

  if (rule->payload >= 0)
    return payload->type == rule->payload;
  return payload->type == IKE_PAYLOAD_NOTIFY && ike_notify_read (payload, &notify, &verdict)
         && notify.type == rule->notify;
}

static void
write_payload (IkeWriter *out, const IkePayload *payload, const guint8 *body, gsize len)
{
  gsize mark = ike_payload_open (out, payload->type, payload->is_critical);

  ike_writer_bytes (out, body, len);
  ike_payload_close (out, mark);
}

/* With the rule's bytes in the place of the body, or of what a notify holds; with `byte`, in the
 * place of as many from there on. */
static gboolean
alter (const Rule *rule, const IkePayload *payload, IkeWriter *out)
{
  IkeVerdict verdict = { 0 };
  IkeNotify notify;
  gsize fixed = 0, n, mark;
  const guint8 *bytes = g_bytes_get_data (rule->data, &n);

  if (rule->notify >= 0 && ike_notify_read (payload, &notify, &verdict))
    fixed = payload->len - notify.len;
  if (rule->byte >= 0 && fixed + (gsize) rule->byte + n > payload->len)
    return FALSE;
  mark = ike_payload_open (out, payload->type, payload->is_critical);
  if (rule->byte < 0) {
    ike_writer_bytes (out, payload->data, fixed);
    ike_writer_bytes (out, bytes, n);
  } else {
    gsize at = fixed + (gsize) rule->byte;
    ike_writer_bytes (out, payload->data, at);
    ike_writer_bytes (out, bytes, n);
    ike_writer_bytes (out, payload->data + at + n, payload->len - at - n);
  }
  ike_payload_close (out, mark);
  return TRUE;
}

static void
add (const Rule *rule, IkeWriter *out)
{
  gsize len = 0;
  const void *data = rule->data ? g_bytes_get_data (rule->data, &len) : NULL;

  if (rule->notify >= 0)
    ike_notify_write (out, 0, (guint16) rule->notify, NULL, 0, data, len);
  else
    ike_payload_write (out, (guint8) rule->payload, data, len);
}

gboolean
edit_chain (const Rule *rule, const guint8 *plain, gsize len, guint8 *first, IkeWriter *out)
{
  IkePayload payloads[IKE_PAYLOADS_MAX];
  IkeVerdict verdict = { 0 };
  gboolean is_changed = FALSE;
  guint n, i, n_left = 0;
  guint8 type = IKE_PAYLOAD_NONE;

  if (!ike_payloads_read (*first, plain, len, 0, knows_all, NULL, payloads, IKE_PAYLOADS_MAX, &n,
                          &verdict)
      || (n && (payloads[n - 1].type == IKE_PAYLOAD_SK || payloads[n - 1].type == IKE_PAYLOAD_SKF)))
    return FALSE;
  for (i = 0; i < n; i++) {
    gboolean is_hit = rule->action != RULE_ADD && is_meant (rule, &payloads[i]);
    if (is_hit && rule->action == RULE_OMIT) {
      is_changed = TRUE;
      continue;
    }
    if (n_left++ == 0)
      type = payloads[i].type;
    if (is_hit && alter (rule, &payloads[i], out))
      is_changed = TRUE;
    else
      write_payload (out, &payloads[i], payloads[i].data, payloads[i].len);
  }
  if (rule->action == RULE_ADD) {
    if (n_left == 0)
      type = rule->notify >= 0 ? IKE_PAYLOAD_NOTIFY : (guint8) rule->payload;
    add (rule, out);
    is_changed = TRUE;
  }
  if (out->failed)
    return FALSE;
  *first = type;
  return is_changed;
}
