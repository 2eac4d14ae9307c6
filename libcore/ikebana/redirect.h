/* SPDX-License-Identifier: Apache-2.0 */
/* redirect.h - where a gateway sends its clients (RFC 5685).
 *
 * A plugin that knows which gateway is to serve a client offers the kind `redirect-policy`; the plugin `redirect` asks
 * the one that its option `policy` names, at the two moments where a client can be sent away before it costs much: at
 * its first message, and when it has authenticated itself. */
#pragma once
#include <ikebana/plugin.h>
#include <ikebana/sa.h>

IKE_BEGIN_DECLS

enum { IKE_REDIRECT_NAME_SIZE = 256 };

/* Who is there.  Pointers are good during the question. */
typedef struct {
  guint32         struct_size;
  const IkeAddr  *local, *remote;             /* where its message came to, and from */
  const IkeAddr  *from;                       /* the gateway that sent it here, as it says; NULL: none */
  const IkeIdent *user;                       /* as it was proven; NULL: nothing is proven yet, not even the address */
  const IkeConn  *conn;                       /* NULL as long as @user is */
  guint32         n_sas;                      /* IKE SAs that clients have here */
  gboolean        was_asked;                  /* at its first message, and it stayed: who knows no more says FALSE */
} IkeRedirectQuery;

/* Kind `redirect-policy`: `redirect-policy:round-robin`. */
typedef struct {
  guint32   struct_size;
  /* Writes address or host name of another gateway; FALSE: the client stays.  On any shard, several at one time, at
   * once: it may not wait.  A gateway that is this one, or the one that the client comes from, counts as FALSE. */
  gboolean (*choose) (IkePlugin *self, const IkeRedirectQuery *query, char to[IKE_REDIRECT_NAME_SIZE]);
} IkeRedirectPolicyClass;

IKE_END_DECLS
