/* SPDX-License-Identifier: Apache-2.0 */
/* malloc_count.c - LD_PRELOAD: counts every call of the allocator and of mmap in this process, for
 * bench-setup.
 *
 * It passes on to glibc by the names that glibc exports for this purpose, so nothing has to be
 * looked up first. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc (size_t size);
void *__libc_calloc (size_t n, size_t size);
void *__libc_realloc (void *at, size_t size);
void *__libc_memalign (size_t alignment, size_t size);
void  __libc_free (void *at);

/* Read by bench-setup through dlsym(). */
atomic_ulong bench_n_allocations, bench_n_frees, bench_n_maps;

static void
count (atomic_ulong *counter)
{
  atomic_fetch_add_explicit (counter, 1, memory_order_relaxed);
}

void *
malloc (size_t size)
{
  count (&bench_n_allocations);
  return __libc_malloc (size);
}

void *
calloc (size_t n, size_t size)
{
  count (&bench_n_allocations);
  return __libc_calloc (n, size);
}

void *
realloc (void *at, size_t size)
{
  count (&bench_n_allocations);
  return __libc_realloc (at, size);
}

void *
memalign (size_t alignment, size_t size)
{
  count (&bench_n_allocations);
  return __libc_memalign (alignment, size);
}

void *
aligned_alloc (size_t alignment, size_t size)
{
  return memalign (alignment, size);
}

int
posix_memalign (void **at, size_t alignment, size_t size)
{
  *at = memalign (alignment, size);
  return *at ? 0 : ENOMEM;
}

void
free (void *at)
{
  if (at)
    count (&bench_n_frees);
  __libc_free (at);
}

void *
mmap (void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
  count (&bench_n_maps);
  return (void *) syscall (SYS_mmap, at, len, protection, flags, fd, offset);
}

int
munmap (void *at, size_t len)
{
  count (&bench_n_maps);
  return (int) syscall (SYS_munmap, at, len);
}
