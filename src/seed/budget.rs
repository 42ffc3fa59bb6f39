//! How much a text may grow while it is read: a few bytes can stand for a tree of gigabytes.

/// What every value takes at its place in a list, in bytes (measured, with the room that lists leave).
const ENTRY: usize = 112;
/// What every field takes beside its name and its text, in bytes (measured).
const FIELD: usize = 160;
/// What every mapping takes before its first field, in bytes (measured).
const MAPPING: usize = 320;
/// What every text takes beside its bytes.
const TEXT: usize = 16;

/// The bounds of what is made of a text (all chosen).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// How many bytes of memory a byte of the text may take.
    pub(super) growth: usize,
    /// The most entries of all lists together.
    pub(super) rows: usize,
    /// What a byte of YAML that can begin an entry between brackets takes, in bytes.
    pub(super) separator: usize,
    /// How many bytes of text all aliases together may stand for, however long the text is.
    pub(super) aliased: usize,
}

impl Limits {
    /// Those of a seed, which its operator has written: only aliases make so much of a text.
    pub(super) const SEED: Self =
        Self { growth: 64, rows: usize::MAX, separator: 0, aliased: SEED_ALIASED };
    /// Those of an import. Every fixture of short rows fits, since [`FREE`] is what 50,000 of them take.
    pub(super) const IMPORT: Self =
        Self { growth: 8, rows: 50_000, separator: SEPARATOR, aliased: IMPORT_ALIASED };
}

/// What aliases of a seed may stand for, in bytes (chosen).
const SEED_ALIASED: usize = 16 * 1024 * 1024;
/// What aliases of an import may stand for, in bytes (chosen). A database in memory takes up to 25 times the text of its
/// titles (measured): each is there twice, and there is an index of its letters. What a body spells out may take that.
const IMPORT_ALIASED: usize = 4 * 1024 * 1024;

/// What the YAML library takes for an entry of a list or a mapping between brackets, in bytes (measured): it reads to the
/// last bracket before it tells of the first one.
const SEPARATOR: usize = 512;

/// What a text may take however short it is, in bytes (chosen).
const FREE: usize = 64 * 1024 * 1024;

/// Which bound is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Excess {
    #[error(
        "this text takes more than {} MB when it is read, too much for its {text} bytes; an alias counts as all that it stands for, so use fewer of them, or split the text", allowed >> 20
    )]
    Memory { text: usize, allowed: usize },
    #[error(
        "the aliases up to here stand for more than {} MiB of text, all together: use fewer of them, or write the texts out", allowed >> 20
    )]
    Aliased { allowed: usize },
    #[error(
        "this YAML has {count} commas and brackets, too many for its {text} bytes: write lists and mappings on lines of their own, or send JSON"
    )]
    Separators { text: usize, count: usize },
    #[error(
        "accounts must hold at most {0} rows when it is imported; a seed may hold more, and so may several imports"
    )]
    Rows(usize),
}

/// What has been made of a text, and what there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    spent: Cost,
    /// How many bytes of text aliases have stood for.
    aliased: usize,
    limits: Limits,
    /// The length of the text, in bytes.
    text: usize,
}

/// What a value costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Of memory.
    pub(super) bytes: usize,
    pub(super) rows: usize,
    /// Of texts and names, in bytes.
    pub(super) text: usize,
}

impl Cost {
    /// A plain text.
    pub(super) const fn text(text: &str) -> Self {
        Self { bytes: text.len() + TEXT, rows: 0, text: text.len() }
    }

    /// A place in a list.
    pub(super) const ENTRY: Self = Self { bytes: ENTRY, rows: 1, text: 0 };

    /// A mapping without its fields.
    pub(super) const MAPPING: Self = Self { bytes: MAPPING, rows: 0, text: 0 };

    /// The same once more, for no more than a copy that is never stored.
    pub(super) const fn copied(self) -> Self {
        Self { bytes: self.bytes, rows: 0, text: 0 }
    }

    /// A place in a mapping.
    pub(super) const fn field(name: &str) -> Self {
        Self { bytes: name.len() + FIELD, rows: 0, text: 0 }
    }
}

impl Budget {
    /// That of a text which nothing has been made of yet.
    pub(super) fn new(text: &str, limits: Limits) -> Self {
        Self { spent: Cost::default(), aliased: 0, limits, text: text.len() }
    }

    /// What has been spent.
    pub(super) const fn spent(&self) -> Cost {
        self.spent
    }

    /// What has been spent since.
    pub(super) const fn since(&self, before: Cost) -> Cost {
        Cost {
            bytes: self.spent.bytes - before.bytes,
            rows: self.spent.rows - before.rows,
            text: self.spent.text - before.text,
        }
    }

    /// Looks at a text of YAML before the library reads it.
    ///
    /// # Errors
    /// When reading it would take too much, whatever it says.
    pub(super) fn look(text: &str, limits: Limits) -> Result<(), Excess> {
        let separators = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{'));
        let count = if limits.separator == 0 { 0 } else { separators.count() };
        let (text, bytes) = (text.len(), count.saturating_mul(limits.separator));
        if bytes > allowed(text, limits) {
            return Err(Excess::Separators { text, count });
        }
        Ok(())
    }

    /// Takes what a value costs, before it is made.
    ///
    /// # Errors
    /// The bound that this would break.
    pub(super) fn spend(&mut self, cost: Cost) -> Result<(), Excess> {
        self.spent.bytes = self.spent.bytes.saturating_add(cost.bytes);
        self.spent.rows = self.spent.rows.saturating_add(cost.rows);
        self.spent.text = self.spent.text.saturating_add(cost.text);
        let allowed = allowed(self.text, self.limits);
        if self.spent.rows > self.limits.rows {
            return Err(Excess::Rows(self.limits.rows));
        }
        if self.spent.bytes > allowed {
            return Err(Excess::Memory { text: self.text, allowed });
        }
        Ok(())
    }

    /// Takes what an alias stands for, before it is copied.
    ///
    /// # Errors
    /// The bound that this would break.
    pub(super) fn spend_alias(&mut self, cost: Cost) -> Result<(), Excess> {
        self.spend(cost)?;
        self.aliased = self.aliased.saturating_add(cost.text);
        let allowed = self.limits.aliased;
        if self.aliased > allowed { Err(Excess::Aliased { allowed }) } else { Ok(()) }
    }
}

/// What may be made of a text of so many bytes, in bytes.
const fn allowed(text: usize, limits: Limits) -> usize {
    text.saturating_mul(limits.growth).saturating_add(FREE)
}
