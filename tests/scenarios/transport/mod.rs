//! Networks: lost datagrams, NAT, streams, large requests.

mod loss;
mod network;
mod streams;
