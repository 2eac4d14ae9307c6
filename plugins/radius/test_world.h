/* SPDX-License-Identifier: Apache-2.0 */
/* test_world.h - a server of RADIUS over TLS (RFC 6614), made of the same service:tls, and a real engine that asks it;
 * certificates and the server's sessions are those of the tests of the plugin tls. */
#pragma once
#include "test_support.h"
#include "tls/test_support.h"

enum { WORLD_IDENTIFIERS = 256 };              /* of a connection */

typedef enum { BEHAVE, CLOSE_ON_REQUEST, SPEAK_GARBAGE, SHOW_FOREIGN, SPEAK_NO_TLS, CUT_ATTRIBUTE, SIGN_WRONGLY,
               MAC_WRONGLY, ANSWER_ANOTHER,   /* … before the right one */
               BE_BUSY,                       /* reads nothing more once TLS is there, until world_resume() */
               ANSWER_AND_CLOSE,              /* TLS, in one flight; TCP stays */
               BE_SINGLE } Behaviour;         /* takes one connection; says nothing until it has closed a second one */

typedef struct {
  Bench                bench;
  int                  listener, fd;          /* one connection at a time */
  guint16              port;
  IkeWatch            *listening, *watch;
  IkeTls              *session;
  Behaviour            behaviour;             /* of the first connection; then it behaves */
  gsize                piece;                 /* bytes of a record; 0: whole */
  gboolean             is_busy;
  guint                n_connections, n_requests;
  const IkePluginInfo *court;                 /* whether certificates were revoked; NULL: nobody knows */
  guint8               in[IKE_RADIUS_PACKET_MAX];
  gsize                in_len;
  GPtrArray           *held;                  /* requests, of who is single */
} World;

/* Certificates, and the server's sessions; to be opened before any world. */
extern TlsBench world_tls;

/* The server is "alpha", and has to be @name; @more: of its settings. */
void world_open  (World *world, const char *name, const char *more);
void world_close (World *world);
/* It was busy, and is no more. */
void world_resume (World *world);
/* Asks it, and it answers. */
void world_ask   (World *world, Ask *ask);
