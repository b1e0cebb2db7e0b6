//! Fields that name a dialog: Replaces (RFC 3891), Join (RFC 3911), Target-Dialog (RFC 4538),
//! Session-ID (RFC 7989).

use std::fmt;

use super::{Header, item::Item, name::HeaderName};

/// Call-ID and the two tags that every such field needs.
fn names<'a>(item: &Item<'a>, one: &str, two: &str) -> Result<(&'a str, &'a str), &'static str> {
    if item.value.contains([' ', '\t', ',', '<', '>']) {
        return Err("the Call-ID is not one word");
    }
    let tag = |name: &str| {
        item.params
            .get(name)
            .filter(|tag| !tag.is_empty())
            .ok_or("a tag is missing")
    };
    Ok((tag(one)?, tag(two)?))
}

/// The dialog that an INVITE takes the place of; tags are from the view of who receives it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Replaces<'a> {
    /// Its Call-ID.
    pub call_id: &'a str,
    /// The receiver's tag.
    pub to_tag: &'a str,
    /// The other's tag.
    pub from_tag: &'a str,
    /// Only if it has not been answered.
    pub early_only: bool,
}

impl<'a> Header<'a> for Replaces<'a> {
    const NAME: HeaderName = HeaderName::Replaces;

    fn read(value: &'a str) -> Result<Self, &'static str> {
        let item = Item::split(value)?;
        let (to_tag, from_tag) = names(&item, "to-tag", "from-tag")?;
        Ok(Self {
            call_id: item.value,
            to_tag,
            from_tag,
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
