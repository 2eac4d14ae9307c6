/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - who asks what of which server.
 *
 * An *ask* is one request of somebody (or a Status-Server of our own): it goes from port to port until one answers or
 * its time is over.  A *port* is one server's authentication or accounting port, with what is known of its health; with
 * TLS both are one.  A *socket* has the 256 identifiers of RFC 2865, and each is one ask.  Everything is the io loop's,
 * except what says otherwise. */
#pragma once
#include <stdatomic.h>
#include <ikebana/engine.h>
#include "settings.h"
#include "shared/radius/wire.h"

enum { RADIUS_REASON_SIZE = 256 };

typedef struct _Client Client;
typedef struct _Port Port;
typedef struct _Socket Socket;
typedef struct _Ask Ask;
typedef struct _Dae Dae;

/* Why something that came was dropped. */
typedef enum { DROP_SOURCE, DROP_MALFORMED, DROP_UNKNOWN, DROP_CODE, DROP_AUTHENTICATOR, DROP_MAC, DROP_NO_MAC,
               N_DROPS } Drop;

struct _Client {
  IkePlugin        *plugin;
  IkeEngine        *engine;
  IkeLoop          *io;
  const RadiusConf *conf;                     /* constant: any thread */
  guint8            print_key[32], print[32]; /* of the section that @conf was read from: to tell whether it changed */
  Dae              *dae;                      /* NULL: off */
  guint32           c_requests, c_resent, c_answers, c_timeouts, c_refused, c_dropped;   /* counters */
  atomic_uint       n_pending;                /* asks of others, on any thread */
  atomic_bool       is_sweeping;              /* a sweep is posted */

  gboolean          is_closed;
  const IkeRadiusTransportClass *udp;         /* instead of sockets, or sockets; NULL: not looked for yet */
  IkePlugin        *udp_plugin;
  GPtrArray        *auth, *acct;              /* Port by server number - 1; NULL in acct: no accounting */
  GQueue            asks;                     /* Ask, by their links */
  guint             rotation;                 /* where equals are begun with */
};

struct _Port {
  Client           *client;
  const ServerConf *conf;
  guint32           server;
  gboolean          is_acct;                  /* the accounting port alone */
  IkeAddr           addr;
  GPtrArray        *sockets;
  guint             n_used;                   /* identifiers */
  GQueue            waiting;                  /* Ask: for an identifier */
  gboolean          is_dead;
  gint64            dead_until_us, last_heard_us;   /* INT64_MIN: never */
  char              trouble[RADIUS_REASON_SIZE];    /* of its connection; "": none */
  IkeTimer         *probe_timer;              /* dead, and is to be asked by Status-Server */
  Ask              *probe;
  guint64           n_sent, n_resent, n_answered, n_timeouts, n_deaths, n_drops[N_DROPS];
  guint32           last_rtt_us;
};

struct _Socket {
  Port             *port;
  const IkeRadiusTransportClass *transport;
  gpointer          handle;
  gboolean          is_up;                    /* of streams: there is a connection; else always */
  Ask              *by_id[256];
  guint             n_used;
  guint8            next;
};

struct _Ask {
  Client           *client;
  IkeCall          *call;                     /* NULL: a Status-Server of ours, to @probed */
  Port             *probed;
  guint8            code;
  gboolean          has_eap;
  char             *group;
  guint32           only;                     /* number of a server; 0: any */
  guint8           *attributes;
  gsize             len;
  IkeSecretBlob    *password;
  atomic_bool       is_cancelled;             /* set on any thread; seen by a sweep */

  GList             link, wait_link;          /* in asks; in waiting of @port */
  guint64           tried;                    /* bit n - 1: server n */
  GString          *why;                      /* what became of those; NULL: nothing to say */
  IkeTimer         *deadline, *timer;
  Port             *port;                     /* NULL: nowhere */
  Socket           *socket;                   /* NULL: it waits */
  guint8            identifier, authenticator[RADIUS_AUTHENTICATOR_LEN];
  guint8           *packet;
  gsize             packet_len;
  guint             n_sent;
  gboolean          is_unsent;                /* its transport did not take it the last time */
  Drop              dropped;                  /* why the last reply to it was; N_DROPS: there was none */
  guint32           wait_ms;
  gint64            begun_us;                 /* with this port */
};

/* -- client.c */

Client  *client_new   (IkePlugin *self, const RadiusConf *conf);
void     client_close (Client *client);       /* control, when the loops stand still */
void     client_free  (Client *client);
/* What carries datagrams, and whose it is: what takes the place of UDP sockets, if something does. */
const IkeRadiusTransportClass *client_datagrams (const Client *client, IkePlugin **plugin);
/* See IkeRadiusOps. */
void     client_request (IkePlugin *self, const IkeRadiusRequest *request, IkeCall *call);
guint    client_servers (IkePlugin *self, const char *group, guint32 *numbers, guint max);

/* -- ask.c */

void     ask_begin    (Ask *ask_take);
void     ask_free     (Ask *ask);             /* it is nowhere, and its call is answered */
void     ask_fail     (Ask *ask_take, const char *reason);
/* Leaves where it is for the next port, or fails when there is none. */
void     ask_move     (Ask *ask);
/* Notes what became of it at its port. */
void     ask_explain  (Ask *ask, const char *format, ...) G_GNUC_PRINTF (2, 3);
gboolean ask_has_alternative (const Ask *ask);
void     ask_answered (Ask *ask_take, const RadiusPacket *reply);
/* It got an identifier: builds its packet, sends it, and again.  @again: on a new connection. */
void     ask_send     (Ask *ask, gboolean again);
/* A Status-Server to @port. */
Ask     *ask_new_probe (Port *port);

/* -- port.c */

Port    *port_new     (Client *client, guint32 server, gboolean is_acct);
void     port_free    (Port *port);
/* Gives an identifier to @ask and sends it, or lets it wait for one.  FALSE with @error: no socket can be had. */
gboolean port_admit   (Port *port, Ask *ask, GError **error);
void     port_release (Ask *ask);             /* it leaves its port */
gboolean port_is_available (const Port *port);
/* A request need not wait for an identifier there. */
gboolean port_has_room (const Port *port);
guint    port_load    (const Port *port);
/* Somebody begins with a port that was dead: the others wait for what comes of it. */
void     port_is_tried (Port *port);
void     port_dies    (Port *port, const char *reason);
/* @ask, which has an identifier, got no answer: it leaves, too, and where to is the caller's. */
void     port_dies_of (Ask *ask, const char *reason);
void     port_lives   (Port *port);
void     port_probe_is_over (Port *port);
void     port_drop    (Port *port, Drop drop);
const char *drop_text (Drop drop);
/* "alpha (192.0.2.1:1812)" */
const char *port_name (const Port *port, char *out, gsize size);

/* A stream has a new connection: sends all again that has no answer. */
void     socket_is_up     (Socket *socket);
/* It can take more: sends what it did not take before, until it takes no more. */
void     socket_has_room  (Socket *socket);
/* A stream has none any more, and @why is of its port unless another socket of that is up.  TRUE: none is. */
gboolean socket_is_down   (Socket *socket, const char *why);
/* N_DROPS: somebody waited for it, and it was good. */
Drop     socket_take      (Socket *socket, const IkeAddr *from, const guint8 *data, gsize len);

/* -- udp.c, radsec.c: the owner of a handle of radsec is a Socket */

extern const IkeRadiusTransportClass udp_transport, radsec_transport;

/* -- dae.c */

gboolean dae_open   (Client *client, GError **error);   /* control, while plugins activate */
void     dae_close  (Client *client);
void     dae_free   (Client *client);
void     dae_set_handler (IkePlugin *self, IkePlugin *handler, IkeRadiusDynamicFunc received);
void     dae_describe (Client *client, IkeTree *into);

/* -- command.c */

void     command_run (IkePlugin *self, IkeRequest *request);
