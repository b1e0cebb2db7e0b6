//! What one script may take.

/// What one script may take, and what a folder of them may hold. Breaking one ends that script with a
/// fault, or keeps the folder from being loaded; nothing else is touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Operations from one verb to the next. One is roughly a statement or an operator.
    pub operations_between_verbs: u64,
    /// Operations of a whole call; each verb counts as 1,000.
    pub operations_per_call: u64,
    /// Operations after which a script lets others run.
    pub slice: u32,
    /// Elements of an array, those of arrays inside it included.
    pub array: usize,
    /// Properties of an object map, those of maps inside it included.
    pub map: usize,
    /// Bytes of a string, and of all strings in one array or map together.
    pub string: usize,
    /// Functions that call one another.
    pub call_levels: usize,
    /// Variables alive in one function.
    pub variables: usize,
    /// Functions in one file.
    pub functions: usize,
    /// Modules imported by one script.
    pub modules: usize,
    /// Nesting of expressions and blocks outside of functions.
    pub depth: usize,
    /// The same within functions.
    pub depth_in_functions: usize,
    /// Bytes a script holds in all its values, where the binary's allocator is [`Metered`](crate::Metered).
    pub memory: usize,
    /// Bytes of stack. Only what a script touches costs memory.
    pub stack: usize,
    /// Stacks each thread keeps for the next script.
    pub pooled_stacks: usize,
    /// Lines one script may write to the log from one verb to the next.
    pub log_lines: u32,
    /// Lines one script may write to the log in all.
    pub log_lines_per_call: u32,
    /// Bytes of one file.
    pub file: u64,
    /// Bytes of all files together, tests included. Compiled, they may take a hundred times that.
    pub folder: u64,
    /// Files in the folder, those in folders below included.
    pub files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            operations_between_verbs: 1_000_000,
            operations_per_call: 50_000_000,
            slice: 2_048,
            array: 1_024,
            map: 1_024,
            string: 4_096,
            call_levels: 32,
            variables: 512,
            functions: 512,
            modules: 32,
            depth: 32,
            depth_in_functions: 24,
            memory: 4 << 20,
            stack: 8 << 20,
            pooled_stacks: 64,
            log_lines: 100,
            log_lines_per_call: 1_000,
            file: 256 << 10,
            folder: 1 << 20,
            files: 256,
        }
    }
}
