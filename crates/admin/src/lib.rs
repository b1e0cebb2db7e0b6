//! Everything over HTTP: REST, OpenAPI, events, metrics and the web page.
