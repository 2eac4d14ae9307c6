/* SPDX-License-Identifier: Apache-2.0 */
/* once.h - methods in which a server asks once, a peer answers once by its password, and the server judges. */
#pragma once
#include "shared/eap/packet.h"

enum { EAP_ONCE_CHALLENGE_LEN = 16 };

typedef struct _EapOnce EapOnce;

typedef struct {
  const char *name;                           /* "EAP-MD5", for people */
  guint8      type;
  IkeEapStep *(*ask)    (EapOnce *server);
  IkeEapStep *(*judge)  (EapOnce *server, EapPacket *response);   /* NULL: malformed */
  IkeEapStep *(*answer) (EapOnce *peer, EapPacket *request);      /* NULL: malformed */
  const char *malformed, *again;              /* peer: what it says of such a request, and of a second one */
} EapOnceClass;

struct _EapOnce {
  const EapOnceClass  *klass;
  const IkeEapContext *context;
  gboolean             is_server;
  gboolean             has_asked, is_over;    /* is_over: what could be said was said */
  guint8               identifier;            /* server: of its request */
  guint8               challenge[EAP_ONCE_CHALLENGE_LEN];         /* server: for ask to keep, if it has any */
  IkeSecretBlob       *secret;                /* peer: ours */
};

/* For IkeEapClass.begin; .step and .end. */
gpointer eap_once_server (const EapOnceClass *klass, const IkeEapContext *context, char **why);
gpointer eap_once_peer   (const EapOnceClass *klass, const IkeEapContext *context, char **why);
void     eap_once_step   (gpointer state, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier);
void     eap_once_end    (gpointer state);

/* Defines @features of a plugin, both ends of the EapOnceClass @klass; @method "md5", @eap_flags IKE_EAP_…. */
#define EAP_ONCE_FEATURES(features, klass, method, eap_type, eap_flags)                                                \
  static gpointer server_begin (IkePlugin *self, const IkeEapContext *context, char **why)                             \
  {                                                                                                                    \
    return eap_once_server (&klass, context, why);                                                                     \
  }                                                                                                                    \
  static gpointer peer_begin (IkePlugin *self, const IkeEapContext *context, char **why)                               \
  {                                                                                                                    \
    return eap_once_peer (&klass, context, why);                                                                       \
  }                                                                                                                    \
  static const IkeEapClass server_class = { .struct_size = sizeof (IkeEapClass), .type = eap_type, .flags = eap_flags, \
                                            .begin = server_begin, .step = eap_once_step, .end = eap_once_end };       \
  static const IkeEapClass peer_class = { .struct_size = sizeof (IkeEapClass), .type = eap_type, .flags = eap_flags,   \
                                          .begin = peer_begin, .step = eap_once_step, .end = eap_once_end };           \
  static const IkeFeature server_feature = { .struct_size = sizeof (IkeFeature), .provides = "eap-server:" method,     \
                                             .ops = &server_class };                                                   \
  static const IkeFeature peer_feature = { .struct_size = sizeof (IkeFeature), .provides = "eap-peer:" method,         \
                                           .ops = &peer_class };                                                       \
  static const IkeFeature *const features[] = { &server_feature, &peer_feature, NULL }
