/* SPDX-License-Identifier: Apache-2.0 */
/* collision.c - both ends replace the same SA at once (RFC 7296, 2.8.1 and 2.8.2): what of ours is
 * under way, and whose nonce is the lowest. */
#include "ikev2.h"
#include "ikev2_private.h"

static const IkeSlotClass rekeys_slot = {
  .struct_size = sizeof (IkeSlotClass),
  .name = "rekeys",
  .destroy = g_free,
};

void
ikev2_rekeys_register (IkePlugin *self, Ikev2 *ikev2)
{
  ikev2->rekeys = ike_slot_register (self, &rekeys_slot);
}

Ikev2Rekeys *
ikev2_rekeys_of_sa (const Ikev2 *ikev2, IkeSa *sa)
{
  Ikev2Rekeys *rekeys = ike_sa_slot (sa, ikev2->rekeys);

  if (!rekeys) {
    rekeys = g_new0 (Ikev2Rekeys, 1);
    ike_sa_set_slot (sa, ikev2->rekeys, rekeys);
  }
  return rekeys;
}

Ikev2Rekeys *
ikev2_rekeys_of (IkeTask *task)
{
  return ikev2_rekeys_of_sa (ike_plugin_state (ike_task_plugin (task)), ike_task_sa (task));
}

static int
compare (const guint8 *a, gsize a_len, const guint8 *b, gsize b_len)
{
  int difference = memcmp (a, b, MIN (a_len, b_len));

  return difference ? difference : a_len < b_len ? -1 : a_len > b_len;
}

gboolean
ikev2_nonce_is_lower (const Ikev2Nonce *a, const Ikev2Nonce *b)
{
  return compare (a->bytes, a->len, b->bytes, b->len) < 0;
}

void
ikev2_nonce_lower (const guint8 *a, gsize a_len, const guint8 *b, gsize b_len, Ikev2Nonce *out)
{
  gboolean is_a = compare (a, a_len, b, b_len) < 0;

  out->len = (guint16) MIN (is_a ? a_len : b_len, sizeof out->bytes);
  memcpy (out->bytes, is_a ? a : b, out->len);
}
