/* SPDX-License-Identifier: Apache-2.0 */
/* test_request.c - request lines: what is a request, and each rule that refuses one. */
#include <string.h>
#include "request.h"

static struct json_tokener *tokener;

static gboolean
parse (const char *line, ControlRequest *request)
{
  return control_request_parse (tokener, line, strlen (line), request);
}

static void
assert_refused (const char *line, const char *id, const char *words)
{
  ControlRequest request;
  g_assert_false (parse (line, &request));
  g_assert_nonnull (request.reason);
  if (strstr (request.reason, words) == NULL)
    g_error ("%s: \"%s\" is not in \"%s\"", line, words, request.reason);
  g_assert_cmpstr (request.id, ==, id);
  control_request_clear (&request);
}

static void
test_command (void)
{
  ControlRequest request;
  g_autofree char *text = NULL;
  g_assert_true (parse ("{\"id\":7,\"command\":\"up\",\"args\":{\"name\":\"home\",\"n\":-3,\"now\":"
                        "true,\"none\":null,"
                        "\"list\":[\"a\",1,{\"b\":[]}],\"s\":{\"t\":{\"u\":\"\\u00e9\\\"\"}}}}",
                        &request));
  g_assert_cmpstr (request.id, ==, "7");
  g_assert_cmpstr (request.command, ==, "up");
  g_assert_cmpstr (ike_tree_string (request.args, "name", NULL), ==, "home");
  g_assert_cmpint (ike_tree_int (request.args, "n", 0), ==, -3);
  g_assert_true (ike_tree_bool (request.args, "now", FALSE));
  g_assert_cmpuint (ike_tree_n (ike_tree_get (request.args, "list")), ==, 3);
  g_assert_cmpstr (ike_tree_string (request.args, "s.t.u", NULL), ==, "é\"");
  control_request_clear (&request);
}

static void
test_ids (void)
{
  ControlRequest request;
  g_assert_true (parse (" {\"command\":\"stats\",\"id\":\"a\\\"b\"} ", &request));
  g_assert_cmpstr (request.id, ==, "\"a\\\"b\"");
  g_assert_cmpuint (ike_tree_n (request.args), ==, 0);
  control_request_clear (&request);
  assert_refused ("{\"command\":\"stats\"}", NULL, "no id");
  assert_refused ("{\"id\":null,\"command\":\"stats\"}", NULL, "number or a text");
  assert_refused ("{\"id\":1.5,\"command\":\"stats\"}", NULL, "number or a text");
  assert_refused ("{\"id\":[1],\"command\":\"stats\"}", NULL, "number or a text");
  assert_refused ("{\"id\":\"0123456789012345678901234567890123456789012345678901234567890123x\","
                  "\"command\":\"stats\"}",
                  NULL, "too long");
  assert_refused ("{\"id\":\"a\\u0000b\",\"command\":\"stats\"}", NULL, "too long");
}

static void
test_cancel (void)
{
  ControlRequest request;
  g_assert_true (parse ("{\"id\":1,\"cancel\":true}", &request));
  g_assert_null (request.command);
  control_request_clear (&request);
  assert_refused ("{\"id\":1,\"cancel\":false}", "1", "only be true");
  assert_refused ("{\"id\":1,\"cancel\":true,\"command\":\"up\"}", "1", "either");
  assert_refused ("{\"id\":1,\"cancel\":true,\"args\":{}}", "1", "either");
  assert_refused ("{\"id\":1}", "1", "either");
}

static void
test_no_request (void)
{
  assert_refused ("", NULL, "not a JSON object");
  assert_refused ("help", NULL, "not a JSON object");
  assert_refused ("{\"id\":1", NULL, "not a JSON object");
  assert_refused ("{\"id\":1,\"command\":\"a\"} {}", NULL, "not a JSON object");
  assert_refused ("{'id':1,'command':'a'}", NULL, "not a JSON object");
  assert_refused ("[1]", NULL, "JSON object on one line");
  assert_refused ("\"text\"", NULL, "JSON object on one line");
  assert_refused ("{\"id\":1,\"command\":\"\xff\"}", NULL, "not UTF-8");
}

static void
test_members (void)
{
  assert_refused ("{\"id\":1,\"comand\":\"up\"}", "1", "only the keys");
  assert_refused ("{\"id\":1,\"command\":7}", "1", "name of a command");
  assert_refused ("{\"id\":1,\"command\":\"Up\"}", "1", "name of a command");
  assert_refused ("{\"id\":1,\"command\":\"\"}", "1", "name of a command");
  assert_refused ("{\"id\":1,\"command\":\"../x\"}", "1", "name of a command");
  assert_refused ("{\"id\":1,\"command\":\"up\",\"args\":[]}", "1", "must be an object");
  assert_refused ("{\"id\":1,\"command\":\"up\",\"args\":null}", "1", "must be an object");
}

static void
test_values (void)
{
  assert_refused ("{\"id\":1,\"command\":\"up\",\"args\":{\"a\":1.5}}", "1", "fraction");
  assert_refused ("{\"id\":1,\"command\":\"up\",\"args\":{\"a\":99999999999999999999}}", "1",
                  "64 bits");
  assert_refused ("{\"id\":1,\"command\":\"up\",\"args\":{\"a\":-99999999999999999999}}", "1",
                  "64 bits");
  assert_refused ("{\"id\":1,\"command\":\"up\",\"args\":{\"a\":\"x\\u0000y\"}}", "1", "NUL");
  assert_refused ("{\"id\":1,\"command\":\"up\",\"args\":{\"\":1}}", "1", "a name");
  assert_refused ("{\"id\":1,\"command\":\"up\",\"args\":{\"a.b\":1}}", "1", "a name");
  assert_refused ("{\"id\":1,\"command\":\"up\",\"args\":{\"a b\":1}}", "1", "a name");
}

/* 10 levels of lists inside {args{x fit into 12; 11 do not. */
static void
test_depth (void)
{
  ControlRequest request;
  g_assert_true (
      parse ("{\"id\":1,\"command\":\"up\",\"args\":{\"x\":[[[[[[[[1]]]]]]]]}}", &request));
  control_request_clear (&request);
  assert_refused ("{\"id\":1,\"command\":\"up\",\"args\":{\"x\":[[[[[[[[[[[[1]]]]]]]]]]]]}}", NULL,
                  "nested too deeply");
}

static void
test_counts (void)
{
  for (guint n = CONTROL_VALUES_MAX - 1; n <= CONTROL_VALUES_MAX; n++) {
    g_autoptr (GString) line = g_string_new ("{\"id\":1,\"command\":\"up\",\"args\":{\"x\":[0");
    ControlRequest request;
    for (guint i = 1; i < n; i++)
      g_string_append (line, ",0");
    g_string_append (line, "]}}");
    g_assert_cmpint (parse (line->str, &request), ==, n < CONTROL_VALUES_MAX);
    control_request_clear (&request);
  }
}

static void
test_length (void)
{
  for (guint extra = 0; extra <= 1; extra++) {
    static const char begin[] = "{\"id\":1,\"command\":\"up\",\"args\":{\"x\":\"", end[] = "\"}}";
    gsize fill = CONTROL_LINE_MAX + extra - strlen (begin) - strlen (end);
    g_autofree char *text = g_strnfill (fill, 'a'), *line = g_strconcat (begin, text, end, NULL);
    ControlRequest request;
    g_assert_cmpint (parse (line, &request), ==, extra == 0);
    control_request_clear (&request);
  }
}

int
main (int argc, char **argv)
{
  int result;
  g_test_init (&argc, &argv, NULL);
  tokener = control_tokener_new ();
  g_test_add_func ("/request/a-command-has-an-id-a-name-and-arguments", test_command);
  g_test_add_func ("/request/an-id-is-a-number-or-a-short-text", test_ids);
  g_test_add_func ("/request/a-cancel-has-nothing-but-an-id", test_cancel);
  g_test_add_func ("/request/what-is-no-object-is-refused", test_no_request);
  g_test_add_func ("/request/unknown-members-are-refused", test_members);
  g_test_add_func ("/request/values-that-no-command-takes-are-refused", test_values);
  g_test_add_func ("/request/depth-is-limited", test_depth);
  g_test_add_func ("/request/the-number-of-values-is-limited", test_counts);
  g_test_add_func ("/request/the-length-of-a-line-is-limited", test_length);
  result = g_test_run ();
  control_tokener_free (tokener);
  return result;
}
