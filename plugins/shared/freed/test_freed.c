/* SPDX-License-Identifier: Apache-2.0 */
/* test_freed.c - the sanitizers tell before they free; without them, free() is here, and passes on
 * to glibc by the name that glibc exports for this purpose. */
#define _GNU_SOURCE
#include "shared/freed/test_freed.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic (const char *) watched;
static atomic_uint n_found;

#ifdef __SANITIZE_THREAD__
/* It tells of realloc() before that has copied. */
enum { IS_WIPED = FALSE };
#else
enum { IS_WIPED = TRUE };
#endif

/* Also when nothing is watched: what is wiped here is not found later in a block that got its
 * place. */
static void
look_and_wipe (void *block, size_t size)
{
  const char *text = atomic_load_explicit (&watched, memory_order_relaxed);

  if (text && size && memmem (block, size, text, strlen (text)))
    atomic_fetch_add (&n_found, 1);
  if (size && IS_WIPED)
    explicit_bzero (block, size);
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
  if (block)
    look_and_wipe ((void *) block, __sanitizer_get_allocated_size (block));
}

__attribute__ ((constructor)) static void
install (void)
{
  if (!__sanitizer_install_malloc_and_free_hooks (on_malloc, on_free))
    abort ();
}
#else
void __libc_free (void *block);

#define FOR_ALL_LIBRARIES __attribute__ ((visibility ("default")))

FOR_ALL_LIBRARIES void
free (void *block)
{
  if (block)
    look_and_wipe (block, malloc_usable_size (block));
  __libc_free (block);
}

/* Always to another place, so that what grows shows what it leaves. */
FOR_ALL_LIBRARIES void *
realloc (void *block, size_t size)
{
  void *other = malloc (size);
  size_t old_size = block ? malloc_usable_size (block) : 0;

  if (!other)
    return NULL;
  if (old_size)
    memcpy (other, block, old_size < size ? old_size : size);
  free (block);
  return other;
}
#endif

void
freed_watch (const char *text)
{
  atomic_store (&n_found, 0);
  atomic_store (&watched, text);
}

guint
freed_end (void)
{
  atomic_store (&watched, NULL);
  return atomic_load (&n_found);
}
