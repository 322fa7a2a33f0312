//! Reading control messages, and counting what was ignored.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{ClientMessage, ServerMessage, limits};

/// A message and how much of it this version does not know.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed<M> {
    /// What was understood.
    pub message: M,
    /// Unknown fields, or 1 for a message of an unknown type.
    pub ignored: u32,
}

/// Why a text frame is malformed.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Over the limit.
    #[error("message of {len} bytes, at most {} are allowed", limits::MAX_MESSAGE_BYTES)]
    TooLarge {
        /// Its length in bytes.
        len: usize,
    },
    /// Not JSON, not an object with a `type`, or a known type with a wrong field.
    #[error("not a message: {0}")]
    Json(#[from] serde_json::Error),
}

impl ClientMessage {
    /// Reads a text frame of the client.
    pub fn parse(text: &str) -> Result<Parsed<Self>, MessageError> {
        parse(text, |message| matches!(message, Self::Unknown))
    }

    /// Writes a text frame.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl ServerMessage {
    /// Reads a text frame of the server.
    pub fn parse(text: &str) -> Result<Parsed<Self>, MessageError> {
        parse(text, |message| matches!(message, Self::Unknown))
    }

    /// Writes a text frame.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn parse<M>(text: &str, unknown: impl Fn(&M) -> bool) -> Result<Parsed<M>, MessageError>
where
    M: DeserializeOwned + Serialize,
{
    if text.len() > limits::MAX_MESSAGE_BYTES {
        return Err(MessageError::TooLarge { len: text.len() });
    }
    let found: Value = serde_json::from_str(text)?;
    let message: M = serde_json::from_value(found.clone())?;
    let ignored = if unknown(&message) {
        1
    } else {
        surplus(&found, &serde_json::to_value(&message)?)
    };
    Ok(Parsed { message, ignored })
}

/// Fields of `found` that did not survive reading. A null stands for an absent optional field, so it is not counted.
fn surplus(found: &Value, read: &Value) -> u32 {
    match (found, read) {
        (Value::Object(found), Value::Object(read)) => found
            .iter()
            .map(|(key, value)| match read.get(key) {
                Some(read) => surplus(value, read),
                None => u32::from(!value.is_null()),
            })
            .sum(),
        (Value::Array(found), Value::Array(read)) => found.iter().zip(read).map(|(f, r)| surplus(f, r)).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cut, End};

    #[test]
    fn unknown_fields_and_types_are_counted_not_refused() {
        let parsed = ClientMessage::parse(r#"{"type":"end","at_ns":5,"why":"x","more":{"a":1}}"#).unwrap();
        assert_eq!(
            parsed,
            Parsed {
                message: ClientMessage::End(End { at_ns: 5 }),
                ignored: 2
            }
        );
        let parsed = ServerMessage::parse(r#"{"type":"weather","rain":true}"#).unwrap();
        assert_eq!(
            parsed,
            Parsed {
                message: ServerMessage::Unknown,
                ignored: 1
            }
        );
    }

    #[test]
    fn nested_unknown_fields_are_counted() {
        let text = r#"{"type":"status","playhead_ns":0,"targets":[{"id":0,"queued_ms":0,"wait_ms":0,"rate":1,"dubbed_to_ns":0,"x":1}]}"#;
        assert_eq!(ClientMessage::parse(text).unwrap().ignored, 1);
    }

    #[test]
    fn unknown_enum_values_are_readable() {
        let text = r#"{"type":"utterance","utterance":1,"start_ns":0,"end_ns":1,"cut":"breath","lang":"en","text":""}"#;
        let ServerMessage::Utterance(utterance) = ServerMessage::parse(text).unwrap().message else {
            panic!("utterance")
        };
        assert_eq!(utterance.cut, Cut::Other);
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for text in [
            "",
            "7",
            "[]",
            "{}",
            r#"{"type":7}"#,
            r#"{"type":"end"}"#,
            r#"{"type":"end","at_ns":"now"}"#,
        ] {
            assert!(ClientMessage::parse(text).is_err(), "{text}");
        }
        let long = " ".repeat(limits::MAX_MESSAGE_BYTES + 1);
        assert!(matches!(
            ClientMessage::parse(&long),
            Err(MessageError::TooLarge { .. })
        ));
    }
}
