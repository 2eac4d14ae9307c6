/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h - values: what settings files are read into, what commands take and give, what events carry.
 *
 * A node is a section (named children in order), a list (unnamed children) or a leaf (text, number, truth, or null).
 * Settings leaves are always text; control values have types.  Nodes remember the file and line they came from.  A tree
 * is built by one thread and then only read; it is not counted: it has one owner, its parent or the caller. */
#pragma once
#include <ikebana/defs.h>

IKE_BEGIN_DECLS

typedef enum { IKE_TREE_SECTION, IKE_TREE_LIST, IKE_TREE_STRING, IKE_TREE_INT, IKE_TREE_BOOL,
               IKE_TREE_NULL } IkeTreeType;

IkeTree    *ike_tree_new_section (void);
IkeTree    *ike_tree_new_list    (void);
void        ike_tree_free        (IkeTree *tree);            /* with everything below; NULL is fine */
IkeTree    *ike_tree_copy        (const IkeTree *tree);
/* values and order of lists, not of keys, not locations */
gboolean    ike_tree_equal       (const IkeTree *a, const IkeTree *b);

/* Setting a key of a section replaces what is there.  With @key NULL it appends to a list.  @key is one name, no
 * path. */
void        ike_tree_set_string (IkeTree *tree, const char *key, const char *text);
void        ike_tree_set_format (IkeTree *tree, const char *key, const char *format, ...) G_GNUC_PRINTF (3, 4);
void        ike_tree_set_int    (IkeTree *tree, const char *key, gint64 value);
void        ike_tree_set_bool   (IkeTree *tree, const char *key, gboolean value);
void        ike_tree_set_null   (IkeTree *tree, const char *key);
void        ike_tree_set_take   (IkeTree *tree, const char *key, IkeTree *child_take);
IkeTree    *ike_tree_add_section (IkeTree *tree, const char *key);       /* returns the new child, owned by @tree */
IkeTree    *ike_tree_add_list    (IkeTree *tree, const char *key);
gboolean    ike_tree_remove     (IkeTree *tree, const char *key);

IkeTreeType ike_tree_type   (const IkeTree *tree);
const char *ike_tree_name   (const IkeTree *tree);           /* its key, or NULL */
guint       ike_tree_n      (const IkeTree *tree);           /* children */
const IkeTree *ike_tree_nth (const IkeTree *tree, guint i);
/* @path: names joined with '.', from @tree.  NULL when it is not there (or null). */
const IkeTree *ike_tree_get (const IkeTree *tree, const char *path);
const char *ike_tree_string (const IkeTree *tree, const char *path, const char *fallback);   /* a string leaf's text */
/* int, or text that is one */
gint64      ike_tree_int    (const IkeTree *tree, const char *path, gint64 fallback);
gboolean    ike_tree_bool   (const IkeTree *tree, const char *path, gboolean fallback);
/* Text of a leaf in any type; @tree itself. NULL for sections and lists.  @buffer is used for numbers. */
const char *ike_tree_text   (const IkeTree *tree, char buffer[32]);
/* "FILE:LINE", or "" when it came from no file.  Belongs to the tree. */
const char *ike_tree_where  (const IkeTree *tree);
/* @tree and all below came from @origin, which has no lines: a database. */
void        ike_tree_set_origin (IkeTree *tree, const char *origin);

/* JSON text of a tree, one line (@indent FALSE) or pretty.  Control characters, quotes and non-UTF-8 are escaped. */
char       *ike_tree_serialize (const IkeTree *tree, gboolean indent);

/* -- settings files (the grammar of strongswan.conf and swanctl.conf) */

/* Reads @file with its includes into a new tree; references are resolved.  NULL with @error "file:line: …, …". */
IkeTree    *ike_settings_load  (const char *file, GError **error);
IkeTree    *ike_settings_parse (const char *text, gsize len, const char *name, GError **error);
/* Merges @file into @tree (last wins, sections merge), as an include at the top level would. */
gboolean    ike_settings_merge_file (IkeTree *tree, const char *file, GError **error);

/* Value conversions of the swanctl side: TRUE when @text is one. */
gboolean    ike_value_bool  (const char *text, gboolean *value);
gboolean    ike_value_uint  (const char *text, guint64 *value);          /* base 0 */
gboolean    ike_value_time  (const char *text, guint64 *seconds);        /* s m h d */
gboolean    ike_value_bytes (const char *text, guint64 *bytes);          /* k m g */
char      **ike_value_list  (const char *text);                          /* at ',', trimmed; g_strfreev */
/* The name of @candidates (NULL-terminated) nearest to @name by edit distance, or NULL when none is near. */
const char *ike_nearest     (const char *name, const char *const *candidates);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (IkeTree, ike_tree_free)

IKE_END_DECLS
