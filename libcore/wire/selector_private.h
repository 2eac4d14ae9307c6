/* SPDX-License-Identifier: Apache-2.0 */
/* selector_private.h - small questions that the files about traffic selectors share. */
#pragma once
#include <ikebana/selector.h>

enum { IKE_PORT_ANY_FIRST = 0, IKE_PORT_ANY_LAST = 65535, IKE_PORT_OPAQUE_FIRST = 65535, IKE_PORT_OPAQUE_LAST = 0 };

static inline guint
ike_selector_addr_len (const IkeSelector *selector)
{
  return selector->family == 4 ? 4 : selector->family == 6 ? 16 : 0;
}

static inline gboolean
ike_selector_is_any_port (const IkeSelector *selector)
{
  return selector->port_first == IKE_PORT_ANY_FIRST && selector->port_last == IKE_PORT_ANY_LAST;
}

/* RFC 7296, 3.13.1: OPAQUE is a start port of 65535 with an end port of 0. */
static inline gboolean
ike_selector_is_opaque (const IkeSelector *selector)
{
  return selector->port_first == IKE_PORT_OPAQUE_FIRST && selector->port_last == IKE_PORT_OPAQUE_LAST;
}
