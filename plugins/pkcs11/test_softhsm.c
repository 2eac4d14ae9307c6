/* SPDX-License-Identifier: Apache-2.0 */
/* test_softhsm.c - see test_softhsm.h. */
#include <dlfcn.h>
#include <glib/gstdio.h>
#include <string.h>

#include "test_softhsm.h"

#define SO_PIN "87654321"

const guint8 curve_p256[10] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 },
             curve_p384[7] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 },
             curve_p521[7] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23 };

static const char *const labels[] = { "first", "second" };

static char *
find_library (void)
{
  static const char *const places[] = { "/usr/lib/softhsm/libsofthsm2.so",
                                        "/usr/lib64/softhsm/libsofthsm2.so",
                                        "/usr/lib64/pkcs11/libsofthsm2.so",
                                        "/usr/lib/pkcs11/libsofthsm2.so",
                                        "/usr/local/lib/softhsm/libsofthsm2.so" };

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    if (g_file_test (places[i], G_FILE_TEST_EXISTS))
      return g_strdup (places[i]);
  return NULL;
}

static void
set_up_files (SoftHsm *hsm)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *tokens = NULL, *conf = NULL, *text = NULL;

  hsm->directory = g_dir_make_tmp ("ikebana-softhsm-XXXXXX", &error);
  g_assert_no_error (error);
  tokens = g_build_filename (hsm->directory, "tokens", NULL);
  conf = g_build_filename (hsm->directory, "softhsm2.conf", NULL);
  text = g_strdup_printf ("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = "
                          "ERROR\nslots.removable = false\n",
                          tokens);
  g_assert_cmpint (g_mkdir (tokens, 0700), ==, 0);
  g_assert_true (g_file_set_contents (conf, text, -1, NULL));
  g_setenv ("SOFTHSM2_CONF", conf, TRUE);
}

static void
begin (SoftHsm *hsm)
{
  CK_C_INITIALIZE_ARGS arguments = { .flags = CKF_OS_LOCKING_OK };

  g_assert_cmpint (hsm->functions->C_Initialize (&arguments), ==, CKR_OK);
}

static void
fill_label (CK_UTF8CHAR out[static 32], const char *label)
{
  memset (out, ' ', 32);
  memcpy (out, label, strlen (label));
}

static CK_SLOT_ID
slot_of (SoftHsm *hsm, const char *label_or_null)
{
  CK_SLOT_ID slots[16];
  CK_ULONG n = G_N_ELEMENTS (slots);
  CK_UTF8CHAR label[32];

  fill_label (label, label_or_null ? label_or_null : "");
  g_assert_cmpint (hsm->functions->C_GetSlotList (CK_TRUE, slots, &n), ==, CKR_OK);
  for (CK_ULONG i = 0; i < n; i++) {
    CK_TOKEN_INFO info;
    g_assert_cmpint (hsm->functions->C_GetTokenInfo (slots[i], &info), ==, CKR_OK);
    if (label_or_null ? memcmp (info.label, label, sizeof label) == 0
                      : !(info.flags & CKF_TOKEN_INITIALIZED))
      return slots[i];
  }
  g_error ("there is no slot with token %s", label_or_null ? label_or_null : "to initialise");
}

static void
make_token (SoftHsm *hsm, const char *name)
{
  CK_SLOT_ID slot = slot_of (hsm, NULL);
  CK_SESSION_HANDLE session;
  CK_UTF8CHAR label[32];

  fill_label (label, name);
  g_assert_cmpint (hsm->functions->C_InitToken (slot, (CK_BYTE *) SO_PIN, strlen (SO_PIN), label),
                   ==, CKR_OK);
  g_assert_cmpint (hsm->functions->C_OpenSession (slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
                                                  NULL, &session),
                   ==, CKR_OK);
  g_assert_cmpint (hsm->functions->C_Login (session, CKU_SO, (CK_BYTE *) SO_PIN, strlen (SO_PIN)),
                   ==, CKR_OK);
  g_assert_cmpint (hsm->functions->C_InitPIN (session, (CK_BYTE *) USER_PIN, strlen (USER_PIN)), ==,
                   CKR_OK);
  g_assert_cmpint (hsm->functions->C_CloseSession (session), ==, CKR_OK);
  /* The slot gets its number, and another an empty token, with the next beginning. */
  g_assert_cmpint (hsm->functions->C_Finalize (NULL), ==, CKR_OK);
  begin (hsm);
}

gboolean
softhsm_open (SoftHsm *hsm)
{
  CK_RV (*get) (CK_FUNCTION_LIST * *functions);
  gpointer handle;

  memset (hsm, 0, sizeof *hsm);
  hsm->path = find_library ();
  if (!hsm->path) {
    g_print ("1..0 # SKIP SoftHSM is not installed (Debian: softhsm2)\n");
    return FALSE;
  }
  set_up_files (hsm);
  /* Not unloaded: what libcrypto remembers of it would look like a leak. */
  handle = dlopen (hsm->path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  g_assert_nonnull (handle);
  *(void **) &get = dlsym (handle, "C_GetFunctionList");
  dlclose (handle);
  g_assert_nonnull (get);
  g_assert_cmpint (get (&hsm->functions), ==, CKR_OK);
  begin (hsm);
  for (guint i = 0; i < G_N_ELEMENTS (labels); i++)
    make_token (hsm, labels[i]);
  for (guint i = 0; i < G_N_ELEMENTS (labels); i++)
    hsm->slots[i] = slot_of (hsm, labels[i]);
  return TRUE;
}

static CK_SESSION_HANDLE
open_session (SoftHsm *hsm, guint i)
{
  CK_SESSION_HANDLE session;
  CK_RV rv;

  g_assert_cmpint (hsm->functions->C_OpenSession (
                       hsm->slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
                   ==, CKR_OK);
  rv = hsm->functions->C_Login (session, CKU_USER, (CK_BYTE *) USER_PIN, strlen (USER_PIN));
  g_assert_true (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN);
  return session;
}

static void
read_point (SoftHsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE public_key)
{
  CK_ATTRIBUTE point = { CKA_EC_POINT, hsm->point, sizeof hsm->point };

  g_assert_cmpint (hsm->functions->C_GetAttributeValue (session, public_key, &point, 1), ==,
                   CKR_OK);
  hsm->point_len = point.ulValueLen;
}

CK_RV
softhsm_key (SoftHsm *hsm, guint i, const NewKey *key)
{
  CK_SESSION_HANDLE session = open_session (hsm, i);
  CK_MECHANISM mechanism = { key->mechanism, NULL, 0 };
  CK_BBOOL yes = CK_TRUE, signs = !key->signs_not, asks = key->asks_always;
  CK_ULONG bits = 2048;
  guint8 exponent[] = { 1, 0, 1 }, id = key->id;
  gboolean is_rsa = key->mechanism == CKM_RSA_PKCS_KEY_PAIR_GEN;
  CK_ATTRIBUTE common[] = { { CKA_TOKEN, &yes, sizeof yes },
                            { CKA_ID, &id, 1 },
                            { CKA_LABEL, (gpointer) key->label, strlen (key->label) } };
  CK_ATTRIBUTE public[6] = { common[0], common[1], common[2] };
  CK_ATTRIBUTE private[] = { common[0],
                             common[1],
                             common[2],
                             { CKA_PRIVATE, &yes, sizeof yes },
                             { CKA_SENSITIVE, &yes, sizeof yes },
                             { CKA_SIGN, &signs, sizeof signs },
                             { CKA_ALWAYS_AUTHENTICATE, &asks, sizeof asks } };
  CK_OBJECT_HANDLE public_key, private_key;
  CK_RV rv;

  if (is_rsa) {
    public[3] = (CK_ATTRIBUTE){ CKA_MODULUS_BITS, &bits, sizeof bits };
    public[4] = (CK_ATTRIBUTE){ CKA_PUBLIC_EXPONENT, exponent, sizeof exponent };
  } else
  public[3] = (CK_ATTRIBUTE){ CKA_EC_PARAMS, (gpointer) key->params, key->params_len };
  rv = hsm->functions->C_GenerateKeyPair (session, &mechanism, public, is_rsa ? 5 : 4, private,
                                          G_N_ELEMENTS (private), &public_key, &private_key);
  if (rv == CKR_OK && !is_rsa)
    read_point (hsm, session, public_key);
  if (rv == CKR_OK && key->has_no_public)
    g_assert_cmpint (hsm->functions->C_DestroyObject (session, public_key), ==, CKR_OK);
  hsm->functions->C_CloseSession (session);
  return rv;
}

void
softhsm_cert (SoftHsm *hsm, guint i, guint8 id, const guint8 *der, gsize len)
{
  CK_SESSION_HANDLE session = open_session (hsm, i);
  CK_OBJECT_CLASS klass = CKO_CERTIFICATE;
  CK_CERTIFICATE_TYPE type = CKC_X_509;
  CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
  CK_ATTRIBUTE template[] = { { CKA_CLASS, &klass, sizeof klass },
                              { CKA_CERTIFICATE_TYPE, &type, sizeof type },
                              { CKA_TOKEN, &yes, sizeof yes },
                              { CKA_PRIVATE, &no, sizeof no },
                              { CKA_ID, &id, 1 },
                              { CKA_SUBJECT, (gpointer) "0", 1 },
                              { CKA_VALUE, (gpointer) der, len } };
  CK_OBJECT_HANDLE object;

  g_assert_cmpint (
      hsm->functions->C_CreateObject (session, template, G_N_ELEMENTS (template), &object), ==,
      CKR_OK);
  hsm->functions->C_CloseSession (session);
}

static void
remove_tree (const char *path)
{
  GDir *directory = g_dir_open (path, 0, NULL);
  const char *name;

  while (directory && (name = g_dir_read_name (directory))) {
    g_autofree char *child = g_build_filename (path, name, NULL);
    remove_tree (child);
  }
  if (directory)
    g_dir_close (directory);
  g_remove (path);
}

void
softhsm_close (SoftHsm *hsm)
{
  hsm->functions->C_Finalize (NULL);
  remove_tree (hsm->directory);
  g_free (hsm->directory);
  g_free (hsm->path);
}
