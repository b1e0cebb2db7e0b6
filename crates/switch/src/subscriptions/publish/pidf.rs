//! A presence document (PIDF, RFC 3863) as a phone publishes it: what of it is understood.
//!
//! That is the state and the notes of its tuples, and the activities (RPID, RFC 4480) and notes of its person (RFC 4479).
//! All else is left out (RFC 3863 section 4.2.3: what is not understood may be passed over).

use crate::{answer::Answer, subscriptions::package::xml};

/// What the namespaces of PIDF, of its data model and of RPID begin with.
const NAMESPACES: &str = "urn:ietf:params:xml:ns:pidf";
/// Tuples of a document, and notes of a tuple or a person; further ones are left out.
const MOST_PARTS: usize = 8;
/// Characters of a note; what is longer is cut off.
const NOTE: usize = 200;

/// The activities of RFC 4480 section 3.2, besides `other` and `unknown`, which say nothing to a phone.
const ACTIVITIES: [&str; 25] = [
    "appointment",
    "away",
    "breakfast",
    "busy",
    "dinner",
    "holiday",
    "in-transit",
    "looking-for-work",
    "lunch",
    "meal",
    "meeting",
    "on-the-phone",
    "performance",
    "permanent-absence",
    "playing",
    "presentation",
    "shopping",
    "sleeping",
    "spectator",
    "steering",
    "travel",
    "tv",
    "vacation",
    "working",
    "worship",
];

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::subscriptions) struct Pidf {
    tuples: Vec<Tuple>,
    activities: Vec<&'static str>,
    /// Of the person, and of the document.
    notes: Vec<Box<str>>,
}

/// A tuple: one way to communicate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::subscriptions) struct Tuple {
    /// Its basic state, if it has one.
    pub open: Option<bool>,
    pub notes: Vec<Box<str>>,
}

impl Pidf {
    /// Reads a document.
    ///
    /// # Errors
    /// 400 if it is no PIDF.
    pub fn read(body: &[u8]) -> Result<Self, Answer> {
        let document = xml::read(body)?;
        let root = document.root_element();
        let is = |node: &roxmltree::Node<'_, '_>, name: &str| {
            let space = node.tag_name().namespace().unwrap_or_default();
            node.tag_name().name() == name && space.starts_with(NAMESPACES)
        };
        if !is(&root, "presence") {
            return Err(xml::unreadable());
        }
        let notes = |node: roxmltree::Node<'_, '_>| {
            let notes = node.children().filter(|child| is(child, "note"));
            let texts = notes.map(xml::text).filter(|text| !text.is_empty());
            let cut = texts.map(|text| text.chars().take(NOTE).collect::<String>().into());
            cut.take(MOST_PARTS).collect::<Vec<Box<str>>>()
        };
        let mut pidf = Self {
            notes: notes(root),
            ..Self::default()
        };
        for node in root.children() {
            if is(&node, "tuple") && pidf.tuples.len() < MOST_PARTS {
                let basic = node.descendants().find(|inner| is(inner, "basic")).map(xml::text);
                pidf.tuples.push(Tuple {
                    open: match basic.as_deref() {
                        Some("open") => Some(true),
                        Some("closed") => Some(false),
                        Some(_) | None => None,
                    },
                    notes: notes(node),
                });
            } else if is(&node, "person") {
                pidf.notes.extend(notes(node));
                pidf.notes.truncate(MOST_PARTS);
            }
        }
        for group in root.descendants().filter(|node| is(node, "activities")) {
            for child in group.children().filter(roxmltree::Node::is_element) {
                let known = ACTIVITIES.iter().find(|known| is(&child, known)).copied();
                pidf.activities
                    .extend(known.filter(|known| !pidf.activities.contains(known)));
            }
        }
        Ok(pidf)
    }

    pub fn tuples(&self) -> &[Tuple] {
        &self.tuples
    }

    pub fn activities(&self) -> impl Iterator<Item = &'static str> {
        self.activities.iter().copied()
    }

    /// The notes of its person.
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        self.notes.iter().map(AsRef::as_ref)
    }

    /// The notes of its person and of its tuples.
    pub fn all_notes(&self) -> impl Iterator<Item = &str> {
        let tuples = self.tuples.iter().flat_map(|tuple| &tuple.notes);
        self.notes().chain(tuples.map(AsRef::as_ref))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &str) -> u16 {
        Pidf::read(body.as_bytes()).map_or_else(|answer| answer.status.code(), |_| 200)
    }

    #[test]
    fn tuples_activities_and_notes_are_read_and_all_else_is_left_out() {
        let body = "<?xml version='1.0' encoding='UTF-8'?>\n\
            <p:presence xmlns:p='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' \
            xmlns:r='urn:ietf:params:xml:ns:pidf:rpid' xmlns:x='urn:other' entity='sip:102@tandem.local'>\
            <p:tuple id='a'><p:status><p:basic> open </p:basic><x:secret>1</x:secret></p:status>\
            <p:contact>sip:102@192.0.2.9</p:contact><p:note>at &lt;my&gt; desk</p:note></p:tuple>\
            <p:tuple id='b'><p:status/></p:tuple>\
            <dm:person id='c'><r:activities><r:meeting/><r:meeting/><x:away/><r:other>y</r:other><r:away/></r:activities>\
            <dm:note>back at 3</dm:note></dm:person></p:presence>";
        let pidf = Pidf::read(body.as_bytes()).unwrap();
        assert_eq!(
            pidf.tuples(),
            [
                Tuple {
                    open: Some(true),
                    notes: vec!["at <my> desk".into()]
                },
                Tuple::default()
            ]
        );
        assert_eq!(pidf.activities().collect::<Vec<_>>(), ["meeting", "away"]);
        assert_eq!(pidf.notes().collect::<Vec<_>>(), ["back at 3"]);
        assert_eq!(pidf.all_notes().count(), 2);
    }

    #[test]
    fn what_is_no_presence_document_is_refused_and_costs_little() {
        for body in [
            "",
            "x",
            "<presence/>",
            "<presence xmlns='urn:ietf:params:xml:ns:pidf'>",
            "<!DOCTYPE a [<!ENTITY b 'c'><!ENTITY d '&b;&b;'>]><presence xmlns='urn:ietf:params:xml:ns:pidf'>&d;</presence>",
            "<presence xmlns='urn:ietf:params:xml:ns:pidf'>&d;</presence>",
        ] {
            assert_eq!(code(body), 400, "{body}");
        }
        let deep = |n: usize| {
            let (open, close) = ("<a>".repeat(n), "</a>".repeat(n));
            format!("<presence xmlns='urn:ietf:params:xml:ns:pidf'>{open}{close}</presence>")
        };
        assert_eq!((code(&deep(100)), code(&deep(100_000))), (200, 400));
        let tuples = "<tuple id='a'/>".repeat(100);
        let body = format!("<presence xmlns='urn:ietf:params:xml:ns:pidf'>{tuples}</presence>");
        assert_eq!(Pidf::read(body.as_bytes()).unwrap().tuples().len(), MOST_PARTS);
    }
}
