/* SPDX-License-Identifier: Apache-2.0 */
/* eap_aka.h - the two ends of EAP-AKA (RFC 4187) and EAP-AKA' (RFC 9048), which differ in how keys are made. */
#pragma once
#include "shared/sim/method.h"

enum { AKA_KDF = 1, AKA_NETWORK_MAX = 255 };

/* The plugin's options. */
typedef struct {
  SimOptions common;                          /* first */
  char      *network_name;                    /* NULL: not set */
} AkaOptions;

/* How much of an identity is asked for; each may be asked for once, in this order. */
typedef enum { AKA_ID_NONE, AKA_ID_ANY, AKA_ID_FULLAUTH, AKA_ID_PERMANENT, AKA_ID_END } AkaIdLevel;

/* What both ends keep. */
typedef struct {
  SimTalk     talk;
  AkaIdLevel  level;                          /* of the last AKA-Identity */
  GByteArray *identities;                     /* the packets of these rounds, for AT_CHECKCODE */
} AkaTalk;

extern const SimTalkClass aka_server_class, aka_prime_server_class, aka_peer_class, aka_prime_peer_class;

const AkaOptions *aka_options (const SimTalk *talk);
gboolean aka_is_prime  (const SimTalk *talk);
/* A round of AKA-Identity is over. */
void     aka_remember  (AkaTalk *aka, const guint8 *packet, gsize len);
void     aka_clear     (SimTalk *talk);
gboolean aka_write_checkcode (AkaTalk *aka, IkeWriter *writer);
/* Is AT_CHECKCODE right, if it is there? */
gboolean aka_checkcode_is_right (AkaTalk *aka, const SimPacket *packet);
/* @network: for EAP-AKA'. */
gboolean aka_derive    (AkaTalk *aka, const IkeSimQuintuplet *quintuplet, IkePart network);
