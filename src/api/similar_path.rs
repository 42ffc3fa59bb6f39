//! Finds the operation whose path a client probably meant, although it spelled it in another way.

use super::decode::decode_component;
use crate::contract::suggest;

/// A path of the server that resembles an unknown path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SimilarPath {
    /// With the parameters of the unknown path.
    pub(crate) path: String,
    /// What is wrong with the unknown path.
    pub(crate) difference: &'static str,
}

/// Returns the route that a path is most likely a misspelling of.
pub(crate) fn find_similar_path<'a>(
    path: &str,
    routes: impl Iterator<Item = &'a str>,
) -> Option<SimilarPath> {
    let decoded = decode_component(path.as_bytes(), "").ok()?;
    let segments: Vec<&str> = decoded.split('/').filter(|segment| !segment.is_empty()).collect();
    // Fewer misspelled names first, then fewer parameters: a path of fixed names is a better match.
    let ranked = routes.filter_map(|route| {
        let names: Vec<&str> = route.split('/').filter(|name| !name.is_empty()).collect();
        let misspelled = count_misspelled(&names, &segments)?;
        let parameters = names.iter().filter(|name| name.starts_with('{')).count();
        Some((misspelled, parameters, names))
    });
    let (misspelled, _, names) =
        ranked.min_by_key(|(misspelled, parameters, _)| (*misspelled, *parameters))?;
    let difference = if misspelled > 0 {
        "a name in it is misspelled"
    } else if path.contains("//") {
        "it has two slashes in a row"
    } else if path.ends_with('/') {
        "it ends with a slash"
    } else if path.contains('%') {
        "a part of it is percent-encoded"
    } else {
        "upper and lower case matter"
    };
    let fill = |(name, segment): (&&str, &&str)| {
        let is_parameter = name.starts_with('{');
        format!("/{}", if is_parameter { segment } else { name })
    };
    let path = names.iter().zip(&segments).map(fill).collect();
    Some(SimilarPath { path, difference })
}

/// Counts the misspelled names of a path; None if it is none of this route.
fn count_misspelled(names: &[&str], segments: &[&str]) -> Option<usize> {
    if names.len() != segments.len() {
        return None;
    }
    names.iter().zip(segments).try_fold(0, |count, (name, segment)| {
        if name.starts_with('{') || name.eq_ignore_ascii_case(segment) {
            return Some(count);
        }
        let without_separators = segment.replace(['-', '_', '.'], "");
        // A version is never meant as another one.
        let is_version = name.len() < 3;
        let is_near = !is_version && suggest(&without_separators, std::iter::once(*name)).is_some();
        is_near.then_some(count + 1)
    })
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
        for (path, meant, difference) in [
            ("/api/v2/ticket/", "/api/v2/ticket", "ends with a slash"),
            ("//api/v2/ticket", "/api/v2/ticket", "two slashes"),
            ("/api//v2/ticket/7", "/api/v2/ticket/7", "two slashes"),
            ("/api/v2/ticket/7/", "/api/v2/ticket/7", "ends with a slash"),
            ("/API/v2/Ticket", "/api/v2/ticket", "case"),
            ("/api/v2/%74icket", "/api/v2/ticket", "percent-encoded"),
            ("/api/v2/ticket/set%53tatus/", "/api/v2/ticket/setStatus", "ends with a slash"),
            ("/api/v2/tickets", "/api/v2/ticket", "misspelled"),
            ("/api/v2/tickets/7", "/api/v2/ticket/7", "misspelled"),
            ("/api/v2/tickets/setStatus", "/api/v2/ticket/setStatus", "misspelled"),
        ] {
            let found = find_similar_path(path, ROUTES.into_iter()).expect(path);
            assert_eq!(found.path, meant, "{path}");
            assert!(found.difference.contains(difference), "{path}: {}", found.difference);
        }
        for path in
            ["/", "", "/api/v1/ticket", "/api/v2/message", "/api/v2/ticket/7/notes", "/api/v2/%zz"]
        {
            assert_eq!(find_similar_path(path, ROUTES.into_iter()), None, "{path}");
        }
        let named = ROUTES.into_iter().filter(|route| !route.contains('{'));
        for path in ["setStatuss", "set_status", "set-status", "SETSTATUS", "setstats"] {
            let found = find_similar_path(&format!("/api/v2/ticket/{path}"), named.clone());
            assert_eq!(found.expect(path).path, "/api/v2/ticket/setStatus", "{path}");
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
