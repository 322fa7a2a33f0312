//! A value that is never shown.

use std::fmt;

/// A secret: `Debug` and `Display` say only that there is one, so that it cannot slip into a log or an error.
///
/// It cannot be compared, since `==` takes the longer the more is right; what comes from outside is compared by
/// [`Keys::accepts`](crate::auth::Keys::accepts) alone.
///
/// ```compile_fail,E0369
/// # use dragoman_service::config::Secret;
/// assert!(Secret::new("a") != Secret::new("b"));
/// ```
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value`.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn never_shows_itself() {
        let secret = Secret::new("hunter2");
        assert!(!format!("{secret} {secret:?} {secret:#?}").contains("hunter2"));
        assert_eq!(secret.expose(), "hunter2");
    }
}
