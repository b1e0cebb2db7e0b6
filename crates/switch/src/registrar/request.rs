//! What a REGISTER asks for: RFC 3261 section 10.3, steps 1, 2 and 4 to 7 as far as they need no binding; RFC 3327 and
//! RFC 5626.

use sip::{Contact, Flow, HeaderName, Message, NameAddr, Scheme, StatusCode, Uri};

use super::{Config, gruu::Home, push};
use crate::{
    Accounts, Answer, Domain, Identity, NatPolicy, QueryId, api::PushTarget, stack::capabilities::unsupported,
};

/// A REGISTER that is valid in itself.
pub(super) struct Request {
    pub(super) query: QueryId,
    pub(super) number: String,
    pub(super) username: String,
    pub(super) flow: Flow,
    pub(super) call_id: String,
    pub(super) cseq: u32,
    pub(super) user_agent: String,
    pub(super) path: Vec<String>,
    /// Whether it is an outbound registration (RFC 5626 section 6).
    pub(super) outbound: bool,
    /// The address-of-record, where the phone wants GRUUs (RFC 5627 section 5.1).
    pub(super) gruu: Option<Home>,
    pub(super) wants: Wants,
}

pub(super) enum Wants {
    /// The list of bindings (10.2.3).
    Fetch,
    /// `Contact: *` (10.2.2).
    RemoveAll,
    /// Bindings to make, refresh and remove.
    Update(Vec<Wanted>),
}

pub(super) struct Wanted {
    pub(super) contact: String,
    /// Seconds granted; 0 removes.
    pub(super) expires: u32,
    pub(super) q: u16,
    pub(super) instance: Option<String>,
    /// Kept only if the registration is outbound.
    pub(super) reg_id: Option<u32>,
    /// The contact is a socket of ours.
    pub(super) leads_back: bool,
    /// How the phone is woken.
    pub(super) push: Option<PushTarget>,
    /// Feature-Caps of the answer.
    pub(super) told: Vec<String>,
}

/// What the contacts of one REGISTER are checked against.
struct Rules<'a> {
    config: &'a Config,
    domain: &'a Domain,
    flow: &'a Flow,
    nat: NatPolicy,
    path: &'a [String],
    outbound: bool,
}

impl Rules<'_> {
    /// Whether requests to a contact, or to the first proxy on the way to it, would come back to us.
    fn leads_back(&self, contact: &Uri<'_>) -> bool {
        match self
            .path
            .first()
            .and_then(|value| NameAddr::parse(value).ok())
            .map(|address| address.uri())
        {
            Some(Ok(proxy)) => self.domain.is_own_socket(&proxy, self.flow),
            Some(Err(_)) | None => self.domain.is_own_socket(contact, self.flow),
        }
    }
}

fn bad(reason: &'static str) -> Answer {
    Answer::because(StatusCode::BAD_REQUEST, reason)
}

/// Steps 1 and 2: is the request for us, and do we support what it requires? Both come before the challenge.
pub(super) fn preconditions(message: &Message, flow: &Flow, domain: &Domain) -> Result<(), Answer> {
    let uri = message.request_uri().map_err(|_| bad("Request-URI Cannot Be Read"))?;
    // RFC 3261 8.2.2.1
    if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
        return Err(Answer::new(StatusCode::UNSUPPORTED_URI_SCHEME));
    }
    // Step 1. Tandem is no proxy: it does not forward requests for other domains.
    if !domain.is_meant_by(&uri, flow) {
        return Err(Answer::because(StatusCode::NOT_FOUND, "Domain Not Served Here"));
    }
    // Step 2, RFC 3261 8.2.2.3.
    match unsupported(message, &[HeaderName::Require]) {
        None => Ok(()),
        Some(tags) => Err(Answer::new(StatusCode::BAD_EXTENSION).with(HeaderName::Unsupported, tags)),
    }
}

/// Reads everything of a REGISTER that does not depend on the bindings.
pub(super) fn read(
    query: QueryId,
    message: &Message,
    flow: &Flow,
    identity: &Identity,
    (accounts, domain, config): (&Accounts, &Domain, &Config),
) -> Result<Request, Answer> {
    preconditions(message, flow, domain)?;
    let username = address_of_record(message, flow, identity, accounts, domain)?;
    let path = read_path(message, config)?;
    let mut outbound = message.supports("outbound");
    let nat = accounts
        .device(&username)
        .map_or(NatPolicy::Source, |device| device.nat);
    let wants = read_contacts(
        message,
        &Rules {
            config,
            domain,
            flow,
            nat,
            path: &path,
            outbound,
        },
    )?;
    let has_reg_id = match &wants {
        Wants::Update(contacts) => contacts.iter().any(|contact| contact.reg_id.is_some()),
        Wants::Fetch | Wants::RemoveAll => false,
    };
    outbound &= has_reg_id;
    // RFC 5626 section 6: the flow must end at us or at a proxy that keeps it.
    if outbound && message.vias().count() > 1 && !first_hop_keeps_flow(&path) {
        return Err(Answer::new(StatusCode::FIRST_HOP_LACKS_OUTBOUND_SUPPORT));
    }
    let cseq = message.cseq().map_err(|_| bad("CSeq Cannot Be Read"))?.number;
    let call_id = message.call_id();
    if call_id.len() > config.text {
        return Err(bad("Call-ID Too Long"));
    }
    Ok(Request {
        query,
        number: identity.extension.clone(),
        username,
        flow: *flow,
        call_id: call_id.to_owned(),
        cseq,
        user_agent: sip::clean(cut(
            message.header(HeaderName::UserAgent).unwrap_or_default(),
            config.user_agent,
        ))
        .into_owned(),
        path,
        outbound,
        gruu: home(message),
        wants,
    })
}

/// The address-of-record of a phone that wants GRUUs.
fn home(message: &Message) -> Option<Home> {
    let to = message.to().ok().filter(|_| message.supports("gruu"))?;
    let uri = to.uri().ok()?;
    let port = uri.port.map(|port| format!(":{port}")).unwrap_or_default();
    Some(Home {
        scheme: if uri.scheme == Scheme::Sips { "sips" } else { "sip" },
        host: format!("{}{port}", uri.host),
    })
}

/// Steps 4 and 5. Returns the user name of the device.
fn address_of_record(
    message: &Message,
    flow: &Flow,
    identity: &Identity,
    accounts: &Accounts,
    domain: &Domain,
) -> Result<String, Answer> {
    let forbidden = || Answer::because(StatusCode::FORBIDDEN, "Not Your Address-of-Record");
    // Only a device that has signed in can register; a trusted network cannot.
    let username = identity.device.as_deref().ok_or_else(forbidden)?;
    let to = message.to().map_err(|_| bad("To Cannot Be Read"))?;
    let uri = to.uri().map_err(|_| bad("To Cannot Be Read"))?;
    // The canonical form of step 5: parameters do not count, escapes are resolved.
    if !identity.is_named_by(&uri) {
        return Err(forbidden());
    }
    let served = matches!(uri.scheme, Scheme::Sip | Scheme::Sips) && domain.owns(uri.host, flow);
    if !served || !accounts.is_extension(&identity.extension) {
        return Err(Answer::new(StatusCode::NOT_FOUND));
    }
    Ok(username.to_owned())
}

/// RFC 3327 section 5.3. Whether a phone must say that it supports Path is the registrar's policy: many phones do not
/// say so, and an edge proxy adds a Path all the same.
fn read_path(message: &Message, config: &Config) -> Result<Vec<String>, Answer> {
    let path: Vec<String> = message.values(HeaderName::Path).map(str::to_owned).collect();
    if path.is_empty() {
        return Ok(path);
    }
    if config.require_path_support && !message.supports("path") {
        return Err(Answer::new(StatusCode::BAD_EXTENSION).with(HeaderName::Unsupported, "path"));
    }
    if path.len() > config.path || path.iter().any(|value| value.len() > config.text) {
        return Err(bad("Path Too Long"));
    }
    let good = |value: &String| {
        let uri = NameAddr::parse(value).ok().and_then(|address| address.uri().ok());
        uri.is_some_and(|uri| matches!(uri.scheme, Scheme::Sip | Scheme::Sips))
    };
    if path.iter().all(good) {
        Ok(path)
    } else {
        Err(bad("Path Cannot Be Read"))
    }
}

fn first_hop_keeps_flow(path: &[String]) -> bool {
    let first = path.first().and_then(|value| NameAddr::parse(value).ok());
    first
        .and_then(|address| address.uri().ok())
        .is_some_and(|uri| uri.params.has("ob"))
}

/// Step 6, and step 7 as far as it concerns one contact alone.
fn read_contacts(message: &Message, rules: &Rules<'_>) -> Result<Wants, Answer> {
    let mut contacts = Vec::new();
    let mut star = false;
    for contact in message.contacts() {
        match contact.map_err(|_| bad("Contact Cannot Be Read"))? {
            Contact::Star => star = true,
            Contact::Address(address) => contacts.push(address),
        }
        if contacts.len() > rules.config.contacts_per_extension {
            return Err(Answer::because(StatusCode::FORBIDDEN, "Too Many Contacts"));
        }
    }
    // RFC 3261 20.19: a value that cannot be read counts as an hour.
    let expires = message.expires().unwrap_or(Some(3_600));
    if star {
        let alone = contacts.is_empty() && message.contacts().count() == 1;
        return if alone && message.header(HeaderName::Expires).is_some() && expires == Some(0) {
            Ok(Wants::RemoveAll)
        } else {
            Err(bad("Contact * Goes Alone and With Expires 0"))
        };
    }
    if contacts.is_empty() {
        return Ok(Wants::Fetch);
    }
    let wanted: Result<Vec<Wanted>, Answer> = contacts
        .iter()
        .map(|address| read_contact(address, expires, rules))
        .collect();
    let wanted = wanted?;
    let flows = wanted.iter().filter(|contact| contact.reg_id.is_some()).count();
    // RFC 5626 section 6: a flow can belong to one contact only.
    if flows > 0 && wanted.iter().filter(|contact| contact.expires > 0).count() > 1 {
        return Err(bad("One Contact With reg-id a Request"));
    }
    Ok(Wants::Update(wanted))
}

fn read_contact(address: &NameAddr<'_>, expires: Option<u32>, rules: &Rules<'_>) -> Result<Wanted, Answer> {
    let config = rules.config;
    if address.uri.len() > config.text {
        return Err(bad("Contact Too Long"));
    }
    let uri = address.uri().map_err(|_| bad("Contact Cannot Be Read"))?;
    check_uri(address.uri, &uri)?;
    // RFC 5627 section 5.1: a GRUU leads to contacts, and cannot be one.
    if uri.gruu().is_some() && rules.domain.is_meant_by(&uri, rules.flow) {
        return Err(Answer::because(StatusCode::FORBIDDEN, "Contact Is a GRUU"));
    }
    let leads_back = rules.leads_back(&uri);
    // Each call to it would come back to us, again and again.
    if leads_back && rules.nat == NatPolicy::Contact {
        return Err(Answer::because(StatusCode::FORBIDDEN, "Contact Leads Back Here"));
    }
    let asked = match address.param("expires") {
        Some(text) => Some(text.parse().unwrap_or(3_600)),
        None => expires,
    };
    let too_brief = || {
        Answer::new(StatusCode::INTERVAL_TOO_BRIEF)
            .with(HeaderName::MinExpires, config.min_expires.min(3_600).to_string())
    };
    let expires = config.grant(asked).ok_or_else(too_brief)?;
    let q = match address.param("q") {
        Some(text) => read_q(text).ok_or_else(|| bad("Contact Has a Bad q"))?,
        None => 1_000,
    };
    let instance = address.param("+sip.instance").filter(|instance| !instance.is_empty());
    if instance.is_some_and(|instance| instance.len() > config.text || !instance.bytes().all(|b| b.is_ascii_graphic()))
    {
        return Err(bad("Contact Has a Bad +sip.instance"));
    }
    // RFC 5626 section 6: reg-id has no meaning without an instance, or from a phone that does not speak outbound.
    let reg_id = match address.param("reg-id").filter(|_| rules.outbound && instance.is_some()) {
        Some(text) => {
            let number = text.parse().ok().filter(|number| (1..=0x7fff_ffff).contains(number));
            Some(number.ok_or_else(|| bad("Contact Has a Bad reg-id"))?)
        }
        None => None,
    };
    Ok(Wanted {
        contact: address.uri.to_owned(),
        expires,
        q,
        instance: instance.map(str::to_owned),
        reg_id,
        leads_back,
        push: push::target(&uri, &config.push),
        told: push::told(address, &uri, &config.push)?,
    })
}

/// Whether we can send requests to a contact, and may write it into messages and pages.
fn check_uri(text: &str, uri: &Uri<'_>) -> Result<(), Answer> {
    if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
        return Err(bad("Contact Is No SIP URI"));
    }
    // The contact appears in Request-URIs and on admin pages later. The parser refuses controls, blanks, quotes and
    // angle brackets. Other characters outside of ASCII are not allowed in a URI (RFC 3261 25.1).
    if !text.is_ascii() || text.contains(['\\', '^', '`', '{', '|', '}']) {
        return Err(bad("Contact Has a Character That Must Be Escaped"));
    }
    Ok(())
}

/// `qvalue` of RFC 3261 25.1 in thousandths.
fn read_q(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths = format!("{fraction:0<3}").parse().ok().filter(|_| digits)?;
    match (whole, thousandths) {
        ("0" | "", thousandths) if !text.is_empty() && text != "." => Some(thousandths),
        ("1", 0) => Some(1_000),
        _ => None,
    }
}

fn cut(text: &str, limit: usize) -> &str {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_is_read_in_thousandths() {
        for (text, q) in [
            ("1", Some(1000)),
            ("1.0", Some(1000)),
            ("1.000", Some(1000)),
            ("0", Some(0)),
            ("0.5", Some(500)),
            ("0.05", Some(50)),
            ("0.123", Some(123)),
            (".7", Some(700)),
            ("0.", Some(0)),
            ("1.1", None),
            ("2", None),
            ("0.1234", None),
            ("-0.1", None),
            ("0.+1", None),
            ("", None),
            (".", None),
            ("x", None),
        ] {
            assert_eq!(read_q(text), q, "{text:?}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("häuser", 2), "h");
        assert_eq!(cut("häuser", 3), "hä");
        assert_eq!(cut("abc", 9), "abc");
    }
}
