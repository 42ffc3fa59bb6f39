//! Finds the operation whose path a client probably meant, although it spelled it in another way.

use super::decode::decode_component;

/// The path of an operation that resembles an unknown path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SimilarPath {
    /// The template of the path.
    pub(crate) route: &'static str,
    /// What is wrong with the unknown path.
    pub(crate) difference: &'static str,
}

/// Returns the first of these routes that a path is a spelling of.
pub(crate) fn find_similar_path(
    path: &str,
    routes: impl Iterator<Item = &'static str>,
) -> Option<SimilarPath> {
    let decoded = decode_component(path.as_bytes(), "").ok()?;
    let segments: Vec<&str> = decoded.split('/').filter(|segment| !segment.is_empty()).collect();
    let matches = |route: &&str| {
        let names: Vec<&str> = route.split('/').filter(|name| !name.is_empty()).collect();
        names.len() == segments.len()
            && names
                .iter()
                .zip(&segments)
                .all(|(name, segment)| name.starts_with('{') || name.eq_ignore_ascii_case(segment))
    };
    // A path of fixed names is a better match than one with a parameter.
    let route = routes.filter(matches).min_by_key(|route| route.contains('{'))?;
    let difference = if path.contains("//") {
        "it has two slashes in a row"
    } else if path.ends_with('/') {
        "it ends with a slash"
    } else if path.contains('%') {
        "a part of it is percent-encoded"
    } else {
        "upper and lower case matter"
    };
    Some(SimilarPath { route, difference })
}

/// Returns whether a path belongs to the Ticket API, in any spelling.
pub(crate) fn is_ticket_api_path(path: &str) -> bool {
    path.split('/').find(|segment| !segment.is_empty()) == Some("api")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: [&str; 3] =
        ["/api/v2/ticket", "/api/v2/ticket/{ticketID}", "/api/v2/ticket/setStatus"];

    #[test]
    fn other_spellings_of_a_path_are_recognized() {
        for (path, route, difference) in [
            ("/api/v2/ticket/", ROUTES[0], "ends with a slash"),
            ("//api/v2/ticket", ROUTES[0], "two slashes"),
            ("/api//v2/ticket/7", ROUTES[1], "two slashes"),
            ("/api/v2/ticket/7/", ROUTES[1], "ends with a slash"),
            ("/API/v2/Ticket", ROUTES[0], "case"),
            ("/api/v2/%74icket", ROUTES[0], "percent-encoded"),
            ("/api/v2/ticket/set%53tatus/", ROUTES[2], "ends with a slash"),
        ] {
            let found = find_similar_path(path, ROUTES.into_iter()).expect(path);
            assert_eq!(found.route, route, "{path}");
            assert!(found.difference.contains(difference), "{path}: {}", found.difference);
        }
        for path in ["/", "", "/api/v2/tickets", "/api/v2/ticket/7/notes", "/api/v2/%zz"] {
            assert_eq!(find_similar_path(path, ROUTES.into_iter()), None, "{path}");
        }
    }

    #[test]
    fn ticket_api_paths_begin_with_its_name() {
        for path in ["/api/v2/ticket", "//api/v2/ticket", "/api", "/api/"] {
            assert!(is_ticket_api_path(path), "{path}");
        }
        for path in ["/", "/docs/api", "/apis/v2", ""] {
            assert!(!is_ticket_api_path(path), "{path}");
        }
    }
}
