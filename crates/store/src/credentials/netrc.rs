//! `.netrc`: user names and passwords by host, in the format of ftp(1), curl and GNU inetutils.

use super::Secret;

/// One `machine`, or `default` without a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NetrcEntry {
    /// The host in lower case; none for `default`.
    pub(crate) host: Option<String>,
    pub(crate) username: String,
    pub(crate) password: Secret,
}

/// The entries of a file, in order; those without user name and password are passed over, macros too.
pub(crate) fn parse(text: &str) -> Vec<NetrcEntry> {
    let tokens = tokens(text);
    let mut entries = Vec::new();
    let mut at = 0;
    while let Some(word) = tokens.get(at) {
        at += 1;
        let host = match word.as_str() {
            "machine" => {
                let host = tokens.get(at).map(|host| host.to_ascii_lowercase());
                at += 1;
                host
            }
            "default" => None,
            _ => continue,
        };
        let (mut username, mut password) = (None, None);
        while let (Some(word), Some(value)) = (tokens.get(at), tokens.get(at + 1)) {
            match word.as_str() {
                "login" => username = Some(value.clone()),
                "password" => password = Some(Secret::new(value.clone())),
                "account" => {}
                _ => break,
            }
            at += 2;
        }
        if let (Some(username), Some(password)) = (username, password) {
            entries.push(NetrcEntry { host, username, password });
        }
    }
    entries
}

/// Words between blanks; a quoted one may hold blanks, with `\` before a quote. Comments and macros are left out.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut rest = line.trim_start();
        while !(rest.is_empty() || rest.starts_with('#') && is_comment(&tokens)) {
            let (token, behind) = token(rest);
            rest = behind.trim_start();
            if token == "macdef" {
                // until a line that is empty
                lines.by_ref().take_while(|line| !line.trim().is_empty()).for_each(drop);
                break;
            }
            tokens.push(token);
        }
    }
    tokens
}

/// Whether a `#` begins a comment here: a password may begin with one.
fn is_comment(before: &[String]) -> bool {
    !matches!(before.last().map(String::as_str), Some("machine" | "login" | "password" | "account"))
}

fn token(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (token, rest) = text.split_at(end);
        return (token.to_owned(), rest);
    };
    let mut token = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (token, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => token.extend(chars.next().map(|(_, c)| c)),
            c => token.push(c),
        }
    }
    (token, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
        // Expected values: Python's netrc module, but for `macdef` behind an entry.
        for (text, expected) in [
            ("", &[][..]),
            ("machine a.org login me password s3cret", &[(Some("a.org"), "me", "s3cret")]),
            (
                "# a comment\nmachine A.org\n  login me\n  password \"two words\"\n\ndefault login anonymous password me@x\n",
                &[(Some("a.org"), "me", "two words"), (None, "anonymous", "me@x")],
            ),
            (
                "machine a login b account c password #d # e\nmachine f login g password h",
                &[(Some("a"), "b", "#d"), (Some("f"), "g", "h")],
            ),
            (
                "machine a login b password c\nmacdef init\nlogin x\npassword y\n\nmachine d login e password f",
                &[(Some("a"), "b", "c"), (Some("d"), "e", "f")],
            ),
            ("machine a login b\nmachine c password d\nmachine", &[]),
            (r#"machine a login b password "x\"y\\z""#, &[(Some("a"), "b", r#"x"y\z"#)]),
        ] {
            let found = parse(text);
            let found: Vec<_> =
                found.iter().map(|e| (e.host.as_deref(), e.username.as_str(), e.password.reveal())).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
