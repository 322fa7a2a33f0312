//! OPUS-MT: translation by Marian models, a pair of languages each.
