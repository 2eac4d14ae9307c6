/* SPDX-License-Identifier: Apache-2.0 */
/* ticket.h - the form of tickets (RFC 5723, 6.1 and appendix A): nobody but who made one reads it.
 *
 * By value:     version (1) | 1 | 0 0 | key ID (8) | salt (4) | IV (8) | session, sealed | tag (16)
 * By reference: version (1) | 2 | 0 0 | reference (16) */
#pragma once
#include "session.h"
#include "store.h"
#include <ikebana/ticket.h>

enum { TICKET_MAX = SESSION_MAX + 64, TICKET_KIND_VALUE = 1, TICKET_KIND_REFERENCE = 2 };

typedef struct {
  guint8        kind;
  const guint8 *ref;                          /* by reference */
  const guint8 *key_id, *salt, *iv, *sealed, *icv;   /* by value */
  gsize         sealed_len;
} TicketView;

/* FALSE: it is none of ours. */
gboolean ticket_read   (const guint8 *data, gsize len, TicketView *view);
void     ticket_write_ref (IkeWriter *w, const guint8 ref[STORE_REF_LEN]);
/* FALSE: it does not fit, or there is no cipher. */
gboolean ticket_seal   (IkeEngine *engine, const IkeTicketKey *key, const Session *session, IkeWriter *w);
/* NULL: not sealed with @key, or malformed inside. */
Session *ticket_open   (IkeEngine *engine, const IkeTicketKey *key, const TicketView *view);
