/* SPDX-License-Identifier: Apache-2.0 */
/* request.h - one line from a client, read into a request.
 *
 * {"id": 1, "command": "up", "args": {…}} or {"id": 1, "cancel": true}.  Clients are local, but no more trusted than a
 * peer: lengths, depth, number of values and characters of names are limited. */
#pragma once
#include <ikebana/tree.h>

enum {
  CONTROL_LINE_MAX = 64 * 1024,               /* bytes, without the newline */
  CONTROL_DEPTH_MAX = 12,
  CONTROL_VALUES_MAX = 4096,
  CONTROL_ID_MAX = 64,                        /* bytes of a text id */
};

struct json_tokener;

typedef struct {
  char       *id;                             /* the id as JSON text ("17", "\"a\""); NULL when it could not be read */
  char       *command;                        /* NULL: cancels the request of this id */
  IkeTree    *args;                           /* a section, with a command */
  const char *reason;                         /* static: why it was refused */
} ControlRequest;

struct json_tokener *control_tokener_new  (void);
void                 control_tokener_free (struct json_tokener *tokener);
/* FALSE with @reason set; @id is set if it could be read.  Clear the request in both cases. */
gboolean control_request_parse (struct json_tokener *tokener, const char *line, gsize len, ControlRequest *request);
void     control_request_clear (ControlRequest *request);
