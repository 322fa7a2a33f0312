//! A model hub on loopback that speaks the real one's HTTP: commit header, ETags, redirects of large files to another host,
//! ranges, error codes; and that can be told to misbehave.

#![expect(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use sha2::{Digest, Sha256};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) token: Option<String>,
    /// Whether it reached the host of the large files.
    pub(crate) on_storage: bool,
}

impl Asked {
    fn is_download(&self) -> bool {
        self.on_storage && self.method == "GET"
    }
}

#[derive(Default)]
pub(crate) struct State {
    /// Repository to its commit and files.
    repositories: BTreeMap<String, (String, BTreeMap<String, Vec<u8>>)>,
    /// Served instead of the real bytes.
    pub(crate) lies: BTreeMap<String, Vec<u8>>,
    /// After how many bytes the next downloads of a file break off.
    pub(crate) cuts: BTreeMap<String, Vec<usize>>,
    /// Who may read.
    pub(crate) token: Option<String>,
    pub(crate) no_ranges: bool,
    /// Whether large files wait until it is opened.
    pub(crate) gate_closed: bool,
    /// Whether a download that is cut closes the gate behind it.
    pub(crate) close_after_cut: bool,
    pub(crate) redirect_loop: bool,
    pub(crate) asked: Vec<Asked>,
}

pub(crate) struct Hub {
    pub(crate) endpoint: String,
    storage: String,
    shared: Arc<(Mutex<State>, Condvar)>,
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that look like weights: no two places alike.
pub(crate) fn weights(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

fn is_large(file: &str) -> bool {
    [".safetensors", ".bin", ".gguf", ".spm"]
        .iter()
        .any(|ending| file.ends_with(ending))
}

impl Hub {
    pub(crate) fn start() -> Self {
        let shared = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let [front, storage] = [false, true].map(|on_storage| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            (listener.local_addr().unwrap().to_string(), listener, on_storage)
        });
        let (endpoint, storage_url) = (format!("http://{}", front.0), format!("http://{}", storage.0));
        for (_, listener, on_storage) in [front, storage] {
            let (shared, storage_url) = (shared.clone(), storage_url.clone());
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let (shared, storage_url) = (shared.clone(), storage_url.clone());
                    thread::spawn(move || drop(serve(stream, &shared, &storage_url, on_storage)));
                }
            });
        }
        Self {
            endpoint,
            storage: storage_url,
            shared,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap()
    }

    pub(crate) fn open_gate(&self) {
        self.state().gate_closed = false;
        self.shared.1.notify_all();
    }

    /// Waits until so many downloads of large files have been asked for.
    pub(crate) fn wait_for_downloads(&self, n: usize) {
        let fewer = |state: &mut State| state.asked.iter().filter(|asked| asked.is_download()).count() < n;
        drop(self.shared.1.wait_while(self.state(), fewer).unwrap());
    }

    /// Puts a file; a repository's commit follows from its name, and stays.
    pub(crate) fn put(&self, repository: &str, file: &str, bytes: &[u8]) {
        let commit = sha256(repository.as_bytes())[..40].to_owned();
        self.put_at(repository, &commit, file, bytes);
    }

    pub(crate) fn put_at(&self, repository: &str, commit: &str, file: &str, bytes: &[u8]) {
        let mut state = self.state();
        let entry = state.repositories.entry(repository.to_owned()).or_default();
        entry.0 = commit.to_owned();
        entry.1.insert(file.to_owned(), bytes.to_owned());
    }

    pub(crate) fn commit(&self, repository: &str) -> String {
        self.state().repositories[repository].0.clone()
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// GETs of the bytes of large files.
    pub(crate) fn downloads(&self) -> Vec<Asked> {
        self.asked().into_iter().filter(Asked::is_download).collect()
    }
}

fn serve(stream: TcpStream, shared: &(Mutex<State>, Condvar), storage: &str, on_storage: bool) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(());
    };
    let (mut range, mut token) = (None, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "range" => range = Some(value.to_owned()),
            "authorization" => token = Some(value.to_owned()),
            _ => {}
        }
    }
    let asked = Asked {
        method,
        path,
        range,
        token,
        on_storage,
    };
    let mut state = shared.0.lock().unwrap();
    state.asked.push(asked.clone());
    shared.1.notify_all();
    if asked.is_download() {
        state = shared.1.wait_while(state, |state| state.gate_closed).unwrap();
    }
    let answer = answer(&mut state, &asked, storage);
    drop(state);
    answer.send(stream, &asked)
}

#[derive(Default)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    cut: Option<usize>,
}

impl Answer {
    fn of(status: u16, headers: &[(&'static str, &str)]) -> Self {
        Self {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            ..Self::default()
        }
    }

    fn send(self, mut stream: TcpStream, asked: &Asked) -> std::io::Result<()> {
        let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", self.status);
        head += &format!("Content-Length: {}\r\n", self.body.len());
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        if asked.method != "HEAD" {
            stream.write_all(&self.body[..self.cut.unwrap_or(self.body.len()).min(self.body.len())])?;
        }
        stream.shutdown(std::net::Shutdown::Write)?;
        // So that closing does not reset what the other side has not read yet.
        stream.read_to_end(&mut Vec::new()).map(drop)
    }
}

fn answer(state: &mut State, asked: &Asked, storage: &str) -> Answer {
    let path = asked.path.split('?').next().unwrap().to_owned();
    if asked.on_storage {
        let Some((repository, file)) = path[1..].split_once("/files/") else {
            return Answer::of(404, &[]);
        };
        let full = format!("{}/{file}", repository.replace("--", "/"));
        return bytes(state, asked, &full, Answer::default());
    }
    if let Some(rest) = path.strip_prefix("/api/models/") {
        let repository = rest.split("/revision/").next().unwrap();
        let Some((commit, files)) = state.repositories.get(repository) else {
            return Answer::of(401, &[("X-Error-Code", "RepoNotFound")]);
        };
        let files: Vec<String> = files
            .keys()
            .map(|file| format!(r#"{{"rfilename":"{file}"}}"#))
            .collect();
        let mut answer = Answer::of(200, &[("Content-Type", "application/json")]);
        answer.body = format!(r#"{{"sha":"{commit}","siblings":[{}]}}"#, files.join(",")).into_bytes();
        return answer;
    }
    let Some((repository, rest)) = path[1..].split_once("/resolve/") else {
        return Answer::of(404, &[]);
    };
    if state.redirect_loop {
        return Answer::of(307, &[("Location", &path)]);
    }
    let Some((commit, files)) = state.repositories.get(repository) else {
        return Answer::of(401, &[("X-Error-Code", "RepoNotFound")]);
    };
    if state.token.is_some() && state.token.as_ref().map(|token| format!("Bearer {token}")) != asked.token {
        return Answer::of(401, &[("X-Error-Code", "GatedRepo")]);
    }
    let (revision, file) = rest.split_once('/').unwrap();
    if revision != "main" && revision != commit {
        return Answer::of(404, &[("X-Error-Code", "RevisionNotFound")]);
    }
    let Some(content) = files.get(file) else {
        return Answer::of(404, &[("X-Error-Code", "EntryNotFound"), ("X-Repo-Commit", commit)]);
    };
    let etag = sha256(content);
    if is_large(file) {
        let location = format!(
            "{storage}/{}/files/{file}?signature=secret",
            repository.replace('/', "--")
        );
        return Answer::of(
            302,
            &[
                ("Location", &location),
                ("X-Repo-Commit", commit),
                ("X-Linked-ETag", &format!("\"{etag}\"")),
                ("X-Linked-Size", &content.len().to_string()),
            ],
        );
    }
    // A git blob's name is no sha256 of the bytes.
    let own = Answer::of(
        200,
        &[("X-Repo-Commit", commit), ("ETag", &format!("\"{}\"", &etag[..40]))],
    );
    bytes(state, asked, &format!("{repository}/{file}"), own)
}

fn bytes(state: &mut State, asked: &Asked, full: &str, mut answer: Answer) -> Answer {
    let real = state.repositories.iter().find_map(|(repository, (_, files))| {
        let file = full.strip_prefix(repository.as_str())?.strip_prefix('/')?;
        files.get(file).cloned()
    });
    let Some(content) = state.lies.get(full).cloned().or(real) else {
        return Answer::of(404, &[]);
    };
    answer.status = 200;
    answer.body = content.clone();
    let range = asked.range.as_deref().and_then(|range| range.strip_prefix("bytes="));
    if let Some((from, to)) = range.and_then(|range| range.split_once('-'))
        && !state.no_ranges
    {
        let from: usize = from.parse().unwrap();
        if from >= content.len() {
            return Answer::of(416, &[]);
        }
        let to = to.parse().map_or(content.len(), |to: usize| to + 1);
        answer.status = 206;
        answer.body = content[from..to].to_vec();
        answer
            .headers
            .push(("Content-Range", format!("bytes {from}-{}/{}", to - 1, content.len())));
    }
    // A look at the first byte is no download.
    let look = asked.range.as_deref() == Some("bytes=0-0");
    if asked.method == "GET"
        && !look
        && let Some(cuts) = state.cuts.get_mut(full).filter(|cuts| !cuts.is_empty())
    {
        answer.cut = Some(cuts.remove(0));
        state.gate_closed |= state.close_after_cut;
    }
    answer
}
