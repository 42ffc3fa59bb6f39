//! A memory budget for parsing: aliases can expand a few bytes to a tree of gigabytes.

/// Memory of a list item, in bytes (measured, including the spare capacity of lists).
const ITEM_BYTES: usize = 112;
/// Memory of a field without its name and text, in bytes (measured).
const FIELD_BYTES: usize = 160;
/// Memory of an empty mapping, in bytes (measured).
const MAPPING_BYTES: usize = 320;
/// Memory of a text beyond its content, in bytes.
const TEXT_OVERHEAD_BYTES: usize = 16;

/// The limits of parsing (all arbitrary).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ParseLimits {
    /// The maximum number of bytes of memory per input byte.
    pub(super) max_bytes_per_input_byte: usize,
    /// The maximum number of items of all lists together.
    pub(super) max_rows: usize,
    /// Memory of a YAML byte that can start an item in brackets, in bytes.
    pub(super) bytes_per_separator: usize,
    /// The maximum number of bytes of text that all aliases together may expand to, for an input of any length.
    pub(super) max_alias_bytes: usize,
}

impl ParseLimits {
    /// The limits of a seed, which the operator wrote: only aliases reach them.
    pub(super) const SEED: Self = Self {
        max_bytes_per_input_byte: 64,
        max_rows: usize::MAX,
        bytes_per_separator: 0,
        max_alias_bytes: MAX_SEED_ALIAS_BYTES,
    };
    /// The limits of an import. Every fixture of short rows fits, since [`BASE_ALLOWANCE_BYTES`] covers 50,000 of them.
    pub(super) const IMPORT: Self = Self {
        max_bytes_per_input_byte: 8,
        max_rows: 50_000,
        bytes_per_separator: SEPARATOR_BYTES,
        max_alias_bytes: MAX_IMPORT_ALIAS_BYTES,
    };
}

/// The maximum text that aliases of a seed may expand to, in bytes (arbitrary).
const MAX_SEED_ALIAS_BYTES: usize = 16 * 1024 * 1024;
/// The maximum text that aliases of an import may expand to, in bytes (arbitrary). An in-memory database takes up to 25
/// times the text of its titles (measured): it stores each twice, and indexes its letters. A body without aliases may
/// take that.
const MAX_IMPORT_ALIAS_BYTES: usize = 4 * 1024 * 1024;

/// Memory that the YAML library takes for an item in brackets, in bytes (measured): it buffers up to the last bracket
/// before it reports the first one.
const SEPARATOR_BYTES: usize = 512;

/// Memory that any text may take, in bytes (arbitrary).
const BASE_ALLOWANCE_BYTES: usize = 64 * 1024 * 1024;

/// The exceeded limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LimitExceeded {
    #[error(
        "parsing this text takes more than {} MB of memory, too much for its {input_bytes} bytes; an alias counts as the value that it expands to: use fewer aliases, or split the text", max_bytes >> 20
    )]
    Memory { input_bytes: usize, max_bytes: usize },
    #[error(
        "the aliases up to this line expand to more than {} MiB of text in total: use fewer aliases, or repeat the text in place of them", max_bytes >> 20
    )]
    AliasExpansion { max_bytes: usize },
    #[error(
        "this YAML has {count} commas and brackets, too many for its {input_bytes} bytes: write each list item and each mapping field on its own line (block style), or send JSON"
    )]
    Separators { input_bytes: usize, count: usize },
    #[error(
        "accounts must have at most {0} rows in one import; split it into several imports, or use a seed"
    )]
    Rows(usize),
}

/// The memory that a text has taken so far, and its limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct ParseBudget {
    spent: Cost,
    /// The text that the aliases have expanded to, in bytes.
    alias_bytes: usize,
    limits: ParseLimits,
    /// The length of the text, in bytes.
    input_bytes: usize,
}

/// The cost of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Memory, in bytes.
    pub(super) bytes: usize,
    pub(super) rows: usize,
    /// Length of its texts, in bytes.
    pub(super) text_bytes: usize,
}

impl Cost {
    /// Returns the cost of a text.
    pub(super) const fn for_text(text: &str) -> Self {
        Self { bytes: text.len() + TEXT_OVERHEAD_BYTES, rows: 0, text_bytes: text.len() }
    }

    /// The cost of a list item, without its value.
    pub(super) const ITEM: Self = Self { bytes: ITEM_BYTES, rows: 1, text_bytes: 0 };

    /// The cost of an empty mapping.
    pub(super) const MAPPING: Self = Self { bytes: MAPPING_BYTES, rows: 0, text_bytes: 0 };

    /// Returns the cost of a copy that is never stored: memory alone.
    pub(super) const fn memory_only(self) -> Self {
        Self { bytes: self.bytes, rows: 0, text_bytes: 0 }
    }

    /// Returns the cost of a field, without its value.
    pub(super) const fn for_field(name: &str) -> Self {
        Self { bytes: name.len() + FIELD_BYTES, rows: 0, text_bytes: 0 }
    }
}

impl ParseBudget {
    /// Creates the unspent budget of a text.
    pub(super) fn new(text: &str, limits: ParseLimits) -> Self {
        Self { spent: Cost::default(), alias_bytes: 0, limits, input_bytes: text.len() }
    }

    /// Returns the cost spent so far.
    pub(super) const fn spent(&self) -> Cost {
        self.spent
    }

    /// Returns the cost spent since `before`.
    pub(super) const fn spent_since(&self, before: Cost) -> Cost {
        Cost {
            bytes: self.spent.bytes - before.bytes,
            rows: self.spent.rows - before.rows,
            text_bytes: self.spent.text_bytes - before.text_bytes,
        }
    }

    /// Checks YAML before the library parses it.
    ///
    /// # Errors
    /// If its separators alone could exceed the memory limit.
    pub(super) fn check_separators(text: &str, limits: ParseLimits) -> Result<(), LimitExceeded> {
        let separators = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{'));
        let count = if limits.bytes_per_separator == 0 { 0 } else { separators.count() };
        let (input_bytes, bytes) = (text.len(), count.saturating_mul(limits.bytes_per_separator));
        if bytes > max_parse_bytes(input_bytes, limits) {
            return Err(LimitExceeded::Separators { input_bytes, count });
        }
        Ok(())
    }

    /// Spends the cost of a value before it is built.
    ///
    /// # Errors
    /// The limit that this would exceed.
    pub(super) fn spend(&mut self, cost: Cost) -> Result<(), LimitExceeded> {
        self.spent.bytes = self.spent.bytes.saturating_add(cost.bytes);
        self.spent.rows = self.spent.rows.saturating_add(cost.rows);
        self.spent.text_bytes = self.spent.text_bytes.saturating_add(cost.text_bytes);
        let max_bytes = max_parse_bytes(self.input_bytes, self.limits);
        if self.spent.rows > self.limits.max_rows {
            return Err(LimitExceeded::Rows(self.limits.max_rows));
        }
        if self.spent.bytes > max_bytes {
            return Err(LimitExceeded::Memory { input_bytes: self.input_bytes, max_bytes });
        }
        Ok(())
    }

    /// Spends the cost of an alias before its value is copied.
    ///
    /// # Errors
    /// The limit that this would exceed.
    pub(super) fn spend_alias(&mut self, cost: Cost) -> Result<(), LimitExceeded> {
        self.spend(cost)?;
        self.alias_bytes = self.alias_bytes.saturating_add(cost.text_bytes);
        let max_bytes = self.limits.max_alias_bytes;
        if self.alias_bytes > max_bytes {
            Err(LimitExceeded::AliasExpansion { max_bytes })
        } else {
            Ok(())
        }
    }
}

/// Returns the most memory that a text of this length may take, in bytes.
const fn max_parse_bytes(input_bytes: usize, limits: ParseLimits) -> usize {
    input_bytes.saturating_mul(limits.max_bytes_per_input_byte).saturating_add(BASE_ALLOWANCE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ParseLimits = ParseLimits {
        max_bytes_per_input_byte: 10,
        max_rows: 2,
        bytes_per_separator: 1024 * 1024,
        max_alias_bytes: 3 * 1024 * 1024,
    };

    fn memory(bytes: usize) -> Cost {
        Cost { bytes, ..Cost::default() }
    }

    fn text(text_bytes: usize) -> Cost {
        Cost { text_bytes, ..Cost::default() }
    }

    #[test]
    fn memory_limit_grows_with_the_text() {
        let limit = BASE_ALLOWANCE_BYTES + 30;
        let mut budget = ParseBudget::new("abc", LIMITS);
        assert_eq!(budget.spend(memory(limit)), Ok(()));
        let exceeded = LimitExceeded::Memory { input_bytes: 3, max_bytes: limit };
        assert_eq!(budget.spend(memory(1)), Err(exceeded));
        assert_eq!(
            exceeded.to_string(),
            "parsing this text takes more than 64 MB of memory, too much for its 3 bytes; an alias counts as the value that it expands to: use fewer aliases, or split the text"
        );
        assert_eq!(
            ParseBudget::new("", LIMITS).spend(memory(usize::MAX)),
            Err(LimitExceeded::Memory { input_bytes: 0, max_bytes: BASE_ALLOWANCE_BYTES })
        );
    }

    #[test]
    fn rows_are_limited() {
        let mut budget = ParseBudget::new("", LIMITS);
        assert_eq!(budget.spend(Cost::ITEM), Ok(()));
        assert_eq!(budget.spend(Cost::ITEM), Ok(()));
        let exceeded = budget.spend(Cost::ITEM).expect_err("a third row");
        assert_eq!(exceeded, LimitExceeded::Rows(2));
        assert_eq!(
            exceeded.to_string(),
            "accounts must have at most 2 rows in one import; split it into several imports, or use a seed"
        );
    }

    #[test]
    fn aliases_share_a_limit_of_their_text() {
        let mut budget = ParseBudget::new("", LIMITS);
        assert_eq!(budget.spend(text(9 * 1024 * 1024)), Ok(()), "a text without alias");
        assert_eq!(budget.spend_alias(text(1024 * 1024)), Ok(()));
        assert_eq!(budget.spend_alias(text(2 * 1024 * 1024)), Ok(()));
        let exceeded = budget.spend_alias(text(1)).expect_err("a byte more");
        assert_eq!(exceeded, LimitExceeded::AliasExpansion { max_bytes: LIMITS.max_alias_bytes });
        assert_eq!(
            exceeded.to_string(),
            "the aliases up to this line expand to more than 3 MiB of text in total: use fewer aliases, or repeat the text in place of them"
        );
        let mut budget = ParseBudget::new("", LIMITS);
        assert_eq!(
            budget.spend_alias(Cost { rows: 3, ..Cost::default() }),
            Err(LimitExceeded::Rows(2))
        );
    }

    #[test]
    fn each_opening_bracket_and_comma_counts_as_a_separator() {
        // 64 MiB, and 10 bytes for each byte of the text.
        let most = ",[{".repeat(21) + ",";
        let check = |text: &str, limits| ParseBudget::check_separators(text, limits);
        assert_eq!(check(&most, LIMITS), Ok(()));
        let exceeded = check(&format!("{most},"), LIMITS).expect_err("65 separators");
        assert_eq!(exceeded, LimitExceeded::Separators { input_bytes: 65, count: 65 });
        assert_eq!(
            exceeded.to_string(),
            "this YAML has 65 commas and brackets, too many for its 65 bytes: write each list item and each mapping field on its own line (block style), or send JSON"
        );
        assert_eq!(check(&format!("{most}]}}:- "), LIMITS), Ok(()));
        let without_limit = ParseLimits { bytes_per_separator: 0, ..LIMITS };
        assert_eq!(check(&",".repeat(100), without_limit), Ok(()));
    }

    #[test]
    fn cost_of_a_value_is_the_sum_of_its_parts() {
        let mut budget = ParseBudget::new("", LIMITS);
        let parts = [Cost::MAPPING, Cost::for_field("ab"), Cost::for_text("abc"), Cost::ITEM];
        budget.spend(Cost::for_text("before")).expect("within the limits");
        let before = budget.spent();
        for part in parts {
            budget.spend(part).expect("within the limits");
        }
        let cost = budget.spent_since(before);
        let bytes = MAPPING_BYTES + 2 + FIELD_BYTES + 3 + TEXT_OVERHEAD_BYTES + ITEM_BYTES;
        assert_eq!(cost, Cost { bytes, rows: 1, text_bytes: 3 });
        assert_eq!(cost.memory_only(), memory(bytes));
    }
}
