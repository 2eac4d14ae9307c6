/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - IANA's names of exchanges, payloads and notifies, for people and for configuration. */
#include <string.h>
#include <ikebana/message.h>

typedef struct {
  guint16     number;
  const char *name;
} Name;

static const Name exchanges[] = {
  { 34, "IKE_SA_INIT" },      { 35, "IKE_AUTH" },           { 36, "CREATE_CHILD_SA" },
  { 37, "INFORMATIONAL" },    { 38, "IKE_SESSION_RESUME" }, { 39, "GSA_AUTH" },
  { 40, "GSA_REGISTRATION" }, { 41, "GSA_REKEY" },          { 42, "GSA_INBAND_REKEY" },
  { 43, "IKE_INTERMEDIATE" }, { 44, "IKE_FOLLOWUP_KE" },
};

static const Name payloads[] = {
  { 33, "SA" },   { 34, "KE" },    { 35, "IDi" }, { 36, "IDr" }, { 37, "CERT" }, { 38, "CERTREQ" },
  { 39, "AUTH" }, { 40, "Nonce" }, { 41, "N" },   { 42, "D" },   { 43, "V" },    { 44, "TSi" },
  { 45, "TSr" },  { 46, "SK" },    { 47, "CP" },  { 48, "EAP" }, { 49, "GSPM" }, { 50, "IDg" },
  { 51, "GSA" },  { 52, "KD" },    { 53, "SKF" }, { 54, "PS" },
};

static const Name notifies[] = {
  { 1, "UNSUPPORTED_CRITICAL_PAYLOAD" },
  { 4, "INVALID_IKE_SPI" },
  { 5, "INVALID_MAJOR_VERSION" },
  { 7, "INVALID_SYNTAX" },
  { 9, "INVALID_MESSAGE_ID" },
  { 11, "INVALID_SPI" },
  { 14, "NO_PROPOSAL_CHOSEN" },
  { 17, "INVALID_KE_PAYLOAD" },
  { 24, "AUTHENTICATION_FAILED" },
  { 34, "SINGLE_PAIR_REQUIRED" },
  { 35, "NO_ADDITIONAL_SAS" },
  { 36, "INTERNAL_ADDRESS_FAILURE" },
  { 37, "FAILED_CP_REQUIRED" },
  { 38, "TS_UNACCEPTABLE" },
  { 39, "INVALID_SELECTORS" },
  { 40, "UNACCEPTABLE_ADDRESSES" },
  { 41, "UNEXPECTED_NAT_DETECTED" },
  { 42, "USE_ASSIGNED_HoA" },
  { 43, "TEMPORARY_FAILURE" },
  { 44, "CHILD_SA_NOT_FOUND" },
  { 45, "INVALID_GROUP_ID" },
  { 46, "AUTHORIZATION_FAILED" },
  { 47, "STATE_NOT_FOUND" },
  { 48, "TS_MAX_QUEUE" },
  { 49, "REGISTRATION_FAILED" },
  { 16384, "INITIAL_CONTACT" },
  { 16385, "SET_WINDOW_SIZE" },
  { 16386, "ADDITIONAL_TS_POSSIBLE" },
  { 16387, "IPCOMP_SUPPORTED" },
  { 16388, "NAT_DETECTION_SOURCE_IP" },
  { 16389, "NAT_DETECTION_DESTINATION_IP" },
  { 16390, "COOKIE" },
  { 16391, "USE_TRANSPORT_MODE" },
  { 16392, "HTTP_CERT_LOOKUP_SUPPORTED" },
  { 16393, "REKEY_SA" },
  { 16394, "ESP_TFC_PADDING_NOT_SUPPORTED" },
  { 16395, "NON_FIRST_FRAGMENTS_ALSO" },
  { 16396, "MOBIKE_SUPPORTED" },
  { 16397, "ADDITIONAL_IP4_ADDRESS" },
  { 16398, "ADDITIONAL_IP6_ADDRESS" },
  { 16399, "NO_ADDITIONAL_ADDRESSES" },
  { 16400, "UPDATE_SA_ADDRESSES" },
  { 16401, "COOKIE2" },
  { 16402, "NO_NATS_ALLOWED" },
  { 16403, "AUTH_LIFETIME" },
  { 16404, "MULTIPLE_AUTH_SUPPORTED" },
  { 16405, "ANOTHER_AUTH_FOLLOWS" },
  { 16406, "REDIRECT_SUPPORTED" },
  { 16407, "REDIRECT" },
  { 16408, "REDIRECTED_FROM" },
  { 16409, "TICKET_LT_OPAQUE" },
  { 16410, "TICKET_REQUEST" },
  { 16411, "TICKET_ACK" },
  { 16412, "TICKET_NACK" },
  { 16413, "TICKET_OPAQUE" },
  { 16414, "LINK_ID" },
  { 16415, "USE_WESP_MODE" },
  { 16416, "ROHC_SUPPORTED" },
  { 16417, "EAP_ONLY_AUTHENTICATION" },
  { 16418, "CHILDLESS_IKEV2_SUPPORTED" },
  { 16419, "QUICK_CRASH_DETECTION" },
  { 16420, "IKEV2_MESSAGE_ID_SYNC_SUPPORTED" },
  { 16421, "IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED" },
  { 16422, "IKEV2_MESSAGE_ID_SYNC" },
  { 16423, "IPSEC_REPLAY_COUNTER_SYNC" },
  { 16424, "SECURE_PASSWORD_METHODS" },
  { 16425, "PSK_PERSIST" },
  { 16426, "PSK_CONFIRM" },
  { 16427, "ERX_SUPPORTED" },
  { 16428, "IFOM_CAPABILITY" },
  { 16429, "GROUP_SENDER" },
  { 16430, "IKEV2_FRAGMENTATION_SUPPORTED" },
  { 16431, "SIGNATURE_HASH_ALGORITHMS" },
  { 16432, "CLONE_IKE_SA_SUPPORTED" },
  { 16433, "CLONE_IKE_SA" },
  { 16434, "PUZZLE" },
  { 16435, "USE_PPK" },
  { 16436, "PPK_IDENTITY" },
  { 16437, "NO_PPK_AUTH" },
  { 16438, "INTERMEDIATE_EXCHANGE_SUPPORTED" },
  { 16439, "IP4_ALLOWED" },
  { 16440, "IP6_ALLOWED" },
  { 16441, "ADDITIONAL_KEY_EXCHANGE" },
  { 16442, "USE_AGGFRAG" },
  { 16443, "SUPPORTED_AUTH_METHODS" },
  { 16444, "SA_RESOURCE_INFO" },
  { 16445, "USE_PPK_INT" },
  { 16446, "PPK_IDENTITY_KEY" },
  { 16447, "IKE_SA_INIT_FULL_TRANSCRIPT_AUTH" },
  { 40961, "USE_BEET_MODE" },                /* private use, as strongSwan has it */
};

static const char *
name_of (const Name *names, guint n, guint16 number)
{
  for (guint i = 0; i < n; i++)
    if (names[i].number == number)
      return names[i].name;
  return NULL;
}

static int
number_of (const Name *names, guint n, const char *name)
{
  for (guint i = 0; i < n; i++)
    if (strcmp (names[i].name, name) == 0)
      return names[i].number;
  return -1;
}

const char *
ike_exchange_number_name (guint8 exchange)
{
  return name_of (exchanges, G_N_ELEMENTS (exchanges), exchange);
}

const char *
ike_notify_name (guint16 type)
{
  return name_of (notifies, G_N_ELEMENTS (notifies), type);
}

const char *
ike_payload_name (guint8 type)
{
  return name_of (payloads, G_N_ELEMENTS (payloads), type);
}

int
ike_payload_number (const char *name)
{
  return number_of (payloads, G_N_ELEMENTS (payloads), name);
}

int
ike_notify_number (const char *name)
{
  return number_of (notifies, G_N_ELEMENTS (notifies), name);
}
