/* SPDX-License-Identifier: Apache-2.0 */
/* object.c - objects of a token and their attributes, bounded: a module may say anything. */
#include "private.h"

enum { AT_A_TIME = 32 };

static void
attribute_of_bytes (CK_ATTRIBUTE *attribute, CK_ATTRIBUTE_TYPE type, GBytes *bytes)
{
  gsize len;

  attribute->type = type;
  attribute->pValue = (gpointer) g_bytes_get_data (bytes, &len);
  attribute->ulValueLen = len;
}

static CK_RV
find_all (Token *token, GArray *found, guint max)
{
  CK_FUNCTION_LIST *functions = token->module->functions;
  CK_OBJECT_HANDLE some[AT_A_TIME] = { 0 };
  CK_ULONG n;
  CK_RV rv = CKR_OK;

  while (found->len < max) {
    n = 0;
    rv = functions->C_FindObjects (token->session, some, MIN (AT_A_TIME, max - found->len), &n);
    if (rv != CKR_OK || n == 0)
      break;
    g_array_append_vals (found, some, (guint) MIN (n, MIN (AT_A_TIME, max - found->len)));
  }
  functions->C_FindObjectsFinal (token->session);
  return rv;
}

GArray *
objects_find (Token *token, const Pattern *pattern, guint max, CK_RV *rv)
{
  CK_OBJECT_CLASS klass = pattern->klass;
  CK_CERTIFICATE_TYPE x509 = CKC_X_509;
  CK_ATTRIBUTE template[4];
  CK_ULONG n = 0;
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (CK_OBJECT_HANDLE));

  if (klass != ANY_CLASS)
    template[n++] = (CK_ATTRIBUTE){ CKA_CLASS, &klass, sizeof klass };
  if (pattern->id)
    attribute_of_bytes (&template[n++], CKA_ID, pattern -> id);
  if (pattern->label)
    attribute_of_bytes (&template[n++], CKA_LABEL, pattern -> label);
  if (pattern->is_x509)
    template[n++] = (CK_ATTRIBUTE){ CKA_CERTIFICATE_TYPE, &x509, sizeof x509 };
  *rv = token->module->functions->C_FindObjectsInit (token->session, template, n);
  if (*rv == CKR_OK)
    *rv = find_all (token, found, MIN (max, MAX_OBJECTS));
  return *rv == CKR_OK ? g_steal_pointer (&found) : NULL;
}

GBytes *
object_bytes (Token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, gsize max)
{
  CK_FUNCTION_LIST *functions = token->module->functions;
  CK_ATTRIBUTE attribute = { type, NULL, 0 };
  g_autofree guint8 *value = NULL;
  CK_ULONG size;

  /* CK_UNAVAILABLE_INFORMATION is the largest number there is. */
  if (functions->C_GetAttributeValue (token->session, object, &attribute, 1) != CKR_OK
      || attribute.ulValueLen == 0 || attribute.ulValueLen > max)
    return NULL;
  size = attribute.ulValueLen;
  value = g_malloc (size);
  attribute.pValue = value;
  if (functions->C_GetAttributeValue (token->session, object, &attribute, 1) != CKR_OK
      || attribute.ulValueLen == 0 || attribute.ulValueLen > size)
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&value), attribute.ulValueLen);
}

gboolean
object_ulong (Token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_ULONG *value)
{
  CK_ATTRIBUTE attribute = { type, value, sizeof *value };

  return token->module->functions->C_GetAttributeValue (token->session, object, &attribute, 1)
             == CKR_OK
         && attribute.ulValueLen == sizeof *value;
}

gboolean
object_bool (Token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, gboolean fallback)
{
  CK_BBOOL value = CK_FALSE;
  CK_ATTRIBUTE attribute = { type, &value, sizeof value };

  if (token->module->functions->C_GetAttributeValue (token->session, object, &attribute, 1)
          != CKR_OK
      || attribute.ulValueLen != sizeof value)
    return fallback;
  return value != CK_FALSE;
}

char *
hex_of (GBytes *bytes)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len);
  GString *text = g_string_new (NULL);

  for (gsize i = 0; i < len; i++)
    g_string_append_printf (text, "%02x", data[i]);
  return g_string_free (text, FALSE);
}
