/* SPDX-License-Identifier: Apache-2.0 */
/* pool_keys.h - addresses and identities as keys: of hash tables, and of a client's rows in a database. */
#pragma once
#include <ikebana/addr.h>
#include <ikebana/ident.h>

/* Keys are IkeAddr, without their ports. */
guint    pool_addr_hash   (gconstpointer addr);
gboolean pool_addr_equal  (gconstpointer a, gconstpointer b);

/* Keys are IkeIdent. */
guint    pool_ident_hash  (gconstpointer ident);
gboolean pool_ident_equal (gconstpointer a, gconstpointer b);

enum { POOL_CLIENT_TEXT_MAX = 512 };
/* Equal identities have one text, as ike_ident_equal() ignores the case of names; unequal ones may share it when they
 * are long, so who finds something by it compares.  "": NULL, an anonymous client. */
void     pool_client_text (const IkeIdent *ident_or_null, char out[static POOL_CLIENT_TEXT_MAX]);
