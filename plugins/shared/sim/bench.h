/* SPDX-License-Identifier: Apache-2.0 */
/* bench.h - for tests: an engine in virtual time with a file of cards, and conversations of a server and a peer. */
#pragma once
#include <ikebana/eap.h>
#include <ikebana/engine.h>
#include <ikebana/sim.h>

typedef struct {
  IkeSim    *sim;
  IkeEngine *engine;
  char      *dir, *cards;                     /* a directory of the test, and the file in it */
} SimBench;

/* @cards: text of the file; @options: of the section plugins.  More plugins of the test in @builtin, or NULL. */
SimBench *sim_bench_new  (const char *cards, const char *options, const IkePluginInfo *const *builtin);
void      sim_bench_free (SimBench *bench);
/* The engine goes and comes again; what it left on disk is there. */
void      sim_bench_restart (SimBench *bench, const char *options, gboolean politely);

/* One end of a conversation. */
typedef struct {
  SimBench          *bench;
  const IkeProvided *method;
  IkeEapContext      context;
  IkeIdent          *identity;
  gpointer           state;
  guint8            *packet;                  /* that it was given last */
  IkeEapStep        *step;                    /* the last one */
  char              *error;                   /* why a call failed */
} SimEnd;

/* @feature: "eap-server:sim"; @identity may be NULL. */
void sim_end_begin (SimEnd *end, SimBench *bench, const char *feature, const char *identity);
void sim_end_step  (SimEnd *end, const guint8 *packet, gsize len, guint8 identifier);
/* Without waiting for an answer. */
void sim_end_post  (SimEnd *end, const guint8 *packet, gsize len, guint8 identifier);
void sim_end_clear (SimEnd *end);

/* May change or replace what is on its way; @turn counts packets from 0. */
typedef void (*SimTamper) (guint turn, GByteArray *packet, gpointer data);

typedef struct {
  SimEnd     server, peer;
  GPtrArray *packets;                         /* GByteArray, as they were received */
} SimConversation;

/* Runs it until one of them has come to an end and there is no packet for the other.  "sim", "1imsi@realm". */
void sim_converse (SimConversation *talk, SimBench *bench, const char *method, const char *identity,
                   SimTamper tamper, gpointer data);
/* Server and peer in an engine each. */
void sim_converse_between (SimConversation *talk, SimBench *const benches[static 2], const char *method,
                           const char *identity, SimTamper tamper, gpointer data);
/* It has succeeded at both ends, with one MSK. */
void sim_conversation_is_good (const SimConversation *talk);
/* It has failed at the server, whose reason contains this. */
void sim_conversation_is_refused (const SimConversation *talk, const char *reason);
/* It has failed at the peer, whose reason contains this. */
void sim_conversation_is_left (const SimConversation *talk, const char *reason);
void sim_conversation_clear (SimConversation *talk);

/* What is done to one packet of a conversation, and what comes of it; where neither end says anything, all is well. */
typedef struct {
  guint       turn;                           /* which packet */
  const char *with;                           /* its subtype and attributes are replaced by these, in hexadecimal; */
  guint8      attribute;                      /* this attribute of it */
  guint       at;                             /* is changed at this byte behind its type */
  guint8      flip;                           /* by these bits; */
  const char *append;                         /* and this is added at the end */
  const char *peer_says, *server_says;
} SimChange;

void sim_add_hex (GByteArray *packet, const char *text);
/* A SimTamper for a SimChange. */
void sim_change  (guint turn, GByteArray *packet, gpointer data);
/* A conversation for each. */
void sim_try_changes (SimBench *bench, const char *method, const char *identity, const SimChange *changes, guint n);
