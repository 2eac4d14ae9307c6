/* SPDX-License-Identifier: Apache-2.0 */
/* eap_aka.h - the two ends of EAP-AKA (RFC 4187) and EAP-AKA' (RFC 9048), which differ in how keys are made. */
#pragma once
#include "shared/sim/method.h"

enum { AKA_KDF = 1, AKA_NETWORK_MAX = 255, AKA_BIDDING_D = 0x8000 };

/* The plugin's options. */
typedef struct {
  SimOptions common;                          /* first */
  char      *network_name;                    /* NULL: not set */
  gboolean   prefers_prime;                   /* EAP-AKA' to EAP-AKA */
} AkaOptions;

/* What both ends keep. */
typedef struct {
  SimTalk     talk;
  SimIdLevel  level;                          /* of the last AKA-Identity */
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
