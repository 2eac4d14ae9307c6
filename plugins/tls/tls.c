/* SPDX-License-Identifier: Apache-2.0 */
/* tls.c - `service:tls` by OpenSSL's libssl, 3.0 or newer.
 *
 * Each engine has a library context of its own, whose random numbers are the engine's, and two
 * SSL_CTX, for servers and for clients, and our own certificates and keys as the library has them
 * (decoded.c); all else is of the session.  No X509_STORE decides about a certificate: chains go to
 * `service:pki`.  Sessions are neither resumed nor renegotiated, so nothing of one peer is kept
 * when it goes. */
#include "config.h"

#include <openssl/err.h>
#include <openssl/provider.h>

#include <ikebana/error.h>
#include <ikebana/engine.h>

#include "private.h"
#include "shared/openssl/random.h"

enum { PEER_CERTS_SIZE_MAX = 65536, SECURITY_LEVEL = 2 };

static gboolean
library_fail (GError **error, const char *what)
{
  unsigned long first = ERR_get_error ();
  const char *reason = first ? ERR_reason_error_string (first) : NULL;

  g_set_error (error, IKE_ERROR, IKE_ERROR_CRYPTO, "libssl (%s): %s%s%s",
               OpenSSL_version (OPENSSL_VERSION), what, reason ? ": " : "", reason ? reason : "");
  ERR_clear_error ();
  return FALSE;
}

static void
state_free (gpointer data)
{
  Tls *tls = data;

  decoded_table_free (tls->decoded);
  SSL_CTX_free (tls->client);
  SSL_CTX_free (tls->server);
  if (tls->default_provider)
    OSSL_PROVIDER_unload (tls->default_provider);
  if (tls->random_provider)
    OSSL_PROVIDER_unload (tls->random_provider);
  OSSL_LIB_CTX_free (tls->library);
  g_free (tls);
}

static gboolean
library_open (Tls *tls, GError **error)
{
  tls->library = OSSL_LIB_CTX_new ();
  if (tls->library)
    tls->random_provider = random_provider_load (tls->library, tls->engine);
  if (tls->random_provider)
    tls->default_provider = OSSL_PROVIDER_load (tls->library, "default");
  return tls->default_provider || library_fail (error, "no library context can be made");
}

/* RFC 9325, 3.1.1 and 4.1: nothing older than TLS 1.2, and of it only what has forward secrecy and
 * authenticated encryption; an operator may choose otherwise. */
static SSL_CTX *
context_new (const Tls *tls, gboolean is_server, GError **error)
{
  SSL_CTX *context =
      SSL_CTX_new_ex (tls->library, NULL, is_server ? TLS_server_method () : TLS_client_method ());
  const char *ciphers = ike_plugin_option (tls->self, "ciphers"),
             *suites = ike_plugin_option (tls->self, "suites");

  if (!context) {
    library_fail (error, "no context can be made");
    return NULL;
  }
  SSL_CTX_set_security_level (context, SECURITY_LEVEL);
  SSL_CTX_set_options (context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION
                                    | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_CLEANSE_PLAINTEXT);
  /* RFC 5746, 4.1: "if the extension is not present ... some clients may want to terminate the
   * handshake instead of continuing". */
  if (ike_plugin_option_bool (tls->self, "legacy_servers"))
    SSL_CTX_set_options (context, SSL_OP_LEGACY_SERVER_CONNECT);
  SSL_CTX_set_mode (context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_session_cache_mode (context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets (context, 0);
  SSL_CTX_set_max_cert_list (context, PEER_CERTS_SIZE_MAX);
  SSL_CTX_set_dh_auto (context, 1);
  SSL_CTX_set_cert_verify_callback (context, trust_verify, NULL);
  SSL_CTX_set_info_callback (context, reason_note);
  if (SSL_CTX_set_cipher_list (context, ciphers) == 1
      && SSL_CTX_set_ciphersuites (context, suites) == 1)
    return context;
  SSL_CTX_free (context);
  library_fail (error, "options ciphers or suites name nothing that there is");
  return NULL;
}

/* "1.2" or "1.3": the index of the enumeration. */
static guint16
version_of (const Tls *tls, const char *option)
{
  return g_str_equal (ike_plugin_option (tls->self, option), "1.3") ? IKE_TLS_1_3 : IKE_TLS_1_2;
}

static gboolean
services_find (Tls *tls, GError **error)
{
  const IkeProvided *pki = ike_feature_find (tls->engine, "service:pki", error), *credentials;

  credentials = pki ? ike_feature_find (tls->engine, "service:credentials", error) : NULL;
  if (!credentials)
    return FALSE;
  tls->pki = pki->ops;
  tls->pki_plugin = pki->plugin;
  tls->credentials = credentials->ops;
  tls->credentials_plugin = credentials->plugin;
  return TRUE;
}

static gboolean
tls_activate (IkePlugin *self, GError **error)
{
  Tls *tls = g_new0 (Tls, 1);

  tls->self = self;
  tls->engine = ike_plugin_engine (self);
  tls->decoded = decoded_table_new ();
  tls->n_decoded = ike_counter (tls->engine, "tls.decoded");
  ike_plugin_set_state (self, tls, state_free);
  tls->min_version = version_of (tls, "min_version");
  tls->max_version = version_of (tls, "max_version");
  if (tls->min_version > tls->max_version) {
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_CONFIG,
                         "min_version is above max_version: no version is left");
    return FALSE;
  }
  if (!services_find (tls, error) || !library_open (tls, error))
    return FALSE;
  tls->client = context_new (tls, FALSE, error);
  tls->server = tls->client ? context_new (tls, TRUE, error) : NULL;
  return tls->server != NULL;
}

/* Before the first session that has the new ones: old keys need not wait for that. */
static void
tls_reloaded (IkePlugin *self)
{
  Tls *tls = ike_plugin_state (self);

  decoded_forget (tls->decoded);
}

static const char *const needs[] = { "service:pki", "service:credentials", NULL };

static const IkeFeature service_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "service:tls",
  .ops = &session_ops,
  .needs = needs,
};
static const IkeFeature *const features[] = { &service_feature, NULL };

static const IkeFeatureKind pki_kind = { sizeof pki_kind,
                                         "service:pki",
                                         1,
                                         0,
                                         G_STRUCT_OFFSET (IkePkiOps, chain_clear)
                                             + sizeof (gpointer),
                                         sizeof (IkePkiOps) };
static const IkeFeatureKind credentials_kind = {
  sizeof credentials_kind,    "service:credentials",      1, 0,
  sizeof (IkeCredentialsOps), sizeof (IkeCredentialsOps),
};
static const IkeFeatureKind *const kinds[] = { &pki_kind, &credentials_kind, NULL };

static const IkeOptionInfo min_option = {
  sizeof (IkeOptionInfo), "plugin/min_version", "enum:1.2|1.3", "1.2",
  "The oldest version of TLS, where its user says nothing else."
};
static const IkeOptionInfo max_option = { sizeof (IkeOptionInfo), "plugin/max_version",
                                          "enum:1.2|1.3", "1.3", "The newest one, likewise." };
static const IkeOptionInfo ciphers_option = {
  sizeof (IkeOptionInfo), "plugin/ciphers", "string",
  "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20",
  "Cipher suites for TLS 1.2, as OpenSSL writes such lists."
};
static const IkeOptionInfo suites_option = {
  sizeof (IkeOptionInfo), "plugin/suites", "string",
  "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
  "Cipher suites for TLS 1.3, separated by colons."
};
static const IkeOptionInfo legacy_option = {
  sizeof (IkeOptionInfo), "plugin/legacy_servers", "bool", "no",
  "Go on with servers of TLS 1.2 that do not know RFC 5746, as those of strongSwan."
};
static const IkeOptionInfo *const options[] = { &min_option,    &max_option,    &ciphers_option,
                                                &suites_option, &legacy_option, NULL };

IKE_PLUGIN (ike_plugin, "tls", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "TLS 1.2 and 1.3 by OpenSSL's libssl", .features = features, .kinds = kinds,
            .options = options, .activate = tls_activate, .reload_commit = tls_reloaded);
