/* SPDX-License-Identifier: Apache-2.0 */
/* fake_kernel.h - XFRM as a thread on the other end of a socket: keeps SAs and policies as it gets
 * them, says no where a test wants it, and shows what it was asked.  One program includes it, once. */
#pragma once
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <ikebana/error.h>
#include "../message.h"
#include "../netlink.h"

enum { FAKE_REFUSALS = 8, FAKE_SIZE = 128 * 1024 };

typedef struct {
  guint16     type;                           /* 0: unused */
  int         error;
  const char *words;                          /* in the extended acknowledgement; NULL: there is none */
  guint       skip, n;                        /* lets @skip pass, then refuses @n */
} FakeRefusal;

static struct {
  pthread_t       thread;
  int             ours, theirs;               /* requests */
  int             our_events, their_events;
  pthread_mutex_t lock;                       /* of what follows: the kernel's thread and the test's */
  GPtrArray      *states, *policies;          /* struct nlmsghdr as it came */
  GPtrArray      *asked;                      /* likewise, all of them */
  FakeRefusal     refusals[FAKE_REFUSALS];
  guint32         last_spi;
  guint           n_most;                     /* messages in one write */
  gboolean        keeps_all;                  /* deletes nothing, and says it did */
  gboolean        is_mute;
} fake_kernel = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* A datagram "LOST" stands for ENOBUFS. */
static gssize
fake_receive (int fd, void *data, gsize size)
{
  gssize got = recv (fd, data, size, MSG_DONTWAIT);
  if (got == 4 && memcmp (data, "LOST", 4) == 0) {
    errno = ENOBUFS;
    return -1;
  }
  return got;
}

static gssize
fake_send (int fd, const void *data, gsize len)
{
  return send (fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static const NetlinkIo fake_io = { fake_send, fake_receive };

static void
fake_say (const void *data, gsize len)
{
  gssize sent;
  do
    sent = send (fake_kernel.theirs, data, len, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
}

static void
fake_ack (const struct nlmsghdr *asked, int error, const char *words)
{
  guint8 buffer[1024] = { 0 };
  struct nlmsghdr *message = mnl_nlmsg_put_header (buffer);
  struct nlmsgerr *body;
  message->nlmsg_type = NLMSG_ERROR;
  message->nlmsg_seq = asked->nlmsg_seq;
  message->nlmsg_flags = NLM_F_CAPPED;
  body = mnl_nlmsg_put_extra_header (message, sizeof *body);
  body->error = -error;
  body->msg = *asked;
  if (words) {
    message->nlmsg_flags |= NLM_F_ACK_TLVS;
    mnl_attr_put_strz (message, NLMSGERR_ATTR_MSG, words);
  }
  fake_say (buffer, message->nlmsg_len);
}

/* -- what names what */

static gboolean
fake_is_state (const struct nlmsghdr *state, const xfrm_address_t *daddr, guint32 spi, guint8 proto)
{
  const struct xfrm_usersa_info *info = mnl_nlmsg_get_payload (state);
  return info->id.spi == spi && info->id.proto == proto
         && memcmp (&info->id.daddr, daddr, sizeof *daddr) == 0;
}

static int
fake_find_state (const xfrm_address_t *daddr, guint32 spi, guint8 proto)
{
  for (guint i = 0; i < fake_kernel.states->len; i++)
    if (fake_is_state (g_ptr_array_index (fake_kernel.states, i), daddr, spi, proto))
      return (int) i;
  return -1;
}

static int
fake_find_policy (const struct xfrm_selector *sel, guint8 dir)
{
  for (guint i = 0; i < fake_kernel.policies->len; i++) {
    const struct xfrm_userpolicy_info *info
        = mnl_nlmsg_get_payload (g_ptr_array_index (fake_kernel.policies, i));
    if (info->dir == dir && memcmp (&info->sel, sel, sizeof *sel) == 0)
      return (int) i;
  }
  return -1;
}

/* -- requests */

static void
fake_describe (const struct nlmsghdr *asked, const struct nlmsghdr *what, guint16 type,
               gboolean is_multi)
{
  guint8 buffer[XFRM_MESSAGE_SIZE] = { 0 };
  struct nlmsghdr *message = (struct nlmsghdr *) buffer;
  struct xfrm_replay_state replay = { .oseq = 10, .seq = 20 };
  memcpy (buffer, what, what->nlmsg_len);
  message->nlmsg_type = type;
  message->nlmsg_seq = asked->nlmsg_seq;
  message->nlmsg_flags = is_multi ? NLM_F_MULTI : 0;
  if (type == XFRM_MSG_NEWSA) {
    struct xfrm_usersa_info *info = mnl_nlmsg_get_payload (message);
    info->curlft.bytes = 1000;
    info->curlft.packets = 5;
    info->stats.integrity_failed = 2;
    mnl_attr_put (message, XFRMA_REPLAY_VAL, sizeof replay, &replay);
  }
  fake_say (buffer, message->nlmsg_len);
}

static void
fake_dump (const struct nlmsghdr *asked, GPtrArray *list, guint16 type)
{
  guint8 buffer[64] = { 0 };
  struct nlmsghdr *done = mnl_nlmsg_put_header (buffer);
  for (guint i = 0; i < list->len; i++)
    fake_describe (asked, g_ptr_array_index (list, i), type, TRUE);
  done->nlmsg_type = NLMSG_DONE;
  done->nlmsg_seq = asked->nlmsg_seq;
  done->nlmsg_flags = NLM_F_MULTI;
  *(gint32 *) mnl_nlmsg_put_extra_header (done, 4) = 0;
  fake_say (buffer, done->nlmsg_len);
}

static int
fake_new_state (const struct nlmsghdr *asked)
{
  const struct xfrm_usersa_info *info = mnl_nlmsg_get_payload (asked);
  int at = fake_find_state (&info->id.daddr, info->id.spi, info->id.proto);
  if (asked->nlmsg_type == XFRM_MSG_NEWSA && at >= 0)
    return EEXIST;
  if (asked->nlmsg_type == XFRM_MSG_UPDSA && at < 0)
    return ESRCH;
  if (at >= 0)
    g_ptr_array_remove_index (fake_kernel.states, (guint) at);
  g_ptr_array_add (fake_kernel.states, g_memdup2 (asked, asked->nlmsg_len));
  return 0;
}

static int
fake_new_policy (const struct nlmsghdr *asked)
{
  const struct xfrm_userpolicy_info *info = mnl_nlmsg_get_payload (asked);
  int at = fake_find_policy (&info->sel, info->dir);
  if (asked->nlmsg_type == XFRM_MSG_NEWPOLICY && at >= 0)
    return EEXIST;
  if (at >= 0)
    g_ptr_array_remove_index (fake_kernel.policies, (guint) at);
  g_ptr_array_add (fake_kernel.policies, g_memdup2 (asked, asked->nlmsg_len));
  return 0;
}

static int
fake_with_state (const struct nlmsghdr *asked)
{
  const struct xfrm_usersa_id *id = mnl_nlmsg_get_payload (asked);
  int at = fake_find_state (&id->daddr, id->spi, id->proto);
  if (at < 0)
    return ESRCH;
  if (asked->nlmsg_type == XFRM_MSG_GETSA)
    fake_describe (asked, g_ptr_array_index (fake_kernel.states, at), XFRM_MSG_NEWSA, FALSE);
  else if (!fake_kernel.keeps_all)
    g_ptr_array_remove_index (fake_kernel.states, (guint) at);
  return 0;
}

static int
fake_with_policy (const struct nlmsghdr *asked)
{
  const struct xfrm_userpolicy_id *id = mnl_nlmsg_get_payload (asked);
  int at = fake_find_policy (&id->sel, id->dir);
  if (at < 0)
    return ENOENT;
  if (asked->nlmsg_type == XFRM_MSG_GETPOLICY)
    fake_describe (asked, g_ptr_array_index (fake_kernel.policies, at), XFRM_MSG_NEWPOLICY, FALSE);
  else if (!fake_kernel.keeps_all)
    g_ptr_array_remove_index (fake_kernel.policies, (guint) at);
  return 0;
}

static int
fake_alloc (const struct nlmsghdr *asked)
{
  const struct xfrm_userspi_info *from = mnl_nlmsg_get_payload (asked);
  guint8 buffer[XFRM_MESSAGE_SIZE] = { 0 };
  struct nlmsghdr *message = mnl_nlmsg_put_header (buffer);
  struct xfrm_usersa_info *info = mnl_nlmsg_put_extra_header (message, sizeof *info);
  *info = from->info;
  info->id.spi = htonl (from->min + fake_kernel.last_spi++);
  message->nlmsg_type = XFRM_MSG_NEWSA;
  message->nlmsg_seq = asked->nlmsg_seq;
  g_ptr_array_add (fake_kernel.states, g_memdup2 (message, message->nlmsg_len));
  fake_say (buffer, message->nlmsg_len);
  return 0;
}

static const FakeRefusal *
fake_refusal (guint16 type)
{
  for (guint i = 0; i < FAKE_REFUSALS; i++) {
    FakeRefusal *refusal = &fake_kernel.refusals[i];
    if (refusal->type != type || !refusal->n)
      continue;
    if (refusal->skip) {
      refusal->skip--;
      continue;
    }
    refusal->n--;
    return refusal;
  }
  return NULL;
}

static void
fake_handle (const struct nlmsghdr *asked)
{
  const FakeRefusal *refusal = fake_refusal (asked->nlmsg_type);
  int error = 0;
  g_ptr_array_add (fake_kernel.asked, g_memdup2 (asked, asked->nlmsg_len));
  if (fake_kernel.is_mute)
    return;
  if (refusal) {
    fake_ack (asked, refusal->error, refusal->words);
    return;
  }
  switch (asked->nlmsg_type) {
  case XFRM_MSG_NEWSA:
  case XFRM_MSG_UPDSA:
    error = fake_new_state (asked);
    break;
  case XFRM_MSG_NEWPOLICY:
  case XFRM_MSG_UPDPOLICY:
    error = fake_new_policy (asked);
    break;
  case XFRM_MSG_ALLOCSPI:
    error = fake_alloc (asked);
    break;
  case XFRM_MSG_GETSA:
  case XFRM_MSG_GETPOLICY:
    if (asked->nlmsg_flags & NLM_F_DUMP) {
      if (asked->nlmsg_type == XFRM_MSG_GETSA)
        fake_dump (asked, fake_kernel.states, XFRM_MSG_NEWSA);
      else
        fake_dump (asked, fake_kernel.policies, XFRM_MSG_NEWPOLICY);
      return;
    }
    error = asked->nlmsg_type == XFRM_MSG_GETSA ? fake_with_state (asked)
                                                : fake_with_policy (asked);
    break;
  case XFRM_MSG_DELSA:
    error = fake_with_state (asked);
    break;
  case XFRM_MSG_DELPOLICY:
    error = fake_with_policy (asked);
    break;
  default:
    error = EOPNOTSUPP;
  }
  fake_ack (asked, error, NULL);
}

static void *
fake_live (void *data)
{
  guint8 *buffer = g_malloc (FAKE_SIZE);
  gssize got;
  while ((got = recv (fake_kernel.theirs, buffer, FAKE_SIZE, 0)) > 0) {
    const struct nlmsghdr *message = (const void *) buffer;
    int left = (int) got;
    guint n = 0;
    pthread_mutex_lock (&fake_kernel.lock);
    for (; mnl_nlmsg_ok (message, left); message = mnl_nlmsg_next (message, &left), n++)
      fake_handle (message);
    fake_kernel.n_most = MAX (fake_kernel.n_most, n);
    pthread_mutex_unlock (&fake_kernel.lock);
  }
  g_free (buffer);
  return NULL;
}

/* -- for the test */

static void
fake_begin (void)
{
  int pair[2];
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
  fake_kernel.ours = pair[0];
  fake_kernel.theirs = pair[1];
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
  fake_kernel.our_events = pair[0];
  fake_kernel.their_events = pair[1];
  if (!fake_kernel.asked) {
    fake_kernel.states = g_ptr_array_new_with_free_func (g_free);
    fake_kernel.policies = g_ptr_array_new_with_free_func (g_free);
    fake_kernel.asked = g_ptr_array_new_with_free_func (g_free);
  }
  fake_kernel.n_most = 0;
  g_assert_cmpint (pthread_create (&fake_kernel.thread, NULL, fake_live, NULL), ==, 0);
}

/* When our end is closed.  What is in the kernel stays. */
static void
fake_end (void)
{
  pthread_join (fake_kernel.thread, NULL);
  close (fake_kernel.theirs);
  close (fake_kernel.their_events);
  g_ptr_array_set_size (fake_kernel.asked, 0);
  memset (fake_kernel.refusals, 0, sizeof fake_kernel.refusals);
  fake_kernel.keeps_all = fake_kernel.is_mute = FALSE;
}

static void
fake_clear (void)
{
  g_clear_pointer (&fake_kernel.states, g_ptr_array_unref);
  g_clear_pointer (&fake_kernel.policies, g_ptr_array_unref);
  g_clear_pointer (&fake_kernel.asked, g_ptr_array_unref);
}

static void
fake_refuse (guint16 type, int error, const char *words, guint skip, guint n)
{
  guint i = 0;
  pthread_mutex_lock (&fake_kernel.lock);
  while (i < FAKE_REFUSALS && fake_kernel.refusals[i].n)
    i++;
  g_assert_cmpuint (i, <, FAKE_REFUSALS);
  fake_kernel.refusals[i] = (FakeRefusal){ type, error, words, skip, n };
  pthread_mutex_unlock (&fake_kernel.lock);
}

static guint
fake_n (const GPtrArray *list)
{
  guint n;
  pthread_mutex_lock (&fake_kernel.lock);
  n = list->len;
  pthread_mutex_unlock (&fake_kernel.lock);
  return n;
}

static guint
fake_n_asked (guint16 type)
{
  guint n = 0;
  pthread_mutex_lock (&fake_kernel.lock);
  for (guint i = 0; i < fake_kernel.asked->len; i++)
    n += ((const struct nlmsghdr *) g_ptr_array_index (fake_kernel.asked, i))->nlmsg_type == type;
  pthread_mutex_unlock (&fake_kernel.lock);
  return n;
}

static G_GNUC_UNUSED void
fake_tell (const void *data, gsize len)
{
  g_assert_cmpint (send (fake_kernel.their_events, data, len, 0), ==, (gssize) len);
}
