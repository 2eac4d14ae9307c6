/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c - whoever waits for an SA hears sentences about it, on the control loop. */
#include "sa/sa_private.h"

IkeProgress *
ike_progress_new (IkeEngine *engine, void (*heard) (gpointer data, const char *text), gpointer data)
{
  IkeProgress *progress = g_new0 (IkeProgress, 1);

  atomic_init (&progress->references, 1);
  progress->engine = engine;
  progress->heard = heard;
  progress->data = data;
  return progress;
}

IkeProgress *
ike_progress_ref (IkeProgress *progress)
{
  atomic_fetch_add (&progress->references, 1);
  return progress;
}

void
ike_progress_unref (IkeProgress *progress)
{
  if (progress && atomic_fetch_sub (&progress->references, 1) == 1)
    g_free (progress);
}

typedef struct {
  IkeProgress *progress;
  char *text;
} Sentence;

static void
hear (gpointer data)
{
  Sentence *s = data;

  if (s->progress->data)
    s->progress->heard (s->progress->data, s->text);
}

static void
sentence_free (gpointer data)
{
  Sentence *s = data;

  ike_progress_unref (s->progress);
  g_free (s->text);
  g_free (s);
}

void
ike_progress_tell (IkeProgress *progress, const char *text)
{
  Sentence *s = g_new0 (Sentence, 1);

  s->progress = ike_progress_ref (progress);
  s->text = g_strdup (text);
  ike_loop_post (ike_engine_control (progress->engine), hear, s, sentence_free);
}
