/* SPDX-License-Identifier: Apache-2.0 */
/* resume.c - per-SA state of a plugin that goes into snapshots and comes back, and along when an SA
 * begins anew elsewhere: a number. */
#include "seams/seams.h"

static void
number_snapshot (IkeSa *sa, gpointer state, IkeWriter *out)
{
  ike_writer_u32 (out, *(guint32 *) state);
}

static gpointer
number_restore (IkeSa *sa, IkeReader *in)
{
  guint32 number = ike_reader_u32 (in);

  return ike_reader_is_done (in) ? g_memdup2 (&number, sizeof number) : NULL;
}

static gpointer
number_restart (IkeSa *from, IkeSa *to, gpointer state)
{
  return g_memdup2 (state, sizeof (guint32));
}

static const IkeSlotClass slot = {
  .struct_size = sizeof (IkeSlotClass),
  .name = "number",
  .destroy = g_free,
  .snapshot = number_snapshot,
  .restore = number_restore,
  .restart = number_restart,
};

static gboolean
activate (IkePlugin *self, GError **error)
{
  ike_plugin_set_state (self, GUINT_TO_POINTER (ike_slot_register (self, &slot) + 1), NULL);
  return TRUE;
}

static guint32
slot_of (const IkeSa *sa)
{
  const IkeProvided *provided = ike_feature_find (ike_sa_engine (sa), "service:seam-resume", NULL);

  return GPOINTER_TO_UINT (ike_plugin_state (provided->plugin)) - 1;
}

void
seam_resume_set (IkeSa *sa, guint32 number)
{
  ike_sa_set_slot (sa, slot_of (sa), g_memdup2 (&number, sizeof number));
}

guint32
seam_resume_get (IkeSa *sa)
{
  const guint32 *number = ike_sa_slot (sa, slot_of (sa));

  return number ? *number : 0;
}

static const guint32 service = sizeof service;
SEAM_FEATURE (service_feature, "service:seam-resume", service);
static const IkeFeature *const features[] = { &service_feature, NULL };

IKE_PLUGIN (seam_resume_plugin, "seam-resume", 0, .version = "0", .license = "Apache-2.0",
            .summary = "a number that stays with an SA", .features = features,
            .activate = activate);
