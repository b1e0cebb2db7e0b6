//! Fields that name a dialog: Replaces (RFC 3891), Join (RFC 3911), Target-Dialog (RFC 4538),
//! Session-ID (RFC 7989).

use std::{borrow::Cow, fmt};

use super::{Header, item::Item, name::HeaderName};

/// The Call-ID is checked, and the values of the two tag parameters `one` and `two` are returned.
///
/// The value may come from the headers of a URI, where an escape can stand for any octet. So a control octet, white
/// space or a quote is refused: nothing read here can end the field that it is written into.
fn names<'a>(item: &Item<'a>, one: &str, two: &str) -> Result<(&'a str, &'a str), &'static str> {
    if item.value.contains(|c: char| c.is_control() || " ,<>".contains(c)) {
        return Err("the Call-ID is not one word");
    }
    let tag = |name: &str| {
        let tag = item.params.get(name).filter(|tag| !tag.is_empty());
        let tag = tag.ok_or("a tag is missing")?;
        let is_clean = tag
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\";,<>\\".contains(&byte));
        is_clean.then_some(tag).ok_or("a tag is malformed")
    };
    Ok((tag(one)?, tag(two)?))
}

/// The dialog that a new INVITE replaces (RFC 3891 section 6.1). The tags are named from the view of the phone or server
/// that receives the INVITE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces<'a> {
    /// The Call-ID of the dialog to replace.
    pub call_id: Cow<'a, str>,
    /// The receiver's tag in that dialog; `0` also stands for a dialog without such a tag (RFC 3891 section 3).
    pub to_tag: Cow<'a, str>,
    /// The peer's tag in that dialog; `0` as for `to_tag`.
    pub from_tag: Cow<'a, str>,
    /// Whether the dialog may be replaced only while it is early, that is before its 2xx.
    pub early_only: bool,
}

impl Replaces<'_> {
    /// The same with texts of its own, so that it outlives the message.
    pub fn into_owned(self) -> Replaces<'static> {
        Replaces {
            call_id: self.call_id.into_owned().into(),
            to_tag: self.to_tag.into_owned().into(),
            from_tag: self.from_tag.into_owned().into(),
            early_only: self.early_only,
        }
    }
}

impl<'a> Header<'a> for Replaces<'a> {
    const NAME: HeaderName = HeaderName::Replaces;

    fn read(value: &'a str) -> Result<Self, &'static str> {
        let item = Item::split(value)?;
        let (to_tag, from_tag) = names(&item, "to-tag", "from-tag")?;
        Ok(Self {
            call_id: item.value.into(),
            to_tag: to_tag.into(),
            from_tag: from_tag.into(),
            early_only: item.params.has("early-only"),
        })
    }
}

impl fmt::Display for Replaces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};to-tag={};from-tag={}", self.call_id, self.to_tag, self.from_tag)?;
        if self.early_only {
            f.write_str(";early-only")
        } else {
            Ok(())
        }
    }
}

/// The dialog whose session an INVITE wants to be part of.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Join<'a> {
    /// Its Call-ID.
    pub call_id: &'a str,
    /// The receiver's tag.
    pub to_tag: &'a str,
    /// The other's tag.
    pub from_tag: &'a str,
}

impl<'a> Header<'a> for Join<'a> {
    const NAME: HeaderName = HeaderName::Join;

    fn read(value: &'a str) -> Result<Self, &'static str> {
        let item = Item::split(value)?;
        let (to_tag, from_tag) = names(&item, "to-tag", "from-tag")?;
        Ok(Self {
            call_id: item.value,
            to_tag,
            from_tag,
        })
    }
}

/// A dialog whose other end may send this request, too.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct TargetDialog<'a> {
    /// Its Call-ID.
    pub call_id: &'a str,
    /// The sender's tag.
    pub local_tag: &'a str,
    /// The receiver's tag.
    pub remote_tag: &'a str,
}

impl<'a> Header<'a> for TargetDialog<'a> {
    const NAME: HeaderName = HeaderName::TargetDialog;

    fn read(value: &'a str) -> Result<Self, &'static str> {
        let item = Item::split(value)?;
        let (local_tag, remote_tag) = names(&item, "local-tag", "remote-tag")?;
        Ok(Self {
            call_id: item.value,
            local_tag,
            remote_tag,
        })
    }
}

/// Names a session from end to end, across B2BUAs: two numbers of 32 hexadecimal digits.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct SessionId<'a> {
    /// The sender's.
    pub local: &'a str,
    /// The receiver's; zeros while it is not known.
    pub remote: Option<&'a str>,
}

impl<'a> Header<'a> for SessionId<'a> {
    const NAME: HeaderName = HeaderName::SessionId;

    fn read(value: &'a str) -> Result<Self, &'static str> {
        let item = Item::split(value)?;
        let remote = item.params.get("remote");
        let uuid = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !uuid(item.value) || !remote.is_none_or(uuid) {
            return Err("not 32 hexadecimal digits");
        }
        Ok(Self {
            local: item.value,
            remote,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_is_named_by_call_id_and_both_tags() {
        let text = "98732@sip.example.com;to-tag=r33th4x0r;from-tag=ff87ff;early-only";
        let read = Replaces::read(text).unwrap();
        assert_eq!(read.to_string(), text);
        assert!(read.early_only);
        for bad in [
            "",
            "a;to-tag=1",
            "a;from-tag=1",
            ";to-tag=1;from-tag=2",
            "a b;to-tag=1;from-tag=2",
            "a;to-tag=;from-tag=2",
            "a\r\nX: y;to-tag=1;from-tag=2",
            "a;to-tag=\"1\r\nX: y\";from-tag=2",
            "a;to-tag=1;from-tag=\u{e9}",
        ] {
            assert!(Replaces::read(bad).is_err(), "{bad}");
            assert!(Join::read(bad).is_err(), "{bad}");
        }
        let read = TargetDialog::read("fa77@a;local-tag=1;remote-tag=2").unwrap();
        assert_eq!((read.call_id, read.local_tag, read.remote_tag), ("fa77@a", "1", "2"));
        assert!(TargetDialog::read("fa77@a;local-tag=1").is_err());
        let (one, two) = ("ab30317f1a784dc48ff824d0d3715d86", "00000000000000000000000000000000");
        assert_eq!(
            SessionId::read(&format!("{one};remote={two}")).unwrap().remote,
            Some(two)
        );
        assert!(SessionId::read("ab30").is_err());
    }
}
