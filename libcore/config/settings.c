/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c - reads settings files, with what they include, into a tree.
 *
 * The grammar is that of strongswan.conf and swanctl.conf.  Sections lie on a stack of our own,
 * files on the C stack, at most IKE_SETTINGS_MAX_NESTING of them. */
#include "config/settings_private.h"
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One load: what all its files share. */
typedef struct {
  guint n_files, n_nodes, nesting, depth;
  gsize n_bytes;
} Load;

typedef struct {
  Load      *load;
  IkeLexer   lexer;
  IkeTree *stack[IKE_TREE_MAX_DEPTH
                 + 1]; /* the open sections of this file; [0]: where it was included */
  guint      open_lines[IKE_TREE_MAX_DEPTH + 1];
  guint      level;
  GString   *name, *text;
} Parser;

static gboolean parse (Load *load, const char *text, gsize len, const char *file, IkeTree *into,
                       GError **error);

/* -- files */

static gboolean
read_all (int fd, char *text, gsize len)
{
  gsize done = 0;

  while (done < len) {
    ssize_t n = read (fd, text + done, len - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return FALSE;
    done += (gsize) n;
  }
  return TRUE;
}

/* Never waits (a pipe or a device could make us), so only regular files are read. */
static char *
read_file (Load *load, const char *file, gsize *len, GError **error)
{
  struct stat status;
  char *text = NULL;
  int fd = open (file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

  if (fd < 0 || fstat (fd, &status) < 0)
    g_set_error (error, IKE_ERROR, errno == ENOENT ? IKE_ERROR_NOT_FOUND : IKE_ERROR_SYSTEM,
                 "%s: %s", file, g_strerror (errno));
  else if (!S_ISREG (status.st_mode))
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "%s: is not a regular file", file);
  else if ((guint64) status.st_size > IKE_SETTINGS_MAX_BYTES - load->n_bytes)
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYNTAX,
                 "%s: too large; settings may have %u MiB in all", file,
                 (guint) IKE_SETTINGS_MAX_BYTES >> 20);
  else {
    *len = (gsize) status.st_size;
    text = g_malloc (*len + 1);
    if (!read_all (fd, text, *len)) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "%s: changed while it was read; try again",
                   file);
      g_clear_pointer (&text, g_free);
    } else
      load->n_bytes += *len;
  }
  if (fd >= 0)
    close (fd);
  return text;
}

/* An included file that cannot be read is skipped, one that is wrong is an error. */
static gboolean
include_file (Parser *parser, const char *file, GError **error)
{
  g_autoptr (GError) unreadable = NULL;
  Load *load = parser->load;
  gsize len = 0;
  char *text;
  gboolean is_good;

  if (load->n_files++ >= IKE_SETTINGS_MAX_FILES)
    return ike_lexer_error (&parser->lexer, error,
                            "more than %u files are included; do files include each other?",
                            (guint) IKE_SETTINGS_MAX_FILES);
  if (load->nesting >= IKE_SETTINGS_MAX_NESTING)
    return ike_lexer_error (&parser->lexer, error,
                            "includes are nested more than %u deep; does %s include itself?",
                            (guint) IKE_SETTINGS_MAX_NESTING, file);
  text = read_file (load, file, &len, &unreadable);
  if (!text) {
    if (!g_error_matches (unreadable, IKE_ERROR, IKE_ERROR_SYNTAX))
      return TRUE;
    g_propagate_error (error, g_steal_pointer (&unreadable));
    return FALSE;
  }
  load->nesting++;
  load->depth += parser->level;
  is_good = parse (load, text, len, file, parser->stack[parser->level], error);
  load->depth -= parser->level;
  load->nesting--;
  explicit_bzero (text, len);
  g_free (text);
  return is_good;
}

static gboolean
include (Parser *parser, GError **error)
{
  g_autofree char *pattern = NULL;
  glob_t found = { 0 };
  gboolean is_good = TRUE;

  if (!ike_lexer_pattern (&parser->lexer, parser->text, error))
    return FALSE;
  if (!parser->text->len)
    return TRUE;
  if (g_path_is_absolute (parser->text->str))
    pattern = g_strdup (parser->text->str);
  else {
    g_autofree char *directory = g_path_get_dirname (parser->lexer.file);
    pattern = g_build_filename (directory, parser->text->str, NULL);
  }
  if (glob (pattern, 0, NULL, &found) == 0)
    for (size_t i = 0; is_good && i < found.gl_pathc; i++)
      is_good = include_file (parser, found.gl_pathv[i], error);
  globfree (&found);
  return is_good;
}

/* -- statements */

static gboolean
count_node (Parser *parser, GError **error)
{
  if (parser->load->n_nodes++ < IKE_SETTINGS_MAX_NODES)
    return TRUE;
  return ike_lexer_error (&parser->lexer, error,
                          "more than %u settings; split them over several stores",
                          (guint) IKE_SETTINGS_MAX_NODES);
}

static gboolean
read_value (Parser *parser, GError **error)
{
  guint line = parser->lexer.line;
  gboolean is_null;
  IkeTree *leaf;

  parser->lexer.at++;
  if (!count_node (parser, error)
      || !ike_lexer_value (&parser->lexer, parser->text, &is_null, error))
    return FALSE;
  leaf = ike_tree_new_leaf (is_null ? NULL : parser->text->str);
  ike_tree_set_where (leaf, parser->lexer.file, line);
  ike_tree_put_take (parser->stack[parser->level], parser->name->str, leaf);
  return TRUE;
}

/* One reference, NAME { "." NAME }, into parser->text. */
static gboolean
read_reference (Parser *parser, GError **error)
{
  char shown[24];
  g_autoptr (GString) part = g_string_new (NULL);

  g_string_truncate (parser->text, 0);
  for (;;) {
    IkeWordType type = ike_lexer_word (&parser->lexer, part);
    if (type == IKE_WORD_SIGN || type == IKE_WORD_END)
      return ike_lexer_error (&parser->lexer, error,
                              "expected the name of a section that '%s' inherits from, got %s",
                              parser->name->str, ike_lexer_show (&parser->lexer, shown));
    g_string_append (parser->text, part->str);
    if (parser->text->len > 2047)
      return ike_lexer_error (&parser->lexer, error,
                              "a reference is longer than 2047 bytes; shorten it");
    if (parser->lexer.at == parser->lexer.end || *parser->lexer.at != '.')
      return TRUE;
    parser->lexer.at++;
    g_string_append_c (parser->text, '.');
  }
}

static gboolean
open_section (Parser *parser, const GPtrArray *references, guint line, GError **error)
{
  IkeTree *section;

  parser->lexer.at++;
  if (parser->load->depth + parser->level >= IKE_TREE_MAX_DEPTH)
    return ike_lexer_error (&parser->lexer, error,
                            "sections are nested more than %u deep; is a '}' missing above?",
                            (guint) IKE_TREE_MAX_DEPTH);
  if (!count_node (parser, error))
    return FALSE;
  section = ike_tree_merge_section (parser->stack[parser->level], parser->name->str);
  if (!*ike_tree_where (section))
    ike_tree_set_where (section, parser->lexer.file, line);
  for (guint i = 0; references && i < references->len; i++)
    ike_tree_add_reference (section, references->pdata[i]);
  parser->stack[++parser->level] = section;
  parser->open_lines[parser->level] = line;
  return TRUE;
}

static gboolean
read_references (Parser *parser, guint line, GError **error)
{
  g_autoptr (GPtrArray) references = g_ptr_array_new_with_free_func (g_free);
  IkeLexer *lexer = &parser->lexer;
  char shown[24];

  do {
    lexer->at++;                              /* ':' or ',' */
    if (!read_reference (parser, error))
      return FALSE;
    if (references->len >= 256)
      return ike_lexer_error (lexer, error, "'%s' inherits from more than 256 sections",
                              parser->name->str);
    g_ptr_array_add (references, g_strdup (parser->text->str));
    ike_lexer_skip (lexer);
  } while (lexer->at < lexer->end && *lexer->at == ',');
  if (lexer->at == lexer->end || *lexer->at != '{')
    return ike_lexer_error (lexer, error, "expected '{' after what '%s' inherits from, got %s",
                            parser->name->str, ike_lexer_show (lexer, shown));
  return open_section (parser, references, line, error);
}

static gboolean
read_statement (Parser *parser, GError **error)
{
  IkeLexer *lexer = &parser->lexer;
  guint line = lexer->line;
  char shown[24];

  if (parser->name->len > IKE_SETTINGS_MAX_NAME)
    return ike_lexer_error (lexer, error, "a name is longer than %u bytes; shorten it",
                            (guint) IKE_SETTINGS_MAX_NAME);
  ike_lexer_skip (lexer);
  switch (lexer->at < lexer->end ? *lexer->at : '\0') {
  case '=':
    return read_value (parser, error);
  case '{':
    return open_section (parser, NULL, line, error);
  case ':':
    return read_references (parser, line, error);
  case '.':
    return ike_lexer_error (lexer, error,
                            "a name may hold no dot; write '%s { ... }' with the rest inside",
                            parser->name->str);
  default:
    return ike_lexer_error (lexer, error, "expected '=', '{' or ':' after '%s', got %s",
                            parser->name->str, ike_lexer_show (lexer, shown));
  }
}

static gboolean
read_sign (Parser *parser, GError **error)
{
  char shown[24];

  if (*parser->lexer.at == '"')
    return ike_lexer_error (&parser->lexer, error, "a name cannot be quoted; quote only values");
  if (*parser->lexer.at != '}')
    return ike_lexer_error (&parser->lexer, error, "expected a name, got %s",
                            ike_lexer_show (&parser->lexer, shown));
  if (parser->level == 0)
    return ike_lexer_error (&parser->lexer, error, "'}' closes no section; remove it");
  parser->lexer.at++;
  parser->level--;
  return TRUE;
}

static gboolean
read_statements (Parser *parser, GError **error)
{
  for (;;) {
    gboolean is_good = FALSE;
    switch (ike_lexer_word (&parser->lexer, parser->name)) {
    case IKE_WORD_NAME:
      is_good = read_statement (parser, error);
      break;
    case IKE_WORD_INCLUDE:
      is_good = include (parser, error);
      break;
    case IKE_WORD_SIGN:
      is_good = read_sign (parser, error);
      break;
    case IKE_WORD_END:
      if (parser->level == 0)
        return TRUE;
      parser->lexer.line = parser->open_lines[parser->level];
      return ike_lexer_error (&parser->lexer, error,
                              "section '%s' begins here and has no end; close it with '}'",
                              ike_tree_name (parser->stack[parser->level]));
    }
    if (!is_good)
      return FALSE;
  }
}

static gboolean
parse (Load *load, const char *text, gsize len, const char *file, IkeTree *into, GError **error)
{
  Parser parser = { .load = load, .lexer = { text, text + len, file, 1 }, .stack = { into } };
  const char *zero = memchr (text, '\0', len);
  gboolean is_good;

  if (zero) {
    for (const char *at = text; at < zero; at++)
      parser.lexer.line += *at == '\n';
    return ike_lexer_error (&parser.lexer, error,
                            "a NUL byte; settings are text, is this another file?");
  }
  parser.name = g_string_new (NULL);
  parser.text = g_string_new (NULL);
  is_good = read_statements (&parser, error);
  explicit_bzero (parser.text->str, parser.text->allocated_len);
  g_string_free (parser.name, TRUE);
  g_string_free (parser.text, TRUE);
  return is_good;
}

/* -- the public side */

IkeTree *
ike_settings_parse (const char *text, gsize len, const char *name, GError **error)
{
  g_autoptr (IkeTree) tree = ike_tree_new_section ();
  Load load = { .n_bytes = MIN (len, (gsize) IKE_SETTINGS_MAX_BYTES) };

  if (!parse (&load, text, len, name, tree, error) || !ike_settings_resolve (tree, error))
    return NULL;
  return g_steal_pointer (&tree);
}

gboolean
ike_settings_merge_file (IkeTree *tree, const char *file, GError **error)
{
  g_autoptr (IkeTree) merged = ike_tree_copy (tree);
  Load load = { 0 };
  gsize len = 0;
  char *text = read_file (&load, file, &len, error);
  gboolean is_good;

  if (!text)
    return FALSE;
  is_good = parse (&load, text, len, file, merged, error) && ike_settings_resolve (merged, error);
  explicit_bzero (text, len);
  g_free (text);
  if (is_good)
    ike_tree_swap (tree, merged);
  return is_good;
}

IkeTree *
ike_settings_load (const char *file, GError **error)
{
  g_autoptr (IkeTree) tree = ike_tree_new_section ();

  if (!ike_settings_merge_file (tree, file, error))
    return NULL;
  return g_steal_pointer (&tree);
}
