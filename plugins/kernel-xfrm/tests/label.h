/* SPDX-License-Identifier: Apache-2.0 */
/* label.h - what a security label is as an attribute. */
#pragma once
#include <string.h>
#include <linux/xfrm.h>
#include "../netlink.h"

static void
assert_label (const struct nlattr *attribute, const char *label)
{
  const struct xfrm_user_sec_ctx *context = netlink_content (attribute, sizeof *context);
  gsize len = strlen (label) + 1;
  g_assert_nonnull (context);
  g_assert_cmpuint (mnl_attr_get_payload_len (attribute), ==, sizeof *context + len);
  g_assert_cmpuint (context->len, ==, sizeof *context + len);
  g_assert_cmpuint (context->exttype, ==, XFRMA_SEC_CTX);
  g_assert_cmpuint (context->ctx_alg, ==, XFRM_SC_ALG_SELINUX);
  g_assert_cmpuint (context->ctx_doi, ==, XFRM_SC_DOI_LSM);
  g_assert_cmpuint (context->ctx_len, ==, len);
  g_assert_cmpmem (context + 1, len, label, len);
}
