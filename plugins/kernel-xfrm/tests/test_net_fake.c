/* SPDX-License-Identifier: Apache-2.0 */
/* test_net_fake.c - tests kernel:net against a kernel that a test plays: what it refuses, what it
 * answers late, and what it answers wrongly.  No privileges are needed. */
#include "config.h"
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/rtnetlink.h>
#include <ikebana/engine.h>
#include "../net_private.h"

enum { PATIENCE_S = 60 };

/* What the kernel says to a kind of request from now on. */
typedef struct {
  int        error;                           /* errno */
  gboolean   is_silent;
} Verdict;

static struct {
  pthread_t   kernel_thread, thread;
  int         ours, theirs;
  pthread_mutex_t lock;                       /* the kernel's thread, the loop's and the test's */
  Verdict     verdicts[RTM_MAX + 1];
  GString    *asked;                          /* "newlink getlink …" */
  gboolean    answers_garbage;
  int         fail_setlink;                   /* errno for what changes a link that is there */
  struct nlmsghdr *kept;                      /* a request that was not answered */
  IkeEngine  *engine;
  KernelXfrm  kernel;
  atomic_int  is_up, may_end;
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* -- the kernel */

static const char *
name_of (guint16 type)
{
  switch (type) {
  case RTM_NEWLINK: return "newlink";
  case RTM_DELLINK: return "dellink";
  case RTM_GETLINK: return "getlink";
  case RTM_NEWADDR: return "newaddr";
  case RTM_DELADDR: return "deladdr";
  case RTM_NEWROUTE: return "newroute";
  case RTM_DELROUTE: return "delroute";
  case RTM_GETROUTE: return "getroute";
  case RTM_NEWRULE: return "newrule";
  case RTM_DELRULE: return "delrule";
  default: return "other";
  }
}

static void
say (const void *data, gsize len)
{
  g_assert_cmpint (send (fake.theirs, data, len, 0), ==, (gssize) len);
}

static void
acknowledge (const struct nlmsghdr *request, int error)
{
  struct { struct nlmsghdr header; struct nlmsgerr body; } answer = {
    .header = { sizeof answer, NLMSG_ERROR, 0, request->nlmsg_seq, 0 },
    .body = { -error, *request },
  };
  say (&answer, sizeof answer);
}

static void
end_dump (const struct nlmsghdr *request)
{
  struct { struct nlmsghdr header; gint32 result; } answer
      = { .header = { sizeof answer, NLMSG_DONE, NLM_F_MULTI, request->nlmsg_seq, 0 } };
  say (&answer, sizeof answer);
}

static void
tell_link (const struct nlmsghdr *request, const char *name, guint32 index)
{
  guint8 buffer[NET_MESSAGE_SIZE] = { 0 };
  struct nlmsghdr *message = mnl_nlmsg_put_header (buffer);
  struct ifinfomsg *body = mnl_nlmsg_put_extra_header (message, sizeof *body);
  message->nlmsg_type = RTM_NEWLINK;
  message->nlmsg_seq = request->nlmsg_seq;
  body->ifi_index = (int) index;
  mnl_attr_put_strz (message, IFLA_IFNAME, name);
  if (fake.answers_garbage)
    message->nlmsg_len = NLMSG_HDRLEN + 3;
  say (buffer, message->nlmsg_len);
}

static void
answer (const struct nlmsghdr *request)
{
  gboolean is_get = request->nlmsg_type % 4 == 2;
  gboolean is_dump = is_get && (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  Verdict verdict = fake.verdicts[MIN (request->nlmsg_type, RTM_MAX)];
  if (is_dump) {
    if (request->nlmsg_type == RTM_GETLINK) {
      tell_link (request, "lo", 1);
      tell_link (request, "eth0", 2);
    }
    end_dump (request);
    return;
  }
  g_string_append_printf (fake.asked, "%s ", name_of (request->nlmsg_type));
  if (request->nlmsg_type == RTM_NEWLINK && !(request->nlmsg_flags & NLM_F_CREATE))
    verdict = (Verdict) { fake.fail_setlink, FALSE };
  if (verdict.is_silent) {
    g_free (fake.kept);
    fake.kept = g_memdup2 (request, request->nlmsg_len);
    return;
  }
  if (request->nlmsg_type == RTM_GETLINK && !verdict.error)
    tell_link (request, "ike-1", 9);
  acknowledge (request, verdict.error);
}

static void *
play_kernel (void *data)
{
  guint8 buffer[65536];
  ssize_t got;
  while ((got = recv (fake.theirs, buffer, sizeof buffer, 0)) > 0) {
    const struct nlmsghdr *message = (const void *) buffer;
    int left = (int) got;
    pthread_mutex_lock (&fake.lock);
    for (; mnl_nlmsg_ok (message, left); message = mnl_nlmsg_next (message, &left))
      answer (message);
    pthread_mutex_unlock (&fake.lock);
  }
  return NULL;
}

static gssize
send_there (int fd, const void *data, gsize len)
{
  return send (fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static gssize
receive_there (int fd, void *data, gsize size)
{
  return recv (fd, data, size, MSG_DONTWAIT);
}

static const NetlinkIo io = { send_there, receive_there };

/* -- the engine */

void
ike_kernel_net_changed (IkePlugin *self, const IkeKernelNetEvent *event)
{
}

static gboolean
until (gboolean (*is_so) (gconstpointer data), gconstpointer data)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_S * G_USEC_PER_SEC;
  while (!is_so (data) && g_get_monotonic_time () < deadline)
    usleep (1000);
  return is_so (data);
}

static gboolean
is_set (gconstpointer flag)
{
  return atomic_load ((atomic_int *) flag) != 0;
}

static gboolean
was_asked (gconstpointer text)
{
  gboolean is_so;
  pthread_mutex_lock (&fake.lock);
  is_so = strcmp (fake.asked->str, text) == 0;
  pthread_mutex_unlock (&fake.lock);
  return is_so;
}

#define assert_asked(text)                                                                         \
  if (!until (was_asked, text))                                                                    \
  g_error ("asked: %s", fake.asked->str)

static gboolean
activate (IkePlugin *self, GError **error)
{
  static const NetOptions options = { .installs_routes = TRUE, .table = 220, .priority = 220 };
  fake.kernel = (KernelXfrm) { .plugin = self, .engine = ike_plugin_engine (self) };
  ike_plugin_set_state (self, &fake.kernel, NULL);
  fake.kernel.loop = ike_loop_new (self, "netlink", error);
  fake.kernel.net
      = net_new_with (&fake.kernel, &options,
                      netlink_new (fake.kernel.loop, fake.ours, &io, NULL, NULL));
  net_start (fake.kernel.net);
  return TRUE;
}

static void
deactivate (IkePlugin *self)
{
  net_stop (fake.kernel.net);
  ike_loop_free (fake.kernel.loop);
  net_free (fake.kernel.net);
}

static const IkeFeature feature
    = { .struct_size = sizeof (IkeFeature), .provides = "kernel:net", .ops = &net_class };
static const IkeFeature *const features[] = { &feature, NULL };
static const IkePluginInfo plugin = { .struct_size = sizeof (IkePluginInfo),
                                      .abi_major = IKE_ABI_MAJOR,
                                      .abi_minor = IKE_ABI_MINOR,
                                      .name = "net-fake",
                                      .version = "1",
                                      .license = "Apache-2.0",
                                      .summary = "kernel:net in a test",
                                      .features = features,
                                      .activate = activate,
                                      .deactivate = deactivate };

static void *
live (void *data)
{
  static const IkePluginInfo *const builtin[] = { &plugin, NULL };
  static const char *const plugins[] = { "net-fake", NULL };
  IkeEngineOptions options = { .struct_size = sizeof options,
                               .flags = IKE_ENGINE_NO_CONFIG,
                               .n_shards = 1,
                               .plugin_dir = "/nonexistent",
                               .plugins = plugins,
                               .builtin = builtin,
                               .catalog_file = "/nonexistent",
                               .settings = "" };
  g_autoptr (GError) error = NULL;
  fake.engine = ike_engine_new (&options, &error);
  g_assert_no_error (error);
  ike_engine_start (fake.engine, &error);
  g_assert_no_error (error);
  atomic_store (&fake.is_up, 1);
  ike_engine_run (fake.engine);
  g_assert_true (until (is_set, &fake.may_end));
  ike_engine_free (fake.engine);
  return NULL;
}

static void
begin (void)
{
  int ends[2];
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, ends), ==, 0);
  fake.ours = ends[0];
  fake.theirs = ends[1];
  fake.asked = g_string_new (NULL);
  fake.answers_garbage = FALSE;
  fake.fail_setlink = 0;
  fake.kept = NULL;
  memset (fake.verdicts, 0, sizeof fake.verdicts);
  atomic_store (&fake.is_up, 0);
  atomic_store (&fake.may_end, 0);
  g_assert_cmpint (pthread_create (&fake.kernel_thread, NULL, play_kernel, NULL), ==, 0);
  g_assert_cmpint (pthread_create (&fake.thread, NULL, live, NULL), ==, 0);
  g_assert_true (until (is_set, &fake.is_up));
}

static void
end (void)
{
  ike_engine_quit (fake.engine);
  atomic_store (&fake.may_end, 1);
  pthread_join (fake.thread, NULL);
  pthread_join (fake.kernel_thread, NULL);
  close (fake.theirs);
  g_string_free (fake.asked, TRUE);
  g_free (fake.kept);
}

static void
rule_that (guint16 type, int error, gboolean is_silent)
{
  pthread_mutex_lock (&fake.lock);
  fake.verdicts[type] = (Verdict) { error, is_silent };
  pthread_mutex_unlock (&fake.lock);
}

/* -- one child with an interface, and the address of another */

typedef struct {
  IkeKernelSa    sa;
  IkeKernelBatch batch;
  char          *error;
  atomic_int     is_done, is_begun;
} Child;

static void
child_init (Child *child)
{
  memset (child, 0, sizeof *child);
  child->sa = (IkeKernelSa) { .struct_size = sizeof (IkeKernelSa),
                              .flags = IKE_KERNEL_MAKE_INTERFACE,
                              .if_id = 65537,
                              .link_name = "ike-1" };
  child->batch = (IkeKernelBatch) { sizeof (IkeKernelBatch), 1, 0, &child->sa, NULL };
}

static void
child_done (gpointer data, const char *error)
{
  Child *child = data;
  child->error = g_strdup (error);
  atomic_store (&child->is_done, 1);
}

static void
need_child (gpointer data)
{
  Child *child = data;
  net_need (fake.kernel.net, &child->batch, child_done, child);
  atomic_store (&child->is_begun, 1);
}

static void
drop_child (gpointer data)
{
  Child *child = data;
  net_drop (fake.kernel.net, &child->batch);
  atomic_store (&child->is_begun, 1);
}

static void
on_loop (Child *child, IkeFunc what)
{
  atomic_store (&child->is_begun, 0);
  ike_loop_post (fake.kernel.loop, what, child, NULL);
  g_assert_true (until (is_set, &child->is_begun));
}

static const char *
need (Child *child)
{
  g_free (child->error);
  atomic_store (&child->is_done, 0);
  on_loop (child, need_child);
  g_assert_true (until (is_set, &child->is_done));
  return child->error;
}

static void
test_interface (void)
{
  Child child;
  child_init (&child);
  begin ();
  g_assert_cmpstr (need (&child), ==, NULL);
  on_loop (&child, drop_child);
  assert_asked ("newlink getlink newlink dellink ");
  end ();
}

static void
test_refused (void)
{
  Child child;
  child_init (&child);
  begin ();
  rule_that (RTM_NEWLINK, EPERM, FALSE);
  g_assert_cmpstr (need (&child), ==,
                   "cannot make interface ike-1 (interface ID 65537): Operation not permitted");
  rule_that (RTM_NEWLINK, EEXIST, FALSE);
  g_assert_nonnull (strstr (need (&child), "there is another interface of this name"));
  rule_that (RTM_NEWLINK, EOPNOTSUPP, FALSE);
  g_assert_nonnull (strstr (need (&child), "CONFIG_XFRM_INTERFACE"));
  /* Nothing was kept: the next one begins anew. */
  rule_that (RTM_NEWLINK, 0, FALSE);
  g_assert_cmpstr (need (&child), ==, NULL);
  assert_asked ("newlink newlink newlink newlink getlink newlink ");
  end ();
}

static void
test_stays_down (void)
{
  Child child;
  child_init (&child);
  begin ();
  fake.fail_setlink = ENOMEM;
  g_assert_cmpstr (need (&child), ==,
                   "cannot make interface ike-1 (interface ID 65537): it does not come up: Cannot "
                   "allocate memory");
  assert_asked ("newlink getlink newlink dellink ");
  g_free (child.error);
  end ();
}

static void
test_garbage (void)
{
  Child child;
  child_init (&child);
  begin ();
  /* Once it is ready. */
  g_assert_cmpstr (need (&child), ==, NULL);
  on_loop (&child, drop_child);
  assert_asked ("newlink getlink newlink dellink ");
  fake.answers_garbage = TRUE;
  g_assert_nonnull (strstr (need (&child), "it is not there"));
  g_free (child.error);
  end ();
}

static gboolean
has_kept (gconstpointer unused)
{
  gboolean is_so;
  pthread_mutex_lock (&fake.lock);
  is_so = fake.kept != NULL;
  pthread_mutex_unlock (&fake.lock);
  return is_so;
}

static void
answer_late (int error)
{
  g_assert_true (until (has_kept, NULL));
  pthread_mutex_lock (&fake.lock);
  memset (fake.verdicts, 0, sizeof fake.verdicts);
  acknowledge (fake.kept, error);
  pthread_mutex_unlock (&fake.lock);
}

/* The second waits for the first, and has what becomes of it. */
static void
test_two_wait (int error, const char *asked)
{
  Child child, other;
  child_init (&child);
  child_init (&other);
  begin ();
  rule_that (RTM_NEWLINK, 0, TRUE);
  on_loop (&child, need_child);
  on_loop (&other, need_child);
  g_assert_true (until (has_kept, NULL));
  g_assert_false (is_set (&child.is_done) || is_set (&other.is_done));
  answer_late (error);
  g_assert_true (until (is_set, &child.is_done) && until (is_set, &other.is_done));
  g_assert_cmpint (child.error != NULL, ==, error != 0);
  g_assert_cmpstr (child.error, ==, other.error);
  if (!error) {
    on_loop (&child, drop_child);
    on_loop (&other, drop_child);
  }
  assert_asked (asked);
  g_free (child.error);
  g_free (other.error);
  end ();
}

static void
test_two_wait_well (void)
{
  test_two_wait (0, "newlink getlink newlink dellink ");
}

static void
test_two_wait_in_vain (void)
{
  test_two_wait (EPERM, "newlink ");
}

/* Who waits when the plugin ends is told. */
static void
test_end_while_waiting (void)
{
  Child child;
  child_init (&child);
  begin ();
  rule_that (RTM_NEWLINK, 0, TRUE);
  on_loop (&child, need_child);
  g_assert_true (until (has_kept, NULL));
  end ();
  g_assert_true (is_set (&child.is_done));
  g_assert_nonnull (strstr (child.error, "cannot make interface ike-1"));
  g_free (child.error);
}

/* -- addresses */

typedef struct {
  char      *error;
  atomic_int is_answered;
} Question;

static void
then (gpointer owner, gpointer data, gpointer result, const char *error)
{
  Question *question = owner;
  question->error = g_strdup (error);
  atomic_store (&question->is_answered, 1);
}

static const IkeCallClass call_class = { .struct_size = sizeof (IkeCallClass),
                                         .name = "test",
                                         .timeout_ms = PATIENCE_S * 1000,
                                         .then = then };

static void
add_address (gpointer data)
{
  IkeAddr addr;
  g_assert_true (ike_addr_parse (&addr, "10.9.0.5", NULL));
  net_class.add_address (fake.kernel.plugin,
                         ike_loop_call (ike_engine_control (fake.engine), &call_class, data, NULL),
                         &addr, 32, "eth0");
}

static void
test_address_refused (void)
{
  Question question = { 0 };
  begin ();
  rule_that (RTM_NEWADDR, EPERM, FALSE);
  ike_loop_post (ike_engine_control (fake.engine), add_address, &question, NULL);
  g_assert_true (until (is_set, &question.is_answered));
  g_assert_cmpstr (question.error, ==,
                   "cannot add address 10.9.0.5/32 to interface eth0: Operation not permitted");
  assert_asked ("newaddr ");
  g_free (question.error);
  end ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/net-fake/an-interface-is-made-and-removed", test_interface);
  g_test_add_func ("/net-fake/a-refusal-leaves-nothing", test_refused);
  g_test_add_func ("/net-fake/an-interface-that-stays-down-is-removed", test_stays_down);
  g_test_add_func ("/net-fake/a-wrong-answer-is-an-error", test_garbage);
  g_test_add_func ("/net-fake/two-wait-for-one-interface", test_two_wait_well);
  g_test_add_func ("/net-fake/two-wait-for-one-in-vain", test_two_wait_in_vain);
  g_test_add_func ("/net-fake/who-waits-at-the-end-is-told", test_end_while_waiting);
  g_test_add_func ("/net-fake/a-refused-address-is-named", test_address_refused);
  return g_test_run ();
}
