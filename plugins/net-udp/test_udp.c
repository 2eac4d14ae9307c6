/* SPDX-License-Identifier: Apache-2.0 */
/* test_udp.c - the sockets on the loopback interface: marker, source of answers, steering,
 * refusals. */
#include "config.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "udp.h"

enum { DEADLINE_MS = 5000, IKE_LEN = 60 };

typedef struct {
  Udp *udp;
  guint8 buckets[256];
  guint n_ike, n_esp, n_queued, n_warnings;
  guint count[UDP_N_COUNTS];
  guint shard; /* of the last IKE message */
  gboolean is_answering;
  IkeDatagram last;
  guint8 data[2048];
} Fixture;

static int
fake_input_shard (gpointer owner, const guint8 *data, gsize len)
{
  const Fixture *fixture = owner;
  SteerPlan plan = { .n_shards = 2 };
  guint index;
  memcpy (plan.buckets, fixture->buckets, sizeof plan.buckets);
  index = steer_decide (&plan, data, len);
  return index < 2 ? (int) index : -1;
}

static void
heard_ike (gpointer owner, guint shard, const IkeDatagram *datagram)
{
  Fixture *fixture = owner;
  fixture->n_ike++;
  fixture->shard = shard;
  fixture->last = *datagram;
  g_assert_cmpuint (datagram->len, <=, sizeof fixture->data);
  memcpy (fixture->data, datagram->data, datagram->len);
  if (fixture->is_answering) {
    IkeDatagram answer = *datagram;
    g_assert_true (udp_send (fixture->udp, shard, &answer));
  }
}

static void
heard_esp (gpointer owner, const IkeDatagram *datagrams, guint n)
{
  Fixture *fixture = owner;
  fixture->n_esp += n;
  fixture->last = datagrams[n - 1];
}

static void
heard_count (gpointer owner, UdpCount what, guint n)
{
  ((Fixture *) owner)->count[what] += n;
}

static void
heard_queued (gpointer owner, guint shard)
{
  ((Fixture *) owner)->n_queued++;
}

static void
heard_warning (gpointer owner, const char *text)
{
  ((Fixture *) owner)->n_warnings++;
}

static const UdpOwnerClass klass = { heard_ike,        heard_esp,    heard_count,
                                     fake_input_shard, heard_queued, heard_warning };

static UdpOptions
plain_options (Fixture *fixture)
{
  for (guint i = 0; i < 256; i++)
    fixture->buckets[i] = (guint8) ((i >> 3) & 1);
  return (UdpOptions){ .wants_ipv4 = TRUE,
                       .wants_steering = TRUE,
                       .n_shards = 2,
                       .buckets = fixture->buckets,
                       .max_packet = 2048 };
}

static void
fixture_open (Fixture *fixture, const UdpOptions *options)
{
  g_autoptr (GError) error = NULL;
  fixture->udp = udp_new (options, &klass, fixture, &error);
  g_assert_no_error (error);
}

/* Reads whatever is there until @enough of @what were heard. */
static void
read_until (Fixture *fixture, const guint *what, guint enough)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE_MS * 1000;
  while (*what < enough && g_get_monotonic_time () < deadline) {
    for (guint i = 0; i < fixture->udp->groups->len; i++) {
      UdpGroup *group = g_ptr_array_index (fixture->udp->groups, i);
      for (guint j = 0; j < group->n; j++)
        udp_read (&group->sockets[j]);
    }
  }
  g_assert_cmpuint (*what, ==, enough);
}

static int
client_new (const char *address, IkeAddr *bound)
{
  struct sockaddr_storage storage;
  socklen_t len;
  IkeAddr addr;
  int fd;
  g_assert_true (ike_addr_parse (&addr, address, NULL));
  fd = socket (addr.family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (fd, >=, 0);
  len = ike_addr_to_sockaddr (&addr, &storage);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &storage, len), ==, 0);
  len = sizeof storage;
  g_assert_cmpint (getsockname (fd, (struct sockaddr *) &storage, &len), ==, 0);
  g_assert_true (ike_addr_from_sockaddr (bound, (struct sockaddr *) &storage, len));
  return fd;
}

static void
client_send (int fd, const char *address, guint16 port, const void *data, gsize len)
{
  struct sockaddr_storage storage;
  IkeAddr to;
  socklen_t size;
  g_assert_true (ike_addr_parse (&to, address, NULL));
  to.port = port;
  size = ike_addr_to_sockaddr (&to, &storage);
  g_assert_cmpint (sendto (fd, data, len, 0, (struct sockaddr *) &storage, size), ==, (gssize) len);
}

static gssize
client_receive (int fd, void *out, gsize room, IkeAddr *from)
{
  struct pollfd poller = { .fd = fd, .events = POLLIN };
  struct sockaddr_storage storage;
  socklen_t size = sizeof storage;
  gssize len;
  g_assert_cmpint (poll (&poller, 1, DEADLINE_MS), ==, 1);
  len = recvfrom (fd, out, room, 0, (struct sockaddr *) &storage, &size);
  g_assert_true (ike_addr_from_sockaddr (from, (struct sockaddr *) &storage, size));
  return len;
}

/* @out: IKE_LEN bytes; of SPIs that begin with @initiator and @responder. */
static void
make_ike (guint8 *out, guint8 initiator, guint8 responder, gboolean is_from_initiator)
{
  memset (out, 0, IKE_LEN);
  out[0] = initiator;
  out[7] = 1;
  out[8] = responder;
  out[17] = 0x20;
  out[18] = 37;
  out[19] = is_from_initiator ? 0x08 : 0;
  out[27] = IKE_LEN;
}

static void
test_marker_is_taken_off_and_put_on (void)
{
  Fixture fixture = { .is_answering = TRUE };
  UdpOptions options = plain_options (&fixture);
  guint8 data[4 + IKE_LEN] = { 0 }, answer[128];
  IkeAddr own, from;
  int fd = client_new ("127.0.0.1", &own);
  fixture_open (&fixture, &options);
  make_ike (data + 4, 8, 9, TRUE);

  client_send (fd, "127.0.0.1", fixture.udp->marked, data, sizeof data);
  read_until (&fixture, &fixture.n_ike, 1);
  g_assert_cmpuint (fixture.last.flags, ==, IKE_NET_MARKED);
  g_assert_cmpmem (fixture.data, fixture.last.len, data + 4, IKE_LEN);
  g_assert_true (ike_addr_equal (&fixture.last.remote, &own));
  g_assert_cmpint (client_receive (fd, answer, sizeof answer, &from), ==, sizeof data);
  g_assert_cmpmem (answer, sizeof data, data, sizeof data);
  g_assert_cmpuint (from.port, ==, fixture.udp->marked);

  client_send (fd, "127.0.0.1", fixture.udp->plain, data + 4, IKE_LEN);
  read_until (&fixture, &fixture.n_ike, 2);
  g_assert_cmpuint (fixture.last.flags, ==, 0);
  g_assert_cmpint (client_receive (fd, answer, sizeof answer, &from), ==, IKE_LEN);
  g_assert_cmpmem (answer, IKE_LEN, data + 4, IKE_LEN);
  g_assert_cmpuint (from.port, ==, fixture.udp->plain);
  g_assert_cmpuint (fixture.count[UDP_COUNT_TX], ==, 2);
  close (fd);
  udp_free (fixture.udp);
}

static void
check_answers_leave_from (const char *client, const char *const *addresses)
{
  Fixture fixture = { .is_answering = TRUE };
  UdpOptions options = plain_options (&fixture);
  guint8 data[IKE_LEN], answer[128];
  IkeAddr own, from, expected;
  int fd = client_new (client, &own);
  options.wants_ipv4 = own.family == 4;
  options.wants_ipv6 = own.family == 6;
  fixture_open (&fixture, &options);
  make_ike (data, 1, 2, FALSE);
  for (guint i = 0; addresses[i]; i++) {
    client_send (fd, addresses[i], fixture.udp->plain, data, sizeof data);
    read_until (&fixture, &fixture.n_ike, i + 1);
    g_assert_cmpint (client_receive (fd, answer, sizeof answer, &from), ==, sizeof data);
    g_assert_true (ike_addr_parse (&expected, addresses[i], NULL));
    g_assert_true (ike_addr_same_host (&from, &expected));
    g_assert_true (ike_addr_same_host (&fixture.last.local, &expected));
    g_assert_cmpuint (fixture.last.local.port, ==, fixture.udp->plain);
  }
  close (fd);
  udp_free (fixture.udp);
}

static void
test_answer_leaves_from_where_the_request_came_to (void)
{
  check_answers_leave_from ("127.0.0.1",
                            (const char *const[]){ "127.0.0.2", "127.0.0.1", "127.1.2.3", NULL });
}

static gboolean
has_ipv6 (void)
{
  struct sockaddr_in6 loopback = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  int fd = socket (AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  gboolean is_there = fd >= 0 && bind (fd, (struct sockaddr *) &loopback, sizeof loopback) == 0;
  if (fd >= 0)
    close (fd);
  return is_there;
}

static void
test_ipv6_is_answered (void)
{
  if (!has_ipv6 ()) {
    g_test_skip ("no IPv6 on the loopback interface");
    return;
  }
  check_answers_leave_from ("::1", (const char *const[]){ "::1", NULL });
}

/* Random messages; the socket that got each is the one that the function names. */
static void
test_every_datagram_lands_where_the_function_says (void)
{
  Fixture fixture = { 0 };
  UdpOptions options = plain_options (&fixture);
  g_autoptr (GRand) rand = g_rand_new_with_seed (3948);
  IkeAddr own;
  int fd = client_new ("127.0.0.1", &own);
  fixture_open (&fixture, &options);
  for (guint i = 0; i < 400; i++) {
    guint8 data[4 + IKE_LEN] = { 0 };
    gboolean is_marked = g_rand_boolean (rand);
    const UdpGroup *group = g_ptr_array_index (fixture.udp->groups, is_marked ? 1 : 0);
    SteerPlan plan = { .is_marked = (guint8) is_marked, .n_shards = 2 };
    gsize len = is_marked ? sizeof data : IKE_LEN;
    struct pollfd poller = { .events = POLLIN };
    guint8 got[128];
    make_ike (is_marked ? data + 4 : data, (guint8) g_rand_int (rand),
              g_rand_boolean (rand) ? (guint8) g_rand_int (rand) : 0, g_rand_boolean (rand));
    if (is_marked && g_rand_int_range (rand, 0, 3) == 0)
      data[0] = (guint8) g_rand_int_range (rand, 1, 256);
    memcpy (plan.buckets, fixture.buckets, sizeof plan.buckets);
    g_assert_true (group->is_steered);
    client_send (fd, "127.0.0.1", group->address.port, data, len);
    poller.fd = group->sockets[steer_decide (&plan, data, len)].fd;
    g_assert_cmpint (poll (&poller, 1, DEADLINE_MS), ==, 1);
    g_assert_cmpint (recv (poller.fd, got, sizeof got, MSG_DONTWAIT), ==, (gssize) len);
  }
  close (fd);
  udp_free (fixture.udp);
}

static void
test_without_steering_nothing_is_lost (void)
{
  Fixture fixture = { 0 };
  UdpOptions options = plain_options (&fixture);
  guint8 data[4 + IKE_LEN] = { 0 };
  options.wants_steering = FALSE;
  fixture_open (&fixture, &options);
  g_assert_null (udp_esp_socket (fixture.udp, 0, 4));
  for (guint i = 0; i < 16;
       i++) { /* from many ports, so that the kernel's hash uses both sockets */
    IkeAddr own;
    int fd = client_new ("127.0.0.1", &own);
    make_ike (data + 4, 1, 8, TRUE);
    client_send (fd, "127.0.0.1", fixture.udp->marked, data, sizeof data);
    client_send (fd, "127.0.0.1", fixture.udp->marked, "\1esp", 5);
    close (fd);
  }
  read_until (&fixture, &fixture.n_ike, 16);
  read_until (&fixture, &fixture.n_esp, 16);
  g_assert_cmpuint (fixture.count[UDP_COUNT_RX], ==, 16);
  g_assert_cmpuint (fixture.count[UDP_COUNT_FORWARDED], >, 0);
  g_assert_cmpuint (fixture.count[UDP_COUNT_FORWARDED], <, 16);
  udp_free (fixture.udp);
}

static void
test_what_is_no_message_is_counted (void)
{
  Fixture fixture = { 0 };
  UdpOptions options = plain_options (&fixture);
  g_autofree guint8 *large = g_malloc0 (3000);
  IkeAddr own;
  int fd = client_new ("127.0.0.1", &own);
  fixture_open (&fixture, &options);
  client_send (fd, "127.0.0.1", fixture.udp->marked, "\xff", 1);
  client_send (fd, "127.0.0.1", fixture.udp->marked, "\0\0\0\0", 4);
  client_send (fd, "127.0.0.1", fixture.udp->plain, "", 0);
  client_send (fd, "127.0.0.1", fixture.udp->plain, large, 3000);
  read_until (&fixture, &fixture.count[UDP_COUNT_KEEPALIVE_RX], 1);
  read_until (&fixture, &fixture.count[UDP_COUNT_SHORT], 2);
  read_until (&fixture, &fixture.count[UDP_COUNT_TRUNCATED], 1);
  g_assert_cmpuint (fixture.n_ike + fixture.n_esp, ==, 0);
  close (fd);
  udp_free (fixture.udp);
}

static void
test_esp_goes_out_without_marker_and_keepalives_are_one_octet (void)
{
  Fixture fixture = { 0 };
  UdpOptions options = plain_options (&fixture);
  IkeDatagram esp[40] = { { 0 } };
  guint8 got[64];
  IkeAddr own, from;
  int fd = client_new ("127.0.0.1", &own);
  fixture_open (&fixture, &options);
  for (guint i = 0; i < G_N_ELEMENTS (esp); i++)
    esp[i] = (IkeDatagram){
      .struct_size = sizeof esp[i], .remote = own, .data = (const guint8 *) "\1ESP", .len = 4
    };
  g_assert_true (udp_esp_send (fixture.udp, esp, G_N_ELEMENTS (esp)));
  for (guint i = 0; i < G_N_ELEMENTS (esp); i++) {
    g_assert_cmpint (client_receive (fd, got, sizeof got, &from), ==, 4);
    g_assert_cmpmem (got, 4, "\1ESP", 4);
    g_assert_cmpuint (from.port, ==, fixture.udp->marked);
  }
  g_assert_true (udp_keepalive (fixture.udp, 1, &(IkeAddr){ 0 }, &own));
  g_assert_cmpint (client_receive (fd, got, sizeof got, &from), ==, 1);
  g_assert_cmpuint (got[0], ==, 0xff);
  close (fd);
  udp_free (fixture.udp);
}

static void
test_more_than_a_batch_is_sent (void)
{
  Fixture fixture = { 0 };
  UdpOptions options = plain_options (&fixture);
  IkeDatagram datagram = { .struct_size = sizeof datagram,
                           .data = (const guint8 *) "hello",
                           .len = 5 };
  guint8 got[64];
  IkeAddr from;
  int fd = client_new ("127.0.0.1", &datagram.remote);
  fixture_open (&fixture, &options);
  for (guint i = 0; i < 3 * UDP_BATCH; i++)
    g_assert_true (udp_send (fixture.udp, i & 1, &datagram));
  udp_flush (fixture.udp, 0);
  udp_flush (fixture.udp, 1);
  for (guint i = 0; i < 3 * UDP_BATCH; i++)
    g_assert_cmpint (client_receive (fd, got, sizeof got, &from), ==, 5);
  g_assert_cmpuint (fixture.count[UDP_COUNT_TX], ==, 3 * UDP_BATCH);
  g_assert_cmpuint (fixture.n_queued, >=, 2);
  close (fd);
  udp_free (fixture.udp);
}

static void
test_second_daemon_is_told_what_to_do (void)
{
  Fixture first = { 0 }, second = { 0 };
  UdpOptions options = plain_options (&first);
  g_autoptr (GError) error = NULL;
  fixture_open (&first, &options);
  options.plain = first.udp->plain;
  g_assert_null (udp_new (&options, &klass, &second, &error));
  g_assert_error (error, IKE_ERROR, IKE_ERROR_SYSTEM);
  g_assert_nonnull (strstr (error->message, "is in use"));
  g_assert_nonnull (strstr (error->message, "plugins.net-udp.port "));
  udp_free (first.udp);
}

static void
test_foreign_address_is_refused (void)
{
  Fixture fixture = { 0 };
  UdpOptions options = plain_options (&fixture);
  g_autoptr (GError) error = NULL;
  IkeAddr address;
  g_assert_true (ike_addr_parse (&address, "192.0.2.99", NULL));
  options.addresses = &address;
  options.n_addresses = 1;
  g_assert_null (udp_new (&options, &klass, &fixture, &error));
  g_assert_nonnull (strstr (error->message, "192.0.2.99 is no address of this machine"));
}

static void
test_restricted_addresses_answer_from_their_own (void)
{
  Fixture fixture = { .is_answering = TRUE };
  UdpOptions options = plain_options (&fixture);
  guint8 data[IKE_LEN], answer[128];
  IkeAddr addresses[2], own, from;
  int fd = client_new ("127.0.0.1", &own);
  g_assert_true (ike_addr_parse (&addresses[0], "127.0.0.5", NULL));
  g_assert_true (ike_addr_parse (&addresses[1], "127.0.0.6", NULL));
  options.addresses = addresses;
  options.n_addresses = 2;
  fixture_open (&fixture, &options);
  g_assert_cmpuint (fixture.udp->groups->len, ==, 4);
  make_ike (data, 1, 2, FALSE);
  client_send (fd, "127.0.0.6", fixture.udp->plain, data, sizeof data);
  read_until (&fixture, &fixture.n_ike, 1);
  client_receive (fd, answer, sizeof answer, &from);
  g_assert_true (ike_addr_same_host (&from, &addresses[1]));
  close (fd);
  udp_free (fixture.udp);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/net-udp/marker-is-taken-off-and-put-on", test_marker_is_taken_off_and_put_on);
  g_test_add_func ("/net-udp/answer-leaves-from-where-the-request-came-to",
                   test_answer_leaves_from_where_the_request_came_to);
  g_test_add_func ("/net-udp/ipv6-is-answered", test_ipv6_is_answered);
  g_test_add_func ("/net-udp/every-datagram-lands-where-the-function-says",
                   test_every_datagram_lands_where_the_function_says);
  g_test_add_func ("/net-udp/without-steering-nothing-is-lost",
                   test_without_steering_nothing_is_lost);
  g_test_add_func ("/net-udp/what-is-no-message-is-counted", test_what_is_no_message_is_counted);
  g_test_add_func ("/net-udp/esp-goes-out-without-marker-and-keepalives-are-one-octet",
                   test_esp_goes_out_without_marker_and_keepalives_are_one_octet);
  g_test_add_func ("/net-udp/more-than-a-batch-is-sent", test_more_than_a_batch_is_sent);
  g_test_add_func ("/net-udp/second-daemon-is-told-what-to-do",
                   test_second_daemon_is_told_what_to_do);
  g_test_add_func ("/net-udp/foreign-address-is-refused", test_foreign_address_is_refused);
  g_test_add_func ("/net-udp/restricted-addresses-answer-from-their-own",
                   test_restricted_addresses_answer_from_their_own);
  return g_test_run ();
}
