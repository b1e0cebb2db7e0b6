//! Many extensions at once, all or none.

use std::collections::HashMap;

use crate::{
    NewExtension, Store, StoreError,
    accounts::{insert, is_taken},
};

/// The result of one line of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// The extension was made, or with a dry run would be.
    Created,
    /// Its number is taken.
    Exists,
    /// An earlier line has the same number.
    Repeats {
        /// That line, counted from 0.
        line: usize,
    },
    /// A field is at fault.
    Invalid {
        /// Which field.
        field: &'static str,
        /// The accepted values.
        reason: &'static str,
    },
}

/// The result of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportReport {
    /// One a line, in their order.
    pub lines: Vec<ImportOutcome>,
    /// Whether anything was written: every line is [`ImportOutcome::Created`] and it was no dry run.
    pub applied: bool,
}

/// See [`Store::import_extensions`].
pub(crate) async fn import(
    store: &Store,
    domain: &str,
    lines: &[NewExtension],
    dry_run: bool,
    now: i64,
) -> Result<ImportReport, StoreError> {
    let mut report: Vec<_> = check(lines);
    let mut write = store.write.begin().await?;
    for (line, outcome) in lines.iter().zip(&mut report) {
        if *outcome == ImportOutcome::Created {
            let taken = is_taken(write.connection(), domain, &line.extension.number)
                .await
                .map_err(|e| store.error(&e))?;
            if taken {
                *outcome = ImportOutcome::Exists;
            }
        }
    }
    let applied = !dry_run && report.iter().all(|outcome| *outcome == ImportOutcome::Created);
    if !applied {
        write.roll_back().await?;
        return Ok(ImportReport { lines: report, applied });
    }
    for line in lines {
        insert(write.connection(), domain, line, now)
            .await
            .map_err(|e| store.error(&e))?;
    }
    write.commit().await?;
    Ok(ImportReport { lines: report, applied })
}

/// The checks that need no database.
fn check(lines: &[NewExtension]) -> Vec<ImportOutcome> {
    let mut first = HashMap::with_capacity(lines.len());
    let outcome = |(i, line): (usize, &NewExtension)| match line.check() {
        Err(StoreError::Invalid { field, reason }) => ImportOutcome::Invalid { field, reason },
        Ok(()) | Err(_) => match *first.entry(line.extension.number.clone()).or_insert(i) {
            earlier if earlier < i => ImportOutcome::Repeats { line: earlier },
            _ => ImportOutcome::Created,
        },
    };
    lines.iter().enumerate().map(outcome).collect()
}
