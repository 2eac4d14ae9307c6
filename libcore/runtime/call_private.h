/* SPDX-License-Identifier: Apache-2.0 */
/* call_private.h - calls from inside: what task and SA calls are built on.
 *
 * ike_call_new() makes a call whose owner lives on loop @home.  When it is over (answered, failed or timed out),
 * @delivered (call, owner) runs on @home; its owner then calls ike_call_finish() once, now or later, which runs
 * klass->then and frees the call.  An owner that goes away first calls ike_call_drop(): a result, also one that
 * comes later, goes to klass->undo.  Either way the pointer is dead for the owner afterwards. */
#pragma once
#include <ikebana/runtime.h>

typedef void (*IkeCallDelivered) (IkeCall *call, gpointer owner);

/* On @home, like all functions here.  @delivered NULL: ike_call_finish(). */
IkeCall *ike_call_new    (IkeLoop *home, const IkeCallClass *klass, gpointer owner, gpointer data_take,
                          IkeCallDelivered delivered);
/* Between ike_call_hold() and ike_call_poll() an answer that is given on @home itself (a worker that knew it at once)
 * makes no job: ike_call_poll() returns TRUE and the owner goes on with ike_call_finish(), @delivered is not called.
 * FALSE: it is delivered later.  With IKE_ENGINE_FORCE_WAITS always FALSE. */
void     ike_call_hold   (IkeCall *call);
gboolean ike_call_poll   (IkeCall *call);
void     ike_call_finish (IkeCall *call);
void     ike_call_drop   (IkeCall *call);
const IkeCallClass *ike_call_class (const IkeCall *call);
/* The owner's: a link for a list of its calls; NULL at first. */
IkeCall **ike_call_next (IkeCall *call);
