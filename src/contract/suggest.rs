//! Spelling suggestions for unknown names.

use strsim::levenshtein;

/// Returns the nearest name: equal except for case, or at an edit distance of at most two letters.
pub(crate) fn suggest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    if lower.chars().count() > 64 {
        return None;
    }
    let distances = names.map(|other| (levenshtein(&lower, &other.to_lowercase()), other));
    let (distance, name) = distances.min()?;
    let is_near = distance <= 2 && distance < name.len() / 2 + 1;
    is_near.then_some(name)
}
