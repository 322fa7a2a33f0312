//! What a fetch or a verification tells while it runs.

/// One thing that happened. Files are named `repository/file`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// What is to be downloaded in all.
    Planned {
        /// How many files.
        files: usize,
        /// What of them is not here yet.
        bytes: u64,
    },
    /// Another process has the file in hand; this one waits for it.
    Waiting {
        /// Which.
        file: &'a str,
    },
    /// A download begins or goes on.
    Started {
        /// Which.
        file: &'a str,
        /// Its size.
        size: u64,
        /// What of it is here already.
        have: u64,
    },
    /// Bytes have arrived or have been hashed.
    Advanced {
        /// How many more.
        bytes: u64,
    },
    /// A file is hashed.
    Checking {
        /// Which.
        file: &'a str,
        /// Its size.
        size: u64,
    },
    /// A file is in the cache and is what the lock says.
    Done {
        /// Which.
        file: &'a str,
        /// Whether nothing else was known of it and the lock now has what was seen.
        first_use: bool,
    },
    /// Something is put right on the way.
    Note {
        /// Which file.
        file: &'a str,
        /// What.
        what: &'a str,
    },
}

/// Hears of [`Event`]s.
pub trait Progress {
    /// One thing happened.
    fn event(&mut self, event: Event<'_>);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn event(&mut self, _: Event<'_>) {}
}
