//! One phone of an extension, as a GRUU names it (RFC 5627).

use sip::uri::gruu;

use super::Number;
use crate::api::Binding;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance {
    /// The extension.
    pub number: Number,
    /// Its `+sip.instance` without angle brackets.
    pub id: Box<str>,
    /// It was named by a temporary GRUU: the caller is not to learn whose phone it is.
    pub hidden: bool,
}

impl Instance {
    /// The instance of a phone that has registered; `None` where it named none.
    pub fn of(binding: &Binding, hidden: bool) -> Option<Self> {
        Some(Self {
            number: binding.number.as_str().into(),
            id: gruu::bare(binding.instance.as_deref()?).into(),
            hidden,
        })
    }

    /// Whether a contact is of this phone. RFC 5626 section 4.1: instances are URNs, here compared in any case, as the
    /// registrar does.
    pub fn is(&self, binding: &Binding) -> bool {
        let instance = binding.instance.as_deref().map(gruu::bare);
        instance.is_some_and(|instance| instance.eq_ignore_ascii_case(&self.id))
    }
}
