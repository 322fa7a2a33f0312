//! MADLAD-400: translation by a quantised T5, for the pairs without an OPUS-MT model.
