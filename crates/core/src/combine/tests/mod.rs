//! Files that differ in one thing each: what combining makes of them.

mod accepted;
mod arranged;
mod grid;
mod numbers;
mod refused;
mod scale;
mod times;
mod together;

use std::sync::Arc;

use super::*;
use crate::attrs::AttrValue;
use crate::block::{BlockData, scalar_to_le};
use crate::codec::Encoding;
use crate::error::Code;
use crate::reconcile::reconcile;
use crate::schema::{Schema, Storage, Variable};

/// A variable of a test file: schema and values.
#[derive(Clone)]
struct Var {
    var: Variable,
    block: Block,
}

/// `dims` as `time=2 lat=3`; text or numbers from `values`, repeated to fill the shape.
fn var(name: &str, dims: &str, dtype: DataType, values: &[f64]) -> Var {
    let shape: Vec<u64> = parts(dims).map(|(_, n)| n).collect();
    let cells = shape.iter().product::<u64>() as usize;
    let mut bytes = Vec::new();
    for value in values.iter().cycle().take(cells) {
        let value = if dtype.is_float() { Scalar::Float(*value) } else { Scalar::Int(*value as i64) };
        assert!(scalar_to_le(dtype, &value, &mut bytes));
    }
    new(name, dims, Block::from_bytes(dtype, shape, bytes))
}

fn text(name: &str, dims: &str, values: &[&str]) -> Var {
    let shape: Vec<u64> = parts(dims).map(|(_, n)| n).collect();
    let cells = shape.iter().product::<u64>() as usize;
    new(
        name,
        dims,
        Block::from_text(shape, values.iter().cycle().take(cells).map(|t| (*t).to_owned()).collect()),
    )
}

fn f64s(name: &str, dims: &str, values: &[f64]) -> Var {
    var(name, dims, DataType::Float64, values)
}

fn i16s(name: &str, dims: &str, values: &[f64]) -> Var {
    var(name, dims, DataType::Int16, values)
}

fn parts(dims: &str) -> impl Iterator<Item = (String, u64)> {
    let one = |part: &str| part.split_once('=').map(|(d, n)| (d.to_owned(), n.parse().unwrap()));
    dims.split_whitespace().filter_map(one).collect::<Vec<_>>().into_iter()
}

fn new(name: &str, dims: &str, block: Block) -> Var {
    let storage = Storage::Chunks {
        chunk: block.shape.iter().map(|n| (*n).max(1)).collect(),
        encoding: Encoding::raw(),
        // what the NetCDF library leaves in doubles that have no _FillValue
        unwritten: Scalar::Float(9.969_209_968_386_869e36),
        chunked: true,
    };
    let var = Variable {
        name: name.to_owned(),
        dims: parts(dims).map(|(d, _)| d).collect(),
        shape: block.shape.clone(),
        dtype: block.dtype,
        attrs: Attrs::new(),
        fill: None,
        storage,
    };
    Var { var, block }
}

impl Var {
    fn attr(mut self, name: &str, value: &str) -> Self {
        self.var.attrs.set(name, AttrValue::Text(value.to_owned()));
        self
    }

    fn number(mut self, name: &str, dtype: DataType, value: f64) -> Self {
        let value = if dtype.is_float() { Scalar::Float(value) } else { Scalar::Int(value as i64) };
        self.var.attrs.set(name, AttrValue::number(dtype, value));
        self
    }

    fn fill(mut self, value: f64) -> Self {
        self.var.fill =
            Some(if self.var.dtype.is_float() { Scalar::Float(value) } else { Scalar::Int(value as i64) });
        self
    }

    /// Of a time: units and calendar.
    fn units(self, units: &str) -> Self {
        self.attr("units", units)
    }
}

/// `a.nc` at position 0, `b.nc` at position 1, … along one concat axis `time`.
fn along_time(files: &[&[Var]]) -> (Vec<CombineAxis>, Vec<File>) {
    let files = files.iter().zip(0..).map(|(vars, at)| file(&[at], vars)).collect::<Vec<_>>();
    (vec![concat("time", files.len())], files)
}

fn file(index: &[u32], vars: &[Var]) -> File {
    let letter = |i: &u32| char::from(b'a' + (*i % 26) as u8);
    let url = format!("{}.nc", index.iter().map(letter).collect::<String>());
    let schema = Schema {
        attrs: Attrs::new(),
        groups: Vec::new(),
        variables: vars.iter().map(|v| Arc::new(v.var.clone())).collect(),
        unreadable: Vec::new(),
    };
    // all values; `surveyed` leaves what combining asks for
    let values = vars.iter().map(|v| (v.var.name.clone(), values(&v.block))).collect();
    File { url: url.into(), index: index.into(), view: Arc::new(FileView::new(&schema)), values }
}

fn values(block: &Block) -> Values {
    // FNV-1a
    let text = format!("{} {:?} {:?}", block.dtype, block.shape, bits(block));
    let digest = text.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b)
    });
    Values { digest: Some(digest), block: Some(Arc::new(block.clone())) }
}

fn bits(block: &Block) -> String {
    match &block.data {
        BlockData::Bytes(bytes) => format!("{bytes:?}"),
        BlockData::Text(texts) => format!("{texts:?}"),
    }
}

fn concat(name: &str, keys: usize) -> CombineAxis {
    axis(name, AxisKind::Concat, keys)
}

fn merge(name: &str, keys: usize) -> CombineAxis {
    axis(name, AxisKind::Merge, keys)
}

fn axis(name: &str, kind: AxisKind, keys: usize) -> CombineAxis {
    let labels = (0..keys).map(|k| k.to_string()).collect();
    CombineAxis { name: name.to_owned(), kind, labels, items_per_file: None, gaps: Gaps::LeftOut }
}

/// `packing=error` for all variables, `units.sst=convert` for one.
fn policies(list: &[&str]) -> Policies {
    let mut policies = Policies::default();
    for (key, policy) in list.iter().filter_map(|item| item.split_once('=')) {
        let (key, variable) =
            key.split_once('.').map_or((key, None), |(key, name)| (key, Some(name.to_owned())));
        policies.set(key, variable, policy);
    }
    policies
}

/// Files with the values that combining asks for, as the survey leaves them.
fn surveyed(axes: &[CombineAxis], files: &[File], policies: &Policies) -> Vec<File> {
    let mut left: Vec<File> = files.to_vec();
    for file in &mut left {
        let always = needs_always(axes, &file.view);
        let kept = always.iter().filter_map(|name| Some((name.clone(), file.values.get(name)?.clone())));
        file.values = kept.collect();
    }
    for (number, name) in needs(axes, &left, policies) {
        let value = files[number].values.get(&name).expect("a value").clone();
        left[number].values.insert(name, value);
    }
    left
}

fn run(axes: &[CombineAxis], files: &[File], policies: &Policies) -> Result<Combined, Vec<Disagreement>> {
    let mut files = surveyed(axes, files, policies);
    let undecided = reconcile(axes, &mut files, policies);
    combine(axes, &files, policies, undecided)
}

/// Combines, and compares what comes out: one line for each variable and one for what was left out.
fn check(what: &str, files: (Vec<CombineAxis>, Vec<File>), expected: &[&str]) {
    check_under(&Policies::default(), what, files, expected);
}

fn check_under(
    policies: &Policies,
    what: &str,
    (axes, files): (Vec<CombineAxis>, Vec<File>),
    expected: &[&str],
) {
    let combined = run(&axes, &files, policies).unwrap_or_else(|problems| panic!("{what}: {problems:#?}"));
    let mut shown: Vec<String> = combined.variables.iter().map(|v| show(v, &files)).collect();
    shown.extend(combined.left_out.iter().map(|(var, attr)| format!("- {var}@{attr}")));
    assert_eq!(shown, expected, "{what}");
}

/// Combines, and compares the refusals: code and variable, and words that each message must have.
fn refuse(what: &str, files: (Vec<CombineAxis>, Vec<File>), expected: &[(Code, &str, &[&str])]) {
    refuse_under(&Policies::default(), what, files, expected);
}

fn refuse_under(
    policies: &Policies,
    what: &str,
    (axes, files): (Vec<CombineAxis>, Vec<File>),
    expected: &[(Code, &str, &[&str])],
) {
    let problems = match run(&axes, &files, policies) {
        Ok(combined) => panic!("{what}: {:#?}", combined.variables),
        Err(problems) => problems,
    };
    let found: Vec<(Code, &str)> = problems.iter().map(|p| (p.code, p.variable.as_str())).collect();
    let codes: Vec<(Code, &str)> = expected.iter().map(|(code, variable, _)| (*code, *variable)).collect();
    assert_eq!(found, codes, "{what}: {problems:#?}");
    for (problem, (_, _, words)) in problems.iter().zip(expected) {
        let message = format!("{}\n{}", problem.to_error(), problem.help);
        for word in *words {
            assert!(message.contains(word), "{what}: `{word}` is not in\n{message}");
        }
        assert!(!problem.help.is_empty(), "{what}: no help");
        let advised = problem.help.split_once("`drop: [").and_then(|(_, rest)| rest.split_once(']'));
        let refused = |name| files.iter().any(|file| file.view.length(name).is_some());
        assert!(!advised.is_some_and(|(name, _)| refused(name)), "{what}: `drop` refuses it\n{message}");
    }
}

/// `name(time=3 lat=2) int64 units="…" fill=… = 1 2 3`, or ` < a b` where the values stay in the files.
fn show(variable: &CombinedVar, files: &[File]) -> String {
    let var = &variable.var;
    let dims: Vec<String> = var.dims.iter().zip(&var.shape).map(|(d, n)| format!("{d}={n}")).collect();
    let mut line = format!("{}({}) {}", var.name, dims.join(" "), var.dtype);
    for (name, value) in var.attrs.iter() {
        line.push_str(&format!(" {name}={value}"));
    }
    if let Some(fill) = &var.fill {
        line.push_str(&format!(" fill={fill}"));
    }
    assert!(
        var.dtype == DataType::Text || scalar_to_le(var.dtype, &variable.unwritten, &mut Vec::new()),
        "{} can't hold {}",
        var.dtype,
        variable.unwritten
    );
    match &variable.content {
        Content::Values(block) => {
            assert_eq!((&block.shape, block.dtype), (&var.shape, var.dtype), "{}", var.name);
            let cells: Vec<String> =
                (0..block.len() as usize).filter_map(|i| block.scalar(i)).map(|s| s.to_string()).collect();
            line.push_str(&format!(" = {}", cells.join(" ")));
        }
        Content::Pieces(pieces) => {
            let offsets: Vec<String> = pieces
                .along
                .iter()
                .map(|a| {
                    let mut starts: Vec<u64> = a.segments.iter().map(|s| s.start).collect();
                    starts.push(a.len());
                    format!("{}{starts:?}", var.dims[a.dim])
                })
                .collect();
            let of = |piece: &Option<Piece>| {
                piece.map_or("none".to_owned(), |p| {
                    let file = &files[p.file as usize];
                    // a file that lacked the variable has it at the end
                    let own = file.view.variables.get(p.variable as usize);
                    assert!(own.is_none_or(|own| own.var.name == var.name));
                    file.url.trim_end_matches(".nc").to_owned()
                })
            };
            let names: Vec<String> = pieces.files.iter().map(of).collect();
            line.push_str(&format!(" {} < {}", offsets.join(" "), names.join(" ")));
        }
    }
    line
}
