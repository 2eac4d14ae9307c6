/* SPDX-License-Identifier: Apache-2.0 */
/* section.c - a section `secrets.token*`: which key, on which token, of which module, with which
 * PIN.
 *
 * Read on control and copied, because the loop that looks for the key does not see the settings.
 * Other keys than these are not looked at: a section of a CA whose certificate is on a token comes
 * here too. */
#include <string.h>

#include "private.h"

static void
wanted_module_free (gpointer data)
{
  WantedModule *module = data;

  g_free (module->name);
  g_free (module->path);
  g_free (module);
}

/* p11-kit's copy of a PIN is ordinary memory. */
static void
uri_free (P11KitUri *uri)
{
  char *pin = (char *) p11_kit_uri_get_pin_value (uri);

  if (pin)
    ike_wipe (pin, strlen (pin));
  p11_kit_uri_free (uri);
}

void
wanted_free (Wanted *wanted)
{
  if (!wanted)
    return;
  g_free (wanted->handle);
  g_clear_pointer (&wanted->modules, g_ptr_array_unref);
  g_clear_pointer (&wanted->uri, uri_free);
  g_clear_pointer (&wanted->id, g_bytes_unref);
  g_clear_pointer (&wanted->label, g_bytes_unref);
  ike_secret_blob_unref (wanted->pin);
  g_free (wanted);
}

static gboolean fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
fail (GError **error, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  if (error)
    *error = g_error_new_valist (IKE_ERROR, IKE_ERROR_CONFIG, format, arguments);
  va_end (arguments);
  return FALSE;
}

/* -- which key */

/* CKA_ID in hex, with 0x in front or colons between if somebody likes. */
static gboolean
read_id (Wanted *wanted, const char *text, GError **error)
{
  guint8 id[MAX_ID];
  gsize len = 0;

  if (g_str_has_prefix (text, "0x"))
    text += 2;
  while (*text) {
    int high = g_ascii_xdigit_value (text[0]);
    int low = high < 0 ? -1 : g_ascii_xdigit_value (text[1]);
    if (low < 0)
      return fail (error,
                   "handle: an ID is bytes in hexadecimal, two digits each, or a pkcs11: URI");
    if (len == sizeof id)
      return fail (error, "handle: an ID has %d bytes at most", MAX_ID);
    id[len++] = (guint8) (high << 4 | low);
    text += 2;
    if (*text == ':' && text[1])
      text++;
  }
  if (!len)
    return fail (error, "handle: it is empty");
  wanted->id = g_bytes_new (id, len);
  return TRUE;
}

static gboolean
read_attribute (P11KitUri *uri, CK_ATTRIBUTE_TYPE type, gsize max, GBytes **out)
{
  CK_ATTRIBUTE *attribute = p11_kit_uri_get_attribute (uri, type);

  if (!attribute || !attribute->ulValueLen)
    return TRUE;
  if (attribute->ulValueLen > max)
    return FALSE;
  *out = g_bytes_new (attribute->pValue, attribute->ulValueLen);
  return TRUE;
}

static gboolean
read_class (P11KitUri *uri, GError **error)
{
  CK_ATTRIBUTE *attribute = p11_kit_uri_get_attribute (uri, CKA_CLASS);
  CK_OBJECT_CLASS klass;

  if (!attribute || attribute->ulValueLen != sizeof klass)
    return TRUE;
  memcpy (&klass, attribute->pValue, sizeof klass);
  if (klass == CKO_PRIVATE_KEY)
    return TRUE;
  return fail (error, "handle: it names no private key: write type=private, or nothing");
}

/* RFC 7512, 2.3: path attributes say which object, on which token, in which slot, of which library;
 * query attributes how to get there. */
static gboolean
read_uri (Wanted *wanted, const char *text, GError **error)
{
  int result;

  wanted->uri = p11_kit_uri_new ();
  result = p11_kit_uri_parse (text, P11_KIT_URI_FOR_ANY, wanted->uri);
  if (result != P11_KIT_URI_OK)
    return fail (error, "handle: not a PKCS#11 URI (RFC 7512): %s", p11_kit_uri_message (result));
  /* What is not understood might have told two keys apart. */
  if (p11_kit_uri_any_unrecognized (wanted->uri))
    return fail (error, "handle: the URI has an attribute that is not known");
  if (p11_kit_uri_get_pin_source (wanted->uri))
    return fail (error, "handle: pin-source is not read; set pin beside it");
  if (!read_attribute (wanted->uri, CKA_ID, MAX_ID, &wanted->id)
      || !read_attribute (wanted->uri, CKA_LABEL, MAX_LABEL, &wanted->label))
    return fail (error, "handle: id or object of the URI is too long, %d bytes at most", MAX_ID);
  if (p11_kit_uri_get_slot_id (wanted->uri) != (CK_SLOT_ID) -1) {
    wanted->slot = p11_kit_uri_get_slot_id (wanted->uri);
    wanted->has_slot = TRUE;
  }
  return read_class (wanted->uri, error);
}

static gboolean
read_handle (Wanted *wanted, const IkeTree *section, GError **error)
{
  const char *text = ike_tree_string (section, "handle", NULL);
  gboolean is_uri = text && g_ascii_strncasecmp (text, "pkcs11:", strlen ("pkcs11:")) == 0;

  if (!text)
    return fail (error, "handle: it is missing; it is the ID of the key in hexadecimal, or a "
                        "pkcs11: URI");
  wanted->handle = g_strndup (text, is_uri ? strcspn (text, "?") : strlen (text));
  return is_uri ? read_uri (wanted, text, error) : read_id (wanted, text, error);
}

static gboolean
read_slot (Wanted *wanted, const IkeTree *section, GError **error)
{
  const char *text = ike_tree_string (section, "slot", NULL);
  guint64 slot;

  if (!text)
    return TRUE;
  if (!ike_value_uint (text, &slot) || slot >= (CK_SLOT_ID) -1)
    return fail (error, "slot: %s is no number", text);
  if (wanted->has_slot && wanted->slot != slot)
    return fail (error, "slot: the URI in handle has another");
  wanted->slot = (CK_SLOT_ID) slot;
  wanted->has_slot = TRUE;
  return TRUE;
}

static void
read_pin (Wanted *wanted, const IkeTree *section)
{
  const char *pin = ike_tree_string (section, "pin", NULL);

  if (!pin && wanted->uri)
    pin = p11_kit_uri_get_pin_value (wanted->uri);
  if (pin && pin[0])
    wanted->pin = ike_secret_blob_new (pin, strlen (pin));
}

/* -- of which module */

static void
add_module (GPtrArray *modules, const char *name, const char *path)
{
  WantedModule *module = g_new0 (WantedModule, 1);

  module->name = g_strdup (name);
  module->path = g_strdup (path);
  g_ptr_array_add (modules, module);
}

GPtrArray *
modules_wanted (State *state)
{
  const IkeTree *all = ike_tree_get (ike_engine_settings (state->engine), "plugins.pkcs11.modules");
  GPtrArray *modules = g_ptr_array_new_with_free_func (wanted_module_free);

  for (guint i = 0; all && i < ike_tree_n (all); i++) {
    const IkeTree *module = ike_tree_nth (all, i);
    add_module (modules, ike_tree_name (module), ike_tree_string (module, "path", ""));
  }
  if (state->uses_p11_kit)
    add_module (modules, "p11-kit", NULL);
  return modules;
}

static gboolean
add_named (State *state, Wanted *wanted, const char *name, GError **error)
{
  const char *path = g_path_is_absolute (name) ? name : modules_path (state, name);

  if (!path)
    return fail (error,
                 "module: there is no plugins.pkcs11.modules.%s; it is the name of such a section, "
                 "or an absolute path",
                 name);
  wanted->modules = g_ptr_array_new_with_free_func (wanted_module_free);
  add_module (wanted->modules, name, path);
  return TRUE;
}

static gboolean
read_module (State *state, Wanted *wanted, const IkeTree *section, GError **error)
{
  const char *name = ike_tree_string (section, "module", NULL);

  if (!name && wanted->uri)
    name = p11_kit_uri_get_module_path (wanted->uri);
  if (!name && wanted->uri)
    name = p11_kit_uri_get_module_name (wanted->uri);
  if (name)
    return add_named (state, wanted, name, error);
  wanted->modules = modules_wanted (state);
  if (wanted->modules->len)
    return TRUE;
  return fail (error, "module: none is known; set it to the path of one, or make a section "
                      "plugins.pkcs11.modules.NAME");
}

Wanted *
wanted_new (State *state, const IkeTree *section, GError **error)
{
  g_autoptr (Wanted) wanted = g_new0 (Wanted, 1);
  if (!read_handle (wanted, section, error) || !read_slot (wanted, section, error)
      || !read_module (state, wanted, section, error))
    return NULL;
  read_pin (wanted, section);
  return g_steal_pointer (&wanted);
}
