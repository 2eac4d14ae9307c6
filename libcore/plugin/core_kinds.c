/* SPDX-License-Identifier: Apache-2.0 */
/* core_kinds.c - the kinds of features that the core itself consumes.
 *
 * The least size of a table reaches to its last member that everybody must fill; what stands
 * behind it may grow. */
#include "config.h"
#include "plugin/plugin_private.h"
#include <ikebana/auth.h>
#include <ikebana/command.h>
#include <ikebana/crypto.h>
#include <ikebana/exchange.h>
#include <ikebana/kernel.h>
#include <ikebana/log.h>
#include <ikebana/model.h>
#include <ikebana/net.h>

#define KIND(kind_name, type, last)                                                                \
  &(const IkeFeatureKind)                                                                          \
  {                                                                                                \
    sizeof (IkeFeatureKind), kind_name, 1, 0, IKE_SIZE_UP_TO (type, last), sizeof (type)           \
  }

const IkeFeatureKind *const ike_core_kinds[] = {
  KIND ("aead", IkeAeadClass, open),
  KIND ("cipher", IkeCipherClass, decrypt),
  KIND ("integ", IkeIntegClass, mac),
  KIND ("prf", IkePrfClass, prf),
  KIND ("hash", IkeHashClass, hash),
  KIND ("ke", IkeKeClass, pair_free),
  KIND ("kernel", IkeKernelClass, query),
  KIND ("kernel:net", IkeKernelNetClass, source_for),
  KIND ("net", IkeNetClass, resolve),
  KIND ("store", IkeStoreClass, load),
  KIND ("section", IkeSectionClass, add),
  KIND ("log-sink", IkeLogSinkClass, write),
  KIND ("command", IkeCommandClass, run),
  KIND ("auth", IkeAuthClass, verify),
  KIND ("authorizer", IkeAuthorizerClass, authorize),
  KIND ("task", IkeTaskClass, instance_size),
  KIND ("notify", IkeNotifyClass, exchanges),
  KIND ("gate", IkeGateClass, judge),
  KIND ("outer", IkeOuterClass, check),
  KIND ("orphan", IkeOrphanClass, answer),
  KIND ("operation", IkeOperationClass, touches),
  KIND ("exchange", IkeExchangeClass, rows),
  KIND ("shape", IkeShapeClass, rows),
  KIND ("id-0", IkeIdZeroClass, accept),
  KIND ("payload", IkePayloadClass, name),
  KIND ("auth-octets", IkeAuthOctetsClass, change),
  KIND ("transmit", IkeTransmitClass, pace),
  KIND ("protocol", IkeProtocolClass, input),
  /* A service is between two plugins: whoever consumes it may declare the kind "service:NAME"
   * with sizes of its own. */
  &(const IkeFeatureKind){ sizeof (IkeFeatureKind), "service", 1, 0, sizeof (guint32), 0 },
  /* "acts:connection/KEY": the plugin acts upon a key of swanctl.conf that the core only reads. */
  &(const IkeFeatureKind) { sizeof (IkeFeatureKind), "acts", 1, 0, sizeof (guint32), 0 },
  NULL,
};
