//! JSON Schema of the control messages, for clients in other languages.

use schemars::schema_for;
use serde_json::{Value, json};

use crate::{ClientMessage, Refusal, ServerMessage, negotiate};

/// `{versions, client, server, refusal}`: one JSON Schema for each direction and one for the bodies of refusals.
pub fn schema() -> Value {
    json!({
        "versions": negotiate::SUPPORTED.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "client": schema_for!(ClientMessage).to_value(),
        "server": schema_for!(ServerMessage).to_value(),
        "refusal": schema_for!(Refusal).to_value(),
    })
}
