/* SPDX-License-Identifier: Apache-2.0 */
/* private.h - what the files of this plugin share.
 *
 * Cryptoki may take seconds, so all of it is called on one loop of the plugin's own: modules, tokens, sessions and the
 * objects behind keys belong to that loop.  Who wants something posts, and is answered by a call. */
#pragma once
#include <stdatomic.h>

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

#include <ikebana/command.h>
#include <ikebana/credentials.h>
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/log.h>
#include <ikebana/reader.h>

/* What a token or its module may make us read. */
enum { MAX_SLOTS = 1000, MAX_OBJECTS = 1000, MAX_ID = 255, MAX_LABEL = 255, MAX_MODULUS = 2048, MAX_SIGNATURE = 2048,
       TEXT_SIZE = 160 };

typedef struct {
  IkePlugin       *plugin;
  IkeEngine       *engine;
  IkeLoop         *loop;                      /* NULL: not active any more */
  const IkePkiOps *pki;
  IkePlugin       *pki_plugin;
  guint            max_pending;
  gboolean         uses_p11_kit;              /* option use_p11_kit_config */
  atomic_uint      n_pending;                 /* signatures that wait or are made */
  /* The loop's own: */
  GPtrArray       *modules;                   /* Module */
  CK_FUNCTION_LIST **registered;              /* those of p11-kit's configuration, NULL until somebody wants them */
  GPtrArray       *keys;                      /* Key, a reference each; dropped when nobody else has one */
  GPtrArray       *tokens;                    /* Token; those of @keys, and those that refused a PIN */
} State;

/* -- module.c */

typedef struct {
  char             *name;                     /* of its section, or its file; for people */
  char             *path;                     /* without links */
  CK_FUNCTION_LIST *functions;                /* initialised */
  gboolean          is_registered;            /* belongs to state->registered */
} Module;

/* Control.  Are the sections `plugins.pkcs11.modules.NAME` such that they can be used? */
gboolean    modules_check (State *state, GError **error);
/* Control.  Path of module NAME, NULL when there is no such section; belongs to the settings. */
const char *modules_path  (State *state, const char *name);
/* Any thread: the file without links, g_free, when it, and everything on the way to it, is root's alone to change. */
char       *module_trusted_path (const char *path, GError **error);
/* Loads and initialises it unless it is there. */
Module     *module_get    (State *state, const char *name, const char *path, GError **error);
/* Those that p11-kit is configured with join state->modules. */
gboolean    modules_add_registered (State *state, GError **error);
void        modules_free  (State *state);
/* Sets @error: "WHAT: Cryptoki's text". */
void        cryptoki_error (GError **error, CK_RV rv, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* -- section.c: what a section `secrets.token*` asks for, copied */

typedef struct {
  char *name, *path;                          /* path NULL: all of p11-kit's configuration */
} WantedModule;

typedef struct {
  char          *handle;                      /* as it was written, without what may be a PIN; for people */
  GPtrArray     *modules;                     /* WantedModule: to be looked through in this order */
  gboolean       has_slot;
  CK_SLOT_ID     slot;
  P11KitUri     *uri;                         /* NULL: an ID only */
  GBytes        *id, *label;                  /* NULL: any */
  IkeSecretBlob *pin;                         /* NULL: none */
} Wanted;

/* Control.  WantedModule of everything that is configured; may be empty. */
GPtrArray *modules_wanted (State *state);
/* Control. */
Wanted  *wanted_new  (State *state, const IkeTree *section, GError **error);
void     wanted_free (Wanted *wanted);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Wanted, wanted_free)

/* -- token.c */

typedef struct {
  State            *state;
  Module           *module;
  CK_SLOT_ID        slot;
  CK_TOKEN_INFO     info;                     /* of the first time: label, maker, model, serial say which one it is */
  char              name[TEXT_SIZE];          /* label, or serial; escaped, for people */
  CK_SESSION_HANDLE session;
  gboolean          has_session;
  guint             generation;               /* of sessions: handles of objects are found anew with each */
  guint32           mechanisms;               /* MECHANISM_… bits that it signs with */
  IkeSecretBlob    *pin;                      /* to log in again; NULL: none */
  GPtrArray        *bad_pins;                 /* IkeSecretBlob; refused, never tried again */
} Token;

/* Fills @out with up to @max slots that have a token; how many. */
guint    slots_with_tokens (Module *module, CK_SLOT_ID *out, guint max);
/* The token in @slot of that @info. */
Token   *token_get   (State *state, Module *module, CK_SLOT_ID slot, const CK_TOKEN_INFO *info);
void     token_free  (gpointer token);
/* Blanks at the end are none of it; escaped. */
char    *token_text  (char out[static TEXT_SIZE], const guint8 *text, gsize size);
/* A session that works, opened when there is none.  CKR_OK, or what Cryptoki said, with @error. */
CK_RV    token_open  (Token *token, GError **error);
/* Logged in, where it takes that; with @pin, which is kept, or (NULL) the one that was kept. */
CK_RV    token_login (Token *token, IkeSecretBlob *pin, GError **error);
void     token_close (Token *token);
gboolean token_is_logged_in (Token *token);
gboolean token_is_present   (Token *token);
/* What C_Login said about @pin: one that is refused is not tried again. */
void     token_heed (Token *token, IkeSecretBlob *pin, CK_RV rv);
/* Did the session or the token go away?  Then it is worth another try, once. */
gboolean token_is_lost (CK_RV rv);

/* -- object.c */

#define ANY_CLASS ((CK_OBJECT_CLASS) -1)

/* How an object is looked for: its class, and what of the rest is there. */
typedef struct {
  CK_OBJECT_CLASS klass;
  GBytes         *id, *label;                 /* NULL: any */
  gboolean        is_x509;
} Pattern;

/* Handles of what fits, CK_OBJECT_HANDLE, at most @max (MAX_OBJECTS at most); NULL: what Cryptoki said is in @rv. */
GArray    *objects_find (Token *token, const Pattern *pattern, guint max, CK_RV *rv);
/* NULL: not there, secret, empty, or longer than @max. */
GBytes    *object_bytes (Token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, gsize max);
gboolean   object_ulong (Token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_ULONG *value);
gboolean   object_bool  (Token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, gboolean fallback);

char      *hex_of       (GBytes *bytes);

/* -- pubkey.c */

/* The public half of @private_key, from wherever the token has it. */
IkePubkey *token_pubkey (Token *token, CK_OBJECT_HANDLE private_key, GBytes *id, GBytes *label, GError **error);
/* Adds the certificates with this @id to @out. */
void       token_certs  (Token *token, GBytes *id, GPtrArray *out);

/* -- spki.c: no state, any thread */

/* SubjectPublicKeyInfo; NULL when the parts make none. */
GBytes *spki_rsa     (GBytes *modulus, GBytes *exponent);
/* @is_raw: @point is the point itself and not an OCTET STRING that holds it: modules differ. */
GBytes *spki_ec      (GBytes *params, GBytes *point, gboolean is_raw);
GBytes *spki_edwards (GBytes *point);
/* ECDSA-Sig-Value (RFC 3279, 2.2.3) from r and s, one behind the other. */
GBytes *ecdsa_sig_value (const guint8 *raw, gsize len);

/* -- mechanism.c: no state, any thread */

enum {
  MECHANISM_RSA_PKCS = 1 << 0,
  MECHANISM_RSA_PSS = 1 << 1,
  MECHANISM_ECDSA = 1 << 2,
  MECHANISM_EDDSA = 1 << 3,
  MECHANISM_HASH_RSA_PKCS = 1 << 4,           /* shifted by the hash algorithm's number minus 1 */
  MECHANISM_HASH_RSA_PSS = 1 << 8,            /* likewise */
};

typedef struct {
  CK_MECHANISM           mechanism;           /* may point to what stands below: do not copy */
  CK_RSA_PKCS_PSS_PARAMS pss;
  const char            *hash;                /* "sha256": what is signed is this hash of it; NULL: the whole */
  guint                  hash_len;
  IkePart                prefix;              /* stands before the hash: DigestInfo */
} SignPlan;

/* What @slot signs with. */
guint32  mechanisms_of (Module *module, CK_SLOT_ID slot);
/* FALSE: a token with these @mechanisms cannot sign so. */
gboolean sign_plan (guint32 mechanisms, const IkeSigScheme *scheme, SignPlan *plan);

/* -- sign.c */

typedef struct {
  IkeKey           head;
  const IkePkiOps *pki;                       /* to be freed with, when the state is gone already */
  State           *state;
  Token           *token;
  GBytes          *id, *label;                /* to find it again; may be NULL */
  guint8           type;                      /* IkeKeyType */
  guint32          bits;
  guint32          mechanisms;                /* the token's, when the key was loaded */
  gboolean         asks_always;               /* CKA_ALWAYS_AUTHENTICATE */
  /* The loop's own: */
  CK_OBJECT_HANDLE object;
  guint            generation;                /* of the session that @object is from */
  guint64          n_signed;
  char            *problem;                   /* why the last signature failed; NULL: it did not */
} Key;

extern const IkeKeyClass key_class;
/* The handle in the present session; CKR_OK, or why not, with @error. */
CK_RV    key_locate (Key *key, GError **error);

/* -- load.c */

/* `load` of the class, see credentials.h. */
void     keys_load (IkePlugin *self, const IkeTree *section, IkeCall *call);
/* Lets go of the keys that nobody else has, and of the tokens without keys.  The plugin's loop, at the end of a job. */
void     keys_prune (State *state);

/* -- command.c */

extern const IkeCommandClass tokens_class;
