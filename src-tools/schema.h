/* SPDX-License-Identifier: Apache-2.0 */
/* schema.h - the commands there are, as the daemon describes them; without a daemon, those of the core. */
#pragma once
#include "client.h"

typedef struct {
  Json    *root;                              /* { commands = [ { name summary args columns rows } ] } */
  gboolean is_builtin;
} Schema;

/* Asks @client, or gives the built-in list when it is NULL or has no answer. */
Schema     *schema_load (Client *client_or_null);
void        schema_free (Schema *schema);
guint       schema_n    (const Schema *schema);
Json       *schema_nth  (const Schema *schema, guint i);
Json       *schema_find (const Schema *schema, const char *command);
/* Names of all commands, the tool's own included, sorted; g_free the array only. */
const char **schema_names (const Schema *schema);

/* Commands that the tool itself answers. */
typedef struct { const char *name, *usage, *summary; } ToolCommand;
extern const ToolCommand tool_commands[];

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Schema, schema_free)
