//! Whom MediaMTX lets do what, with the configuration and the program that start it in production.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dragoman_tests::eventually::eventually;
use dragoman_tests::skipped;
use xtask::{ports, stack};

/// MediaMTX behind `dragoman-hook exec`; dropping it ends it.
struct Router {
    process: Child,
    rtsp: u16,
    hls: u16,
    api: u16,
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Router {
    /// Listens on every address of this machine, as in its image.
    fn start(variables: &BTreeMap<String, String>) -> Result<Self> {
        let [rtmp, rtsp, hls, api] = [ports::free()?, ports::free()?, ports::free()?, ports::free()?];
        let hook = stack::binary("dragoman-hook")?;
        let mut path = vec![hook.parent().context("the hook is in no directory")?.to_owned()];
        path.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
        let process = Command::new(&hook)
            .args(["exec", "--only", "MTX_", "--", "mediamtx"])
            .arg(stack::repository().join("crates/hook/mediamtx.yml"))
            .env_clear()
            .env("PATH", std::env::join_paths(path)?)
            .envs([("MTX_MOQ", "no"), ("MTX_SRT", "no")])
            .env("MTX_RTMPADDRESS", format!(":{rtmp}"))
            .env("MTX_RTSPADDRESS", format!(":{rtsp}"))
            .env("MTX_HLSADDRESS", format!(":{hls}"))
            .env("MTX_APIADDRESS", format!(":{api}"))
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start MediaMTX")?;
        let router = Self {
            process,
            rtsp,
            hls,
            api,
        };
        let listens = |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        let all = || Ok([rtsp, hls, api].into_iter().all(listens).then_some(()));
        eventually("MediaMTX listens", all, || "it does not".to_owned())?;
        Ok(router)
    }

    /// The status of a request, from and to `address`.
    fn status(&self, address: IpAddr, what: Wish, login: Option<(&str, &str)>) -> Result<u16> {
        let authorization = login.map_or_else(String::new, |(user, pass)| {
            format!("Authorization: Basic {}\r\n", base64(&format!("{user}:{pass}")))
        });
        let (port, head, body) = match what {
            Wish::Publish(path) => {
                let url = format!("rtsp://{address}:{}/{path}", self.rtsp);
                let kind = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n", SDP.len());
                (self.rtsp, format!("ANNOUNCE {url} RTSP/1.0\r\nCSeq: 1\r\n{kind}"), SDP)
            }
            Wish::Read(path) => {
                let url = format!("rtsp://{address}:{}/{path}", self.rtsp);
                (self.rtsp, format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\n"), "")
            }
            // Newer versions first look whether a viewer keeps cookies.
            Wish::Watch(path) => (self.hls, http(&format!("/{path}/index.m3u8?cookieCheck=1")), ""),
            Wish::Ask => (self.api, http("/v3/paths/list"), ""),
        };
        let mut socket = TcpStream::connect((address, port)).context("MediaMTX is not there")?;
        socket.set_read_timeout(Some(Duration::from_secs(20)))?;
        socket.write_all(format!("{head}{authorization}\r\n{body}").as_bytes())?;
        let mut answer = [0; 64];
        let count = socket.read(&mut answer).context("MediaMTX says nothing")?;
        let line = String::from_utf8_lossy(&answer[..count]).into_owned();
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.with_context(|| format!("{what:?} is answered {line:?}"))
    }
}

/// What somebody wants of the router.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Publish(&'static str),
    Read(&'static str),
    Watch(&'static str),
    Ask,
}

const IN: &str = "live/a/in";
const OUT: &str = "live/a/out";
const WISHES: [Wish; 7] = [
    Wish::Publish(IN),
    Wish::Read(IN),
    Wish::Publish(OUT),
    Wish::Publish("live/a/out/fr"),
    Wish::Read(OUT),
    Wish::Watch(OUT),
    Wish::Ask,
];
const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n\
                   a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:trackID=0\r\n";

fn http(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: router\r\nConnection: close\r\nCookie: cookieCheck=1\r\n")
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |bytes: &[u8]| {
        let bits = bytes.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - bytes.len()));
        let digit = |place: usize| match place <= bytes.len() {
            true => char::from(DIGITS[bits >> (18 - 6 * place) & 63]),
            false => '=',
        };
        [0, 1, 2, 3].map(digit)
    };
    text.as_bytes().chunks(3).flat_map(group).collect()
}

/// What of [`WISHES`] is granted. MediaMTX answers a refusal after a pause, so all are asked for at once.
fn granted(router: &Router, address: IpAddr, login: Option<(&str, &str)>) -> Result<Vec<bool>> {
    let ask = |what: Wish| {
        let status = router.status(address, what, login)?;
        // Nobody publishes: what may be read is not there.
        ensure!([200, 401, 404].contains(&status), "{what:?} is answered {status}");
        Ok(status != 401)
    };
    std::thread::scope(|scope| {
        let asked = WISHES.map(|what| scope.spawn(move || ask(what)));
        let answers = asked.map(|thread| thread.join().unwrap_or_else(|_| anyhow::bail!("asking failed")));
        answers.into_iter().collect()
    })
}

fn has_mediamtx(test: &str) -> bool {
    let there = stack::has_mediamtx();
    if !there {
        skipped::note(test, "no `mediamtx` on the PATH");
    }
    there
}

#[test]
fn each_key_opens_its_own_doors_and_no_others() -> Result<()> {
    if !has_mediamtx("the keys of MediaMTX's users") {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let mut variables = BTreeMap::new();
    for (index, user) in ["publisher", "worker", "viewer"].into_iter().enumerate() {
        let file = dir.path().join(user);
        std::fs::write(&file, format!("the-{user}s-word\n"))?;
        let name = |field: &str| format!("MTX_AUTHINTERNALUSERS_{index}_{field}");
        variables.insert(name("USER"), user.to_owned());
        variables.insert(name("PASS_FILE"), file.display().to_string());
        variables.insert(name("IPS"), "0.0.0.0/0,::/0".to_owned());
    }
    let router = Router::start(&variables)?;
    let here = IpAddr::from(Ipv4Addr::LOCALHOST);
    let none = [false; WISHES.len()];
    // In the order of the wishes: publish in, read in, publish out and out/fr, read and watch out, ask the API.
    let cases = [
        (
            Some(("publisher", "the-publishers-word")),
            [true, false, false, false, false, false, false],
        ),
        (
            Some(("worker", "the-workers-word")),
            [false, true, true, true, false, false, true],
        ),
        (
            Some(("viewer", "the-viewers-word")),
            [false, false, false, false, true, true, false],
        ),
        (Some(("publisher", "the-viewers-word")), none),
        (Some(("any", "")), none),
        (None, none),
    ];
    for (login, expected) in cases {
        let who = login.map(|(user, _)| user);
        let found = granted(&router, here, login)?;
        ensure!(found == expected, "{who:?} may {found:?} of {WISHES:?}");
    }
    Ok(())
}

#[test]
fn without_keys_nobody_beyond_this_machine_is_let_in() -> Result<()> {
    if !has_mediamtx("MediaMTX without keys") {
        return Ok(());
    }
    // What its image sets besides the addresses to listen on.
    let user = |field: &str| format!("MTX_AUTHINTERNALUSERS_3_{field}");
    let mut variables: BTreeMap<String, String> = [
        (user("USER"), "any"),
        (user("IPS"), "127.0.0.1"),
        (user("PERMISSIONS_0_ACTION"), "api"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    let router = Router::start(&variables)?;
    let open = granted(&router, Ipv4Addr::LOCALHOST.into(), None)?;
    ensure!(
        open.iter().all(|granted| *granted),
        "this machine itself is let in: {open:?}"
    );
    match other_address() {
        Some(address) => {
            let found = granted(&router, address, None)?;
            ensure!(!found.contains(&true), "{address} may {found:?} of {WISHES:?}");
        }
        None => skipped::note(
            "MediaMTX without keys, from another address",
            "this machine has loopback alone",
        ),
    }
    drop(router);

    // Asked to let others in without keys, it is not even started.
    variables.insert("MTX_AUTHINTERNALUSERS_0_IPS".to_owned(), "0.0.0.0/0".to_owned());
    let output = Command::new(stack::binary("dragoman-hook")?)
        .args(["exec", "--only", "MTX_", "--", "mediamtx", "/no/such/file.yml"])
        .env_clear()
        .envs(&variables)
        .output()?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(64) && message.contains("MTX_AUTHINTERNALUSERS_0_USER"),
        "{}: {message}",
        output.status
    );
    Ok(())
}

/// An address of this machine that is not loopback; nothing is sent.
fn other_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(("192.0.2.1", 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}
