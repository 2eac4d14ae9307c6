/* SPDX-License-Identifier: Apache-2.0 */
/* test_args.c - command lines by the schema, nearest names, and text that is safe on a terminal. */
#include <string.h>
#include "args.h"
#include "show.h"

static const char command_text[] = "{\"name\":\"up\",\"summary\":\"x\",\"args\":["
                                   "{\"name\":\"name\",\"type\":\"string\",\"required\":true,"
                                   "\"positional\":true,\"doc\":\"connection\"},"
                                   "{\"name\":\"child\",\"type\":\"string\"},"
                                   "{\"name\":\"timeout\",\"type\":\"uint\"},"
                                   "{\"name\":\"level\",\"type\":\"enum:error|notice|info\"},"
                                   "{\"name\":\"force\",\"type\":\"bool\"},"
                                   "{\"name\":\"rest\",\"type\":\"list\",\"positional\":true}]}";

static Json *
parse (const char *line, char **message)
{
  g_autoptr (Json) command = json_tokener_parse (command_text);
  g_auto (GStrv) argv = g_strsplit (line, "|", -1);
  *message = NULL;
  return args_parse (command, (const char *const *) argv, message);
}

static void
assert_parsed (const char *line, const char *expected)
{
  g_autofree char *message = NULL;
  g_autoptr (Json) args = parse (line, &message);
  g_assert_cmpstr (message, ==, NULL);
  g_assert_cmpstr (json_object_to_json_string_ext (args, JSON_C_TO_STRING_PLAIN), ==, expected);
}

static void
assert_refused (const char *line, const char *words)
{
  g_autofree char *message = NULL;
  g_assert_null (parse (line, &message));
  g_assert_nonnull (message);
  if (strstr (message, words) == NULL)
    g_error ("\"%s\" is not in \"%s\"", words, message);
}

static void
test_parsed (void)
{
  assert_parsed ("home", "{\"name\":\"home\"}");
  assert_parsed ("home|--child=net|--timeout|30",
                 "{\"name\":\"home\",\"child\":\"net\",\"timeout\":30}");
  assert_parsed ("--force|home", "{\"force\":true,\"name\":\"home\"}");
  assert_parsed ("--force=no|home", "{\"force\":false,\"name\":\"home\"}");
  assert_parsed ("--level=info|home|a|b,c",
                 "{\"level\":\"info\",\"name\":\"home\",\"rest\":[\"a\",\"b\",\"c\"]}");
  assert_parsed ("--|--child", "{\"name\":\"--child\"}");
}

static void
test_refused (void)
{
  assert_refused ("--child=net", "needs a name (connection)");
  assert_refused ("home|--chidl=net", "did you mean --child?");
  assert_refused ("home|--zzzzzzzz", "help up");
  assert_refused ("home|--child", "needs a value");
  assert_refused ("home|--timeout=soon", "must be a number");
  assert_refused ("home|--timeout=-1", "must be a number");
  assert_refused ("home|--timeout=99999999999999999999", "must be a number");
  assert_refused ("home|--level=notise", "did you mean notice?");
  assert_refused ("home|--child=a|--child=b", "given twice");
  assert_refused ("home|--force=perhaps", "yes or no");
  assert_refused ("\xff", "not UTF-8");
}

static void
test_too_many (void)
{
  g_autoptr (Json) command = json_tokener_parse ("{\"name\":\"stats\",\"args\":[]}");
  const char *const argv[] = { "x", NULL };
  g_autofree char *message = NULL;
  g_assert_null (args_parse (command, argv, &message));
  g_assert_nonnull (strstr (message, "no further argument"));
}

static void
test_usage (void)
{
  g_autoptr (Json) command = json_tokener_parse (command_text);
  g_autofree char *usage = args_usage (command);
  g_assert_cmpstr (
      usage, ==,
      "up NAME [--child=CHILD] [--timeout=TIMEOUT] [--level=error|notice|info] [--force] [REST…]");
}

static void
test_nearest (void)
{
  const char *const names[] = { "explain", "list-conns", "stats", "status", "up", NULL };
  g_assert_cmpstr (tool_nearest ("stauts", names), ==, "status");
  g_assert_cmpstr (tool_nearest ("expl", names), ==, "explain");
  g_assert_cmpstr (tool_nearest ("list-cons", names), ==, "list-conns");
  g_assert_cmpstr (tool_nearest ("frobnicate", names), ==, NULL);
}

static void
test_clean (void)
{
  g_autofree char *escape = show_clean ("a\033[2Jb\n\x7f"),
                  *bidi = show_clean ("a\xe2\x80\xae"
                                      "b"),
                  *c1 = show_clean ("\xc2\x9b"
                                    "31m"),
                  *plain = show_clean ("K\xc3\xb6ln");
  g_assert_cmpstr (escape, ==, "a\\x1b[2Jb\\x0a\\x7f");
  g_assert_cmpstr (bidi, ==, "a\\u202eb");
  g_assert_cmpstr (c1, ==, "\\x9b31m");
  g_assert_cmpstr (plain, ==, "K\xc3\xb6ln");
}

static void
test_inline (void)
{
  g_autoptr (Json) value =
      json_tokener_parse ("{\"a\":[1,\"x\\u0007\",true,null],\"b\":{\"c\":\"d\"}}");
  g_autofree char *text = show_inline (value);
  g_assert_cmpstr (text, ==, "a=1, x\\x07, yes, - b=c=d");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/args/words-become-what-the-schema-declares", test_parsed);
  g_test_add_func ("/args/what-makes-no-sense-is-refused-with-a-hint", test_refused);
  g_test_add_func ("/args/a-word-too-many-is-refused", test_too_many);
  g_test_add_func ("/args/usage-comes-from-the-schema", test_usage);
  g_test_add_func ("/tool/a-misspelt-name-finds-the-nearest", test_nearest);
  g_test_add_func ("/show/nothing-acts-on-the-terminal", test_clean);
  g_test_add_func ("/show/values-fit-on-a-line", test_inline);
  return g_test_run ();
}
