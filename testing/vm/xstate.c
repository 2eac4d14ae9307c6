/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into User Mode Linux: lets it run on processors with more registers than it knows.
 *
 * The host's kernel takes the registers of a traced process as a whole or not at all
 * (PTRACE_SETREGSET of NT_X86_XSTATE with less than all is EFAULT), while Linux 6.1 keeps what
 * processors had before AMX, and ends every process when that is refused.  So what it does not
 * know is read first and put back with what it does.  A processor may also have fewer than it
 * knows: what is beyond them is left out. */
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef long (*Ptrace) (int, pid_t, void *, void *);

static long
set_registers (Ptrace real, pid_t pid, const struct iovec *known)
{
  static char buffer[65536];
  struct iovec all = { buffer, sizeof buffer };

  if (real (PTRACE_GETREGSET, pid, (void *) NT_X86_XSTATE, &all) < 0)
    return -1;
  memcpy (buffer, known->iov_base, known->iov_len < all.iov_len ? known->iov_len : all.iov_len);
  return real (PTRACE_SETREGSET, pid, (void *) NT_X86_XSTATE, &all);
}

long
ptrace (enum __ptrace_request request, ...)
{
  static Ptrace real;
  va_list list;
  pid_t pid;
  void *address, *data;

  va_start (list, request);
  pid = va_arg (list, pid_t);
  address = va_arg (list, void *);
  data = va_arg (list, void *);
  va_end (list);
  if (!real)
    real = (Ptrace) dlsym (RTLD_NEXT, "ptrace");
  if (request == PTRACE_SETREGSET && address == (void *) NT_X86_XSTATE)
    return set_registers (real, pid, data);
  return real (request, pid, address, data);
}
