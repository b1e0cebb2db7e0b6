//! What HTTP asks of every route: reading requests, errors, versions, repeats, parts of files, links,
//! metrics, the page, the server.

pub(crate) mod extract;
pub(crate) mod forwarded;
pub(crate) mod http_metrics;
pub(crate) mod links;
pub(crate) mod page;
pub(crate) mod parameters;
pub(crate) mod problem;
pub(crate) mod ranges;
pub(crate) mod repeats;
pub(crate) mod serve;
pub(crate) mod versions;
