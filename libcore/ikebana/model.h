/* SPDX-License-Identifier: Apache-2.0 */
/* model.h - the configuration as the protocol sees it: connections, children, secrets.
 *
 * An IkeConfig is an immutable snapshot.  Shards read the current one; an SA keeps a reference to the one it was made
 * with.  A reload makes a new snapshot and keeps the connections that did not change (same IkeConn).  Configuration
 * stores (kind `store`) supply the settings trees. */
#pragma once
#include <ikebana/addr.h>
#include <ikebana/ident.h>
#include <ikebana/kernel.h>
#include <ikebana/proposal.h>
#include <ikebana/secret.h>
#include <ikebana/selector.h>

IKE_BEGIN_DECLS

/* Kind `store`: where connections, secrets, pools and authorities come from. */
typedef struct {
  guint32   struct_size;
  /* A tree with sections connections, secrets, pools, authorities; control loop; reads local files only. */
  IkeTree *(*load) (IkePlugin *self, GError **error);
} IkeStoreClass;

/* Kind `section`: a plugin takes what the stores have in a section that the core does not read: `section:authorities`,
 * or, of `secrets`, those of one type: `section:secrets/private` (private, pkcs12, token).  Several may read one, with
 * names of their own behind a slash: `section:pools/memory`; each is shown all.  All on the control loop.
 * Each time a configuration is built: `begin` of all, `add` for each section, then connections are checked; `commit`
 * when it takes effect, or never, if it does not. */
typedef struct {
  guint32   struct_size;
  void    (*begin)  (IkePlugin *self);        /* may be NULL */
  /* Texts for @problems are "KEY: sentence", or ": sentence" about the whole section; they are told with file and line,
   * as errors, unless they begin with "warning: ".  Secrets are in @section only: what must be kept is copied into
   * memory for secrets. */
  void    (*add)    (IkePlugin *self, const IkeTree *section, GPtrArray *problems);
  void    (*commit) (IkePlugin *self);        /* may be NULL */
} IkeSectionClass;

typedef struct {
  guint32   round;
  char     *name;                             /* section: "local", "remote-2" */
  /* "psk", "pubkey", "eap-mschapv2", …: the name of an `auth:` feature first part */
  char     *auth;
  IkeIdent *id;                               /* NULL: %any; for local: derived from the address or certificate */
  char     *id_text;
  guint64  *options;                          /* of plugins, by index; see ike_conn_option_… */
  IkeTree  *settings;                         /* the section, for the auth method's own keys */
} IkeAuthConf;

typedef struct {
  char    *text;                              /* as written: address, prefix, range or name */
  guint8   kind;                              /* 0 any, 1 address, 2 prefix, 3 range, 4 host name */
  IkeAddr  addr, last;                        /* prefix, range: first and last */
  guint32  prefix_len;
} IkeHostConf;

/* Read-only; fields are public to the core and to exchanges, grown at the end only. */
struct _IkeConn {
  guint32       struct_size;
  gint          references;                   /* atomic */
  char         *name;
  guint32       version;                      /* 0: both, 1, 2 */
  IkeHostConf  *local_addrs, *remote_addrs;
  guint32       n_local_addrs, n_remote_addrs;
  guint16       local_port, remote_port;
  IkeProposals *proposals;
  IkeAuthConf  *local, *remote;               /* sorted by round, then by order of appearance */
  guint32       n_local, n_remote;
  IkeChildConf **children;
  guint32       n_children;
  guint32       unique;                       /* 0 no, 1 replace, 2 keep, 3 never */
  guint32       fragmentation;                /* 0 no, 1 yes, 2 accept, 3 force */
  guint32       fragment_size;                /* bytes of IP packet; 0: default */
  guint32       keyingtries;                  /* 0: for ever */
  guint64       rekey_time, reauth_time, over_time, rand_time;   /* seconds */
  guint64       dpd_delay, dpd_timeout;       /* seconds; 0: off */
  guint32       retransmit_base_ms, retransmit_tries, retransmit_limit_ms, retransmit_jitter;  /* jitter: percent */
  double        retransmit_factor;
  guint32       dscp;
  gboolean      encap;                        /* force UDP encapsulation */
  guint32       if_id_in, if_id_out;
  char        **pools, **vips;
  guint64      *options;                      /* of plugins, by index */
  IkeTree      *settings;                     /* the section it was made from */
  guint64       keep_alive;                   /* seconds between NAT keepalives; 0: none */
  guint32       window_size;                  /* requests that the peer may have under way at one time */
  guint32       max_per_identity;             /* IKE SAs that one peer or user may have; 0: any number */
};

struct _IkeChildConf {
  guint32       struct_size;
  char         *name;
  IkeProposals *esp_proposals, *ah_proposals; /* ah_proposals NULL: ESP */
  IkeSelector  *local_ts, *remote_ts;
  guint32       n_local_ts, n_remote_ts;
  guint32       mode;                         /* IkeMode */
  guint32       start_action, close_action, dpd_action;   /* IKE_ACTION_ flags */
  guint64       rekey_time, life_time, rand_time, inactivity;           /* seconds */
  guint64       rekey_bytes, life_bytes, rand_bytes, rekey_packets, life_packets, rand_packets;
  guint32       replay_window, reqid, priority, tfc_padding;
  gboolean      tfc_mtu, ipcomp, hostaccess, has_policies, policies_fwd_out, sha256_96;
  IkeMark       mark_in, mark_out, set_mark_in, set_mark_out;
  guint32       if_id_in, if_id_out;
  guint32       flags;                        /* IKE_KERNEL_COPY_… */
  char         *updown, *interface;
  guint64      *options;
  IkeTree      *settings;
  guint32       offload;                      /* IkeHwOffload */
  gboolean      mark_in_sa;                   /* mark_in is of the inbound SA too, not of policies only */
  char         *label;                        /* security label, may be NULL */
  gint          shared_reqid;                 /* atomic; of its trap, and of CHILD_SAs with all of it; 0: not yet */
};

/* What if_id_in and if_id_out (or if_id, for both) may be instead of a number: the engine gives an ID, one for both
 * directions or one for each; to every CHILD_SA where a child asks, to every IKE_SA where a connection does. */
#define IKE_IF_ID_UNIQUE     0xffffffffu
#define IKE_IF_ID_UNIQUE_DIR 0xfffffffeu

/* What marks may be instead of a number: the engine gives one to each CHILD_SA, for both directions or for each; or, of
 * set_mark_in and set_mark_out, that of the SA. */
#define IKE_MARK_UNIQUE     0xffffffffu
#define IKE_MARK_UNIQUE_DIR 0xfffffffeu
#define IKE_MARK_SAME       0xfffffffdu

enum { IKE_ACTION_NONE = 0, IKE_ACTION_TRAP = 1, IKE_ACTION_START = 2 };

struct _IkeConfig {
  guint32    struct_size;
  gint       references;
  guint64    generation;
  IkeConn  **conns;
  guint32    n_conns;
  gpointer   secrets;                         /* see ike_config_find_secret */
  IkeTree   *tree;
};

/* Builds a snapshot from @tree.  A connection that cannot be built is left out and reported: one error per line in
 * @problems ("file:line: connections.home.children.net.esp_proposls: unknown key, did you mean esp_proposals?").
 * @previous: unchanged connections are shared, and one that cannot be built stays as it was there.  Lines that begin
 * with "warning: " fail nothing.  Control. */
IkeConfig *ike_config_build  (IkeEngine *engine, const IkeTree *tree, IkeConfig *previous_or_null, GPtrArray *problems);
IkeConfig *ike_config_ref    (IkeConfig *config);
void       ike_config_unref  (IkeConfig *config);
IkeConn   *ike_conn_ref      (IkeConn *conn);          /* any thread */
void       ike_conn_unref    (IkeConn *conn);
const IkeChildConf *ike_conn_child (const IkeConn *conn, const char *name_or_null);    /* NULL: the first */
IkeConn   *ike_config_conn   (const IkeConfig *config, const char *name);
/* Which connection has a child of this name? For `up NAME`. */
IkeConn   *ike_config_conn_of_child (const IkeConfig *config, const char *child, const IkeChildConf **found);
/* The current snapshot, with a reference.  Any thread. */
IkeConfig *ike_engine_config (IkeEngine *engine);

/* Candidates for a peer, best first: by address, then (ident given) by identity.  Fills @out with up to @max (no
 * reference); returns how many.  @reasons: a tree list of { connection, why } for those left out, or NULL. Any
 * thread. */
guint ike_config_match (const IkeConfig *config, guint32 version, const IkeAddr *local, const IkeAddr *remote,
                        const IkeIdent *local_id_or_null, const IkeIdent *remote_id_or_null, IkeConn **out, guint max,
                        IkeTree *reasons);
/* Is @addr one of its local_addrs, or remote_addrs?  A host name excludes nobody.  Any thread. */
gboolean ike_conn_has_addr (const IkeConn *conn, gboolean is_local, const IkeAddr *addr);
/* The secret of @type ("ike", "eap", "ppk", …) that fits both identities best (either may be NULL). With a
 * reference, or NULL. */
IkeSecretBlob *ike_config_find_secret (const IkeConfig *config, const char *type, const IkeIdent *local,
                                       const IkeIdent *remote);

/* Options that plugins declared: handle once (control, while activating), then by value.  @path as in IkeOptionInfo. */
gboolean    ike_option_find  (IkeEngine *engine, const char *path, guint32 *handle, GError **error);
guint64     ike_option_uint  (const guint64 *options, guint32 handle);   /* bool, uint, time (s), bytes, enum (index) */
const char *ike_option_text  (const guint64 *options, guint32 handle);   /* string; or NULL */

/* Two-phase reload: stores → tree → snapshot → diff.  @dry_run: only the diff.  The result lists added, changed,
 * removed, kept connections and problems.  Control. */
IkeTree    *ike_engine_reload (IkeEngine *engine, gboolean dry_run, GError **error);
/* Loads one more connection (or replaces it) from a tree; the CLI's `up HOST` makes one of its own.  Control. */
gboolean    ike_engine_load_conn (IkeEngine *engine, const char *name, const IkeTree *section, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeConfig, ike_config_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeConn, ike_conn_unref)

IKE_END_DECLS
