//! Session timers (RFC 4028): a call ends when its phone is no longer there.

use std::time::Duration;

use sip::{
    Builder, HeaderName, Message,
    headers::session::{MinSe, Refresher, SessionExpires},
};

use super::{LegId, LegTimer};
use crate::{
    answer::Answer,
    api::TimerImage,
    config::Config,
    requests::Outline,
    stack::{Stack, TimerKey},
};

/// How often the session is refreshed, and by which side.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct SessionTimer {
    interval: Duration,
    min_se: Duration,
    ours: bool,
    /// When the interval began, in microseconds since the Unix epoch.
    began_unix: i64,
}

/// The Session-Expires of a message. `None` also where it cannot be read, for this is no reason to refuse a call.
fn session_expires_of(message: &Message) -> Option<SessionExpires> {
    message.read().ok().flatten()
}

fn min_se_of(message: &Message) -> Option<Duration> {
    let MinSe(seconds) = message.read().ok().flatten()?;
    Some(Duration::from_secs(seconds.into()))
}

impl SessionTimer {
    /// The timer that our own INVITE asks for.
    pub fn offered(config: &Config) -> Self {
        Self {
            interval: config.session_expires,
            min_se: config.limits.min_se,
            ours: true,
            began_unix: 0,
        }
    }

    /// The timer that an INVITE asks for. Error: 422 where the interval is too short (RFC 4028 section 9).
    pub fn asked(invite: &Message, config: &Config) -> Result<Self, Answer> {
        let mut timer = Self::offered(config);
        timer.take(invite)?;
        Ok(timer)
    }

    /// Takes over the interval that a request asks for. Error: 422 where the interval is too short (RFC 4028 section
    /// 9).
    pub fn take(&mut self, request: &Message) -> Result<(), Answer> {
        let supported = request.supports("timer");
        let theirs_at_least = min_se_of(request).unwrap_or_default();
        match session_expires_of(request) {
            Some(asked) if asked.interval() < self.min_se && supported => {
                return Err(Answer::of(422).with(HeaderName::MinSe, self.min_se.as_secs().to_string()));
            }
            // RFC 4028 section 9: we may shorten the interval, but not below the Min-SE of the request.
            Some(asked) => {
                self.interval = asked
                    .interval()
                    .min(self.interval)
                    .max(theirs_at_least)
                    .max(self.min_se);
                self.ours = asked.refresher == Some(Refresher::Uas) || !supported;
            }
            None => {
                self.interval = self.interval.max(theirs_at_least);
                self.ours = true;
            }
        }
        Ok(())
    }

    /// Adds the header fields of the timer to our INVITE.
    pub fn ask<'a>(&self, outline: Outline<'a>) -> Outline<'a> {
        outline
            .header(HeaderName::SessionExpires, self.interval.as_secs().to_string())
            .header(HeaderName::MinSe, self.min_se.as_secs().to_string())
    }

    /// Adds the header fields of the timer to a request within the dialog. Interval and refresher stay the same (RFC
    /// 4028 section 7.4).
    pub fn ask_again<'a>(&self, outline: Outline<'a>) -> Outline<'a> {
        let refresher = if self.ours { Refresher::Uac } else { Refresher::Uas };
        outline
            .header(HeaderName::SessionExpires, self.said_of(refresher).to_string())
            .header(HeaderName::MinSe, self.min_se.as_secs().to_string())
    }

    fn said_of(&self, refresher: Refresher) -> SessionExpires {
        SessionExpires {
            seconds: u32::try_from(self.interval.as_secs()).unwrap_or(u32::MAX),
            refresher: Some(refresher),
        }
    }

    /// Adds the timer in force to a 2xx. A peer that does not support session timers is told nothing: Tandem refreshes
    /// the session.
    pub fn describe(&self, builder: Builder, peer_supports: bool) -> Builder {
        if !peer_supports {
            return builder;
        }
        let refresher = if self.ours { Refresher::Uas } else { Refresher::Uac };
        let builder = builder.header(HeaderName::SessionExpires, self.said_of(refresher));
        // RFC 4028 section 9: Require tells the UAC that it has to refresh.
        if self.ours {
            builder
        } else {
            builder.header(HeaderName::Require, "timer")
        }
    }

    /// Takes over the interval of our request as it was sent last: after a 422 the interval is longer (RFC 4028 section
    /// 7.4).
    pub fn asked_in(&mut self, request: &Message) {
        if let Some(asked) = session_expires_of(request) {
            self.interval = asked.interval();
        }
        if let Some(min_se) = min_se_of(request) {
            self.min_se = min_se;
        }
    }

    /// Takes over the interval and the refresher in the 2xx to our request (RFC 4028 section 7.2).
    pub fn settle(&mut self, response: &Message) {
        match session_expires_of(response) {
            Some(said) => {
                self.interval = said.interval().max(self.min_se);
                self.ours = said.refresher != Some(Refresher::Uas);
            }
            // A session without an interval does not expire for the peer, so the peer will not refresh it.
            None => self.ours = true,
        }
    }

    /// The session was set up or refreshed: its interval begins.
    pub fn start(&mut self, cx: &mut Stack, leg: LegId) {
        self.began_unix = cx.unix();
        self.wait(cx, leg, Duration::ZERO);
    }

    /// Sets the timers of the interval. `passed`: how much of the interval is over.
    fn wait(&self, cx: &mut Stack, leg: LegId, passed: Duration) {
        let (interval, now) = (self.interval, cx.now);
        let (refresh, expire) = (
            TimerKey::Leg(leg, LegTimer::Refresh),
            TimerKey::Leg(leg, LegTimer::Expire),
        );
        let at = |due: Duration| now + due.saturating_sub(passed);
        if self.ours {
            cx.timers.set(refresh, at(interval / 2));
        } else {
            cx.timers.clear(refresh);
        }
        // RFC 4028 section 10: the side that does not refresh ends the session a third of the
        // interval, at most 32 s, before it expires.
        let margin = (interval / 3).min(Duration::from_secs(32));
        cx.timers
            .set(expire, at(if self.ours { interval } else { interval - margin }));
    }

    /// The session is over: clears its timers.
    pub fn stop(cx: &mut Stack, leg: LegId) {
        cx.timers.clear(TimerKey::Leg(leg, LegTimer::Refresh));
        cx.timers.clear(TimerKey::Leg(leg, LegTimer::Expire));
    }

    /// The image of the timer.
    pub const fn image(&self) -> TimerImage {
        TimerImage {
            interval: self.interval,
            min_se: self.min_se,
            ours: self.ours,
            began_unix: self.began_unix,
        }
    }

    /// Goes on with an interval that began before a restart. An interval that is over expires at once.
    pub fn resume(cx: &mut Stack, leg: LegId, image: TimerImage) -> Self {
        let timer = Self {
            interval: image.interval,
            min_se: image.min_se,
            ours: image.ours,
            began_unix: image.began_unix,
        };
        let passed = cx.unix().saturating_sub(image.began_unix);
        timer.wait(cx, leg, Duration::from_micros(u64::try_from(passed).unwrap_or(0)));
        timer
    }
}

#[cfg(test)]
mod tests {
    use sip::Method;

    use super::*;

    #[test]
    fn only_the_refresher_values_of_rfc_4028_set_who_refreshes() {
        for (value, ours) in [
            ("120", false),
            ("120;refresher=uac", false),
            ("120;refresher=uas", true),
            ("120;Refresher=UAS", true),
            // Section 4: any other value is a generic parameter without a meaning.
            ("120;refresher=me", false),
            ("120;x=uas", false),
        ] {
            let invite = Builder::request(&Method::Invite, "sip:a@b")
                .header(HeaderName::Supported, "timer")
                .header(HeaderName::SessionExpires, value)
                .finish();
            let timer = SessionTimer::asked(&invite, &Config::default()).unwrap();
            assert_eq!((timer.interval.as_secs(), timer.ours), (120, ours), "{value}");
        }
    }
}
