//! Parameters of `a=fmtp` lines.

/// The parameters `name=value` of an `a=fmtp` line; a name without a value has an empty one.
pub(super) fn parameters(fmtp: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    fmtp.unwrap_or_default().split(';').filter_map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let (name, value) = (name.trim(), value.trim());
        (!name.is_empty()).then_some((name, value))
    })
}
