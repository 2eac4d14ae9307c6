/* SPDX-License-Identifier: Apache-2.0 */
/* user.c - who uses an IKE SA, where that is known better than by its identity: a user who
 * proved a name of his own, the groups he is in, and the virtual addresses that the two ends
 * gave each other. One record for an SA and its heirs; most SAs have none. */
#include "sa/sa_private.h"
#include <ikebana/pack.h>
#include <string.h>

struct _IkeUser {
  guint references;                               /* of one shard */
  IkeIdent *ident;                                /* or NULL */
  GPtrArray *groups;                              /* texts, or NULL */
  IkeAddr virtual_ips[2][IKE_SA_VIRTUAL_IPS_MAX]; /* the peer's, ours */
  guint n_virtual_ips[2];
};

static IkeUser *
user_of (IkeSa *sa)
{
  ike_sa_assert_owner (sa);
  if (!sa->user) {
    sa->user = g_new0 (IkeUser, 1);
    sa->user->references = 1;
  }
  return sa->user;
}

void
ike_user_share (IkeSa *sa, IkeSa *heir)
{
  if (sa->user) {
    sa->user->references++;
    heir->user = sa->user;
  }
}

void
ike_user_leave (IkeSa *sa)
{
  IkeUser *user = g_steal_pointer (&sa->user);

  if (!user || --user->references)
    return;
  ike_ident_unref (user->ident);
  g_clear_pointer (&user->groups, g_ptr_array_unref);
  g_free (user);
}

void
ike_sa_set_user (IkeSa *sa, IkeIdent *user_take)
{
  IkeUser *user = user_of (sa);

  ike_ident_unref (user->ident);
  user->ident = user_take;
}

const IkeIdent *
ike_sa_user (const IkeSa *sa)
{
  return sa->user && sa->user->ident ? sa->user->ident : sa->remote_id;
}

void
ike_sa_add_group (IkeSa *sa, const char *group)
{
  IkeUser *user = user_of (sa);

  if (ike_sa_is_in_group (sa, group) || (user->groups && user->groups->len == IKE_SA_GROUPS_MAX))
    return;
  if (!user->groups)
    user->groups = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (user->groups, g_strdup (group));
}

void
ike_sa_remove_group (IkeSa *sa, const char *group)
{
  GPtrArray *groups = user_of (sa)->groups;

  for (guint i = 0; groups && i < groups->len; i++)
    if (!strcmp (groups->pdata[i], group)) {
      g_ptr_array_remove_index (groups, i);
      return;
    }
}

gboolean
ike_sa_is_in_group (const IkeSa *sa, const char *group)
{
  const GPtrArray *groups = sa->user ? sa->user->groups : NULL;

  for (guint i = 0; groups && i < groups->len; i++)
    if (!strcmp (groups->pdata[i], group))
      return TRUE;
  return FALSE;
}

gboolean
ike_sa_add_virtual_ip (IkeSa *sa, gboolean is_ours, const IkeAddr *addr)
{
  IkeUser *user = user_of (sa);
  guint *n = &user->n_virtual_ips[is_ours != FALSE];

  if (*n == IKE_SA_VIRTUAL_IPS_MAX)
    return FALSE;
  user->virtual_ips[is_ours != FALSE][(*n)++] = *addr;
  return TRUE;
}

void
ike_sa_forget_virtual_ips (IkeSa *sa, gboolean is_ours)
{
  if (sa->user)
    sa->user->n_virtual_ips[is_ours != FALSE] = 0;
}

const IkeAddr *
ike_sa_virtual_ips (const IkeSa *sa, gboolean is_ours, guint *n)
{
  *n = sa->user ? sa->user->n_virtual_ips[is_ours != FALSE] : 0;
  return *n ? sa->user->virtual_ips[is_ours != FALSE] : NULL;
}

/* -- as bytes */

static void
write_virtual_ips (const IkeSa *sa, gboolean is_ours, IkeWriter *out)
{
  guint n;
  const IkeAddr *ips = ike_sa_virtual_ips (sa, is_ours, &n);

  ike_writer_u8 (out, (guint8) n);
  for (guint i = 0; i < n; i++)
    ike_pack_addr (out, &ips[i]);
}

void
ike_sa_write_user (const IkeSa *sa, IkeWriter *out)
{
  const GPtrArray *groups = sa->user ? sa->user->groups : NULL;

  ike_pack_ident (out, sa->user ? sa->user->ident : NULL);
  ike_writer_u8 (out, (guint8) (groups ? groups->len : 0));
  for (guint i = 0; groups && i < groups->len; i++)
    ike_pack_text (out, groups->pdata[i]);
  write_virtual_ips (sa, FALSE, out);
  write_virtual_ips (sa, TRUE, out);
}

static void
read_virtual_ips (IkeSa *sa, gboolean is_ours, IkeReader *in)
{
  IkeAddr addr;

  for (guint n = ike_reader_u8 (in); n && !in->failed; n--) {
    ike_unpack_addr (in, &addr);
    in->failed |= addr.family != 4 && addr.family != 6;
    if (!in->failed)
      in->failed |= !ike_sa_add_virtual_ip (sa, is_ours, &addr);
  }
}

gboolean
ike_sa_read_user (IkeSa *sa, IkeReader *in)
{
  IkeIdent *user = ike_unpack_ident (in);

  if (user)
    ike_sa_set_user (sa, user);
  for (guint n = ike_reader_u8 (in); n && !in->failed; n--) {
    g_autofree char *group = ike_unpack_text (in);
    if (group)
      ike_sa_add_group (sa, group);
  }
  read_virtual_ips (sa, FALSE, in);
  read_virtual_ips (sa, TRUE, in);
  return !in->failed;
}

static void
list_virtual_ips (const IkeSa *sa, gboolean is_ours, IkeTree *tree, const char *key)
{
  char text[IKE_ADDR_TEXT_SIZE];
  guint n;
  const IkeAddr *ips = ike_sa_virtual_ips (sa, is_ours, &n);
  IkeTree *list = n ? ike_tree_add_list (tree, key) : NULL;

  for (guint i = 0; i < n; i++)
    ike_tree_set_string (list, NULL, ike_addr_format (&ips[i], FALSE, text));
}

void
ike_user_describe (const IkeSa *sa, IkeTree *tree)
{
  char text[256];

  if (!sa->user)
    return;
  if (sa->user->ident)
    ike_tree_set_string (tree, "remote-user",
                         ike_ident_format (sa->user->ident, text, sizeof text));
  if (sa->user->groups) {
    IkeTree *list = ike_tree_add_list (tree, "groups");
    for (guint i = 0; i < sa->user->groups->len; i++)
      ike_tree_set_string (list, NULL, sa->user->groups->pdata[i]);
  }
  list_virtual_ips (sa, TRUE, tree, "local-vips");
  list_virtual_ips (sa, FALSE, tree, "remote-vips");
}

/* -- rounds of authentication */

guint
ike_sa_auth_round (const IkeSa *sa, gboolean is_local)
{
  return sa->auth_rounds[is_local != FALSE];
}

void
ike_sa_set_auth_round (IkeSa *sa, gboolean is_local, guint round)
{
  ike_sa_assert_owner (sa);
  sa->auth_rounds[is_local != FALSE] = (guint8) MIN (round, 255);
}

const IkeAuthConf *
ike_sa_auth_conf (const IkeSa *sa, gboolean is_local)
{
  guint round = ike_sa_auth_round (sa, is_local);

  if (!sa->conn || round >= (is_local ? sa->conn->n_local : sa->conn->n_remote))
    return NULL;
  return is_local ? &sa->conn->local[round] : &sa->conn->remote[round];
}
