/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_uri.c - a URI that somebody wants fetched, held against an operator's rules.
 *
 * What is allowed must begin with an allowed scheme and, when it is read again, be allowed again
 * and lead to the same host.
 *
 * Covers: plugins/fetch-curl/rules.c */
#include <string.h>
#include "fetch-curl/rules.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize len);

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

static void
check_allowed (const Rules *rules, const char *uri, const char *host)
{
  g_autofree char *again = NULL, *host_again = NULL;
  const char *port = strrchr (host, ':');

  check (g_str_has_prefix (uri, "http://") || g_str_has_prefix (uri, "https://"));
  check (port && port[1] && strspn (port + 1, "0123456789") == strlen (port + 1));
  check (g_str_has_prefix (host, "crl.") || strstr (host, ".example.org"));
  for (const char *at = uri; *at; at++)
    check ((guint8) *at > 0x20 && *at != 0x7f);
  /* It may have grown by what curl encodes. */
  if (strlen (uri) > FETCH_URI_MAX)
    return;
  check (rules_allow (rules, uri, &again, &host_again, NULL));
  check (strcmp (host, host_again) == 0);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize len)
{
  static const char *const schemes[] = { "http", "https", NULL };
  static const char *const hosts[] = { "crl.*", "*.example.org", NULL };
  static const char *const deny[] = { "127.0.0.0/8", NULL };
  g_autoptr (Rules) rules = rules_new (schemes, hosts, deny, NULL);
  g_autofree char *text = g_strndup ((const char *) data, len), *uri = NULL, *host = NULL;
  g_autoptr (GError) error = NULL;
  gboolean is_allowed = rules_allow (rules, text, &uri, &host, &error);

  check (is_allowed == !error && is_allowed == (uri != NULL) && is_allowed == (host != NULL));
  if (is_allowed)
    check_allowed (rules, uri, host);
  else
    check (g_utf8_validate (error->message, -1, NULL));
  return 0;
}
