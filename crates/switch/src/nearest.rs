//! "Did you mean": the word that a person most likely wanted to write.

/// The known word that is nearest to a misspelt word; `None` if no word is near.
///
/// Two words are near if at most a third of their letters differ, and at most three. Two letters that have changed
/// places count as one.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A long word is not a typing error, and comparing it costs the square of its length.
    if word.chars().count() > 64 {
        return None;
    }
    let word = word.to_lowercase();
    let far = (word.chars().count() / 3).clamp(1, 3);
    let distance = |known: &str| strsim::damerau_levenshtein(&word, &known.to_lowercase());
    let near = known.into_iter().map(|known| (distance(known), known));
    let (_, best) = near
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)?;
    Some(best)
}

/// `; did you mean WORD?` to append to an error message, or nothing.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |known| format!("; did you mean {known}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_told_from_another_word() {
        let known = ["status", "code", "reason", "TANDEM_DATA"];
        for (word, meant) in [
            ("statsu", Some("status")),
            ("Status", Some("status")),
            ("tandem_dta", Some("TANDEM_DATA")),
            ("cod", Some("code")),
            ("talk", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
        assert_eq!(did_you_mean("codde", known), "; did you mean code?");
        assert_eq!(did_you_mean("x", known), "");
    }
}
