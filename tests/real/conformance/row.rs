//! A clause that one request tries, and whether its answer is the one that the clause asks for.

use crate::support::message::Message;

/// Who sends the request.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// A sender without credentials.
    Stranger,
    /// A phone that answers a challenge.
    Phone,
    /// The same with a wrong password.
    Liar,
    /// The caller, within its call.
    Caller,
    /// A phone within the dialog of its subscription.
    Watcher,
}

/// One clause, tried by one request.
///
/// `sends` is a method, with a Request-URI and a version where these matter, then header lines, then a body after an empty
/// line. A line takes the place of the usual field of its name; `+Name: value` comes besides it, `-Name:` leaves it out. In
/// braces stand `server`, `me`, `a` (the sender), `b` (who is called), `c` (an extension without a phone), `none` (a number
/// that no phone has), `call` (the name of the call for Replaces), `sdp` (an offer), `held` (one that holds), `pidf` (a presence document), `transport` and
/// `unique`.
///
/// `draws` is the statuses that are right, `-` for no answer at all; then header lines whose value must contain what is
/// written there, and `body: ...` for the body.
pub struct Row {
    pub clause: &'static str,
    pub asks: &'static str,
    pub by: By,
    pub sends: &'static str,
    pub draws: &'static str,
}

/// A row of a table.
pub const fn row(clause: &'static str, asks: &'static str, by: By, sends: &'static str, draws: &'static str) -> Row {
    Row {
        clause,
        asks,
        by,
        sends,
        draws,
    }
}

impl Row {
    /// The method (and what follows), the header lines, the body.
    pub fn parts(&self) -> (&'static str, Vec<&'static str>, &'static str) {
        let (head, body) = self.sends.split_once("\n\n").unwrap_or((self.sends, ""));
        let mut lines = head.lines();
        (lines.next().unwrap_or(""), lines.collect(), body)
    }

    /// Whether no answer is right.
    pub fn is_silent(&self) -> bool {
        self.draws == "-"
    }
}

/// # Errors
/// What is wrong with an answer, for which `draws` stands in a row.
pub fn judge(draws: &str, answer: &Message) -> Result<(), String> {
    let mut lines = draws.lines();
    let statuses = lines.next().unwrap_or("");
    let status = answer.status().to_string();
    if !statuses.split('|').any(|right| right == status) {
        return Err(format!("{statuses} is right, {} came", first_line(answer)));
    }
    for line in lines {
        let (name, wanted) = line.split_once(": ").unwrap_or((line, ""));
        let is_there = match name {
            "body" => answer.body().contains(wanted),
            name => answer.headers(name).any(|value| value.contains(wanted)),
        };
        if !is_there {
            return Err(format!("{line} is missing in {}", answer.0));
        }
    }
    Ok(())
}

pub fn first_line(message: &Message) -> &str {
    message.0.lines().next().unwrap_or("")
}

/// What each final answer must have, whatever was asked (RFC 3261 section 8.2.6.2).
///
/// # Errors
/// What is missing.
pub fn copies(request: &str, answer: &Message) -> Result<(), String> {
    let request = Message(request.to_owned());
    for name in ["From", "Call-ID", "CSeq"] {
        let (sent, came) = (request.header(name), answer.header(name));
        if sent != came {
            return Err(format!("8.2.6.2: {name} was {sent}, and is {came}"));
        }
    }
    let to = answer.header("To");
    let sent = request.header("To").to_owned();
    if !to.starts_with(sent.as_str()) || !to.contains("tag=") {
        return Err(format!("8.2.6.2: To was {sent}, and is {to}"));
    }
    Ok(())
}
