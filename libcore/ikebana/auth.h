/* SPDX-License-Identifier: Apache-2.0 */
/* auth.h - authentication methods (RFC 7296, 2.15): the kind `auth`, consumed by the IKEv2 exchanges.
 *
 * A method signs our AUTH payload and verifies the peer's.  Both are calls by contract: keys may be on a device, a
 * check may have to ask somebody.  `auth:psk` is chosen by `auth = psk`; a method may serve several words of
 * configuration. */
#pragma once
#include <ikebana/sa.h>

IKE_BEGIN_DECLS

typedef struct {
  guint8  method;                             /* of the AUTH payload */
  guint32 len;
  guint8  data[];
} IkeAuthValue;                               /* g_malloc */

typedef struct {
  guint32     struct_size;
  guint8      methods[8];                     /* AUTH methods it verifies, zero-terminated */
  /* Owner shard.  Signs @octets (a reference is taken if kept) as @conf of the connection says; answers with an
   * IkeAuthValue, or fails with a reason for people. */
  void      (*sign)   (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, GBytes *octets);
  /* Answers with a non-NULL static text: how the peer was authenticated ("pre-shared key"), or fails with a reason for
   * people; the peer is told AUTHENTICATION_FAILED only. */
  void      (*verify) (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, guint8 method,
                       const guint8 *value,
                       gsize len, GBytes *octets);
  /* What follows may be NULL. */
  /* Control, while a configuration is built, also under --check when nothing is active: can what @conf asks for be
   * done?  Adds "KEY: sentence" to @problems for what cannot; what begins with "warning: " fails nothing.  Called for
   * connections that did not change, too. */
  void      (*check)    (IkePlugin *self, const IkeAuthConf *conf, gboolean is_local, GPtrArray *problems);
  /* Owner shard.  Who we are where @conf has no id: with a reference; NULL: our address. */
  IkeIdent *(*identity) (IkePlugin *self, IkeSa *sa, const IkeAuthConf *conf);
} IkeAuthClass;

IKE_END_DECLS
