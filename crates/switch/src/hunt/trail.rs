//! Which extensions sent a call on, and what phones and callers tell of that.

use sip::Instant;

use crate::{
    core::Core,
    diversion::{self, Step},
    ids::LegId,
    leg::Leg,
    locations::{Instance, Location, Number, Peer},
};

/// The forwards by which a call came to the place where it rings.
#[derive(Clone)]
pub(super) struct Trail {
    /// The forwards, the latest first.
    steps: Vec<Step>,
    /// The numbers of the extensions that forwarded it.
    through: Vec<Number>,
    /// When the phones at its end have rung long enough.
    pub until: Instant,
    /// It ends at one phone that was asked for by its GRUU (RFC 5627).
    pub exact: bool,
    /// That GRUU was a temporary one: the caller is not to learn whose phone it is.
    pub hidden: bool,
}

/// Why a call is sent on.
#[derive(Clone, Default)]
pub(super) struct SentOn {
    /// In the words of RFC 5806.
    pub reason: &'static str,
    /// The status by which a phone has sent it on.
    pub code: Option<u16>,
    /// What the 3xx of the phone tells of it, the latest forward first.
    pub told: Vec<Step>,
}

impl SentOn {
    /// By a setting of the extension.
    pub fn by_setting(reason: &'static str) -> Self {
        Self {
            reason,
            ..Self::default()
        }
    }
}

impl Trail {
    /// The trail of a target that may ring until then.
    pub const fn until(until: Instant) -> Self {
        Self {
            steps: Vec::new(),
            through: Vec::new(),
            until,
            exact: false,
            hidden: false,
        }
    }

    /// The same trail, which ends at this phone alone.
    pub fn to_phone(&self, phone: &Instance) -> Self {
        Self {
            exact: true,
            hidden: phone.hidden,
            ..self.clone()
        }
    }

    /// The same trail, at whose end phones may ring until then.
    pub fn longer(&self, until: Instant) -> Self {
        Self { until, ..self.clone() }
    }

    /// The trail with one more forward by an extension. A peer outside is not named. What a 3xx tells of forwards by its
    /// own extension is why this one happened; what it tells of others came before.
    pub fn with(&self, x: &Core, from: &Peer, why: &SentOn) -> Self {
        let mut longer = Self {
            exact: false,
            ..self.clone()
        };
        let Some(number) = from.number() else { return longer };
        let is_own = |step: &Step| step.number.as_deref() == Some(&**number);
        let own = why.told.iter().find(|step| is_own(step));
        let others = why.told.iter().filter(|step| !is_own(step));
        let others = others.filter(|step| may_name(x, None, step)).cloned();
        longer.steps.splice(0..0, others);
        let account = x.accounts.extension(number);
        let hides = account.is_some_and(|account| account.rules.hide_number);
        longer.steps.insert(
            0,
            Step {
                number: (!hides).then(|| number.to_string()),
                name: account.map(|account| account.name.clone()).unwrap_or_default(),
                reason: own.map_or(why.reason, |own| own.reason.as_str()).to_owned(),
                params: own.map(|own| own.params.clone()).unwrap_or_default(),
                code: why.code,
            },
        );
        longer.through.push(number.clone());
        longer
    }

    /// Whether no extension has forwarded the call.
    pub fn is_direct(&self) -> bool {
        self.through.is_empty()
    }

    /// Whether this extension has forwarded the call before.
    pub fn goes_through(&self, number: &str) -> bool {
        self.through.iter().any(|seen| &**seen == number)
    }

    /// The header fields that tell a phone of the forwards; `before` are those with which the call came.
    pub fn header_fields(&self, before: &[Step], to: &Location, domain: &str) -> Vec<(String, String)> {
        let steps: Vec<&Step> = self.steps.iter().chain(before).collect();
        let target = match &to.peer {
            Peer::Extension(number) | Peer::Trunk { number, .. } => {
                format!("sip:{}@{domain}", sip::escape_user(number))
            }
            Peer::Uri(_) => to.uri.split(['?', ';']).next().unwrap_or_default().to_owned(),
        };
        diversion::header_fields(&steps, &target, domain)
    }
}

/// The forwards before the call came to us, the latest first. A phone tells of its own extension's and of those of
/// numbers outside; a trusted network of all.
pub(crate) fn diverted_before(x: &Core, subject: Option<LegId>) -> Vec<Step> {
    let Some(leg) = subject.and_then(|leg| x.legs.get(leg)).filter(|leg| leg.inbound) else {
        return Vec::new();
    };
    let told = diversion::told_by(&leg.invite, x.stack.config.limits.services.diversions);
    let believed = |step: &Step| leg.is_trusted() || may_name(x, Some(leg), step);
    let named = |mut step: Step| {
        let account = step.number.as_deref().and_then(|number| x.accounts.extension(number));
        if let Some(account) = account {
            step.name.clone_from(&account.name);
        }
        step
    };
    told.into_iter().filter(believed).map(named).collect()
}

/// Whether a phone may say of this number that it has forwarded a call: no extension but its own.
fn may_name(x: &Core, by: Option<&Leg>, step: &Step) -> bool {
    let Some(number) = step.number.as_deref() else {
        return true;
    };
    by.is_some_and(|leg| leg.peer.is_extension(number)) || !x.accounts.is_extension(number)
}
