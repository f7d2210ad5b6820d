//! JSON as manifests may use it: UTF-8, bounded nesting, no more values than a manifest needs, and no key twice.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deeper nesting is no manifest, but an attempt to exhaust the stack of some reader.
const DEPTH_MAX: usize = 32;
/// In memory `{"":0}` takes a hundred times the bytes that were sent: 1 MiB of them would take 100 MiB. A manifest has
/// about five values for each platform.
const VALUES_MAX: usize = 10_000;

/// Reads a whole document. The error is the reason, for a person.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))?;
    // Editors on Windows write a byte order mark; RFC 8259, section 8.1 allows to ignore it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().is_empty() {
        return Err("the answer is empty".to_owned());
    }
    if text.trim_start().starts_with('<') {
        return Err("the answer is a web page, not JSON (a captive portal or a wrong address?)".to_owned());
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: 0, values_left: &Cell::new(VALUES_MAX) }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| format!("not JSON as expected: {error}"))?;
    Ok(value)
}

/// Two readers may each take another one of two equal keys; so what was checked might not be what is used.
#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    values_left: &'a Cell<usize>,
}

impl Strict<'_> {
    fn count<E: serde::de::Error>(self) -> Result<(), E> {
        let left = self.values_left.get().checked_sub(1);
        self.values_left.set(left.ok_or_else(|| E::custom(format_args!("more than {VALUES_MAX} values")))?);
        Ok(())
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(E::custom(format_args!("nested deeper than {DEPTH_MAX}")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key {key:?} stands twice")));
            }
            let value = entries.next_value_seed(inner)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        "[".repeat(depth) + &"]".repeat(depth)
    }

    #[test]
    fn ordinary_documents_are_read_as_serde_json_does() {
        let text = r#"{"a": [1, -2, 1.5, true, null, "x\u00e9"], "b": {"c": {}}, "d": 18446744073709551615}"#;
        assert_eq!(parse(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        assert!(parse("\u{feff}{}".as_bytes()).is_ok());
    }

    #[test]
    fn a_key_that_stands_twice_is_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"x":[{"a":1,"b":2,"a":3}]}"#, r#"{"a":1,"\u0061":2}"#] {
            assert!(parse(text.as_bytes()).unwrap_err().contains("twice"), "{text}");
        }
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        assert!(parse(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert!(parse(nested(DEPTH_MAX + 1).as_bytes()).unwrap_err().contains("nested deeper"));
        assert!(parse("[".repeat(1 << 20).as_bytes()).is_err());
        assert!(parse("{\"a\":".repeat(200_000).as_bytes()).is_err());
    }

    #[test]
    fn values_end_at_the_limit_wherever_they_stand() {
        for (item, values) in [("0", 1), ("[0]", 2), (r#"{"a":[0]}"#, 3)] {
            let array = |count| format!("[{}]", vec![item; count].join(","));
            let fitting = (VALUES_MAX - 1) / values;
            assert!(parse(array(fitting).as_bytes()).is_ok(), "{item}");
            assert!(parse(array(fitting + 1).as_bytes()).unwrap_err().contains("10000 values"), "{item}");
        }
    }

    #[test]
    fn what_is_no_json_is_said_in_words() {
        for (bytes, reason) in [
            (&b""[..], "empty"),
            (b" \n", "empty"),
            (b"<!DOCTYPE html>", "web page"),
            (b"\xff\xfe{}", "UTF-8"),
            (b"{", "not JSON"),
            (b"{} {}", "not JSON"),
        ] {
            assert!(parse(bytes).unwrap_err().contains(reason), "{bytes:?}");
        }
    }
}
