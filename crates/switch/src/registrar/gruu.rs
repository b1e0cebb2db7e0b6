//! GRUUs (RFC 5627 section 5): made for the 200 to a REGISTER, opened when a request comes for one.
//!
//! Nothing is kept for them. A public GRUU follows from the extension and the instance. A temporary one holds its binding's
//! id and the Call-ID's hash, sealed with a key that outlasts a restart; so it ends with the binding, and when the phone
//! registers with another Call-ID. Each 200 has new ones, and those before stay good (section 5.1).

use sip::uri::gruu::{self, Named, Sealer};

use super::{Registrar, contact::Contact};
use crate::{Binding, Registration, ids::Ids};

/// Makes GRUUs, and opens temporary ones.
pub(super) struct Gruus {
    sealer: Sealer,
    ids: Ids,
    /// The domain of the GRUUs that people are shown.
    domain: String,
}

/// The address-of-record of a REGISTER, as its phone wrote it. A GRUU has the same scheme and host, so that a peer that
/// knows us by an address only reaches it, too.
#[derive(Clone)]
pub(super) struct Home {
    /// `sip` or `sips` (RFC 5627 section 5.4).
    pub(super) scheme: &'static str,
    /// The host, and the port if there is one.
    pub(super) host: String,
}

impl Gruus {
    pub(super) fn new(key: &[u8; 32], seed: [u8; 32], domain: &str) -> Self {
        Self {
            sealer: Sealer::new(key),
            ids: Ids::new(seed),
            domain: domain.to_owned(),
        }
    }

    /// The two GRUUs of a contact, public and temporary; `None` for a phone that names no instance.
    pub(super) fn of(&mut self, binding: &Binding, home: &Home) -> Option<[String; 2]> {
        let public = public(binding, home)?;
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&self.ids.u64().to_be_bytes());
        nonce[4..].copy_from_slice(&self.ids.u64().to_be_bytes());
        let named = Named {
            binding: binding.id,
            run: gruu::run_of(&binding.call_id),
        };
        let sealed = self.sealer.seal(nonce, named);
        Some([public, gruu::temporary(home.scheme, &sealed, &home.host)])
    }
}

/// The public GRUU of a contact at this address; `None` for a phone that names no instance.
pub(super) fn public(binding: &Binding, home: &Home) -> Option<String> {
    let instance = binding.instance.as_deref()?;
    let aor = format!("{}:{}@{}", home.scheme, sip::escape_user(&binding.number), home.host);
    Some(gruu::public(&aor, instance))
}

impl Registrar {
    /// Temporary GRUUs are sealed with this key from now on. `seed` is that of the nonces; `domain` is ours.
    pub(crate) fn seal_with(&mut self, key: &[u8; 32], seed: [u8; 32], domain: &str) {
        self.gruus = Gruus::new(key, seed, domain);
    }

    /// The binding that a temporary GRUU names; `None` for one that has ended, or that was never made.
    pub(crate) fn named_by(&self, sealed: &str) -> Option<&Binding> {
        let named = self.gruus.sealer.open(sealed)?;
        let binding = self.binding(named.binding)?;
        (gruu::run_of(&binding.call_id) == named.run).then_some(binding)
    }

    /// The public GRUU of a contact at the host by which a watcher knows us.
    pub(crate) fn public_gruu(binding: &Binding, host: &str) -> Option<String> {
        let home = Home {
            scheme: "sip",
            host: host.to_owned(),
        };
        public(binding, &home)
    }

    /// A contact as people see it.
    pub(super) fn shown(&self, contact: &Contact) -> Registration {
        let binding = &contact.binding;
        Registration {
            id: binding.id,
            number: binding.number.clone(),
            contact: super::push::masked(&binding.contact),
            source: binding.flow.remote.to_string(),
            transport: binding.flow.transport.name().to_owned(),
            user_agent: binding.user_agent.clone(),
            expires_at: binding.expires_at,
            instance: binding.instance.clone(),
            reg_id: binding.reg_id,
            gruu: Self::public_gruu(binding, &self.gruus.domain),
            flow_lost: contact.lost && binding.reg_id.is_some(),
            push_provider: contact.push.as_ref().map(|push| push.provider.clone()),
        }
    }

    /// A flow of a phone has failed, as the proxy that keeps it says by 430: its binding ends (RFC 5626 section 5.3).
    /// `uri` and `path` are the Request-URI and the Route values of the request that failed.
    pub(crate) fn flow_failed(&mut self, number: &str, uri: &str, path: &[String]) {
        let failed = |binding: &&Binding| {
            binding.reg_id.is_some() && binding.path == path && !path.is_empty() && binding.contact == uri
        };
        let ids: Vec<u64> = self
            .bindings_of(number)
            .filter(failed)
            .map(|binding| binding.id)
            .collect();
        for id in ids {
            tracing::info!(number, id, "a flow has failed");
            self.remove(id);
        }
    }
}
