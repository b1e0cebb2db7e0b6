//! The transactions of the layer: they start, get their inputs, do what their machines ask for, and go.

use std::sync::Arc;

use super::{
    ClientId, Owner, ServerId,
    client::{self, Client},
    keys,
    layer::Layer,
    server::{self, Server},
    timers::{Action, Clock},
};
use crate::{Flow, Message, Method, time::Instant};

impl Layer {
    fn clock<'a>(&'a self, flow: &Flow) -> Clock<'a> {
        Clock {
            timers: &self.config.timers,
            reliable: flow.transport.is_reliable(),
        }
    }

    /// Starts a client transaction for a request whose key is in the layer's key buffer.
    pub(super) fn start_client(&mut self, now: Instant, flow: Flow, request: Message) -> ClientId {
        let key: Arc<str> = self.key.as_str().into();
        let (client, actions) = Client::new(flow, request, key.clone(), self.clock(&flow));
        let id = ClientId(self.tables.clients.insert(client));
        self.client_keys.insert(key, id);
        let place = self.flows.add(&flow, Owner::Client(id));
        if let Some(client) = self.tables.clients.get_mut(id.0) {
            client.flow_place = place;
        }
        self.run_client(now, id, &actions, None);
        id
    }

    /// Gives a client transaction an input, and does what it answers. A response comes with the
    /// way it came.
    pub(super) fn client_input(
        &mut self,
        now: Instant,
        id: ClientId,
        input: client::Input,
        response: Option<(&Flow, &Message)>,
    ) {
        let Some(client) = self.tables.clients.get_mut(id.0) else {
            return;
        };
        let clock = Clock {
            timers: &self.config.timers,
            reliable: client.flow.transport.is_reliable(),
        };
        let actions = client.step(input, clock);
        self.run_client(now, id, &actions, response);
    }

    /// Marks an INVITE to be cancelled, or cancels it.
    pub(super) fn cancel_client(&mut self, now: Instant, id: ClientId, reason: Option<&str>) {
        if let Some(client) = self.tables.clients.get_mut(id.0) {
            client.set_cancel_reason(reason);
        }
        self.client_input(now, id, client::Input::Cancel, None);
    }

    fn run_client(&mut self, now: Instant, id: ClientId, actions: &[Action], response: Option<(&Flow, &Message)>) {
        let Some(client) = self.tables.clients.get_mut(id.0) else {
            return;
        };
        let flow = client.flow;
        let cancel = client.run(now, id, actions, response, &mut self.out);
        if client.is_terminated() {
            self.remove_client(id);
        } else {
            self.queue.schedule(Owner::Client(id), &mut self.tables);
        }
        // RFC 3261 9.1: a transaction of its own, under the INVITE's branch.
        if let Some(cancel) = cancel
            && keys::client(&mut self.key, &cancel, &Method::Cancel)
        {
            self.start_client(now, flow, cancel);
        }
    }

    fn remove_client(&mut self, id: ClientId) {
        let Some(client) = self.tables.clients.remove(id.0) else {
            return;
        };
        self.client_keys.remove(&client.key);
        self.forget_flow(&client.flow, client.flow_place);
    }

    /// Starts a server transaction for a request whose key is in the layer's key buffer.
    pub(super) fn start_server(
        &mut self,
        now: Instant,
        flow: Flow,
        request: Message,
        merged: Option<Arc<str>>,
    ) -> ServerId {
        self.calls.add(&request);
        let key: Arc<str> = self.key.as_str().into();
        let server = Server::new(now, flow, request, key.clone(), merged.clone(), self.clock(&flow));
        self.octets += server.octets();
        let reply = server.reply;
        let id = ServerId(self.tables.servers.insert(server));
        self.server_keys.insert(key, id);
        if let Some(merged) = merged {
            self.merged.insert(merged, id);
        }
        let place = self.flows.add(&reply, Owner::Server(id));
        if let Some(server) = self.tables.servers.get_mut(id.0) {
            server.flow_place = place;
        }
        id
    }

    /// Gives a server transaction an input, and does what it answers. `received` is the ACK or the
    /// CANCEL with the way it came, `answer` the user's response. Whether `answer` was sent.
    pub(super) fn server_input(
        &mut self,
        now: Instant,
        id: ServerId,
        input: server::Input,
        received: Option<(&Flow, &Message)>,
        answer: Option<Message>,
    ) -> bool {
        let Some(server) = self.tables.servers.get_mut(id.0) else {
            return false;
        };
        let clock = Clock {
            timers: &self.config.timers,
            reliable: server.flow.transport.is_reliable(),
        };
        let before = server.octets();
        let actions = server.step(input, clock);
        server.run(now, id, &actions, received, answer, &mut self.out);
        self.octets = (self.octets + server.octets()).saturating_sub(before);
        if server.is_terminated() {
            self.remove_server(id);
        } else {
            self.queue.schedule(Owner::Server(id), &mut self.tables);
        }
        actions.contains(&Action::SendResponse)
    }

    pub(super) fn remove_server(&mut self, id: ServerId) {
        let Some(server) = self.tables.servers.remove(id.0) else {
            return;
        };
        self.octets = self.octets.saturating_sub(server.octets());
        if let Some(request) = server.request() {
            self.calls.remove(request);
        }
        self.server_keys.remove(&server.key);
        if let Some(merged) = &server.merged {
            self.merged.remove(merged);
        }
        self.forget_flow(&server.reply, server.flow_place);
    }

    /// Takes a transaction off its path's list, and tells the one that moves into its place.
    pub(super) fn forget_flow(&mut self, flow: &Flow, place: u32) {
        match self.flows.remove(flow, place) {
            Some(Owner::Client(id)) => {
                if let Some(client) = self.tables.clients.get_mut(id.0) {
                    client.flow_place = place;
                }
            }
            Some(Owner::Server(id)) => {
                if let Some(server) = self.tables.servers.get_mut(id.0) {
                    server.flow_place = place;
                }
            }
            None => {}
        }
    }
}
