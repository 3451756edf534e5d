//! Tables as comma-separated values (RFC 4180): the first line names the columns.

/// A table: names of columns, and rows of as many cells.
pub type Table = (Vec<String>, Vec<Vec<String>>);

/// Reads a table of at most `rows_max` rows. Blank lines are left out, blanks around cells too, unless quoted.
///
/// # Errors
/// What is wrong, with its line.
pub fn table(text: &str, rows_max: usize) -> Result<Table, String> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line = 1;
    let mut header: Option<Vec<String>> = None;
    let mut rows = Vec::new();
    while !rest.is_empty() {
        let at = line;
        let cells = record(&mut rest, &mut line).map_err(|message| format!("line {at}: {message}"))?;
        if let [blank] = cells.as_slice()
            && blank.is_empty()
        {
            continue;
        }
        match &header {
            None => header = Some(cells),
            Some(names) if names.len() != cells.len() => {
                let (found, expected) = (cells.len(), names.len());
                return Err(format!(
                    "line {at}: found {found} cells, expected {expected} as in the first line"
                ));
            }
            Some(_) if rows.len() >= rows_max => return Err(format!("more than {rows_max} rows")),
            Some(_) => rows.push(cells),
        }
    }
    header.map(|names| (names, rows)).ok_or_else(|| "the table is empty".to_owned())
}

/// The cells up to the end of a line that is not inside of quotes.
fn record(rest: &mut &str, line: &mut usize) -> Result<Vec<String>, String> {
    let mut cells = Vec::new();
    loop {
        *rest = rest.trim_start_matches([' ', '\t']);
        let cell = match rest.strip_prefix('"') {
            Some(inner) => {
                *rest = inner;
                quoted(rest, line)?
            }
            None => {
                let end = rest.find([',', '\n']).unwrap_or(rest.len());
                let (cell, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
                *rest = after;
                cell.trim().to_owned()
            }
        };
        cells.push(cell);
        *rest = rest.trim_start_matches([' ', '\t', '\r']);
        if let Some(after) = rest.strip_prefix(',') {
            *rest = after;
        } else if let Some(after) = rest.strip_prefix('\n') {
            *rest = after;
            *line += 1;
            return Ok(cells);
        } else if rest.is_empty() {
            return Ok(cells);
        } else {
            return Err("found text behind a closing quote, expected a comma".to_owned());
        }
    }
}

/// From behind an opening quote to behind the closing one; two quotes are one.
fn quoted(rest: &mut &str, line: &mut usize) -> Result<String, String> {
    let mut cell = String::new();
    loop {
        let Some((part, after)) = rest.split_once('"') else {
            return Err("a quote is never closed".to_owned());
        };
        cell.push_str(part);
        *line += part.matches('\n').count();
        *rest = after;
        match rest.strip_prefix('"') {
            Some(after) => {
                cell.push('"');
                *rest = after;
            }
            None => return Ok(cell),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables() {
        let rows = [
            ("a,b\n1,2\n", "a,b|1,2"),
            ("\u{feff}a , b\r\n\r\n 1 ,2 \r\n", "a,b|1,2"),
            ("a\n\"x, \"\"y\"\"\nz\" \n", "a|x, \"y\"\nz"),
            ("a,b\n,\n", "a,b|,"),
            ("a,b\n1,", "a,b|1,"),
            ("a", "a"),
            ("", "the table is empty"),
            ("\n \n", "the table is empty"),
            ("a,b\n1\n", "line 2: found 1 cells, expected 2 as in the first line"),
            ("a\n\"1\n\n", "line 2: a quote is never closed"),
            ("a\n\n\"1\" 2", "line 3: found text behind a closing quote, expected a comma"),
            ("a\n1\n2\n3\n4", "more than 3 rows"),
        ];
        for (text, expected) in rows {
            let found = match table(text, 3) {
                Ok((names, rows)) => {
                    let lines = std::iter::once(names).chain(rows).map(|cells| cells.join(","));
                    lines.collect::<Vec<_>>().join("|")
                }
                Err(message) => message,
            };
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
