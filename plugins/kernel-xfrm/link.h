/* SPDX-License-Identifier: Apache-2.0 */
/* link.h - what SAs and policies need beside themselves: interfaces that are made for them, and
 * routes that lead to them.
 *
 * Before a batch is installed, net_need() makes the XFRM interfaces that its SAs ask for
 * (IKE_KERNEL_MAKE_INTERFACE) and the routes of its outbound policies; when it is removed, or was
 * not installed after all, net_drop() gives that back, once.  Both count: what several batches
 * need goes with the last of them.  All functions are for the plugin's loop, and copy what they
 * are given. */
#pragma once
#include <ikebana/kernel.h>

typedef struct _Net Net;

/* @error: NULL when it was done; else the interface, the reason and what to do. */
typedef void (*NetDone) (gpointer data, const char *error);

/* Calls @done exactly once, maybe before it returns, at the latest while the Net is freed.  After
 * an error nothing is kept and there is nothing to drop.  A route that cannot be made is no error:
 * it is logged, and tried again when addresses, links or routes change. */
void net_need  (Net *net, const IkeKernelBatch *batch, NetDone done, gpointer data);
/* What net_need() said is done. */
void net_drop  (Net *net, const IkeKernelBatch *batch);
/* An outbound SA moved: the routes of its policies follow the new addresses. */
void net_moved (Net *net, const IkeKernelSa *old, const IkeKernelSa *new_);
/* Index of an interface, 0 when there is none of this name; if_nametoindex() would look in the
 * daemon's network namespace, not in the plugin's. */
guint32 net_interface (Net *net, const char *name);
/* Of the interface that has the address, 0 when none does. */
guint32 net_interface_of (Net *net, const IkeAddr *addr);
