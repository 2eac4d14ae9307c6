/* SPDX-License-Identifier: Apache-2.0 */
/* redirect.h - what the files of the plugin redirect share. */
#pragma once
#include "config.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <ikebana/command.h>
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/exchange.h>
#include <ikebana/log.h>
#include <ikebana/redirect.h>

enum { REDIRECT_SUPPORTED = 16406, REDIRECT = 16407, REDIRECTED_FROM = 16408 };
enum { REDIRECT_IPV4 = 1, REDIRECT_IPV6 = 2, REDIRECT_FQDN = 3 };   /* IANA, Gateway Identity Type */
enum { REDIRECT_TIMES_MAX = 16, REDIRECT_GATEWAYS_MAX = 256 };
/* Values of `redirect` of a connection: where the policy is asked. */
/* Exchanges that may begin an IKE SA.  RFC 5723, 5.1, of what holds for one that is resumed: "Peer supports redirects
 * [RFC5685]: From new exchange". */
#define REDIRECT_FIRST "IKE_SA_INIT IKE_SESSION_RESUME"
enum { REDIRECT_NEVER, REDIRECT_AT_INIT, REDIRECT_AT_AUTH, REDIRECT_ALWAYS };

/* Who a gateway is, as on the wire. */
typedef struct { guint8 type, len, data[255]; } Gateway;

/* One of the list, and how many IKE SAs it has, as far as is known. */
typedef struct { char *name; gint64 load; } Listed;   /* load -1: nobody told */

/* What options say; replaced by a reload. */
typedef struct {
  const IkeRedirectPolicyClass *policy;       /* NULL: nobody is sent away */
  IkePlugin         *policy_plugin;
  GPtrArray         *gateways;                /* Listed */
  char             **own_names;
  guint              limit, max_redirects;
  guint64            period_s, grace_s;
} Settings;

typedef struct {
  IkeEngine      *engine;
  guint32         follow_option, redirect_option, slot;
  guint32         n_sent, n_sought, n_followed, n_refused;   /* counters */
  atomic_uint     n_sas;                      /* of clients, that are up */
  atomic_uint     turn;                       /* of round-robin */
  atomic_bool     is_on;                      /* is there a policy? */
  /* Shards read settings while control replaces them, and loads while control is told of them. */
  pthread_mutex_t lock;
  Settings       *settings, *next;            /* next: control's, between check and commit */
} Redirect;

/* With an SA.  Of a client: when it was sent elsewhere, and by whom; of a gateway: what its client can. */
typedef struct {
  gboolean peer_follows;
  IkeAddr  from;                              /* the gateway that sent us here; unset: none */
  guint    n;                                 /* the newest last */
  gint64   at_us[REDIRECT_TIMES_MAX];
} Trail;

/* whence and whereto */
typedef struct { IkeAddr local, remote; } Path;

/* redirect.c */
Trail *redirect_trail (Redirect *self, IkeSa *sa);                    /* makes it */

/* identity.c */
/* FALSE with @why, static. */
gboolean redirect_gateway_parse  (Gateway *gateway, const char *text, const char **why);
char    *redirect_gateway_format (const Gateway *gateway, char out[static IKE_REDIRECT_NAME_SIZE]);
gboolean redirect_gateway_addr   (const Gateway *gateway, IkeAddr *addr);   /* FALSE: it is a name */
void     redirect_gateway_of_addr (Gateway *gateway, const IkeAddr *addr);
/* What is behind it goes to @rest: the nonce. */
gboolean redirect_gateway_read   (const IkeNotify *notify, Gateway *gateway, IkePart *rest);
void     redirect_gateway_write  (const Gateway *gateway, guint16 notify, const IkePart *nonce_or_null, IkeWriter *out);

/* locate.c: finds an address of @gateway other than where @sa goes now, and a way there; @call, of this shard, gets a
 * Path (g_free). */
void     redirect_locate (IkeSa *sa, const Gateway *gateway, IkeCall *call);

/* policy.c */
void     redirect_settings_free (Settings *settings);
Settings *redirect_settings_read (IkePlugin *plugin, GError **error);   /* control */
/* Is it this gateway, @local where a client came to?  With the lock held. */
gboolean redirect_is_here (const Settings *settings, const char *name, const IkeAddr *local);
/* TRUE: whoever @query is about is to be sent to @gateway.  On any shard. */
gboolean redirect_ask_policy (Redirect *self, IkeRedirectQuery *query, Gateway *gateway);
extern const IkeFeature redirect_list_feature, redirect_round_robin_feature, redirect_least_loaded_feature;

/* client.c, gateway.c: their halves of the tasks */
gboolean      redirect_follows (const Redirect *self, const IkeSa *sa);
IkeTaskResult redirect_client_init (IkeTask *task, IkeExchange *x, const IkeMessage *in);
IkeTaskResult redirect_client_auth (IkeTask *task, IkeExchange *x);
void          redirect_client_told (IkeTask *task, IkeExchange *x);
IkeTaskResult redirect_gateway_auth (IkeTask *task, IkeExchange *x);
/* Its client knows where to go. */
void          redirect_gateway_told (IkeSa *sa, Redirect *self, const Gateway *gateway);
extern const IkeFeature redirect_gate_feature, redirect_operation_feature;

/* What is in hand; of both kinds of tasks. */
typedef struct {
  Gateway  gateway;
  Path    *path;                              /* what was found */
  char    *error;
  gboolean is_sent, is_asked;                 /* gateway: it is to be told; client: @path is looked for */
} Step;

/* commands.c */
extern const IkeFeature redirect_command_feature, redirect_load_feature;
