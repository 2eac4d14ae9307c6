/* SPDX-License-Identifier: Apache-2.0 */
/* module.c - the libraries of tokens: which may be loaded, and loading them by p11-kit.
 *
 * p11-kit's registry of modules is one for the whole process and counts: whoever loads a module
 * that is there gets functions of its own, which know its own sessions only, and the library is
 * initialised for the first and finalised after the last.  So engines in one process do not
 * disturb each other.  What they share is whether a token is unlocked, which Cryptoki keeps for
 * each application: nobody here logs out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "private.h"

void
cryptoki_error (GError **error, CK_RV rv, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list arguments;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, IKE_ERROR, rv == CKR_PIN_INCORRECT ? IKE_ERROR_DENIED : IKE_ERROR_SYSTEM,
               "%s: %s (PKCS#11 error 0x%lx)", what, p11_kit_strerror (rv), rv);
}

/* -- which may be loaded */

/* Of somebody else who may change it, in words; NULL: nobody. */
static const char *
who_may_change (const struct stat *info, gboolean is_directory)
{
  if (info->st_uid != 0)
    return "does not belong to root";
  /* In a sticky directory nobody replaces what is root's. */
  if (is_directory && info->st_mode & S_ISVTX)
    return NULL;
  if (info->st_mode & S_IWOTH)
    return "may be written by everybody";
  if (info->st_mode & S_IWGRP && info->st_gid != 0)
    return "may be written by its group";
  return NULL;
}

static gboolean
check_step (const char *path, gboolean is_directory, const char *module, GError **error)
{
  struct stat info;
  const char *why;

  if (stat (path, &info) < 0) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "module %s: %s", module, g_strerror (errno));
    return FALSE;
  }
  if (!is_directory && !S_ISREG (info.st_mode)) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG, "module %s is no file", module);
    return FALSE;
  }
  why = who_may_change (&info, is_directory);
  if (!why)
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_DENIED,
               "module %s is not loaded: %s %s; the daemon runs only code that root alone can "
               "change",
               module, is_directory ? path : "it", why);
  return FALSE;
}

char *
module_trusted_path (const char *path, GError **error)
{
  char *found = realpath (path, NULL);
  g_autofree char *real = g_strdup (found), *step = g_strdup (found);
  int reason = errno;

  free (found);
  if (!real) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_NOT_FOUND, "module %s: %s", path, g_strerror (reason));
    return NULL;
  }
  if (!check_step (real, FALSE, path, error))
    return NULL;
  for (char *slash = strrchr (step, '/'); slash; slash = strrchr (step, '/')) {
    *slash = '\0';
    if (!check_step (step[0] ? step : "/", TRUE, path, error))
      return NULL;
  }
  return g_steal_pointer (&real);
}

/* -- their sections */

static const IkeTree *
modules_settings (State *state)
{
  return ike_tree_get (ike_engine_settings (state->engine), "plugins.pkcs11.modules");
}

static gboolean
check_section (const IkeTree *section, GError **error)
{
  const char *path = ike_tree_string (section, "path", NULL);

  for (guint i = 0; i < ike_tree_n (section); i++) {
    const IkeTree *key = ike_tree_nth (section, i);
    if (strcmp (ike_tree_name (key), "path") != 0) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                   "%s: plugins.pkcs11.modules.%s.%s: unknown option, a module has a path only",
                   ike_tree_where (key), ike_tree_name (section), ike_tree_name (key));
      return FALSE;
    }
  }
  if (ike_tree_type (section) == IKE_TREE_SECTION && path && g_path_is_absolute (path))
    return TRUE;
  g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
               "%s: plugins.pkcs11.modules.%s: wants an absolute path, { path = /…/NAME.so }",
               ike_tree_where (section), ike_tree_name (section));
  return FALSE;
}

gboolean
modules_check (State *state, GError **error)
{
  const IkeTree *settings = modules_settings (state);

  for (guint i = 0; settings && i < ike_tree_n (settings); i++)
    if (!check_section (ike_tree_nth (settings, i), error))
      return FALSE;
  return TRUE;
}

const char *
modules_path (State *state, const char *name)
{
  const IkeTree *settings = modules_settings (state);

  for (guint i = 0; settings && i < ike_tree_n (settings); i++) {
    const IkeTree *section = ike_tree_nth (settings, i);
    if (strcmp (ike_tree_name (section), name) == 0)
      return ike_tree_string (section, "path", NULL);
  }
  return NULL;
}

/* -- loading */

static void
module_free (gpointer data)
{
  Module *module = data;

  if (module->functions && !module->is_registered) {
    p11_kit_module_finalize (module->functions);
    p11_kit_module_release (module->functions);
  }
  g_free (module->name);
  g_free (module->path);
  g_free (module);
}

static Module *
module_add (State *state, const char *name, const char *path, CK_FUNCTION_LIST *functions)
{
  Module *module = g_new0 (Module, 1);

  module->name = g_strdup (name);
  module->path = g_strdup (path);
  module->functions = functions;
  if (!state->modules)
    state->modules = g_ptr_array_new_with_free_func (module_free);
  g_ptr_array_add (state->modules, module);
  return module;
}

static Module *
module_by_path (State *state, const char *path)
{
  for (guint i = 0; state->modules && i < state->modules->len; i++) {
    Module *module = g_ptr_array_index (state->modules, i);
    if (strcmp (module->path, path) == 0)
      return module;
  }
  return NULL;
}

Module *
module_get (State *state, const char *name, const char *path, GError **error)
{
  g_autofree char *real = module_trusted_path (path, error);
  Module *module = real ? module_by_path (state, real) : NULL;
  CK_FUNCTION_LIST *functions;
  CK_RV rv;

  if (!real || module)
    return module;
  functions = p11_kit_module_load (real, 0);
  if (!functions) {
    const char *why = p11_kit_message ();
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "module %s cannot be loaded: %s", path,
                 why ? why : "it is no PKCS#11 module");
    return NULL;
  }
  rv = p11_kit_module_initialize (functions);
  if (rv == CKR_OK)
    return module_add (state, name, real, functions);
  cryptoki_error (error, rv, "module %s does not start", path);
  p11_kit_module_release (functions);
  return NULL;
}

/* p11-kit has loaded it already, as its configuration says, which is root's; it is not used if
 * others can change it. */
static void
add_registered (State *state, CK_FUNCTION_LIST *functions)
{
  g_autoptr (GError) error = NULL;
  char *name = p11_kit_module_get_name (functions), *file = p11_kit_module_get_filename (functions);
  g_autofree char *real = file && g_path_is_absolute (file) ? module_trusted_path (file, &error)
                                                            : g_strdup (file ? file : name);

  if (!real)
    ike_log (state->engine, IKE_LOG_ERROR, "pkcs11", "%s", error->message);
  else if (!module_by_path (state, real))
    module_add (state, name ? name : real, real, functions)->is_registered = TRUE;
  free (name);
  free (file);
}

gboolean
modules_add_registered (State *state, GError **error)
{
  if (state->registered)
    return TRUE;
  state->registered = p11_kit_modules_load_and_initialize (0);
  if (!state->registered) {
    const char *why = p11_kit_message ();
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "the modules of p11-kit cannot be loaded: %s",
                 why ? why : "no reason given");
    return FALSE;
  }
  for (guint i = 0; state->registered[i]; i++)
    add_registered (state, state->registered[i]);
  return TRUE;
}

void
modules_free (State *state)
{
  g_clear_pointer (&state->modules, g_ptr_array_unref);
  if (state->registered)
    p11_kit_modules_finalize_and_release (g_steal_pointer (&state->registered));
}
