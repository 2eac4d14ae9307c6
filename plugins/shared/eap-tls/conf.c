/* SPDX-License-Identifier: Apache-2.0 */
/* conf.c - what a plugin with tunnels is configured by, and what sections local and remote say. */
#include "shared/eap-tls/private.h"

#include <string.h>

#include <ikebana/error.h>
#include <ikebana/tree.h>

const IkeOptionInfo eap_tunnel_min_option = { sizeof (IkeOptionInfo), "plugin/min_version",
                                              "enum:1.2|1.3", NULL,
                                              "The oldest version of TLS that is spoken; unset: "
                                              "as plugin tls has it." };
const IkeOptionInfo eap_tunnel_max_option = { sizeof (IkeOptionInfo), "plugin/max_version",
                                              "enum:1.2|1.3", NULL, "The newest one, likewise." };
const IkeOptionInfo eap_tunnel_size_option = {
  sizeof (IkeOptionInfo), "plugin/fragment_size", "uint", "0",
  "Bytes that an EAP packet of ours may have, 64 to 16384; 0: what carries it says, else 1024."
};
const IkeOptionInfo eap_tunnel_certs_option = { sizeof (IkeOptionInfo), "local/certs", "list", NULL,
                                                "Files of certificates, one of which we "
                                                "authenticate with." };
const IkeOptionInfo eap_tunnel_cacerts_option = {
  sizeof (IkeOptionInfo), "remote/cacerts", "list", NULL,
  "Files of CAs, one of which must have issued the peer's."
};
const IkeOptionInfo eap_tunnel_revocation_option = {
  sizeof (IkeOptionInfo), "remote/revocation", "enum:relaxed|ifuri|strict", "relaxed",
  "Whether it must be known that no certificate was revoked: no; when the certificate says where "
  "to "
  "ask; always."
};

#define KIND(symbol, kind_name, type, last)                                                        \
  const IkeFeatureKind symbol = { sizeof (IkeFeatureKind),                                         \
                                  kind_name,                                                       \
                                  1,                                                               \
                                  0,                                                               \
                                  G_STRUCT_OFFSET (type, last) + sizeof (gpointer),                \
                                  sizeof (type) }

KIND (eap_tunnel_tls_kind, "service:tls", IkeTlsOps, export_key);
KIND (eap_tunnel_pki_kind, "service:pki", IkePkiOps, chain_clear);
KIND (eap_tunnel_credentials_kind, "service:credentials", IkeCredentialsOps, own_clear);
KIND (eap_tunnel_revocation_kind, "revocation", IkeRevocationClass, check);

const char *const eap_tunnel_needs[] = { "service:tls", "service:pki", "service:credentials",
                                         NULL };

static gboolean
find_services (EapTunnelPlugin *plugin, GError **error)
{
  const IkeProvided *tls = ike_feature_find (plugin->engine, "service:tls", error);
  const IkeProvided *pki = tls ? ike_feature_find (plugin->engine, "service:pki", error) : NULL;
  const IkeProvided *credentials =
      pki ? ike_feature_find (plugin->engine, "service:credentials", error) : NULL;

  if (!credentials)
    return FALSE;
  plugin->tls = tls->ops;
  plugin->tls_plugin = tls->plugin;
  plugin->pki = pki->ops;
  plugin->credentials = credentials->ops;
  plugin->credentials_plugin = credentials->plugin;
  plugin->on_certificate = ike_hook_point (plugin->engine, "certificate-verdict");
  return TRUE;
}

static guint16
version_of (IkePlugin *self, const char *option)
{
  const char *text = ike_plugin_option (self, option);

  return !text ? 0 : g_str_equal (text, "1.3") ? IKE_TLS_1_3 : IKE_TLS_1_2;
}

gboolean
eap_tunnel_plugin_init (EapTunnelPlugin *plugin, IkePlugin *self, guint8 type, GError **error)
{
  guint64 size = ike_plugin_option_uint (self, "fragment_size");

  plugin->self = self;
  plugin->engine = ike_plugin_engine (self);
  plugin->type = type;
  plugin->min_version = version_of (self, "min_version");
  plugin->max_version = version_of (self, "max_version");
  plugin->fragment_size = (guint32) MIN (size, IKE_EAP_PACKET_MAX + 1);
  if (plugin->max_version && plugin->min_version > plugin->max_version)
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CONFIG,
                         "min_version is above max_version: no version is left");
  else if (size && (size < EAP_FRAMES_SIZE_MIN || size > IKE_EAP_PACKET_MAX))
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                 "fragment_size is %" G_GUINT64_FORMAT "; 0, or %d to %d fit", size,
                 EAP_FRAMES_SIZE_MIN, IKE_EAP_PACKET_MAX);
  else
    return find_services (plugin, error)
           && ike_option_find (plugin->engine, "local/certs", &plugin->local_certs, error)
           && ike_option_find (plugin->engine, "remote/cacerts", &plugin->remote_cacerts, error)
           && ike_option_find (plugin->engine, "remote/revocation", &plugin->remote_revocation,
                               error);
  return FALSE;
}

/* Names from `certs = a, b` and from sections `cert-1 { file = c }`; NULL when there are none. */
char **
eap_tunnel_names (const IkeAuthConf *conf, guint32 handle, const char *section_prefix)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *text = ike_option_text (conf->options, handle);
  g_auto (GStrv) list = text ? ike_value_list (text) : NULL;

  for (guint i = 0; list && list[i]; i++)
    if (*list[i])
      g_ptr_array_add (names, g_strdup (list[i]));
  for (guint i = 0; conf->settings && i < ike_tree_n (conf->settings); i++) {
    const IkeTree *section = ike_tree_nth (conf->settings, i);
    const char *file = ike_tree_type (section) == IKE_TREE_SECTION
                               && g_str_has_prefix (ike_tree_name (section), section_prefix)
                           ? ike_tree_string (section, "file", NULL)
                           : NULL;
    if (file)
      g_ptr_array_add (names, g_strdup (file));
  }
  if (names->len == 0)
    return NULL;
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

static void
check_names (const EapTunnelPlugin *plugin, IkeCredentialKind kind, const char *key, char **names,
             GPtrArray *problems)
{
  for (guint i = 0; names && names[i]; i++) {
    g_autoptr (GError) error = NULL;
    if (!plugin->credentials->require (plugin->credentials_plugin, kind, names[i], &error))
      g_ptr_array_add (problems, g_strdup_printf ("%s: %s", key, error->message));
  }
}

static void
check_revocation (const EapTunnelPlugin *plugin, const IkeAuthConf *conf, GPtrArray *problems)
{
  g_autofree char *why = NULL;

  if (ike_option_uint (conf->options, plugin->remote_revocation) != IKE_REVOCATION_STRICT
      || ike_feature_find (plugin->engine, "revocation:x509", NULL))
    return;
  why = ike_plugin_explain (plugin->engine, "revocation:x509");
  g_ptr_array_add (problems, g_strdup_printf ("revocation: strict cannot be had: %s", why));
}

/* Under --check nothing is active, so there may be no state yet. */
void
eap_tunnel_check (IkePlugin *self, const IkeAuthConf *conf, GPtrArray *problems)
{
  const EapTunnelPlugin *plugin = ike_plugin_state (self);
  EapTunnelPlugin fresh = { NULL };
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) certs = NULL, cas = NULL;

  if (!plugin && !eap_tunnel_plugin_init (&fresh, self, 0, &error)) {
    g_ptr_array_add (problems, g_strdup_printf ("auth: %s", error->message));
    return;
  }
  if (!plugin)
    plugin = &fresh;
  certs = eap_tunnel_names (conf, plugin->local_certs, "cert");
  cas = eap_tunnel_names (conf, plugin->remote_cacerts, "cacert");
  check_names (plugin, IKE_CREDENTIAL_CERT, "certs", certs, problems);
  check_names (plugin, IKE_CREDENTIAL_CA, "cacerts", cas, problems);
  check_revocation (plugin, conf, problems);
}

void
eap_tunnel_check_method (IkePlugin *self, const char *option, GPtrArray *problems)
{
  const char *method = ike_plugin_option (self, option);
  g_autofree char *feature = g_strconcat ("eap-server:", method, NULL), *why = NULL;

  if (ike_feature_find (ike_plugin_engine (self), feature, NULL))
    return;
  why = ike_plugin_explain (ike_plugin_engine (self), feature);
  g_ptr_array_add (problems,
                   g_strdup_printf ("auth: %s = %s cannot be used: %s", option, method, why));
}

/* RFC 9190, 2.1.8: "The anonymous NAI [is] of the form @realm"; others write a word in front of it,
 * which by RFC 7542, 2.4 should not be, and is. */
gboolean
eap_identity_is_anonymous (const IkeIdent *identity)
{
  static const char word[] = "anonymous";
  gsize len;
  const guint8 *text;

  if (!identity || ike_ident_type (identity) == IKE_ID_ANY
      || ike_ident_type (identity) == IKE_ID_NULL)
    return TRUE;
  text = ike_ident_data (identity, &len);
  if (len == 0 || text[0] == '@')
    return TRUE;
  return len >= strlen (word) && g_ascii_strncasecmp ((const char *) text, word, strlen (word)) == 0
         && (len == strlen (word) || text[strlen (word)] == '@');
}
