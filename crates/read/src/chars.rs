//! Which character arrays are texts: the rule by which xarray and CF's users read them.

/// An array as the rule sees it.
pub(crate) struct Chars<'a> {
    /// Full path.
    pub(crate) name: &'a str,
    /// Full paths of the dimensions, outermost first.
    pub(crate) dims: &'a [String],
    /// Whether the elements are single characters.
    pub(crate) is_char: bool,
}

/// Whether `dim` counts the characters of texts: it is no variable's name, and every array that has it is one of
/// characters and has it last. Characters along any other dimension are texts of one character each.
pub(crate) fn is_text_length(dim: &str, arrays: &[Chars<'_>]) -> bool {
    arrays.iter().all(|array| {
        let last = array.dims.last().is_some_and(|d| d == dim);
        let used = array.dims.iter().filter(|d| *d == dim).count();
        array.name != dim && (used == 0 || (used == 1 && last && array.is_char))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dimension_of_characters_belongs_to_characters_alone() {
        let dims = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (table, profile, level, data) = (
            dims(&["profile", "string16"]),
            dims(&["profile"]),
            dims(&["level"]),
            dims(&["profile", "level"]),
        );
        let arrays = [
            Chars { name: "station", dims: &table, is_char: true },
            Chars { name: "direction", dims: &profile, is_char: true },
            Chars { name: "level", dims: &level, is_char: true },
            Chars { name: "temp", dims: &data, is_char: false },
        ];
        for (dim, expected) in [("string16", true), ("profile", false), ("level", false)] {
            assert_eq!(is_text_length(dim, &arrays), expected, "{dim}");
        }
    }
}
