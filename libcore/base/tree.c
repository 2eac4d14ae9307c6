/* SPDX-License-Identifier: Apache-2.0 */
/* tree.c - values as trees: making, changing, looking up. */
#include "base/tree_private.h"
#include <string.h>

enum {
  INDEX_FROM = 32
}; /* sections larger than this get a hash index; an SA as a section has fewer */

struct _IkeTree {
  guint8      type;
  guint8      has_name_inside : 1, has_text_inside : 1;   /* else it is memory of its own */
  guint32     position;                       /* in its parent */
  char       *name;
  char       *where;
  union {
    char     *text;
    gint64    number;                         /* also truth */
    GPtrArray *children;
  };
  GHashTable *index;                          /* nodes by (name, sort); NULL while small */
  GPtrArray  *references;                     /* strings */
  char        inside[];                       /* name and text that were known when it was made */
};

gboolean
ike_tree_is_container (const IkeTree *tree)
{
  return tree->type == IKE_TREE_SECTION || tree->type == IKE_TREE_LIST;
}

static guint
node_hash (gconstpointer data)
{
  const IkeTree *node = data;
  return g_str_hash (node->name) ^ (guint) ike_tree_is_container (node);
}

static gboolean
node_equal (gconstpointer a, gconstpointer b)
{
  const IkeTree *one = a, *two = b;
  return ike_tree_is_container (one) == ike_tree_is_container (two)
         && g_str_equal (one->name, two->name);
}

/* One piece of memory for most of them: an SA as a tree has forty. */
static IkeTree *
node_new_named (IkeTreeType type, const char *name_or_null, const char *text_or_null)
{
  gsize name_len = name_or_null ? strlen (name_or_null) + 1 : 0,
        text_len = text_or_null ? strlen (text_or_null) + 1 : 0;
  IkeTree *tree = g_malloc0 (sizeof *tree + name_len + text_len);

  tree->type = (guint8) type;
  if (name_or_null)
    tree->name = memcpy (tree->inside, name_or_null, name_len);
  if (text_or_null)
    tree->text = memcpy (tree->inside + name_len, text_or_null, text_len);
  tree->has_name_inside = name_or_null != NULL;
  tree->has_text_inside = text_or_null != NULL;
  if (ike_tree_is_container (tree))
    tree->children = g_ptr_array_new ();
  return tree;
}

static IkeTree *
node_new (IkeTreeType type)
{
  return node_new_named (type, NULL, NULL);
}

static void
free_name (IkeTree *tree)
{
  if (!tree->has_name_inside)
    g_free (tree->name);
  tree->has_name_inside = FALSE;
  tree->name = NULL;
}

IkeTree *
ike_tree_new_section (void)
{
  return node_new (IKE_TREE_SECTION);
}

IkeTree *
ike_tree_new_list (void)
{
  return node_new (IKE_TREE_LIST);
}

IkeTree *
ike_tree_new_leaf (const char *text_or_null)
{
  return node_new_named (text_or_null ? IKE_TREE_STRING : IKE_TREE_NULL, NULL, text_or_null);
}

static void
free_node (IkeTree *tree)
{
  if (ike_tree_is_container (tree))
    g_ptr_array_unref (tree->children);
  else if (tree->type == IKE_TREE_STRING) {
    explicit_bzero (tree->text, strlen (tree->text));   /* it may be a secret */
    if (!tree->has_text_inside)
      g_free (tree->text);
  }
  g_clear_pointer (&tree->index, g_hash_table_unref);
  g_clear_pointer (&tree->references, g_ptr_array_unref);
  free_name (tree);
  g_free (tree->where);
  g_free (tree);
}

/* What is left to free is linked by its names, which are freed first: no recursion, since a control
 * client may nest what it sends, and no memory needed to give memory back. */
static void
link_name (IkeTree *node, IkeTree **left)
{
  free_name (node);
  node->name = (char *) *left;
  *left = node;
}

void
ike_tree_free (IkeTree *tree)
{
  IkeTree *left = NULL, *node;

  if (!tree)
    return;
  link_name (tree, &left);
  while ((node = left)) {
    left = (IkeTree *) (void *) node->name;
    node->name = NULL;
    for (guint i = 0; ike_tree_is_container (node) && i < node->children->len; i++)
      link_name (node->children->pdata[i], &left);
    free_node (node);
  }
}

/* -- children */

static IkeTree *
find (const IkeTree *tree, const char *name, gboolean is_container)
{
  IkeTree key = { .type = is_container ? IKE_TREE_SECTION : IKE_TREE_NULL };

  if (tree->index) {
    key.name = (char *) name;
    return g_hash_table_lookup (tree->index, &key);
  }
  for (guint i = 0; i < tree->children->len; i++) {
    IkeTree *child = tree->children->pdata[i];
    if (ike_tree_is_container (child) == is_container && g_str_equal (child->name, name))
      return child;
  }
  return NULL;
}

IkeTree *
ike_tree_child (const IkeTree *tree, const char *name, gsize len, gboolean is_container)
{
  char buffer[256];
  g_autofree char *heap = NULL;

  if (tree->type != IKE_TREE_SECTION)
    return NULL;
  if (len >= sizeof buffer)
    return find (tree, heap = g_strndup (name, len), is_container);
  memcpy (buffer, name, len);
  buffer[len] = '\0';
  return find (tree, buffer, is_container);
}

static void
append (IkeTree *tree, IkeTree *child_take)
{
  child_take->position = tree->children->len;
  g_ptr_array_add (tree->children, child_take);
  if (tree->index)
    g_hash_table_add (tree->index, child_take);
  else if (tree->type == IKE_TREE_SECTION && tree->children->len > INDEX_FROM) {
    tree->index = g_hash_table_new (node_hash, node_equal);
    for (guint i = 0; i < tree->children->len; i++)
      g_hash_table_add (tree->index, tree->children->pdata[i]);
  }
}

static void
replace (IkeTree *tree, IkeTree *old, IkeTree *child_take)
{
  if (tree->index)
    g_hash_table_remove (tree->index, old);
  child_take->position = old->position;
  tree->children->pdata[old->position] = child_take;
  if (tree->index)
    g_hash_table_add (tree->index, child_take);
  ike_tree_free (old);
}

static void
drop (IkeTree *tree, IkeTree *child)
{
  if (tree->index)
    g_hash_table_remove (tree->index, child);
  g_ptr_array_remove_index (tree->children, child->position);
  for (guint i = child->position; i < tree->children->len; i++)
    ((IkeTree *) tree->children->pdata[i])->position = i;
  ike_tree_free (child);
}

/* @child_take has its name. */
static void
put_named (IkeTree *tree, IkeTree *child_take)
{
  IkeTree *old = find (tree, child_take->name, ike_tree_is_container (child_take));

  if (old)
    replace (tree, old, child_take);
  else
    append (tree, child_take);
}

void
ike_tree_put_take (IkeTree *tree, const char *name, IkeTree *child_take)
{
  char *kept = g_strdup (name);

  free_name (child_take);
  child_take->name = kept;
  put_named (tree, child_take);
}

IkeTree *
ike_tree_merge_section (IkeTree *tree, const char *name)
{
  IkeTree *child = find (tree, name, TRUE);

  if (child && child->type == IKE_TREE_SECTION)
    return child;
  child = ike_tree_new_section ();
  ike_tree_put_take (tree, name, child);
  return child;
}

static void
drop_other_sort (IkeTree *tree, const char *key, gboolean is_container)
{
  IkeTree *other = find (tree, key, !is_container);

  if (other)
    drop (tree, other);
}

void
ike_tree_set_take (IkeTree *tree, const char *key, IkeTree *child_take)
{
  g_return_if_fail (tree && child_take && !child_take->name);
  g_return_if_fail (tree->type == (key ? IKE_TREE_SECTION : IKE_TREE_LIST));
  if (!key) {
    append (tree, child_take);
    return;
  }
  drop_other_sort (tree, key, ike_tree_is_container (child_take));
  ike_tree_put_take (tree, key, child_take);
}

/* Makes a child with its name inside; NULL when the two do not go together. */
static IkeTree *
set_new (IkeTree *tree, const char *key, IkeTreeType type, const char *text)
{
  IkeTree *child;

  g_return_val_if_fail (tree && tree->type == (key ? IKE_TREE_SECTION : IKE_TREE_LIST), NULL);
  child = node_new_named (type, key, text);
  if (!key) {
    append (tree, child);
    return child;
  }
  drop_other_sort (tree, child->name, ike_tree_is_container (child));
  put_named (tree, child);
  return child;
}

void
ike_tree_set_string (IkeTree *tree, const char *key, const char *text)
{
  set_new (tree, key, text ? IKE_TREE_STRING : IKE_TREE_NULL, text);
}

void
ike_tree_set_format (IkeTree *tree, const char *key, const char *format, ...)
{
  char buffer[256];
  g_autofree char *heap = NULL;
  va_list args;
  int len;

  va_start (args, format);
  len = g_vsnprintf (buffer, sizeof buffer, format, args);
  va_end (args);
  if ((gsize) len >= sizeof buffer) {
    va_start (args, format);
    heap = g_strdup_vprintf (format, args);
    va_end (args);
  }
  ike_tree_set_string (tree, key, heap ? heap : buffer);
}

void
ike_tree_set_int (IkeTree *tree, const char *key, gint64 value)
{
  IkeTree *leaf = set_new (tree, key, IKE_TREE_INT, NULL);

  if (leaf)
    leaf->number = value;
}

void
ike_tree_set_bool (IkeTree *tree, const char *key, gboolean value)
{
  IkeTree *leaf = set_new (tree, key, IKE_TREE_BOOL, NULL);

  if (leaf)
    leaf->number = value != FALSE;
}

void
ike_tree_set_null (IkeTree *tree, const char *key)
{
  ike_tree_set_take (tree, key, ike_tree_new_leaf (NULL));
}

IkeTree *
ike_tree_add_section (IkeTree *tree, const char *key)
{
  return set_new (tree, key, IKE_TREE_SECTION, NULL);
}

IkeTree *
ike_tree_add_list (IkeTree *tree, const char *key)
{
  return set_new (tree, key, IKE_TREE_LIST, NULL);
}

gboolean
ike_tree_remove (IkeTree *tree, const char *key)
{
  IkeTree *leaf, *container;

  g_return_val_if_fail (tree && key && tree->type == IKE_TREE_SECTION, FALSE);
  leaf = find (tree, key, FALSE);
  if (leaf)
    drop (tree, leaf);
  container = find (tree, key, TRUE);
  if (container)
    drop (tree, container);
  return leaf || container;
}

/* -- places and references */

void
ike_tree_set_where (IkeTree *tree, const char *file, guint line)
{
  g_free (tree->where);
  tree->where = g_strdup_printf ("%s:%u", file, line);
}

void
ike_tree_copy_where (IkeTree *tree, const IkeTree *from)
{
  g_free (tree->where);
  tree->where = g_strdup (from->where);
}

void
ike_tree_set_origin (IkeTree *tree, const char *origin)
{
  g_free (tree->where);
  tree->where = g_strdup (origin);
  for (guint i = 0; i < ike_tree_n (tree); i++)
    ike_tree_set_origin (tree->children->pdata[i], origin);
}

const char *
ike_tree_where (const IkeTree *tree)
{
  return tree && tree->where ? tree->where : "";
}

void
ike_tree_add_reference (IkeTree *tree, const char *path)
{
  if (!tree->references)
    tree->references = g_ptr_array_new_with_free_func (g_free);
  if (!g_ptr_array_find_with_equal_func (tree->references, path, g_str_equal, NULL))
    g_ptr_array_add (tree->references, g_strdup (path));
}

const GPtrArray *
ike_tree_references (const IkeTree *tree)
{
  return tree->references;
}

/* What is inside cannot change places. */
static void
text_outside (IkeTree *tree)
{
  if (tree->has_text_inside)
    tree->text = g_strdup (tree->text);
  tree->has_text_inside = FALSE;
}

void
ike_tree_swap (IkeTree *a, IkeTree *b)
{
  IkeTree kept;

  text_outside (a);
  text_outside (b);
  kept = *a;
  *a = *b;
  *b = kept;
  b->has_name_inside = a->has_name_inside, a->has_name_inside = kept.has_name_inside;
  b->name = a->name, a->name = kept.name;
  b->position = a->position, a->position = kept.position;
}

/* -- whole trees */

static IkeTree *
copy_named (const IkeTree *tree, const char *name)
{
  gboolean is_string = tree->type == IKE_TREE_STRING;
  IkeTree *copy = node_new_named (tree->type, name, is_string ? tree->text : NULL);

  copy->where = g_strdup (tree->where);
  if (!is_string && !ike_tree_is_container (tree))
    copy->number = tree->number;
  for (guint i = 0; tree->references && i < tree->references->len; i++)
    ike_tree_add_reference (copy, tree->references->pdata[i]);
  for (guint i = 0; i < ike_tree_n (tree); i++) {
    const IkeTree *child = ike_tree_nth (tree, i);
    append (copy, copy_named (child, child->name));
  }
  return copy;
}

IkeTree *
ike_tree_copy (const IkeTree *tree)
{
  return tree ? copy_named (tree, NULL) : NULL;
}

static gboolean
equal_children (const IkeTree *a, const IkeTree *b)
{
  for (guint i = 0; i < a->children->len; i++) {
    const IkeTree *one = a->children->pdata[i], *two;
    two = a->type == IKE_TREE_LIST ? b->children->pdata[i]
                                   : find (b, one->name, ike_tree_is_container (one));
    if (!two || !ike_tree_equal (one, two))
      return FALSE;
  }
  return TRUE;
}

gboolean
ike_tree_equal (const IkeTree *a, const IkeTree *b)
{
  if (!a || !b)
    return a == b;
  if (a->type != b->type)
    return FALSE;
  if (a->type == IKE_TREE_STRING)
    return g_str_equal (a->text, b->text);
  if (!ike_tree_is_container (a))
    return a->number == b->number;
  return a->children->len == b->children->len && equal_children (a, b);
}

/* -- reading */

IkeTreeType
ike_tree_type (const IkeTree *tree)
{
  return tree ? tree->type : IKE_TREE_NULL;
}

const char *
ike_tree_name (const IkeTree *tree)
{
  return tree ? tree->name : NULL;
}

guint
ike_tree_n (const IkeTree *tree)
{
  return tree && ike_tree_is_container (tree) ? tree->children->len : 0;
}

const IkeTree *
ike_tree_nth (const IkeTree *tree, guint i)
{
  return i < ike_tree_n (tree) ? tree->children->pdata[i] : NULL;
}

static const IkeTree *
step_into (const IkeTree *tree, const char *name, gsize len)
{
  guint64 n = 0;

  if (tree->type == IKE_TREE_SECTION)
    return ike_tree_child (tree, name, len, TRUE);
  if (tree->type != IKE_TREE_LIST || len == 0 || len > 9)
    return NULL;
  for (gsize i = 0; i < len; i++) {
    if (!g_ascii_isdigit (name[i]))
      return NULL;
    n = n * 10 + (guint64) (name[i] - '0');
  }
  return ike_tree_nth (tree, (guint) n);
}

/* Names of counters and events hold dots, so what is left of the path is tried as one name first.
 */
const IkeTree *
ike_tree_get (const IkeTree *tree, const char *path)
{
  while (tree && path) {
    const char *dot = strchr (path, '.');
    const IkeTree *found = ike_tree_child (tree, path, strlen (path), FALSE);
    if (!found)
      found = step_into (tree, path, strlen (path));
    if (found || !dot) {
      tree = found;
      break;
    }
    tree = step_into (tree, path, (gsize) (dot - path));
    path = dot + 1;
  }
  return tree && tree->type != IKE_TREE_NULL ? tree : NULL;
}

const char *
ike_tree_string (const IkeTree *tree, const char *path, const char *fallback)
{
  const IkeTree *leaf = ike_tree_get (tree, path);
  return leaf && leaf->type == IKE_TREE_STRING ? leaf->text : fallback;
}

gint64
ike_tree_int (const IkeTree *tree, const char *path, gint64 fallback)
{
  const IkeTree *leaf = ike_tree_get (tree, path);
  const char *text;
  guint64 value;

  if (leaf && leaf->type == IKE_TREE_INT)
    return leaf->number;
  if (!leaf || leaf->type != IKE_TREE_STRING)
    return fallback;
  text = leaf->text + (leaf->text[0] == '-');
  if (!ike_value_uint (text, &value) || value > G_MAXINT64)
    return fallback;
  return text == leaf->text ? (gint64) value : -(gint64) value;
}

gboolean
ike_tree_bool (const IkeTree *tree, const char *path, gboolean fallback)
{
  const IkeTree *leaf = ike_tree_get (tree, path);
  gboolean value;

  if (leaf && leaf->type == IKE_TREE_BOOL)
    return leaf->number != 0;
  if (!leaf || leaf->type != IKE_TREE_STRING || !ike_value_bool (leaf->text, &value))
    return fallback;
  return value;
}

const char *
ike_tree_text (const IkeTree *tree, char buffer[32])
{
  switch (ike_tree_type (tree)) {
  case IKE_TREE_STRING:
    return tree->text;
  case IKE_TREE_BOOL:
    return tree->number ? "yes" : "no";
  case IKE_TREE_INT:
    g_snprintf (buffer, 32, "%" G_GINT64_FORMAT, tree->number);
    return buffer;
  default:
    return NULL;
  }
}
