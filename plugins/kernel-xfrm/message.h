/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - the messages of XFRM, as bytes.  Nothing here asks the kernel. */
#pragma once
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>
#include <ikebana/kernel.h>

enum { XFRM_MESSAGE_SIZE = 8192, XFRM_PROTOCOL_IPCOMP = 4 };

typedef union {
  struct nlmsghdr header;
  guint8          bytes[XFRM_MESSAGE_SIZE];
} XfrmMessage;

/* What the kernel shall have in place of what stands in the IkeKernelSa or IkeKernelPolicy. */
typedef struct {
  guint32 reqid;
  int     interface;                          /* index of the device that is offloaded to */
  guint8  offload;                            /* IkeHwOffload, AUTO decided */
  int     bound;                              /* of a policy: index of its interface */
} XfrmTerms;

/* An SA: @type is XFRM_MSG_NEWSA or _UPDSA.  FALSE with @error when it cannot be said. */
gboolean xfrm_message_sa     (XfrmMessage *message, guint16 type, const IkeKernelSa *sa,
                              const XfrmTerms *terms, GError **error);
/* The IPComp SA that goes with it. */
gboolean xfrm_message_ipcomp (XfrmMessage *message, guint16 type, const IkeKernelSa *sa,
                              const XfrmTerms *terms, GError **error);

/* What names an SA. */
typedef struct {
  guint32 spi;                                /* host order; CPI of IPComp */
  guint8  protocol;                           /* IPPROTO_ESP, _AH, _COMP */
  IkeAddr destination;
  IkeMark mark;
} XfrmSaId;

void     xfrm_message_sa_id  (XfrmMessage *message, guint16 type, const XfrmSaId *id);
void     xfrm_message_dump   (XfrmMessage *message, guint16 type);
void     xfrm_message_alloc  (XfrmMessage *message, guint8 protocol, const IkeAddr *source,
                              const IkeAddr *destination);
/* From the answer to XFRM_MSG_GETSA: the same SA with new addresses and ports, and all that it has
 * counted.  FALSE with @error when @state is incomplete. */
gboolean xfrm_message_moved  (XfrmMessage *message, const struct nlmsghdr *state,
                              const IkeKernelSa *to, GError **error);

/* One piece (selectors.h): @type is XFRM_MSG_NEWPOLICY or _UPDPOLICY. */
gboolean xfrm_message_policy (XfrmMessage *message, guint16 type, const IkeKernelPolicy *policy,
                              const XfrmTerms *terms, GError **error);
/* XFRM_MSG_DELPOLICY, _GETPOLICY */
gboolean xfrm_message_policy_id (XfrmMessage *message, guint16 type, const IkeKernelPolicy *policy,
                                 int bound, GError **error);

/* Policies of @family (4, 6) with prefixes at least so long are found by hash, others in a list. */
void     xfrm_message_thresholds (XfrmMessage *message, guint8 family, guint local, guint remote);

guint8   xfrm_protocol       (guint8 protocol);          /* IKE_PROTOCOL_ESP → IPPROTO_ESP … */
/* For errors: "ESP SA c1234567 (aes-gcm-16-256, tunnel mode, UDP encapsulation)". */
char    *xfrm_sa_text        (const IkeKernelSa *sa);
