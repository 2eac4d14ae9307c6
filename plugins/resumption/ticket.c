/* SPDX-License-Identifier: Apache-2.0 */
/* ticket.c - tickets as bytes.
 *
 * RFC 5723, 6.1: "When passing a 'ticket by value' to the client, the ticket content MUST be
 * integrity protected and encrypted": AES-256-GCM.  Salt and IV are random, 96 bits of them, so a
 * key is good for 2^32 tickets.  "A 'ticket by reference' does not need to be encrypted": it is
 * sixteen random bytes, and is only compared. */
#include "ticket.h"
#include <ikebana/engine.h>
#include <string.h>

enum { VERSION = 1, SALT_LEN = 4, IV_LEN = 8, ICV_LEN = 16, HEAD_LEN = 4 + IKE_TICKET_KEY_ID_LEN };
enum { TRANSFORM_AES_GCM_16 = 20 };

gboolean
ticket_read (const guint8 *data, gsize len, TicketView *view)
{
  const guint8 *head;
  IkeReader r;

  *view = (TicketView){ .kind = 0 };
  ike_reader_init (&r, data, len);
  head = ike_reader_bytes (&r, 4);
  if (!head || head[0] != VERSION || head[2] || head[3])
    return FALSE;
  view->kind = head[1];
  if (view->kind == TICKET_KIND_REFERENCE) {
    view->ref = ike_reader_bytes (&r, STORE_REF_LEN);
    return ike_reader_is_done (&r);
  }
  view->key_id = ike_reader_bytes (&r, IKE_TICKET_KEY_ID_LEN);
  view->salt = ike_reader_bytes (&r, SALT_LEN);
  view->iv = ike_reader_bytes (&r, IV_LEN);
  if (view->kind != TICKET_KIND_VALUE || ike_reader_left (&r) <= ICV_LEN || len > TICKET_MAX)
    return FALSE;
  view->sealed_len = ike_reader_left (&r) - ICV_LEN;
  view->sealed = ike_reader_bytes (&r, view->sealed_len);
  view->icv = ike_reader_bytes (&r, ICV_LEN);
  return ike_reader_is_done (&r);
}

static void
write_head (IkeWriter *w, guint8 kind)
{
  ike_writer_u8 (w, VERSION);
  ike_writer_u8 (w, kind);
  ike_writer_u16 (w, 0);
}

void
ticket_write_ref (IkeWriter *w, const guint8 ref[STORE_REF_LEN])
{
  write_head (w, TICKET_KIND_REFERENCE);
  ike_writer_bytes (w, ref, STORE_REF_LEN);
}

static void
make_full_key (guint8 out[IKE_TICKET_KEY_LEN + SALT_LEN], const IkeTicketKey *key,
               const guint8 *salt)
{
  memcpy (out, key->key, IKE_TICKET_KEY_LEN);
  memcpy (out + IKE_TICKET_KEY_LEN, salt, SALT_LEN);
}

gboolean
ticket_seal (IkeEngine *engine, const IkeTicketKey *key, const Session *session, IkeWriter *w)
{
  const IkeAead *aead = ike_aead_find (engine, TRANSFORM_AES_GCM_16, 8 * IKE_TICKET_KEY_LEN);
  guint8 full_key[IKE_TICKET_KEY_LEN + SALT_LEN], *head = w->data + w->len, *salt, *sealed, *icv;
  gboolean is_sealed;

  write_head (w, TICKET_KIND_VALUE);
  ike_writer_bytes (w, key->id, sizeof key->id);
  salt = ike_writer_reserve (w, SALT_LEN + IV_LEN);
  sealed = w->data + w->len;
  session_write (session, w);
  icv = ike_writer_reserve (w, ICV_LEN);
  if (!aead || w->failed)
    return FALSE;
  ike_engine_random (engine, salt, SALT_LEN + IV_LEN);
  make_full_key (full_key, key, salt);
  is_sealed = ike_aead_seal (aead, full_key, salt + SALT_LEN, head, HEAD_LEN, sealed,
                             (gsize) (icv - sealed), icv);
  ike_wipe (full_key, sizeof full_key);
  if (!is_sealed)
    ike_wipe (sealed, (gsize) (icv - sealed));
  return is_sealed;
}

Session *
ticket_open (IkeEngine *engine, const IkeTicketKey *key, const TicketView *view)
{
  const IkeAead *aead = ike_aead_find (engine, TRANSFORM_AES_GCM_16, 8 * IKE_TICKET_KEY_LEN);
  guint8 full_key[IKE_TICKET_KEY_LEN + SALT_LEN], plain[TICKET_MAX];
  Session *session = NULL;

  if (!aead || view->sealed_len > sizeof plain)
    return NULL;
  memcpy (plain, view->sealed, view->sealed_len);
  make_full_key (full_key, key, view->salt);
  if (ike_aead_open (aead, full_key, view->iv, view->key_id - 4, HEAD_LEN, plain, view->sealed_len,
                     view->icv))
    session = session_read (plain, view->sealed_len);
  ike_wipe (full_key, sizeof full_key);
  ike_wipe (plain, view->sealed_len);
  return session;
}
