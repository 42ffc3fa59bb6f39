//! The declaration of an operation: one row of a controller's table.

use super::fidelity::Fidelity;
use super::field::{Field, FieldsFn};
use super::media_type::MediaType;
use super::permission::Permission;

/// The HTTP methods of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// Where an operation's fields come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputSource {
    Query,
    Body,
    /// The body, or the query for fields it lacks.
    BodyOrQuery,
}

/// The envelope of a success response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    Item,
    List,
    Result,
    /// A result with the id of the new row.
    Created,
}

/// One operation of the contract.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    /// The name for people: `ticket.setStatus`.
    pub(crate) name: &'static str,
    /// The OpenAPI `operationId`, in the vendor's pattern: `ticketSetStatusPOST`.
    pub(crate) id: &'static str,
    pub(crate) method: Method,
    /// With `{name}` parameters.
    pub(crate) path: &'static str,
    /// Whether the path ends in a named method, such as `setStatus`.
    pub(crate) is_named_method: bool,
    pub(crate) summary: &'static str,
    pub(crate) fidelity: Fidelity,
    pub(crate) permission: Permission,
    pub(crate) permission_fidelity: Fidelity,
    /// Path parameters.
    pub(crate) path_fields: FieldsFn,
    pub(crate) fields: FieldsFn,
    pub(crate) input_source: InputSource,
    /// The documented media type of the body, if any.
    pub(crate) documented_media_type: Option<MediaType>,
    /// The name of the body's schema; empty without a body.
    pub(crate) body_schema: &'static str,
    pub(crate) envelope: Envelope,
    /// The message of the success response to the examples; empty if the envelope has none.
    pub(crate) example_message: &'static str,
}

impl Operation {
    /// Splits off the named method of the path: `/api/v2/ticket/` and `setStatus`.
    pub(crate) fn named_method(&self) -> Option<(&'static str, &'static str)> {
        self.is_named_method
            .then(|| self.path.split_at(self.path.rfind('/').map_or(0, |at| at + 1)))
    }

    /// Iterates over path and other fields.
    pub(crate) fn all_fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        (self.path_fields)().iter().chain((self.fields)())
    }

    /// Returns whether the operation has such a field, also a nested one.
    pub(crate) fn has_field(&self, name: &str) -> bool {
        self.all_fields().any(|field| field.contains_name(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{FieldType, optional};

    static PATH_FIELDS: &[Field] = &[optional("id", FieldType::INTEGER)];
    static NESTED_FIELDS: &[Field] = &[optional("name", FieldType::TEXT)];
    static FIELDS: &[Field] = &[optional("status", FieldType::Object { fields: || NESTED_FIELDS })];

    const OPERATION: Operation = Operation {
        name: "ticket.setStatus",
        id: "ticketSetStatusPOST",
        method: Method::Post,
        path: "/api/v2/ticket/setStatus",
        is_named_method: true,
        summary: "",
        fidelity: Fidelity::Documented(""),
        permission: Permission::SetStatus,
        permission_fidelity: Fidelity::Documented(""),
        path_fields: || PATH_FIELDS,
        fields: || FIELDS,
        input_source: InputSource::Body,
        documented_media_type: None,
        body_schema: "",
        envelope: Envelope::Result,
        example_message: "",
    };

    #[test]
    fn named_method_is_the_end_of_its_path() {
        assert_eq!(OPERATION.named_method(), Some(("/api/v2/ticket/", "setStatus")));
        assert_eq!(
            Operation { path: "setStatus", ..OPERATION }.named_method(),
            Some(("", "setStatus"))
        );
        assert_eq!(Operation { is_named_method: false, ..OPERATION }.named_method(), None);
    }

    #[test]
    fn fields_include_those_of_the_path_and_nested_ones() {
        let names: Vec<&str> = OPERATION.all_fields().map(|field| field.name).collect();
        assert_eq!(names, ["id", "status"]);
        for (name, expected) in [("id", true), ("status", true), ("name", true), ("title", false)] {
            assert_eq!(OPERATION.has_field(name), expected, "{name}");
        }
    }
}
