/* SPDX-License-Identifier: Apache-2.0 */
/* log-syslog.c - plugin log-syslog: sends the log to the syslog daemon.
 *
 * syslog(3) keeps one ident and one connection per process and may wait for a slow daemon.  So the
 * datagrams (RFC 3164 framing, as the C library sends them) go out here, from a socket per engine
 * that never waits; what the daemon does not take is counted as log-syslog.lost. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <ikebana/engine.h>
#include <ikebana/error.h>
#include <ikebana/plugin.h>
#include "../shared/log-filter/log_filter.h"

enum { LINE_MAX_BYTES = 2048 };

typedef struct {
  struct sockaddr_un address;
  int       fd;
  guint32   facility, lost_counter;
  char     *ident;
  LogFilter filter;                           /* the observer's */
  LogFilter next;                             /* of a reload, not yet handed over; control's */
  GString  *line;
} Syslog;

typedef struct { Syslog *state; LogFilter filter; } Swap;

static const struct { const char *name; guint32 number;
} facilities[] = {
  { "user", 1 },    { "daemon", 3 },  { "auth", 4 },    { "authpriv", 10 },
  { "local0", 16 }, { "local1", 17 }, { "local2", 18 }, { "local3", 19 },
  { "local4", 20 }, { "local5", 21 }, { "local6", 22 }, { "local7", 23 },
};

static guint32
facility_number (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (facilities); i++) {
    if (strcmp (facilities[i].name, name) == 0)
      return facilities[i].number;
  }
  return 3;
}

static guint32
severity_of (guint32 level)
{
  static const guint32 severities[] = { 3, 5, 6, 7 };
  return level < G_N_ELEMENTS (severities) ? severities[level] : 7;
}

static gboolean
connect_socket (Syslog *state)
{
  if (state->fd >= 0)
    close (state->fd);
  state->fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (state->fd < 0)
    return FALSE;
  return connect (state->fd, (const struct sockaddr *) &state->address, sizeof state->address) == 0;
}

static gboolean
send_line (Syslog *state)
{
  if (send (state->fd, state->line->str, state->line->len, MSG_NOSIGNAL) >= 0)
    return TRUE;
  if (errno == EAGAIN || errno == ENOBUFS)
    return FALSE;
  /* The syslog daemon was restarted: its socket is another one now. */
  return connect_socket (state)
         && send (state->fd, state->line->str, state->line->len, MSG_NOSIGNAL) >= 0;
}

static void
format_line (Syslog *state, const IkeLogRecord *record)
{
  static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
  time_t seconds = (time_t) (record->time_us / G_USEC_PER_SEC);
  struct tm tm = { 0 };
  localtime_r (&seconds, &tm);
  g_string_printf (state->line, "<%u>%s %2d %02d:%02d:%02d %s[%d]: [%s] ",
                   state->facility * 8 + severity_of (record->level),
                   months[CLAMP (tm.tm_mon, 0, 11)], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                   state->ident, (int) getpid (), record->group != NULL ? record->group : "core");
  if (record->subject != NULL) {
    log_append_text (state->line, record->subject);
    g_string_append (state->line, ": ");
  }
  log_append_text (state->line, record->text);
  if (state->line->len > LINE_MAX_BYTES)
    g_string_truncate (state->line, LINE_MAX_BYTES);
}

static void
write_record (IkePlugin *self, const IkeLogRecord *record)
{
  Syslog *state = ike_plugin_state (self);
  if (!log_filter_wants (&state->filter, record))
    return;
  format_line (state, record);
  if (!send_line (state))
    ike_counter_add (ike_plugin_engine (self), state->lost_counter, 1);
}

static void
state_free (gpointer data)
{
  Syslog *state = data;
  if (state->fd >= 0)
    close (state->fd);
  g_free (state->ident);
  g_string_free (state->line, TRUE);
  g_free (state);
}

static gboolean
activate (IkePlugin *self, GError **error)
{
  const char *path = ike_plugin_option (self, "socket");
  Syslog *state = g_new0 (Syslog, 1);
  state->fd = -1;
  state->line = g_string_new (NULL);
  state->ident = g_strdup (ike_plugin_option (self, "ident"));
  state->facility = facility_number (ike_plugin_option (self, "facility"));
  state->lost_counter = ike_counter (ike_plugin_engine (self), "log-syslog.lost");
  state->address.sun_family = AF_UNIX;
  ike_plugin_set_state (self, state, state_free);
  if (!log_filter_parse (&state->filter, ike_plugin_option (self, "level"),
                         ike_plugin_option (self, "groups"), error))
    return FALSE;
  if (g_strlcpy (state->address.sun_path, path, sizeof state->address.sun_path)
      >= sizeof state->address.sun_path) {
    g_set_error (error, IKE_ERROR, IKE_ERROR_CONFIG,
                 "the path of the syslog socket is too long: %s", path);
    return FALSE;
  }
  if (!connect_socket (state)) {
    g_set_error (
        error, IKE_ERROR, IKE_ERROR_SYSTEM,
        "cannot reach syslog at %s: %s; start a syslog daemon, or set plugins.log-syslog.load = no",
        path, g_strerror (errno));
    return FALSE;
  }
  return TRUE;
}

static gboolean
reload_check (IkePlugin *self, GError **error)
{
  Syslog *state = ike_plugin_state (self);
  return log_filter_parse (&state->next, ike_plugin_option (self, "level"),
                           ike_plugin_option (self, "groups"), error);
}

static void
swap_run (gpointer data)
{
  Swap *swap = data;
  swap->state->filter = swap->filter;
}

/* The observer writes while we are here, so it is the observer that changes over. */
static void
reload_commit (IkePlugin *self)
{
  Swap *swap = g_new0 (Swap, 1);
  swap->state = ike_plugin_state (self);
  swap->filter = swap->state->next;
  ike_loop_post (ike_engine_observer (ike_plugin_engine (self)), swap_run, swap, g_free);
}

#define OPTION(symbol, name, kind, value, text) \
  static const IkeOptionInfo symbol = { sizeof (IkeOptionInfo), "plugin/" name, kind, value, text }

OPTION (option_level, "level", "enum:error|notice|info|debug|none", "notice",
        "Most detailed level that is sent.");
OPTION (option_groups, "groups", "string", "",
        "Levels of single groups, which win over `level`: net=debug, config=none.");
OPTION (option_facility, "facility",
        "enum:user|daemon|auth|authpriv|local0|local1|local2|local3|local4|local5|local6|local7",
        "daemon", "Facility of the messages.");
OPTION (option_ident, "ident", "string", "ikebanad",
        "Name before the process number of each message.");
OPTION (option_socket, "socket", "string", "/dev/log", "Socket of the syslog daemon.");

static const IkeOptionInfo *const options[] = {
  &option_level, &option_groups, &option_facility, &option_ident, &option_socket, NULL,
};

static const IkeLogSinkClass sink = { sizeof (IkeLogSinkClass), write_record, NULL };
static const IkeFeature feature = { .struct_size = sizeof (IkeFeature),
                                    .provides = "log-sink:syslog",
                                    .ops = &sink };
static const IkeFeature *const features[] = { &feature, NULL };

/* On request: beside log-file to standard error, which a service manager collects, every line would
 * be there twice. */
IKE_PLUGIN (ike_plugin, "log-syslog", IKE_PLUGIN_ON_REQUEST, .version = "1.0",
            .license = "Apache-2.0", .summary = "sends the log to the syslog daemon",
            .features = features, .options = options, .activate = activate,
            .reload_check = reload_check, .reload_commit = reload_commit);
