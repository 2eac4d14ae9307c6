/* SPDX-License-Identifier: Apache-2.0 */
/* tool.h - what the parts of the command line tool share.
 *
 * `ikebana COMMAND …` turns a command line into one request to the daemon (client.h), by the daemon's own
 * description of its commands (schema.h, args.h), and shows what comes back (show.h, table.h).  A command that
 * deserves more than that has a file cmd_*.c. */
#pragma once
#include <glib.h>
#include <json-c/json.h>

/* Exit statuses; they are documented in ikebana(8). */
typedef enum {
  TOOL_OK = 0,
  TOOL_FAILED = 1,                            /* the daemon tried, and it did not work */
  TOOL_USAGE = 2,
  TOOL_NOT_RUNNING = 3,
  TOOL_DENIED = 4,
  TOOL_TIMEOUT = 5,
  TOOL_NOT_FOUND = 6,                         /* what was named does not exist */
  TOOL_BROKEN = 7,                            /* the connection broke, or the answer makes no sense */
} ToolStatus;

typedef struct {
  const char *socket_path;                    /* of --socket or IKEBANA_SOCKET; NULL: control, else monitor */
  gboolean    is_json, has_color;
  guint       wait_s;                         /* 0: as long as it takes */
} Tool;

typedef struct json_object Json;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Json, json_object_put)

/* Prints "ikebana: …" on standard error. */
void tool_complain (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* The name of @candidates nearest to @name, or NULL when none is near. */
const char *tool_nearest (const char *name, const char *const *candidates);
/* For programs of their own: options anywhere among @words (the first is the program), which keeps what is none.  Is
 * help what is asked for? */
gboolean    tool_parse      (const GOptionEntry *entries, char ***words, GError **error);
gboolean    tool_wants_help (const char *const *argv);
/* The path's value in nested objects ("a.b"); NULL when it is not there. */
Json       *tool_get     (Json *object, const char *path);
const char *tool_text    (Json *object, const char *path, const char *fallback);
gboolean    tool_truth   (Json *object, const char *path);
