/* SPDX-License-Identifier: Apache-2.0 */
/* cookie.c - the plugin `cookie`: who sends first messages under a flood shows that he gets our
 * answers, before anything is kept of him (RFC 7296, 2.6).
 *
 * A cookie says nothing to who gets it, and nothing of it is remembered here: it is a version, what
 * another plugin put into it, and a MAC over these and all that it is good for.  The MAC is keyed
 * with a secret that is made at the start, and covers the number of the period in which the cookie
 * was made; so each period has a secret of its own, and the version names it.  A cookie is taken in
 * its period and in the next.
 *
 * Cookies are asked for while many SAs are half open, of a source that has several half open, and
 * whenever an answer would be longer than what an unproven source has sent.  The initiator's half
 * of this is in the plugin `ikev2`. */
#include "config.h"
#include <stdatomic.h>
#include <string.h>

#include <ikebana/crypto.h>
#include <ikebana/engine.h>
#include <ikebana/log.h>
#include <ikebana/net.h>

#include "shared/cookie/cookie.h"

enum { PRF_HMAC_SHA2_256 = 5, SECRET_LEN = 32, MAC_LEN = 16, COOKIE_MAX = 64 };
enum { LONG_ANSWER_US = 60 * G_USEC_PER_SEC };

typedef struct {
  IkeEngine *engine;
  IkeSecret secret;
  gboolean is_always;
  guint32 threshold, threshold_source; /* 0: never by this number */
  gint64 hold_us, period_us;
  atomic_llong asked_until_us;           /* of everybody */
  atomic_uint long_answer;               /* as long was an answer that was not sent, */
  atomic_llong long_until_us;            /* and so long it is remembered */
  guint32 n_sent, n_accepted, n_refused; /* counters */
} Cookies;

static void
cookies_free (gpointer data)
{
  Cookies *self = data;

  ike_secret_clear (&self->secret);
  g_free (self);
}

/* -- making and checking */

static guint64
period_of (const Cookies *self)
{
  return (guint64) (ike_engine_now_us (self->engine) / self->period_us);
}

static gboolean
nonce_of (const IkeMessage *first, IkePart *nonce)
{
  const IkePayload *payload = ike_message_find (first, IKE_PAYLOAD_NONCE, 0);
  IkeVerdict verdict = { 0 };

  return payload && ike_nonce_read (payload, &nonce->data, &nonce->len, &verdict);
}

/* RFC 8019, 7.1.1.3: "Cookie = <VersionIDofSecret> | <AdditionalInfo> | Hash(Ni | IPi | SPIi |
 * <AdditionalInfo> | <secret>)"; with the port, so that hosts behind one NAT are told apart. */
static gboolean
make_mac (const Cookies *self, const IkeDatagram *datagram, const IkeMessage *first, guint64 period,
          const IkePart *info, guint8 mac[static MAC_LEN])
{
  struct {
    guint64 period, spi;
    guint8 address[16];
    guint16 port;
    guint8 family, info_len;
    guint32 zero;
  } bound = { .period = period,
              .spi = ike_message_header (first)->spi_initiator,
              .port = datagram->remote.port,
              .family = datagram->remote.family,
              .info_len = (guint8) info->len };
  IkePart parts[] = { { (const guint8 *) &bound, sizeof bound }, *info, { NULL, 0 } };
  const IkePrf *prf = ike_prf_find (self->engine, PRF_HMAC_SHA2_256);
  guint8 out[IKE_SECRET_MAX];

  memcpy (bound.address, datagram->remote.bytes, sizeof bound.address);
  if (!prf || !nonce_of (first, &parts[2])
      || !ike_prf_run (prf, self->secret.bytes, self->secret.len, parts, G_N_ELEMENTS (parts), out))
    return FALSE;
  memcpy (mac, out, MAC_LEN);
  return TRUE;
}

static gboolean
write_cookie (IkePlugin *plugin, const IkeDatagram *datagram, const IkeMessage *first,
              const guint8 *info, gsize len, IkeWriter *reply)
{
  Cookies *self = ike_plugin_state (plugin);
  guint64 period = period_of (self);
  IkePart part = { info, len };
  guint8 cookie[COOKIE_MAX];

  if (len > IKE_COOKIE_INFO_MAX)
    return FALSE;
  cookie[0] = (guint8) period;
  if (len)
    memcpy (cookie + 1, info, len);
  if (!make_mac (self, datagram, first, period, &part, cookie + 1 + len))
    return FALSE;
  ike_notify_write (reply, 0, IKE_N_COOKIE, NULL, 0, cookie, 1 + len + MAC_LEN);
  ike_counter_add (self->engine, self->n_sent, 1);
  return TRUE;
}

/* RFC 7296, 2.6: "it MAY keep the old value of <secret> around for a short time and accept cookies
 * computed from either one". */
static gboolean
check_cookie (IkePlugin *plugin, const IkeDatagram *datagram, const IkeMessage *first,
              IkeCookie *out)
{
  Cookies *self = ike_plugin_state (plugin);
  guint64 period = period_of (self);
  guint8 mac[MAC_LEN];
  IkeNotify notify;
  IkePart info;

  if (!ike_message_notify (first, IKE_N_COOKIE, 0, &notify) || notify.len < 1 + MAC_LEN
      || notify.len > 1 + IKE_COOKIE_INFO_MAX + MAC_LEN)
    return FALSE;
  if (notify.data[0] == (guint8) (period - 1))
    period--;
  else if (notify.data[0] != (guint8) period)
    return FALSE;
  info = (IkePart){ notify.data + 1, notify.len - 1 - MAC_LEN };
  if (!make_mac (self, datagram, first, period, &info, mac)
      || !ike_equal (mac, info.data + info.len, MAC_LEN))
    return FALSE;
  out->len = (guint8) info.len;
  memcpy (out->info, info.data, info.len);
  out->data = notify.data;
  out->data_len = (guint8) notify.len;
  return TRUE;
}

static const IkeCookieOps service_ops = {
  .struct_size = sizeof (IkeCookieOps),
  .write = write_cookie,
  .check = check_cookie,
};

/* -- when */

/* Once it began it goes on for a while, so that it does not turn on and off with each SA. */
static gboolean
is_flooded (Cookies *self, guint32 n_half_open)
{
  gint64 now = ike_engine_now_us (self->engine);

  if (self->is_always)
    return TRUE;
  if (!self->threshold || n_half_open < self->threshold)
    return now < atomic_load (&self->asked_until_us);
  if (atomic_exchange (&self->asked_until_us, now + self->hold_us) <= now)
    ike_log (self->engine, IKE_LOG_NOTICE, "cookie",
             "cookies are asked for from now on: %u SAs are half open", n_half_open);
  return TRUE;
}

/* Answers of one length come in rows.  What would be replaced anyway is not computed first. */
static gboolean
is_answer_long (Cookies *self, gsize request_len)
{
  return request_len < atomic_load (&self->long_answer)
         && ike_engine_now_us (self->engine) < atomic_load (&self->long_until_us);
}

static gboolean
is_asked_for (Cookies *self, const IkeDatagram *datagram)
{
  IkeHalfOpen counts = { .struct_size = sizeof counts };

  ike_half_open_count (self->engine, &datagram->remote, &counts);
  return is_flooded (self, counts.all)
         || (self->threshold_source && counts.source >= self->threshold_source)
         || is_answer_long (self, datagram->len);
}

/* RFC 7296, 2.6: "When one party receives an IKE_SA_INIT request containing a cookie whose contents
 * do not match the value expected, that party MUST ignore the cookie and process the message as if
 * no cookie had been included; usually this means sending a response containing a new cookie". */
static IkeGateVerdict
judge (IkePlugin *plugin, const IkeDatagram *datagram, const IkeMessage *first, IkeWriter *reply,
       GBytes **attachment)
{
  Cookies *self = ike_plugin_state (plugin);
  IkeCookie cookie;
  IkeNotify notify;

  if (!is_asked_for (self, datagram))
    return IKE_GATE_PASS;
  if (check_cookie (plugin, datagram, first, &cookie)) {
    ike_counter_add (self->engine, self->n_accepted, 1);
    return IKE_GATE_PASS;
  }
  if (ike_message_notify (first, IKE_N_COOKIE, 0, &notify))
    ike_counter_add (self->engine, self->n_refused, 1);
  return write_cookie (plugin, datagram, first, NULL, 0, reply) ? IKE_GATE_REPLY : IKE_GATE_DROP;
}

/* An address that nothing proved gets no more bytes than it sent. */
static gboolean
replace (IkePlugin *plugin, const IkeDatagram *datagram, const IkeMessage *first, gsize answer_len,
         IkeWriter *reply)
{
  Cookies *self = ike_plugin_state (plugin);
  IkeCookie cookie;

  if (check_cookie (plugin, datagram, first, &cookie))
    return FALSE;
  atomic_store (&self->long_answer, (guint) answer_len);
  atomic_store (&self->long_until_us, ike_engine_now_us (self->engine) + LONG_ANSWER_US);
  return write_cookie (plugin, datagram, first, NULL, 0, reply);
}

/* RFC 8019, 4.5: "the Responder SHOULD require Initiators presenting Session Resumption tickets to
 * pass a return routability check by including the COOKIE notification in the IKE_SESSION_RESUME
 * response message".  What asks for more than a cookie is asked first. */
static const IkeGateClass gate_class = {
  .struct_size = sizeof (IkeGateClass),
  .exchanges = "IKE_SA_INIT IKE_SESSION_RESUME",
  .after = "puzzle",
  .judge = judge,
  .replace = replace,
};

/* -- the plugin */

static gboolean
activate (IkePlugin *plugin, GError **error)
{
  Cookies *self = g_new0 (Cookies, 1);
  IkeEngine *engine = ike_plugin_engine (plugin);
  guint8 secret[SECRET_LEN];

  self->engine = engine;
  ike_engine_random (engine, secret, sizeof secret);
  ike_secret_set (&self->secret, secret, sizeof secret);
  ike_wipe (secret, sizeof secret);
  self->is_always = ike_plugin_option_bool (plugin, "always");
  self->threshold = (guint32) ike_plugin_option_uint (plugin, "threshold");
  self->threshold_source = (guint32) ike_plugin_option_uint (plugin, "threshold_source");
  self->hold_us = (gint64) ike_plugin_option_uint (plugin, "hold") * G_USEC_PER_SEC;
  self->period_us = (gint64) MAX (ike_plugin_option_uint (plugin, "lifetime"), 1) * G_USEC_PER_SEC;
  self->n_sent = ike_counter (engine, "cookie.sent");
  self->n_accepted = ike_counter (engine, "cookie.accepted");
  self->n_refused = ike_counter (engine, "cookie.refused");
  ike_plugin_set_state (plugin, self, cookies_free);
  return TRUE;
}

static const char *const needs[] = { "prf:hmac-sha2-256", NULL };

static const IkeFeature gate_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "gate:cookie",
  .ops = &gate_class,
  .needs = needs,
};
static const IkeFeature service_feature = {
  .struct_size = sizeof (IkeFeature),
  .provides = "service:cookie",
  .ops = &service_ops,
  .needs = needs,
};
static const IkeFeature *const features[] = { &gate_feature, &service_feature, NULL };

#define OPTION(symbol, option_name, option_type, option_fallback, option_doc)                      \
  static const IkeOptionInfo symbol##_option = { sizeof (IkeOptionInfo), "plugin/" option_name,    \
                                                 option_type, option_fallback, option_doc }

OPTION (threshold, "threshold", "uint", "30",
        "From so many half-open IKE SAs on cookies are asked of everybody; 0: never for that.");
OPTION (
    threshold_source, "threshold_source", "uint", "3",
    "From so many half-open IKE SAs of one source on, an IPv4 address or an IPv6 /64, cookies are "
    "asked of it; 0: never for that.");
OPTION (hold, "hold", "time", "10",
        "How long cookies are asked of everybody, at least, once the threshold was reached.");
OPTION (
    lifetime, "lifetime", "time", "60",
    "After this time the secret changes: a cookie is good for so long at least, and for twice as "
    "long at most.");
OPTION (always, "always", "bool", "no", "Ask everybody, whatever is half open.");

static const IkeOptionInfo *const options[] = { &threshold_option, &threshold_source_option,
                                                &hold_option,      &lifetime_option,
                                                &always_option,    NULL };

IKE_PLUGIN (ike_plugin, "cookie", 0, .version = PACKAGE_VERSION, .license = "Apache-2.0",
            .summary = "cookies for first messages under a flood (RFC 7296, 2.6)",
            .features = features, .options = options, .activate = activate);
