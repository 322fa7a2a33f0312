//! One file's bytes, from where they broke off.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::{Item, Options};
use crate::store::client::{Client, Place};
use crate::store::{Error, Event, Progress};

/// Completes the file at `part`; the bytes that came over the network. What has arrived stays there after any error.
pub(super) fn run(
    client: &Client,
    item: &Item<'_>,
    part: &Path,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<u64, Error> {
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(part)
        .map_err(Error::io(part))?;
    let size = item.remote.size;
    let mut have = file.metadata().map_err(Error::io(part))?.len();
    if have > size {
        file.set_len(0).map_err(Error::io(part))?;
        have = 0;
    }
    let started = |have| Event::Started {
        file: &item.full,
        size,
        have,
    };
    progress.event(started(have));
    let (mut received, mut failures) = (0, 0);
    while have < size {
        let before = received;
        let broken = match client.open(place(item), have) {
            Ok(body) => {
                if body.from != have {
                    // No ranges here: everything comes again.
                    have = body.from;
                    progress.event(started(have));
                }
                file.set_len(have).map_err(Error::io(part))?;
                file.seek(SeekFrom::Start(have)).map_err(Error::io(part))?;
                let mut copy = Copy {
                    item,
                    part,
                    file: &mut file,
                    have: &mut have,
                    received: &mut received,
                };
                copy.run(body.bytes, progress)?
            }
            Err(Error::Unreachable { why, .. }) => Some(why),
            Err(Error::Status { status, .. }) if status == 429 || status >= 500 => Some(format!("HTTP {status}")),
            Err(error) => return Err(error),
        };
        let Some(why) = broken else { continue };
        if received > before {
            failures = 0;
        }
        failures += 1;
        if failures > options.retries {
            file.sync_all().map_err(Error::io(part))?;
            return Err(Error::Cut {
                file: item.full.clone(),
                have,
                size,
                why,
            });
        }
        std::thread::sleep(options.pause.saturating_mul(1 << (failures - 1).min(6)));
    }
    file.sync_all().map_err(Error::io(part))?;
    Ok(received)
}

fn place<'a>(item: &'a Item<'_>) -> Place<'a> {
    Place {
        repository: item.repository,
        revision: &item.remote.commit,
        file: &item.name,
    }
}

struct Copy<'a> {
    item: &'a Item<'a>,
    part: &'a Path,
    file: &'a mut File,
    have: &'a mut u64,
    received: &'a mut u64,
}

impl Copy<'_> {
    /// Copies until the end; `Some` says why it came too early.
    fn run(&mut self, mut bytes: Box<dyn Read>, progress: &mut dyn Progress) -> Result<Option<String>, Error> {
        let size = self.item.remote.size;
        let mut buffer = vec![0; 1 << 18];
        loop {
            let n = match bytes.read(&mut buffer) {
                Ok(0) if *self.have < size => return Ok(Some("the server ended it".to_owned())),
                Ok(0) => return Ok(None),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Ok(Some(error.to_string())),
            };
            if *self.have + n as u64 > size {
                return Err(Error::Protocol {
                    url: self.item.full.clone(),
                    why: format!("more than the {size} bytes that were announced"),
                });
            }
            self.file
                .write_all(&buffer[..n])
                .map_err(|error| self.unwritable(error))?;
            *self.have += n as u64;
            *self.received += n as u64;
            progress.event(Event::Advanced { bytes: n as u64 });
        }
    }

    fn unwritable(&self, error: std::io::Error) -> Error {
        if error.kind() != ErrorKind::StorageFull {
            return Error::io(self.part)(error);
        }
        Error::NoSpace {
            path: self.part.to_owned(),
            free: 0,
            needed: self.item.remote.size - *self.have,
        }
    }
}
