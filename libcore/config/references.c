/* SPDX-License-Identifier: Apache-2.0 */
/* references.c - sections that inherit from others: `name : a, b.c { … }`.
 *
 * A section stands for an ordered list of sources: itself, then what its first reference names and
 * all that this inherits, then the second, and so on.  Its keys are those of the sources, the first
 * source that has a key (be it unset there) decides.  Sub-sections of one name inherit from each
 * other in the same order.  References are absolute and are looked up through inheritance too; one
 * that leads nowhere is empty, one that leads back to itself is left out. Where a section would
 * contain itself for ever, it ends where it begins to repeat. */
#include "config/settings_private.h"
#include <string.h>

/* Sections that inherit from one another in a circle and nest may be looked through for hours
 * before they make too many settings.  A configuration of 10,000 connections with a template of 50
 * keys needs a million. */
enum { LOOKS_MAX = 4 * 1000 * 1000 };

/* A template multiplies what is written; a few lines that make a million settings are a mistake. */
enum { STEPS_FREE = 10000, STEPS_PER_SETTING = 64 };

typedef struct {
  GPtrArray *busy;                            /* sections being expanded, to break cycles */
  GPtrArray *path;                            /* sources of the sections around the one made */
  guint      n_steps, n_looks, steps_max;
  const IkeTree *root;
  GError   **error;
} Resolver;

static gboolean expand (Resolver *resolver, const IkeTree *section, GPtrArray *sources);

static gboolean
take_step (Resolver *resolver, const IkeTree *section)
{
  if (resolver->n_steps++ < resolver->steps_max)
    return TRUE;
  g_set_error (resolver->error, IKE_ERROR, IKE_ERROR_SYNTAX,
               "%s: references make more than %u settings; inherit less", ike_tree_where (section),
               resolver->steps_max);
  return FALSE;
}

/* @n places will be looked at for the sake of @section. */
static gboolean
take_looks (Resolver *resolver, guint n, const IkeTree *section)
{
  resolver->n_looks += n;
  if (resolver->n_looks <= LOOKS_MAX)
    return TRUE;
  g_set_error (resolver->error, IKE_ERROR, IKE_ERROR_SYNTAX,
               "%s: references lead to the same sections too often; inherit less",
               ike_tree_where (section));
  return FALSE;
}

/* Sub-sections called @name (@len bytes) of all @sources, each followed by what it inherits. */
static gboolean
expand_children (Resolver *resolver, const GPtrArray *sources, const char *name, gsize len,
                 GPtrArray *out)
{
  for (guint i = 0; i < sources->len; i++) {
    const IkeTree *child = ike_tree_child (sources->pdata[i], name, len, TRUE);
    if (child && !(take_looks (resolver, 1, child) && expand (resolver, child, out)))
      return FALSE;
  }
  return TRUE;
}

static gboolean
follow (Resolver *resolver, const char *reference, GPtrArray *out)
{
  g_autoptr (GPtrArray) here = g_ptr_array_new ();

  g_ptr_array_add (here, (gpointer) resolver->root);
  for (;;) {
    const char *dot = strchr (reference, '.');
    g_autoptr (GPtrArray) below = NULL;
    if (!dot)
      return expand_children (resolver, here, reference, strlen (reference), out);
    below = g_ptr_array_new ();
    if (!expand_children (resolver, here, reference, (gsize) (dot - reference), below))
      return FALSE;
    g_ptr_array_unref (here);
    here = g_steal_pointer (&below);
    reference = dot + 1;
  }
}

static gboolean
expand (Resolver *resolver, const IkeTree *section, GPtrArray *sources)
{
  const GPtrArray *references = ike_tree_references (section);
  gboolean is_good = TRUE;

  if (!take_looks (resolver, (sources->len + resolver->busy->len) / 8, section))
    return FALSE;
  if (g_ptr_array_find (sources, section, NULL) || g_ptr_array_find (resolver->busy, section, NULL))
    return TRUE;
  if (!take_step (resolver, section))
    return FALSE;
  if (resolver->busy->len >= IKE_TREE_MAX_DEPTH) {
    g_set_error (resolver->error, IKE_ERROR, IKE_ERROR_SYNTAX,
                 "%s: section '%s' inherits over more than %u steps; shorten the chain",
                 ike_tree_where (section), ike_tree_name (section), (guint) IKE_TREE_MAX_DEPTH);
    return FALSE;
  }
  g_ptr_array_add (sources, (gpointer) section);
  g_ptr_array_add (resolver->busy, (gpointer) section);
  for (guint i = 0; is_good && references && i < references->len; i++)
    is_good = follow (resolver, references->pdata[i], sources);
  g_ptr_array_set_size (resolver->busy, (int) resolver->busy->len - 1);
  return is_good;
}

static gboolean
is_repeated (const Resolver *resolver, const GPtrArray *sources)
{
  for (guint i = 0; i < resolver->path->len; i++) {
    const GPtrArray *above = resolver->path->pdata[i];
    if (above->len == sources->len
        && memcmp (above->pdata, sources->pdata, sources->len * sizeof (gpointer)) == 0)
      return TRUE;
  }
  return FALSE;
}

static gboolean make (Resolver *resolver, GPtrArray *sources, IkeTree *out);

static gboolean
make_child (Resolver *resolver, const GPtrArray *sources, const IkeTree *child, IkeTree *out)
{
  g_autoptr (GPtrArray) below = g_ptr_array_new ();
  const char *name = ike_tree_name (child);
  gsize len = strlen (name);

  if (!take_looks (resolver, 1, child))
    return FALSE;
  if (ike_tree_child (out, name, len, ike_tree_is_container (child)))
    return TRUE;
  if (!take_looks (resolver, sources->len, child))
    return FALSE;
  if (!take_step (resolver, child))
    return FALSE;
  if (ike_tree_type (child) != IKE_TREE_SECTION) {
    ike_tree_put_take (out, name, ike_tree_copy (child));
    return TRUE;
  }
  if (!expand_children (resolver, sources, name, len, below))
    return FALSE;
  if (is_repeated (resolver, below))
    return TRUE;
  if (resolver->path->len > IKE_TREE_MAX_DEPTH) {
    g_set_error (resolver->error, IKE_ERROR, IKE_ERROR_SYNTAX,
                 "%s: references nest section '%s' more than %u deep; inherit less",
                 ike_tree_where (child), name, (guint) IKE_TREE_MAX_DEPTH);
    return FALSE;
  }
  return make (resolver, below, ike_tree_merge_section (out, name));
}

static gboolean
make (Resolver *resolver, GPtrArray *sources, IkeTree *out)
{
  gboolean is_good = TRUE;

  if (sources->len)
    ike_tree_copy_where (out, sources->pdata[0]);
  g_ptr_array_add (resolver->path, sources);
  for (guint i = 0; is_good && i < sources->len; i++)
    for (guint j = 0; is_good && j < ike_tree_n (sources->pdata[i]); j++)
      is_good = make_child (resolver, sources, ike_tree_nth (sources->pdata[i], j), out);
  g_ptr_array_set_size (resolver->path, (int) resolver->path->len - 1);
  return is_good;
}

static guint
count (const IkeTree *tree, gboolean *has_references)
{
  guint n = 1;

  *has_references = *has_references || ike_tree_references (tree);
  for (guint i = 0; i < ike_tree_n (tree); i++)
    n += count (ike_tree_nth (tree, i), has_references);
  return n;
}

gboolean
ike_settings_resolve (IkeTree *tree, GError **error)
{
  g_autoptr (IkeTree) out = NULL;
  g_autoptr (GPtrArray) busy = NULL, path = NULL, sources = NULL;
  gboolean has_references = FALSE;
  guint64 n_written = count (tree, &has_references);
  Resolver resolver = { .root = tree, .error = error };

  if (!has_references)
    return TRUE;
  resolver.steps_max =
      (guint) MIN (STEPS_FREE + STEPS_PER_SETTING * n_written, IKE_SETTINGS_MAX_NODES);
  out = ike_tree_new_section ();
  resolver.busy = busy = g_ptr_array_new ();
  resolver.path = path = g_ptr_array_new ();
  sources = g_ptr_array_new ();
  g_ptr_array_add (sources, tree);
  if (!make (&resolver, sources, out))
    return FALSE;
  ike_tree_swap (tree, out);
  return TRUE;
}
