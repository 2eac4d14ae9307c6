/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_control.c - request lines of the control protocol: any bytes, cut at newlines as the plugin
 * cuts them.
 *
 * Covers: plugins/control-json/request.c */
#include <string.h>
#include "../../plugins/control-json/request.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
try_line (struct json_tokener *tokener, const char *line, gsize len)
{
  ControlRequest request;
  gboolean is_good = control_request_parse (tokener, line, len, &request);
  if (is_good && request.command != NULL) {
    g_autofree char *text = ike_tree_serialize (request.args, FALSE);
    g_assert_nonnull (request.id);
    g_assert_nonnull (text);
  }
  g_assert_true (is_good || request.reason != NULL);
  g_assert_true (!is_good || len <= CONTROL_LINE_MAX);
  /* A character of an id is at most six in JSON ("\u0001"), and there are the quotes. */
  g_assert_true (request.id == NULL || strlen (request.id) <= 6 * CONTROL_ID_MAX + 2);
  control_request_clear (&request);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  struct json_tokener *tokener = control_tokener_new ();
  const char *at = (const char *) data, *end = at + size;
  /* One tokener for all lines, as in the plugin: what a bad line leaves behind must not harm the
   * next. */
  while (at < end) {
    const char *newline = memchr (at, '\n', (gsize) (end - at));
    gsize len = newline != NULL ? (gsize) (newline - at) : (gsize) (end - at);
    try_line (tokener, at, len);
    at += len + (newline != NULL);
  }
  control_tokener_free (tokener);
  return 0;
}
