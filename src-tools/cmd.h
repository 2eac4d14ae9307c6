/* SPDX-License-Identifier: Apache-2.0 */
/* cmd.h - the sub-commands; each takes the words behind its name (NULL-terminated) and gives the exit status. */
#pragma once
#include "schema.h"

/* Any command of the daemon. */
ToolStatus cmd_run      (const Tool *tool, const char *command, const char *const *argv);
ToolStatus cmd_help     (const Tool *tool, const char *const *argv);
ToolStatus cmd_version  (const Tool *tool, const char *const *argv);
/* `ikebana pki …`, `plugin`, `store`: is it one of those, whose options stand behind it? */
gboolean   cmd_is_program (const char *command_or_null);
/* Becomes that program, or says why not. */
ToolStatus cmd_program  (const char *command, const char *const *argv);
/* Candidates for the last of the words, for the shells' completion files. */
ToolStatus cmd_complete (const Tool *tool, const char *const *argv);

/* Says that there is no such command, with the nearest one. */
ToolStatus cmd_unknown  (const Tool *tool, const Schema *schema, const char *name);
/* Shows the final result of @command in the way that its entry of the schema asks for. */
void       cmd_show_result (const Tool *tool, Json *command, Json *result);
/* Results that have a form of their own: TRUE when @name has one and it was shown. */
gboolean   cmd_show_explain (const Tool *tool, const char *name, Json *result);
gboolean   cmd_show_status  (const Tool *tool, const char *name, Json *result);
gboolean   cmd_show_reload  (const Tool *tool, const char *name, Json *result);
gboolean   cmd_show_plugins (const Tool *tool, const char *name, Json *result);
