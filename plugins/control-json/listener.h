/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h - makes a listening unix socket that a group may use. */
#pragma once
#include <glib.h>

/* A non-blocking listening socket at @path with mode 0660 and group @group (skipped when there is no such group).
 * What a dead daemon left behind is removed; when somebody still answers there, or the path is no socket, it is an
 * error. -1 with @error. Control. */
int control_listen (const char *path, const char *group_or_empty, GError **error);
