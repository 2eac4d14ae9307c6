/* SPDX-License-Identifier: Apache-2.0 */
/* cookie.h - `service:cookie`: what the plugin `cookie` does for others that judge first messages.
 *
 * Who has to prove more than its address writes a cookie of its own beside what it asks for, and puts into it what it
 * wants to know when the cookie comes back (RFC 8019, 7.1.1.3).  Such a cookie is as good as any other: the gate of the
 * plugin `cookie` takes it, too. */
#pragma once
#include <ikebana/exchange.h>

IKE_BEGIN_DECLS

enum { IKE_COOKIE_INFO_MAX = 16 };

typedef struct {
  guint8        len;                          /* of what its maker put into it */
  guint8        info[IKE_COOKIE_INFO_MAX];
  const guint8 *data;                         /* all of it, in the message */
  guint8        data_len;
} IkeCookie;

/* On a shard. */
typedef struct {
  guint32    struct_size;
  /* Writes N(COOKIE) for the sender of @first.  FALSE: it has no nonce, or the PRF failed. */
  gboolean (*write) (IkePlugin *self, const IkeDatagram *datagram, const IkeMessage *first, const guint8 *info,
                     gsize len, IkeWriter *reply);
  /* Is there one in @first, made here for its sender, and not too old? */
  gboolean (*check) (IkePlugin *self, const IkeDatagram *datagram, const IkeMessage *first, IkeCookie *cookie);
} IkeCookieOps;

IKE_END_DECLS
