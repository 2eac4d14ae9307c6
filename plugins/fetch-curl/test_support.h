/* SPDX-License-Identifier: Apache-2.0 */
/* test_support.h - a real engine with this plugin, and calls that are made from its control loop.
 *
 * Steps of a test are functions on the control loop; waiting is looking again, some milliseconds later, until a
 * deadline that only a failing test reaches. */
#pragma once
#include <ikebana/engine.h>
#include <ikebana/fetch.h>

enum { PATIENCE_S = 60 };

typedef struct _Bench Bench;

typedef struct {
  const char *uri;
  const char *post, *content_type, *accept;
  guint32     max_size, timeout_ms;           /* 0: 1000 bytes, 30 s */
  /* what became of it */
  char       *got, *error;
  gboolean    is_done;
  Bench      *bench;
  IkeCall    *call;                           /* until it is done */
} Ask;

struct _Bench {
  IkeEngine  *engine;
  const IkeFetchClass *ops;
  IkePlugin  *plugin;
  gboolean  (*step) (Bench *bench);           /* again until it returns TRUE, which ends the test */
  gpointer    data;
  gint64      deadline_us;
};

/* With @settings of plugins.fetch-curl. */
void bench_open  (Bench *bench, const char *settings);
void bench_open_simulated (Bench *bench, IkeSim *sim);
void bench_close (Bench *bench);
/* Runs the engine until @step is TRUE. */
void bench_run   (Bench *bench, gboolean (*step) (Bench *bench), gpointer data);
void ask_begin   (Bench *bench, Ask *ask);    /* control loop */
void ask_cancel  (Ask *ask);
void ask_clear   (Ask *ask);
/* All of @asks, whose last one has no URI, at once; runs the engine until all are done. */
void bench_ask   (Bench *bench, Ask *asks);
