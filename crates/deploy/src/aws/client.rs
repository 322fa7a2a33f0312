//! One run of the `aws` client, and what it refuses.

use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// AWS in one region.
#[derive(Clone, Debug)]
pub struct Aws {
    program: PathBuf,
    region: String,
    environment: Vec<(OsString, OsString)>,
}

/// Who the credentials belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account's number.
    pub account: String,
    /// The user or role.
    pub arn: String,
}

/// What AWS, or its client on the way there, did not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Such as `ssm put-parameter`.
    pub call: String,
    /// Such as `AccessDeniedException`; `None` when the client did not get so far as to ask.
    pub code: Option<String>,
    /// The answer's text.
    pub text: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "`aws {}` was answered {code}: {}", self.call, self.text)?,
            None => write!(f, "`aws {}` failed: {}", self.call, self.text)?,
        }
        match advice(self.code.as_deref().unwrap_or_default(), &self.text) {
            Some(advice) => write!(f, ". {advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refused {}

impl Refused {
    /// Whether its code is this one or begins with it.
    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref().is_some_and(|own| own.starts_with(code))
    }
}

impl Aws {
    /// With the `aws` on the PATH.
    pub fn new(region: &str) -> Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = std::env::split_paths(&path)
            .map(|dir| dir.join("aws"))
            .find(|file| file.is_file())
            .context(
                "the AWS command line client `aws` is not on the PATH. Install it (Debian: `apt-get install awscli`, \
                 macOS: `brew install awscli`, anywhere: `pipx install awscli`), then `aws configure`",
            )?;
        Ok(Self::with(program, region, Vec::new()))
    }

    /// With another client, and with variables that only it gets.
    pub fn with(program: PathBuf, region: &str, environment: Vec<(OsString, OsString)>) -> Self {
        Self {
            program,
            region: region.to_owned(),
            environment,
        }
    }

    /// Such as `eu-central-1`.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Whose credentials these are. Fails when there are none, when they are expired or wrong, and when there is no such
    /// region; each time the message says what to do.
    pub fn identity(&self) -> Result<Identity> {
        let answer = self
            .call("sts get-caller-identity", &json!({}))
            .with_context(|| format!("cannot sign in to AWS in the region {}", self.region))?;
        Ok(Identity {
            account: text(&answer, "/Account")?,
            arn: text(&answer, "/Arn")?,
        })
    }

    /// One call, such as `ssm get-parameter`. The client gathers all pages of an answer and repeats what may be repeated.
    pub(super) fn call(&self, call: &str, input: &Value) -> Result<Value, Refused> {
        let refused = |code: Option<&str>, text: String| Refused {
            call: call.to_owned(),
            code: code.map(str::to_owned),
            text,
        };
        let (input, argument, _file) =
            hand_over(input).map_err(|error| refused(None, format!("its input cannot be handed over: {error}")))?;
        let output = Command::new(&self.program)
            .args(call.split(' '))
            .args(["--region", &self.region, "--output", "json"])
            .args(["--cli-input-json", &argument])
            .env("AWS_PAGER", "")
            .env("AWS_CLI_AUTO_PROMPT", "off")
            .env("AWS_CLI_FILE_ENCODING", "UTF-8")
            .envs(self.environment.iter().cloned())
            .stdin(input)
            .output()
            .map_err(|error| refused(None, format!("cannot run {}: {error}", self.program.display())))?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            let (code, text) = parse(&said);
            let text = match text.is_empty() {
                true => format!("{} without a word", output.status),
                false => text,
            };
            return Err(refused(code, text));
        }
        if output.stdout.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&output.stdout).map_err(|error| refused(None, format!("its answer is no JSON: {error}")))
    }
}

/// A call's input as a file that only this user may read: the standard input, and the argument that names it. The client reads
/// it twice, so that it cannot be a pipe. On Linux it has no name and is gone with the processes, however they end; elsewhere
/// opening the standard input does not begin anew, so that it has one for as long as the last value lives.
fn hand_over(input: &Value) -> std::io::Result<(Stdio, String, Option<NamedTempFile>)> {
    let input = input.to_string();
    if cfg!(target_os = "linux") {
        let mut file = tempfile::tempfile()?;
        file.write_all(input.as_bytes())?;
        return Ok((Stdio::from(file), "file:///dev/stdin".to_owned(), None));
    }
    let mut file = NamedTempFile::new()?;
    file.write_all(input.as_bytes())?;
    Ok((Stdio::null(), format!("file://{}", file.path().display()), Some(file)))
}

/// The text at a place in an answer.
pub(super) fn text(answer: &Value, pointer: &str) -> Result<String> {
    match answer.pointer(pointer).and_then(Value::as_str) {
        Some(text) => Ok(text.to_owned()),
        None => bail!("AWS's answer has no {}", pointer.trim_start_matches('/')),
    }
}

/// The list at a place in an answer; empty where there is none.
pub(super) fn list<'a>(answer: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    answer.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// Code and text of what the client says on standard error.
fn parse(said: &str) -> (Option<&str>, String) {
    let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let answered = said.lines().find_map(|line| {
        let (code, rest) = line.split_once("An error occurred (")?.1.split_once(')')?;
        // Behind the operation may be how often it was tried, in brackets.
        let tail = rest.split_once(" operation").map_or(rest, |(_, tail)| tail);
        let text = match tail.starts_with(" (") {
            true => tail.split_once("): "),
            false => tail.split_once(": "),
        };
        Some((code, text.map_or(rest, |(_, text)| text)))
    });
    match answered {
        Some((code, text)) => (Some(code), text.trim().trim_end_matches('.').to_owned()),
        // The last line of a Python traceback, or the only one.
        None => {
            let last = lines.next_back().unwrap_or_default();
            let last = last.strip_prefix("aws: [ERROR]: ").unwrap_or(last);
            (None, last.trim_end_matches('.').to_owned())
        }
    }
}

/// What to do about it; by code, or by words, since CloudFormation hands on what other services answered as text.
pub(super) fn advice(code: &str, text: &str) -> Option<&'static str> {
    // The first that fits counts: what is throttled is called a limit as well.
    const KNOWN: &[(&[&str], &str)] = &[
        (
            &["Throttling", "RequestLimitExceeded", "Rate exceeded"],
            "Run it again in a minute",
        ),
        (
            &["Unable to locate credentials", "Partial credentials", "config profile"],
            "Give credentials: `aws configure`, or AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        (
            &["ExpiredToken", "RequestExpired", "has expired", "is expired"],
            "The credentials are expired: sign in again (`aws sso login`, or new temporary ones)",
        ),
        (
            &[
                "Could not connect to the endpoint",
                "match a supported format",
                "OptInRequired",
                "Invalid endpoint",
            ],
            "Check the network, and that `region` in the deployment's file is one that exists and that the account uses",
        ),
        (
            &[
                "InvalidClientTokenId",
                "UnrecognizedClient",
                "AuthFailure",
                "SignatureDoesNotMatch",
                "InvalidAccessKeyId",
                "InvalidSignature",
            ],
            "The credentials are wrong, or the account does not use this region: try `aws sts get-caller-identity`",
        ),
        (
            &["AccessDenied", "UnauthorizedOperation", "not authorized to perform"],
            "These credentials may not do this: use others, or have the permission added",
        ),
        (
            &["InsufficientInstanceCapacity", "do not have sufficient"],
            "The zone has none of this instance type now: set another `subnet` or `instance_type`, or wait",
        ),
        (
            &[
                "LimitExceeded",
                "limit exceeded",
                "QuotaExceeded",
                "vCPU limit",
                "quota",
                "maximum number of",
            ],
            "The account's quota is used up: have it raised in AWS's Service Quotas, free what is unused, or set a \
             smaller `instance_type`",
        ),
        (
            &["is not supported in your requested Availability Zone"],
            "Set another `instance_type`, or a `subnet` in another zone",
        ),
    ];
    let fits = |words: &[&str]| words.iter().any(|word| code.contains(word) || text.contains(word));
    let (_, advice) = KNOWN.iter().find(|(words, _)| fits(words))?;
    Some(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_says_becomes_code_and_text() {
        let v1 = "\nAn error occurred (ExpiredToken) when calling the GetCallerIdentity operation: The security token \
                  included in the request is expired\n";
        let (code, text) = parse(v1);
        assert_eq!(code, Some("ExpiredToken"));
        assert_eq!(text, "The security token included in the request is expired");
        let retried =
            "An error occurred (Throttling) when calling the X operation (reached max retries: 4): Rate exceeded";
        assert_eq!(parse(retried), (Some("Throttling"), "Rate exceeded".to_owned()));
        let v2 = "aws: [ERROR]: An error occurred (A.B) when calling the C operation: d: e.";
        assert_eq!(parse(v2), (Some("A.B"), "d: e".to_owned()));
        let none = "Unable to locate credentials. You can configure credentials by running \"aws configure\".\n";
        assert!(parse(none).0.is_none() && parse(none).1.starts_with("Unable"));
        assert_eq!(parse(""), (None, String::new()));
    }

    #[test]
    fn every_trouble_has_its_own_advice() {
        let asked = [
            ("", "Unable to locate credentials", "aws configure"),
            ("ExpiredToken", "x", "sign in again"),
            (
                "",
                "Could not connect to the endpoint URL: \"https://sts.xx.amazonaws.com/\"",
                "region",
            ),
            ("InvalidClientTokenId", "x", "wrong"),
            ("AccessDenied", "User: x is not authorized to perform: y", "permission"),
            (
                "",
                "We currently do not have sufficient c6i.xlarge capacity",
                "another `subnet`",
            ),
            ("VcpuLimitExceeded", "x", "quota"),
            (
                "AddressLimitExceeded",
                "The maximum number of addresses has been reached",
                "quota",
            ),
            ("RequestLimitExceeded", "x", "minute"),
        ];
        for (code, text, word) in asked {
            let advice = advice(code, text).unwrap();
            assert!(advice.contains(word), "{code} {text}: {advice}");
        }
        assert_eq!(advice("ValidationError", "Stack with id x does not exist"), None);
    }
}
