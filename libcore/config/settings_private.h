/* SPDX-License-Identifier: Apache-2.0 */
/* settings_private.h - between the reader of settings files and the resolver of their references. */
#pragma once
#include "base/tree_private.h"
#include <ikebana/error.h>

/* Caps on what files may make of us; far above what people write. */
enum {
  IKE_SETTINGS_MAX_NAME = 255,                /* bytes of a name */
  IKE_SETTINGS_MAX_NESTING = 16,              /* files that include files */
  IKE_SETTINGS_MAX_FILES = 10000,
  IKE_SETTINGS_MAX_BYTES = 64 << 20,          /* of all files together */
  IKE_SETTINGS_MAX_NODES = 1000000,
};

/* Puts in the place of @tree one in which each section holds what its references give it; none are left. */
gboolean ike_settings_resolve (IkeTree *tree, GError **error);

/* Characters of text that came from a file and sit in the reader (lexer.c). */
typedef struct {
  const char *at, *end;
  const char *file;
  guint       line;
} IkeLexer;

typedef enum { IKE_WORD_NAME, IKE_WORD_INCLUDE, IKE_WORD_SIGN, IKE_WORD_END } IkeWordType;

void        ike_lexer_skip    (IkeLexer *lexer);                  /* blanks, newlines, comments */
/* What stands next in statement position: a name or `include` (consumed), a sign (left), or the end. */
IkeWordType ike_lexer_word    (IkeLexer *lexer, GString *name);
/* After '=': the value up to its end; @is_null when nothing is there. */
gboolean    ike_lexer_value   (IkeLexer *lexer, GString *value, gboolean *is_null, GError **error);
gboolean    ike_lexer_pattern (IkeLexer *lexer, GString *pattern, GError **error);
gboolean    ike_lexer_error   (IkeLexer *lexer, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* The next character for an error: 'x', a newline, the end of the file. */
const char *ike_lexer_show    (const IkeLexer *lexer, char out[24]);
