/* SPDX-License-Identifier: Apache-2.0 */
/* ikev2_private.h - the state of this plugin in one engine. */
#pragma once
#include <ikebana/bus.h>

typedef struct {
  IkeHookPoint *on_authorize, *on_narrow, *on_heir;
  guint32       rekeys;                       /* slot: Ikev2Rekeys */
  guint32       pool;                         /* slot: of an authorizer, the name of a pool */
} Ikev2;

/* authorize.c */
gboolean ikev2_authorize_register (IkePlugin *self, Ikev2 *ikev2, GError **error);

struct _Child;
struct _Rekey;

/* What we are replacing of an SA: whoever answers the peer looks here for a collision. */
typedef struct {
  struct _Child *children;
  struct _Rekey *ike;
  guint64        from;                        /* of an heir: our SPI of the SA whose children it gets if it wins */
} Ikev2Rekeys;

/* collision.c: made when it is first needed. */
Ikev2Rekeys *ikev2_rekeys_of (IkeTask *task);
Ikev2Rekeys *ikev2_rekeys_of_sa (const Ikev2 *ikev2, IkeSa *sa);
/* rekey.c: the peer does something with the children of an heir of its making, and so knows that it wins. */
void         ikev2_rekey_is_used (IkeTask *task);
/* The peer closes the SA. */
void         ikev2_rekey_forget  (IkeTask *task);
void         ikev2_rekeys_register (IkePlugin *self, Ikev2 *ikev2);
/* rekey.c: the peer closes the SA of @task, whatever we wanted of it. */
void         ikev2_rekey_closed    (IkeTask *task);
