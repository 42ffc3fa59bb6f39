//! The OpenAPI document of the control API, apart from its routes.

use utoipa::OpenApi;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

use omnidesk_mock_client::types::ProblemDetails;

use crate::contract::PERMISSION_NAMES;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "omnidesk-mock: control API",
        description = "Manages the accounts, snapshots, clocks, API keys and fixtures of a mock server, shows and \
            verifies the requests it received, and injects faults. Not part of Omnidesk. \
            `{account}` is a name, or `self` with an API key in the request.",
    ),
    components(schemas(ProblemDetails)),
    modifiers(&SecuritySchemes)
)]
struct ApiDoc;

/// Returns the document without its routes.
pub(super) fn base_document() -> utoipa::openapi::OpenApi {
    ApiDoc::openapi()
}

/// The two credentials of a request.
struct SecuritySchemes;

impl utoipa::Modify for SecuritySchemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{
            ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
        };
        let components = document.components.get_or_insert_default();
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The token of --control-token, if it is set."));
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
        let key = ApiKeyValue::with_description("apiKey", "The API key of the account `self`.");
        components.add_security_scheme("apiKey", SecurityScheme::ApiKey(ApiKey::Header(key)));
        let no_scopes: [&str; 0] = [];
        let requirement = |name: &str| SecurityRequirement::new(name, no_scopes);
        let alternatives =
            [SecurityRequirement::default(), requirement("token"), requirement("apiKey")];
        document.security = Some(alternatives.into());
    }
}

/// Merges the flattened fields of a rule into the schema of an active rule: utoipa joins them with `allOf`, and each
/// schema would reject the other's fields.
pub(super) fn flatten_fault_rule_schema(document: &mut utoipa::openapi::OpenApi) {
    let Some(components) = &mut document.components else { return };
    let rule_schema = components.schemas.get("FaultRule").cloned();
    let active_rule_schema = components.schemas.get("ActiveFaultRule").cloned();
    let (Some(RefOr::T(Schema::Object(mut merged))), Some(RefOr::T(Schema::AllOf(all_of)))) =
        (rule_schema, active_rule_schema)
    else {
        return;
    };
    for item in all_of.items {
        if let RefOr::T(Schema::Object(object)) = item {
            merged.properties.extend(object.properties);
            merged.required.extend(object.required);
        }
    }
    merged.description = all_of.description;
    components.schemas.insert("ActiveFaultRule".to_owned(), RefOr::T(Schema::Object(merged)));
}

/// Lists the permission names in the schema of permissions, which the client crate does not know.
pub(super) fn list_permission_names(document: &mut utoipa::openapi::OpenApi) {
    let schemas = document.components.as_mut().map(|components| &mut components.schemas);
    let schema = schemas.and_then(|schemas| schemas.get_mut("PermissionsSpec"));
    let Some(RefOr::T(Schema::OneOf(one_of))) = schema else { return };
    let name = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(PERMISSION_NAMES.iter().copied()))
        .build();
    for item in &mut one_of.items {
        if let RefOr::T(Schema::Array(array)) = item {
            *array = ArrayBuilder::new().items(name.clone()).build();
        }
    }
}
