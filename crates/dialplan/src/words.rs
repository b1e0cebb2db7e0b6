//! The words of results, read the same wherever they are compared.
//!
//! Call records and the API say `no_answer`, scripts see `noanswer`. Who writes either means the same, so a word that
//! is compared (`==`, `!=`, `in [..]`, an arm of `switch`) is put into the scripts' form while it is parsed. Every
//! other text stays as it is: a prompt may be called `no_answer`.
//!
//! Rhai hands each token it reads to [`token`], also those inside of interpolated strings; nothing here parses text.

use std::cell::RefCell;
use std::collections::HashSet;

use rhai::{Position, Token};
use switch::DialStatus;

/// A file's tokens in their order, with their places, and where each bracket among them is closed.
#[derive(Default)]
pub(crate) struct Tokens {
    list: Vec<(Token, Position)>,
    closed: Vec<usize>,
}

impl Tokens {
    pub(crate) fn new(list: Vec<(Token, Position)>) -> Self {
        let mut closed = vec![list.len(); list.len()];
        let mut open = Vec::new();
        for (at, (token, _)) in list.iter().enumerate() {
            if opens(token) {
                open.push(at);
            } else if matches!(token, Token::RightParen | Token::RightBracket | Token::RightBrace)
                && let Some(opened) = open.pop().and_then(|opened: usize| closed.get_mut(opened))
            {
                *opened = at;
            }
        }
        Self { list, closed }
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn token(&self, at: usize) -> Option<&Token> {
        self.list.get(at).map(|(token, _)| token)
    }

    /// From one place to another, this one included.
    pub(crate) fn part(&self, from: usize, to: usize) -> &[(Token, Position)] {
        self.list
            .get(from..=to.min(self.len().saturating_sub(1)))
            .unwrap_or_default()
    }

    pub(crate) fn place(&self, at: usize) -> Position {
        self.list.get(at).map_or(Position::NONE, |(_, place)| *place)
    }

    /// The place where the bracket that opens there is closed; the end where it is not closed, or where no bracket opens.
    pub(crate) fn matching(&self, open: usize) -> usize {
        self.closed.get(open).copied().unwrap_or(self.len())
    }

    /// The texts in a list or block that is written out, not those of lists in it.
    pub(crate) fn texts(&self, open: usize) -> Vec<usize> {
        let mut items = Vec::new();
        let (end, mut at) = (self.matching(open), open + 1);
        while at < end {
            let token = self.token(at);
            if matches!(token, Some(Token::StringConstant(_))) {
                items.push(at);
            } else if token.is_some_and(opens) {
                at = self.matching(at);
            }
            at += 1;
        }
        items
    }

    /// Every text that is compared with something.
    fn compared(&self) -> impl Iterator<Item = (&str, Position)> {
        let mut found = Vec::new();
        for (at, (token, _)) in self.list.iter().enumerate() {
            let is_list = |at: usize| self.token(at) == Some(&Token::LeftBracket);
            if matches!(token, Token::StringConstant(_)) && self.is_compared(at) {
                found.push(at);
            } else if matches!(token, Token::In | Token::NotIn) && is_list(at + 1) {
                found.extend(self.texts(at + 1));
            } else if is_list(at) && self.is_asked(self.matching(at) + 1) {
                found.extend(self.texts(at));
            }
        }
        found.into_iter().filter_map(|at| match self.token(at) {
            Some(Token::StringConstant(text)) => Some((text.as_str(), self.place(at))),
            _ => None,
        })
    }

    fn is_compared(&self, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|at| self.token(at));
        // `|` and `if` stand behind a text only in an arm of `switch`.
        matches!(before, Some(Token::EqualsTo | Token::NotEqualsTo | Token::Pipe))
            || matches!(
                self.token(at + 1),
                Some(Token::EqualsTo | Token::NotEqualsTo | Token::DoubleArrow | Token::Pipe | Token::If)
            )
    }

    /// Whether `.contains` stands there.
    fn is_asked(&self, at: usize) -> bool {
        let contains = |token: &Token| matches!(token, Token::Identifier(name) if name.as_str() == "contains");
        self.token(at) == Some(&Token::Period) && self.token(at + 1).is_some_and(contains)
    }
}

fn opens(token: &Token) -> bool {
    matches!(
        token,
        Token::LeftParen | Token::LeftBracket | Token::LeftBrace | Token::MapStart | Token::QuestionBracket
    )
}

enum Reading {
    Off,
    Noting(Vec<(Token, Position)>),
    Putting(HashSet<Position>),
}

thread_local! {
    static READING: RefCell<Reading> = const { RefCell::new(Reading::Off) };
}

/// What the parser is to take in place of a token.
pub(crate) fn token(token: Token, at: Position) -> Token {
    READING.with_borrow_mut(|reading| match reading {
        Reading::Off => token,
        Reading::Noting(tokens) => {
            tokens.push((token.clone(), at));
            token
        }
        Reading::Putting(places) => {
            let text = if let Token::StringConstant(text) = &token {
                Some(text).filter(|_| places.contains(&at))
            } else {
                None
            };
            let own = text.and_then(|text| in_scripts(text));
            own.map_or(token, |own| Token::StringConstant(Box::new(own.into())))
        }
    })
}

/// The tokens that are read during `parse`.
pub(crate) fn noted<T>(parse: impl FnOnce() -> T) -> (T, Tokens) {
    READING.set(Reading::Noting(Vec::new()));
    let parsed = parse();
    match READING.replace(Reading::Off) {
        Reading::Noting(tokens) => (parsed, Tokens::new(tokens)),
        Reading::Off | Reading::Putting(_) => (parsed, Tokens::default()),
    }
}

/// Parses again where words that are compared have another form in scripts.
pub(crate) fn put_right<T>(tokens: &Tokens, parse: impl FnOnce() -> T) -> Option<T> {
    let places: HashSet<Position> = tokens
        .compared()
        .filter_map(|(text, at)| in_scripts(text).map(|_| at))
        .collect();
    if places.is_empty() {
        return None;
    }
    READING.set(Reading::Putting(places));
    let parsed = parse();
    READING.set(Reading::Off);
    Some(parsed)
}

/// The scripts' form of a word that has another elsewhere.
fn in_scripts(text: &str) -> Option<&'static str> {
    let own = DialStatus::parse(text)?.as_str();
    (own != text).then_some(own)
}
