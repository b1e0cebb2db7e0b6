//! Changes of trunks, in the one right order: on disk, then in the switch, then the answer.

use std::sync::Arc;

use records::Trunk;
use store::{Store, StoreError, StoredTrunk};
use switch::{Password, TrunkChange};

use crate::{
    http::problem::Problem,
    model::now_micros,
    shell::{switch_handle::SwitchHandle, vault::Vault},
};

/// The only way to change a trunk. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Trunks {
    pub(crate) store: Store,
    pub(crate) domain: Arc<str>,
    pub(crate) switch: SwitchHandle,
    pub(crate) vault: Arc<Vault>,
}

/// Where a trunk's password is sealed for.
fn place(domain: &str, name: &str) -> String {
    format!("{domain}/trunks/{name}")
}

/// The trunks of a domain as the switch takes them at the start. One whose password cannot be opened has none: it is down
/// until it is given again.
///
/// # Errors
/// The error of the store.
pub async fn trunk_changes(store: &Store, domain: &str, vault: &Vault) -> Result<Vec<TrunkChange>, StoreError> {
    let all = store.trunks(domain).list().await?;
    let change = |stored: StoredTrunk| {
        let sealed = stored.password.as_deref();
        let password = sealed.and_then(|sealed| vault.unseal(&place(domain, &stored.trunk.name), sealed));
        if sealed.is_some() && password.is_none() {
            tracing::error!(
                trunk = stored.trunk.name,
                "the trunk's password cannot be opened: trunks.key is another one; give the password again"
            );
        }
        TrunkChange::Put {
            trunk: Box::new(stored.trunk),
            password: password.map(Password),
        }
    };
    Ok(all.into_iter().map(change).collect())
}

impl Trunks {
    /// Makes a trunk.
    pub(crate) async fn create(&self, trunk: Trunk, password: Option<String>) -> Result<(), Problem> {
        let this = self.clone();
        to_its_end(async move {
            let _turn = this.switch.turn.clone().lock_owned().await;
            let sealed = this.sealed(&trunk.name, password.as_deref())?;
            let trunks = this.store.trunks(&this.domain);
            trunks
                .create(&trunk, sealed.as_deref(), now_micros())
                .await
                .map_err(problem)?;
            tracing::info!(trunk = trunk.name, "trunk created");
            this.tell(trunk, password).await
        })
        .await
    }

    /// Changes a trunk; `password`: `None` leaves it as it is.
    pub(crate) async fn update(&self, trunk: Trunk, password: Option<Option<String>>) -> Result<(), Problem> {
        let this = self.clone();
        to_its_end(async move {
            let _turn = this.switch.turn.clone().lock_owned().await;
            let trunks = this.store.trunks(&this.domain);
            let sealed = match &password {
                Some(password) => Some(this.sealed(&trunk.name, password.as_deref())?),
                None => None,
            };
            let change = sealed.as_ref().map(|sealed| sealed.as_deref());
            trunks.update(&trunk, change, now_micros()).await.map_err(problem)?;
            tracing::info!(trunk = trunk.name, new_password = password.is_some(), "trunk changed");
            let password = match password {
                Some(password) => password,
                None => {
                    let kept = trunks.read(&trunk.name).await.map_err(problem)?.password;
                    kept.and_then(|sealed| this.vault.unseal(&place(&this.domain, &trunk.name), &sealed))
                }
            };
            this.tell(trunk, password).await
        })
        .await
    }

    /// Removes a trunk. Its calls go on.
    pub(crate) async fn delete(&self, name: String) -> Result<(), Problem> {
        let this = self.clone();
        to_its_end(async move {
            let _turn = this.switch.turn.clone().lock_owned().await;
            this.store.trunks(&this.domain).delete(&name).await.map_err(problem)?;
            tracing::info!(trunk = name, "trunk removed");
            this.put_in_force(TrunkChange::Remove(name)).await
        })
        .await
    }

    fn sealed(&self, name: &str, password: Option<&str>) -> Result<Option<Vec<u8>>, Problem> {
        let seal = |password| self.vault.seal(&place(&self.domain, name), password);
        password
            .map(seal)
            .transpose()
            .map_err(|error| Problem::internal(&error))
    }

    async fn tell(&self, trunk: Trunk, password: Option<String>) -> Result<(), Problem> {
        self.put_in_force(TrunkChange::Put {
            trunk: Box::new(trunk),
            password: password.map(Password),
        })
        .await
    }

    async fn put_in_force(&self, change: TrunkChange) -> Result<(), Problem> {
        self.switch.trunk(change).await.map_err(|error| {
            tracing::warn!(%error, "a change of a trunk is stored but the switch was not told");
            Problem::unavailable("not_in_force", "it is stored, but not in force before the next start")
        })
    }
}

/// The store says what the field of an extension is; here it is the name.
fn problem(error: StoreError) -> Problem {
    if let StoreError::Exists(what) = error {
        return Problem::exists("name", format!("{what} exists already"));
    }
    error.into()
}

/// Also when the client goes away in between: what is on disk is told to the switch.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::spawn(work).await;
    done.map_err(|error| Problem::internal(&error))?
}
