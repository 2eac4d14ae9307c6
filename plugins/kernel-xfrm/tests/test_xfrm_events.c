/* SPDX-License-Identifier: Apache-2.0 */
/* test_xfrm_events.c - tests kernel:ipsec against a kernel that the test plays: events, also lost
 * ones, what an earlier process left, and the probe.  No privileges are needed. */
#include "config.h"
#include <stdlib.h>
#include <netinet/in.h>
#include "xfrm_bed.h"

/* -- events */

static void
tell_expire (const End *end, guint i, gboolean is_hard)
{
  guint8 buffer[512] = { 0 };
  struct nlmsghdr *message = mnl_nlmsg_put_header (buffer);
  struct xfrm_user_expire *body = mnl_nlmsg_put_extra_header (message, sizeof *body);
  message->nlmsg_type = XFRM_MSG_EXPIRE;
  body->state.id.spi = htonl (end->sas[i].spi);
  body->state.id.proto = IPPROTO_ESP;
  body->state.family = AF_INET;
  memcpy (&body->state.id.daddr, end->sas[i].destination.bytes, 4);
  body->hard = is_hard;
  fake_tell (buffer, message->nlmsg_len);
}

static void
test_limits_are_told_once_to_the_owner (void)
{
  End end, other;
  bed_begin (FALSE);
  make_end (&end, 0);
  make_end (&other, 9);
  install (&end);
  atomic_store (&bed.n_soft, 0);
  atomic_store (&bed.n_hard, 0);
  tell_expire (&other, 0, TRUE);
  tell_expire (&end, 0, FALSE);
  tell_expire (&end, 0, FALSE);
  tell_expire (&end, 1, TRUE);
  g_assert_true (until (is_set, &bed.n_hard));
  g_assert_cmpint (atomic_load (&bed.n_soft), ==, 1);
  g_assert_cmpint (atomic_load (&bed.n_hard), ==, 1);
  g_assert_cmpuint (atomic_load (&bed.spi), ==, end.sas[1].spi);
  bed_end ();
}

static void
tell_acquire (guint32 reqid, guint16 port)
{
  guint8 buffer[1024] = { 0 };
  struct nlmsghdr *message = mnl_nlmsg_put_header (buffer);
  struct xfrm_user_acquire *body = mnl_nlmsg_put_extra_header (message, sizeof *body);
  struct xfrm_user_tmpl template = { .reqid = reqid, .family = AF_INET };
  message->nlmsg_type = XFRM_MSG_ACQUIRE;
  body->seq = 33;
  body->sel.family = AF_INET;
  body->sel.proto = IPPROTO_TCP;
  body->sel.prefixlen_s = body->sel.prefixlen_d = 32;
  body->sel.dport = htons (port);
  body->sel.dport_mask = 0xffff;
  body->id.daddr.a4 = htonl (0xc0000209);
  body->id.proto = IPPROTO_ESP;
  mnl_attr_put (message, XFRMA_TMPL, sizeof template, &template);
  fake_tell (buffer, message->nlmsg_len);
}

static void
test_acquires_of_ours_have_the_reqid_of_the_child (void)
{
  End trap;
  bed_begin (FALSE);
  make_end (&trap, 6);
  trap.batch.n_sas = 0;
  install (&trap);
  atomic_store (&bed.n_acquired, 0);
  tell_acquire (5, 1);
  tell_acquire (2000000007, 2);
  tell_acquire (1000000007, 443);
  g_assert_true (until (is_set, &bed.n_acquired));
  g_assert_cmpint (atomic_load (&bed.n_acquired), ==, 1);
  g_assert_cmpuint (atomic_load (&bed.reqid), ==, 7);
  g_assert_cmpuint (atomic_load (&bed.sequence), ==, 33);
  g_assert_cmpuint (atomic_load (&bed.port), ==, 443);
  bed_end ();
}

static gboolean
is_deleted (gconstpointer unused)
{
  gboolean is_so = FALSE;
  guint32 spi = 0;
  pthread_mutex_lock (&fake_kernel.lock);
  for (guint i = 0; i < fake_kernel.asked->len; i++) {
    const struct nlmsghdr *message = g_ptr_array_index (fake_kernel.asked, i);
    if (message->nlmsg_type == XFRM_MSG_ALLOCSPI) {
      const struct xfrm_userspi_info *alloc = mnl_nlmsg_get_payload (message);
      spi = alloc->info.seq == 33 && alloc->info.id.daddr.a4 == htonl (0xc0000209)
            && alloc->info.id.proto == IPPROTO_ESP;
    }
    is_so |= spi && message->nlmsg_type == XFRM_MSG_DELSA;
  }
  is_so = is_so && fake_kernel.states->len == 0;
  pthread_mutex_unlock (&fake_kernel.lock);
  return is_so;
}

/* The kernel asks no more while its state waits, so that has to go when there will be no SA. */
static void
test_what_waits_ends_with_the_acquire (void)
{
  IkeKernelAcquire acquire = { .struct_size = sizeof acquire, .reqid = 7, .sequence = 33 };
  End trap;
  bed_begin (FALSE);
  make_end (&trap, 6);
  trap.batch.n_sas = 0;
  install (&trap);
  atomic_store (&bed.n_acquired, 0);
  tell_acquire (1000000007, 443);
  g_assert_true (until (is_set, &bed.n_acquired));
  xfrm_kernel_class.acquired (NULL, &acquire, FALSE);
  g_assert_true (until (is_deleted, NULL));
  /* Once. */
  xfrm_kernel_class.acquired (NULL, &acquire, FALSE);
  uninstall (&trap);
  assert_kernel (0, 0);
  g_assert_cmpuint (fake_n_asked (XFRM_MSG_ALLOCSPI), ==, 1);
  bed_end ();
}

static void
test_a_mapping_is_told_and_not_with_each_packet (void)
{
  guint8 buffer[512] = { 0 };
  struct nlmsghdr *message = mnl_nlmsg_put_header (buffer);
  struct xfrm_user_mapping *body = mnl_nlmsg_put_extra_header (message, sizeof *body);
  End end;
  bed_begin (FALSE);
  make_end (&end, 0);
  install (&end);
  atomic_store (&bed.n_mapped, 0);
  atomic_store (&bed.n_hard, 0);
  message->nlmsg_type = XFRM_MSG_MAPPING;
  body->id.spi = htonl (end.sas[0].spi);
  body->id.proto = IPPROTO_ESP;
  body->id.family = AF_INET;
  memcpy (&body->id.daddr, end.sas[0].destination.bytes, 4);
  body->new_sport = htons (6000);
  for (guint i = 0; i < 5; i++)
    fake_tell (buffer, message->nlmsg_len);
  tell_expire (&end, 0, TRUE);
  g_assert_true (until (is_set, &bed.n_hard));
  g_assert_cmpint (atomic_load (&bed.n_mapped), ==, 1);
  g_assert_cmpuint (atomic_load (&bed.port), ==, 6000);
  bed_end ();
}

/* Cut anywhere, told or not: nothing happens but that it is ignored. */
static void
test_events_that_are_cut_are_ignored (void)
{
  guint8 buffer[512] = { 0 };
  End end;
  bed_begin (FALSE);
  make_end (&end, 0);
  install (&end);
  atomic_store (&bed.n_hard, 0);
  for (guint16 type = XFRM_MSG_ACQUIRE; type <= XFRM_MSG_MAPPING; type++)
    for (guint16 len = 16; len < 400; len = (guint16) (len + 12)) {
      struct nlmsghdr *message = mnl_nlmsg_put_header (buffer);
      message->nlmsg_type = type;
      message->nlmsg_len = len;
      fake_tell (buffer, len);
    }
  tell_expire (&end, 0, TRUE);
  g_assert_true (until (is_set, &bed.n_hard));
  bed_end ();
}

/* -- loss */

static void
test_after_lost_events_what_is_gone_has_expired (void)
{
  End stays, goes;
  bed_begin (FALSE);
  make_end (&stays, 0);
  make_end (&goes, 1);
  install (&stays);
  install (&goes);
  atomic_store (&bed.n_hard, 0);
  atomic_store (&bed.n_soft, 0);
  pthread_mutex_lock (&fake_kernel.lock);
  /* The kernel dropped the third, and the first is over its soft limit. */
  g_ptr_array_remove_index (fake_kernel.states, 2);
  ((struct xfrm_usersa_info *) mnl_nlmsg_get_payload (
       (struct nlmsghdr *) g_ptr_array_index (fake_kernel.states, 0)))
      ->lft.soft_byte_limit
      = 500;
  pthread_mutex_unlock (&fake_kernel.lock);
  fake_tell ("LOST", 4);
  g_assert_true (until (is_set, &bed.n_hard));
  g_assert_cmpuint (atomic_load (&bed.spi), ==, goes.sas[0].spi);
  g_assert_cmpint (atomic_load (&bed.n_soft), ==, 1);
  /* Told once. */
  fake_tell ("LOST", 4);
  while (fake_n_asked (XFRM_MSG_GETSA) < 2)
    g_usleep (1000);
  uninstall (&stays);
  g_assert_cmpint (atomic_load (&bed.n_hard), ==, 1);
  g_assert_cmpint (atomic_load (&bed.n_soft), ==, 1);
  bed_end ();
}

static void
test_after_lost_events_what_waits_is_asked_for (void)
{
  guint8 buffer[512] = { 0 };
  struct nlmsghdr *message = mnl_nlmsg_put_header (buffer);
  struct xfrm_usersa_info *body = mnl_nlmsg_put_extra_header (message, sizeof *body);
  End trap;
  bed_begin (FALSE);
  make_end (&trap, 6);
  trap.batch.n_sas = 0;
  install (&trap);
  atomic_store (&bed.n_acquired, 0);
  body->reqid = 1000000007;
  body->seq = 55;
  body->sel.family = AF_INET;
  pthread_mutex_lock (&fake_kernel.lock);
  g_ptr_array_add (fake_kernel.states, g_memdup2 (buffer, message->nlmsg_len));
  pthread_mutex_unlock (&fake_kernel.lock);
  fake_tell ("LOST", 4);
  g_assert_true (until (is_set, &bed.n_acquired));
  g_assert_cmpuint (atomic_load (&bed.sequence), ==, 55);
  bed_end ();
  fake_clear ();
}

static void
test_an_answer_that_was_lost_is_a_failure_that_is_undone (void)
{
  g_autofree char *error = NULL;
  Question question = { .ask = ask_install };
  End end;
  bed_begin (FALSE);
  make_end (&end, 0);
  question.data = &end.batch;
  pthread_mutex_lock (&fake_kernel.lock);
  fake_kernel.is_mute = TRUE;
  pthread_mutex_unlock (&fake_kernel.lock);
  post (&question);
  while (!fake_n_asked (XFRM_MSG_NEWSA))
    g_usleep (1000);
  pthread_mutex_lock (&fake_kernel.lock);
  fake_kernel.is_mute = FALSE;
  fake_say ("LOST", 4);
  pthread_mutex_unlock (&fake_kernel.lock);
  g_assert_true (until (is_set, &question.is_answered));
  error = question.error;
  g_assert_nonnull (strstr (error, "lost"));
  assert_kernel (0, 0);
  install (&end);
  bed_end ();
}

/* -- the journal */

static void
test_the_journal_says_what_is_there_and_no_more (void)
{
  g_autofree char *before = NULL, *during = NULL, *after = NULL;
  End end, shunt;
  bed_begin (TRUE);
  before = read_journal ();
  g_assert_null (strstr (before, "+ "));
  make_end (&end, 0);
  make_end (&shunt, 1);
  shunt.batch.n_sas = 0;
  shunt.batch.n_policies = 1;
  shunt.policies[0].mode = IKE_MODE_PASS;
  install (&end);
  install (&shunt);
  during = read_journal ();
  g_assert_nonnull (strstr (during, "+ reqid "));
  g_assert_nonnull (strstr (during, "+ shunt out 10.1.0.0/16 10.2.1.0/24"));
  uninstall (&end);
  uninstall (&shunt);
  after = read_journal ();
  g_assert_nonnull (strstr (after, "- reqid "));
  g_assert_nonnull (strstr (after, "- shunt "));
  bed_end ();
}

static gboolean
are_three_policies (gconstpointer data)
{
  return fake_n (fake_kernel.policies) == 3;
}

static void
test_after_a_crash_sas_go_and_policies_are_taken_over (void)
{
  End first, second;
  guint32 reqid;
  fake_clear ();
  bed_begin (TRUE);
  make_end (&first, 0);
  make_end (&second, 1);
  install (&first);
  install (&second);
  reqid = info_nth (0)->reqid;
  bed_crash ();
  assert_kernel (4, 6);
  /* Somebody else's. */
  pthread_mutex_lock (&fake_kernel.lock);
  ((struct xfrm_usersa_info *) mnl_nlmsg_get_payload (
       (struct nlmsghdr *) g_ptr_array_index (fake_kernel.states, 3)))
      ->reqid
      = 5;
  pthread_mutex_unlock (&fake_kernel.lock);
  bed.stale_delay_s = 1;
  bed_begin (TRUE);
  install (&first);
  /* The other's, and the two new ones. */
  assert_kernel (3, fake_n (fake_kernel.policies));
  g_assert_cmpuint (fake_n_asked (XFRM_MSG_UPDPOLICY), ==, 3);
  g_assert_cmpuint (fake_n_asked (XFRM_MSG_NEWPOLICY), ==, 0);
  g_assert_cmpuint (info_nth (1)->reqid, !=, reqid);
  g_assert_true (until (are_three_policies, NULL));
  g_assert_cmpuint (info_nth (0)->reqid, ==, 5);
  uninstall (&first);
  assert_kernel (1, 0);
  bed_end ();
  fake_clear ();
}

static void
test_shunts_of_a_crash_are_taken_over_too (void)
{
  End shunt;
  fake_clear ();
  bed.stale_delay_s = 60;
  bed_begin (TRUE);
  make_end (&shunt, 1);
  shunt.batch.n_sas = 0;
  for (guint i = 0; i < 3; i++) {
    shunt.policies[i].mode = IKE_MODE_DROP;
    shunt.policies[i].source.protocol = 6;
  }
  install (&shunt);
  bed_crash ();
  assert_kernel (0, 3);
  bed_begin (TRUE);
  install (&shunt);
  assert_kernel (0, 3);
  g_assert_cmpuint (fake_n_asked (XFRM_MSG_UPDPOLICY), ==, 3);
  bed_end ();
  assert_kernel (0, 0);
}

/* -- the probe */

static void
test_the_probe_finds_what_works_and_leaves_nothing (void)
{
  XfrmCan can;
  g_autoptr (GError) error = NULL;
  bed.is_bare = TRUE;
  bed_begin (FALSE);
  fake_refuse (XFRM_MSG_NEWSA, ENOSYS, "Requested AEAD algorithm not found", 0, 3);
  g_assert_true (xfrm_probe (bed.engine, fake_kernel.ours, &fake_io, &can, &error));
  g_assert_no_error (error);
  g_assert_false (can.encr[0]);
  g_assert_false (can.encr[2]);
  g_assert_true (can.encr[3]);
  g_assert_true (can.ah_integ[0]);
  g_assert_cmpuint (can.features & IKE_KERNEL_CAN_ESN, !=, 0);
  g_assert_cmpuint (can.features & IKE_KERNEL_CAN_IF_ID, !=, 0);
  assert_kernel (0, 0);
  bed.can = can;
  g_assert_false (xfrm_kernel_class.can (
      NULL, IKE_PROTOCOL_ESP, &(IkeTransform){ IKE_TRANSFORM_ENCR, 0, 20, 128 }));
  g_assert_true (xfrm_kernel_class.can (
      NULL, IKE_PROTOCOL_ESP, &(IkeTransform){ IKE_TRANSFORM_ENCR, 0, 19, 128 }));
  g_assert_false (xfrm_kernel_class.can (
      NULL, IKE_PROTOCOL_AH, &(IkeTransform){ IKE_TRANSFORM_ENCR, 0, 19, 128 }));
  g_assert_false (xfrm_kernel_class.can (
      NULL, IKE_PROTOCOL_ESP, &(IkeTransform){ IKE_TRANSFORM_ENCR, 1, 19, 128 }));
  bed_end ();
}

static void
assert_probe_says (int kernel_error, const char *words, const char *expected)
{
  XfrmCan can;
  g_autoptr (GError) error = NULL;
  bed.is_bare = TRUE;
  bed_begin (FALSE);
  fake_refuse (XFRM_MSG_NEWSA, kernel_error, words, 0, 1000);
  g_assert_false (xfrm_probe (bed.engine, fake_kernel.ours, &fake_io, &can, &error));
  g_assert_nonnull (strstr (error->message, expected));
  bed_end ();
}

static void
test_the_probe_says_why_not (void)
{
  assert_probe_says (EPROTONOSUPPORT, "Requested type not found", "load the module esp4");
  assert_probe_says (EPROTONOSUPPORT, "Requested type not found", "Requested type not found");
  assert_probe_says (EPERM, NULL, "CAP_NET_ADMIN");
}

#define ADD(name, function) g_test_add_func ("/kernel-xfrm/xfrm/" name, function)

int
main (int argc, char **argv)
{
  g_autofree char *clean = NULL;
  int result;
  g_test_init (&argc, &argv, NULL);
  bed.state_dir = g_dir_make_tmp ("ikebana-xfrm-XXXXXX", NULL);
  bed.stale_delay_s = 60;
  ADD ("limits-are-told-once-to-the-owner", test_limits_are_told_once_to_the_owner);
  ADD ("what-waits-ends-with-the-acquire", test_what_waits_ends_with_the_acquire);
  ADD ("acquires-of-ours-have-the-reqid-of-the-child",
       test_acquires_of_ours_have_the_reqid_of_the_child);
  ADD ("a-mapping-is-told-and-not-with-each-packet",
       test_a_mapping_is_told_and_not_with_each_packet);
  ADD ("events-that-are-cut-are-ignored", test_events_that_are_cut_are_ignored);
  ADD ("after-lost-events-what-is-gone-has-expired",
       test_after_lost_events_what_is_gone_has_expired);
  ADD ("after-lost-events-what-waits-is-asked-for", test_after_lost_events_what_waits_is_asked_for);
  ADD ("an-answer-that-was-lost-is-a-failure-that-is-undone",
       test_an_answer_that_was_lost_is_a_failure_that_is_undone);
  ADD ("the-journal-says-what-is-there-and-no-more",
       test_the_journal_says_what_is_there_and_no_more);
  ADD ("after-a-crash-sas-go-and-policies-are-taken-over",
       test_after_a_crash_sas_go_and_policies_are_taken_over);
  ADD ("shunts-of-a-crash-are-taken-over-too", test_shunts_of_a_crash_are_taken_over_too);
  ADD ("the-probe-finds-what-works-and-leaves-nothing",
       test_the_probe_finds_what_works_and_leaves_nothing);
  ADD ("the-probe-says-why-not", test_the_probe_says_why_not);
  result = g_test_run ();
  fake_clear ();
  clean = g_strdup_printf ("rm -rf '%s'", bed.state_dir);
  g_assert_cmpint (system (clean), ==, 0);
  g_free (bed.state_dir);
  return result;
}
