//! JSON schemas of quantities.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{BYTE_UNITS, ByteRate, Bytes, Count, OrOff, RATE_UNITS, Rate, Span, TIME_UNITS};

/// What may stand for a quantity as text: a number and one of these units.
fn pattern(units: &[(&str, f64)]) -> String {
    let units: Vec<&str> = units.iter().map(|(unit, _)| *unit).filter(|unit| !unit.is_empty()).collect();
    format!("^\\s*([0-9]+\\.?[0-9]*|\\.[0-9]+)\\s*({})?\\s*$", units.join("|"))
}

fn quantity(description: &str, pattern: &str) -> Schema {
    json_schema!({
        "description": description,
        "anyOf": [{ "type": "string", "pattern": pattern }, { "type": "number", "minimum": 0 }],
    })
}

macro_rules! quantities {
    ($($name:ident: $description:literal, $pattern:expr;)+) => { $(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                quantity($description, &$pattern)
            }
        }
    )+ };
}

quantities! {
    Bytes: "A size: 512, \"512B\", \"64KiB\", \"1MiB\", \"2GiB\", or decimal \"10kB\"", pattern(BYTE_UNITS);
    Span: "A time: \"10ms\", \"2s\", \"1m\", \"500us\"; a bare number is seconds", pattern(TIME_UNITS);
    Rate: "Events per second: \"2000/s\", \"30/m\"; a bare number is per second", pattern(RATE_UNITS);
    ByteRate: "Bytes per second: \"64KiB/s\"", pattern(BYTE_UNITS).replace("\\s*$", "(/s)?\\s*$");
}

impl JsonSchema for Count {
    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A whole number of at least 1",
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": u32::MAX },
                { "type": "string", "pattern": "^\\s*\\+?0*[1-9][0-9]*\\s*$" },
            ],
        })
    }
}

impl<T: JsonSchema> JsonSchema for OrOff<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrOff", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let quantity = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [quantity, { "const": "off" }] })
    }
}
