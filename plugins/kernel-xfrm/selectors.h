/* SPDX-License-Identifier: Apache-2.0 */
/* selectors.h - selectors of IKE as the kernel can say them: a prefix, a port under a mask. */
#pragma once
#include <linux/xfrm.h>
#include <ikebana/kernel.h>

/* Appends to @into (IkeKernelPolicy) what together covers exactly @policy: ranges become prefixes
 * and masked ports.  The pieces and their order depend on the selectors only. */
gboolean xfrm_policy_expand   (const IkeKernelPolicy *policy, GArray *into, GError **error);
/* FALSE with @error when it is no prefix or no masked port. */
gboolean xfrm_selector_set    (struct xfrm_selector *to, const IkeSelector *source,
                               const IkeSelector *destination, GError **error);
/* What the kernel said of a packet, or of a policy. */
void     xfrm_selector_get    (const struct xfrm_selector *from, IkeSelector *source,
                               IkeSelector *destination);
/* Of one piece, lower wins: narrower networks, then ports, protocol, interface; PASS comes before
 * everything else, DROP behind it. */
guint32  xfrm_policy_priority (const IkeKernelPolicy *policy);

int      xfrm_family          (guint8 family);                            /* 4 → AF_INET … */
void     xfrm_address_set     (xfrm_address_t *to, const IkeAddr *from);
void     xfrm_address_get     (IkeAddr *to, const xfrm_address_t *from, int family);
