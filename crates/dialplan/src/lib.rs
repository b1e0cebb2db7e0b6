//! Rhai dialplans: engine, limits, modules, fibers and script tests.
