/* SPDX-License-Identifier: Apache-2.0 */
/* test_xfrm.c - tests kernel:ipsec against a kernel that the test plays: what it asks and in which
 * order, and what it undoes.  No privileges are needed. */
#include "config.h"
#include <stdlib.h>
#include <netinet/in.h>
#include "xfrm_bed.h"

/* -- installing and removing */

static void
test_what_was_installed_is_removed (void)
{
  End end;
  bed_begin (FALSE);
  make_end (&end, 0);
  install (&end);
  assert_kernel (2, 3);
  g_assert_cmpuint (info_nth (0)->reqid, ==, 1000000001);
  g_assert_cmpuint (template_of_policy (XFRM_POLICY_OUT)->id.spi, ==, htonl (0x20000000));
  uninstall (&end);
  assert_kernel (0, 0);
  uninstall (&end);
  bed_end ();
}

static void
test_a_reqid_of_the_operator_stays (void)
{
  End end;
  bed_begin (FALSE);
  make_end (&end, 4);
  for (guint i = 0; i < 3; i++)
    end.policies[i].flags = IKE_KERNEL_FIXED_REQID;
  end.sas[0].flags = end.sas[1].flags = IKE_KERNEL_FIXED_REQID;
  install (&end);
  g_assert_cmpuint (info_nth (0)->reqid, ==, 5);
  g_assert_cmpuint (template_of_policy (XFRM_POLICY_IN)->reqid, ==, 5);
  uninstall (&end);
  bed_end ();
}

/* Wherever the kernel says no, nothing is left. */
static void
test_all_of_a_batch_or_nothing (void)
{
  for (guint at = 0; at < 5; at++) {
    g_autofree char *error = NULL;
    End end;
    bed_begin (FALSE);
    make_end (&end, 0);
    fake_refuse (at < 2 ? XFRM_MSG_NEWSA : XFRM_MSG_NEWPOLICY, ENOSYS, "Requested AEAD is missing",
                 at < 2 ? at : at - 2, 1);
    error = install_fails (&end);
    g_assert_nonnull (strstr (error, "Requested AEAD is missing"));
    if (at < 2)
      g_assert_nonnull (strstr (error, "aes-gcm-16-128"));
    else
      g_assert_nonnull (strstr (error, "policy"));
    assert_kernel (0, 0);
    install (&end);
    assert_kernel (2, 3);
    bed_end ();
    assert_kernel (0, 0);
  }
}

static void
test_errors_without_words_have_those_of_errno (void)
{
  g_autofree char *error = NULL;
  End end;
  bed_begin (FALSE);
  make_end (&end, 0);
  fake_refuse (XFRM_MSG_NEWSA, EPROTONOSUPPORT, NULL, 0, 1);
  error = install_fails (&end);
  g_assert_nonnull (strstr (error, g_strerror (EPROTONOSUPPORT)));
  g_assert_nonnull (strstr (error, "esp4"));
  bed_end ();
}

static void
test_policies_of_two_children_go_with_the_last (void)
{
  End first, second;
  bed_begin (FALSE);
  make_end (&first, 0);
  make_end (&second, 0);
  second.sas[0].spi++;
  second.sas[1].spi++;
  second.policies[0].spi++;
  install (&first);
  install (&second);
  assert_kernel (4, 3);
  g_assert_cmpuint (template_of_policy (XFRM_POLICY_OUT)->id.spi, ==, htonl (0x20000001));
  uninstall (&second);
  assert_kernel (2, 3);
  g_assert_cmpuint (template_of_policy (XFRM_POLICY_OUT)->id.spi, ==, htonl (0x20000000));
  install (&second);
  uninstall (&first);
  assert_kernel (2, 3);
  g_assert_cmpuint (template_of_policy (XFRM_POLICY_OUT)->id.spi, ==, htonl (0x20000001));
  uninstall (&second);
  assert_kernel (0, 0);
  bed_end ();
}

/* A failing second child must not take the first one's policies. */
static void
test_undoing_restores_the_policies_of_the_other_child (void)
{
  g_autofree char *error = NULL;
  End first, second;
  bed_begin (FALSE);
  make_end (&first, 0);
  make_end (&second, 0);
  second.sas[0].spi++;
  second.sas[1].spi++;
  second.policies[0].spi++;
  install (&first);
  fake_refuse (XFRM_MSG_UPDPOLICY, ENOMEM, NULL, 1, 1);
  error = install_fails (&second);
  assert_kernel (2, 3);
  g_assert_cmpuint (template_of_policy (XFRM_POLICY_OUT)->id.spi, ==, htonl (0x20000000));
  uninstall (&first);
  assert_kernel (0, 0);
  bed_end ();
}

/* What stands in the kernel: 'p' passes, 'd' drops, 's' is carried by the SA, 't' asks for one. */
static char
what_stands (void)
{
  const struct xfrm_userpolicy_info *policy;
  const struct xfrm_user_tmpl *template;
  char what = 0;
  pthread_mutex_lock (&fake_kernel.lock);
  for (guint i = 0; i < fake_kernel.policies->len && !what; i++) {
    const struct nlmsghdr *message = g_ptr_array_index (fake_kernel.policies, i);
    const struct nlattr *table[XFRMA_MAX + 1];
    policy = mnl_nlmsg_get_payload (message);
    if (policy->dir != XFRM_POLICY_OUT)
      continue;
    netlink_attributes (message, sizeof *policy, table, XFRMA_MAX);
    template = netlink_content (table[XFRMA_TMPL], sizeof *template);
    what = template ? (template->id.spi ? 's' : 't')
                    : policy->action == XFRM_POLICY_ALLOW ? 'p' : 'd';
  }
  pthread_mutex_unlock (&fake_kernel.lock);
  return what;
}

static void
make_shunt (End *end, IkeMode mode, guint32 reqid)
{
  make_end (end, 0);
  end->batch.n_sas = 0;
  for (guint i = 0; i < 3; i++) {
    end->policies[i].mode = (guint8) mode;
    end->policies[i].spi = 0;
    end->policies[i].reqid = reqid;
  }
}

/* In whatever order they come and go. */
static void
test_of_equal_selectors_the_rank_decides (void)
{
  static const char *const orders[] = { "dtsp", "pstd", "sdpt", "tpds" };
  static const char ranks[] = "pstd";
  End ends[4];
  for (guint i = 0; i < G_N_ELEMENTS (orders); i++) {
    bed_begin (FALSE);
    make_shunt (&ends[0], IKE_MODE_PASS, 90);
    make_end (&ends[1], 0);
    make_shunt (&ends[2], IKE_MODE_TUNNEL, 1);
    make_shunt (&ends[3], IKE_MODE_DROP, 91);
    for (guint k = 0; k < 4; k++) {
      const char *best = ranks;
      install (&ends[strchr (ranks, orders[i][k]) - ranks]);
      while (!memchr (orders[i], *best, k + 1))
        best++;
      g_assert_cmpint (what_stands (), ==, *best);
    }
    for (guint k = 0; k < 3; k++) {
      const char *best = ranks;
      uninstall (&ends[strchr (ranks, orders[i][k]) - ranks]);
      while (!strchr (orders[i] + k + 1, *best))
        best++;
      g_assert_cmpint (what_stands (), ==, *best);
    }
    uninstall (&ends[strchr (ranks, orders[i][3]) - ranks]);
    assert_kernel (0, 0);
    bed_end ();
  }
}

static void
test_a_trap_waits_behind_sas_and_outlives_them (void)
{
  End end, trap;
  bed_begin (FALSE);
  make_end (&end, 0);
  make_end (&trap, 0);
  trap.batch.n_sas = 0;
  trap.policies[0].spi = 0;
  install (&end);
  install (&trap);
  g_assert_cmpuint (template_of_policy (XFRM_POLICY_OUT)->id.spi, ==, htonl (0x20000000));
  uninstall (&end);
  assert_kernel (0, 3);
  g_assert_cmpuint (template_of_policy (XFRM_POLICY_OUT)->id.spi, ==, 0);
  uninstall (&trap);
  assert_kernel (0, 0);
  bed_end ();
}

static void
test_policies_of_others_are_left_alone (void)
{
  g_autofree char *error = NULL;
  End end;
  bed_begin (FALSE);
  make_end (&end, 0);
  fake_refuse (XFRM_MSG_NEWPOLICY, EEXIST, NULL, 0, 1);
  error = install_fails (&end);
  g_assert_nonnull (strstr (error, "another program"));
  g_assert_cmpuint (fake_n_asked (XFRM_MSG_UPDPOLICY), ==, 0);
  assert_kernel (0, 0);
  bed_end ();
}

static void
test_an_spi_twice_is_refused_before_the_kernel_hears_of_it (void)
{
  g_autofree char *error = NULL;
  End end;
  bed_begin (FALSE);
  make_end (&end, 0);
  install (&end);
  error = install_fails (&end);
  g_assert_nonnull (strstr (error, "10000000"));
  assert_kernel (2, 3);
  bed_end ();
}

static void
test_automatic_offload_falls_back_and_a_wish_does_not (void)
{
  g_autofree char *error = NULL;
  const struct nlattr *table[XFRMA_MAX + 1];
  End end;
  bed_begin (FALSE);
  make_end (&end, 0);
  for (guint i = 0; i < 2; i++) {
    end.sas[i].offload = IKE_HW_OFFLOAD_AUTO;
    end.sas[i].interface = "lo";
  }
  fake_refuse (XFRM_MSG_NEWSA, EOPNOTSUPP, NULL, 0, 1);
  install (&end);
  assert_kernel (2, 3);
  g_assert_cmpuint (fake_n_asked (XFRM_MSG_NEWSA), ==, 3);
  netlink_attributes (state_nth (0), sizeof (struct xfrm_usersa_info), table, XFRMA_MAX);
  g_assert_null (table[XFRMA_OFFLOAD_DEV]);
  netlink_attributes (state_nth (1), sizeof (struct xfrm_usersa_info), table, XFRMA_MAX);
  g_assert_nonnull (table[XFRMA_OFFLOAD_DEV]);
  uninstall (&end);
  end.sas[0].offload = IKE_HW_OFFLOAD_CRYPTO;
  fake_refuse (XFRM_MSG_NEWSA, EOPNOTSUPP, "device does not offload", 0, 1);
  error = install_fails (&end);
  g_assert_nonnull (strstr (error, "device does not offload"));
  g_assert_nonnull (strstr (error, "hardware offload"));
  assert_kernel (0, 0);
  bed_end ();
}

static void
test_an_interface_that_is_not_there_is_named (void)
{
  g_autofree char *error = NULL;
  End end;
  bed_begin (FALSE);
  make_end (&end, 0);
  end.policies[0].interface = "no-such0";
  error = install_fails (&end);
  g_assert_nonnull (strstr (error, "no-such0"));
  assert_kernel (0, 0);
  bed_end ();
}

/* -- SPIs */

static guint32
get_spi (guint8 protocol)
{
  IkeAddr ends[2];
  g_assert_true (ike_addr_parse (&ends[0], "192.0.2.2", NULL));
  g_assert_true (ike_addr_parse (&ends[1], "192.0.2.1", NULL));
  return GPOINTER_TO_UINT (ask (
      &(Question){ .ask = ask_spi, .data = ends, .more = GUINT_TO_POINTER (protocol) }, NULL));
}

static void
test_an_spi_is_replaced_by_its_sa (void)
{
  End end;
  bed_begin (FALSE);
  make_end (&end, 0);
  end.sas[0].spi = get_spi (IKE_PROTOCOL_ESP);
  g_assert_cmpuint (end.sas[0].spi, >=, 0xc0000000);
  assert_kernel (1, 0);
  install (&end);
  assert_kernel (2, 3);
  g_assert_cmpuint (fake_n_asked (XFRM_MSG_UPDSA), ==, 1);
  uninstall (&end);
  assert_kernel (0, 0);
  bed_end ();
}

static void
test_an_spi_that_the_kernel_forgot_is_installed_anew (void)
{
  End end;
  bed_begin (FALSE);
  make_end (&end, 0);
  end.sas[0].spi = get_spi (IKE_PROTOCOL_ESP);
  pthread_mutex_lock (&fake_kernel.lock);
  g_ptr_array_set_size (fake_kernel.states, 0);
  pthread_mutex_unlock (&fake_kernel.lock);
  install (&end);
  assert_kernel (2, 3);
  bed_end ();
}

static gboolean
has_no_states (gconstpointer data)
{
  return fake_n (fake_kernel.states) == 0;
}

static void
test_spis_and_cpis_are_given_back (void)
{
  g_autofree char *error = NULL;
  guint32 spi, cpi;
  IkeAddr own;
  End end;
  bed_begin (FALSE);
  g_assert_true (ike_addr_parse (&own, "192.0.2.1", NULL));
  spi = get_spi (IKE_PROTOCOL_ESP);
  cpi = get_spi (4);
  g_assert_cmpuint (cpi, <=, 0xffff);
  assert_kernel (2, 0);
  xfrm_kernel_class.free_spi (bed.xfrm->plugin, IKE_PROTOCOL_ESP, spi, &own);
  xfrm_kernel_class.free_spi (bed.xfrm->plugin, 4, cpi, &own);
  xfrm_kernel_class.free_spi (bed.xfrm->plugin, IKE_PROTOCOL_ESP, 12345, &own);
  g_assert_true (until (has_no_states, NULL));
  /* And by an installation that fails. */
  make_end (&end, 0);
  end.sas[0].spi = get_spi (IKE_PROTOCOL_ESP);
  fake_refuse (XFRM_MSG_NEWSA, ENOMEM, NULL, 0, 1);
  error = install_fails (&end);
  g_assert_true (until (has_no_states, NULL));
  bed_end ();
}

static void
test_ipcomp_installs_and_removes_two (void)
{
  End end;
  bed_begin (FALSE);
  make_end (&end, 0);
  for (guint i = 0; i < 2; i++) {
    end.sas[i].ipcomp = 2;
    end.sas[i].cpi = (guint16) (0x1000 + i);
  }
  end.sas[0].cpi = (guint16) get_spi (4);
  install (&end);
  assert_kernel (4, 3);
  g_assert_cmpuint (info_nth (0)->id.proto, ==, IPPROTO_COMP);
  g_assert_cmpuint (info_nth (1)->id.proto, ==, IPPROTO_ESP);
  uninstall (&end);
  assert_kernel (0, 0);
  bed_end ();
}

/* -- moving and counting */

static void
test_a_moved_sa_takes_its_policies_along (void)
{
  End end;
  IkeKernelSa news[2];
  bed_begin (FALSE);
  make_end (&end, 0);
  install (&end);
  for (guint i = 0; i < 2; i++) {
    news[i] = end.sas[i];
    g_assert_true (
        ike_addr_parse (i ? &news[i].source : &news[i].destination, "198.51.100.9", NULL));
    ask (&(Question){ .ask = ask_update, .data = &end.sas[i], .more = &news[i] }, NULL);
  }
  assert_kernel (2, 3);
  g_assert_cmpuint (template_of_policy (XFRM_POLICY_OUT)->saddr.a4, ==, inet_addr ("198.51.100.9"));
  g_assert_cmpuint (template_of_policy (XFRM_POLICY_FWD)->id.daddr.a4, ==,
                    inet_addr ("198.51.100.9"));
  g_assert_cmpuint (info_nth (0)->id.daddr.a4, ==, inet_addr ("198.51.100.9"));
  end.sas[0] = news[0];
  end.sas[1] = news[1];
  uninstall (&end);
  assert_kernel (0, 0);
  bed_end ();
}

static void
test_a_move_that_fails_leaves_everything_in_its_place (void)
{
  g_autofree char *error = NULL;
  End end;
  IkeKernelSa moved;
  bed_begin (FALSE);
  make_end (&end, 0);
  install (&end);
  moved = end.sas[1];
  g_assert_true (ike_addr_parse (&moved.destination, "198.51.100.9", NULL));
  fake_refuse (XFRM_MSG_UPDPOLICY, ENOMEM, NULL, 0, 1);
  ask (&(Question){ .ask = ask_update, .data = &end.sas[1], .more = &moved }, &error);
  g_assert_nonnull (error);
  assert_kernel (2, 3);
  g_assert_cmpuint (template_of_policy (XFRM_POLICY_OUT)->id.daddr.a4, ==, inet_addr ("192.0.2.2"));
  uninstall (&end);
  assert_kernel (0, 0);
  bed_end ();
}

/* While the SA is away a packet can leave a placeholder that has its SPI. */
static void
test_a_moved_sa_takes_the_place_of_a_placeholder (void)
{
  End end;
  IkeKernelSa moved;
  bed_begin (FALSE);
  make_end (&end, 0);
  install (&end);
  moved = end.sas[1];
  g_assert_true (ike_addr_parse (&moved.source, "198.51.100.9", NULL));
  pthread_mutex_lock (&fake_kernel.lock);
  fake_kernel.keeps_all = TRUE;
  pthread_mutex_unlock (&fake_kernel.lock);
  ask (&(Question){ .ask = ask_update, .data = &end.sas[1], .more = &moved }, NULL);
  g_assert_cmpuint (fake_n_asked (XFRM_MSG_UPDSA), ==, 1);
  bed_end ();
  fake_clear ();
}

static void
test_use_is_told_and_what_is_gone_is_said (void)
{
  g_autofree IkeKernelUse *use = NULL;
  g_autofree char *error = NULL;
  End end;
  bed_begin (FALSE);
  make_end (&end, 0);
  install (&end);
  use = ask (&(Question){ .ask = ask_query, .data = &end.sas[1] }, NULL);
  g_assert_cmpuint (use->bytes, ==, 1000);
  g_assert_cmpuint (use->packets, ==, 5);
  g_assert_cmpuint (use->n_bad_icv, ==, 2);
  g_assert_cmpuint (use->sequence, ==, 10);
  g_assert_cmpint (use->last_use_us, >, 0);
  uninstall (&end);
  ask (&(Question){ .ask = ask_query, .data = &end.sas[1] }, &error);
  g_assert_nonnull (strstr (error, "20000000"));
  bed_end ();
}

/* -- many */

static void
test_a_thousand_are_under_way_and_all_are_answered (void)
{
  enum { N = 1000 };
  End *ends = g_new (End, N);
  Question *questions = g_new0 (Question, N);
  bed_begin (FALSE);
  for (guint i = 0; i < N; i++) {
    make_end (&ends[i], i);
    questions[i] = (Question){ .ask = ask_install, .data = &ends[i].batch };
    post (&questions[i]);
  }
  for (guint i = 0; i < N; i++) {
    g_assert_true (until (is_set, &questions[i].is_answered));
    g_assert_cmpstr (questions[i].error, ==, NULL);
  }
  assert_kernel (2 * N, 3 * N);
  bed_end ();
  assert_kernel (0, 0);
  g_free (ends);
  g_free (questions);
}

/* What was asked is answered, if only with a reason. */
static void
test_requests_in_between_fail_when_the_plugin_stops (void)
{
  End end;
  Question question = { .ask = ask_install, .data = &end.batch };
  bed_begin (FALSE);
  make_end (&end, 0);
  pthread_mutex_lock (&fake_kernel.lock);
  fake_kernel.is_mute = TRUE;
  pthread_mutex_unlock (&fake_kernel.lock);
  post (&question);
  while (!fake_n_asked (XFRM_MSG_NEWSA))
    g_usleep (1000);
  bed_end ();
  g_assert_false (atomic_load (&question.is_answered) && !question.error);
  g_free (question.error);
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
  ADD ("what-was-installed-is-removed", test_what_was_installed_is_removed);
  ADD ("a-reqid-of-the-operator-stays", test_a_reqid_of_the_operator_stays);
  ADD ("all-of-a-batch-or-nothing", test_all_of_a_batch_or_nothing);
  ADD ("errors-without-words-have-those-of-errno", test_errors_without_words_have_those_of_errno);
  ADD ("policies-of-two-children-go-with-the-last", test_policies_of_two_children_go_with_the_last);
  ADD ("undoing-restores-the-policies-of-the-other-child",
       test_undoing_restores_the_policies_of_the_other_child);
  ADD ("of-equal-selectors-the-rank-decides", test_of_equal_selectors_the_rank_decides);
  ADD ("a-trap-waits-behind-sas-and-outlives-them", test_a_trap_waits_behind_sas_and_outlives_them);
  ADD ("policies-of-others-are-left-alone", test_policies_of_others_are_left_alone);
  ADD ("an-spi-twice-is-refused-before-the-kernel-hears-of-it",
       test_an_spi_twice_is_refused_before_the_kernel_hears_of_it);
  ADD ("automatic-offload-falls-back-and-a-wish-does-not",
       test_automatic_offload_falls_back_and_a_wish_does_not);
  ADD ("an-interface-that-is-not-there-is-named", test_an_interface_that_is_not_there_is_named);
  ADD ("an-spi-is-replaced-by-its-sa", test_an_spi_is_replaced_by_its_sa);
  ADD ("an-spi-that-the-kernel-forgot-is-installed-anew",
       test_an_spi_that_the_kernel_forgot_is_installed_anew);
  ADD ("spis-and-cpis-are-given-back", test_spis_and_cpis_are_given_back);
  ADD ("ipcomp-installs-and-removes-two", test_ipcomp_installs_and_removes_two);
  ADD ("a-moved-sa-takes-its-policies-along", test_a_moved_sa_takes_its_policies_along);
  ADD ("a-move-that-fails-leaves-everything-in-its-place",
       test_a_move_that_fails_leaves_everything_in_its_place);
  ADD ("a-moved-sa-takes-the-place-of-a-placeholder",
       test_a_moved_sa_takes_the_place_of_a_placeholder);
  ADD ("use-is-told-and-what-is-gone-is-said", test_use_is_told_and_what_is_gone_is_said);
  ADD ("a-thousand-are-under-way-and-all-are-answered",
       test_a_thousand_are_under_way_and_all_are_answered);
  ADD ("requests-in-between-fail-when-the-plugin-stops",
       test_requests_in_between_fail_when_the_plugin_stops);
  result = g_test_run ();
  fake_clear ();
  clean = g_strdup_printf ("rm -rf '%s'", bed.state_dir);
  g_assert_cmpint (system (clean), ==, 0);
  g_free (bed.state_dir);
  return result;
}
