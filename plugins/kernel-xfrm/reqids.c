/* SPDX-License-Identifier: Apache-2.0 */
/* reqids.c - the kernel's reqids.
 *
 * Reqids of our own choice are the child's plus a multiple of `reqid_base`: once, twice or three
 * times, by turns from one start of the daemon to the next.  So what an earlier process left can
 * never be taken for what we have now, though both count from 1. */
#include "config.h"
#include "xfrm.h"

guint32
xfrm_reqid (const Xfrm *xfrm, guint32 reqid, guint32 flags)
{
  if (flags & IKE_KERNEL_FIXED_REQID)
    return reqid;
  return xfrm->reqid_base * (xfrm->epoch + 1) + reqid % xfrm->reqid_base;
}

gboolean
xfrm_reqid_back (const Xfrm *xfrm, guint32 kernel_reqid, guint32 *reqid)
{
  guint32 first = xfrm->reqid_base * (xfrm->epoch + 1);
  if (!g_hash_table_contains (xfrm->reqids, GUINT_TO_POINTER (kernel_reqid)))
    return FALSE;
  *reqid = kernel_reqid >= first && kernel_reqid - first < xfrm->reqid_base ? kernel_reqid - first
                                                                             : kernel_reqid;
  return TRUE;
}

static void
reqid_free (gpointer data)
{
  XfrmReqid *own = data;
  if (own->policies)
    g_ptr_array_unref (own->policies);
  g_free (own);
}

GHashTable *
xfrm_reqids_new (void)
{
  return g_hash_table_new_full (NULL, NULL, NULL, reqid_free);
}

XfrmReqid *
xfrm_reqid_get (const Xfrm *xfrm, guint32 kernel_reqid)
{
  return g_hash_table_lookup (xfrm->reqids, GUINT_TO_POINTER (kernel_reqid));
}

gboolean
xfrm_reqid_use (Xfrm *xfrm, guint32 kernel_reqid, GError **error)
{
  XfrmReqid *own = xfrm_reqid_get (xfrm, kernel_reqid);
  if (!own) {
    if (xfrm->journal && !xfrm_journal_add (xfrm->journal, kernel_reqid, error))
      return FALSE;
    own = g_new0 (XfrmReqid, 1);
    g_hash_table_insert (xfrm->reqids, GUINT_TO_POINTER (kernel_reqid), own);
  }
  own->n++;
  return TRUE;
}

void
xfrm_reqid_drop (Xfrm *xfrm, guint32 kernel_reqid)
{
  XfrmReqid *own = xfrm_reqid_get (xfrm, kernel_reqid);
  if (!own || --own->n)
    return;
  g_hash_table_remove (xfrm->reqids, GUINT_TO_POINTER (kernel_reqid));
  if (xfrm->journal)
    xfrm_journal_drop (xfrm->journal, kernel_reqid);
}

void
xfrm_reqid_add_policy (Xfrm *xfrm, guint32 kernel_reqid, XfrmPolicy *policy)
{
  XfrmReqid *own = xfrm_reqid_get (xfrm, kernel_reqid);
  if (!own->policies)
    own->policies = g_ptr_array_new ();
  g_ptr_array_add (own->policies, policy);
}

void
xfrm_reqid_remove_policy (Xfrm *xfrm, guint32 kernel_reqid, XfrmPolicy *policy)
{
  XfrmReqid *own = xfrm_reqid_get (xfrm, kernel_reqid);
  if (own && own->policies)
    g_ptr_array_remove_fast (own->policies, policy);
}
