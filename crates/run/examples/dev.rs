//! dev
use arcoforge_core::axis::{Axis, AxisKind, Keys};
use arcoforge_core::codec::{Blosc, BloscShuffle, Codec};
use arcoforge_core::pattern::{Find, Input, Source};
use arcoforge_core::recipe::*;
use arcoforge_run::{Options, Session, bake};
use std::collections::BTreeMap;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let chunks: BTreeMap<String, ChunkLength> = a[4]
        .split(',')
        .filter(|s| !s.is_empty())
        .map(|p| {
            let (d, n) = p.split_once('=').unwrap();
            (d.to_owned(), ChunkLength::Cells(n.parse().unwrap()))
        })
        .collect();
    let codecs = match a[5].as_str() {
        "default" => Codecs::Default,
        "source" => Codecs::Source,
        _ => Codecs::Chain(vec![Codec::Blosc(Blosc {
            cname: "zstd".into(),
            clevel: 3,
            shuffle: BloscShuffle::Shuffle,
            typesize: 0,
            blocksize: 0,
        })]),
    };
    let shards: BTreeMap<String, ChunkLength> = a
        .get(6)
        .map(|s| {
            s.split(',')
                .filter(|s| !s.is_empty())
                .map(|p| {
                    let (d, n) = p.split_once('=').unwrap();
                    (d.to_owned(), ChunkLength::Cells(n.parse().unwrap()))
                })
                .collect()
        })
        .unwrap_or_default();
    let r = Recipe {
        name: "x".into(),
        about: About::default(),
        axes: vec![Axis {
            name: a[2].clone(),
            kind: AxisKind::Concat,
            keys: Keys::Found,
            items_per_file: None,
        }],
        source: Source::new(Input::Find(Find { glob: vec![a[1].clone()], ..Find::default() })),
        steps: vec![],
        combine: Policies::default(),
        output: Output {
            chunks,
            shards,
            codecs,
            format: if std::env::var("V2").is_ok() { TargetFormat::Zarr2 } else { TargetFormat::Zarr3 },
            ..Output::default()
        },
        test: BTreeMap::new(),
    };
    let o = Options { unchecked_copies: std::env::var("UNCHECKED").is_ok(), ..Options::default() };
    let t = std::time::Instant::now();
    let s = Session::new(o, |e| {
        if !matches!(e, arcoforge_run::Event::Advanced { .. }) {
            eprintln!("{e:?}")
        }
    });
    let b = bake(&s, &r, a[3].as_ref(), false);
    println!("{:?} {:?}", b, t.elapsed());
}
