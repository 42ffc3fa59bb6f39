//! Generated text.

/// Concatenates `count` pieces of text.
pub(crate) fn concat_indexed(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect::<Vec<_>>().concat()
}
