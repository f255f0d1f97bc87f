//! Whether what looks like a login is one. In: calls, intervals so far. Out: places of logins, yes or no. Bounds: one pass over calls.

use super::NONE;
use super::input::{Ev, Input, Issued};
use super::intervals::{How, Lives};
use rustc_hash::FxHashSet;

/// Places of logins that cannot be anything else, and of those whose caller had nothing to show.
pub fn login_places(input: &Input) -> FxHashSet<u32> {
    let mut out = FxHashSet::default();
    for row in &input.rows {
        let login = input.events_of(row).iter().any(|e| {
            let Ev::Login { sure, issued, .. } = *e else {
                return false;
            };
            let shown = |print: u64| input.creds_of(row).iter().any(|c| c.print == print);
            let bare = input.creds_of(row).iter().all(|c| c.maybe || !c.strong);
            sure || bare
                && input
                    .issued_of(issued)
                    .iter()
                    .any(|i| !i.maybe && !i.weak && !shown(i.print))
        });
        if login {
            out.insert(row.path);
        }
    }
    out
}

/// Whether a form with a name and a password was sent by somebody else who has a session: it makes an account.
pub fn made_by_another(input: &Input, call: u32, name: u32, mine: &[u32], l: &Lives) -> bool {
    let path = input.rows.get(call as usize).map_or(NONE, |r| r.path);
    !l.logins_at.contains(&path)
        && mine.iter().any(|id| {
            l.list
                .get(*id as usize)
                .is_some_and(|iv| iv.owner != NONE && iv.owner != name && iv.how != How::Before)
        })
}

/// Whether a form that may be a login handed out nothing, at a place where nobody else ever got in.
pub fn only_kept(issued: &[Issued], call: u32, mine: &[u32], l: &Lives, input: &Input) -> bool {
    let path = input.rows.get(call as usize).map_or(NONE, |r| r.path);
    let kept = |i: &Issued| {
        i.maybe
            || i.weak
            || mine.iter().any(|id| {
                l.list
                    .get(*id as usize)
                    .is_some_and(|iv| iv.print == i.print)
            })
    };
    !l.logins_at.contains(&path) && issued.iter().all(kept)
}

/// Whether the call that caused this one has shown the same login or logout: one act seen on its way inwards.
pub fn told_before(input: &Input, call: u32, e: &Ev, l: &mut Lives) -> bool {
    let Some((outer, row)) = input.outer_of(call) else {
        return false;
    };
    match *e {
        Ev::Login { name, issued, .. } => {
            let Some((who, first)) = l.login.get(&outer).copied() else {
                return false;
            };
            let print = l.list.get(first as usize).map(|iv| iv.print);
            let same = who == name
                && input
                    .issued_of(issued)
                    .iter()
                    .any(|i| Some(i.print) == print);
            if same {
                l.login.insert(call, (who, first));
            }
            same
        }
        Ev::Logout | Ev::Left { .. } => {
            input.events_of(row).iter().any(|e| matches!(e, Ev::Logout))
        }
        _ => false,
    }
}
