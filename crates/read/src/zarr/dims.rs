//! Which group a dimension belongs to: Zarr names dimensions, but defines them nowhere.

use arcoforge_core::schema::group_of;

/// An array as this module sees it.
pub(super) struct Named<'a> {
    /// Full path.
    pub(super) path: &'a str,
    pub(super) dims: Vec<Option<&'a str>>,
    pub(super) shape: &'a [u64],
}

/// The full paths of an array's dimensions. A name means the same dimension as in the nearest group, from the
/// array's own to the root, with a coordinate variable of that name and length; else the one as in the outermost
/// group in which an array has that name and length. A dimension without a name is the array's own.
pub(super) fn resolve(array: &Named<'_>, all: &[Named<'_>]) -> Vec<String> {
    let dims = array.dims.iter().zip(array.shape).enumerate();
    dims.map(|(at, (name, &length))| match name {
        None => format!("{}_dim_{at}", array.path),
        Some(name) => {
            let groups = ancestors(group_of(array.path));
            let coordinate =
                groups.iter().find(|group| all.iter().any(|a| is_coordinate(a, &join(group, name), length)));
            let used = || {
                groups
                    .iter()
                    .rev()
                    .find(|group| all.iter().any(|a| group_of(a.path) == **group && uses(a, name, length)))
            };
            join(coordinate.or_else(used).copied().unwrap_or_default(), name)
        }
    })
    .collect()
}

fn is_coordinate(array: &Named<'_>, path: &str, length: u64) -> bool {
    array.path == path && array.shape == [length]
}

fn uses(array: &Named<'_>, name: &str, length: u64) -> bool {
    array.dims.iter().zip(array.shape).any(|(dim, &n)| *dim == Some(name) && n == length)
}

/// A group and all above it, down to the root (the empty path).
fn ancestors(group: &str) -> Vec<&str> {
    let mut groups = vec![group];
    let mut rest = group;
    while !rest.is_empty() {
        rest = group_of(rest);
        groups.push(rest);
    }
    groups
}

/// A path in a group.
pub(super) fn join(group: &str, name: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_belong_to_the_group_that_uses_them() {
        let named = |path, dims: &[&'static str], shape: &'static [u64]| Named {
            path,
            dims: dims.iter().map(|d| Some(*d)).collect(),
            shape,
        };
        let all = [
            named("lat", &["lat"], &[3]),
            named("root", &["step", "lat"], &[5, 3]),
            named("a/no2", &["step", "lat", "corner"], &[5, 3, 4]),
            named("a/b/lat", &["lat"], &[7]),
            named("a/b/v", &["lat", "step"], &[7, 6]),
        ];
        let rows: [(usize, &[&str]); 5] = [
            (0, &["lat"]),
            (1, &["step", "lat"]),
            (2, &["step", "lat", "a/corner"]),
            (3, &["a/b/lat"]),
            (4, &["a/b/lat", "a/b/step"]),
        ];
        for (at, expected) in rows {
            assert_eq!(resolve(&all[at], &all), expected);
        }
        let unnamed = Named { path: "a/x", dims: vec![None], shape: &[2] };
        assert_eq!(resolve(&unnamed, &[]), ["a/x_dim_0"]);
    }
}
