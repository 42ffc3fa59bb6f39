//! Fidelity: which facts the vendor documents, and which are our assumptions.

/// The source of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fidelity {
    /// A page of the vendor documents it; the text names the page.
    Documented(&'static str),
    /// Our assumption; the text gives the evidence or the reason.
    Undocumented(&'static str),
}

impl Fidelity {
    /// Returns `documented` or `undocumented`, as the OpenAPI document and the fidelity report print it.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Documented(_) => "documented",
            Self::Undocumented(_) => "undocumented",
        }
    }

    /// Returns the page, or the reason.
    pub(crate) const fn detail(self) -> &'static str {
        match self {
            Self::Documented(text) | Self::Undocumented(text) => text,
        }
    }
}

/// A documented fact that concerns no single operation or field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Convention {
    pub(crate) fact: &'static str,
    /// The page that states it.
    pub(crate) page: &'static str,
}

/// Undocumented behaviour that concerns no single operation or field: the topic, the evidence, and our behaviour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assumption {
    pub(crate) topic: &'static str,
    pub(crate) evidence: &'static str,
    pub(crate) behaviour: &'static str,
}
