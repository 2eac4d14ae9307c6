/* SPDX-License-Identifier: Apache-2.0 */
/* identity.c - who we say to be in IKE_AUTH, and whom we ask for (RFC 7296, 3.5).
 *
 * A task of its own, so that others put what belongs to an identity between it and AUTH, where
 * RFC 7296, 1.2 shows it: "SK {IDi, [CERT,] [CERTREQ,] [IDr,] AUTH, ...}". */
#include "ikev2.h"

/* IANA, IKEv2 Authentication Method. */
const char *
ikev2_method_name (guint8 method)
{
  switch (method) {
  case 1:
    return "RSA signature";
  case 2:
    return "pre-shared key";
  case 9:
  case 10:
  case 11:
    return "ECDSA signature";
  case 12:
    return "secure password";
  case 13:
    return "nobody";
  case 14:
    return "digital signature";
  default:
    return "unknown";
  }
}

/* What the configuration says, else what the method knows (the subject of a certificate), else our
 * address. */
IkeIdent *
ikev2_own_id (IkeSa *sa)
{
  const IkeAuthConf *conf = ike_sa_auth_conf (sa, TRUE);
  const IkeProvided *method = conf ? ikev2_auth_method (sa, conf) : NULL;
  const IkeAuthClass *klass = method ? method->ops : NULL;
  IkeIdent *id = NULL;

  if (conf && conf->id && ike_ident_type (conf->id) != IKE_ID_ANY)
    return ike_ident_ref (conf->id);
  if (klass && klass->identity)
    id = klass->identity (method->plugin, sa, conf);
  return id ? id : ike_ident_from_addr (ike_sa_local (sa));
}

/* RFC 7296, 1.2: "The optional payload IDr enables the initiator to specify to which of the
 * responder's identities it wants to talk." */
static IkeTaskResult
id_build (IkeTask *task, IkeExchange *x, IkeWriter *out)
{
  IkeSa *sa = ike_task_sa (task);
  const IkeAuthConf *theirs = ike_sa_auth_conf (sa, FALSE);
  const IkeIdent *wanted = theirs ? theirs->id : NULL;

  if (!ike_exchange_is_initiator (x)) {
    if (ike_sa_auth_conf (sa, TRUE))
      ike_id_write (out, IKE_PAYLOAD_IDR, ike_sa_local_id (sa));
    return IKE_TASK_DONE;
  }
  ike_sa_set_local_id (sa, ikev2_own_id (sa));
  ike_id_write (out, IKE_PAYLOAD_IDI, ike_sa_local_id (sa));
  if (wanted && ike_sa_auth_round (sa, TRUE) == 0 && ike_ident_type (wanted) != IKE_ID_ANY
      && !ike_ident_is_pattern (wanted))
    ike_id_write (out, IKE_PAYLOAD_IDR, wanted);
  return IKE_TASK_DONE;
}

const IkeTaskClass ikev2_id_task = {
  .struct_size = sizeof (IkeTaskClass),
  .exchanges = "IKE_AUTH",
  .after = "phase:identify",
  .operations = "establish",
  .build = id_build,
};
