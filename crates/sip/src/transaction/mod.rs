//! Transactions: RFC 3261 section 17, RFC 6026, and the parts of 8, 9 and 18 that go with them.
//!
//! The four machines are in four files, one a figure of the RFC, and know nothing but their
//! inputs and timers; [`Layer`] keeps them, matches messages to them (17.1.3, 17.2.3), and
//! carries out what they ask for.

mod build;
mod calls;
mod client;
mod flows;
mod keys;
mod layer;
mod machine;
mod receive;
mod run;
mod server;
mod slots;
mod timers;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use self::slots::Handle;
pub use self::{
    layer::{Layer, LayerConfig},
    timers::{ExtraTimers, TimerConfig},
};
use crate::{Flow, Message};

/// Names a client transaction, as long as it lives.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(Handle);

/// Names a server transaction, as long as it lives.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServerId(Handle);

/// Either of them.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Owner {
    Client(ClientId),
    Server(ServerId),
}

/// Why the layer does not do what it was asked to; nothing has changed and nothing is sent.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// The transaction has terminated: its id is stale.
    #[error("the transaction has gone")]
    Gone,
    /// As many transactions are open as the configuration allows.
    #[error("too many transactions")]
    Full,
    /// A response was given where a request belongs, or the other way round.
    #[error("wrong kind of message")]
    WrongKind,
    /// An ACK or a CANCEL is not requested: see [`Layer::send`] and [`Layer::cancel`]. Only an
    /// INVITE can be cancelled (RFC 3261 9.1).
    #[error("wrong method")]
    Method,
    /// The top Via has no branch of ours, or one that is in use (RFC 3261 8.1.1.7).
    #[error("missing or repeated branch")]
    Branch,
    /// The final response was sent before.
    #[error("already answered")]
    Answered,
}

/// What comes out of [`Layer::poll`], in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TxOutput {
    /// Send these bytes.
    Transmit {
        /// How and where to.
        flow: Flow,
        /// One message. A retransmission shares the bytes of the first transmission.
        bytes: Bytes,
    },
    /// Tell the transaction user.
    Event(TxEvent),
}

/// What the transaction user is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TxEvent {
    /// A new request, neither ACK nor CANCEL; its repetitions are absorbed.
    Request {
        /// To be answered by [`Layer::respond`].
        id: ServerId,
        /// The way it came.
        flow: Flow,
        /// The request.
        message: Message,
    },
    /// An ACK to a 2xx, or to nothing we know of.
    Ack {
        /// The way it came.
        flow: Flow,
        /// The ACK.
        message: Message,
    },
    /// The INVITE is cancelled: end it with 487 (RFC 3261 9.2). The CANCEL itself was answered.
    Cancelled {
        /// The INVITE's transaction.
        id: ServerId,
        /// The CANCEL, with its Reason.
        message: Message,
    },
    /// A provisional or final response; after a 2xx to an INVITE also each further 2xx.
    Response {
        /// The request's transaction.
        id: ClientId,
        /// The way it came.
        flow: Flow,
        /// The response.
        message: Message,
    },
    /// A response that came from another address than its request was sent to. It has changed nothing; if the user
    /// knows that its peer speaks from there, too, [`Layer::receive_from_known`] takes it.
    ForeignResponse {
        /// The request's transaction.
        id: ClientId,
        /// The way it came.
        flow: Flow,
        /// The response.
        message: Message,
    },
    /// A CANCEL that came from another address than its INVITE. It has changed nothing and was not answered; if the user
    /// knows that its peer speaks from there, too, [`Layer::receive_from_known`] takes it.
    ForeignCancel {
        /// The INVITE's transaction.
        id: ServerId,
        /// The way it came.
        flow: Flow,
        /// The CANCEL.
        message: Message,
    },
    /// A message that cannot be matched, or is not what it seems to be. It has changed nothing.
    Dropped {
        /// The way it came.
        flow: Flow,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A response that belongs to no transaction, such as a late 2xx (13.2.2.4).
    StrayResponse {
        /// The way it came.
        flow: Flow,
        /// The response.
        message: Message,
    },
    /// A CANCEL that matches nothing: it was answered with 481 (9.2).
    StrayCancel {
        /// The way it came.
        flow: Flow,
    },
    /// Timer B or F fired, or a cancelled INVITE got no final response: to be treated as a 408
    /// (8.1.3.1).
    TimedOut {
        /// The request's transaction.
        id: ClientId,
    },
    /// The request, or the ACK to its response, could not be sent: to be treated as a 503
    /// (8.1.3.1).
    TransportFailed {
        /// The request's transaction.
        id: ClientId,
    },
    /// Timer H fired: nobody acknowledged the non-2xx final response.
    AckTimeout {
        /// The INVITE's transaction.
        id: ServerId,
    },
    /// The transaction has terminated; the id is stale.
    ClientGone {
        /// Which.
        id: ClientId,
    },
    /// The transaction has terminated; the id is stale.
    ServerGone {
        /// Which.
        id: ServerId,
    },
    /// A response could not be sent. An INVITE's transaction lives on (RFC 6026 7.1).
    ServerTransportFailed {
        /// The request's transaction.
        id: ServerId,
    },
}
