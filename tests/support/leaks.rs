//! Seeded leaks for the solver: who read what, what leaked, who did it. In: a seed. Out: a [`Scene`]. A seed decides everything:
//! sizes (5 to 500 accounts, 500 to 50,000 records), how popular records are, regions, teams on one queue, readers of a
//! third of everything, how much of the reading was captured, how many leaked and what they picked.

use leaktrace::trace::likelihood::{Label, Reads};

/// A small generator with a seed: the same numbers on every machine.
pub struct Rng(u64);
impl Rng {
    pub fn new(seed: u64) -> Rng {
        // Seeds that follow each other must not give streams that do.
        let mut r = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xd1b5_4a32_d192_ed03);
        for _ in 0..8 {
            r.next();
        }
        r
    }
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }
    pub fn unit(&mut self) -> f64 {
        self.below(1 << 30) as f64 / (1u64 << 30) as f64
    }
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }
    /// Between two numbers, as many small as large ones.
    pub fn spread(&mut self, from: f64, to: f64) -> usize {
        (from * (to / from).powf(self.unit())) as usize
    }
}

/// What of its reads a leaker takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    All,
    Share,
    Region,
    Window,
    Pages,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// So many accounts leaked.
    Colluders(usize),
    /// One leaked, and another account read just the same.
    Twins,
    /// Nobody in the evidence: records at random, popular ones, a region, or what an account took that was not captured.
    Innocent(u8),
}

/// A leak and what is known of the reading.
pub struct Scene {
    pub kind: Kind,
    pub pick: Pick,
    pub universe: u32,
    pub by_account: Vec<Vec<u32>>,
    /// The same in the order of time.
    pub in_order: Vec<Vec<u32>>,
    pub leaked: Vec<u32>,
    /// Who leaked.
    pub truth: Vec<usize>,
    /// The twin of the leaker.
    pub twin: Option<usize>,
    pub team: Vec<usize>,
    pub seen: f64,
    pub regional: bool,
    /// Records that there are, and regions that they lie in.
    records: u32,
    regions: u32,
}

impl Scene {
    pub fn reads(&self) -> Reads {
        Reads {
            universe: self.universe,
            by_account: self.by_account.clone(),
            in_order: self.in_order.clone(),
            leaked: self.leaked.clone(),
            ..Reads::default()
        }
    }
    /// The same where the evidence shows the region of each record, as a field beside it.
    pub fn told(&self) -> Reads {
        let value = |t: u32| match t < self.records {
            true => region(t, self.records, self.regions) as u16 + 1,
            false => 0,
        };
        Reads {
            labels: vec![Label {
                name: "region".into(),
                values: (0..self.regions).map(|r| format!("r{r}")).collect(),
                of: (0..self.universe).map(value).collect(),
            }],
            ..self.reads()
        }
    }
    pub fn label(&self) -> String {
        match self.kind {
            Kind::Colluders(k) => format!("k={k}"),
            Kind::Twins => "twins".into(),
            Kind::Innocent(_) => "none".into(),
        }
    }
    pub fn pick_name(&self) -> String {
        match self.kind {
            Kind::Innocent(n) => {
                ["random", "popular", "region", "uncaptured"][usize::from(n)].into()
            }
            _ => format!("{:?}", self.pick).to_lowercase(),
        }
    }
    pub fn shape(&self) -> String {
        format!(
            "{}{}",
            if self.seen < 1.0 {
                "partly seen"
            } else {
                "all seen"
            },
            if self.truth.iter().any(|t| self.team.contains(t)) {
                ", in a team"
            } else {
                ""
            }
        )
    }
    pub fn describe(&self) -> String {
        format!(
            "{} seen {:.2} team {} regional {}",
            self.pick_name(),
            self.seen,
            self.team.len(),
            self.regional
        )
    }
    /// Whether everybody who leaked gave ten records or more that none of the others received: who gave less can hardly be told.
    pub fn apart(&self) -> bool {
        self.truth.iter().all(|a| {
            let others = |t: &u32| {
                let mut rest = self.truth.iter().filter(|b| *b != a);
                rest.any(|b| self.by_account[*b].binary_search(t).is_ok())
            };
            let own = self.by_account[*a].iter();
            own.filter(|t| self.leaked.binary_search(t).is_ok() && !others(t))
                .count()
                >= 10
        })
    }
    /// Whether an answer is the truth: the set itself, and for twins the class of both.
    pub fn right(&self, set: &[usize], ties: &[Vec<usize>]) -> bool {
        match self.twin {
            Some(t) => {
                let mut both = vec![self.truth[0], t];
                both.sort_unstable();
                set.len() == 1 && both.contains(&set[0]) && ties == [both]
            }
            None => set == self.truth,
        }
    }
}

/// Popularity by rank with the exponent `s`, by the inverse of its integral; ranks are scattered over the records.
struct Zipf {
    n: f64,
    s: f64,
    step: u64,
}
impl Zipf {
    fn draw(&self, r: &mut Rng) -> u32 {
        let u = r.unit();
        let x = if (self.s - 1.0).abs() < 0.01 {
            self.n.powf(u)
        } else {
            let e = 1.0 - self.s;
            (u * (self.n.powf(e) - 1.0) + 1.0).powf(1.0 / e)
        };
        let rank = (x as u64).min(self.n as u64 - 1);
        (rank * self.step % self.n as u64) as u32
    }
}

fn tidy(mut v: Vec<u32>) -> Vec<u32> {
    v.sort_unstable();
    v.dedup();
    v
}

/// Seeds by turns: four of five are colluders (1, 2, 3, 5), then twins and innocents.
pub fn scene(seed: u64) -> Scene {
    let mut r = Rng::new(seed);
    let kind = match seed % 8 {
        0 | 4 => Kind::Colluders(1),
        1 => Kind::Colluders(2),
        2 | 5 => Kind::Colluders(3),
        3 => Kind::Colluders(5),
        6 => Kind::Twins,
        _ => Kind::Innocent((seed / 8 % 4) as u8),
    };
    make(&mut r, kind)
}

pub fn make(r: &mut Rng, kind: Kind) -> Scene {
    let leakers = match kind {
        Kind::Colluders(k) => k,
        _ => 1,
    };
    let accounts = r.spread(5.0, 500.0).max(3 * leakers);
    let records = r.spread(500.0, 50_000.0) as u32;
    let regions = 3 + r.below(8) as u32;
    let regional = r.chance(0.5);
    let zipf = Zipf {
        n: f64::from(records),
        s: r.unit() * 1.2,
        // A prime that divides no size here.
        step: 100_003,
    };
    // Everything each account read, in the order of time.
    let mut reads: Vec<Vec<u32>> = Vec::new();
    for _ in 0..accounts {
        let n = r.spread(30.0, 800.0).min(records as usize / 3);
        let home = r.below(u64::from(regions)) as u32;
        let stays = regional && r.chance(0.7);
        let mut own = Vec::new();
        for _ in 0..8 * n {
            let t = zipf.draw(r);
            // A region is a stretch of numbers; the popular are everywhere.
            if (!stays || region(t, records, regions) == home) && !own.contains(&t) {
                own.push(t);
                if own.len() == n {
                    break;
                }
            }
        }
        reads.push(own);
    }
    let bulk = (1 + r.below(6) as usize).min(accounts / 4);
    for own in reads.iter_mut().take(bulk) {
        // A reader of a third of everything, page after page from somewhere.
        let from = r.below(u64::from(records)) as u32;
        *own = if r.chance(0.5) {
            (0..records).filter(|_| r.chance(0.33)).collect()
        } else {
            (0..records / 3).map(|i| (from + i) % records).collect()
        };
    }
    let mut team: Vec<usize> = Vec::new();
    if accounts >= 12 && r.chance(0.35) {
        let size = 3 + r.below(8) as usize;
        team = (bulk..(bulk + size).min(accounts)).collect();
        let share = 0.80 + 0.15 * r.unit();
        let n = r.spread(100.0, 1500.0).min(records as usize / 3);
        let mut queue: Vec<u32> = Vec::new();
        for _ in 0..8 * n {
            let t = zipf.draw(r);
            if !queue.contains(&t) {
                queue.push(t);
                if queue.len() == n {
                    break;
                }
            }
        }
        for a in &team {
            reads[*a] = queue.iter().copied().filter(|_| r.chance(share)).collect();
        }
    }
    let innocent = matches!(kind, Kind::Innocent(_));
    let pick = [
        Pick::All,
        Pick::Share,
        Pick::Region,
        Pick::Window,
        Pick::Pages,
    ][r.below(5) as usize];
    // Who leaks: any account, in teams more often than chance would have it.
    let mut truth: Vec<usize> = Vec::new();
    let mut tries = 0;
    while truth.len() < leakers {
        tries += 1;
        let a = if !team.is_empty() && truth.is_empty() && r.chance(0.5) {
            team[r.below(team.len() as u64) as usize]
        } else {
            r.below(accounts as u64) as usize
        };
        let bulky = a < bulk && r.chance(0.7);
        if !truth.contains(&a) && (tries > 5000 || reads[a].len() >= 25 && !bulky) {
            truth.push(a);
        }
    }
    truth.sort_unstable();
    let mut leaked: Vec<u32> = Vec::new();
    for a in &truth {
        let own = &reads[*a];
        let take = |v: Vec<u32>| {
            // Less than ten rows of one leaker are nothing to be named for.
            if v.len() >= 10 {
                v
            } else {
                own.iter().copied().take(20).collect()
            }
        };
        let some = match pick {
            Pick::All => take(own.clone()),
            Pick::Share => {
                let p = 0.1 + 0.5 * r.unit();
                let v = own.iter().copied().filter(|_| r.chance(p)).collect();
                take(v)
            }
            Pick::Region => {
                let home = region(own[r.below(own.len() as u64) as usize], records, regions);
                take(
                    own.iter()
                        .copied()
                        .filter(|t| region(*t, records, regions) == home)
                        .collect(),
                )
            }
            Pick::Window => {
                let n = (own.len() as f64 * (0.1 + 0.4 * r.unit())) as usize;
                let from = r.below((own.len() - n) as u64 + 1) as usize;
                take(own[from..from + n].to_vec())
            }
            Pick::Pages => {
                // Whole pages of 20 as they were read.
                let pages: Vec<&[u32]> = own.chunks(20).collect();
                let p = 0.15 + 0.4 * r.unit();
                let v = pages
                    .iter()
                    .filter(|_| r.chance(p))
                    .flat_map(|p| p.iter().copied())
                    .collect();
                take(v)
            }
        };
        leaked.extend(some);
    }
    let noise = (leaked.len() as f64 * 0.3) as usize;
    match kind {
        Kind::Innocent(what) => {
            let n = r.spread(20.0, 2000.0).min(records as usize / 4);
            leaked = match what {
                0 => (0..n).map(|_| r.below(u64::from(records)) as u32).collect(),
                1 => (0..n).map(|_| zipf.draw(r)).collect(),
                2 => {
                    let home = r.below(u64::from(regions)) as u32;
                    let share = 0.1 + 0.8 * r.unit();
                    (0..records)
                        .filter(|t| region(*t, records, regions) == home && r.chance(share))
                        .collect()
                }
                // What the leaker took, who will not be in the evidence.
                _ => leaked,
            };
        }
        _ => {
            for i in 0..noise {
                leaked.push(match i % 4 {
                    0 => r.below(u64::from(records)) as u32,
                    1 => zipf.draw(r),
                    // From elsewhere: nobody here ever received it.
                    _ => records + r.below(u64::from(records) / 4 + 10) as u32,
                });
            }
        }
    }
    // What the capture has of it: all, a stretch of time, or a part at random.
    let seen = if r.chance(0.6) {
        1.0
    } else {
        0.8 + 0.19 * r.unit()
    };
    if seen < 1.0 {
        let stretch = r.chance(0.3);
        for own in &mut reads {
            let n = own.len();
            let mut i = 0usize;
            let lost = (n as f64 * (1.0 - seen)) as usize;
            own.retain(|_| {
                i += 1;
                if stretch { i > lost } else { r.chance(seen) }
            });
        }
    }
    let mut twin = None;
    if kind == Kind::Twins {
        let t = (truth[0] + 1) % accounts;
        reads[t] = reads[truth[0]].clone();
        twin = Some(t);
    }
    let leaked = tidy(leaked);
    if innocent {
        if kind == Kind::Innocent(3) {
            reads[truth[0]] = Vec::new();
        }
        truth.clear();
        // Whoever received most of it is a suspect, and rightly so: then it is another leak.
        if reads.iter().any(|own| {
            own.iter()
                .filter(|t| leaked.binary_search(t).is_ok())
                .count()
                * 5
                > leaked.len() * 2
        }) {
            return make(r, kind);
        }
    }
    Scene {
        kind,
        pick,
        universe: records + records / 4 + 10,
        by_account: reads.iter().cloned().map(tidy).collect(),
        in_order: reads,
        leaked,
        truth,
        twin,
        team,
        seen,
        regional,
        records,
        regions,
    }
}

fn region(record: u32, records: u32, regions: u32) -> u32 {
    (u64::from(record) * u64::from(regions) / u64::from(records.max(1))) as u32
}
