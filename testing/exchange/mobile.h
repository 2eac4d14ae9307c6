/* SPDX-License-Identifier: Apache-2.0 */
/* mobile.h - two ends that may change their addresses, and tagged packets that flow between them meanwhile: one from
 * each end every 50 ms, through whatever the SAs are then.  `a` is the client. */
#pragma once
#include "exchange/impaired.h"

typedef struct {
  Pair  *pair;
  Forge *forge;                               /* NULL: nobody stands between */
  guint  n_sent, n_arrived, n_lost;           /* of this flow and those before it */
} Mobile;

/* Further keys of the connections, which override those of mobile.c; more than that by options. */
Mobile *mobile_new  (gconstpointer flags, const char *conn_a, const char *conn_b);
typedef struct {
  gconstpointer flags;
  const char   *conn[2], *more[2];
  gboolean      has_forge, stays_down;
  const char   *starts_with[2];               /* addresses of each; NULL: 10.0.0.1, 10.0.0.2 */
} MobileOptions;
Mobile *mobile_new_with (const MobileOptions *options);
void    mobile_free (Mobile *m);
/* The addresses that an end has from now on, on the wire and in its kernel, the best first: "10.0.0.3, fd00::3". */
void    mobile_set  (Mobile *m, PairEnd *end, const char *addresses);
/* The same, and the kernel does not tell. */
void    mobile_wire (Mobile *m, PairEnd *end, const char *addresses);
/* Packets for so long; what did not arrive by then is lost. */
void    mobile_flow (Mobile *m, guint ms);
/* Both ends, and their kernels, agree on this pair of addresses: of `a`, and of `b`. */
void    mobile_assert_path (Mobile *m, const char *a, const char *b);
/* As `a` and `b` see the pair they send by: "local remote". g_free. */
char   *mobile_path (PairEnd *end);
void    mobile_run_ms (Mobile *m, guint ms);
