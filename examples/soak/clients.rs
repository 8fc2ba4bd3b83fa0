//! The clients: half of them block their threads, the others share one as async tasks.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use stream_core::{BackendExt, Deadlines, Request, TokenStream};

use crate::books::Books;
use crate::plan::{Dice, Plan, Then};

/// One request to its end: after it, threads that start with the first request are there.
pub(crate) fn warm_up(books: &Books) -> crate::Result<()> {
    let deadlines = Deadlines {
        total: Some(Duration::from_secs(60)),
        ..Deadlines::default()
    };
    let request = Request::raw("the ").max_tokens(4).deadlines(deadlines);
    let stream = books.accept(books.engine.generate(request.build()?)?);
    let mut stream = stream.blocking();
    stream.by_ref().for_each(drop);
    books.audit(stream.stream());
    Ok(())
}

pub(crate) fn start(books: &Arc<Books>, clients: usize, end: Instant) -> Vec<JoinHandle<()>> {
    let blocking = (0..clients / 2).map(|client| {
        let books = books.clone();
        std::thread::spawn(move || blocking(&books, Dice(client as u64), end))
    });
    let mut threads: Vec<_> = blocking.collect();
    let books = books.clone();
    threads.push(std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_time().build().expect("a runtime");
        let tasks = (clients / 2..clients).map(|client| task(&books, Dice(client as u64), end));
        runtime.block_on(futures::future::join_all(tasks));
    }));
    threads
}

fn blocking(books: &Books, mut dice: Dice, end: Instant) {
    while Instant::now() < end {
        let Some((stream, plan)) = ask(books, &mut dice) else {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        let handle = stream.abort_handle();
        let mut stream = stream.blocking();
        let mut read = 0;
        loop {
            if read == plan.after {
                match plan.then {
                    Then::ReadOn => {}
                    Then::Abort => handle.abort(),
                    Then::Leave => break,
                    Then::Stall(time) => std::thread::sleep(time),
                }
            }
            read += 1;
            if stream.next().is_none() {
                break;
            }
        }
        let left = stream.stream().end().is_none();
        if !left {
            books.audit(stream.stream());
        }
        drop(stream);
        books.gone(left, handle.is_ended());
    }
}

async fn task(books: &Books, mut dice: Dice, end: Instant) {
    while Instant::now() < end {
        let Some((mut stream, plan)) = ask(books, &mut dice) else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        let handle = stream.abort_handle();
        let mut read = 0;
        loop {
            if read == plan.after {
                match plan.then {
                    Then::ReadOn => {}
                    Then::Abort => stream.abort(),
                    Then::Leave => break,
                    Then::Stall(time) => tokio::time::sleep(time).await,
                }
            }
            read += 1;
            if stream.next().await.is_none() {
                break;
            }
        }
        let left = stream.end().is_none();
        if !left {
            books.audit(&stream);
        }
        drop(stream);
        books.gone(left, handle.is_ended());
    }
}

/// Submits the next request. `None` if it was turned down.
fn ask(books: &Books, dice: &mut Dice) -> Option<(TokenStream, Plan)> {
    let plan = Plan::next(dice).expect("a plan that can be built");
    match books.engine.generate(plan.request.clone()) {
        Ok(_) if plan.invalid => {
            books.breach("an impossible request was accepted".to_owned());
            None
        }
        Ok(stream) => Some((books.accept(stream), plan)),
        Err(rejected) => {
            books.refuse(plan.invalid, &rejected);
            None
        }
    }
}
