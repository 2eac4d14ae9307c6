/* SPDX-License-Identifier: Apache-2.0 */
/* expiry.c - tells, when they are loaded, of certificates of ours that are over or soon will be. */
#include <ikebana/log.h>

#include "private.h"

enum { DAY = 86400, NAME_SIZE = 128 };

char *
format_time (gint64 seconds)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (seconds);

  return time ? g_date_time_format (time, "%Y-%m-%dT%H:%M:%SZ")
              : g_strdup_printf ("%" G_GINT64_FORMAT, seconds);
}

static void
tell (State *state, const Own *own, gint64 now)
{
  const IkeCertInfo *info = state->pki->cert_info (own->cert);
  gint64 soon = (gint64) ike_plugin_option_uint (state->self, "warn_before");
  g_autofree char *begins = format_time (info->not_before), *ends = format_time (info->not_after);
  char name[NAME_SIZE];

  ike_ident_format (info->subject, name, sizeof name);
  if (now > info->not_after)
    ike_log (state->engine, IKE_LOG_ERROR, LOG_GROUP,
             "%s: certificate %s expired at %s; peers will refuse it, renew it", own->source->label,
             name, ends);
  else if (now < info->not_before)
    ike_log (state->engine, IKE_LOG_ERROR, LOG_GROUP,
             "%s: certificate %s is not valid before %s; is the clock of this host right?",
             own->source->label, name, begins);
  else if (info->not_after - now < soon)
    ike_log (state->engine, IKE_LOG_NOTICE, LOG_GROUP,
             "%s: certificate %s expires in %" G_GINT64_FORMAT " days, at %s; renew it",
             own->source->label, name, (info->not_after - now) / DAY, ends);
}

static gboolean
had (const IkeCredentials *previous_or_null, const Own *own)
{
  const Own *before =
      previous_or_null ? g_hash_table_lookup (previous_or_null->own_by_cert, own->cert) : NULL;

  return before && before->key;
}

void
expiry_tell (State *state, const IkeCredentials *credentials,
             const IkeCredentials *previous_or_null)
{
  gint64 now = ike_engine_wall_us (state->engine) / G_USEC_PER_SEC;

  for (guint i = 0; i < credentials->own->len; i++)
    if (!had (previous_or_null, credentials->own->pdata[i]))
      tell (state, credentials->own->pdata[i], now);
}
