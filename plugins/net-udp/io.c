/* SPDX-License-Identifier: Apache-2.0 */
/* io.c - datagrams in and out, in batches, with the address they came to or leave from.
 *
 * What is read stays in the shard's buffers during the call only.  What is sent is copied and
 * queued until the end of the turn; ESP goes straight out, from any thread, out of the caller's
 * memory. */
#include "config.h"
#include <errno.h>
#include <string.h>
#include "udp.h"

/* What one turn of the loop takes.  A key exchange that an IKE message asks for is a fifth of a
 * millisecond or more and is done on the spot: so few of them are taken at once, and a turn ends
 * with them; packets of ESP come by the batch. */
enum { ROUNDS = 8, IKE_BATCH = 4, KEEPALIVE = 0xff };

typedef struct {
  int fd;
  IkeAddr local, remote;
  guint32 len;
  guint8 *data; /* room of max_packet */
} Queued;

/* Memory for the headers of one system call. */
typedef struct {
  struct mmsghdr headers[UDP_BATCH];
  struct iovec vectors[UDP_BATCH];
  struct sockaddr_storage names[UDP_BATCH];
  _Alignas(struct cmsghdr) guint8 controls[UDP_BATCH][UDP_CONTROL];
} Batch;

struct _UdpScratch {
  Udp *udp;
  gboolean is_reading; /* the flush comes by itself */
  guint n_queued;
  Queued queued[UDP_BATCH];
  guint8 *queue_room;
  guint8 *read_room; /* UDP_BATCH * max_packet */
  Batch in, out;     /* apart: answers are sent while what was read is still looked at */
};

UdpScratch *
udp_scratch_new (Udp *udp)
{
  UdpScratch *scratch = g_new0 (UdpScratch, 1);
  scratch->udp = udp;
  scratch->read_room = g_malloc ((gsize) UDP_BATCH * udp->max_packet);
  scratch->queue_room = g_malloc ((gsize) UDP_BATCH * udp->max_packet);
  for (guint i = 0; i < UDP_BATCH; i++)
    scratch->queued[i].data = scratch->queue_room + (gsize) i * udp->max_packet;
  return scratch;
}

void
udp_scratch_free (UdpScratch *scratch)
{
  if (!scratch)
    return;
  g_free (scratch->read_room);
  g_free (scratch->queue_room);
  g_free (scratch);
}

static void
count (Udp *udp, UdpCount what, guint n)
{
  if (n > 0)
    udp->klass->count (udp->owner, what, n);
}

/* -- in */

static gboolean
is_link_local (const IkeAddr *addr)
{
  return addr->family == 6 && addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

/* Where it came to: the group knows the port, the kernel's control message the address. */
static void
read_destination (const UdpGroup *group, struct msghdr *header, IkeDatagram *out)
{
  out->local = group->address;
  for (struct cmsghdr *control = CMSG_FIRSTHDR (header); control;
       control = CMSG_NXTHDR (header, control)) {
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy (&info, CMSG_DATA (control), sizeof info);
      memcpy (out->local.bytes, &info.ipi_spec_dst, 4);
      out->interface = (guint32) info.ipi_ifindex;
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo info;
      memcpy (&info, CMSG_DATA (control), sizeof info);
      memcpy (out->local.bytes, &info.ipi6_addr, 16);
      out->interface = info.ipi6_ifindex;
      out->local.scope = is_link_local (&out->local) ? info.ipi6_ifindex : 0;
    }
  }
}

static gboolean
is_wanted_interface (const Udp *udp, guint32 index)
{
  if (!udp->interfaces)
    return TRUE;
  for (guint i = 0; i < udp->n_interfaces; i++) {
    if (udp->interfaces[i] == index)
      return TRUE;
  }
  return FALSE;
}

/* FALSE: not to be looked at any further, and counted. */
static gboolean
take_datagram (UdpSocket *own, struct mmsghdr *message, const guint8 *data, IkeDatagram *out)
{
  Udp *udp = own->group->udp;
  memset (out, 0, sizeof *out);
  out->struct_size = sizeof *out;
  if (message->msg_hdr.msg_flags & MSG_TRUNC) {
    count (udp, UDP_COUNT_TRUNCATED, 1);
    return FALSE;
  }
  if (!ike_addr_from_sockaddr (&out->remote, message->msg_hdr.msg_name,
                               message->msg_hdr.msg_namelen))
    return FALSE;
  read_destination (own->group, &message->msg_hdr, out);
  if (!is_wanted_interface (udp, out->interface)) {
    count (udp, UDP_COUNT_WRONG_INTERFACE, 1);
    return FALSE;
  }
  out->data = data;
  out->len = message->msg_len;
  /* RFC 3948, 2.3: "The receiver SHOULD ignore a received NAT-keepalive packet." */
  if (out->len == 1 && data[0] == KEEPALIVE) {
    count (udp, UDP_COUNT_KEEPALIVE_RX, 1);
    return FALSE;
  }
  if (out->len < (own->group->is_marked ? STEER_MARKER + 1 : 1)) {
    count (udp, UDP_COUNT_SHORT, 1);
    return FALSE;
  }
  return TRUE;
}

/* TRUE: ESP, which is left in @datagram for the sink. */
static gboolean
dispatch (UdpSocket *own, IkeDatagram *datagram)
{
  Udp *udp = own->group->udp;
  int shard;
  if (own->group->is_marked) {
    if (memcmp (datagram->data, "\0\0\0\0", STEER_MARKER) != 0)
      return TRUE;
    datagram->flags = IKE_NET_MARKED;
    datagram->data += STEER_MARKER;
    datagram->len -= STEER_MARKER;
  }
  count (udp, UDP_COUNT_RX, 1);
  shard = udp->klass->shard (udp->owner, datagram->data, datagram->len);
  if (shard >= 0 && shard != own->shard)
    count (udp, UDP_COUNT_FORWARDED, 1);
  udp->klass->ike (udp->owner, own->shard, datagram);
  return FALSE;
}

static int
receive_batch (UdpSocket *own, UdpScratch *scratch, guint size)
{
  gsize room = own->group->udp->max_packet;
  Batch *in = &scratch->in;
  for (guint i = 0; i < size; i++) {
    in->vectors[i] = (struct iovec){ scratch->read_room + i * room, room };
    in->headers[i] = (struct mmsghdr){ .msg_hdr = { .msg_name = &in->names[i],
                                                    .msg_namelen = sizeof in->names[i],
                                                    .msg_iov = &in->vectors[i],
                                                    .msg_iovlen = 1,
                                                    .msg_control = in->controls[i],
                                                    .msg_controllen = UDP_CONTROL } };
  }
  return recvmmsg (own->fd, in->headers, size, MSG_DONTWAIT, NULL);
}

void
udp_read (UdpSocket *own)
{
  Udp *udp = own->group->udp;
  UdpScratch *scratch = udp->scratches[own->shard];
  IkeDatagram esp[UDP_BATCH];
  guint size = own->role == UDP_ESP ? UDP_BATCH : IKE_BATCH;
  scratch->is_reading = TRUE;
  for (guint round = 0; round < ROUNDS; round++) {
    guint n_esp = 0;
    int n = receive_batch (own, scratch, size);
    for (int i = 0; i < n; i++) {
      const guint8 *data = scratch->in.vectors[i].iov_base;
      if (take_datagram (own, &scratch->in.headers[i], data, &esp[n_esp])
          && dispatch (own, &esp[n_esp]))
        n_esp++;
    }
    if (n_esp > 0) {
      count (udp, UDP_COUNT_ESP_RX, n_esp);
      udp->klass->esp (udp->owner, esp, n_esp);
    }
    if (n < (int) size || n_esp < size)
      break;
  }
  scratch->is_reading = FALSE;
  udp_flush (udp, own->shard);
}

/* -- out */

/* The group that is bound to the local address, or to all of them. */
static const UdpGroup *
group_for (const Udp *udp, const IkeAddr *local, guint8 family, gboolean is_marked)
{
  for (guint i = 0; i < udp->groups->len; i++) {
    const UdpGroup *group = g_ptr_array_index (udp->groups, i);
    if (group->family == family && group->is_marked == is_marked
        && (ike_addr_is_any (&group->address) || ike_addr_is_any (local)
            || ike_addr_same_host (&group->address, local)))
      return group;
  }
  return NULL;
}

/* The source address, as a control message; nothing when the kernel is to choose. */
static void
write_source (struct msghdr *header, guint8 *control, const IkeAddr *local)
{
  struct cmsghdr *head = (struct cmsghdr *) control;
  struct in_pktinfo info4 = { 0 };
  struct in6_pktinfo info6 = { 0 };
  if (ike_addr_is_any (local))
    return;
  memset (control, 0, UDP_CONTROL);
  header->msg_control = control;
  if (local->family == 4) {
    memcpy (&info4.ipi_spec_dst, local->bytes, 4);
    *head = (struct cmsghdr){ .cmsg_len = CMSG_LEN (sizeof info4),
                              .cmsg_level = IPPROTO_IP,
                              .cmsg_type = IP_PKTINFO };
    memcpy (CMSG_DATA (head), &info4, sizeof info4);
    header->msg_controllen = CMSG_SPACE (sizeof info4);
  } else {
    memcpy (&info6.ipi6_addr, local->bytes, 16);
    info6.ipi6_ifindex = local->scope;
    *head = (struct cmsghdr){ .cmsg_len = CMSG_LEN (sizeof info6),
                              .cmsg_level = IPPROTO_IPV6,
                              .cmsg_type = IPV6_PKTINFO };
    memcpy (CMSG_DATA (head), &info6, sizeof info6);
    header->msg_controllen = CMSG_SPACE (sizeof info6);
  }
}

/* Prepares the i-th header of @batch for @len bytes at @data. */
static void
write_header (Batch *batch, guint i, const IkeAddr *local, const IkeAddr *remote,
              const guint8 *data, gsize len)
{
  struct msghdr *header = &batch->headers[i].msg_hdr;
  memset (header, 0, sizeof *header);
  header->msg_name = &batch->names[i];
  header->msg_namelen = ike_addr_to_sockaddr (remote, header->msg_name);
  batch->vectors[i] = (struct iovec){ (void *) data, len };
  header->msg_iov = &batch->vectors[i];
  header->msg_iovlen = 1;
  write_source (header, batch->controls[i], local);
}

static void
tell_failure (Udp *udp, int why, const struct msghdr *header)
{
  char to[IKE_ADDR_TEXT_SIZE] = "nowhere";
  g_autofree char *text = NULL;
  IkeAddr remote;
  count (udp, UDP_COUNT_TX_FAILED, 1);
  if (atomic_exchange (&udp->was_send_error, TRUE))
    return;
  if (ike_addr_from_sockaddr (&remote, header->msg_name, header->msg_namelen))
    ike_addr_format (&remote, TRUE, to);
  text = g_strdup_printf ("cannot send to %s: %s (said once; net.tx-failed counts them)", to,
                          g_strerror (why));
  udp->klass->warn (udp->owner, text);
}

/* Sends the first @n of @batch on one socket.  One that fails is left out; when the socket's
 * buffer is full, all that is left is lost, as the network would lose it: IKE retransmits.
 * Returns how many went out. */
static guint
send_batch (Udp *udp, int fd, Batch *batch, guint n)
{
  guint at = 0, n_sent = 0;
  while (at < n) {
    int done = sendmmsg (fd, batch->headers + at, n - at, MSG_DONTWAIT);
    if (done > 0) {
      at += (guint) done;
      n_sent += (guint) done;
    } else if (errno != EINTR) {
      tell_failure (udp, errno, &batch->headers[at].msg_hdr);
      at++;
    }
  }
  return n_sent;
}

void
udp_flush (Udp *udp, guint shard)
{
  UdpScratch *scratch = udp->scratches[shard];
  guint first = 0;
  while (first < scratch->n_queued) {
    int fd = scratch->queued[first].fd;
    guint n = 0;
    for (; first + n < scratch->n_queued && scratch->queued[first + n].fd == fd; n++) {
      const Queued *queued = &scratch->queued[first + n];
      write_header (&scratch->out, n, &queued->local, &queued->remote, queued->data, queued->len);
    }
    count (udp, UDP_COUNT_TX, send_batch (udp, fd, &scratch->out, n));
    first += n;
  }
  scratch->n_queued = 0;
}

gboolean
udp_send (Udp *udp, guint shard, const IkeDatagram *datagram)
{
  UdpScratch *scratch = udp->scratches[shard];
  gboolean is_marked = (datagram->flags & IKE_NET_MARKED) != 0;
  const UdpGroup *group = group_for (udp, &datagram->local, datagram->remote.family, is_marked);
  gsize skip = is_marked ? STEER_MARKER : 0;
  Queued *queued;
  if (!group || datagram->len > udp->max_packet - skip
      || (!ike_addr_is_any (&datagram->local)
          && datagram->local.family != datagram->remote.family)) {
    count (udp, UDP_COUNT_TX_FAILED, 1);
    return FALSE;
  }
  if (scratch->n_queued == UDP_BATCH)
    udp_flush (udp, shard);
  queued = &scratch->queued[scratch->n_queued++];
  queued->fd = group->sockets[shard].fd;
  queued->local = datagram->local;
  queued->remote = datagram->remote;
  queued->len = (guint32) (datagram->len + skip);
  memset (queued->data, 0, skip);
  memcpy (queued->data + skip, datagram->data, datagram->len);
  if (scratch->n_queued == 1 && !scratch->is_reading)
    udp->klass->queued (udp->owner, shard);
  return TRUE;
}

gboolean
udp_esp_send (Udp *udp, const IkeDatagram *datagrams, guint n)
{
  Batch batch;
  guint n_sent = 0, first = 0;
  while (first < n) {
    const UdpGroup *group =
        group_for (udp, &datagrams[first].local, datagrams[first].remote.family, TRUE);
    guint n_batch = 0;
    if (!group) {
      count (udp, UDP_COUNT_TX_FAILED, 1);
      first++;
      continue;
    }
    while (first < n && n_batch < UDP_BATCH
           && group_for (udp, &datagrams[first].local, datagrams[first].remote.family, TRUE)
                  == group) {
      const IkeDatagram *datagram = &datagrams[first++];
      write_header (&batch, n_batch++, &datagram->local, &datagram->remote, datagram->data,
                    datagram->len);
    }
    n_sent += send_batch (udp, group->sockets[0].fd, &batch, n_batch);
  }
  count (udp, UDP_COUNT_ESP_TX, n_sent);
  return n_sent == n;
}

/* RFC 3948, 2.3: "The sender MUST use a one-octet-long payload with the value 0xFF." */
gboolean
udp_keepalive (Udp *udp, guint shard, const IkeAddr *local, const IkeAddr *remote)
{
  static const guint8 octet = KEEPALIVE;
  const UdpGroup *group = group_for (udp, local, remote->family, TRUE);
  Batch batch;
  if (!group)
    return FALSE;
  write_header (&batch, 0, local, remote, &octet, 1);
  if (send_batch (udp, group->sockets[shard].fd, &batch, 1) == 0)
    return FALSE;
  count (udp, UDP_COUNT_KEEPALIVE_TX, 1);
  return TRUE;
}
