//! Derived inputs: what was computed before is remembered here, and Python computes the rest.

use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::arguments::Event;
use crate::chunks::Out;
use crate::resp::bulk;

/// So many are remembered of each kind, none of a longer text; then all are forgotten.
const MOST: usize = 4_096;
const LONGEST: usize = 2_048;

/// In no UTF-8.
const BETWEEN: u8 = 0xff;

/// The fields that inputs are derived from, by the places of their picks.
pub struct Sources {
    pub url: Option<usize>,
    pub referrer: Option<usize>,
    pub user_agent: Option<usize>,
    /// Whether an input is derived from an address.
    pub has_pages: bool,
    /// The place of the class of bots among the derived inputs.
    pub bot_at: Option<usize>,
}

/// What is derived from a page and its referrer, as words.
#[derive(Debug, PartialEq, Eq)]
pub struct PageWords {
    words: Box<[u8]>,
    /// Where the class of bots stands between them.
    bot_at: usize,
}

/// All derived inputs of an event.
#[derive(Clone, Default)]
pub struct DerivedWords {
    page: Option<Arc<PageWords>>,
    bot: Option<Arc<[u8]>>,
}

/// What only Python can compute: of an event at a place.
pub struct Question {
    pub place: usize,
    pub asked: Asked,
}

pub enum Asked {
    Page { url: String, referrer: String },
    Bot { user_agent: String },
}

#[derive(Default)]
pub struct Memory {
    pages: Remembered<PageWords>,
    bots: Remembered<[u8]>,
    key: Vec<u8>,
}

/// What was computed, by the texts that it was computed of.
struct Remembered<V: ?Sized>(HashMap<Box<[u8]>, Arc<V>, FxBuildHasher>);

impl<V: ?Sized> Default for Remembered<V> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<V: ?Sized> Remembered<V> {
    fn keep(&mut self, key: &[u8], value: &Arc<V>) {
        if key.len() > LONGEST {
            return;
        }
        if self.0.len() == MOST {
            self.0.clear();
        }
        self.0.insert(key.into(), Arc::clone(value));
    }
}

impl Memory {
    /// What is known of an event; what is not goes to the questions.
    pub fn look(
        &mut self,
        event: Event,
        sources: &Sources,
        place: usize,
        questions: &mut Vec<Question>,
    ) -> DerivedWords {
        let mut found = DerivedWords::default();
        let mut ask = |asked| questions.push(Question { place, asked });
        if sources.has_pages {
            let (url, referrer) = (text(event, sources.url), text(event, sources.referrer));
            found.page = self.page_of(&url, &referrer);
            if found.page.is_none() {
                ask(Asked::Page { url: owned(&url), referrer: owned(&referrer) });
            }
        }
        if sources.bot_at.is_some() {
            let user_agent = text(event, sources.user_agent);
            found.bot = self.bots.0.get(&user_agent[..]).cloned();
            if found.bot.is_none() {
                ask(Asked::Bot { user_agent: owned(&user_agent) });
            }
        }
        found
    }

    pub fn page_of(&mut self, url: &[u8], referrer: &[u8]) -> Option<Arc<PageWords>> {
        self.pages.0.get(page_key(url, referrer, &mut self.key)).cloned()
    }

    pub fn bot_of(&self, user_agent: &[u8]) -> Option<Arc<[u8]>> {
        self.bots.0.get(user_agent).cloned()
    }

    /// Take what Python computed of a page: its inputs in their order, without the class of bots.
    pub fn learn_page(
        &mut self,
        url: &[u8],
        referrer: &[u8],
        values: &[String],
        bot_at: Option<usize>,
    ) -> Arc<PageWords> {
        let mut words = Out::default();
        let mut before_bot = 0;
        for (place, value) in values.iter().enumerate() {
            if Some(place) == bot_at {
                before_bot = words.len();
            }
            bulk(value.as_bytes(), &mut words);
        }
        if bot_at == Some(values.len()) {
            before_bot = words.len();
        }
        let page = Arc::new(PageWords { words: words.as_slice().into(), bot_at: before_bot });
        self.pages.keep(page_key(url, referrer, &mut self.key), &page);
        page
    }

    /// Take what Python computed of a user agent.
    pub fn learn_bot(&mut self, user_agent: &[u8], class: &str) -> Arc<[u8]> {
        let mut word = Out::default();
        bulk(class.as_bytes(), &mut word);
        let word = Arc::from(word.as_slice());
        self.bots.keep(user_agent, &word);
        word
    }
}

impl DerivedWords {
    pub fn with_page(&mut self, page: Arc<PageWords>) {
        self.page = Some(page);
    }

    pub fn with_bot(&mut self, bot: Arc<[u8]>) {
        self.bot = Some(bot);
    }

    pub fn write(&self, out: &mut Out) {
        let bot = self.bot.as_deref().unwrap_or_default();
        match &self.page {
            Some(page) => {
                let (before, behind) = page.words.split_at(page.bot_at);
                [before, bot, behind].iter().for_each(|part| out.extend(part));
            }
            None => out.extend(bot),
        }
    }
}

fn page_key<'k>(url: &[u8], referrer: &[u8], key: &'k mut Vec<u8>) -> &'k [u8] {
    key.clear();
    key.extend_from_slice(url);
    key.push(BETWEEN);
    key.extend_from_slice(referrer);
    key
}

/// The text of a field; empty where it is none.
fn text(event: Event<'_>, place: Option<usize>) -> std::borrow::Cow<'_, [u8]> {
    use crate::scan::Kind::{EscapedText, Text};
    match place.map(|place| event.picks[place]) {
        Some(pick) if matches!(pick.kind, Text | EscapedText) => event.text(pick),
        _ => b"".into(),
    }
}

fn owned(text: &[u8]) -> String {
    // Texts of a record are UTF-8.
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flatten::Pick;
    use crate::scan::Kind;

    const SOURCES: Sources = Sources {
        url: Some(0),
        referrer: Some(1),
        user_agent: Some(1),
        has_pages: true,
        bot_at: Some(1),
    };

    fn event<'a>(flat: &'a [u8], picks: &'a [Pick]) -> Event<'a> {
        Event { flat, picks, is_streamed: true, offset: 0, timestamp: 0, read_at: None }
    }

    #[test]
    fn what_was_learnt_is_not_asked_again() {
        let flat = br#""u""r"7"#;
        let text = |start, end, kind| Pick { start, end, kind };
        let picks = [text(0, 3, Kind::Text), text(3, 6, Kind::Text)];
        let mut memory = Memory::default();
        let mut questions = Vec::new();
        memory.look(event(flat, &picks), &SOURCES, 5, &mut questions);
        assert_eq!(questions.iter().map(|each| each.place).collect::<Vec<_>>(), [5, 5]);
        let values = ["a".to_owned(), "bc".to_owned()];
        memory.learn_page(b"u", b"r", &values, Some(1));
        memory.learn_bot(b"r", "");
        questions.clear();
        let found = memory.look(event(flat, &picks), &SOURCES, 5, &mut questions);
        assert!(questions.is_empty());
        let mut out = Out::default();
        found.write(&mut out);
        assert_eq!(out.as_slice(), b"$1\r\na\r\n$0\r\n\r\n$2\r\nbc\r\n");
        assert_eq!(memory.page_of(b"ur", b""), None);
        // A number is no address.
        let number = [text(6, 7, Kind::Integer), text(3, 6, Kind::Text)];
        memory.look(event(flat, &number), &SOURCES, 5, &mut questions);
        assert!(matches!(&questions[0].asked, Asked::Page { url, .. } if url.is_empty()));
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut memory = Memory::default();
        for number in 0..MOST {
            memory.learn_bot(format!("agent {number}").as_bytes(), "seo");
        }
        assert!(memory.bot_of(b"agent 0").is_some());
        memory.learn_bot(b"one more", "seo");
        assert!(memory.bot_of(b"agent 0").is_none());
        assert!(memory.bot_of(b"one more").is_some());
        let long = vec![b'x'; LONGEST + 1];
        memory.learn_bot(&long, "seo");
        assert!(memory.bot_of(&long).is_none());
    }
}
