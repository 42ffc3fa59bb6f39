//! Spelling suggestions for unknown names.

/// Returns the nearest name: equal except for case, or at an edit distance of at most two letters.
pub(crate) fn suggest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    if lower.chars().count() > 64 {
        return None;
    }
    let distances = names.map(|other| (edit_distance(&lower, &other.to_lowercase()), other));
    let (distance, name) = distances.min()?;
    let is_near = distance <= 2 && distance < name.len() / 2 + 1;
    is_near.then_some(name)
}

/// Computes the Levenshtein distance: letters to add, drop or change.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut costs: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut costs[0], row + 1);
        for (column, other) in right.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = costs[column + 1];
            costs[column + 1] = change.min(costs[column] + 1).min(diagonal + 1);
        }
    }
    costs[right.len()]
}
