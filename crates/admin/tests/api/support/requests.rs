//! What the fake switch does with the requests of the admin API.

use std::sync::{Arc, Mutex};

use admin::SwitchRequest;
use tokio::sync::mpsc;

use super::FakeSwitch;

/// Answers every request.
pub(crate) async fn run(switch: Arc<Mutex<FakeSwitch>>, mut requests: mpsc::Receiver<SwitchRequest>) {
    while let Some(request) = requests.recv().await {
        match request {
            SwitchRequest::Command { command, reply } => {
                let _ = reply.send(switch.lock().unwrap().command(command));
            }
            SwitchRequest::Account { change, taken } => {
                switch.lock().unwrap().changes.push(change);
                let _ = taken.send(());
            }
            SwitchRequest::Trunk { change, taken } => {
                switch.lock().unwrap().trunks.push(change);
                let _ = taken.send(());
            }
        }
    }
}
