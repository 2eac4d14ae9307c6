/* SPDX-License-Identifier: Apache-2.0 */
/* test_freed.c - the sanitizers tell before they free; without them, free() is here, and passes on
 * to glibc by the name that glibc exports for this purpose. */
#define _GNU_SOURCE
#include "shared/freed/test_freed.h"

#include <malloc.h>
#include <stdatomic.h>
#include <string.h>

static _Atomic (const char *) watched;
static atomic_uint n_found;

static void
look (const volatile void *block, size_t size)
{
  const char *text = atomic_load_explicit (&watched, memory_order_relaxed);

  if (text && memmem ((const void *) block, size, text, strlen (text)))
    atomic_fetch_add (&n_found, 1);
}

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
int __sanitizer_install_malloc_and_free_hooks (void (*on_malloc) (const volatile void *, size_t),
                                               void (*on_free) (const volatile void *));
size_t __sanitizer_get_allocated_size (const volatile void *block);

static void
on_malloc (const volatile void *block, size_t size)
{
}

static void
on_free (const volatile void *block)
{
  if (block && atomic_load_explicit (&watched, memory_order_relaxed))
    look (block, __sanitizer_get_allocated_size (block));
}

static void
install (void)
{
  static gboolean is_installed;

  if (!is_installed)
    g_assert_cmpint (__sanitizer_install_malloc_and_free_hooks (on_malloc, on_free), >, 0);
  is_installed = TRUE;
}
#else
void __libc_free (void *block);

void
free (void *block)
{
  if (block && atomic_load_explicit (&watched, memory_order_relaxed))
    look (block, malloc_usable_size (block));
  __libc_free (block);
}

static void
install (void)
{
}
#endif

void
freed_watch (const char *text)
{
  install ();
  atomic_store (&n_found, 0);
  atomic_store (&watched, text);
}

guint
freed_end (void)
{
  atomic_store (&watched, NULL);
  return atomic_load (&n_found);
}
