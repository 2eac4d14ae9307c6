/* SPDX-License-Identifier: Apache-2.0 */
/* show.h - what came back, for people: tables, indented text, log lines; colours on a terminal only. */
#pragma once
#include "tool.h"

/* @text with everything that could act on a terminal (control characters, C1, direction overrides) as \xNN; g_free. */
char *show_clean   (const char *text);
/* One line for a value: lists joined, sections as key=value; g_free. */
char *show_inline  (Json *value);
/* A value as indented "key: value" lines. */
void  show_indented (const Tool *tool, Json *value, guint indent);
/* Rows of @rows (an array) under the columns "title:path title:path …". */
void  show_table   (const Tool *tool, const char *columns, Json *rows);
void  show_json    (Json *value, gboolean pretty);
/* A log record, or the progress of a command: one line. */
void  show_record  (const Tool *tool, Json *record);

typedef enum { SHOW_PLAIN, SHOW_BOLD, SHOW_GOOD, SHOW_WARN, SHOW_BAD, SHOW_DIM } ShowColor;
/* The escape sequence, or "" when colours are off. */
const char *show_color (const Tool *tool, ShowColor color);
/* What a word such as "established" or "failed" looks like. */
ShowColor   show_color_of_state (const char *word);
