//! Names of sound files.

/// Whether a prompt may have that name: a relative path of letters, digits, `_`, `-` and inner dots. The name has no
/// suffix: the reader of the file adds it.
pub fn is_name(name: &str) -> bool {
    let part = |p: &str| {
        !p.is_empty() && !p.starts_with('.') && p.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
    };
    name.len() <= 128 && name.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_their_folder() {
        assert!(["welcome", "en/digits/1", "a-b_c.d"].iter().all(|n| is_name(n)));
        assert!(
            !["", "/etc/x", "../x", "a/../b", "a//b", ".hidden", "a b", "a\\b", "a\0"]
                .iter()
                .any(|n| is_name(n))
        );
    }
}
