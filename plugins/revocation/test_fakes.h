/* SPDX-License-Identifier: Apache-2.0 */
/* test_fakes.h - an engine in virtual time with this plugin, and with plugins that pretend: `service:pki` whose CRLs
 * and responses are lines of text, `fetch:http` with servers of the test, `service:credentials` with an authority.
 *
 * CRL: "CRL issuer=NAME number=N this=T next=T [base=N] [fresh=URI,URI] [ca=yes] [signer=NAME] [pad=N]
 *       [revoked=SERIAL:REASON,…]"
 * Response: "OCSP status=good|revoked|unknown [this=T] [next=T] [serial=N] [nonce=HEX] [signer=NAME] [by=…]"; what is
 * missing of serial and nonce is as asked for.  Times are seconds, counted from the beginning of the simulation. */
#pragma once
#include <ikebana/engine.h>
#include <ikebana/fetch.h>

enum { FAKE_NEVER = -1, FAKE_SERVERS_MAX = 4096, FAKE_LOCAL_MAX = 8 };

/* What a server does; by URI. */
typedef struct {
  gint64      delay_ms;                       /* FAKE_NEVER: it does not answer */
  char       *text;                           /* NULL: it fails */
  guint       n_asked, n_cancelled;
} FakeServer;

typedef struct {
  IkeSim     *sim;
  IkeEngine  *engine;
  const IkeRevocationClass *ops;
  IkePlugin  *plugin;
  GHashTable *servers;                        /* URI → FakeServer */
  guint       n_parsed, n_verified;           /* CRLs; signatures of CRLs */
  guint       n_stalls;                       /* large ones of these on the io loop: none when it is closed */
  /* credentials */
  const char *const *authority_crls, *const *authority_ocsp;  /* of every CA; NULL: none */
  char       *local[FAKE_LOCAL_MAX];          /* CRLs in files */
  guint64     generation;
  GPtrArray  *made;                           /* IkeCrl: those in files */
  IkeCert    *root, *ca, *leaf;
} Bench;

typedef struct {
  gboolean    is_done;
  IkeRevocationVerdict verdict;
  char       *error;                          /* of the call */
  GBytes     *staple;
  gint64      at_us;                          /* when it was answered, after it was asked */
  Bench      *bench;
} Outcome;

/* @flags: of the engine.  @settings: of the plugin.  Root, CA (serial 1) and leaf (serial 2), which name no URI. */
void     bench_open  (Bench *bench, guint32 flags, const char *settings);
void     bench_close (Bench *bench);
FakeServer *bench_serve (Bench *bench, const char *uri, gint64 delay_ms, const char *text);
/* A certificate by @issuer; replaces the leaf. */
void     bench_leaf  (Bench *bench, guint serial, const char *ocsp_uri, const char *crl_uri);
IkeCert *fake_cert_new   (const char *subject, const char *issuer, guint serial, const char *ocsp_uri,
                          const char *crl_uri);
void     fake_cert_unref (IkeCert *cert);

/* Of the leaf and the CA. */
void     ask      (Bench *bench, guint policy, Outcome *outcome);
void     ask_with (Bench *bench, const IkeRevocationQuery *query, Outcome *outcome);
void     ask_staple (Bench *bench, Outcome *outcome);
void     run      (Bench *bench);             /* until nothing happens any more */
void     run_for  (Bench *bench, gint64 seconds);
void     outcome_clear (Outcome *outcome);
/* Asks, runs, clears. */
void     assert_verdict (Bench *bench, guint policy, gboolean is_good, gboolean is_revoked, const char *reason);
guint    asked (Bench *bench, const char *uri);
/* Runs the command and returns its result. */
IkeTree *bench_command (Bench *bench, const char *name);

/* Adds a test that runs plainly, with every order shuffled, and with answers that come from another thread. */
void     add_test (const char *name, void (*test) (guint32 flags));
