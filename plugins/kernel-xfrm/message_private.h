/* SPDX-License-Identifier: Apache-2.0 */
/* message_private.h - what SAs and policies have in common as messages. */
#pragma once
#include "message.h"

enum { LABEL_MAX = 1024 };

void     xfrm_begin       (XfrmMessage *message, guint16 type, guint16 flags);
void     xfrm_put         (XfrmMessage *message, guint16 type, const void *data, gsize len);
void     xfrm_put_mark    (XfrmMessage *message, const IkeMark *mark);
void     xfrm_put_offload (XfrmMessage *message, const XfrmTerms *terms, guint8 flags);
gboolean xfrm_put_label   (XfrmMessage *message, const char *label, GError **error);
guint8   xfrm_mode_of     (guint8 mode);
