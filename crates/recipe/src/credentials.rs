//! `source.credentials`: which login the servers ask for, by name. A recipe holds nothing that is secret.

use std::borrow::Cow;

use arcoforge_core::code::Code;
use arcoforge_core::pattern::{CredentialKind, Credentials, Source, is_credential_name};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Kind, Node, shorten};
use crate::read::{Cx, OneOrMany, Read, Text, suggest, written};

/// Keys that people write where a secret seems to belong.
const SECRETS: [&str; 8] = ["password", "token", "username", "user", "secret", "key", "api_key", "query"];

/// The login, as written.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    span: Span,
    kind: Option<CredentialKind>,
    name: Option<Text>,
    hosts: Vec<Text>,
}

written! {
    /// The login that the servers ask for. What is secret is held by the machine: in its environment, `.netrc` or keyring.
    #[schemars(rename = "Credentials")]
    struct LoginMap {
        required {}
        optional {
            /// `earthdata`, `basic`, `bearer`, `query` or `s3`. Default: what the machine says.
            kind: Text,
            /// What the machine calls the credentials. Default: the kind.
            name: Text,
            /// The hosts that get them, such as `data.org` or `*.data.org`. Default: those of the source's URLs; for
            /// `earthdata` NASA's. Those of `s3` are names of buckets.
            hosts: OneOrMany<Text>,
        }
    }
}

impl Read for Login {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let span = node.span.clone();
        if let Kind::Map(entries) = &node.kind {
            if let Some((key, _)) = entries.iter().find(|(key, _)| SECRETS.contains(&key.value.as_str())) {
                let message =
                    format!("{} has the key `{}`, and a recipe holds no secrets", cx.place(), key.value);
                cx.push(Diagnostic::error(Code::RecipeUnknownKey, key.span.clone(), message).help(
                    "give `kind` and `name`; what is secret stays in the machine's environment, `.netrc` or keyring",
                ));
                return None;
            }
            let map = LoginMap::read(node, cx)?;
            let written = map.kind.is_some();
            let kind = map.kind.and_then(|kind| cx.within("kind", |cx| kind_of(&kind, cx)));
            if written && kind.is_none() {
                return None;
            }
            let hosts = map.hosts.map_or_else(Vec::new, |hosts| hosts.0);
            return Some(Self { span, kind, name: map.name, hosts });
        }
        let Kind::Scalar { .. } = &node.kind else {
            return cx.wrong_type(node, "the name of credentials, or `{kind: …, name: …, hosts: […]}`");
        };
        let name = Text::read(node, cx)?;
        Some(Self { span, kind: CredentialKind::parse(&name.value), name: Some(name), hosts: Vec::new() })
    }
}

fn kind_of(text: &Text, cx: &mut Cx) -> Option<CredentialKind> {
    let kind = CredentialKind::parse(&text.value);
    if kind.is_none() {
        let known = CredentialKind::ALL.map(CredentialKind::name);
        let help = suggest(&text.value, &known, &format!("{} is one of", cx.place()));
        let message =
            format!("{} is `{}`, which is no kind of credentials", cx.place(), shorten(&text.value));
        return cx.bad_value(&text.span, message, Some(help));
    }
    kind
}

impl Login {
    /// The login as meant: every host that gets it is known.
    pub(crate) fn meant(self, source: &Source, cx: &mut Cx) -> Option<Credentials> {
        let name = match (&self.name, self.kind) {
            (Some(name), _) => {
                if !is_credential_name(&name.value) {
                    let message = format!("`{}` is not a name of credentials", shorten(&name.value));
                    let help = "use letters, digits, `-` and `_`, beginning with a letter".to_owned();
                    return cx.bad_value(&name.span, message, Some(help));
                }
                name.value.clone()
            }
            (None, Some(kind)) => kind.name().to_owned(),
            (None, None) => {
                cx.missing_key(&self.span, "name", Some("name the credentials, or give their `kind`"));
                return None;
            }
        };
        let hosts = self.hosts(source, cx)?;
        Some(Credentials { kind: self.kind, name, hosts })
    }

    fn hosts(&self, source: &Source, cx: &mut Cx) -> Option<Vec<String>> {
        let bound = self.kind == Some(CredentialKind::Earthdata);
        if let (true, Some(kind), Some(host)) = (bound, self.kind, self.hosts.first()) {
            let message = format!("credentials of the kind `{}` go to hosts that are known", kind.name());
            return cx.bad_value(&host.span, message, Some("leave `hosts` out".to_owned()));
        }
        if bound {
            return Some(Vec::new());
        }
        if let Some(wrong) = self.hosts.iter().find(|host| !is_host(&host.value)) {
            let message = format!("`{}` is not a host", shorten(&wrong.value));
            let help = "write `data.org`, `data.org:8443` or `*.data.org`, without `https://`, or the name of a bucket".to_owned();
            return cx.bad_value(&wrong.span, message, Some(help));
        }
        if !self.hosts.is_empty() {
            return Some(self.hosts.iter().map(|host| host.value.to_ascii_lowercase()).collect());
        }
        match source.hosts() {
            Ok(hosts) if !hosts.is_empty() => Some(hosts),
            Ok(_) => self.unknown_hosts("the source's URLs name no server", cx),
            Err(url) => {
                let message = format!("the host of `{}` is not known before the axes are", shorten(url));
                self.unknown_hosts(&message, cx)
            }
        }
    }

    fn unknown_hosts<T>(&self, why: &str, cx: &mut Cx) -> Option<T> {
        let message = format!("{why}, so nothing says which hosts get the credentials");
        let help = match self.kind {
            Some(CredentialKind::S3) => "name the buckets: `credentials: {kind: s3, hosts: [BUCKET]}`",
            _ => "name them: `credentials: {name: NAME, hosts: [data.org]}`",
        };
        let help = help.to_owned();
        cx.bad_value(&self.span, message, Some(help))
    }
}

/// `data.org`, `data.org:8443`, `[::1]:21`, or `*.data.org` with at least two names behind the star.
fn is_host(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(ip, port)| {
            ip.parse::<std::net::Ipv6Addr>().is_ok() && (port.is_empty() || is_port(port.strip_prefix(':')))
        });
    }
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let names = host.strip_prefix("*.");
    let plain = names.unwrap_or(host);
    let label = |l: &str| !l.is_empty() && l.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    (port.is_none() || is_port(port))
        && plain.split('.').all(label)
        && (names.is_none() || plain.contains('.'))
}

fn is_port(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.parse::<u16>().is_ok_and(|port| port > 0))
}

impl JsonSchema for Login {
    fn schema_name() -> Cow<'static, str> {
        "Login".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let map = generator.subschema_for::<LoginMap>();
        json_schema!({ "anyOf": [{"type": "string"}, map] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (text, fine) in [
            ("data.org", true),
            ("localhost:8080", true),
            ("*.data.org", true),
            ("[::1]:21", true),
            ("*.org", false),
            ("*", false),
            ("https://data.org", false),
            ("data.org/a", false),
            ("data.org:0", false),
            ("data..org", false),
            ("", false),
        ] {
            assert_eq!(is_host(text), fine, "{text}");
        }
    }
}
