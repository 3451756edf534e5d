use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use arcoforge_core::code::Code;
use arcoforge_recipe::{parse, parse_all};

/// Xorshift: the same mutations in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// Cuts, doubles, swaps or overwrites a part of the text.
fn mutate(text: &str, random: &mut Random) -> String {
    const PIECES: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ":",
        "- ",
        "\n",
        "\"",
        "'",
        "&a ",
        "*a",
        "~",
        "now",
        "found",
        "-1",
        "0",
        "99999999999999999999",
        "{time}",
        "{matrix.model}",
        "{matrix.",
        "%",
        "é",
        "\u{0}",
        "\t",
        "#",
        "|\n",
        "!!int ",
        "<<: ",
        "1e999",
        "0000-00-00",
        "(?<",
        "@",
        "\u{feff}",
    ];
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=random.below(3) {
        let at = random.below(chars.len());
        let end = (at + random.below(12)).min(chars.len());
        let piece = PIECES[random.below(PIECES.len())].chars();
        match random.below(4) {
            0 => drop(chars.drain(at..end)),
            1 => drop(chars.splice(at..at, piece)),
            2 => drop(chars.splice(at..end, piece)),
            _ => {
                let copy: Vec<char> = chars[at..end].to_vec();
                let to = random.below(chars.len());
                drop(chars.splice(to..to, copy));
            }
        }
    }
    chars.into_iter().collect()
}

#[test]
fn mutated_recipes_end_in_a_recipe_or_in_diagnostics() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui/good");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut good, mut bad) = (0, 0);
    for name in [
        "oisst",
        "cmip6",
        "found",
        "single",
        "numbers",
        "steps",
        "steps-of-files",
        "checks",
        "checksums",
        "matrix",
    ] {
        let text = fs::read_to_string(folder.join(name).with_extension("yaml")).unwrap();
        for _ in 0..300 {
            let mutant = mutate(&text, &mut random);
            match parse_all(&mutant, "mutant.yaml") {
                Ok(_) => good += 1,
                Err(diagnostics) => {
                    bad += 1;
                    assert!(!diagnostics.is_empty(), "{mutant}");
                    for diagnostic in diagnostics {
                        assert!(mutant.get(diagnostic.span.clone()).is_some(), "{diagnostic:?}\n{mutant}");
                        assert!(!diagnostic.render(&mutant, "mutant.yaml").is_empty());
                    }
                }
            }
        }
    }
    assert!(good > 100 && bad > 500, "{good} good, {bad} bad: the mutations are too weak or too strong");
}

#[test]
fn bombs_fail_fast() {
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..30 {
        let inner = vec![format!("*a{}", n - 1); 10].join(", ");
        aliases += &format!("a{n}: &a{n} [{inner}]\n");
    }
    let deep_flow = format!("a: {}", "[".repeat(100_000));
    let deep_block: String = (0..2000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    let cycle = "a: &a [*a]\n".to_owned();
    let duplicates = "a: 1\n".repeat(20_000);
    let many: String = (0..50_000).map(|n| format!("key{n}: 1\n")).collect();
    let digits = format!("schema: {}\n", "9".repeat(1_000_000));
    for (what, text) in [
        ("aliases", aliases),
        ("deep flow", deep_flow),
        ("deep block", deep_block),
        ("cycle", cycle),
        ("duplicates", duplicates),
        ("many keys", many),
        ("digits", digits),
    ] {
        let start = Instant::now();
        let diagnostics = parse(&text, "bomb.yaml").unwrap_err();
        // seconds at most on a busy machine; the alias bomb would take years
        assert!(start.elapsed() < Duration::from_secs(20), "{what}: {:?}", start.elapsed());
        assert!(diagnostics.len() <= 200, "{what}");
        let codes = [Code::RecipeSyntax, Code::RecipeUnknownKey, Code::RecipeType];
        assert!(diagnostics.iter().any(|d| codes.contains(&d.code)), "{what}: {diagnostics:?}");
    }
}
