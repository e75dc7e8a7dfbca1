//! How long heads and their parts may be.

/// The longest request line, in bytes, its end included.
pub const LINE_BYTES: usize = 8 * 1024;
/// The longest head, in bytes: the request line, all fields, and the blank line.
pub const HEAD_BYTES: usize = 64 * 1024;
/// Most fields of a request's head.
pub const FIELDS: usize = 100;
/// Largest number of interim answers (1xx) before a final answer.
pub const MOST_INTERIM: u8 = 100;
/// Most blank lines in front of a request: some clients end a body with one, and none needs many.
pub const BLANK_LINES: usize = 8;
