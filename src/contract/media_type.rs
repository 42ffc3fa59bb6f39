//! The media types of request bodies.

use super::json_schema::Notation;

/// The media types that all endpoints accept; the contract says which one is documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MediaType {
    Urlencoded,
    Multipart,
    Json,
}

impl MediaType {
    /// All, in the order of messages.
    pub(crate) const ALL: [Self; 3] = [Self::Multipart, Self::Urlencoded, Self::Json];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Urlencoded => "application/x-www-form-urlencoded",
            Self::Multipart => "multipart/form-data",
            Self::Json => "application/json",
        }
    }

    /// Returns how a body of this type encodes lists.
    pub(super) const fn notation(self) -> Notation {
        match self {
            Self::Urlencoded | Self::Multipart => Notation::Form,
            Self::Json => Notation::Json,
        }
    }

    /// Parses a `Content-Type` header and ignores its parameters.
    pub(crate) fn from_content_type(content_type: &str) -> Option<Self> {
        let name = content_type.split(';').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|media_type| name.eq_ignore_ascii_case(media_type.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::MediaType;

    #[test]
    fn content_type_ignores_parameters_case_and_white_space() {
        let cases = [
            ("application/json", Some(MediaType::Json)),
            ("Application/JSON", Some(MediaType::Json)),
            (" application/json ; charset=utf-8", Some(MediaType::Json)),
            ("application/x-www-form-urlencoded;a=b;c=d", Some(MediaType::Urlencoded)),
            ("multipart/form-data; boundary=application/json", Some(MediaType::Multipart)),
            ("text/json", None),
            ("application/json+x", None),
            ("application/jso", None),
            ("application/json, text/plain", None),
            ("; application/json", None),
            ("", None),
        ];
        for (content_type, expected) in cases {
            assert_eq!(MediaType::from_content_type(content_type), expected, "{content_type}");
        }
    }
}
