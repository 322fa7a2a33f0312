//! Keys: who may use a listener.
//!
//! A key travels as `Authorization: Bearer <key>`. Only digests are kept, and they are compared in constant time, all
//! of them whatever the first one said, so that neither a prefix nor a position can be measured.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::http::ApiError;

/// What [`Keys::parse`] takes, as an error message says it.
pub const KEYS_EXPECTED: &str =
    "keys separated by commas, each printable ASCII without spaces or sha256: and 64 hex digits";

/// The keys that a listener accepts: several, so that an old and a new one overlap while they are changed. They can
/// be asked, and neither read nor compared in any other way.
///
/// ```compile_fail,E0369
/// # use dragoman_service::auth::Keys;
/// assert!(Keys::parse("a").unwrap() == Keys::parse("a").unwrap());
/// ```
#[derive(Clone)]
pub struct Keys(Arc<[[u8; 32]]>);

/// A key that is none; it names the place in the list (the first is 1), never the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key at place {place} is not usable")]
pub struct BadKey {
    /// Place in the list.
    pub place: usize,
}

impl Keys {
    /// Reads `k1,sha256:<hex>,…`; a `sha256:` item is the digest of a key that is kept elsewhere.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let read = |(index, key): (usize, &str)| digest(key.trim()).ok_or(BadKey { place: index + 1 });
        text.split(',')
            .enumerate()
            .map(read)
            .collect::<Result<Vec<_>, _>>()
            .map(|keys| Self(keys.into()))
    }

    /// Whether `key` is one of them.
    #[must_use]
    pub fn accepts(&self, key: &str) -> bool {
        let found: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let none = Choice::from(0);
        self.0.iter().fold(none, |any, known| any | known.ct_eq(&found)).into()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

fn digest(key: &str) -> Option<[u8; 32]> {
    let Some(hex) = key.strip_prefix("sha256:") else {
        let usable = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        return usable.then(|| Sha256::digest(key.as_bytes()).into());
    };
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Who may use a listener.
#[derive(Debug, Clone)]
pub enum Access {
    /// Anybody who can reach it: loopback only, or by the operator's word.
    Open,
    /// Whoever has a key.
    Keyed(Keys),
}

impl Access {
    /// Whether no key is asked for.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    /// `open` or `keyed`, for logs and health.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Keyed(_) => "keyed",
        }
    }

    /// `Err` (401) unless the request's headers carry what is asked for.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        match self {
            Self::Open => Ok(()),
            Self::Keyed(keys) if bearer(headers).is_some_and(|key| keys.accepts(key)) => Ok(()),
            Self::Keyed(_) => Err(ApiError::unauthorized()),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// `router` with `access` asked for at each of its routes (there must be at least one).
pub fn require<S: Clone + Send + Sync + 'static>(router: Router<S>, access: Access) -> Router<S> {
    async fn check(State(access): State<Access>, request: Request, next: Next) -> Result<Response, ApiError> {
        access.check(request.headers())?;
        Ok(next.run(request).await)
    }
    router.route_layer(from_fn_with_state(access, check))
}

/// A listener beyond loopback needs a key, or the operator's word that it is meant to be open. The error is what is
/// expected.
pub fn listener_policy(addr: SocketAddr, has_key: bool, allow_open: bool) -> Result<(), String> {
    if has_key || allow_open || addr.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(format!("a key, since {addr} can be reached from other machines"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accepts_each_key_and_its_digest() {
        let hex = format!("{:x}", Sha256::digest(b"second"));
        let keys = Keys::parse(&format!("first, sha256:{hex}")).unwrap();
        assert!(keys.accepts("first") && keys.accepts("second"));
        for bad in ["", "firs", "first ", "FIRST", "third", &hex, &format!("sha256:{hex}")] {
            assert!(!keys.accepts(bad), "{bad}");
        }
        assert_eq!(format!("{keys:?}"), "Keys(2)");
    }

    #[test]
    fn names_the_place_of_a_bad_key() {
        let short = "ok,sha256:12";
        let not_hex = format!("sha256:{}", "é".repeat(32));
        for (text, place) in [("", 1), ("a,,b", 2), ("a b", 1), (short, 2), (&not_hex, 1)] {
            assert_eq!(Keys::parse(text).unwrap_err(), BadKey { place }, "{text}");
        }
    }

    #[test]
    fn only_a_bearer_key_opens() {
        let access = Access::Keyed(Keys::parse("k").unwrap());
        let check = |value: &str| {
            let headers = [(header::AUTHORIZATION, value.parse().unwrap())].into_iter().collect();
            access.check(&headers).is_ok()
        };
        assert!(check("Bearer k") && check("bearer  k"));
        assert!(!check("k") && !check("Basic k") && !check("Bearer") && !check("Bearer x"));
        assert!(access.check(&HeaderMap::new()).is_err());
        assert!(Access::Open.check(&HeaderMap::new()).is_ok());
    }

    #[test]
    fn beyond_loopback_needs_a_key() {
        for (addr, open) in [
            ("127.0.0.1:1", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("10.0.0.1:1", false),
        ] {
            let addr = addr.parse().unwrap();
            assert_eq!(listener_policy(addr, false, false).is_ok(), open, "{addr}");
            assert!(listener_policy(addr, true, false).is_ok() && listener_policy(addr, false, true).is_ok());
        }
    }

    proptest! {
        #[test]
        fn only_the_key_itself_is_accepted(key in "[!-+.-~]{1,40}", other in ".{0,40}") {
            let keys = Keys::parse(&key);
            prop_assume!(!key.starts_with("sha256:"));
            let keys = keys.unwrap();
            prop_assert!(keys.accepts(&key));
            prop_assert_eq!(keys.accepts(&other), key == other);
        }
    }
}
