//! The little of URLs that following redirects takes.

use ureq::http::Uri;

/// Scheme, host and port of a URL.
pub(super) fn host(url: &str) -> Option<&str> {
    let start = url.find("://")? + 3;
    let end = url[start..].find(['/', '?']).map_or(url.len(), |end| start + end);
    Some(&url[..end])
}

pub(super) fn same_host(a: &str, b: &str) -> bool {
    matches!((host(a), host(b)), (Some(a), Some(b)) if a.eq_ignore_ascii_case(b))
}

/// A Location, seen from the URL that it was the answer to.
pub(super) fn join(from: &str, location: &str) -> Option<String> {
    if location.starts_with('/') {
        return Some(format!("{}{location}", host(from)?));
    }
    let uri: Uri = location.parse().ok()?;
    matches!(uri.scheme_str(), Some("http" | "https")).then(|| location.to_owned())
}

/// Without its query, where signatures are.
pub(super) fn bare(url: &str) -> String {
    url.split('?').next().unwrap_or(url).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_redirects() {
        assert!(same_host("https://Hub:1/a?b", "https://hub:1"));
        assert!(!same_host("https://hub:1/a", "https://hub:2") && !same_host("http://hub/a", "https://hub"));
        assert_eq!(join("http://h:1/a/b", "/c?d").as_deref(), Some("http://h:1/c?d"));
        assert_eq!(join("http://h:1/a", "https://x/c").as_deref(), Some("https://x/c"));
        assert_eq!(
            (join("http://h", "ftp://x/c"), join("http://h", "relative")),
            (None, None)
        );
    }
}
