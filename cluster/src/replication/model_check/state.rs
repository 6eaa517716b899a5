//! What happens to the nodes and to what is under way between them.

use super::*;

// === impl State ===

impl State {
    pub fn live(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.replica.is_some())
    }

    pub fn under_way(&self) -> bool {
        !self.messages.is_empty() || self.nodes.iter().any(|node| !node.to_do.is_empty())
    }

    pub fn write(&mut self, at: usize) {
        self.wrote[at] = true;
        let change = Change::put(space("s", &format!("by {at}")));
        let Some(replica) = &mut self.nodes[at].replica else {
            return;
        };
        let written = replica.write(NOW_MS, "test", None, change);
        let persist = Effect::Persist(written.records);
        self.plan(at, std::iter::once(persist).chain(written.effects));
    }

    pub fn happen(&mut self, at: usize, event: Event) {
        let replica = self.nodes[at].replica.as_mut();
        let effects = replica.map_or(Vec::new(), |replica| replica.handle(event));
        self.plan(at, effects);
    }

    pub fn plan(&mut self, at: usize, effects: impl IntoIterator<Item = Effect>) {
        for effect in effects {
            let send = |to: &NodeId, body| {
                Task::Send(Message {
                    from: at,
                    to: number(to),
                    body,
                })
            };
            let task = match effect {
                Effect::Persist(records) => {
                    let names: Vec<VersionName> = records.iter().map(name).collect();
                    let documents = names.iter().cloned().zip(records);
                    self.documents.0.extend(documents);
                    Task::Persist(names)
                }
                Effect::Publish => Task::Publish,
                Effect::AskStamps { peer, buckets } => Task::Ask(number(&peer), buckets),
                Effect::Pull { peer, versions } => Task::Pull(number(&peer), versions),
                Effect::Push { peer, records } => {
                    send(&peer, Body::Push(records.iter().map(name).collect()))
                }
                Effect::Confirm { peer, stamps } => send(&peer, Body::Pushed(stamps)),
                Effect::Acked { write, nodes } if nodes.len() > 1 => Task::Acknowledge(write),
                Effect::Acked { .. } | Effect::CaughtUp => continue,
                Effect::Prune(_) | Effect::Flag { .. } => unreachable!("nothing is old or wrong"),
            };
            self.nodes[at].to_do.push_back(task);
        }
        // What needs no disk is done at once.
        if !matches!(self.nodes[at].to_do.front(), Some(Task::Persist(_))) {
            self.proceed(at);
        }
    }

    /// Stores what is to be stored, or else does everything else there is to do. Nobody can tell the order of
    /// the latter, for messages arrive in any order.
    pub fn proceed(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if let Some(Task::Persist(names)) = node.to_do.front() {
            node.disk.extend(names.iter().cloned());
            node.to_do.pop_front();
            return;
        }
        for task in std::mem::take(&mut node.to_do) {
            match task {
                Task::Persist(_) => unreachable!("what is to be stored comes first"),
                Task::Publish => self.nodes[at].published = self.nodes[at].versions(),
                // Requests are answered at once, from what is published: it is the records that come late.
                Task::Ask(of, buckets) => {
                    // All is in the one bucket that is asked for.
                    let stamps = self.nodes[of].published.iter().cloned().collect();
                    let peer = id(of);
                    self.happen(
                        at,
                        Event::PeerStamps {
                            peer,
                            buckets,
                            stamps,
                        },
                    );
                }
                Task::Pull(of, mut versions) => {
                    versions.retain(|version| self.nodes[of].published.contains(version));
                    let body = Body::Records(versions);
                    self.send(Message {
                        from: of,
                        to: at,
                        body,
                    });
                }
                Task::Send(message) => self.send(message),
                Task::Acknowledge(write) => {
                    let mut versions = self.documents.0.keys();
                    let version = versions.find(|(_, stamp)| *stamp == write);
                    self.acknowledged
                        .extend(version.map(|name| (at, name.clone())));
                }
            }
        }
    }

    pub fn gossip(&mut self, of: usize, to: usize) {
        let mut buckets = weir_config::digest::Buckets::default();
        for (key, stamp) in &self.nodes[of].published {
            buckets.toggle(key, stamp);
        }
        let peer = id(of);
        self.happen(to, Event::PeerDigest { peer, buckets });
    }

    pub fn send(&mut self, message: Message) {
        // What goes to the dead comes to nothing.
        if self.nodes[message.to].replica.is_some() {
            self.messages.insert(message);
        }
    }

    pub fn deliver(&mut self, Message { from, to, body }: Message) {
        let (peer, now_ms) = (id(from), NOW_MS);
        let event = match body {
            Body::Records(versions) => Event::Records {
                peer,
                now_ms,
                records: self.documents.of(&versions),
            },
            Body::Push(versions) => Event::Push {
                peer,
                now_ms,
                records: self.documents.of(&versions),
            },
            Body::Pushed(stamps) => Event::Pushed { peer, stamps },
        };
        self.happen(to, event);
    }

    /// Whoever waits for an answer hears that there will be none.
    pub fn tell_lost(&mut self, Message { from, to, body }: Message) {
        if matches!(body, Body::Records(_)) {
            self.happen(to, Event::Failed { peer: id(from) });
        }
    }

    pub fn restart(&mut self, at: usize) {
        let stored: Vec<VersionName> = self.nodes[at].disk.iter().cloned().collect();
        let replica = Replica::new(id(at), self.documents.of(&stored));
        self.nodes[at] = Node {
            disk: self.nodes[at].disk.clone(),
            published: stored.into_iter().collect(),
            to_do: VecDeque::new(),
            replica: Some(replica),
        };
        self.hang_up(at);
    }

    pub fn die(&mut self, at: usize) {
        self.nodes[at] = Node {
            replica: None,
            disk: BTreeSet::new(),
            published: BTreeSet::new(),
            to_do: VecDeque::new(),
        };
        self.hang_up(at);
        for other in (0..NODES).filter(|other| *other != at) {
            self.happen(other, Event::PeerGone { peer: id(at) });
        }
    }

    /// What was under way to a node that stopped is lost.
    pub fn hang_up(&mut self, at: usize) {
        self.messages.retain(|message| message.to != at);
    }

    /// Whether all live nodes have the same once messages arrive and nothing fails.
    pub fn agree_after_quiet(&self) -> bool {
        let mut quiet = self.clone();
        for _ in 0..QUIET_ROUNDS {
            for (of, to) in pairs() {
                if quiet.nodes[of].replica.is_some() {
                    quiet.gossip(of, to);
                }
                while quiet.under_way() {
                    (0..NODES).for_each(|at| {
                        while !quiet.nodes[at].to_do.is_empty() {
                            quiet.proceed(at);
                        }
                    });
                    if let Some(message) = quiet.messages.pop_first() {
                        quiet.deliver(message);
                    }
                }
            }
        }
        let mut published = quiet.live().map(|node| (&node.published, node.conflicts()));
        let first = published.next();
        published.all(|other| Some(other) == first)
    }
}

// === impl Node ===

impl Node {
    pub fn new(n: usize) -> Self {
        Node {
            replica: Some(Replica::new(id(n), [])),
            disk: BTreeSet::new(),
            published: BTreeSet::new(),
            to_do: VecDeque::new(),
        }
    }

    pub fn versions(&self) -> BTreeSet<VersionName> {
        let all: Vec<u8> = (0..=255).collect();
        let replica = self.replica.iter();
        replica.flat_map(|r| r.state().stamps_in(&all)).collect()
    }

    pub fn conflicts(&self) -> Vec<Stamp> {
        let index = self.replica.iter().flat_map(|r| r.state().index.iter());
        let lost = index.flat_map(|(_, versions)| weir_config::history::conflicts(versions));
        lost.collect()
    }

    pub fn in_force_is_greatest(&self) -> bool {
        let versions = self.versions();
        let greatest: BTreeMap<_, _> = versions.iter().cloned().collect();
        let catalog = self
            .replica
            .iter()
            .flat_map(|r| r.state().catalog.records());
        catalog.map(name).eq(greatest)
    }
}
