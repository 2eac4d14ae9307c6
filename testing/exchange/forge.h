/* SPDX-License-Identifier: Apache-2.0 */
/* forge.h - somebody between two engines who knows their keys: makes any message, clear or sealed, puts it on the wire,
 * and reads what is answered.  Sealing is done here with libcrypto, not with the engines' own code. */
#pragma once
#include "exchange/pair.h"

enum { FORGE_SK_AI, FORGE_SK_AR, FORGE_SK_EI, FORGE_SK_ER, FORGE_SK_PI, FORGE_SK_PR, FORGE_SK_N,
       FORGE_PAYLOADS_MAX = 256 };

typedef struct { gsize len; guint8 data[64]; } ForgeKey;

typedef struct _Forge Forge;
/* What the plugin heard in one engine. */
typedef struct {
  Forge   *forge;
  IkeSaRef sa;                                /* of the newest keys */
  guint    n_keys, n_child_keys, n_states, n_plain;
  guint    n_hooks;                           /* calls of the hook that @strike_at names */
  const char *strike_at;                      /* name of a hook point: there @strike is called, once */
  void   (*strike) (IkeSa *sa, gpointer data);
  gpointer strike_data;
  IkeHookVerdict verdict;                     /* what the struck hook says */
} ForgeEnd;

/* What it takes to write to an IKE SA. */
typedef struct { guint64 spi_i, spi_r; ForgeKey keys[FORGE_SK_N]; } ForgeSa;

typedef struct { IkeAddr from, to; gsize len; guint8 data[]; } ForgePacket;   /* from the IKE header */

struct _Forge {
  Pair      *pair;
  ForgeEnd   a, b;
  guint64    spi_i, spi_r;
  ForgeKey   keys[FORGE_SK_N];
  GPtrArray *sent;                            /* what both engines sent since forge_clear() */
  guint      tap;
};

/* To be among PairOptions.builtin; then one forge at a time. */
extern const IkePluginInfo forge_plugin;
/* A pair with this plugin in it, the first of @options->builtin, and @options->plugins. */
Forge *forge_new  (const PairOptions *options_or_null);
void   forge_free (Forge *forge);
void   forge_clear (Forge *forge);
/* That of the newest keys; and back to one that was before it. */
ForgeSa forge_sa   (Forge *forge);
void   forge_use   (Forge *forge, const ForgeSa *sa);
/* Steps for so long. */
void   forge_run_ms (Forge *forge, guint ms);
/* Runs @run on the SA of the newest keys of @end. */
void   forge_on_sa (PairEnd *end, ForgeEnd *heard, void (*run) (IkeSa *sa, gpointer data), gpointer data);
guint  forge_n_sas (PairEnd *end);
guint64 forge_n_kernel_calls (PairEnd *end);

/* A chain of payloads. */
typedef struct { guint8 type; gboolean is_critical; const void *body; gsize len; } ForgePayload;
typedef struct { guint n; ForgePayload items[FORGE_PAYLOADS_MAX]; } ForgeChain;
void   forge_add (ForgeChain *chain, guint8 type, const void *body, gsize len);
gsize  forge_chain_write (const ForgeChain *chain, guint8 *out, guint8 *first);

typedef struct {
  gboolean from_a, is_response, is_clear;     /* `a` is the original initiator */
  guint8   exchange, version;                 /* 0: 0x20 */
  guint32  id;
  guint64  spi_i, spi_r;                      /* both 0: of the SA */
  gboolean is_fragment;
  guint16  number, total;                     /* of a fragment */
} ForgeHead;
/* A whole message; its length. */
gsize  forge_write (Forge *forge, const ForgeHead *head, const ForgeChain *chain, guint8 *out);
gsize  forge_write_plain (Forge *forge, const ForgeHead *head, guint8 first, const guint8 *plain, gsize len,
                          guint8 *out);
/* Puts it on the wire, and lets the engines work. */
void   forge_inject (Forge *forge, gboolean to_b, const void *data, gsize len);
void   forge_inject_from (Forge *forge, const char *from, guint16 port, gboolean to_b, const void *data, gsize len);
void   forge_send (Forge *forge, const ForgeHead *head, const ForgeChain *chain);

/* The @nth message of the host of @from_b since forge_clear(); NULL: none. */
const ForgePacket *forge_sent (Forge *forge, gboolean from_b, guint nth);
guint  forge_n_sent (Forge *forge, gboolean from_b);
/* Opens what is in SK, or copies a clear chain; FALSE: does not open. */
gboolean forge_open (Forge *forge, const ForgePacket *packet, guint8 *first, guint8 *plain, gsize *len);
/* What an answer says: the type of its first notify, FORGE_EMPTY, FORGE_OTHER, or FORGE_BAD when it does not open. */
enum { FORGE_EMPTY = 0, FORGE_OTHER = -1, FORGE_BAD = -2, FORGE_NONE = -3 };
int    forge_says (Forge *forge, const ForgePacket *packet_or_null);
