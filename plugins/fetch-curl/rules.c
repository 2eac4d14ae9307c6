/* SPDX-License-Identifier: Apache-2.0 */
/* rules.c - what may be fetched; see rules.h. */
#include <string.h>
#include <curl/curl.h>
#include <ikebana/error.h>
#include <ikebana/tree.h>
#include "rules.h"

typedef struct {
  IkeAddr net;
  guint len;
} Prefix;

struct _Rules {
  char **schemes, **hosts;
  GArray *deny; /* Prefix */
};

/* -- making */

static gboolean
prefix_parse (const char *text, Prefix *prefix, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, "/", 2);
  guint64 len;

  if (!ike_addr_parse (&prefix->net, parts[0], NULL) || prefix->net.family == 0) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                 "\"%s\" in `deny` is no address; write 192.0.2.0/24 or 2001:db8::/32", text);
    return FALSE;
  }
  len = 8 * ike_addr_len (&prefix->net);
  if (parts[1] && (!ike_value_uint (parts[1], &len) || len > 8 * ike_addr_len (&prefix->net))) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                 "\"%s\" in `deny`: the length of this prefix is a number up to %u", text,
                 8 * ike_addr_len (&prefix->net));
    return FALSE;
  }
  prefix->len = (guint) len;
  return TRUE;
}

static gboolean
check_schemes (char **schemes, GError **error)
{
  static const char *const known[] = { "http", "https", NULL };

  for (guint i = 0; schemes[i]; i++)
    if (!g_strv_contains (known, schemes[i])) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                   "\"%s\" in `schemes`: this plugin fetches by http and https only", schemes[i]);
      return FALSE;
    }
  return TRUE;
}

static char **
lower_all (const char *const *texts)
{
  char **copy = g_strdupv ((char **) texts);

  for (guint i = 0; copy[i]; i++) {
    char *lower = g_ascii_strdown (copy[i], -1);
    g_free (copy[i]);
    copy[i] = lower;
  }
  return copy;
}

Rules *
rules_new (const char *const *schemes, const char *const *hosts, const char *const *deny,
           GError **error)
{
  g_autoptr (Rules) rules = g_new0 (Rules, 1);

  rules->schemes = lower_all (schemes);
  rules->hosts = lower_all (hosts);
  rules->deny = g_array_new (FALSE, TRUE, sizeof (Prefix));
  if (!check_schemes (rules->schemes, error))
    return NULL;
  for (guint i = 0; deny[i]; i++) {
    Prefix prefix = { .len = 0 };
    if (!prefix_parse (deny[i], &prefix, error))
      return NULL;
    g_array_append_val (rules->deny, prefix);
  }
  return g_steal_pointer (&rules);
}

void
rules_free (Rules *rules)
{
  if (!rules)
    return;
  g_strfreev (rules->schemes);
  g_strfreev (rules->hosts);
  g_clear_pointer (&rules->deny, g_array_unref);
  g_free (rules);
}

/* -- asking */

/* A part of @url as a string of GLib's, or NULL. */
static char *
part (CURLU *url, CURLUPart which, guint flags)
{
  char *text = NULL, *copy;

  if (curl_url_get (url, which, &text, flags) != CURLUE_OK)
    return NULL;
  copy = g_strdup (text);
  curl_free (text);
  return copy;
}

/* @shown may come from a peer. */
static gboolean
refuse (GError **error, int code, const char *what, const char *shown)
{
  char escaped[100];

  g_set_error (error, IKE_ERROR, code, "%s%s%s%s", what, shown ? " (" : "",
               shown ? ike_escape (escaped, sizeof escaped, shown, strlen (shown)) : "",
               shown ? ")" : "");
  return FALSE;
}

static gboolean
allow_host (const Rules *rules, const char *host)
{
  g_autofree char *name = g_ascii_strdown (host, -1);
  gsize len = strlen (name);

  if (len > 1 && name[len - 1] == '.')
    name[len - 1] = '\0';
  for (guint i = 0; rules->hosts[i]; i++)
    if (g_pattern_match_simple (rules->hosts[i], name))
      return TRUE;
  return FALSE;
}

static gboolean
check_url (const Rules *rules, CURLU *url, GError **error)
{
  g_autofree char *scheme = part (url, CURLUPART_SCHEME, 0), *host = part (url, CURLUPART_HOST, 0);
  g_autofree char *user = part (url, CURLUPART_USER, 0);
  g_autofree char *password = part (url, CURLUPART_PASSWORD, 0);

  if (!scheme || !g_strv_contains ((const char *const *) rules->schemes, scheme))
    return refuse (error, IKE_ERROR_DENIED,
                   "plugins.fetch-curl.schemes does not allow the scheme of the URI", scheme);
  if (!host || !host[0])
    return refuse (error, IKE_ERROR_SYNTAX, "the URI has no host", NULL);
  if (user || password)
    return refuse (error, IKE_ERROR_DENIED, "the URI holds a user name or password", host);
  if (!allow_host (rules, host))
    return refuse (error, IKE_ERROR_DENIED,
                   "plugins.fetch-curl.hosts does not allow that this host is asked", host);
  return TRUE;
}

gboolean
rules_allow (const Rules *rules, const char *uri, char **uri_out, char **host_out, GError **error)
{
  CURLU *url;
  gboolean is_allowed;

  if (strlen (uri) > FETCH_URI_MAX)
    return refuse (error, IKE_ERROR_SYNTAX, "the URI is too long", NULL);
  url = curl_url ();
  /* It takes no control characters and no spaces. */
  if (!url || curl_url_set (url, CURLUPART_URL, uri, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
    curl_url_cleanup (url);
    return refuse (error, IKE_ERROR_SYNTAX, "this is no URI that can be fetched", uri);
  }
  is_allowed = check_url (rules, url, error);
  if (is_allowed) {
    g_autofree char *host = part (url, CURLUPART_HOST, 0);
    g_autofree char *port = part (url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    g_autofree char *lower = g_ascii_strdown (host, -1);

    *host_out = g_strconcat (lower, ":", port, NULL);
    *uri_out = part (url, CURLUPART_URL, 0);
  }
  curl_url_cleanup (url);
  return is_allowed;
}

gboolean
rules_allow_addr (const Rules *rules, const IkeAddr *addr)
{
  for (guint i = 0; i < rules->deny->len; i++) {
    const Prefix *prefix = &g_array_index (rules->deny, Prefix, i);

    if (prefix->net.family == addr->family && ike_addr_in_prefix (addr, &prefix->net, prefix->len))
      return FALSE;
  }
  return TRUE;
}
