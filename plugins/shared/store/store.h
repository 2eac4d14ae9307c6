/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - a configuration in a database: its tables, and what may be done with them in a transaction.
 *
 * Settings are rows of a path ("connections.home.version"), a value and a position: siblings keep their order.
 * Names in settings hold no dots, so a path is one.  Users of EAP have a table of their own.  Every change adds to
 * the audit in the same transaction: who, when, what; never a secret.
 *
 * The plugin store-sqlite reads these tables, `ikebana store` writes them. */
#pragma once
#include <ikebana/sqlite.h>
#include <ikebana/tree.h>

enum {
  STORE_KEY_LEN = 32, STORE_NONCE_LEN = 12, STORE_TAG_LEN = 16,
  STORE_SECRET_MAX = 4096,                    /* bytes, in clear */
  STORE_USER_MAX = 255,                       /* bytes of a name */
};

/* The component "store" and its migrations. */
extern const char *const store_migrations[];

/* -- secrets (wrap.c) */

/* AES-256-GCM, of whoever has it.  In place. */
typedef struct {
  gpointer   self;
  gboolean (*seal)   (gpointer self, const guint8 *key, const guint8 *nonce, const char *aad, guint8 *data, gsize len,
                      guint8 *tag);
  gboolean (*open)   (gpointer self, const guint8 *key, const guint8 *nonce, const char *aad, guint8 *data, gsize len,
                      const guint8 *tag);
  void     (*random) (gpointer self, void *out, gsize len);
} StoreCipher;

typedef struct {
  StoreCipher    cipher;
  IkeSecretBlob *key;                         /* NULL: secrets are kept in clear */
} StoreKey;

/* 32 bytes in a file that nobody but its owner may read. */
IkeSecretBlob *store_key_read (const char *path, GError **error);
/* What is kept in place of a secret: it belongs to @path, and is worth nothing anywhere else. */
GBytes        *store_wrap     (const StoreKey *key, const char *path, const void *secret, gsize len, GError **error);
IkeSecretBlob *store_unwrap   (const StoreKey *key, const char *path, const void *wrapped, gsize len, GError **error);

/* -- settings (settings.c) */

typedef struct {
  const StoreKey *key;
  const char     *who;                        /* for the audit */
} StoreContext;

/* "connections.home.version": each name well-formed, the first a section that stores have. */
gboolean store_path_check (const char *path, GError **error);
/* Is its value kept wrapped, and never shown unasked? */
gboolean store_path_is_secret (const char *path);

/* All settings, or those at and below @path; with @origin as the place that they come from.  @key NULL: secrets are
 * left out. */
IkeTree *store_read   (IkeSqliteTx *tx, const StoreKey *key, const char *path_or_null, const char *origin,
                       GError **error);
/* Sets one value; sections on its way are made. */
gboolean store_set    (IkeSqliteTx *tx, const StoreContext *context, const char *path, const char *value,
                       GError **error);
/* A value or a section with all in it; @n: how many rows. */
gboolean store_remove (IkeSqliteTx *tx, const StoreContext *context, const char *path, gint64 *n, GError **error);
/* Each connection, secret, pool and authority of @tree takes the place of the one of its name; what is the same is left
 * alone.  @is_whole: others go.  @n: how many changed. */
gboolean store_import (IkeSqliteTx *tx, const StoreContext *context, const IkeTree *tree, gboolean is_whole, guint *n,
                       GError **error);
/* Settings as a file of the grammar of swanctl.conf; g_free. */
char    *store_format (const IkeTree *tree);
void     store_format_value (GString *text, const char *value_or_null);

/* -- users (users.c) */

gboolean store_user_check  (const char *name, GError **error);
/* @secret: the password; @ntlm: its hash, as text, 0x and 32 digits; each may be NULL.  One who is there gets these
 * instead. */
typedef struct {
  const char    *name;
  IkeSecretBlob *secret, *ntlm;
} StoreUser;

gboolean store_user_set    (IkeSqliteTx *tx, const StoreContext *context, const StoreUser *user, GError **error);
gboolean store_user_remove (IkeSqliteTx *tx, const StoreContext *context, const char *name, gboolean *was_there,
                            GError **error);
/* Adds them to `secrets` of @tree, as eap and ntlm sections. */
gboolean store_users_read  (IkeSqliteTx *tx, const StoreKey *key, IkeTree *tree, GError **error);

/* -- changes (audit.c) */

gboolean store_audit    (IkeSqliteTx *tx, const StoreContext *context, const char *action, const char *path,
                         GError **error);
/* Another number after each change. */
gboolean store_revision (IkeSqliteTx *tx, gint64 *revision, GError **error);
/* Is there a secret that is not wrapped? */
gboolean store_has_clear (IkeSqliteTx *tx, gboolean *answer, GError **error);
/* The secrets that are not wrapped with @key are, from now on; @n: how many. */
gboolean store_rewrap   (IkeSqliteTx *tx, const StoreContext *context, const StoreKey *old_key, guint *n,
                         GError **error);
