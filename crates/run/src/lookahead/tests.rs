use std::collections::BTreeMap;

use arcoforge_store::Validator;

use super::*;

/// An object of another machine whose bytes tell where they lie, and which counts what is read.
#[derive(Debug)]
struct Far {
    validator: Validator,
    read: Mutex<BTreeMap<(u64, usize), usize>>,
}

impl Object for Far {
    fn url(&self) -> &str {
        "far"
    }

    fn validator(&self) -> &Validator {
        &self.validator
    }

    fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        *self.read.lock().expect("no panic").entry((offset, out.len())).or_default() += 1;
        out.iter_mut().zip(offset..).for_each(|(byte, at)| *byte = at as u8);
        Ok(())
    }

    fn is_remote(&self) -> bool {
        true
    }
}

const FAR: u64 = 1 << 20;
const TASKS: u64 = 10;
const SLABS: u64 = 3;
const CHUNKS: u64 = 4;

/// Chunks that are too far from each other to be fetched together.
fn range(task: u64, slab: u64, chunk: u64) -> Range<u64> {
    let start = ((task * SLABS + slab) * CHUNKS + chunk) * FAR;
    start..start + 1000
}

fn far() -> Arc<dyn Object> {
    Arc::new(Far { validator: Validator { size: 1 << 40, ..Validator::default() }, read: Mutex::default() })
}

/// What every slab of every task reads; tasks from `unsure` on only once they run.
fn says(object: &Arc<dyn Object>, unsure: u64) -> impl Fn(u64, u64, Begun) -> Option<Wanted> {
    move |task, slab, begun| {
        let said = slab < SLABS && (task < unsure || begun == Begun::Now);
        let ranges = (0..CHUNKS).map(|chunk| range(task, slab, chunk)).collect();
        said.then(|| Wanted { wants: vec![Want { object: Arc::clone(object), ranges }], slabs: 1 })
    }
}

#[test]
fn every_chunk_is_fetched_once_whatever_is_asked_for_and_in_any_order() {
    // threads, bytes in hand, tasks that are looked at before they run
    for (threads, bytes_max, unsure) in
        [(2, 1 << 20, TASKS), (3, 5_500, TASKS), (1, 1000, 5), (0, 3_000, 0), (2, 500, TASKS)]
    {
        let object = far();
        let says = says(&object, unsure);
        let lookahead = Arc::new(Lookahead::new(threads, bytes_max, &(0..TASKS)));
        let (mut asked, mut left) = (0, 0);
        // two tasks at a time, each from the other end
        for pair in (0..TASKS).step_by(2) {
            let running = [lookahead.begin(pair), lookahead.begin(pair + 1)];
            for slab in 0..SLABS {
                running.iter().for_each(|task| task.slab(slab, &says));
                for chunk in 0..CHUNKS {
                    for (task, chunk) in running.iter().zip([chunk, CHUNKS - 1 - chunk]) {
                        let range = range(task.number, slab, chunk);
                        let Some(piece) = task.take(&object, range.clone()) else {
                            left += 1;
                            continue;
                        };
                        assert!(lookahead.ahead.bytes() <= bytes_max + 1000);
                        let expected: Vec<u8> = range.map(|at| at as u8).collect();
                        assert_eq!(piece.bytes().expect("there"), expected);
                        asked += 1;
                    }
                }
            }
            assert!(running[0].take(&object, range(pair, 0, 0)).is_none(), "taken already");
        }
        // what never fits is left to who needs it
        let all = TASKS * SLABS * CHUNKS;
        assert_eq!((asked, left), if bytes_max < 1000 { (0, all) } else { (all, 0) });
        assert_eq!(lookahead.ahead.bytes(), 0, "nothing was asked for in vain");
    }
}

#[test]
fn what_comes_next_is_asked_for_where_running_tasks_leave_room() {
    // bytes in hand: chunks in hand of tasks 0 and 1, which run, and of 2 and 3
    for (bytes_max, expected) in
        [(6_000, [3, 3, 0, 0]), (24_000, [12, 12, 0, 0]), (30_000, [12, 12, 6, 0]), (40_000, [12, 12, 12, 4])]
    {
        let object = far();
        let says = says(&object, TASKS);
        let lookahead = Arc::new(Lookahead::new(0, bytes_max, &(0..TASKS)));
        let running = [lookahead.begin(0), lookahead.begin(1)];
        running.iter().for_each(|task| task.slab(0, &says));
        // what is given back goes to who has least in hand
        for chunk in 0..if bytes_max == 6_000 { CHUNKS } else { 0 } {
            drop(running[0].take(&object, range(0, 0, chunk)));
        }
        let state = lookahead.state();
        let held = |number| state.tasks.get(&number).map_or(0, |task: &Task| task.held / 1000);
        assert_eq!([0, 1, 2, 3].map(held), expected, "{bytes_max}");
    }
}

#[test]
fn a_task_that_ends_while_it_is_looked_at_stays_gone() {
    // one that runs, one that begins only now
    for ended in [1, 2] {
        let object = far();
        let says = says(&object, TASKS);
        let lookahead = Arc::new(Lookahead::new(0, 1 << 20, &(0..3)));
        let (first, _second) = (lookahead.begin(0), lookahead.begin(1));
        let says = |task, slab, begun| {
            if (task, slab) == (ended, 0) {
                drop(lookahead.begin(ended));
            }
            says(task, slab, begun)
        };
        first.slab(0, &says);
        let state = lookahead.state();
        assert!(!state.tasks.contains_key(&ended), "{ended}");
        let held: u64 = state.tasks.values().map(|task| task.held).sum();
        assert_eq!(lookahead.ahead.bytes(), held, "{ended}");
    }
}

#[test]
fn what_a_task_did_not_take_is_given_back() {
    let object = far();
    let says = says(&object, TASKS);
    let lookahead = Arc::new(Lookahead::new(0, 20_000, &(0..TASKS)));
    let first = lookahead.begin(0);
    first.slab(0, &says);
    assert_eq!(lookahead.ahead.bytes(), 20_000);
    drop(first);
    // all that was known of the next task
    assert_eq!(lookahead.ahead.bytes(), SLABS * CHUNKS * 1000);
    let state = lookahead.state();
    let held: Vec<(u64, u64)> = state.tasks.iter().map(|(number, task)| (*number, task.held)).collect();
    assert_eq!(held, [(1, SLABS * CHUNKS * 1000)]);
}

#[test]
fn what_near_tasks_read_is_one_request() {
    // chunks of 1000 bytes each, one for each task, one behind the other; bytes in hand: most requests
    for (bytes_max, most) in [(32 << 20, 12), (100_000, 30), (3_000, 700)] {
        let far = Arc::new(Far {
            validator: Validator { size: 1 << 40, ..Validator::default() },
            read: Mutex::default(),
        });
        let object: Arc<dyn Object> = Arc::clone(&far) as Arc<dyn Object>;
        let range = |task: u64| task * 1000..task * 1000 + 1000;
        let says = |task: u64, slab: u64, _| {
            let want = Want { object: Arc::clone(&object), ranges: vec![range(task)] };
            (slab == 0).then(|| Wanted { wants: vec![want], slabs: 1 })
        };
        let count = 2000;
        let lookahead = Arc::new(Lookahead::new(0, bytes_max, &(0..count)));
        for number in 0..count {
            let task = lookahead.begin(number);
            task.slab(0, &says);
            let piece = task.take(&object, range(number)).expect("asked for");
            let expected: Vec<u8> = range(number).map(|at| at as u8).collect();
            assert_eq!(piece.bytes().expect("there"), expected);
            assert!(lookahead.ahead.bytes() <= bytes_max + 1000);
        }
        let read = far.read.lock().expect("no panic");
        assert!(read.values().sum::<usize>() <= most, "{} with {bytes_max}", read.len());
        assert_eq!(read.keys().map(|(_, length)| *length as u64).sum::<u64>(), count * 1000, "each once");
    }
}
