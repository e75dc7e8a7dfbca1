//! The server: the keys of `[server]` are the reference server's knobs, or they name another server.

use std::{fmt, path::PathBuf};

use indexmap::IndexMap;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeSeed, Error, MapAccess, Visitor},
};
use toml::{Table, Value};

use super::{
    Attach, ServerOptions, server_address,
    unix_path::{self, FRESH},
};

/// The server that a profile drives.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Target {
    /// The reference server, with these knobs.
    Reference(Box<ServerOptions>),
    /// A program that is started for each repeat, and stopped after it.
    Program(Program),
    /// A server that is already running, and is left running.
    Attached {
        /// Where, and which process.
        attach: Attach,
    },
}

/// A program that listens. In its command, environment and files, `{port}` is its port, `{socket}` the path of its UNIX-domain
/// socket, `{address}` its address with the port, or `unix:` and the path, and `{dir}` a fresh private directory that holds
/// its files.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Program {
    /// The program and its arguments. It must stay in the foreground.
    pub command: Vec<String>,
    /// Address to listen on; port 0 takes a free one, and `unix:` a path in `{dir}`.
    #[schemars(default = "any_port")]
    pub address: String,
    /// Variables that are added to its environment.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(default)]
    pub env: IndexMap<String, String>,
    /// Names of files beside the profile that it needs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub files: Vec<String>,
    /// Programs that the command starts, if it is a shell command.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub needs: Vec<String>,
    /// How to install it. If this is set and the program is missing, the profile is skipped without an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install: Option<String>,
    /// The folder that it runs in: that of the profile. `None` for the current directory.
    #[serde(skip)]
    #[schemars(skip)]
    pub folder: Option<PathBuf>,
}

/// Default address of a program.
const ANY_PORT: &str = "127.0.0.1:0";

fn any_port() -> String {
    ANY_PORT.to_owned()
}

impl Default for Target {
    fn default() -> Self {
        Self::Reference(Box::default())
    }
}

impl Target {
    /// The reference server's knobs, if it is that one.
    #[must_use]
    pub fn reference(&self) -> Option<&ServerOptions> {
        if let Self::Reference(options) = self { Some(options) } else { None }
    }

    /// The program, if it is one.
    #[must_use]
    pub fn program(&self) -> Option<&Program> {
        if let Self::Program(program) = self { Some(program) } else { None }
    }

    /// Whether it can be driven as it is described.
    ///
    /// # Errors
    /// The key that is at fault, and what to write instead.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        match self {
            Self::Reference(options) => options.check().map_err(|(key, message)| (key, message.to_owned())),
            Self::Program(program) => program.check(),
            Self::Attached { attach } => {
                server_address::check_running(&attach.address).map_err(|message| ("attach", message))
            }
        }
    }

    /// Its address, as the profile says it.
    #[must_use]
    pub fn address(&self) -> &str {
        match self {
            Self::Reference(options) => &options.listen,
            Self::Program(program) => &program.address,
            Self::Attached { attach } => &attach.address,
        }
    }

    /// Whether it listens on a UNIX-domain socket.
    #[must_use]
    pub fn is_unix(&self) -> bool {
        unix_path::of(self.address()).is_some()
    }
}

impl Program {
    fn check(&self) -> Result<(), (&'static str, String)> {
        if self.command.first().is_none_or(String::is_empty) {
            return Err((
                "command",
                "write the program and its arguments, as in [\"nginx\", \"-c\", \"{dir}/nginx.conf\"]".into(),
            ));
        }
        server_address::check_to_be(&self.address).map_err(|message| ("address", message))?;
        let is_plain = |name: &&String| !name.contains('/') && !name.is_empty() && !name.starts_with('.');
        match self.files.iter().find(|name| !is_plain(name)) {
            Some(name) => Err((
                "files",
                format!(
                    "`{name}` is not the name of a file beside the profile: write a name without folders"
                ),
            )),
            None => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Keys::default())
    }
}

/// The keys of `[server]` as they come up.
#[derive(Default)]
struct Keys {
    command: Option<Vec<String>>,
    attach: Option<Attach>,
    address: Option<String>,
    env: Option<IndexMap<String, String>>,
    files: Option<Vec<String>>,
    needs: Option<Vec<String>>,
    install: Option<String>,
    /// Knobs of the reference server.
    knobs: Table,
}

impl<'de> Visitor<'de> for Keys {
    type Value = Target;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a section with the keys of a server")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Target, A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "command" => self.command = Some(map.next_value()?),
                "attach" => self.attach = Some(map.next_value()?),
                "address" => self.address = Some(map.next_value()?),
                "env" => self.env = Some(map.next_value()?),
                "files" => self.files = Some(map.next_value()?),
                "needs" => self.needs = Some(map.next_value()?),
                "install" => self.install = Some(map.next_value()?),
                _ => {
                    let value = map.next_value_seed(Knob(&key))?;
                    self.knobs.insert(key, value);
                }
            }
        }
        self.target().map_err(A::Error::custom)
    }
}

impl Keys {
    /// The target that all keys describe together.
    fn target(self) -> Result<Target, String> {
        let knob = self.knobs.keys().next().cloned();
        let of_a_program = [
            ("address", self.address.is_some()),
            ("env", self.env.is_some()),
            ("files", self.files.is_some()),
            ("needs", self.needs.is_some()),
            ("install", self.install.is_some()),
        ];
        let of_a_program = of_a_program.into_iter().find_map(|(key, there)| there.then_some(key));
        let another = if self.command.is_some() { "`command` starts" } else { "`attach` drives" };
        match (self.command, self.attach, knob) {
            (None, None, _) => match of_a_program {
                Some(key) => Err(format!("`{key}` needs a `command`: add one, or remove `{key}`")),
                None => Ok(Target::Reference(
                    ServerOptions::deserialize(self.knobs).map_err(|e| e.to_string())?.into(),
                )),
            },
            (_, _, Some(knob)) => Err(format!(
                "`{knob}` is a knob of the reference server, but {another} another server: remove one of them"
            )),
            (Some(_), Some(_), _) => {
                Err("`command` starts a server, but `attach` drives a running server: remove one of them"
                    .into())
            }
            (None, Some(attach), None) => match of_a_program {
                Some(key) => {
                    Err(format!("`{key}` belongs to a `command`, but `attach` starts nothing: remove it"))
                }
                None => Ok(Target::Attached { attach }),
            },
            (Some(command), None, None) => {
                let env = self.env.unwrap_or_default();
                Ok(Target::Program(Program {
                    folder: None,
                    address: self.address.unwrap_or_else(|| usual_address(&command, &env)),
                    command,
                    env,
                    files: self.files.unwrap_or_default(),
                    needs: self.needs.unwrap_or_default(),
                    install: self.install,
                }))
            }
        }
    }
}

/// The address of a program that is given none: any free one of the kind that its command names.
fn usual_address(command: &[String], env: &IndexMap<String, String>) -> String {
    let mut texts = command.iter().chain(env.values());
    if texts.any(|text| text.contains("{socket}")) { FRESH.to_owned() } else { any_port() }
}

/// A value for the reference server, checked at once, so that an error names its line.
struct Knob<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Knob<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let alone = Table::from_iter([(self.0.to_owned(), value.clone())]);
        match ServerOptions::deserialize(alone) {
            Ok(_) => Ok(value),
            Err(error) if error.message().starts_with("unknown field") => Err(Error::custom(format!(
                "{}, or of another server `command`, `address`, `env`, `files`, `install`, `attach`",
                error.message()
            ))),
            Err(error) => Err(Error::custom(error.message())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Result<Target, String> {
        let target: Target = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        target.check().map_err(|(key, message)| format!("{key}: {message}"))?;
        Ok(target)
    }

    #[test]
    fn a_server_is_the_reference_a_program_or_attached() {
        assert_eq!(target(""), Ok(Target::default()));
        assert!(target("trigger = 'edge'").expect("knobs").reference().is_some());
        let program = target("command = ['nginx']\nfiles = ['nginx.conf']").expect("a program");
        assert_eq!(program.program().map(|p| p.address.as_str()), Some("127.0.0.1:0"));
        let attached = target("attach = { address = 'localhost:80', pid = 7 }").expect("one that runs");
        assert_eq!(
            attached,
            Target::Attached { attach: Attach { address: "localhost:80".into(), pid: Some(7) } }
        );
        let alone = target("attach = 'localhost:80'").expect("an address alone");
        assert_eq!(alone, target("attach = { address = 'localhost:80' }").expect("the same"));
        let refused = target("attach = 8080").expect_err("no address");
        assert!(refused.contains("expected an address such as \"127.0.0.1:8080\""), "{refused}");
    }

    #[test]
    fn an_invalid_address_is_refused_without_repeating_it() {
        for address in ["127.0.0.1:80", "[::1]:80", "localhost:80", "my-host_1.example:65535"] {
            target(&format!("attach = {{ address = '{address}' }}")).expect(address);
        }
        for address in [
            "http://u:secret@h:80",
            "u:secret@h:80",
            "https://h:443",
            "h:80/secret",
            "h/secret:80",
            "h?secret:80",
            "h:99999",
            "h:+80",
            "h:",
            ":80",
            "::1:80",
            "[h]:80",
            "h secret:80",
        ] {
            for text in [
                format!("attach = {{ address = '{address}' }}"),
                format!("attach = '{address}'"),
                format!("command = ['a']\naddress = '{address}'"),
            ] {
                let message = target(&text).expect_err(&text);
                assert!(message.contains("must be HOST:PORT") && !message.contains("secret"), "{message}");
            }
        }
    }

    #[test]
    fn a_server_listens_on_a_unix_socket() {
        for (text, address) in [
            ("listen = 'unix:/run/a.sock'", "unix:/run/a.sock"),
            ("listen = 'unix:'", "unix:"),
            ("attach = 'unix:/run/a.sock'", "unix:/run/a.sock"),
            ("attach = { address = 'unix:@a', pid = 7 }", "unix:@a"),
            ("command = ['a']\naddress = 'unix:/run/a.sock'", "unix:/run/a.sock"),
            ("command = ['a', '{socket}']", "unix:"),
            ("command = ['a']\nenv = { S = '{socket}' }", "unix:"),
        ] {
            let target = target(text).expect(text);
            assert!(target.is_unix() && target.address() == address, "{text}");
        }
        assert!(!target("command = ['a', '{port}']").expect("valid").is_unix());
        let long = "x".repeat(108);
        for (text, part) in [
            ("attach = 'unix:'".to_owned(), "attach: the path of the UNIX socket is missing"),
            (format!("attach = 'unix:/{long}'"), "attach: the path of a UNIX socket has at most 107 bytes"),
            (format!("command = ['a']\naddress = 'unix:{long}'"), "address: the path of a UNIX socket"),
            (format!("listen = 'unix:{long}'"), "listen: "),
            ("listen = 'unix:/a'\nuser_timeout = '1s'".to_owned(), "user_timeout: needs TCP"),
            ("listen = 'unix:/a'\nnotsent_lowat = '1KiB'".to_owned(), "notsent_lowat: needs TCP"),
        ] {
            let message = target(&text).expect_err(&text);
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_parsed_target_is_written_back() {
        for text in [
            "trigger = 'edge'",
            "command = ['a', 'b']\nenv = { A = '1' }\nfiles = ['f']\ninstall = 'i'",
            "attach = { address = '127.0.0.1:80' }",
        ] {
            let target = target(text).expect("valid");
            let json = serde_json::to_string(&target).expect("JSON");
            assert_eq!(serde_json::from_str::<Target>(&json).expect("the same"), target);
            let toml = toml::to_string(&target).expect("TOML");
            assert_eq!(toml::from_str::<Target>(&toml).expect("the same"), target);
        }
    }

    #[test]
    fn contradicting_keys_are_refused() {
        for (text, part) in [
            (
                "trigger = 'edge'\ncommand = ['a']",
                "`trigger` is a knob of the reference server, but `command` starts",
            ),
            ("attach = { address = 'a:1' }\nsend_limit = 1", "`send_limit` is a knob"),
            ("command = ['a']\nattach = { address = 'a:1' }", "remove one of them"),
            ("files = ['a']", "`files` needs a `command`"),
            ("attach = { address = 'a:1' }\nfiles = ['a']", "`attach` starts nothing"),
            ("comand = ['a']", "unknown field `comand`"),
            ("comand = ['a']", "`command`"),
            ("command = []", "command: write the program"),
            ("command = ['a']\naddress = '8080'", "address: the address must be HOST:PORT"),
            ("command = ['a']\nfiles = ['../a']", "files: `../a` is not the name"),
            ("attach = { address = 'a:0' }", "attach: the address must be HOST:PORT"),
            ("attach = { adress = 'a:0' }", "unknown field `adress`"),
        ] {
            let message = target(text).expect_err(text);
            assert!(message.contains(part), "{message}\nlacks\n{part}");
        }
    }
}
