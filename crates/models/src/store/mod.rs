//! Where weights come from: the manifest, the lock, one cache in the hub's layout; fetched, verified, listed.
