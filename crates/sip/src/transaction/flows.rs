//! The ways that transactions use, so that the failure of one finds its own.

use std::{collections::HashMap, net::SocketAddr};

use super::Owner;
use crate::{ConnectionId, Flow, Transport};

/// What can fail at once: a connection, or a peer without one.
#[derive(Copy, Clone, PartialEq, Eq, Hash)]
pub(super) enum Path {
    Connection(ConnectionId),
    Peer(Transport, SocketAddr),
}

impl Path {
    pub(super) fn of(flow: &Flow) -> Self {
        match flow.connection {
            Some(connection) => Self::Connection(connection),
            None => Self::Peer(flow.transport, flow.remote),
        }
    }
}

/// Which transactions use which path, so that a failure finds its own without a search.
#[derive(Default)]
pub(super) struct Flows(pub(super) HashMap<Path, Vec<Owner>>);

impl Flows {
    /// Adds a transaction; gives its place in the path's list.
    pub(super) fn add(&mut self, flow: &Flow, owner: Owner) -> u32 {
        let list = self.0.entry(Path::of(flow)).or_default();
        list.push(owner);
        u32::try_from(list.len() - 1).unwrap_or(u32::MAX)
    }

    /// Removes the one at `place`; gives the one that took its place.
    pub(super) fn remove(&mut self, flow: &Flow, place: u32) -> Option<Owner> {
        let path = Path::of(flow);
        let list = self.0.get_mut(&path)?;
        if (place as usize) < list.len() {
            list.swap_remove(place as usize);
        }
        let moved = list.get(place as usize).copied();
        if list.is_empty() {
            self.0.remove(&path);
        }
        moved
    }
}
