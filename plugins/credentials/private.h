/* SPDX-License-Identifier: Apache-2.0 */
/* private.h - what the files of this plugin share.
 *
 * A *source* is what certificates and keys come from: a file, a value in the configuration, a token.  It is read once
 * and never changes; an unchanged file keeps its source over reloads.  A *set* is what a configuration asks for: all
 * sources, names and authorities; it is made and used on control only, one that is current and one to come.  A
 * *snapshot* (IkeCredentials) is a set with its indexes, immutable and counted: the only thing that other threads
 * see. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include <ikebana/command.h>
#include <ikebana/credentials.h>
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/tree.h>

enum { FILES_MAX = 100000, FILE_MAX_CRL = 16 << 20, WHY_MAX = 3 };

#define LOG_GROUP "credentials"

/* Directories, and what has none. */
typedef enum {
  KIND_X509, KIND_X509CA, KIND_X509CRL, KIND_PUBKEY, KIND_PRIVATE, KIND_RSA, KIND_ECDSA, KIND_PKCS8, KIND_PKCS12,
  N_DIRECTORIES,
  KIND_TOKEN = N_DIRECTORIES,
  N_KINDS
} SourceKind;

typedef struct _Set Set;

typedef struct {
  IkePlugin      *self;
  IkeEngine      *engine;
  const IkePkiOps *pki;                       /* NULL until it was needed */
  IkePlugin      *pki_plugin;
  Set            *current, *pending;          /* control, as all but @snapshot */
  GHashTable     *unloaded;                   /* GBytes: SHA-256 of certificates that somebody unloaded */
  guint64         n_generations;
  /* Guards @snapshot alone, for the few instructions of taking a reference: control swaps it while a shard, which
   * authenticates a peer, reads it.  A job would make each authentication wait for control. */
  pthread_mutex_t lock;
  IkeCredentials *snapshot;
} State;

/* credentials.c */
/* The state of @self, made at first use: sections are read under --check too, when nothing is activated. */
State   *state_get (IkePlugin *self);
/* Control.  FALSE with @error: no plugin offers `service:pki`. */
gboolean state_pki (State *state, GError **error);
/* Control.  Makes a snapshot of the current set, and tells about certificates of ours that end soon. */
void     state_publish (State *state);

/* -- source.c */

/* As long as it is the same, so is the file. */
typedef struct {
  dev_t           device;
  ino_t           inode;
  off_t           size;
  struct timespec modified, changed;
} Stamp;

typedef struct {
  gint           references;                  /* atomic: snapshots hold it */
  SourceKind     kind;
  gboolean       is_in_directory;             /* found there, not only named */
  char          *path;                        /* absolute; or the value itself; or the token's section */
  char          *label;                       /* for people: "x509/moon.pem" */
  Stamp          stamp;                       /* all zero: never the same */
  IkeSecretBlob *passphrase;                  /* that it was read with, or NULL */
  const IkePkiOps *pki;
  GPtrArray     *certs, *keys;                /* IkeCert, IkeKey; never NULL */
  IkePubkey     *pubkey;
  IkeCrl        *crl;
  gboolean       is_locked;                   /* encrypted, and there was no passphrase */
  char          *problem;                     /* why nothing could be read, a sentence; or NULL */
  char          *warning;                     /* what is wrong with it nevertheless, or NULL */
} Source;

const char *source_directory (SourceKind kind);   /* its name */
gboolean    source_is_secret (SourceKind kind);   /* a private key may be in it */
gboolean    stamp_of    (const char *path, Stamp *stamp, GError **error);   /* FALSE: no regular file */
gboolean    stamp_equal (const Stamp *a, const Stamp *b);
Source     *source_new  (const State *state, SourceKind kind, const char *path, const char *label);
/* Reads the file @source->path; what is wrong is noted in the source. */
void        source_read (const State *state, Source *source);
void        source_read_inline (const State *state, Source *source, const char *value);
Source     *source_ref   (Source *source);
void        source_unref (Source *source);

/* -- value.c */

gboolean       value_is_inline (const char *text);    /* 0x… or 0s… */
/* What @text stands for: bytes behind 0x or 0s, else the text itself. */
IkeSecretBlob *value_decode (const char *text, GError **error);
/* A key of a section that is none of @known (NULL-terminated) is a problem. */
void           value_check_keys (const IkeTree *section, const char *const *known, GPtrArray *problems);
void           value_problem (GPtrArray *problems, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* -- set.c, scan.c */

/* What section `authorities` says about one CA. */
typedef struct {
  gint     references;                        /* atomic */
  char    *name;
  IkeTree *section;                           /* as it was read */
  Source  *source;                            /* with the CA certificate; NULL: on a token */
  char   **crl_uris, **ocsp_uris, *cert_uri_base;
} Authority;

/* A section that describes objects on a token; control only. */
typedef struct {
  gint           references;
  State         *state;
  char          *name;                        /* "secrets.token-1", "authorities.sun" */
  IkeTree       *section;                     /* without its PIN */
  IkeSecretBlob *pin;                         /* or NULL */
  guint          n_waiting;                   /* providers that have not answered */
  GPtrArray     *calls;                       /* IkeCall, those of them */
  Source        *answer, *next;               /* what it holds; what is being gathered */
  GString       *failures;                    /* of this round */
  Authority     *authority;                   /* whose CA it is, or NULL */
} Token;

struct _Set {
  State      *state;
  char       *directory;                      /* NULL: none is read */
  GHashTable *by_path[N_DIRECTORIES];         /* path: Source, a reference */
  GHashTable *names[3];                       /* by IkeCredentialKind; name: Source, a reference */
  GPtrArray  *authorities, *tokens, *problems;   /* Authority, Token, text */
  gboolean    is_complete;                    /* all that was locked has been told */
};

/* Which file, and how to read it. */
typedef struct {
  SourceKind     kind;
  const char    *path;                        /* absolute */
  gboolean       is_in_directory;
  IkeSecretBlob *passphrase;                  /* or NULL */
} SourceQuery;

Set     *set_new    (State *state);           /* empty */
void     set_free   (Set *set);
/* No section follows: tells what is still locked, once. */
void     set_complete (Set *set);
gboolean set_equal  (const Set *a, const Set *b);
/* The source of @query, which is kept from the current set if the file did not change, in the set.  @is_news: it was
 * not there, or gave other problems. */
Source  *set_take   (Set *set, const SourceQuery *query, gboolean *is_news_or_null);
gboolean set_require (Set *set, IkeCredentialKind kind, const char *name, GError **error);
/* Absolute path of @name below the directory for @kind; NULL: it is relative, and there is no directory. */
char    *set_path   (const Set *set, SourceKind kind, const char *name);
GPtrArray *set_sources (const Set *set);      /* Source, a reference each, sorted by kind and path */
void     scan_directories (Set *set);

Authority *authority_ref   (Authority *authority);
void       authority_unref (Authority *authority);

/* -- sections.c, token.c */

extern const IkeSectionClass authorities_class, private_class, pkcs12_class, token_class;

gboolean sections_require (IkePlugin *self, IkeCredentialKind kind, const char *name, GError **error);

Token   *token_add   (Set *set, const char *name, const IkeTree *section, GPtrArray *problems);
void     token_load  (Token *token);          /* asks all providers; publishes when they have answered */
void     token_unref (Token *token);
void     token_stop  (Token *token);          /* nobody wants the answers any more */

/* -- snapshot.c, trust.c */

/* A certificate that we can be. */
typedef struct {
  IkeCert *cert;
  IkeKey  *key;                               /* NULL: we cannot, so far */
  const Source *source;
  _Atomic (struct _Chain *) chain;            /* made on first use, by whichever shard comes first */
} Own;

/* The issuers of one of ours, as far as we have them. */
typedef struct _Chain {
  guint    n;
  IkeCert *certs[IKE_CHAIN_MAX];              /* no references: the snapshot's */
  gboolean has_root;                          /* the last one signed itself */
} Chain;

typedef struct {
  const IkePkiOps *pki;
  IkeTrust  *trust;
  GPtrArray *cas;                             /* IkeCert, the snapshot's */
} TrustSet;

struct _IkeCredentials {
  gint        references;                     /* atomic */
  guint64     generation;
  const IkePkiOps *pki;
  IkePlugin  *pki_plugin;
  char       *directory;                      /* or NULL */
  GPtrArray  *sources;                        /* Source, sorted: they own all that follows */
  GHashTable *names[3];                       /* name: Source */
  GHashTable *unloaded;                       /* GBytes */
  GHashTable *keys;                           /* subject_id: IkeKey */
  GHashTable *issuers;                        /* subject: GPtrArray of IkeCert */
  GHashTable *pinned;                         /* SHA-256 */
  GPtrArray  *own;                            /* Own with a key, newest first */
  GPtrArray  *keyless;                        /* Own without */
  GHashTable *own_by_cert;                    /* IkeCert: Own */
  GHashTable *own_by_id;                      /* folded identity: GPtrArray of Own, keyless too; see own_index.c */
  GPtrArray  *crls;
  GPtrArray  *authorities;                    /* Authority */
  GHashTable *authority_by_ca;                /* SHA-256: Authority */
  TrustSet   *all;
  /* Two shards may ask for the same CAs for the first time; it is answered at once, so there is nothing to post. */
  pthread_mutex_t trust_lock;
  GHashTable *trusts;                         /* names (strv): TrustSet */
};

guint           sha256_hash    (gconstpointer digest);
gboolean        sha256_equal   (gconstpointer a, gconstpointer b);
IkeCredentials *snapshot_new   (State *state, const Set *set);
IkeCredentials *snapshot_ref   (const IkeCredentials *credentials);
void            snapshot_unref (IkeCredentials *credentials);
gboolean        snapshot_has   (const IkeCredentials *credentials, const IkeCert *cert);   /* not unloaded */
guint           snapshot_certs (const IkeCredentials *credentials, IkeCredentialKind kind, const char *name,
                                IkeCert **out, guint max);
IkePubkey      *snapshot_pubkey (const IkeCredentials *credentials, const char *name);
gboolean        snapshot_is_pinned (const IkeCredentials *credentials, const IkeCert *cert);
gboolean        snapshot_authority (const IkeCredentials *credentials, const IkeCert *ca, IkeAuthority *out);
IkeCrl         *snapshot_crl   (const IkeCredentials *credentials, guint i);
void            trust_init     (IkeCredentials *credentials, const Set *set);
void            trust_clear    (IkeCredentials *credentials);
const IkeTrust *trust_get      (const IkeCredentials *credentials, const char *const *cas_or_null);
IkeCert        *trust_ca       (const IkeCredentials *credentials, const char *const *cas_or_null, guint i);

/* -- own_index.c, own.c, own_explain.c */

void         own_init  (IkeCredentials *credentials);
void         own_clear_index (IkeCredentials *credentials);
/* Those with a key that may stand for @id: all that do, and maybe more. */
const GPtrArray *own_candidates (const IkeCredentials *credentials, const IkeIdent *id_or_null);
/* Certificates of x509 that stand for @id. */
guint        own_find_for (const IkeCredentials *credentials, const IkeIdent *id, IkeCert **out, guint max);
const Chain *own_chain (const IkeCredentials *credentials, Own *own);
gboolean     own_find  (const IkeCredentials *credentials, const IkeOwnQuery *query, IkeOwn *out, char **why);
/* Why there is none; @named: Own of the certificates that were named, or NULL. */
char        *own_explain (const IkeCredentials *credentials, const IkeOwnQuery *query, const GPtrArray *named);

/* -- expiry.c */

/* Text of a time since 1970, in UTC: "2027-01-31T12:00:00Z". */
char *format_time (gint64 seconds);
/* Tells about certificates of ours that are over or soon will be, unless @previous_or_null had them, too. */
void  expiry_tell (State *state, const IkeCredentials *credentials, const IkeCredentials *previous_or_null);

/* -- describe.c, commands.c */

extern const IkeCommandClass certs_class, unload_class;

/* Rows for `ikebana certs`. */
IkeTree *describe_cert    (const IkeCredentials *credentials, const Source *source, const IkeCert *cert, gint64 now);
IkeTree *describe_crl     (const IkeCredentials *credentials, const Source *source, gint64 now);
IkeTree *describe_key     (const IkeCredentials *credentials, const Source *source, const IkeKey *key);
IkeTree *describe_pubkey  (const IkeCredentials *credentials, const Source *source);
IkeTree *describe_problem (const char *file, const char *kind, const char *problem);
