/* SPDX-License-Identifier: Apache-2.0 */
/* inner.h - packets of EAP as they are inside the tunnel of PEAP version 0: most without their first four bytes, those
 * of type 33 (Extensions, which carry TLVs) with them. */
#pragma once
#include <ikebana/eap.h>

enum { PEAP_TYPE_EXTENSIONS = 33, PEAP_TLV_RESULT = 3, PEAP_TLV_CRYPTO_BINDING = 12, PEAP_TLVS_MAX = 16 };
enum { PEAP_SUCCESS = 1, PEAP_FAILURE = 2, PEAP_RESULT_LEN = 11 };

/* The whole packet that @data of the tunnel stands for, g_free: what has no header gets one of @code with @identifier.
 * NULL: it is none. */
guint8  *peap_expand (const guint8 *data, gsize len, guint8 code, guint8 identifier, gsize *out_len);
/* Is this whole packet one of type 33? */
gboolean peap_is_extensions (const guint8 *packet, gsize len);
/* Its Result (PEAP_SUCCESS, _FAILURE).  FALSE with a static reason: malformed, no Result, two, or something that must
 * be understood and is not. */
gboolean peap_result_read (const guint8 *packet, gsize len, guint16 *result, const char **why);
/* One that says it, with its header. */
void     peap_result_write (guint8 code, guint8 identifier, guint16 result, guint8 out[static PEAP_RESULT_LEN]);
