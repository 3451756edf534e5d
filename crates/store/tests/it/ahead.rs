use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use arcoforge_core::error::Code;
use arcoforge_store::object::read_range;
use arcoforge_store::{Ahead, Object, SourceOptions, Sources, Ticket};

use crate::server::{Reply, Request, Server};
use crate::{noise, quick, sources};

const SIZE: usize = 2_000_000;
/// Parts of the object behind what opening it brings along.
const PART: u64 = 100_000;
const PARTS: u64 = 12;

fn part(number: u64) -> Range<u64> {
    200_000 + number * PART..200_000 + (number + 1) * PART
}

/// Answers a part only once some that come behind it were asked for as well; not within the bound, it says 404.
fn holding_back(bound: Duration) -> Server {
    let arrived = (Mutex::new(0_u64), Condvar::new());
    let data = noise(SIZE);
    Server::start(move |request| {
        if request.range().is_some_and(|(start, _)| start as u64 >= part(0).start) {
            let mut count = arrived.0.lock().unwrap();
            *count += 1;
            let enough = (*count + 3).min(PARTS);
            arrived.1.notify_all();
            let (_count, waited) =
                arrived.1.wait_timeout_while(count, bound, |count| *count < enough).unwrap();
            if waited.timed_out() {
                return Reply::new(404, b"nobody else came");
            }
        }
        Reply::ranged(request, &data)
    })
}

#[test]
fn what_comes_next_is_fetched_while_what_came_first_is_in_work() {
    let server = holding_back(Duration::from_secs(20));
    let object = sources().open(&server.url("/a")).unwrap();
    let ahead = Ahead::new(4, 100 * PART, PART);
    let tickets: Vec<Ticket> = (0..PARTS).map(|n| ahead.ask(&object, part(n)).unwrap()).collect();
    let data = noise(SIZE);
    for (number, ticket) in (0..).zip(&tickets) {
        let range = part(number);
        let inner = range.start + 10..range.end - 10;
        assert_eq!(ticket.bytes(&inner).unwrap(), &data[inner.start as usize..inner.end as usize]);
    }
    assert_eq!(ahead.bytes(), PARTS * PART);
    assert!(tickets[0].bytes(&(0..10)).unwrap_err().message.contains("outside"));
    drop(tickets);
    assert_eq!(ahead.bytes(), 0);
    assert!(server.most_at_once() >= 4);

    // one after the other they would never come
    let server = holding_back(Duration::from_millis(200));
    let object = sources().open(&server.url("/a")).unwrap();
    assert_eq!(read_range(&*object, part(0)).unwrap_err().code, Code::SourceNotFound);
}

#[test]
fn never_more_bytes_in_hand_than_allowed_but_for_what_is_needed() {
    let data = noise(SIZE);
    let server = Server::start(move |request| Reply::ranged(request, &data));
    let object = sources().open(&server.url("/a")).unwrap();
    // also where no thread fetches: who needs it does
    for threads in [0, 1, 3] {
        let ahead = Ahead::new(threads, 3 * PART, PART);
        let mut tickets: Vec<Ticket> = (0..PARTS).map_while(|n| ahead.ask(&object, part(n))).collect();
        assert_eq!((tickets.len(), ahead.bytes()), (3, 3 * PART));
        assert!(ahead.ask(&object, 0..3 * PART + 1).is_none());
        let needed = ahead.need(&object, part(7));
        assert_eq!(needed.bytes(&part(7)).unwrap(), read_range(&*object, part(7)).unwrap());
        assert_eq!(ahead.bytes(), 4 * PART);
        drop(needed);
        for number in 3..PARTS {
            let taken = tickets.remove(0);
            let range = part(number - 3);
            assert_eq!(taken.bytes(&range).unwrap(), read_range(&*object, range).unwrap());
            assert!(ahead.ask(&object, part(number)).is_none());
            drop(taken);
            tickets.push(ahead.ask(&object, part(number)).unwrap());
            assert!(ahead.bytes() <= 3 * PART);
        }
    }
}

#[test]
fn near_ranges_are_one_request_of_bounded_size() {
    let ahead = Ahead::new(0, 1 << 20, 1000);
    let found = ahead.requests(&[0..300, 900..1000, 5..5, 400..600, 1000..1001, 1 << 19..(1 << 19) + 5000]);
    let long = 1 << 19..(1 << 19) + 5000;
    let (last, one) = (1000..1001, |range: &Range<u64>| std::iter::once(range.clone()).collect::<Vec<_>>());
    let expected = vec![
        (0..1000, vec![0..300, 400..600, 900..1000]),
        (last.clone(), one(&last)),
        (long.clone(), one(&long)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_failure_is_told_when_it_is_taken() {
    let data = noise(SIZE);
    let server = Server::start(move |request| match request.range() {
        Some((start, _)) if start as u64 == part(1).start => Reply::new(404, b"gone"),
        _ => Reply::ranged(request, &data),
    });
    let object = sources().open(&server.url("/a.nc?token=secret")).unwrap();
    for threads in [0, 2] {
        let ahead = Ahead::new(threads, 100 * PART, PART);
        let tickets: Vec<Ticket> = (0..3).map(|n| ahead.ask(&object, part(n)).unwrap()).collect();
        for number in [0, 2] {
            assert_eq!(
                tickets[number as usize].bytes(&part(number)).unwrap(),
                read_range(&*object, part(number)).unwrap()
            );
        }
        // everybody is told who asks
        for _ in 0..2 {
            let error = tickets[1].bytes(&part(1)).unwrap_err();
            let text = format!("{error} {:?}", error.place);
            assert_eq!(error.code, Code::SourceNotFound, "{text}");
            assert!(text.contains("/a.nc") && !text.contains("secret"), "{text}");
        }
        let beyond = ahead.ask(&object, SIZE as u64 - 1..SIZE as u64 + 1).unwrap();
        let error = beyond.bytes(&(SIZE as u64 - 1..SIZE as u64 + 1)).unwrap_err();
        assert_eq!(error.code, Code::SourceCorrupt);
    }
}

#[test]
fn an_interrupt_ends_what_is_fetched_ahead() {
    let flag = Arc::new(AtomicBool::new(false));
    let (data, set) = (noise(SIZE), Arc::clone(&flag));
    let server = Server::start(move |request: &Request| {
        if request.range().is_some_and(|(start, _)| start as u64 >= part(0).start) {
            set.store(true, Ordering::Relaxed);
            return Reply { silent: true, ..Reply::default() };
        }
        Reply::ranged(request, &data)
    });
    let options = SourceOptions { interrupted: Some(flag), ..quick() };
    let object: Arc<dyn Object> = Sources::new(options).open(&server.url("/a")).unwrap();
    let ahead = Ahead::new(2, 100 * PART, PART);
    let tickets: Vec<Ticket> = (0..PARTS).map(|n| ahead.ask(&object, part(n)).unwrap()).collect();
    for (number, ticket) in (0..).zip(&tickets) {
        assert_eq!(ticket.bytes(&part(number)).unwrap_err().code, Code::Interrupted);
    }
    // its threads end with it, whether or not anything is left
    let _left = ahead.ask(&object, part(0));
    drop(ahead);
}
