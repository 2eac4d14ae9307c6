/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - SAs as messages of XFRM. */
#include "config.h"
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <linux/udp.h>
#include <linux/xfrm.h>
#include <ikebana/error.h>
#include <ikebana/secret.h>
#include "algorithms.h"
#include "message.h"
#include "message_private.h"
#include "netlink.h"
#include "selectors.h"

enum {
  /* More packets than can leave between reading the state of an SA and deleting it: its successor
   * begins behind them, for a sequence number must never be used twice (RFC 4303, 2.2). */
  SEQUENCE_GAP = 65536,
  WINDOW_PLAIN = 32,                          /* that the short form can say */
  SPI_FIRST = 0xc0000000, SPI_LAST = 0xcfffffff, CPI_FIRST = 0x100, CPI_LAST = 0xefff,
};

guint8
xfrm_protocol (guint8 protocol)
{
  return protocol == IKE_PROTOCOL_AH         ? IPPROTO_AH
         : protocol == XFRM_PROTOCOL_IPCOMP ? IPPROTO_COMP
                                            : IPPROTO_ESP;
}

void
xfrm_begin (XfrmMessage *message, guint16 type, guint16 flags)
{
  memset (message->bytes, 0, NLMSG_HDRLEN);
  mnl_nlmsg_put_header (message->bytes);
  message->header.nlmsg_type = type;
  message->header.nlmsg_flags = NLM_F_REQUEST | flags;
}

void
xfrm_put (XfrmMessage *message, guint16 type, const void *data, gsize len)
{
  /* What is put is bounded by what is checked before; the size holds all of it. */
  g_assert (message->header.nlmsg_len + MNL_ATTR_HDRLEN + MNL_ALIGN (len) <= sizeof message->bytes);
  mnl_attr_put (&message->header, type, len, data);
}

/* Without a NUL at the end in what is counted there would be none in the kernel. */
gboolean
xfrm_put_label (XfrmMessage *message, const char *label, GError **error)
{
  guint8 bytes[sizeof (struct xfrm_user_sec_ctx) + LABEL_MAX];
  struct xfrm_user_sec_ctx *context = (void *) bytes;
  gsize len = label ? strlen (label) + 1 : 0;
  if (!len)
    return TRUE;
  if (len > LABEL_MAX) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                 "the security label is longer than %d bytes", LABEL_MAX - 1);
    return FALSE;
  }
  memset (context, 0, sizeof *context);
  context->len = (guint16) (sizeof *context + len);
  context->exttype = XFRMA_SEC_CTX;
  context->ctx_alg = XFRM_SC_ALG_SELINUX;
  context->ctx_doi = XFRM_SC_DOI_LSM;
  context->ctx_len = (guint16) len;
  memcpy (bytes + sizeof *context, label, len);
  xfrm_put (message, XFRMA_SEC_CTX, bytes, context->len);
  return TRUE;
}

void
xfrm_put_mark (XfrmMessage *message, const IkeMark *mark)
{
  struct xfrm_mark to = { mark->value, mark->mask };
  if (mark->value || mark->mask)
    xfrm_put (message, XFRMA_MARK, &to, sizeof to);
}

void
xfrm_put_offload (XfrmMessage *message, const XfrmTerms *terms, guint8 flags)
{
  struct xfrm_user_offload offload = { .ifindex = terms->interface, .flags = flags };
  if (terms->offload == IKE_HW_OFFLOAD_PACKET)
    offload.flags |= XFRM_OFFLOAD_PACKET;
  if (terms->offload != IKE_HW_OFFLOAD_NO)
    xfrm_put (message, XFRMA_OFFLOAD_DEV, &offload, sizeof offload);
}

/* -- algorithms */

static gboolean
refuse_key (GError **error, const IkeTransform *transform, guint32 len, guint32 wanted)
{
  char text[48];
  g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
               "%s: a key of %u bytes, and the kernel wants %u",
               ike_transform_format (transform, text), len, wanted);
  return FALSE;
}

static gboolean
refuse_algorithm (GError **error, const IkeTransform *transform)
{
  char text[48];
  g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED, "the kernel has no %s for this",
               ike_transform_format (transform, text));
  return FALSE;
}

static gboolean
put_encr (XfrmMessage *message, const IkeKernelSa *sa, GError **error)
{
  const XfrmEncr *encr = xfrm_encr_find (&sa->encr);
  union {
    struct xfrm_algo algo;
    struct xfrm_algo_aead aead;
    guint8 bytes[sizeof (struct xfrm_algo_aead) + IKE_SECRET_MAX];
  } to = { 0 };
  if (!encr)
    return refuse_algorithm (error, &sa->encr);
  if (sa->encr_key_len != encr->key_len)
    return refuse_key (error, &sa->encr, sa->encr_key_len, encr->key_len);
  g_strlcpy (to.algo.alg_name, encr->name, sizeof to.algo.alg_name);
  to.algo.alg_key_len = 8 * encr->key_len;
  if (encr->kind == XFRM_AEAD) {
    to.aead.alg_icv_len = encr->icv_bits;
    memcpy (to.bytes + sizeof to.aead, sa->encr_key, encr->key_len);
    xfrm_put (message, XFRMA_ALG_AEAD, &to, sizeof to.aead + encr->key_len);
  } else {
    if (encr->key_len)
      memcpy (to.bytes + sizeof to.algo, sa->encr_key, encr->key_len);
    xfrm_put (message, XFRMA_ALG_CRYPT, &to, sizeof to.algo + encr->key_len);
  }
  ike_wipe (&to, sizeof to);
  return TRUE;
}

static gboolean
put_integ (XfrmMessage *message, const IkeKernelSa *sa, GError **error)
{
  const XfrmInteg *integ = xfrm_integ_find (&sa->integ);
  union {
    struct xfrm_algo_auth auth;
    guint8 bytes[sizeof (struct xfrm_algo_auth) + IKE_SECRET_MAX];
  } to = { 0 };
  if (!integ)
    return refuse_algorithm (error, &sa->integ);
  if (sa->integ_key_len != integ->key_len)
    return refuse_key (error, &sa->integ, sa->integ_key_len, integ->key_len);
  g_strlcpy (to.auth.alg_name, integ->name, sizeof to.auth.alg_name);
  to.auth.alg_key_len = 8 * integ->key_len;
  to.auth.alg_trunc_len = integ->icv_bits;
  memcpy (to.bytes + sizeof to.auth, sa->integ_key, integ->key_len);
  xfrm_put (message, XFRMA_ALG_AUTH_TRUNC, &to, sizeof to.auth + integ->key_len);
  ike_wipe (&to, sizeof to);
  return TRUE;
}

static gboolean
put_algorithms (XfrmMessage *message, const IkeKernelSa *sa, GError **error)
{
  if (sa->protocol == IKE_PROTOCOL_AH)
    return put_integ (message, sa, error);
  return put_encr (message, sa, error)
         && (!sa->integ.type || !sa->integ.id || put_integ (message, sa, error));
}

/* -- replay protection */

/* RFC 4303, 2.2.1: with ESN the receiver finds the high half by its window, so it has one even
 * where replays are let through.  The sender's side of the kernel wants a window as well. */
static guint32
window_of (const IkeKernelSa *sa)
{
  guint32 window = MIN (sa->replay_window, XFRMA_REPLAY_ESN_MAX);
  if (!(sa->flags & IKE_KERNEL_ESN))
    return window;
  return MAX (window, sa->direction == IKE_DIR_IN ? WINDOW_PLAIN : 1u);
}

/* @gap further, and no further than its end. */
static void
skip (guint32 *low, guint32 *high, guint64 gap)
{
  guint64 now = (high ? (guint64) *high << 32 : 0) | *low, last = high ? G_MAXUINT64 : G_MAXUINT32;
  now += MIN (gap, last - now);
  *low = (guint32) now;
  if (high)
    *high = (guint32) (now >> 32);
}

static void
put_first_sequence (XfrmMessage *message, const IkeKernelSa *sa)
{
  struct xfrm_replay_state state = { 0 };
  if (sa->direction != IKE_DIR_OUT || !sa->skip)
    return;
  skip (&state.oseq, NULL, sa->skip);
  xfrm_put (message, XFRMA_REPLAY_VAL, &state, sizeof state);
}

static void
put_replay (XfrmMessage *message, const IkeKernelSa *sa, struct xfrm_usersa_info *info)
{
  guint32 window = window_of (sa);
  gboolean is_esn = (sa->flags & IKE_KERNEL_ESN) != 0;
  union {
    struct xfrm_replay_state_esn state;
    guint8 bytes[sizeof (struct xfrm_replay_state_esn) + XFRMA_REPLAY_ESN_MAX / 8];
  } to = { 0 };
  if (is_esn)
    info->flags |= XFRM_STATE_ESN;
  else if (window <= WINDOW_PLAIN) {
    info->replay_window = (guint8) window;
    put_first_sequence (message, sa);
    return;
  }
  if (sa->direction == IKE_DIR_OUT)
    skip (&to.state.oseq, is_esn ? &to.state.oseq_hi : NULL, sa->skip);
  to.state.bmp_len = (window + 31) / 32;
  to.state.replay_window = window;
  xfrm_put (message, XFRMA_REPLAY_ESN_VAL, &to, sizeof to.state + 4 * to.state.bmp_len);
}

/* -- SAs */

static guint8
mode_of (guint8 mode)
{
  return mode == IKE_MODE_TUNNEL ? XFRM_MODE_TUNNEL
         : mode == IKE_MODE_BEET ? XFRM_MODE_BEET
                                 : XFRM_MODE_TRANSPORT;
}

guint8
xfrm_mode_of (guint8 mode)
{
  return mode_of (mode);
}

static guint64
limit_of (guint64 limit)
{
  return limit ? limit : XFRM_INF;
}

static void
set_lifetime (struct xfrm_lifetime_cfg *to, const IkeKernelSa *sa)
{
  to->soft_byte_limit = limit_of (sa->soft_bytes);
  to->hard_byte_limit = limit_of (sa->hard_bytes);
  to->soft_packet_limit = limit_of (sa->soft_packets);
  to->hard_packet_limit = limit_of (sa->hard_packets);
  to->soft_add_expires_seconds = sa->soft_seconds;
  to->hard_add_expires_seconds = sa->hard_seconds;
}

static guint8
flags_of (const IkeKernelSa *sa, guint8 mode)
{
  /* RFC 4302, 2.6: "insert only enough padding to satisfy the IPv4/IPv6 alignment requirements", 32
   * bits for IPv4.  Without this flag Linux takes 64 bits for both. */
  guint8 flags = sa->protocol == IKE_PROTOCOL_AH && sa->source.family == 4 ? XFRM_STATE_ALIGN4 : 0;
  if (mode != IKE_MODE_TUNNEL && mode != IKE_MODE_BEET)
    return flags;
  if (!(sa->flags & IKE_KERNEL_COPY_ECN))
    flags |= XFRM_STATE_NOECN;
  if (!(sa->flags & IKE_KERNEL_COPY_DF))
    flags |= XFRM_STATE_NOPMTUDISC;
  if (sa->flags & IKE_KERNEL_COPY_DSCP_IN && sa->direction == IKE_DIR_IN)
    flags |= XFRM_STATE_DECAP_DSCP;
  return flags;
}

/* A transport or BEET SA carries its selector; where that is a range, only the policies say it. */
static gboolean
set_inner (struct xfrm_usersa_info *info, const IkeKernelSa *sa, GError **error)
{
  info->flags |= XFRM_STATE_AF_UNSPEC;
  if (!sa->inner_source.family || sa->mode == IKE_MODE_TUNNEL)
    return TRUE;
  if (xfrm_selector_set (&info->sel, &sa->inner_source, &sa->inner_destination,
                         sa->mode == IKE_MODE_BEET ? error : NULL)) {
    info->flags &= (guint8) ~XFRM_STATE_AF_UNSPEC;
    return TRUE;
  }
  memset (&info->sel, 0, sizeof info->sel);
  return sa->mode != IKE_MODE_BEET;
}

static void
set_addresses (struct xfrm_usersa_info *info, const IkeKernelSa *sa)
{
  info->family = (guint16) xfrm_family (sa->destination.family);
  xfrm_address_set (&info->id.daddr, &sa->destination);
  xfrm_address_set (&info->saddr, &sa->source);
}

static void
put_encap (XfrmMessage *message, const IkeKernelSa *sa)
{
  struct xfrm_encap_tmpl encap = { .encap_type = UDP_ENCAP_ESPINUDP,
                                   .encap_sport = htons (sa->source.port),
                                   .encap_dport = htons (sa->destination.port) };
  if (sa->flags & IKE_KERNEL_ENCAP)
    xfrm_put (message, XFRMA_ENCAP, &encap, sizeof encap);
}

static void
put_options (XfrmMessage *message, const IkeKernelSa *sa, guint8 mode)
{
  guint32 padding = sa->flags & IKE_KERNEL_TFC_MTU ? G_MAXUINT32 : sa->tfc_padding;
  guint32 extra = XFRM_SA_XFLAG_DONT_ENCAP_DSCP;
  if (padding && mode == IKE_MODE_TUNNEL && sa->protocol == IKE_PROTOCOL_ESP
      && sa->direction == IKE_DIR_OUT)
    xfrm_put (message, XFRMA_TFCPAD, &padding, sizeof padding);
  if (!(sa->flags & IKE_KERNEL_COPY_DSCP_OUT) && mode == IKE_MODE_TUNNEL
      && sa->direction == IKE_DIR_OUT)
    xfrm_put (message, XFRMA_SA_EXTRA_FLAGS, &extra, sizeof extra);
  xfrm_put_mark (message, &sa->mark);
  if (sa->set_mark.value || sa->set_mark.mask) {
    xfrm_put (message, XFRMA_SET_MARK, &sa->set_mark.value, sizeof (guint32));
    xfrm_put (message, XFRMA_SET_MARK_MASK, &sa->set_mark.mask, sizeof (guint32));
  }
  if (sa->if_id)
    xfrm_put (message, XFRMA_IF_ID, &sa->if_id, sizeof sa->if_id);
}

static gboolean
check_sa (const IkeKernelSa *sa, GError **error)
{
  const char *why = NULL;
  if (!sa->source.family || sa->source.family != sa->destination.family)
    why = "the outer addresses of an SA must be of one family";
  else if (sa->mode > IKE_MODE_BEET)
    why = "an SA is in tunnel, transport or BEET mode";
  else if (sa->protocol == IKE_PROTOCOL_AH && sa->flags & IKE_KERNEL_ENCAP)
    why = "AH cannot be encapsulated in UDP (RFC 3948, 1)";
  else if (sa->ipcomp && sa->mode == IKE_MODE_BEET)
    why = "the kernel has no IPComp in BEET mode";
  else if (sa->mode == IKE_MODE_BEET && !sa->inner_source.family)
    why = "BEET mode needs inner addresses";
  if (why)
    g_set_error_literal (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED, why);
  return !why;
}

/* With IPComp the compressed packet is what tunnel mode wraps, and ESP covers the result. */
gboolean
xfrm_message_sa (XfrmMessage *message, guint16 type, const IkeKernelSa *sa, const XfrmTerms *terms,
                 GError **error)
{
  guint8 mode = sa->ipcomp ? (guint8) IKE_MODE_TRANSPORT : sa->mode, direction = 0;
  struct xfrm_usersa_info *info;
  if (!check_sa (sa, error))
    return FALSE;
  xfrm_begin (message, type, NLM_F_CREATE | NLM_F_EXCL);
  info = mnl_nlmsg_put_extra_header (&message->header, sizeof *info);
  info->id.spi = htonl (sa->spi);
  info->id.proto = xfrm_protocol (sa->protocol);
  info->reqid = terms->reqid;
  info->seq = sa->acquire;
  info->mode = mode_of (mode);
  info->flags = flags_of (sa, mode);
  set_addresses (info, sa);
  set_lifetime (&info->lft, sa);
  if (!set_inner (info, sa, error) || !put_algorithms (message, sa, error))
    return FALSE;
  put_encap (message, sa);
  put_replay (message, sa, info);
  put_options (message, sa, mode);
  if (sa->direction == IKE_DIR_IN)
    direction = XFRM_OFFLOAD_INBOUND;
  xfrm_put_offload (message, terms, direction);
  return xfrm_put_label (message, sa->label, error);
}

gboolean
xfrm_message_ipcomp (XfrmMessage *message, guint16 type, const IkeKernelSa *sa,
                     const XfrmTerms *terms, GError **error)
{
  struct xfrm_algo algo = { .alg_name = "deflate" };
  struct xfrm_usersa_info *info;
  /* RFC 7296, 3.10.1: DEFLATE is 2. */
  if (sa->ipcomp != 2) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_UNSUPPORTED,
                 "IPComp transform %u is not DEFLATE, which is all that the kernel has",
                 sa->ipcomp);
    return FALSE;
  }
  xfrm_begin (message, type, NLM_F_CREATE | NLM_F_EXCL);
  info = mnl_nlmsg_put_extra_header (&message->header, sizeof *info);
  info->id.spi = htonl (sa->cpi);
  info->id.proto = IPPROTO_COMP;
  info->reqid = terms->reqid;
  info->mode = mode_of (sa->mode);
  info->flags = flags_of (sa, sa->mode) | XFRM_STATE_AF_UNSPEC;
  set_addresses (info, sa);
  set_lifetime (&info->lft, &(IkeKernelSa){ 0 });
  xfrm_put (message, XFRMA_ALG_COMP, &algo, sizeof algo);
  xfrm_put_mark (message, &sa->mark);
  if (sa->if_id)
    xfrm_put (message, XFRMA_IF_ID, &sa->if_id, sizeof sa->if_id);
  return TRUE;
}

void
xfrm_message_sa_id (XfrmMessage *message, guint16 type, const XfrmSaId *id)
{
  struct xfrm_usersa_id *to;
  xfrm_begin (message, type, 0);
  to = mnl_nlmsg_put_extra_header (&message->header, sizeof *to);
  xfrm_address_set (&to->daddr, &id->destination);
  to->spi = htonl (id->spi);
  to->family = (guint16) xfrm_family (id->destination.family);
  to->proto = id->protocol;
  xfrm_put_mark (message, &id->mark);
}

void
xfrm_message_dump (XfrmMessage *message, guint16 type)
{
  xfrm_begin (message, type, NLM_F_DUMP);
}

void
xfrm_message_alloc (XfrmMessage *message, guint8 protocol, const IkeAddr *source,
                    const IkeAddr *destination)
{
  struct xfrm_userspi_info *to;
  gboolean is_cpi = protocol == IPPROTO_COMP;
  xfrm_begin (message, XFRM_MSG_ALLOCSPI, 0);
  to = mnl_nlmsg_put_extra_header (&message->header, sizeof *to);
  xfrm_address_set (&to->info.id.daddr, destination);
  xfrm_address_set (&to->info.saddr, source);
  to->info.id.proto = protocol;
  to->info.family = (guint16) xfrm_family (destination->family);
  to->info.mode = XFRM_MODE_TUNNEL;
  to->min = is_cpi ? CPI_FIRST : SPI_FIRST;
  to->max = is_cpi ? CPI_LAST : SPI_LAST;
}

/* -- moving: what the kernel told of an SA, told back with other addresses */

/* Lockdown makes the kernel show zeros in place of keys. */
static gboolean
is_redacted (const struct nlattr *attribute, gsize header)
{
  const guint8 *key = netlink_content (attribute, header);
  gsize len = key ? mnl_attr_get_payload_len (attribute) - header : 0;
  guint8 any = 0;
  if (!len)
    return FALSE;
  for (gsize i = 0; i < len; i++)
    any |= key[header + i];
  return !any;
}

/* @gap: 0 for an inbound one. */
static void
put_moved_replay (XfrmMessage *message, const struct nlattr *attribute, guint64 gap,
                  gboolean is_esn)
{
  guint8 bytes[sizeof (struct xfrm_replay_state_esn) + XFRMA_REPLAY_ESN_MAX / 8];
  gsize len = MIN (mnl_attr_get_payload_len (attribute), sizeof bytes);
  guint type = mnl_attr_get_type (attribute);
  struct xfrm_replay_state_esn *long_form = (void *) bytes;
  memcpy (bytes, mnl_attr_get_payload (attribute), len);
  if (type == XFRMA_REPLAY_VAL)
    skip (&((struct xfrm_replay_state *) bytes)->oseq, NULL, gap);
  else
    skip (&long_form->oseq, is_esn ? &long_form->oseq_hi : NULL, gap);
  xfrm_put (message, (guint16) type, bytes, len);
}

static const guint16 kept[] = { XFRMA_ALG_AUTH_TRUNC, XFRMA_ALG_CRYPT, XFRMA_ALG_AEAD, XFRMA_TFCPAD,
                                XFRMA_SA_EXTRA_FLAGS, XFRMA_MARK,      XFRMA_SET_MARK,
                                XFRMA_SET_MARK_MASK,  XFRMA_IF_ID,     XFRMA_OFFLOAD_DEV,
                                XFRMA_SEC_CTX };

static gboolean
check_state (const struct xfrm_usersa_info *from, const struct nlattr **table, GError **error)
{
  const struct nlattr *state = table[XFRMA_REPLAY_ESN_VAL] ? table[XFRMA_REPLAY_ESN_VAL]
                                                           : table[XFRMA_REPLAY_VAL];
  if (!from || !netlink_content (state, sizeof (struct xfrm_replay_state))
      || (table[XFRMA_REPLAY_ESN_VAL]
          && !netlink_content (state, sizeof (struct xfrm_replay_state_esn)))) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM,
                 "the kernel's description of the SA is incomplete");
    return FALSE;
  }
  if (is_redacted (table[XFRMA_ALG_AEAD], sizeof (struct xfrm_algo_aead))
      || is_redacted (table[XFRMA_ALG_CRYPT], sizeof (struct xfrm_algo))
      || is_redacted (table[XFRMA_ALG_AUTH_TRUNC], sizeof (struct xfrm_algo_auth))) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_DENIED,
                 "the kernel is locked down and shows no keys, so an SA cannot move; it must be "
                 "made anew");
    return FALSE;
  }
  return TRUE;
}

gboolean
xfrm_message_moved (XfrmMessage *message, const struct nlmsghdr *state, const IkeKernelSa *to,
                    GError **error)
{
  const struct xfrm_usersa_info *from = netlink_body (state, sizeof *from);
  const struct nlattr *table[XFRMA_MAX + 1], *replay;
  struct xfrm_usersa_info *info;
  guint8 flags = 0;
  netlink_attributes (state, sizeof *from, table, XFRMA_MAX);
  if (!check_sa (to, error) || !check_state (from, table, error))
    return FALSE;
  xfrm_begin (message, XFRM_MSG_NEWSA, NLM_F_CREATE | NLM_F_EXCL);
  info = mnl_nlmsg_put_extra_header (&message->header, sizeof *info);
  *info = *from;
  info->seq = 0;
  flags = info->flags;
  set_addresses (info, to);
  if (to->mode != IKE_MODE_TUNNEL && !set_inner (info, to, error))
    return FALSE;
  info->flags = (flags & (guint8) ~XFRM_STATE_AF_UNSPEC) | (info->flags & XFRM_STATE_AF_UNSPEC);
  for (guint i = 0; i < G_N_ELEMENTS (kept); i++)
    if (table[kept[i]])
      xfrm_put (message, kept[i], mnl_attr_get_payload (table[kept[i]]),
                MIN (mnl_attr_get_payload_len (table[kept[i]]), 512u));
  put_encap (message, to);
  replay = table[XFRMA_REPLAY_ESN_VAL] ? table[XFRMA_REPLAY_ESN_VAL] : table[XFRMA_REPLAY_VAL];
  put_moved_replay (message, replay,
                    to->direction == IKE_DIR_OUT
                        ? SEQUENCE_GAP + MIN (to->skip, G_MAXUINT64 - SEQUENCE_GAP)
                        : 0,
                    flags & XFRM_STATE_ESN);
  xfrm_put (message, XFRMA_LTIME_VAL, &from->curlft, sizeof from->curlft);
  return TRUE;
}

/* -- words */

char *
xfrm_sa_text (const IkeKernelSa *sa)
{
  static const char *const modes[] = { "tunnel", "transport", "BEET", "pass", "drop" };
  GString *text = g_string_new (NULL);
  char encr[48] = "", integ[48] = "";
  if (sa->protocol == IKE_PROTOCOL_ESP)
    ike_transform_format (&sa->encr, encr);
  if (sa->integ.type && sa->integ.id)
    ike_transform_format (&sa->integ, integ);
  g_string_printf (text, "%s SA %08x (%s%s%s, %s mode",
                   sa->protocol == IKE_PROTOCOL_AH ? "AH" : "ESP", sa->spi, encr,
                   *encr && *integ ? "/" : "", integ,
                   modes[MIN (sa->mode, G_N_ELEMENTS (modes) - 1)]);
  if (sa->flags & IKE_KERNEL_ENCAP)
    g_string_append (text, ", UDP encapsulation");
  if (sa->flags & IKE_KERNEL_ESN)
    g_string_append (text, ", ESN");
  if (sa->replay_window > WINDOW_PLAIN)
    g_string_append_printf (text, ", window %u", sa->replay_window);
  if (sa->ipcomp)
    g_string_append (text, ", IPComp");
  if (sa->flags & IKE_KERNEL_TFC_MTU || sa->tfc_padding)
    g_string_append (text, ", TFC padding");
  if (sa->if_id)
    g_string_append_printf (text, ", if_id %u", sa->if_id);
  if (sa->offload)
    g_string_append (text, ", hardware offload");
  if (sa->label)
    g_string_append (text, ", security label");
  return g_string_free (g_string_append_c (text, ')'), FALSE);
}
