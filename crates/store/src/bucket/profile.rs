//! Keys and regions in the files of the AWS command line (`~/.aws/credentials`, `~/.aws/config`).

use std::collections::BTreeMap;

/// The values of a profile: of `[name]` (credentials) or `[profile name]` (config), keys in lower case. Nested values
/// (`s3 =` with indented lines below it) are left out.
pub(super) fn section(text: &str, name: &str) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut inside = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            let header = header.trim();
            inside = header == name
                || header
                    .strip_prefix("profile")
                    .is_some_and(|rest| rest.starts_with(char::is_whitespace) && rest.trim() == name);
            continue;
        }
        if inside
            && !line.starts_with(char::is_whitespace)
            && let Some((key, value)) = trimmed.split_once('=')
        {
            values.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles() {
        let text = "# keys\n[default]\naws_access_key_id = A\n aws_secret_access_key=nested\n[profile other ]\n\
                    Region=eu-west-1\ns3 =\n  max = 1\n; no\n[third]\nregion = x\n";
        for (name, expected) in [
            ("default", vec![("aws_access_key_id", "A")]),
            ("other", vec![("region", "eu-west-1"), ("s3", "")]),
            ("third", vec![("region", "x")]),
            ("none", vec![]),
        ] {
            let found = section(text, name);
            let found: Vec<(&str, &str)> = found.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!(found, expected, "{name}");
        }
    }
}
