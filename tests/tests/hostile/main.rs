//! What strangers can do to the services, with real processes: every route asked with every kind of key, and peers that
//! are slow, silent, large or many while somebody else is served.

mod comparing;
mod open;
mod peers;
mod routes;
mod slow;
