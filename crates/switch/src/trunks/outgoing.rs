//! Calls to a number behind a trunk.

use std::sync::Arc;

use sip::Uri;

use super::{Entry, Trunks, second_of};
use crate::{
    api::{AudioRules, CauseCode, TrunkState},
    leg::CallerId,
    locations::{Location, Number, Peer, Way},
    stack::Stack,
};

/// Why a trunk takes no call: the cause, the code and the reason phrase for the caller.
pub(crate) type Full = (CauseCode, u16, &'static str);

impl Trunks {
    /// The place where a number behind a trunk is reached: by its first host, and by the others in turn.
    ///
    /// # Errors
    /// There is no such trunk, no way to it, or it takes no further call.
    pub fn way(&mut self, cx: &Stack, name: &str, number: &str) -> Result<Location, Full> {
        let Some(entry) = self.named_mut(name) else {
            return Err((CauseCode::NumberNoTrunk, 404, "No Such Trunk"));
        };
        if let Some(full) = entry.is_full(cx) {
            return Err(full);
        }
        let dialled = entry.dialled(number);
        let mut ways = entry.targets(|host| uri_at(host, &dialled)).ways;
        let (Some(first), true) = (ways.pop_front(), entry.takes_calls()) else {
            return Err((CauseCode::TrunkDown, 503, "Trunk Is Down"));
        };
        let uri = match first.aim {
            Some(aim) => aim.uri,
            None => uri_at(&entry.trunk.uri, &dialled),
        };
        Ok(Location {
            peer: Peer::Trunk {
                name: name.into(),
                number: Number::from(number),
            },
            uri,
            routes: entry.route(),
            audio: AudioRules::default(),
            way: Way::Flow(first.way),
            flows: ways.into(),
            access: Some(Arc::clone(&entry.access)),
        })
    }

    /// Who calls, for a party behind a trunk: an extension is shown by the number of the trunk, if it has one.
    pub fn caller_at(&self, name: &str, caller: &CallerId, is_extension: bool) -> CallerId {
        let own = self.named(name).map_or("", |entry| &entry.trunk.numbers.caller_id);
        let number = match own {
            own if is_extension && !own.is_empty() && !caller.is_hidden() => own.to_owned(),
            _ => caller.number.clone(),
        };
        CallerId {
            number,
            name: caller.name.clone(),
        }
    }

    /// A leg of a trunk has begun or ended.
    pub fn count(&mut self, peer: &Peer, begins: bool) {
        let Peer::Trunk { name, .. } = peer else { return };
        if let Some(entry) = self.named_mut(name) {
            entry.calls = if begins {
                entry.calls + 1
            } else {
                entry.calls.saturating_sub(1)
            };
        }
    }

    /// Whether a trunk takes one more call from outside; counts it.
    ///
    /// # Errors
    /// It does not.
    pub fn admit(&mut self, cx: &Stack, name: &str) -> Result<(), Full> {
        let full = self.named_mut(name).and_then(|entry| entry.is_full(cx));
        full.map_or(Ok(()), Err)
    }
}

impl Entry {
    /// Whether it takes no further call now. Counts the call if it does.
    fn is_full(&mut self, cx: &Stack) -> Option<Full> {
        let limits = self.trunk.limits;
        if limits.channels.is_some_and(|most| self.calls >= usize::from(most)) {
            return Some((CauseCode::TrunkFull, 503, "All Channels Of The Trunk Are In Use"));
        }
        let most = limits.calls_per_second?;
        let second = second_of(cx.now);
        if self.second.0 != second {
            self.second = (second, 0);
        }
        if self.second.1 >= u32::from(most) {
            return Some((CauseCode::TrunkFull, 503, "Too Many Calls To The Trunk In A Second"));
        }
        self.second.1 += 1;
        None
    }

    /// Whether calls may be tried: a provider that does not let us register may take them all the same; one whose hosts do
    /// not answer takes none.
    fn takes_calls(&self) -> bool {
        self.registration.is_some() || self.state != TrunkState::Down || self.trunk.options_interval == 0
    }

    /// The number as the provider wants it.
    fn dialled(&self, number: &str) -> String {
        let numbers = &self.trunk.numbers;
        let rest = number.get(numbers.strip.into()..).unwrap_or_default();
        format!("{}{rest}", numbers.add)
    }

    /// The routes of a first request to the provider: what its registrar said (RFC 3608), or none.
    fn route(&self) -> Vec<String> {
        self.registration
            .as_ref()
            .map(|own| own.route.clone())
            .unwrap_or_default()
    }
}

/// A number at a host: `sip:host;x` becomes `sip:number@host;x`.
fn uri_at(host: &str, number: &str) -> String {
    match (host.split_once(':'), Uri::parse(host)) {
        (Some((scheme, rest)), Ok(_)) => format!("{scheme}:{}@{rest}", sip::escape_user(number)),
        (Some(_) | None, _) => host.to_owned(),
    }
}
