//! The expected statuses of an answer: 200, a class such as 3xx, or a list of them; 2xx by default.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor},
};

/// A status, or a class of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accepted {
    Code(u16),
    /// All from that hundred on.
    Class(u16),
}

/// The statuses that are expected, those of success (2xx) unless set; an answer with another one is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses(Vec<Accepted>);

impl Default for Statuses {
    fn default() -> Self {
        Self(vec![Accepted::Class(2)])
    }
}

impl Statuses {
    /// This one alone.
    #[must_use]
    pub fn only(status: u16) -> Self {
        Self(vec![Accepted::Code(status)])
    }

    /// Whether an answer with this status is expected.
    #[must_use]
    pub fn accept(&self, status: u16) -> bool {
        self.0.iter().any(|accepted| match accepted {
            Accepted::Code(code) => *code == status,
            Accepted::Class(hundreds) => *hundreds == status / 100,
        })
    }

    /// The only one that is expected, if there is only one.
    #[must_use]
    pub fn single(&self) -> Option<u16> {
        match self.0.as_slice() {
            [Accepted::Code(code)] => Some(*code),
            _ => None,
        }
    }

    /// Whether all can be the status of a last answer.
    pub(super) fn are_final(&self) -> bool {
        let is_final = |accepted: &Accepted| match accepted {
            Accepted::Code(code) => (200..=599).contains(code),
            Accepted::Class(hundreds) => (2..=5).contains(hundreds),
        };
        !self.0.is_empty() && self.0.iter().all(is_final)
    }
}

impl fmt::Display for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{code}"),
            Self::Class(hundreds) => write!(f, "{hundreds}xx"),
        }
    }
}

/// As on the command line: `200,404,3xx`.
impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&each.join(","))
    }
}

impl FromStr for Accepted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let class = text.strip_suffix("xx").and_then(|digit| digit.parse().ok()).map(Self::Class);
        let code = || text.parse().ok().map(Self::Code);
        class.or_else(code).ok_or_else(|| format!("`{text}` is not a status: write 200, 404 or 3xx"))
    }
}

impl FromStr for Statuses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let statuses = Self(text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>()?);
        if statuses.are_final() {
            return Ok(statuses);
        }
        Err(format!("`{text}`: write a status from 200 to 599; other statuses are not final answers"))
    }
}

impl Serialize for Accepted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Code(code) => serializer.serialize_u16(*code),
            Self::Class(_) => serializer.collect_str(self),
        }
    }
}

impl Serialize for Statuses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            all => serializer.collect_seq(all),
        }
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read)
    }
}

/// Reads a number, a class, a list of both, or what stands on the command line.
struct Read;

impl<'de> Visitor<'de> for Read {
    type Value = Statuses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status such as 200, a class such as \"3xx\", or a list of them")
    }

    fn visit_u64<E: de::Error>(self, code: u64) -> Result<Statuses, E> {
        let code = u16::try_from(code).map_err(|_| E::custom(format!("{code} is not a status")))?;
        Ok(Statuses::only(code))
    }

    fn visit_i64<E: de::Error>(self, code: i64) -> Result<Statuses, E> {
        self.visit_u64(u64::try_from(code).map_err(|_| E::custom(format!("{code} is not a status")))?)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Statuses, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Statuses, A::Error> {
        let mut all = Vec::new();
        while let Some(Statuses(some)) = list.next_element()? {
            all.extend(some);
        }
        Ok(Statuses(all))
    }
}

impl JsonSchema for Statuses {
    fn schema_name() -> Cow<'static, str> {
        "Statuses".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let code = || json_schema!({ "type": "integer", "minimum": 200, "maximum": 599 });
        let class = || json_schema!({ "type": "string", "pattern": "^ *([2-5]xx|[2-5][0-9]{2}) *(, *([2-5]xx|[2-5][0-9]{2}) *)*$" });
        json_schema!({
            "description": "A status such as 200, a class such as \"3xx\", or a list of them",
            "anyOf": [
                code(),
                class(),
                { "type": "array", "items": { "anyOf": [code(), class()] }, "minItems": 1 },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Statuses, String> {
        #[derive(Debug, Deserialize)]
        struct Keys {
            status: Statuses,
        }
        toml::from_str::<Keys>(text).map(|keys| keys.status).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn statuses_are_a_number_a_class_or_a_list() {
        for (text, shown, accepted, refused) in [
            ("status = 204", "204", 204, 200),
            ("status = \"3xx\"", "3xx", 308, 200),
            ("status = [200, \"4xx\", \"301\"]", "200,4xx,301", 499, 302),
            ("status = \"200, 404\"", "200,404", 404, 500),
        ] {
            let statuses = read(text).expect(text);
            assert_eq!(statuses.to_string(), shown);
            assert!(statuses.accept(accepted) && !statuses.accept(refused), "{text}");
            assert_eq!(shown.parse(), Ok(statuses.clone()), "{text}");
            let json = serde_json::to_string(&statuses).expect("JSON");
            assert_eq!(serde_json::from_str::<Statuses>(&json).expect("the same"), statuses, "{json}");
        }
        assert_eq!(read("status = 204").expect("one").single(), Some(204));
        assert_eq!(read("status = \"2xx\"").expect("a class").single(), None);
    }

    #[test]
    fn every_2xx_is_expected_by_default() {
        let usual = Statuses::default();
        assert_eq!((usual.to_string().as_str(), usual.single()), ("2xx", None));
        assert!([200, 201, 204, 206, 299].into_iter().all(|status| usual.accept(status)));
        assert!(![199, 300, 301, 304, 404, 500].into_iter().any(|status| usual.accept(status)));
    }

    #[test]
    fn invalid_statuses_are_refused() {
        for (text, part) in [
            ("status = \"ok\"", "`ok` is not a status"),
            ("status = \"9xx\"", "from 200 to 599"),
            ("status = -1", "-1 is not a status"),
            ("status = [200, \"x\"]", "`x` is not a status"),
            ("status = true", "a status such as 200"),
        ] {
            assert!(read(text).expect_err(text).contains(part), "{text}");
        }
        for text in ["", "200,", "100", "200;404", "xx"] {
            assert!(text.parse::<Statuses>().is_err(), "{text}");
        }
    }
}
