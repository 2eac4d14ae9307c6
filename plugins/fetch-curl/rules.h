/* SPDX-License-Identifier: Apache-2.0 */
/* rules.h - what the operator lets us fetch: schemes, hosts, and addresses that are never connected to.
 *
 * URIs come from certificates and from redirects, so they are checked before anything is done with them; addresses
 * are checked when a socket is made, behind any name.  Immutable; any thread. */
#pragma once
#include <ikebana/addr.h>

enum { FETCH_URI_MAX = 4096 };

typedef struct _Rules Rules;

/* Lists are NULL-terminated; "http" and "https"; host patterns with '*'; "address" or "prefix/length".  NULL with
 * @error: something in a list makes no sense. */
Rules   *rules_new  (const char *const *schemes, const char *const *hosts, const char *const *deny, GError **error);
void     rules_free (Rules *rules);

/* May @uri be fetched?  Then @uri_out is how it is to be given to curl and @host_out is "host:port" (both g_free);
 * else FALSE with @error, which does not repeat the URI. */
gboolean rules_allow (const Rules *rules, const char *uri, char **uri_out, char **host_out, GError **error);

/* May this address be connected to? */
gboolean rules_allow_addr (const Rules *rules, const IkeAddr *addr);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Rules, rules_free)
