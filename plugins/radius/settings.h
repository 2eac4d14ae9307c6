/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h - what stands in plugins.radius, read and checked once; constant from then on, on any thread. */
#pragma once
#include <ikebana/plugin.h>
#include <ikebana/radius.h>
#include <ikebana/tree.h>

enum { RADIUS_SERVERS_MAX = 64, RADIUS_CLIENTS_MAX = 64, RADIUS_SOCKETS_MAX = 64 };

/* RFC 5080, 2.2.1: IRT, the factor by which RT grows (there 2), MRC. */
typedef struct {
  guint32  first_ms;
  double   factor;
  guint    tries;
} Pace;

typedef struct {
  char          *name;
  char         **groups;
  IkeAddr        address;                     /* without a port */
  guint16        auth_port, acct_port;        /* acct_port 0: no accounting */
  IkeAddr        source;                      /* unset: as routed */
  IkeSecretBlob *secret;
  char          *nas_identifier;              /* "": none */
  guint          preference, n_sockets;
  gboolean       is_tls, requires_mac, asks_status;
  Pace           pace;
  guint32        dead_ms;
  char          *tls_id, *tls_own_id;         /* NULL: not set */
  guint32        revocation;                  /* IkeRevocationPolicy */
} ServerConf;

/* Who may send DAE requests. */
typedef struct {
  char          *name;
  IkeAddr        net;
  guint          prefix_len;
  IkeSecretBlob *secret;
} DaeClient;

typedef struct {
  gboolean   is_on, requires_timestamp, requires_mac;
  IkeAddr    listen;                          /* with a port */
  guint32    window_ms;
  GPtrArray *clients;                         /* DaeClient */
} DaeConf;

typedef struct {
  GPtrArray *servers;                         /* ServerConf; number n is at n - 1 */
  DaeConf    dae;
  guint32    timeout_ms, max_pending;
} RadiusConf;

/* NULL with @error: "FILE:LINE: …". */
RadiusConf *radius_conf_read (IkePlugin *self, GError **error);
void        radius_conf_free (RadiusConf *conf);          /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RadiusConf, radius_conf_free)

/* Is it of @group (NULL: of all)? */
gboolean    server_conf_is_of (const ServerConf *conf, const char *group);
/* How long a request waits for an answer of this server in all. */
guint32     server_conf_patience_ms (const ServerConf *conf);
