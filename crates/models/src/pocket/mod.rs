//! Pocket TTS: text to speech, streaming.
