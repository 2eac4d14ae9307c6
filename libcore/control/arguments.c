/* SPDX-License-Identifier: Apache-2.0 */
/* arguments.c - arguments of a command against their declaration. */
#include "control/control_private.h"
#include "base/tree_private.h"
#include <string.h>

static const IkeCommandArg *
find_arg (const IkeCommandClass *klass, const char *name)
{
  for (const IkeCommandArg *arg = klass->args; arg && arg->name; arg++)
    if (g_str_equal (arg->name, name))
      return arg;
  return NULL;
}

static char *
unknown_arg (const IkeCommandClass *klass, const char *name)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *nearest;

  for (const IkeCommandArg *arg = klass->args; arg && arg->name; arg++)
    g_ptr_array_add (names, (gpointer) arg->name);
  if (!names->len)
    return g_strdup_printf ("unknown argument %s; this command takes none", name);
  g_ptr_array_add (names, NULL);
  nearest = ike_nearest (name, (const char *const *) names->pdata);
  if (nearest)
    return g_strdup_printf ("unknown argument %s, did you mean %s?", name, nearest);
  return g_strdup_printf ("unknown argument %s", name);
}

gboolean
ike_arguments_is_word (const char *type, const char *text)
{
  g_auto (GStrv) words = g_strsplit (type + strlen ("enum:"), "|", -1);
  return g_strv_contains ((const char *const *) words, text);
}

/* A list may come as one text with commas. */
static gboolean
bring_to_list (const IkeCommandArg *arg, IkeTree *args, const IkeTree *value)
{
  g_auto (GStrv) items = NULL;
  char buffer[32];
  const char *text = ike_tree_text (value, buffer);
  IkeTree *list;

  for (guint i = 0; i < ike_tree_n (value); i++)
    if (ike_tree_type (value) != IKE_TREE_LIST || ike_tree_is_container (ike_tree_nth (value, i)))
      return FALSE;
  if (ike_tree_type (value) == IKE_TREE_LIST)
    return TRUE;
  if (!text)
    return FALSE;
  items = ike_value_list (text);
  list = ike_tree_new_list ();
  for (guint i = 0; items[i]; i++)
    ike_tree_set_string (list, NULL, items[i]);
  ike_tree_set_take (args, arg->name, list);
  return TRUE;
}

static gboolean
bring_to_type (const IkeCommandArg *arg, IkeTree *args, const IkeTree *value)
{
  char buffer[32];
  const char *text = ike_tree_text (value, buffer);
  g_autofree char *copy = g_strdup (text);
  gboolean truth;
  guint64 number;

  if (g_str_equal (arg->type, "list"))
    return bring_to_list (arg, args, value);
  if (!text)
    return FALSE;
  if (g_str_equal (arg->type, "bool")) {
    if (!ike_value_bool (text, &truth))
      return FALSE;
    ike_tree_set_bool (args, arg->name, truth);
    return TRUE;
  }
  if (g_str_equal (arg->type, "uint")) {
    if (!ike_value_uint (text, &number) || number > G_MAXINT64)
      return FALSE;
    ike_tree_set_int (args, arg->name, (gint64) number);
    return TRUE;
  }
  if (g_str_has_prefix (arg->type, "enum:") && !ike_arguments_is_word (arg->type, text))
    return FALSE;
  ike_tree_set_string (args, arg->name, copy);
  return TRUE;
}

static char *
wrong_type (const IkeCommandArg *arg)
{
  if (g_str_has_prefix (arg->type, "enum:"))
    return g_strdup_printf ("argument %s must be one of %s", arg->name,
                            arg->type + strlen ("enum:"));
  return g_strdup_printf ("argument %s must be a %s", arg->name, arg->type);
}

gboolean
ike_arguments_check (const IkeCommandClass *klass, IkeTree *args, char **problem)
{
  g_autoptr (GPtrArray) given = g_ptr_array_new ();

  if (ike_tree_type (args) != IKE_TREE_SECTION) {
    *problem = g_strdup ("arguments must be an object with names");
    return FALSE;
  }
  for (guint i = 0; i < ike_tree_n (args); i++)
    g_ptr_array_add (given, (gpointer) ike_tree_name (ike_tree_nth (args, i)));
  for (guint i = 0; i < given->len; i++) {
    const IkeCommandArg *arg = find_arg (klass, given->pdata[i]);
    const IkeTree *value = ike_tree_get (args, given->pdata[i]);
    if (!arg) {
      *problem = unknown_arg (klass, given->pdata[i]);
      return FALSE;
    }
    given->pdata[i] = (gpointer) arg->name;   /* the node with the other may be replaced */
    if (value && !bring_to_type (arg, args, value)) {
      *problem = wrong_type (arg);
      return FALSE;
    }
  }
  for (const IkeCommandArg *arg = klass->args; arg && arg->name; arg++)
    if (arg->is_required && !ike_tree_get (args, arg->name)) {
      *problem = g_strdup_printf ("argument %s is missing: %s", arg->name,
                                  arg->doc ? arg->doc : arg->type);
      return FALSE;
    }
  return TRUE;
}
