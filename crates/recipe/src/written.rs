//! The recipe as written: one type per map of the language. Reader, JSON Schema and reference come from these.

use crate::checks::CheckItem;
use crate::checksums::ChecksumList;
use crate::codecs::CodecList;
use crate::combine::Combine;
use crate::credentials::Login;
use crate::find::Find;
use crate::keys::{Axes, Override, Select};
use crate::matrix::MatrixMap;
use crate::outputs::{FormatName, Outputs};
use crate::read::{Entries, NotYet, Number, OneOrMany, Text, written};
use crate::scalar::{Attr, Length};
use crate::steps::StepItem;

/// What to write where a required key is absent.
pub(crate) fn hint(key: &str) -> Option<&'static str> {
    Some(match key {
        "schema" => "write `schema: 1` as the first line",
        "name" => "for example `name: noaa-oisst`",
        "axes" => "for example `axes: {time: {concat: found}}`; `axes: {}` for one file",
        "source" => "for example `source: {find: {glob: data/*.nc}}`",
        _ => return None,
    })
}

written! {
    /// A recipe: which files become which dataset.
    struct Recipe {
        required {
            /// The version of this language; `1`.
            schema: Number,
            /// The name of the dataset: lower-case letters, digits and hyphens.
            name: Text,
            /// The axes along which files are laid out, in order; `{}` for a single file.
            axes: Axes,
            /// Where the files are. Exactly one of `url`, `files` and `find`.
            source: Source,
        }
        optional {
            /// Who and what; never changes the values.
            about: About,
            /// Transformations of every file, in order, before files are combined.
            steps: Vec<StepItem>,
            /// What to do where files disagree: policy key → policy, or policy key → variable → policy.
            combine: Combine,
            /// The dataset to write, or a list of them, each with a `name`.
            output: Outputs,
            /// How to make a small dataset as a test: what `--test` takes.
            test: Test,
            /// What must hold of the dataset before it is published.
            checks: Vec<CheckItem>,
            /// When to look for new data. Not in this version.
            update: NotYet,
            /// Several datasets from one recipe, one for each row.
            matrix: MatrixMap,
        }
    }
}

written! {
    /// Descriptive metadata of a recipe.
    struct About {
        required {}
        optional {
            /// One line.
            title: Text,
            /// More lines.
            description: Text,
            /// The data's licence: an SPDX expression or a name.
            license: Text,
            /// Organisations that made, host or process the data, as in STAC.
            providers: Vec<Provider>,
            /// People who answer for the recipe.
            maintainers: Vec<Maintainer>,
        }
    }
}

written! {
    /// An organisation that made, hosts or processes the data, as in STAC.
    struct Provider {
        required {
            /// The organisation.
            name: Text,
        }
        optional {
            /// Any of `producer`, `licensor`, `processor`, `host`.
            roles: Vec<Text>,
            /// Its page.
            url: Text,
        }
    }
}

written! {
    /// A person who answers for the recipe.
    struct Maintainer {
        required {}
        optional {
            /// GitHub login.
            github: Text,
            /// Name.
            name: Text,
            /// ORCID iD, such as `0000-0002-1825-0097`; its check digit is verified.
            orcid: Text,
        }
    }
}

written! {
    /// Where the files are. Exactly one of `url`, `files` and `find`.
    #[schemars(extend("oneOf" = [{"required": ["url"]}, {"required": ["files"]}, {"required": ["find"]}]))]
    struct Source {
        required {}
        optional {
            /// A URL or path with axes in braces, or a list of them: the first that exists is taken.
            url: OneOrMany<Text>,
            /// One URL or path per position, row-major in the order of the axes.
            files: Vec<Text>,
            /// Files found in a listing or a catalog.
            find: Find,
            /// Other URLs for parts of the pattern; the first that selects a position is taken.
            overrides: Vec<Override>,
            /// Positions that the archive does not have; they are left out.
            missing: Vec<Select>,
            /// The group inside each file that is taken as its root.
            group: Text,
            /// What the servers can bear.
            limits: Limits,
            /// What the bytes of the inputs must add up to.
            checksums: ChecksumList,
            /// The login that the servers ask for; what is secret is held by the machine.
            credentials: Login,
        }
    }
}

written! {
    /// What the servers can bear.
    struct Limits {
        required {}
        optional {
            /// Most connections to one host at a time.
            connections: Number,
            /// Most requests to one host in a time: `10/s`, `30/min`, `500/h`.
            rate: Text,
        }
    }
}

written! {
    /// The dataset to write.
    struct Output {
        required {}
        optional {
            /// In a list of outputs: what is put behind the recipe's name and a hyphen.
            name: Text,
            /// Steps of this output alone, behind those of the recipe.
            steps: Vec<StepItem>,
            /// Where to; the command line's `--to` wins. Default: `./NAME.zarr`.
            to: Text,
            /// What the target is. Default: `zarr3`.
            format: FormatName,
            /// Dimension → length of a chunk.
            chunks: Entries<Length>,
            /// Dimension → length of a shard, a multiple of the chunk's.
            shards: Entries<Length>,
            /// How chunks are encoded. Default: `default`.
            codecs: CodecList,
            /// Attributes of the root group, set last.
            attrs: Entries<Attr>,
        }
    }
}

written! {
    /// How to make a small dataset as a test: what `--test` takes.
    struct Test {
        required {}
        optional {
            /// Axis → how many of its keys to take, from the first.
            take: Entries<Number>,
        }
    }
}
