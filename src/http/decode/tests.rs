//! Properties of the decoder: what is encoded comes back, in all encodings, and nothing makes it panic.
