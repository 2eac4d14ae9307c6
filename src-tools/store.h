/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - what the parts of `ikebana-store` share.
 *
 * `ikebana store` reads and writes the database of the plugin store-sqlite, without a daemon; one that runs follows.
 * Each command runs in one transaction, so several can write at one time. */
#pragma once
#include <ikebana/error.h>
#include "shared/store/store.h"
#include "show.h"
#include "sqlite/connection.h"

typedef struct {
  /* options */
  char           *database, *key_file, *old_key_file, *settings_file, *secret_file;
  gboolean        is_json, shows_secrets, is_whole, is_dry, is_hash, leaves_out_secrets;
  gint            max;
  /* for the length of the command */
  Connection     *connection;
  IkeSqliteTx    *tx;
  StoreKey        key;
  StoreContext    context;
} StoreTool;

typedef struct {
  const char *name, *usage, *summary;
  guint       n_min, n_max;                   /* words behind it */
  gboolean    is_writing;
  /* In a transaction.  FALSE with @error: it is taken back.  IKE_ERROR_SYNTAX: usage, _NOT_FOUND: nothing is there. */
  gboolean  (*run) (StoreTool *tool, const char *const *words, GError **error);
} StoreCommand;

/* -- the commands (store_settings.c, store_users.c) */

extern const StoreCommand store_settings_commands[], store_users_commands[];   /* end with name == NULL */

/* -- what they share */

/* AES-256-GCM by libcrypto. */
void store_cipher_init (StoreCipher *cipher);
/* The first line of --secret-file, or of standard input, without its end. */
IkeSecretBlob *store_read_secret (const StoreTool *tool, GError **error);
/* Prints @tree as JSON. */
void store_print_json (const IkeTree *tree);
void store_note (const char *format, ...) G_GNUC_PRINTF (1, 2);
