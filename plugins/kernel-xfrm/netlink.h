/* SPDX-License-Identifier: Apache-2.0 */
/* netlink.h - questions to the kernel and what it says by itself, without waiting, on one loop.
 *
 * A Netlink is one socket that belongs to one loop.  Without a listener it is for requests: build a
 * message with libmnl in a buffer of one's own, hand it to netlink_ask() or netlink_dump(), and be
 * called when the answer is there.  Messages are copied, sent in the order in which they were
 * given, several at once, and never more than NETLINK_FLIGHT_MAX without an answer; the others
 * wait here.  The kernel works while we send, so most answers are there at once: a callback may
 * run before netlink_ask() returned, and may ask again.
 *
 * With a listener it is for multicast groups (netlink_join()).  Events have a socket of their own, so
 * that a flood of them loses no answer.  When the kernel had no room for an event, `lost` is called once
 * after the last one that could be read: ask for the present state then.
 *
 * All functions are for the thread of the loop, or for the control thread while the plugin
 * activates; netlink_free() also once the loop is freed, which is the order at the end: first
 * ike_loop_free(), then netlink_free(), which fails what was not answered (ECANCELED).  Nothing
 * may be asked from within such a failure.
 *
 *   guint8 buffer[256];
 *   struct nlmsghdr *message = mnl_nlmsg_put_header (buffer);
 *   message->nlmsg_type = RTM_DELADDR;
 *   … mnl_nlmsg_put_extra_header(), mnl_attr_put() …
 *   netlink_ask (netlink, message, done, data); */
#pragma once
#include <libmnl/libmnl.h>
#include <ikebana/error.h>
#include <ikebana/runtime.h>

enum { NETLINK_FLIGHT_MAX = 64 };

typedef struct _Netlink Netlink;

typedef struct {
  int                    error;               /* errno; 0: it was done */
  /* with @error: in words, the kernel's own where it has some; valid during the call */
  const char            *reason;
  /* The answer, for questions that have one; valid during the call. */
  const struct nlmsghdr *message;
} NetlinkAnswer;

typedef void (*NetlinkDone) (gpointer data, const NetlinkAnswer *answer);
typedef void (*NetlinkEach) (gpointer data, const struct nlmsghdr *message);

typedef struct {
  void (*event) (gpointer data, const struct nlmsghdr *message);
  void (*lost)  (gpointer data);
} NetlinkListener;

/* How a socket is read and written, so that tests can stand in for the kernel. */
typedef struct {
  gssize (*send)    (int fd, const void *data, gsize len);
  gssize (*receive) (int fd, void *data, gsize size);     /* -1 with errno; what is too long: EMSGSIZE */
} NetlinkIo;

/* Of a socket before it becomes a Netlink.  @groups: numbers (XFRMNLGRP_…, RTNLGRP_…), ended by
 * 0. */
gboolean netlink_join   (int fd, const guint *groups, GError **error);
/* Any descriptor of datagrams; @listener NULL: for requests. */
Netlink *netlink_new    (IkeLoop *loop, int fd_take, const NetlinkIo *io_or_null,
                         const NetlinkListener *listener, gpointer data);
void     netlink_free   (Netlink *netlink);

/* NLM_F_REQUEST and NLM_F_ACK are added.  @done is called exactly once. */
void     netlink_ask    (Netlink *netlink, const struct nlmsghdr *message, NetlinkDone done,
                         gpointer data);
/* @each message, then @done.  When what is listed changes meanwhile the kernel is asked again:
 * then messages come twice. */
void     netlink_dump   (Netlink *netlink, const struct nlmsghdr *message, NetlinkEach each,
                         NetlinkDone done, gpointer data);
/* While corked nothing is sent or read, so no callback runs within netlink_ask(); the last of as
 * many netlink_uncork() sends it all together. */
void     netlink_cork   (Netlink *netlink);
void     netlink_uncork (Netlink *netlink);
int      netlink_fd     (const Netlink *netlink);
guint    netlink_n_waiting (const Netlink *netlink);     /* without an answer */

/* The fixed part of a message, NULL when it is shorter than @len. */
const void *netlink_body (const struct nlmsghdr *message, gsize len);
/* Attributes behind a fixed part of @len bytes: @table[type], of those up to @max (room for @max +
 * 1); the last of each. */
void     netlink_attributes (const struct nlmsghdr *message, gsize len,
                             const struct nlattr **table, guint max);
/* Its content when it has at least @len bytes, else NULL; of NULL, NULL. */
const void *netlink_content (const struct nlattr *attribute, gsize len);

/* -- netlink_socket.c: sockets, and asking where waiting is allowed (probes) */

int      netlink_socket (int bus, GError **error);
/* Sends and waits for the answer, at most a few seconds.  Returns errno, 0 when it was done;
 * @reason gets the words of an error.  @answer_or_null gets a copy of the message that came
 * (g_free). */
int      netlink_ask_now (int fd, const NetlinkIo *io_or_null, const struct nlmsghdr *message,
                          struct nlmsghdr **answer_or_null,
                          char *reason, gsize reason_size);
/* Of an NLMSG_ERROR: errno (0: it was done), and words for it. */
int      netlink_error  (const struct nlmsghdr *message, char *reason, gsize reason_size);
extern const NetlinkIo netlink_kernel_io;
