/* SPDX-License-Identifier: Apache-2.0 */
/* attributes.h - packets of EAP-SIM, EAP-AKA and EAP-AKA': a subtype and attributes (RFC 4186, 8.1).
 *
 * A packet is read once, into views; each attribute may stand in it once (AT_KDF several times), has the length that
 * its kind has, and one that is not known and not skippable makes the packet one that cannot be processed. */
#pragma once
#include <ikebana/eap.h>
#include <ikebana/reader.h>
#include <ikebana/writer.h>

/* Subtypes (RFC 4187, 8.1; RFC 4186, 8.1), one space of numbers. */
enum { SIM_AKA_CHALLENGE = 1, SIM_AKA_REJECT = 2, SIM_AKA_SYNC_FAILURE = 4, SIM_AKA_IDENTITY = 5, SIM_START = 10,
       SIM_CHALLENGE = 11, SIM_NOTIFICATION = 12, SIM_REAUTHENTICATION = 13, SIM_CLIENT_ERROR = 14 };

/* The attributes that are known, in no order of the wire's. */
typedef enum {
  AT_RAND, AT_AUTN, AT_RES, AT_AUTS, AT_PADDING, AT_NONCE_MT, AT_PERMANENT_ID_REQ, AT_MAC, AT_NOTIFICATION,
  AT_ANY_ID_REQ, AT_IDENTITY, AT_VERSION_LIST, AT_SELECTED_VERSION, AT_FULLAUTH_ID_REQ, AT_COUNTER,
  AT_COUNTER_TOO_SMALL, AT_NONCE_S, AT_CLIENT_ERROR_CODE, AT_KDF_INPUT, AT_KDF, AT_IV, AT_ENCR_DATA,
  AT_NEXT_PSEUDONYM, AT_NEXT_REAUTH_ID, AT_CHECKCODE, AT_RESULT_IND, AT_BIDDING, N_SIM_ATTRIBUTES,
} SimAttribute;
#define SIM_BIT(attribute) (1u << (attribute))

enum { SIM_HEADER_LEN = 8, SIM_MAC_LEN = 16, SIM_KDFS_MAX = 8, SIM_PACKET_MAX = 1024 };

typedef struct {
  guint8       code, identifier, type, subtype;
  const guint8 *data;                         /* the whole packet */
  gsize         len;
  guint32       has;                          /* SIM_BIT()s */
  IkeReader     value[N_SIM_ATTRIBUTES];      /* what is in it: without "reserved", padding and actual length */
  gsize         mac_at;                       /* where the value of AT_MAC stands in @data */
  guint16       kdfs[SIM_KDFS_MAX];           /* AT_KDF, in their order */
  guint         n_kdfs;
} SimPacket;

/* Reads the packet @data of @type.  NULL, or what is wrong with it: static text, for people. */
const char *sim_packet_read (SimPacket *packet, guint8 type, const guint8 *data, gsize len);
/* Reads attributes alone, as they come out of AT_ENCR_DATA. */
const char *sim_attributes_read (SimPacket *packet, const guint8 *data, gsize len);
/* Has it all of @must, and besides them nothing but @may? (Skippable ones may always be there.) */
gboolean    sim_packet_fits (const SimPacket *packet, guint32 must, guint32 may);
/* The 16-bit number of AT_NOTIFICATION, AT_COUNTER, AT_CLIENT_ERROR_CODE, AT_SELECTED_VERSION. */
guint16     sim_packet_number (const SimPacket *packet, SimAttribute attribute);
const guint8 *sim_packet_value (const SimPacket *packet, SimAttribute attribute, gsize *len);

/* How much of an identity is asked for, each once and in this order (RFC 4186, 4.2.5; RFC 4187, 4.1.5). */
typedef enum { SIM_ID_NONE, SIM_ID_ANY, SIM_ID_FULLAUTH, SIM_ID_PERMANENT, SIM_ID_END } SimIdLevel;
#define SIM_ID_REQUESTS \
  (SIM_BIT (AT_ANY_ID_REQ) | SIM_BIT (AT_FULLAUTH_ID_REQ) | SIM_BIT (AT_PERMANENT_ID_REQ))
SimIdLevel   sim_packet_level (const SimPacket *packet);
/* The attribute that asks for @level, which is not SIM_ID_NONE. */
SimAttribute sim_level_request (SimIdLevel level);

/* Writing: a packet in a buffer of SIM_PACKET_MAX bytes, then attributes, then the end, which fills in the length. */
void sim_write_begin  (IkeWriter *writer, guint8 *buffer, guint8 code, guint8 identifier, guint8 type, guint8 subtype);
void sim_write_empty  (IkeWriter *writer, SimAttribute attribute);
void sim_write_number (IkeWriter *writer, SimAttribute attribute, guint16 number);
/* "Reserved", then the value, whose length is a multiple of 4 (but AT_AUTS has no "reserved"). */
void sim_write_value  (IkeWriter *writer, SimAttribute attribute, const void *value, gsize len);
/* The actual length, in the unit of this attribute, then the value, then padding. */
void sim_write_counted (IkeWriter *writer, SimAttribute attribute, const void *value, gsize len);
gboolean sim_write_end (IkeWriter *writer);
