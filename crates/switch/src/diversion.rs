//! Who sent a call on, and why: Diversion (RFC 5806), History-Info (RFC 7044), and how one follows from the other (RFC
//! 7544).

use sip::{HeaderName, Message, NameAddr, privacy::Privacy};

/// One forward of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The number that sent the call on. `None` where that is not to be shown.
    pub number: Option<String>,
    /// Its name; may be empty.
    pub name: String,
    /// Why, in the words of RFC 5806.
    pub reason: String,
    /// Further parameters of a Diversion that came: `counter`, `limit`, `privacy`, `screen`.
    pub params: Vec<(&'static str, String)>,
    /// The status by which a phone of the number has sent the call on.
    pub code: Option<u16>,
}

/// The reasons of RFC 5806 section 4, with the `cause` of RFC 4458 that stands for each (RFC 7544 section 5).
const REASONS: [(&str, u16); 6] = [
    ("unconditional", 302),
    ("user-busy", 486),
    ("no-answer", 408),
    ("deflection", 480),
    ("unavailable", 503),
    ("unknown", UNKNOWN),
];

/// The `cause` of `time-of-day`, `do-not-disturb`, `follow-me`, `out-of-service`, `away`, and of every reason that is not in the
/// table of RFC 7544 section 5.
const UNKNOWN: u16 = 404;

impl Step {
    /// The `cause` of RFC 4458. RFC 7544 section 5: 404 for a reason without one of its own.
    pub fn cause(&self) -> u16 {
        let known = REASONS.iter().find(|(reason, _)| *reason == self.reason);
        known.map_or(UNKNOWN, |(_, cause)| *cause)
    }

    /// The reason for a `cause` of RFC 4458. RFC 7544 section 6: `unknown` for any other, also for the translation of a service
    /// number (380, RFC 8119).
    pub fn reason_of(cause: u16) -> &'static str {
        match cause {
            487 => "deflection", // while the phone rang
            _ => REASONS
                .iter()
                .find(|(_, known)| *known == cause)
                .map_or("unknown", |(reason, _)| reason),
        }
    }

    /// The Diversion value.
    fn diversion(&self, domain: &str) -> String {
        let mut value = match &self.number {
            Some(number) => {
                let name = match self.name.as_str() {
                    "" => String::new(),
                    name => format!("{} ", sip::quote(name)),
                };
                format!("{name}<sip:{}@{domain}>", sip::escape_user(number))
            }
            None => "\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned(),
        };
        if !self.reason.is_empty() {
            value.push_str(&format!(";reason={}", self.reason));
        }
        for (name, param) in &self.params {
            value.push_str(&format!(";{name}={param}"));
        }
        if self.number.is_none() && !self.params.iter().any(|(name, _)| *name == "privacy") {
            value.push_str(";privacy=full");
        }
        value
    }

    /// The address for History-Info, without angle brackets.
    fn uri(&self, domain: &str) -> String {
        match &self.number {
            Some(number) => format!("sip:{}@{domain}", sip::escape_user(number)),
            None => "sip:anonymous@anonymous.invalid".to_owned(),
        }
    }
}

/// The header fields that tell a phone of these forwards: Diversion, and History-Info for the same list. `steps` are the
/// forwards, the latest first; `target` is the URI that the call goes to now.
pub(crate) fn header_fields(steps: &[&Step], target: &str, domain: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for step in steps {
        fields.push((HeaderName::Diversion.as_str().to_owned(), step.diversion(domain)));
    }
    let mut index = "1".to_owned();
    let mut parent: Option<&Step> = None;
    let targets = steps.iter().rev().map(|step| Some(*step)).chain([None]);
    for step in targets.filter(|_| !steps.is_empty()) {
        let mut uri = step.map_or_else(|| target.to_owned(), |step| step.uri(domain));
        let mut mapped = String::new();
        if let Some(parent) = parent {
            // RFC 4458 section 2: why the call goes to this URI. RFC 7044 section 5.1: which entry it was before.
            uri.push_str(&format!(";cause={}", parent.cause()));
            mapped = format!(";mp={index}");
            index.push_str(".1");
        }
        if let Some(code) = step.and_then(|step| step.code) {
            // RFC 7044 section 10.2: the answer by which the entry was left.
            uri.push_str(&format!("?Reason=SIP%3Bcause%3D{code}"));
        }
        fields.push((
            HeaderName::HistoryInfo.as_str().to_owned(),
            format!("<{uri}>;index={index}{mapped}"),
        ));
        parent = step;
    }
    fields
}

/// The forwards that a request or a 3xx tells of, the latest first and at most `most`: those of Diversion, or else those
/// of History-Info. `history` among the privacy values keeps them back (RFC 7044 section 10.1).
pub(crate) fn told_by(message: &Message, most: usize) -> Vec<Step> {
    if Privacy::of(message).history {
        return Vec::new();
    }
    // RFC 5806 section 4, RFC 3261 7.3.1: a list that may take several header rows.
    let values = message.values(HeaderName::Diversion).take(most);
    let diverted: Vec<Step> = values.filter_map(of_diversion).collect();
    if diverted.is_empty() {
        of_history(message, most)
    } else {
        diverted
    }
}

fn of_diversion(value: &str) -> Option<Step> {
    let address = NameAddr::parse(value).ok()?;
    let uri = address.uri().ok().filter(|uri| !uri.number().is_empty())?;
    let name = address.display_name().map(|name| sip::clean(&name).into_owned());
    let param = |name: &str| {
        let value = address.param(name).filter(|value| is_token(value));
        value.map(str::to_owned)
    };
    let hidden = param("privacy").is_some_and(|privacy| !privacy.eq_ignore_ascii_case("off"));
    let others = ["counter", "limit", "privacy", "screen"].into_iter();
    Some(Step {
        number: (!hidden).then(|| uri.number().into_owned()),
        name: name.unwrap_or_default(),
        reason: param("reason").unwrap_or_default(),
        params: others.filter_map(|name| Some((name, param(name)?))).collect(),
        code: None,
    })
}

/// RFC 7544 section 6: an entry whose URI has a `cause` was reached by a forward of the entry before it.
fn of_history(message: &Message, most: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut before: Option<Option<String>> = None;
    // A longer list than this costs more than it tells.
    for value in message.values(HeaderName::HistoryInfo).take(4 * most) {
        let Some(address) = NameAddr::parse(value).ok() else {
            continue;
        };
        let Ok(uri) = address.uri() else { continue };
        let cause = uri.param("cause").and_then(|cause| cause.parse::<u16>().ok());
        if let (Some(number), Some(cause)) = (before.take(), cause) {
            steps.push(Step {
                number,
                name: String::new(),
                reason: Step::reason_of(cause).to_owned(),
                params: Vec::new(),
                code: None,
            });
        }
        let hidden = uri
            .header_field("Privacy")
            .ok()
            .flatten()
            .is_some_and(|value| value.eq_ignore_ascii_case("history"));
        before = Some((!hidden).then(|| uri.number().into_owned()));
    }
    steps.reverse();
    steps.truncate(most);
    steps
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use sip::{Builder, Method};

    use super::*;

    fn message(rows: &[(HeaderName, &str)]) -> Message {
        let builder = Builder::request(&Method::Invite, "sip:a@b");
        rows.iter()
            .fold(builder, |builder, (name, value)| builder.header(*name, value))
            .finish()
    }

    #[test]
    fn both_fields_tell_the_same_and_either_is_read() {
        let both = |rows: &[(String, String)]| -> (Vec<String>, Vec<String>) {
            let of = |name: &str| {
                let values = rows.iter().filter(|(field, _)| field == name);
                values.map(|(_, value)| value.clone()).collect()
            };
            (of("Diversion"), of("History-Info"))
        };
        let step = |number: &str, reason: &str, code| Step {
            number: Some(number.to_owned()),
            name: String::new(),
            reason: reason.to_owned(),
            params: Vec::new(),
            code,
        };
        let (second, first) = (step("103", "no-answer", None), step("102", "user-busy", Some(486)));
        let fields = header_fields(&[&second, &first], "sip:104@x", "x");
        let (diversion, history) = both(&fields);
        assert_eq!(
            diversion,
            ["<sip:103@x>;reason=no-answer", "<sip:102@x>;reason=user-busy"]
        );
        assert_eq!(
            history,
            [
                "<sip:102@x?Reason=SIP%3Bcause%3D486>;index=1",
                "<sip:103@x;cause=486>;index=1.1;mp=1",
                "<sip:104@x;cause=408>;index=1.1.1;mp=1.1",
            ]
        );
        let rows: Vec<_> = history
            .iter()
            .map(|row| (HeaderName::HistoryInfo, row.as_str()))
            .collect();
        let read = told_by(&message(&rows), 5);
        assert_eq!(read, [second.clone(), step("102", "user-busy", None)]);
        let rows: Vec<_> = diversion
            .iter()
            .map(|row| (HeaderName::Diversion, row.as_str()))
            .collect();
        assert_eq!(told_by(&message(&rows), 5), read);
        assert_eq!(told_by(&message(&rows), 1), read[..1]);
        assert!(header_fields(&[], "sip:104@x", "x").is_empty());
    }

    #[test]
    fn a_number_that_is_to_be_hidden_is_hidden_in_both() {
        let rows = [(
            HeaderName::Diversion,
            "\"Bob\" <sip:102@x>;reason=away;privacy=full;screen=\"\u{7}\"",
        )];
        let steps = told_by(&message(&rows), 5);
        let fields = header_fields(&[&steps[0]], "sip:104@x", "x");
        let text = format!("{fields:?}");
        assert!(!text.contains("102") && !text.contains("Bob"), "{text}");
        assert!(
            text.contains("privacy=full") && text.contains("sip:anonymous@anonymous.invalid>;index=1"),
            "{text}"
        );
        let kept = [rows[0], (HeaderName::Privacy, "history")];
        assert!(told_by(&message(&kept), 5).is_empty());
        let rows = [
            (HeaderName::HistoryInfo, "<sip:102@x?Privacy=history>;index=1"),
            (HeaderName::HistoryInfo, "<sip:103@x;cause=302>;index=1.1"),
        ];
        assert_eq!(told_by(&message(&rows), 5)[0].number, None);
    }

    #[test]
    fn each_cause_of_rfc_4458_has_its_reason() {
        for (cause, reason) in [
            (404, "unknown"),
            (486, "user-busy"),
            (408, "no-answer"),
            (302, "unconditional"),
            (487, "deflection"),
            (480, "deflection"),
            (503, "unavailable"),
            (380, "unknown"),
        ] {
            assert_eq!(Step::reason_of(cause), reason, "{cause}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        let rows = [
            (HeaderName::HistoryInfo, "sip:"),
            (HeaderName::HistoryInfo, "<sip:102@x>;index=zero"),
            (HeaderName::HistoryInfo, "<sip:103@x;cause=many>"),
            (HeaderName::Diversion, "no address"),
        ];
        assert!(told_by(&message(&rows), 5).is_empty());
        let many = vec![(HeaderName::HistoryInfo, "<sip:103@x;cause=302>"); 1_000];
        assert_eq!(told_by(&message(&many), 5).len(), 5);
    }
}
