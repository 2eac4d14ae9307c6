/* SPDX-License-Identifier: Apache-2.0 */
/* talk.h - the course of a conversation that the methods of cards have in common: a packet in, a packet out, failures
 * in the form that both ends know, result indications, and questions to those who know cards.
 *
 * A method's state begins with a SimTalk.  What answers a turn (marked "last") may end the conversation before it
 * returns: nothing of the talk is touched behind it. */
#pragma once
#include <ikebana/eap.h>
#include <ikebana/runtime.h>
#include "keys.h"

typedef struct _SimTalk SimTalk;

/* RFC 4186, 10.19. */
enum { SIM_ERROR_UNABLE = 0, SIM_ERROR_VERSION = 1, SIM_ERROR_TOO_FEW = 2, SIM_ERROR_NOT_FRESH = 3 };
/* RFC 4186, 10.18, and the bits of 6.1. */
enum { SIM_NOTE_FAILURE = 16384, SIM_NOTE_SUCCESS = 32768, SIM_NOTE_S = 0x8000, SIM_NOTE_P = 0x4000 };

typedef struct {
  guint8   type;                              /* of EAP */
  gboolean is_server;
  gsize    size;                              /* of the whole state */
  void   (*begin)    (SimTalk *talk);         /* server: makes the first request */
  void   (*received) (SimTalk *talk, const SimPacket *packet);    /* there for the whole turn */
  void   (*clear)    (SimTalk *talk);         /* may be NULL */
} SimTalkClass;

typedef enum {
  SIM_PHASE_OPEN,
  SIM_PHASE_INDICATING,                       /* authenticated, and a notification follows that says so */
  SIM_PHASE_FAILING,                          /* server: its notification of a failure is under way */
  SIM_PHASE_OVER,                             /* peer: it is content */
} SimPhase;

typedef enum { SIM_ASK_TRIPLETS, SIM_ASK_QUINTUPLET, SIM_ASK_GSM, SIM_ASK_AKA } SimQuestion;

/* @result: for the receiver to free; NULL with @error: a reason, or NULL: nobody knows the card. */
typedef void (*SimThen) (SimTalk *talk, gpointer result, const char *error);

struct _SimTalk {
  const SimTalkClass  *klass;
  IkePlugin           *plugin;
  const IkeEapContext *context;
  SimCrypto            crypto;
  SimKeys              keys;
  SimPhase             phase;
  guint8               identifier;            /* of the packet to be made */
  IkeCall             *step;                  /* the turn that is to be answered */
  char                *reason;                /* FAILING */
  SimPacket            packet;                /* the one of this turn */
  IkeWriter            out;
  guint8               buffer[SIM_PACKET_MAX];
  guint8               identity[IKE_EAP_IDENTITY_MAX];    /* as it goes into the keys */
  gsize                identity_len;
  /* A question that is open. */
  IkeCall             *asking;
  SimQuestion          question;
  IkeSimQuery          query;
  SimThen              then;
  guint                source;                /* of the providers */
  char                 card[IKE_EAP_IDENTITY_MAX + 1];    /* user part of the identity */
  guint                skip;                  /* leading characters of it that are left out */
};

gpointer sim_talk_new  (const SimTalkClass *klass, IkePlugin *plugin, const IkeEapContext *context, char **why);
void     sim_talk_step (gpointer state, IkeCall *call, const guint8 *data, gsize len, guint8 identifier);
void     sim_talk_end  (gpointer state);

/* The identity from now on; FALSE: it is none that a card could have. */
gboolean sim_talk_identify (SimTalk *talk, const void *identity, gsize len);
IkePart  sim_talk_identity (const SimTalk *talk);

/* A packet to be filled. */
IkeWriter *sim_talk_packet (SimTalk *talk, guint8 subtype);
/* Sends it: last. */
void sim_talk_send     (SimTalk *talk);
/* Sends it with AT_MAC over itself and @extra: last.  @outcome: MORE, or DONE (peer). */
void sim_talk_send_mac (SimTalk *talk, IkePart extra, IkeEapOutcome outcome);
/* Server: the peer is who it says to be; with a notification first when @indicate.  Last. */
void sim_talk_succeed  (SimTalk *talk, gboolean indicate);
/* It fails, and the other end is told: the server by a notification, the peer by a client error.  Last. */
void sim_talk_fail     (SimTalk *talk, const char *format, ...) G_GNUC_PRINTF (2, 3);
void sim_talk_error    (SimTalk *talk, guint16 code, const char *reason);     /* peer: with this code */
/* It fails with the packet that was begun, or with none.  Last. */
void sim_talk_give_up  (SimTalk *talk, gboolean has_packet, const char *reason);

/* Peer: is what the packet of this turn holds encrypted as it must be?  NULL: yes.  Its AT_MAC was right. */
const char *sim_talk_sealed (SimTalk *talk);

/* Asks those who know cards, one after the other, about the card of the present identity.  What @query points to is
 * valid until @then, which is called now or later. */
void sim_talk_ask (SimTalk *talk, SimQuestion question, const IkeSimQuery *query, SimThen then);
