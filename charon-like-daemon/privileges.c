/* SPDX-License-Identifier: Apache-2.0 */
/* privileges.c - gives up what the daemon does not need, before it starts a thread or reads a
 * packet.
 *
 * With `core.user` the daemon becomes that user and keeps two capabilities: CAP_NET_ADMIN (TUN
 * devices, XFRM, routes) and CAP_NET_BIND_SERVICE (ports 500 and 4500).  In every case no program
 * that it runs can gain privileges again. */
#define _GNU_SOURCE                           /* setresuid */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <ikebana/error.h>
#include "daemon.h"

static const int kept[] = { CAP_NET_ADMIN, CAP_NET_BIND_SERVICE };

static gboolean
fail (GError **error, const char *what)
{
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot %s: %s", what, g_strerror (errno));
  return FALSE;
}

static gboolean
is_kept (int capability)
{
  for (guint i = 0; i < G_N_ELEMENTS (kept); i++) {
    if (kept[i] == capability)
      return TRUE;
  }
  return FALSE;
}

static gboolean
find_user (Daemon *daemon, uid_t *uid, gid_t *gid, GError **error)
{
  char buffer[8192];
  struct passwd user, *found_user = NULL;
  struct group group, *found_group = NULL;
  if (getpwnam_r (daemon->user, &user, buffer, sizeof buffer, &found_user) != 0
      || found_user == NULL) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                 "core.user = %s: there is no such user; make it, or unset core.user",
                 daemon->user);
    return FALSE;
  }
  *uid = user.pw_uid;
  *gid = user.pw_gid;
  if (daemon->group == NULL)
    return TRUE;
  if (getgrnam_r (daemon->group, &group, buffer, sizeof buffer, &found_group) != 0
      || found_group == NULL) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                 "core.group = %s: there is no such group; make it, or unset core.group",
                 daemon->group);
    return FALSE;
  }
  *gid = group.gr_gid;
  return TRUE;
}

static gboolean
set_capabilities (GError **error)
{
  struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
  for (guint i = 0; i < G_N_ELEMENTS (kept); i++) {
    data[CAP_TO_INDEX (kept[i])].permitted |= CAP_TO_MASK (kept[i]);
    data[CAP_TO_INDEX (kept[i])].effective |= CAP_TO_MASK (kept[i]);
  }
  if (syscall (SYS_capset, &header, data) < 0)
    return fail (error, "keep CAP_NET_ADMIN and CAP_NET_BIND_SERVICE");
  return TRUE;
}

static gboolean
become (Daemon *daemon, uid_t uid, gid_t gid, GError **error)
{
  for (int i = 0; i <= 63; i++) {
    if (!is_kept (i) && prctl (PR_CAPBSET_READ, i, 0, 0, 0) == 1
        && prctl (PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
      return fail (error, "limit the capabilities");
  }
  if (prctl (PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
    return fail (error, "keep capabilities over the change of the user");
  if (initgroups (daemon->user, gid) < 0 || setresgid (gid, gid, gid) < 0
      || setresuid (uid, uid, uid) < 0)
    return fail (error, "become the user of core.user");
  if (!set_capabilities (error))
    return FALSE;
  prctl (PR_SET_KEEPCAPS, 0, 0, 0, 0);
  return TRUE;
}

gboolean
daemon_drop_privileges (Daemon *daemon, GError **error)
{
  uid_t uid;
  gid_t gid;
  if (daemon->user != NULL) {
    if (!find_user (daemon, &uid, &gid, error))
      return FALSE;
    if (geteuid () != 0 && geteuid () != uid) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_DENIED,
                   "core.user = %s needs a start as root, or as that user", daemon->user);
      return FALSE;
    }
    /* The sockets are made by the user later. */
    if (geteuid () == 0 && chown (daemon->run_dir, uid, gid) < 0)
      return fail (error, "give the directory of the sockets to the user of core.user");
    if (geteuid () == 0 && uid != 0 && !become (daemon, uid, gid, error))
      return FALSE;
  }
  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return fail (error, "give up gaining privileges");
  return TRUE;
}
