/* SPDX-License-Identifier: Apache-2.0 */
/* test_bench.h - an engine with this plugin, simulated or with threads, and questions to it that are waited for. */
#pragma once
#include <semaphore.h>

#include "private.h"

typedef struct {
  IkeSim          *sim;                       /* NULL: real threads, control on @thread */
  IkeEngine       *engine;
  const char      *settings;
  pthread_t        thread;
  sem_t            started, may_end;
  const IkePkiOps *pki;
  IkePlugin       *pki_plugin;
} Bench;

/* An answer to come; any loop. */
typedef struct {
  sem_t    done;
  gpointer result;
  char    *error;
} Answer;

void       bench_open      (Bench *bench, const char *settings);
void       bench_open_real (Bench *bench, const char *settings);
/* Is it left out, and why? */
char      *bench_explain   (const char *settings);
void       bench_close     (Bench *bench);
void       bench_on_control (Bench *bench, IkeFunc run, gpointer data);

void       answer_init     (Answer *answer);
/* Waits, at most a minute; in simulation until quiet. */
void       answer_wait     (Bench *bench, Answer *answer);
/* Its data is an Answer. */
extern const IkeCallClass answer_call;

/* @section is the text of a section; NULL with @error, which is the reason. */
IkeKeySet *bench_load      (Bench *bench, const char *section, char **error);
void       key_set_clear   (Bench *bench, IkeKeySet *set);
/* The only key of @section; with a reference. */
Key       *bench_key       (Bench *bench, const char *section);
/* Asserts that @section has no key, for a reason that has @text in it. */
void       bench_no_key    (Bench *bench, const char *section, const char *text);
GBytes    *bench_sign      (Bench *bench, Key *key, const IkeSigScheme *scheme, GBytes *octets, char **error);
const IkeSigScheme *bench_scheme (Bench *bench, const char *name);
gboolean   bench_verify    (Bench *bench, Key *key, const IkeSigScheme *scheme, GBytes *octets, GBytes *signature);
/* Signs and verifies, and asserts both. */
void       bench_prove     (Bench *bench, Key *key, const char *scheme);
/* What the command says. */
IkeTree   *bench_tokens    (Bench *bench);
