/* SPDX-License-Identifier: Apache-2.0 */
/* args.h - a command line as the arguments of a request. */
#pragma once
#include "tool.h"

/* Reads @argv (without the command's name; NULL-terminated) by the declarations of @command, an entry of the schema.
 * Positional arguments fill in order, others are --name=VALUE, --name VALUE, or --name for a truth.  NULL when it
 * makes no sense, with @message set to the sentence for the user. */
Json *args_parse (Json *command, const char *const *argv, char **message);
/* "up NAME [--child=TEXT]", g_free. */
char *args_usage (Json *command);
gboolean args_is_positional (Json *arg);
gboolean args_is_required   (Json *arg);
