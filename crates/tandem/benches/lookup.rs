//! How long the look-up of a host takes that is in the cache, in the path of a call: `cargo bench -p tandem --bench
//! lookup`. A loop over look-ups of `localhost`, which the first one has found; the median of 50 rounds of 2,000.
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use sip::Transport;
use switch::{Input, Listener, QueryId};
use tandem::net::{Limits, Net, Question};

const ROUNDS: usize = 50;
const LOOKUPS: u32 = 2_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = Listener {
        transport: Transport::Udp,
        address: "127.0.0.1:0".parse()?,
    };
    let question = Question {
        host: "localhost",
        port: Some(5060),
        transport: Some(Transport::Udp),
        secure: false,
    };
    let mut rounds: Vec<Duration> = tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut net = Net::bind(&[listener], &Limits::default(), None)?;
        let mut inputs = Vec::new();
        net.resolve(QueryId(0), question);
        net.receive(&mut inputs).await;
        let mut rounds = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            for query in 0..LOOKUPS {
                net.resolve(QueryId(query.into()), question);
            }
            rounds.push(begun.elapsed() / LOOKUPS);
            inputs.clear();
            net.receive(&mut inputs).await;
            let found = |input: &Input| matches!(input, Input::Resolved { ways: Ok(ways), .. } if !ways.is_empty());
            assert!(
                inputs.len() == LOOKUPS as usize && inputs.iter().all(found),
                "answered at once"
            );
        }
        Ok::<_, tandem::net::BindError>(rounds)
    })?;
    rounds.sort_unstable();
    println!("a look-up in the cache: {:?}", rounds[ROUNDS / 2]);
    Ok(())
}
