//! Path names: how clients split them, and which are allowed.

/// A path and the query that came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// `live/x/in`.
    pub(crate) path: String,
    /// `source=en&targets=es`, without the question mark; may hold credentials.
    pub(crate) query: String,
}

/// Why a path name is not allowed; the words are MediaMTX's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    /// Nothing is left of it.
    #[error("path name cannot be empty")]
    Empty,
    /// More than 256 bytes.
    #[error("path name is too long")]
    TooLong,
    /// Other characters than the allowed ones.
    #[error("path name can contain only alphanumeric characters, underscore, dot, minus, slash")]
    Character,
    /// `.` or `..`.
    #[error("path name can't contain dot path segments")]
    DotSegment,
}

/// Joins what RTMP clients split in two: ffmpeg, OBS and GStreamer send `live/x` and `in`, others `live` and `x/in`.
/// Either half may carry a query.
pub(crate) fn join(app: &str, key: &str) -> Result<Address, Invalid> {
    let (app, app_query) = app.split_once('?').unwrap_or((app, ""));
    let (key, key_query) = key.split_once('?').unwrap_or((key, ""));
    let segments: Vec<_> = app
        .split('/')
        .chain(key.split('/'))
        .filter(|segment| !segment.is_empty())
        .collect();
    let path = segments.join("/");
    check(&path)?;
    let queries: Vec<_> = [app_query, key_query]
        .into_iter()
        .filter(|query| !query.is_empty())
        .collect();
    Ok(Address {
        path,
        query: queries.join("&"),
    })
}

/// Whether a path name is allowed.
pub(crate) fn check(path: &str) -> Result<(), Invalid> {
    const MAX_BYTES: usize = 256;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.');
    match path {
        "" => Err(Invalid::Empty),
        path if path.len() > MAX_BYTES => Err(Invalid::TooLong),
        path if !path.chars().all(allowed) => Err(Invalid::Character),
        path if path.split('/').any(|segment| matches!(segment, "" | "." | "..")) => Err(Invalid::DotSegment),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_split_a_path_gives_the_same() {
        let expected = Address {
            path: "live/x/in".into(),
            query: "source=en&targets=es,fr".into(),
        };
        for (app, key) in [
            ("live/x", "in?source=en&targets=es,fr"),
            ("live", "x/in?source=en&targets=es,fr"),
            ("live/x/in", "?source=en&targets=es,fr"),
            ("/live/x/", "/in?source=en&targets=es,fr"),
            ("live/x?source=en", "in?targets=es,fr"),
            ("live/x?source=en&targets=es,fr", "in"),
        ] {
            assert_eq!(join(app, key), Ok(expected.clone()), "{app} + {key}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for (path, why) in [
            ("", Invalid::Empty),
            ("live/../in", Invalid::DotSegment),
            ("live//in", Invalid::DotSegment),
            ("/live", Invalid::DotSegment),
            ("live/x\r\n", Invalid::Character),
            ("live/%2e%2e", Invalid::Character),
        ] {
            assert_eq!(check(path), Err(why), "{path:?}");
        }
        assert_eq!(check(&"x".repeat(257)), Err(Invalid::TooLong));
        assert_eq!(check("live/My_id-1.2/out/pt"), Ok(()));
    }
}
