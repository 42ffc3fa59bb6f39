//! The list of controllers. Another one adds its folder and one line here.

use crate::api::{Controller, Endpoint};
use crate::contract::Operation;
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
