//! What goes wrong is told with what to do.

use super::*;

#[test]
fn answers_of_a_hub_that_refuses_say_what_to_do() {
    let setup = Setup::new();
    setup.hub.state().token = Some("hf_right".to_owned());
    let fetch = |token: Option<&str>| {
        let options = Options {
            token: token.map(Token::new),
            ..setup.options()
        };
        setup.store().fetch(&whisper(), &options, &mut Silent)
    };
    let text = fetch(None).unwrap_err().to_string();
    assert!(text.contains("HTTP 401") && text.contains("HF_TOKEN_FILE"), "{text}");
    let error = fetch(Some("hf_wrong")).unwrap_err();
    assert!(
        error.to_string().contains("check the token") && !format!("{error} {error:?}").contains("hf_wrong"),
        "{error}"
    );
    fetch(Some("hf_right")).unwrap();
    let downloads = setup.hub.downloads();
    assert!(
        !downloads.is_empty() && downloads.iter().all(|asked| asked.token.is_none()),
        "the token went elsewhere"
    );

    let find = |name: &str| vec![manifest::find(name).unwrap()];
    let fetch = |name: &str| {
        setup
            .store()
            .fetch(&find(name), &setup.options(), &mut Silent)
            .unwrap_err()
    };
    let text = fetch("opus-mt-xx-yy").to_string();
    assert!(
        text.contains("no such repository") && text.contains("madlad-400-3b"),
        "{text}"
    );
    setup.hub.state().token = None;
    setup.hub.put("openai/whisper-base", "config.json", b"{}");
    let error = fetch("whisper-base");
    assert!(
        matches!(&error, Error::NotFound { what, .. } if what.contains("tokenizer.json")),
        "{error}"
    );
    setup.hub.state().redirect_loop = true;
    let text = fetch("whisper-base").to_string();
    assert!(text.contains("redirects"), "{text}");
}

#[test]
fn a_hub_that_is_down_is_named_and_what_is_there_goes_on_working() {
    let setup = Setup::new();
    setup.fetch().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let options = Options {
        endpoint: format!("http://{closed}"),
        ..setup.options()
    };
    assert!(setup.store().fetch(&whisper(), &options, &mut Silent).is_ok());
    let base = vec![manifest::find("whisper-base").unwrap()];
    let error = setup.store().fetch(&base, &options, &mut Silent).unwrap_err();
    assert_eq!(error.code(), "hub_unreachable");
    let text = error.to_string();
    assert!(
        text.contains(&closed.to_string()) && text.contains("HF_ENDPOINT"),
        "{text}"
    );
}

#[test]
fn a_full_disk_is_told_before_anything_is_downloaded() {
    let setup = Setup::new();
    let options = Options {
        free: |_| Ok(1_000_000),
        ..setup.options()
    };
    let error = setup.store().fetch(&whisper(), &options, &mut Silent).unwrap_err();
    assert_eq!(error.code(), "disk_full");
    assert!(error.to_string().contains("1 MB free, 67 MB needed"), "{error}");
    assert!(setup.hub.asked().iter().all(|asked| asked.method == "HEAD"));
}
