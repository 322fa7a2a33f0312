//! Whisper: speech to text.
