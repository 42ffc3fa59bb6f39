//! A controller: the declarations of one resource, from which the server derives its routes and documents.

use super::endpoint::Endpoint;
use crate::contract::openapi::{DocumentedResource, NotFoundResponse, ResourceSchemas};
use crate::contract::{Assumption, Convention};
use crate::seed::section::FixtureSection;

/// A controller of the API, for one resource.
#[derive(Debug)]
pub(crate) struct Controller {
    /// The vendor's name of it; the operations begin with it.
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) endpoints: &'static [Endpoint],
    pub(crate) schemas: ResourceSchemas,
    pub(crate) not_found: &'static NotFoundResponse,
    pub(crate) conventions: &'static [Convention],
    pub(crate) assumptions: &'static [Assumption],
    /// Its data in seeds, if it has any.
    pub(crate) fixture: Option<&'static FixtureSection>,
}

impl Controller {
    /// Returns the resource for the OpenAPI document.
    pub(crate) fn to_documented_resource(&self) -> DocumentedResource {
        DocumentedResource {
            name: self.name,
            description: self.description,
            operations: self.endpoints.iter().map(|endpoint| &endpoint.operation).collect(),
            schemas: self.schemas,
            not_found: self.not_found,
        }
    }
}
