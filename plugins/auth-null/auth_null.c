/* SPDX-License-Identifier: Apache-2.0 */
/* auth_null.c - no authentication (RFC 7619): `auth = null`, for a side that stays anonymous.
 *
 * A side that says so proves only that the messages are of one and the same peer.  What it says to
 * be means nothing, so a connection that takes such peers names no identity; the children it gives
 * them should be narrow.  A connection must ask for it: no other takes AUTH of this method. */
#include "config.h"

#include "shared/shared-key/shared_key.h"
#include <ikebana/plugin.h>

enum { METHOD_NULL = 13 };

/* RFC 7619, 2.1: "the content of the AUTH payload is computed using the syntax of pre-shared secret
 * authentication ...  The value of SK_pi for the initiator and SK_pr for the responder is used as
 * the shared secret". */
static void
null_sign (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, GBytes *octets)
{
  guint8 value[IKE_SECRET_MAX];

  if (!shared_key_run_sk (sa, ike_sa_is_initiator (sa), octets, value))
    ike_call_fail (call, "the AUTH value cannot be computed: the PRF of this SA failed");
  else
    ike_call_answer (call, shared_key_value (ike_sa_prf (sa), METHOD_NULL, value));
}

static void
null_verify (IkePlugin *self, IkeCall *call, IkeSa *sa, const IkeAuthConf *conf, guint8 method,
             const guint8 *value, gsize len, GBytes *octets)
{
  guint8 expected[IKE_SECRET_MAX];

  if (method != METHOD_NULL)
    ike_call_fail (call, "the peer authenticates, but this connection is for anonymous ones; give "
                         "it a connection of its own");
  else if (!shared_key_run_sk (sa, !ike_sa_is_initiator (sa), octets, expected))
    ike_call_fail (call, "the AUTH value cannot be computed: the PRF of this SA failed");
  else if (len != ike_prf_class (ike_sa_prf (sa))->out_len || !ike_equal (expected, value, len))
    ike_call_fail (call, "AUTH is not by whoever sent the first message");
  else
    ike_call_answer (call, (gpointer) "nobody");
}

/* RFC 7619, 2.2: "The content of the Identification payload MUST NOT be used for any trust and
 * policy checking". */
static void
null_check (IkePlugin *self, const IkeAuthConf *conf, gboolean is_local, GPtrArray *problems)
{
  if (!is_local && conf->id && ike_ident_type (conf->id) != IKE_ID_NULL)
    g_ptr_array_add (problems, g_strdup ("id: means nothing where the peer does not authenticate; "
                                         "remove it"));
}

/* "If NULL authentication is in use and anonymity is a concern, then ID_NULL SHOULD be used". */
static IkeIdent *
null_identity (IkePlugin *self, IkeSa *sa, const IkeAuthConf *conf)
{
  return ike_ident_new (IKE_ID_NULL, NULL, 0);
}

static const IkeAuthClass null_class = {
  .struct_size = sizeof (IkeAuthClass),
  .methods = { METHOD_NULL },
  .sign = null_sign,
  .verify = null_verify,
  .check = null_check,
  .identity = null_identity,
};

static const IkeFeature null_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "auth:null",
  .ops = &null_class,
};
static const IkeFeature *const features[] = { &null_feature, NULL };

IKE_PLUGIN (ike_plugin, "auth-null", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "authentication of nobody (RFC 7619)", .features = features);
