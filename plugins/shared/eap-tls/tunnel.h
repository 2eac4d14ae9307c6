/* SPDX-License-Identifier: Apache-2.0 */
/* tunnel.h - what EAP-TLS, EAP-TTLS and PEAP have in common: a TLS session in EAP packets, certificates, whether they
 * were revoked, and the keys.
 *
 * A method makes a tunnel for each conversation and hands it its turns.  When the handshake is done and the other end's
 * certificate good, and then for each message, its `talk` is called, which ends the turn, at once or later, by one of
 * eap_tunnel_more(), _done() and _fail(). */
#pragma once
#include <ikebana/eap.h>
#include <ikebana/fetch.h>
#include <ikebana/tls.h>

IKE_BEGIN_DECLS

typedef struct _EapTunnel EapTunnel;

/* Of a plugin; the first member of its state. */
typedef struct {
  IkePlugin     *self;
  IkeEngine     *engine;
  guint8         type;                        /* of EAP */
  const IkeTlsOps *tls;
  IkePlugin     *tls_plugin;
  const IkePkiOps *pki;
  const IkeCredentialsOps *credentials;
  IkePlugin     *credentials_plugin;
  IkeHookPoint  *on_certificate;
  guint16        min_version, max_version;    /* IKE_TLS_1_x; 0: the library's */
  guint32        fragment_size;               /* 0: what the context says */
  guint32        local_certs, remote_cacerts, remote_revocation;   /* handles of options */
} EapTunnelPlugin;

/* Options and kinds that a plugin with tunnels lists among its own, and what it needs. */
extern const IkeOptionInfo eap_tunnel_min_option, eap_tunnel_max_option, eap_tunnel_size_option,
  eap_tunnel_certs_option, eap_tunnel_cacerts_option, eap_tunnel_revocation_option;
#define EAP_TUNNEL_OPTIONS &eap_tunnel_min_option, &eap_tunnel_max_option, &eap_tunnel_size_option, \
  &eap_tunnel_certs_option, &eap_tunnel_cacerts_option, &eap_tunnel_revocation_option
extern const IkeFeatureKind eap_tunnel_tls_kind, eap_tunnel_pki_kind, eap_tunnel_credentials_kind,
  eap_tunnel_revocation_kind;
#define EAP_TUNNEL_KINDS &eap_tunnel_tls_kind, &eap_tunnel_pki_kind, &eap_tunnel_credentials_kind, \
  &eap_tunnel_revocation_kind
extern const char *const eap_tunnel_needs[];

/* While the plugin activates; @plugin is zeroed. */
gboolean eap_tunnel_plugin_init (EapTunnelPlugin *plugin, IkePlugin *self, guint8 type, GError **error);
/* For IkeEapClass.check: do the certificates exist that a section names? */
void eap_tunnel_check (IkePlugin *self, const IkeAuthConf *conf, GPtrArray *problems);
/* Is the method there that the plugin's @option names for the tunnel? */
void eap_tunnel_check_method (IkePlugin *self, const char *option, GPtrArray *problems);

typedef struct {
  /* On the conversation's loop: @data is what the other end says, maybe nothing, valid until the turn ends. */
  void (*talk) (gpointer user, const guint8 *data, gsize len);
  GDestroyNotify free_user;                   /* when nothing refers to the tunnel any more */
  guint8 own, peer;                           /* IkeTlsWant: our certificate, theirs */
} EapTunnelUser;

/* NULL with @why; then @user is not taken. */
EapTunnel *eap_tunnel_new  (const EapTunnelPlugin *plugin, const IkeEapContext *context, gboolean is_server,
                            const EapTunnelUser *klass, gpointer user_take, char **why);
/* IkeEapClass.step and .end. */
void       eap_tunnel_step (EapTunnel *tunnel, IkeCall *call, const guint8 *packet, gsize len, guint8 identifier);
void       eap_tunnel_end  (EapTunnel *tunnel);

/* -- for talk */

/* What the other end is to read; sent with the packet that ends the turn.  FALSE: it cannot be. */
gboolean eap_tunnel_say  (EapTunnel *tunnel, const guint8 *data, gsize len);
/* The turn is over: the next packet goes, with what was said, or an empty one. */
void     eap_tunnel_more (EapTunnel *tunnel);
/* What goes with that: why it will fail in the end, as IkeEapStep has it. */
void     eap_tunnel_warn (EapTunnel *tunnel, const char *reason);
/* The conversation is, well, with the MSK of the method, by its type and the version of TLS; a peer sends a last
 * packet.  What is taken may be NULL.  It fails when the library has no MSK. */
void     eap_tunnel_done (EapTunnel *tunnel, IkeIdent *identity_take, char **groups_take);
/* The conversation is, badly: at once, or when what was said has been answered, whatever the answer is. */
void     eap_tunnel_fail (EapTunnel *tunnel, const char *reason);
void     eap_tunnel_say_and_fail (EapTunnel *tunnel, const char *reason);

/* Of the packet that ends the turn. */
guint8   eap_tunnel_identifier (const EapTunnel *tunnel);
const IkeTlsInfo *eap_tunnel_info (const EapTunnel *tunnel);
gboolean eap_tunnel_has_ended (const EapTunnel *tunnel);   /* the host wants no more: whoever works, stops */
gboolean eap_tunnel_export (EapTunnel *tunnel, const char *label, guint8 *out, gsize len);
/* One more and one less who works for it and calls back. */
EapTunnel *eap_tunnel_ref   (EapTunnel *tunnel);
void       eap_tunnel_unref (EapTunnel *tunnel);

/* Says a name only where to send it, not whose it is (RFC 9190, 2.1.8)? */
gboolean eap_identity_is_anonymous (const IkeIdent *identity);

IKE_END_DECLS
