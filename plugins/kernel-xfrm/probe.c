/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c - finds out what the running kernel does, by installing and deleting SAs on the loopback
 * addresses.
 *
 * They have random SPIs, random keys and a short life: should we die in the middle, nothing
 * stays. */
#include "config.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include "xfrm.h"

enum { TRIES = 4, LIFE_S = 30 };

typedef struct {
  IkeEngine       *engine;
  int              fd;
  const NetlinkIo *io;
  guint32          sequence;
  guint8           key[IKE_SECRET_MAX];
  int              error;                     /* of ESP so far: what says most */
  char             reason[256];
} Probe;

static IkeKernelSa
make_sa (Probe *probe, guint8 protocol)
{
  IkeKernelSa sa = { .struct_size = sizeof sa,
                     .protocol = protocol,
                     .mode = IKE_MODE_TUNNEL,
                     .direction = IKE_DIR_IN,
                     .replay_window = 32,
                     .hard_seconds = LIFE_S,
                     .encr_key = probe->key,
                     .integ_key = probe->key };
  sa.source.family = sa.destination.family = 4;
  memcpy (sa.source.bytes, "\x7f\0\0\1", 4);
  sa.destination = sa.source;
  return sa;
}

static void
set_encr (IkeKernelSa *sa, const XfrmEncr *encr)
{
  sa->encr = (IkeTransform){ IKE_TRANSFORM_ENCR, 0, encr->id, encr->key_bits };
  sa->encr_key_len = encr->key_len;
}

static void
set_integ (IkeKernelSa *sa, const XfrmInteg *integ)
{
  sa->integ = (IkeTransform){ IKE_TRANSFORM_INTEG, 0, integ->id, 0 };
  sa->integ_key_len = integ->key_len;
}

static int
ask (Probe *probe, XfrmMessage *message, struct nlmsghdr **answer, char reason[256])
{
  message->header.nlmsg_seq = ++probe->sequence;
  return netlink_ask_now (probe->fd, probe->io, &message->header, answer, reason, 256);
}

static void
delete_sa (Probe *probe, const IkeKernelSa *sa, gboolean is_ipcomp)
{
  XfrmMessage message;
  XfrmSaId id;
  char reason[256];
  if (is_ipcomp)
    xfrm_ipcomp_id (sa, &id);
  else
    xfrm_sa_id (sa, &id);
  xfrm_message_sa_id (&message, XFRM_MSG_DELSA, &id);
  (void) ask (probe, &message, NULL, reason);
}

/* Returns errno; 0: it is installed. */
static int
install (Probe *probe, IkeKernelSa *sa, char reason[256])
{
  XfrmTerms terms = { 0 };
  XfrmMessage message;
  int error = EEXIST;
  g_strlcpy (reason, "there is no such algorithm", 256);
  for (guint i = 0; error == EEXIST && i < TRIES; i++) {
    ike_engine_random (probe->engine, &sa->spi, sizeof sa->spi);
    sa->spi |= 0x40000000;
    if (!xfrm_message_sa (&message, XFRM_MSG_NEWSA, sa, &terms, NULL))
      return EINVAL;
    error = ask (probe, &message, NULL, reason);
  }
  return error;
}

static gboolean
try (Probe *probe, IkeKernelSa *sa)
{
  char reason[256];
  int error = install (probe, sa, reason);
  if (!error)
    delete_sa (probe, sa, FALSE);
  else if (sa->protocol == IKE_PROTOCOL_ESP
           && (!probe->error || error == EPERM || error == EPROTONOSUPPORT)) {
    probe->error = error;
    g_strlcpy (probe->reason, reason, sizeof probe->reason);
  }
  return !error;
}

/* -- algorithms */

static const XfrmEncr *
probe_encr (Probe *probe, XfrmCan *can)
{
  const XfrmEncr *found = NULL;
  for (guint i = 0; i < XFRM_N_ENCR && probe->error != EPERM; i++) {
    IkeKernelSa sa = make_sa (probe, IKE_PROTOCOL_ESP);
    set_encr (&sa, xfrm_encr_nth (i));
    can->encr[i] = try (probe, &sa);
    if (can->encr[i] && !found)
      found = xfrm_encr_nth (i);
  }
  return found;
}

static void
probe_integ (Probe *probe, XfrmCan *can)
{
  const XfrmEncr *cipher = NULL;
  for (guint i = 0; i < XFRM_N_ENCR; i++)
    if (can->encr[i] && xfrm_encr_nth (i)->kind == XFRM_CIPHER)
      cipher = xfrm_encr_nth (i);
  for (guint i = 0; i < XFRM_N_INTEG; i++) {
    IkeKernelSa esp = make_sa (probe, IKE_PROTOCOL_ESP), ah = make_sa (probe, IKE_PROTOCOL_AH);
    set_integ (&esp, xfrm_integ_nth (i));
    set_integ (&ah, xfrm_integ_nth (i));
    if (cipher) {
      set_encr (&esp, cipher);
      can->esp_integ[i] = try (probe, &esp);
    }
    can->ah_integ[i] = try (probe, &ah);
    if (can->ah_integ[i])
      can->features |= IKE_KERNEL_CAN_AH;
  }
}

/* -- options */

static gboolean
try_mode (Probe *probe, const XfrmEncr *encr, guint8 mode)
{
  IkeKernelSa sa = make_sa (probe, IKE_PROTOCOL_ESP);
  set_encr (&sa, encr);
  sa.mode = mode;
  ike_selector_of_addr (&sa.inner_source, 0, &sa.source);
  sa.inner_destination = sa.inner_source;
  return try (probe, &sa);
}

static gboolean
try_esn (Probe *probe, const XfrmEncr *encr)
{
  IkeKernelSa sa = make_sa (probe, IKE_PROTOCOL_ESP);
  set_encr (&sa, encr);
  sa.flags = IKE_KERNEL_ESN;
  sa.replay_window = XFRMA_REPLAY_ESN_MAX;
  return try (probe, &sa);
}

/* Kernels that do not know an attribute skip it: so it must come back. */
static gboolean
try_if_id (Probe *probe, const XfrmEncr *encr)
{
  IkeKernelSa sa = make_sa (probe, IKE_PROTOCOL_ESP);
  const struct nlattr *table[XFRMA_MAX + 1] = { NULL };
  g_autofree struct nlmsghdr *state = NULL;
  XfrmMessage message;
  XfrmSaId id;
  char reason[256];
  set_encr (&sa, encr);
  sa.if_id = 1;
  if (install (probe, &sa, reason) != 0)
    return FALSE;
  xfrm_sa_id (&sa, &id);
  xfrm_message_sa_id (&message, XFRM_MSG_GETSA, &id);
  if (ask (probe, &message, &state, reason) == 0 && state)
    netlink_attributes (state, sizeof (struct xfrm_usersa_info), table, XFRMA_MAX);
  delete_sa (probe, &sa, FALSE);
  return netlink_content (table[XFRMA_IF_ID], sizeof (guint32)) != NULL;
}

static gboolean
try_ipcomp (Probe *probe)
{
  IkeKernelSa sa = make_sa (probe, IKE_PROTOCOL_ESP);
  XfrmTerms terms = { 0 };
  XfrmMessage message;
  char reason[256];
  int error = EEXIST;
  sa.ipcomp = 2;
  for (guint i = 0; error == EEXIST && i < TRIES; i++) {
    ike_engine_random (probe->engine, &sa.cpi, sizeof sa.cpi);
    sa.cpi = 0x100 | (sa.cpi & 0x7fff);
    if (!xfrm_message_ipcomp (&message, XFRM_MSG_NEWSA, &sa, &terms, NULL))
      return FALSE;
    error = ask (probe, &message, NULL, reason);
  }
  if (!error)
    delete_sa (probe, &sa, TRUE);
  return !error;
}

static gboolean
try_ipv6 (Probe *probe, const XfrmEncr *encr)
{
  IkeKernelSa sa = make_sa (probe, IKE_PROTOCOL_ESP);
  set_encr (&sa, encr);
  memset (sa.source.bytes, 0, sizeof sa.source.bytes);
  sa.source.family = 6;
  sa.source.bytes[15] = 1;
  sa.destination = sa.source;
  return try (probe, &sa);
}

static void
probe_options (Probe *probe, const XfrmEncr *encr, XfrmCan *can)
{
  can->features |= IKE_KERNEL_CAN_RAW_ESP | IKE_KERNEL_CAN_TRAP | IKE_KERNEL_CAN_SHUNT
                   | IKE_KERNEL_CAN_SKIP;
  /* Whether a device takes SAs is seen when one is handed to it. */
  can->features |= IKE_KERNEL_CAN_MARK | IKE_KERNEL_CAN_OFFLOAD;
  if (try_mode (probe, encr, IKE_MODE_TRANSPORT))
    can->features |= IKE_KERNEL_CAN_TRANSPORT;
  if (try_mode (probe, encr, IKE_MODE_BEET))
    can->features |= IKE_KERNEL_CAN_BEET;
  if (try_esn (probe, encr))
    can->features |= IKE_KERNEL_CAN_ESN;
  if (try_if_id (probe, encr))
    can->features |= IKE_KERNEL_CAN_IF_ID;
  if (try_ipcomp (probe))
    can->features |= IKE_KERNEL_CAN_IPCOMP;
  /* Labels are a matter of the security module. */
  if (access ("/sys/fs/selinux/enforce", F_OK) == 0)
    can->features |= IKE_KERNEL_CAN_LABEL;
  can->has_ipv6 = try_ipv6 (probe, encr);
}

gboolean
xfrm_probe (IkeEngine *engine, int fd, const NetlinkIo *io, XfrmCan *can, GError **error)
{
  Probe probe = { .engine = engine, .fd = fd, .io = io };
  const XfrmEncr *encr;
  memset (can, 0, sizeof *can);
  ike_engine_random (engine, probe.key, sizeof probe.key);
  encr = probe_encr (&probe, can);
  if (encr) {
    probe_integ (&probe, can);
    probe_options (&probe, encr, can);
    return TRUE;
  }
  if (probe.error == EPERM)
    g_set_error (error, IKE_ERROR, IKE_ERROR_DENIED,
                 "the kernel lets us install no SAs: this needs CAP_NET_ADMIN");
  else
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                 "the kernel cannot install ESP SAs: %s%s", probe.reason,
                 probe.error == EPROTONOSUPPORT ? "; load the module esp4" : "");
  return FALSE;
}
