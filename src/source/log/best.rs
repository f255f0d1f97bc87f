//! Of what stands under names that are known, the most trusted for each slot. In: names and texts of one line. Out: what a draft is told.
//! Bounds: one text a slot.

use super::draft::{Draft, SLOTS, Slot, address};
use super::names::{MEANINGS, fits, is_clock, is_target, meaning, says_nothing, slot};
use super::shape::METHODS;
use super::spans::{EITHER, LEVELS, span, with_unit};
use std::borrow::Cow;

/// The first names of a time are variables of nginx, which stamps its lines when a call is over.
const NGINX: usize = 3;

/// What stands under known names: of several for one slot the most trusted.
#[derive(Default)]
pub struct Best<'a> {
    found: [Option<(usize, usize, Cow<'a, str>)>; SLOTS.len()],
    /// A span without a unit behind its name is of milliseconds, as the servers of Node have it.
    node: bool,
    /// A logger wrote the line, and when it did.
    logger: bool,
    /// What is called a method and is none of a request.
    other_method: bool,
    /// What is called `hostname`: with loggers their own machine, with gateways the host that was asked.
    machine: Option<(usize, Cow<'a, str>)>,
}

impl<'a> Best<'a> {
    /// Of an object, as servers of Node write one or not.
    pub fn of_node(node: bool) -> Best<'a> {
        Best {
            node,
            ..Best::default()
        }
    }

    /// Takes what stands under a folded name.
    pub fn take(&mut self, name: &str, at: usize, text: impl FnOnce() -> Option<Cow<'a, str>>) {
        if let Some((slot, rank)) = slot(name) {
            let Some(text) = text().filter(|t| !says_nothing(t)) else {
                return;
            };
            // what rights are asked for is called a resource as well
            if name == "resource" && !is_target(&text) {
                return;
            }
            let slot = match slot {
                // `request` may hold the target alone
                Slot::Request if is_target(&text) => Slot::Uri,
                Slot::Time if is_clock(&text) => Slot::Clock,
                slot => slot,
            };
            // or the host with the target behind it
            let (slot, text) = match slot {
                Slot::Request if on_host(&text) => {
                    (Slot::Uri, Cow::Owned(format!("http://{text}")))
                }
                slot => (slot, text),
            };
            self.other_method |= slot == Slot::Method && !fits(slot, &text);
            // who is asked by the server in front on the same machine tells itself as the client: who is told beside it asked
            let own = |t: &str| slot == Slot::Src && address(t).0.is_some_and(|a| a.is_loopback());
            let better = |(r, _, have): &(usize, usize, Cow<'_, str>)| match (own(have), own(&text))
            {
                (true, false) => true,
                (false, true) => false,
                _ => rank < *r,
            };
            if let Some(have) = self.found.get_mut(slot as usize)
                && have.as_ref().is_none_or(better)
                && fits(slot, &text)
            {
                *have = Some((rank, at, text));
            }
            return;
        }
        // an export puts the record into an object of its own, and the time with it
        if matches!(name.rsplit_once('.'), Some((_, "timestamp" | "@timestamp"))) {
            if let Some(have @ None) = self.found.get_mut(Slot::Time as usize)
                && let Some(text) = text().filter(|t| fits(Slot::Time, t))
            {
                *have = Some((usize::MAX, at, text));
            }
        } else if LEVELS.contains(&name) {
            self.logger = true;
        } else if matches!(name, "name" | "operationname") {
            // Application Insights: `GET Users/Index`
            let Some(text) = text() else { return };
            let method = text.split(' ').next().filter(|m| METHODS.contains(m));
            if let Some(method) = method.filter(|m| m.len() < text.len())
                && let Some(have @ None) = self.found.get_mut(Slot::Method as usize)
            {
                *have = Some((usize::MAX, at, Cow::Owned(method.to_owned())));
            }
        } else if name == "hostname" {
            self.machine = text().map(|t| (at, t));
        } else if let Some(unit) = span(name)
            && let Some(text) = text()
        {
            self.span(name, at, unit, text);
        }
    }

    fn span(&mut self, name: &str, at: usize, unit: Option<i64>, text: Cow<'a, str>) {
        if name == EITHER && text.contains(['/', '-', ':']) {
            if let Some(have @ None) = self.found.get_mut(Slot::Time as usize) {
                *have = Some((usize::MAX, at, text));
            }
        } else if let Some(text) = with_unit(&text, unit, self.node)
            && let Some(have) = self.found.get_mut(Slot::Duration as usize)
            && (have.is_none() || unit.is_some())
        {
            *have = Some((0, at, Cow::Owned(text)));
        }
    }

    /// Whether something stands for a slot.
    pub fn has(&self, slot: Slot) -> bool {
        self.found.get(slot as usize).is_some_and(Option::is_some)
    }

    /// The host that was asked, where nothing else says it: the target begins with it, or the line is none of a logger of that
    /// machine (`sure`) and it is a name within a domain.
    pub fn host(&mut self, sure: bool) {
        if self.has(Slot::Host) {
            return;
        }
        let uri = self.found.get(Slot::Uri as usize).and_then(Option::as_ref);
        let Some((at, host)) = self.machine.take().filter(|(_, h)| h.contains('.')) else {
            return;
        };
        let begins = |(_, _, uri): &(usize, usize, Cow<'a, str>)| {
            let rest = uri.strip_prefix(host.as_ref());
            rest.is_some_and(|r| r.is_empty() || r.starts_with(['/', '?', ':']))
        };
        if (sure || uri.is_some_and(begins))
            && let Some(have) = self.found.get_mut(Slot::Host as usize)
        {
            *have = Some((usize::MAX, at, host));
        }
    }

    /// Whether enough is said for a call: many things have a path, or a URL.
    pub fn is_call(&self) -> bool {
        let any = |slots: &[Slot]| slots.iter().any(|s| self.has(*s));
        any(&[Slot::Method, Slot::Request])
            || (self.has(Slot::Status) && !self.other_method)
            || (any(&[Slot::Src, Slot::Forwarded])
                && any(&[Slot::Host, Slot::User, Slot::Agent])
                && self.has(Slot::Uri))
    }

    /// Whether it is of a request.
    pub fn is_request(&self) -> bool {
        self.has(Slot::Request) || (self.has(Slot::Method) && self.has(Slot::Uri))
    }

    /// Takes from what stands around it what may be said there of a request.
    pub fn around(&mut self, outer: Best<'a>) {
        const MAY: &[Slot] = &[
            Slot::Time,
            Slot::Start,
            Slot::Date,
            Slot::Duration,
            Slot::Status,
            Slot::Src,
            Slot::User,
            Slot::Trace,
        ];
        self.logger |= outer.logger;
        for (n, found) in outer.found.into_iter().enumerate() {
            if let Some(have @ None) = self.found.get_mut(n)
                && MAY.iter().any(|s| *s as usize == n)
            {
                *have = found;
            }
        }
    }

    /// Says it to a draft.
    pub fn say(mut self, draft: &mut Draft<'a>) {
        draft.lenient = true;
        let time = self.found.get(Slot::Time as usize).and_then(Option::as_ref);
        let nginx = time.is_some_and(|(rank, ..)| *rank < NGINX);
        if (self.logger || nginx)
            && self.has(Slot::Duration)
            && let Some(time) = self.found.get_mut(Slot::Time as usize)
            && let Some((_, at, text)) = time.take()
        {
            draft.put(meaning(Slot::End), text, at);
        }
        for (found, meaning) in self.found.into_iter().zip(MEANINGS.iter()) {
            if let Some((_, at, text)) = found {
                draft.put(meaning, text, at);
            }
        }
    }
}

/// `api.example/a?b=1`.
fn on_host(text: &str) -> bool {
    let host = text.split_once('/').map(|(host, _)| host);
    host.is_some_and(super::shape::is_host) && !text.contains(' ')
}
