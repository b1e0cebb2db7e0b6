//! Trunks: registration, calls out and in, and what a provider can do wrong.

mod incoming;
mod outgoing;
mod registering;

use sip::{
    Builder, HeaderName, Message, Method,
    digest::{Algorithm, Challenge, Credentials, Ha1Pair, verify},
};
use switch::{Command, Input, Password, Reply, Trunk, TrunkChange, TrunkLimits, TrunkState, TrunkStatus};
use tests::{Actor, Stage, Wire, sdp};

/// The provider's server, and a second one.
const ONE: &str = "198.51.7.1:5060";
const OTHER: &str = "198.51.7.2:5060";

/// A trunk to the first server, with an account.
fn trunk() -> Trunk {
    Trunk {
        name: "provider".into(),
        uri: "sip:198.51.7.1".into(),
        username: Some("5550100".into()),
        ..Trunk::default()
    }
}

/// A stage with a trunk, and the provider's two servers.
struct Scene {
    stage: Stage,
    one: Wire,
    other: Wire,
}

impl Scene {
    /// With this dialplan.
    fn new(plan: &str, trunk: &Trunk) -> Self {
        let stage = Stage::plan(plan);
        let [one, other] = [ONE, OTHER].map(|address| stage.wire(address));
        let scene = Self { stage, one, other };
        scene.has(trunk);
        scene
    }

    /// A trunk is new or changed.
    fn has(&self, trunk: &Trunk) {
        self.stage.tells(Input::Trunk(TrunkChange::Put {
            trunk: Box::new(trunk.clone()),
            password: Some(Password("secret".into())),
        }));
        self.stage.pass(0.1);
    }

    fn status(&self) -> TrunkStatus {
        match self.stage.commands(Command::ListTrunks) {
            Ok(Reply::Trunks(trunks)) => trunks[0].clone(),
            other => panic!("{other:?}"),
        }
    }

    fn is(&self, state: TrunkState) {
        let status = self.status();
        assert_eq!(status.state, state, "{status:?}\n{}", self.stage.ladder());
    }

    /// The trunk is removed, and nothing is left over.
    fn clears(self) {
        self.stage.tells(Input::Trunk(TrunkChange::Remove("provider".into())));
        self.stage.pass(70.0);
        self.stage.clears();
    }
}

/// 101 calls over a trunk whose host is not known, with so many channels.
pub(crate) fn without_way(stage: &Stage, alice: &Actor, channels: Option<u16>) {
    let trunk = Trunk {
        name: "provider".into(),
        uri: "sip:lost.example".into(),
        limits: TrunkLimits {
            channels,
            calls_per_second: None,
        },
        ..Trunk::default()
    };
    let (trunk, password) = (Box::new(trunk), None);
    stage.tells(Input::Trunk(TrunkChange::Put { trunk, password }));
    alice.calls("900").ends_with(480);
    stage.tells(Input::Trunk(TrunkChange::Remove("provider".into())));
}

/// Answers a request with a challenge; the same request with the account's credentials comes next.
fn challenges(wire: &Wire, request: &Message, code: u16) -> Message {
    let challenge = challenge("n1", false);
    let field = if code == 401 {
        HeaderName::WwwAuthenticate
    } else {
        HeaderName::ProxyAuthenticate
    };
    wire.replies(request, code, "p", |reply| reply.header(field, &challenge));
    let again = wire.takes_request(request.method().clone());
    assert!(is_signed(&again), "{again:?}");
    assert_eq!(again.call_id(), request.call_id());
    assert_eq!(again.cseq().unwrap().number, request.cseq().unwrap().number + 1);
    again
}

fn challenge(nonce: &str, stale: bool) -> String {
    let challenge = Challenge {
        realm: "provider.example".into(),
        nonce: nonce.into(),
        opaque: None,
        stale,
        algorithm: Algorithm::Sha256,
    };
    challenge.to_string()
}

/// Whether a request has credentials that the account's password makes.
fn is_signed(request: &Message) -> bool {
    let fields = [HeaderName::Authorization, HeaderName::ProxyAuthorization];
    let mut values = fields.into_iter().flat_map(|field| request.headers(field));
    values.any(|value| {
        let credentials = Credentials::parse(value).unwrap();
        let ha1 = Ha1Pair::new("5550100", &credentials.realm, "secret");
        verify(&credentials, &ha1, request.method(), b"")
    })
}

/// The registrar accepts, and says how long.
fn accepts(wire: &Wire, register: &Message, seconds: u32) {
    let contact = register.header(HeaderName::Contact).unwrap().to_owned();
    let ok = Builder::reply(register, sip::StatusCode::OK, Some("p"))
        .header(HeaderName::Contact, format!("{contact};expires={seconds}"))
        .finish();
    wire.sends(ok);
}

/// The provider answers a call, and its ACK comes.
fn answers(wire: &Wire, invite: &Message) {
    let host = wire.address.ip().to_string();
    wire.replies(invite, 200, "far", |reply| {
        reply.body("application/sdp", sdp(&host, 9_000).as_bytes())
    });
    wire.takes_request(Method::Ack);
}
