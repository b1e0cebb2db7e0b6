//! `as-feature-event`: do not disturb and forwards, as the keys of desk phones show and set them.
//!
//! No RFC has this package. Broadsoft's "Device Feature Key Synchronization" began it, and the phones of Polycom, Yealink,
//! Cisco, Grandstream and others speak it, in words of ECMA-323 (CSTA). What they send and want:
//!
//! | body | direction | what it says |
//! |---|---|---|
//! | none | SUBSCRIBE | the phone wants to hear of all settings |
//! | `SetDoNotDisturb`, `SetForwarding` | SUBSCRIBE | a key was pressed: the setting is to be changed |
//! | `DoNotDisturbEvent` and three `ForwardingEvent`, as parts of a `multipart/mixed` | NOTIFY | the settings |
//!
//! The settings are those of the extension. A change is stored before the SUBSCRIBE is answered.

use std::fmt::Write as _;

use sip::StatusCode;

use super::{Document, Package, Scene, Told, Topic, own_number, xml};
use crate::{answer::Answer, api::SettingsPatch};

pub(super) static PACKAGE: Package = Package {
    name: "as-feature-event",
    content_type: "application/x-as-feature-event+xml",
    moved_by: &[Topic::Settings],
    watch: own_number,
    lists: false,
    follows: true,
    write,
    change: Some(change),
};

/// Some phones take no document with another namespace.
const NAMESPACE: &str = "http://www.ecma-international.org/standards/ecma-323/csta/ed3";
/// No line that begins with it can be within a part: text has no line ends.
const BOUNDARY: &str = "tandem-features";
const MULTIPART: &str = "multipart/mixed;boundary=tandem-features";
/// Phones count rings, the settings seconds: the usual cadence is a ring in six seconds.
const RING: u16 = 6;

// Writing to a string cannot fail.
fn write(scene: &Scene<'_>, _: &mut Told) -> Document {
    let mut out = String::new();
    let device = xml::escape(scene.number);
    if let Some(extension) = scene.view.accounts.extension(scene.number) {
        let dnd = format!("<doNotDisturbOn>{}</doNotDisturbOn>", extension.dnd);
        write_part(&mut out, "DoNotDisturbEvent", &device, &dnd);
        for (kind, target) in [
            ("forwardImmediate", &extension.forward_always),
            ("forwardBusy", &extension.forward_busy),
            ("forwardNoAns", &extension.forward_no_answer),
        ] {
            let on = target.is_some();
            let mut event = format!("<forwardingType>{kind}</forwardingType><forwardStatus>{on}</forwardStatus>");
            let to = xml::escape(target.as_deref().unwrap_or_default());
            let _ = write!(event, "<forwardTo>{to}</forwardTo>");
            if let Some(seconds) = extension.rules.no_answer_seconds
                && kind == "forwardNoAns"
            {
                let rings = (seconds + RING / 2) / RING;
                let _ = write!(event, "<ringCount>{}</ringCount>", rings.max(1));
            }
            write_part(&mut out, "ForwardingEvent", &device, &event);
        }
    }
    let _ = write!(out, "--{BOUNDARY}--\r\n");
    Document {
        kind: Some(MULTIPART.into()),
        head: out,
        tail: None,
        again: false,
    }
}

fn write_part(out: &mut String, root: &str, device: &str, inner: &str) {
    let _ = write!(
        out,
        "--{BOUNDARY}\r\nContent-Type: {}\r\n\r\n{}<{root} xmlns=\"{NAMESPACE}\"><device>{device}</device>{inner}</{root}>\r\n",
        PACKAGE.content_type,
        xml::DECLARATION
    );
}

/// What the body of a SUBSCRIBE changes.
///
/// # Errors
/// 400.
fn change(body: &[u8]) -> Result<SettingsPatch, Answer> {
    let document = xml::read(body)?;
    let root = document.root_element();
    let value = |name: &str| {
        let mut children = root.children();
        children.find(|child| child.tag_name().name() == name).map(xml::text)
    };
    let is_on = |name: &str| match value(name).as_deref() {
        Some("true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(_) | None => Err(xml::unreadable()),
    };
    let mut patch = SettingsPatch::default();
    match root.tag_name().name() {
        "SetDoNotDisturb" => patch.dnd = Some(is_on("doNotDisturbOn")?),
        "SetForwarding" => {
            let on = is_on("activateForward")?;
            let to = value("forwardDN").filter(|to| on && !to.is_empty());
            if on && to.is_none() {
                return Err(Answer::because(StatusCode::BAD_REQUEST, "No Target To Forward To"));
            }
            match value("forwardingType").as_deref() {
                Some("forwardImmediate") => patch.forward_always = Some(to),
                Some("forwardBusy") => patch.forward_busy = Some(to),
                Some("forwardNoAns") => {
                    patch.forward_no_answer = Some(to);
                    let rings: Option<u16> = value("ringCount").and_then(|rings| rings.parse().ok());
                    if let Some(rings) = rings.filter(|rings| on && (1..=50).contains(rings)) {
                        patch.no_answer_seconds = Some(Some(rings * RING));
                    }
                }
                Some(_) | None => return Err(xml::unreadable()),
            }
        }
        _ => return Err(Answer::because(StatusCode::BAD_REQUEST, "Feature Not Known")),
    }
    let bad = |_| Answer::because(StatusCode::BAD_REQUEST, "Target Cannot Be Used");
    patch.check().map_err(bad)?;
    Ok(patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarding(kind: &str, on: &str, to: &str, rings: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><SetForwarding xmlns=\"{NAMESPACE}\"><device>1</device>\
             <forwardingType>{kind}</forwardingType><activateForward>{on}</activateForward>\
             <forwardDN>{to}</forwardDN><ringCount>{rings}</ringCount></SetForwarding>"
        )
    }

    #[test]
    fn a_key_changes_one_setting() {
        let read = |body: &str| change(body.as_bytes()).unwrap();
        let dnd = read("<SetDoNotDisturb><device/><doNotDisturbOn>true</doNotDisturbOn></SetDoNotDisturb>");
        assert_eq!(
            dnd,
            SettingsPatch {
                dnd: Some(true),
                ..SettingsPatch::default()
            }
        );
        assert_eq!(
            read(&forwarding("forwardImmediate", "true", "103", "")).forward_always,
            Some(Some("103".into()))
        );
        assert_eq!(
            read(&forwarding("forwardBusy", "false", "103", "")).forward_busy,
            Some(None)
        );
        let no_answer = read(&forwarding("forwardNoAns", "true", "sip:103@tandem.local", "3"));
        assert_eq!(no_answer.forward_no_answer, Some(Some("sip:103@tandem.local".into())));
        assert_eq!(no_answer.no_answer_seconds, Some(Some(18)));
    }

    #[test]
    fn what_cannot_be_set_is_refused() {
        for body in [
            "x".to_owned(),
            "<SetAgentState/>".to_owned(),
            "<SetDoNotDisturb/>".to_owned(),
            "<SetDoNotDisturb><doNotDisturbOn>perhaps</doNotDisturbOn></SetDoNotDisturb>".to_owned(),
            forwarding("forwardImmediate", "true", "", ""),
            forwarding("forwardImmediate", "true", "a b", ""),
            forwarding("forwardSometimes", "true", "103", ""),
        ] {
            let answer = change(body.as_bytes()).unwrap_err();
            assert_eq!(answer.status.code(), 400, "{body}");
        }
    }
}
