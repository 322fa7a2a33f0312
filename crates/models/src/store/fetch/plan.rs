//! What has to be got, with what the hub and the lock say of it.

use super::{Fetched, Item, Wanted};
use crate::store::client::{Client, Place, Remote};
use crate::store::lock::{Lock, Locked, is_commit};
use crate::store::manifest::Part;
use crate::store::{Error, Event, Progress, Store};

impl Store {
    /// Asks the hub what each file is, and refuses what the lock does not allow before a byte of it is downloaded.
    pub(super) fn plan<'a>(
        &self,
        client: &Client,
        wanted: &[Wanted<'a>],
        fetched: &mut Fetched,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Item<'a>>, Error> {
        let lock = self.lock()?;
        let mut items = Vec::new();
        // All files of a model that come from a branch come from one commit of it.
        let mut head: Option<(usize, &str, String)> = None;
        for want in wanted {
            let Wanted { repository, part, .. } = *want;
            if let Some((name, locked)) = &want.locked {
                let place = Place {
                    repository,
                    revision: &locked.commit,
                    file: name,
                };
                let remote = client.describe(place)?;
                items.push(self.item(want, name, None, Some(locked.clone()), remote)?);
                continue;
            }
            let same = head
                .as_ref()
                .filter(|(model, branch, _)| (*model, *branch) == (want.model, part.revision));
            // The rest of the model may have been locked before.
            let commit = same
                .map(|(.., commit)| commit.clone())
                .or_else(|| locked_commit(&lock, repository, part));
            let revision = commit.unwrap_or_else(|| part.revision.to_owned());
            match describe_first(client, repository, &revision, &part.names) {
                Ok((name, remote)) => {
                    let branch = (!is_commit(part.revision)).then_some(part.revision);
                    if branch.is_some() {
                        head = Some((want.model, part.revision, remote.commit.clone()));
                    }
                    items.push(self.item(want, name, branch, None, remote)?);
                }
                Err(Error::NotFound { .. }) if part.optional => {
                    let name = format!("{repository}/{}", part.names[0]);
                    let what = "is not on the hub; the model works without it";
                    progress.event(Event::Note { file: &name, what });
                    fetched.absent.push(name);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(items)
    }

    fn item<'a>(
        &self,
        want: &Wanted<'a>,
        name: &str,
        branch: Option<&'a str>,
        locked: Option<Locked>,
        remote: Remote,
    ) -> Result<Item<'a>, Error> {
        let pinned = locked.as_ref().map(|locked| locked.commit.as_str());
        let pinned = pinned.or(is_commit(want.part.revision).then_some(want.part.revision));
        let item = Item {
            repository: want.repository,
            full: format!("{}/{name}", want.repository),
            name: name.to_owned(),
            branch,
            remote,
            locked: locked.clone(),
        };
        let remote = &item.remote;
        if let Some(commit) = pinned.filter(|commit| *commit != remote.commit) {
            return Err(self.mismatch(&item, "commit", &remote.commit, commit));
        }
        if let Some(locked) = &locked {
            if remote.size != locked.size {
                return Err(self.mismatch(&item, "size", &remote.size.to_string(), &locked.size.to_string()));
            }
            if let Some(sha256) = remote.sha256().filter(|sha256| *sha256 != locked.sha256) {
                return Err(self.mismatch(&item, "sha256", sha256, &locked.sha256));
            }
        }
        Ok(item)
    }
}

/// The first of the names that the hub has; what it says of the first one if it has none.
fn describe_first<'a>(
    client: &Client,
    repository: &str,
    revision: &str,
    names: &'a [String],
) -> Result<(&'a str, Remote), Error> {
    let describe = |name: &'a String| {
        let place = Place {
            repository,
            revision,
            file: name,
        };
        client.describe(place).map(|remote| (name.as_str(), remote))
    };
    let (first, rest) = names.split_at(1);
    rest.iter().fold(describe(&first[0]), |found, name| match found {
        Err(missing @ Error::NotFound { .. }) => match describe(name) {
            Err(Error::NotFound { .. }) => Err(missing),
            answer => answer,
        },
        found => found,
    })
}

/// The commit that another file from the same branch is locked at.
fn locked_commit(lock: &Lock, repository: &str, part: &Part) -> Option<String> {
    if is_commit(part.revision) {
        return None;
    }
    lock.commits(repository).next().map(str::to_owned)
}
