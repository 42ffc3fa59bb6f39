//! The name that was probably meant.

/// The name that was probably meant: the same but for case, or off by at most two letters.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    if lower.chars().count() > 64 {
        return None;
    }
    let distances = names.map(|other| (distance(&lower, &other.to_lowercase()), other));
    let (distance, name) = distances.min()?;
    let enough = distance <= 2 && distance < name.len() / 2 + 1;
    enough.then_some(name)
}

/// How many letters must be added, dropped or changed to make one word of the other.
fn distance(left: &str, right: &str) -> usize {
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
