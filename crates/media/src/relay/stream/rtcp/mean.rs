//! A mean of samples.

/// See the module.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Mean {
    sum: u64,
    count: u32,
}

impl Mean {
    /// Takes a sample; one that would overflow the sum is left out.
    pub(super) fn add(&mut self, sample: u64) {
        if let (Some(sum), Some(count)) = (self.sum.checked_add(sample), self.count.checked_add(1)) {
            (self.sum, self.count) = (sum, count);
        }
    }

    /// The mean; `None` without samples.
    pub(super) fn get(self) -> Option<u32> {
        let mean = self.sum.checked_div(self.count.into())?;
        Some(u32::try_from(mean).unwrap_or(u32::MAX))
    }
}
