/* SPDX-License-Identifier: Apache-2.0 */
/* fake_token.c - see fake_token.h. */
#include <string.h>
#include <unistd.h>

#include "fake_token.h"

__attribute__ ((visibility ("default"))) FakeToken *fake_token (void);
__attribute__ ((visibility ("default"))) CK_RV C_GetFunctionList (CK_FUNCTION_LIST **list);

enum { ENDLESS = 5000 };

/* Of the process, as with real modules. */
static FakeToken fake = { .gate = -1 };
static struct {
  CK_SESSION_HANDLE last;
  CK_SLOT_ID slot;
  gboolean is_logged_in;
  guint n_left; /* of a search */
  CK_OBJECT_CLASS klass;
} session;

FakeToken *
fake_token (void)
{
  return &fake;
}

/* A token that was pulled has forgotten its session when it is back. */
static gboolean
is_valid (CK_SESSION_HANDLE handle)
{
  return handle == session.last && session.slot != 0 && session.slot == fake.slot;
}

static CK_RV
initialize (void *arguments)
{
  return CKR_OK;
}

static CK_RV
finalize (void *reserved)
{
  return CKR_OK;
}

static CK_RV
get_info (CK_INFO *info)
{
  memset (info, ' ', sizeof *info);
  info->cryptokiVersion = (CK_VERSION){ 2, 40 };
  info->libraryVersion = (CK_VERSION){ 1, 0 };
  info->flags = 0;
  return CKR_OK;
}

static CK_RV
get_slot_list (CK_BBOOL token_present, CK_SLOT_ID *slots, CK_ULONG *n)
{
  gboolean has_room = *n > 0;

  *n = fake.slot != 0;
  if (!slots || !*n)
    return CKR_OK;
  if (!has_room)
    return CKR_BUFFER_TOO_SMALL;
  slots[0] = fake.slot;
  return CKR_OK;
}

static CK_RV
get_slot_info (CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
  memset (info, ' ', sizeof *info);
  info->flags = CKF_TOKEN_PRESENT | CKF_REMOVABLE_DEVICE;
  return CKR_OK;
}

static CK_RV
get_token_info (CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
  if (slot == 0 || slot != fake.slot)
    return CKR_TOKEN_NOT_PRESENT;
  memset (info, ' ', sizeof *info);
  memcpy (info->label, "fake\n", 5);
  memcpy (info->serialNumber, fake.serial, strlen (fake.serial));
  info->flags = CKF_TOKEN_INITIALIZED | fake.flags;
  return CKR_OK;
}

static CK_RV
get_mechanism_info (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
  if (type != CKM_RSA_PKCS)
    return CKR_MECHANISM_INVALID;
  info->flags = fake.signs_not ? CKF_VERIFY : CKF_SIGN;
  return CKR_OK;
}

static CK_RV
open_session (CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
              CK_SESSION_HANDLE *handle)
{
  if (slot == 0 || slot != fake.slot)
    return CKR_TOKEN_NOT_PRESENT;
  session.slot = slot;
  session.is_logged_in = FALSE;
  *handle = ++session.last;
  return CKR_OK;
}

static CK_RV
close_session (CK_SESSION_HANDLE handle)
{
  if (!is_valid (handle))
    return CKR_SESSION_HANDLE_INVALID;
  session.slot = 0;
  return CKR_OK;
}

static CK_RV
get_session_info (CK_SESSION_HANDLE handle, CK_SESSION_INFO *info)
{
  if (!is_valid (handle))
    return CKR_SESSION_HANDLE_INVALID;
  info->slotID = session.slot;
  info->state = session.is_logged_in ? CKS_RO_USER_FUNCTIONS : CKS_RO_PUBLIC_SESSION;
  return CKR_OK;
}

static CK_RV
login (CK_SESSION_HANDLE handle, CK_USER_TYPE user, unsigned char *pin, CK_ULONG len)
{
  gboolean is_right = pin ? len == strlen (fake.pin) && memcmp (pin, fake.pin, len) == 0
                          : (fake.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;

  if (!is_valid (handle))
    return CKR_SESSION_HANDLE_INVALID;
  if (user == CKU_CONTEXT_SPECIFIC)
    atomic_fetch_add (&fake.n_context_logins, 1);
  else
    atomic_fetch_add (&fake.n_logins, 1);
  if (!is_right)
    return CKR_PIN_INCORRECT;
  session.is_logged_in = TRUE;
  return CKR_OK;
}

/* -- objects: the private key alone, number 1 */

static CK_RV
find_objects_init (CK_SESSION_HANDLE handle, CK_ATTRIBUTE *template, CK_ULONG n)
{
  if (!is_valid (handle))
    return CKR_SESSION_HANDLE_INVALID;
  session.klass = CKO_PRIVATE_KEY;
  for (CK_ULONG i = 0; i < n; i++)
    if (template[i].type == CKA_CLASS)
      memcpy (&session.klass, template[i].pValue, sizeof session.klass);
  session.n_left = session.klass == CKO_PRIVATE_KEY && session.is_logged_in;
  if (fake.is_endless && session.klass != CKO_PRIVATE_KEY)
    session.n_left = ENDLESS;
  return CKR_OK;
}

static CK_RV
find_objects (CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *n)
{
  for (*n = 0; *n < max && session.n_left; session.n_left--)
    objects[(*n)++] = 1;
  if (fake.is_endless && *n == max)
    *n = max + 1;
  return CKR_OK;
}

static CK_RV
find_objects_final (CK_SESSION_HANDLE handle)
{
  return CKR_OK;
}

static CK_RV
put (CK_ATTRIBUTE *attribute, const void *data, gsize len)
{
  if (fake.wrong_len) {
    attribute->ulValueLen = fake.wrong_len;
    return CKR_OK;
  }
  if (attribute->pValue && attribute->ulValueLen < len)
    return CKR_BUFFER_TOO_SMALL;
  if (attribute->pValue)
    memcpy (attribute->pValue, data, len);
  attribute->ulValueLen = len;
  return CKR_OK;
}

static CK_RV
get_attribute_value (CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template,
                     CK_ULONG n)
{
  CK_KEY_TYPE type = CKK_RSA;
  CK_BBOOL yes = CK_TRUE, asks = fake.asks_always;

  switch (template[0].type) {
  case CKA_KEY_TYPE:
    memcpy (template[0].pValue, &type, sizeof type);
    return CKR_OK;
  case CKA_SIGN:
    return put (template, &yes, sizeof yes);
  case CKA_ALWAYS_AUTHENTICATE:
    return put (template, &asks, sizeof asks);
  case CKA_MODULUS:
    return put (template, fake.modulus, sizeof fake.modulus);
  case CKA_PUBLIC_EXPONENT:
    return put (template, "\1\0\1", 3);
  default:
    template[0].ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return CKR_ATTRIBUTE_TYPE_INVALID;
  }
}

/* -- signing */

static CK_RV
sign_init (CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
  atomic_fetch_add (&fake.n_inits, 1);
  if (fake.init_result)
    return fake.init_result;
  if (!is_valid (handle))
    return CKR_SESSION_HANDLE_INVALID;
  return session.is_logged_in ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
}

static CK_RV
sign (CK_SESSION_HANDLE handle, unsigned char *data, CK_ULONG len, unsigned char *out,
      CK_ULONG *out_len)
{
  char byte;

  if (fake.gate >= 0) {
    atomic_fetch_add (&fake.n_at_gate, 1);
    if (read (fake.gate, &byte, 1) != 1)
      return CKR_DEVICE_ERROR;
  }
  if (*out_len < sizeof fake.modulus)
    return CKR_BUFFER_TOO_SMALL;
  if (!fake.sign (data, len, out))
    return CKR_FUNCTION_FAILED;
  if (fake.spoils)
    out[100] ^= 1;
  *out_len = sizeof fake.modulus;
  atomic_fetch_add (&fake.n_signatures, 1);
  return CKR_OK;
}

static CK_FUNCTION_LIST functions = {
  .version = { 2, 40 },
  .C_Initialize = initialize,
  .C_Finalize = finalize,
  .C_GetInfo = get_info,
  .C_GetFunctionList = C_GetFunctionList,
  .C_GetSlotList = get_slot_list,
  .C_GetSlotInfo = get_slot_info,
  .C_GetTokenInfo = get_token_info,
  .C_GetMechanismInfo = get_mechanism_info,
  .C_OpenSession = open_session,
  .C_CloseSession = close_session,
  .C_GetSessionInfo = get_session_info,
  .C_Login = login,
  .C_FindObjectsInit = find_objects_init,
  .C_FindObjects = find_objects,
  .C_FindObjectsFinal = find_objects_final,
  .C_GetAttributeValue = get_attribute_value,
  .C_SignInit = sign_init,
  .C_Sign = sign,
};

CK_RV
C_GetFunctionList (CK_FUNCTION_LIST **list)
{
  *list = &functions;
  return CKR_OK;
}
