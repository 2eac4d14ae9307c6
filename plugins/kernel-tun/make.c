/* SPDX-License-Identifier: Apache-2.0 */
/* make.c - makes SAs and policies from what was asked, or says why not. */
#include "config.h"
#include <string.h>
#include "admin.h"
#include "shared/esp/algorithms.h"

enum { PRIORITY_CLASS = 100000 };

static gboolean G_GNUC_PRINTF (2, 3)
refuse (GError **error, const char *format, ...)
{
  char text[256];
  va_list args;
  va_start (args, format);
  g_vsnprintf (text, sizeof text, format, args);
  va_end (args);
  g_set_error_literal (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED, text);
  return FALSE;
}

static gboolean
check_kind (const IkeKernelSa *wanted, GError **error)
{
  if (wanted->protocol != IKE_PROTOCOL_ESP && wanted->protocol != IKE_PROTOCOL_AH)
    return refuse (error, "kernel-tun has ESP and AH only");
  if (wanted->protocol == IKE_PROTOCOL_AH && (wanted->flags & IKE_KERNEL_ENCAP))
    return refuse (error, "AH cannot be encapsulated in UDP, so it cannot pass a NAT");
  if (wanted->mode != IKE_MODE_TUNNEL && wanted->mode != IKE_MODE_TRANSPORT
      && (wanted->mode != IKE_MODE_BEET || wanted->protocol != IKE_PROTOCOL_ESP))
    return refuse (error, "kernel-tun has tunnel and transport mode, and BEET with ESP");
  if (wanted->ipcomp)
    return refuse (error, "kernel-tun does not compress");
  if (wanted->label || wanted->offload > IKE_HW_OFFLOAD_AUTO)
    return refuse (error, "kernel-tun knows no security labels and leaves nothing to devices");
  if (wanted->direction != IKE_DIR_IN && wanted->direction != IKE_DIR_OUT)
    return refuse (error, "an SA is inbound or outbound");
  if (wanted->mark.mask || wanted->set_mark.mask || wanted->if_id)
    return refuse (error, "kernel-tun knows no marks and interface IDs");
  if (wanted->source.family != wanted->destination.family
      || ike_addr_len (&wanted->destination) == 0)
    return refuse (error, "the outer addresses of an SA must be of one family");
  if (wanted->spi < 256)
    return refuse (error, "SPI %u is reserved", wanted->spi);
  return TRUE;
}

static gboolean
check_keys (const TunSa *sa, const IkeKernelSa *wanted, GError **error)
{
  gsize encr_len = 0, integ_len = 0;
  if (sa->aead)
    encr_len = ((const IkeAeadClass *) sa->aead->ops)->key_len
               + ((const IkeAeadClass *) sa->aead->ops)->salt_len;
  if (sa->cipher)
    encr_len = ((const IkeCipherClass *) sa->cipher->ops)->key_len
               + ((const IkeCipherClass *) sa->cipher->ops)->salt_len;
  if (sa->integ)
    integ_len = ((const IkeIntegClass *) sa->integ->ops)->key_len;
  if (wanted->encr_key_len != encr_len || wanted->integ_key_len != integ_len
      || encr_len > IKE_SECRET_MAX || integ_len > IKE_SECRET_MAX)
    return refuse (error, "keys of %u and %u bytes do not fit the algorithms, which take %u and %u",
                   wanted->encr_key_len, wanted->integ_key_len, (guint) encr_len,
                   (guint) integ_len);
  return TRUE;
}

static gboolean
find_algorithms (TunAdmin *admin, TunSa *sa, const IkeKernelSa *wanted, GError **error)
{
  IkeEngine *engine = admin->kernel->engine;
  gboolean is_null = wanted->encr.id == ALGORITHM_NULL;
  if (wanted->protocol == IKE_PROTOCOL_AH) {
    sa->integ = algorithm_integ (engine, &wanted->integ);
    return sa->integ
           || refuse (error, "no plugin offers integrity algorithm %u for AH", wanted->integ.id);
  }
  sa->aead = algorithm_aead (engine, &wanted->encr);
  if (!sa->aead && !is_null)
    sa->cipher = algorithm_cipher (engine, &wanted->encr);
  if (!sa->aead && !sa->cipher && !is_null)
    return refuse (error, "no plugin offers encryption algorithm %u with %u bits for ESP",
                   wanted->encr.id, wanted->encr.key_bits);
  if (!sa->aead)
    sa->integ = algorithm_integ (engine, &wanted->integ);
  if (!sa->aead && !sa->integ)
    return refuse (error,
                   "no plugin offers integrity algorithm %u for ESP, and there is none without",
                   wanted->integ.id);
  if (!esp_sizes_init (&sa->sizes, sa->aead ? sa->aead->ops : NULL,
                       sa->cipher ? sa->cipher->ops : NULL, sa->integ ? sa->integ->ops : NULL))
    return refuse (error, "the algorithms cannot be used for ESP");
  return TRUE;
}

static void
take_host (guint8 out[static 16], const IkeSelector *selector, const IkeAddr *otherwise)
{
  gsize len = selector->family ? (selector->family == 4 ? 4u : 16u) : ike_addr_len (otherwise);
  memcpy (out, selector->family ? selector->first : otherwise->bytes, len);
}

static gboolean
is_host (const IkeSelector *selector)
{
  return memcmp (selector->first, selector->last, selector->family == 4 ? 4 : 16) == 0;
}

/* Modes without inner header: between whom its packets are.  In transport mode those are the ends,
 * if nothing else is said. */
static gboolean
find_hosts (TunSa *sa, const IkeKernelSa *wanted, GError **error)
{
  const IkeSelector *source = &wanted->inner_source, *destination = &wanted->inner_destination;
  if (wanted->mode == IKE_MODE_TUNNEL)
    return TRUE;
  if (source->family != destination->family || (wanted->mode == IKE_MODE_BEET && !source->family))
    return refuse (error, "the inner addresses of an SA must be of one family");
  if (source->family && (!is_host (source) || !is_host (destination)))
    return refuse (error, "without inner header an SA is between two addresses");
  sa->hosts.family = source->family ? source->family : wanted->source.family;
  take_host (sa->hosts.source, source, &wanted->source);
  take_host (sa->hosts.destination, destination, &wanted->destination);
  if (wanted->original_source.family != sa->hosts.family
      || wanted->original_destination.family != sa->hosts.family)
    return TRUE;
  sa->original.family = sa->hosts.family;
  memcpy (sa->original.source, wanted->original_source.bytes, 16);
  memcpy (sa->original.destination, wanted->original_destination.bytes, 16);
  return TRUE;
}

/* RFC 7296 keeps SPIs of the receiver; here the first byte says which loop receives. */
static gboolean
check_spi (TunAdmin *admin, TunSa *sa, GError **error)
{
  guint first = sa->spi >> 24;
  if (!sa->is_inbound)
    return TRUE;
  if (first == 0 || first > admin->kernel->n_loops)
    return refuse (error, "SPI %08x was not given out by kernel-tun", sa->spi);
  sa->loop = (guint16) (first - 1);
  return TRUE;
}

static void
fill (TunAdmin *admin, TunSa *sa, const IkeKernelSa *wanted)
{
  TunPath *path = g_new0 (TunPath, 1);
  path->source = wanted->source;
  path->destination = wanted->destination;
  path->is_encap = (wanted->flags & IKE_KERNEL_ENCAP) != 0;
  atomic_store (&sa->path, path);
  sa->serial = ++admin->last_serial;
  sa->stamp = ++admin->last_stamp;
  sa->kernel = admin->kernel;
  sa->reqid = wanted->reqid;
  sa->flags = wanted->flags;
  sa->is_esn = (wanted->flags & IKE_KERNEL_ESN) != 0;
  sa->tfc_padding = wanted->tfc_padding;
  sa->soft_bytes = wanted->soft_bytes;
  sa->hard_bytes = wanted->hard_bytes;
  sa->soft_packets = wanted->soft_packets;
  sa->hard_packets = wanted->hard_packets;
  sa->owner = wanted->sa;
  sa->child = wanted->child;
  ike_secret_set (&sa->encr_key, wanted->encr_key, wanted->encr_key_len);
  ike_secret_set (&sa->integ_key, wanted->integ_key, wanted->integ_key_len);
  if (sa->is_inbound)
    sa->replay = replay_new (wanted->replay_window, sa->is_esn);
  else
    sad_skip (sa, wanted->skip);
}

TunSa *
tun_sa_make (TunAdmin *admin, const IkeKernelSa *wanted, GError **error)
{
  TunSa *sa = g_new0 (TunSa, 1);
  sa->spi = wanted->spi;
  sa->is_inbound = wanted->direction == IKE_DIR_IN;
  sa->protocol = wanted->protocol;
  sa->mode = wanted->mode;
  if (!check_kind (wanted, error) || !check_spi (admin, sa, error)
      || !find_hosts (sa, wanted, error)
      || !find_algorithms (admin, sa, wanted, error) || !check_keys (sa, wanted, error)) {
    sad_free (sa);
    return NULL;
  }
  fill (admin, sa, wanted);
  return sa;
}

/* -- policies */

/* Ports of a routing rule. */
static gboolean
can_say (const IkeSelector *source, const IkeSelector *destination)
{
  gboolean is_any = tun_is_any_port (source) && tun_is_any_port (destination);
  guint8 protocol = destination->protocol ? destination->protocol : source->protocol;
  if (source->port_first > source->port_last || destination->port_first > destination->port_last)
    return FALSE;
  return is_any || (protocol && protocol != PACKET_PROTO_ICMP && protocol != PACKET_PROTO_ICMPV6);
}

gboolean
tun_policy_check (const IkeKernelPolicy *wanted, GError **error)
{
  if (wanted->mode > IKE_MODE_DROP)
    return refuse (error, "kernel-tun does not know mode %u", wanted->mode);
  if (wanted->mark.mask || wanted->if_id)
    return refuse (error, "kernel-tun knows no marks and interface IDs");
  if (wanted->source.family != wanted->destination.family
      || (wanted->source.family != 4 && wanted->source.family != 6))
    return refuse (error, "the selectors of a policy must be of one family");
  if (wanted->source.is_dynamic || wanted->destination.is_dynamic
      || memcmp (wanted->source.first, wanted->source.last, 16) > 0
      || memcmp (wanted->destination.first, wanted->destination.last, 16) > 0)
    return refuse (error, "the selectors of a policy must be ranges of addresses");
  if ((wanted->mode == IKE_MODE_TRANSPORT || wanted->mode == IKE_MODE_BEET)
      && (!is_host (&wanted->source) || !is_host (&wanted->destination)))
    return refuse (error, "without inner header a policy is between two addresses");
  if (wanted->mode == IKE_MODE_PASS && wanted->direction == IKE_DIR_OUT
      && !can_say (&wanted->source, &wanted->destination))
    return refuse (error, "kernel-tun lets packets past by routing rules, which know protocols and "
                          "ports, but no types of ICMP and no packets without ports");
  return TRUE;
}

void
tun_policy_key (const IkeKernelPolicy *wanted, TunPolicyKey *key)
{
  memset (key, 0, sizeof *key);
  key->source = wanted->source;
  key->destination = wanted->destination;
  key->source.reserved = key->destination.reserved = 0;
  key->reqid = wanted->reqid;
  key->direction = wanted->direction;
  key->mode = wanted->mode;
}

/* As swanctl has it: PASS goes before all tunnels, DROP is for what none of them takes.  A trap
 * stands behind an SA with the same selectors. */
static guint32
priority_of (const IkeKernelPolicy *wanted)
{
  guint32 narrow = 2 * spd_priority (&wanted->source, &wanted->destination) + !wanted->spi;
  return wanted->priority               ? wanted->priority
         : wanted->mode == IKE_MODE_PASS ? narrow
         : wanted->mode == IKE_MODE_DROP ? narrow + 2 * PRIORITY_CLASS
                                         : narrow + PRIORITY_CLASS;
}

TunPolicy *
tun_policy_make (const IkeKernelPolicy *wanted)
{
  TunPolicy *policy = g_new0 (TunPolicy, 1);
  tun_policy_key (wanted, &policy->key);
  policy->spd.source = wanted->source;
  policy->spd.destination = wanted->destination;
  policy->spd.mode = wanted->mode;
  policy->spd.reqid = wanted->reqid;
  policy->spd.priority = priority_of (wanted);
  policy->spd.owner = policy;
  policy->outer_source = wanted->outer_source;
  policy->outer_destination = wanted->outer_destination;
  policy->uses = g_array_new (FALSE, FALSE, sizeof (guint32));
  return policy;
}

void
tun_policy_free (TunPolicy *policy)
{
  g_array_unref (policy->uses);
  g_free (policy);
}
