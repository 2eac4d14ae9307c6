/* SPDX-License-Identifier: Apache-2.0 */
/* message_private.h - what an IkeMessage is: a header, and views of its payloads.  Its accessors are in sa/view.c,
 * because a look-up also goes through what the operation kept from earlier messages. */
#pragma once
#include <ikebana/message.h>

typedef struct _IkeKept IkeKept;              /* sa/: payloads kept for later messages */

struct _IkeMessage {
  IkeHeader       header;
  const guint8   *raw;                        /* the whole datagram, valid as long as the message */
  gsize           raw_len;
  gboolean        is_protected;               /* the payloads came out of SK */
  guint           n;
  IkePayload     *payloads;
  const IkeKept  *kept;                       /* may be NULL */
};
