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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::suggest;

    const NAMES: [&str; 6] = ["status", "title", "to", "TicketIDs", "assignedGroupID", "a"];

    #[test]
    fn nearest_name_is_suggested() {
        let cases = [
            ("Status", Some("status"), "another case"),
            ("ticketids", Some("TicketIDs"), "the name has capitals"),
            ("stats", Some("status"), "a letter is missing"),
            ("statuss", Some("status"), "a letter is added"),
            ("sattus", Some("status"), "two letters are swapped"),
            ("staxus", Some("status"), "a letter differs"),
            ("assignedGroups", Some("assignedGroupID"), "two letters differ"),
            ("assignedGroupXYZ", None, "three letters differ"),
            ("sta", None, "three letters are missing"),
            ("tp", Some("to"), "one of two letters is right"),
            ("xy", None, "no letter is right"),
            ("too", Some("to"), "a letter is added to a short name"),
            ("tooo", None, "half of the name is added"),
            ("ab", None, "a name of one letter needs that letter"),
            ("A", Some("a"), "a name of one letter in another case"),
            ("", None, "an empty name"),
        ];
        for (sent, expected, reason) in cases {
            assert_eq!(suggest(sent, NAMES.into_iter()), expected, "{sent:?}: {reason}");
        }
        assert_eq!(suggest("status", std::iter::empty()), None);
    }

    #[test]
    fn nearer_name_wins_and_the_first_in_order_of_equally_near_names() {
        assert_eq!(
            suggest("itemLimits", ["itemLimit", "itemLimited"].into_iter()),
            Some("itemLimit")
        );
        assert_eq!(suggest("itex", ["item", "itek"].into_iter()), Some("itek"));
    }

    #[test]
    fn longest_compared_name_has_64_characters() {
        let (longest, longer) = ("é".repeat(64), "é".repeat(65));
        assert_eq!(suggest(&longest, [&*longest].into_iter()), Some(&*longest));
        assert_eq!(suggest(&longer, [&*longer].into_iter()), None);
    }

    proptest! {
        #[test]
        fn name_in_any_case_suggests_the_name(
            name in prop::sample::select(&NAMES[..]),
            capitals in prop::collection::vec(any::<bool>(), 20),
        ) {
            let respelled: String = name
                .chars()
                .zip(capitals)
                .map(|(letter, is_capital)| {
                    if is_capital { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
                })
                .collect();
            prop_assert_eq!(suggest(&respelled, NAMES.into_iter()), Some(name));
        }
    }
}
