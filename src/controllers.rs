//! The list of controllers. To add a controller, add its folder and one line here.

use crate::api::{Controller, Endpoint};
use crate::contract::Operation;
use crate::seed::section::FixtureSection;
use crate::tickets;

/// Every controller.
pub(crate) const CONTROLLERS: &[&Controller] = &[&tickets::CONTROLLER];

/// Iterates over the endpoints of all controllers.
pub(crate) fn all_endpoints() -> impl Iterator<Item = &'static Endpoint> {
    CONTROLLERS.iter().flat_map(|controller| controller.endpoints)
}

/// Iterates over the operations of all controllers.
pub(crate) fn all_operations() -> impl Iterator<Item = &'static Operation> {
    all_endpoints().map(|endpoint| &endpoint.operation)
}

/// Iterates over the fixture sections of all controllers.
pub(crate) fn fixture_sections() -> impl Iterator<Item = &'static FixtureSection> {
    CONTROLLERS.iter().filter_map(|controller| controller.fixture)
}
