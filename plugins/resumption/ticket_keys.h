/* SPDX-License-Identifier: Apache-2.0 */
/* ticket_keys.h - where the keys of tickets by value come from: the kind `ticket-keys`.
 *
 * Without such a feature they are random and this daemon's own, or those of a file that several gateways share.  A
 * plugin that has keys of another origin (a key server, a security module) offers one. */
#pragma once
#include <ikebana/plugin.h>

enum { TICKET_KEY_LEN = 32, TICKET_KEY_ID_LEN = 8 };

typedef struct {
  guint8 id[TICKET_KEY_ID_LEN];
  guint8 key[TICKET_KEY_LEN];
} TicketKey;

/* Any shard; must not block.  FALSE: there is none. */
typedef struct {
  guint32  struct_size;
  gboolean (*current) (IkePlugin *self, TicketKey *out);                                    /* the one to seal with */
  gboolean (*find)    (IkePlugin *self, const guint8 id[TICKET_KEY_ID_LEN], TicketKey *out);
} TicketKeysClass;
