//! docs/errors.md is made from the table of codes; `UPDATE_DOCS=1` writes it anew.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use arcoforge_core::code::Code;

const HEAD: &str = "\
# Exit codes and error codes

Made from the program's own table by `UPDATE_DOCS=1 cargo nextest run --release -p arcoforge the_errors_page_is_current`.

Every error has a code that never changes its meaning. It stands in brackets on the terminal (`error[source-not-found]`)
and as `code` in the lines of `--json`. The exit code of a command is that of its first error.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | a defect of arcoforge |
| 2 | the command line can't be understood |
| 3 | the recipe is wrong |
| 4 | the data was refused by a policy or a check |
| 5 | an input could not be fetched or read |
| 6 | the target failed |
| 130 | interrupted |

| code | exit code | meaning |
|---|---|---|
";

#[test]
fn the_errors_page_is_current() {
    let mut page = HEAD.to_owned();
    for code in Code::ALL {
        let _ = writeln!(page, "| `{code}` | {} | {} |", code.exit_status(), code.summary());
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), page, "run it again with UPDATE_DOCS=1");
}
