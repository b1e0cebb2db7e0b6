//! Giving back the room that a burst of transactions needed.

use super::Layer;

impl Layer {
    /// Gives back room that nothing needs any more, of tables with room for more than `small` entries and `spare` times
    /// of what is in them.
    pub fn tidy(&mut self, small: usize, spare: usize) {
        let sparse = |held: usize, room: usize| room > small && held.saturating_mul(spare) < room;
        macro_rules! tidy {
            ($($table:expr),*) => {$(
                if sparse($table.len(), $table.capacity()) {
                    $table.shrink_to($table.len() * 2);
                }
            )*};
        }
        tidy!(
            self.client_keys,
            self.server_keys,
            self.merged,
            self.calls,
            self.flows.0,
            self.out
        );
        self.queue.tidy(sparse);
    }

    /// How many entries the largest of its tables has room for.
    pub fn room(&self) -> usize {
        let tables = [
            self.client_keys.capacity(),
            self.server_keys.capacity(),
            self.merged.capacity(),
            self.calls.capacity(),
            self.flows.0.capacity(),
            self.out.capacity(),
            self.queue.capacity(),
        ];
        tables.into_iter().max().unwrap_or_default()
    }
}
