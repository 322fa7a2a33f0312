//! A stretch of network between two services that can be slow, jammed or cut.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Bytes on their way; a full network slows the sender down.
const ON_THE_WAY: usize = 4_096;
/// One piece in so many is lost where the network loses any.
const LOST_OF: u64 = 40;
/// The shortest and half the longest wait for a retransmission.
const RETRANSMISSION_MS: u64 = 200;
const LOOK: Duration = Duration::from_millis(5);

/// Passes bytes on from its own port to another.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    port: AtomicU16,
    delay_ms: AtomicU64,
    is_jammed: AtomicBool,
    is_lossy: AtomicBool,
    dice: AtomicU64,
    is_closed: AtomicBool,
    /// Connections so far.
    joined: AtomicU64,
    /// Of connections with a lower number nothing passes any more.
    silent_below: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Relay {
    /// Leads nowhere until [`Relay::lead_to`] is called.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for a relay")?;
        let address = listener.local_addr()?;
        let state = Arc::<State>::default();
        let shared = state.clone();
        std::thread::Builder::new().name("relay".to_owned()).spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if shared.is_closed.load(Ordering::Acquire) {
                    return;
                }
                let port = shared.port.load(Ordering::Acquire);
                // A port that nobody listens on is a connection that closes at once.
                if let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                    let _ = shared.join(near, far);
                }
            }
        })?;
        Ok(Self { address, state })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// New connections go to this port of this machine.
    pub fn lead_to(&self, port: u16) {
        self.state.port.store(port, Ordering::Release);
    }

    /// Everything from now on takes so much longer, each way.
    pub fn delay(&self, delay: Duration) {
        let ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.state.delay_ms.store(ms, Ordering::Release);
    }

    /// Nothing passes until it is let go on; nobody is told.
    pub fn jam(&self, jammed: bool) {
        self.state.is_jammed.store(jammed, Ordering::Release);
    }

    /// From now on some of what is sent comes as late as what TCP has to send again, and all that follows waits for it.
    pub fn lose(&self, lossy: bool) {
        self.state.is_lossy.store(lossy, Ordering::Release);
    }

    /// Nothing passes any more on the connections that there are, and nobody is told; new ones are well.
    pub fn forget(&self) {
        let joined = self.state.joined.load(Ordering::Acquire);
        self.state.silent_below.store(joined, Ordering::Release);
    }

    /// All connections end at once.
    pub fn cut(&self) {
        for socket in self.state.open().drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.state.is_closed.store(true, Ordering::Release);
        self.cut();
        // Wakes the listener up, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn open(&self) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(self: &Arc<Self>, near: TcpStream, far: TcpStream) -> std::io::Result<()> {
        for socket in [&near, &far] {
            socket.set_nodelay(true)?;
            self.open().push(socket.try_clone()?);
        }
        let number = self.joined.fetch_add(1, Ordering::AcqRel);
        for (from, to) in [(near.try_clone()?, far.try_clone()?), (far, near)] {
            let (sender, receiver) = sync_channel(ON_THE_WAY);
            let (state, output) = (self.clone(), to);
            std::thread::Builder::new().spawn(move || read(from, &sender))?;
            std::thread::Builder::new().spawn(move || state.write(number, output, &receiver))?;
        }
        Ok(())
    }

    /// How long the next piece takes to be sent again: most are not lost.
    fn retransmission(&self) -> Duration {
        if !self.is_lossy.load(Ordering::Acquire) {
            return Duration::ZERO;
        }
        // The same in each run, as far as the pieces are: a Weyl sequence, mixed.
        let roll = self.dice.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let roll = (roll ^ (roll >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 32;
        match roll.is_multiple_of(LOST_OF) {
            true => Duration::from_millis(RETRANSMISSION_MS + (roll >> 8) % RETRANSMISSION_MS),
            false => Duration::ZERO,
        }
    }

    fn write(&self, number: u64, mut to: TcpStream, pieces: &Receiver<(Instant, Vec<u8>)>) {
        loop {
            let (came, bytes) = match pieces.recv_timeout(Duration::from_secs(1)) {
                Ok(piece) => piece,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let lost = self.retransmission();
            loop {
                let delay = Duration::from_millis(self.delay_ms.load(Ordering::Acquire)) + lost;
                let is_held =
                    self.is_jammed.load(Ordering::Acquire) || number < self.silent_below.load(Ordering::Acquire);
                let is_due = came.elapsed() >= delay && !is_held;
                if is_due || self.is_closed.load(Ordering::Acquire) {
                    break;
                }
                std::thread::sleep(LOOK);
            }
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }
}

fn read(mut from: TcpStream, pieces: &SyncSender<(Instant, Vec<u8>)>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 || pieces.send((Instant::now(), buffer[..count].to_vec())).is_err() {
            break;
        }
    }
}
