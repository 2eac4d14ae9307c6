/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h - a socket that listens on the loopback, for tests of plugins that ask somebody. */
#pragma once
#include <arpa/inet.h>
#include <glib.h>
#include <sys/socket.h>

static inline int
listener_new (guint16 *port)
{
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t len = sizeof at;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (bind (fd, (struct sockaddr *) &at, sizeof at), ==, 0);
  g_assert_cmpint (listen (fd, 4), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *) &at, &len), ==, 0);
  *port = ntohs (at.sin_port);
  return fd;
}
