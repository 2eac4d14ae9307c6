/* SPDX-License-Identifier: Apache-2.0 */
/* test_support.h - what tests of the plugin radius share: an engine in simulation, questions, and servers that answer
 * as they are told. */
#pragma once
#include "test_net.h"

typedef struct {
  IkeSim             *sim;
  IkeEngine          *engine;
  RadiusNet          *net;                    /* NULL, like @sim: it is on real sockets */
  const IkeRadiusOps *ops;
  IkePlugin          *plugin;
  gboolean          (*is_it) (gpointer data);
  gpointer            data;
  gint64              deadline_us;
} Bench;

/* @settings of plugins.radius. */
void bench_open  (Bench *bench, const char *settings);
/* On real sockets, with the plugins radius and @plugins (NULL-terminated, NULL: none), and maybe one that the test
 * brings; @settings is then all of a file. */
void bench_open_real (Bench *bench, const char *settings, const char *const *plugins, const IkePluginInfo *own);
/* Runs a real engine, once, until @is_it, or fails after a while. */
void bench_until (Bench *bench, gboolean (*is_it) (gpointer data), gpointer data);
/* NULL, or why the plugin is not there. */
char *bench_refusal (const char *settings);
void bench_close (Bench *bench);
void bench_run   (Bench *bench, double seconds);
double bench_now (const Bench *bench);
/* The result of `ikebana radius`. */
IkeTree *bench_status (Bench *bench);
/* A number of the row of @server ("alpha", "alpha accounting"). */
gint64 bench_number (Bench *bench, const char *server, const char *path);
/* A text of it; "" when it has none.  g_free. */
char *bench_text (Bench *bench, const char *server, const char *path);

/* -- servers */

typedef enum {
  ANSWER_WELL, ANSWER_NOTHING, ANSWER_WRONG_SECRET, ANSWER_WRONG_IDENTIFIER, ANSWER_WRONG_CODE, ANSWER_WRONG_MAC,
  ANSWER_WITHOUT_MAC, ANSWER_CUT, ANSWER_LOOPING, ANSWER_FROM_ELSEWHERE, ANSWER_TWICE,
} Manner;

typedef struct {
  IkeAddr      at;
  const char  *secret;
  Manner       manner;
  guint8       code;                          /* 0: whatever means yes */
  void       (*add) (IkeWriter *w, const RadiusPacket *request, RadiusSecret secret);   /* more attributes */
  gboolean     ignores_status;
  gint64       think_us;
  guint        n_heard, n_status;
  double       first_at, last_at;
  guint8       last[IKE_RADIUS_PACKET_MAX];   /* the request, as it came */
  gsize        last_len;
  RadiusNet   *net;
} Fake;

void fake_open (Fake *fake, Bench *bench, const char *address, guint16 port);   /* what else is set stays */
RadiusSecret fake_secret (const Fake *fake);

/* -- questions */

typedef struct {
  /* to be filled in; code 0: Access-Request */
  guint8          code;
  const char     *group;
  guint32         server;
  const char     *password, *user;            /* user NULL: "nemo" */
  gboolean        with_eap, is_long;          /* nearly as long as a packet may be */
  guint32         timeout_ms;                 /* of the call; 0: five minutes */

  IkeRadiusReply *reply;
  char           *error;
  gboolean        is_done;
  double          at;                         /* when it was done */
  IkeCall        *call;
  Bench          *bench;
} Ask;

void ask_begin  (Bench *bench, Ask *ask);
void ask_cancel (Ask *ask);
/* Begins it and runs until it is done; on a real engine once. */
void ask_wait   (Bench *bench, Ask *ask);
/* On a real engine: one after the other; ends with NULL. */
void ask_each   (Bench *bench, Ask *const *asks);
void ask_clear  (Ask *ask);
