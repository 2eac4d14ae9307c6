/* SPDX-License-Identifier: Apache-2.0 */
/* test_support.h - what tests of TLS share: a directory of certificates, and an engine in simulation that has it.
 *
 * There are, of one CA (root.pem): server and client; old, which has expired; onlyserver, whose purpose is serverAuth;
 * and foreign, of a CA that nobody has.  Each NAME.pem stands for NAME.test, with the key NAME.key. */
#pragma once
#include <ikebana/engine.h>
#include <ikebana/tls.h>

typedef struct {
  IkeSim          *sim;
  IkeEngine       *engine;
  char            *dir;
  const IkeTlsOps *tls;
  IkePlugin       *plugin;                    /* of service:tls */
} TlsBench;

/* @settings: of plugins, NULL: none; @plugins: further ones by name, NULL-terminated, NULL: none; @builtin: likewise,
 * linked into the test.  @connections: a file of the plugin store-file, which then must be among them; NULL: none. */
typedef struct {
  const char                 *settings, *connections;
  const char *const          *plugins;
  const IkePluginInfo *const *builtin;
} TlsBenchOptions;

void tls_bench_open  (TlsBench *bench, const TlsBenchOptions *options_or_null);
void tls_bench_close (TlsBench *bench);

/* A session that must be had. */
IkeTls *tls_bench_session (TlsBench *bench, const IkeTlsConf *conf);
/* Carries what waits from @from to @to in pieces of @piece bytes (0: whole); how much it was. */
gsize tls_bench_carry (TlsBench *bench, IkeTls *from, IkeTls *to, gsize piece);
/* Both ways, until nothing waits. */
void  tls_bench_pump  (TlsBench *bench, IkeTls *a, IkeTls *b, gsize piece);
