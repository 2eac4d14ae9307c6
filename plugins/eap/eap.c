/* SPDX-License-Identifier: Apache-2.0 */
/* eap.c - authentication by EAP (RFC 7296, 2.16; RFC 5998): `auth = eap-METHOD`.  The methods are
 * plugins of their own, of the kinds `eap-server` and `eap-peer`. */
#include "config.h"
#include "eap_auth.h"
#include "shared/shared-key/shared_key.h"
#include <string.h>

enum { PAYLOAD_EAP = 48, METHOD_SHARED_KEY = 2, EAP_ONLY_AUTHENTICATION = 16417 };

static void
proof_free (gpointer data)
{
  Proof *proof = data;

  ike_secret_blob_unref (proof->msk);
  g_free (proof);
}

static const IkeSlotClass proof_slot = {
  .struct_size = sizeof (IkeSlotClass),
  .name = "eap",
  .destroy = proof_free,
};

Proof *
eap_proof (Eap *eap, IkeSa *sa)
{
  Proof *proof = ike_sa_slot (sa, eap->slot);

  if (!proof) {
    proof = g_new0 (Proof, 1);
    ike_sa_set_slot (sa, eap->slot, proof);
  }
  return proof;
}

const char *
eap_method_of (const IkeAuthConf *conf)
{
  return conf->auth[3] == '-' && conf->auth[4] ? conf->auth + 4 : NULL;
}

/* -- AUTH */

/* RFC 7296, 2.16: "For EAP methods that create a shared key as a side effect of authentication,
 * that shared key MUST be used by both the initiator and responder to generate AUTH payloads";
 * "If EAP methods that do not generate a shared key are used, the AUTH payloads in messages 7
 * and 8 MUST be generated using SK_pi and SK_pr, respectively." */
static gboolean
auth_value (Eap *eap, IkeSa *sa, gboolean of_initiator, GBytes *octets, guint8 *out)
{
  const Proof *proof = ike_sa_slot (sa, eap->slot);

  if (proof->msk)
    return shared_key_run (ike_sa_prf (sa), ike_secret_blob_data (proof->msk),
                           ike_secret_blob_len (proof->msk), octets, out);
  return shared_key_run_sk (sa, of_initiator, octets, out);
}

static gboolean
is_over (Eap *eap, IkeSa *sa, IkeCall *call)
{
  const Proof *proof = ike_sa_slot (sa, eap->slot);

  if (proof && proof->is_done)
    return TRUE;
  ike_call_fail (call, "the peer does not leave it to EAP alone to authenticate both ends "
                       "(EAP_ONLY_AUTHENTICATION); a gateway needs local { auth = pubkey } or psk");
  return FALSE;
}

static void
eap_sign (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, GBytes *octets)
{
  Eap *eap = ike_plugin_state (self);
  guint8 value[IKE_SECRET_MAX];

  if (!is_over (eap, sa, call))
    return;
  if (!auth_value (eap, sa, ike_sa_is_initiator (sa), octets, value))
    ike_call_fail (call, "the AUTH value cannot be computed: the PRF of this SA failed");
  else
    ike_call_answer (call, shared_key_value (ike_sa_prf (sa), METHOD_SHARED_KEY, value));
}

static void
eap_verify (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, guint8 method,
            const guint8 *value, gsize len, GBytes *octets)
{
  Eap *eap = ike_plugin_state (self);
  guint8 expected[IKE_SECRET_MAX];
  gboolean is_right;

  if (!is_over (eap, sa, call))
    return;
  is_right = method == METHOD_SHARED_KEY
             && auth_value (eap, sa, !ike_sa_is_initiator (sa), octets, expected)
             && len == ike_prf_class (ike_sa_prf (sa))->out_len && ike_equal (expected, value, len);
  ike_wipe (expected, sizeof expected);
  if (is_right)
    ike_call_answer (call, (gpointer) "EAP");
  else
    ike_call_fail (call,
                   "its AUTH after EAP is wrong: it does not have the key that the EAP method "
                   "made, so somebody may stand between");
}

/* -- EAP-only */

static gboolean
eap_is_mutual (IkePlugin *self, IkeSa *sa, const IkeAuthConf *conf, gboolean is_local)
{
  Proof *proof = eap_proof (ike_plugin_state (self), sa);

  proof->is_only = !is_local || proof->has_said_only;
  return proof->is_only;
}

static gboolean
is_by_eap (const IkeAuthConf *conf)
{
  return conf && g_str_has_prefix (conf->auth, "eap")
         && (conf->auth[3] == '\0' || conf->auth[3] == '-');
}

/* RFC 5998, 3: "If the initiator does not wish to use public-key-based responder authentication, it
 * includes an EAP_ONLY_AUTHENTICATION notification payload (16417) in message 3." */
static gboolean
send_only (IkePlugin *self, IkeSa *sa, IkeExchange *x, IkeWriter *out)
{
  if (!ike_exchange_is_initiator (x) || ike_exchange_message_id (x) != 1
      || !is_by_eap (ike_sa_auth_conf (sa, TRUE)) || !is_by_eap (ike_sa_auth_conf (sa, FALSE)))
    return FALSE;
  ike_notify_write (out, 0, EAP_ONLY_AUTHENTICATION, NULL, 0, NULL, 0);
  return TRUE;
}

static gboolean
received_only (IkePlugin *self, IkeSa *sa, IkeExchange *x, const IkeNotify *notify)
{
  if (!ike_exchange_is_initiator (x))
    eap_proof (ike_plugin_state (self), sa)->has_said_only = TRUE;
  return TRUE;
}

static const IkeNotifyClass only_notify = {
  .struct_size = sizeof (IkeNotifyClass),
  .type = EAP_ONLY_AUTHENTICATION,
  .max_count = 1,
  .exchanges = "IKE_AUTH",
  .send = send_only,
  .received = received_only,
};

/* -- whom a connection takes */

static gboolean
is_in_one (IkeSa *sa, const char *groups)
{
  g_auto (GStrv) list = g_strsplit (groups, ",", -1);

  for (guint i = 0; list[i]; i++)
    if (ike_sa_is_in_group (sa, g_strstrip (list[i])))
      return TRUE;
  return FALSE;
}

/* Methods with a tunnel prove who speaks inside, which need not be who was said outside.  Whom the
 * section lets in is said of both. */
static gboolean
is_wanted (const Eap *eap, IkeSa *sa, const IkeAuthConf *conf, char **why)
{
  const char *eap_id = ike_option_text (conf->options, eap->remote_eap_id);
  gboolean has_own = eap_id && *eap_id;
  g_autoptr (IkeIdent) wanted = has_own    ? ike_ident_parse (eap_id, NULL)
                                : conf->id ? ike_ident_ref (conf->id)
                                           : NULL;
  char user[256], text[256];

  if (!wanted || ike_ident_match (ike_sa_user (sa), wanted))
    return TRUE;
  *why = g_strdup_printf ("the user is %s, %s.%s is %s%s",
                          ike_ident_format (ike_sa_user (sa), user, sizeof user), conf->name,
                          has_own ? "eap_id" : "id", ike_ident_format (wanted, text, sizeof text),
                          has_own ? "" : "; eap_id says who else may come in");
  return FALSE;
}

static gboolean
eap_fits (IkePlugin *self, IkeSa *sa, const IkeAuthConf *conf, char **why)
{
  Eap *eap = ike_plugin_state (self);
  const char *groups = ike_option_text (conf->options, eap->remote_groups);

  if (!is_wanted (eap, sa, conf, why))
    return FALSE;
  if (groups && *groups && !is_in_one (sa, groups)) {
    *why = g_strdup_printf ("the user is in none of the groups %s of %s", groups, conf->name);
    return FALSE;
  }
  return TRUE;
}

static void
eap_check (IkePlugin *self, const IkeAuthConf *conf, gboolean is_local, GPtrArray *problems)
{
  IkeEngine *engine = ike_plugin_engine (self);
  const char *method = eap_method_of (conf);
  g_autofree char *feature = NULL, *why = NULL;
  const IkeProvided *found;

  if (!is_by_eap (conf) || (conf->auth[3] && !method)) {
    g_ptr_array_add (problems, g_strdup ("auth: write eap-METHOD, such as eap-mschapv2"));
    return;
  }
  if (!method)
    return;
  feature = g_strconcat (is_local ? "eap-peer:" : "eap-server:", method, NULL);
  found = ike_feature_find (engine, feature, NULL);
  if (found) {
    if (((const IkeEapClass *) found->ops)->check)
      ((const IkeEapClass *) found->ops)->check (found->plugin, conf, problems);
    return;
  }
  why = ike_plugin_explain (engine, feature);
  g_ptr_array_add (problems, g_strdup_printf ("auth: '%s' cannot be used: %s", conf->auth, why));
}

/* -- the plugin */

/* The key has done its work. */
static IkeHookVerdict
is_up (IkePlugin *self, IkeSa *sa, IkeUpDownEvent *event)
{
  Eap *eap = ike_plugin_state (self);

  if (event->is_up && ike_sa_slot (sa, eap->slot))
    ike_sa_set_slot (sa, eap->slot, NULL);
  return IKE_HOOK_PASS;
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  Eap *eap = g_new0 (Eap, 1);

  ike_plugin_set_state (self, eap, g_free);
  eap->self = self;
  eap->engine = ike_plugin_engine (self);
  eap->slot = ike_slot_register (self, &proof_slot);
  eap->on_done = ike_hook_point (eap->engine, "eap-done");
  return ike_option_find (eap->engine, "local/eap_id", &eap->local_eap_id, error)
         && ike_option_find (eap->engine, "local/aaa_id", &eap->local_aaa_id, error)
         && ike_option_find (eap->engine, "remote/eap_id", &eap->remote_eap_id, error)
         && ike_option_find (eap->engine, "remote/groups", &eap->remote_groups, error)
         && ike_ike_updown_hook_add (self, "eap", NULL, is_up, error);
}

static const IkeAuthClass eap_class = {
  .struct_size = sizeof (IkeAuthClass),
  .methods = { METHOD_SHARED_KEY },
  .sign = eap_sign,
  .verify = eap_verify,
  .check = eap_check,
  .talks = PAYLOAD_EAP,
  .talk_begin = eap_talk_begin,
  .talk = eap_talk,
  .talk_end = eap_talk_end,
  .is_mutual = eap_is_mutual,
  .fits = eap_fits,
};

static const char *const wants[] = { "eap-server:*", "eap-peer:*", NULL };

static const IkeFeature auth_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "auth:eap",
  .ops = &eap_class,
  .wants = wants,
};
static const IkeFeature only_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "notify:EAP_ONLY_AUTHENTICATION",
  .ops = &only_notify,
};

static const IkeFeature *const features[] = { &auth_feature, &only_feature, NULL };

static const IkeFeatureKind server_kind = { sizeof (IkeFeatureKind), "eap-server",        1, 0,
                                            sizeof (IkeEapClass),    sizeof (IkeEapClass) };
static const IkeFeatureKind peer_kind = { sizeof (IkeFeatureKind), "eap-peer",          1, 0,
                                          sizeof (IkeEapClass),    sizeof (IkeEapClass) };

static const IkeFeatureKind *const kinds[] = { &server_kind, &peer_kind, NULL };

#define OPTION(path, type, fallback, doc)                                                          \
  &(const IkeOptionInfo)                                                                           \
  {                                                                                                \
    sizeof (IkeOptionInfo), path, type, fallback, doc                                              \
  }

static const IkeOptionInfo *const options[] = {
  OPTION ("local/eap_id", "string", NULL,
          "The name that we say in EAP, where that is another than `id`."),
  OPTION ("local/aaa_id", "string", NULL,
          "Whom the certificate of the EAP server must stand for; unset: the `id` of the remote "
          "section, %any: anybody that a CA vouches for."),
  OPTION ("remote/eap_id", "string", NULL,
          "The peer's name in EAP. %any: it is asked for it, and so it is for a pattern, which it "
          "must fit then; unset: it is the peer's `id`, which the user must fit."),
  OPTION ("remote/groups", "list", NULL,
          "Groups of which the peer must be in one, as the EAP method or its server found out."),
  NULL,
};

IKE_PLUGIN (ike_plugin, "eap", 0, .version = "1.0", .license = "Apache-2.0",
            .summary = "Authentication by EAP (RFC 7296, RFC 5998)", .features = features,
            .kinds = kinds, .options = options, .activate = activate);
