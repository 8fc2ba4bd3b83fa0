//! What a file can make this crate allocate: no more than a few times its own length, whatever
//! its counts and lengths claim.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use stream_checkpoint::{Checkpoint, default_model};

/// The system's allocator, counting.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        // SAFETY: the caller keeps the conditions of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the conditions of `GlobalAlloc::dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test at a time counts.
static TURN: Mutex<()> = Mutex::new(());

/// What `run` allocates at most, beyond what there was, and what it leaves.
fn measure<T>(run: impl FnOnce() -> T) -> (usize, usize, T) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = run();
    let peak = PEAK.load(Relaxed).saturating_sub(before);
    (peak, NOW.load(Relaxed).saturating_sub(before), result)
}

const CLAIMS: [u64; 6] = [u64::MAX, 1 << 63, 1 << 40, 1 << 32, 1 << 28, 60_000];

fn head(tensors: u64, pairs: u64) -> Vec<u8> {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(tensors.to_le_bytes());
    bytes.extend(pairs.to_le_bytes());
    bytes
}

/// A file whose one key `k` has a value of this type with these bytes.
fn one_pair(kind: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = head(0, 1);
    bytes.extend(1_u64.to_le_bytes());
    bytes.push(b'k');
    bytes.extend(kind.to_le_bytes());
    bytes.extend(value);
    bytes
}

#[test]
fn claims_allocate_nothing() {
    let _turn = TURN.lock();
    let mut files = Vec::new();
    for claim in CLAIMS {
        files.push(head(claim, 1));
        files.push(head(1, claim));
        files.push(one_pair(8, &claim.to_le_bytes()));
        for element in 0..13_u32 {
            let mut array = element.to_le_bytes().to_vec();
            array.extend(claim.to_le_bytes());
            files.push(one_pair(9, &array));
        }
    }
    for mut file in files {
        // Enough behind it that only a careful reader notices.
        file.resize(file.len() + 4096, 0);
        let copy = file.clone();
        let (peak, _, result) = measure(|| Checkpoint::from_bytes("claims.gguf", file));
        assert!(result.is_err());
        assert!(peak < 64 << 10, "{peak} bytes for {:?}", &copy[..64]);
    }
}

#[test]
fn the_default_model_takes_little_memory() {
    let _turn = TURN.lock();
    let path = default_model::path().expect("a cache folder");
    let (peak, left, result) = measure(|| Checkpoint::open(&path));
    let error = "run `cargo xtask test`, which fetches the default model";
    let checkpoint = result.expect(error);
    // Measured: 12.5 MB at most, 6.8 MB left, nearly all of it the vocabulary.
    assert!(peak < 16_000_000, "{peak} bytes at most while it is opened");
    assert!(left < 9_000_000, "{left} bytes while it is open");
    drop(checkpoint);
}
