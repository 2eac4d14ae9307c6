/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_memory.c - counts allocations: the functions of the C library under their own names, with
 * a count.  Where a sanitizer has taken their place, it is asked instead. */
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "plugin.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)

/* Only some sanitizers have it. */
extern size_t __sanitizer_get_current_allocated_bytes (void) __attribute__ ((weak));

gint64
plugin_memory (void)
{
  return __sanitizer_get_current_allocated_bytes
             ? (gint64) __sanitizer_get_current_allocated_bytes ()
             : 0;
}

#else

/* Hidden, as all of this program is otherwise (-fvisibility=hidden), they would be called by this
 * program alone: not by GLib, and not by a plugin. */
#pragma GCC visibility push(default)

extern void *__libc_malloc (size_t size);
extern void *__libc_calloc (size_t n, size_t size);
extern void *__libc_realloc (void *data, size_t size);
extern void *__libc_memalign (size_t alignment, size_t size);
extern void *__libc_valloc (size_t size);
extern void *__libc_pvalloc (size_t size);
extern void __libc_free (void *data);

static atomic_int_fast64_t n_allocated;

static void *
counted (void *data)
{
  if (data)
    atomic_fetch_add_explicit (&n_allocated, 1, memory_order_relaxed);
  return data;
}

void *
malloc (size_t size)
{
  return counted (__libc_malloc (size));
}

void *
calloc (size_t n, size_t size)
{
  return counted (__libc_calloc (n, size));
}

void *
realloc (void *data, size_t size)
{
  void *moved = __libc_realloc (data, size);

  if (!data)
    return counted (moved);
  if (size == 0 && !moved)
    atomic_fetch_sub_explicit (&n_allocated, 1, memory_order_relaxed);
  return moved;
}

void *
memalign (size_t alignment, size_t size)
{
  return counted (__libc_memalign (alignment, size));
}

void *
aligned_alloc (size_t alignment, size_t size)
{
  return counted (__libc_memalign (alignment, size));
}

int
posix_memalign (void **out, size_t alignment, size_t size)
{
  gboolean is_power = alignment && (alignment & (alignment - 1)) == 0;
  void *data;

  if (!is_power || alignment % sizeof (void *) != 0)
    return EINVAL;
  data = counted (__libc_memalign (alignment, size));
  if (!data)
    return ENOMEM;
  *out = data;
  return 0;
}

void *
valloc (size_t size)
{
  return counted (__libc_valloc (size));
}

void *
pvalloc (size_t size)
{
  return counted (__libc_pvalloc (size));
}

void
free (void *data)
{
  if (data)
    atomic_fetch_sub_explicit (&n_allocated, 1, memory_order_relaxed);
  __libc_free (data);
}

#pragma GCC visibility pop

gint64
plugin_memory (void)
{
  return (gint64) atomic_load_explicit (&n_allocated, memory_order_relaxed);
}

#endif
