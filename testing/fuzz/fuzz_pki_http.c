/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_pki_http.c - a request to the responder of `ikebana pki ocsp`, whole and byte by byte.
 *
 * Covers: src-tools/pki_http_parse.c */
#include <string.h>
#include "pki_http.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize len);

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize len)
{
  g_autofree char *text = g_memdup2 (data, MAX (len, 1));
  PkiHttpRequest request, part;
  guint status = pki_http_parse (text, len, &request);

  check (status == 0 || g_str_equal (pki_http_reason (status), "Internal Server Error") == FALSE);
  check ((status == 200) == (request.path != NULL));
  if (status == 200) {
    check (request.head_len <= len && request.head_len <= PKI_HTTP_HEAD_MAX);
    check (request.body_len <= PKI_HTTP_BODY_MAX && request.path[0] == '/');
    if (pki_http_is_plain (request.path))
      check (!strstr (request.path, "/.") && !strstr (request.path, "//"));
    /* Until its last byte is there it is not complete, and then it is the same. */
    check (pki_http_parse (text, request.head_len - 1, &part) == 0);
    check (pki_http_parse (text, request.head_len, &part) == 200);
    check (g_str_equal (part.path, request.path) && part.body_len == request.body_len);
    pki_http_clear (&part);
  }
  pki_http_clear (&request);
  return 0;
}
