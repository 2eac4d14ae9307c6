/* SPDX-License-Identifier: Apache-2.0 */
/* test_service.h - `service:radius` of tests: keeps what it is asked, and says what the test wants. */
#pragma once
#include <ikebana/eap.h>
#include <ikebana/radius.h>

typedef struct {
  guint8   code;
  guint32  server;
  char    *group;
  guint8  *attributes;
  gsize    len;
  IkeCall *call;                              /* NULL: answered */
  gboolean is_cancelled;                      /* who asked has given it up */
  gint64   at_us;
} TestAsked;

extern const IkePluginInfo test_service_plugin;      /* "test-service" */

/* Before the engine starts, and when it is gone. */
void       test_service_reset (void);
/* May be NULL.  Called with whatever is asked, in its place: it may answer, now or later. */
extern void (*test_service_heard) (TestAsked *asked);
extern guint test_service_n_servers;                  /* 1 at first */
guint      test_service_n     (void);
/* What was answered. */
void       test_service_forget (void);
TestAsked *test_service_asked (guint i);
/* The newest that is not answered. */
TestAsked *test_service_open  (void);
void       test_service_answer (TestAsked *asked, guint8 code, const guint8 *attributes, gsize len);
/* With keys that an Access-Accept brings, of @key_len bytes each: 1, 2, 3, …, and 101, 102, …; 0: none. */
void       test_service_accept (TestAsked *asked, const guint8 *attributes, gsize len, guint key_len);
void       test_service_fail   (TestAsked *asked, const char *reason);
/* Is there exactly one of @type, with this value? */
gboolean   test_service_has   (const TestAsked *asked, guint8 type, const void *value, gsize len);
gboolean   test_service_has_text (const TestAsked *asked, guint8 type, const char *text);
/* G_MAXUINT32: it is not there */
guint32    test_service_u32   (const TestAsked *asked, guint8 type);
/* A DAE request, on the io loop: the answer, when it comes, is in @answer (zeroed before). */
typedef struct { gboolean is_there, is_done; guint32 error_cause; guint8 state_len; } TestDynamic;
void       test_service_dynamic (IkeEngine *engine, guint8 code, const guint8 *attributes, gsize len,
                                 TestDynamic *answer);
