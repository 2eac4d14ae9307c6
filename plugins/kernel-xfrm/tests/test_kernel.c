/* SPDX-License-Identifier: Apache-2.0 */
/* test_kernel.c - SAs and policies on a real kernel: packets between two namespaces, with every
 * algorithm and mode, and what leaves when there is no SA.  Skipped where the kernel has no ESP. */
#include "config.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include "tunnels.h"

/* -- algorithms and modes */

/* As the kernel names them: what is asked of the plugin is what it says it can. */
static void
test_every_algorithm_carries_packets (void)
{
  static const struct { guint16 id, bits, len; gboolean is_aead; } encrs[]
    = { { 20, 128, 20, TRUE }, { 20, 192, 28, TRUE }, { 20, 256, 36, TRUE }, { 19, 128, 20, TRUE },
        { 19, 256, 36, TRUE }, { 18, 128, 20, TRUE }, { 18, 256, 36, TRUE }, { 14, 128, 19, TRUE },
        { 15, 128, 19, TRUE }, { 16, 128, 19, TRUE }, { 16, 256, 35, TRUE }, { 21, 128, 20, TRUE },
        { 21, 256, 36, TRUE }, { 28, 0, 36, TRUE },   { 12, 128, 16 },       { 12, 192, 24 },
        { 12, 256, 32 },       { 13, 128, 20 },       { 13, 256, 36 },       { 23, 128, 16 },
        { 23, 256, 32 },       { 3, 0, 24 },          { 2, 0, 8 },           { 6, 128, 16 },
        { 7, 128, 16 },        { 11, 0, 0 } };
  static const struct { guint16 id, len; } integs[]
    = { { 12, 32 }, { 13, 48 }, { 14, 64 }, { 2, 20 }, { 7, 20 }, { 1, 16 }, { 6, 16 }, { 5, 16 },
        { 8, 16 } };
  guint n_carried = 0, n_integ = 0;
  for (guint i = 0; i < G_N_ELEMENTS (encrs) + G_N_ELEMENTS (integs); i++) {
    /* Integrity with AES-CBC. */
    guint k = i < G_N_ELEMENTS (encrs) ? i : 14;
    guint m = i < G_N_ELEMENTS (encrs) ? 0 : i - (guint) G_N_ELEMENTS (encrs);
    Tunnel tunnel = plain;
    char text[2][48] = { "", "" };
    tunnel.encr = (IkeTransform){ IKE_TRANSFORM_ENCR, 0, encrs[k].id, encrs[k].bits };
    tunnel.encr_key_len = encrs[k].len;
    if (!encrs[k].is_aead) {
      tunnel.integ = (IkeTransform){ IKE_TRANSFORM_INTEG, 0, integs[m].id, 0 };
      tunnel.integ_key_len = integs[m].len;
    }
    ike_transform_format (&tunnel.encr, text[0]);
    if (!encrs[k].is_aead)
      ike_transform_format (&tunnel.integ, text[1]);
    if (!kernel_of (&left)->can (left.kernel->plugin, IKE_PROTOCOL_ESP, &tunnel.encr)
        || (!encrs[k].is_aead
            && !kernel_of (&left)->can (left.kernel->plugin, IKE_PROTOCOL_ESP, &tunnel.integ))) {
      g_test_message ("not of this kernel: %s %s", text[0], text[1]);
      continue;
    }
    up (&tunnel);
    g_test_message ("%s %s", text[0], text[1]);
    assert_carries ("10.1.0.1", "10.2.0.1");
    down (&tunnel);
    n_carried++;
    n_integ += i >= G_N_ELEMENTS (encrs);
  }
  g_test_message ("%u combinations carried packets, %u of them for their integrity", n_carried,
                  n_integ);
  g_assert_cmpuint (n_carried, >=, 10);
  assert_empty (&left);
  assert_empty (&right);
}

static void
carries (const Tunnel *tunnel, const char *from, const char *to)
{
  up (tunnel);
  assert_carries (from, to);
  down (tunnel);
  assert_empty (&left);
  assert_empty (&right);
}

static void
set_ah (Tunnel *tunnel)
{
  tunnel->protocol = IKE_PROTOCOL_AH;
  tunnel->encr = (IkeTransform){ 0 };
  tunnel->encr_key_len = 0;
  tunnel->integ = (IkeTransform){ IKE_TRANSFORM_INTEG, 0, 12, 0 };
  tunnel->integ_key_len = 32;
}

static void
test_transport_mode_carries_packets (void)
{
  Tunnel tunnel = plain;
  tunnel.mode = IKE_MODE_TRANSPORT;
  tunnel.inner[0] = "192.0.2.1/32";
  tunnel.inner[1] = "192.0.2.2/32";
  carries (&tunnel, "192.0.2.1", "192.0.2.2");
}

static void
test_beet_mode_carries_packets (void)
{
  Tunnel tunnel = plain;
  tunnel.mode = IKE_MODE_BEET;
  carries (&tunnel, "10.1.0.1", "10.2.0.1");
}

static gboolean
lacks (guint32 feature)
{
  if (kernel_of (&left)->offers (left.kernel->plugin) & feature)
    return FALSE;
  g_test_skip ("this kernel cannot");
  return TRUE;
}

/* Inner packets of AH can be read, so they are not looked for. */
static void
test_ah_carries_packets (void)
{
  Tunnel tunnel = plain;
  if (lacks (IKE_KERNEL_CAN_AH))
    return;
  set_ah (&tunnel);
  carries (&tunnel, "10.1.0.1", "10.2.0.1");
}

static void
test_udp_encapsulation_carries_packets (void)
{
  Tunnel tunnel = plain;
  tunnel.flags = IKE_KERNEL_ENCAP;
  carries (&tunnel, "10.1.0.1", "10.2.0.1");
}

static void
test_ipv6_in_ipv6_and_both_mixtures_carry_packets (void)
{
  Tunnel tunnel = plain;
  if (!has_ipv6) {
    g_test_skip ("this kernel has no IPv6");
    return;
  }
  tunnel.outer[0] = "2001:db8::1";
  tunnel.outer[1] = "2001:db8::2";
  carries (&tunnel, "10.1.0.1", "10.2.0.1");
  tunnel.inner[0] = "fd01::1/128";
  tunnel.inner[1] = "fd02::1/128";
  carries (&tunnel, "fd01::1", "fd02::1");
  tunnel.flags = IKE_KERNEL_ENCAP;
  carries (&tunnel, "fd01::1", "fd02::1");
  tunnel = plain;
  tunnel.inner[0] = "fd01::1/128";
  tunnel.inner[1] = "fd02::1/128";
  carries (&tunnel, "fd01::1", "fd02::1");
}

static void
test_ipcomp_carries_large_and_small_packets (void)
{
  Tunnel tunnel = plain;
  if (lacks (IKE_KERNEL_CAN_IPCOMP))
    return;
  tunnel.ipcomp = 2;
  tunnel.cpis[0] = 0x1111;
  tunnel.cpis[1] = 0x2222;
  up (&tunnel);
  assert_carries ("10.1.0.1", "10.2.0.1");
  g_assert_true (run_in (&left, "ping -q -n -W 2 -c 1 -s 1200 -p 00 -I 10.1.0.1 10.2.0.1"));
  down (&tunnel);
  assert_empty (&left);
  assert_empty (&right);
}

static void
test_esn_and_a_window_of_4096_are_there (void)
{
  Tunnel tunnel = plain;
  IkeKernelUse use;
  g_autofree char *text = NULL;
  if (lacks (IKE_KERNEL_CAN_ESN))
    return;
  tunnel.flags = IKE_KERNEL_ESN;
  tunnel.window = 4096;
  up (&tunnel);
  assert_carries ("10.1.0.1", "10.2.0.1");
  use = use_of (&right, &tunnel, 1, FALSE);
  g_assert_cmpuint (use.sequence, ==, 2);
  g_assert_cmpuint (use.packets, ==, 2);
  g_assert_cmpint (use.last_use_us, >, 0);
  g_assert_true (run_in (&right, "ip xfrm state get src 192.0.2.1 dst 192.0.2.2 proto esp spi %#x",
                         tunnel.spis[1]));
  text = output ();
  g_assert_nonnull (strstr (text, "replay_window 4096"));
  g_assert_nonnull (strstr (text, "esn"));
  down (&tunnel);
}

/* -- SPIs */

static void
test_spis_are_given_out_taken_and_given_back (void)
{
  Tunnel tunnel = plain;
  IkeAddr ends[2];
  guint32 spi, other;
  g_autofree char *text = NULL;
  set_addr (&ends[0], tunnel.outer[1], 0);
  set_addr (&ends[1], tunnel.outer[0], 0);
  spi = GPOINTER_TO_UINT (ask (&(Question){ .side = &left, .ask = ask_spi, .data = ends,
                                            .more = GUINT_TO_POINTER (IKE_PROTOCOL_ESP) },
                               NULL));
  other = GPOINTER_TO_UINT (ask (&(Question){ .side = &left, .ask = ask_spi, .data = ends,
                                              .more = GUINT_TO_POINTER (IKE_PROTOCOL_ESP) },
                                 NULL));
  g_assert_cmpuint (spi, >, 255);
  g_assert_cmpuint (spi, !=, other);
  if (kernel_of (&left)->offers (left.kernel->plugin) & IKE_KERNEL_CAN_IPCOMP) {
    guint32 cpi = GPOINTER_TO_UINT (ask (&(Question){ .side = &left, .ask = ask_spi, .data = ends,
                                                      .more = GUINT_TO_POINTER (4) },
                                         NULL));
    g_assert_cmpuint (cpi, >=, 0x100);
    g_assert_cmpuint (cpi, <=, 0xffff);
    kernel_of (&left)->free_spi (left.kernel->plugin, 4, cpi, &ends[1]);
  }
  tunnel.spis[0] = spi;
  up (&tunnel);
  assert_carries ("10.1.0.1", "10.2.0.1");
  kernel_of (&left)->free_spi (left.kernel->plugin, IKE_PROTOCOL_ESP, other, &ends[1]);
  down (&tunnel);
  assert_empty (&left);
  assert_empty (&right);
}

/* -- events */

static void
test_limits_of_packets_are_told (void)
{
  Tunnel tunnel = plain;
  atomic_store (&n_soft, 0);
  atomic_store (&n_hard, 0);
  tunnel.soft_packets = 2;
  tunnel.hard_packets = 5;
  up (&tunnel);
  (void) ping ("10.1.0.1", "10.2.0.1", 4);
  wait_for (&n_soft);
  (void) ping ("10.1.0.1", "10.2.0.1", 4);
  wait_for (&n_hard);
  down (&tunnel);
}

static void
test_traps_ask_and_nothing_leaves_in_the_clear (void)
{
  Tunnel tunnel = plain;
  End end;
  int fd = sniff_begin ();
  guint n_clear, n_protected;
  make_end (&tunnel, 0, &end);
  end.batch.n_sas = 0;
  for (guint i = 0; i < 3; i++)
    end.policies[i].spi = 0;
  atomic_store (&n_acquired, 0);
  ask (&(Question){ .side = &left, .ask = ask_install, .data = &end.batch }, NULL);
  g_assert_false (ping ("10.1.0.1", "10.2.0.1", 1));
  wait_for (&n_acquired);
  g_assert_cmpuint (atomic_load (&acquire_sequence), !=, 0);
  g_assert_cmpuint (atomic_load (&acquire_reqid), ==, tunnel.reqid);
  g_assert_cmpuint (atomic_load (&acquire_protocol), ==, IPPROTO_ICMP);
  sniff_end (fd, &n_clear, &n_protected);
  g_assert_cmpuint (n_clear, ==, 0);
  g_assert_cmpuint (n_protected, ==, 0);
  tunnel.acquire = atomic_load (&acquire_sequence);
  up (&tunnel);
  assert_carries ("10.1.0.1", "10.2.0.1");
  down (&tunnel);
  /* The trap is still there. */
  fd = sniff_begin ();
  g_assert_false (ping ("10.1.0.1", "10.2.0.1", 1));
  sniff_end (fd, &n_clear, &n_protected);
  g_assert_cmpuint (n_clear, ==, 0);
  ask (&(Question){ .side = &left, .ask = ask_remove, .data = &end.batch }, NULL);
  g_assert_true (run_in (&left, "ip xfrm state flush"));
  assert_empty (&left);
}

static void
test_a_moved_peer_is_told_followed_and_counted_on (void)
{
  Tunnel before = plain, after;
  IkeKernelSa olds[2], news[2];
  IkeKernelUse use;
  before.flags = IKE_KERNEL_ENCAP;
  after = before;
  after.outer[0] = "192.0.2.3";
  atomic_store (&n_mapped, 0);
  up (&before);
  assert_carries ("10.1.0.1", "10.2.0.1");
  for (guint i = 0; i < 2; i++) {
    make_sa (&before, 1 - i, i == 1, &olds[i]);
    make_sa (&after, 1 - i, i == 1, &news[i]);
    ask (&(Question){ .side = &left, .ask = ask_update, .data = &olds[i], .more = &news[i] }, NULL);
  }
  (void) ping ("10.1.0.1", "10.2.0.1", 1);
  wait_for (&n_mapped);
  g_assert_cmpuint (atomic_load (&mapped_port), ==, 4500);
  for (guint i = 0; i < 2; i++) {
    make_sa (&before, i, i == 1, &olds[i]);
    make_sa (&after, i, i == 1, &news[i]);
  }
  make_sa (&before, 0, FALSE, &olds[0]);
  make_sa (&after, 0, FALSE, &news[0]);
  make_sa (&before, 1, TRUE, &olds[1]);
  make_sa (&after, 1, TRUE, &news[1]);
  for (guint i = 0; i < 2; i++)
    ask (&(Question){ .side = &right, .ask = ask_update, .data = &olds[i], .more = &news[i] },
         NULL);
  assert_carries ("10.1.0.1", "10.2.0.1");
  use = use_of (&right, &after, 1, FALSE);
  g_assert_cmpuint (use.packets, >=, 4);
  g_assert_cmpuint (use.sequence, >, 65536);
  down (&after);
  assert_empty (&left);
  assert_empty (&right);
}

/* -- policies */

static void
test_policies_of_two_children_go_with_the_last (void)
{
  Tunnel first = plain, second = plain;
  second.spis[0]++;
  second.spis[1]++;
  up (&first);
  up (&second);
  assert_carries ("10.1.0.1", "10.2.0.1");
  g_assert_cmpuint (use_of (&left, &first, 0, TRUE).packets, ==, 0);
  g_assert_cmpuint (use_of (&left, &second, 0, TRUE).packets, ==, 2);
  down (&second);
  assert_carries ("10.1.0.1", "10.2.0.1");
  g_assert_cmpuint (use_of (&left, &first, 0, TRUE).packets, ==, 2);
  down (&first);
  assert_empty (&left);
}

static void
test_narrower_policies_win_and_shunts_are_shunts (void)
{
  Tunnel wide = plain, drop = plain, pass = plain;
  End end;
  int fd;
  guint n_clear, n_protected;
  wide.inner[0] = "10.1.0.0/16";
  wide.inner[1] = "10.2.0.0/16";
  up (&wide);
  assert_carries ("10.1.0.1", "10.2.0.1");
  drop.mode = IKE_MODE_DROP;
  make_end (&drop, 0, &end);
  end.batch.n_sas = 0;
  end.batch.n_policies = 1;
  /* DROP is what is left when nothing else fits. */
  ask (&(Question){ .side = &left, .ask = ask_install, .data = &end.batch }, NULL);
  assert_carries ("10.1.0.1", "10.2.0.1");
  ask (&(Question){ .side = &left, .ask = ask_remove, .data = &end.batch }, NULL);
  pass.mode = IKE_MODE_PASS;
  make_end (&pass, 0, &end);
  end.batch.n_sas = 0;
  ask (&(Question){ .side = &left, .ask = ask_install, .data = &end.batch }, NULL);
  fd = sniff_begin ();
  (void) ping ("10.1.0.1", "10.2.0.1", 1);
  sniff_end (fd, &n_clear, &n_protected);
  g_assert_cmpuint (n_clear, >=, 1);
  g_assert_cmpuint (n_protected, ==, 0);
  ask (&(Question){ .side = &left, .ask = ask_remove, .data = &end.batch }, NULL);
  assert_carries ("10.1.0.1", "10.2.0.1");
  down (&wide);
  assert_empty (&left);
}

static void
test_ranges_become_prefixes_and_ports_count (void)
{
  Tunnel tunnel = plain;
  g_autofree char *text = NULL;
  IkeKernelPolicy policy;
  g_autofree IkeKernelUse *use = NULL;
  tunnel.inner[0] = "10.1.0.1-10.1.0.6[icmp]";
  tunnel.inner[1] = "10.2.0.0/24[icmp]";
  up (&tunnel);
  g_assert_true (run_in (&left, "ip xfrm policy | grep -c '^src 10.1'"));
  text = output ();
  g_assert_cmpstr (g_strstrip (text), ==, "4");
  assert_carries ("10.1.0.1", "10.2.0.1");
  make_policy (&tunnel, 0, IKE_DIR_OUT, &policy);
  use = ask (&(Question){ .side = &left, .ask = ask_query_policy, .data = &policy }, NULL);
  g_assert_cmpint (use->last_use_us, >, 0);
  down (&tunnel);
  assert_empty (&left);
}

static void
test_policies_and_sas_of_others_are_left_alone (void)
{
  End end;
  char *error = NULL;
  make_end (&plain, 0, &end);
  g_assert_true (run_in (&left, "ip xfrm policy add src 10.1.0.1/32 dst 10.2.0.1/32 dir out "
                                "tmpl src 192.0.2.1 dst 192.0.2.2 proto esp reqid 1 mode tunnel"));
  ask (&(Question){ .side = &left, .ask = ask_install, .data = &end.batch }, &error);
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error, "another program"));
  g_free (error);
  g_assert_true (run_in (&left, "ip xfrm policy get src 10.1.0.1/32 dst 10.2.0.1/32 dir out"));
  g_assert_true (run_in (&left, "test -z \"$(ip xfrm state)\""));
  g_assert_true (run_in (&left, "ip xfrm policy delete src 10.1.0.1/32 dst 10.2.0.1/32 dir out"));
  assert_empty (&left);
}

static void
test_errors_name_the_algorithm (void)
{
  Tunnel tunnel = plain;
  End end;
  char *error = NULL;
  tunnel.encr.id = 24;
  make_end (&tunnel, 0, &end);
  ask (&(Question){ .side = &left, .ask = ask_install, .data = &end.batch }, &error);
  g_assert_nonnull (strstr (error, "camellia"));
  g_free (error);
  assert_empty (&left);
}

/* -- many at a time */

typedef struct {
  Question question;
  End      end;
} Many;

static void
test_a_thousand_installations_are_under_way (void)
{
  enum { N = 1000 };
  Many *many = g_new0 (Many, N);
  g_autofree char *inners = g_malloc0 (2 * N * 32);
  for (guint i = 0; i < N; i++) {
    Tunnel tunnel = plain;
    char *inner = inners + 64 * i;
    g_snprintf (inner, 32, "10.3.%u.%u/32", i >> 8, i & 255);
    tunnel.inner[1] = inner;
    tunnel.spis[0] = 0x30000000 + i;
    tunnel.spis[1] = 0x40000000 + i;
    tunnel.reqid = 1000 + i;
    make_end (&tunnel, 0, &many[i].end);
    many[i].question
        = (Question){ .side = &left, .ask = ask_install, .data = &many[i].end.batch };
    ike_loop_post (ike_engine_control (left.engine), begin, &many[i].question, NULL);
  }
  for (guint i = 0; i < N; i++) {
    wait_for (&many[i].question.is_answered);
    g_assert_cmpstr (many[i].question.error, ==, NULL);
  }
  for (guint i = 0; i < N; i++) {
    many[i].question
        = (Question){ .side = &left, .ask = ask_remove, .data = &many[i].end.batch };
    ike_loop_post (ike_engine_control (left.engine), begin, &many[i].question, NULL);
  }
  for (guint i = 0; i < N; i++)
    wait_for (&many[i].question.is_answered);
  g_free (many);
  assert_empty (&left);
}

/* -- a crash: a process of its own installs, and is killed */

static pid_t
begin_victim (const char *self)
{
  int pipes[2];
  char byte;
  pid_t pid;
  g_assert_cmpint (pipe (pipes), ==, 0);
  pid = fork ();
  if (pid == 0) {
    char fd[16], namespace[16];
    g_snprintf (fd, sizeof fd, "%d", pipes[1]);
    fcntl (left.namespace, F_SETFD, 0);
    g_snprintf (namespace, sizeof namespace, "%d", left.namespace);
    execl ("/proc/self/exe", self, "--victim", fd, namespace, work_dir, NULL);
    _exit (1);
  }
  close (pipes[1]);
  g_assert_cmpint (read (pipes[0], &byte, 1), ==, 1);
  close (pipes[0]);
  return pid;
}

static const char *test_program;

static int
be_victim (char **argv)
{
  Tunnel stale = plain;
  stale.inner[1] = "10.2.0.2/32";
  stale.spis[0]++;
  stale.spis[1]++;
  stale.reqid++;
  home = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  left.namespace = atoi (argv[3]);
  work_dir = argv[4];
  begin_side (&left);
  install_on (&left, &plain, 0);
  install_on (&left, &stale, 0);
  g_assert_cmpint (write (atoi (argv[2]), "x", 1), ==, 1);
  while (pause () < 0)
    ;
  return 1;
}

static void
test_after_a_crash_nothing_leaves_in_the_clear (void)
{
  int fd;
  guint n_clear, n_protected;
  pid_t victim;
  gint64 deadline;
  Tunnel again = plain;
  end_side (&left);
  assert_empty (&left);
  g_assert_true (run_in (&left,
                         "ip xfrm state add src 192.0.2.9 dst 192.0.2.1 proto esp spi 0x99 reqid 5 "
                         "mode tunnel aead 'rfc4106(gcm(aes))' "
                         "0x0102030405060708090a0b0c0d0e0f1011121314 128 && "
                         "ip xfrm policy add src 10.99.0.0/16 dst 10.98.0.0/16 dir out tmpl src "
                         "192.0.2.1 dst 192.0.2.9 proto esp reqid 5 mode tunnel"));
  victim = begin_victim (test_program);
  install_on (&right, &plain, 1);
  assert_carries ("10.1.0.1", "10.2.0.1");
  fd = sniff_begin ();
  kill (victim, SIGKILL);
  waitpid (victim, NULL, 0);
  (void) ping ("10.1.0.1", "10.2.0.1", 3);
  left.takeover_delay = "15s";
  begin_side (&left);
  /* SAs are gone, policies are not; what others have is there. */
  g_assert_true (run_in (&left, "test $(ip xfrm state | grep -c 'spi 0x[12]') = 0"));
  g_assert_true (run_in (&left, "ip xfrm state | grep 0x00000099"));
  g_assert_true (run_in (&left, "test $(ip xfrm policy | grep -c '^src 10.[12].0') = 6"));
  (void) ping ("10.1.0.1", "10.2.0.1", 3);
  sniff_end (fd, &n_clear, &n_protected);
  g_assert_cmpuint (n_clear, ==, 0);
  g_assert_cmpuint (n_protected, >=, 3);
  remove_from (&right, &plain, 1);
  again.spis[0] += 2;
  again.spis[1] += 2;
  fd = sniff_begin ();
  up (&again);
  g_assert_true (ping ("10.1.0.1", "10.2.0.1", 2));
  deadline = g_get_monotonic_time () + PATIENCE_S * G_USEC_PER_SEC;
  while (!run_in (&left, "test $(ip xfrm policy | grep -c '^src 10.[12].0') = 3")
         && g_get_monotonic_time () < deadline)
    usleep (50000);
  g_assert_true (run_in (&left, "test $(ip xfrm policy | grep -c '^src 10.[12].0') = 3"));
  g_assert_true (ping ("10.1.0.1", "10.2.0.1", 2));
  sniff_end (fd, &n_clear, &n_protected);
  g_assert_cmpuint (n_clear, ==, 0);
  down (&again);
  g_assert_true (run_in (&left, "ip xfrm policy | grep 10.99.0.0"));
  g_assert_true (run_in (&left, "ip xfrm state | grep 0x00000099"));
  g_assert_true (run_in (&left, "ip xfrm state flush; ip xfrm policy deleteall src 10.99.0.0/16"));
  assert_empty (&left);
}

/* -- the machine */

static int
new_namespace (void)
{
  int fd;
  g_assert_cmpint (unshare (CLONE_NEWNET), ==, 0);
  fd = open ("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static gboolean
make_ends (void)
{
  home = open ("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (geteuid () != 0 || unshare (CLONE_NEWNET) != 0)
    return FALSE;
  left.namespace = new_namespace ();
  right.namespace = new_namespace ();
  work_dir = g_dir_make_tmp ("ikebana-xfrm-XXXXXX", NULL);
  g_assert_nonnull (work_dir);
  g_assert_cmpint (setns (right.namespace, CLONE_NEWNET), ==, 0);
  return run ("ip link add vright type veth peer name vleft netns /proc/%d/fd/%d && "
              "ip link set lo up && "
              "ip addr add 192.0.2.2/24 dev vright && ip link set vright up && "
              "ip addr add 10.2.0.1/32 dev lo && ip route add 10.1.0.0/16 via 192.0.2.1",
              getpid (), left.namespace)
         && run_in (&left, "ip link set lo up && ip addr add 192.0.2.1/24 dev vleft && "
                           "ip addr add 192.0.2.3/24 dev vleft && ip link set vleft up && "
                           "ip addr add 10.1.0.1/32 dev lo && "
                           "ip route add 10.2.0.0/16 via 192.0.2.2");
}

/* Some kernels have none. */
static void
add_ipv6 (void)
{
  has_ipv6 = run_in (&right, "ip addr add 2001:db8::2/64 dev vright nodad && "
                             "ip addr add fd02::1/128 dev lo nodad && "
                             "ip route add fd01::/16 via 2001:db8::1")
             && run_in (&left, "ip addr add 2001:db8::1/64 dev vleft nodad && "
                               "ip addr add fd01::1/128 dev lo nodad && "
                               "ip route add fd02::/16 via 2001:db8::2");
}

/* Without ESP there is nothing to test here. */
static gboolean
has_esp (void)
{
  return run_in (&left, "ip xfrm state add src 127.0.0.1 dst 127.0.0.1 proto esp spi 0x1 "
                        "mode tunnel aead 'rfc4106(gcm(aes))' "
                        "0x0102030405060708090a0b0c0d0e0f1011121314 128 && "
                        "ip xfrm state deleteall");
}

#define ADD(name, function) g_test_add_func ("/kernel-xfrm/" name, function)

int
main (int argc, char **argv)
{
  int result;
  for (guint i = 0; i < sizeof keys; i++)
    ((guint8 *) keys)[i] = (guint8) (i * 7 + 1);
  if (argc == 5 && strcmp (argv[1], "--victim") == 0)
    return be_victim (argv);
  g_test_init (&argc, &argv, NULL);
  test_program = argv[0];
  if (!make_ends () || !has_esp ()) {
    g_printerr ("this kernel lets us have no namespaces, or has no ESP: see testing/vm\n");
    return SKIP;
  }
  add_ipv6 ();
  begin_side (&left);
  begin_side (&right);
  ADD ("every-algorithm-carries-packets", test_every_algorithm_carries_packets);
  ADD ("transport-mode-carries-packets", test_transport_mode_carries_packets);
  ADD ("beet-mode-carries-packets", test_beet_mode_carries_packets);
  ADD ("ah-carries-packets", test_ah_carries_packets);
  ADD ("udp-encapsulation-carries-packets", test_udp_encapsulation_carries_packets);
  ADD ("ipv6-in-ipv6-and-both-mixtures-carry-packets",
       test_ipv6_in_ipv6_and_both_mixtures_carry_packets);
  ADD ("ipcomp-carries-large-and-small-packets", test_ipcomp_carries_large_and_small_packets);
  ADD ("esn-and-a-window-of-4096-are-there", test_esn_and_a_window_of_4096_are_there);
  ADD ("spis-are-given-out-taken-and-given-back", test_spis_are_given_out_taken_and_given_back);
  ADD ("limits-of-packets-are-told", test_limits_of_packets_are_told);
  ADD ("traps-ask-and-nothing-leaves-in-the-clear", test_traps_ask_and_nothing_leaves_in_the_clear);
  ADD ("a-moved-peer-is-told-followed-and-counted-on",
       test_a_moved_peer_is_told_followed_and_counted_on);
  ADD ("policies-of-two-children-go-with-the-last", test_policies_of_two_children_go_with_the_last);
  ADD ("narrower-policies-win-and-shunts-are-shunts",
       test_narrower_policies_win_and_shunts_are_shunts);
  ADD ("ranges-become-prefixes-and-ports-count", test_ranges_become_prefixes_and_ports_count);
  ADD ("policies-and-sas-of-others-are-left-alone", test_policies_and_sas_of_others_are_left_alone);
  ADD ("errors-name-the-algorithm", test_errors_name_the_algorithm);
  ADD ("a-thousand-installations-are-under-way", test_a_thousand_installations_are_under_way);
  ADD ("after-a-crash-nothing-leaves-in-the-clear", test_after_a_crash_nothing_leaves_in_the_clear);
  result = g_test_run ();
  end_side (&left);
  end_side (&right);
  (void) run ("rm -rf %s", work_dir);
  g_free (work_dir);
  return result;
}
