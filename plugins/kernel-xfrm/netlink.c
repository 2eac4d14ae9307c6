/* SPDX-License-Identifier: Apache-2.0 */
/* netlink.c - many questions to the kernel at a time, told apart by their sequence numbers. */
#include "config.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/netlink.h>
#include <ikebana/log.h>
#include <ikebana/secret.h>
#include "netlink.h"

enum {
  SEND_SIZE = 32 * 1024,
  RECEIVE_SIZE = 64 * 1024,
  READS_PER_TURN = 512,
  RETRY_MS = 10,
  DUMP_TRIES = 8,
};

typedef struct _Question Question;
struct _Question {
  Question        *next;                      /* of those that were not sent */
  guint32          sequence;
  guint8           n_tries;                   /* of a dump */
  gboolean         is_dump, is_interrupted;
  NetlinkEach      each;
  NetlinkDone      done;
  gpointer         data;
  struct nlmsghdr *message, *answer;
};

struct _Netlink {
  IkeLoop               *loop;
  IkeWatch              *watch;
  IkeTimer              *retry;
  int                    fd;
  const NetlinkIo       *io;
  const NetlinkListener *listener;            /* NULL: for requests */
  gpointer               listener_data;
  GHashTable            *sent;                /* sequence → Question */
  Question              *first, **last;       /* not sent */
  guint                  n_unsent, n_corks;
  guint32                sequence;
  gboolean               is_dumping, is_busy, is_lost, is_closed;
  guint8                *send_buffer, *receive_buffer;
};

static void
question_free (gpointer data)
{
  Question *question = data;
  ike_wipe (question->message, question->message->nlmsg_len);
  g_free (question->message);
  if (question->answer)
    ike_wipe (question->answer, question->answer->nlmsg_len);
  g_free (question->answer);
  g_free (question);
}

/* It is in no list any more. */
static void
finish (Netlink *netlink, Question *question, int error, const char *reason)
{
  NetlinkAnswer answer = { error, error ? reason : NULL, error ? NULL : question->answer };
  if (question->is_dump && question->n_tries)
    netlink->is_dumping = FALSE;
  if (question->done)
    question->done (question->data, &answer);
  question_free (question);
}

/* -- sending */

static void
enqueue (Netlink *netlink, Question *question)
{
  question->next = NULL;
  *netlink->last = question;
  netlink->last = &question->next;
  netlink->n_unsent++;
}

static Question *
dequeue (Netlink *netlink)
{
  Question *question = netlink->first;
  netlink->first = question->next;
  if (!netlink->first)
    netlink->last = &netlink->first;
  netlink->n_unsent--;
  return question;
}

/* One socket has one dump at a time. */
static gsize
gather (Netlink *netlink, guint *n)
{
  guint room = NETLINK_FLIGHT_MAX - MIN (g_hash_table_size (netlink->sent), NETLINK_FLIGHT_MAX);
  gsize len = 0;
  for (const Question *question = netlink->first; question && *n < room;
       question = question->next) {
    gsize more = NLMSG_ALIGN (question->message->nlmsg_len);
    if ((question->is_dump && (netlink->is_dumping || *n)) || len + more > SEND_SIZE)
      break;
    memcpy (netlink->send_buffer + len, question->message, question->message->nlmsg_len);
    memset (netlink->send_buffer + len + question->message->nlmsg_len, 0,
            more - question->message->nlmsg_len);
    len += more;
    (*n)++;
    if (question->is_dump)
      break;
  }
  return len;
}

static void
fail_unsent (Netlink *netlink, guint n, int error)
{
  while (n-- > 0)
    finish (netlink, dequeue (netlink), error, g_strerror (error));
}

static void retry (gpointer data);

/* FALSE when nothing more can be sent for now. */
static gboolean
send_some (Netlink *netlink)
{
  guint n = 0;
  gsize len = gather (netlink, &n);
  gssize sent;
  int why;
  if (!n || netlink->retry)
    return FALSE;
  do
    sent = netlink->io->send (netlink->fd, netlink->send_buffer, len);
  while (sent < 0 && errno == EINTR);
  why = errno;
  ike_wipe (netlink->send_buffer, len);
  if (sent < 0 && (why == ENOBUFS || why == EAGAIN || why == ENOMEM)) {
    netlink->retry = ike_loop_timer_add (netlink->loop, RETRY_MS, retry, netlink, NULL);
    return FALSE;
  }
  if (sent < 0) {
    fail_unsent (netlink, n, why);
    return TRUE;
  }
  while (n-- > 0) {
    Question *question = dequeue (netlink);
    if (question->is_dump) {
      netlink->is_dumping = TRUE;
      question->n_tries++;
    }
    g_hash_table_insert (netlink->sent, GUINT_TO_POINTER (question->sequence), question);
  }
  return TRUE;
}

/* -- reading */

static void
fail_sent (Netlink *netlink, gboolean with_dumps, int error, const char *reason)
{
  GList *sequences = g_hash_table_get_keys (netlink->sent);
  for (GList *at = sequences; at; at = at->next) {
    Question *question = g_hash_table_lookup (netlink->sent, at->data);
    if (!question || (question->is_dump && !with_dumps))
      continue;
    g_hash_table_remove (netlink->sent, at->data);
    finish (netlink, question, error, reason);
  }
  g_list_free (sequences);
}

static void
end_dump (Netlink *netlink, Question *question, const struct nlmsghdr *message)
{
  const gint32 *result = netlink_body (message, sizeof *result);
  if (result && *result < 0) {
    finish (netlink, question, -*result, g_strerror (-*result));
    return;
  }
  if (question->is_interrupted && question->n_tries < DUMP_TRIES) {
    question->is_interrupted = FALSE;
    netlink->is_dumping = FALSE;
    enqueue (netlink, question);
    return;
  }
  finish (netlink, question, question->is_interrupted ? EINTR : 0, g_strerror (EINTR));
}

static void
take_answer (Netlink *netlink, const struct nlmsghdr *message)
{
  gpointer key = GUINT_TO_POINTER (message->nlmsg_seq);
  Question *question = g_hash_table_lookup (netlink->sent, key);
  char reason[256];
  int error;
  if (!question)
    return;
  if (message->nlmsg_flags & NLM_F_DUMP_INTR)
    question->is_interrupted = TRUE;
  if (message->nlmsg_type == NLMSG_ERROR) {
    error = netlink_error (message, reason, sizeof reason);
    g_hash_table_remove (netlink->sent, key);
    finish (netlink, question, error, reason);
  } else if (message->nlmsg_type == NLMSG_DONE && question->is_dump) {
    g_hash_table_remove (netlink->sent, key);
    end_dump (netlink, question, message);
  } else if (question->is_dump)
    question->each (question->data, message);
  else if (!question->answer && message->nlmsg_type >= NLMSG_MIN_TYPE)
    question->answer = g_memdup2 (message, message->nlmsg_len);
}

static void
take_datagram (Netlink *netlink, gsize len)
{
  const struct nlmsghdr *message = (const void *) netlink->receive_buffer;
  int left = (int) len;
  for (; mnl_nlmsg_ok (message, left); message = mnl_nlmsg_next (message, &left)) {
    if (!netlink->listener)
      take_answer (netlink, message);
    else if (message->nlmsg_type >= NLMSG_MIN_TYPE)
      netlink->listener->event (netlink->listener_data, message);
  }
  ike_wipe (netlink->receive_buffer, len);
}

/* The kernel answers a request while it is sent.  So when everything that it could tell us was
 * read, what has no answer yet will get none; a dump goes on, for it waits for room. */
static void
after_loss (Netlink *netlink)
{
  netlink->is_lost = FALSE;
  if (netlink->listener)
    netlink->listener->lost (netlink->listener_data);
  else
    fail_sent (netlink, FALSE, ENOBUFS, "the kernel's answer was lost, it had no memory for it");
}

static void
close_socket (Netlink *netlink, int error)
{
  netlink->is_closed = TRUE;
  if (ike_loop_current () == netlink->loop) {
    ike_watch_free (g_steal_pointer (&netlink->watch));
    ike_timer_stop (g_steal_pointer (&netlink->retry));
  }
  fail_sent (netlink, TRUE, error, g_strerror (error));
  fail_unsent (netlink, netlink->n_unsent, error);
}

/* TRUE when there may be more. */
static gboolean
read_one (Netlink *netlink)
{
  gssize got = netlink->io->receive (netlink->fd, netlink->receive_buffer, RECEIVE_SIZE);
  if (got > 0)
    take_datagram (netlink, (gsize) got);
  else if (got == 0)
    close_socket (netlink, ECONNRESET);
  else if (errno == ENOBUFS || errno == EMSGSIZE)
    netlink->is_lost = TRUE;
  else if (errno == EAGAIN) {
    if (netlink->is_lost)
      after_loss (netlink);
    return FALSE;
  } else if (errno != EINTR)
    close_socket (netlink, errno);
  return !netlink->is_closed;
}

/* Callbacks ask further questions: these are sent by the outermost call. */
static void
pump (Netlink *netlink)
{
  guint n = 0;
  gboolean is_more = TRUE;
  if (netlink->is_busy || netlink->n_corks)
    return;
  netlink->is_busy = TRUE;
  while (is_more && !netlink->is_closed && n++ < READS_PER_TURN) {
    is_more = send_some (netlink);
    is_more |= read_one (netlink);
  }
  netlink->is_busy = FALSE;
  /* Others have their turn first. */
  if (is_more && !netlink->is_closed && !netlink->retry)
    netlink->retry = ike_loop_timer_add (netlink->loop, 0, retry, netlink, NULL);
}

static void
retry (gpointer data)
{
  Netlink *netlink = data;
  netlink->retry = NULL;
  pump (netlink);
}

static void
ready (int fd, guint32 events, gpointer data)
{
  pump (data);
}

/* -- making, asking, ending */

Netlink *
netlink_new (IkeLoop *loop, int fd_take, const NetlinkIo *io, const NetlinkListener *listener,
             gpointer data)
{
  Netlink *netlink = g_new0 (Netlink, 1);
  netlink->loop = loop;
  netlink->fd = fd_take;
  netlink->io = io ? io : &netlink_kernel_io;
  netlink->listener = listener;
  netlink->listener_data = data;
  netlink->sent = g_hash_table_new (NULL, NULL);
  netlink->last = &netlink->first;
  netlink->send_buffer = g_malloc (SEND_SIZE);
  netlink->receive_buffer = g_malloc (RECEIVE_SIZE);
  netlink->watch = ike_loop_watch (loop, fd_take, EPOLLIN, ready, netlink);
  return netlink;
}

gboolean
netlink_join (int fd, const guint *groups, GError **error)
{
  for (; *groups; groups++)
    if (setsockopt (fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, groups, sizeof *groups) < 0) {
      g_set_error (error, IKE_ERROR, IKE_ERROR_SYSTEM, "cannot listen to netlink group %u: %s",
                   *groups, g_strerror (errno));
      return FALSE;
    }
  return TRUE;
}

static void
ask (Netlink *netlink, const struct nlmsghdr *message, const Question *wanted)
{
  Question *question;
  if (netlink->is_closed) {
    if (wanted->done)
      wanted->done (wanted->data,
                    &(NetlinkAnswer){ ECANCELED, "the netlink socket was closed", NULL });
    return;
  }
  question = g_memdup2 (wanted, sizeof *wanted);
  question->message = g_memdup2 (message, message->nlmsg_len);
  question->message->nlmsg_flags |= NLM_F_REQUEST | (wanted->is_dump ? NLM_F_DUMP : NLM_F_ACK);
  /* 0 is what the kernel's own messages have. */
  question->sequence = ++netlink->sequence ? netlink->sequence : ++netlink->sequence;
  question->message->nlmsg_seq = question->sequence;
  enqueue (netlink, question);
  pump (netlink);
}

void
netlink_ask (Netlink *netlink, const struct nlmsghdr *message, NetlinkDone done, gpointer data)
{
  ask (netlink, message, &(Question){ .done = done, .data = data });
}

void
netlink_dump (Netlink *netlink, const struct nlmsghdr *message, NetlinkEach each, NetlinkDone done,
              gpointer data)
{
  ask (netlink, message,
       &(Question){ .done = done, .data = data, .each = each, .is_dump = TRUE });
}

void
netlink_cork (Netlink *netlink)
{
  netlink->n_corks++;
}

void
netlink_uncork (Netlink *netlink)
{
  if (--netlink->n_corks == 0 && !netlink->is_closed)
    pump (netlink);
}

int
netlink_fd (const Netlink *netlink)
{
  return netlink->fd;
}

guint
netlink_n_waiting (const Netlink *netlink)
{
  return g_hash_table_size (netlink->sent) + netlink->n_unsent;
}

void
netlink_free (Netlink *netlink)
{
  if (!netlink)
    return;
  if (!netlink->is_closed)
    close_socket (netlink, ECANCELED);
  close (netlink->fd);
  g_hash_table_unref (netlink->sent);
  g_free (netlink->send_buffer);
  g_free (netlink->receive_buffer);
  g_free (netlink);
}
