/* SPDX-License-Identifier: Apache-2.0 */
/* test_message.c - tests message.c: the bytes of SAs that the kernel would get. */
#include "config.h"
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <linux/udp.h>
#include <ikebana/error.h>
#include "../algorithms.h"
#include "../message.h"
#include "../netlink.h"
#include "label.h"

static guint8 key[IKE_SECRET_MAX];
static const XfrmTerms terms = { .reqid = 1000000007 };

static IkeKernelSa
make_sa (IkeDirection direction)
{
  IkeKernelSa sa = { .struct_size = sizeof sa,
                     .protocol = IKE_PROTOCOL_ESP,
                     .mode = IKE_MODE_TUNNEL,
                     .direction = (guint8) direction,
                     .flags = IKE_KERNEL_COPY_ECN | IKE_KERNEL_COPY_DF | IKE_KERNEL_COPY_DSCP_OUT,
                     .spi = 0xc0123456,
                     .reqid = 7,
                     .encr = { IKE_TRANSFORM_ENCR, 0, 20, 256 },
                     .encr_key = key,
                     .integ_key = key,
                     .encr_key_len = 36,
                     .replay_window = direction == IKE_DIR_IN ? 32 : 0 };
  g_assert_true (ike_addr_parse (&sa.source, "192.0.2.1", NULL));
  g_assert_true (ike_addr_parse (&sa.destination, "192.0.2.2", NULL));
  sa.source.port = 4500;
  sa.destination.port = 54321;
  return sa;
}

/* What was written, taken apart. */
typedef struct {
  XfrmMessage                    message;
  const struct xfrm_usersa_info *info;
  const struct nlattr           *table[XFRMA_MAX + 1];
} Written;

static void
take_apart (Written *written)
{
  written->info = netlink_body (&written->message.header, sizeof *written->info);
  g_assert_nonnull (written->info);
  netlink_attributes (&written->message.header, sizeof *written->info, written->table, XFRMA_MAX);
}

static void
write_with (Written *written, const IkeKernelSa *sa, const XfrmTerms *with)
{
  g_autoptr (GError) error = NULL;
  g_assert_true (xfrm_message_sa (&written->message, XFRM_MSG_NEWSA, sa, with, &error));
  g_assert_no_error (error);
  take_apart (written);
}

static void
write_sa (Written *written, const IkeKernelSa *sa)
{
  write_with (written, sa, &terms);
}

static guint32
u32_of (const Written *written, guint type)
{
  g_assert_nonnull (written->table[type]);
  g_assert_cmpuint (mnl_attr_get_payload_len (written->table[type]), ==, 4);
  return mnl_attr_get_u32 (written->table[type]);
}

static void
assert_refused (const IkeKernelSa *sa, const char *why)
{
  XfrmMessage message;
  g_autoptr (GError) error = NULL;
  g_assert_false (xfrm_message_sa (&message, XFRM_MSG_NEWSA, sa, &terms, &error));
  g_assert_nonnull (strstr (error->message, why));
}

/* -- algorithms */

static void
assert_encr (const Written *written, const XfrmEncr *encr)
{
  const struct xfrm_algo *algo;
  const struct xfrm_algo_aead *aead;
  const struct nlattr *attribute
      = written->table[encr->kind == XFRM_AEAD ? XFRMA_ALG_AEAD : XFRMA_ALG_CRYPT];
  gsize head = encr->kind == XFRM_AEAD ? sizeof *aead : sizeof *algo;
  g_assert_nonnull (attribute);
  g_assert_cmpuint (mnl_attr_get_payload_len (attribute), ==, head + encr->key_len);
  algo = mnl_attr_get_payload (attribute);
  aead = mnl_attr_get_payload (attribute);
  g_assert_cmpstr (algo->alg_name, ==, encr->name);
  g_assert_cmpuint (algo->alg_key_len, ==, 8u * encr->key_len);
  if (encr->kind == XFRM_AEAD)
    g_assert_cmpuint (aead->alg_icv_len, ==, encr->icv_bits);
  g_assert_cmpmem ((const guint8 *) algo + head, encr->key_len, key, encr->key_len);
}

static void
test_every_cipher_has_its_name_and_key (void)
{
  for (guint i = 0; i < XFRM_N_ENCR; i++) {
    const XfrmEncr *encr = xfrm_encr_nth (i);
    IkeKernelSa sa = make_sa (IKE_DIR_OUT);
    Written written;
    sa.encr = (IkeTransform){ IKE_TRANSFORM_ENCR, 0, encr->id, encr->key_bits };
    sa.encr_key_len = encr->key_len;
    g_assert_true (xfrm_encr_find (&sa.encr) == encr);
    write_sa (&written, &sa);
    assert_encr (&written, encr);
    g_assert_null (written.table[encr->kind == XFRM_AEAD ? XFRMA_ALG_CRYPT : XFRMA_ALG_AEAD]);
    g_assert_null (written.table[XFRMA_ALG_AUTH_TRUNC]);
    sa.encr_key_len++;
    assert_refused (&sa, "bytes");
  }
}

/* RFC 4106, 8.1: 16, 24 or 32 octets "followed by" 4 of salt; RFC 4309, 7.1: 3 of them; RFC 3686,
 * 5.1: 4 of nonce; RFC 7634, 2: 32 and 4. */
static void
test_keys_are_as_long_as_the_documents_say (void)
{
  for (guint i = 0; i < XFRM_N_ENCR; i++) {
    const XfrmEncr *encr = xfrm_encr_nth (i);
    guint extra = encr->id >= 18 && encr->id <= 21   ? 4
                  : encr->id >= 14 && encr->id <= 16 ? 3
                  : encr->id == 13                   ? 4
                                                     : 0;
    if (encr->id == 28)
      g_assert_cmpuint (encr->key_len, ==, 36);
    else if (encr->key_bits)
      g_assert_cmpuint (encr->key_len, ==, encr->key_bits / 8 + extra);
  }
}

static void
test_every_integrity_algorithm_has_its_name_and_truncation (void)
{
  for (guint i = 0; i < 2 * XFRM_N_INTEG; i++) {
    const XfrmInteg *integ = xfrm_integ_nth (i / 2);
    IkeKernelSa sa = make_sa (IKE_DIR_OUT);
    const struct xfrm_algo_auth *auth;
    Written written;
    sa.protocol = i & 1 ? IKE_PROTOCOL_AH : IKE_PROTOCOL_ESP;
    sa.encr = (IkeTransform){ IKE_TRANSFORM_ENCR, 0, 12, 128 };
    sa.encr_key_len = 16;
    sa.integ = (IkeTransform){ IKE_TRANSFORM_INTEG, 0, integ->id, 0 };
    sa.integ_key_len = integ->key_len;
    write_sa (&written, &sa);
    g_assert_cmpuint (written.info->id.proto, ==, i & 1 ? IPPROTO_AH : IPPROTO_ESP);
    g_assert_true ((written.table[XFRMA_ALG_CRYPT] == NULL) == ((i & 1) != 0));
    auth = netlink_content (written.table[XFRMA_ALG_AUTH_TRUNC], sizeof *auth + integ->key_len);
    g_assert_nonnull (auth);
    g_assert_cmpstr (auth->alg_name, ==, integ->name);
    g_assert_cmpuint (auth->alg_key_len, ==, 8u * integ->key_len);
    g_assert_cmpuint (auth->alg_trunc_len, ==, integ->icv_bits);
    g_assert_cmpmem (auth->alg_key, integ->key_len, key, integ->key_len);
  }
}

static void
test_what_has_no_name_is_refused_by_its_own (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_OUT);
  sa.encr.id = 24;
  assert_refused (&sa, "camellia-ctr");
  sa.protocol = IKE_PROTOCOL_AH;
  sa.integ = (IkeTransform){ IKE_TRANSFORM_INTEG, 0, 9, 0 };
  assert_refused (&sa, "aes-128-gmac");
}

static void
test_ah_is_aligned_as_its_family_wants (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_OUT);
  Written written;
  sa.encr = (IkeTransform){ 0 };
  sa.encr_key_len = 0;
  sa.protocol = IKE_PROTOCOL_AH;
  sa.integ = (IkeTransform){ IKE_TRANSFORM_INTEG, 0, 12, 0 };
  sa.integ_key_len = 32;
  write_sa (&written, &sa);
  g_assert_cmpuint (written.info->flags & XFRM_STATE_ALIGN4, ==, XFRM_STATE_ALIGN4);
  g_assert_true (ike_addr_parse (&sa.source, "2001:db8::1", NULL));
  g_assert_true (ike_addr_parse (&sa.destination, "2001:db8::2", NULL));
  write_sa (&written, &sa);
  g_assert_cmpuint (written.info->flags & XFRM_STATE_ALIGN4, ==, 0);
}

/* -- modes and options */

static void
test_a_tunnel_has_addresses_spi_and_reqid (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_OUT);
  Written written;
  sa.acquire = 99;
  write_sa (&written, &sa);
  g_assert_cmpuint (written.message.header.nlmsg_type, ==, XFRM_MSG_NEWSA);
  g_assert_cmpuint (written.info->id.spi, ==, htonl (0xc0123456));
  g_assert_cmpuint (written.info->id.daddr.a4, ==, inet_addr ("192.0.2.2"));
  g_assert_cmpuint (written.info->saddr.a4, ==, inet_addr ("192.0.2.1"));
  g_assert_cmpuint (written.info->reqid, ==, 1000000007);
  g_assert_cmpuint (written.info->seq, ==, 99);
  g_assert_cmpuint (written.info->family, ==, AF_INET);
  g_assert_cmpuint (written.info->mode, ==, XFRM_MODE_TUNNEL);
  g_assert_cmpuint (written.info->sel.family, ==, 0);
  g_assert_cmpuint (written.info->flags, ==, XFRM_STATE_AF_UNSPEC);
  g_assert_cmpuint (written.info->lft.hard_byte_limit, ==, XFRM_INF);
  g_assert_cmpuint (written.info->lft.hard_add_expires_seconds, ==, 0);
  for (guint type = 0; type <= XFRMA_MAX; type++)
    g_assert_true ((written.table[type] != NULL) == (type == XFRMA_ALG_AEAD));
}

static void
test_transport_and_beet_carry_their_selectors (void)
{
  for (guint i = 0; i < 2; i++) {
    IkeKernelSa sa = make_sa (IKE_DIR_OUT);
    Written written;
    sa.mode = i ? IKE_MODE_BEET : IKE_MODE_TRANSPORT;
    g_assert_true (ike_selector_parse (&sa.inner_source, "10.1.0.1/32[tcp/80]", NULL));
    g_assert_true (ike_selector_parse (&sa.inner_destination, "10.2.0.1/32[tcp]", NULL));
    write_sa (&written, &sa);
    g_assert_cmpuint (written.info->mode, ==, i ? XFRM_MODE_BEET : XFRM_MODE_TRANSPORT);
    g_assert_cmpuint (written.info->flags & XFRM_STATE_AF_UNSPEC, ==, 0);
    g_assert_cmpuint (written.info->sel.family, ==, AF_INET);
    g_assert_cmpuint (written.info->sel.saddr.a4, ==, inet_addr ("10.1.0.1"));
    g_assert_cmpuint (written.info->sel.prefixlen_d, ==, 32);
    g_assert_cmpuint (written.info->sel.proto, ==, IPPROTO_TCP);
    g_assert_cmpuint (written.info->sel.sport, ==, htons (80));
    g_assert_cmpuint (written.info->sel.sport_mask, ==, 0xffff);
    g_assert_cmpuint (written.info->sel.dport_mask, ==, 0);
  }
}

static void
test_ranges_leave_transport_without_a_selector_and_refuse_beet (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_OUT);
  Written written;
  sa.mode = IKE_MODE_TRANSPORT;
  g_assert_true (ike_selector_parse (&sa.inner_source, "10.1.0.1-10.1.0.6", NULL));
  g_assert_true (ike_selector_parse (&sa.inner_destination, "10.2.0.1/32", NULL));
  write_sa (&written, &sa);
  g_assert_cmpuint (written.info->sel.family, ==, 0);
  g_assert_cmpuint (written.info->flags & XFRM_STATE_AF_UNSPEC, !=, 0);
  sa.mode = IKE_MODE_BEET;
  assert_refused (&sa, "10.1.0.1-10.1.0.6");
  sa.inner_source.family = 0;
  assert_refused (&sa, "inner");
}

static void
test_udp_encapsulation_has_both_ports (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_OUT);
  const struct xfrm_encap_tmpl *encap;
  Written written;
  sa.flags |= IKE_KERNEL_ENCAP;
  write_sa (&written, &sa);
  encap = netlink_content (written.table[XFRMA_ENCAP], sizeof *encap);
  g_assert_nonnull (encap);
  g_assert_cmpuint (encap->encap_type, ==, UDP_ENCAP_ESPINUDP);
  g_assert_cmpuint (encap->encap_sport, ==, htons (4500));
  g_assert_cmpuint (encap->encap_dport, ==, htons (54321));
  sa.protocol = IKE_PROTOCOL_AH;
  assert_refused (&sa, "RFC 3948");
}

static void
assert_window (guint32 flags, guint32 window, IkeDirection direction, guint32 expected,
               gboolean is_long)
{
  IkeKernelSa sa = make_sa (direction);
  const struct xfrm_replay_state_esn *esn;
  Written written;
  sa.flags |= flags;
  sa.replay_window = window;
  write_sa (&written, &sa);
  g_assert_true ((written.info->flags & XFRM_STATE_ESN) == (flags ? XFRM_STATE_ESN : 0));
  if (!is_long) {
    g_assert_cmpuint (written.info->replay_window, ==, expected);
    g_assert_null (written.table[XFRMA_REPLAY_ESN_VAL]);
    return;
  }
  esn = netlink_content (written.table[XFRMA_REPLAY_ESN_VAL], sizeof *esn);
  g_assert_nonnull (esn);
  g_assert_cmpuint (esn->replay_window, ==, expected);
  g_assert_cmpuint (esn->bmp_len, ==, (expected + 31) / 32);
  g_assert_cmpuint (mnl_attr_get_payload_len (written.table[XFRMA_REPLAY_ESN_VAL]), ==,
                    sizeof *esn + 4 * esn->bmp_len);
  g_assert_cmpuint (written.info->replay_window, ==, 0);
}

static void
test_windows_up_to_4096_with_and_without_esn (void)
{
  assert_window (0, 0, IKE_DIR_IN, 0, FALSE);
  assert_window (0, 32, IKE_DIR_IN, 32, FALSE);
  assert_window (0, 33, IKE_DIR_IN, 33, TRUE);
  assert_window (0, 4096, IKE_DIR_IN, 4096, TRUE);
  assert_window (0, 100000, IKE_DIR_IN, 4096, TRUE);
  assert_window (IKE_KERNEL_ESN, 0, IKE_DIR_IN, 32, TRUE);
  assert_window (IKE_KERNEL_ESN, 4096, IKE_DIR_IN, 4096, TRUE);
  assert_window (IKE_KERNEL_ESN, 0, IKE_DIR_OUT, 1, TRUE);
}

static void
test_copies_of_df_ecn_and_dscp_are_flags (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_OUT);
  Written written;
  sa.flags = 0;
  write_sa (&written, &sa);
  g_assert_cmpuint (written.info->flags, ==,
                    XFRM_STATE_AF_UNSPEC | XFRM_STATE_NOECN | XFRM_STATE_NOPMTUDISC);
  g_assert_cmpuint (u32_of (&written, XFRMA_SA_EXTRA_FLAGS), ==, XFRM_SA_XFLAG_DONT_ENCAP_DSCP);
  sa = make_sa (IKE_DIR_IN);
  sa.flags |= IKE_KERNEL_COPY_DSCP_IN;
  write_sa (&written, &sa);
  g_assert_cmpuint (written.info->flags, ==, XFRM_STATE_AF_UNSPEC | XFRM_STATE_DECAP_DSCP);
  g_assert_null (written.table[XFRMA_SA_EXTRA_FLAGS]);
}

static void
test_padding_is_for_what_leaves_by_a_tunnel (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_OUT);
  Written written;
  sa.tfc_padding = 1000;
  write_sa (&written, &sa);
  g_assert_cmpuint (u32_of (&written, XFRMA_TFCPAD), ==, 1000);
  sa.flags |= IKE_KERNEL_TFC_MTU;
  write_sa (&written, &sa);
  g_assert_cmpuint (u32_of (&written, XFRMA_TFCPAD), ==, G_MAXUINT32);
  sa.mode = IKE_MODE_TRANSPORT;
  write_sa (&written, &sa);
  g_assert_null (written.table[XFRMA_TFCPAD]);
  sa.mode = IKE_MODE_TUNNEL;
  sa.direction = IKE_DIR_IN;
  write_sa (&written, &sa);
  g_assert_null (written.table[XFRMA_TFCPAD]);
}

static void
test_marks_interface_ids_and_limits_are_there (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_OUT);
  const struct xfrm_mark *mark;
  Written written;
  sa.mark = (IkeMark){ 0x10, 0xf0 };
  sa.set_mark = (IkeMark){ 0x20, 0xff };
  sa.if_id = 42;
  sa.soft_bytes = 1;
  sa.hard_bytes = 2;
  sa.soft_packets = 3;
  sa.hard_packets = 4;
  sa.soft_seconds = 5;
  sa.hard_seconds = 6;
  write_sa (&written, &sa);
  mark = netlink_content (written.table[XFRMA_MARK], sizeof *mark);
  g_assert_nonnull (mark);
  g_assert_cmpuint (mark->v, ==, 0x10);
  g_assert_cmpuint (mark->m, ==, 0xf0);
  g_assert_cmpuint (u32_of (&written, XFRMA_SET_MARK), ==, 0x20);
  g_assert_cmpuint (u32_of (&written, XFRMA_SET_MARK_MASK), ==, 0xff);
  g_assert_cmpuint (u32_of (&written, XFRMA_IF_ID), ==, 42);
  g_assert_cmpuint (written.info->lft.soft_byte_limit, ==, 1);
  g_assert_cmpuint (written.info->lft.hard_byte_limit, ==, 2);
  g_assert_cmpuint (written.info->lft.soft_packet_limit, ==, 3);
  g_assert_cmpuint (written.info->lft.hard_packet_limit, ==, 4);
  g_assert_cmpuint (written.info->lft.soft_add_expires_seconds, ==, 5);
  g_assert_cmpuint (written.info->lft.hard_add_expires_seconds, ==, 6);
}

static void
assert_offload (IkeDirection direction, guint8 how, guint8 flags)
{
  IkeKernelSa sa = make_sa (direction);
  XfrmTerms with = { .reqid = 7, .interface = 3, .offload = how };
  const struct xfrm_user_offload *offload;
  Written written;
  write_with (&written, &sa, &with);
  offload = netlink_content (written.table[XFRMA_OFFLOAD_DEV], sizeof *offload);
  g_assert_nonnull (offload);
  g_assert_cmpint (offload->ifindex, ==, 3);
  g_assert_cmpuint (offload->flags, ==, flags);
}

static void
test_hardware_offload_names_device_direction_and_kind (void)
{
  assert_offload (IKE_DIR_OUT, IKE_HW_OFFLOAD_CRYPTO, 0);
  assert_offload (IKE_DIR_IN, IKE_HW_OFFLOAD_CRYPTO, XFRM_OFFLOAD_INBOUND);
  assert_offload (IKE_DIR_OUT, IKE_HW_OFFLOAD_PACKET, XFRM_OFFLOAD_PACKET);
  assert_offload (IKE_DIR_IN, IKE_HW_OFFLOAD_PACKET, XFRM_OFFLOAD_PACKET | XFRM_OFFLOAD_INBOUND);
}

static void
test_security_labels_end_with_nul (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_OUT);
  g_autofree char *huge = g_strnfill (1024, 'x');
  Written written;
  sa.label = "system_u:object_r:ipsec_spd_t:s0";
  write_sa (&written, &sa);
  assert_label (written.table[XFRMA_SEC_CTX], sa.label);
  sa.label = huge;
  assert_refused (&sa, "label");
}

static void
test_ipcomp_wraps_what_esp_protects (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_OUT);
  const struct xfrm_algo *algo;
  g_autoptr (GError) error = NULL;
  Written written;
  sa.ipcomp = 2;
  sa.cpi = 0x1234;
  sa.tfc_padding = 100;
  write_sa (&written, &sa);
  g_assert_cmpuint (written.info->mode, ==, XFRM_MODE_TRANSPORT);
  g_assert_null (written.table[XFRMA_TFCPAD]);
  g_assert_true (
      xfrm_message_ipcomp (&written.message, XFRM_MSG_UPDSA, &sa, &terms, &error));
  take_apart (&written);
  g_assert_cmpuint (written.message.header.nlmsg_type, ==, XFRM_MSG_UPDSA);
  g_assert_cmpuint (written.info->mode, ==, XFRM_MODE_TUNNEL);
  g_assert_cmpuint (written.info->id.proto, ==, IPPROTO_COMP);
  g_assert_cmpuint (written.info->id.spi, ==, htonl (0x1234));
  algo = netlink_content (written.table[XFRMA_ALG_COMP], sizeof *algo);
  g_assert_nonnull (algo);
  g_assert_cmpstr (algo->alg_name, ==, "deflate");
  sa.mode = IKE_MODE_BEET;
  assert_refused (&sa, "BEET");
  sa.ipcomp = 3;
  g_assert_false (xfrm_message_ipcomp (&written.message, XFRM_MSG_NEWSA, &sa, &terms, &error));
  g_assert_nonnull (strstr (error->message, "DEFLATE"));
}

static void
test_outer_addresses_are_of_one_family (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_OUT);
  Written written;
  g_assert_true (ike_addr_parse (&sa.source, "2001:db8::1", NULL));
  assert_refused (&sa, "family");
  g_assert_true (ike_addr_parse (&sa.destination, "2001:db8::2", NULL));
  write_sa (&written, &sa);
  g_assert_cmpuint (written.info->family, ==, AF_INET6);
  g_assert_cmpmem (&written.info->saddr, 16, sa.source.bytes, 16);
}

static void
test_errors_can_name_every_option (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_IN);
  g_autofree char *text = NULL;
  sa.flags |= IKE_KERNEL_ENCAP | IKE_KERNEL_ESN;
  sa.replay_window = 4096;
  sa.ipcomp = 2;
  sa.tfc_padding = 1;
  sa.if_id = 9;
  sa.offload = IKE_HW_OFFLOAD_CRYPTO;
  sa.label = "x";
  text = xfrm_sa_text (&sa);
  g_assert_cmpstr (text, ==,
                   "ESP SA c0123456 (aes-gcm-16-256, tunnel mode, UDP encapsulation, ESN, window "
                   "4096, IPComp, TFC padding, if_id 9, hardware offload, security label)");
}

/* -- moving */

/* As the kernel describes an SA that was written. */
static void
make_state (Written *written, const IkeKernelSa *sa)
{
  struct xfrm_usersa_info *info;
  struct xfrm_replay_state plain = { .oseq = 1000, .seq = 500, .bitmap = 7 };
  write_sa (written, sa);
  info = mnl_nlmsg_get_payload (&written->message.header);
  info->curlft = (struct xfrm_lifetime_cur){ 11, 12, 13, 14 };
  if (written->table[XFRMA_REPLAY_ESN_VAL]) {
    struct xfrm_replay_state_esn *esn
        = (void *) netlink_content (written->table[XFRMA_REPLAY_ESN_VAL], sizeof *esn);
    esn->oseq = 0xfffffff0;
    esn->oseq_hi = 1;
    esn->seq = 77;
  } else
    mnl_attr_put (&written->message.header, XFRMA_REPLAY_VAL, sizeof plain, &plain);
}

static void
move (Written *moved, const Written *state, const IkeKernelSa *to)
{
  g_autoptr (GError) error = NULL;
  g_assert_true (xfrm_message_moved (&moved->message, &state->message.header, to, &error));
  g_assert_no_error (error);
  take_apart (moved);
}

static void
test_a_moved_sa_keeps_what_it_counted_and_skips_numbers (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_OUT);
  const struct xfrm_replay_state *replay;
  const struct xfrm_lifetime_cur *life;
  const struct xfrm_encap_tmpl *encap;
  Written state, moved;
  sa.flags |= IKE_KERNEL_ENCAP;
  sa.if_id = 4;
  make_state (&state, &sa);
  g_assert_true (ike_addr_parse (&sa.source, "198.51.100.1", NULL));
  sa.source.port = 1234;
  move (&moved, &state, &sa);
  g_assert_cmpuint (moved.message.header.nlmsg_type, ==, XFRM_MSG_NEWSA);
  g_assert_cmpuint (moved.info->saddr.a4, ==, inet_addr ("198.51.100.1"));
  g_assert_cmpuint (moved.info->id.spi, ==, htonl (0xc0123456));
  replay = netlink_content (moved.table[XFRMA_REPLAY_VAL], sizeof *replay);
  g_assert_nonnull (replay);
  g_assert_cmpuint (replay->oseq, ==, 1000 + 65536);
  g_assert_cmpuint (replay->seq, ==, 500);
  g_assert_cmpuint (replay->bitmap, ==, 7);
  life = netlink_content (moved.table[XFRMA_LTIME_VAL], sizeof *life);
  g_assert_nonnull (life);
  g_assert_cmpuint (life->bytes, ==, 11);
  g_assert_cmpuint (life->use_time, ==, 14);
  encap = netlink_content (moved.table[XFRMA_ENCAP], sizeof *encap);
  g_assert_nonnull (encap);
  g_assert_cmpuint (encap->encap_sport, ==, htons (1234));
  g_assert_cmpuint (u32_of (&moved, XFRMA_IF_ID), ==, 4);
  g_assert_cmpmem (mnl_attr_get_payload (moved.table[XFRMA_ALG_AEAD]),
                   mnl_attr_get_payload_len (moved.table[XFRMA_ALG_AEAD]),
                   mnl_attr_get_payload (state.table[XFRMA_ALG_AEAD]),
                   mnl_attr_get_payload_len (state.table[XFRMA_ALG_AEAD]));
}

/* As a peer asks for it whose node of a cluster was replaced by another. */
static void
test_an_sa_skips_as_many_more_and_stops_at_its_end (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_OUT);
  const struct xfrm_replay_state *plain;
  const struct xfrm_replay_state_esn *esn;
  Written state, moved;
  sa.skip = 5;
  make_state (&state, &sa);
  move (&moved, &state, &sa);
  plain = netlink_content (moved.table[XFRMA_REPLAY_VAL], sizeof *plain);
  g_assert_nonnull (plain);
  g_assert_cmpuint (plain->oseq, ==, 1000 + 65536 + 5);
  sa.skip = G_MAXUINT64;
  move (&moved, &state, &sa);
  plain = netlink_content (moved.table[XFRMA_REPLAY_VAL], sizeof *plain);
  g_assert_cmpuint (plain->oseq, ==, G_MAXUINT32);
  sa.flags |= IKE_KERNEL_ESN;
  sa.skip = G_GUINT64_CONSTANT (5) << 32;
  make_state (&state, &sa);
  move (&moved, &state, &sa);
  esn = netlink_content (moved.table[XFRMA_REPLAY_ESN_VAL], sizeof *esn);
  g_assert_nonnull (esn);
  g_assert_cmpuint (esn->oseq_hi, ==, 1 + 1 + 5);
  sa.skip = G_MAXUINT64;
  move (&moved, &state, &sa);
  esn = netlink_content (moved.table[XFRMA_REPLAY_ESN_VAL], sizeof *esn);
  g_assert_cmpuint (esn->oseq_hi, ==, G_MAXUINT32);
  g_assert_cmpuint (esn->oseq, ==, G_MAXUINT32);
}

/* Of an IKE SA that another node had before. */
static void
test_a_new_sa_begins_behind_what_was_used (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_OUT), in = make_sa (IKE_DIR_IN);
  const struct xfrm_replay_state *plain;
  const struct xfrm_replay_state_esn *esn;
  Written written;
  write_sa (&written, &sa);
  g_assert_null (written.table[XFRMA_REPLAY_VAL]);
  sa.skip = 5;
  write_sa (&written, &sa);
  plain = netlink_content (written.table[XFRMA_REPLAY_VAL], sizeof *plain);
  g_assert_nonnull (plain);
  g_assert_cmpuint (plain->oseq, ==, 5);
  g_assert_cmpuint (plain->seq, ==, 0);
  sa.flags |= IKE_KERNEL_ESN;
  sa.skip = (G_GUINT64_CONSTANT (5) << 32) + 7;
  write_sa (&written, &sa);
  esn = netlink_content (written.table[XFRMA_REPLAY_ESN_VAL], sizeof *esn);
  g_assert_nonnull (esn);
  g_assert_cmpuint (esn->oseq_hi, ==, 5);
  g_assert_cmpuint (esn->oseq, ==, 7);
  in.skip = 5;
  write_sa (&written, &in);
  g_assert_null (written.table[XFRMA_REPLAY_VAL]);
}

static void
test_an_inbound_sa_does_not_skip_and_esn_carries_over (void)
{
  IkeKernelSa in = make_sa (IKE_DIR_IN), out = make_sa (IKE_DIR_OUT);
  const struct xfrm_replay_state *plain;
  const struct xfrm_replay_state_esn *esn;
  Written state, moved;
  make_state (&state, &in);
  move (&moved, &state, &in);
  plain = netlink_content (moved.table[XFRMA_REPLAY_VAL], sizeof *plain);
  g_assert_nonnull (plain);
  g_assert_cmpuint (plain->oseq, ==, 1000);
  out.flags |= IKE_KERNEL_ESN;
  make_state (&state, &out);
  move (&moved, &state, &out);
  esn = netlink_content (moved.table[XFRMA_REPLAY_ESN_VAL], sizeof *esn);
  g_assert_nonnull (esn);
  g_assert_cmpuint (esn->oseq_hi, ==, 2);
  g_assert_cmpuint (esn->oseq, ==, 0xfff0);
}

static void
test_keys_that_the_kernel_hides_are_not_used (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_OUT);
  g_autoptr (GError) error = NULL;
  Written state, moved;
  guint8 *aead;
  make_state (&state, &sa);
  netlink_attributes (&state.message.header, sizeof *state.info, state.table, XFRMA_MAX);
  aead = mnl_attr_get_payload (state.table[XFRMA_ALG_AEAD]);
  memset (aead + sizeof (struct xfrm_algo_aead), 0, 36);
  g_assert_false (xfrm_message_moved (&moved.message, &state.message.header, &sa, &error));
  g_assert_nonnull (strstr (error->message, "locked down"));
}

static void
test_an_incomplete_description_is_refused (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_OUT);
  g_autoptr (GError) error = NULL;
  Written state, moved;
  write_sa (&state, &sa);
  g_assert_false (xfrm_message_moved (&moved.message, &state.message.header, &sa, &error));
  g_clear_error (&error);
  state.message.header.nlmsg_len = NLMSG_HDRLEN + 8;
  g_assert_false (xfrm_message_moved (&moved.message, &state.message.header, &sa, &error));
}

/* -- what names SAs */

static void
test_spis_are_asked_for_in_their_range (void)
{
  IkeKernelSa sa = make_sa (IKE_DIR_IN);
  const struct xfrm_userspi_info *info;
  XfrmMessage message;
  xfrm_message_alloc (&message, IPPROTO_ESP, &sa.source, &sa.destination);
  info = netlink_body (&message.header, sizeof *info);
  g_assert_cmpuint (message.header.nlmsg_type, ==, XFRM_MSG_ALLOCSPI);
  g_assert_cmpuint (info->min, ==, 0xc0000000);
  g_assert_cmpuint (info->max, ==, 0xcfffffff);
  g_assert_cmpuint (info->info.id.daddr.a4, ==, inet_addr ("192.0.2.2"));
  xfrm_message_alloc (&message, IPPROTO_COMP, &sa.source, &sa.destination);
  info = netlink_body (&message.header, sizeof *info);
  g_assert_cmpuint (info->min, ==, 0x100);
  g_assert_cmpuint (info->max, <=, 0xffff);
  g_assert_cmpuint (xfrm_protocol (XFRM_PROTOCOL_IPCOMP), ==, IPPROTO_COMP);
}

#define ADD(name, function) g_test_add_func ("/kernel-xfrm/message/" name, function)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < sizeof key; i++)
    key[i] = (guint8) (i + 1);
  ADD ("every-cipher-has-its-name-and-key", test_every_cipher_has_its_name_and_key);
  ADD ("keys-are-as-long-as-the-documents-say", test_keys_are_as_long_as_the_documents_say);
  ADD ("every-integrity-algorithm-has-its-name-and-truncation",
       test_every_integrity_algorithm_has_its_name_and_truncation);
  ADD ("what-has-no-name-is-refused-by-its-own", test_what_has_no_name_is_refused_by_its_own);
  ADD ("ah-is-aligned-as-its-family-wants", test_ah_is_aligned_as_its_family_wants);
  ADD ("a-tunnel-has-addresses-spi-and-reqid", test_a_tunnel_has_addresses_spi_and_reqid);
  ADD ("transport-and-beet-carry-their-selectors", test_transport_and_beet_carry_their_selectors);
  ADD ("ranges-leave-transport-without-a-selector-and-refuse-beet",
       test_ranges_leave_transport_without_a_selector_and_refuse_beet);
  ADD ("udp-encapsulation-has-both-ports", test_udp_encapsulation_has_both_ports);
  ADD ("windows-up-to-4096-with-and-without-esn", test_windows_up_to_4096_with_and_without_esn);
  ADD ("copies-of-df-ecn-and-dscp-are-flags", test_copies_of_df_ecn_and_dscp_are_flags);
  ADD ("padding-is-for-what-leaves-by-a-tunnel", test_padding_is_for_what_leaves_by_a_tunnel);
  ADD ("marks-interface-ids-and-limits-are-there", test_marks_interface_ids_and_limits_are_there);
  ADD ("hardware-offload-names-device-direction-and-kind",
       test_hardware_offload_names_device_direction_and_kind);
  ADD ("security-labels-end-with-nul", test_security_labels_end_with_nul);
  ADD ("ipcomp-wraps-what-esp-protects", test_ipcomp_wraps_what_esp_protects);
  ADD ("outer-addresses-are-of-one-family", test_outer_addresses_are_of_one_family);
  ADD ("errors-can-name-every-option", test_errors_can_name_every_option);
  ADD ("a-moved-sa-keeps-what-it-counted-and-skips-numbers",
       test_a_moved_sa_keeps_what_it_counted_and_skips_numbers);
  ADD ("an-sa-skips-as-many-more-and-stops-at-its-end",
       test_an_sa_skips_as_many_more_and_stops_at_its_end);
  ADD ("a-new-sa-begins-behind-what-was-used", test_a_new_sa_begins_behind_what_was_used);
  ADD ("an-inbound-sa-does-not-skip-and-esn-carries-over",
       test_an_inbound_sa_does_not_skip_and_esn_carries_over);
  ADD ("keys-that-the-kernel-hides-are-not-used", test_keys_that_the_kernel_hides_are_not_used);
  ADD ("an-incomplete-description-is-refused", test_an_incomplete_description_is_refused);
  ADD ("spis-are-asked-for-in-their-range", test_spis_are_asked_for_in_their_range);
  return g_test_run ();
}
