//! Extensions as a table (RFC 4180 and its kin): what a spreadsheet writes, and reads again.

use records::{Dtmf, Transcode};
use store::Account;

use crate::{
    http::problem::Problem,
    model::{Extension, NewExtension, Settings},
};

/// The columns, in the order in which they are written. A password is read, and never written: only its
/// hash is kept.
const COLUMNS: [&str; 19] = [
    "number",
    "name",
    "password",
    "dnd",
    "forward_always",
    "forward_busy",
    "forward_no_answer",
    "forward_unreachable",
    "voicemail",
    "require_qop",
    "transcode",
    "dtmf",
    "no_answer_seconds",
    "call_limit",
    "pickup_group",
    "music",
    "reject_anonymous",
    "hide_number",
    "intercom",
];
const PASSWORD: &str = "password";

/// A line as it was read.
pub(crate) struct Row {
    /// Counted from 1, with the header.
    pub(crate) line: u32,
    /// The number, as it was given; empty where the line cannot be read.
    pub(crate) number: String,
    pub(crate) read: Result<NewExtension, Problem>,
}

/// The index of each column, by its place in [`COLUMNS`].
type Places = [Option<usize>; COLUMNS.len()];

/// Reads a table. Its separator is the one its header has: comma, semicolon or tab, or what a first line
/// `sep=;` says, as some spreadsheets write it.
///
/// # Errors
/// The header is no header. Faults of lines are in the lines.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Row>, Problem> {
    // Spreadsheets write a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (separator, bytes, skipped) = separator(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .trim(csv::Trim::Headers)
        .flexible(true)
        .from_reader(bytes);
    let header = reader
        .headers()
        .map_err(|_| Problem::invalid("header", "the header line is not UTF-8"))?
        .clone();
    let places = places(&header)?;
    let mut rows = Vec::new();
    let (mut line, mut seen) = (1 + skipped, 0);
    let mut record = csv::StringRecord::new();
    loop {
        // Counted here: the reader's own count is one behind where lines end in CR LF.
        let start = usize::try_from(reader.position().byte())
            .unwrap_or(bytes.len())
            .min(bytes.len());
        let start = start
            + bytes[start..]
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                .count();
        line += bytes[seen..start].iter().filter(|byte| **byte == b'\n').count();
        seen = start;
        let place = u32::try_from(line).unwrap_or(u32::MAX);
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(rows),
            Ok(true) => rows.push(row(place, &record, &places, header.len())),
            Err(_) => rows.push(Row {
                line: place,
                number: String::new(),
                read: Err(Problem::invalid("line", "this line is not UTF-8")),
            }),
        }
    }
}

/// The separator, what comes after a line that only says it, and how many lines that were.
fn separator(bytes: &[u8]) -> (u8, &[u8], usize) {
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(bytes.len(), |at| at + 1);
    let (first, rest) = bytes.split_at(end);
    let said = first.strip_prefix(b"sep=").and_then(|said| said.strip_suffix(b"\n"));
    if let Some([said]) = said.map(|said| said.strip_suffix(b"\r").unwrap_or(said)) {
        return (*said, rest, 1);
    }
    let count = |separator: u8| first.iter().filter(|byte| **byte == separator).count();
    // With equal counts the later one in this list: a comma where no separator is found.
    let most = [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|separator| count(*separator));
    (most.unwrap_or(b','), bytes, 0)
}

fn places(header: &csv::StringRecord) -> Result<Places, Problem> {
    let mut places = Places::default();
    for (i, title) in header.iter().enumerate() {
        let Some(column) = COLUMNS.iter().position(|name| name.eq_ignore_ascii_case(title)) else {
            let detail = format!("column {} is none of {}", i + 1, COLUMNS.join(", "));
            return Err(Problem::invalid("header", detail));
        };
        if places[column].replace(i).is_some() {
            return Err(Problem::invalid(
                "header",
                format!("column {} repeats an earlier one", i + 1),
            ));
        }
    }
    match places[0] {
        Some(_) => Ok(places),
        None => Err(Problem::invalid("header", "the header line has no column number")),
    }
}

fn row(line: u32, record: &csv::StringRecord, places: &Places, width: usize) -> Row {
    let field = |name: &str| {
        let place = COLUMNS.iter().position(|column| *column == name)?;
        record.get(places[place]?).filter(|text| !text.is_empty())
    };
    let trimmed = |name| {
        field(name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    };
    let number = trimmed("number").unwrap_or_default();
    let read = || {
        if record.len() != width {
            let detail = format!("this line has {} fields, the header has {width}", record.len());
            return Err(Problem::invalid("line", detail));
        }
        let flag = |name: &'static str| trimmed(name).map(|text| yes_or_no(name, &text)).transpose();
        let count = |name: &'static str| trimmed(name).map(|text| whole(name, &text)).transpose();
        Ok(NewExtension {
            number: number.clone(),
            name: field("name").map(|name| name.trim().to_owned()),
            password: field(PASSWORD).map(str::to_owned),
            voicemail: flag("voicemail")?,
            require_qop: flag("require_qop")?,
            transcode: trimmed("transcode").map(|text| rule(&text)).transpose()?,
            dtmf: trimmed("dtmf").map(|text| keys(&text)).transpose()?,
            settings: Settings {
                dnd: flag("dnd")?.into(),
                forward_always: trimmed("forward_always").into(),
                forward_busy: trimmed("forward_busy").into(),
                forward_no_answer: trimmed("forward_no_answer").into(),
                forward_unreachable: trimmed("forward_unreachable").into(),
                no_answer_seconds: count("no_answer_seconds")?.into(),
                call_limit: count("call_limit")?.into(),
                pickup_group: trimmed("pickup_group").into(),
                music: trimmed("music").into(),
                reject_anonymous: flag("reject_anonymous")?.into(),
                hide_number: flag("hide_number")?.into(),
                intercom: flag("intercom")?.into(),
            },
        })
    };
    let read = read();
    Row { line, number, read }
}

fn yes_or_no(field: &'static str, text: &str) -> Result<bool, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(Problem::invalid(
            field,
            "expected true or false (or yes, no, on, off, 1, 0)",
        )),
    }
}

fn whole(field: &'static str, text: &str) -> Result<u16, Problem> {
    text.parse()
        .map_err(|_| Problem::invalid(field, "expected a whole number"))
}

fn rule(text: &str) -> Result<Transcode, Problem> {
    let rule = Transcode::parse(&text.to_ascii_lowercase());
    rule.ok_or_else(|| Problem::invalid("transcode", "expected auto or off"))
}

fn keys(text: &str) -> Result<Dtmf, Problem> {
    let rule = Dtmf::parse(&text.to_ascii_lowercase());
    rule.ok_or_else(|| Problem::invalid("dtmf", "expected auto, rfc4733, info or inband"))
}

/// Writes a table that [`read`] takes.
pub(crate) fn write(accounts: Vec<Account>) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS.iter().filter(|column| **column != PASSWORD))?;
    let word = |flag| if flag { "true" } else { "false" };
    for extension in accounts.into_iter().map(Extension::from) {
        let rules = &extension.rules;
        let count = |count: Option<u16>| count.map(|count| count.to_string()).unwrap_or_default();
        let target = |target: &Option<String>| target.clone().unwrap_or_default();
        writer.write_record([
            &extension.number,
            &extension.name,
            word(extension.dnd),
            &target(&extension.forward_always),
            &target(&extension.forward_busy),
            &target(&extension.forward_no_answer),
            &target(&extension.forward_unreachable),
            word(extension.voicemail),
            word(extension.require_qop),
            extension.transcode.name(),
            extension.dtmf.name(),
            &count(rules.no_answer_seconds),
            &count(rules.call_limit),
            &target(&rules.pickup_group),
            &target(&rules.music),
            word(rules.reject_anonymous),
            word(rules.hide_number),
            word(rules.intercom),
        ])?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}
