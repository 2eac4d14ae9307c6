/* SPDX-License-Identifier: Apache-2.0 */
/* ikev2.c - the plugin `ikev2`: the exchanges of RFC 7296 as tasks.
 *
 * IKE_SA_INIT (init, natd), IKE_AUTH (identity, auth, child), CREATE_CHILD_SA for further children,
 * INFORMATIONAL (delete, and what the peer says).  The engine in the core says when; the files
 * beside this one say how.  What the exchanges need comes by name: `ke:…` and `prf:…` from a crypto
 * plugin, `auth:…` from authentication plugins, `kernel:ipsec` for children. */
#include "ikev2.h"
#include "ikev2_private.h"

#define BIT(state) (1u << (state))
#define UP (BIT (IKE_SA_ESTABLISHED) | BIT (IKE_SA_REKEYING))
#define LIVE (UP | BIT (IKE_SA_REKEYED) | BIT (IKE_SA_DELETING))

static const IkeStateRow init_rows[] = {
  { IKE_ROW_REQUEST, IKE_ROLE_RESPONDER, BIT (IKE_SA_CREATED), "SA KE Nonce CERTREQ* N* V*" },
  { IKE_ROW_RESPONSE, IKE_ROLE_INITIATOR, BIT (IKE_SA_CONNECTING), "SA KE Nonce CERTREQ* N* V*" },
  { IKE_ROW_RESPONSE, IKE_ROLE_INITIATOR, BIT (IKE_SA_CONNECTING), "N(COOKIE)" },
  { IKE_ROW_RESPONSE, IKE_ROLE_INITIATOR, BIT (IKE_SA_CONNECTING), "N(INVALID_KE_PAYLOAD)" },
  { 0, 0, 0, NULL },
};

static const IkeStateRow auth_rows[] = {
  { IKE_ROW_REQUEST, IKE_ROLE_RESPONDER, BIT (IKE_SA_CONNECTING),
    "IDi CERT* CERTREQ* IDr? AUTH? CP? SA? TSi? TSr? N* V*" },
  { IKE_ROW_REQUEST, IKE_ROLE_RESPONDER, BIT (IKE_SA_CONNECTING), "EAP N* V*" },
  { IKE_ROW_REQUEST, IKE_ROLE_RESPONDER, BIT (IKE_SA_CONNECTING), "AUTH? N* V*" },
  { IKE_ROW_RESPONSE, IKE_ROLE_INITIATOR, BIT (IKE_SA_CONNECTING),
    "IDr CERT* AUTH? EAP? CP? SA? TSi? TSr? N* V*" },
  { IKE_ROW_RESPONSE, IKE_ROLE_INITIATOR, BIT (IKE_SA_CONNECTING),
    "AUTH EAP? CP? SA? TSi? TSr? N* V*" },
  { IKE_ROW_RESPONSE, IKE_ROLE_INITIATOR, BIT (IKE_SA_CONNECTING), "EAP? N* V*" },
  { IKE_ROW_RESPONSE, IKE_ROLE_INITIATOR, BIT (IKE_SA_CONNECTING), "CP? SA TSi TSr N* V*" },
  { 0, 0, 0, NULL },
};

static const IkeStateRow create_child_rows[] = {
  { IKE_ROW_REQUEST, IKE_ROLE_BOTH, UP, "SA Nonce KE? TSi? TSr? N* V*" },
  { IKE_ROW_RESPONSE, IKE_ROLE_BOTH, UP | BIT (IKE_SA_DELETING), "SA Nonce KE? TSi? TSr? N* V*" },
  { IKE_ROW_RESPONSE, IKE_ROLE_BOTH, UP | BIT (IKE_SA_DELETING), "N+ V*" },
  { 0, 0, 0, NULL },
};

static const IkeStateRow informational_rows[] = {
  { IKE_ROW_REQUEST, IKE_ROLE_BOTH, LIVE, "N* D* CP? V*" },
  { IKE_ROW_RESPONSE, IKE_ROLE_BOTH, LIVE, "N* D* CP? V*" },
  { 0, 0, 0, NULL },
};

static const IkeExchangeClass init_exchange = {
  .struct_size = sizeof (IkeExchangeClass),
  .number = 34,
  .flags = IKE_EXCHANGE_INITIAL | IKE_EXCHANGE_CLEAR,
  .before = "IKE_AUTH",
  .phases = "init",
  .rows = init_rows,
  .operation = "establish",
};
static const IkeExchangeClass auth_exchange = {
  .struct_size = sizeof (IkeExchangeClass),
  .number = 35,
  .after = "IKE_SA_INIT",
  .phases = "identify auth authorized config child finish",
  .rows = auth_rows,
  .operation = "establish",
};
static const IkeExchangeClass create_child_exchange = {
  .struct_size = sizeof (IkeExchangeClass),
  .number = 36,
  .after = "IKE_AUTH",
  .phases = "main child finish",
  .rows = create_child_rows,
};
static const IkeExchangeClass informational_exchange = {
  .struct_size = sizeof (IkeExchangeClass),
  .number = 37,
  .after = "IKE_AUTH",
  .phases = "main finish",
  .rows = informational_rows,
};

static gboolean
is_same_text (gconstpointer a, gconstpointer b)
{
  return !g_strcmp0 (a, b);
}

static gboolean
is_same_child (gconstpointer a, gconstpointer b)
{
  return ((const IkeChildRef *) a)->serial == ((const IkeChildRef *) b)->serial;
}

static const IkeOperationClass establish_operation = {
  .struct_size = sizeof (IkeOperationClass),
  .exchange = "IKE_SA_INIT",
  .priority = 500,
  .touches = IKE_TOUCHES_IKE,
  .is_same = is_same_text,
  .free_args = g_free,
};
static const IkeOperationClass delete_operation = {
  .struct_size = sizeof (IkeOperationClass),
  .exchange = "INFORMATIONAL",
  .priority = 400,
  .touches = IKE_TOUCHES_IKE,
};
static const IkeOperationClass delete_child_operation = {
  .struct_size = sizeof (IkeOperationClass),
  .exchange = "INFORMATIONAL",
  .priority = 390,
  .touches = IKE_TOUCHES_CHILD,
  .is_same = is_same_child,
  .free_args = g_free,
};
static const IkeOperationClass create_child_operation = {
  .struct_size = sizeof (IkeOperationClass),
  .exchange = "CREATE_CHILD_SA",
  .priority = 150,
  .touches = IKE_TOUCHES_CHILD,
  .is_same = is_same_text,
  .free_args = g_free,
};
static const IkeOperationClass rekey_child_operation = {
  .struct_size = sizeof (IkeOperationClass),
  .exchange = "CREATE_CHILD_SA",
  .priority = 200,
  .touches = IKE_TOUCHES_CHILD,
  .is_same = is_same_child,
  .free_args = g_free,
};
static const IkeOperationClass rekey_operation = {
  .struct_size = sizeof (IkeOperationClass),
  .exchange = "CREATE_CHILD_SA",
  .priority = 210,
  .touches = IKE_TOUCHES_IKE,
};
/* As `rekey`, and the old one stays as it is; who agreed on that with the peer says so in the same
 * request.  With the name of a child: the new one gets that. */
static const IkeOperationClass rekey_beside_operation = {
  .struct_size = sizeof (IkeOperationClass),
  .exchange = "CREATE_CHILD_SA",
  .priority = 140,
  .touches = IKE_TOUCHES_IKE,
  .is_same = is_same_text,
  .free_args = g_free,
};
static const IkeOperationClass liveness_operation = {
  .struct_size = sizeof (IkeOperationClass),
  .exchange = "INFORMATIONAL",
  .priority = 100,
  .touches = IKE_TOUCHES_NOTHING,
};

#define NOTIFY(symbol, number, least, most, count, where)                                          \
  static const IkeNotifyClass symbol##_notify = { .struct_size = sizeof (IkeNotifyClass),          \
                                                  .type = number,                                  \
                                                  .min_len = least,                                \
                                                  .max_len = most,                                 \
                                                  .max_count = count,                              \
                                                  .exchanges = where }

NOTIFY (critical, IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD, 1, 1, 1,
        "IKE_AUTH CREATE_CHILD_SA INFORMATIONAL");
NOTIFY (syntax, IKE_N_INVALID_SYNTAX, 0, 64, 1, "IKE_AUTH CREATE_CHILD_SA INFORMATIONAL");
NOTIFY (proposal, IKE_N_NO_PROPOSAL_CHOSEN, 0, 64, 1, "IKE_AUTH CREATE_CHILD_SA");
NOTIFY (invalid_ke, IKE_N_INVALID_KE_PAYLOAD, 2, 2, 1, "IKE_SA_INIT CREATE_CHILD_SA");
NOTIFY (auth_failed, IKE_N_AUTHENTICATION_FAILED, 0, 64, 1, "IKE_AUTH INFORMATIONAL");
NOTIFY (single_pair, IKE_N_SINGLE_PAIR_REQUIRED, 0, 64, 1, "IKE_AUTH CREATE_CHILD_SA");
NOTIFY (no_additional, IKE_N_NO_ADDITIONAL_SAS, 0, 64, 1, "IKE_AUTH CREATE_CHILD_SA");
NOTIFY (address, IKE_N_INTERNAL_ADDRESS_FAILURE, 0, 64, 1, "IKE_AUTH CREATE_CHILD_SA");
NOTIFY (cp_required, IKE_N_FAILED_CP_REQUIRED, 0, 64, 1, "IKE_AUTH CREATE_CHILD_SA");
NOTIFY (ts, IKE_N_TS_UNACCEPTABLE, 0, 64, 1, "IKE_AUTH CREATE_CHILD_SA");
NOTIFY (temporary, IKE_N_TEMPORARY_FAILURE, 0, 64, 1, "IKE_AUTH CREATE_CHILD_SA");
NOTIFY (not_found, IKE_N_CHILD_SA_NOT_FOUND, 0, 64, 1, "CREATE_CHILD_SA");
NOTIFY (nat_source, IKE_N_NAT_DETECTION_SOURCE_IP, 20, 20, 16,
        "IKE_SA_INIT IKE_SESSION_RESUME INFORMATIONAL");
NOTIFY (nat_destination, IKE_N_NAT_DETECTION_DESTINATION_IP, 20, 20, 1,
        "IKE_SA_INIT IKE_SESSION_RESUME INFORMATIONAL");
NOTIFY (cookie, IKE_N_COOKIE, 1, 64, 1, "IKE_SA_INIT IKE_SESSION_RESUME");
NOTIFY (transport, IKE_N_USE_TRANSPORT_MODE, 0, 0, 1, "IKE_AUTH CREATE_CHILD_SA");
NOTIFY (beet, IKEV2_N_USE_BEET_MODE, 0, 0, 1, "IKE_AUTH CREATE_CHILD_SA");
NOTIFY (ipcomp, IKE_N_IPCOMP_SUPPORTED, 3, 1024, 16, "IKE_AUTH CREATE_CHILD_SA");
NOTIFY (another, IKEV2_N_ANOTHER_AUTH_FOLLOWS, 0, 0, 1, "IKE_AUTH");
NOTIFY (rekey, IKE_N_REKEY_SA, 0, 0, 1, "CREATE_CHILD_SA");

#define FEATURE(symbol, name, class_)                                                              \
  static const IkeFeature symbol##_feature = { .struct_size = sizeof (IkeFeature),                 \
                                               .provides = name,                                   \
                                               .ops = &class_ }

FEATURE (init_x, "exchange:IKE_SA_INIT", init_exchange);
FEATURE (auth_x, "exchange:IKE_AUTH", auth_exchange);
FEATURE (create_child_x, "exchange:CREATE_CHILD_SA", create_child_exchange);
FEATURE (informational_x, "exchange:INFORMATIONAL", informational_exchange);
FEATURE (establish_o, "operation:establish", establish_operation);
FEATURE (delete_o, "operation:delete", delete_operation);
FEATURE (delete_child_o, "operation:delete-child", delete_child_operation);
FEATURE (create_child_o, "operation:create-child", create_child_operation);
FEATURE (rekey_child_o, "operation:rekey-child", rekey_child_operation);
FEATURE (rekey_o, "operation:rekey", rekey_operation);
FEATURE (rekey_beside_o, "operation:rekey-beside", rekey_beside_operation);
FEATURE (liveness_o, "operation:liveness", liveness_operation);
FEATURE (init_t, "task:init", ikev2_init_task);
FEATURE (natd_t, "task:natd", ikev2_natd_task);
FEATURE (natd_needed_t, "task:natd-needed", ikev2_natd_needed_task);
FEATURE (id_t, "task:identity", ikev2_id_task);
FEATURE (auth_t, "task:auth", ikev2_auth_task);
FEATURE (child_t, "task:child", ikev2_child_task);
FEATURE (create_child_t, "task:create-child", ikev2_create_child_task);
FEATURE (rekey_t, "task:rekey", ikev2_rekey_task);
FEATURE (delete_t, "task:delete", ikev2_delete_task);
FEATURE (informational_t, "task:informational", ikev2_informational_task);
FEATURE (critical_n, "notify:UNSUPPORTED_CRITICAL_PAYLOAD", critical_notify);
FEATURE (syntax_n, "notify:INVALID_SYNTAX", syntax_notify);
FEATURE (proposal_n, "notify:NO_PROPOSAL_CHOSEN", proposal_notify);
FEATURE (invalid_ke_n, "notify:INVALID_KE_PAYLOAD", invalid_ke_notify);
FEATURE (auth_failed_n, "notify:AUTHENTICATION_FAILED", auth_failed_notify);
FEATURE (single_pair_n, "notify:SINGLE_PAIR_REQUIRED", single_pair_notify);
FEATURE (no_additional_n, "notify:NO_ADDITIONAL_SAS", no_additional_notify);
FEATURE (address_n, "notify:INTERNAL_ADDRESS_FAILURE", address_notify);
FEATURE (cp_required_n, "notify:FAILED_CP_REQUIRED", cp_required_notify);
FEATURE (ts_n, "notify:TS_UNACCEPTABLE", ts_notify);
FEATURE (temporary_n, "notify:TEMPORARY_FAILURE", temporary_notify);
FEATURE (not_found_n, "notify:CHILD_SA_NOT_FOUND", not_found_notify);
FEATURE (nat_source_n, "notify:NAT_DETECTION_SOURCE_IP", nat_source_notify);
FEATURE (nat_destination_n, "notify:NAT_DETECTION_DESTINATION_IP", nat_destination_notify);
FEATURE (cookie_n, "notify:COOKIE", cookie_notify);
FEATURE (transport_n, "notify:USE_TRANSPORT_MODE", transport_notify);
FEATURE (beet_n, "notify:USE_BEET_MODE", beet_notify);
FEATURE (ipcomp_n, "notify:IPCOMP_SUPPORTED", ipcomp_notify);
FEATURE (another_n, "notify:ANOTHER_AUTH_FOLLOWS", another_notify);
FEATURE (rekey_n, "notify:REKEY_SA", rekey_notify);

static const IkeFeature *const features[] = {
  &init_x_feature,          &auth_x_feature,
  &create_child_x_feature,  &informational_x_feature,
  &establish_o_feature,     &delete_o_feature,
  &delete_child_o_feature,  &create_child_o_feature,
  &rekey_child_o_feature,   &rekey_o_feature,
  &rekey_t_feature,         &rekey_beside_o_feature,
  &liveness_o_feature,      &init_t_feature,
  &natd_t_feature,          &natd_needed_t_feature,
  &id_t_feature,
  &auth_t_feature,
  &child_t_feature,         &create_child_t_feature,
  &delete_t_feature,        &informational_t_feature,
  &critical_n_feature,      &syntax_n_feature,
  &proposal_n_feature,      &invalid_ke_n_feature,
  &auth_failed_n_feature,   &single_pair_n_feature,
  &no_additional_n_feature, &address_n_feature,
  &cp_required_n_feature,   &ts_n_feature,
  &temporary_n_feature,     &not_found_n_feature,
  &nat_source_n_feature,    &nat_destination_n_feature,
  &cookie_n_feature,        &transport_n_feature,
  &beet_n_feature,          &ipcomp_n_feature,
  &rekey_n_feature,         &ikev2_fragmentation_feature,
  &ikev2_fragmentation_acts_feature, &ikev2_window_size_feature,
  &ikev2_contact_notify_feature, &ikev2_contact_task_feature,
  &ikev2_unique_acts_feature, &another_n_feature, &ikev2_multiple_auth_feature, NULL,
};

static gboolean
activate (IkePlugin *self, GError **error)
{
  Ikev2 *ikev2 = g_new0 (Ikev2, 1);

  ikev2->on_authorize = ike_hook_point (ike_plugin_engine (self), "authorize");
  ikev2->on_narrow = ike_hook_point (ike_plugin_engine (self), "narrow");
  ikev2->on_heir = ike_hook_point (ike_plugin_engine (self), "heir-asked");
  ikev2_rekeys_register (self, ikev2);
  ike_plugin_set_state (self, ikev2, g_free);
  return ikev2_authorize_register (self, ikev2, error);
}

IKE_PLUGIN (ike_plugin, "ikev2", 0, .version = "0.1.0", .license = "Apache-2.0",
            .summary = "the exchanges of IKEv2 (RFC 7296)", .features = features,
            .activate = activate);
