//! The template before the provider sees it.

use std::fs;
use std::process::Command;

use dragoman_deploy::aws::{boot_script, template};

use super::tools;

#[test]
fn the_linter_finds_nothing_in_any_form_of_the_template() {
    let Some(tools) = tools("template: linted") else { return };
    let dir = tempfile::tempdir().unwrap();
    let anywhere = ["0.0.0.0/0".to_owned(), "::/0".to_owned()];
    let one = ["203.0.113.0/24".to_owned()];
    let mut files = Vec::new();
    for (name, allow, domain) in [
        ("plain", &anywhere[..], false),
        ("tls", &anywhere, true),
        ("one", &one, false),
    ] {
        let text = template(allow, domain, boot_script()).unwrap();
        // The other architecture as the one that counts when nothing is said: what it selects is looked at as well.
        for architecture in ["amd64", "arm64"] {
            let file = dir.path().join(format!("{name}-{architecture}.yaml"));
            let text = text.replace("    Default: amd64", &format!("    Default: {architecture}"));
            assert!(text.contains(&format!("    Default: {architecture}")));
            fs::write(&file, text).unwrap();
            files.push(file);
        }
    }
    let output = Command::new(tools.join("cfn-lint"))
        .args([
            "--regions",
            "eu-central-1",
            "us-east-1",
            "--include-checks",
            "I",
            "W",
            "E",
            "--",
        ])
        .args(&files)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

#[test]
fn the_linter_would_find_something() {
    let Some(tools) = tools("template: linted when wrong") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wrong.yaml");
    let text = template(&["::/0".to_owned()], false, boot_script()).unwrap();
    fs::write(&file, text.replace("HttpTokens", "HttpToken")).unwrap();
    let output = Command::new(tools.join("cfn-lint")).arg(&file).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("HttpToken"));
}
