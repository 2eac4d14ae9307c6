/* SPDX-License-Identifier: Apache-2.0 */
/* test_talk.h - methods of EAP as tests see them: an engine in simulation, ends of a conversation in
 * it, and turns. */
#pragma once
#include <ikebana/eap.h>
#include <ikebana/engine.h>

typedef struct {
  IkeSim *sim;
  IkeEngine *engine;
} EapBench;

/* @plugins of the build tree, and the kinds of methods; @settings have the secrets. */
void eap_bench_open  (EapBench *bench, const char *const *plugins, const char *settings);
void eap_bench_close (EapBench *bench);
/* One knows carol's password, "secret"; the other has a wrong one, and one of dave's. */
void eap_bench_open_both (EapBench *right, EapBench *wrong, const char *const *plugins);

/* One end of one conversation. */
typedef struct {
  EapBench *bench;
  const IkeEapClass *klass;
  IkePlugin *plugin;
  IkeEapContext context;
  gpointer state;                             /* NULL: it did not begin, */
  char *why;                                  /* for this reason */
  IkeEapStep *last;                           /* what it said last; its own */
} EapEnd;

/* @feature "eap-server:md5"; @identity NULL: none. */
void eap_end_open   (EapEnd *end, EapBench *bench, const char *feature, const char *identity);
/* Begins anew after something was changed in its context. */
void eap_end_begin  (EapEnd *end);
void eap_end_close  (EapEnd *end);
/* One turn; @packet NULL: the first of a server.  Fails the test when the call is not answered. */
const IkeEapStep *eap_end_step (EapEnd *end, const guint8 *packet, gsize len, guint8 identifier);

/* From the first request until one end has nothing more to say, the identifiers counting from 1.
 * TRUE: the server is done, and the peer is content. */
gboolean eap_talk (EapEnd *server, EapEnd *peer);
/* The same, but only @n packets are handed over; returns the last one that was said. */
const IkeEapStep *eap_talk_until (EapEnd *server, EapEnd *peer, guint n);
/* A whole one by @method ("md5"), of which no key comes: it is well, or the server says @needle. */
void eap_check_talk (EapBench *of_server, EapBench *of_peer, const char *method, const char *identity,
                     const char *needle_or_null);

/* It failed, for people to read @needle, and gives neither a key nor a name. */
void eap_assert_failed (const IkeEapStep *step, const char *needle);
