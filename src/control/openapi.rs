//! The OpenAPI document of the control API, apart from its routes.

use utoipa::OpenApi;

use super::wire::ProblemBody;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "omnidesk-mock: control API",
        description = "Accounts, snapshots, clocks, keys and fixtures of a mock server; what clients asked it, and what is to \
            happen to their requests. Not part of Omnidesk. \
            `{account}` is a name, or `self` with an API key in the request.",
    ),
    components(schemas(ProblemBody)),
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
            .description(Some("The token of --control-token, where there is one."));
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
        let key =
            ApiKeyValue::with_description("apiKey", "The API key whose account `self` means.");
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
    use utoipa::openapi::{RefOr, Schema};
    let Some(components) = &mut document.components else { return };
    let rule_schema = components.schemas.get("Rule").cloned();
    let active_rule_schema = components.schemas.get("ShownRule").cloned();
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
    components.schemas.insert("ShownRule".to_owned(), RefOr::T(Schema::Object(merged)));
}
