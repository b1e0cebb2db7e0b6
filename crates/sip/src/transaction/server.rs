//! Server transactions: either machine with its request, and what it asks for done.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;

use super::{
    ServerId, TxEvent, TxOutput, keys,
    machine::{
        server_invite::{self, Input as InviteInput},
        server_non_invite::{self, Input as OtherInput},
    },
    timers::{Action, Actions, Clock, Timer, queue::Pending},
};
use crate::{Builder, Flow, Message, Method, StatusCode, reply_address, time::Instant};

enum Machine {
    Invite(server_invite::Machine),
    NonInvite(server_non_invite::Machine),
}

/// What happens to a server transaction.
#[derive(Copy, Clone)]
pub(super) enum Input {
    Timer(Timer),
    /// The request again.
    Request,
    Ack,
    Cancel,
    /// The user's answer.
    Respond(StatusCode),
    TransportFailed,
}

/// What is kept of a transaction's messages.
enum Kept {
    /// The request, and the last response.
    Whole {
        request: Message,
        response: Option<Message>,
    },
    /// The octets of a final response: all it takes to give it once more (RFC 3261 17.2.2). They are kept for 32 s,
    /// and there are thousands of them after every phone has signed in.
    Answer(Bytes),
}

pub(super) struct Server {
    machine: Machine,
    kept: Kept,
    /// The way it came.
    pub(super) flow: Flow,
    /// The way its answers go (RFC 3261 18.2.2).
    pub(super) reply: Flow,
    pub(super) key: Arc<str>,
    /// Under which copies of this request that took another way are known.
    pub(super) merged: Option<Arc<str>>,
    /// The place in the layer's list of this flow's transactions.
    pub(super) flow_place: u32,
    pub(super) pending: Pending,
}

impl Server {
    /// A server transaction for a request with this key. `merged` is the key under which copies of this request that
    /// took another way are known.
    pub(super) fn new(
        now: Instant,
        flow: Flow,
        request: Message,
        key: Arc<str>,
        merged: Option<Arc<str>>,
        clock: Clock<'_>,
    ) -> Self {
        let (machine, actions) = if *request.method() == Method::Invite {
            let (machine, actions) = server_invite::Machine::start(clock);
            (Machine::Invite(machine), actions)
        } else {
            let (machine, actions) = server_non_invite::Machine::start(clock);
            (Machine::NonInvite(machine), actions)
        };
        // Nearly all are answered at once: until they are not, their timer is in no heap (see `Layer::poll`).
        let mut pending = Pending::default();
        actions.iter().for_each(|action| pending.apply(now, *action));
        let reply = reply_address(&request, &flow);
        Self {
            machine,
            kept: Kept::Whole {
                request,
                response: None,
            },
            flow,
            reply,
            key,
            merged,
            flow_place: 0,
            pending,
        }
    }

    /// What it keeps.
    pub(super) fn octets(&self) -> usize {
        let length = |message: &Message| message.bytes().len();
        match &self.kept {
            Kept::Whole { request, response } => length(request) + response.as_ref().map_or(0, length),
            Kept::Answer(bytes) => bytes.len(),
        }
    }

    /// A CANCEL's transaction is the layer's own: its user hears nothing of it.
    pub(super) fn is_internal(&self) -> bool {
        self.request()
            .is_some_and(|request| *request.method() == Method::Cancel)
    }

    /// The request, as long as anything but its answer may be asked for.
    pub(super) fn request(&self) -> Option<&Message> {
        match &self.kept {
            Kept::Whole { request, .. } => Some(request),
            Kept::Answer(_) => None,
        }
    }

    /// The last response, likewise.
    pub(super) fn response(&self) -> Option<&Message> {
        match &self.kept {
            Kept::Whole { response, .. } => response.as_ref(),
            Kept::Answer(_) => None,
        }
    }

    /// Whether a final response was given.
    pub(super) fn is_answered(&self) -> bool {
        match &self.kept {
            Kept::Whole { response, .. } => {
                let status = response.as_ref().and_then(Message::status);
                status.is_some_and(|status| status.is_final())
            }
            Kept::Answer(_) => true,
        }
    }

    fn keep_response(&mut self, answer: Option<Message>) {
        match &mut self.kept {
            Kept::Whole { response, .. } => *response = answer.or(response.take()),
            Kept::Answer(_) => {}
        }
    }

    /// Lets go of what a request that was answered is not asked for any more: one outside of a dialog, and by a key
    /// that says all (the rules of RFC 2543 compare more of the messages than their key).
    fn settle(&mut self) {
        let Machine::NonInvite(machine) = &self.machine else {
            return;
        };
        let Kept::Whole {
            request,
            response: Some(response),
        } = &self.kept
        else {
            return;
        };
        let stands_alone = request.to_tag().is_none() && *request.method() != Method::Cancel;
        if machine.state == server_non_invite::State::Completed && stands_alone && !keys::is_legacy(&self.key) {
            self.kept = Kept::Answer(Bytes::copy_from_slice(response.bytes()));
        }
    }

    pub(super) fn is_terminated(&self) -> bool {
        match &self.machine {
            Machine::Invite(machine) => machine.state == server_invite::State::Terminated,
            Machine::NonInvite(machine) => machine.state == server_non_invite::State::Terminated,
        }
    }

    pub(super) fn step(&mut self, input: Input, clock: Clock<'_>) -> Actions {
        match &mut self.machine {
            Machine::Invite(machine) => {
                let input = match input {
                    Input::Timer(timer) => InviteInput::of_timer(timer),
                    Input::Request => Some(InviteInput::Request),
                    Input::Ack => Some(InviteInput::Ack),
                    Input::Cancel => Some(InviteInput::Cancel),
                    Input::Respond(status) if status.is_provisional() => Some(InviteInput::Provisional),
                    Input::Respond(status) if status.is_success() => Some(InviteInput::Success),
                    Input::Respond(_) => Some(InviteInput::Failure),
                    Input::TransportFailed => Some(InviteInput::TransportFailed),
                };
                input.map(|input| machine.step(input, clock)).unwrap_or_default()
            }
            Machine::NonInvite(machine) => {
                let input = match input {
                    Input::Timer(timer) => OtherInput::of_timer(timer),
                    Input::Request => Some(OtherInput::Request),
                    Input::Respond(status) if status.is_provisional() => Some(OtherInput::Provisional),
                    Input::Respond(_) => Some(OtherInput::Final),
                    Input::Ack | Input::Cancel => None,
                    Input::TransportFailed => Some(OtherInput::TransportFailed),
                };
                input.map(|input| machine.step(input, clock)).unwrap_or_default()
            }
        }
    }

    fn transmit(&self) -> Option<TxOutput> {
        let bytes = match &self.kept {
            Kept::Whole { response, .. } => response.as_ref()?.bytes().clone(),
            Kept::Answer(bytes) => bytes.clone(),
        };
        Some(TxOutput::Transmit {
            flow: self.reply,
            bytes,
        })
    }

    /// Does what the machine asks for. `received` is the ACK or the CANCEL with the way it came, `answer` the user's
    /// response.
    pub(super) fn run(
        &mut self,
        now: Instant,
        id: ServerId,
        actions: &[Action],
        received: Option<(&Flow, &Message)>,
        mut answer: Option<Message>,
        out: &mut VecDeque<TxOutput>,
    ) {
        let internal = self.is_internal();
        for action in actions {
            self.pending.apply(now, *action);
            let event = match action {
                Action::SendResponse | Action::SendTrying => {
                    if *action == Action::SendTrying {
                        let trying = |request| Builder::reply(request, StatusCode::TRYING, None).finish();
                        answer = self.request().map(trying);
                    }
                    self.keep_response(answer.take());
                    out.extend(self.transmit());
                    None
                }
                Action::ResendResponse => {
                    out.extend(self.transmit());
                    None
                }
                Action::PassAck => received.map(|(flow, message)| TxEvent::Ack {
                    flow: *flow,
                    message: message.clone(),
                }),
                Action::PassCancel => received.map(|(_, message)| TxEvent::Cancelled {
                    id,
                    message: message.clone(),
                }),
                Action::AckTimeout => Some(TxEvent::AckTimeout { id }),
                Action::TransportFailed => Some(TxEvent::ServerTransportFailed { id }),
                Action::Start(..) | Action::StopRepeating | Action::StopEnding => None,
                // A client's.
                Action::SendRequest | Action::SendAck | Action::ResendAck | Action::SendCancel => None,
                Action::PassResponse | Action::TimedOut => None,
            };
            if !internal {
                out.extend(event.map(TxOutput::Event));
            }
        }
        self.settle();
        if self.is_terminated() && !internal {
            out.push_back(TxOutput::Event(TxEvent::ServerGone { id }));
        }
    }
}
