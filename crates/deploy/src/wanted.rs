//! What a deployment's file makes of the parameter store: release, files, settings.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::aws::{self, Kind, Parameter, Release};
use crate::config::{Deployment, Gpu, Speech};
use crate::secrets::Secret;

/// The same as everywhere.
const COMPOSE: &str = include_str!("../../../compose.yaml");
const HOST_COMPOSE: &str = include_str!("../host/host.yaml");
const HOST: &str = include_str!("../host/dragoman-host");

/// The release that the file asks for; `stored` is the one that is there. Without `now` one that differs in nothing but its
/// urgency stays as it is, so that a second run changes nothing. `tls`: the file's domain points to the host.
pub(crate) fn release(deployment: &Deployment, stored: Option<&Release>, tls: bool, now: bool) -> Result<Release> {
    let streams = &deployment.streams;
    let mut settings = streams.settings.clone();
    let domain = streams.domain.as_ref().filter(|_| tls);
    if let Some(domain) = domain {
        settings.insert("DOMAIN".into(), domain.clone());
        settings.insert("WATCH_URL".into(), format!("https://{domain}"));
    }
    let images = match domain {
        Some(_) => streams.images.clone(),
        None => without_caddy(&streams.images),
    };
    let make = |now| Release::new(images.clone(), settings.clone(), streams.release_window.clone(), now);
    match stored {
        Some(stored) if stored.now && !now && make(true)? == *stored => Ok(stored.clone()),
        _ => make(now),
    }
}

fn without_caddy(images: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    images
        .iter()
        .filter(|(name, _)| *name != "caddy")
        .map(|(name, image)| (name.clone(), image.clone()))
        .collect()
}

/// What a host runs, beside its images.
pub(crate) fn files() -> Result<Vec<Parameter>> {
    let mut parameters = Vec::new();
    for (name, text) in [
        ("files/compose", COMPOSE),
        ("files/host-compose", HOST_COMPOSE),
        ("files/dragoman-host", HOST),
    ] {
        parameters.extend(
            aws::parts(name, text)?
                .into_iter()
                .map(|(name, part)| plain(&name, part)),
        );
    }
    Ok(parameters)
}

/// Parts of files in the store that are parts of none any more: left there, they would be read as the end of one.
pub(crate) fn left_over(stored: &BTreeMap<String, String>, files: &[Parameter]) -> Vec<String> {
    let is_file = |name: &&String| name.starts_with("files/") && !files.iter().any(|file| file.name == **name);
    stored.keys().filter(is_file).cloned().collect()
}

/// A value that is no secret.
pub(crate) fn plain(name: &str, value: String) -> Parameter {
    Parameter {
        name: name.to_owned(),
        value,
        kind: Kind::Text,
    }
}

/// A key, below `secrets/`.
pub(crate) fn secret(name: &str, value: &Secret) -> Parameter {
    Parameter {
        name: format!("secrets/{name}"),
        value: value.expose().to_owned(),
        kind: Kind::Secret,
    }
}

/// What the speech service on a rented GPU is told, but its key.
pub(crate) fn gpu_settings(gpu: &Gpu) -> BTreeMap<String, String> {
    let mut settings = gpu.settings.clone();
    settings.insert("MODE".into(), "split".into());
    settings
        .entry("SPEECH_ENGINE".into())
        .or_insert_with(|| "cascade".into());
    settings.entry("SPEECH_DEVICE".into()).or_insert_with(|| "cuda".into());
    settings.entry("LOG_FORMAT".into()).or_insert_with(|| "json".into());
    settings
}

/// The list of speech hosts as the streaming host reads it.
pub(crate) fn speech_list(urls: &[String]) -> String {
    urls.iter().map(|url| format!("{url}\n")).collect()
}

/// Every image of the file, with what it is for and the processor that it has to be for.
pub(crate) fn images(deployment: &Deployment) -> Vec<(String, &str, &'static str)> {
    let streams = &deployment.streams;
    let host = streams.architecture.as_str();
    let mut images: Vec<_> = streams
        .images
        .iter()
        .map(|(name, image)| (name.clone(), image.as_str(), host))
        .collect();
    if let Speech::Runpod(gpu) = &deployment.speech {
        // Machines with a rented GPU are amd64.
        images.extend(gpu.candidates.iter().map(|candidate| {
            (
                format!("speech for {}", candidate.gpu),
                candidate.image.as_str(),
                "amd64",
            )
        }));
    }
    images.sort_by(|a, b| a.1.cmp(b.1));
    images.dedup_by(|a, b| a.1 == b.1 && a.2 == b.2);
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(more: &str) -> Deployment {
        let digest = "0".repeat(64);
        Deployment::parse(&format!(
            "[streams]\nregion = \"eu-central-1\"\n{more}\n[streams.images]\nmedia = \"r/media@sha256:{digest}\"\n\
             mediamtx = \"r/mediamtx@sha256:{digest}\"\ncaddy = \"r/caddy@sha256:{digest}\"\n[streams.settings]\nHOLD = \"2s\"\n\
             [speech]\nprovider = \"none\"\nurls = [\"wss://a\"]\n"
        ))
        .unwrap()
    }

    #[test]
    fn a_second_run_leaves_an_urgent_release_as_it_is() {
        let wanted = deployment("");
        let first = release(&wanted, None, true, true).unwrap();
        assert!(first.now);
        assert_eq!(release(&wanted, Some(&first), true, false).unwrap(), first);
        let other = deployment("release_window = \"02:00-03:00\"");
        let next = release(&other, Some(&first), true, false).unwrap();
        assert!(!next.now && next.id != first.id);
        assert!(release(&other, Some(&next), true, true).unwrap().now);
    }

    #[test]
    fn tls_comes_with_a_name() {
        let bare = release(&deployment(""), None, true, false).unwrap();
        assert!(!bare.images.contains_key("caddy") && !bare.settings.contains_key("DOMAIN"));
        let named = release(&deployment("domain = \"live.example.org\""), None, true, false).unwrap();
        assert!(named.images.contains_key("caddy"));
        assert_eq!(named.settings["WATCH_URL"], "https://live.example.org");
        let waits = release(&deployment("domain = \"live.example.org\""), None, false, false).unwrap();
        assert!(!waits.images.contains_key("caddy") && !waits.settings.contains_key("DOMAIN"));
    }

    #[test]
    fn a_part_too_many_is_found() {
        let files = files().unwrap();
        let mut stored: BTreeMap<_, _> = files
            .iter()
            .map(|file| (file.name.clone(), file.value.clone()))
            .collect();
        stored.insert("release".into(), "x".into());
        assert_eq!(left_over(&stored, &files), Vec::<String>::new());
        stored.insert("files/compose/7".into(), "x".into());
        assert_eq!(left_over(&stored, &files), ["files/compose/7"]);
    }
}
