//! Prints the diagnostics of recipes: `check FILE...`.
#![allow(clippy::print_stdout)]

fn main() -> std::io::Result<()> {
    for name in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&name)?;
        let diagnostics = match arcoforge_recipe::parse(&text, &name) {
            Ok((recipe, warnings)) => {
                println!("{name}: {} is good", recipe.name);
                warnings
            }
            Err(diagnostics) => diagnostics,
        };
        for diagnostic in diagnostics {
            println!("{}", diagnostic.render(&text, &name));
        }
    }
    Ok(())
}
