/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - one connected client of a control socket.  Everything here runs on the control loop. */
#pragma once
#include <ikebana/runtime.h>

struct json_tokener;

typedef struct _ControlClient ControlClient;

/* What all clients of the plugin share; the plugin owns it and it outlives them. */
typedef struct {
  IkeEngine           *engine;
  struct json_tokener *tokener;
  guint                max_clients, max_requests;
  guint64              output_max;            /* bytes kept for a client that does not read */
  GPtrArray           *clients;               /* ControlClient, each with a reference */
  guint32              refused_counter, dropped_counter;
} ControlServer;

/* Takes @fd, which must be non-blocking, and adds the client to server->clients. */
void control_client_new   (ControlServer *server, int fd_take, gboolean is_read_only);
/* Forgets the client: its requests are told that nobody waits for them any more. */
void control_client_close (ControlClient *client);
void control_client_unref (ControlClient *client);
