//! What `dial`, `collect`, `record`, `conference`, `pickup`, `park`, `page`, `extension` and `now` return: properties they do not have, and words a status never is.
//!
//! A variable counts as such a result where nothing but such a call is ever assigned to it in its function, and
//! nothing is done to it that might make another of it. A fault that is not certain is left to the moment when it happens.

use std::collections::HashMap;

use rhai::Token;
use switch::{
    CollectStatus, ConferenceStatus, DialStatus, PageStatus, ParkStatus, PickupStatus, RecordStatus, did_you_mean,
};

use crate::api;
use crate::words::Tokens;

use super::Found;

/// Whose result.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Kind {
    Dial,
    Collect,
    Record,
    Conference,
    Pickup,
    Park,
    Page,
    Extension,
    Now,
}

impl Kind {
    const fn of(self) -> &'static str {
        match self {
            Self::Dial => "what dial returns",
            Self::Collect => "what collect returns",
            Self::Record => "what record returns",
            Self::Conference => "what conference returns",
            Self::Pickup => "what pickup returns",
            Self::Park => "what park returns",
            Self::Page => "what page returns",
            Self::Extension => "what extension returns",
            Self::Now => "what now returns",
        }
    }

    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Dial => api::dial::RESULT,
            Self::Collect => api::sound::COLLECTED,
            Self::Record => api::sound::RECORDED,
            Self::Conference => api::sound::ATTENDED,
            Self::Pickup => api::parties::PICKED_UP,
            Self::Park => api::parties::PARKED,
            Self::Page => api::parties::PAGED,
            Self::Extension => api::EXTENSION,
            Self::Now => api::now::FIELDS,
        }
    }

    /// The words that a status can be; empty where there is no status.
    fn statuses(self) -> Vec<&'static str> {
        match self {
            Self::Dial => DialStatus::ALL.map(DialStatus::as_str).to_vec(),
            Self::Collect => CollectStatus::ALL.iter().map(|status| status.as_str()).collect(),
            Self::Record => RecordStatus::ALL.iter().map(|status| status.as_str()).collect(),
            Self::Conference => ConferenceStatus::ALL.iter().map(|status| status.as_str()).collect(),
            Self::Pickup => PickupStatus::ALL.iter().map(|status| status.as_str()).collect(),
            Self::Park => ParkStatus::ALL.iter().map(|status| status.as_str()).collect(),
            Self::Page => PageStatus::ALL.iter().map(|status| status.as_str()).collect(),
            Self::Extension | Self::Now => Vec::new(),
        }
    }
}

/// What is known of a variable.
enum Variable {
    Result(Kind),
    Anything,
}

/// Methods that leave a map as it is.
const HARMLESS: [&str; 8] = [
    "len",
    "keys",
    "values",
    "contains",
    "to_string",
    "to_debug",
    "to_json",
    "is_empty",
];

pub(super) fn check(tokens: &Tokens, found: &mut Found) {
    for function in functions(tokens) {
        Function::new(&function).check(found);
    }
}

/// The tokens of each function, its parameters included, and those outside of functions.
fn functions(tokens: &Tokens) -> Vec<Tokens> {
    let (mut functions, mut outside, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(token) = tokens.token(at) {
        let is_brace = |at: &usize| tokens.token(*at) == Some(&Token::LeftBrace);
        let body = (*token == Token::Fn)
            .then(|| (at..tokens.len()).find(is_brace))
            .flatten();
        match body {
            Some(body) => {
                let end = tokens.matching(body);
                functions.push(Tokens::new(tokens.part(at, end).to_vec()));
                at = end + 1;
            }
            None => {
                outside.extend_from_slice(tokens.part(at, at));
                at += 1;
            }
        }
    }
    functions.push(Tokens::new(outside));
    functions
}

struct Function<'a> {
    tokens: &'a Tokens,
    variables: HashMap<&'a str, Variable>,
    /// Properties that are given to a variable.
    added: Vec<(&'a str, &'a str)>,
}

impl<'a> Function<'a> {
    fn new(tokens: &'a Tokens) -> Self {
        let mut function = Self {
            tokens,
            variables: HashMap::new(),
            added: Vec::new(),
        };
        function.parameters();
        for at in 0..tokens.len() {
            function.look(at);
        }
        function
    }

    fn token(&self, at: usize) -> Option<&'a Token> {
        self.tokens.token(at)
    }

    fn word(&self, at: usize) -> Option<&'a str> {
        match self.token(at) {
            Some(Token::Identifier(name)) => Some(name),
            _ => None,
        }
    }

    fn before(&self, at: usize) -> Option<&'a Token> {
        self.token(at.checked_sub(1)?)
    }

    fn parameters(&mut self) {
        if self.token(0) == Some(&Token::Fn) && self.token(2) == Some(&Token::LeftParen) {
            self.spoil(3..self.tokens.matching(2));
        }
    }

    fn spoil(&mut self, places: std::ops::Range<usize>) {
        for name in places.filter_map(|at| self.word(at)).collect::<Vec<_>>() {
            self.variables.insert(name, Variable::Anything);
        }
    }

    /// Learns what becomes of variables.
    fn look(&mut self, at: usize) {
        match self.token(at) {
            Some(Token::For) => {
                let end = (at..self.tokens.len()).find(|at| self.token(*at) == Some(&Token::In));
                self.spoil(at..end.unwrap_or(self.tokens.len()));
            }
            Some(Token::Catch | Token::As) => self.spoil(at..at + 3),
            // The parameters of a closure.
            Some(Token::Pipe) => {
                let is_list = |token: Option<&Token>| matches!(token, Some(Token::Identifier(_) | Token::Comma));
                let end = (at + 1..self.tokens.len()).find(|at| !is_list(self.token(*at)));
                self.spoil(at..end.unwrap_or(self.tokens.len()));
            }
            Some(Token::Identifier(_)) => self.look_at_word(at),
            _ => {}
        }
    }

    fn look_at_word(&mut self, at: usize) {
        let Some(name) = self.word(at).filter(|_| !self.is_property(at)) else {
            return;
        };
        let declared = matches!(self.before(at), Some(Token::Let | Token::Const));
        match self.token(at + 1) {
            Some(Token::Equals) => {
                let kind = self.call(at + 2).filter(|(_, end)| self.ends_statement(*end));
                self.bind(name, kind.map(|(kind, _)| kind));
            }
            Some(token) if is_assignment(token) || declared => self.bind(name, None),
            Some(Token::LeftBracket) => {
                let end = self.tokens.matching(at + 1);
                if self.token(end + 1).is_some_and(is_assignment) {
                    self.bind(name, None);
                }
            }
            Some(Token::Period) => match (self.word(at + 2), self.token(at + 3)) {
                (Some(method), Some(Token::LeftParen | Token::Unit)) if !HARMLESS.contains(&method) => {
                    self.bind(name, None);
                }
                (Some(property), Some(token)) if is_assignment(token) => self.added.push((name, property)),
                _ => {}
            },
            _ => {}
        }
    }

    fn is_property(&self, at: usize) -> bool {
        matches!(
            self.before(at),
            Some(Token::Period | Token::Elvis | Token::DoubleColon | Token::Fn)
        )
    }

    fn bind(&mut self, name: &'a str, kind: Option<Kind>) {
        let now = match (self.variables.get(name), kind) {
            (None, Some(kind)) => Variable::Result(kind),
            (Some(Variable::Result(before)), Some(kind)) if *before == kind => Variable::Result(kind),
            _ => Variable::Anything,
        };
        self.variables.insert(name, now);
    }

    /// A call that begins there and returns a result of ours, and its closing bracket.
    fn call(&self, at: usize) -> Option<(Kind, usize)> {
        let (kind, open) = match (self.word(at)?, self.token(at + 1)?) {
            ("extension", Token::LeftParen) => (Kind::Extension, at + 1),
            ("now", Token::LeftParen) => (Kind::Now, at + 1),
            (_, Token::Period) => match self.word(at + 2)? {
                "dial" | "proxy" => (Kind::Dial, at + 3),
                "collect" => (Kind::Collect, at + 3),
                "record" => (Kind::Record, at + 3),
                "conference" => (Kind::Conference, at + 3),
                "pickup" => (Kind::Pickup, at + 3),
                "park" => (Kind::Park, at + 3),
                "page" => (Kind::Page, at + 3),
                _ => return None,
            },
            _ => return None,
        };
        let end = match self.token(open)? {
            Token::LeftParen => self.tokens.matching(open),
            Token::Unit => open, // `caller.park()`
            _ => return None,
        };
        (!self.is_property(at)).then_some((kind, end))
    }

    fn ends_statement(&self, end: usize) -> bool {
        matches!(
            self.token(end + 1),
            None | Some(Token::SemiColon | Token::RightBrace | Token::EOF)
        )
    }

    fn check(&self, found: &mut Found) {
        for at in 0..self.tokens.len() {
            if let Some((kind, end)) = self.call(at) {
                self.property(kind, at, end + 1, found);
            } else if let Some(name) = self.word(at).filter(|_| !self.is_property(at))
                && let Some(Variable::Result(kind)) = self.variables.get(name)
            {
                self.property(*kind, at, at + 1, found);
            }
        }
    }

    /// What stands behind a result that begins at `start`: `.property`, or something else.
    fn property(&self, kind: Kind, start: usize, dot: usize, found: &mut Found) {
        let is_method = matches!(self.token(dot + 2), Some(Token::LeftParen | Token::Unit));
        let (Some(Token::Period | Token::Elvis), Some(property), false) =
            (self.token(dot), self.word(dot + 1), is_method)
        else {
            return;
        };
        let added = |name: &str| self.added.contains(&(name, property));
        if !kind.fields().contains(&property) && !self.word(start).is_some_and(added) {
            let fields = kind.fields().join(", ");
            let near = did_you_mean(property, kind.fields().iter().copied());
            let message = format!("{} has no {property}; it has {fields}{near}", kind.of());
            self.tell(dot + 1, message, found);
        }
        if property == "status" {
            for word in self.compared(start, dot + 1) {
                self.status(kind, word, found);
            }
        }
    }

    /// The texts that a status at these places is compared with.
    fn compared(&self, start: usize, end: usize) -> Vec<usize> {
        match (self.before(start), self.token(end + 1)) {
            (_, Some(Token::EqualsTo | Token::NotEqualsTo)) => vec![end + 2],
            (_, Some(Token::In | Token::NotIn)) if self.token(end + 2) == Some(&Token::LeftBracket) => {
                self.tokens.texts(end + 2)
            }
            (Some(Token::Switch), Some(Token::LeftBrace)) => self.arms(end + 1),
            (Some(Token::EqualsTo | Token::NotEqualsTo), _) => start.checked_sub(2).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The texts of a switch's arms.
    fn arms(&self, open: usize) -> Vec<usize> {
        let mut arms = self.tokens.texts(open);
        arms.retain(|at| {
            matches!(self.token(at + 1), Some(Token::DoubleArrow | Token::Pipe | Token::If))
                && !matches!(self.before(*at), Some(Token::EqualsTo | Token::NotEqualsTo))
        });
        arms
    }

    fn status(&self, kind: Kind, at: usize, found: &mut Found) {
        let Some(Token::StringConstant(text)) = self.token(at) else {
            return;
        };
        let words = kind.statuses();
        let known = words.contains(&text.as_str()) || (kind == Kind::Dial && DialStatus::parse(text).is_some());
        if !words.is_empty() && !known {
            let near = did_you_mean(text, words.iter().copied());
            let text = api::arguments::shown(text);
            let message = format!("a status is never {text}; it is one of {}{near}", words.join(", "));
            self.tell(at, message, found);
        }
    }

    fn tell(&self, at: usize, message: String, found: &mut Found) {
        found.push((self.tokens.place(at), message));
    }
}

fn is_assignment(token: &Token) -> bool {
    matches!(
        token,
        Token::Equals
            | Token::PlusAssign
            | Token::MinusAssign
            | Token::MultiplyAssign
            | Token::DivideAssign
            | Token::LeftShiftAssign
            | Token::RightShiftAssign
            | Token::AndAssign
            | Token::OrAssign
            | Token::XOrAssign
            | Token::ModuloAssign
            | Token::PowerOfAssign
    )
}
