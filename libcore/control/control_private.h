/* SPDX-License-Identifier: Apache-2.0 */
/* control_private.h - what the files of control/ share: the table of running requests, and who listens to log and
 * events. */
#pragma once
#include "control/listeners.h"
#include <ikebana/command.h>
#include <stdatomic.h>

struct _IkeControlTable {
  IkeEngine  *engine;
  GPtrArray  *running;                        /* IkeRequest, owned; control loop */
  gboolean    is_stopped;
  GPtrArray  *log_listeners, *event_listeners;/* IkeRequest, not owned; control loop */
  atomic_uint n_log_listeners;                /* as many; for the observer loop */
  atomic_uint n_in_flight;                    /* records and events on their way to the control loop */
  guint32     lost;                           /* counter */
};

struct _IkeRequest {
  IkeEngine             *engine;
  const IkeProvided     *provided;
  const IkeCommandClass *klass;
  IkeTree               *args;
  IkeRequestSink         sink;
  gpointer               transport;           /* NULL sink functions once the client is gone */
  void                 (*gone) (gpointer data);
  gpointer               gone_data;
  gboolean               is_orphan;           /* nobody hears the answer */
  gboolean              *is_finished;         /* of the frame that runs it, or NULL */
};

/* arguments.c: checks @args against the declaration and brings each to its type.  FALSE with a sentence (g_free). */
gboolean ike_arguments_check (const IkeCommandClass *klass, IkeTree *args, char **problem);
/* "enum:a|b": is @text one? */
gboolean ike_arguments_is_word (const char *type, const char *text);

/* listeners.c */
void ike_listeners_init  (IkeControlTable *table);
void ike_listeners_clear (IkeControlTable *table);
