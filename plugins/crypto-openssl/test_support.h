/* SPDX-License-Identifier: Apache-2.0 */
/* test_support.h - an engine in simulation with this plugin and nothing else, and its features
 * by name. */
#pragma once
#include <ikebana/crypto.h>
#include <ikebana/engine.h>

typedef struct {
  IkeSim *sim;
  IkeEngine *engine;
} Bench;

void bench_open (Bench *bench, guint64 seed);
/* With @plugin linked into the test instead of the file. */
void bench_open_builtin (Bench *bench, guint64 seed, const IkePluginInfo *plugin);
/* With threads of its own: one shard and two offload threads. */
void bench_open_real (Bench *bench);
void bench_close (Bench *bench);
/* Runs @run on shard 0, to its end. */
void bench_on_shard (Bench *bench, IkeFunc run, gpointer data);
/* Fails the test when the feature is not ready. */
const IkeProvided *bench_feature (Bench *bench, const char *feature);
/* Bytes of a vector's field; @len bytes, g_free. */
guint8 *bytes_of (const char *hexadecimal, gsize *len);
