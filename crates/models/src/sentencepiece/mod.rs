//! Tokenizers from published SentencePiece files.
