//! Inputs, outputs and threads of an operator.

use std::marker::PhantomData;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use ort::operator::{ComputeContext, OperatorInput};
use ort::value::{TensorElementType, ValueRef, ValueRefMut};

/// An input that every call has.
pub(super) const REQUIRED: OperatorInput = OperatorInput::required(TensorElementType::Float32);
/// An input that may be left out.
pub(super) const OPTIONAL: OperatorInput = OperatorInput::optional(TensorElementType::Float32);

/// Keeps a panic from unwinding into ONNX Runtime, which would abort the process.
pub(super) fn guarded(compute: impl FnOnce() -> ort::Result<()>) -> ort::Result<()> {
    let panicked = |_| Err(ort::Error::new("an operator of stream-engine panicked"));
    catch_unwind(AssertUnwindSafe(compute)).unwrap_or_else(panicked)
}

/// Calls `task` with each number below `count`, on ONNX Runtime's threads.
pub(super) fn for_each(
    context: &ComputeContext,
    count: usize,
    task: impl Fn(usize) + Sync + Send,
) -> ort::Result<()> {
    if count <= 1 {
        (0..count).for_each(task);
        return Ok(());
    }
    let panicked = AtomicBool::new(false);
    context.par_for(count, 0, |number| {
        if catch_unwind(AssertUnwindSafe(|| task(number))).is_err() {
            panicked.store(true, Ordering::Relaxed);
        }
    })?;
    match panicked.load(Ordering::Relaxed) {
        true => Err(ort::Error::new(
            "a task of an operator of stream-engine panicked",
        )),
        false => Ok(()),
    }
}

/// An input tensor, if it is there.
pub(super) struct Input<'a>(Option<ValueRef<'a>>);

impl<'a> Input<'a> {
    pub(super) fn new(context: &'a ComputeContext, index: usize) -> ort::Result<Self> {
        Ok(Self(context.input(index)?))
    }

    /// Its numbers.
    pub(super) fn optional(&self) -> ort::Result<Option<&[f32]>> {
        match &self.0 {
            Some(value) => Ok(Some(value.try_extract_tensor::<f32>()?.1)),
            None => Ok(None),
        }
    }

    /// Its numbers, where every call has it.
    pub(super) fn required(&self) -> ort::Result<&[f32]> {
        let missing = || ort::Error::new("an operator of stream-engine lacks an input");
        self.optional()?.ok_or_else(missing)
    }
}

/// An output of `rows` rows.
pub(super) fn output(
    context: &ComputeContext,
    index: usize,
    rows: usize,
    width: usize,
) -> ort::Result<ValueRefMut<'_>> {
    let missing = || ort::Error::new("an operator of stream-engine lacks an output");
    context.output(index, [rows, width])?.ok_or_else(missing)
}

/// Numbers whose parts are written by several threads.
pub(super) struct Parts<'a> {
    start: *mut f32,
    length: usize,
    numbers: PhantomData<&'a mut [f32]>,
}

// SAFETY: the only access is `part`, whose callers keep their parts apart.
unsafe impl Sync for Parts<'_> {}
// SAFETY: as above.
unsafe impl Send for Parts<'_> {}

impl<'a> Parts<'a> {
    pub(super) fn new(numbers: &'a mut [f32]) -> Self {
        Self {
            start: numbers.as_mut_ptr(),
            length: numbers.len(),
            numbers: PhantomData,
        }
    }

    /// Some rows of `stride` numbers from `row` on, and of them `columns`.
    ///
    /// # Panics
    /// If they do not lie in the numbers.
    ///
    /// # Safety
    /// As [`part`](Self::part).
    #[allow(
        clippy::mut_from_ref,
        reason = "threads share it; the caller keeps their parts apart"
    )]
    pub(super) unsafe fn rows(
        &self,
        rows: Range<usize>,
        stride: usize,
        columns: Range<usize>,
    ) -> Vec<&mut [f32]> {
        // SAFETY: columns of different rows are apart; for the rest, the caller says so.
        rows.map(|row| unsafe { self.part(row * stride + columns.start, columns.len()) })
            .collect()
    }

    /// # Panics
    /// If the part does not lie in the numbers.
    ///
    /// # Safety
    /// While the part is in use, nobody else has one that overlaps it.
    #[allow(
        clippy::mut_from_ref,
        reason = "threads share it; the caller keeps their parts apart"
    )]
    pub(super) unsafe fn part(&self, first: usize, length: usize) -> &mut [f32] {
        assert!(first <= self.length && length <= self.length - first);
        // SAFETY: it lies in the numbers, which are borrowed for as long as `self` lives, and the
        // caller says that nobody else has it.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(first), length) }
    }
}
