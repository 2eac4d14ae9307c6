/* SPDX-License-Identifier: Apache-2.0 */
/* lexer.c - the words of a settings file: names, values, include patterns.
 *
 * What ends a word depends on where it stands: a value may hold braces and equals signs, a name may
 * not. */
#include "config/settings_private.h"
#include <string.h>

gboolean
ike_lexer_error (IkeLexer *lexer, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX, "%s:%u: %s", lexer->file, lexer->line, text);
  return FALSE;
}

const char *
ike_lexer_show (const IkeLexer *lexer, char out[24])
{
  char c = lexer->at < lexer->end ? *lexer->at : '\0';

  if (lexer->at == lexer->end)
    g_strlcpy (out, "the end of the file", 24);
  else if (c == '\n')
    g_strlcpy (out, "the end of the line", 24);
  else if (g_ascii_isprint (c))
    g_snprintf (out, 24, "'%c'", c);
  else
    g_snprintf (out, 24, "the byte 0x%02x", (guint8) c);
  return out;
}

static gboolean
is_blank (char c)
{
  return c == ' ' || c == '\t' || c == '\r';
}

static gboolean
is_name (char c)
{
  return c != '\0' && !strchr ("#{}:.,=\"\r\n\t ", c);
}

static gboolean
is_bare (char c)
{
  return c != '\0' && !strchr ("#}\"\r\n\t ", c);
}

static void
skip_comment (IkeLexer *lexer)
{
  while (lexer->at < lexer->end && *lexer->at != '\n')
    lexer->at++;
}

static void
skip_blanks (IkeLexer *lexer)
{
  while (lexer->at < lexer->end && is_blank (*lexer->at))
    lexer->at++;
}

void
ike_lexer_skip (IkeLexer *lexer)
{
  for (; lexer->at < lexer->end; lexer->at++) {
    if (*lexer->at == '#')
      skip_comment (lexer);
    if (lexer->at == lexer->end)
      return;
    if (*lexer->at == '\n')
      lexer->line++;
    else if (!is_blank (*lexer->at))
      return;
  }
}

/* `include = value` is an ordinary setting, and so is `include{`, a section. */
static gboolean
is_include (const IkeLexer *lexer, const GString *name)
{
  const char *at = lexer->at;

  if (!g_str_equal (name->str, "include") || at == lexer->end || (*at != ' ' && *at != '\t'))
    return FALSE;
  while (at < lexer->end && is_blank (*at))
    at++;
  return at == lexer->end || *at != '=';
}

IkeWordType
ike_lexer_word (IkeLexer *lexer, GString *name)
{
  const char *start;

  ike_lexer_skip (lexer);
  start = lexer->at;
  while (lexer->at < lexer->end && is_name (*lexer->at))
    lexer->at++;
  if (lexer->at == start)
    return start == lexer->end ? IKE_WORD_END : IKE_WORD_SIGN;
  g_string_truncate (name, 0);
  g_string_append_len (name, start, lexer->at - start);
  return is_include (lexer, name) ? IKE_WORD_INCLUDE : IKE_WORD_NAME;
}

/* The character behind a backslash inside quotes. */
static void
read_escape (IkeLexer *lexer, GString *out)
{
  while (lexer->at < lexer->end && *lexer->at == '\r')
    lexer->at++;
  if (lexer->at == lexer->end)
    return;
  switch (*lexer->at) {
  case 'n':
    g_string_append_c (out, '\n');
    break;
  case 'r':
    g_string_append_c (out, '\r');
    break;
  case 't':
    g_string_append_c (out, '\t');
    break;
  case '\n':
    lexer->line++;
    break;
  default:
    g_string_append_c (out, *lexer->at);
    break;
  }
  lexer->at++;
}

/* From behind the opening quote to behind the closing one. */
static gboolean
read_quoted (IkeLexer *lexer, GString *out, GError **error)
{
  guint first_line = lexer->line;

  while (lexer->at < lexer->end) {
    char c = *lexer->at++;
    if (c == '"')
      return TRUE;
    if (c == '\\') {
      read_escape (lexer, out);
      continue;
    }
    if (c == '\n')
      lexer->line++;
    if (c != '\r')
      g_string_append_c (out, c);
  }
  lexer->line = first_line;
  return ike_lexer_error (lexer, error,
                          "a quoted text begins here and has no end; close it with '\"'");
}

gboolean
ike_lexer_value (IkeLexer *lexer, GString *value, gboolean *is_null, GError **error)
{
  *is_null = TRUE;
  g_string_truncate (value, 0);
  for (;;) {
    skip_blanks (lexer);
    if (lexer->at == lexer->end || *lexer->at == '\n' || *lexer->at == '#' || *lexer->at == '}')
      return TRUE;
    if (!*is_null)
      g_string_append_c (value, ' ');
    *is_null = FALSE;
    if (*lexer->at == '"') {
      lexer->at++;
      if (!read_quoted (lexer, value, error))
        return FALSE;
      continue;
    }
    while (lexer->at < lexer->end && is_bare (*lexer->at))
      g_string_append_c (value, *lexer->at++);
  }
}

gboolean
ike_lexer_pattern (IkeLexer *lexer, GString *pattern, GError **error)
{
  g_string_truncate (pattern, 0);
  skip_blanks (lexer);
  if (lexer->at < lexer->end && *lexer->at == '"') {
    lexer->at++;
    return read_quoted (lexer, pattern, error);
  }
  while (lexer->at < lexer->end && !strchr ("#}\n\r\t ", *lexer->at)) {
    if (*lexer->at == '\\' && lexer->at + 1 < lexer->end && strchr ("\"#} ", lexer->at[1]))
      lexer->at++;
    g_string_append_c (pattern, *lexer->at++);
  }
  return TRUE;
}
