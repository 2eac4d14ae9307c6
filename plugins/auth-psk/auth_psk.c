/* SPDX-License-Identifier: Apache-2.0 */
/* auth_psk.c - authentication with a pre-shared key (RFC 7296, 2.15): `auth = psk`.
 *
 * The secret is looked up when it is needed, by both identities, in the configuration of that
 * moment: a reload changes secrets for the next authentication, not for SAs that are up. */
#include <string.h>

#include "shared/shared-key/shared_key.h"
#include <ikebana/plugin.h>

enum { METHOD_SHARED_KEY = 2, ID_SIZE = 128, REASON_SIZE = 256 };

static const IkeAuthConf *
conf_of_round (const IkeAuthConf *confs, guint n, guint32 round)
{
  for (guint i = 0; i < n; i++)
    if (confs[i].round == round)
      return &confs[i];
  return NULL;
}

/* An initiator signs before it has heard who the peer says to be: then the configuration says
 * whom it expects. */
static const IkeIdent *
expected_peer (IkeSa *sa, const IkeAuthConf *conf)
{
  const IkeConn *conn = ike_sa_conn (sa);
  const IkeAuthConf *remote =
      conn ? conf_of_round (conn->remote, conn->n_remote, conf ? conf->round : 0) : NULL;

  if (!remote && conn && conn->n_remote > 0)
    remote = &conn->remote[0];
  return remote && remote->id && !ike_ident_is_pattern (remote->id)
                 && ike_ident_type (remote->id) != IKE_ID_ANY
             ? remote->id
             : NULL;
}

static IkeSecretBlob *
find_secret (IkeSa *sa, const IkeIdent *local, const IkeIdent *remote)
{
  g_autoptr (IkeConfig) config = ike_engine_config (ike_sa_engine (sa));
  IkeSecretBlob *secret;

  if (!config)
    return NULL;
  if (remote)
    return ike_config_find_secret (config, "ike", local, remote);

  g_autoptr (IkeIdent) address = ike_ident_from_addr (ike_sa_remote (sa));

  secret = ike_config_find_secret (config, "ike", local, address);
  return secret ? secret : ike_config_find_secret (config, "ike", local, NULL);
}

/* Fails @call with a reason and returns NULL, or the secret with a reference. */
static IkeSecretBlob *
require_secret (IkeSa *sa, const IkeAuthConf *conf, gboolean is_signing, IkeCall *call)
{
  const IkeIdent *local = ike_sa_local_id (sa), *remote = ike_sa_remote_id (sa);
  char local_text[ID_SIZE] = "%any", remote_text[ID_SIZE] = "%any",
       reason[2 * ID_SIZE + REASON_SIZE];

  if (!remote && is_signing)
    remote = expected_peer (sa, conf);

  g_autoptr (IkeSecretBlob) secret = find_secret (sa, local, remote);

  if (secret && ike_secret_blob_len (secret) > 0)
    return g_steal_pointer (&secret);
  if (local)
    ike_ident_format (local, local_text, sizeof local_text);
  if (remote)
    ike_ident_format (remote, remote_text, sizeof remote_text);
  g_snprintf (reason, sizeof reason,
              secret
                  ? "the shared secret for %.80s - %.80s is empty"
                  : "no shared secret for %.80s - %.80s; add secrets.ike-NAME with id and secret",
              local_text, remote_text);
  ike_call_fail (call, reason);
  return NULL;
}

static gboolean
auth_value (IkeSa *sa, IkeSecretBlob *secret, GBytes *octets, guint8 out[static IKE_SECRET_MAX])
{
  return shared_key_run (ike_sa_prf (sa), ike_secret_blob_data (secret),
                         ike_secret_blob_len (secret), octets, out);
}

static void
psk_sign (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, GBytes *octets)
{
  g_autoptr (IkeSecretBlob) secret = require_secret (sa, conf, TRUE, call);
  guint8 value[IKE_SECRET_MAX];

  if (!secret)
    return;
  if (!auth_value (sa, secret, octets, value))
    ike_call_fail (call, "the AUTH value cannot be computed: the PRF of this SA failed");
  else
    ike_call_answer (call, shared_key_value (ike_sa_prf (sa), METHOD_SHARED_KEY, value));
}

static void
psk_verify (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, guint8 method,
            const guint8 *value, gsize len, GBytes *octets)
{
  if (method != METHOD_SHARED_KEY) {
    ike_call_fail (call,
                   "the peer did not authenticate with a pre-shared key, as this connection asks");
    return;
  }

  g_autoptr (IkeSecretBlob) secret = require_secret (sa, conf, FALSE, call);
  guint8 expected[IKE_SECRET_MAX];

  if (!secret)
    return;
  if (!auth_value (sa, secret, octets, expected)) {
    ike_call_fail (call, "the AUTH value cannot be computed: the PRF of this SA failed");
    return;
  }

  gboolean is_right =
      len == ike_prf_class (ike_sa_prf (sa))->out_len && ike_equal (expected, value, len);
  char remote_text[ID_SIZE] = "%any", reason[ID_SIZE + REASON_SIZE];

  ike_wipe (expected, sizeof expected);
  if (is_right) {
    ike_call_answer (call, (gpointer) "pre-shared key");
    return;
  }
  if (ike_sa_remote_id (sa))
    ike_ident_format (ike_sa_remote_id (sa), remote_text, sizeof remote_text);
  g_snprintf (
      reason, sizeof reason,
      "the AUTH value of %.100s does not fit our shared secret; do both sides have the same "
      "one for these identities?",
      remote_text);
  ike_call_fail (call, reason);
}

static const IkeAuthClass psk_class = {
  .struct_size = sizeof (IkeAuthClass),
  .methods = { METHOD_SHARED_KEY },
  .sign = psk_sign,
  .verify = psk_verify,
};

static const IkeFeature psk_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "auth:psk",
  .ops = &psk_class,
};

static const IkeFeature *const features[] = { &psk_feature, NULL };

IKE_PLUGIN (ike_plugin, "auth-psk", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "Authentication with pre-shared keys", .features = features);
