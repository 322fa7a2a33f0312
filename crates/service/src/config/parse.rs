//! Pure parsers of the texts that configuration is made of.

use std::net::SocketAddr;
use std::time::Duration;

use url::Url;

/// What [`duration`] takes, as an error message says it.
pub const DURATION: &str = "a duration such as 2.5s, 1500ms, 10m or 0";

/// `2.5s`, `1500ms`, `10m`, `1h` or `0`: a number with its unit, at most a day.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    const DAY_S: f64 = 86_400.0;
    let text = text.trim();
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let seconds = number.parse::<f64>().ok()? * scale;
    // Rounded to the microsecond: 0.3 s is meant to be 300 ms, not what binary fractions make of it.
    (seconds <= DAY_S).then(|| Duration::from_micros((seconds * 1e6).round() as u64))
}

/// `duration` written so that the other function reads it back.
#[must_use]
pub fn show_duration(value: Duration) -> String {
    if value.is_zero() {
        "0".to_owned()
    } else {
        format!("{}ms", value.as_micros() as f64 / 1000.0)
    }
}

/// A switch: `1`, `true`, `yes`, `on` or `0`, `false`, `no`, `off`.
#[must_use]
pub fn flag(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Comma-separated items, each trimmed and read by `item`; `None` when one is bad, empty, or there is none.
#[must_use]
pub fn list<T>(text: &str, item: impl FnMut(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split(',').map(str::trim).map(item).collect()
}

/// `address:port` with a numeric address.
#[must_use]
pub fn address(text: &str) -> Option<SocketAddr> {
    text.trim().parse().ok()
}

/// A URL with a host and one of `schemes`.
#[must_use]
pub fn url(text: &str, schemes: &[&str]) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    let hosted = url.host_str().is_some_and(|host| !host.is_empty());
    (hosted && schemes.contains(&url.scheme())).then_some(url)
}

/// URLs with a host and one of `schemes`, separated by commas, blanks or lines; else the number of the first that is none,
/// which is 1 where there are none at all.
pub fn urls(text: &str, schemes: &[&str]) -> Result<Vec<Url>, usize> {
    let items = text
        .split(|c: char| c == ',' || c.is_whitespace())
        .filter(|item| !item.is_empty());
    let urls: Result<Vec<Url>, usize> = (1..).zip(items).map(|(n, item)| url(item, schemes).ok_or(n)).collect();
    urls.and_then(|urls| if urls.is_empty() { Err(1) } else { Ok(urls) })
}

/// A BCP-47 tag in lower case (`en`, `pt-br`, `zh-hant`): a language of two or three letters, then subtags.
#[must_use]
pub fn language(text: &str) -> Option<String> {
    let text = text.trim();
    let mut subtags = text.split('-');
    let primary = subtags.next()?;
    let good = matches!(primary.len(), 2 | 3)
        && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
        && subtags.all(|tag| matches!(tag.len(), 1..=8) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    (good && text.len() <= 35).then(|| text.to_ascii_lowercase())
}

/// `text` as it may be shown: of anything that holds a URL with a user part, a query or a fragment only the scheme is
/// left. Text that failed to parse cannot be cut more finely, since a raw `@`, `?` or comma in a password moves every
/// boundary.
#[must_use]
pub fn redacted(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) if rest.contains(['@', '?', '#']) => format!("{scheme}://…"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations() {
        for (text, micros) in [
            ("0", 0),
            ("2.5s", 2_500_000),
            ("1500ms", 1_500_000),
            ("10m", 600_000_000),
            ("0.3s", 300_000),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Some(Duration::from_micros(micros)), "{text}");
        }
        for text in [
            "", "2", "2,5s", "-1s", "s", ".s", "1 s", "1e3s", "25h", "NaNs", "infs", "2.5.1s", "2sec",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn languages() {
        assert_eq!(language(" pt-BR "), Some("pt-br".to_owned()));
        assert_eq!(language("fil"), Some("fil".to_owned()));
        for text in ["", "e", "english", "en_US", "en-", "e1", "en-toolongsub"] {
            assert_eq!(language(text), None, "{text}");
        }
    }

    #[test]
    fn urls_and_lists() {
        assert!(url("ws://127.0.0.1:8090", &["ws", "wss"]).is_some());
        assert_eq!(url("http://127.0.0.1", &["ws"]), None);
        assert_eq!(url("rtmp:///live", &["rtmp"]), None);
        let text = |text: &str| {
            urls(text, &["ws", "wss"]).map(|urls| urls.iter().map(Url::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(
            text("ws://a, WSS://b:443\r\nws://c\n"),
            Ok("ws://a/ wss://b/ ws://c/".to_owned())
        );
        assert_eq!((text("ws://a http://b"), text(" ,\n")), (Err(2), Err(1)));
        assert_eq!(list("es, fr", language), Some(vec!["es".to_owned(), "fr".to_owned()]));
        assert_eq!(list("es,,fr", language), None);
        assert_eq!(list("", language), None);
    }

    #[test]
    fn a_redacted_url_keeps_only_what_is_public() {
        assert_eq!(redacted("wss://me:pw@h:1/p"), "wss://…");
        assert_eq!(redacted("ws://a,ws://b?key=k"), "ws://…");
        assert_eq!(redacted("ws://a:1/p,ws://b"), "ws://a:1/p,ws://b");
        assert_eq!(redacted("2,5s"), "2,5s");
    }

    proptest! {
        #[test]
        fn a_shown_duration_reads_back(micros in 0u64..86_400_000_000) {
            let value = Duration::from_micros(micros);
            prop_assert_eq!(duration(&show_duration(value)), Some(value));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = (duration(&text), language(&text), redacted(&text), address(&text), flag(&text));
        }

        #[test]
        fn credentials_do_not_survive(user in "[a-z]{8,12}", pass in "[a-zA-Z0-9@:/?,#]{8,12}") {
            let shown = redacted(&format!("rtmp://{user}:{pass}@h/live"));
            prop_assert!(!shown.contains(&user) && !shown.contains(&pass));
        }
    }
}
