/* SPDX-License-Identifier: Apache-2.0 */
/* tree_private.h - what the settings parser needs of a tree beyond <ikebana/tree.h>.
 *
 * A settings section may hold a key and a sub-section of one name; so look-ups say which of the two they mean. */
#pragma once
#include <ikebana/tree.h>

enum { IKE_TREE_MAX_DEPTH = 64 };             /* of whatever is built from input; so walks may recurse */

/* The child called @name (@len bytes) that is a container (section, list) or a leaf. */
IkeTree *ike_tree_child (const IkeTree *tree, const char *name, gsize len, gboolean is_container);
/* Finds or adds; @child_take replaces a child of the same name and sort, in its place. */
IkeTree *ike_tree_merge_section (IkeTree *tree, const char *name);
void     ike_tree_put_take      (IkeTree *tree, const char *name, IkeTree *child_take);
IkeTree *ike_tree_new_leaf      (const char *text_or_null);
void     ike_tree_set_where     (IkeTree *tree, const char *file, guint line);
void     ike_tree_copy_where    (IkeTree *tree, const IkeTree *from);
/* References of a section, before they are resolved; in order, without duplicates.  NULL: none. */
void     ike_tree_add_reference (IkeTree *tree, const char *path);
const GPtrArray *ike_tree_references (const IkeTree *tree);
gboolean ike_tree_is_container  (const IkeTree *tree);
/* Swaps what the two hold; both stay where they are. */
void     ike_tree_swap          (IkeTree *a, IkeTree *b);
