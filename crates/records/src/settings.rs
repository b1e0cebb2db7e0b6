//! What an extension wants done with its calls, and changes of that.

use std::{fmt, ops::RangeInclusive};

use serde::{Deserialize, Serialize};

use crate::{Extension, is_number};

/// How long phones may ring before a call counts as not answered, in seconds.
pub const NO_ANSWER_SECONDS: RangeInclusive<u16> = 5..=300;
/// How many calls an extension may allow itself at once.
pub const CALL_LIMIT: RangeInclusive<u16> = 1..=50;
/// The longest target of forwarded calls, in bytes.
pub const MAX_TARGET: usize = 256;
/// The longest name of a pickup group, in bytes.
pub const MAX_GROUP: usize = 32;
/// The longest name of hold music, in bytes.
pub const MAX_MUSIC: usize = 64;

/// Whether the text can be a target of forwarded calls: a number, `trunk/number`, or a URI (`sip:`, `sips:`, `tel:`)
/// of at most [`MAX_TARGET`] bytes that cannot break out of the header it is written into.
pub fn is_target(text: &str) -> bool {
    let uri = |scheme: &str, rest: &str| {
        ["sip", "sips", "tel"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(scheme))
            && !rest.is_empty()
            && !rest
                .bytes()
                .any(|b| !b.is_ascii_graphic() || matches!(b, b'<' | b'>' | b'"' | b',' | b'\\'))
    };
    let fits = match (text.split_once(':'), text.split_once('/')) {
        (Some((scheme, rest)), _) => uri(scheme, rest),
        (None, Some((trunk, number))) => is_number(trunk) && is_number(number),
        (None, None) => is_number(text),
    };
    fits && text.len() <= MAX_TARGET
}

/// Whether the text can name a pickup group: 1 to `MAX_GROUP` of `A-Z a-z 0-9 . _ -`.
pub fn is_group(text: &str) -> bool {
    (1..=MAX_GROUP).contains(&text.len()) && is_word(text)
}

/// Whether the text can name hold music: words of `A-Z a-z 0-9 . _ -` with `/` between them, none of which begins with a
/// dot, at most `MAX_MUSIC` bytes.
pub fn is_music(text: &str) -> bool {
    let part = |part: &str| is_word(part) && !part.starts_with('.');
    text.len() <= MAX_MUSIC && text.split('/').all(part)
}

fn is_word(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

/// What an extension wants done with its calls, besides where they are forwarded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CallRules {
    /// A call counts as not answered after so many seconds; null: as long as the dialplan lets its phones ring.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub no_answer_seconds: Option<u16>,
    /// How many calls it may have at once; further ones find it busy. Null: as many as come.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub call_limit: Option<u16>,
    /// Extensions with the same word here may take one another's ringing calls.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub pickup_group: Option<String>,
    /// The name of the sound that parties hear whom it holds; null: the common one.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub music: Option<String>,
    /// True if it takes no calls whose number is hidden.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub reject_anonymous: bool,
    /// True if its callees are not shown its number.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub hide_number: bool,
    /// True if its phones may be told to answer by themselves, for intercom and paging.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub intercom: bool,
}

impl Default for CallRules {
    fn default() -> Self {
        Self {
            no_answer_seconds: None,
            call_limit: None,
            pickup_group: None,
            music: None,
            reject_anonymous: false,
            hide_number: false,
            intercom: true,
        }
    }
}

/// A change of what an extension wants done with its calls: `None` leaves a field as it is, `Some(None)` empties it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsPatch {
    /// Do not disturb.
    pub dnd: Option<bool>,
    /// The target of all calls.
    pub forward_always: Option<Option<String>>,
    /// The target of calls while it is busy.
    pub forward_busy: Option<Option<String>>,
    /// The target of calls that are not answered.
    pub forward_no_answer: Option<Option<String>>,
    /// The target of calls while no phone of it can be reached.
    pub forward_unreachable: Option<Option<String>>,
    /// Seconds until a call counts as not answered.
    pub no_answer_seconds: Option<Option<u16>>,
    /// How many calls at once.
    pub call_limit: Option<Option<u16>>,
    /// Its pickup group.
    pub pickup_group: Option<Option<String>>,
    /// Its hold music.
    pub music: Option<Option<String>>,
    /// No calls with a hidden number.
    pub reject_anonymous: Option<bool>,
    /// Its own number is hidden.
    pub hide_number: Option<bool>,
    /// Its phones may be told to answer by themselves.
    pub intercom: Option<bool>,
}

/// A setting that cannot be.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct BadSetting {
    /// Which field.
    pub field: &'static str,
    /// The accepted values.
    pub accepted: &'static str,
}

const TARGET: &str = "a target is a number, a trunk's name with /number, or a SIP URI";

impl SettingsPatch {
    /// Checks the values.
    ///
    /// # Errors
    /// The first field whose value cannot be.
    pub fn check(&self) -> Result<(), BadSetting> {
        fn given<T>(value: Option<&Option<T>>) -> Option<&T> {
            value.and_then(Option::as_ref)
        }
        let text = |value: &Option<Option<String>>, fits: fn(&str) -> bool| {
            given(value.as_ref()).is_none_or(|text| fits(text))
        };
        let count = |value: &Option<Option<u16>>, range: RangeInclusive<u16>| {
            given(value.as_ref()).is_none_or(|count| range.contains(count))
        };
        let all = [
            ("forward_always", text(&self.forward_always, is_target), TARGET),
            ("forward_busy", text(&self.forward_busy, is_target), TARGET),
            ("forward_no_answer", text(&self.forward_no_answer, is_target), TARGET),
            (
                "forward_unreachable",
                text(&self.forward_unreachable, is_target),
                TARGET,
            ),
            (
                "no_answer_seconds",
                count(&self.no_answer_seconds, NO_ANSWER_SECONDS),
                "expected a whole number of seconds from 5 to 300",
            ),
            (
                "call_limit",
                count(&self.call_limit, CALL_LIMIT),
                "expected a whole number from 1 to 50",
            ),
            (
                "pickup_group",
                text(&self.pickup_group, is_group),
                "a pickup group is 1 to 32 of A-Z a-z 0-9 . _ -",
            ),
            (
                "music",
                text(&self.music, is_music),
                "the name of music is words of A-Z a-z 0-9 . _ - with / between them, at most 64 characters",
            ),
        ];
        let bad = all.into_iter().find(|(_, fits, _)| !fits);
        bad.map_or(Ok(()), |(field, _, accepted)| Err(BadSetting { field, accepted }))
    }

    /// Makes the change.
    pub fn apply(&self, extension: &mut Extension) {
        fn set<T: Clone>(field: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                field.clone_from(value);
            }
        }
        set(&mut extension.dnd, self.dnd.as_ref());
        set(&mut extension.forward_always, self.forward_always.as_ref());
        set(&mut extension.forward_busy, self.forward_busy.as_ref());
        set(&mut extension.forward_no_answer, self.forward_no_answer.as_ref());
        set(&mut extension.forward_unreachable, self.forward_unreachable.as_ref());
        let rules = &mut extension.rules;
        set(&mut rules.no_answer_seconds, self.no_answer_seconds.as_ref());
        set(&mut rules.call_limit, self.call_limit.as_ref());
        set(&mut rules.pickup_group, self.pickup_group.as_ref());
        set(&mut rules.music, self.music.as_ref());
        set(&mut rules.reject_anonymous, self.reject_anonymous.as_ref());
        set(&mut rules.hide_number, self.hide_number.as_ref());
        set(&mut rules.intercom, self.intercom.as_ref());
    }

    /// The change that makes an extension like this one out of any other.
    pub fn all_of(extension: &Extension) -> Self {
        let rules = extension.rules.clone();
        Self {
            dnd: Some(extension.dnd),
            forward_always: Some(extension.forward_always.clone()),
            forward_busy: Some(extension.forward_busy.clone()),
            forward_no_answer: Some(extension.forward_no_answer.clone()),
            forward_unreachable: Some(extension.forward_unreachable.clone()),
            no_answer_seconds: Some(rules.no_answer_seconds),
            call_limit: Some(rules.call_limit),
            pickup_group: Some(rules.pickup_group),
            music: Some(rules.music),
            reject_anonymous: Some(rules.reject_anonymous),
            hide_number: Some(rules.hide_number),
            intercom: Some(rules.intercom),
        }
    }
}

/// The change as scripts write it: `dnd=true forward_always=()`. Nothing is changed: `nothing`.
impl fmt::Display for SettingsPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn plain<T: ToString>(value: Option<&T>) -> Option<String> {
            value.map(ToString::to_string)
        }
        fn or_empty<T: ToString>(value: Option<&Option<T>>) -> Option<String> {
            value.map(|value| value.as_ref().map_or_else(|| "()".to_owned(), ToString::to_string))
        }
        let all = [
            ("dnd", plain(self.dnd.as_ref())),
            ("forward_always", or_empty(self.forward_always.as_ref())),
            ("forward_busy", or_empty(self.forward_busy.as_ref())),
            ("forward_no_answer", or_empty(self.forward_no_answer.as_ref())),
            ("forward_unreachable", or_empty(self.forward_unreachable.as_ref())),
            ("no_answer_seconds", or_empty(self.no_answer_seconds.as_ref())),
            ("call_limit", or_empty(self.call_limit.as_ref())),
            ("pickup_group", or_empty(self.pickup_group.as_ref())),
            ("music", or_empty(self.music.as_ref())),
            ("reject_anonymous", plain(self.reject_anonymous.as_ref())),
            ("hide_number", plain(self.hide_number.as_ref())),
            ("intercom", plain(self.intercom.as_ref())),
        ];
        let mut changed = all
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_ref()?)))
            .peekable();
        if changed.peek().is_none() {
            return f.write_str("nothing");
        }
        for (i, (name, value)) in changed.enumerate() {
            let blank = if i > 0 { " " } else { "" };
            write!(f, "{blank}{name}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_everything_makes_the_same_extension() {
        let mut wanted = Extension {
            dnd: true,
            forward_always: Some("102".into()),
            forward_busy: Some("103".into()),
            forward_no_answer: Some("104".into()),
            forward_unreachable: Some("105".into()),
            ..Extension::default()
        };
        wanted.rules = CallRules {
            no_answer_seconds: Some(20),
            call_limit: Some(2),
            pickup_group: Some("sales".into()),
            music: Some("music/jazz".into()),
            reject_anonymous: true,
            hide_number: true,
            intercom: false,
        };
        let mut made = Extension::default();
        SettingsPatch::all_of(&wanted).apply(&mut made);
        assert_eq!(made, wanted);
        SettingsPatch::default().apply(&mut made);
        assert_eq!(made, wanted, "nothing named, nothing changed");
        assert_eq!(SettingsPatch::default().to_string(), "nothing");
        let nothing = SettingsPatch::all_of(&Extension::default());
        let (told, all) = (nothing.to_string(), 12);
        assert_eq!(told.split(' ').count(), all, "{told}");
        assert!(told.starts_with("dnd=false forward_always=() "), "{told}");
        nothing.apply(&mut made);
        assert_eq!(made, Extension::default());
        assert!(made.rules.intercom);
    }

    #[test]
    fn values_are_within_their_limits() {
        let patch = SettingsPatch::default;
        let seconds = |seconds| SettingsPatch {
            no_answer_seconds: Some(Some(seconds)),
            ..patch()
        };
        let limit = |limit| SettingsPatch {
            call_limit: Some(Some(limit)),
            ..patch()
        };
        let group = |group: &str| SettingsPatch {
            pickup_group: Some(Some(group.into())),
            ..patch()
        };
        let music = |music: &str| SettingsPatch {
            music: Some(Some(music.into())),
            ..patch()
        };
        for good in [
            patch(),
            seconds(5),
            seconds(300),
            limit(1),
            limit(50),
            group("sales-2"),
            music("jazz"),
            music("music/jazz.wav"),
            SettingsPatch {
                call_limit: Some(None),
                music: Some(None),
                ..patch()
            },
        ] {
            assert_eq!(good.check(), Ok(()), "{good:?}");
        }
        for (bad, field) in [
            (seconds(4), "no_answer_seconds"),
            (seconds(301), "no_answer_seconds"),
            (limit(0), "call_limit"),
            (limit(51), "call_limit"),
            (group(""), "pickup_group"),
            (group("a b"), "pickup_group"),
            (group(&"g".repeat(33)), "pickup_group"),
            (music(""), "music"),
            (music("../secret"), "music"),
            (music("a//b"), "music"),
            (music("/etc/x"), "music"),
            (music(&"m".repeat(65)), "music"),
        ] {
            assert_eq!(bad.check().map_err(|bad| bad.field), Err(field), "{bad:?}");
        }
        let mut forward = patch();
        forward.forward_unreachable = Some(Some("a b".into()));
        assert_eq!(forward.check().map_err(|bad| bad.field), Err("forward_unreachable"));
    }

    #[test]
    fn targets_cannot_break_out_of_a_header() {
        for good in [
            "102",
            "carrier/+4930",
            "sip:bob@example.com",
            "SIPS:bob@[::1]:5061;transport=tcp",
            "tel:+1-201",
        ] {
            assert!(is_target(good), "{good}");
        }
        for bad in [
            "",
            "sip:",
            "http://x",
            "sip:a@b>\r\nX: y",
            "sip:a b",
            "a/b/c",
            "sip:a,b",
            "sip:é@x",
        ] {
            assert!(!is_target(bad), "{bad:?}");
        }
        assert!(!is_target(&format!("sip:{}@x", "a".repeat(300))));
    }
}
