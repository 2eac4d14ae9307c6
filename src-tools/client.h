/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - the connection to the daemon's control socket (ikebana-control(7)). */
#pragma once
#include "tool.h"

typedef struct _Client Client;

/* NULL with @status, and then the reason has been printed unless @is_quiet. */
Client    *client_open  (const Tool *tool, gboolean is_quiet, ToolStatus *status);
void       client_close (Client *client);     /* NULL is fine */
const char *client_path (const Client *client);

/* Hears a part; @kind is "progress", "row", "log", … */
typedef void (*ClientPart) (const char *kind, Json *part, gpointer data);

typedef struct {
  Json *result;                               /* owned; NULL when it failed */
  char *code, *message;                       /* of the error */
} ClientAnswer;

/* Sends a request and waits for its end, at most @timeout_s seconds (0: no limit).  Fills @answer, also when the
 * connection failed. */
ToolStatus client_run   (Client *client, const char *command, Json *args_or_null, guint timeout_s, ClientPart part,
                         gpointer data, ClientAnswer *answer);
void       client_answer_clear (ClientAnswer *answer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Client, client_close)
