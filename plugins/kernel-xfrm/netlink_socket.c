/* SPDX-License-Identifier: Apache-2.0 */
/* netlink_socket.c - netlink sockets, the words of the kernel's errors, and one question at a time
 * for those who may wait. */
#include "config.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/netlink.h>
#include <ikebana/secret.h>
#include "netlink.h"

enum { ANSWER_MAX = 32 * 1024, PATIENCE_MS = 10000, RECEIVE_BUFFER = 4 * 1024 * 1024 };

/* Only the kernel is listened to: any process may send to a netlink socket that it knows of. */
static gssize
kernel_receive (int fd, void *data, gsize size)
{
  struct sockaddr_nl from = { 0 };
  struct iovec part = { data, size };
  struct msghdr header
    = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1 };
  gssize got;
  do
    got = recvmsg (fd, &header, MSG_DONTWAIT);
  while (got >= 0 && from.nl_pid != 0);
  if (got >= 0 && header.msg_flags & MSG_TRUNC) {
    errno = EMSGSIZE;
    return -1;
  }
  return got;
}

static gssize
kernel_send (int fd, const void *data, gsize len)
{
  struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
  return sendto (fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *) &kernel,
                 sizeof kernel);
}

const NetlinkIo netlink_kernel_io = { kernel_send, kernel_receive };

int
netlink_socket (int bus, GError **error)
{
  struct sockaddr_nl own = { .nl_family = AF_NETLINK };
  int fd = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, bus), one = 1,
      room = RECEIVE_BUFFER;
  if (fd < 0 || bind (fd, (struct sockaddr *) &own, sizeof own) < 0) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot open a netlink socket (%d): %s", bus,
                 g_strerror (errno));
    if (fd >= 0)
      close (fd);
    return -1;
  }
  /* Kernels before 4.3 and 4.12 have neither: answers are longer then, and errors have no words. */
  (void) setsockopt (fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
  (void) setsockopt (fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
  if (setsockopt (fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
    (void) setsockopt (fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  return fd;
}

/* -- errors */

static const char *
words_of (const struct nlmsghdr *message, const struct nlmsgerr *body)
{
  gsize skip = sizeof *body;
  const struct nlattr *attribute;
  if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
    return NULL;
  if (!(message->nlmsg_flags & NLM_F_CAPPED) && body->msg.nlmsg_len > sizeof body->msg)
    skip += NLMSG_ALIGN (body->msg.nlmsg_len - sizeof body->msg);
  if (NLMSG_HDRLEN + skip > message->nlmsg_len)
    return NULL;
  mnl_attr_for_each (attribute, message, skip)
    if (mnl_attr_get_type (attribute) == NLMSGERR_ATTR_MSG
        && mnl_attr_validate (attribute, MNL_TYPE_NUL_STRING) >= 0)
      return mnl_attr_get_str (attribute);
  return NULL;
}

int
netlink_error (const struct nlmsghdr *message, char *reason, gsize reason_size)
{
  const struct nlmsgerr *body = netlink_body (message, sizeof *body);
  const char *words = body ? words_of (message, body) : NULL;
  int error = !body ? EBADMSG : body->error > 0 || body->error < -4095 ? EBADMSG : -body->error;
  if (error && words)
    g_snprintf (reason, reason_size, "%s (%s)", words, g_strerror (error));
  else
    g_strlcpy (reason, error ? g_strerror (error) : "", reason_size);
  return error;
}

/* -- parts of messages */

const void *
netlink_body (const struct nlmsghdr *message, gsize len)
{
  return message->nlmsg_len >= NLMSG_HDRLEN + len ? mnl_nlmsg_get_payload (message) : NULL;
}

void
netlink_attributes (const struct nlmsghdr *message, gsize len, const struct nlattr **table,
                    guint max)
{
  /* Not mnl_attr_for_each(): it takes the length of the message as rounded up. */
  const char *end = (const char *) message + message->nlmsg_len;
  const struct nlattr *attribute;
  memset (table, 0, (max + 1) * sizeof *table);
  if (message->nlmsg_len < NLMSG_HDRLEN + NLMSG_ALIGN (len))
    return;
  for (attribute = mnl_nlmsg_get_payload_offset (message, len);
       mnl_attr_ok (attribute, (int) (end - (const char *) attribute));
       attribute = mnl_attr_next (attribute))
    if (mnl_attr_get_type (attribute) <= max)
      table[mnl_attr_get_type (attribute)] = attribute;
}

const void *
netlink_content (const struct nlattr *attribute, gsize len)
{
  return attribute && mnl_attr_get_payload_len (attribute) >= len ? mnl_attr_get_payload (attribute)
                                                                  : NULL;
}

/* -- waiting */

typedef struct {
  guint32           sequence;
  struct nlmsghdr **answer;
  char             *reason;
  gsize             reason_size;
  int               result;                   /* -1: not yet */
} Wait;

static void
take (Wait *wait, const struct nlmsghdr *message)
{
  if (message->nlmsg_seq != wait->sequence)
    return;
  if (message->nlmsg_type == NLMSG_ERROR)
    wait->result = netlink_error (message, wait->reason, wait->reason_size);
  else if (wait->answer && !*wait->answer)
    *wait->answer = g_memdup2 (message, message->nlmsg_len);
}

static int
fail (Wait *wait, int error)
{
  g_strlcpy (wait->reason, g_strerror (error), wait->reason_size);
  return error;
}

static int
wait_for (int fd, const NetlinkIo *io, Wait *wait)
{
  g_autofree guint8 *buffer = g_malloc (ANSWER_MAX);
  while (wait->result < 0) {
    struct pollfd poll_fd = { fd, POLLIN, 0 };
    const struct nlmsghdr *message = (const void *) buffer;
    int n = poll (&poll_fd, 1, PATIENCE_MS), left;
    gssize got;
    if (n == 0)
      return fail (wait, ETIMEDOUT);
    got = io->receive (fd, buffer, ANSWER_MAX);
    if (got == 0)
      return fail (wait, ECONNRESET);
    if (got < 0 && errno != EINTR && errno != EAGAIN)
      return fail (wait, errno);
    for (left = (int) got; left > 0 && mnl_nlmsg_ok (message, left);
         message = mnl_nlmsg_next (message, &left))
      take (wait, message);
    ike_wipe (buffer, got > 0 ? (gsize) got : 0);
  }
  return wait->result;
}

int
netlink_ask_now (int fd, const NetlinkIo *io, const struct nlmsghdr *message,
                 struct nlmsghdr **answer, char *reason, gsize reason_size)
{
  struct nlmsghdr *copy = g_memdup2 (message, message->nlmsg_len);
  Wait wait = { message->nlmsg_seq, answer, reason, reason_size, -1 };
  gsize len = message->nlmsg_len;
  int result;
  if (answer)
    *answer = NULL;
  if (!io)
    io = &netlink_kernel_io;
  copy->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
  result = io->send (fd, copy, len) < 0 ? fail (&wait, errno) : wait_for (fd, io, &wait);
  ike_wipe (copy, len);
  g_free (copy);
  return result;
}
