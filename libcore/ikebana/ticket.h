/* SPDX-License-Identifier: Apache-2.0 */
/* ticket.h - where the keys of tickets by value come from: the kind `ticket-keys`.
 *
 * Without such a feature they are random and this daemon's own, or those of a file that several gateways share.  A
 * plugin that has keys of another origin (a key server, a security module) offers one. */
#pragma once
#include <ikebana/plugin.h>

IKE_BEGIN_DECLS

enum { IKE_TICKET_KEY_LEN = 32, IKE_TICKET_KEY_ID_LEN = 8 };

typedef struct {
  guint8 id[IKE_TICKET_KEY_ID_LEN];
  guint8 key[IKE_TICKET_KEY_LEN];
} IkeTicketKey;

/* Any shard; must not block.  FALSE: there is none. */
typedef struct {
  guint32  struct_size;
  gboolean (*current) (IkePlugin *self, IkeTicketKey *out);                               /* the one to seal with */
  gboolean (*find)    (IkePlugin *self, const guint8 id[IKE_TICKET_KEY_ID_LEN], IkeTicketKey *out);
} IkeTicketKeysClass;

IKE_END_DECLS
