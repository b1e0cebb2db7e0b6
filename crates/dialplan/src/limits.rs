//! What one script may take, and what a folder of scripts may hold.

/// What one script may take, and what a folder of scripts may hold. A script that breaks a limit ends with a fault. A
/// folder that breaks one is not loaded. Nothing else is touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How much a script may do.
    pub operations: OperationLimits,
    /// How large its values may be.
    pub values: ValueLimits,
    /// How its code may be made up.
    pub code: CodeLimits,
    /// The stack it runs on.
    pub stack: StackLimits,
    /// What it may write to the log.
    pub log: LogLimits,
    /// What the folder of scripts may hold.
    pub folder: FolderLimits,
}

/// How much a script may do. An operation is roughly a statement or an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationLimits {
    /// Operations from one verb to the next.
    pub between_verbs: u64,
    /// Operations of a whole call; each verb counts as 1,000.
    pub per_call: u64,
    /// Operations after which a script lets other scripts run.
    pub slice: u32,
}

impl Default for OperationLimits {
    fn default() -> Self {
        Self {
            between_verbs: 1_000_000,
            per_call: 50_000_000,
            slice: 2_048,
        }
    }
}

/// How large the values of a script may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueLimits {
    /// Elements of an array, those of arrays inside it included.
    pub array: usize,
    /// Properties of an object map, those of maps inside it included.
    pub map: usize,
    /// Bytes of a string, and of all strings in one array or map together.
    pub string: usize,
    /// Bytes a script holds in all its values, where the binary's allocator is [`Metered`](crate::Metered).
    pub memory: usize,
}

impl Default for ValueLimits {
    fn default() -> Self {
        Self {
            array: 1_024,
            map: 1_024,
            string: 4_096,
            memory: 4 << 20,
        }
    }
}

/// How the code of a script may be made up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeLimits {
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
    /// Nesting of expressions and blocks within functions.
    pub depth_in_functions: usize,
}

impl Default for CodeLimits {
    fn default() -> Self {
        Self {
            call_levels: 32,
            variables: 512,
            functions: 512,
            modules: 32,
            depth: 32,
            depth_in_functions: 24,
        }
    }
}

/// The stacks that scripts run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackLimits {
    /// Bytes of one stack. Only what a script touches costs memory.
    pub size: usize,
    /// Stacks each thread keeps for the next script.
    pub pooled: usize,
}

impl Default for StackLimits {
    fn default() -> Self {
        Self {
            size: 8 << 20,
            pooled: 64,
        }
    }
}

/// What one script may write to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Lines from one verb to the next.
    pub between_verbs: u32,
    /// Lines of a whole call.
    pub per_call: u32,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self {
            between_verbs: 100,
            per_call: 1_000,
        }
    }
}

/// What the folder of scripts may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderLimits {
    /// Bytes of one file.
    pub file: u64,
    /// Bytes of all files together, tests included. Compiled, they may take a hundred times that.
    pub bytes: u64,
    /// Files in the folder, those in folders below included.
    pub files: usize,
}

impl Default for FolderLimits {
    fn default() -> Self {
        Self {
            file: 256 << 10,
            bytes: 1 << 20,
            files: 256,
        }
    }
}
