/* SPDX-License-Identifier: Apache-2.0 */
/* command.h - control commands: what `ikebana …` and other management clients ask the daemon.
 *
 * A command is a feature `command:NAME`.  Transports (control-json, …) are plugins: they find the command, check the
 * arguments against its declaration, and run it on the control loop.  A command may finish later: it keeps the request
 * and finishes it from the control loop.  Values are trees. */
#pragma once
#include <ikebana/tree.h>

IKE_BEGIN_DECLS

enum {
  IKE_COMMAND_READ_ONLY = 1 << 0,             /* allowed on the monitor socket */
  IKE_COMMAND_STREAMS = 1 << 1,               /* sends parts before its result */
};

typedef struct {
  const char *name;                           /* "connection" */
  const char *type;                           /* "string" "bool" "uint" "enum:a|b" "list" */
  gboolean    is_required;
  gboolean    is_positional;                  /* in order of declaration on the command line; else --name[=value] */
  const char *doc;
} IkeCommandArg;

typedef struct {
  guint32              struct_size;
  guint32              flags;                 /* IKE_COMMAND_… */
  const char          *summary;               /* one line, for help */
  const IkeCommandArg *args;                  /* ends with name == NULL; may be NULL */
  /* How the CLI shows the result of a listing: columns "title:path title:path …" for each item of list @rows_path of
   * the result (or of each part); NULL: the CLI prints it as indented text. */
  const char          *columns, *rows_path;
  /* control loop; must finish @request, now or later */
  void               (*run) (IkePlugin *self, IkeRequest *request);
} IkeCommandClass;

/* The plugin whose command runs has these; control loop only. */
IkeEngine     *ike_request_engine (IkeRequest *request);
const IkeTree *ike_request_args   (IkeRequest *request);
/* Streams a part (taken): progress of `up`, one row of a listing. @kind: "progress", "row", "log". */
void           ike_request_part   (IkeRequest *request, const char *kind, IkeTree *part_take);
/* Each request is finished exactly once; it is then gone. */
void           ike_request_finish (IkeRequest *request, IkeTree *result_take);
/* code: "not-found", "failed", "usage", "denied", "timeout" */
void           ike_request_fail   (IkeRequest *request, const char *code, const char *message);
/* Calls @gone once if the client goes away first (the request must still be finished). NULL to stop listening. */
void           ike_request_on_gone (IkeRequest *request, void (*gone) (gpointer data), gpointer data);

/* The transport's side.  @sink is called on the control loop: parts (@is_last FALSE), then one last with @error_code
 * NULL and a result, or with an error.  Trees stay the caller's for the length of the call.  Control loop. */
typedef struct {
  guint32  struct_size;
  void   (*part) (gpointer transport, const char *kind, const IkeTree *part);
  void   (*done) (gpointer transport, const IkeTree *result, const char *error_code, const char *message);
} IkeRequestSink;

/* Checks name, read-only rule and arguments, then runs it; always ends in done().  Returns a handle for
 * ike_request_client_gone(), or NULL when it is done already. */
IkeRequest    *ike_command_run (IkeEngine *engine, const char *name, IkeTree *args_take, gboolean is_read_only,
                                const IkeRequestSink *sink, gpointer transport);
void           ike_request_client_gone (IkeRequest *request);
/* Schema of all ready commands, for `help` and completion: { commands = [ {name summary args flags columns rows} ]
 * }. */
IkeTree       *ike_command_schema (IkeEngine *engine);

IKE_END_DECLS
