/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_grant.c - what a RADIUS server says about a user, and accounts that were written down.
 *
 * A byte that chooses: which attributes are groups, or (0xff) a record of a queue; then attributes.
 *
 * Covers: plugins/eap-radius/grant.c, plugins/eap-radius/record.c */
#include "eap-radius/accounts.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize len);

enum { GROUP_AT = 12 }; /* in a record, behind its length */

static void
check (gboolean ok)
{
  if (!ok)
    __builtin_trap ();
}

static void
check_text (const char *text, gsize max)
{
  check (strlen (text) <= max);
  for (; *text; text++)
    check (g_ascii_isprint (*text));
}

static void
check_classes (const Grant *grant)
{
  IkeRadiusAttribute attribute;
  IkeRadiusIter iter;

  check (grant->classes_len <= sizeof grant->classes);
  ike_radius_iter_init (&iter, grant->classes, grant->classes_len);
  while (ike_radius_next (&iter, &attribute))
    check (attribute.type == IKE_RADIUS_CLASS && attribute.len > 0);
  check (ike_radius_iter_is_done (&iter));
}

static void
check_addresses (const Grant *grant)
{
  IkeAddr addr;

  check ((grant->addr4.family == 4) == (grant->from4 == GRANT_ADDR_GIVEN));
  check (!grant->netmask.family || grant->netmask.family == 4);
  check (grant->prefix_len <= 128 && grant->delegated_len <= 128);
  check (grant->n_dns <= GRANT_DNS_MAX && grant->n_nbns <= G_N_ELEMENTS (grant->nbns));
  for (guint i = 0; i < grant->n_dns; i++)
    check (!ike_addr_is_any (&grant->dns[i]));
  if (grant_addr6 (grant, &addr))
    check (addr.family == 6 && !ike_addr_is_any (&addr) && addr.bytes[0] != 0xff);
}

static void
fuzz_grant (guint flags, const guint8 *data, gsize len)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new ();
  Grant grant;

  grant_read (&grant, data, len, flags, problems);
  check (problems->len <= len / 2);
  check (grant.n_groups <= GRANT_GROUPS_MAX);
  check (!grant.n_groups || flags & (GRANT_CLASS_IS_GROUP | GRANT_FILTER_IS_GROUP));
  for (guint i = 0; i < grant.n_groups; i++)
    check_text (grant.groups[i], IKE_RADIUS_VALUE_MAX);
  check_text (grant.pool4, GRANT_POOL_SIZE - 1);
  check_text (grant.pool6, GRANT_POOL_SIZE - 1);
  check (grant.user_len <= sizeof grant.user && grant.cui_len <= sizeof grant.cui);
  check_classes (&grant);
  check_addresses (&grant);
  grant_clear (&grant);
}

/* What is read is written as it was; a group with a zero in its name is cut there. */
static void
fuzz_record (const guint8 *data, gsize len)
{
  Record *record = record_read (data, len);
  guint8 again[IKE_QUEUE_RECORD_MAX];
  IkeWriter w;

  if (!record)
    return;
  check (record->session[0] && memchr (record->session, 0, sizeof record->session));
  ike_writer_init (&w, again, sizeof again);
  check (record_write (record, &w));
  if (!memchr (data + GROUP_AT, 0, (gsize) (data[GROUP_AT - 2] << 8 | data[GROUP_AT - 1])))
    check (w.len == len && !memcmp (again, data, len));
  record_free (record);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize len)
{
  if (len && data[0] == 0xff)
    fuzz_record (data + 1, len - 1);
  else if (len)
    fuzz_grant (data[0], data + 1, len - 1);
  return 0;
}
