/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy.c - tests message_policy.c and selectors.c: the bytes of policies that the kernel
 * would get, and which of them wins. */
#include "config.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <ikebana/error.h>
#include "../message.h"
#include "../selectors.h"
#include "label.h"

static const XfrmTerms terms = { .reqid = 1000000007 };

static IkeKernelPolicy
make_policy (IkeDirection direction, const char *source, const char *destination)
{
  IkeKernelPolicy policy = { .struct_size = sizeof policy,
                             .direction = (guint8) direction,
                             .mode = IKE_MODE_TUNNEL,
                             .protocol = IKE_PROTOCOL_ESP,
                             .reqid = 7,
                             .spi = 0xc0123456 };
  g_assert_true (ike_selector_parse (&policy.source, source, NULL));
  g_assert_true (ike_selector_parse (&policy.destination, destination, NULL));
  g_assert_true (ike_addr_parse (&policy.outer_source, "192.0.2.1", NULL));
  g_assert_true (ike_addr_parse (&policy.outer_destination, "192.0.2.2", NULL));
  return policy;
}

typedef struct {
  XfrmMessage                        message;
  const struct xfrm_userpolicy_info *info;
  const struct nlattr               *table[XFRMA_MAX + 1];
  const struct xfrm_user_tmpl       *templates;
  guint                              n_templates;
} WrittenPolicy;

static void
write_policy (WrittenPolicy *written, const IkeKernelPolicy *policy, const XfrmTerms *with)
{
  g_autoptr (GError) error = NULL;
  g_assert_true (xfrm_message_policy (&written->message, XFRM_MSG_NEWPOLICY, policy, with, &error));
  g_assert_no_error (error);
  written->info = netlink_body (&written->message.header, sizeof *written->info);
  netlink_attributes (&written->message.header, sizeof *written->info, written->table, XFRMA_MAX);
  written->templates = NULL;
  written->n_templates = 0;
  if (written->table[XFRMA_TMPL]) {
    written->templates = mnl_attr_get_payload (written->table[XFRMA_TMPL]);
    written->n_templates
        = mnl_attr_get_payload_len (written->table[XFRMA_TMPL]) / sizeof *written->templates;
  }
}

static void
test_a_policy_out_names_its_sa (void)
{
  IkeKernelPolicy policy = make_policy (IKE_DIR_OUT, "10.1.0.0/16", "10.2.0.0/24[udp/53]");
  XfrmTerms with = { .reqid = 1000000007, .bound = 5 };
  WrittenPolicy written;
  policy.mark = (IkeMark){ 1, 3 };
  policy.if_id = 42;
  policy.label = "label";
  write_policy (&written, &policy, &with);
  g_assert_cmpuint (written.info->dir, ==, XFRM_POLICY_OUT);
  g_assert_cmpuint (written.info->action, ==, XFRM_POLICY_ALLOW);
  g_assert_cmpuint (written.info->sel.prefixlen_s, ==, 16);
  g_assert_cmpuint (written.info->sel.prefixlen_d, ==, 24);
  g_assert_cmpuint (written.info->sel.proto, ==, IPPROTO_UDP);
  g_assert_cmpuint (written.info->sel.dport, ==, htons (53));
  g_assert_cmpint (written.info->sel.ifindex, ==, 5);
  g_assert_cmpuint (written.n_templates, ==, 1);
  g_assert_cmpuint (written.templates->id.spi, ==, htonl (0xc0123456));
  g_assert_cmpuint (written.templates->id.proto, ==, IPPROTO_ESP);
  g_assert_cmpuint (written.templates->id.daddr.a4, ==, inet_addr ("192.0.2.2"));
  g_assert_cmpuint (written.templates->saddr.a4, ==, inet_addr ("192.0.2.1"));
  g_assert_cmpuint (written.templates->reqid, ==, 1000000007);
  g_assert_cmpuint (written.templates->mode, ==, XFRM_MODE_TUNNEL);
  g_assert_cmpuint (written.templates->optional, ==, 0);
  g_assert_cmpuint (written.templates->ealgos, ==, G_MAXUINT32);
  g_assert_nonnull (netlink_content (written.table[XFRMA_MARK], 8));
  g_assert_cmpuint (mnl_attr_get_u32 (written.table[XFRMA_IF_ID]), ==, 42);
  assert_label (written.table[XFRMA_SEC_CTX], "label");
}

static void
test_other_directions_take_any_sa_of_the_reqid (void)
{
  for (guint i = 0; i < 2; i++) {
    IkeKernelPolicy policy
        = make_policy (i ? IKE_DIR_FWD : IKE_DIR_IN, "10.1.0.0/16", "10.2.0.0/16");
    WrittenPolicy written;
    write_policy (&written, &policy, &terms);
    g_assert_cmpuint (written.info->dir, ==, i ? XFRM_POLICY_FWD : XFRM_POLICY_IN);
    g_assert_cmpuint (written.templates->id.spi, ==, 0);
  }
}

static void
test_transport_leaves_addresses_to_the_packet (void)
{
  IkeKernelPolicy policy = make_policy (IKE_DIR_OUT, "192.0.2.1/32", "192.0.2.2/32");
  WrittenPolicy written;
  policy.mode = IKE_MODE_TRANSPORT;
  write_policy (&written, &policy, &terms);
  g_assert_cmpuint (written.templates->mode, ==, XFRM_MODE_TRANSPORT);
  g_assert_cmpuint (written.templates->id.daddr.a4, ==, 0);
  g_assert_cmpuint (written.templates->family, ==, AF_INET);
}

static void
test_shunts_have_no_template (void)
{
  IkeKernelPolicy policy = make_policy (IKE_DIR_OUT, "10.1.0.0/16", "10.2.0.0/16");
  WrittenPolicy written;
  policy.mode = IKE_MODE_PASS;
  write_policy (&written, &policy, &terms);
  g_assert_cmpuint (written.info->action, ==, XFRM_POLICY_ALLOW);
  g_assert_cmpuint (written.n_templates, ==, 0);
  policy.mode = IKE_MODE_DROP;
  write_policy (&written, &policy, &terms);
  g_assert_cmpuint (written.info->action, ==, XFRM_POLICY_BLOCK);
  g_assert_cmpuint (written.n_templates, ==, 0);
}

static void
test_ipcomp_comes_first_and_is_optional_on_the_way_in (void)
{
  for (guint i = 0; i < 2; i++) {
    IkeKernelPolicy policy
        = make_policy (i ? IKE_DIR_OUT : IKE_DIR_IN, "10.1.0.0/16", "10.2.0.0/16");
    WrittenPolicy written;
    policy.ipcomp = 2;
    write_policy (&written, &policy, &terms);
    g_assert_cmpuint (written.n_templates, ==, 2);
    g_assert_cmpuint (written.templates[0].id.proto, ==, IPPROTO_COMP);
    g_assert_cmpuint (written.templates[0].mode, ==, XFRM_MODE_TUNNEL);
    g_assert_cmpuint (written.templates[0].optional, ==, !i);
    g_assert_cmpuint (written.templates[0].id.daddr.a4, ==, inet_addr ("192.0.2.2"));
    g_assert_cmpuint (written.templates[1].id.proto, ==, IPPROTO_ESP);
    g_assert_cmpuint (written.templates[1].mode, ==, XFRM_MODE_TRANSPORT);
    g_assert_cmpuint (written.templates[1].optional, ==, 0);
  }
}

static void
test_packet_offload_is_said_of_policies_too (void)
{
  IkeKernelPolicy policy = make_policy (IKE_DIR_OUT, "10.1.0.0/16", "10.2.0.0/16");
  XfrmTerms with = { .reqid = 7, .interface = 3, .offload = IKE_HW_OFFLOAD_PACKET };
  const struct xfrm_user_offload *offload;
  WrittenPolicy written;
  write_policy (&written, &policy, &with);
  offload = netlink_content (written.table[XFRMA_OFFLOAD_DEV], sizeof *offload);
  g_assert_nonnull (offload);
  g_assert_cmpint (offload->ifindex, ==, 3);
  g_assert_cmpuint (offload->flags, ==, XFRM_OFFLOAD_PACKET);
  with.offload = IKE_HW_OFFLOAD_CRYPTO;
  write_policy (&written, &policy, &with);
  g_assert_null (written.table[XFRMA_OFFLOAD_DEV]);
}

static void
test_thresholds_are_of_their_family (void)
{
  const struct nlattr *table[XFRMA_SPD_MAX + 1];
  const struct xfrmu_spdhthresh *threshold;
  XfrmMessage message;
  for (guint i = 0; i < 2; i++) {
    xfrm_message_thresholds (&message, i ? 6 : 4, 16, 32);
    g_assert_cmpuint (message.header.nlmsg_type, ==, XFRM_MSG_NEWSPDINFO);
    netlink_attributes (&message.header, sizeof (guint32), table, XFRMA_SPD_MAX);
    threshold = netlink_content (table[i ? XFRMA_SPD_IPV6_HTHRESH : XFRMA_SPD_IPV4_HTHRESH], 2);
    g_assert_nonnull (threshold);
    g_assert_null (table[i ? XFRMA_SPD_IPV4_HTHRESH : XFRMA_SPD_IPV6_HTHRESH]);
    g_assert_cmpuint (threshold->lbits, ==, 16);
    g_assert_cmpuint (threshold->rbits, ==, 32);
  }
}

static guint32
priority_of (guint8 mode, const char *source, const char *destination)
{
  IkeKernelPolicy policy = make_policy (IKE_DIR_OUT, source, destination);
  policy.mode = mode;
  return xfrm_policy_priority (&policy);
}

static void
test_narrower_policies_have_the_lower_number (void)
{
  static const char *const order[][2] = { { "0.0.0.0/0", "0.0.0.0/0" },
                                          { "0.0.0.0/0[tcp]", "0.0.0.0/0[tcp]" },
                                          { "0.0.0.0/0[tcp]", "0.0.0.0/0[tcp/0-1023]" },
                                          { "0.0.0.0/0[tcp]", "0.0.0.0/0[tcp/80]" },
                                          { "0.0.0.0/0[tcp/9]", "0.0.0.0/0[tcp/80]" },
                                          { "10.0.0.0/8", "0.0.0.0/0" },
                                          { "10.0.0.0/8", "10.2.0.0/16" },
                                          { "10.1.1.1/32", "10.2.2.2/32" },
                                          { "10.1.1.1/32[tcp/9]", "10.2.2.2/32[tcp/80]" } };
  for (guint i = 1; i < G_N_ELEMENTS (order); i++)
    g_assert_cmpuint (priority_of (IKE_MODE_TUNNEL, order[i][0], order[i][1]), <,
                      priority_of (IKE_MODE_TUNNEL, order[i - 1][0], order[i - 1][1]));
  g_assert_cmpuint (priority_of (IKE_MODE_PASS, "::/0", "::/0"), <,
                    priority_of (IKE_MODE_TUNNEL, "::1/128[tcp/9]", "::1/128[tcp/9]"));
  g_assert_cmpuint (priority_of (IKE_MODE_DROP, "::1/128[tcp/9]", "::1/128[tcp/9]"), >,
                    priority_of (IKE_MODE_TUNNEL, "::/0", "::/0"));
}

static void
test_a_priority_that_was_set_stands (void)
{
  IkeKernelPolicy policy = make_policy (IKE_DIR_OUT, "10.1.0.0/16", "10.2.0.0/16");
  guint32 own = xfrm_policy_priority (&policy);
  policy.interface = "eth0";
  g_assert_cmpuint (xfrm_policy_priority (&policy), <, own);
  policy.priority = 5;
  g_assert_cmpuint (xfrm_policy_priority (&policy), ==, 5);
}

/* -- ranges */

static guint
expand (const char *source, const char *destination, GArray *pieces, GError **error)
{
  IkeKernelPolicy policy = make_policy (IKE_DIR_OUT, source, destination);
  g_array_set_size (pieces, 0);
  return xfrm_policy_expand (&policy, pieces, error) ? pieces->len : 0;
}

static void
test_ranges_become_the_fewest_prefixes (void)
{
  g_autoptr (GArray) pieces = g_array_new (FALSE, FALSE, sizeof (IkeKernelPolicy));
  static const char *const expected[] = { "10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31",
                                          "10.0.0.6/32" };
  g_assert_cmpuint (expand ("10.0.0.1-10.0.0.6", "10.2.0.0/16", pieces, NULL), ==, 4);
  for (guint i = 0; i < 4; i++) {
    char text[128];
    ike_selector_format (&g_array_index (pieces, IkeKernelPolicy, i).source, text, sizeof text);
    g_assert_cmpstr (text, ==, expected[i]);
  }
  g_assert_cmpuint (expand ("0.0.0.0-255.255.255.255", "::/0", pieces, NULL), ==, 0);
  g_assert_cmpuint (expand ("0.0.0.0-255.255.255.255", "0.0.0.0/0", pieces, NULL), ==, 1);
  g_assert_cmpuint (expand ("0.0.0.1-255.255.255.254", "0.0.0.0/0", pieces, NULL), ==, 62);
  g_assert_cmpuint (expand ("fd00::1-fd00::3", "fd00::/64", pieces, NULL), ==, 2);
}

static void
test_port_ranges_become_masks (void)
{
  g_autoptr (GArray) pieces = g_array_new (FALSE, FALSE, sizeof (IkeKernelPolicy));
  WrittenPolicy written;
  g_assert_cmpuint (expand ("10.1.0.0/16[tcp]", "10.2.0.0/16[tcp/1024-65535]", pieces, NULL), ==,
                    6);
  g_assert_cmpuint (expand ("10.1.0.0/16[tcp]", "10.2.0.0/16[tcp/0-1023]", pieces, NULL), ==, 1);
  write_policy (&written, &g_array_index (pieces, IkeKernelPolicy, 0), &terms);
  g_assert_cmpuint (written.info->sel.dport, ==, 0);
  g_assert_cmpuint (written.info->sel.dport_mask, ==, htons (0xfc00));
}

static void
test_what_is_too_many_or_opaque_is_refused (void)
{
  g_autoptr (GArray) pieces = g_array_new (FALSE, FALSE, sizeof (IkeKernelPolicy));
  g_autoptr (GError) error = NULL;
  g_assert_cmpuint (
      expand ("0.0.0.1-255.255.255.254", "0.0.0.1-255.255.255.254", pieces, &error), ==, 0);
  g_assert_nonnull (strstr (error->message, "use networks"));
  g_clear_error (&error);
  g_assert_cmpuint (expand ("10.1.0.0/16[tcp/opaque]", "10.2.0.0/16[tcp]", pieces, &error), ==, 0);
  g_assert_nonnull (strstr (error->message, "OPAQUE"));
}

static void
test_icmp_types_and_codes_go_both_ways (void)
{
  g_autoptr (GArray) pieces = g_array_new (FALSE, FALSE, sizeof (IkeKernelPolicy));
  g_autoptr (GError) error = NULL;
  WrittenPolicy written;
  IkeSelector source, destination;
  /* Echo request is type 8; destination unreachable 3, code 4. */
  g_assert_cmpuint (expand ("10.1.0.0/16[icmp/772]", "10.2.0.0/16[icmp]", pieces, &error), ==, 1);
  write_policy (&written, &g_array_index (pieces, IkeKernelPolicy, 0), &terms);
  g_assert_cmpuint (written.info->sel.sport, ==, htons (3));
  g_assert_cmpuint (written.info->sel.sport_mask, ==, 0xffff);
  g_assert_cmpuint (written.info->sel.dport, ==, htons (4));
  g_assert_cmpuint (written.info->sel.dport_mask, ==, 0xffff);
  xfrm_selector_get (&written.info->sel, &source, &destination);
  g_assert_cmpuint (source.port_first, ==, 772);
  g_assert_cmpuint (expand ("10.1.0.0/16[icmp/2048-2303]", "10.2.0.0/16[icmp]", pieces, &error), ==,
                    1);
  write_policy (&written, &g_array_index (pieces, IkeKernelPolicy, 0), &terms);
  g_assert_cmpuint (written.info->sel.sport, ==, htons (8));
  g_assert_cmpuint (written.info->sel.dport_mask, ==, 0);
  g_assert_cmpuint (expand ("10.1.0.0/16[icmp/1-2000]", "10.2.0.0/16[icmp]", pieces, &error), ==,
                    0);
  g_assert_nonnull (error);
}

static void
test_what_the_kernel_tells_is_what_it_was_told (void)
{
  static const char *const pairs[][2] = { { "10.1.0.0/16", "10.2.0.0/16" },
                                          { "fd00::/48[tcp/80]", "fd01::1/128[tcp]" },
                                          { "10.1.0.0/16[icmp/2048]", "0.0.0.0/0[icmp]" },
                                          { "10.1.0.0/16[udp/512-1023]", "10.0.0.1/32[udp]" } };
  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++) {
    g_autoptr (GArray) pieces = g_array_new (FALSE, FALSE, sizeof (IkeKernelPolicy));
    const IkeKernelPolicy *piece;
    struct xfrm_selector selector;
    IkeSelector source, destination;
    g_assert_cmpuint (expand (pairs[i][0], pairs[i][1], pieces, NULL), ==, 1);
    piece = &g_array_index (pieces, IkeKernelPolicy, 0);
    g_assert_true (xfrm_selector_set (&selector, &piece->source, &piece->destination, NULL));
    xfrm_selector_get (&selector, &source, &destination);
    g_assert_true (ike_selector_equal (&source, &piece->source));
    g_assert_true (ike_selector_equal (&destination, &piece->destination));
  }
}

#define ADD(name, function) g_test_add_func ("/kernel-xfrm/policy/" name, function)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("a-policy-out-names-its-sa", test_a_policy_out_names_its_sa);
  ADD ("other-directions-take-any-sa-of-the-reqid", test_other_directions_take_any_sa_of_the_reqid);
  ADD ("transport-leaves-addresses-to-the-packet", test_transport_leaves_addresses_to_the_packet);
  ADD ("shunts-have-no-template", test_shunts_have_no_template);
  ADD ("ipcomp-comes-first-and-is-optional-on-the-way-in",
       test_ipcomp_comes_first_and_is_optional_on_the_way_in);
  ADD ("packet-offload-is-said-of-policies-too", test_packet_offload_is_said_of_policies_too);
  ADD ("thresholds-are-of-their-family", test_thresholds_are_of_their_family);
  ADD ("narrower-policies-have-the-lower-number", test_narrower_policies_have_the_lower_number);
  ADD ("a-priority-that-was-set-stands", test_a_priority_that_was_set_stands);
  ADD ("ranges-become-the-fewest-prefixes", test_ranges_become_the_fewest_prefixes);
  ADD ("port-ranges-become-masks", test_port_ranges_become_masks);
  ADD ("what-is-too-many-or-opaque-is-refused", test_what_is_too_many_or_opaque_is_refused);
  ADD ("icmp-types-and-codes-go-both-ways", test_icmp_types_and_codes_go_both_ways);
  ADD ("what-the-kernel-tells-is-what-it-was-told", test_what_the_kernel_tells_is_what_it_was_told);
  return g_test_run ();
}
