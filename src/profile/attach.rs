//! The address and the process of a server that is already running.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// A server that is already running. A profile may write its address alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attach {
    /// Its address.
    pub address: String,
    /// The id of its process. Default: the process that listens on the port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
}

/// Its address and its process.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct AttachTable {
    /// Its address.
    address: String,
    /// The id of its process. Default: the process that listens on the port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
}

impl JsonSchema for Attach {
    fn schema_name() -> Cow<'static, str> {
        "Attach".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = AttachTable::json_schema(generator);
        json_schema!({
            "description": "A server that is already running: \"127.0.0.1:8080\", or a table with its address and its \
             process",
            "anyOf": [{ "type": "string" }, table],
        })
    }
}

impl<'de> Deserialize<'de> for Attach {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AddressOrTable)
    }
}

/// `"127.0.0.1:8080"` is short for `{ address = "127.0.0.1:8080" }`.
struct AddressOrTable;

impl<'de> Visitor<'de> for AddressOrTable {
    type Value = Attach;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address such as \"127.0.0.1:8080\", or { address = \"127.0.0.1:8080\", pid = 1234 }")
    }

    fn visit_str<E: Error>(self, address: &str) -> Result<Attach, E> {
        Ok(Attach { address: address.to_owned(), pid: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Attach, A::Error> {
        let AttachTable { address, pid } = AttachTable::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Attach { address, pid })
    }
}
