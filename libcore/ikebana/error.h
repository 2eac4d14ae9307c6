/* SPDX-License-Identifier: Apache-2.0 */
/* error.h - the three kinds of wrong, kept apart.
 *
 * The peer's fault is an IkeVerdict: no allocation, a static reason, the offset where it was found.  The system's or
 * the operator's fault is a GError of domain IKE_ERROR, prefixed on the way up with what was being done.  The
 * programmer's is g_return_if_fail, and never reachable from input. */
#pragma once
#include <ikebana/defs.h>

IKE_BEGIN_DECLS

#define IKE_ERROR (ike_error_quark ())
GQuark ike_error_quark (void);

typedef enum {
  IKE_ERROR_SYNTAX,                           /* a file or value that cannot be read; names file and line */
  IKE_ERROR_CONFIG,                           /* read well, but makes no sense or asks for what is not there */
  IKE_ERROR_PLUGIN,                           /* a plugin or feature that cannot be had */
  IKE_ERROR_SYSTEM,                           /* the operating system said no */
  IKE_ERROR_CRYPTO,                           /* the library failed */
  IKE_ERROR_UNSUPPORTED,
  IKE_ERROR_BUSY,                             /* a limit was reached */
  IKE_ERROR_NOT_FOUND,
  IKE_ERROR_DENIED,
  IKE_ERROR_PEER,                             /* the negotiation failed; the message is the reason for people */
  IKE_ERROR_TIMEOUT,
} IkeErrorCode;

/* What is wrong with something that a peer sent.  @reason is static text, for people; NULL means nothing is wrong. */
typedef struct {
  const char *reason;
  guint32     offset;                         /* bytes from the start of the message or payload */
  guint16     notify;                         /* the error notify to answer with, 0 for none */
  guint8      payload;                        /* payload type where it was found, 0 for the header */
} IkeVerdict;

/* Fills @verdict and returns FALSE, so that a parser can `return ike_verdict_set (…)`. Any thread. */
gboolean ike_verdict_set (IkeVerdict *verdict, guint16 notify, guint8 payload, guint32 offset,
                          const char *reason_static);

/* Writes @len bytes that came from a peer into @out as printable ASCII (\xNN for the rest, quotes and backslash
 * escaped), always terminated, cut with "…" when it does not fit.  Returns @out. Any thread. */
char *ike_escape (char *out, gsize out_size, const void *data, gsize len);

IKE_END_DECLS
